package ledger

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"strings"
)

// Threads are interned: a uint32 stands for a contact of a number. The journal of
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

	slots    []slot // the table of threads
	seed     uint64
	textSeed maphash.Seed
	threads  chunks[threadOwner]

	// These two lists by thread are apart from threads, so that the data for
	// recording stays in the cache. heads has the latest fact, 1-based, or 0.
	// lastIn has the customer's latest message in closed months.
	heads  chunks[uint32]
	lastIn chunks[int64]

	journal chunks[Fact]
	texts   arena
	words   wordTable
	reports chunks[Report]
}

func newStore() store {
	return store{index: map[string]uint32{}, slots: make([]slot, 64), seed: rand.Uint64(), textSeed: maphash.MakeSeed()}
}

// number is a business number in facts, and the account that pays for it.
type number struct {
	id      string
	account int32
}

// threadOwner is the contact and the number of a thread.
type threadOwner struct {
	contact Contact
	number  uint32 // index in numbers
}

// slot is a place in the table of threads, which has open addressing. It contains
// the thread's owner, so that a look-up waits only for the slot. A slot without a
// contact is free.
type slot struct {
	threadOwner
	thread uint32
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
func (s *store) hashOf(t *threadOwner) uint64 {
	if t.contact&otherContact != 0 {
		return s.hash(t.number, 0, s.texts.key(t.contact))
	}
	return s.hash(t.number, t.contact, "")
}

// holds reports whether a slot belongs to that number and contact.
func (s *store) holds(in *slot, number uint32, contact Contact, text string) bool {
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
		if s.holds(in, number, contact, text) {
			return in.thread, true
		}
	}
}

// Find returns the thread of a contact, if the contact has a thread. Contact and
// text are those of [ContactOf].
func (s *store) Find(number string, contact Contact, text string) (uint32, bool) {
	n, ok := s.index[number]
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
			n, ok := s.index[e.Number]
			if !ok {
				n = uint32(len(s.numbers))
				id := strings.Clone(e.Number)
				s.index[id], s.numbers = n, append(s.numbers, number{id, e.Account})
			}
			s.last = n
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
	thread, head, lastIn := s.threads.add(&threadOwner{contact, e.number}), uint32(0), int64(Never)
	s.heads.add(&head)
	s.lastIn.add(&lastIn)
	if s.threads.n*4 > len(s.slots)*3 {
		s.slots = make([]slot, 2*len(s.slots))
		for i := range thread {
			owner := s.threads.at(i)
			s.put(s.hashOf(owner), slot{*owner, i})
		}
	}
	s.put(e.hash, slot{threadOwner{contact, e.number}, thread})
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

// Pair is the number and the contact of a thread.
type Pair struct {
	Account int32 // index among the terms
	Thread  uint32
	Number  string
	Contact string // the key, such as "phone:12025550143"
}

// noThread stands for the thread of a pair that has none yet.
const noThread = 1<<32 - 1

// Recorded reports whether the pair has a thread.
func (p *Pair) Recorded() bool { return p.Thread != noThread }

func (s *store) pair(thread uint32) *Pair {
	t := s.threads.at(thread)
	n := &s.numbers[t.number]
	return &Pair{Account: n.account, Thread: thread, Number: n.id, Contact: s.texts.key(t.contact)}
}
