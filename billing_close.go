package chatapi

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

// Late is a message that was recorded, or had its effect, after its month was
// closed. It is not on the bill.
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

	// Why is the reason in words.
	Why string `json:"why"`
}

// Close closes a month, and all months before it, for good. It returns the month's
// last full bill: keep it, because the ledger frees the facts of the month. From
// then on [Ledger.Bill] returns the month's totals and gaps, without conversations
// and charges, and lists under Late what came in afterwards. Nothing changes a
// closed month.
//
// The ledger keeps what reaches into the next month: open conversations and entry
// points, service windows, and messages of the last 31 days that are not delivered
// yet. Close a month some days after its end, when its statuses have come in.
// Closing a closed month again changes nothing and returns its bill as Bill does.
// Missing prices do not keep a month open: the bill comes with [ErrNoPrice], as
// from Bill. A month later than the one after the last recorded instant and the
// last closed month is [ErrInvalid], and so is every month of a ledger without
// facts: nothing is closed.
func (l *Ledger) Close(month YearMonth) (*Bill, error) {
	const op = "Ledger.Close"
	if err := l.usableFor(month); err != nil {
		return nil, ledgerError(op, err)
	}
	l.lock()
	defer l.mu.Unlock()
	if l.isClosed(month) {
		bill, err := l.bill(month)
		return bill, ledgerError(op, err)
	}
	if err := l.closable(month); err != nil {
		return nil, ledgerError(op, err)
	}
	run := l.newMonthCloser(month)
	if err := run.makeBills(); err != nil {
		return nil, ledgerError(op, err)
	}
	if err := run.keep(); err != nil {
		return nil, ledgerError(op, err)
	}
	ends := make([]int64, len(l.accounts))
	for i, a := range l.accounts {
		ends[i] = max(a.monthEnd(month), a.terms.ClosedUntil)
	}
	l.engine.Compact(ends)
	return run.bills[month], ledgerError(op, run.missing)
}

// isClosed reports whether a month is closed.
func (l *Ledger) isClosed(month YearMonth) bool {
	for _, a := range l.accounts {
		if a.terms.ClosedUntil < a.monthEnd(month) {
			return false
		}
	}
	return true
}

// closable refuses a month that lies too far ahead: a wrong year would close every
// month until then for good.
func (l *Ledger) closable(month YearMonth) error {
	latest := l.engine.Latest()
	last := YearMonth{}
	for _, a := range l.accounts {
		if until := max(latest, a.terms.ClosedUntil); until != ledger.Never {
			if m := a.month(until); m.Year*12+int(m.Month) > last.Year*12+int(last.Month) {
				last = m
			}
		}
	}
	switch {
	case last == YearMonth{}:
		return invalid("month", "cannot be closed: "+nothingYet+"; record the events of the month before, with Ledger.Load or Ledger.RecordEvent")
	case month.Year*12+int(month.Month) > last.Year*12+int(last.Month)+1:
		return invalid("month", fmt.Sprintf("is %s, but nothing is recorded or closed after %s, so %s is the last month that can be closed; check the year, and close a month some days after its end",
			month, last, YearMonth{last.Year + int(last.Month)/12, last.Month%12 + 1}))
	}
	return nil
}

const nothingYet = "nothing recorded yet"

// beginsAfterAll reports whether a month begins after every recorded instant, and
// is not closed.
func (l *Ledger) beginsAfterAll(month YearMonth) bool {
	for _, a := range l.accounts {
		if start := a.monthStart(month); start <= l.engine.Latest() || start < a.terms.ClosedUntil {
			return false
		}
	}
	return true
}

// monthCloser collects the parts of a month that the close fixes.
type monthCloser struct {
	ledger *Ledger
	month  YearMonth
	units  []opening            // the units of the month
	late   map[YearMonth][]Late // late facts by their closed month
	bills  map[YearMonth]*Bill  // the bills of the month and of earlier months that are closed with it

	missing error // the [ErrNoPrice] of the month's bill
}

