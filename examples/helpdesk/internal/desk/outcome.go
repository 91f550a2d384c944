package desk

import (
	"context"
	"errors"
	"fmt"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// outcome shows in a message's row what became of it in the outbox. It is the function of
// OnChange.
func (d *Desk) outcome(ctx context.Context, tx durable.Tx, q *durable.Queued) error {
	if err := d.DB.Lock(ctx, tx); err != nil {
		return err
	}
	var id, chat, channel, request int64
	var wamid string
	found, err := store.Get(ctx, tx, `SELECT m.id, m.chat, m.channel, m.request, m.wamid FROM desk_message m JOIN desk_channel c ON c.id = m.channel
		WHERE c.channel = $1 AND m.outbox_key = $2 AND m.outbox_key <> ''`, []any{string(q.Channel.Canonical()), q.Key}, &id, &chat, &channel, &request, &wamid)
	if err != nil || !found {
		return err
	}
	if q.MessageID != "" && wamid != bounded(q.MessageID) {
		if wamid, err = bounded(q.MessageID), d.claim(ctx, tx, id, channel, bounded(q.MessageID)); err != nil {
			return err
		}
	}
	o := outcomeOf(q)
	at := store.Micros(firstTime(o.at, d.Now()))
	_, err = tx.Exec(ctx, "UPDATE desk_message SET wamid = $1, status = $2, status_at = $3, sentence = $4, advice = $5, retry = $6 WHERE id = $7",
		wamid, string(o.status), at, o.sentence, o.advice, o.retry, id)
	if err != nil {
		return err
	}
	if errors.Is(o.err, chatapi.ErrWindowClosed) {
		if err := d.closed(ctx, tx, chat, q); err != nil {
			return err
		}
	}
	return d.touch(ctx, tx, request)
}

// claim gives a message of the outbox what came for its id before the id was known.
func (d *Desk) claim(ctx context.Context, tx durable.Tx, message, channel int64, wamid string) error {
	var early int64
	found, err := store.Get(ctx, tx, "SELECT id FROM desk_message WHERE channel = $1 AND wamid = $2 AND wamid <> '' AND id <> $3", []any{channel, wamid, message}, &early)
	if err != nil || !found {
		return err
	}
	for _, statement := range []string{
		`UPDATE desk_message SET deleted = CASE WHEN deleted = 0 THEN (SELECT e.deleted FROM desk_message e WHERE e.id = $2) ELSE deleted END WHERE id = $1`,
		`INSERT INTO desk_reaction (message, author, emoji, at) SELECT cast($1 AS BIGINT), author, emoji, at FROM desk_reaction WHERE message = $2
			ON CONFLICT (message, author) DO NOTHING`,
	} {
		if _, err := tx.Exec(ctx, statement, message, early); err != nil {
			return fmt.Errorf("take over message %d: %w", early, err)
		}
	}
	for _, table := range []string{"desk_reaction", "desk_edit", "desk_media"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE message = $1", early); err != nil {
			return fmt.Errorf("take over message %d: %w", early, err)
		}
	}
	var request int64
	if _, err := store.Get(ctx, tx, "DELETE FROM desk_message WHERE id = $1 RETURNING request", []any{early}, &request); err != nil {
		return err
	}
	return d.touch(ctx, tx, request)
}

// closed corrects the end of a chat's window after the service said that it was closed,
// unless the customer has written since.
func (d *Desk) closed(ctx context.Context, tx durable.Tx, chat int64, q *durable.Queued) error {
	at := d.Now()
	if q.Attempt != nil && !q.Attempt.Started.IsZero() {
		at = q.Attempt.Started
	}
	newest := chatapi.WindowFrom(at).ExpiresAt // of a customer's message at that instant
	_, err := tx.Exec(ctx, "UPDATE desk_chat SET closes = $1 WHERE id = $2 AND closes > $1 AND closes <= $3", store.Micros(at), chat, store.Micros(newest))
	return err
}

