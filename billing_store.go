package chatapi

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strings"
)

// Where the ledger keeps what it knows. Contacts are interned: a contact of a
// number is a uint32. Facts are a journal that is only appended to, each linked
// to the previous one of its contact, so recording touches one contact's entry
// and the end of the journal. Everything lies in chunks without pointers: growth
// copies nothing, and the garbage collector has nothing to follow.

// chunks is a list that grows by chunks of 1<<bits elements.
type chunks[T any] struct {
	list [][]T
	bits uint8
	n    int
}

func (c *chunks[T]) at(i uint32) *T { return &c.list[i>>c.bits][i&(1<<c.bits-1)] }

// add appends an element and returns its index.
func (c *chunks[T]) add(v T) uint32 {
	i := c.n
	if i>>c.bits == len(c.list) {
		var chunk []T
		if i > 0 { // a small ledger stays small: the first chunk grows as it fills
			chunk = make([]T, 0, 1<<c.bits)
		}
		c.list = append(c.list, chunk)
	}
	c.list[i>>c.bits] = append(c.list[i>>c.bits], v)
	c.n++
	return uint32(i)
}

// textRef is the place of a text in the arena: chunk, offset and length.
type textRef uint64

const (
	arenaBits   = 20      // a chunk is 1 MiB
	longestText = 1 << 16 // bytes of one text
)

// arena holds the bytes of contacts and message ids.
type arena struct{ list [][]byte }

// reserve returns room for n bytes and its place.
func (a *arena) reserve(n int) ([]byte, textRef) {
	last := len(a.list) - 1
	if last < 0 || len(a.list[last])+n > 1<<arenaBits {
		var chunk []byte
		if last >= 0 {
			chunk = make([]byte, 0, 1<<arenaBits)
		}
		a.list = append(a.list, chunk)
		last++
	}
	from := len(a.list[last])
	a.list[last] = slices.Grow(a.list[last], n)[:from+n]
	return a.list[last][from:], textRef(uint64(last)<<40 | uint64(from)<<20 | uint64(n))
}

func (a *arena) add(text string) textRef {
	if text == "" {
		return 0
	}
	room, ref := a.reserve(len(text))
	copy(room, text)
	return ref
}

func (a *arena) text(r textRef) []byte {
	n := r & (1<<20 - 1)
	if n == 0 {
		return nil
	}
	from := r >> 20 & (1<<20 - 1)
	return a.list[r>>40][from : from+n : from+n]
}

// wordTable interns the few words that facts use: categories and entry points.
type wordTable struct {
	index map[string]uint32
	list  []string
}

func (w *wordTable) id(word string) uint32 {
	if word == "" {
		return 0
	}
	id, ok := w.index[word]
	if !ok {
		if w.index == nil {
			w.index, w.list = map[string]uint32{}, []string{""}
		}
		id = uint32(len(w.list))
		word = strings.Clone(word)
		w.index[word], w.list = id, append(w.list, word)
	}
	return id
}

func (w *wordTable) word(id uint32) string {
	if id == 0 {
		return ""
	}
	return w.list[id]
}

// threadState is one contact of one number.
type threadState struct {
	key     textRef // Recipient.Key
	lastIn  int64   // the latest message of the customer in closed months
	head    uint32  // the latest fact, 1-based; 0 is none
	channel uint32
}

// threadTable finds threads: open addressing, with the upper half of the hash
// beside the index, so that a wrong slot costs no look at the thread.
type threadTable struct {
	seed  maphash.Seed
	slots []uint64 // hash<<32 | index+1; 0 is free
	n     int
}

func (t *threadTable) hash(channel uint32, kind RecipientKind, value string) uint64 {
	h := maphash.String(t.seed, value) + uint64(channel)*0x9e3779b97f4a7c15
	if kind != RecipientPhone {
		h ^= maphash.String(t.seed, string(kind))
	}
	return h
}

// find returns the index of the thread with that hash that same accepts.
func (t *threadTable) find(hash uint64, same func(uint32) bool) (uint32, bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := t.slots[i]
		if slot == 0 {
			return 0, false
		}
		if slot>>32 == hash>>32 && same(uint32(slot)-1) {
			return uint32(slot) - 1, true
		}
	}
}

