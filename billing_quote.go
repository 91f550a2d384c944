package chatapi

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Quote returns what one message would cost if it were sent and delivered at
// now: what the bill then grows by, and in Why the reason in words. It records
// nothing. A message that joins an open conversation costs nothing more and is
// [FreeOpenConversation].
//
// A template needs its Category, which is not sent; without it the error is
// [ErrInvalid] (the model of 2022, which bills every template alike, does not
// ask). Other errors are those of the message, [ErrInvalid] for an instant in a
// closed month, and [ErrNoPrice], a [*Gap] by errors.As, together with the
// charge. A quote looks at this one contact; where a free tier decides, at as
// many others as it takes to see that it is used up; where a volume tier does, it
// takes as long as a bill. Of many messages each quote would find the same free
// tier: ask [Ledger.QuoteAll].
func (l *Ledger) Quote(now time.Time, channel ChannelID, to Recipient, m Message) (Charge, error) {
	const op = "Quote"
	q, err := l.newQuoting(now, channel)
	if err != nil {
		return Charge{}, err
	}
	one, err := q.plan(to, m)
	if err != nil {
		return Charge{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := q.fold([]planned{one}); err != nil {
		return Charge{}, err
	}
	return q.one(one.category), gapError(op, q.missing())
}

// Campaign is what many messages would cost together.
type Campaign struct {
	// Messages is how many were asked for.
	Messages int `json:"messages"`

	// Totals are what the bills grow by, one for each currency.
	Totals []Money `json:"totals"`

	// Costs say where that comes from and how many are free by which reason, the
	// most expensive first. Those that join an open conversation have no
	// Category.
	Costs []Cost `json:"costs"`

	// Gaps are the prices that no card has; the totals are short of them.
	Gaps []Gap `json:"gaps"`
}

// Cost is what the conversations or messages of one market and category cost, or
// those that are free there for one reason.
type Cost struct {
	Account  string     `json:"account"`
	Market   string     `json:"market"`
	Category string     `json:"category,omitempty"`
	Free     FreeReason `json:"free,omitempty"`
	Missing  bool       `json:"missing,omitempty"` // no card has the price
	Units    int        `json:"units"`
	Amount   Money      `json:"amount"`
}

// QuoteAll returns what messages to many recipients would cost if all were sent
// and delivered at now, as [Ledger.Quote] does for one: they spend the free tier
// and the volume tiers as they go, and of several to one recipient the later
// ones join the conversation of the first. A map of messages by recipient is
// given as maps.All(m). It takes about as long as a bill, and some hundred bytes
// of memory for each message. The first message that is refused ends it, with
// its place in the error's Field, as "messages[3].Category". Missing
// prices are listed, and the error is [ErrNoPrice] beside the campaign.
func (l *Ledger) QuoteAll(now time.Time, channel ChannelID, messages iter.Seq2[Recipient, Message]) (*Campaign, error) {
	const op = "QuoteAll"
	q, err := l.newQuoting(now, channel)
	if err != nil {
		return nil, err
	}
	if messages == nil {
		return nil, invalid("messages", "are nil")
	}
	var all []planned
	for to, m := range messages {
		one, err := q.plan(to, m)
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				at := *e
				at.Field = fmt.Sprintf("messages[%d].%s", len(all), e.Field)
				at.Sentence = "Message " + grouped(len(all)+1) + ": " + e.Sentence
				return nil, &at
			}
			return nil, err
		}
		all = append(all, one)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := q.fold(all); err != nil {
		return nil, err
	}
	c := &Campaign{Messages: len(all), Totals: q.totals.sorted(), Costs: q.costs.sorted(), Gaps: q.missing()}
	return c, gapError(op, c.Gaps)
}

// quoting is what bills grow by when messages that are not recorded are added.
type quoting struct {
	*Ledger
	account *account
	channel ChannelID
	now     int64

	tally
	gaps map[Gap]*Gap

	// Of the last contact: its fold with the messages, and, where the last one
	// is a unit of its own, what that costs.
	walk   *walk
	unit   *unit
	charge Charge
	grounds

	room gathered // used again for each contact
}

// planned is a message that is not recorded; category is empty for free-form.
type planned struct{ key, category string }

func (l *Ledger) newQuoting(now time.Time, channel ChannelID) (*quoting, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	owner := l.owner(channel)
	switch {
	case channel == "":
		return nil, invalid("channel", "is missing")
	case owner == nil:
		return nil, invalid("channel", fmt.Sprintf("%q belongs to no account of the ledger", clip(string(channel), 64)))
	case now.Year() < minYear || now.Year() > maxYear:
		return nil, invalid("now", fmt.Sprintf("is in the year %d", now.Year()))
	}
	currency := owner.Rates.Currency()
	return &quoting{Ledger: l, account: owner, channel: channel, now: now.UnixNano(),
		tally: tally{costs{}, totals{currency: {Currency: currency}}}, gaps: map[Gap]*Gap{}}, nil
}

// plan checks one message.
func (q *quoting) plan(to Recipient, m Message) (planned, error) {
	if to.IsZero() {
		return planned{}, invalid("Recipient", "names nobody")
	}
	category, err := messageCategory(m)
	if err != nil {
		return planned{}, err
	}
	if category = normalCategory(category); category == CategoryTemplate && q.account.timeline.at(q.now).Model != ModelCBP2022 {
		e := invalid("Category", "is empty, but the price of a template goes by it")
		e.Advice = "set Template.Category to what Templates.Get says it is, such as UTILITY"
		return planned{}, e
	}
	return planned{to.Key(), category}, nil
}

// fold compares what is to be paid with and without the messages: of the months
// in which a unit is another, all that is paid for.
func (q *quoting) fold(all []planned) error {
	if q.now < q.account.closedUntil {
		return invalid("now", "is in a month that is closed")
	}
	slices.SortStableFunc(all, func(a, b planned) int { return cmp.Compare(a.key, b.key) })
	var with, without []opening
	same := map[uint32]int{} // by thread, how many of its units don't change
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].key == all[0].key {
			n++
		}
		old, kept, err := q.contact(all[:n])
		if err != nil {
			return err
		}
		with, without = appendOpenings(with, q.walk.units[kept:]), appendOpenings(without, old[kept:])
		if thread := q.walk.pair.thread; thread != noThread {
			same[thread] = kept
		}
		all = all[n:]
	}
	if m := q.ahead(with, without); m != nil {
		return q.count(m, inOrderOfOpening(with), 1)
	}
	months := map[YearMonth]bool{}
	for _, o := range slices.Concat(with, without) {
		months[q.account.month(o.at)] = true
	}
	for month := range months {
		recorded := q.units(month, q.account.volume)
		added := slices.DeleteFunc(slices.Clone(with), func(o opening) bool { return q.account.month(o.at) != month })
		for _, u := range recorded {
			if kept, quoted := same[u.pair.thread]; !quoted || u.seq < kept {
				added = append(added, opening{u.opened, u})
			}
		}
		if err := errors.Join(q.count(newMeter(month), inOrderOfOpening(added), 1), q.count(newMeter(month), recorded, -1)); err != nil {
			return err
		}
	}
	return nil
}

