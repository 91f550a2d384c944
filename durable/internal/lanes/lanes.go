// Package lanes runs work by key in one process: for one key in turn, for many keys at
// once. It holds no data. What is to be done is in a database, and a key is only a hint
// to look there.
package lanes

import (
	"container/heap"
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// ErrDrained is the cause of the end of a work's context when the time to end was over.
var ErrDrained = errors.New("the program ends")

// grace is how long Run waits for work whose context has ended.
const grace = time.Second

// Runner calls a function for keys that were woken. For one key it runs at most once
// at a time; a wake during a run leads to one more run. Keys take turns. A key costs
// memory only while it waits, runs or has an alarm. It is safe for concurrent use.
type Runner struct {
	workers int
	clock   Clock
	work    func(ctx context.Context, key string) (again time.Time)

	mu      sync.Mutex
	ctx     context.Context // of the work; nil unless Run runs
	keys    map[string]*lane
	ready   list.List // of *lane, in the order of their wakes
	alarms  alarms
	running int
	rang    time.Time     // by the clock that can be set
	changed chan struct{} // the first alarm is another, or a run has ended
}

type lane struct {
	key          string
	place        *list.Element // in ready; nil if it does not wait
	running      bool
	again, first bool // woken while it ran, to come before all others
	at           time.Time
	index        int             // in alarms, -1 if it has none
	waiters      []chan struct{} // of Do
}

// New returns a Runner of at most that many calls at once. work returns when it wants
// to be called again: the zero time is when the key is woken. A time that has come
// puts the key behind all that wait.
func New(workers int, clock Clock, work func(ctx context.Context, key string) (again time.Time)) *Runner {
	return &Runner{workers: workers, clock: clock, work: work,
		keys: map[string]*lane{}, changed: make(chan struct{}, 1)}
}

// Wake says that there may be work for a key. Before Run it is kept for Run.
func (r *Runner) Wake(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wake(r.lane(key))
}

// Do wakes a key and waits until its work has ended that began after the call, or until
// ctx ends, which ends the wait and not the work.
func (r *Runner) Do(ctx context.Context, key string) {
	ended := make(chan struct{})
	r.mu.Lock()
	l := r.lane(key)
	l.waiters = append(l.waiters, ended)
	r.wake(l)
	r.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// WakeFirst is Wake for a key that gets the next free worker, before all that wait.
func (r *Runner) WakeFirst(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lane(key)
	l.first = true
	r.wake(l)
}

// WakeAt wakes a key at an instant. Of several instants the earliest counts.
func (r *Runner) WakeAt(key string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.lane(key); l.index < 0 || at.Before(l.at) {
		r.alarm(l, at)
	}
}

// Ready returns how many keys wait for a worker.
func (r *Runner) Ready() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready.Len()
}

// Waiting returns the keys that wait for a worker.
func (r *Runner) Waiting() (keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.ready.Front(); e != nil; e = e.Next() {
		keys = append(keys, e.Value.(*lane).key)
	}
	return keys
}

// Knows reports whether a key waits, runs or has an alarm.
func (r *Runner) Knows(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[key] != nil
}

// Ending reports whether Run waits for its end, so that work may stop between two
// pieces.
func (r *Runner) Ending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ctx == nil
}

// Run works until ctx ends. Then nothing new begins, and what runs has the time drain
// to end; after that its context ends with the cause ErrDrained. Run returns the keys
// whose work did not end even then. Call it once.
func (r *Runner) Run(ctx context.Context, drain time.Duration) (left []string) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	r.begin(work)
	for r.clock.Wait(ctx, r.ring(), r.changed) == nil {
	}
	r.begin(nil) //nolint:staticcheck // nothing begins any more
	if !r.ended(drain) {
		cancel(ErrDrained)
		r.ended(grace)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, l := range r.keys {
		if l.running {
			left = append(left, key)
		}
	}
	return left
}

