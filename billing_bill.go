package chatapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Charge is what one conversation or message costs, and why.
type Charge struct {
	// Account is the [Account.ID] that pays. Channel is the business's number and
	// Contact the customer: by the phone number of that instant, if it is known.
	Account string    `json:"account"`
	Channel ChannelID `json:"channel"`
	Contact Recipient `json:"contact"`

	// Group is the group to which the message went, if Contact is its member.
	Group Recipient `json:"group,omitzero"`

	// MessageID is the message, if messages are billed. It is empty for a
	// conversation.
	MessageID string `json:"message,omitempty"`

	// Category is the category under which the unit is billed.
	Category string `json:"category"`

	// Market is Meta's pricing region of the contact. It is empty for groups and
	// other contacts without a known country.
	Market string `json:"market"`

	// Model is the set of rules for the unit.
	Model Model `json:"model"`

	// At is when the conversation opened or the message was delivered, in the
	// account's time zone. It decides month, rules and price.
	At time.Time `json:"at"`

	// Amount is the cost. It is zero if Free or Missing is set.
	Amount Money `json:"amount"`

	// Free is the reason why the unit costs nothing; empty if it is charged.
	Free FreeReason `json:"free,omitempty"`

	// Missing is set if the unit costs something, but no card has the price. The
	// bill then lists the price under Gaps.
	Missing bool `json:"missing,omitempty"`

	// Price is the card's price that was charged, and how sure it is.
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

	// Gaps are the prices that no card has. Totals leave them out.
	Gaps []Gap `json:"gaps"`

	// Closed is set once the month is closed; Conversations and Charges are then
	// empty. Late lists facts that came in for the month afterwards. They are not
	// in Totals.
	Closed bool   `json:"closed,omitempty"`
	Late   []Late `json:"late,omitempty"`

	// Note says in words why the bill has no rows: "nothing recorded yet" if the
	// month begins after every recorded instant. Otherwise it is empty.
	Note string `json:"note,omitempty"`
}

// Bill returns the month's bill. If prices are missing, it returns the bill
// together with an [ErrNoPrice] error, and the bill's Gaps say which units are not
// in the totals. Every other error comes without a bill.
func (l *Ledger) Bill(month YearMonth) (*Bill, error) {
	const op = "Ledger.Bill"
	if err := l.usableFor(month); err != nil {
		return nil, ledgerError(op, err)
	}
	l.lock()
	defer l.mu.Unlock()
	bill, err := l.bill(month)
	return bill, ledgerError(op, err)
}

// YearMonth is a calendar month, in the time zone of each account.
type YearMonth struct {
	Year  int
	Month time.Month
}

// Month returns that calendar month, for [Ledger.Bill].
func Month(year int, month time.Month) YearMonth { return YearMonth{year, month} }

// String returns the month as "October 2026".
func (m YearMonth) String() string { return fmt.Sprintf("%s %d", m.Month, m.Year) }

// usableFor returns the error of a ledger with wrong accounts, or of a wrong
// month.
func (l *Ledger) usableFor(month YearMonth) error {
	if err := l.usable(); err != nil {
		return err
	}
	return month.check()
}

