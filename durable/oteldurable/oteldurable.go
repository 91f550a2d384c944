// Package oteldurable makes OpenTelemetry metrics of what a [durable.Desk] does and of
// what waits in it.
//
//	stop, err := oteldurable.Start(desk, otel.GetMeterProvider())
//	if err != nil {
//		return err
//	}
//	defer stop()
//
// It is a module of its own, so that a program without OpenTelemetry does not download
// it. The table of the metrics is in docs/durable.md. No metric has a text, a phone
// number or a token.
package oteldurable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
)

// scope names the instrumentation.
const scope = "github.com/chatapi-go/chatapi/durable/oteldurable"

// Option changes [Start].
type Option func(*options)

type options struct {
	channels int
	timeout  time.Duration
}

// MaxChannels bounds how many channels have their own attribute chatapi.channel.id; 100 by
// default. The others share "_OTHER". With 0 there is no such attribute, as for a program
// with one channel.
func MaxChannels(n int) Option { return func(o *options) { o.channels = n } }

// Timeout bounds the questions to the store, which each collection of the metrics asks; 5
// s by default. Without an answer in that time chatapi.durable.ready is 0 and the metrics
// of what waits are missing.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Start makes the metrics of a desk, until stop is called. Call it after [durable.Open]
// and before [durable.Desk.Run], once for a desk. What waits is asked for with
// [durable.Desk.Health] at each collection, which takes a while with a long queue: of
// several programs on one database let one export the metrics of what waits, or take the
// greatest value and not the sum. It calls nothing but the store.
func Start(desk *durable.Desk, provider metric.MeterProvider, opts ...Option) (stop func() error, err error) {
	if desk == nil || provider == nil {
		return nil, errors.New("oteldurable: Start: the desk or the provider is nil")
	}
	m := &meters{desk: desk, options: options{channels: 100, timeout: 5 * time.Second}, named: map[chatapi.ChannelID]attribute.KeyValue{}}
	for _, opt := range opts {
		if opt != nil {
			opt(&m.options)
		}
	}
	meter := provider.Meter(scope)
	if err := m.make(meter); err != nil {
		return nil, fmt.Errorf("oteldurable: Start: %w", err)
	}
	registration, err := meter.RegisterCallback(m.observe, m.ready, m.inboxDepth, m.inboxOldest, m.inboxDead, m.inboxStuck,
		m.stateDepth, m.stateOldest, m.stateSkipped, m.outboxDepth, m.outboxOldest, m.outboxUnknown, m.outboxHeld)
	if err != nil {
		return nil, fmt.Errorf("oteldurable: Start: %w", err)
	}
	desk.Watch(durable.Hooks{Accepted: m.acceptedHook, Handled: m.handledHook, Tried: m.triedHook})
	return registration.Unregister, nil
}

// meters are the instruments.
type meters struct {
	desk *durable.Desk
	options

	accepted, handled, tried             metric.Int64Counter
	acceptTime, lag, handleTime          metric.Float64Histogram
	paceTime, sendTime                   metric.Float64Histogram
	ready, inboxDepth, inboxDead         metric.Int64ObservableGauge
	inboxStuck, stateDepth, stateSkipped metric.Int64ObservableGauge
	outboxDepth, outboxUnknown           metric.Int64ObservableGauge
	outboxHeld                           metric.Int64ObservableGauge
	inboxOldest, stateOldest             metric.Float64ObservableGauge
	outboxOldest                         metric.Float64ObservableGauge

	mu    sync.Mutex
	named map[chatapi.ChannelID]attribute.KeyValue
}

