package desktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/internal/storetest"
)

func outbox(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	api, channels := Service(t, 5)
	b := Open(t, opened(t, fresh(t)), channels, nil)
	var changes, refusals atomic.Int32
	b.Outbox.OnChange(func(ctx context.Context, tx durable.Tx, q *durable.Queued) error {
		if q.Key == "1-1" && refusals.Add(1) == 1 {
			_, err := tx.Exec(ctx, "INSERT INTO effect (chat, key, place) VALUES ($1, $2, $3), ($1, $2, $3)", "change", q.Key, 0)
			return err
		}
		changes.Add(1)
		_, err := tx.Exec(ctx, "INSERT INTO effect (chat, key, place) SELECT $1, $2, count(*) FROM effect WHERE chat = $1", "change", q.Key)
		return err
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { b.Send("same", To(0)) })
	}
	for chat := range 4 {
		all.Go(func() {
			for n := range 5 {
				b.Send(fmt.Sprintf("%d-%d", chat, n), To(chat+1))
			}
		})
	}
	all.Wait()
	b.Send("never", To(1), durable.At(time.Now().Add(time.Hour)))
	b.Send("gone", To(1), durable.At(time.Now().Add(time.Hour)), durable.Until(time.Now().Add(50*time.Millisecond)))
	require.NoError(t, b.Store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := b.Outbox.SendIn(ctx, durable.NewTx(tx), Channel, "in", To(2), chatapi.Text{Body: "text of in"})
		return err
	}))
	_, err := b.Outbox.Sender(Channel).Send(ctx, To(3), chatapi.Text{Body: "text of sender"}, chatapi.SendKey("sender"))
	require.NoError(t, err)
	b.Becomes("gone", durable.StateSkipped)
	canceled, err := b.Outbox.Cancel(ctx, Channel, "never")
	require.NoError(t, err)
	assert.True(t, canceled)
	b.until(func() bool { return len(Texts(api)) >= 23 })
	inOrder(t, Texts(api))
	assert.Len(t, Texts(api), 23)
	q := b.Becomes("1-1", durable.StateSent)
	sent, err := b.Outbox.Sent(ctx, Channel, q.MessageID)
	require.NoError(t, err)
	assert.True(t, sent)
	for n := range 5 { // the service has them before the store says so
		b.Becomes(fmt.Sprintf("0-%d", n), durable.StateSent)
	}
	n := 0
	for _, err := range b.Outbox.List(ctx, durable.QueueFilter{Channel: Channel, To: To(1), States: []durable.SendState{durable.StateSent}}) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 5, n)
	b.until(func() bool { return refusals.Load() >= 2 })
	b.until(func() bool { return len(Effects(t, b.Store, "change")) == 25 }) // the canceled and the skipped one too
	assert.GreaterOrEqual(t, changes.Load(), int32(25))
}

// inOrder checks that the texts of a chat are in order.
func inOrder(t *testing.T, texts []string) {
	t.Helper()
	last := map[byte]string{}
	for _, text := range texts {
		if len(text) == 3 && text[1] == '-' {
			assert.Greater(t, text, last[text[0]], "the messages of a chat are in order")
			last[text[0]] = text
		}
	}
}

func refusals(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	api, channels := Service(t, 3)
	b := Open(t, opened(t, fresh(t)), channels, nil, quick)
	fail := func(n int, fault chatapitest.Fault) {
		fault.Operation, fault.To = "sendMessage", To(n)
		api.Fail(fault)
	}
	fail(0, chatapitest.Fault{Status: 200, Body: `{"sent":false,"message":"(#131056) pair rate limit hit"}`})
	fail(1, chatapitest.Fault{Status: 200, Body: `{"sent":false,"message":"(#131026) Message undeliverable"}`})
	fail(2, chatapitest.Fault{Status: http.StatusBadGateway, Accepted: true, Times: 3})
	for n, key := range []string{"again", "refused", "doubt"} {
		b.Send(key, To(n))
	}
	assert.Equal(t, 2, b.Becomes("again", durable.StateSent).Attempts)
	assert.NotNil(t, b.Becomes("refused", durable.StateFailed).Err)
	doubt := b.Becomes("doubt", durable.StateUnknown)
	api.Heal()
	_, err := b.Outbox.Resolve(ctx, doubt)
	require.NoError(t, err)
	b.Becomes("doubt", durable.StateSent)
	for q, err := range b.Outbox.Unknown(ctx, durable.QueueFilter{}) {
		t.Error("it is settled", q, err)
	}
	again, err := b.Outbox.Again(ctx, b.Becomes("refused", durable.StateFailed))
	require.NoError(t, err)
	assert.True(t, again)
	b.Becomes("refused", durable.StateSent)
	assert.Error(t, b.Outbox.Settle(ctx, doubt, true, "m"), "it is settled")
	health, err := b.Health(ctx)
	require.NoError(t, err)
	assert.Zero(t, health.Outbox.Waiting+health.Unknown)
	b.Clean()
}

