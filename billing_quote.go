package chatapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

// Quote returns what one message would cost if it were sent and delivered at now.
// The amount is how much the bill would grow, and Why says the reason in words.
// Quote records nothing. A message that joins an open conversation costs nothing
// more and is [FreeOpenConversation]. Why also says if WhatsApp would not deliver
// the message: a free-form message outside the service window, or marketing to a
// person in the United States.
//
// A template needs its Category, though it is not sent; without it the error is
// [ErrInvalid], except under the model of 2022, which bills all templates alike.
// Other errors are those of the message, [ErrInvalid] for a recipient to whom Send
// would send nothing, such as a number with a leading 0, and for an instant in a
// closed month, and [ErrNoPrice], a [*Gap] by errors.As, together with the charge. A
// message to a group is always [ErrNoPrice], because its price depends on the
// members to whom it is delivered.
//
// A quote looks at this one contact. If a free tier decides, it looks at further
// contacts until it sees that the tier is used up. If a volume tier decides, it
// takes as long as a bill. Several quotes would all find the same free tier, so
// ask [Ledger.QuoteAll] for many messages.
func (l *Ledger) Quote(now time.Time, channel ChannelID, to Recipient, m Message) (Charge, error) {
	const op = "Ledger.Quote"
	q, err := l.newQuoteRun(now, channel)
	if err != nil {
		return Charge{}, ledgerError(op, err)
	}
	planned, err := q.plan(to, m)
	if err != nil {
		return Charge{}, ledgerError(op, err)
	}
	l.lock()
	defer l.mu.Unlock()
	if err := q.compare([]ledger.Planned{planned}); err != nil {
		return Charge{}, ledgerError(op, err)
	}
	return q.only(planned.Category), ledgerError(op, q.gapError())
}

// quoteRun computes how much the bills grow with messages that are not recorded.
type quoteRun struct {
	ledger  *Ledger
	account *account
	channel ChannelID
	now     int64

	growth tally
	gaps   map[Gap]*Gap // gaps that come with the messages; keys have neither day nor units

	undelivered int // the messages that WhatsApp does not deliver
	toGroups    int // the messages to groups, which have no price

	// These fields are of the last contact: its fold with the messages and, if
	// the last message is a unit of its own, that unit with its charge.
	fold    *ledger.Fold
	unit    *ledger.Unit
	charge  Charge
	grounds grounds

	room ledger.Thread // used again for each contact
}

func (l *Ledger) newQuoteRun(now time.Time, channel ChannelID) (*quoteRun, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	owner, number := l.payer(channel)
	switch {
	case channel == "":
		return nil, invalid("channel", "is missing; give the id of the channel, such as ABC100000001")
	case owner == nil && len(channel) >= 10 && isDigits(strings.TrimPrefix(string(channel), "+")):
		return nil, invalid("channel", fmt.Sprintf("%q looks like a phone number; give the id of the channel, such as ABC100000001", clip(string(channel), 64)))
	case owner == nil:
		return nil, invalid("channel", fmt.Sprintf("%q belongs to no account of the ledger; check its spelling, or name it in Account.Numbers", clip(string(channel), 64)))
	}
	if err := checkNow(now); err != nil {
		return nil, err
	}
	currency := owner.Rates.Currency()
	return &quoteRun{ledger: l, account: owner, channel: ChannelID(number), now: now.UnixNano(),
		growth: tally{costs{}, totals{currency: {Currency: currency}}}, gaps: map[Gap]*Gap{}}, nil
}

// plan checks one message and returns it for the engine.
func (q *quoteRun) plan(to Recipient, m Message) (ledger.Planned, error) {
	if to.IsZero() {
		return ledger.Planned{}, invalid("Recipient", "names nobody; give a phone number, a BSUID or a chat")
	}
	if err := to.check(); err != nil { // else a number that no send takes would get the price of the market Other
		return ledger.Planned{}, quotedRecipient(err)
	}
	category, err := messageCategory(m)
	if err != nil {
		return ledger.Planned{}, err
	}
	if category = billedCategory(category); category == CategoryTemplate && q.account.rulesAt(q.now).Model != ModelCBP2022 {
		e := invalid("Category", "is empty, but the price of a template goes by it")
		e.Advice = "set Template.Category to what Templates.Get says it is, such as UTILITY"
		return ledger.Planned{}, e
	}
	if name, ok := personName(to); ok {
		to = name
	}
	return ledger.Planned{Contact: to.Key(), Category: category}, nil
}