func (l *Ledger) newMonthCloser(month YearMonth) *monthCloser {
	run := &monthCloser{ledger: l, month: month, late: map[YearMonth][]Late{}, bills: map[YearMonth]*Bill{month: nil}}
	for _, a := range l.accounts {
		for _, part := range l.closingParts(a, month) {
			maps.Copy(run.bills, part.months)
			run.units = append(run.units, part.units...)
			for _, late := range part.late {
				m := a.month(late.At.UnixNano())
				run.late[m] = append(run.late[m], late)
			}
		}
	}
	return run
}

// makeBills makes the bills of all months that are closed.
func (run *monthCloser) makeBills() error {
	l := run.ledger
	for m := range run.bills {
		var bill *Bill
		var err error
		if m == run.month && l.closed[m] == nil {
			bill, err = l.billOf(m, inOrderOfOpening(run.units))
		} else {
			bill, err = l.bill(m)
		}
		if err != nil && !errors.Is(err, ErrNoPrice) {
			return err
		}
		if m == run.month {
			run.missing = err
		}
		run.bills[m] = bill
	}
	return nil
}

// keep stores the bills without their rows, and the late facts.
func (run *monthCloser) keep() error {
	l := run.ledger
	for m, bill := range run.bills {
		if l.closed[m] == nil {
			l.closed[m] = &Bill{Month: m, Closed: true, Totals: bill.Totals, Gaps: bill.Gaps}
		}
	}
	for m, late := range run.late {
		if l.closed[m] == nil { // the month had no facts when it was closed
			bill, err := l.bill(m)
			if err != nil {
				return err
			}
			l.closed[m] = &Bill{Month: m, Closed: true, Totals: bill.Totals}
		}
		l.closed[m].Late = sortLate(append(l.closed[m].Late, late...))
	}
	return nil
}

// closingPart is the result of a close for some of the contacts: the units of the
// month, the earlier months that are closed with it, and the late facts of closed
// months.
type closingPart struct {
	units  []opening
	months map[YearMonth]*Bill // without their bills yet
	late   []Late
}

func (l *Ledger) closingParts(a *account, month YearMonth) []closingPart {
	start, end := a.monthStart(month), a.monthEnd(month)
	return ledger.InParts(l.engine.Threads(), func(from, to uint32) []closingPart {
		part := closingPart{months: map[YearMonth]*Bill{}}
		l.engine.Folds(a.index, from, to, func(f *ledger.Fold) {
			for i := range f.Units {
				if u := &f.Units[i]; !u.Carried && u.Opened < start {
					part.months[a.month(u.Opened)] = nil
				}
			}
			part.units = takeOpenings(part.units, f, start, end)
			if len(f.LateFacts()) > 0 { // a fact that a later message makes late waits for the close of its month
				part.late = append(part.late, a.lateOf(l.engine.Until(f, end))...)
			}
		})
		return []closingPart{part}
	})
}

// lateOf returns one contact's late facts.
func (a *account) lateOf(f *ledger.Fold) (all []Late) {
	for _, fact := range f.LateFacts() {
		late := Late{Account: a.ID, Channel: ChannelID(fact.Pair.Number), Contact: recipientOf(fact.Pair.Contact), MessageID: string(fact.ID),
			Kind: ActivityDelivered, At: a.time(fact.At), Why: "recorded after the month was closed"}
		if fact.Kind == ledger.Inbound {
			late.Kind = ActivityInbound
		}
		if fact.Opened != "" {
			late.Why = "its " + visible(fact.Opened) + " conversation opened in the closed month, but was answered after it"
		}
		all = append(all, late)
	}
	return all
}

// lateIn returns the late facts of a closed month since the last close.
func (l *Ledger) lateIn(month YearMonth) (all []Late) {
	for _, a := range l.accounts {
		if a.terms.ClosedUntil < a.monthEnd(month) {
			continue
		}
		all = append(all, ledger.InParts(l.engine.Threads(), func(from, to uint32) (found []Late) {
			l.engine.Folds(a.index, from, to, func(f *ledger.Fold) {
				for _, late := range a.lateOf(f) {
					if a.month(late.At.UnixNano()) == month {
						found = append(found, late)
					}
				}
			})
			return found
		})...)
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
