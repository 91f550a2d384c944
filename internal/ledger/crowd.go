package ledger

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/chatapi-go/chatapi/internal/identity"
)

// subject is whose facts a fold walks through: one person or one group.
type subject struct {
	*Pair  // under the name that stands for them
	engine *Engine
	facts  *Thread
	carry  *carry
	lastIn int64

	crowd *crowd // of a person with several names; nil for one name
	owner int32  // the person's name in the crowd
	group bool
	shown map[uint32]*Pair // by thread
}

// shownAt returns the pair as it is shown at an instant.
func (s *subject) shownAt(instant int64) *Pair {
	if s.crowd == nil {
		return s.Pair
	}
	return s.as(s.crowd.threads[s.crowd.people.Shown(s.owner, instant)])
}

// as returns the pair under another name.
func (s *subject) as(thread uint32) *Pair {
	if s.shown == nil {
		s.shown = map[uint32]*Pair{}
	}
	p := s.shown[thread]
	if p == nil {
		pair := *s.Pair
		pair.Contact = s.engine.texts.key(*s.engine.contacts.at(thread))
		p = &pair
		s.shown[thread] = p
	}
	return p
}

// member returns the pair of a group's member as it is shown at an instant.
func (s *subject) member(m *message, instant int64) *Pair {
	thread := s.facts.members[m.member-1]
	p := s.as(s.engine.shownOf(thread, instant, s.facts))
	p.Group = s.Contact
	return p
}

// subjects calls yield with each subject whose facts are led by a thread: one
// group, one name, or all people among names that hang together. The subjects use
// the room until the next call.
func (e *Engine) subjects(thread uint32, room *Thread, yield func(*subject)) {
	switch {
	case e.nameless[thread]:
	case e.isGroup(thread):
		yield(e.groupOf(thread, room))
	case e.rings.alone(thread) && e.index.lent[thread] == nil:
		if *e.heads.at(thread) != 0 || e.carries[thread] != nil {
			yield(e.single(thread, room))
		}
	case e.rings.leader(thread) == thread:
		for _, s := range e.crowdOf(thread).everyone() {
			yield(s)
		}
	}
}

// single returns the subject of a thread that hangs together with no other.
func (e *Engine) single(thread uint32, room *Thread) *subject {
	e.gather(thread, room)
	return &subject{Pair: e.pair(thread), engine: e, facts: room, carry: e.carries[thread], lastIn: *e.lastIn.at(thread)}
}

// subjectAt returns the subject to whom a name belongs at an instant; nil if
// nothing is known of it.
func (e *Engine) subjectAt(number string, name Name, instant int64, room *Thread) *subject {
	thread, c := e.look(number, name)
	switch {
	case thread == noThread:
		return nil
	case c != nil:
		return c.person(c.people.Owner(c.local[thread], instant))
	case e.isGroup(thread):
		return e.groupOf(thread, room)
	}
	return e.single(thread, room)
}

// look returns the thread of a name or of its other spelling, and the names that
// hang together with it; [noThread] if nothing is known of them.
func (e *Engine) look(number string, name Name) (uint32, *crowd) {
	all := []Name{name}
	if other, has := Spelling(name.Contact); has {
		all = append(all, Name{Contact: other})
	}
	for _, name := range all {
		thread, ok := e.Find(number, name.Contact, name.Text)
		switch {
		case !ok || e.nameless[thread]:
		case !e.rings.alone(thread) || e.index.lent[thread] != nil && !e.isGroup(thread):
			if c := e.crowdOf(thread); c.present[c.local[thread]] {
				return thread, c
			}
		case e.holds(thread):
			return thread, nil
		}
	}
	return noThread, nil
}

// holds reports whether a thread has facts of its own or something carried.
func (e *Engine) holds(thread uint32) bool {
	return *e.heads.at(thread) != 0 || *e.lastIn.at(thread) != Never || e.carries[thread] != nil
}

// crowd is the names that hang together, with their facts and who they are.
type crowd struct {
	*Engine
	threads []uint32 // the names
	local   map[uint32]int32
	names   []identity.Name
	present []bool          // whether anything is known of a name
	links   []identity.Link // without those of spellings; the first are given, the others those of runs
	given   int
	people  *identity.People
	facts   []Fact
	runs    []run
	found   map[int32]*subject // by the name that stands for the person
}

// run is the facts of one message.
type run struct {
	from, to int
	names    []int32 // of all its facts, the one that stands for the others first
	at       int64   // when it went to its owner
	last     int64   // its latest instant
	stamp            // the earliest instant
}

