package ledger

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"strings"

	"github.com/chatapi-go/chatapi/internal/identity"
)

// Threads are interned: a uint32 stands for a name of a contact of a number. The journal of
// facts only grows, and each fact links to the previous fact of its thread. So
// recording touches only the thread's entry and the end of the journal. Lists
// grow by chunks, without copying.

// chunks is a list that grows by chunks.
type chunks[T any] struct {
	list [][]T
	n    int
}

const chunkBits, chunkLen = 12, 1 << 12

func (c *chunks[T]) at(i uint32) *T { return &c.list[i>>chunkBits][i%chunkLen] }

// add appends an element and returns its index.
func (c *chunks[T]) add(v *T) uint32 {
	i := c.n
	if i>>chunkBits == len(c.list) {
		c.grow()
	}
	last := &c.list[i>>chunkBits]
	*last = append(*last, *v)
	c.n++
	return uint32(i)
}

func (c *chunks[T]) grow() {
	var chunk []T
	if c.n > 0 { // the first chunk grows as it fills, so that a small ledger stays small
		chunk = make([]T, 0, chunkLen)
	}
	c.list = append(c.list, chunk)
}

// store holds the interned threads and the journal.
type store struct {
	index   map[string]uint32 // numbers by their text
	numbers []number
	last    uint32 // the number of the last look-up

	byKey map[string]uint32 // numbers by their key

	slots    []slot // the table of threads
	seed     uint64
	textSeed maphash.Seed

	// These lists are by thread, and apart, so that the data for recording stays
	// in the cache. heads has the latest fact, 1-based, or 0. lastIn has the
	// customer's latest message in closed months.
	contacts chunks[Contact]
	owners   chunks[uint32] // index in numbers
	heads    chunks[uint32]
	lastIn   chunks[int64]

	sets     sets
	nameless map[uint32]bool // the threads without a contact

	journal chunks[Fact]
	texts   arena
	words   wordTable
	reports chunks[Report]
}

func newStore() store {
	return store{index: map[string]uint32{}, byKey: map[string]uint32{}, slots: make([]slot, 64), seed: rand.Uint64(), textSeed: maphash.MakeSeed(),
		nameless: map[uint32]bool{}}
}

// number is a business number in facts, and the account that pays for it. Of
// several spellings, id is the one that sorts first.
type number struct {
	id      string
	account int32
}

// numberOf returns the index of a number, and makes a new one for a new number.
func (s *store) numberOf(id string, account int32) uint32 {
	n, ok := s.index[id]
	if ok {
		return n
	}
	id = strings.Clone(id)
	key := identity.Channel(id)
	if n, ok = s.byKey[key]; !ok {
		n = uint32(len(s.numbers))
		s.byKey[key], s.numbers = n, append(s.numbers, number{id, account})
	}
	s.index[id] = n
	s.numbers[n].id = min(s.numbers[n].id, id)
	return n
}

// find returns the index of a number in any spelling.
func (s *store) find(id string) (uint32, bool) {
	n, ok := s.index[id]
	if !ok {
		n, ok = s.byKey[identity.Channel(id)]
	}
	return n, ok
}

// NumberText returns the spelling in which a number is shown.
func (s *store) NumberText(id string) string {
	if n, ok := s.find(id); ok {
		return s.numbers[n].id
	}
	return id
}

// slot is a place in the table of threads, which has open addressing. It contains
// the thread's contact and number, so that a look-up waits only for the slot. A
// slot without a contact is free.
type slot struct {
	contact        Contact
	number, thread uint32
}

// hash returns the hash of a contact of a number. The text is the key of a
// contact without a phone number.
func (s *store) hash(number uint32, contact Contact, text string) uint64 {
	x := uint64(contact)
	if contact == 0 {
		x = maphash.String(s.textSeed, text)
	}
	high, low := bits.Mul64(x^s.seed, 0x9e3779b97f4a7c15+2*uint64(number))
	return high ^ low
}

// hashOf returns the hash of a thread that is in the table.
func (s *store) hashOf(thread uint32) uint64 {
	contact, number := *s.contacts.at(thread), *s.owners.at(thread)
	if contact&otherContact != 0 {
		return s.hash(number, 0, s.texts.key(contact))
	}
	return s.hash(number, contact, "")
}

