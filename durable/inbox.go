package durable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/lanes"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Inbox accepts deliveries and hands their events to the handler.
type Inbox struct {
	*parts
	outbox *Outbox
	state  *State

	handler Handler
	lanes   *lanes.Runner
	parsed  *parsedEvents
	start   startScan

	mu    sync.Mutex
	stuck map[string]int // chats whose handlers ignore the end of their context
	inRow atomic.Int32   // failures of the store in a row

	written inTx            // under mu
	absent  map[string]bool // under mu: channels that the handler needs and this program lacks
	warned  time.Time       // under mu: when a failure of the handler was last logged
	broke   map[int64]int   // under mu: how often the connection broke in the functions of an event
}

func newInbox(p *parts, outbox *Outbox) *Inbox {
	i := &Inbox{parts: p, outbox: outbox, state: outbox.state, stuck: map[string]int{}, absent: map[string]bool{}, broke: map[int64]int{}, parsed: newParsedEvents(p.clock.now)}
	i.start.shared = p.store.Shared()
	i.lanes = lanes.New(p.workers, p.clock.lanes(), i.drain)
	return i
}

// Handler works on one event. If it returns nil, what it registered on w is committed
// together with the mark "done"; after an error nothing of that is, and the event comes
// again, see [RetryPolicy]. A panic is an error. [ErrDead] makes the event a dead letter
// at once.
//
// It is called for events of different chats at once, for one chat in order. It has to
// be ready for the same event again: the program may end between its effects outside
// the store and the commit. Messages planned by [Work.Send] and writes of [Work.InTx]
// are never repeated.
//
// Its context ends after [RetryPolicy.Timeout], and when the program ends and
// [DrainTimeout] is over. The event belongs to the handler, which may change it.
//
// [ErrNotConnected] for a channel that this program does not have is no failed attempt:
// another program of the store gets the event, and this one calls the handler for events
// of the channel again once the channel is connected.
type Handler func(ctx context.Context, e chatapi.Event, w *Work) error

// ErrDead makes an event a dead letter without further attempts, when a [Handler]
// returns it or an error that wraps it.
var ErrDead = errors.New("durable: do not try again")

// Handle sets the function that works on events. Call it before [Desk.Run]. Without
// one, events are kept until a program with a handler runs on the store, and [Health] says
// so. A second Handle replaces the first.
func (i *Inbox) Handle(h Handler) { i.handler = h }

// Events returns a [Handler] that calls a function for events of the SDK. An error of
// [chatapi.RetryLater] is no failed attempt: the event comes again after that time, and
// its chat waits. An error that is [chatapi.ErrOutcomeUnknown] ends the event, as in
// [chatapi.NewWebhookHandler], because a second run could send a second message.
func Events(h chatapi.EventHandler) Handler {
	if h == nil {
		return nil
	}
	return func(ctx context.Context, e chatapi.Event, w *Work) error {
		err := h(ctx, e)
		later, waits := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](err)
		switch {
		case errors.Is(err, chatapi.ErrOutcomeUnknown):
			return nil
		case waits:
			w.Defer(w.now().Add(later.RetryAfter()))
			return nil
		}
		return err
	}
}

// The pauses after which the service is asked to deliver again.
const (
	pauseFull  = 5 * time.Second
	pauseStore = 15 * time.Second
)

// Accept stores a delivery and returns nil once it is on the disk; give it to
// [chatapi.NewDeliveryHandler]. An event that was accepted before, by any process, is
// not accepted again. It calls nothing but the store and is safe for concurrent use.
//
// A store that fails, or in which too many deliveries wait, is [chatapi.RetryLater]:
// the sender gets 503 and delivers again. So is a context that ends first. A delivery
// without a channel is an error, which the handler answers with 500, so that the service
// delivers it again once the handler knows its channel: see [chatapi.WebhookChannel] and
// [chatapi.WebhookSecrets].
//
// A body that is not one JSON object is stored too, and its sender gets 400. Elements
// that were not read are named beside the body, see [Inbox.Unreadable].
//
// The events of d belong to the Inbox afterwards: do not use them.
func (i *Inbox) Accept(ctx context.Context, d *chatapi.Delivery) error {
	if d == nil {
		return errors.New("durable: Accept: the delivery is nil; give Accept to chatapi.NewDeliveryHandler")
	}
	began := i.clock.now()
	info := AcceptedInfo{Channel: chatapi.ChannelID(canonical(d.Channel))}
	info.Err = i.accept(ctx, d, &info)
	info.Duration, info.Full = i.clock.now().Sub(began), errors.Is(info.Err, store.ErrFull)
	told(ctx, i.parts, acceptedHook, info)
	return info.Err
}