// insert enters a thread that find did not find. Its hash has to be known for
// all others when the table grows.
func (t *threadTable) insert(hash uint64, index uint32, rehash func(uint32) uint64) {
	if (t.n+1)*4 > len(t.slots)*3 {
		old := t.slots
		t.slots = make([]uint64, max(64, 2*len(old)))
		for _, slot := range old {
			if slot != 0 {
				t.put(rehash(uint32(slot)-1), uint32(slot)-1)
			}
		}
	}
	t.put(hash, index)
	t.n++
}

func (t *threadTable) put(hash uint64, index uint32) {
	mask := uint64(len(t.slots) - 1)
	i := hash & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = hash>>32<<32 | uint64(index+1)
}

// threadKey is a contact as [Recipient.Key] has it, in two parts, so that
// looking it up builds no text.
func threadKey(r Recipient) (kind RecipientKind, value string) {
	if r.kind == RecipientChat && strings.HasSuffix(r.value, suffixPerson) {
		key, value, _ := strings.Cut(r.Key(), ":")
		return RecipientKind(key), value
	}
	return r.Kind(), r.value
}

// isKey reports whether a stored key is that of the two parts.
func isKey(key []byte, kind RecipientKind, value string) bool {
	k := len(kind)
	return len(key) == k+1+len(value) && string(key[k+1:]) == value && string(key[:k]) == string(kind)
}

// find returns the thread of a contact, if anything was recorded for it.
func (l *store) find(channel ChannelID, customer Recipient) (uint32, bool) {
	number, ok := l.numbers[channel]
	if !ok {
		return 0, false
	}
	kind, value := threadKey(customer)
	return l.table.find(l.table.hash(number, kind, value), func(i uint32) bool {
		t := l.threads.at(i)
		return t.channel == number && isKey(l.texts.text(t.key), kind, value)
	})
}

// intern returns the thread of a contact, a new one if need be.
func (l *store) intern(channel ChannelID, owner *account, customer Recipient) uint32 {
	number := l.last.index
	if l.last.id != channel || len(l.channels) == 0 {
		var ok bool
		if number, ok = l.numbers[channel]; !ok {
			number = uint32(len(l.channels))
			channel = ChannelID(strings.Clone(string(channel)))
			l.numbers[channel], l.channels = number, append(l.channels, payer{channel, owner})
		}
		l.last.id, l.last.index = l.channels[number].id, number
	}
	kind, value := threadKey(customer)
	hash := l.table.hash(number, kind, value)
	if i, ok := l.table.find(hash, func(i uint32) bool {
		t := l.threads.at(i)
		return t.channel == number && isKey(l.texts.text(t.key), kind, value)
	}); ok {
		return i
	}
	room, key := l.texts.reserve(len(kind) + 1 + len(value))
	room[copy(room, kind)] = ':'
	copy(room[len(kind)+1:], value)
	i := l.threads.add(threadState{key: key, lastIn: minNanos, channel: number})
	l.table.insert(hash, i, func(i uint32) uint64 {
		t := l.threads.at(i)
		kind, value, _ := bytes.Cut(l.texts.text(t.key), []byte(":"))
		return l.table.hash(t.channel, RecipientKind(kind), string(value))
	})
	return i
}

// store is the interned contacts and the journal.
type store struct {
	numbers  map[ChannelID]uint32 // index in channels
	channels []payer
	last     struct {
		id    ChannelID
		index uint32
	} // the number that was recorded for last
	table   threadTable
	threads chunks[threadState]
	journal chunks[fact]
	texts   arena
	words   wordTable
	reports chunks[Reported]
}

func newStore() store {
	return store{numbers: map[ChannelID]uint32{}, table: threadTable{seed: maphash.MakeSeed()}, threads: chunks[threadState]{bits: 12},
		journal: chunks[fact]{bits: 14}, reports: chunks[Reported]{bits: 8}}
}

// payer is a number that facts name, and who pays for it.
type payer struct {
	id    ChannelID
	owner *account
}
