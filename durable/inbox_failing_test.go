package durable_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// A handler that fails says why: to the hooks, in the log, in Health and in a list.
func TestFailingHandlerSaysWhy(t *testing.T) {
	var log lines
	var w watcher
	inOffice(t, func(o *office) {
		o.desk.Watch(w.hooks())
		o.runDesk(func(_ context.Context, _ chatapi.Event, w *durable.Work) error {
			return w.InTx(func(ctx context.Context, tx durable.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO forgotten VALUES (1)")
				return err
			})
		})
		o.api.Customer(toAnn.Value()).Says("hello")
		o.after(100 * time.Millisecond)
		w.mu.Lock()
		require.ErrorContains(o, w.handled[0].Err, "forgotten")
		assert.Contains(o, w.handled[0].Key, "message/")
		w.mu.Unlock()
		o.after(45 * time.Second)
		assert.Equal(o, 1, log.with("The handler failed for an event"))
		assert.Zero(o, log.with(toAnn.Value()))
		h, err := o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Equal(o, 1, h.Failing)
		assert.Contains(o, h.FailingWhy, "forgotten")
		assert.Contains(o, h.Sentence, "The handler has failed for 1 event and is called again; the oldest failed 4 times, at last with: ")
		assert.Contains(o, h.Sentence, "forgotten")
		n := 0
		for f, err := range o.desk.Inbox.Failing(o.Context()) {
			require.NoError(o, err)
			assert.Equal(o, theChannel, f.Channel)
			assert.Equal(o, toAnn.Key(), f.Chat)
			assert.Equal(o, 4, f.Attempts)
			assert.Contains(o, f.Reason, "forgotten")
			assert.True(o, f.Next.After(time.Now()))
			n++
		}
		assert.Equal(o, 1, n)
	}, durable.Logger(slog.New(slog.NewTextHandler(&log, nil))))
}

// The handler needs the event's channel, which the program has later: no attempt is
// counted meanwhile.
func TestHandlerWaitsForTheChannel(t *testing.T) {
	inOffice(t, func(o *office) {
		calls := 0
		o.runDesk(func(_ context.Context, e chatapi.Event, w *durable.Work) error {
			m, ok := e.(*chatapi.MessageEvent)
			if !ok {
				return nil
			}
			calls++
			assert.Equal(o, 1, w.Attempt)
			_, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of answer"})
			return err
		})
		o.channels.Remove(theChannel)
		o.api.Customer(toAnn.Value()).Says("hello")
		o.after(time.Hour)
		assert.Equal(o, 1, calls, "the handler is not called again")
		h, err := o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Contains(o, h.Sentence, "Channel ABC100000001 is not connected, and the handler needs it for events that wait.")
		assert.Zero(o, h.Failing)
		o.put(o.api.Token)
		o.after(10 * time.Second)
		assert.Equal(o, []string{"answer"}, o.bodies())
	})
}

// Without a handler Health says why events wait.
func TestHealthWithoutAHandler(t *testing.T) {
	inOffice(t, func(o *office) {
		o.runDesk(nil)
		o.api.Customer(toAnn.Value()).Says("hello")
		o.after(time.Second)
		h, err := o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Equal(o, "This program has no handler, so that events wait; call Inbox.Handle before Run.", h.Sentence)
	})
}

// Run ends when somebody closes its store.
func TestRunEndsWithItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), t.TempDir())
		require.NoError(t, err)
		desk, err := durable.Open(t.Context(), s, chatapi.NewChannels())
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- desk.Run(context.Background()) }()
		synctest.Wait()
		require.NoError(t, s.Close())
		select {
		case err := <-ended:
			require.ErrorContains(t, err, "the store was closed while Run runs; close it after Run has returned")
		case <-time.After(time.Minute):
			t.Fatal(errors.New("Run goes on"))
		}
	})
}