// crowdOf reads the names that hang together with a thread.
func (e *Engine) crowdOf(thread uint32) *crowd {
	c := &crowd{Engine: e, local: map[uint32]int32{}}
	var t Thread
	for at := thread; ; {
		c.local[at] = int32(len(c.threads))
		c.threads, c.names = append(c.threads, at), append(c.names, e.nameOf(at))
		e.collect(at, &t)
		for _, f := range e.index.lent[at] {
			t.facts = append(t.facts, *e.journal.at(f - 1))
		}
		if e.rings.alone(at) {
			break
		}
		if at = *e.rings.next.at(at); at == thread {
			break
		}
	}
	c.facts = t.facts
	slices.SortFunc(c.facts, e.compareFacts)
	for from := 0; from < len(c.facts); {
		to := from + 1
		for c.facts[from].id != 0 && to < len(c.facts) && (c.facts[to].Kind == Inbound) == (c.facts[from].Kind == Inbound) &&
			bytes.Equal(e.texts.text(c.facts[to].id), e.texts.text(c.facts[from].id)) {
			to++
		}
		c.addRun(from, to)
		from = to
	}
	for i, name := range c.threads { // before the links of the messages
		e.links.of(name, func(l *link) {
			c.links = append(c.links, identity.Link{Name: int32(i), Hub: c.local[l.hub], Stamp: identity.Stamp{At: l.at, Told: l.rank == RankTold}, Renamed: l.renamed})
		})
	}
	c.given = len(c.links)
	for _, r := range c.runs {
		c.links = c.appendLinks(c.links, r)
	}
	c.findPresent()
	all := slices.Clone(c.links)
	for i, name := range c.threads {
		if other, ok := e.spelling(name); ok && c.present[i] && c.present[c.local[other]] {
			all = append(all, identity.Link{Name: int32(i), Hub: c.local[other]})
		}
	}
	c.people = identity.New(c.names, all)
	return c
}

// findPresent finds the names of which anything is known. The facts of others were
// dropped with a closed month.
func (c *crowd) findPresent() {
	c.present = make([]bool, len(c.threads))
	for i, thread := range c.threads {
		c.present[i] = c.Engine.holds(thread) || c.index.members[thread]
	}
	for _, r := range c.runs {
		for _, name := range r.names {
			c.present[name] = true
		}
	}
	for _, l := range c.links {
		c.present[l.Name], c.present[l.Hub] = true, true
	}
}

// addRun adds the facts of one message, and links their names.
func (c *crowd) addRun(from, to int) {
	r := run{from: from, to: to}
	var room [4]uint32
	for i := from; i < to; i++ {
		f := &c.facts[i]
		r.stamp = r.stamp.merge(stamp{f.At, f.Rank})
		if i > from && f.who == c.facts[i-1].who {
			continue
		}
		if c.nameless[c.sets.threadOf(f.who)] { // its member, if it names one, is of no group
			continue
		}
		for _, thread := range c.sets.names(f.who, room[:0]) {
			if name := c.local[thread]; !slices.Contains(r.names, name) {
				r.names = append(r.names, name)
			}
		}
	}
	r.at, r.last = ownedAt(c.facts[from:to]), lastKnown(c.facts[from:to])
	slices.SortFunc(r.names, func(a, b int32) int { return identity.Compare(c.names[a], c.names[b]) })
	c.runs = append(c.runs, r)
}

// appendLinks appends the links of the names of one message.
func (c *crowd) appendLinks(all []identity.Link, r run) []identity.Link {
	for i := 1; i < len(r.names); i++ {
		if c.names[r.names[i]].Kind != identity.BSUID {
			all = append(all, identity.Link{Name: r.names[i], Hub: r.names[0], Stamp: identity.Stamp{At: r.nanos, Told: r.rank == RankTold}})
		}
	}
	return all
}

// lastKnown returns the latest instant of a message. Of a customer's message, the
// instant of a closed month stays.
func lastKnown(facts []Fact) int64 {
	var in, settled, delivered stamp
	for i := range facts {
		f := &facts[i]
		at := stamp{f.At, f.Rank}
		switch {
		case f.Kind == Inbound && f.marks&markSettled != 0:
			settled = settled.merge(at)
		case f.Kind == Inbound:
			in = in.merge(at)
		case f.Kind == Delivered:
			delivered = delivered.merge(at)
		}
	}
	for _, at := range [...]stamp{settled, in, delivered} {
		if at.rank != RankUnknown {
			return at.nanos
		}
	}
	return ownedAt(facts)
}

