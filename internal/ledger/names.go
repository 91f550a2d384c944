package ledger

import (
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/identity"
)

// Name is a contact and, unless it is a phone number, its key; see [ContactOf].
type Name struct {
	Contact Contact
	Text    string
}

// NameOf returns the name with that key.
func NameOf(key string) Name {
	contact, text := ContactOf(key)
	return Name{contact, text}
}

// A fact says who it is about by one number: the thread of a name or, with setBit,
// a set of names.
const setBit = 1 << 31

// sets are the interned sets of names that one fact gives together. A set begins
// with the thread that has its facts: the name that stands for the others, or the
// group of a member.
type sets struct {
	slots   []uint32 // a table of sets, 1-based, with open addressing
	starts  chunks[uint32]
	members chunks[uint32] // of each set their number, then the names
}

func hashNames(names []uint32) (h uint64) {
	for _, name := range names {
		h = (h ^ uint64(name)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

// is reports whether a set has exactly those names.
func (t *sets) is(set uint32, names []uint32) bool {
	from := *t.starts.at(set)
	if int(*t.members.at(from)) != len(names) {
		return false
	}
	for i, name := range names {
		if *t.members.at(from + 1 + uint32(i)) != name {
			return false
		}
	}
	return true
}

// of returns the one number for names. The first of them has the facts.
func (t *sets) of(names []uint32) uint32 {
	if len(names) == 1 {
		return names[0]
	}
	if t.starts.n*4 >= len(t.slots)*3 {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	i := hashNames(names)
	for ; t.slots[i&mask] != 0; i++ {
		if set := t.slots[i&mask] - 1; t.is(set, names) {
			return setBit | set
		}
	}
	n := uint32(len(names))
	from := t.members.add(&n)
	for k := range names {
		t.members.add(&names[k])
	}
	set := t.starts.add(&from)
	t.slots[i&mask] = set + 1
	return setBit | set
}

func (t *sets) grow() {
	t.slots = make([]uint32, max(64, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for set := range uint32(t.starts.n) {
		i := hashNames(t.names(setBit|set, nil))
		for t.slots[i&mask] != 0 {
			i++
		}
		t.slots[i&mask] = set + 1
	}
}

// names appends the names of a fact to room.
func (t *sets) names(who uint32, room []uint32) []uint32 {
	if who&setBit == 0 {
		return append(room, who)
	}
	from := *t.starts.at(who &^ setBit)
	for i := range *t.members.at(from) {
		room = append(room, *t.members.at(from + 1 + i))
	}
	return room
}

// threadOf returns the thread that has the facts of those names.
func (t *sets) threadOf(who uint32) uint32 {
	if who&setBit == 0 {
		return who
	}
	return *t.members.at(*t.starts.at(who &^ setBit) + 1)
}

const (
	bsuidPrefix    = "bsuid:"
	chatPrefix     = "chat:"
	usernamePrefix = "username:"
	groupSuffix    = "@g.us"
)

// isGroup reports whether a thread is a group's.
func (s *store) isGroup(thread uint32) bool {
	contact := *s.contacts.at(thread)
	return contact&otherContact != 0 && strings.HasSuffix(string(s.texts.text(textRef(contact&^otherContact))), groupSuffix)
}

// nameOf returns the name of a thread for the rules of identity.
func (s *store) nameOf(thread uint32) identity.Name {
	key := s.texts.key(*s.contacts.at(thread))
	for _, of := range [...]struct {
		prefix string
		kind   identity.Kind
	}{{PhonePrefix, identity.Phone}, {bsuidPrefix, identity.BSUID}, {usernamePrefix, identity.Username}} {
		if text, ok := strings.CutPrefix(key, of.prefix); ok {
			return identity.Name{Kind: of.kind, Text: text}
		}
	}
	return identity.Name{Kind: identity.Chat, Text: strings.TrimPrefix(key, chatPrefix)}
}

// Spelling returns the other spelling of a phone number; false if it has only one.
func Spelling(c Contact) (Contact, bool) {
	if c/1e11 != 15 && c/1e12 != 15 { // not 12 or 13 digits that begin with 5
		return 0, false
	}
	var a arena
	other := identity.OtherSpelling(a.key(c)[len(PhonePrefix):])
	return Phone(other), other != ""
}

// spelling returns the thread of the other spelling of a thread's number.
func (s *store) spelling(thread uint32) (uint32, bool) {
	other, ok := Spelling(*s.contacts.at(thread))
	if !ok {
		return 0, false
	}
	number := *s.owners.at(thread)
	return s.lookUp(s.hash(number, other, ""), number, other, "")
}

// threadsFor appends the threads of names of the entry's number.
func (s *store) threadsFor(e *Entry, all []uint32, names []Name) []uint32 {
	for _, name := range names {
		one := Entry{Contact: name.Contact, Text: name.Text, number: e.number, hash: s.hash(e.number, name.Contact, name.Text)}
		if thread := s.threadOf(&one); !slices.Contains(all, thread) {
			all = append(all, thread)
		}
	}
	return all
}
