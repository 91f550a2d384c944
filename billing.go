package chatapi

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Account is one WhatsApp Business account (WABA): it owns numbers, pays, and
// has its own month and free tier.
type Account struct {
	// ID names the account on bills.
	ID string

	// Portfolio names the business portfolio that the account belongs to.
	// Accounts of a ledger with the same portfolio share the volume that decides
	// about volume tiers, each with the months of its own time zone. An account
	// without a portfolio counts by itself.
	Portfolio string

	// Timezone is the account's time zone, in which months begin, prices
	// change and the free tier starts anew. Nil is UTC.
	Timezone *time.Location

	// Numbers are the account's channels. One account of a ledger may leave
	// them empty: it gets every channel that no other account names.
	Numbers []ChannelID

	// Model forces one set of rules, whatever the date. Prices are then the last
	// ones that have the categories of that model. An empty Model takes the
	// rules in force.
	Model Model

	// Anchor is the start of a conversation under [ModelCBP2022]. Empty is
	// [AnchorFirstInbound], Chat API's published rule.
	Anchor Anchor

	// Rules are the billing rules in order of time. An empty list stands for
	// [PublishedRules] of the Anchor.
	Rules []Rule

	// Rates are the prices. Nil is [EmbeddedRates] in USD.
	Rates *Rates

	// Used is the part of free tiers and volume tiers that was used in a month
	// before the first recorded activity.
	Used []PriorUsage
}

// PriorUsage is how much was used in a month before the ledger began to record:
//
//	{Month: m, Units: 812}                  of the free tier that the numbers of the account share
//	{Month: m, Number: "ABC1", Units: 812}  of the free tier of that number, as under [ModelPMP2026]
//	{Month: m, Market: "Brazil", Category: CategoryUtility, Units: 90_000}
//	                                        charged messages, for the volume tiers
//
// Entries of one kind add up; those for volume tiers over all accounts of the
// portfolio.
type PriorUsage struct {
	Month YearMonth

	// Number is the channel.
	Number ChannelID

	// Market and Category are as on rate cards; Market is Meta's pricing region.
	Market   string
	Category string

	// Units is the number of conversations or messages, at most 1,000,000,000 over
	// all entries of one kind.
	Units int
}

// Ledger turns activities into service windows, conversations and bills. It
// keeps facts, not sums: the same activities give the same bill in whatever
// order, and however often, they arrive. It knows no clock and does no I/O. A
// Ledger is safe for concurrent use.
type Ledger struct {
	err       *Error // of a wrong account; nil for valid accounts
	accounts  []*account
	volumes   map[string]*volume      // by portfolio
	byChannel map[ChannelID]*account  // by the spellings that accounts name
	named     map[ChannelID]ChannelID // these spellings by their Canonical
	rest      *account                // gets the channels that no account names

	mu     sync.Mutex // guards the fields below, and the terms of the accounts
	engine ledger.Engine
	closed map[YearMonth]*Bill // without their charges and conversations
}

// NewLedger returns an empty ledger for the accounts. A wrong account (an
// unknown model, a number that two accounts claim) makes every method that
// returns an error return [ErrInvalid].
func NewLedger(first Account, more ...Account) *Ledger {
	l := &Ledger{byChannel: map[ChannelID]*account{}, named: map[ChannelID]ChannelID{}, volumes: map[string]*volume{}, closed: map[YearMonth]*Bill{}}
	var terms []*ledger.Terms
	for i, a := range append([]Account{first}, more...) {
		checked, err := newAccount(a, int32(i))
		if err == nil {
			err = l.addAccount(checked)
		}
		if err != nil {
			err.Op, err.Field = opNewLedger, fmt.Sprintf("Account[%d].%s", i, err.Field)
			err.Sentence = fmt.Sprintf("Account %d: %s", i+1, err.Sentence)
			l.err = err
			break
		}
		terms = append(terms, checked.terms)
	}
	l.engine = ledger.New(terms)
	return l
}