// touch brings what lists show of a request up to date with its messages, and tells its
// department that it has changed. Whoever changes a request's messages calls it last.
func (d *Desk) touch(ctx context.Context, tx durable.Tx, request int64) error {
	t := touched{request: request}
	found, err := store.Get(ctx, tx, "SELECT department, assignee, state, opened, undecided FROM desk_request WHERE id = $1", []any{request},
		&t.department, &t.assignee, &t.state, &t.last, &t.before)
	if err != nil || !found {
		return err
	}
	for _, read := range []func(context.Context, durable.Tx) error{t.readNewest, t.readWaiting, t.readTrouble} {
		if err := read(ctx, tx); err != nil {
			return fmt.Errorf("touch request %d: %w", request, err)
		}
	}
	_, err = tx.Exec(ctx, "UPDATE desk_request SET preview = $1, last = $2, unread = $3, waits = $4, failed = $5, undecided = $6 WHERE id = $7",
		t.preview, t.last, t.unread, t.waits, t.failed, t.undecided, request)
	if err != nil {
		return err
	}
	if t.undecided != t.before {
		if err := tx.Changed(Change{Kind: ChangedDecide}); err != nil {
			return err
		}
	}
	return tx.Changed(Change{Kind: ChangedRequest, Department: t.department, Object: request})
}

// touched is what lists show of a request.
type touched struct {
	request, department, assignee, last int64
	state                               State
	preview                             string
	unread, waits                       int64
	failed, undecided, before           int64
}

// previewRunes is how much of the newest message lists show.
const previewRunes = 120

func (t *touched) readNewest(ctx context.Context, tx durable.Tx) error {
	var kind, body, origin string
	var deleted int64
	found, err := store.Get(ctx, tx, `SELECT at, kind, body, origin, deleted FROM desk_message WHERE request = $1 AND direction IN ('in', 'out') AND placeholder = 0
		ORDER BY at DESC, id DESC LIMIT 1`, []any{t.request}, &t.last, &kind, &body, &origin, &deleted)
	switch t.preview = line(body, previewRunes); {
	case err != nil || !found:
		return err
	case deleted != 0:
		t.preview = "(deleted)"
	case t.preview == "":
		t.preview = label(kind, origin)
	}
	return nil
}

// readWaiting counts what the customer has written since the last answer, or since the
// assignee has read. A message that did not go out is no answer.
func (t *touched) readWaiting(ctx context.Context, tx durable.Tx) error {
	if t.state == StateSolved {
		return nil
	}
	var answer, seen int64
	_, err := store.Get(ctx, tx, `SELECT id FROM desk_message WHERE request = $1 AND direction = 'out' AND placeholder = 0 AND origin = ''
		AND status NOT IN ('failed', 'canceled') ORDER BY id DESC LIMIT 1`, []any{t.request}, &answer)
	if err != nil {
		return err
	}
	if _, err := store.Get(ctx, tx, "SELECT message FROM desk_seen WHERE request = $1 AND agent = $2", []any{t.request, t.assignee}, &seen); err != nil {
		return err
	}
	_, err = store.Get(ctx, tx, `SELECT coalesce(sum(CASE WHEN id > $3 THEN 1 ELSE 0 END), 0), coalesce(min(at), 0) FROM desk_message
		WHERE request = $1 AND id > $2 AND direction = 'in' AND origin = '' AND placeholder = 0`, []any{t.request, answer, seen}, &t.unread, &t.waits)
	return err
}

// readTrouble counts the messages that were not delivered, and those of which nobody knows.
func (t *touched) readTrouble(ctx context.Context, tx durable.Tx) error {
	_, err := store.Get(ctx, tx, `SELECT coalesce(sum(CASE WHEN status = 'failed' THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN status = 'unknown' THEN 1 ELSE 0 END), 0)
		FROM desk_message WHERE request = $1 AND status IN ('failed', 'unknown') AND again = 0`, []any{t.request}, &t.failed, &t.undecided)
	return err
}
