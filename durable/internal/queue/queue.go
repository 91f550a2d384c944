// Package queue is what waits for a writer of a store.
package queue

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Job is work that waits for its turn in a transaction.
type Job[W any] struct {
	Ctx           context.Context // never ends, and is marked
	Work          W
	Events, Bytes int

	state   atomic.Int32 // waiting, taken or abandoned
	outcome chan error
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// NewJob returns work of a caller.
func NewJob[W any](ctx context.Context, work W) *Job[W] {
	return &Job[W]{Ctx: store.MarkTx(context.WithoutCancel(ctx)), Work: work, outcome: make(chan error, 1)}
}

// Answer tells the outcome of a job that was taken. Call it once.
func (j *Job[W]) Answer(err error) { j.outcome <- err }

// patience is the wait after which a job asks whether it waits for itself.
const patience = time.Second

// Wait returns the job's outcome, or the context's error if that ends before the job's
// turn. If the caller is itself a function of a job, and has dropped its context, it would
// wait for ever: that is ErrInTx after a second.
func (j *Job[W]) Wait(ctx context.Context) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		why := store.ErrInTx
		select {
		case err := <-j.outcome:
			return err
		case <-timer.C:
			if !store.Inside() {
				continue
			}
		case <-ctx.Done():
			why = ctx.Err()
		}
		if j.state.CompareAndSwap(waiting, abandoned) {
			return why
		}
		return <-j.outcome
	}
}

// Queue is what waits for one or more writers. Its zero bounds are none.
type Queue[W any] struct {
	maxJobs, maxBytes int

	mu     sync.Mutex
	filled sync.Cond
	jobs   []*Job[W]
	bytes  int
	closed bool
}

// New returns a queue with bounds.
func New[W any](maxJobs, maxBytes int) *Queue[W] {
	q := &Queue[W]{maxJobs: maxJobs, maxBytes: maxBytes}
	q.filled.L = &q.mu
	return q
}

// Push adds a job. A job that is larger than the bound fits into an empty queue.
func (q *Queue[W]) Push(j *Job[W]) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return store.ErrClosed
	case q.maxJobs > 0 && len(q.jobs) >= q.maxJobs,
		q.maxBytes > 0 && len(q.jobs) > 0 && q.bytes+j.Bytes > q.maxBytes:
		return store.ErrFull
	}
	q.jobs = append(q.jobs, j)
	q.bytes += j.Bytes
	q.filled.Signal()
	return nil
}

// Next waits for a job and takes it. It returns nil when the queue is closed and empty.
func (q *Queue[W]) Next() *Job[W] {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if j := q.take(nil); j != nil {
			return j
		}
		if q.closed {
			return nil
		}
		q.filled.Wait()
	}
}

// More takes the next job if there is one that fits.
func (q *Queue[W]) More(fits func(*Job[W]) bool) *Job[W] {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take(fits)
}

func (q *Queue[W]) take(fits func(*Job[W]) bool) *Job[W] {
	for len(q.jobs) > 0 {
		j := q.jobs[0]
		if j.state.Load() == waiting && fits != nil && !fits(j) {
			return nil
		}
		q.jobs[0] = nil
		if q.jobs = q.jobs[1:]; len(q.jobs) == 0 {
			q.jobs = nil
		}
		q.bytes -= j.Bytes
		if j.state.CompareAndSwap(waiting, taken) {
			return j
		}
	}
	return nil
}

// Again gives back jobs that were taken.
func (q *Queue[W]) Again(jobs []*Job[W]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range jobs {
		q.bytes += j.Bytes
		j.state.Store(waiting)
	}
	q.jobs = append(slices.Clone(jobs), q.jobs...)
	q.filled.Signal()
}

// Close lets nothing more in. What is in the queue is still taken.
func (q *Queue[W]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}
