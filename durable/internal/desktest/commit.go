package desktest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/internal/storetest"
)

// counter is what a helpdesk does: every change of its tables, by an event, by the outbox
// or by a person, has the next number of one row.
func counter(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	api, channels := Service(t, 5)
	var calls atomic.Int32
	s := opened(t, fresh(t))
	b := Open(t, s, channels, func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		m := e.(*chatapi.MessageEvent)
		if _, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of " + m.ID}); err != nil {
			return err
		}
		return w.InTx(func(_ context.Context, tx durable.Tx) error {
			err := tx.Changed("message " + m.ID)
			if m.Text == "bad" && w.Attempt == 1 {
				return assert.AnError
			}
			return err
		})
	}, quick)
	_, err := Numbers(ctx, s)
	require.NoError(t, err)
	b.BeforeCommit(func(ctx context.Context, tx durable.Tx, changes []any) error {
		calls.Add(1)
		assert.Error(t, tx.Changed("more"))
		return Number(ctx, tx, changes)
	})
	b.Outbox.OnChange(func(_ context.Context, tx durable.Tx, q *durable.Queued) error { return tx.Changed("sent " + q.Key) })
	var messages []string
	for n := range 40 {
		text := "good"
		if n == 7 {
			text = "bad"
		}
		messages = append(messages, Message(fmt.Sprintf("m%02d", n), n%5, text))
	}
	b.Accept(messages...)
	b.Empty()
	require.NoError(t, s.Update(ctx, func(_ context.Context, tx store.Tx) error { return durable.NewTx(tx).Changed("a person") }))
	b.until(func() bool { return len(Texts(api)) >= 40 })
	b.until(func() bool {
		numbers, err := Numbers(ctx, s)
		return err == nil && len(numbers) >= 81
	})
	numbers, err := Numbers(ctx, s)
	require.NoError(t, err)
	seen := map[string]bool{}
	for n, what := range numbers {
		assert.False(t, seen[what], what)
		assert.NotEmpty(t, what, "number %d is missing", n+1)
		seen[what] = true
	}
	assert.Len(t, numbers, 81)
	assert.Less(t, calls.Load(), int32(81), "what shares a commit shares a call")
	b.BeforeCommit(nil)
	require.ErrorIs(t, s.Update(ctx, func(_ context.Context, tx store.Tx) error { return durable.NewTx(tx).Changed("nobody") }), store.ErrNoBefore)
	b.Clean()
}

// Number gives changes the next numbers. The row of the counter is locked last.
func Number(ctx context.Context, tx durable.Tx, changes []any) error {
	rows, err := tx.Query(ctx, "UPDATE counter SET n = n + $1 RETURNING n", len(changes))
	if err != nil {
		return err
	}
	defer rows.Close()
	var last int
	if rows.Next() {
		if err := rows.Scan(&last); err != nil {
			return err
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for i, change := range changes {
		if _, err := tx.Exec(ctx, "INSERT INTO change (n, what) VALUES ($1, $2)", last-len(changes)+1+i, fmt.Sprint(change)); err != nil {
			return err
		}
	}
	return nil
}

// Numbers returns what has the numbers 1, 2, … of the counter; "" for one that is missing.
// At first it makes the tables.
func Numbers(ctx context.Context, s store.Store) (numbers []string, err error) {
	for _, statement := range []string{"CREATE TABLE IF NOT EXISTS counter (n INTEGER NOT NULL)",
		"CREATE TABLE IF NOT EXISTS change (n INTEGER PRIMARY KEY, what TEXT NOT NULL)",
		"INSERT INTO counter (n) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter)"} {
		err := s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	err = s.View(ctx, func(ctx context.Context, tx store.Tx) error {
		numbers = nil
		rows, err := tx.Query(ctx, "SELECT n, what FROM change ORDER BY n")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int
			var what string
			if err := rows.Scan(&n, &what); err != nil {
				return err
			}
			for len(numbers) < n-1 {
				numbers = append(numbers, "")
			}
			numbers = append(numbers, what)
		}
		return rows.Err()
	})
	return numbers, err
}
