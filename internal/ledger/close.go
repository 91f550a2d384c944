package ledger

import (
	"math"
	"slices"
)

// settledFor is how long the ledger keeps facts before the end of the last closed
// month. It then still recognizes a repeated status, or a message delivered after
// weeks. WhatsApp gives up delivery after 30 days.
const settledFor = 31 * day

// carry is the part of one thread that reaches across the end of a closed month.
type carry struct {
	covered int64
	windows []anchored
	units   []Unit // still open, but billed in a closed month
}

// Compact closes each account until its instant in ends. Of each person or group
// it keeps the facts that can still matter, and of the names their links. Threads
// keep their numbers.
func (e *Engine) Compact(ends []int64) {
	e.Index()
	c := compaction{Engine: e, next: newStore(), carries: map[uint32]*carry{}}
	for i := range uint32(e.contacts.n) {
		n, contact, text := &e.numbers[*e.owners.at(i)], *e.contacts.at(i), ""
		if contact&otherContact != 0 {
			contact, text = 0, e.texts.key(contact)
		}
		c.next.intern(n.id, n.account, contact, text)
	}
	var room Thread
	for i := range uint32(e.contacts.n) {
		c.end = ends[e.accountOf(i)]
		switch {
		case e.nameless[i]:
			c.keepNameless(i, &room)
		case e.isGroup(i):
			c.subject(e.groupOf(i, &room))
		case e.rings.alone(i) && e.index.lent[i] == nil:
			*c.next.lastIn.at(i) = *e.lastIn.at(i)
			if *e.heads.at(i) != 0 || e.carries[i] != nil {
				c.subject(e.single(i, &room))
			}
		case e.rings.leader(i) == i:
			names := e.crowdOf(i)
			for _, s := range names.everyone() {
				c.subject(s)
			}
			c.keepLinks(names)
		}
	}
	e.store, e.carries, e.links, e.index = c.next, c.carries, c.links, newIndex()
	e.index.threads = e.contacts.n
	for i, end := range ends {
		e.terms[i].ClosedUntil = end
	}
}

// compaction makes the engine's next state.
type compaction struct {
	*Engine
	next    store
	carries map[uint32]*carry
	links   links
	end     int64 // of the account
}

// subject keeps what can still matter of one person or group.
func (c *compaction) subject(s *subject) {
	f := c.fold(s, c.end)
	f.startWindows(c.end - 1)
	if len(f.windows) > 0 {
		f.markBilled(c.fold(s, math.MaxInt64))
	}
	if carried := f.carry(c.end); carried != nil {
		c.carries[s.Thread] = carried
	}
	c.keep(f)
}

// keepLinks keeps those links among names that hang together which no kept fact
// gives. A kept message gives its links itself, and may give others when more is
// known of it.
func (c *compaction) keepLinks(names *crowd) {
	all := names.links[:names.given]
	for _, r := range names.runs {
		if r.last < c.end-settledFor {
			all = names.appendLinks(all, r)
		}
	}
	for _, l := range all {
		at := stamp{l.At, RankObserved}
		if l.Told {
			at.rank = RankTold
		}
		c.links.add(names.threads[l.Name], names.threads[l.Hub], at, l.Renamed)
	}
}

// keepNameless keeps the facts without names, as long as a fact of their message
// may give one.
func (c *compaction) keepNameless(thread uint32, room *Thread) {
	for i := *c.heads.at(thread); i != 0; {
		f := *c.journal.at(i - 1)
		if !c.index.lentTo[i] && f.At >= c.end-settledFor {
			room.reset()
			c.merge(room, &f, 0)
			who := c.next.sets.of(c.sets.names(f.who, nil))
			for k := range room.inbounds {
				c.next.noteInbound(who, &room.inbounds[k])
			}
			for k := range room.messages {
				c.next.noteMessage(who, &room.messages[k])
			}
		}
		i = f.prev
	}
}

// markBilled marks the windows of f that are conversations in the whole fold.
// Their conversations are on the bill. A window of a month that was closed before
// is not: its conversation is late.
func (f *Fold) markBilled(whole *Fold) {
	answered := map[int64]bool{}
	for _, a := range whole.windows {
		answered[a.start] = answered[a.start] || a.answered
	}
	for i := range f.windows {
		a := &f.windows[i]
		a.billed = a.billed || a.answered || a.start >= f.terms.ClosedUntil && answered[a.start]
	}
}

