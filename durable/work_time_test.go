package durable_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
)

// A function of InTx that waits for ever keeps everybody from writing. Its context ends
// with the time of the handler, which is a failed attempt; the events of others go on.
func TestFunctionInATransactionThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{do: func(_ context.Context, e chatapi.Event, w *durable.Work) error {
			if e.Key() != "message/a" {
				return nil
			}
			return w.InTx(func(ctx context.Context, tx durable.Tx) error {
				<-ctx.Done()
				_, err := tx.Exec(ctx, "INSERT INTO effect (chat, key) VALUES ('too', 'late')")
				return err
			})
		}}
		b := openBox(t, t.TempDir(), h.handle, durable.Retries(durable.RetryPolicy{Attempts: 2, Timeout: 10 * time.Second}))
		synctest.Wait()
		b.accept(chatMessage("a", phoneOf(1), "x"))
		synctest.Wait()
		b.accept(chatMessage("b", phoneOf(2), "x"))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{phoneOf(2) + " message/b"}, b.effects())
		require.Len(t, b.letters(), 1)
		assert.Contains(t, b.letters()[0].Reason, "the functions of InTx took longer than RetryPolicy.Timeout allows")
		require.NoError(t, b.stop())
	})
}

// Health names a function of InTx that ignores its end, while it runs.
func TestFunctionInATransactionThatIgnoresItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		h := &handled{do: func(_ context.Context, _ chatapi.Event, w *durable.Work) error {
			return w.InTx(func(context.Context, durable.Tx) error { <-goOn; return nil })
		}}
		b := openBox(t, t.TempDir(), h.handle, durable.Retries(durable.RetryPolicy{Timeout: 10 * time.Second}))
		synctest.Wait()
		b.accept(chatMessage("a", phoneOf(1), "x"))
		health := func() durable.Health {
			synctest.Wait()
			health, err := b.Health(t.Context())
			require.NoError(t, err)
			return health
		}
		time.Sleep(2 * time.Second)
		assert.Zero(t, health().Writing, "a moment is usual")
		time.Sleep(40 * time.Second)
		assert.Equal(t, 42*time.Second, health().Writing.Round(time.Second))
		assert.Contains(t, health().Sentence, "A handler's transaction has held the writer of the database for 42s, that of chat "+
			`"ABC100000001 phone:`+phoneOf(1)+`", so that nothing else is written; end the program if that goes on.`)
		close(goOn)
		b.waits()
		assert.Zero(t, health().Writing)
		assert.Empty(t, health().Sentence)
		require.NoError(t, b.stop())
	})
}
