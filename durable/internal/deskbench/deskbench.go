// Package deskbench measures a desk on a store beside floors that the same run measures.
// Every store of durable runs it. The rounds of a floor and of the desk take turns, and
// the medians of the ratios of the rounds are reported, because the machine's speed
// drifts.
package deskbench

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Place is where stores are made.
type Place struct {
	// New makes a store of its own, with nothing in it, which ends with the benchmark.
	New func(b *testing.B) store.Store

	// Alone runs a function in a transaction of its own, beside a store of New.
	Alone func(b *testing.B, s store.Store) func(do func(ctx context.Context, tx store.Tx) error) error

	// CPU is the processor time that the database's own processes have used; nil if it
	// has none.
	CPU func() time.Duration

	// Commits is how many commits the store has made; nil if it does not count.
	Commits func(s store.Store) int64

	// Fill adds rows by bulk, as if so many events were done and as many messages sent.
	Fill func(b *testing.B, s store.Store, from, to int)
}

// median sorts the samples.
func median(samples []float64) float64 {
	slices.Sort(samples)
	return samples[len(samples)/2]
}

// percentile returns the time below which a share of the samples is.
func percentile(samples []time.Duration, share float64) time.Duration {
	slices.Sort(samples)
	return samples[min(int(float64(len(samples))*share), len(samples)-1)]
}

// ratio collects the rounds of two that are compared.
type ratio struct{ all []float64 }

func (r *ratio) add(ours, floor float64) { r.all = append(r.all, ours/floor) }

func (r *ratio) report(b *testing.B, name string) {
	b.Helper()
	b.ReportMetric(median(r.all), name)
}

// quiet is how long a benchmark waits until what it left behind has ended.
const quiet = 50 * time.Millisecond

// settle collects garbage, so that a round does not pay for the one before.
func settle() {
	runtime.GC()
	time.Sleep(quiet)
}

// run runs a desk until stop is called.
func run(b *testing.B, s store.Store, channels *chatapi.Channels, handler durable.Handler, opts ...durable.Option) (desk *durable.Desk, stop func()) {
	b.Helper()
	desk, err := durable.Open(context.Background(), s, channels, opts...)
	require.NoError(b, err)
	desk.Inbox.Handle(handler)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- desk.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(b, <-ended)
	})
	b.Cleanup(stop)
	return desk, stop
}

// table makes the table of the user's own to which handlers write.
func table(b *testing.B, s store.Store) {
	b.Helper()
	require.NoError(b, s.Update(context.Background(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS effect (chat TEXT NOT NULL, key TEXT NOT NULL)")
		return err
	}))
}

const insertEffect = "INSERT INTO effect (chat, key) VALUES ($1, $2)"

// chatOf is the chat of a message.
func chatOf(e chatapi.Event) string { return e.(*chatapi.MessageEvent).From.Phone }

// message is a delivery of one message.
func message(id string, chat int) *chatapi.Delivery {
	return desktest.Delivery(desktest.Message(id, chat, "a text as people write it"))
}

// arrival is what the store gets of a delivery.
func arrival(d *chatapi.Delivery) *store.Delivery {
	row := &store.Delivery{Channel: string(d.Channel), Received: d.Received, Body: d.Body}
	for n, e := range d.Events {
		row.Events = append(row.Events, store.Arrival{Key: hash(string(d.Channel) + "\x00" + e.Key()), Lane: string(d.Channel) + " " + chatOf(e), Index: n})
	}
	return row
}
