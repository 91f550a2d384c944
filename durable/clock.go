package durable

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/lanes"
)

// clock is the time that decisions go by.
type clock struct {
	now      func() time.Time
	replaced bool            // now is not the system's clock
	changed  <-chan struct{} // only Run receives from it, and tells jumps
	jumps    *lanes.Jumps
}

// lanes returns the clock as a Runner takes it.
func (c clock) lanes() lanes.Clock { return lanes.Clock{Now: c.now, Jumps: c.jumps} }

// wait returns nil when the instant has come or wake receives, and the context's error
// when that ends first. A zero instant never comes.
func (c clock) wait(ctx context.Context, until time.Time, wake <-chan struct{}) error {
	return c.lanes().Wait(ctx, until, wake)
}

// pause waits after the failures-th failure of the store in a row: 0.1 s, 0.2 s, …, up
// to 30 s of the machine's own time. It returns the context's error if that ends.
func pause(ctx context.Context, failures int) error {
	timer := time.NewTimer(min(100*time.Millisecond<<min(failures-1, 10), 30*time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}
