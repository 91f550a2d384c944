package chatapi

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

// Campaign is what many messages would cost together.
type Campaign struct {
	// Messages is the number of messages.
	Messages int `json:"messages"`

	// Totals are the growth of the bills, with one sum for each currency.
	Totals []Money `json:"totals"`

	// Costs are the parts of Totals, and the free messages by their reason, the
	// most expensive first. Messages that join an open conversation have no
	// Category.
	Costs []Cost `json:"costs"`

	// Gaps are the prices that no card has. Totals leave them out.
	Gaps []Gap `json:"gaps"`

	// Undelivered is the number of marketing messages to people in the United
	// States, to whom WhatsApp delivers none since 2025-04-01 (medium, September
	// 2026). Totals price them like any other message.
	Undelivered int `json:"-"`
}

// Cost is what the conversations or messages of one market and category cost
// together, or how many of them are free for one reason.
type Cost struct {
	Account  string     `json:"account"`
	Market   string     `json:"market"`
	Category string     `json:"category,omitempty"`
	Free     FreeReason `json:"free,omitempty"`
	Missing  bool       `json:"missing,omitempty"` // no card has the price
	Units    int        `json:"units"`
	Amount   Money      `json:"amount"`
}

// QuoteAll returns the cost of messages to many recipients, if all were sent and
// delivered at now. They use up the free tier and the volume tiers one after the
// other; several messages to one recipient join the conversation of the first.
// Give a map of messages by recipient as maps.All(m). It takes about as long as a
// bill, and some hundred bytes of memory for each message.
//
// Errors are those of [Ledger.Quote]. QuoteAll stops at the first message that it
// refuses; the error's Field has its place, as "messages[3].Category". A map has
// another order each time, so check the numbers of a list with [ParseRecipient]
// before they are in one, and keep those that it refuses for a person. If prices
// are missing, as those of messages to groups always are, the error is [ErrNoPrice]
// together with the campaign, whose Gaps list them.
func (l *Ledger) QuoteAll(now time.Time, channel ChannelID, messages iter.Seq2[Recipient, Message]) (*Campaign, error) {
	const op = "Ledger.QuoteAll"
	q, err := l.newQuoteRun(now, channel)
	if err != nil {
		return nil, ledgerError(op, err)
	}
	if messages == nil {
		return nil, ledgerError(op, invalid("messages", "are nil; give a map of messages by recipient as maps.All(m)"))
	}
	var all []ledger.Planned
	for to, m := range messages {
		planned, err := q.plan(to, m)
		if e, ok := errors.AsType[*Error](err); ok {
			at := *e
			at.Op, at.Field = op, fmt.Sprintf("messages[%d].%s", len(all), e.Field)
			at.Sentence = "Message " + grouped(len(all)+1) + ": " + e.Sentence
			return nil, &at
		}
		if err != nil {
			return nil, err
		}
		all = append(all, planned)
	}
	l.lock()
	defer l.mu.Unlock()
	if err := q.compare(all); err != nil {
		return nil, ledgerError(op, err)
	}
	c := &Campaign{Messages: len(all), Totals: q.growth.totals.sorted(), Costs: q.growth.costs.sorted(), Gaps: q.missing(), Undelivered: q.undelivered}
	return c, ledgerError(op, q.gapError())
}

// tally adds up charges, in total and by cost.
type tally struct {
	costs  costs
	totals totals
}

// add adds units with their common amount.
func (t tally) add(c Cost, units int) error {
	if err := t.totals.add(c.Amount); err != nil {
		return err
	}
	return t.costs.add(c, units)
}

// costOf returns the cost of one charge, without its unit.
func costOf(c Charge) Cost {
	return Cost{Account: c.Account, Market: c.Market, Category: c.Category, Free: c.Free, Missing: c.Missing, Amount: c.Amount}
}

// costs are sums by every field of a [Cost] except units and amount.
type costs map[Cost]*Cost

func (all costs) add(c Cost, units int) error {
	key := c
	key.Amount.Micros = 0
	sum := all[key]
	if sum == nil {
		fresh := key
		sum = &fresh
		all[key] = sum
	}
	amount, err := sum.Amount.Add(c.Amount)
	sum.Units, sum.Amount = sum.Units+units, amount
	return err
}

// sorted returns the costs that are not zero, the most expensive first.
func (all costs) sorted() (list []Cost) {
	for _, c := range all {
		if c.Units != 0 || c.Amount.Micros != 0 {
			list = append(list, *c)
		}
	}
	slices.SortFunc(list, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Amount.Micros, a.Amount.Micros), cmp.Compare(b.Units, a.Units), cmp.Compare(a.Account, b.Account),
			cmp.Compare(a.Market, b.Market), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Free, b.Free))
	})
	return list
}

// totals are sums by currency, since currencies are never added.
type totals map[string]Money

func (t totals) add(amount Money) error {
	sum, err := t[amount.Currency].Add(amount)
	if err != nil {
		return err
	}
	t[amount.Currency] = sum
	return nil
}

// sorted returns the sums in order of their currencies.
func (t totals) sorted() (all []Money) {
	for _, currency := range slices.Sorted(maps.Keys(t)) {
		all = append(all, t[currency])
	}
	return all
}
