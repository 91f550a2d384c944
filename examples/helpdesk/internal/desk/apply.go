package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// unknownChannel is how long an event waits whose channel has no row.
const unknownChannel = time.Minute

// apply makes rows of an event. It is the handler of the durable inbox, which hands over
// each event once, and those of a chat in order.
func (d *Desk) apply(ctx context.Context, e chatapi.Event, w *durable.Work) error {
	if to, ok := e.(interface{ AnswerTo() chatapi.Recipient }); ok && needsChat(e) && to.AnswerTo().IsZero() {
		return fmt.Errorf("%w: the message names nobody", durable.ErrDead)
	}
	a, err := d.arrive(ctx, e, w.Accepted)
	if err != nil {
		return err
	}
	if a == nil {
		w.Defer(d.Now().Add(unknownChannel))
		return nil
	}
	switch e.(type) {
	case *chatapi.NumberEvent, *chatapi.AccountEvent, *chatapi.ErrorEvent: // such as a ban
		d.CheckSoon(e.Info().Channel.Canonical())
	}
	return w.InTx(func(ctx context.Context, tx durable.Tx) error { return a.in(tx).event(ctx, e) })
}

// arrive reads what is to be known of an event before its transaction. It is nil for a
// channel without a row, which may come.
func (d *Desk) arrive(ctx context.Context, e chatapi.Event, accepted time.Time) (*arrival, error) {
	a := &arrival{Desk: d, at: accepted, accepted: accepted}
	a.at = a.timeOf(e.Info().Time)
	found, err := d.DB.Get(ctx, "SELECT id, department, account FROM desk_channel WHERE channel = $1",
		[]any{string(e.Info().Channel.Canonical())}, &a.channel, &a.department, &a.account)
	if err != nil || !found {
		return nil, err
	}
	a.own, err = d.written(ctx, e)
	return a, err
}

// in returns the arrival for a run of its transaction, which may run again.
func (a *arrival) in(tx durable.Tx) *arrival {
	once := *a
	once.tx, once.touched = tx, map[int64]bool{}
	return &once
}

// needsChat reports whether an event is of no use without somebody to answer.
func needsChat(e chatapi.Event) bool {
	switch e.(type) {
	case *chatapi.MessageEvent, *chatapi.EchoEvent:
		return true
	}
	return false
}

// written returns the ids of echoes that are messages of our own outbox, whose rows are
// there.
func (d *Desk) written(ctx context.Context, e chatapi.Event) (map[string]bool, error) {
	var echoes []*chatapi.EchoEvent
	switch e := e.(type) {
	case *chatapi.EchoEvent:
		echoes = append(echoes, e)
	case *chatapi.StandbyEvent:
		for _, inner := range e.Events {
			if echo, ok := inner.(*chatapi.EchoEvent); ok {
				echoes = append(echoes, echo)
			}
		}
	}
	own := map[string]bool{}
	for _, echo := range echoes {
		wrote, err := d.Durable.Outbox.Wrote(ctx, echo)
		if err != nil {
			return nil, err
		}
		own[echo.ID] = wrote
	}
	return own, nil
}

// arrival is an event on its way into the rows, in one transaction.
type arrival struct {
	*Desk
	tx         durable.Tx
	channel    int64
	department int64  // of the channel
	account    string // of the channel; "" while it is not known
	at         time.Time
	accepted   time.Time
	own        map[string]bool // echoes of our own messages
	origin     string          // "", history or standby
	touched    map[int64]bool  // requests whose messages changed
}

// The origins of messages that did not come to the business as usual.
const (
	fromHistory = "history"
	fromStandby = "standby"
)

func (a *arrival) event(ctx context.Context, e chatapi.Event) error {
	if err := a.DB.Lock(ctx, a.tx); err != nil {
		return err
	}
	if err := a.learnAccount(ctx, e.Info()); err != nil {
		return err
	}
	if err := a.rows(ctx, e); err != nil {
		return err
	}
	for _, request := range slices.Sorted(maps.Keys(a.touched)) {
		if err := a.touch(ctx, a.tx, request); err != nil {
			return err
		}
	}
	return nil
}

// rows makes the rows of an event by its type. An event without any is kept by durable
// for its time, and nothing else is to do.
func (a *arrival) rows(ctx context.Context, e chatapi.Event) error {
	switch e := e.(type) {
	case *chatapi.MessageEvent:
		return a.message(ctx, e)
	case *chatapi.EchoEvent:
		return a.echo(ctx, e)
	case *chatapi.StatusEvent:
		return a.status(ctx, e)
	case *chatapi.CallEvent:
		return a.call(ctx, e)
	case *chatapi.StandbyEvent:
		return a.standby(ctx, e)
	case *chatapi.HistoryEvent:
		return a.history(ctx, e)
	case *chatapi.HandoverEvent:
		return a.handover(ctx, e)
	case *chatapi.IdentityEvent:
		return a.identity(ctx, e)
	case *chatapi.AppStateEvent:
		return a.addressBook(ctx, e)
	case *chatapi.GroupEvent:
		return a.group(ctx, e)
	case *chatapi.SummaryEvent:
		return a.noticeTo(ctx, e, e.From, "Summary by the agent before: "+e.Text)
	case *chatapi.PreferenceEvent:
		return a.noticeTo(ctx, e, e.From, preferenceText(e))
	case *chatapi.PaymentEvent:
		return a.noticeTo(ctx, e, e.From, paymentText(e))
	case *chatapi.TemplateEvent:
		return a.applyTemplate(ctx, a.tx, e)
	case *chatapi.NumberEvent, *chatapi.AccountEvent, *chatapi.ErrorEvent, *chatapi.FlowEvent:
		return a.tx.Changed(Change{Kind: ChangedChannel, Object: a.channel})
	case *chatapi.UnknownEvent:
		a.Log.Warn("An event of an unknown kind has no row; durable keeps it.", "wire", e.Wire)
	}
	return nil
}

// exec runs a statement of the transaction.
func (a *arrival) exec(ctx context.Context, query string, args ...any) error {
	_, err := a.tx.Exec(ctx, query, args...)
	return err
}

// get reads a row of the transaction.
func (a *arrival) get(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	return store.Get(ctx, a.tx, query, args, into...)
}

// ahead is how much later than its delivery an event may be, since clocks differ.
const ahead = 10 * time.Minute

// timeOf returns when something happened that the wire gives a time. Without one it is the
// event's own. A time that has not come would keep the chat above all others, and its window
// open, for ever: then it is that of the delivery.
func (a *arrival) timeOf(wire time.Time) time.Time {
	if wire.After(a.accepted.Add(ahead)) {
		return a.accepted
	}
	return firstTime(wire, a.at)
}

// firstTime returns the first time that is not zero.
func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// longestKey is how many bytes of an id from outside an index takes.
const longestKey = 500

// bounded returns an id as the tables have it: a long one is its hash.
func bounded(id string) string {
	id = store.Text(id)
	if len(id) <= longestKey {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}