// quotedRecipient returns the error of a recipient with the field of a quote.
func quotedRecipient(err error) error {
	if e, ok := err.(*Error); ok {
		e.Field = "Recipient"
	}
	return err
}

// compare adds the cost with the messages, and subtracts the cost without them.
// It reads the months in which a unit differs.
func (q *quoteRun) compare(all []ledger.Planned) error {
	if q.now < q.account.terms.ClosedUntil {
		return invalid("now", "is in a month that is closed; give an instant after it, such as time.Now()")
	}
	q.channel = ChannelID(q.ledger.engine.NumberText(string(q.channel)))
	for i := range all { // several names may be one person
		all[i].Contact = q.ledger.engine.Canonical(string(q.channel), all[i].Contact, q.now)
	}
	slices.SortStableFunc(all, func(a, b ledger.Planned) int { return cmp.Compare(a.Contact, b.Contact) })
	var with, without []opening
	same := map[uint32]int{} // the number of unchanged units by thread
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Contact == all[0].Contact {
			n++
		}
		plan := q.ledger.engine.Plan(q.account.index, string(q.channel), all[:n], q.now, &q.room)
		q.fold = plan.With
		for _, m := range all[:n] {
			if undelivered(m.Category, recipientOf(plan.With.Pair.Contact), dayOf(q.account.time(q.now))) {
				q.undelivered++
			}
		}
		if recipientOf(plan.With.Pair.Contact).IsGroup() {
			if err := q.addToGroup(all[:n]); err != nil {
				return err
			}
			all = all[n:]
			continue
		}
		if err := q.addJoining(plan, n); err != nil {
			return err
		}
		with, without = appendPaid(with, plan.With.Units[plan.Same:]), appendPaid(without, plan.Without[plan.Same:])
		if p := plan.With.Pair; p.Recorded() {
			same[p.Thread] = plan.Same
		}
		all = all[n:]
	}
	if m := q.meterAhead(with, without); m != nil {
		return q.count(m, inOrderOfOpening(with), 1)
	}
	return q.countMonths(with, without, same)
}

// countMonths adds the cost of the months in which a unit differs, with the messages
// and without them. same has the number of unchanged units by thread.
func (q *quoteRun) countMonths(with, without []opening, same map[uint32]int) error {
	months := map[YearMonth]bool{}
	for _, o := range slices.Concat(with, without) {
		months[q.account.month(o.at)] = true
	}
	for month := range months {
		recorded := q.ledger.units(month, q.account.volume)
		planned := slices.DeleteFunc(slices.Clone(with), func(o opening) bool { return q.account.month(o.at) != month })
		for _, u := range recorded {
			if kept, quoted := same[u.Pair.Thread]; !quoted || u.Seq < kept {
				planned = append(planned, opening{u.Opened, u})
			}
		}
		if err := q.count(q.ledger.newMeter(month), inOrderOfOpening(planned), 1); err != nil {
			return err
		}
		if err := q.count(q.ledger.newMeter(month), recorded, -1); err != nil {
			return err
		}
	}
	return nil
}

// addToGroup adds messages to a group. Their price depends on the members to whom
// they are delivered, whom no quote can know.
func (q *quoteRun) addToGroup(messages []ledger.Planned) error {
	for _, m := range messages {
		c := Cost{Account: q.account.ID, Category: q.groupCategory(m.Category), Missing: true, Amount: Money{Currency: q.account.Rates.Currency()}}
		gap := q.gapOf(Gap{Account: c.Account, Category: c.Category, Currency: c.Amount.Currency})
		gap.Units++
		if err := q.growth.add(c, 1); err != nil {
			return err
		}
	}
	q.toGroups += len(messages)
	return nil
}

// groupCategory returns the category of a message to a group.
func (q *quoteRun) groupCategory(category string) string {
	switch {
	case category != "":
		return category
	case q.account.rulesAt(q.now).Model == ModelNBP:
		return CategorySession
	}
	return CategoryService
}

// gapOf returns the gap with those words.
func (q *quoteRun) gapOf(key Gap) *Gap {
	if q.gaps[key] == nil {
		gap := key
		q.gaps[key] = &gap
	}
	return q.gaps[key]
}

const groupPrice = "the price of a message to a group depends on the members to whom it is delivered"

