package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"time"

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

// Rewrite replaces the body of a delivery.
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

const (
	scrubTries = 20
	scrubPause = 100 * time.Millisecond
)

// Scrub moves the logs into the files and empties them. secure_delete overwrites in the
// files what was removed, and the logs still have the pages of before. A log cannot be
// emptied while somebody reads with its help.
func (s *Store) Scrub(ctx context.Context) (left string, err error) {
	for _, f := range []*file{s.accept, s.work} {
		emptied, err := s.emptyLog(ctx, f)
		if err != nil {
			return "", err
		}
		if !emptied {
			left = "The old texts stay in the files that end in -wal, since somebody worked on the database all the time; " +
				"they go when the store is closed."
		}
	}
	return left, nil
}

// emptyLog does so with a connection of its own. Each try waits for others for a moment
// only, since nobody can write while it waits for those who read.
func (s *Store) emptyLog(ctx context.Context, f *file) (emptied bool, err error) {
	if s.closed() {
		return false, ErrClosed
	}
	err = withFile(ctx, s.dir, filepath.Base(f.path), scrubbing, func(db *sql.DB) error {
		for range scrubTries {
			var busy, pages, moved int
			err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
			if emptied = err == nil && busy == 0; emptied || err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.closing:
				return ErrClosed
			case <-time.After(scrubPause):
			}
		}
		return nil
	})
	return emptied, err
}
