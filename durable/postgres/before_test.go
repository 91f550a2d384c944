package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
)

// Two programs give their changes the numbers of one row. A reader that has seen a number
// has seen all before it, and nobody waits for another in a circle, although the programs
// change common rows too.
func TestCounterOfTwoPrograms(t *testing.T) {
	const writers, each, chats = 6, 25, 5
	ctx, url := t.Context(), database(t)
	stores := []*postgres.Store{open(t, url), open(t, url)}
	_, err := desktest.Numbers(ctx, stores[0])
	require.NoError(t, err)
	for _, statement := range []string{"CREATE TABLE chat (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)",
		"INSERT INTO chat SELECT id, 0 FROM generate_series(0, 4) AS id"} {
		require.NoError(t, postgres.Update(ctx, stores[0], func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		}))
	}
	var all sync.WaitGroup
	for number, s := range stores {
		s.BeforeCommit(func(ctx context.Context, tx store.Tx, changes []any) error {
			return desktest.Number(ctx, durable.NewTx(tx), changes)
		})
		for w := range writers {
			all.Go(func() {
				for n := range each {
					assert.NoError(t, postgres.Update(ctx, s, func(ctx context.Context, tx durable.Tx) error {
						if _, err := tx.Exec(ctx, "UPDATE chat SET n = n + 1 WHERE id = $1", (w+n)%chats); err != nil {
							return err
						}
						return tx.Changed(fmt.Sprint(number, " ", w, " ", n))
					}))
				}
			})
		}
	}
	done, seen := make(chan struct{}), 0
	go func() { all.Wait(); close(done) }()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		numbers, err := desktest.Numbers(ctx, stores[0])
		require.NoError(t, err)
		assert.NotContains(t, numbers, "", "a number is there before one that is smaller")
		assert.GreaterOrEqual(t, len(numbers), seen)
		seen = len(numbers)
	}
	assert.Equal(t, len(stores)*writers*each, seen)
}

// One program stops and starts the sending of another.
func TestStopSendingOfTwoPrograms(t *testing.T) {
	ctx, url := t.Context(), database(t)
	api, channels := desktest.Service(t, 2)
	b := desktest.Open(t, open(t, url), channels, nil)
	other, err := durable.Open(ctx, open(t, url), desktest.Channels(t, api))
	require.NoError(t, err)
	require.NoError(t, other.Outbox.StopSending(ctx, "a test"))
	assert.Equal(t, "All sending is stopped: a test.", b.Send("k", desktest.To(0)).Why)
	desktest.Never(t, func() bool { return len(desktest.Texts(api)) > 0 }, "sending is stopped")
	require.NoError(t, other.Outbox.StartSending(ctx))
	b.Becomes("k", durable.StateSent)
	b.Clean()
}
