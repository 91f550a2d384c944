package chatapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Charge is what one conversation or message costs, and why.
type Charge struct {
	// Account is the [Account.ID] that pays; Channel and Contact are the two
	// sides.
	Account string    `json:"account"`
	Channel ChannelID `json:"channel"`
	Contact Recipient `json:"contact"`

	// MessageID is the message, where messages are billed; empty for a
	// conversation.
	MessageID string `json:"message,omitempty"`

	// Category is what it is billed as.
	Category string `json:"category"`

	// Market is Meta's pricing region of the contact; empty if it is unknown,
	// as for groups.
	Market string `json:"market"`

	// Model is the set of rules that decided.
	Model Model `json:"model"`

	// At is when the conversation opened or the message was delivered, in the
	// account's time zone. It decides month, rules and price.
	At time.Time `json:"at"`

	// Amount is the cost: zero when Free, and when Missing.
	Amount Money `json:"amount"`

	// Free says why it costs nothing; empty if it is charged.
	Free FreeReason `json:"free,omitempty"`

	// Missing is set when it is charged, but no card has the price: the bill
	// lists it under Gaps.
	Missing bool `json:"missing,omitempty"`

	// Price is the card's price that was charged, and what it is worth.
	Price Price `json:"price,omitzero"`

	// Why is the reason in words.
	Why string `json:"why"`
}

// Bill is what one month costs all accounts of a ledger.
type Bill struct {
	Month YearMonth `json:"month"`

	// Conversations are those opened in the month, and the free entry point
	// windows, in order of opening.
	Conversations []Conversation `json:"conversations"`

	// Charges are all conversations and messages of the month, free ones too,
	// in order of opening or delivery.
	Charges []Charge `json:"charges"`

	// Totals are the sums of Charges, one for each currency. Currencies are
	// never added.
	Totals []Money `json:"totals"`

	// Gaps are the prices that no card has; the totals are short of them.
	Gaps []Gap `json:"gaps"`

	// Closed is set once the month was closed: Conversations and Charges are
	// then gone. Late is what came in for it afterwards and is not in Totals.
	Closed bool   `json:"closed,omitempty"`
	Late   []Late `json:"late,omitempty"`
}

// Bill returns the month's bill. With a price missing it returns the bill, whose
// Gaps say what is not in the totals, together with an [ErrNoPrice] error; every
// other error comes without a bill.
func (l *Ledger) Bill(month YearMonth) (*Bill, error) {
	if err := l.usableFor(month); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bill(month)
}

// usableFor reports what keeps the ledger from answering about a month.
func (l *Ledger) usableFor(month YearMonth) error {
	if err := l.usable(); err != nil {
		return err
	}
	return month.check()
}

func (m YearMonth) check() error {
	switch {
	case m.Month < time.January || m.Month > time.December:
		return invalid("month", fmt.Sprintf("has no month %d", int(m.Month)))
	case m.Year < minYear || m.Year > maxYear:
		return invalid("month", fmt.Sprintf("is in the year %d", m.Year))
	}
	return nil
}

func (l *Ledger) bill(month YearMonth) (*Bill, error) {
	if closed := l.closed[month]; closed != nil {
		bill := *closed
		bill.Totals, bill.Gaps = slices.Clone(closed.Totals), slices.Clone(closed.Gaps)
		bill.Late = sortLate(append(slices.Clone(closed.Late), l.lateIn(month)...))
		return &bill, gapError(bill.Gaps)
	}
	bill := &Bill{Month: month, Closed: true}
	var gaps []*Gap
	totals := map[string]Money{}
	for _, a := range l.accounts {
		bill.Closed = bill.Closed && a.closedUntil >= a.monthEnd(month)
		part := a.bill(month, l.units(a, month))
		if len(l.accounts) == 1 { // a million charges are not worth a copy
			bill.Conversations, bill.Charges = part.conversations, part.charges
		} else {
			bill.Conversations = append(bill.Conversations, part.conversations...)
			bill.Charges = append(bill.Charges, part.charges...)
		}
		gaps = append(gaps, part.gaps...)
		sum := totals[a.Rates.currency]
		sum.Currency = a.Rates.currency
		for _, charge := range part.charges {
			var err error
			if sum, err = sum.Add(charge.Amount); err != nil {
				return nil, err
			}
		}
		totals[sum.Currency] = sum
	}
	for _, sum := range totals {
		bill.Totals = append(bill.Totals, sum)
	}
	slices.SortFunc(bill.Totals, func(a, b Money) int { return cmp.Compare(a.Currency, b.Currency) })
	slices.SortStableFunc(bill.Conversations, func(a, b Conversation) int { return a.OpenedAt.Compare(b.OpenedAt) })
	slices.SortStableFunc(bill.Charges, func(a, b Charge) int { return a.At.Compare(b.At) })
	for _, gap := range gaps {
		bill.Gaps = append(bill.Gaps, *gap)
	}
	if late := l.lateIn(month); len(late) > 0 {
		bill.Late = sortLate(late)
	}
	return bill, gapError(bill.Gaps)
}

