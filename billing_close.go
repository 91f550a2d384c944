package chatapi

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"
)

// Late is something that came in, or had its effect, after its month was closed.
// It is not on the bill.
type Late struct {
	Account   string    `json:"account"`
	Channel   ChannelID `json:"channel"`
	Contact   Recipient `json:"contact"`
	MessageID string    `json:"message,omitempty"`

	// Kind is [ActivityInbound] for a customer's message and
	// [ActivityDelivered] for a delivered message of the business.
	Kind ActivityKind `json:"kind"`

	// At is the instant in the closed month, in the account's time zone.
	At time.Time `json:"at"`

	// Why is what happened in words.
	Why string `json:"why"`
}

// settledFor is how long before the end of the last closed month facts are kept,
// so that a status which comes again, or a message delivered after weeks, is
// still recognized. WhatsApp gives up delivery after 30 days.
const settledFor = 31 * day24

// carry is what one contact takes across the end of a closed month.
type carry struct {
	covered int64
	windows []anchored
	units   []unit // still open, and on the bill of a closed month
}

// Close closes a month, and all before it, for good, and returns its last full
// bill: keep it, for the ledger frees what it was made from. From then on
// [Ledger.Bill] has the month's totals and gaps, without conversations and
// charges, and lists under Late what came in afterwards. Nothing changes a
// closed month. What reaches into the next one is kept: open conversations and
// entry points, service windows, messages of the last 31 days that are not
// delivered yet. Close a month when its statuses can be expected to be in, not
// on its last day. Of a closed month nothing can be closed again; its bill comes
// back. Prices that are missing don't keep a month open: the bill comes with
// [ErrNoPrice], as from Bill.
func (l *Ledger) Close(month YearMonth) (*Bill, error) {
	if err := l.usableFor(month); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	months := map[YearMonth]bool{month: true}
	late := map[YearMonth][]Late{}
	var units []opening
	for _, a := range l.accounts {
		for _, part := range l.closingParts(a, month) {
			maps.Copy(months, part.months)
			units = append(units, part.units...)
			for _, one := range part.late {
				m := a.month(one.At.UnixNano())
				late[m] = append(late[m], one)
			}
		}
	}
	var result *Bill
	var resultErr error
	bills := map[YearMonth]*Bill{}
	for m := range months {
		var bill *Bill
		var err error
		if m == month && l.closed[m] == nil {
			bill, err = l.billOf(m, inOrderOfOpening(units))
		} else {
			bill, err = l.bill(m)
		}
		if err != nil && !errors.Is(err, ErrNoPrice) {
			return nil, err
		}
		if m == month {
			result, resultErr = bill, err
		}
		bills[m] = bill
	}
	for m, bill := range bills {
		if l.closed[m] == nil {
			l.closed[m] = &Bill{Month: m, Closed: true, Totals: bill.Totals, Gaps: bill.Gaps}
		}
	}
	for m, ones := range late {
		if l.closed[m] == nil { // a month of which nothing was known when it was closed
			bill, err := l.bill(m)
			if err != nil {
				return nil, err
			}
			l.closed[m] = &Bill{Month: m, Closed: true, Totals: bill.Totals}
		}
		l.closed[m].Late = sortLate(append(l.closed[m].Late, ones...))
	}
	l.compact(month)
	return result, resultErr
}

// closingPart is what closing a month means for some of the contacts: its units,
// the months before it that are closed as well, and what is late in closed ones.
type closingPart struct {
	units  []opening
	months map[YearMonth]bool
	late   []Late
}

func (l *Ledger) closingParts(a *account, month YearMonth) []closingPart {
	start, end := a.monthStart(month), a.monthEnd(month)
	return inParts(l.threads.n, func(from, to uint32) []closingPart {
		part := closingPart{months: map[YearMonth]bool{}}
		l.walks(a, from, to, func(w *walk, g *gathered) {
			for i := range w.units {
				if u := &w.units[i]; !u.carried && u.opened < start {
					part.months[a.month(u.opened)] = true
				}
			}
			part.units = w.appendOpenings(part.units, start, end)
			if len(w.lateOnes(g)) > 0 { // what a message after the end makes late stays for then
				part.late = append(part.late, l.foldUntil(w.pair, g, end).lateOnes(g)...)
			}
		})
		return []closingPart{part}
	})
}

