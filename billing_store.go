package chatapi

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Where the ledger keeps what it knows. Contacts are interned: a contact of a
// number is a uint32. Facts are a journal that is only appended to, each linked
// to the previous one of its contact, so recording touches one contact's entry
// and the end of the journal. Everything lies in chunks without pointers: growth
// copies nothing, and the garbage collector has nothing to follow.

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
	if c.n > 0 { // a small ledger stays small: the first chunk grows as it fills
		chunk = make([]T, 0, chunkLen)
	}
	c.list = append(c.list, chunk)
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

// contactKey stands for a contact: a phone number as its digits behind a 1, any
// other contact as the place of its [Recipient.Key] among the texts. 0 is none.
type contactKey uint64

const otherContact contactKey = 1 << 63

// phoneKey returns the key of a phone number that is written in digits alone, 0
// for everything else.
func phoneKey(digits string) contactKey {
	if len(digits) == 0 || len(digits) > 15 {
		return 0
	}
	n := contactKey(1)
	for i := range len(digits) {
		digit := digits[i] - '0'
		if digit > 9 {
			return 0
		}
		n = n*10 + contactKey(digit)
	}
	return n
}

// contactKeyOf returns the key of a phone number, or else the text that names
// the contact.
func contactKeyOf(r Recipient) (contactKey, string) {
	if r.kind == RecipientPhone { // nearly all: not worth a Key
		if key := phoneKey(r.value); key != 0 {
			return key, ""
		}
	}
	text := r.Key()
	if digits, ok := strings.CutPrefix(text, phonePrefix); ok {
		if key := phoneKey(digits); key != 0 {
			return key, ""
		}
	}
	return 0, text
}

const phonePrefix = string(RecipientPhone) + ":"

// contactText returns the [Recipient.Key] of a contact.
func (l *store) contactText(key contactKey) string {
	if key&otherContact != 0 {
		return string(l.texts.text(textRef(key &^ otherContact)))
	}
	var room [len(phonePrefix) + 20]byte
	text := strconv.AppendUint(append(room[:0], phonePrefix[1:]...), uint64(key), 10)
	copy(text, phonePrefix) // over the 1
	return string(text)
}

// threadOwner is who a thread belongs to: one contact of one number.
type threadOwner struct {
	contact contactKey
	number  uint32 // index in channels
}

// hash of a contact of a number; text is that of a contact without a phone
// number.
func (l *store) hash(number uint32, contact contactKey, text string) uint64 {
	x := uint64(contact)
	if contact == 0 {
		x = maphash.String(l.textSeed, text)
	}
	high, low := bits.Mul64(x^l.seed, 0x9e3779b97f4a7c15+2*uint64(number))
	return high ^ low
}

// slot is a place in the table of threads, which has open addressing. It names
// the thread's owner, so that looking one up waits for the slot alone. It is free
// without a contact.
type slot struct {
	threadOwner
	thread uint32
}

// is reports whether a slot is that of the number and contact.
func (l *store) is(s *slot, number uint32, contact contactKey, text string) bool {
	return s.number == number && (s.contact == contact || contact == 0 && s.contact&otherContact != 0 &&
		string(l.texts.text(textRef(s.contact&^otherContact))) == text)
}

// lookUp returns the thread with that hash, if there is one.
func (l *store) lookUp(hash uint64, number uint32, contact contactKey, text string) (uint32, bool) {
	for i := hash; ; i++ {
		s := &l.slots[i&uint64(len(l.slots)-1)]
		if s.contact == 0 {
			return 0, false
		}
		if l.is(s, number, contact, text) {
			return s.thread, true
		}
	}
}

// find returns the thread of a contact, if anything was recorded for it.
func (l *store) find(channel ChannelID, customer Recipient) (uint32, bool) {
	number, ok := l.numbers[channel]
	if !ok {
		return 0, false
	}
	contact, text := contactKeyOf(customer)
	return l.lookUp(l.hash(number, contact, text), number, contact, text)
}

