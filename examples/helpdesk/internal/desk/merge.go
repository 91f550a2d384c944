package desk

import (
	"context"
	"fmt"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// MergeRequests puts the messages of a request into another one of the same chat. The first
// is solved and leaves the lists; if work was to do in it, that goes on in the other.
// UnmergeRequest undoes it.
func (v *View) MergeRequests(ctx context.Context, into, from int64) error {
	if into == from {
		return &Refused{Sentence: "A request cannot be merged into itself."}
	}
	return v.change(ctx, into, func(ctx context.Context, tx durable.Tx, to *record) error {
		gone, err := v.record(ctx, tx, from)
		if err != nil {
			return err
		}
		if gone.merged == into {
			return nil
		}
		for _, r := range []*record{to, gone} {
			if err := r.whole(); err != nil {
				return err
			}
		}
		if to.chat != gone.chat {
			return &Refused{Sentence: fmt.Sprintf("Requests #%d and #%d are of different chats. Only requests of one chat can be merged, since an answer goes to the chat.", into, from)}
		}
		if err := v.merge(ctx, tx, to, gone); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "merged request", gone.object(), "", to.object()); err != nil {
			return err
		}
		if err := gone.changed(tx); err != nil {
			return err
		}
		if err := v.touch(ctx, tx, into); err != nil {
			return err
		}
		return changedChat(ctx, tx, to.chat, into)
	})
}

// merge writes what MergeRequests changes.
func (v *View) merge(ctx context.Context, tx durable.Tx, to, gone *record) error {
	open := gone.state != StateSolved
	_, err := tx.Exec(ctx, `UPDATE desk_request SET merged_into = $1, merged_open = $2, state = 'solved', unread = 0, waits = 0,
		solved = CASE WHEN solved = 0 THEN $3 ELSE solved END WHERE id = $4`, to.id, store.Bit(open), store.Micros(v.Now()), gone.id)
	if err == nil && open {
		_, err = tx.Exec(ctx, "UPDATE desk_request SET state = $1, solved = 0, assignee = CASE WHEN assignee = 0 THEN $2 ELSE assignee END WHERE id = $3",
			string(gone.state), gone.assignee, to.id)
	}
	if err == nil {
		_, err = tx.Exec(ctx, "UPDATE desk_message SET request = $1, request_before = CASE WHEN request_before = 0 THEN $2 ELSE request_before END WHERE request = $2",
			to.id, gone.id)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO desk_seen (request, agent, message) SELECT cast($1 AS BIGINT), agent, message FROM desk_seen WHERE request = $2
			ON CONFLICT (request, agent) DO UPDATE SET message = excluded.message WHERE desk_seen.message < excluded.message`, to.id, gone.id)
	}
	return err
}

// UnmergeRequest takes a request out of the one into which it was merged, with the messages
// that it had. Work that is to do goes back to it unless newer messages have come.
func (v *View) UnmergeRequest(ctx context.Context, from int64) error {
	return v.change(ctx, from, func(ctx context.Context, tx durable.Tx, back *record) error {
		if back.merged == 0 {
			return nil
		}
		whole, err := v.mergedInto(ctx, tx, back)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `WITH RECURSIVE part (id) AS (SELECT cast($1 AS BIGINT) UNION SELECT r.id FROM desk_request r JOIN part ON r.merged_into = part.id WHERE r.merged_into <> 0)
			UPDATE desk_message SET request = $1, request_before = CASE WHEN request_before = $1 THEN 0 ELSE request_before END
			WHERE request = $2 AND request_before IN (SELECT id FROM part)`, from, whole.id)
		if err != nil {
			return err
		}
		if err := v.giveBack(ctx, tx, back, whole); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "separated request", back.object(), whole.object(), ""); err != nil {
			return err
		}
		for _, id := range []int64{from, whole.id} {
			if err := v.touch(ctx, tx, id); err != nil {
				return err
			}
		}
		return changedChat(ctx, tx, back.chat, from)
	})
}

// mergedInto returns the request that has the messages of a merged one now.
func (v *View) mergedInto(ctx context.Context, tx durable.Tx, r *record) (*record, error) {
	for r.merged != 0 {
		var err error
		id := r.merged
		if r, err = v.record(ctx, tx, id); err != nil {
			return nil, &Refused{Sentence: fmt.Sprintf("Another department works on request #%d, which has the messages now. Ask it to separate them.", id)}
		}
	}
	return r, nil
}

// giveBack ends a merge: the request with the newest message is the one that stays open.
func (v *View) giveBack(ctx context.Context, tx durable.Tx, back, whole *record) error {
	var wasOpen, newest, other int64
	_, err := store.Get(ctx, tx, `SELECT merged_open, coalesce((SELECT max(at) FROM desk_message WHERE request = $1), 0),
		coalesce((SELECT max(at) FROM desk_message WHERE request = $2), 0) FROM desk_request WHERE id = $1`, []any{back.id, whole.id}, &wasOpen, &newest, &other)
	if err != nil {
		return err
	}
	state, solved := StateSolved, store.Micros(v.Now())
	if wasOpen == 1 && whole.state != StateSolved && newest >= other {
		if _, err := tx.Exec(ctx, "UPDATE desk_request SET state = 'solved', solved = $1 WHERE id = $2", solved, whole.id); err != nil {
			return err
		}
		state, solved = whole.state, 0
	}
	_, err = tx.Exec(ctx, `UPDATE desk_request SET merged_into = 0, merged_open = 0, state = $1, solved = CASE WHEN cast($2 AS BIGINT) <> 0 AND solved <> 0 THEN solved ELSE $2 END
		WHERE id = $3`, string(state), solved, back.id)
	return err
}