// Record records one activity. It may come late, out of order and more than once.
// The error is [ErrNoTime] for an activity without an instant, [ErrForeignChannel]
// for a channel that is in no account, and [ErrInvalid] with the field for an
// activity that is wrong; the ledger is then unchanged. For many activities
// [Ledger.Load] is several times faster.
func (l *Ledger) Record(a Activity) error {
	const op = "Ledger.Record"
	if err := l.usable(); err != nil {
		return ledgerError(op, err)
	}
	var batch [1]ledger.Entry
	if err := l.check(&a, &batch[0]); err != nil {
		return ledgerError(op, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.engine.Enter(batch[:]); err != nil {
		return ledgerError(op, err)
	}
	return nil
}

// loadBatch is the number of entries that [Ledger.Load] hands over at a time. It
// is large because waking another processor takes long.
const loadBatch = 4096

// Load records activities until the first error, which is the sequence's own or
// one of [Ledger.Record] with the number of the activity, counted from 1. When Load returns, all activities before the error are
// recorded. It reads the next activities while it enters the last ones, so it
// keeps two processors busy.
func (l *Ledger) Load(activities iter.Seq2[Activity, error]) error {
	const op = "Ledger.Load"
	if err := l.usable(); err != nil {
		return ledgerError(op, err)
	}
	if activities == nil {
		return ledgerError(op, invalid("activities", "are nil; give those of ReadActivities, or a sequence of your own"))
	}
	full, spare := make(chan []ledger.Entry, 2), make(chan []ledger.Entry, 3)
	for range cap(spare) {
		spare <- nil
	}
	var failed error
	go func() {
		defer close(spare)
		for batch := range full {
			l.mu.Lock()
			failed = l.engine.Enter(batch)
			l.mu.Unlock()
			if failed != nil {
				return
			}
			spare <- batch[:0]
		}
	}()
	err := l.checkAll(activities, full, spare)
	for range spare { // until all are recorded
	}
	if failed != nil {
		return ledgerError(op, failed)
	}
	return err
}

// checkAll makes entries of activities until the first error, and hands them over
// in full batches. It stops early when there are no more spare batches.
func (l *Ledger) checkAll(activities iter.Seq2[Activity, error], full chan<- []ledger.Entry, spare <-chan []ledger.Entry) error {
	defer close(full)
	batch, n := <-spare, 0
	for activity, err := range activities {
		n++
		last := len(batch)
		batch = slices.Grow(batch, 1)[:last+1]
		if err == nil {
			if wrong := l.check(&activity, &batch[last]); wrong != nil {
				err = inActivity(wrong, n)
			}
		}
		if err != nil {
			full <- batch[:last]
			return err
		}
		if len(batch) == loadBatch {
			full <- batch
			var more bool
			if batch, more = <-spare; !more {
				return nil
			}
		}
	}
	full <- batch
	return nil
}

// RecordEvent records an event of a webhook or of the history that matters for
// windows and bills: a customer's message or call, an echo of the business's own
// message, a status, or a customer's new number or BSUID. It ignores other events,
// imported history too, and passes over an event that nothing can ever place, such
// as a status without a message id. It cuts words that are too long to be known, and
// drops such names. Errors are those of [Ledger.Record]; a handler
// need not repeat an event that is [ErrForeignChannel].
//
// An event that [ParseWebhook] read from a stored body has no time of receipt, and
// in WhatsApp's own format no channel: set Received and Channel of its
// [EventInfo] before you record it. Without them it is [ErrNoTime], if the wire
// told no time either, or [ErrForeignChannel].
func (l *Ledger) RecordEvent(event Event) error {
	const op = "Ledger.RecordEvent"
	if err := l.usable(); err != nil {
		return ledgerError(op, err)
	}
	activities, err := activitiesOf(event)
	if err != nil {
		return ledgerError(op, err)
	}
	for i := range activities {
		a := &activities[i]
		a.fit()
		switch owner := l.owner(a.Channel); {
		case a.Channel == "":
			return ledgerError(op, noEventChannel())
		case len(a.Channel) > ledger.LongestName:
			return ledgerError(op, foreign("", "is far too long for the id of a channel"))
		case owner != nil && a.unplaceable():
			continue
		}
		if err := l.Record(*a); err != nil {
			return ledgerError(op, ofEvent(err))
		}
	}
	return nil
}

// RecordSend records a message that the service accepted at that instant. The zero
// instant stands for the start of the attempt. The category of a [Template] is its
// Category; if that is empty, the message's status tells it. A receipt without a
// message id, as queued sends have, is [ErrInvalid], because no status could be
// joined with it: record its statuses by [Ledger.RecordEvent] alone.
func (l *Ledger) RecordSend(receipt *Receipt, m Message, at time.Time) error {
	const op = "Ledger.RecordSend"
	if receipt == nil {
		return ledgerError(op, invalid("Receipt", "is nil; give the one that Send returned, and record no send that failed"))
	}
	if receipt.ID == "" {
		return ledgerError(op, invalid("Receipt.ID", "is empty, so no status can be joined with the send"))
	}
	category, err := messageCategory(m)
	if err != nil {
		return ledgerError(op, err)
	}
	if at.IsZero() {
		at = receipt.Attempt.Started
	}
	return ledgerError(op, l.Record(Activity{Kind: ActivityOutbound, At: at, Channel: receipt.Attempt.Channel,
		Contact: contactFor(receipt.Attempt.To), MessageID: receipt.ID, Category: category}))
}

// account is an [Account] that was checked, with what the ledger derives from it.
type account struct {
	Account
	index  int32 // among the accounts of the ledger, and of its engine
	zone   *time.Location
	anchor Anchor
	rules  []rules
	terms  *ledger.Terms // the engine's part of the rules, with one era for each
	used   map[tierKey]int
	volume *volume
}

// tierKey names a free tier of an account: its month, and its number unless all
// numbers share the tier.
type tierKey struct {
	month  YearMonth
	number ChannelID // its Canonical
}

// usedBefore returns how much of a free tier was used before the ledger began.
func (a *account) usedBefore(month YearMonth, number ChannelID) int {
	if len(a.used) == 0 {
		return 0
	}
	return a.used[tierKey{month, number.Canonical()}]
}

// volume is how many charged messages a portfolio had before the ledger began.
type volume struct{ used map[volumeKey]int }

type volumeKey struct {
	month YearMonth
	priceKey
}

// time returns an instant in the account's time zone.
func (a *account) time(instant int64) time.Time { return time.Unix(0, instant).In(a.zone) }

// month returns the calendar month of an instant in the account's time zone.
func (a *account) month(instant int64) YearMonth {
	t := a.time(instant)
	return YearMonth{t.Year(), t.Month()}
}

// monthStart returns the first instant of the month in the account's time zone.
func (a *account) monthStart(m YearMonth) int64 {
	start := time.Date(m.Year, m.Month, 1, 0, 0, 0, 0, a.zone)
	if start.Day() != 1 { // the clocks skip this midnight
		_, start = start.ZoneBounds()
	}
	return start.UnixNano()
}

// monthEnd returns the first instant after the month in the account's time zone.
func (a *account) monthEnd(m YearMonth) int64 { return a.monthStart(YearMonth{m.Year, m.Month + 1}) }

// newAccount checks an account by itself.
func newAccount(given Account, index int32) (*account, *Error) {
	a := &account{Account: given, index: index, zone: given.Timezone, anchor: cmp.Or(given.Anchor, AnchorFirstInbound), used: map[tierKey]int{}}
	a.Numbers = slices.Clone(given.Numbers)
	if len(a.ID) > ledger.LongestName {
		return nil, tooLong("ID", ledger.LongestName)
	}
	if a.zone == nil {
		a.zone = time.UTC
	}
	if a.anchor != AnchorFirstInbound && a.anchor != AnchorFirstDelivered {
		return nil, invalid("Anchor", fmt.Sprintf("%q is neither first_inbound nor first_delivered; use AnchorFirstInbound or AnchorFirstDelivered", clip(string(given.Anchor), 32)))
	}
	all := given.Rules
	if len(all) == 0 {
		all = PublishedRules(a.anchor)
	}
	var wrong *Error
	if a.rules, wrong = newRules(all, given.Model, a.zone); wrong != nil {
		return nil, wrong
	}
	a.terms = newTerms(a.anchor, a.rules)
	if a.Rates == nil {
		rates, err := EmbeddedRates("USD")
		if err != nil {
			return nil, invalid("Rates", err.Error())
		}
		a.Rates = rates
	}
	return a, nil
}

// addAccount adds a checked account, with its numbers and its earlier usage.
func (l *Ledger) addAccount(a *account) *Error {
	if a.Portfolio != "" {
		a.volume = l.volumes[a.Portfolio]
	}
	if a.volume == nil {
		a.volume = &volume{used: map[volumeKey]int{}}
		l.volumes[a.Portfolio] = a.volume
	}
	for i, used := range a.Used {
		var fits bool
		if name, problem := used.check(); problem != "" {
			return invalid(fmt.Sprintf("Used[%d].%s", i, name), problem)
		}
		if used.Market != "" {
			key := volumeKey{used.Month, priceKey{used.Market, ratecard.Category(used.Category)}}
			a.volume.used[key], fits = addUsed(a.volume.used[key], used.Units)
		} else {
			key := tierKey{used.Month, used.Number.Canonical()}
			a.used[key], fits = addUsed(a.used[key], used.Units)
		}
		if !fits {
			return invalid(fmt.Sprintf("Used[%d].Units", i), "makes more than "+grouped(mostUsed)+" with the entries of the same kind; check the number")
		}
	}
	if len(a.Numbers) == 0 {
		if l.rest != nil {
			return invalid("Numbers", "are missing, as in another account; name the channels of each account but one")
		}
		l.rest = a
	}
	for i, number := range a.Numbers {
		field := fmt.Sprintf("Numbers[%d]", i)
		if number == "" {
			return invalid(field, "is empty; give the id of the channel, such as ABC100000001")
		}
		if len(number) > ledger.LongestName {
			return tooLong(field, ledger.LongestName)
		}
		if l.named[number.Canonical()] != "" {
			return invalid(field, fmt.Sprintf("%q is named twice; a channel belongs to one account", clip(string(number), 64)))
		}
		l.byChannel[number], l.named[number.Canonical()] = a, number
	}
	l.accounts = append(l.accounts, a)
	return nil
}

// owner returns the account that has the number; nil if no account has it.
func (l *Ledger) owner(number ChannelID) *account {
	owner, _ := l.payer(number)
	return owner
}

// payer returns the account that has a channel, and the channel's id in the
// account's spelling; nil if no account has it.
func (l *Ledger) payer(channel ChannelID) (*account, string) {
	if channel == "" {
		return nil, ""
	}
	if len(l.byChannel) == 0 {
		return l.rest, string(channel)
	}
	if owner := l.byChannel[channel]; owner != nil {
		return owner, string(channel)
	}
	if named, ok := l.named[channel.Canonical()]; ok {
		return l.byChannel[named], string(named)
	}
	return l.rest, string(channel)
}

// lock locks the ledger for reading, with all facts in the engine's index.
func (l *Ledger) lock() {
	l.mu.Lock()
	l.engine.Index()
}

const opNewLedger = "NewLedger"

// usable returns the error of a ledger with wrong accounts.
func (l *Ledger) usable() error {
	switch {
	case l == nil || l.byChannel == nil:
		return noLedger()
	case l.err != nil:
		return l.err
	}
	return nil
}

// noLedger returns the error of a nil or zero Ledger.
func noLedger() *Error {
	e := invalid("Ledger", "is nil or was not made with NewLedger; make it with NewLedger or RestoreLedger, and check their error")
	e.Sentence = "The program has no ledger for its bills."
	return e
}

// ledgerError sets the operation of an error, and turns an error of the engine
// into an [*Error]. An error of the accounts keeps NewLedger as its operation,
// since the caller has to correct that call.
func ledgerError(op string, err error) error {
	if errors.Is(err, ledger.ErrFull) {
		err = invalid("Ledger", "is full; close the months that are over")
	}
	e, ok := err.(*Error) // an *Error below another error is not the ledger's
	if !ok || e.Op == opNewLedger {
		return err
	}
	named := *e
	named.Op = op
	return &named
}