// gapError returns [ErrNoPrice] for the gaps that come with the messages, which
// says why messages to groups have no price.
func (q *quoteRun) gapError() error {
	err := gapError(q.missing())
	e, ok := err.(*Error)
	if !ok || q.toGroups == 0 {
		return err
	}
	e.Reason += ": " + groupPrice
	e.Sentence = strings.ToUpper(groupPrice[:1]) + groupPrice[1:] + "."
	e.Advice = "see the bill once the statuses have come in, or quote a message to each member"
	if q.toGroups < q.missingUnits() {
		e.Sentence += " The rate cards lack other prices too."
		e.Advice += "; for the other prices, give the account Rates that have them"
	}
	return e
}

// missingUnits returns the number of messages without a price.
func (q *quoteRun) missingUnits() (n int) {
	for _, gap := range q.missing() {
		n += gap.Units
	}
	return n
}

// addJoining adds those of n messages to one contact that join a conversation.
// They cost nothing more.
func (q *quoteRun) addJoining(plan ledger.Plan, n int) error {
	for i := plan.Same; i < len(plan.With.Units); i++ {
		if u := &plan.With.Units[i]; u.Planned && u.Kind != ledger.UnitWindow && !u.Carried {
			n--
		}
	}
	if n == 0 {
		return nil
	}
	contact := recipientOf(plan.With.Pair.Contact)
	c := Cost{Account: q.account.ID, Market: marketOf(contact, dayOf(q.account.time(q.now))), Free: FreeOpenConversation,
		Amount: Money{Currency: q.account.Rates.Currency()}}
	if plan.With.Open(q.now, CategoryReferral) {
		c.Free = FreeEntryPoint
	}
	return q.growth.add(c, n)
}

// appendPaid appends the units that belong to open months.
func appendPaid(all []opening, units []ledger.Unit) []opening {
	for i := range units {
		if u := &units[i]; !u.Carried && u.Kind != ledger.UnitWindow {
			all = append(all, opening{u.Opened, u})
		}
	}
	return all
}

// contactsAtATime is the number of contacts that meterAhead folds before it
// checks whether the free tier is used up.
const contactsAtATime = 256

// meterAhead is the fast path. It applies when the messages only add units, come
// after all recorded units in their free tier, and have no volume tier. It
// returns a meter with the used part of the tier, and nil if it does not apply.
// If the tier is used up, as for busy numbers, it need not read every contact.
func (q *quoteRun) meterAhead(with, without []opening) *meter {
	if len(with) == 0 || len(without) > 0 {
		return nil
	}
	l := q.ledger
	first := l.unit(slices.MinFunc(with, func(a, b opening) int { return cmp.Compare(a.at, b.at) }).unit)
	month, tier := q.account.month(first.Opened), first.tier()
	for _, o := range with {
		if o.unit.Era != first.Era || q.account.month(o.at) != month || l.unit(o.unit).banded() {
			return nil
		}
	}
	m := l.newMeter(month)
	start, end := q.account.monthStart(month), q.account.monthEnd(month)
	left := first.rules.Free - q.account.usedBefore(month, tier.number)
	if left <= 0 || !slices.ContainsFunc(with, func(o opening) bool { return l.unit(o.unit).draws() }) {
		return m
	}
	used, inTheWay := 0, false
	for from, n := uint32(0), uint32(l.engine.Threads()); from < n && used < left; from += contactsAtATime {
		l.engine.Folds(q.account.index, from, min(n, from+contactsAtATime), func(f *ledger.Fold) {
			for i := range f.Units {
				u := l.unit(&f.Units[i])
				if u.Carried || u.Opened < start || u.Opened >= end || !u.draws() {
					continue
				}
				if u.tier() == tier {
					used++
					inTheWay = inTheWay || u.Opened >= first.Opened
				}
				inTheWay = inTheWay || u.Era != first.Era
			}
		})
	}
	if inTheWay {
		return nil
	}
	m.used[tier] = used
	return m
}

// count charges units, and adds their cost. With the sign -1 it subtracts the
// cost.
func (q *quoteRun) count(m *meter, units []*ledger.Unit, sign int) error {
	for _, u := range units {
		if u.Kind == ledger.UnitWindow {
			continue
		}
		c, g := m.charge(q.ledger.unit(u))
		if u.Planned {
			q.unit, q.charge, q.grounds = u, c, g
		}
		cost := costOf(c)
		cost.Amount.Micros *= int64(sign)
		if err := q.growth.add(cost, sign); err != nil {
			return err
		}
		if c.Missing {
			key := Gap{Account: c.Account, Market: c.Market, Category: c.Category, Currency: c.Amount.Currency}
			gap, day := q.gapOf(key), dayOf(c.At).String()
			gap.Units += sign
			if u.Planned && (gap.Day == "" || day < gap.Day) {
				gap.Day = day
			}
		}
	}
	return nil
}