// keep enters those facts of a subject, folded until the end, that can still
// matter.
func (c *compaction) keep(f *Fold) {
	thread, kept := f.Pair.Thread, c.end-settledFor
	last := max(f.subject.lastIn, *c.next.lastIn.at(thread))
	var inbounds map[string]marks // of a group
	if f.subject.group {
		inbounds = map[string]marks{}
	}
	twins := f.facts.sortedTwins()
	for i := range f.facts.inbounds {
		in := &f.facts.inbounds[i]
		if in.at.nanos < c.end {
			last = max(last, in.at.nanos)
			in.marks |= markSettled
			if !slices.Contains(f.clicks, i) {
				in.marks |= markSpent
			}
		}
		switch {
		case in.at.nanos < kept:
		case f.subject.group && len(in.id) > 0:
			inbounds[string(in.id)] = in.marks
		default:
			c.next.noteInbound(c.next.sets.of(f.facts.namesOf(in.names, thread)), in)
			c.keepTwins(f.facts, thread, in, twins)
		}
	}
	*c.next.lastIn.at(thread) = last
	if f.subject.group {
		c.keepGroup(f, inbounds, kept)
		return
	}
	for i := range f.facts.messages {
		m := &f.facts.messages[i]
		if m.delivered.rank != RankUnknown && m.delivered.nanos < c.end {
			// The instants stay, since they are those of the message's links.
			*m = message{id: m.id, sent: m.sent, delivered: m.delivered, refused: m.refused, marks: m.marks | markSettled, names: m.names}
		}
		if m.lastKnown() >= kept {
			c.next.noteMessage(c.next.sets.of(f.facts.namesOf(m.names, thread)), m)
		}
	}
}

// keepTwins enters the twins of a message, since their links would be lost otherwise.
// The twins are sorted.
func (c *compaction) keepTwins(t *Thread, thread uint32, in *inbound, twins []inbound) {
	from, _ := slices.BinarySearchFunc(twins, in, func(twin inbound, in *inbound) int { return compareInbound(&twin, in) })
	for i := from; i < len(twins) && compareInbound(&twins[i], in) == 0; i++ {
		twin := twins[i]
		if len(in.id) == 0 {
			twin.marks = in.marks // one fact with in, by other names
		}
		c.next.noteInbound(c.next.sets.of(t.namesOf(twin.names, thread)), &twin)
	}
}

// carry returns the units and windows that are still open at an instant; nil if
// nothing is open.
func (f *Fold) carry(end int64) *carry {
	c := carry{covered: Never}
	if f.covered > end {
		c.covered = f.covered
	}
	for _, a := range f.windows {
		if a.start+day > end-settledFor { // a message sent in the window may be delivered later
			c.windows = append(c.windows, a)
		}
	}
	for _, i := range f.live {
		if u := f.Units[i]; u.OpenAt(end) {
			u.Carried, u.Pair, u.Report = true, nil, nil
			c.units = append(c.units, u)
		}
	}
	if c.covered == Never && c.windows == nil && c.units == nil {
		return nil
	}
	return &c
}

// LateFact is a fact that came in, or had its effect, after its month was closed.
type LateFact struct {
	Pair *Pair // as it is shown at that instant
	ID   []byte
	Kind Kind  // Inbound or Delivered
	At   int64 // in the closed month

	// Opened is the category of a conversation that opened in the closed month,
	// but was answered after it. It is empty for a fact that came in too late.
	Opened string
}

// LateFacts lists the facts that came too late for their closed months.
func (f *Fold) LateFacts() (all []LateFact) {
	closed := f.terms.ClosedUntil
	for i := range f.facts.inbounds {
		if in := &f.facts.inbounds[i]; in.at.nanos < closed && in.marks&markSettled == 0 {
			all = append(all, LateFact{Pair: f.subject.shownAt(in.at.nanos), ID: in.id, Kind: Inbound, At: in.at.nanos})
		}
	}
	for _, m := range f.facts.acting {
		if m.delivered.nanos < closed {
			all = append(all, LateFact{Pair: f.pairOf(m, m.delivered.nanos), ID: m.id, Kind: Delivered, At: m.delivered.nanos})
		}
	}
	for i := range f.late {
		u := &f.late[i]
		all = append(all, LateFact{Pair: u.Pair, ID: u.Message, Kind: Delivered, At: u.Opened, Opened: u.Category})
	}
	return all
}