// strange is a status and an echo of messages that are not of this outbox.
func strange(t *testing.T) *chatapi.Delivery {
	t.Helper()
	d := &chatapi.Delivery{Channel: Channel, Body: []byte(`{"instanceId":"` + string(Channel) + `","ack":[{"id":"other","status":"read","chatId":"` +
		Phone(1) + `@c.us"}],"messages":[{"id":"echo","type":"chat","body":"text of hello","fromMe":true,"chatId":"` + Phone(1) + `@c.us"}]}`)}
	d.Events, _ = chatapi.ParseWebhook(d.Body)
	require.Len(t, d.Events, 2)
	return d
}

// state talks to a customer through the fake's webhooks, bills it, and erases it.
func state(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	api, channels := Service(t, 0)
	open := fresh(t)
	s, closeStore := open()
	b := Open(t, s, channels, nil)
	api.Webhook("https://desk.test/s3cret", chatapi.NewDeliveryHandler(func(ctx context.Context, d *chatapi.Delivery) error { return b.Inbox.Accept(ctx, d) },
		chatapi.WebhookSecret("s3cret"), chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return Channel })))
	ann := api.Customer(Phone(1)).Named("Ann")
	ann.Says("hello")
	b.until(func() bool {
		w, err := b.State.Window(ctx, Channel, To(1))
		return err == nil && w.Open(time.Now())
	})
	b.Send("hello", To(1))
	b.Becomes("hello", durable.StateSent)
	ann.Reads()
	b.until(func() bool {
		q, err := b.Outbox.Get(ctx, Channel, "hello")
		return err == nil && q.Status == chatapi.StatusRead
	})
	require.NoError(t, b.Inbox.Accept(ctx, strange(t)))
	b.until(func() bool {
		left, err := b.Store.Unfolded(ctx, 1)
		return err == nil && len(left) == 0
	})
	require.NoError(t, b.State.OptOut(ctx, Channel, To(1), true))
	out, err := b.State.OptedOut(ctx, Channel, To(1))
	require.NoError(t, err)
	assert.True(t, out)

	account := chatapi.Account{ID: "waba"}
	ledger, err := b.State.Ledger(ctx, account)
	require.NoError(t, err)
	require.NoError(t, b.State.Refresh(ctx, ledger))
	require.NoError(t, b.State.SnapshotLedger(ctx, ledger))
	require.NoError(t, b.Stop())
	require.NoError(t, closeStore())

	b = Open(t, opened(t, open), channels, nil, durable.Retention(durable.Keep{Bodies: time.Nanosecond, Sent: time.Nanosecond}))
	again, err := b.State.Ledger(ctx, account)
	require.NoError(t, err)
	require.NoError(t, b.State.Refresh(ctx, again))
	for err = durable.ErrSending; errors.Is(err, durable.ErrSending); {
		_, err = b.Erase(ctx, Channel, chatapi.Contact{Phone: Phone(1)})
	}
	require.NoError(t, err)
	b.until(func() bool {
		w, err := b.State.Window(ctx, Channel, To(1))
		return err == nil && !w.Open(time.Now())
	})
	out, err = b.State.OptedOut(ctx, Channel, To(1))
	require.NoError(t, err)
	assert.True(t, out)
	b.Clean()
}
