//go:build unix

package harness

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

const (
	drainWait = time.Minute      // how long the last workers may finish nothing more
	drainMost = time.Hour        // how long they may take in all
	lookWait  = 10 * time.Second // for the history to settle a message before a person does

	settledAtOnce = 32 // messages that a person settles at the same time
)

// finish ends the load and lets workers that nobody kills do what is left.
func (d *driver) finish(ctx context.Context, stopLoad func()) error {
	d.service.heal()
	pause(ctx, time.Second) // the server notices the last death, so that its locks are free
	if err := d.fill(ctx); err != nil {
		return err
	}
	stopLoad()
	d.measured = d.rateNow()
	d.loaded.Wait()
	d.service.settle(ctx)
	began := time.Now()
	if err := d.drain(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.Log, "%s the rest took %s\n", clock(), time.Since(began).Round(time.Second))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for slot, w := range d.slots {
		_ = w.cmd.Process.Signal(syscall.SIGTERM)
		if !w.wait(ctx, 30*time.Second) {
			w.kill()
		}
		_, _ = d.end(slot)
		if w.err != nil {
			return fmt.Errorf("a worker did not end in order: %w: %s", w.err, last(w.errors.String()))
		}
	}
	return nil
}

// drain waits until nothing is left, and settles what nobody else does.
func (d *driver) drain(ctx context.Context) error {
	seen, before, newest := map[verdict]time.Time{}, -1, time.Now()
	for begun := time.Now(); time.Since(newest) < drainWait && time.Since(begun) < drainMost && pause(ctx, 300*time.Millisecond); {
		if err := d.fill(ctx); err != nil {
			return err
		}
		left, err := ask[state](ctx, d, "/state", struct{}{})
		if err != nil {
			continue
		}
		if before < 0 {
			fmt.Fprintf(d.Log, "%s left to do: %d events, %d messages, %d of them unknown\n", clock(), left.Events, left.Messages+len(left.Unknown), len(left.Unknown))
		}
		d.left = left
		sum := left.Events + left.Unfolded + left.Messages + len(left.Unknown)
		if sum != before {
			before, newest = sum, time.Now()
		}
		if d.drained = sum == 0; d.drained {
			break
		}
		var ripe []verdict
		for _, v := range d.left.Unknown {
			if seen[v].IsZero() {
				seen[v] = time.Now()
			}
			if time.Since(seen[v]) > lookWait {
				ripe = append(ripe, v)
			}
		}
		if ripe = ripe[:min(len(ripe), settledAtOnce)]; len(ripe) > 0 {
			d.settle(ctx, ripe)
			newest = time.Now()
		}
	}
	return nil
}

// settle is the person who looks at what the customers have.
func (d *driver) settle(ctx context.Context, unknown []verdict) {
	received := d.service.received()
	var all sync.WaitGroup
	for _, v := range unknown {
		if ids := received[d.journal.text(v.Channel, v.Key)]; len(ids) > 0 {
			v.Went, v.MessageID = true, ids[0].id
		}
		all.Go(func() {
			if settled, err := ask[bool](ctx, d, "/settle", v); err == nil && settled {
				d.person.Add(1)
			}
		})
	}
	all.Wait()
}
