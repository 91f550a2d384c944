package durable

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// rowState is a state as the table has it. The indexes name the numbers.
type rowState int

const (
	rowPlanned  rowState = 1
	rowClaimed  rowState = 2
	rowReserved rowState = 3
	rowSent     rowState = 4
	rowUnknown  rowState = 5
	rowFailed   rowState = 6
	rowSkipped  rowState = 7
	rowCanceled rowState = 8

	// rowLater is planned, but not before an instant. A row with a time of claim waits
	// for another attempt, and holds back its chat; one without waits for At.
	rowLater rowState = 9
)

var stateNames = map[rowState]SendState{rowPlanned: StatePlanned, rowClaimed: StateClaimed, rowReserved: StateReserved,
	rowSent: StateSent, rowUnknown: StateUnknown, rowFailed: StateFailed, rowSkipped: StateSkipped,
	rowCanceled: StateCanceled, rowLater: StatePlanned}

// row is a row of the outbox.
type row struct {
	id                                 int64
	version                            int
	channel, key, chat                 string
	prio, fellBack, attempts, looked   int
	prepared, fallback, failure        []byte
	state                              rowState
	claim                              string
	claimed, planned, notBefore, until int64
	reserved, statusAt                 int64
	messageID, status, reason          string
	quiet                              quiet
}

const rowColumns = `id, channel, key, chat, prio, fell_back, attempts, looked, prepared, fallback, failure, state, claim,
	claimed, planned, not_before, until, reserved, status_at, message_id, status, reason,
	quiet_from, quiet_to, quiet_zone, quiet_answers, version`

func (r *row) fields() []any {
	return []any{&r.id, &r.channel, &r.key, &r.chat, &r.prio, &r.fellBack, &r.attempts, &r.looked, &r.prepared, &r.fallback,
		&r.failure, &r.state, &r.claim, &r.claimed, &r.planned, &r.notBefore, &r.until, &r.reserved, &r.statusAt,
		&r.messageID, &r.status, &r.reason, &r.quiet.from, &r.quiet.to, &r.quiet.zone, &r.quiet.answers, &r.version}
}

// holdRows returns the messages of a condition as they are. They stay so until the
// transaction changes them or ends, so that what follows from a state is true of it.
func holdRows(ctx context.Context, tx Tx, where string, args ...any) ([]*row, error) {
	return scanRows(tx.Query(ctx, "SELECT "+rowColumns+" FROM outbox WHERE "+where+tx.inner.ForUpdate(), args...))
}

// scanRows reads rows of rowColumns. It takes the result of Query.
func scanRows(rows Rows, err error) (all []*row, _ error) {
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error {
		r := &row{}
		all = append(all, r)
		return rows.Scan(r.fields()...)
	})
	return all, err
}

// scanInts reads rows of one number.
func scanInts(rows Rows, err error) (all []int64, _ error) {
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error {
		var n int64
		err := rows.Scan(&n)
		all = append(all, n)
		return err
	})
	return all, err
}

// body returns the bytes of the message that is sent.
func (r *row) body() []byte {
	if r.fellBack != 0 {
		return r.fallback
	}
	return r.prepared
}

// readPrepared reads a message as the table has it.
func readPrepared(body []byte) (*chatapi.Prepared, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var p chatapi.Prepared
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("the stored message cannot be read: %w", err)
	}
	return &p, nil
}

