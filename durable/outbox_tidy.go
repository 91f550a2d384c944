package durable

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// tidyPage is how many messages tidy looks at in one transaction.
const tidyPage = 500

// tidy does a bounded piece of housekeeping: of messages that were finished before the
// given ID, it keeps only the hash of the key and how they ended. It returns where to go
// on, and 0 after the last; the next round begins there.
func (o *Outbox) tidy(ctx context.Context, after int64) (next int64, err error) {
	now := o.clock.now()
	err = o.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		tx := NewTx(inner)
		next = 0
		ids, err := scanInts(tx.Query(ctx, "SELECT id FROM outbox WHERE id > $1 ORDER BY id LIMIT $2", after, tidyPage))
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			last, before := ids[len(ids)-1], store.Micros(now.Add(-o.keep.Sent))
			const old = `id > $1 AND id <= $2 AND version > 0 AND state IN (4, 6, 7, 8) AND planned < $3 AND not_before < $3 AND status_at < $3`
			if _, err := tx.Exec(ctx, "DELETE FROM outbox_attempt WHERE outbox IN (SELECT id FROM outbox WHERE "+old+")", after, last, before); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE outbox SET version = 0, key = '', chat = '', prepared = $4, fallback = NULL, message_id = '',
				reason = '', failure = NULL WHERE `+old, after, last, before, []byte{}); err != nil {
				return err
			}
			if len(ids) == tidyPage {
				next = last
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM early_status WHERE message_id IN (SELECT message_id FROM early_status WHERE arrived < $1 LIMIT 500) AND arrived < $1`,
			store.Micros(now.Add(-earlyKept)))
		if err != nil {
			return err
		}
		return o.joinEarly(ctx, tx, 0)
	})
	return next, err
}

// joinLate is joinEarly for what arrived lately, where another machine may have written
// the id of a message at the same time.
func (o *Outbox) joinLate(ctx context.Context) error {
	since := store.Micros(o.clock.now().Add(-joinSpan))
	return o.store.Update(ctx, func(ctx context.Context, tx store.Tx) error { return o.joinEarly(ctx, NewTx(tx), since) })
}

// joinSpan is longer than the transactions take that may not see each other.
const joinSpan = 5 * time.Minute

// joinEarly applies statuses that were kept because their id was not known, and whose
// message has the id now: two machines can write both at the same time.
func (o *Outbox) joinEarly(ctx context.Context, tx Tx, since int64) error {
	rows, err := scanRows(tx.Query(ctx, `SELECT `+outboxColumns+` FROM early_status e JOIN outbox o
		ON o.channel = e.channel AND o.message_id = e.message_id AND o.message_id <> '' WHERE e.arrived >= $1 LIMIT 100`, since))
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
