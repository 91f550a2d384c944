package chatapi

import (
	"slices"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

// day24 is the length of the service window and of a conversation. A change of
// the clocks does not change it.
const day24 = 24 * time.Hour

// Window is a customer's service window: the time in which free-form messages
// may be sent. It rolls: every message of the customer starts its 24 hours anew
// (Meta's rule; solid). The zero Window is closed, as for a customer who never
// wrote.
type Window struct {
	// Since is the customer's last message. ExpiresAt is 24 hours later; at that
	// instant the window is closed.
	Since     time.Time
	ExpiresAt time.Time
}

// WindowFrom returns the window that a customer's message at that instant
// opens. The zero instant gives the zero Window.
func WindowFrom(lastInbound time.Time) Window {
	if lastInbound.IsZero() {
		return Window{}
	}
	return Window{Since: lastInbound, ExpiresAt: lastInbound.Add(day24)}
}

// Open reports whether a free-form message may be sent at that instant. The
// window is half-open: open at Since, closed at ExpiresAt.
func (w Window) Open(now time.Time) bool {
	return !w.Since.IsZero() && !now.Before(w.Since) && now.Before(w.ExpiresAt)
}

// Left returns how long the window stays open; 0 when it is closed.
func (w Window) Left(now time.Time) time.Duration {
	if !w.Open(now) {
		return 0
	}
	return w.ExpiresAt.Sub(now)
}

// Conversation is the billing unit of the models of 2022 to mid-2025: 24 hours
// with one customer, or longer from a free entry point. Unlike the service window,
// it does not start anew with each message.
type Conversation struct {
	// Account is the [Account.ID] that pays.
	Account string `json:"account"`

	Channel ChannelID `json:"channel"`
	Contact Recipient `json:"contact"`

	// Category is the kind, such as [CategoryUserInitiated], or
	// [CategoryReferral] for one from a free entry point.
	Category string `json:"category"`

	// Model is the set of rules under which the conversation was opened.
	Model Model `json:"model"`

	// OpenedAt and ExpiresAt bound the conversation, ExpiresAt excluded.
	OpenedAt  time.Time `json:"opened_at"`
	ExpiresAt time.Time `json:"expires_at"`

	// ClosedAt is set if a free entry point closed the conversation early. The
	// charge stays.
	ClosedAt time.Time `json:"closed_at,omitzero"`

	// Charge is the cost. If messages are billed, a free entry point window costs
	// nothing itself; its messages have their own charges.
	Charge Charge `json:"charge"`
}

// Open reports whether the conversation is open at that instant.
func (c Conversation) Open(now time.Time) bool {
	return !now.Before(c.OpenedAt) && now.Before(c.ExpiresAt) && (c.ClosedAt.IsZero() || now.Before(c.ClosedAt))
}

// ServiceWindow returns the customer's service window, from the latest recorded
// message. Any name of the customer finds it: the number in either spelling, the
// BSUID, the chat or the username, of which the newest link says whose it is now.
// Without a message it is the zero Window. Check it with [Window.Open].
func (l *Ledger) ServiceWindow(channel ChannelID, customer Recipient) Window {
	if l.usable() != nil {
		return Window{}
	}
	l.lock()
	defer l.mu.Unlock()
	owner, number := l.payer(channel)
	if owner == nil {
		return Window{}
	}
	last := l.engine.LastInbound(number, nameToFind(customer))
	if last == ledger.Never {
		return Window{}
	}
	return WindowFrom(owner.time(last))
}

// Conversations returns the customer's conversations and free entry point
// windows, oldest first, each with its cost. [Conversation.Open] tells which are
// open. The error is that of [Ledger.Bill]; if prices are missing, the
// conversations are complete except for the amounts.
func (l *Ledger) Conversations(channel ChannelID, customer Recipient) ([]Conversation, error) {
	const op = "Ledger.Conversations"
	if err := l.usable(); err != nil {
		return nil, ledgerError(op, err)
	}
	l.lock()
	defer l.mu.Unlock()
	owner, number := l.payer(channel)
	if owner == nil {
		return nil, nil
	}
	fold := l.engine.FoldOf(number, nameToFind(customer))
	if fold == nil {
		return nil, nil
	}
	var found []Conversation
	var gaps []*Gap
	months := map[YearMonth][]*ledger.Unit{}
	for i := range fold.Units {
		u := l.unit(&fold.Units[i])
		month := u.account.month(u.Opened)
		switch {
		case u.Kind == ledger.UnitMessage:
		case u.Carried:
			found = append(found, u.conversation(u.closedCharge()))
		default:
			months[month] = append(months[month], u.Unit)
		}
	}
	for month, units := range months {
		if slices.ContainsFunc(units, func(u *ledger.Unit) bool { return l.unit(u).tiered() }) { // the units of other contacts decide as well
			units = l.units(month, owner.volume)
		}
		m := l.newMeter(month)
		m.all(units)
		gaps = append(gaps, m.gaps...)
		for i, c := range m.conversations {
			if m.people[i] == fold.Pair.Thread {
				found = append(found, c)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Conversation) int { return a.OpenedAt.Compare(b.OpenedAt) })
	if len(gaps) > 0 {
		return found, noPrice(op, gaps)
	}
	return found, nil
}
