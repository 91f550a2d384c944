package durable

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// tidyPage is how many messages tidy looks at in one transaction.
const tidyPage = 500

// tidied is where tidy goes on: after the message of an ID that was planned at an instant.
type tidied struct{ planned, id int64 }

// tidyQuery finds the messages that are old and have their text still.
const tidyQuery = `SELECT planned, id FROM outbox WHERE version > 0 AND planned < $1 AND (planned, id) > ($2, $3) ORDER BY planned, id LIMIT $4`

// tidy does a bounded piece of housekeeping: of messages that were finished before the
// retention, it keeps only the hash of the key and how they ended. It returns where to go
// on, and more is false after the last; the next round begins at the first again.
//
// It looks at old messages only, by an index: a look at all that was ever sent would take a
// third of the processor's time.
func (o *Outbox) tidy(ctx context.Context, after tidied) (next tidied, more bool, err error) {
	now := o.clock.now()
	err = o.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		tx := NewTx(inner)
		next, more = tidied{}, false
		before := store.Micros(now.Add(-o.keep.Sent))
		last, found, err := lastTidied(tx.Query(ctx, tidyQuery, before, after.planned, after.id, tidyPage))
		if err != nil {
			return err
		}
		if found > 0 {
			const old = `version > 0 AND planned < $1 AND (planned, id) > ($2, $3) AND (planned, id) <= ($4, $5)
				AND state IN (4, 6, 7, 8) AND not_before < $1 AND status_at < $1`
			page := []any{before, after.planned, after.id, last.planned, last.id}
			if _, err := tx.Exec(ctx, "DELETE FROM outbox_attempt WHERE outbox IN (SELECT id FROM outbox WHERE "+old+")", page...); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE outbox SET version = 0, key = '', chat = '', prepared = $6, fallback = NULL, message_id = '',
				reason = '', failure = NULL WHERE `+old, append(page, []byte{})...); err != nil {
				return err
			}
			next, more = last, found == tidyPage
		}
		_, err = tx.Exec(ctx, `DELETE FROM early_status WHERE message_id IN (SELECT message_id FROM early_status WHERE arrived < $1 LIMIT 500) AND arrived < $1`,
			store.Micros(now.Add(-earlyKept)))
		if err != nil {
			return err
		}
		return o.joinEarly(ctx, tx, 0)
	})
	return next, more, err
}

// lastTidied returns the last of the messages that were found, and how many they are.
func lastTidied(rows Rows, err error) (last tidied, found int, _ error) {
	if err != nil {
		return last, 0, err
	}
	err = each(rows, func() error {
		found++
		return rows.Scan(&last.planned, &last.id)
	})
	return last, found, err
}

// joinLate is joinEarly for what arrived lately, where another machine may have written
// the id of a message at the same time.
func (o *Outbox) joinLate(ctx context.Context) error {
	since := store.Micros(o.clock.now().Add(-joinSpan))
	return o.store.Update(ctx, func(ctx context.Context, tx store.Tx) error { return o.joinEarly(ctx, NewTx(tx), since) })
}

// joinSpan is longer than the transactions take that may not see each other.
const joinSpan = 5 * time.Minute

// earlyQuery finds messages of early statuses. CROSS JOIN keeps SQLite from looking at each
// message, of which there are many, whether there is a status.
const earlyQuery = `SELECT ` + outboxColumns + ` FROM early_status e CROSS JOIN outbox o
	WHERE o.channel = e.channel AND o.message_id = e.message_id AND o.message_id <> '' AND e.arrived >= $1 LIMIT 100`

// joinEarly applies statuses that were kept because their id was not known, and whose
// message has the id now: two machines can write both at the same time.
func (o *Outbox) joinEarly(ctx context.Context, tx Tx, since int64) error {
	rows, err := scanRows(tx.Query(ctx, earlyQuery, since))
	if err != nil {
		return err
	}
	for _, r := range rows {
		news, err := o.takeEarly(ctx, tx, r.channel, r.messageID)
		if err != nil {
			return err
		}
		if news == nil {
			continue
		}
		changed, err := o.applyStatus(ctx, tx, r, news)
		if err != nil {
			return err
		}
		if changed {
			if err := o.changedIn(ctx, tx, r.id); err != nil {
				return err
			}
		}
	}
	return nil
}
