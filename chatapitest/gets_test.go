package chatapitest_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestGets(t *testing.T) {
	api := chatapitest.New(t)
	serve(api)
	customer, other := api.Customer(ann), api.Customer("12025550144")
	customer.GetsNothing(t)
	customer.Says("order")
	got := customer.Gets(t, "Which size?", "[Small]", "[Large]")
	assert.Equal(t, "S", got.Buttons[0].ID)
	customer.GetsNothing(t)
	customer.Taps("Large")
	customer.Says("2")
	customer.Gets(t, "How many?")
	customer.Gets(t, "2 × Large.\nTicket …")
	customer.Sends(chatapitest.File{Name: "cat.jpg"})
	customer.Gets(t, "<image menu.png> The menu")
	customer.GetsNothing(t)
	other.GetsNothing(t)
	customer.Says("list")
	api.Script(t, "Ann: silence")
	customer.GetsNothing(t) // a script has compared them
	api.FromPhone(ann, "I call you.")
	customer.Gets(t, "I call you.")
}

func TestGetsFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		serve(api)
		customer := api.Customer(ann)
		r := &recorder{TB: t}
		assert.Equal(t, chatapitest.Received{}, customer.Gets(r, "Hello"))
		customer.Says("order")
		got := customer.Gets(r, "Which size?", "[Small]")
		assert.Equal(t, "Which size?", got.Text)
		for range 5 {
			customer.Says("order")
		}
		customer.GetsNothing(r)
		customer.GetsNothing(t)
		(*chatapitest.Customer)(nil).Gets(r, "Hello")
		assert.Equal(t, `chatapitest: Ann gets nothing, and not "Hello"
chatapitest: Ann gets
	Which size? [Small] [Large]
and not
	Which size? [Small]
`+strings.Repeat(`chatapitest: Ann gets
	Which size? [Small] [Large]
and not nothing
`, 3)+`chatapitest: nobody gets "Hello": the customer is nil, or was made with a wrong number`, r.text())
	})
}

// TestGetsOfALateBot checks a bot that answers after its handler has returned, and one at
// a port.
func TestGetsOfALateBot(t *testing.T) {
	late := func(api *chatapitest.API) chatapi.EventHandler {
		client := api.Client()
		return func(_ context.Context, ev chatapi.Event) error {
			if e, ok := ev.(*chatapi.MessageEvent); ok {
				time.AfterFunc(100*time.Millisecond, func() {
					_, _ = client.Send(context.Background(), e.AnswerTo(), chatapi.Text{Body: "late"})
				})
			}
			return nil
		}
	}
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		api.Webhook(hookURL, chatapi.NewWebhookHandler(late(api), chatapi.WebhookSecret("s3cret")))
		customer := api.Customer(ann)
		customer.Says("hi")
		customer.GetsNothing(t)
		customer.Gets(t, "late")
	})
	api := chatapitest.New(t)
	server := httptest.NewServer(chatapi.NewWebhookHandler(late(api), chatapi.WebhookSecret("s3cret")))
	defer server.Close()
	api.Webhook(server.URL+"/hooks/s3cret", nil)
	customer := api.Customer(ann)
	customer.Says("hi")
	r := &recorder{TB: t}
	customer.GetsNothing(r)
	assert.Contains(t, r.text(), "Ann gets\n\tlate\nand not nothing")
}

// TestTranscriptOfAFailedTest checks that the log of a failed test, and of no other, has
// the transcript with its reasons.
func TestTranscriptOfAFailedTest(t *testing.T) {
	logs := func(fail bool) string {
		r := &recorder{TB: t}
		api := chatapitest.New(r, chatapitest.AllowUndelivered(), chatapitest.Redeliver(1, 0))
		api.Webhook(hookURL, bot(api.Client(chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))))
		customer, client := api.Customer(ann), api.Client()
		for range 100 {
			customer.Says("hi")
		}
		api.Block("")
		customer.Says("hi")
		api.Unblock()
		customer.CannotBeReached("")
		_, _ = client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "are you there?"})
		api.Fail(chatapitest.Fault{Operation: "sendMessage", Drop: true, Accepted: true})
		customer.Says("hi")
		api.Settle()
		if fail {
			r.Errorf("it failed")
		}
		for i := range r.cleanups {
			r.cleanups[len(r.cleanups)-1-i]()
		}
		return strings.Join(r.logs, "\n")
	}
	assert.Empty(t, logs(false))
	text := logs(true)
	require.Contains(t, text, "the end of the conversation (chatapitest.API.Transcript); ")
	assert.Contains(t, text, "\n\tAnn: hi\n\tBot: Hello Ann\n")
	assert.Contains(t, text, "\n\t# refused: sendMessage to ")
	assert.Contains(t, text, "\n\t# a webhook was given up after 1 tries: answered with ")
	assert.Contains(t, text, "\n\t# not delivered to Ann (Message undeliverable.): are you there?")
	assert.Contains(t, text, "\n\t# the answer to sendMessage to ")
}
