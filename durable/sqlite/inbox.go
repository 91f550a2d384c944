package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// What is open is told by both files: accept.db says open until housekeeping closes the
// event, and work.db says in between up to where the lane is done. Housekeeping removes
// that word only after accept.db has closed the events. So a reader has to fix its state
// of work.db first and read accept.db afterwards: then an event that is done is done in
// one of the two.

const eventColumns = `i.seq, i.delivery, i.khash, i.lane, i.idx, d.channel, d.received, i.accepted
	FROM inbox i JOIN delivery d ON d.id = i.delivery`

// Open returns the events of a lane that are neither done nor dead.
func (s *Store) Open(ctx context.Context, lane string, limit int) (events []store.Event, err error) {
	if s.closed() {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // as in Event
	var done int64
	if _, err := s.work.row(ctx, "SELECT seq FROM progress WHERE lane = $1", []any{lane}, &done); err != nil {
		return nil, s.readError(s.work, err)
	}
	events, err = scanEvents(s.accept.readers.query(ctx, `SELECT `+eventColumns+` WHERE i.open = 1 AND i.lane = $1 AND i.seq > $2
		ORDER BY i.seq LIMIT $3`, lane, done, limit))
	return events, s.readError(s.accept, err)
}

// Event returns an event, done or not; nil if it is gone.
func (s *Store) Event(ctx context.Context, seq int64) (*store.Event, error) {
	if s.closed() {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := &store.Event{}
	var key []byte
	var received, accepted int64
	// What takes no time is not broken off, which would take a goroutine.
	found, err := s.accept.row(context.WithoutCancel(ctx), eventQuery, []any{seq},
		&e.Seq, &e.Delivery, &key, &e.Lane, &e.Index, &e.Channel, &received, &accepted, &e.Body)
	if err != nil || !found {
		return nil, s.readError(s.accept, err)
	}
	copy(e.Key[:], key)
	e.Received, e.Accepted = store.Time(received), store.Time(accepted)
	return e, nil
}

const eventQuery = `SELECT i.seq, i.delivery, i.khash, i.lane, i.idx, d.channel, d.received, i.accepted, d.body
	FROM inbox i JOIN delivery d ON d.id = i.delivery WHERE i.seq = $1`

// Unfolded returns events that Folded was not called with.
func (s *Store) Unfolded(ctx context.Context, limit int) ([]store.Event, error) {
	if s.closed() {
		return nil, ErrClosed
	}
	var folded int64
	if _, err := s.work.row(ctx, "SELECT seq FROM cursor WHERE name = 'folded'", nil, &folded); err != nil {
		return nil, s.readError(s.work, err)
	}
	return s.events(ctx, `SELECT `+eventColumns+` WHERE i.seq > $1 ORDER BY i.seq LIMIT $2`, folded, limit)
}

// Folded marks events as folded.
func (s *Store) Folded(ctx context.Context, tx store.Tx, events []store.Event) error {
	if len(events) == 0 {
		return nil
	}
	last := events[len(events)-1].Seq
	_, err := tx.Exec(ctx, "UPDATE cursor SET seq = $1 WHERE name = 'folded' AND seq < $1", last)
	return err
}

// events reads events, and the body of each delivery once, since a body may have
// thousands of events.
func (s *Store) events(ctx context.Context, query string, args ...any) ([]store.Event, error) {
	var events []store.Event
	err := s.accept.readers.transaction(ctx, func(ctx context.Context, one *reader) error {
		rows, err := one.query(ctx, query, args...)
		if err != nil {
			return err
		}
		if events, err = scanEvents(rows, nil); err != nil {
			return err
		}
		bodies := map[int64][]byte{}
		for i := range events {
			e := &events[i]
			body, ok := bodies[e.Delivery]
			if !ok {
				if _, err := one.row(ctx, "SELECT body FROM delivery WHERE id = $1", []any{e.Delivery}, &body); err != nil {
					return err
				}
				bodies[e.Delivery] = body
			}
			e.Body = body
		}
		return nil
	})
	if err != nil {
		return nil, s.readError(s.accept, err)
	}
	return events, nil
}

func scanEvents(rows store.Rows, err error) (events []store.Event, _ error) {
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
		e.Received, e.Accepted = store.Time(received), store.Time(accepted)
		events = append(events, e)
	}
	return events, rows.Err()
}

// Done marks an event as done.
func (s *Store) Done(ctx context.Context, work store.Tx, e *store.Event) error {
	var done int64
	found, err := one(ctx, work, "SELECT seq FROM progress WHERE lane = $1", []any{e.Lane}, &done)
	switch {
	case err != nil:
		return err
	case found && e.Seq <= done:
		return store.ErrDone
	case !found:
		// Housekeeping removed the row, if there was one, after it closed the events.
		var open int
		found, err := s.accept.row(context.WithoutCancel(ctx), "SELECT open FROM inbox WHERE seq = $1", []any{e.Seq}, &open)
		if err != nil {
			return s.readError(s.accept, err)
		}
		if !found || open == 0 {
			return store.ErrDone
		}
	}
	_, err = work.Exec(ctx, `INSERT INTO progress (lane, seq) VALUES ($1, $2)
		ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq`, e.Lane, e.Seq)
	if err != nil {
		return err
	}
	if t, ok := work.(*tx); ok {
		t.marked = true
	}
	return nil
}

// lanesQuery finds the lanes with open rows, each found by a step in the index, and the last
// of these rows.
const lanesQuery = `WITH RECURSIVE lanes (lane) AS (
		SELECT (SELECT min(lane) FROM inbox WHERE open = 1 AND lane > $1)
		UNION ALL
		SELECT (SELECT min(i.lane) FROM inbox i WHERE i.open = 1 AND i.lane > lanes.lane) FROM lanes WHERE lanes.lane IS NOT NULL)
	SELECT lane, (SELECT max(i.seq) FROM inbox i WHERE i.open = 1 AND i.lane = lanes.lane) FROM lanes
	WHERE lane IS NOT NULL LIMIT $2`

// OpenLanes returns lanes with open events, in the order of their names.
func (s *Store) OpenLanes(ctx context.Context, after string, limit int) (open []string, err error) {
	if limit < 1 {
		return nil, nil
	}
	err = s.view(ctx, func(ctx context.Context, work *readTx) error {
		if err := pin(ctx, work); err != nil {
			return err
		}
		for len(open) < limit {
			page, last, err := s.lanePage(ctx, after, limit)
			if err != nil {
				return err
			}
			for i, lane := range page {
				after = lane
				var done int64
				if _, err := one(ctx, work, "SELECT seq FROM progress WHERE lane = $1", []any{lane}, &done); err != nil {
					return err
				}
				if done < last[i] && len(open) < limit {
					open = append(open, lane)
				}
			}
			if len(page) < limit {
				return nil
			}
		}
		return nil
	})
	return open, err
}

// pin fixes the state of work.db that a transaction reads.
func pin(ctx context.Context, work *readTx) error {
	var n int64
	_, err := one(ctx, work, "SELECT seq FROM cursor LIMIT 1", nil, &n)
	return err
}

// lanePage returns lanes with open rows in accept.db, and the last of these rows.
func (s *Store) lanePage(ctx context.Context, after string, limit int) (names []string, last []int64, err error) {
	rows, err := s.accept.readers.query(ctx, lanesQuery, after, limit)
	if err != nil {
		return nil, nil, s.readError(s.accept, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var seq int64
		if err := rows.Scan(&name, &seq); err != nil {
			return nil, nil, s.readError(s.accept, err)
		}
		names, last = append(names, name), append(last, seq)
	}
	return names, last, s.readError(s.accept, rows.Err())
}

// Depth returns how many events are open, and when the oldest one was accepted. It reads
// every open row, and the finished ones that housekeeping has not come to.
func (s *Store) Depth(ctx context.Context) (open int, oldest time.Time, err error) {
	err = s.view(ctx, func(ctx context.Context, work *readTx) error {
		done, err := progress(ctx, work)
		if err != nil {
			return err
		}
		rows, err := s.accept.readers.query(ctx, `SELECT lane, count(*), min(seq) FROM inbox INDEXED BY inbox_open
			WHERE open = 1 GROUP BY lane`)
		if err != nil {
			return s.readError(s.accept, err)
		}
		defer rows.Close()
		var first int64
		count := func(n int, seq int64) {
			if open += n; n > 0 && (first == 0 || seq < first) {
				first = seq
			}
		}
		var partly []string // done up to a seq
		for rows.Next() {
			var lane string
			var n int
			var seq int64
			if err := rows.Scan(&lane, &n, &seq); err != nil {
				return s.readError(s.accept, err)
			}
			if _, ok := done[lane]; ok {
				partly = append(partly, lane)
			} else {
				count(n, seq)
			}
		}
		// The reader has to be free for the next queries: there are few.
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return s.readError(s.accept, err)
		}
		for _, lane := range partly {
			n, seq, err := s.openAfter(ctx, lane, done[lane])
			if err != nil {
				return err
			}
			count(n, seq)
		}
		if open == 0 {
			return nil
		}
		var accepted int64
		if _, err := s.accept.row(ctx, "SELECT accepted FROM inbox WHERE seq = $1", []any{first}, &accepted); err != nil {
			return s.readError(s.accept, err)
		}
		oldest = store.Time(accepted)
		return nil
	})
	return open, oldest, err
}

// progress reads up to where lanes are done. There are no more of them than lanes that
// worked since the last pass of housekeeping.
func progress(ctx context.Context, work *readTx) (map[string]int64, error) {
	rows, err := work.Query(ctx, "SELECT lane, seq FROM progress")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	done := map[string]int64{}
	for rows.Next() {
		var lane string
		var seq int64
		if err := rows.Scan(&lane, &seq); err != nil {
			return nil, err
		}
		done[lane] = seq
	}
	return done, rows.Err()
}

// openAfter counts the rows of a lane that are open after a seq, and returns the first.
func (s *Store) openAfter(ctx context.Context, lane string, done int64) (n int, first int64, err error) {
	_, err = s.accept.row(ctx, `SELECT count(*), coalesce(min(seq), 0) FROM inbox
		WHERE open = 1 AND lane = $1 AND seq > $2`, []any{lane, done}, &n, &first)
	return n, first, s.readError(s.accept, err)
}
