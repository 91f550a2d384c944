package ledger

import (
	"bytes"
	"hash/maphash"

	"github.com/chatapi-go/chatapi/internal/identity"
)

// index finds the threads that hang together: their names came in one fact, or in
// facts of one message, or are spellings of one number. It is made when something
// is read, from the facts since the last time, so recording pays nothing for it.
type index struct {
	threads, sets, facts int // how much of each list is in the index

	// The first fact of each message is in a table with open addressing.
	seed  maphash.Seed
	slots []messageSlot
	used  int

	// A fact without names waits under the first such fact of its message, and is
	// lent to the first thread that has a fact of that message.
	waiting map[uint32][]uint32
	lent    map[uint32][]uint32
	lentTo  map[uint32]bool // the lent facts

	members map[uint32]bool // names of members, whose facts are their groups'
}

type messageSlot struct {
	hash uint32
	fact uint32 // 1-based; 0 is free
}

func newIndex() index {
	return index{seed: maphash.MakeSeed(), waiting: map[uint32][]uint32{}, lent: map[uint32][]uint32{}, lentTo: map[uint32]bool{}, members: map[uint32]bool{}}
}

// rings are the threads that hang together. Each ring is a circular list. Both
// lists are empty as long as no threads hang together.
type rings struct {
	next   chunks[uint32] // by thread: the next of its ring
	parent chunks[uint32] // by thread: towards the leader of its ring
}

// leader returns the thread that stands for a ring.
func (r *rings) leader(thread uint32) uint32 {
	if int(thread) >= r.parent.n {
		return thread
	}
	for *r.parent.at(thread) != thread {
		thread = *r.parent.at(thread)
	}
	return thread
}

// alone reports whether no other thread hangs together with a thread.
func (r *rings) alone(thread uint32) bool {
	return int(thread) >= r.next.n || *r.next.at(thread) == thread
}

// join makes one ring of the rings of two threads.
func (r *rings) join(a, b uint32) {
	for i := uint32(r.next.n); i <= max(a, b); i++ {
		r.next.add(&i)
		r.parent.add(&i)
	}
	if a, b = r.shorten(a), r.shorten(b); a == b {
		return
	}
	if a > b {
		a, b = b, a
	}
	*r.parent.at(b) = a
	x, y := r.next.at(a), r.next.at(b)
	*x, *y = *y, *x
}

// shorten is leader, and shortens the way.
func (r *rings) shorten(thread uint32) uint32 {
	for *r.parent.at(thread) != thread {
		up := r.parent.at(thread)
		*up = *r.parent.at(*up)
		thread = *up
	}
	return thread
}

// Index brings the index up to date. Call it before reading.
func (e *Engine) Index() {
	x := &e.index
	for ; x.threads < e.contacts.n; x.threads++ {
		if other, ok := e.spelling(uint32(x.threads)); ok {
			e.rings.join(uint32(x.threads), other)
		}
	}
	for room := []uint32(nil); x.sets < e.sets.starts.n; x.sets++ {
		room = e.sets.names(setBit|uint32(x.sets), room[:0])
		if e.hasMember(room[0]) {
			room = room[1:]
			for _, name := range room {
				x.members[name] = true
			}
		}
		for _, name := range room[1:] {
			e.rings.join(room[0], name)
		}
	}
	for ; x.facts < e.journal.n; x.facts++ {
		e.indexFact(uint32(x.facts))
	}
}

// indexFact enters a fact into the index.
func (e *Engine) indexFact(i uint32) {
	f := e.journal.at(i)
	here := e.sets.threadOf(f.who)
	if f.who&setBit != 0 && e.hasMember(here) {
		e.linkMembers(f)
	}
	if f.id == 0 {
		return
	}
	first := e.slotOf(f, i)
	if first.fact == i+1 { // the first fact of its message
		if e.nameless[here] {
			e.index.waiting[i+1] = []uint32{i + 1}
		}
		return
	}
	known := e.journal.at(first.fact - 1)
	switch there := e.sets.threadOf(known.who); {
	case e.nameless[here] && e.nameless[there]:
		e.index.waiting[first.fact] = append(e.index.waiting[first.fact], i+1)
	case e.nameless[here]:
		e.lend(there, i+1)
	case e.nameless[there]:
		e.lend(here, e.index.waiting[first.fact]...)
		delete(e.index.waiting, first.fact)
		first.fact = i + 1
	case here != there && !e.isGroup(here) && !e.isGroup(there):
		e.rings.join(here, there)
	}
}