func gapError(gaps []Gap) error {
	if len(gaps) == 0 {
		return nil
	}
	all := make([]*Gap, len(gaps))
	for i := range gaps {
		all[i] = &gaps[i]
	}
	return noPrice("Bill", all)
}

// accountBill is one account's part of a bill.
type accountBill struct {
	conversations []Conversation
	charges       []Charge
	gaps          []*Gap
}

// units returns what an account pays for in a month, in the order in which free
// tiers are spent: of opening over all numbers, then number, then contact.
func (l *Ledger) units(a *account, month YearMonth) []*unit {
	type opening struct { // beside the unit, so that sorting seldom looks at it
		at int64
		*unit
	}
	start, end := a.monthStart(month), a.monthEnd(month)
	found := inParts(l.threads.n, func(from, to uint32) (found []opening) {
		l.walks(a, from, to, func(w *walk, _ *gathered) {
			for i := range w.units {
				if u := &w.units[i]; !u.carried && start <= u.opened && u.opened < end {
					found = append(found, opening{u.opened, u})
				}
			}
		})
		return found
	})
	slices.SortFunc(found, func(x, y opening) int {
		if c := cmp.Compare(x.at, y.at); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(x.pair.channel, y.pair.channel), cmp.Compare(x.pair.key, y.pair.key), cmp.Compare(x.seq, y.seq))
	})
	units := make([]*unit, len(found))
	for i, o := range found {
		units[i] = o.unit
	}
	return units
}

// bill charges a month's units.
func (a *account) bill(month YearMonth, units []*unit) accountBill {
	return a.meter(month, units, false)
}

// meter charges a month's units, with or without what statuses report.
func (a *account) meter(month YearMonth, units []*unit, ignore bool) accountBill {
	m := &meter{account: a, month: month, ignore: ignore, used: map[tierKey]int{}, gaps: map[Gap]*Gap{}}
	m.bill.charges = make([]Charge, 0, len(units))
	for _, u := range units {
		m.unit(*u)
	}
	return m.bill
}

// meter charges an account's units one after the other.
type meter struct {
	account *account
	month   YearMonth
	ignore  bool // what statuses report
	used    map[tierKey]int
	gaps    map[Gap]*Gap // by all but day and units
	bill    accountBill
}

func (m *meter) unit(u unit) {
	charge := m.charge(u)
	if u.kind != unitWindow {
		m.bill.charges = append(m.bill.charges, charge)
	}
	if u.kind == unitMessage {
		return
	}
	m.bill.conversations = append(m.bill.conversations, m.conversation(u, charge))
}

func (m *meter) conversation(u unit, charge Charge) Conversation {
	c := Conversation{Account: charge.Account, Channel: charge.Channel, Contact: charge.Contact, Category: charge.Category, Model: u.rules.model,
		OpenedAt: charge.At, ExpiresAt: m.account.time(u.expires), Charge: charge}
	if u.closed != 0 {
		c.ClosedAt = m.account.time(u.closed)
	}
	return c
}

// start is a unit's charge before it is decided what it costs.
func (m *meter) start(u unit) Charge {
	c := Charge{Account: m.account.ID, Channel: u.pair.channel, Contact: u.pair.contact, Category: u.category,
		Model: u.rules.model, At: m.account.time(u.opened), Amount: Money{Currency: m.account.Rates.currency}, Free: u.free}
	if u.kind == unitMessage {
		c.MessageID = string(u.message)
	}
	return c
}

