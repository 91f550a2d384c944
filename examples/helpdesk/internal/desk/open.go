package desk

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// subjectRunes is how much of the first message is the subject of a request.
const subjectRunes = 80

// requestIn returns the unsolved request of a chat. If there is none, it opens one in a
// department.
func (d *Desk) requestIn(ctx context.Context, tx durable.Tx, chat, department int64, subject string) (request int64, err error) {
	found, err := store.Get(ctx, tx, "SELECT id FROM desk_request WHERE chat = $1 AND state <> 'solved'", []any{chat}, &request)
	if found || err != nil {
		return request, err
	}
	return d.openRequest(ctx, tx, chat, department, subject, d.Now())
}

// openRequest opens a request, which takes over the messages of the chat that are in none:
// those of another agent, who held the chat, or of a colleague's phone.
func (d *Desk) openRequest(ctx context.Context, tx durable.Tx, chat, department int64, subject string, at time.Time) (request int64, err error) {
	var channel, contact int64
	if _, err := store.Get(ctx, tx, "SELECT channel, contact FROM desk_chat WHERE id = $1", []any{chat}, &channel, &contact); err != nil {
		return 0, err
	}
	words, err := d.wordsFor(ctx, tx, contact)
	if err != nil {
		return 0, err
	}
	subject = line(subject, subjectRunes)
	_, err = store.Get(ctx, tx, `INSERT INTO desk_request (channel, chat, department, subject, folded, state, opened, last)
		VALUES ($1, $2, $3, $4, $5, 'new', $6, $6) RETURNING id`,
		[]any{channel, chat, department, subject, store.Fold(subject) + " " + words, store.Micros(at)}, &request)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, "UPDATE desk_message SET request = $1 WHERE chat = $2 AND request = 0 AND origin <> 'history'", request, chat)
	return request, err
}

// reception returns the request that a customer's message belongs to: the unsolved one, one
// that was solved a short time before and is open again, or a new one.
func (a *arrival) reception(ctx context.Context, chat int64, subject string) (request int64, err error) {
	var state State
	found, err := a.get(ctx, "SELECT id, state FROM desk_request WHERE chat = $1 AND state <> 'solved'", []any{chat}, &request, &state)
	switch {
	case err != nil:
		return 0, err
	case found && state == StateWaiting:
		return request, a.exec(ctx, "UPDATE desk_request SET state = 'open' WHERE id = $1", request)
	case found:
		return request, nil
	}
	found, err = a.get(ctx, `SELECT r.id FROM desk_request r JOIN desk_department d ON d.id = r.department
		WHERE r.chat = $1 AND r.merged_into = 0 AND r.solved + d.reopens * 3600000000 > $2 AND d.reopens > 0
		ORDER BY r.id DESC LIMIT 1`, []any{chat, store.Micros(a.at)}, &request)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return a.openRequest(ctx, a.tx, chat, a.department, subject, a.at)
	}
	// Who solved it may not work here, or in its department, any more.
	return request, a.exec(ctx, `UPDATE desk_request SET state = 'open', solved = 0, assignee = CASE WHEN EXISTS (SELECT 1 FROM desk_agent g
		WHERE g.id = desk_request.assignee AND g.active = 1 AND (g.admin = 1 OR EXISTS (SELECT 1 FROM desk_agent_department p
		WHERE p.agent = g.id AND p.department = desk_request.department))) THEN assignee ELSE 0 END WHERE id = $1`, request)
}

// newest returns the unsolved request of a chat, else the newest one; 0 if it has none. What
// opens no request belongs there.
func (a *arrival) newest(ctx context.Context, chat int64) (request int64, err error) {
	_, err = a.get(ctx, `SELECT id FROM desk_request WHERE chat = $1 AND merged_into = 0
		ORDER BY CASE WHEN state = 'solved' THEN 1 ELSE 0 END, id DESC LIMIT 1`, []any{chat}, &request)
	return request, err
}

// unsolved returns the unsolved request of a chat; 0 if there is none.
func (a *arrival) unsolved(ctx context.Context, chat int64) (request int64, err error) {
	_, err = a.get(ctx, "SELECT id FROM desk_request WHERE chat = $1 AND state <> 'solved'", []any{chat}, &request)
	return request, err
}