// The bounds of the histograms, in seconds.
var (
	shortTimes = metric.WithExplicitBucketBoundaries(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
	longTimes  = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
)

// make makes the instruments. Their names are a promise; docs/durable.md lists them.
func (m *meters) make(meter metric.Meter) error {
	var all []error
	counter := func(into *metric.Int64Counter, name, unit, text string) {
		made, err := meter.Int64Counter("chatapi.durable."+name, metric.WithUnit(unit), metric.WithDescription(text))
		*into, all = made, append(all, err)
	}
	times := func(into *metric.Float64Histogram, name, text string, bounds metric.HistogramOption) {
		made, err := meter.Float64Histogram("chatapi.durable."+name, metric.WithUnit("s"), metric.WithDescription(text), bounds)
		*into, all = made, append(all, err)
	}
	gauge := func(into *metric.Int64ObservableGauge, name, unit, text string) {
		made, err := meter.Int64ObservableGauge("chatapi.durable."+name, metric.WithUnit(unit), metric.WithDescription(text))
		*into, all = made, append(all, err)
	}
	age := func(into *metric.Float64ObservableGauge, name, text string) {
		made, err := meter.Float64ObservableGauge("chatapi.durable."+name, metric.WithUnit("s"), metric.WithDescription(text))
		*into, all = made, append(all, err)
	}
	counter(&m.accepted, "inbox.events", "{event}", "Events of deliveries that were stored: new ones and those that were known.")
	times(&m.acceptTime, "inbox.accept.duration", "Time to put a delivery on the disk, before the service gets its 200 or 503.", shortTimes)
	times(&m.lag, "inbox.lag", "Time from the acceptance of an event to the first call of its handler.", longTimes)
	counter(&m.handled, "inbox.handler.calls", "{call}", "Calls of the handler, by what became of the event.")
	times(&m.handleTime, "inbox.handler.duration", "Time of a call of the handler.", shortTimes)
	gauge(&m.inboxDepth, "inbox.depth", "{event}", "Events that wait for the handler.")
	age(&m.inboxOldest, "inbox.oldest", "Age of the oldest event that waits for the handler.")
	gauge(&m.inboxDead, "inbox.dead", "{event}", "Dead letters.")
	gauge(&m.inboxStuck, "inbox.stuck", "{chat}", "Chats whose handlers ignore the end of their time.")
	gauge(&m.stateDepth, "state.depth", "{event}", "Events that the state has not read.")
	age(&m.stateOldest, "state.oldest", "Age of the oldest event that the state has not read.")
	gauge(&m.stateSkipped, "state.skipped", "{event}", "Events that this program could not put into the state.")
	counter(&m.tried, "outbox.attempts", "{attempt}", "Attempts to send a message, by the message's state afterwards.")
	times(&m.paceTime, "outbox.pace.duration", "Time that a message waited for the pace of its channel and recipient.", longTimes)
	times(&m.sendTime, "outbox.send.duration", "Time of an attempt after the wait for the pace.", shortTimes)
	gauge(&m.outboxDepth, "outbox.depth", "{message}", "Messages that wait to be sent now or are on their way.")
	age(&m.outboxOldest, "outbox.oldest", "Age of the oldest message that waits to be sent now.")
	gauge(&m.outboxUnknown, "outbox.unknown", "{message}", "Messages of which nobody knows whether they went out.")
	gauge(&m.outboxHeld, "outbox.held", "{channel}", "Channels with messages on which nothing is sent.")
	gauge(&m.ready, "ready", "1", "1 if the store answers, Run runs and the store has not halted, else 0.")
	return errors.Join(all...)
}

// The keys of the attributes.
const (
	channelKey = attribute.Key("chatapi.channel.id")
	outcomeKey = attribute.Key("chatapi.durable.outcome")
	replayKey  = attribute.Key("chatapi.durable.replay")
	stateKey   = attribute.Key("chatapi.durable.message.state")
	settledKey = attribute.Key("chatapi.durable.settled_by")
	errorKey   = attribute.Key("error.type")
	systemKey  = attribute.Key("db.system.name")
	other      = "_OTHER"
)

// name returns the attribute of a channel: the zero one if there is none.
func (m *meters) name(id chatapi.ChannelID) attribute.KeyValue {
	if m.channels <= 0 {
		return attribute.KeyValue{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	named, known := m.named[id]
	switch {
	case known:
		return named
	case len(m.named) >= m.channels:
		return channelKey.String(other)
	}
	named = channelKey.String(string(id))
	m.named[id] = named
	return named
}

// channel returns attributes with that of a channel.
func (m *meters) channel(id chatapi.ChannelID, more ...attribute.KeyValue) metric.MeasurementOption {
	if named := m.name(id); named.Valid() {
		more = append(more, named)
	}
	return metric.WithAttributes(more...)
}

func (m *meters) acceptedHook(ctx context.Context, a durable.AcceptedInfo) {
	if a.Err != nil {
		kind := "store"
		switch {
		case a.Full:
			kind = "queue_full"
		case errors.Is(a.Err, context.Canceled) || errors.Is(a.Err, context.DeadlineExceeded):
			kind = "canceled"
		}
		m.acceptTime.Record(ctx, a.Duration.Seconds(), m.channel(a.Channel, errorKey.String(kind)))
		return
	}
	m.acceptTime.Record(ctx, a.Duration.Seconds(), m.channel(a.Channel))
	if a.New > 0 {
		m.accepted.Add(ctx, int64(a.New), m.channel(a.Channel, outcomeKey.String("new")))
	}
	if a.Known > 0 {
		m.accepted.Add(ctx, int64(a.Known), m.channel(a.Channel, outcomeKey.String("duplicate")))
	}
}

func (m *meters) handledHook(ctx context.Context, h durable.HandledInfo) {
	attributes := m.channel(h.Channel, outcomeKey.String(string(h.Outcome)), replayKey.Bool(h.Replay))
	m.handled.Add(ctx, 1, attributes)
	if h.Duration > 0 {
		m.handleTime.Record(ctx, h.Duration.Seconds(), attributes)
	}
	if h.First {
		m.lag.Record(ctx, h.Lag.Seconds(), m.channel(h.Channel))
	}
}

func (m *meters) triedHook(ctx context.Context, t durable.TriedInfo) {
	attributes := []attribute.KeyValue{stateKey.String(string(t.State))}
	if t.Kind != "" {
		attributes = append(attributes, errorKey.String(string(t.Kind)))
	}
	m.tried.Add(ctx, 1, m.channel(t.Channel, attributes...))
	m.paceTime.Record(ctx, t.Waited.Seconds(), m.channel(t.Channel))
	if t.Written {
		m.sendTime.Record(ctx, t.Duration.Seconds(), m.channel(t.Channel, attributes...))
	}
}

// observe asks the store what waits.
func (m *meters) observe(ctx context.Context, o metric.Observer) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	h, err := m.desk.Health(ctx)
	system := metric.WithAttributes(systemKey.String(systemName(h.Store)))
	ready := int64(0)
	if h.Ready && h.Halted == "" {
		ready = 1
	}
	o.ObserveInt64(m.ready, ready, system)
	o.ObserveInt64(m.inboxStuck, int64(len(h.Stuck)), system)
	o.ObserveInt64(m.stateSkipped, int64(h.Skipped), system)
	if err != nil {
		return err
	}
	o.ObserveInt64(m.inboxDepth, int64(h.Inbox.Waiting), system)
	o.ObserveFloat64(m.inboxOldest, h.Inbox.Oldest.Seconds(), system)
	o.ObserveInt64(m.inboxDead, int64(h.Dead), system)
	o.ObserveInt64(m.stateDepth, int64(h.State.Waiting), system)
	o.ObserveFloat64(m.stateOldest, h.State.Oldest.Seconds(), system)
	for _, settled := range []struct {
		by string
		n  int
	}{{"person", h.ForPerson}, {"history", h.Unknown - h.ForPerson}} {
		o.ObserveInt64(m.outboxUnknown, int64(settled.n), metric.WithAttributes(systemKey.String(systemName(h.Store)), settledKey.String(settled.by)))
	}
	m.observeChannels(o, h)
	return nil
}

// observeChannels gives each channel its own values, and the others one together. A
// channel on which nothing waits any more has zeros.
func (m *meters) observeChannels(o metric.Observer, h durable.Health) {
	type waiting struct {
		depth, held int64
		oldest      time.Duration
	}
	all := map[attribute.KeyValue]waiting{}
	m.mu.Lock()
	for _, name := range m.named {
		all[name] = waiting{}
	}
	m.mu.Unlock()
	if m.channels <= 0 {
		all[attribute.KeyValue{}] = waiting{}
	}
	for _, c := range h.Channels {
		name := m.name(c.Channel)
		w := all[name]
		w.depth += int64(c.Outbox.Waiting)
		w.oldest = max(w.oldest, c.Outbox.Oldest)
		if c.Held != "" {
			w.held++
		}
		all[name] = w
	}
	for name, w := range all {
		attributes := []attribute.KeyValue{systemKey.String(systemName(h.Store))}
		if name.Valid() {
			attributes = append(attributes, name)
		}
		o.ObserveInt64(m.outboxDepth, w.depth, metric.WithAttributes(attributes...))
		o.ObserveFloat64(m.outboxOldest, w.oldest.Seconds(), metric.WithAttributes(attributes...))
		o.ObserveInt64(m.outboxHeld, w.held, metric.WithAttributes(attributes...))
	}
}

// systemName is OpenTelemetry's name of a database.
func systemName(store string) string {
	if store == "postgres" {
		return "postgresql"
	}
	return store
}