// compact keeps of each contact what can still matter after the month's end.
func (l *Ledger) compact(month YearMonth) {
	next, carries := newStore(), map[uint32]*carry{}
	ends := map[*account]int64{}
	for _, a := range l.accounts {
		ends[a] = max(a.monthEnd(month), a.closedUntil)
	}
	var g, whole gathered
	for i := range l.threads.n {
		old := uint32(i)
		p := l.pair(old)
		thread, end := next.intern(p.channel, p.account, p.contact), ends[p.account]
		*next.lastIn.at(thread) = *l.lastIn.at(old)
		if *l.heads.at(old) == 0 && l.carries[old] == nil {
			continue
		}
		w := l.foldUntil(p, &g, end)
		w.startWindows(end - 1)
		if len(w.windows) > 0 {
			answered := map[int64]bool{}
			for _, a := range l.fold(p, &whole).windows {
				answered[a.start] = a.answered
			}
			for i := range w.windows {
				w.windows[i].billed = w.windows[i].billed || answered[w.windows[i].start]
			}
		}
		if c := w.carry(end); c != nil {
			carries[thread] = c
		}
		last, kept := *l.lastIn.at(old), end-int64(settledFor)
		for i := range w.inbounds {
			in := &w.inbounds[i]
			if in.at.nanos < end {
				last = max(last, in.at.nanos)
				in.marks |= markSettled
				if !slices.Contains(w.clicks, i) {
					in.marks |= markSpent
				}
			}
			if in.at.nanos >= kept {
				next.noteInbound(thread, in)
			}
		}
		*next.lastIn.at(thread) = last
		for i := range g.messages {
			m := &g.messages[i]
			if m.delivered.rank != unknown && m.delivered.nanos < end {
				*m = message{id: m.id, delivered: m.delivered, marks: m.marks | markSettled}
			}
			if m.lastKnown() >= kept {
				next.noteMessage(thread, m)
			}
		}
	}
	l.store, l.carries = next, carries
	for a, end := range ends {
		a.closedUntil = end
	}
}

// lastKnown is when something was last heard of a message.
func (m *message) lastKnown() int64 {
	switch {
	case m.delivered.rank != unknown:
		return m.delivered.nanos
	case m.sent.rank != unknown:
		return m.sent.nanos
	}
	return m.refused.nanos
}

// carry returns what is still open at an instant, nil if nothing.
func (w *walk) carry(end int64) *carry {
	c := carry{covered: minNanos}
	if w.covered > end {
		c.covered = w.covered
	}
	for _, a := range w.windows {
		if a.start+int64(day24) > end-int64(settledFor) { // a message sent in it may be delivered yet
			c.windows = append(c.windows, a)
		}
	}
	for _, i := range w.live {
		if u := w.units[i]; u.openAt(end) {
			u.carried, u.pair, u.report = true, nil, nil
			c.units = append(c.units, u)
		}
	}
	if c.covered == minNanos && c.windows == nil && c.units == nil {
		return nil
	}
	return &c
}

// lateOnes lists what came in after its month was closed.
func (w *walk) lateOnes(g *gathered) (all []Late) {
	p := w.pair
	one := func(id []byte, kind ActivityKind, at int64, why string) {
		all = append(all, Late{p.account.ID, p.channel, p.contact, string(id), kind, p.account.time(at), why})
	}
	for _, in := range w.inbounds {
		if in.at.nanos < w.closed && in.marks&markSettled == 0 {
			one(in.id, ActivityInbound, in.at.nanos, "recorded after the month was closed")
		}
	}
	for _, m := range g.acting {
		if m.delivered.nanos < w.closed {
			one(m.id, ActivityDelivered, m.delivered.nanos, "recorded after the month was closed")
		}
	}
	for _, u := range w.late {
		one(u.message, ActivityDelivered, u.opened, "its "+u.category+" conversation opened in the closed month, but was answered after it")
	}
	return all
}

func sortLate(all []Late) []Late {
	slices.SortFunc(all, func(a, b Late) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Contact.Key(), b.Contact.Key()),
			cmp.Compare(a.MessageID, b.MessageID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Why, b.Why))
	})
	return all
}

// lateIn lists what came in for a closed month since the last close.
func (l *Ledger) lateIn(month YearMonth) (all []Late) {
	for _, a := range l.accounts {
		if a.closedUntil < a.monthEnd(month) {
			continue
		}
		all = append(all, inParts(l.threads.n, func(from, to uint32) (found []Late) {
			l.walks(a, from, to, func(w *walk, g *gathered) {
				for _, one := range w.lateOnes(g) {
					if a.month(one.At.UnixNano()) == month {
						found = append(found, one)
					}
				}
			})
			return found
		})...)
	}
	return all
}

// monthStart is the first instant of the month in the account's time zone.
func (a *account) monthStart(m YearMonth) int64 {
	start := time.Date(m.Year, m.Month, 1, 0, 0, 0, 0, a.zone)
	if start.Day() != 1 { // there is no such midnight: the clocks went forward
		_, start = start.ZoneBounds()
	}
	return start.UnixNano()
}

// monthEnd is the first instant after the month in the account's time zone.
func (a *account) monthEnd(m YearMonth) int64 { return a.monthStart(YearMonth{m.Year, m.Month + 1}) }