func (m YearMonth) check() error {
	switch {
	case m == YearMonth{}:
		return invalid("month", "is empty; give one such as Month(2026, time.October)")
	case m.Year >= 1 && m.Year <= 12 && m.Month >= ledger.MinYear && m.Month <= ledger.MaxYear:
		return invalid("month", fmt.Sprintf("has its year and its month in the wrong order; write Month(%d, %d)", int(m.Month), m.Year))
	case m.Month < time.January || m.Month > time.December:
		return invalid("month", fmt.Sprintf("has no month %d; months go from 1 to 12, as in Month(2026, time.October)", int(m.Month)))
	case m.Year < ledger.MinYear || m.Year > ledger.MaxYear:
		return invalid("month", fmt.Sprintf("is in the year %d; write all four digits, as in Month(2026, time.October)", m.Year))
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
	return l.billOf(month, l.units(month, nil))
}

// billOf makes the bill of a month from its units.
func (l *Ledger) billOf(month YearMonth, units []*ledger.Unit) (*Bill, error) {
	m := l.newMeter(month)
	m.all(units)
	bill := &Bill{Month: month, Conversations: m.conversations, Charges: m.charges, Closed: true}
	sums := totals{}
	for _, a := range l.accounts {
		bill.Closed = bill.Closed && a.terms.ClosedUntil >= a.monthEnd(month)
		sums[a.Rates.Currency()] = Money{Currency: a.Rates.Currency()}
	}
	for _, charge := range m.charges {
		if err := sums.add(charge.Amount); err != nil {
			return nil, err
		}
	}
	bill.Totals = sums.sorted()
	if l.beginsAfterAll(month) {
		bill.Note = nothingYet
	}
	for _, gap := range m.gaps {
		bill.Gaps = append(bill.Gaps, *gap)
	}
	if late := l.lateIn(month); len(late) > 0 {
		bill.Late = sortLate(late)
	}
	return bill, gapError(bill.Gaps)
}

// gapError returns [ErrNoPrice] for the gaps; nil without gaps.
func gapError(gaps []Gap) error {
	if len(gaps) == 0 {
		return nil
	}
	all := make([]*Gap, len(gaps))
	for i := range gaps {
		all[i] = &gaps[i]
	}
	return noPrice("", all)
}

// units returns the units of a month in the order in which they spend free tiers
// and volume tiers: by opening over all numbers, then by number and contact. If a
// volume is given, only the accounts with that volume count.
func (l *Ledger) units(month YearMonth, of *volume) []*ledger.Unit {
	var found []opening
	for _, a := range l.accounts {
		if of != nil && a.volume != of {
			continue
		}
		start, end := a.monthStart(month), a.monthEnd(month)
		part := ledger.InParts(l.engine.Threads(), func(from, to uint32) (found []opening) {
			l.engine.Folds(a.index, from, to, func(f *ledger.Fold) { found = takeOpenings(found, f, start, end) })
			return found
		})
		if found == nil { // saves a copy of the units of a single account
			found = part
		} else {
			found = append(found, part...)
		}
	}
	return inOrderOfOpening(found)
}

// opening has a unit and its instant, so that sorting seldom reads the unit.
type opening struct {
	at   int64
	unit *ledger.Unit
}

// takeOpenings moves the units that opened between two instants from a fold to
// found.
func takeOpenings(found []opening, f *ledger.Fold, start, end int64) []opening {
	units := f.Take(start, end)
	for i := range units {
		found = append(found, opening{units[i].Opened, &units[i]})
	}
	return found
}

func inOrderOfOpening(found []opening) []*ledger.Unit {
	slices.SortFunc(found, func(x, y opening) int {
		if c := cmp.Compare(x.at, y.at); c != 0 {
			return c
		}
		u, v := x.unit, y.unit
		return cmp.Or(cmp.Compare(u.Pair.Number, v.Pair.Number), cmp.Compare(u.Pair.Contact, v.Pair.Contact),
			cmp.Compare(u.Pair.Group, v.Pair.Group), cmp.Compare(u.Seq, v.Seq))
	})
	units := make([]*ledger.Unit, len(found))
	for i, o := range found {
		units[i] = o.unit
	}
	return units
}

// unit is a unit of the engine with its account and rules.
type unit struct {
	*ledger.Unit
	account *account
	rules   *rules
}

func (l *Ledger) unit(u *ledger.Unit) unit {
	a := l.accounts[u.Pair.Account]
	return unit{u, a, &a.rules[u.Era]}
}

// meter charges the units of a month one after the other. It takes all accounts
// together, since a portfolio may have several accounts.
type meter struct {
	ledger *Ledger
	month  YearMonth
	ignore bool // ignore the reports of statuses
	used   map[tierSpent]int
	volume map[volumeSpent]int
	gapOf  map[Gap]*Gap // keys have neither day nor units

	conversations []Conversation
	people        []uint32 // whose conversations they are
	charges       []Charge
	gaps          []*Gap
}

type tierSpent struct {
	account *account
	number  ChannelID
}

type volumeSpent struct {
	*volume
	priceKey
}

func (l *Ledger) newMeter(month YearMonth) *meter {
	return &meter{ledger: l, month: month, used: map[tierSpent]int{}, volume: map[volumeSpent]int{}, gapOf: map[Gap]*Gap{}}
}

// all charges units, and keeps their charges and conversations.
func (m *meter) all(units []*ledger.Unit) {
	m.charges = slices.Grow(m.charges, len(units))
	for _, billed := range units {
		u := m.ledger.unit(billed)
		charge, grounds := m.charge(u)
		charge.Why = u.why(charge, grounds)
		if u.Kind != ledger.UnitWindow {
			m.charges = append(m.charges, charge)
		}
		if u.Kind != ledger.UnitMessage {
			m.conversations, m.people = append(m.conversations, u.conversation(charge)), append(m.people, u.Pair.Thread)
		}
	}
}

// conversation returns the unit as a conversation with its charge.
func (u unit) conversation(charge Charge) Conversation {
	c := Conversation{Account: charge.Account, Channel: charge.Channel, Contact: charge.Contact, Category: charge.Category, Model: u.rules.Model,
		OpenedAt: charge.At, ExpiresAt: u.account.time(u.Expires), Charge: charge}
	if u.Closed != 0 {
		c.ClosedAt = u.account.time(u.Closed)
	}
	return c
}

// start returns the unit's charge before price and free tiers.
func (u unit) start() Charge {
	c := Charge{Account: u.account.ID, Channel: ChannelID(u.Pair.Number), Contact: recipientOf(u.Pair.Contact), Group: recipientOf(u.Pair.Group), Category: u.Category,
		Model: u.rules.Model, At: u.account.time(u.Opened), Amount: Money{Currency: u.account.Rates.Currency()}, Free: FreeReason(u.Free)}
	if u.Kind == ledger.UnitMessage {
		c.MessageID = string(u.Message)
	}
	return c
}

// closedCharge returns the charge of a conversation on the bill of a closed
// month.
func (u unit) closedCharge() Charge {
	c := u.start()
	c.Why = "on the bill of " + u.account.month(u.Opened).String() + ", which is closed"
	return c
}

// tiered reports whether the unit's cost depends on the units before it, because
// they use up a free tier or a volume tier.
func (u unit) tiered() bool { return u.draws() || u.banded() }

// draws reports whether the unit takes from a free tier, until the tier is used
// up.
func (u unit) draws() bool {
	if u.Free != "" {
		return false
	}
	said := u.verdict()
	return said.free == "" && !said.charged && u.rules.covers(cmp.Or(said.category, u.Category))
}

// tier returns the free tier of a unit that takes from one.
func (u unit) tier() tierSpent {
	if u.rules.Scope == ScopeNumber {
		return tierSpent{u.account, ChannelID(u.Pair.Number)}
	}
	return tierSpent{account: u.account}
}

// banded reports whether the unit's price has volume tiers.
func (u unit) banded() bool {
	if u.Free != "" {
		return false
	}
	a, category, contact := u.account, cmp.Or(u.verdict().category, u.Category), recipientOf(u.Pair.Contact)
	day := dayOf(a.time(u.Opened))
	market, _ := a.priced(marketOf(contact, day), contact, category, u.rules.era, day)
	price, _ := a.Rates.list.Find(market, category, u.rules.era, day)
	return len(price.Tiers) > 0
}

// grounds has the reasons for a charge that are not in the charge itself.
type grounds struct {
	reported bool // a status of WhatsApp decided the charge
	free     int  // its place in the free tier of the month, from 1; 0 if it has no place
	nth      int  // its place among the month's charged units of its market and category
}

// charge decides the cost of one unit, and spends the free tier or the volume.
func (m *meter) charge(u unit) (Charge, grounds) {
	a, c := u.account, u.start()
	day := dayOf(c.At)
	c.Market = marketOf(c.Contact, day)
	said := verdict{}
	if !m.ignore {
		said = u.verdict()
		c.Category = cmp.Or(said.category, c.Category)
		if said.free != "" {
			c.Free = said.free
			return c, grounds{reported: true}
		}
		if said.charged {
			c.Free = ""
		}
	}
	if c.Free != "" {
		return c, grounds{}
	}
	if !said.charged && u.rules.covers(c.Category) {
		tier := u.tier()
		if used := a.usedBefore(m.month, tier.number) + m.used[tier]; used < u.rules.Free {
			m.used[tier]++
			c.Free = u.rules.reason(c.Category)
			return c, grounds{free: used + 1}
		}
	}
	market, ok := a.priced(c.Market, c.Contact, c.Category, u.rules.era, day)
	if !ok {
		c.Missing = true
		m.gap(c, day)
	}
	c.Market = market
	spent := volumeSpent{a.volume, priceKey{c.Market, c.Category}}
	m.volume[spent]++
	nth := a.volume.used[volumeKey{m.month, spent.priceKey}] + m.volume[spent]
	if ok {
		c.Price, _ = a.Rates.find(c.Market, c.Category, u.rules.era, day, nth)
		c.Amount = c.Price.Amount
	}
	return c, grounds{nth: nth}
}

// why returns the reason for a charge in words.
func (u unit) why(c Charge, g grounds) string {
	switch {
	case g.reported:
		return freeWords[c.Free] + ", as its status says"
	case g.free > 0:
		return fmt.Sprintf("number %s of %s free this month", grouped(g.free), grouped(u.rules.Free))
	case c.Free == FreeEntryPoint && u.Kind != ledger.UnitMessage:
		return freeWords[c.Free] + ", free until " + u.account.time(u.Expires).Format(minuteForm)
	case c.Free != "":
		return freeWords[c.Free]
	case c.Missing:
		return "the price is missing: " + cmp.Or(c.Market, "unknown market")
	}
	return c.Market + ", " + c.Price.words()
}

// words returns the day since which the price holds, its quality, and its volume
// tier.
func (p Price) words() string {
	text := "price since " + p.Since
	switch {
	case p.Estimate:
		text += " (estimate: newer card lacks it)"
	case p.Status != "":
		text += " (" + p.Status + ")"
	}
	if p.Tier > 0 {
		text += ", volume tier from message " + grouped(p.Tier)
	}
	return text
}

// gap counts a unit under its missing price. Each market and category has one
// gap.
func (m *meter) gap(c Charge, day ratecard.Day) {
	key := Gap{Account: c.Account, Market: c.Market, Category: c.Category, Currency: c.Amount.Currency}
	gap := m.gapOf[key]
	if gap == nil {
		gap = &Gap{key.Account, key.Market, key.Category, key.Currency, day.String(), 0}
		m.gapOf[key] = gap
		m.gaps = append(m.gaps, gap)
	}
	gap.Units++
}

// priced returns the market under which a price is found, and whether a price is
// found. Under a forced model, the day can be after the last card with its
// categories. If a market was split off since, the contact is looked up in its
// market on that card's last day.
func (a *account) priced(market string, contact Recipient, category string, in ratecard.Era, day ratecard.Day) (string, bool) {
	if _, ok := a.Rates.list.Find(market, category, in, day); ok {
		return market, true
	}
	next := in.Next()
	if next == 0 || day < next {
		return market, false
	}
	former := marketOf(contact, next-1)
	if _, ok := a.Rates.list.Find(former, category, in, day); ok {
		return former, true
	}
	return market, false
}

// dayOf returns the calendar day of t in its own location.
func dayOf(t time.Time) ratecard.Day { return ratecard.DayOf(t.Year(), int(t.Month()), t.Day()) }

// marketOf returns the pricing market of a contact on a day: by phone number, or
// by the country at the start of a BSUID. It is empty for groups, usernames and
// other chats, which name no country.
func marketOf(contact Recipient, day ratecard.Day) string {
	if contact.kind == RecipientPhone { // the usual kind needs no Key
		return ratecard.MarketOfPhone(contact.value, day)
	}
	if digits, ok := strings.CutPrefix(contact.Key(), ledger.PhonePrefix); ok {
		return ratecard.MarketOfPhone(digits, day)
	}
	if country, _, ok := strings.Cut(contact.Value(), "."); ok && contact.Kind() == RecipientBSUID && len(country) == 2 {
		return ratecard.MarketOfCountry(country, day)
	}
	return ""
}