func (i *Inbox) accept(ctx context.Context, d *chatapi.Delivery, info *AcceptedInfo) error {
	channel := string(info.Channel)
	row := &store.Delivery{Channel: channel, Received: d.Received, Body: d.Body, Unreadable: unreadable(d.Err)}
	row.Accepted = i.clock.now()
	row.Elsewhere = i.elsewhere()
	if row.Received.IsZero() || i.clock.replaced { // the webhook handler goes by the system's
		row.Received = row.Accepted
	}
	switch {
	case len(d.Events) == 0 && row.Unreadable == "":
		return nil
	case channel == "" && len(d.Events) > 0:
		return errors.New("durable: Accept: the delivery names no channel; give the webhook handler WebhookChannel or WebhookSecrets")
	}
	row.Events = make([]store.Arrival, len(d.Events))
	for n, e := range d.Events {
		row.Events[n] = store.Arrival{Key: eventHash(channel, e.Key()), Lane: laneOf(channel, e), Index: n}
	}
	fresh, err := i.store.Accept(ctx, row)
	switch {
	case errors.Is(err, store.ErrFull):
		return chatapi.RetryLater(pauseFull, fmt.Errorf("durable: Accept: %w", err))
	case err != nil:
		return chatapi.RetryLater(pauseStore, fmt.Errorf("durable: Accept: the delivery was not stored: %w", err))
	}
	info.New, info.Known, info.Unreadable = len(fresh), len(d.Events)-len(fresh), row.Unreadable != ""
	again := *row
	again.Elsewhere = false // nobody handles them
	again.Unreadable, again.Events = "", i.state.extra(channel, d.Events, fresh)
	i.accepted(row, d.Events, fresh) // now, because a redelivery has no fresh events
	if len(again.Events) > 0 {
		if _, err := i.store.Accept(ctx, &again); err != nil {
			return chatapi.RetryLater(pauseStore, fmt.Errorf("durable: Accept: the delivery was not stored: %w", err))
		}
		i.state.wake()
	}
	point.Reach(point.AcceptWoken)
	return nil
}

// accepted wakes those who work on the events of a delivery. Events that are known may be
// as new: the answer of the store may have been lost when they were stored.
func (i *Inbox) accepted(row *store.Delivery, events []chatapi.Event, fresh []int) {
	if len(events) == 0 {
		return
	}
	defer i.state.wake()
	if row.Elsewhere {
		return
	}
	if len(fresh) > 0 {
		group := i.parsed.group(len(row.Body), len(fresh))
		for _, n := range fresh {
			labelEvent(events[n], row.Channel, row.Received)
			group.add(row.Events[n].Key, events[n])
		}
		i.parsed.put(group, false)
	}
	woken := make(map[string]struct{}, min(len(events), 64))
	for n := range events {
		lane := row.Events[n].Lane
		if _, done := woken[lane]; !done {
			woken[lane] = struct{}{}
			i.lanes.Wake(lane)
		}
	}
}

// labelEvent gives an event, and those inside it, its channel and time, as the webhook
// handler does.
func labelEvent(e chatapi.Event, channel string, received time.Time) {
	info := e.Info()
	info.Channel, info.Received = chatapi.ChannelID(channel), received
	if standby, ok := e.(*chatapi.StandbyEvent); ok {
		for _, inner := range standby.Events {
			labelEvent(inner, channel, received)
		}
	}
}

// unreadable returns why a body, or which of its elements, was not read. Elements that
// were read in part are events, and not among them.
func unreadable(err error) string {
	const most = 2000
	elements, ok := errors.AsType[*chatapi.ParseError](err)
	switch {
	case err == nil:
		return ""
	case !ok:
		return spoken(err.Error(), most)
	}
	var b strings.Builder
	for _, e := range elements.Elements {
		if !e.Partial && b.Len() < most {
			fmt.Fprintf(&b, "%s: %v\n", e.Path, e.Err)
		}
	}
	return spoken(strings.TrimSuffix(b.String(), "\n"), most)
}
