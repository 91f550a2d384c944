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

// Compact closes each account until its instant in ends. Of each thread it keeps
// the facts that can still matter. Threads keep their numbers.
func (e *Engine) Compact(ends []int64) {
	next, carries := newStore(), map[uint32]*carry{}
	var room, whole Thread
	for i := range e.threads.n {
		old := uint32(i)
		owner := e.threads.at(old)
		n, contact, text := &e.numbers[owner.number], owner.contact, ""
		if contact&otherContact != 0 {
			contact, text = 0, e.texts.key(contact)
		}
		thread, end := next.intern(n.id, n.account, contact, text), ends[n.account]
		*next.lastIn.at(thread) = *e.lastIn.at(old)
		if *e.heads.at(old) == 0 && e.carries[old] == nil {
			continue
		}
		p := &Pair{Account: n.account, Thread: old} // only the engine sees these folds, so they need no names
		f := e.foldUntil(p, &room, end)
		f.startWindows(end - 1)
		if len(f.windows) > 0 {
			f.markBilled(e.foldUntil(p, &whole, math.MaxInt64))
		}
		if c := f.carry(end); c != nil {
			carries[thread] = c
		}
		next.keep(thread, f, end)
	}
	e.store, e.carries = next, carries
	for i, end := range ends {
		e.terms[i].ClosedUntil = end
	}
}

// markBilled marks the windows of f that are conversations in the whole fold.
// Their conversations are on the bill.
func (f *Fold) markBilled(whole *Fold) {
	answered := map[int64]bool{}
	for _, a := range whole.windows {
		answered[a.start] = a.answered
	}
	for i := range f.windows {
		f.windows[i].billed = f.windows[i].billed || answered[f.windows[i].start]
	}
}

// keep enters those facts of a thread, folded until its end, that can still
// matter.
func (s *store) keep(thread uint32, f *Fold, end int64) {
	last, kept := *s.lastIn.at(thread), end-settledFor
	for i := range f.facts.inbounds {
		in := &f.facts.inbounds[i]
		if in.at.nanos < end {
			last = max(last, in.at.nanos)
			in.marks |= markSettled
			if !slices.Contains(f.clicks, i) {
				in.marks |= markSpent
			}
		}
		if in.at.nanos >= kept {
			s.noteInbound(thread, in)
		}
	}
	*s.lastIn.at(thread) = last
	for i := range f.facts.messages {
		m := &f.facts.messages[i]
		if m.delivered.rank != RankUnknown && m.delivered.nanos < end {
			*m = message{id: m.id, delivered: m.delivered, marks: m.marks | markSettled}
		}
		if m.lastKnown() >= kept {
			s.noteMessage(thread, m)
		}
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
			all = append(all, LateFact{ID: in.id, Kind: Inbound, At: in.at.nanos})
		}
	}
	for _, m := range f.facts.acting {
		if m.delivered.nanos < closed {
			all = append(all, LateFact{ID: m.id, Kind: Delivered, At: m.delivered.nanos})
		}
	}
	for i := range f.late {
		u := &f.late[i]
		all = append(all, LateFact{ID: u.Message, Kind: Delivered, At: u.Opened, Opened: u.Category})
	}
	return all
}
