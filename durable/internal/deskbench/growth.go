package deskbench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// The rows of Growth. CHATAPI_ROWS is the largest number, of finished events and as many
// finished messages; ten million take half an hour and some gigabytes.
const (
	fewRows  = 100_000
	manyRows = 400_000
)

// Growth compares accepting, draining, and claiming and reserving on a store that has
// done little with one that has done much: x-desk-grown-… is how much faster the small
// one is.
func Growth(b *testing.B, p Place) {
	most := manyRows
	if text := os.Getenv("CHATAPI_ROWS"); text != "" {
		var err error
		most, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	small, large := p.New(b), p.New(b)
	for _, s := range []store.Store{small, large} {
		table(b, s)
		p.Fill(b, s, 0, fewRows)
	}
	for from := fewRows; from < most; from += fewRows {
		p.Fill(b, large, from, min(most, from+fewRows))
	}
	synced() // the system writes the rows while the rounds run otherwise
	var accepts, drains, reserves ratio
	for round := 0; b.Loop(); {
		for range 9 {
			round++
			fewAccepts, fewDrains := acceptAndDrain(b, small, round)
			fewSends, _ := p.storedSends(b, small, round)
			manyAccepts, manyDrains := acceptAndDrain(b, large, round)
			manySends, _ := p.storedSends(b, large, round)
			accepts.add(float64(manyAccepts), float64(fewAccepts))
			drains.add(float64(manyDrains), float64(fewDrains))
			reserves.add(float64(manySends), float64(fewSends))
		}
	}
	b.ReportMetric(float64(most), "rows")
	accepts.report(b, "x-desk-grown-accept")
	drains.report(b, "x-desk-grown-drain")
	reserves.report(b, "x-desk-grown-send")
}

func acceptAndDrain(b *testing.B, s store.Store, round int) (accepting, draining time.Duration) {
	b.Helper()
	settle()
	began := time.Now()
	fill(b, s, round)
	accepting = time.Since(began)
	return accepting, drainOpen(b, s)
}

// Memory measures the heap that a desk needs for messages that are planned and events
// that are accepted, with a channel that sends nothing and a handler that waits.
func Memory(b *testing.B, p Place) {
	const planned, accepted = 5_000, 5_000
	s := p.New(b)
	ctx := context.Background()
	channels, _ := service(b)
	planner, err := durable.Open(ctx, s, channels)
	require.NoError(b, err)
	plan(b, s, planner.Outbox, 0, planned, func(n int) int { return n % people }, durable.At(time.Now().Add(time.Hour)))
	var perMessage, perEvent ratio
	for round := 0; b.Loop(); round++ {
		empty := heap()
		block := make(chan struct{})
		desk, stop := run(b, s, channels, func(ctx context.Context, _ chatapi.Event, w *durable.Work) error {
			select {
			case <-block:
			case <-ctx.Done():
			}
			return ctx.Err()
		}, durable.DrainTimeout(time.Millisecond))
		time.Sleep(time.Second) // the sender has looked at what is planned
		idle := heap()
		perMessage.add(float64(max(idle-empty, 0)), planned)
		atSameTime(b, accepted, func(n int) error {
			return desk.Inbox.Accept(ctx, message(fmt.Sprintf("%d-%d", round, n), n%people))
		})
		perEvent.add(float64(max(heap()-idle, 0)), accepted)
		close(block)
		stop()
	}
	perMessage.report(b, "x-desk-message-memory")
	perEvent.report(b, "x-desk-event-memory")
}

// atSameTime calls a function for each number, at 64 callers.
func atSameTime(b *testing.B, count int, do func(n int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < count; n = int(next.Add(1)) - 1 {
				if err := do(n); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// plan plans texts for customers.
func plan(b *testing.B, s store.Store, outbox *durable.Outbox, from, to int, customer func(n int) int, opts ...durable.SendOption) {
	b.Helper()
	for at := from; at < to; at += 1000 {
		require.NoError(b, s.Update(context.Background(), func(ctx context.Context, tx store.Tx) error {
			for n := at; n < min(to, at+1000); n++ {
				if _, err := outbox.SendIn(ctx, durable.NewTx(tx), desktest.Channel, fmt.Sprint("planned ", n), desktest.To(customer(n)),
					chatapi.Text{Body: "a text as people write it"}, opts...); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// drainOpen works on what is open.
func drainOpen(b *testing.B, s store.Store) time.Duration {
	b.Helper()
	var left atomic.Int32
	left.Store(backlog)
	done := make(chan struct{})
	var once sync.Once
	settle()
	began := time.Now()
	_, stop := run(b, s, chatapi.NewChannels(), func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		return w.InTx(func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, insertEffect, chatOf(e), e.Key())
			if left.Add(-1) <= 0 {
				once.Do(func() { close(done) })
			}
			return err
		})
	}, durable.Workers(workers))
	<-done
	took := time.Since(began)
	stop()
	return took
}

// FillOutbox is the first part of a statement that adds messages that were sent, for each
// i of the rows of what follows. The other parts are the database's random bytes.
func FillOutbox(key, prepared, now string) string {
	return `INSERT INTO outbox (channel, khash, key, chat, prio, campaign, version, prepared, fallback, fell_back, state, claim, claimed,
		planned, not_before, until, attempts, reserved, looked, message_id, status, status_at, reason, failure)
		SELECT 'ABC100000001', ` + key + `, 'old ' || i, 'phone:1' || i, 0, '', 1, ` + prepared + `, NULL, 0, 4, 'x', ` + now + `,
		` + now + `, 0, 0, 1, ` + now + `, 0, 'old.' || i, 'read', ` + now + `, '', NULL`
}

// Crowd compares sending to many people with the same while 10,000 messages for one of
// them are planned before, or 100,000 with CHATAPI_ROWS: x-desk-crowd is how many times as long that takes.
func Crowd(b *testing.B, p Place) {
	many := 10_000
	if os.Getenv("CHATAPI_ROWS") != "" {
		many = 100_000
	}
	s, crowded := p.New(b), p.New(b)
	channels, _ := service(b)
	planner, err := durable.Open(context.Background(), crowded, channels)
	require.NoError(b, err)
	plan(b, crowded, planner.Outbox, -many, 0, func(int) int { return 0 })
	var slower ratio
	for round := 0; b.Loop(); {
		for range 5 {
			round++
			alone, _ := p.sendsTo(b, s, round, 1)
			behind, _ := p.sendsTo(b, crowded, round, 1)
			slower.add(float64(behind), float64(alone))
		}
	}
	slower.report(b, "x-desk-crowd")
}