// read gives every message to its owner.
func (c *crowd) read() {
	if c.found != nil {
		return
	}
	c.found = map[int32]*subject{}
	for _, r := range c.runs {
		t := c.person(c.people.Owner(r.names[0], r.at)).facts
		set := make([]uint32, len(r.names))
		for i, name := range r.names {
			set[i] = c.threads[name]
		}
		t.names = append(t.names, set)
		for i := r.from; i < r.to; i++ {
			c.merge(t, &c.facts[i], int32(len(t.names)))
		}
	}
	for name, thread := range c.threads {
		carried, last := c.carries[thread], *c.lastIn.at(thread)
		if carried == nil && last == Never {
			continue
		}
		s := c.person(c.people.Owner(int32(name), c.terms[c.accountOf(thread)].ClosedUntil))
		s.lastIn, s.carry = max(s.lastIn, last), s.carry.unite(carried)
	}
}

// person returns the person for whom a name stands.
func (c *crowd) person(owner int32) *subject {
	c.read()
	s := c.found[owner]
	if s == nil {
		s = &subject{Pair: c.pair(c.threads[owner]), engine: c.Engine, facts: &Thread{}, lastIn: Never, crowd: c, owner: owner}
		c.found[owner] = s
	}
	return s
}

// everyone returns all people with facts or something carried, in a fixed order.
func (c *crowd) everyone() (all []*subject) {
	c.read()
	for _, s := range c.found {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *subject) int { return cmp.Compare(a.owner, b.owner) })
	return all
}

// ownerOf returns the thread of the name that stands for the owner of a name at
// an instant.
func (e *Engine) ownerOf(thread uint32, instant int64, room *Thread) uint32 {
	if e.rings.alone(thread) {
		return thread
	}
	c := e.knownCrowd(thread, room)
	return c.threads[c.people.Owner(c.local[thread], instant)]
}

// shownOf returns the thread of the name under which a person is shown at an
// instant. The thread is that of ownerOf.
func (e *Engine) shownOf(thread uint32, instant int64, room *Thread) uint32 {
	if e.rings.alone(thread) {
		return thread
	}
	c := e.knownCrowd(thread, room)
	return c.threads[c.people.Shown(c.people.Owner(c.local[thread], instant), instant)]
}

// knownCrowd returns the crowd of a group's member, and keeps it in the room.
func (e *Engine) knownCrowd(thread uint32, room *Thread) *crowd {
	leader := e.rings.leader(thread)
	if room.crowds == nil {
		room.crowds = map[uint32]*crowd{}
	}
	c := room.crowds[leader]
	if c == nil {
		c = e.crowdOf(leader)
		room.crowds[leader] = c
	}
	return c
}

// unite returns what two names of one person carry.
func (c *carry) unite(o *carry) *carry {
	switch {
	case c == nil:
		return o
	case o == nil:
		return c
	}
	both := &carry{covered: max(c.covered, o.covered), windows: slices.Concat(c.windows, o.windows), units: slices.Concat(c.units, o.units)}
	slices.SortFunc(both.windows, func(a, b anchored) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.bits(), b.bits()))
	})
	slices.SortFunc(both.units, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Free, b.Free), cmp.Compare(a.Closed, b.Closed))
	})
	return both
}

// bits orders windows that start at one instant. An open one comes first.
func (a anchored) bits() (n int) {
	for i, set := range [...]bool{a.answered, a.billed, a.void} {
		if set {
			n |= 1 << i
		}
	}
	return n
}

// Canonical returns the key that stands for the person with a key at an instant.
func (e *Engine) Canonical(number, key string, instant int64) string {
	name := NameOf(key)
	thread, c := e.look(number, name)
	switch {
	case c != nil:
		thread = c.threads[c.people.Owner(c.local[thread], instant)]
	case thread == noThread:
		if other, has := Spelling(name.Contact); has { // one key for both spellings
			key = max(key, e.texts.key(other))
		}
		return key
	}
	return e.texts.key(*e.contacts.at(thread))
}

// newest is the instant that asks for the newest link.
const newest = math.MaxInt64

// LastInbound returns the instant of the latest message of the customer or group
// to whom a name belongs now; [Never] if no message is recorded.
func (e *Engine) LastInbound(number string, name Name) int64 {
	s := e.subjectAt(number, name, newest, &Thread{})
	if s == nil {
		return Never
	}
	last := s.lastIn
	for _, in := range s.facts.inbounds {
		last = max(last, in.at.nanos)
	}
	return last
}

// FoldOf folds the facts of the customer or group to whom a name belongs now; nil
// if nothing is known of it.
func (e *Engine) FoldOf(number string, name Name) *Fold {
	s := e.subjectAt(number, name, newest, &Thread{})
	if s == nil {
		return nil
	}
	return e.fold(s, math.MaxInt64)
}
