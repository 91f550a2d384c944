package chatapitest_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestRestartInTheMiddle kills a handler that works on a message, in several ways. The
// message goes to the handler that takes its place, once.
func TestRestartInTheMiddle(t *testing.T) {
	for name, kill := range map[string]func(ctx context.Context, restart func()){
		"from another goroutine": func(ctx context.Context, restart func()) {
			time.AfterFunc(time.Second, restart)
			<-ctx.Done()
		},
		"from within, and it goes on":    func(_ context.Context, restart func()) { restart() },
		"from within, and its goroutine": func(_ context.Context, restart func()) { restart(); runtime.Goexit() },
		"from within, by a panic":        func(_ context.Context, restart func()) { restart(); panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := chatapitest.New(t, chatapitest.Redeliver(1, 0))
				restarted := &listener{}
				api.Webhook(hookURL, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					kill(r.Context(), func() { api.Restart(hookURL+"/", restarted) })
				}))
				api.Customer(ann).Says("one")
				api.Customer(ann).Says("two")
				assert.Equal(t, []string{"message one", "message two"}, restarted.keys())
				assert.Len(t, api.Delivered(), 2)
				assert.Empty(t, api.Undelivered())
			})
		})
	}
}

// TestRestartAfterAPause checks that the webhooks of the time in which a program was
// switched off are delivered when it is started again, in order.
func TestRestartAfterAPause(t *testing.T) {
	api := chatapitest.New(t)
	before, after := &listener{}, &listener{}
	api.Webhook(hookURL, before)
	customer := api.Customer(ann)
	customer.Says("one")
	api.Webhook(hookURL, nil)
	customer.Says("two")
	customer.Says("three")
	assert.Len(t, api.Undelivered(), 2)
	api.Restart(hookURL, after)
	customer.Says("four")
	assert.Equal(t, []string{"message one"}, before.keys())
	assert.Equal(t, []string{"message two", "message three", "message four"}, after.keys())
	assert.Empty(t, api.Undelivered())
}

func TestRestartMidConversation(t *testing.T) {
	api := chatapitest.New(t)
	store := &pizza{sender: api.Client()} // what the program has stored
	start := func() http.Handler {
		return chatapi.NewWebhookHandler(store.handle, chatapi.WebhookSecret("s3cret"))
	}
	api.Webhook(hookURL, start())
	customer := api.Customer(ann)
	customer.Says("order")
	customer.Gets(t, "Which size?", "[Small]", "[Large]")
	api.Restart(hookURL, start())
	customer.Taps("Large")
	customer.Gets(t, "How many?")
	assert.Contains(t, api.Transcript(), "# the program at "+hookURL+" is started again")
}

func TestRestartMisuse(t *testing.T) {
	api, r := recorded(t)
	api.Restart(hookURL, http.NotFoundHandler())
	assert.Contains(t, r.text(), "is not in the list of webhooks; Webhook adds it")
}