// intern returns the thread of a contact, a new one if need be.
func (l *store) intern(channel ChannelID, owner *account, customer Recipient) uint32 {
	one := [1]entry{{channel: channel, owner: owner}}
	one[0].contact, one[0].other = contactKeyOf(customer)
	l.threadsOf(one[:])
	return one[0].thread
}

// threadsOf finds the threads of entries, or makes new ones.
func (l *store) threadsOf(batch []entry) {
	for i := range batch {
		e := &batch[i]
		e.number = l.number(e.channel, e.owner)
		e.hash = l.hash(e.number, e.contact, e.other)
	}
	// This loop waits for the slots, and does so little else that a processor
	// waits for many at a time. Most are the right ones.
	mask := uint64(len(l.slots) - 1)
	for i := range batch {
		batch[i].slot = l.slots[batch[i].hash&mask]
	}
	for i := range batch {
		if e := &batch[i]; e.contact != 0 && e.slot.contact == e.contact && e.slot.number == e.number {
			e.thread = e.slot.thread
		} else {
			e.thread = l.threadOf(e)
		}
	}
}

// threadOf returns the thread of an entry that was not found at once, a new one
// if need be.
func (l *store) threadOf(e *entry) uint32 {
	if thread, ok := l.lookUp(e.hash, e.number, e.contact, e.other); ok {
		return thread
	}
	contact := e.contact
	if contact == 0 {
		contact = otherContact | contactKey(l.texts.add(e.other))
	}
	thread, head, lastIn := l.threads.add(&threadOwner{contact, e.number}), uint32(0), int64(minNanos)
	l.heads.add(&head)
	l.lastIn.add(&lastIn)
	if l.threads.n*4 > len(l.slots)*3 {
		l.slots = make([]slot, 2*len(l.slots))
		for i := range thread {
			owner := l.threads.at(i)
			l.put(l.hashOf(owner), slot{*owner, i})
		}
	}
	l.put(e.hash, slot{threadOwner{contact, e.number}, thread})
	return thread
}

func (l *store) put(hash uint64, s slot) {
	for i := hash; ; i++ {
		if free := &l.slots[i&uint64(len(l.slots)-1)]; free.contact == 0 {
			*free = s
			return
		}
	}
}

// hashOf is the hash of a thread that is in the table.
func (l *store) hashOf(t *threadOwner) uint64 {
	if t.contact&otherContact != 0 {
		return l.hash(t.number, 0, l.contactText(t.contact))
	}
	return l.hash(t.number, t.contact, "")
}

// number returns the index of a channel, a new one if need be.
func (l *store) number(channel ChannelID, owner *account) uint32 {
	if l.last < uint32(len(l.channels)) && l.channels[l.last].id == channel {
		return l.last
	}
	number, ok := l.numbers[channel]
	if !ok {
		number = uint32(len(l.channels))
		channel = ChannelID(strings.Clone(string(channel)))
		l.numbers[channel], l.channels = number, append(l.channels, payer{channel, owner})
	}
	l.last = number
	return number
}

// store is the interned contacts and the journal.
type store struct {
	numbers  map[ChannelID]uint32 // index in channels
	channels []payer
	last     uint32 // the number that was recorded for last

	slots    []slot // the table of threads
	seed     uint64
	textSeed maphash.Seed
	threads  chunks[threadOwner]

	// Of each thread, in lists of their own so that what recording needs stays in
	// the cache: its latest fact, 1-based, 0 is none; and the latest message of
	// the customer in closed months.
	heads  chunks[uint32]
	lastIn chunks[int64]

	journal chunks[fact]
	texts   arena
	words   wordTable
	reports chunks[Reported]
}

func newStore() store {
	return store{numbers: map[ChannelID]uint32{}, slots: make([]slot, 64), seed: rand.Uint64(), textSeed: maphash.MakeSeed()}
}

// payer is a number that facts name, and who pays for it.
type payer struct {
	id    ChannelID
	owner *account
}
