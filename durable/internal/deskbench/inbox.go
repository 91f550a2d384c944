package deskbench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	rate    = 5 * time.Millisecond // between two events
	events  = 400                  // of a round
	chats   = 100
	workers = 32
)

// Latency hands in 200 events a second, each of which writes a row of the user's: in
// turns to a desk, and to goroutines that call the store themselves, without locks,
// attempts, timers, or facts of the state. It compares the time from Accept to the
// handler, and the processor time.
func Latency(b *testing.B, p Place) {
	mine, bare := newTimed(b, p.New(b)), newTimed(b, p.New(b))
	desk, _ := run(b, mine.store, chatapi.NewChannels(), func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		mine.begun(e)
		return w.InTx(func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, insertEffect, chatOf(e), e.Key())
			return err
		})
	})
	accept := func(d *chatapi.Delivery) error { return desk.Inbox.Accept(context.Background(), d) }
	floor := &goroutines{timed: bare}
	var half, most, cpu ratio
	var times []time.Duration
	for round := 0; b.Loop(); {
		for range 5 {
			round++
			floorTimes, floorCPU := bare.atRate(p, round, floor.accept)
			ours, ourCPU := mine.atRate(p, round, accept)
			times = append(times, ours...)
			half.add(float64(percentile(ours, 0.5)), float64(percentile(floorTimes, 0.5)))
			most.add(float64(percentile(ours, 0.99)), float64(percentile(floorTimes, 0.99)))
			cpu.add(float64(ourCPU), float64(floorCPU))
		}
	}
	half.report(b, "x-desk-p50")
	most.report(b, "x-desk-p99")
	cpu.report(b, "x-desk-cpu")
	b.ReportMetric(percentile(times, 0.5).Seconds()*1000, "ms-p50")
	b.ReportMetric(percentile(times, 0.99).Seconds()*1000, "ms-p99")
}

// timed is a store and how long the events of a round took to their handlers.
type timed struct {
	b     *testing.B
	store store.Store

	mu    sync.Mutex
	began map[string]time.Time
	took  []time.Duration
	all   chan struct{} // closed when the last event of the round has begun
}

func newTimed(b *testing.B, s store.Store) *timed {
	b.Helper()
	table(b, s)
	return &timed{b: b, store: s, began: map[string]time.Time{}}
}

func (t *timed) begun(e chatapi.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, time.Since(t.began[e.Key()]))
	if len(t.took) == events {
		close(t.all)
	}
}

// atRate hands in the events of a round.
func (t *timed) atRate(p Place, round int, accept func(d *chatapi.Delivery) error) (took []time.Duration, cpu time.Duration) {
	settle()
	t.mu.Lock()
	clear(t.began)
	t.took, t.all = nil, make(chan struct{})
	t.mu.Unlock()
	before := p.cpu()
	ticker := time.NewTicker(rate)
	defer ticker.Stop()
	for n := range events {
		<-ticker.C
		d := message(fmt.Sprintf("%d-%d", round, n), n%chats)
		t.mu.Lock()
		t.began[d.Events[0].Key()] = time.Now()
		t.mu.Unlock()
		go func() {
			if err := accept(d); err != nil {
				t.b.Error(err)
			}
		}()
	}
	<-t.all
	time.Sleep(quiet)
	return t.took, p.cpu() - before
}

// cpu is the processor time of the program and the database so far.
func (p Place) cpu() time.Duration {
	if p.CPU == nil {
		return used()
	}
	return used() + p.CPU()
}

// goroutines work on a store's events without a desk: one for each delivery, and for one
// chat in turn.
type goroutines struct {
	*timed
	chats sync.Map // of *sync.Mutex
}

func (g *goroutines) accept(d *chatapi.Delivery) error {
	row := arrival(d)
	if _, err := g.store.Accept(context.Background(), row); err != nil {
		return err
	}
	go func() {
		if err := g.work(row.Events[0].Lane, g.begun, g.together); err != nil {
			g.b.Error(err)
		}
	}()
	return nil
}

func (g *goroutines) together(do func(ctx context.Context, tx store.Tx) error) error {
	return g.store.Update(context.Background(), do)
}

// work works on what is open of a chat.
func (g *goroutines) work(lane string, begun func(chatapi.Event), commit func(func(context.Context, store.Tx) error) error) error {
	ctx := context.Background()
	mu, _ := g.chats.LoadOrStore(lane, &sync.Mutex{})
	mu.(*sync.Mutex).Lock()
	defer mu.(*sync.Mutex).Unlock()
	open, err := g.store.Open(ctx, lane, 64)
	if err != nil {
		return err
	}
	for i := range open {
		row, err := g.store.Event(ctx, open[i].Seq)
		if err != nil {
			return err
		}
		parsed, err := chatapi.ParseWebhook(row.Body)
		if err != nil {
			return err
		}
		e := parsed[row.Index]
		begun(e)
		err = commit(func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.Exec(ctx, insertEffect, chatOf(e), e.Key()); err != nil {
				return err
			}
			return g.store.Done(ctx, tx, &open[i])
		})
		if err != nil && !errors.Is(err, store.ErrDone) {
			return err
		}
	}
	return nil
}

const (
	backlog      = 2000 // events
	backlogChats = 500
)

// Drain works on a backlog of 500 chats: in turns by a desk, which groups the ends of its
// handlers, and by as many goroutines with a transaction for each event.
func Drain(b *testing.B, p Place) {
	mine, bare := p.New(b), p.New(b)
	table(b, mine)
	table(b, bare)
	alone := p.Alone(b, bare)
	var grouped, commits ratio
	var seconds float64
	for round := 0; b.Loop(); {
		for range 5 {
			round++
			floor := drainAlone(b, bare, round, alone)
			before := p.count(mine)
			ours := drainDesk(b, mine, round)
			grouped.add(float64(floor), float64(ours))
			commits.add(p.count(mine)-before, backlog)
			seconds += ours.Seconds() / backlog
		}
	}
	grouped.report(b, "x-desk-drain")
	b.ReportMetric(float64(len(grouped.all))/seconds, "events/s")
	if p.Commits != nil {
		commits.report(b, "commits/event")
	}
}

// fill accepts a backlog and returns its lanes.
func fill(b *testing.B, s store.Store, round int) (lanes []string) {
	b.Helper()
	atSameTime(b, backlog, func(n int) error {
		_, err := s.Accept(context.Background(), arrival(message(fmt.Sprintf("%d-%d", round, n), n%backlogChats)))
		return err
	})
	for n := range backlogChats {
		lanes = append(lanes, arrival(message("", n)).Events[0].Lane)
	}
	return lanes
}

func drainDesk(b *testing.B, s store.Store, round int) time.Duration {
	b.Helper()
	fill(b, s, round)
	return drainOpen(b, s)
}

func drainAlone(b *testing.B, s store.Store, round int, alone func(func(context.Context, store.Tx) error) error) time.Duration {
	b.Helper()
	lanes := fill(b, s, round)
	g := &goroutines{timed: &timed{b: b, store: s}}
	settle()
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range workers {
		all.Go(func() {
			for n := int(next.Add(1)); n <= len(lanes); n = int(next.Add(1)) {
				if err := g.work(lanes[n-1], func(chatapi.Event) {}, alone); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return time.Since(began)
}