// begin sets the context of the work; nil stops it.
func (r *Runner) begin(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx = ctx
	r.dispatch()
}

// ended waits that long for all work to end, and reports whether it did.
func (r *Runner) ended(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		r.mu.Lock()
		running := r.running
		r.mu.Unlock()
		if running == 0 {
			return true
		}
		select {
		case <-r.changed:
		case <-timer.C:
			return false
		}
	}
}

// ring wakes all keys whose instant has come, or all if the clock was set back, and
// returns the next instant.
func (r *Runner) ring() (next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	wall := now.Round(0)
	back := r.rang.Sub(wall) >= setBack
	for r.rang = wall; len(r.alarms) > 0; {
		first := r.alarms[0]
		if !back && first.at.After(now) {
			return first.at
		}
		heap.Pop(&r.alarms)
		r.wake(first)
	}
	return time.Time{}
}

func (r *Runner) lane(key string) *lane {
	l := r.keys[key]
	if l == nil {
		l = &lane{key: key, index: -1}
		r.keys[key] = l
	}
	return l
}

func (r *Runner) wake(l *lane) {
	switch {
	case l.running:
		l.again = true
	case l.place == nil || l.first:
		r.queue(l)
		r.dispatch()
	}
}

// queue lets a key wait for a worker.
func (r *Runner) queue(l *lane) {
	if l.place == nil {
		l.place = r.ready.PushBack(l)
	}
	if l.first {
		l.first = false
		r.ready.MoveToFront(l.place)
	}
}

func (r *Runner) alarm(l *lane, at time.Time) {
	l.at = at
	if l.index < 0 {
		heap.Push(&r.alarms, l)
	} else {
		heap.Fix(&r.alarms, l.index)
	}
	if l.index == 0 {
		r.signal()
	}
}

func (r *Runner) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// dispatch starts workers for keys that wait.
func (r *Runner) dispatch() {
	for r.ctx != nil && r.running < r.workers && r.ready.Len() > 0 {
		r.running++
		go r.worker(r.take())
	}
}

// take removes the first key that waits.
func (r *Runner) take() (context.Context, *lane) {
	l := r.ready.Remove(r.ready.Front()).(*lane)
	l.place, l.running = nil, true
	if l.index >= 0 {
		heap.Remove(&r.alarms, l.index) // the work returns its next instant
	}
	return r.ctx, l
}

// worker works on one key after another until none waits.
func (r *Runner) worker(ctx context.Context, l *lane) {
	for l != nil {
		again := r.work(ctx, l.key)
		ctx, l = r.release(l, again)
	}
}

// release ends the run of a key and takes the next one. It looks at the key again
// under the same lock under which a wake sees it running, so no wake is lost.
func (r *Runner) release(l *lane, again time.Time) (context.Context, *lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	woken := l.again || !again.IsZero() && !again.After(r.clock.Now())
	l.running, l.again = false, false
	if !woken {
		for _, ended := range l.waiters {
			close(ended)
		}
		l.waiters = nil
	}
	switch {
	case woken:
		r.queue(l)
	case !again.IsZero() && (l.index < 0 || again.Before(l.at)):
		r.alarm(l, again)
	case l.index < 0:
		delete(r.keys, l.key)
	}
	if r.ctx != nil && r.ready.Len() > 0 {
		return r.take()
	}
	if r.running--; r.ctx == nil {
		r.signal()
	}
	return nil, nil
}

// alarms is a heap of lanes by their instants.
type alarms []*lane

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, k int) bool { return a[i].at.Before(a[k].at) }
func (a alarms) Swap(i, k int) {
	a[i], a[k] = a[k], a[i]
	a[i].index, a[k].index = i, k
}

func (a *alarms) Push(x any) {
	l := x.(*lane)
	l.index = len(*a)
	*a = append(*a, l)
}

func (a *alarms) Pop() any {
	last := len(*a) - 1
	l := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	l.index = -1
	return l
}