// closed is the charge of a conversation that a closed month has on its bill.
func (m *meter) closed(u unit) Charge {
	c := m.start(u)
	c.Why = "on the bill of " + m.account.month(u.opened).String() + ", which is closed"
	return c
}

// charge decides what one unit costs, and spends the free tier.
func (m *meter) charge(u unit) Charge {
	a, c := m.account, m.start(u)
	at := c.At
	said := verdict{}
	if u.report != nil && !m.ignore {
		said = u.report.verdict(u)
		c.Category = orElse(said.category, c.Category)
		if said.free != "" {
			c.Free, c.Why = said.free, freeWords[said.free]+", as its status says"
			c.Market = marketOf(u.pair.contact, ratecard.DayOf(at.Year(), int(at.Month()), at.Day()))
			return c
		}
		if said.charged {
			c.Free, u.free = "", ""
		}
		u.category = c.Category
	}
	day := ratecard.DayOf(at.Year(), int(at.Month()), at.Day())
	c.Market = marketOf(u.pair.contact, day)
	switch {
	case u.free == FreeEntryPoint:
		c.Why = freeWords[u.free]
		if u.kind != unitMessage {
			c.Why += ", free until " + a.time(u.expires).Format(minuteForm)
		}
		return c
	case u.free != "":
		c.Why = freeWords[u.free]
		return c
	case !said.charged && u.rules.covers(u.category):
		key := tierKey{month: m.month}
		if u.rules.scope == perNumber {
			key.number = c.Channel
		}
		if used := a.used[key] + m.used[key]; used < u.rules.free {
			m.used[key]++
			c.Free = u.rules.reason
			c.Why = fmt.Sprintf("number %s of %s free this month", grouped(used+1), grouped(u.rules.free))
			return c
		}
	}
	price, market, ok := a.price(c.Market, u.pair.contact, u.category, u.rules.era, day)
	if !ok {
		c.Missing = true
		c.Why = "the price is missing: " + cmp.Or(c.Market, "unknown market")
		m.gap(c, day)
		return c
	}
	c.Market, c.Price, c.Amount = market, price, price.Amount
	c.Why = fmt.Sprintf("%s, price since %s", market, price.Since)
	switch {
	case price.Estimate:
		c.Why += " (estimate: newer card lacks it)"
	case price.Status != "":
		c.Why += " (" + price.Status + ")"
	}
	return c
}

// gap lists a missing price once for each market and category.
func (m *meter) gap(c Charge, day ratecard.Day) {
	key := Gap{Account: c.Account, Market: c.Market, Category: c.Category, Currency: c.Amount.Currency}
	gap := m.gaps[key]
	if gap == nil {
		gap = &Gap{key.Account, key.Market, key.Category, key.Currency, day.String(), 0}
		m.gaps[key] = gap
		m.bill.gaps = append(m.bill.gaps, gap)
	}
	gap.Units++
}

// price looks the price up. Under a forced model the day can lie after the last
// card with its categories; a market that got its own price only since is then
// looked up as it was called on that card's last day.
func (a *account) price(market string, contact Recipient, category string, in era, day ratecard.Day) (Price, string, bool) {
	if price, ok := a.Rates.find(market, category, in, day); ok {
		return price, market, true
	}
	if int(in)+1 >= len(eraStarts) || day < eraStarts[in+1] {
		return Price{}, market, false
	}
	market = marketOf(contact, eraStarts[in+1]-1)
	price, ok := a.Rates.find(market, category, in, day)
	return price, market, ok
}

// marketOf returns the pricing market of a contact on a day: by phone number,
// or by the country that a BSUID begins with. It is empty for groups,
// usernames and other chats, which tell no country.
func marketOf(contact Recipient, day ratecard.Day) string {
	if digits, ok := strings.CutPrefix(contact.Key(), string(RecipientPhone)+":"); ok {
		return ratecard.MarketOfPhone(digits, day)
	}
	if country, _, ok := strings.Cut(contact.Value(), "."); ok && contact.Kind() == RecipientBSUID && len(country) == 2 {
		return ratecard.MarketOfCountry(country, day)
	}
	return ""
}
