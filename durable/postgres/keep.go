package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// tidyEvents is how many events Tidy looks at.
const tidyEvents = 512

// Tidy removes some of the events that were accepted before an instant and are done,
// folded and not dead, and the deliveries that have none left. Their keys stay in seen.
// One program does so at a time. An attempt that is still counted for such an event, or for one
// that is not there any more, was written by a program that had lost the lock of its lane
// and did not know it yet.
func (s *Store) Tidy(ctx context.Context, before time.Time) (more bool, err error) {
	at := store.Micros(before)
	err = s.inTransaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		more = false
		locked := false
		if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", s.number("tidy")).Scan(&locked); err != nil || !locked {
			return err
		}
		events, deliveries, last, err := s.oldEvents(ctx, tx, at)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM inbox WHERE seq = ANY($1) AND NOT open", events); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM attempt WHERE seq = ANY($1)", events); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM delivery d WHERE id = ANY($1)
			AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.delivery = d.id)`, deliveries); err != nil {
			return err
		}
		if last == 0 { // it was even removed before that
			if _, err := tx.Exec(ctx, "DELETE FROM attempt a WHERE NOT EXISTS (SELECT 1 FROM inbox i WHERE i.seq = a.seq)"); err != nil {
				return err
			}
		}
		unread, err := tx.Exec(ctx, `DELETE FROM delivery WHERE id IN (SELECT id FROM delivery d WHERE unreadable <> '' AND accepted < $1
			AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.delivery = d.id) LIMIT $2)`, at, tidyEvents)
		s.tidied.Store(last)
		more = last > 0 || unread.RowsAffected() == tidyEvents
		point.Reach(point.TidyBegun)
		return err
	})
	point.Reach(point.TidyEnded)
	return more, err
}

// oldEvents goes on through the inbox where the last call stopped, and begins anew after
// the end: then letters that were dead may have been discarded. last is 0 at the end.
func (s *Store) oldEvents(ctx context.Context, tx pgx.Tx, before int64) (events, deliveries []int64, last int64, err error) {
	rows, err := tx.Query(ctx, `SELECT seq, delivery, accepted < $1, accepted < $1 AND NOT open
			AND NOT EXISTS (SELECT 1 FROM unfolded u WHERE u.seq = i.seq) AND NOT EXISTS (SELECT 1 FROM dead WHERE dead.seq = i.seq)
		FROM inbox i WHERE seq > $2 ORDER BY seq LIMIT $3`, before, s.tidied.Load(), tidyEvents)
	if err != nil {
		return nil, nil, 0, err
	}
	defer rows.Close()
	seen, aged := 0, false
	for rows.Next() {
		var seq, delivery int64
		var old, removable bool
		if err := rows.Scan(&seq, &delivery, &old, &removable); err != nil {
			return nil, nil, 0, err
		}
		seen, last, aged = seen+1, seq, aged || old
		if removable {
			events, deliveries = append(events, seq), append(deliveries, delivery)
		}
	}
	// Events are about in the order of their acceptance: after a piece without an old
	// one there is none.
	if seen < tidyEvents || !aged {
		last = 0
	}
	return events, deliveries, last, rows.Err()
}

// Report does nothing: what this store does by itself is a part of other calls, whose
// errors are returned.
func (s *Store) Report(func(err error)) {}

// Behind returns how many events were not folded, and when the oldest one was accepted.
func (s *Store) Behind(ctx context.Context) (events int, oldest time.Time, err error) {
	if s.closed() {
		return 0, time.Time{}, ErrClosed
	}
	var accepted int64
	err = s.read.QueryRow(ctx, "SELECT count(*), coalesce(min(i.accepted), 0) FROM unfolded u JOIN inbox i ON i.seq = u.seq").Scan(&events, &accepted)
	return events, store.Time(accepted), s.readError(err)
}

// Bodies returns deliveries of a channel after an id, with their bodies.
func (s *Store) Bodies(ctx context.Context, channel string, after int64, limit int) ([]store.Kept, error) {
	if s.closed() {
		return nil, ErrClosed
	}
	rows, err := s.read.Query(ctx, "SELECT id, body FROM delivery WHERE channel = $1 AND id > $2 ORDER BY id LIMIT $3", kept(channel), after, limit)
	if err != nil {
		return nil, s.readError(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Kept])
	return all, s.readError(err)
}

// Rewrite replaces the body of a delivery.
func (s *Store) Rewrite(ctx context.Context, delivery int64, body []byte) error {
	return s.inTransaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE delivery SET body = $1 WHERE id = $2", notNil(body), delivery)
		return err
	})
}

// Scrub says where the server keeps old bytes, since it alone decides how long.
func (s *Store) Scrub(context.Context) (left string, err error) {
	return "PostgreSQL keeps the old texts in the tables until it vacuums them, and in the write-ahead log and its archive " +
		"as long as those are kept.", nil
}

// RenameLane gives the events of a lane, all of which are done, another lane.
func (s *Store) RenameLane(ctx context.Context, lane, to string) error {
	return s.inTransaction(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE inbox SET lane = $1 WHERE lane = $2 AND NOT open", kept(to), kept(lane))
		return err
	})
}