// queued returns the row for the caller.
func (o *Outbox) queued(r *row, attempt []byte, stopped string) (*Queued, error) {
	q := &Queued{ID: r.id, Channel: chatapi.ChannelID(r.channel), Key: r.key, Priority: r.prio, FellBack: r.fellBack != 0,
		State: stateNames[r.state], MessageID: r.messageID, Attempts: r.attempts, Status: chatapi.Status(r.status),
		StatusAt: store.Time(r.statusAt), Planned: store.Time(r.planned), Until: store.Time(r.until), Why: r.reason,
		Err: readFailure(r.failure)}
	if q.State == StatePlanned {
		q.NotBefore = store.Time(r.notBefore)
	}
	var err error
	if q.Prepared, err = readPrepared(r.body()); err != nil {
		return nil, fmt.Errorf("message %d: %w", r.id, err)
	}
	if q.Prepared != nil {
		q.To = q.Prepared.To
	}
	if len(attempt) > 0 {
		q.Attempt = &chatapi.Attempt{}
		if err := json.Unmarshal(attempt, q.Attempt); err != nil {
			return nil, fmt.Errorf("message %d: the stored attempt cannot be read: %w", r.id, err)
		}
	}
	switch q.State {
	case StatePlanned:
		if q.Why = o.whyWaiting(q, r.state, r.claimed > 0, stopped); r.version > preparedVersion {
			q.Why = "It was planned by a newer release of the SDK, and waits for a program that has it."
		}
	case StateClaimed:
		if q.Why = o.paused(r.channel, r.chat, o.clock.now()); q.Why == "" {
			q.Why = "It waits for the pace of its channel."
		}
	case StateReserved:
		q.Why = "It is being sent."
	}
	return q, nil
}

// manyIn returns the messages with that condition, in which the outbox is o.
func (o *Outbox) manyIn(ctx context.Context, tx Tx, where string, args ...any) (all []*Queued, err error) {
	rows, err := tx.Query(ctx, `SELECT `+outboxColumns+`, a.attempt, COALESCE((SELECT value FROM meta WHERE name = 'stopped'), '') FROM outbox o
		LEFT JOIN outbox_attempt a ON a.outbox = o.id AND a.number = o.attempts WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var attempt []byte
		var stopped string
		if err := rows.Scan(append(r.fields(), &attempt, &stopped)...); err != nil {
			return nil, err
		}
		q, err := o.queued(&r, attempt, stopped)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, rows.Err()
}

const outboxColumns = `o.id, o.channel, o.key, o.chat, o.prio, o.fell_back, o.attempts, o.looked, o.prepared, o.fallback,
	o.failure, o.state, o.claim, o.claimed, o.planned, o.not_before, o.until, o.reserved, o.status_at, o.message_id, o.status, o.reason,
	o.quiet_from, o.quiet_to, o.quiet_zone, o.quiet_answers, o.version`

// oneIn is manyIn for one message; nil if there is none.
func (o *Outbox) oneIn(ctx context.Context, tx Tx, where string, args ...any) (*Queued, error) {
	all, err := o.manyIn(ctx, tx, where, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// failure is what is kept of an error. It has no bytes of the reply, which can quote
// the message.
type failure struct {
	Op         string             `json:"op,omitempty"`
	Kind       chatapi.ErrorKind  `json:"kind,omitempty"`
	Code       int                `json:"code,omitempty"`
	HTTPStatus int                `json:"http_status,omitempty"`
	Sent       bool               `json:"sent,omitempty"`
	Field      string             `json:"field,omitempty"`
	Reason     string             `json:"reason,omitempty"`
	Sentence   string             `json:"sentence,omitempty"`
	Advice     string             `json:"advice,omitempty"`
	Retry      chatapi.RetryClass `json:"retry,omitempty"`
	RetryAfter time.Duration      `json:"retry_after,omitempty"`
	Channel    chatapi.ChannelID  `json:"channel,omitempty"`
}

func writeFailure(e *chatapi.Error) []byte {
	if e == nil {
		return nil
	}
	body, _ := json.Marshal(failure{e.Op, e.Kind, e.Code, e.HTTPStatus, e.Sent, e.Field, e.Reason, e.Sentence, e.Advice,
		e.Retry, e.RetryAfter, e.Channel})
	return body
}

func readFailure(body []byte) *chatapi.Error {
	var f failure
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return &chatapi.Error{Kind: chatapi.ErrInvalid, Reason: "the stored refusal cannot be read: " + err.Error()}
	}
	return &chatapi.Error{Op: f.Op, Kind: f.Kind, Code: f.Code, HTTPStatus: f.HTTPStatus, Sent: f.Sent, Field: f.Field,
		Reason: f.Reason, Sentence: f.Sentence, Advice: f.Advice, Retry: f.Retry, RetryAfter: f.RetryAfter, Channel: f.Channel}
}

// sentence returns what an operator reads of an error.
func sentence(err error) string {
	if e := asError(err); e != nil && e.Sentence != "" {
		return e.Sentence
	}
	return err.Error()
}
