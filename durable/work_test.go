package durable_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// answering returns a handler that answers a text twice, fails after it at the first
// attempts, and notes the ids of the messages with "done".
func answering(ids map[int64]string, failures int) durable.Handler {
	return func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		m, ok := e.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		if _, err := w.Send(m.AnswerTo(), chatapi.Text{}); err == nil {
			return durable.ErrDead // a wrong message is an error at once
		}
		for _, text := range []string{"Thank you.", "We are open."} {
			q, err := w.Send(m.AnswerTo(), chatapi.Text{Body: text})
			if err != nil {
				return err
			}
			if err := w.InTx(func(context.Context, durable.Tx) error { ids[q.ID] = q.Key; return nil }); err != nil {
				return err
			}
		}
		if w.Attempt <= failures {
			return errHandler
		}
		return nil
	}
}

func TestAnswersAreSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		channels := chatapi.NewChannels()
		_, err := channels.Put(api.URL, api.Token, chatapi.WithHTTPClient(&http.Client{Transport: api.Transport}))
		require.NoError(t, err)
		ids := map[int64]string{}
		broken := &brokenStore{commit: true}
		b := openBoxWith(t, t.TempDir(), channels, func(s store.Store) store.Store { broken.Store = s; return broken }, answering(ids, 3))
		api.Webhook("https://bot.test/s3cret", chatapi.NewDeliveryHandler(b.Inbox.Accept, chatapi.WebhookSecret("s3cret")))
		customer := api.Customer("12025550143")
		key := "message/" + customer.Says("hi")
		time.Sleep(time.Hour)
		synctest.Wait()
		var texts []string
		for _, m := range customer.Received() {
			texts = append(texts, m.Text)
		}
		assert.Equal(t, []string{"Thank you.", "We are open."}, texts)
		require.Len(t, ids, 2)
		assert.NotContains(t, ids, int64(0))
		q, err := b.Outbox.Get(context.Background(), boxChannel, "event/"+key+"/1")
		if assert.NoError(t, err) && assert.NotNil(t, q) {
			assert.Equal(t, durable.StateSent, q.State)
		}
		assert.Empty(t, b.letters())
		health, err := b.Health(context.Background())
		require.NoError(t, err)
		assert.Zero(t, health.Inbox.Waiting+health.Outbox.Waiting+health.Unknown+health.Dead)
		require.NoError(t, b.stop())
	})
}

// A commit whose answer was lost plans nothing twice and runs no handler again.
func TestAnswersAfterALostCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		channels := chatapi.NewChannels()
		_, err := channels.Put(api.URL, api.Token, chatapi.WithHTTPClient(&http.Client{Transport: api.Transport}))
		require.NoError(t, err)
		customer := api.Customer("12025550143")
		customer.Says("hi")
		ids := map[int64]string{}
		broken := &brokenStore{commit: true}
		handler := answering(ids, 0)
		b := openBoxWith(t, t.TempDir(), channels, func(s store.Store) store.Store { broken.Store = s; return broken },
			func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
				broken.left.Store(1)
				return handler(ctx, e, w)
			})
		b.accept(chatMessage("a", "12025550143", "hi"))
		time.Sleep(time.Second) // no sweep comes so soon
		synctest.Wait()
		assert.Len(t, customer.Received(), 2)
		assert.Len(t, ids, 2)
		require.NoError(t, b.stop())
	})
}