// ahead is the short way where the messages only add units, after all others that
// take from their free tier, and no volume tier decides: as a rule. It returns a
// meter with what is used of the tier, or nil. A tier that is used up, as those
// of busy numbers are, is found out without a look at every contact.
func (q *quoting) ahead(with, without []opening) *meter {
	if len(with) == 0 || len(without) > 0 {
		return nil
	}
	first := slices.MinFunc(with, func(a, b opening) int { return cmp.Compare(a.at, b.at) })
	month, tier := q.account.month(first.at), first.tier()
	for _, o := range with {
		if o.rules != first.rules || q.account.month(o.at) != month || o.banded() {
			return nil
		}
	}
	m := newMeter(month)
	start, end := q.account.monthStart(month), q.account.monthEnd(month)
	left := first.rules.Free - q.account.used[tierKey{month, tier.number}]
	if left <= 0 || !slices.ContainsFunc(with, func(o opening) bool { return o.draws() }) {
		return m
	}
	used, inTheWay := 0, false
	for from, n := uint32(0), uint32(q.threads.n); from < n && used < left; from += fewThreads {
		q.walks(q.account, from, min(n, from+fewThreads), func(w *walk, _ *gathered) {
			for i := range w.units {
				u := &w.units[i]
				if u.carried || u.opened < start || u.opened >= end || !u.draws() {
					continue
				}
				if u.tier() == tier {
					used++
					inTheWay = inTheWay || u.opened >= first.at
				}
				inTheWay = inTheWay || u.rules != first.rules
			}
		})
	}
	if inTheWay {
		return nil
	}
	m.used[tier] = used
	return m
}

