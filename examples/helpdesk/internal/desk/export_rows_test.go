package desk

import (
	"context"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
)

// Apply makes rows of an event without durable's inbox.
func (d *Desk) Apply(ctx context.Context, e chatapi.Event) error {
	a, err := d.arrive(ctx, e, d.Now())
	if err != nil || a == nil {
		return err
	}
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error { return a.in(tx).event(ctx, e) })
}

// Outcome is outcome in a transaction of its own.
func (d *Desk) Outcome(ctx context.Context, q *durable.Queued) error {
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error { return d.outcome(ctx, tx, q) })
}

// ChatWith is chatWith in a transaction of its own.
func (d *Desk) ChatWith(ctx context.Context, channel int64, to chatapi.Recipient) (chat int64, err error) {
	err = d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		chat, err = d.chatWith(ctx, tx, channel, to)
		return err
	})
	return chat, err
}

// Tidy removes old changes once.
func (d *Desk) Tidy(ctx context.Context) error { return d.tidy(ctx) }

// Judge is judge.
func Judge(err error, tries int64) (state, why string) { return judge(err, tries) }
