package lanes

import (
	"context"
	"sync"
	"time"
)

// Clock is the time that decisions go by. Jumps tells every waiter when it has jumped.
type Clock struct {
	Now   func() time.Time
	Jumps *Jumps
}

// longest bounds one sleep, because the wall clock of a machine can be set, or the
// machine sleep, while a timer counts on.
const longest = 30 * time.Second

// setBack is by how much a clock has to be set back to be told from one that is adjusted.
const setBack = time.Second

// Wait returns nil when the instant has come, when wake receives, or when the clock was
// set back, since the instant may be another then, and the context's error when that ends
// first. A zero instant never comes.
func (c Clock) Wait(ctx context.Context, until time.Time, wake <-chan struct{}) error {
	for before := c.wall(); ; {
		jump := c.Jumps.next()
		var alarm <-chan time.Time
		stop := func() bool { return false }
		if !until.IsZero() {
			left := until.Sub(c.Now())
			if left <= 0 {
				return ctx.Err()
			}
			timer := time.NewTimer(min(left, longest))
			alarm, stop = timer.C, timer.Stop
		}
		select {
		case <-ctx.Done():
		case <-wake:
			stop()
			return ctx.Err()
		case <-jump:
		case <-alarm:
		}
		stop()
		if err := ctx.Err(); err != nil {
			return err
		}
		now := c.wall()
		if before.Sub(now) >= setBack {
			return nil
		}
		before = now
	}
}

// wall is the time without the reading of the clock that cannot be set.
func (c Clock) wall() time.Time { return c.Now().Round(0) }

// Jumps tells any number of waiters that a clock has jumped. A nil one never does.
type Jumps struct {
	mu sync.Mutex
	c  chan struct{}
}

// next returns a channel that is closed at the next jump.
func (j *Jumps) next() <-chan struct{} {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.c == nil {
		j.c = make(chan struct{})
	}
	return j.c
}

// Tell tells all who wait now.
func (j *Jumps) Tell() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.c != nil {
		close(j.c)
		j.c = nil
	}
}

// Follow tells of each value of changed, and of its end, until ctx ends.
func (j *Jumps) Follow(ctx context.Context, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-changed:
			j.Tell()
			if !open {
				return
			}
		}
	}
}