func appendOpenings(all []opening, units []unit) []opening {
	for i := range units {
		if u := &units[i]; !u.carried && u.kind != unitWindow {
			all = append(all, opening{u.opened, u})
		}
	}
	return all
}

const noThread = math.MaxUint32

// contact folds one contact, q.walk, with the messages to it. It returns its
// units without them, and how many of those stay.
func (q *quoting) contact(messages []planned) (old []unit, same int, err error) {
	key := messages[0].key
	p := &pair{account: q.account, channel: q.channel, contact: recipientOf(key), key: key, thread: noThread}
	g := &q.room
	g.inbounds, g.messages = g.inbounds[:0], g.messages[:0]
	if thread, ok := q.find(q.channel, p.contact); ok {
		p = q.pair(thread)
		old = q.Ledger.fold(p, g).units
		q.gather(thread, g)
	}
	now := stamp{q.now, told}
	for i, one := range messages { // after all that is recorded of the same instant, in order
		g.messages = append(g.messages, message{id: binary.BigEndian.AppendUint32([]byte{0xff}, uint32(i)),
			sent: now, delivered: now, category: one.category, marks: markPlanned})
	}
	q.walk = q.foldGathered(p, g, math.MaxInt64)
	for i := range q.walk.units {
		q.walk.units[i].seq = i
	}
	for same < min(len(old), len(q.walk.units)) && old[same].sameAs(&q.walk.units[same]) {
		same++
	}
	joining := len(messages)
	for i := same; i < len(q.walk.units); i++ {
		if u := &q.walk.units[i]; u.planned && u.kind != unitWindow && !u.carried {
			joining--
		}
	}
	if joining == 0 {
		return old, same, nil
	}
	c := Cost{Account: q.account.ID, Market: marketOf(p.contact, dayOf(q.account.time(q.now))), Free: FreeOpenConversation,
		Amount: Money{Currency: q.account.Rates.Currency()}}
	if q.walk.open(q.now, CategoryReferral) {
		c.Free = FreeEntryPoint
	}
	return old, same, q.add(c, joining)
}

// sameAs reports whether two units of a contact are one and the same; a free
// entry point that closes it changes nothing of its cost.
func (u *unit) sameAs(v *unit) bool {
	return u.kind == v.kind && u.category == v.category && u.opened == v.opened && u.expires == v.expires && u.free == v.free &&
		u.carried == v.carried && u.planned == v.planned && string(u.message) == string(v.message) &&
		(u.report == v.report || u.report != nil && v.report != nil && *u.report == *v.report)
}

// count charges units, and adds what they cost or, with the sign -1, takes it
// off.
func (q *quoting) count(m *meter, units []*unit, sign int) error {
	for _, u := range units {
		if u.kind == unitWindow {
			continue
		}
		c, g := m.charge(u)
		if u.planned {
			q.unit, q.charge, q.grounds = u, c, g
		}
		cost := costOf(c)
		cost.Amount.Micros *= int64(sign)
		if err := q.add(cost, sign); err != nil {
			return err
		}
		if c.Missing {
			key := Gap{Account: c.Account, Market: c.Market, Category: c.Category, Currency: c.Amount.Currency}
			if q.gaps[key] == nil {
				gap := key
				q.gaps[key] = &gap
			}
			gap, day := q.gaps[key], dayOf(c.At).String()
			gap.Units += sign
			if u.planned && (gap.Day == "" || day < gap.Day) {
				gap.Day = day
			}
		}
	}
	return nil
}

// missing lists the gaps that come with the messages.
func (q *quoting) missing() (all []Gap) {
	for _, gap := range q.gaps {
		if gap.Units > 0 {
			gap.Day = cmp.Or(gap.Day, dayOf(q.account.time(q.now)).String())
			all = append(all, *gap)
		}
	}
	slices.SortFunc(all, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Market, b.Market), cmp.Compare(a.Category, b.Category))
	})
	return all
}

