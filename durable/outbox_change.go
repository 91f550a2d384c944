package durable

import (
	"context"
	"errors"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// sentIn makes a message a sent one: with its id, the statuses that came before the
// id was known, and the fact for the ledger.
func (o *Outbox) sentIn(ctx context.Context, tx Tx, r *row, messageID string, at time.Time) error {
	messageID = spoken(messageID, longestKey)
	_, err := tx.Exec(ctx, `UPDATE outbox SET state = 4, message_id = $2, reason = '', failure = NULL, not_before = 0 WHERE id = $1`, r.id, messageID)
	if err != nil {
		return err
	}
	if err := o.attemptIn(ctx, tx, r, "sent"); err != nil {
		return err
	}
	r.state, r.messageID, r.reason, r.failure = rowSent, messageID, "", nil
	p, err := readPrepared(r.body())
	if err != nil {
		return err
	}
	if messageID != "" {
		if p != nil {
			if err := o.state.recordIn(ctx, tx, activity(p, r.channel, messageID, at)); err != nil {
				return err
			}
		}
		early, err := o.takeEarly(ctx, tx, r.channel, messageID)
		if err != nil {
			return err
		}
		if early != nil {
			if _, err := o.applyStatus(ctx, tx, r, early); err != nil {
				return err
			}
		}
	}
	return o.changedIn(ctx, tx, r.id)
}

// attemptIn notes how the newest attempt of a message ended.
func (o *Outbox) attemptIn(ctx context.Context, tx Tx, r *row, result string) error {
	_, err := tx.Exec(ctx, "UPDATE outbox_attempt SET result = $3 WHERE outbox = $1 AND number = $2", r.id, r.attempts, result)
	return err
}

// unknownIn makes a reserved message unknown, unless what came meanwhile settles it.
func (o *Outbox) unknownIn(ctx context.Context, tx Tx, r *row, why string) error {
	look := max(store.Micros(o.clock.now()), r.reserved+firstLook.Microseconds())
	changed, err := tx.Exec(ctx, `UPDATE outbox SET state = 5, reason = $2, not_before = $3, looked = 0 WHERE id = $1 AND state IN (2, 3)`,
		r.id, whyUnknown(why), look)
	if err != nil || changed == 0 { // another program has settled it since it was read
		return err
	}
	if err := o.attemptIn(ctx, tx, r, "unknown"); err != nil {
		return err
	}
	r.state = rowUnknown
	point.Reach(point.UnknownBegun)
	id, err := o.evidence(ctx, tx, r)
	if err != nil {
		return err
	}
	if id != "" {
		return o.sentIn(ctx, tx, r, id, store.Time(r.reserved))
	}
	return o.changedIn(ctx, tx, r.id)
}

// failIn makes a message a failed or skipped one.
func (o *Outbox) failIn(ctx context.Context, tx Tx, r *row, state rowState, why string, e *chatapi.Error) error {
	_, err := tx.Exec(ctx, `UPDATE outbox SET state = $2, reason = $3, failure = $4, not_before = 0 WHERE id = $1`,
		r.id, int(state), spoken(why, 1000), writeFailure(e))
	if err != nil {
		return err
	}
	if err := o.attemptIn(ctx, tx, r, string(stateNames[state])); err != nil {
		return err
	}
	return o.changedIn(ctx, tx, r.id)
}

// changedIn calls the function of OnChange for messages, each in a savepoint. A call
// that fails is noted and repeated later.
func (o *Outbox) changedIn(ctx context.Context, tx Tx, ids ...int64) error {
	changed := o.onChange.Load()
	if changed == nil {
		return nil
	}
	for _, id := range ids {
		q, err := o.oneIn(ctx, tx, "o.id = $1", id)
		if err != nil {
			return err
		}
		if q == nil {
			continue
		}
		failed := tx.inner.Try(ctx, func() error { return apart(func() error { return (*changed)(ctx, tx, q) }) })
		if failed == nil {
			continue
		}
		o.report("The function of OnChange failed; it is called again later.", "message", id, "error", failed)
		if err := o.noteIn(ctx, tx, id, string(q.Channel)); err != nil {
			return err
		}
	}
	return nil
}

// noteIn notes that OnChange has to be called again for a message.
func (o *Outbox) noteIn(ctx context.Context, tx Tx, id int64, channel string) error {
	tries, err := scanInts(tx.Query(ctx, "SELECT tries FROM outbox_notice WHERE outbox = $1", id))
	if err != nil {
		return err
	}
	n := int64(1)
	if len(tries) > 0 {
		n = tries[0] + 1
	}
	_, err = tx.Exec(ctx, `INSERT INTO outbox_notice (outbox, channel, tries, not_before) VALUES ($1, $2, $3, $4)
		ON CONFLICT (outbox) DO UPDATE SET tries = excluded.tries, not_before = excluded.not_before`,
		id, channel, n, store.Micros(o.clock.now().Add(backoff(int(n)))))
	return err
}

// repeatIn calls OnChange again where that is due.
func (o *Outbox) repeatIn(ctx context.Context, tx Tx, channel string, now int64) error {
	ids, err := scanInts(tx.Query(ctx, "SELECT outbox FROM outbox_notice WHERE channel = $1 AND not_before <= $2 ORDER BY not_before LIMIT 16", channel, now))
	if err != nil || len(ids) == 0 {
		return err
	}
	for _, id := range ids {
		if err := o.changedIn(ctx, tx, id); err != nil {
			return err
		}
		// A call that failed has set a later time.
		if _, err := tx.Exec(ctx, "DELETE FROM outbox_notice WHERE outbox = $1 AND not_before <= $2", id, now); err != nil {
			return err
		}
	}
	return nil
}

// report logs what a person may have to look at.
func (o *Outbox) report(text string, args ...any) {
	if o.logger != nil {
		o.logger.Warn(text, args...)
	}
}

func asError(err error) *chatapi.Error {
	e, _ := errors.AsType[*chatapi.Error](err)
	return e
}
