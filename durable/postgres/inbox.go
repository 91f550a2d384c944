package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// There is no position up to which events are done or folded: a transaction that drew a
// smaller number may commit later. Each event has its own mark.

const eventColumns = `i.seq, i.delivery, i.khash, i.lane, i.idx, d.channel, d.received, i.accepted`

// Open returns the events of a lane that are neither done nor dead.
func (s *Store) Open(ctx context.Context, lane string, limit int) ([]store.Event, error) {
	if s.closed() {
		return nil, ErrClosed
	}
	events, err := s.scanEvents(ctx, `SELECT `+eventColumns+` FROM inbox i JOIN delivery d ON d.id = i.delivery
		WHERE i.open AND i.lane = $1 ORDER BY i.seq LIMIT $2`, kept(lane), limit)
	return events, s.readError(err)
}

// Event returns an event, done or not; nil if it is gone.
func (s *Store) Event(ctx context.Context, seq int64) (*store.Event, error) {
	if s.closed() {
		return nil, ErrClosed
	}
	e := &store.Event{}
	var key []byte
	var received, accepted int64
	err := s.read.QueryRow(ctx, `SELECT `+eventColumns+`, d.body FROM inbox i JOIN delivery d ON d.id = i.delivery WHERE i.seq = $1`, seq).
		Scan(&e.Seq, &e.Delivery, &key, &e.Lane, &e.Index, &e.Channel, &received, &accepted, &e.Body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, s.readError(err)
	}
	copy(e.Key[:], key)
	e.Lane, e.Channel = given(e.Lane), given(e.Channel)
	e.Received, e.Accepted = store.Time(received), store.Time(accepted)
	return e, nil
}

// Unfolded returns events that Folded was not called with.
func (s *Store) Unfolded(ctx context.Context, limit int) ([]store.Event, error) {
	return s.events(ctx, `SELECT `+eventColumns+` FROM unfolded u JOIN inbox i ON i.seq = u.seq JOIN delivery d ON d.id = i.delivery
		ORDER BY u.seq LIMIT $1`, limit)
}

// events reads events, and the body of each delivery once, since a body may have
// thousands of events.
func (s *Store) events(ctx context.Context, query string, args ...any) ([]store.Event, error) {
	if s.closed() {
		return nil, ErrClosed
	}
	events, err := s.scanEvents(ctx, query, args...)
	if err != nil || len(events) == 0 {
		return nil, s.readError(err)
	}
	bodies := map[int64][]byte{}
	var ids []int64
	for i := range events {
		if id := events[i].Delivery; bodies[id] == nil {
			bodies[id] = []byte{}
			ids = append(ids, id)
		}
	}
	rows, err := s.read.Query(ctx, "SELECT id, body FROM delivery WHERE id = ANY($1)", ids)
	if err != nil {
		return nil, s.readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var body []byte
		if err := rows.Scan(&id, &body); err != nil {
			return nil, err
		}
		bodies[id] = body
	}
	for i := range events {
		events[i].Body = bodies[events[i].Delivery]
	}
	return events, s.readError(rows.Err())
}

func (s *Store) scanEvents(ctx context.Context, query string, args ...any) (events []store.Event, err error) {
	rows, err := s.read.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e store.Event
		var key []byte
		var received, accepted int64
		if err := rows.Scan(&e.Seq, &e.Delivery, &key, &e.Lane, &e.Index, &e.Channel, &received, &accepted); err != nil {
			return nil, err
		}
		copy(e.Key[:], key)
		e.Lane, e.Channel = given(e.Lane), given(e.Channel)
		e.Received, e.Accepted = store.Time(received), store.Time(accepted)
		events = append(events, e)
	}
	return events, rows.Err()
}

// Folded marks events as folded. It is ErrDone if somebody else did.
func (s *Store) Folded(ctx context.Context, tx store.Tx, events []store.Event) error {
	if len(events) == 0 {
		return nil
	}
	seqs := make([]int64, len(events))
	for i := range events {
		seqs[i] = events[i].Seq
	}
	n, err := tx.Exec(ctx, "DELETE FROM unfolded WHERE seq = ANY($1)", seqs)
	if err == nil && n < int64(len(seqs)) {
		err = store.ErrDone
	}
	return err
}

// Done marks an event as done. In a group of functions that happens before the commit; if
// the event was done by then, the group is given up, and its functions learn of it when
// they run again.
func (s *Store) Done(ctx context.Context, inner store.Tx, e *store.Event) error {
	if t, ok := inner.(*tx); ok && t.mark(e.Seq) {
		return nil
	}
	n, err := inner.Exec(ctx, "UPDATE inbox SET open = false WHERE seq = $1 AND open", e.Seq)
	if err == nil && n == 0 {
		err = store.ErrDone
	}
	return err
}

// mark notes an event for the end of the group.
func (t *tx) mark(seq int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.group && !t.ended {
		t.marks = append(t.marks, seq)
	}
	return t.group && !t.ended
}

// OpenLanes returns lanes with open events, in the order of their names; each is found
// by a step in the index.
func (s *Store) OpenLanes(ctx context.Context, after string, limit int) ([]string, error) {
	if s.closed() {
		return nil, ErrClosed
	}
	if limit < 1 {
		return nil, nil
	}
	rows, err := s.read.Query(ctx, `WITH RECURSIVE lanes (lane) AS (
			(SELECT lane FROM inbox WHERE open AND lane > $1 ORDER BY lane LIMIT 1)
			UNION ALL
			SELECT (SELECT i.lane FROM inbox i WHERE i.open AND i.lane > lanes.lane ORDER BY i.lane LIMIT 1) FROM lanes WHERE lanes.lane IS NOT NULL)
		SELECT lane FROM lanes WHERE lane IS NOT NULL LIMIT $2`, kept(after), limit)
	if err != nil {
		return nil, s.readError(err)
	}
	lanes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for n := range lanes {
		lanes[n] = given(lanes[n])
	}
	return lanes, s.readError(err)
}

// Depth returns how many events are open, and when the oldest one was accepted.
func (s *Store) Depth(ctx context.Context) (open int, oldest time.Time, err error) {
	if s.closed() {
		return 0, time.Time{}, ErrClosed
	}
	var accepted int64
	err = s.read.QueryRow(ctx, "SELECT count(*), coalesce(min(accepted), 0) FROM inbox WHERE open").Scan(&open, &accepted)
	return open, store.Time(accepted), s.readError(err)
}