// missing lists the gaps that come with the messages.
func (q *quoteRun) missing() (all []Gap) {
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

// only returns the charge of a single message.
func (q *quoteRun) only(category string) Charge {
	c := q.charge
	switch u := q.unit; {
	case q.toGroups > 0:
		c = q.toGroup(category)
	case u != nil:
		c.MessageID = ""
		c.Why = q.why(u, c)
	default:
		c = q.joining(category)
	}
	growth := q.growth.totals[q.account.Rates.Currency()]
	if growth != c.Amount {
		// The message counts before others of the month and changes their tiers.
		c.Why += "; with what others of the month then cost instead: " + growth.String()
		c.Amount, c.Free = growth, ""
	}
	if undelivered(category, c.Contact, dayOf(q.account.time(q.now))) {
		c.Why += "; WhatsApp delivers no marketing messages to numbers of the United States since 2025-04-01"
	}
	if category == "" && q.fold.ServiceEnd(q.now) <= q.now {
		c.Why += "; the service window is closed, so WhatsApp refuses it"
	}
	return c
}

// toGroup returns the charge of a message to a group.
func (q *quoteRun) toGroup(category string) Charge {
	return Charge{Account: q.account.ID, Channel: q.channel, Contact: recipientOf(q.fold.Pair.Contact), Category: q.groupCategory(category),
		Model: q.account.rulesAt(q.now).Model, At: q.account.time(q.now), Amount: Money{Currency: q.account.Rates.Currency()}, Missing: true, Why: groupPrice}
}

// joining returns the charge of a message that joins a conversation.
func (q *quoteRun) joining(category string) Charge {
	at, contact := q.account.time(q.now), recipientOf(q.fold.Pair.Contact)
	c := Charge{Account: q.account.ID, Channel: q.channel, Contact: contact, Market: marketOf(contact, dayOf(at)),
		Model: q.account.rulesAt(q.now).Model, At: at, Amount: Money{Currency: q.account.Rates.Currency()}, Free: FreeOpenConversation}
	joined := q.joined(category)
	switch {
	case joined == nil:
		c.Category, c.Why = category, freeWords[c.Free]
	case joined.Category == CategoryReferral:
		c.Category, c.Free, c.Why = joined.Category, FreeEntryPoint, "free entry point until "+q.minute(joined.Expires)
	case joined.Planned:
		c.Category, c.Free, c.Why = joined.Category, "", "its conversation opened at "+q.minute(joined.Opened)+", in a month that is closed"
	default:
		c.Category, c.Why = joined.Category, "joins the open "+words(joined.Category)+" conversation, until "+q.minute(joined.Expires)
	}
	return c
}

func (q *quoteRun) minute(instant int64) string { return q.account.time(instant).Format(minuteForm) }

// joined returns the open conversation that a message of that category joins; nil
// if no conversation is open.
func (q *quoteRun) joined(category string) (best *ledger.Unit) {
	for i := range q.fold.Units {
		u := &q.fold.Units[i]
		if !u.OpenAt(q.now) {
			continue
		}
		if best == nil || u.Category == CategoryReferral || u.Category == category && best.Category != CategoryReferral {
			best = u
		}
	}
	return best
}

// why returns the reason for the charge of a planned unit in words.
func (q *quoteRun) why(u *ledger.Unit, c Charge) string {
	what := "new " + words(c.Category) + " conversation in " + cmp.Or(c.Market, "an unknown market")
	if u.Kind == ledger.UnitMessage {
		what = words(c.Category) + " template to " + cmp.Or(c.Market, "an unknown market")
		if c.Category == CategoryService || c.Category == CategorySession {
			what = strings.Replace(what, "template", "message", 1)
		}
	}
	end, nthFree := q.fold.ServiceEnd(q.now), q.grounds.free
	switch {
	case nthFree > 0:
		limit := q.ledger.unit(u).rules.Free
		return fmt.Sprintf("%s, free tier: number %s of %s this month, %s left", what, grouped(nthFree), grouped(limit), grouped(limit-nthFree))
	case c.Free == FreeEntryPoint:
		if entry := q.joined(CategoryReferral); entry != nil {
			return "free entry point until " + q.minute(entry.Expires)
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
		why += ", number " + grouped(q.grounds.nth) + " this month"
	}
	return why
}
