package sqlite

import (
	"context"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Bodies returns deliveries of a channel after an id, with their bodies.
func (s *Store) Bodies(ctx context.Context, channel string, after int64, limit int) (all []store.Kept, err error) {
	if s.closed() {
		return nil, ErrClosed
	}
	rows, err := s.accept.readers.query(ctx, "SELECT id, body FROM delivery WHERE channel = $1 AND id > $2 ORDER BY id LIMIT $3", channel, after, limit)
	if err != nil {
		return nil, s.readError(s.accept, err)
	}
	defer rows.Close()
	for rows.Next() {
		var kept store.Kept
		if err := rows.Scan(&kept.ID, &kept.Body); err != nil {
			return nil, s.readError(s.accept, err)
		}
		all = append(all, kept)
	}
	return all, s.readError(s.accept, rows.Err())
}

// Rewrite replaces the body of a delivery. The pragma secure_delete overwrites the old
// one in the file at the next checkpoint.
func (s *Store) Rewrite(ctx context.Context, delivery int64, body []byte) error {
	j := newJob(ctx, func(ctx context.Context, tx *tx) error {
		_, err := tx.Exec(ctx, "UPDATE delivery SET body = $1 WHERE id = $2", notNil(body), delivery)
		return err
	})
	j.Bytes = len(body)
	return s.accept.do(ctx, j)
}

// RenameLane gives the events of a lane, all of which are done, another lane.
func (s *Store) RenameLane(ctx context.Context, lane, to string) error {
	if err := s.pass(ctx); err != nil { // so that accept.db says that they are done
		return err
	}
	return s.accept.do(ctx, newJob(ctx, func(ctx context.Context, tx *tx) error {
		_, err := tx.Exec(ctx, "UPDATE inbox SET lane = $1 WHERE lane = $2 AND open = 0", to, lane)
		return err
	}))
}
