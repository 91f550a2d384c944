package postgres

import (
	"context"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Unreadable returns deliveries after an id of which something was not read.
func (s *Store) Unreadable(ctx context.Context, after int64, limit int) (all []store.Unread, err error) {
	if s.closed() {
		return nil, ErrClosed
	}
	rows, err := s.read.Query(ctx, `SELECT id, channel, received, unreadable, body FROM delivery
		WHERE unreadable <> '' AND id > $1 ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, s.readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var u store.Unread
		var received int64
		if err := rows.Scan(&u.ID, &u.Channel, &received, &u.Why, &u.Body); err != nil {
			return nil, s.readError(err)
		}
		u.Channel, u.Received = given(u.Channel), store.Time(received)
		all = append(all, u)
	}
	return all, s.readError(rows.Err())
}