// hasMember reports whether the further names of a set that begins with a thread are
// those of a group's member.
func (e *Engine) hasMember(thread uint32) bool { return e.nameless[thread] || e.isGroup(thread) }

// lend gives facts without names to a thread.
func (e *Engine) lend(thread uint32, facts ...uint32) {
	e.index.lent[thread] = append(e.index.lent[thread], facts...)
	for _, f := range facts {
		e.index.lentTo[f] = true
	}
}

// linkMembers links the names of a group's member. They are not among the facts
// of the member's own threads.
func (e *Engine) linkMembers(f *Fact) {
	names := e.sets.names(f.who, nil)[1:]
	for _, name := range names[1:] {
		if e.nameOf(name).Kind != identity.BSUID {
			e.links.add(name, names[0], stamp{f.At, f.Rank}, false)
		}
	}
}

// slotOf returns the slot of a fact's message. If the message is new, it is the
// fact's from now on.
func (e *Engine) slotOf(f *Fact, i uint32) *messageSlot {
	x := &e.index
	if x.used*4 >= len(x.slots)*3 {
		x.grow()
	}
	id := e.texts.text(f.id)
	hash := uint32(maphash.Bytes(x.seed, id))
	if f.Kind == Inbound { // a customer's message and one of the business may have one id
		hash = ^hash
	}
	for at := hash; ; at++ {
		in := &x.slots[at&uint32(len(x.slots)-1)]
		switch {
		case in.fact == 0:
			x.used++
			*in = messageSlot{hash, i + 1}
			return in
		case in.hash == hash && e.sameMessage(e.journal.at(in.fact-1), f, id):
			return in
		}
	}
}

// sameMessage reports whether a known fact is of the same message as f.
func (e *Engine) sameMessage(known, f *Fact, id []byte) bool {
	if (known.Kind == Inbound) != (f.Kind == Inbound) || !bytes.Equal(e.texts.text(known.id), id) {
		return false
	}
	return known.who == f.who || *e.owners.at(e.sets.threadOf(known.who)) == *e.owners.at(e.sets.threadOf(f.who))
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]messageSlot, max(1024, 2*len(old)))
	for _, in := range old {
		if in.fact == 0 {
			continue
		}
		at := in.hash
		for x.slots[at&uint32(len(x.slots)-1)].fact != 0 {
			at++
		}
		x.slots[at&uint32(len(x.slots)-1)] = in
	}
}

// links are the links that facts do not hold: of identity activities, of members
// of groups, and of facts from before a closed month. They are lists by name.
type links struct {
	list  chunks[link]
	heads chunks[uint32] // by thread: its last link, 1-based, or 0
}

type link struct {
	at        int64
	name, hub uint32
	prev      uint32 // the previous link of the name, 1-based, or 0
	rank      Rank
	renamed   bool
}

// longestWalk bounds the search for a link that is known. A name with more links
// may keep one twice, which changes nothing.
const longestWalk = 64

// add adds a link. Of equal links it keeps the better instant.
func (l *links) add(name, hub uint32, at stamp, renamed bool) {
	if name == hub {
		return
	}
	for none := uint32(0); l.heads.n <= int(name); {
		l.heads.add(&none)
	}
	head := l.heads.at(name)
	for i, n := *head, 0; i != 0 && n < longestWalk; n++ {
		known := l.list.at(i - 1)
		if known.hub == hub && known.renamed == renamed {
			best := stamp{known.at, known.rank}.merge(at)
			known.at, known.rank = best.nanos, best.rank
			return
		}
		i = known.prev
	}
	*head = l.list.add(&link{at.nanos, name, hub, *head, at.rank, renamed}) + 1
}

// of calls yield with each link of a name.
func (l *links) of(name uint32, yield func(*link)) {
	if int(name) >= l.heads.n {
		return
	}
	for i := *l.heads.at(name); i != 0; {
		known := l.list.at(i - 1)
		yield(known)
		i = known.prev
	}
}

// NameLink is a link of an identity activity.
type NameLink struct {
	Name, Hub Name
	Renamed   bool
}

// rename enters the links of an identity activity. It is no fact of a thread.
func (e *Engine) rename(in *Entry) {
	if in.Extra == nil {
		return
	}
	for _, l := range in.Extra.Links {
		ends := e.threadsFor(in, nil, []Name{l.Name, l.Hub})
		if len(ends) == 2 {
			e.links.add(ends[0], ends[1], stamp{in.At, in.Rank}, l.Renamed)
			e.rings.join(ends[0], ends[1])
		}
	}
}
