package chatapitest

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// pair is the two copies of a webhook that are delivered at the same time.
type pair struct{ read, asked, ended atomic.Int32 }

// deliverPair delivers a webhook twice at the same time. Either copy is repeated on
// its own until it is acknowledged.
func (a *API) deliverPair(d *delivery) {
	both := &pair{}
	a.mu.Lock()
	a.outbox.pair = both
	a.mu.Unlock()
	var copies sync.WaitGroup
	for range 2 {
		copies.Go(func() {
			one := &delivery{Delivery: d.Delivery, depth: d.depth, era: d.era, pair: both}
			problem := goneProblem // unless deliver returns
			defer func() {
				both.ended.Add(1)
				a.finish(one, problem)
			}()
			problem = a.deliver(one)
		})
	}
	copies.Wait()
	a.mu.Lock()
	a.outbox.pair = nil
	a.mu.Unlock()
}

// patience is how often a copy lets other goroutines run before it goes on alone: a
// few milliseconds on an idle machine, and enough on a busy one. It is bounded, because
// a handler may hold a lock for which the other copy waits; and it is no time, because
// the clock of a synctest bubble stands still meanwhile.
const patience = 300_000

// meet waits a moment until both copies have reached the same stage, or one has ended.
func (p *pair) meet(stage *atomic.Int32) {
	stage.Add(1)
	for range patience {
		if stage.Load() >= 2 || p.ended.Load() > 0 {
			return
		}
		runtime.Gosched()
	}
}

// meetAtRequest makes the first request of a handler wait for that of the other copy.
func (a *API) meetAtRequest() {
	for _, c := range a.world.all() {
		c.mu.Lock()
		both := c.outbox.pair
		c.mu.Unlock()
		if both != nil && a.insideHandler() {
			both.meet(&both.asked)
		}
	}
}

// meetingReader is the body of one copy. At its end it waits for the other copy.
type meetingReader struct {
	io.Reader
	pair *pair
}

func (r *meetingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		r.pair.meet(&r.pair.read)
	}
	return n, err
}
