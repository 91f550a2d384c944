package desk

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

const (
	tidyEvery   = time.Hour
	keptFor     = 24 * time.Hour
	tidiedAtOne = 5000 // changes, so that others can write in between
)

// tidyUp removes old changes from the journal, now and then, until ctx ends. A page that was
// away for longer reads everything anew.
func (d *Desk) tidyUp(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := d.tidy(ctx); err != nil && ctx.Err() == nil {
			d.Log.Warn("Old changes were not removed; that is tried again.", "error", err)
		}
		sleep(ctx, tidyEvery)
	}
	return nil
}

func (d *Desk) tidy(ctx context.Context) error {
	var last, aged, first int64
	found, err := d.DB.Get(ctx, `SELECT n, coalesce((SELECT max(seq) FROM desk_change WHERE at < $1), 0), coalesce((SELECT min(seq) FROM desk_change), 0)
		FROM desk_counter WHERE name = 'change'`, []any{store.Micros(d.Now().Add(-keptFor))}, &last, &aged, &first)
	if err != nil || !found || first == 0 {
		return err
	}
	for end := max(last-keptChanges, aged); first <= end; first += tidiedAtOne {
		err := d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM desk_change WHERE seq <= $1", min(end, first+tidiedAtOne-1))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dead tells pages that the number of dead letters has changed.
func (d *Desk) dead(ctx context.Context, h durable.HandledInfo) {
	if h.Outcome != durable.HandledDead && !h.Replay {
		return
	}
	err := d.DB.Update(ctx, func(_ context.Context, tx durable.Tx) error { return tx.Changed(Change{Kind: ChangedDecide}) })
	if err != nil && ctx.Err() == nil {
		d.Log.Warn("A dead letter is not counted before the next change.", "error", err)
	}
}
