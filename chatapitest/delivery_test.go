package chatapitest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		client := api.Client()
		api.Webhook(hookURL, bot(client))
		customer := api.Customer(ann)
		id := customer.Says("hi")
		got := customer.LastReceived()
		assert.Equal(t, "Hello Ann", got.Text)
		assert.Equal(t, id, got.Quoted)

		time.Sleep(25 * time.Hour)
		_, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "anybody?"})
		assert.ErrorIs(t, err, chatapi.ErrWindowClosed)

		api.Template("order_ready", "en", "Hello {{1}}, order {{2}} is ready")
		_, err = client.Send(t.Context(), customer.Recipient(), chatapi.Template{Name: "order_ready", Language: "en", Body: chatapi.Params("Ann", "42")})
		require.NoError(t, err)
		assert.Equal(t, "Hello Ann, order 42 is ready", customer.LastReceived().Text)
		api.Settle()
		assert.Empty(t, api.Undelivered())
	})
}

func TestOrder(t *testing.T) {
	for quirk, want := range map[chatapitest.Quirk][]string{
		"":                           {"message hi", "echo Hello Ann", "sent", "delivered", "read"},
		chatapitest.NoEchoes:         {"message hi", "sent", "delivered", "read"},
		chatapitest.StatusesReversed: {"message hi", "echo Hello Ann", "delivered", "sent", "read"},
		chatapitest.StatusesFirst:    {"message hi", "echo Hello Ann", "sent", "delivered", "read"},
	} {
		t.Run(string(quirk), func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Quirks(quirk))
			events := &listener{}
			api.Webhook("https://log.test/x", events)
			api.Webhook(hookURL, bot(api.Client()))
			api.Customer(ann).Says("hi")
			api.Customer(ann).Reads()
			api.Customer(ann).Reads()
			assert.Equal(t, want, events.keys())
		})
	}
	t.Run("double deliveries", func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.Quirks(chatapitest.DoubleDeliveries))
		events := &listener{}
		api.Webhook("https://log.test/x", events)
		api.Customer(ann).Says("hi")
		assert.Equal(t, []string{"message hi", "message hi"}, events.keys())
	})
	t.Run("acks switched off", func(t *testing.T) {
		api := chatapitest.New(t)
		events := &listener{}
		api.Webhook(hookURL, bot(api.Client()))
		api.Webhook("https://log.test/x", events)
		request(t, api, "POST", "settings", `{"ackNotificationsOn":false}`)
		api.Customer(ann).Says("hi")
		assert.Equal(t, []string{"message hi", "echo Hello Ann"}, events.keys())
	})
}

// TestStatusesFirst checks the quirk that copies a race of the real service: the
// webhooks of a send arrive before the send returns.
func TestStatusesFirst(t *testing.T) {
	api := chatapitest.New(t, chatapitest.Quirks(chatapitest.StatusesFirst))
	events := &listener{}
	api.Customer(ann).Says("hi")
	api.Webhook("https://log.test/x", events)
	_, err := api.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
	require.NoError(t, err)
	assert.Len(t, events.keys(), 3)
}

// TestActInHandler checks that a customer may act inside the bot's handler: the
// handler is not called again until it returns, and it does not wait for itself.
func TestActInHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		customer := api.Customer(ann)
		var running atomic.Int32
		var texts []string
		api.Webhook(hookURL, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			assert.EqualValues(t, 1, running.Add(1), "one delivery at a time")
			defer running.Add(-1)
			var body struct{ Messages []struct{ Body string } }
			assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
			texts = append(texts, body.Messages[0].Body)
			if len(texts) < 5 {
				customer.Says(fmt.Sprint(len(texts)))
			}
			api.Settle()
			time.Sleep(time.Second)
		}))
		customer.Says("0")
		assert.Equal(t, []string{"0", "1", "2", "3", "4"}, texts, "all webhooks are delivered when the first act returns")
	})
}

func TestCloseInHandler(t *testing.T) {
	api := chatapitest.New(t)
	api.Webhook(hookURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { api.Close() }))
	api.Customer(ann).Says("hi") // must return
	_, err := api.Client().Channel.GetStatus(t.Context())
	assert.ErrorIs(t, err, chatapi.ErrUnreachable, "the fake is closed")
}

