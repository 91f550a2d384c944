package chatapi

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Account is one WhatsApp Business account (WABA): it owns numbers, pays, and
// has its own month and free tier.
type Account struct {
	// ID names the account on bills.
	ID string

	// Portfolio names the business portfolio that the account belongs to. The
	// accounts of a ledger that name the same one share the volume by which
	// tiers are counted, each with the months of its own time zone. Empty
	// counts by itself.
	Portfolio string

	// Timezone is the account's time zone, in which months begin, prices
	// change and the free tier starts anew. Nil is UTC.
	Timezone *time.Location

	// Numbers are the account's channels. One account of a ledger may leave
	// them empty: it gets every channel that no other account names.
	Numbers []ChannelID

	// Model forces one set of rules whatever the date; its prices are then the
	// last ones with its categories. Empty takes the rules in force.
	Model Model

	// Anchor says from where a conversation of [ModelCBP2022] runs. Empty is
	// [AnchorFirstInbound], Chat API's published rule.
	Anchor Anchor

	// Rules are the billing rules in order of time. None are those of
	// [PublishedRules] for the Anchor.
	Rules []Rule

	// Rates are the prices. Nil is [EmbeddedRates] in USD.
	Rates *Rates

	// Used is what was used in a month, of the free tier and of the volume
	// tiers, before the first recorded activity.
	Used []Usage
}

// Usage is how much was used in a month before the ledger began to record:
//
//	{Month: m, Units: 812}                  of the free tier that the numbers of the account share
//	{Month: m, Number: "ABC1", Units: 812}  of the free tier of that number, as under [ModelPMP2026]
//	{Month: m, Market: "Brazil", Category: CategoryUtility, Units: 90_000}
//	                                        charged messages, for the volume tiers
//
// Several of one kind add up, and those of volume over the portfolio's accounts.
type Usage struct {
	Month YearMonth

	// Number is the channel.
	Number ChannelID

	// Market is Meta's pricing region as on rate cards, and Category as there.
	Market   string
	Category string

	// Units is the number of conversations or messages.
	Units int
}

