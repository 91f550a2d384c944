package durable

import (
	"context"

	"github.com/chatapi-go/chatapi"
)

// Fold folds all that was accepted.
func Fold(ctx context.Context, d *Desk) error {
	for more := true; more; {
		var err error
		if more, err = d.State.foldSome(ctx); err != nil {
			return err
		}
	}
	return nil
}

// FoldOnce folds one batch of at most n events.
func FoldOnce(ctx context.Context, d *Desk, n int) error {
	d.State.limit = n
	_, err := d.State.foldSome(ctx)
	return err
}

// RunState runs the state alone.
func RunState(ctx context.Context, d *Desk) error { return d.State.run(ctx) }

// Skipped is how many events, or parts of them, were passed over.
func Skipped(d *Desk) int64 { return d.State.skipped.Load() }

// Care does what the state does beside folding.
func Care(ctx context.Context, d *Desk) { d.State.care(ctx) }

// OutOfOrder makes the state expect late commits, as on a database of many machines.
func OutOfOrder(d *Desk) { d.State.inOrder = false }

// Record stores activities as the outbox does.
func Record(ctx context.Context, d *Desk, all ...chatapi.Activity) error {
	return d.State.update(ctx, func(ctx context.Context, tx Tx) error { return d.State.recordIn(ctx, tx, all...) })
}