// fits reports whether a slot belongs to that number and contact.
func (s *store) fits(in *slot, number uint32, contact Contact, text string) bool {
	return in.number == number && (in.contact == contact || contact == 0 && in.contact&otherContact != 0 &&
		string(s.texts.text(textRef(in.contact&^otherContact))) == text)
}

// lookUp returns the thread with that hash and owner, if it exists.
func (s *store) lookUp(hash uint64, number uint32, contact Contact, text string) (uint32, bool) {
	for i := hash; ; i++ {
		in := &s.slots[i&uint64(len(s.slots)-1)]
		if in.contact == 0 {
			return 0, false
		}
		if s.fits(in, number, contact, text) {
			return in.thread, true
		}
	}
}

// Find returns the thread of a contact, if the contact has a thread. Contact and
// text are those of [ContactOf].
func (s *store) Find(number string, contact Contact, text string) (uint32, bool) {
	n, ok := s.find(number)
	if !ok {
		return 0, false
	}
	return s.lookUp(s.hash(n, contact, text), n, contact, text)
}

// intern returns the thread of a contact, and makes a new one for a new contact.
func (s *store) intern(number string, account int32, contact Contact, text string) uint32 {
	batch := [1]Entry{{Number: number, Account: account, Contact: contact, Text: text}}
	s.threadsOf(batch[:])
	return batch[0].thread
}

// threadsOf finds the threads of entries, or makes new ones.
func (s *store) threadsOf(batch []Entry) {
	for i := range batch {
		e := &batch[i]
		if s.last >= uint32(len(s.numbers)) || s.numbers[s.last].id != e.Number {
			s.last = s.numberOf(e.Number, e.Account)
		}
		e.number = s.last
		e.hash = s.hash(e.number, e.Contact, e.Text)
	}
	// This loop does little but wait for the slots, so a processor waits for many
	// of them at a time. Most slots are the right ones.
	mask := uint64(len(s.slots) - 1)
	for i := range batch {
		batch[i].slot = s.slots[batch[i].hash&mask]
	}
	for i := range batch {
		if e := &batch[i]; e.Contact != 0 && e.slot.contact == e.Contact && e.slot.number == e.number {
			e.thread = e.slot.thread
		} else {
			e.thread = s.threadOf(e)
		}
	}
}

// threadOf returns the thread of an entry that is not in its first slot. For a
// new contact it makes a thread.
func (s *store) threadOf(e *Entry) uint32 {
	if thread, ok := s.lookUp(e.hash, e.number, e.Contact, e.Text); ok {
		return thread
	}
	contact := e.Contact
	if contact == 0 {
		contact = otherContact | Contact(s.texts.add(e.Text))
	}
	thread, head, lastIn := s.contacts.add(&contact), uint32(0), int64(Never)
	s.owners.add(&e.number)
	s.heads.add(&head)
	s.lastIn.add(&lastIn)
	if contact == otherContact {
		s.nameless[thread] = true
	}
	if s.contacts.n*16 > len(s.slots)*13 {
		s.slots = make([]slot, 2*len(s.slots))
		for i := range thread {
			s.put(s.hashOf(i), slot{*s.contacts.at(i), *s.owners.at(i), i})
		}
	}
	s.put(e.hash, slot{contact, e.number, thread})
	return thread
}

func (s *store) put(hash uint64, taken slot) {
	for i := hash; ; i++ {
		if free := &s.slots[i&uint64(len(s.slots)-1)]; free.contact == 0 {
			*free = taken
			return
		}
	}
}

// Pair is a business number and the name under which a person or a group is shown.
type Pair struct {
	Account int32  // index among the terms
	Thread  uint32 // the person: the thread of the name that stands for them
	Number  string
	Contact string // the key, such as "phone:12025550143"
	Group   string // the group's key, if Contact is a member of a group
}

// noThread stands for the thread of a pair that has none yet.
const noThread = 1<<32 - 1

// Recorded reports whether the pair has a thread.
func (p *Pair) Recorded() bool { return p.Thread != noThread }

func (s *store) pair(thread uint32) *Pair {
	n := &s.numbers[*s.owners.at(thread)]
	return &Pair{Account: n.account, Thread: thread, Number: n.id, Contact: s.texts.key(*s.contacts.at(thread))}
}

func (s *store) accountOf(thread uint32) int32 { return s.numbers[*s.owners.at(thread)].account }