// one returns the charge of the only message.
func (q *quoting) one(category string) Charge {
	c := q.charge
	switch u := q.unit; {
	case u != nil:
		c.MessageID = ""
		c.Why = q.why(u, c)
	default:
		c = q.joins(category)
	}
	growth := q.totals[q.account.Rates.Currency()]
	if growth != c.Amount {
		// It opens before others of the month, which then find another tier.
		c.Why += "; with what others of the month then cost instead: " + growth.String()
		c.Amount, c.Free = growth, ""
	}
	if category == "" && q.walk.serviceEnd(q.now) <= q.now {
		c.Why += "; the service window is closed, so WhatsApp refuses it"
	}
	return c
}

// joins is the charge of a message that is no unit of its own.
func (q *quoting) joins(category string) Charge {
	at := q.account.time(q.now)
	c := Charge{Account: q.account.ID, Channel: q.channel, Contact: q.walk.pair.contact, Market: marketOf(q.walk.pair.contact, dayOf(at)),
		Model: q.account.timeline.at(q.now).Model, At: at, Amount: Money{Currency: q.account.Rates.Currency()}, Free: FreeOpenConversation}
	joined := q.walk.rides(q.now, category)
	switch {
	case joined == nil:
		c.Category, c.Why = category, freeWords[c.Free]
	case joined.category == CategoryReferral:
		c.Category, c.Free, c.Why = joined.category, FreeEntryPoint, "free entry point until "+q.minute(joined.expires)
	case joined.planned:
		c.Category, c.Free, c.Why = joined.category, "", "its conversation opened at "+q.minute(joined.opened)+", in a month that is closed"
	default:
		c.Category, c.Why = joined.category, "joins the open "+words(joined.category)+" conversation, until "+q.minute(joined.expires)
	}
	return c
}

func (q *quoting) minute(instant int64) string { return q.account.time(instant).Format(minuteForm) }

// rides returns the conversation that a message of that category joins.
func (w *walk) rides(now int64, category string) (best *unit) {
	for i := range w.units {
		u := &w.units[i]
		if !u.openAt(now) {
			continue
		}
		if best == nil || u.category == CategoryReferral || u.category == category && best.category != CategoryReferral {
			best = u
		}
	}
	return best
}

// why says a planned unit's charge in words.
func (q *quoting) why(u *unit, c Charge) string {
	what := "new " + words(c.Category) + " conversation in " + cmp.Or(c.Market, "an unknown market")
	if u.kind == unitMessage {
		what = words(c.Category) + " template to " + cmp.Or(c.Market, "an unknown market")
		if c.Category == CategoryService || c.Category == CategorySession {
			what = strings.Replace(what, "template", "message", 1)
		}
	}
	end := q.walk.serviceEnd(q.now)
	switch {
	case q.free > 0:
		return fmt.Sprintf("%s, free tier: number %s of %s this month, %s left", what, grouped(q.free), grouped(u.rules.Free), grouped(u.rules.Free-q.free))
	case c.Free == FreeEntryPoint:
		if entry := q.walk.rides(q.now, CategoryReferral); entry != nil {
			return "free entry point until " + q.minute(entry.expires)
		}
		return freeWords[c.Free]
	case c.Free == FreeCareWindow || c.Free == FreeCustomerService:
		if end > q.now {
			return "service window open until " + q.minute(end)
		}
		return "free-form messages are free"
	case c.Free != "":
		return freeWords[c.Free]
	case c.Missing:
		return what + ", the price is missing"
	}
	why := what + ", " + c.Price.words()
	if c.Price.Tier > 0 {
		why += ", number " + grouped(q.nth) + " this month"
	}
	return why
}

// tally is what charges come to: in all, and by where that comes from.
type tally struct {
	costs  costs
	totals totals
}

// add adds so many units, which cost the amount together.
func (t tally) add(c Cost, units int) error {
	if err := t.totals.add(c.Amount); err != nil {
		return err
	}
	return t.costs.add(c, units)
}

// costOf is the kind of a charge, with its amount.
func costOf(c Charge) Cost {
	return Cost{Account: c.Account, Market: c.Market, Category: c.Category, Free: c.Free, Missing: c.Missing, Amount: c.Amount}
}

// costs add up by all of a [Cost] but its units and amount.
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

// sorted returns the costs that are left, the most expensive first.
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