// TestLoop checks that a bot that answers its own messages fails the test.
func TestLoop(t *testing.T) {
	api, r := recorded(t)
	client := api.Client()
	answers := 0
	api.Webhook(hookURL, chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error {
		answers++
		_, err := client.Send(context.Background(), chatapi.Phone(ann), chatapi.Text{Body: "!"})
		return err
	}, chatapi.WebhookSecret("s3cret")))
	request(t, api, "POST", "settings", `{"ackNotificationsOn":false}`)
	api.Customer(ann).Says("hi")
	assert.Contains(t, r.text(), "does the bot answer its own messages")
	assert.Less(t, answers, 200)
}

func TestPanic(t *testing.T) {
	api, r := recorded(t)
	calls := 0
	api.Webhook(hookURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if calls++; calls == 1 {
			panic("boom")
		}
	}))
	api.Customer(ann).Says("hi")
	assert.Contains(t, r.text(), "panicked: boom")
	assert.Equal(t, 2, calls, "it is delivered again")
	assert.Len(t, api.Delivered(), 1)
}

// TestFailNow checks that webhooks are given up whose handler ends its goroutine,
// as require does.
func TestFailNow(t *testing.T) {
	api, _ := recorded(t)
	api.Webhook(hookURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }))
	api.Customer(ann).Says("hi")
	api.Customer(ann).Says("again")
	require.Len(t, api.Undelivered(), 2)
	assert.Contains(t, api.Undelivered()[0].Problem, "ended its goroutine")
}

func TestRedelivery(t *testing.T) {
	answering := func(statuses ...int) (http.Handler, *int) {
		calls := 0
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(statuses[min(calls, len(statuses)-1)])
			calls++
		}), &calls
	}
	t.Run("until 200", func(t *testing.T) {
		api := chatapitest.New(t)
		handler, calls := answering(500, 503, 204, 200)
		api.Webhook(hookURL, handler)
		api.Customer(ann).Says("hi")
		assert.Equal(t, 4, *calls)
		require.Len(t, api.Delivered(), 1)
		assert.Equal(t, 4, api.Delivered()[0].Tries)
		assert.Empty(t, api.Undelivered())
	})
	t.Run("20 tries", func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.AllowUndelivered())
		handler, calls := answering(500)
		api.Webhook(hookURL, handler)
		api.Customer(ann).Says("hi")
		assert.Equal(t, 20, *calls)
		require.Len(t, api.Undelivered(), 1)
		assert.Equal(t, "answered with 500", api.Undelivered()[0].Problem)
		assert.Contains(t, api.Undelivered()[0].String(), "20 tries")
	})
	t.Run("3 tries without guaranteedHooks", func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.AllowUndelivered())
		handler, calls := answering(500)
		api.Webhook(hookURL, handler)
		request(t, api, "POST", "settings", `{"guaranteedHooks":false}`)
		api.Customer(ann).Says("hi")
		assert.Equal(t, 3, *calls)
	})
	t.Run("with pauses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Redeliver(5, time.Hour), chatapitest.AllowUndelivered())
			handler, calls := answering(500)
			api.Webhook(hookURL, handler)
			began := time.Now()
			api.Customer(ann).Says("hi")
			assert.Equal(t, 5, *calls)
			assert.Equal(t, 4*time.Hour, time.Since(began))
		})
	})
	t.Run("no receiver", func(t *testing.T) {
		api := chatapitest.New(t)
		request(t, api, "POST", "webhook", `{"webhookUrl":"https://crm.example.com/in"}`)
		api.Customer(ann).Says("hi")
		require.Len(t, api.Undelivered(), 1)
		assert.Contains(t, api.Undelivered()[0].Problem, "no handler is registered")
	})
}

// TestHandlerThatRetriesLater checks that a webhook is repeated whose handler fails.
func TestHandlerThatRetriesLater(t *testing.T) {
	api := chatapitest.New(t)
	failures := 0
	api.Webhook(hookURL, chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error {
		if failures++; failures < 3 {
			return chatapi.RetryLater(time.Minute, errors.New("busy"))
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"), chatapi.WebhookErrors(func(context.Context, error) {})))
	api.Customer(ann).Says("hi")
	assert.Equal(t, 3, failures)
}