// check returns a field that is wrong, and what is wrong with it.
func (u Usage) check() (field, problem string) {
	switch {
	case u.Month.check() != nil:
		return "Month", "is no month"
	case u.Units < 0:
		return "Units", "is negative"
	case u.Market == "" && u.Category == "":
		return "", ""
	case u.Number != "":
		return "Number", "is given together with a market; volume is not counted by number"
	case u.Market == "":
		return "Market", "is missing beside the category"
	case u.Category == "":
		return "Category", "is missing beside the market"
	case !ratecard.IsMarket(u.Market):
		return "Market", fmt.Sprintf("%q is no market of the rate cards, such as \"North America\"", clip(u.Market, 64))
	}
	return "", ""
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

// account is an [Account] made ready.
type account struct {
	Account
	zone     *time.Location
	anchor   Anchor
	timeline timeline
	used     map[tierKey]int
	volume   *volume

	// closedUntil is the end of the last closed month.
	closedUntil int64
}

// tierKey is what shares a free tier in a month; number is empty for an account.
type tierKey struct {
	month  YearMonth
	number ChannelID
}

// volume is how many charged messages a portfolio had before the first recorded
// one.
type volume struct{ used map[volumeKey]int }

type volumeKey struct {
	month YearMonth
	priceKey
}

// month returns the calendar month of an instant in the account's time zone.
func (a *account) month(instant int64) YearMonth {
	t := a.time(instant)
	return YearMonth{t.Year(), t.Month()}
}

func (a *account) time(instant int64) time.Time { return time.Unix(0, instant).In(a.zone) }

// Ledger turns activities into service windows, conversations and bills. It
// keeps facts, not sums: the same activities give the same bill in whatever
// order, and however often, they arrive. It knows no clock and does no I/O. A
// Ledger is safe for concurrent use.
type Ledger struct {
	err       error // what is wrong with the accounts
	accounts  []*account
	volumes   map[string]*volume // by portfolio
	byChannel map[ChannelID]*account
	rest      *account // gets the channels that no account names

	mu sync.Mutex
	store
	carries map[uint32]*carry   // what a closed month left open, by thread
	closed  map[YearMonth]*Bill // without their rows
}

// NewLedger returns an empty ledger for the accounts. A wrong account (an
// unknown model, a number that two accounts claim) makes every method that
// returns an error return [ErrInvalid].
func NewLedger(first Account, more ...Account) *Ledger {
	l := &Ledger{byChannel: map[ChannelID]*account{}, volumes: map[string]*volume{}, store: newStore(), carries: map[uint32]*carry{}, closed: map[YearMonth]*Bill{}}
	for i, a := range append([]Account{first}, more...) {
		ready, err := l.prepare(a)
		if err != nil {
			err.Field = fmt.Sprintf("Account[%d].%s", i, err.Field)
			err.Sentence = "The " + err.Field + " " + err.Reason + "."
			l.err = err
			break
		}
		l.accounts = append(l.accounts, ready)
	}
	return l
}

// prepare checks an account and enters its numbers.
func (l *Ledger) prepare(a Account) (*account, *Error) {
	ready := &account{Account: a, zone: a.Timezone, anchor: a.Anchor, used: map[tierKey]int{}, closedUntil: minNanos}
	ready.Numbers = slices.Clone(a.Numbers)
	if ready.zone == nil {
		ready.zone = time.UTC
	}
	if ready.anchor == "" {
		ready.anchor = AnchorFirstInbound
	}
	if ready.anchor != AnchorFirstInbound && ready.anchor != AnchorFirstDelivered {
		return nil, invalid("Anchor", fmt.Sprintf("%q is neither first_inbound nor first_delivered", clip(string(a.Anchor), 32)))
	}
	given := a.Rules
	if len(given) == 0 {
		given = PublishedRules(ready.anchor)
	}
	var wrong *Error
	if ready.timeline, wrong = newTimeline(given, a.Model, ready.zone); wrong != nil {
		return nil, wrong
	}
	if ready.Rates == nil {
		rates, err := EmbeddedRates("USD")
		if err != nil {
			return nil, invalid("Rates", err.Error())
		}
		ready.Rates = rates
	}
	if a.Portfolio != "" {
		ready.volume = l.volumes[a.Portfolio]
	}
	if ready.volume == nil {
		ready.volume = &volume{used: map[volumeKey]int{}}
		l.volumes[a.Portfolio] = ready.volume
	}
	for i, used := range a.Used {
		if name, problem := used.check(); problem != "" {
			return nil, invalid(fmt.Sprintf("Used[%d].%s", i, name), problem)
		}
		if used.Market != "" {
			ready.volume.used[volumeKey{used.Month, priceKey{used.Market, normalCategory(used.Category)}}] += used.Units
		} else {
			ready.used[tierKey{used.Month, used.Number}] += used.Units
		}
	}
	if len(a.Numbers) == 0 {
		if l.rest != nil {
			return nil, invalid("Numbers", "are missing; only one account may leave them out")
		}
		l.rest = ready
	}
	for i, number := range a.Numbers {
		field := fmt.Sprintf("Numbers[%d]", i)
		if number == "" {
			return nil, invalid(field, "is empty")
		}
		if l.byChannel[number] != nil {
			return nil, invalid(field, fmt.Sprintf("%q is named twice", clip(string(number), 64)))
		}
		l.byChannel[number] = ready
	}
	return ready, nil
}

// Record takes one activity. Recording it again, or later than others, changes
// nothing but what is true. It returns [ErrNoTime] without any instant and
// [ErrInvalid], with the field, for an activity that cannot be placed; the
// ledger is then unchanged. For many activities [Ledger.Load] is several times
// faster.
func (l *Ledger) Record(a Activity) error {
	if err := l.usable(); err != nil {
		return err
	}
	var one [1]entry
	if err := l.check(&a, &one[0]); err != nil {
		return err
	}
	return l.enter(one[:])
}

// Load records activities until the first error, of theirs or of the ledger;
// those before it are recorded, for certain once it returns. While one part of
// them is entered the next is read, so it keeps two processors busy.
func (l *Ledger) Load(activities iter.Seq2[Activity, error]) error {
	if err := l.usable(); err != nil {
		return err
	}
	if activities == nil {
		return invalid("activities", "are nil")
	}
	full, spare := make(chan []entry, 2), make(chan []entry, 3)
	for range cap(spare) {
		spare <- nil
	}
	var failed error
	go func() {
		defer close(spare)
		for batch := range full {
			if failed = l.enter(batch); failed != nil {
				return
			}
			spare <- batch[:0]
		}
	}()
	err := l.checkAll(activities, full, spare)
	for range spare { // until all are entered
	}
	if failed != nil {
		return failed
	}
	return err
}

// usable reports what is wrong with the ledger itself.
func (l *Ledger) usable() error {
	if l == nil || l.byChannel == nil {
		return invalid("Ledger", "was not made with NewLedger")
	}
	return l.err
}

// owner returns the account that has the number; nil if none.
func (l *Ledger) owner(channel ChannelID) *account {
	if owner := l.byChannel[channel]; owner != nil {
		return owner
	}
	return l.rest
}

// RecordEvent takes what a webhook or the history reported: customers' messages
// and calls, echoes of the business's own messages, and statuses. Other events
// have no bearing and are passed over. Errors are those of [Ledger.Record].
func (l *Ledger) RecordEvent(event Event) error {
	activity, err := activityOf(event)
	if err != nil || activity.Kind == "" {
		return err
	}
	return l.Record(activity)
}

// RecordSend takes a message that the service accepted at that instant. The
// category of a [Template] is its Category, or else told by its status. The
// zero instant stands for the attempt's start. A receipt without a message id,
// as queued sends have, is [ErrInvalid]: no status can be joined with it, and
// what its status reports is recorded by [Ledger.RecordEvent] alone.
func (l *Ledger) RecordSend(receipt *Receipt, m Message, at time.Time) error {
	if receipt == nil {
		return invalid("Receipt", "is nil")
	}
	if receipt.ID == "" {
		return invalid("Receipt.ID", "is empty, so no status can be joined with the send")
	}
	category, err := messageCategory(m)
	if err != nil {
		return err
	}
	if at.IsZero() {
		at = receipt.Attempt.Started
	}
	return l.Record(Activity{Kind: ActivityOutbound, At: at, Channel: receipt.Attempt.Channel, Contact: contactFor(receipt.Attempt.To),
		MessageID: receipt.ID, Category: category})
}

// ServiceWindow returns the customer's service window, from the latest recorded
// message; the zero Window if there is none. Ask it with [Window.Open].
func (l *Ledger) ServiceWindow(channel ChannelID, customer Recipient) Window {
	if l.usable() != nil {
		return Window{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	thread, ok := l.find(channel, customer)
	if !ok {
		return Window{}
	}
	var g gathered
	l.gather(thread, &g)
	last := *l.lastIn.at(thread)
	for _, in := range g.inbounds {
		last = max(last, in.at.nanos)
	}
	if last == minNanos {
		return Window{}
	}
	return WindowFrom(l.pair(thread).account.time(last))
}

// Conversations returns the customer's conversations and free entry point
// windows, oldest first, with what each costs. Ask for open ones with
// [Conversation.Open]. The error is that of [Ledger.Bill]; missing prices leave
// the conversations complete but for the amount.
func (l *Ledger) Conversations(channel ChannelID, customer Recipient) ([]Conversation, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	thread, ok := l.find(channel, customer)
	if !ok {
		return nil, nil
	}
	var g gathered
	p := l.pair(thread)
	w := l.fold(p, &g)
	var found []Conversation
	var gaps []*Gap
	months := map[YearMonth][]*unit{}
	for i := range w.units {
		u := &w.units[i]
		month := p.account.month(u.opened)
		switch {
		case u.kind == unitMessage:
		case u.carried:
			found = append(found, conversation(u, closedCharge(u)))
		default:
			months[month] = append(months[month], u)
		}
	}
	for month, units := range months {
		if slices.ContainsFunc(units, (*unit).tiered) { // then the others decide as well
			units = l.units(month, p.account.volume)
		}
		m := newMeter(month)
		m.all(units)
		gaps = append(gaps, m.gaps...)
		for _, c := range m.conversations {
			if c.Channel == p.channel && c.Contact == p.contact {
				found = append(found, c)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Conversation) int { return a.OpenedAt.Compare(b.OpenedAt) })
	if len(gaps) > 0 {
		return found, noPrice("Conversations", gaps)
	}
	return found, nil
}
