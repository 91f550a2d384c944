package oteldurable_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/oteldurable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

const channel = chatapi.ChannelID("ABC100000001")

// metrics are the values of a collection: "name{attributes}" with a number, for a
// histogram the count.
type metrics map[string]float64

func collect(t *testing.T, reader *sdkmetric.ManualReader) metrics {
	t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &data))
	all := metrics{}
	put := func(name string, attributes attribute.Set, value float64) {
		var texts []string
		for _, kv := range attributes.ToSlice() {
			if key := string(kv.Key); key != "db.system.name" {
				texts = append(texts, strings.TrimPrefix(key, "chatapi.")+"="+kv.Value.String())
			} else if kv.Value.AsString() != "sqlite" {
				t.Errorf("%s has the database %s", name, kv.Value.AsString())
			}
		}
		all[strings.TrimPrefix(name, "chatapi.durable.")+"{"+strings.Join(texts, ",")+"}"] = value
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			assert.NotEmpty(t, m.Unit, m.Name)
			assert.NotEmpty(t, m.Description, m.Name)
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					put(m.Name, p.Attributes, float64(p.Count))
				}
			default:
				t.Errorf("%s has data of type %T", m.Name, d)
			}
		}
	}
	return all
}

// body is a webhook with a message for each text, each from another person.
func delivery(channel chatapi.ChannelID, id string, texts ...string) *chatapi.Delivery {
	var messages []string
	for n, text := range texts {
		phone := fmt.Sprintf("1202555%04d", 150+n)
		messages = append(messages, fmt.Sprintf(`{"id":"%s%d","type":"chat","body":%q,"fromMe":false,"chatId":"%s@c.us","author":"%s@c.us"}`, id, n, text, phone, phone))
	}
	d := &chatapi.Delivery{Channel: channel, Received: time.Now(),
		Body: []byte(`{"instanceId":"` + string(channel) + `","messages":[` + strings.Join(messages, ",") + `]}`)}
	d.Events, d.Err = chatapi.ParseWebhook(d.Body)
	return d
}

// newHandler returns a handler that does what a message says.
func newHandler() durable.Handler {
	var deferred atomic.Bool // once, whenever the machine gets to it
	return func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		m, ok := e.(*chatapi.MessageEvent)
		switch {
		case ok && m.Text == "retry" && w.Attempt == 1:
			return errors.New("not yet")
		case ok && m.Text == "defer" && !deferred.Swap(true):
			w.Defer(time.Now())
		case ok && m.Text == "never":
			return durable.ErrDead
		}
		return nil
	}
}

type world struct {
	desk   *durable.Desk
	reader *sdkmetric.ManualReader
	store  *sqlite.Store
	api    *chatapitest.API
	run    func() (end func() error)
}

func open(t *testing.T, opts ...oteldurable.Option) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{api: chatapitest.New(t, chatapitest.AllowUndelivered()), reader: sdkmetric.NewManualReader()}
	channels := chatapi.NewChannels()
	apiURL, err := w.api.Listen()
	require.NoError(t, err)
	_, err = channels.Put(apiURL, w.api.Token)
	require.NoError(t, err)
	w.store, err = sqlite.Open(ctx, t.TempDir())
	require.NoError(t, err)
	w.desk, err = durable.Open(ctx, w.store, channels, durable.Retries(durable.RetryPolicy{Delay: func(int) time.Duration { return time.Millisecond }}))
	require.NoError(t, err)
	w.desk.Inbox.Handle(newHandler())
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))
	stop, err := oteldurable.Start(w.desk, provider, opts...)
	require.NoError(t, err)
	w.run = func() func() error {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- w.desk.Run(ctx) }()
		return func() error { cancel(); return <-ended }
	}
	t.Cleanup(func() {
		assert.NoError(t, stop())
		assert.NoError(t, w.store.Close())
	})
	return w
}

