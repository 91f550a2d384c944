package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// A program that lost the lock of a lane counts an attempt of an event that another one
// has done meanwhile, or that was even removed. The attempt goes with the event, or after it.
func TestTidyRemovesLateAttempts(t *testing.T) {
	s := open(t, database(t))
	_, err := s.Accept(t.Context(), delivery("a", 1, 2))
	require.NoError(t, err)
	events, err := s.Unfolded(t.Context(), 10)
	require.NoError(t, err)
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx store.Tx) error {
		gone := store.Event{Seq: 1_000_000}
		for _, e := range append(events, gone) {
			if _, err := tx.Exec(ctx, "INSERT INTO attempt (seq, lane, attempts, not_before, running, reason) VALUES ($1, 'a', 1, 0, 1, '')", e.Seq); err != nil {
				return err
			}
		}
		if err := s.Folded(ctx, tx, events); err != nil {
			return err
		}
		return s.Done(ctx, tx, &events[0])
	}))
	for more := true; more; {
		more, err = s.Tidy(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
	}
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT seq FROM attempt")
		if err != nil {
			return err
		}
		var left []int64
		for rows.Next() {
			var seq int64
			require.NoError(t, rows.Scan(&seq))
			left = append(left, seq)
		}
		assert.Equal(t, []int64{events[1].Seq}, left) // the one of the event that is open
		return rows.Close()
	}))
}