func TestMetrics(t *testing.T) {
	ctx, w := t.Context(), open(t)
	w.api.Customer("12025550143").Says("hi")
	require.NoError(t, w.desk.Inbox.Accept(ctx, delivery(channel, "a", "x", "retry", "defer", "never")))
	require.NoError(t, w.desk.Inbox.Accept(ctx, delivery(channel, "a", "x", "retry")))
	_, err := w.desk.Outbox.Send(ctx, channel, "k", chatapi.Phone("12025550143"), chatapi.Text{Body: "x"})
	require.NoError(t, err)
	got := collect(t, w.reader)
	id := "channel.id=" + string(channel)
	for name, want := range map[string]float64{
		"ready{}": 0, "inbox.depth{}": 4, "inbox.dead{}": 0, "inbox.stuck{}": 0, "state.depth{}": 4, "state.skipped{}": 0,
		"outbox.depth{" + id + "}": 1, "outbox.held{" + id + "}": 0,
		"outbox.unknown{durable.settled_by=person}": 0, "outbox.unknown{durable.settled_by=history}": 0,
		"inbox.events{" + id + ",durable.outcome=new}": 4, "inbox.events{" + id + ",durable.outcome=duplicate}": 2,
		"inbox.accept.duration{" + id + "}": 2,
	} {
		assert.Contains(t, got, name)
		assert.Equal(t, want, got[name], name)
	}
	for _, name := range []string{"inbox.oldest{}", "state.oldest{}", "outbox.oldest{" + id + "}"} {
		assert.Positive(t, got[name], name)
	}
	end := w.run()
	want := map[string]float64{
		"ready{}": 1, "inbox.depth{}": 0, "inbox.oldest{}": 0, "inbox.dead{}": 1, "state.depth{}": 0, "outbox.depth{" + id + "}": 0,
		"inbox.lag{" + id + "}": 4, "outbox.pace.duration{" + id + "}": 1,
		"inbox.handler.calls{" + id + ",durable.outcome=done,durable.replay=false}":     3,
		"inbox.handler.calls{" + id + ",durable.outcome=retry,durable.replay=false}":    1,
		"inbox.handler.calls{" + id + ",durable.outcome=deferred,durable.replay=false}": 1,
		"inbox.handler.calls{" + id + ",durable.outcome=dead,durable.replay=false}":     1,
		"outbox.attempts{" + id + ",durable.message.state=sent}":                        1,
		"outbox.send.duration{" + id + ",durable.message.state=sent}":                   1,
	}
	// A reading is no snapshot: gauges are asked of the store, and hooks count after the commit.
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		got := collect(t, w.reader)
		for name, want := range want {
			assert.Contains(c, got, name)
			assert.Equal(c, want, got[name], name)
		}
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, end())
	assert.Equal(t, float64(0), collect(t, w.reader)["ready{}"])
}

// Channels beyond the bound share one name, and a store that fails is told.
func TestBounds(t *testing.T) {
	ctx, w := t.Context(), open(t, oteldurable.MaxChannels(1))
	for n := range 3 {
		require.NoError(t, w.desk.Inbox.Accept(ctx, delivery(chatapi.ChannelID(fmt.Sprintf("ABC10000000%d", n)), "a", "x")))
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	require.Error(t, w.desk.Inbox.Accept(over, delivery(channel, "b", "x")))
	got := collect(t, w.reader)
	assert.Equal(t, float64(1), got["inbox.events{channel.id=ABC100000000,durable.outcome=new}"])
	assert.Equal(t, float64(2), got["inbox.events{channel.id=_OTHER,durable.outcome=new}"])
	assert.Equal(t, float64(1), got["inbox.accept.duration{channel.id=_OTHER,error.type=canceled}"])

	w = open(t, oteldurable.MaxChannels(0), nil)
	require.NoError(t, w.desk.Inbox.Accept(ctx, delivery(channel, "a", "x")))
	got = collect(t, w.reader)
	assert.Equal(t, float64(1), got["inbox.events{durable.outcome=new}"])
	assert.Contains(t, got, "outbox.depth{}")
	require.NoError(t, w.store.Close())
	require.Error(t, w.desk.Inbox.Accept(ctx, delivery(channel, "b", "x")))
	var data metricdata.ResourceMetrics
	require.ErrorIs(t, w.reader.Collect(ctx, &data), sqlite.ErrClosed)
}

func TestStartRefuses(t *testing.T) {
	_, err := oteldurable.Start(nil, noop.NewMeterProvider())
	require.ErrorContains(t, err, "the desk or the provider is nil")
}

// The table of docs/durable.md has every metric, and no other.
func TestTableOfMetrics(t *testing.T) {
	w := open(t)
	require.NoError(t, w.desk.Inbox.Accept(t.Context(), delivery(channel, "a", "never")))
	var names []string
	source, err := os.ReadFile("oteldurable.go")
	require.NoError(t, err)
	for line := range strings.Lines(string(source)) {
		for _, kind := range []string{"counter(", "times(", "gauge(", "age("} {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), kind+"&m."); ok {
				names = append(names, "chatapi.durable."+strings.Split(rest, `"`)[1])
			}
		}
	}
	require.Greater(t, len(names), 15)
	text, err := os.ReadFile("../../docs/durable.md")
	require.NoError(t, err)
	var listed []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "| `chatapi.durable."); ok {
			listed = append(listed, "chatapi.durable."+strings.Split(name, "`")[0])
		}
	}
	slices.Sort(names)
	slices.Sort(listed)
	assert.Equal(t, names, listed)
}

// Metrics of a desk, read by hand. A program gives the provider of its exporter instead.
func ExampleStart() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "desk")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	store, err := sqlite.Open(ctx, folder)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	desk, err := durable.Open(ctx, store, chatapi.NewChannels())
	if err != nil {
		log.Fatal(err)
	}
	reader := sdkmetric.NewManualReader()
	stop, err := oteldurable.Start(desk, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	if err := desk.Inbox.Accept(ctx, delivery("ABC100000001", "a", "Is it ready?")); err != nil {
		log.Fatal(err)
	}

	var data metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &data); err != nil {
		log.Fatal(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		if gauge, ok := m.Data.(metricdata.Gauge[int64]); ok && m.Name == "chatapi.durable.inbox.depth" {
			fmt.Println(m.Name, gauge.DataPoints[0].Value, m.Unit)
		}
	}
	// Output: chatapi.durable.inbox.depth 1 {event}
}
