package chatapi_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// newBot is a bot as a user writes it: it needs a Sender, not a Client.
func newBot(sender chatapi.Sender) http.Handler {
	return chatapi.NewWebhookHandler(func(ctx context.Context, event chatapi.Event) error {
		message, ok := event.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		_, err := sender.Send(ctx, message.AnswerTo(), chatapi.Text{Body: "Hello " + message.From.Name})
		return err
	}, chatapi.WebhookSecret("s3cret"))
}

// The test that the README shows.
func TestBot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t) // in memory
		client := api.Client()
		api.Webhook("https://bot.test/s3cret", newBot(client))

		ann := api.Customer("12025550143").Named("Ann")
		ann.Says("hi")
		assert.Equal(t, "Hello Ann", ann.LastReceived().Text)

		time.Sleep(25 * time.Hour) // takes microseconds
		_, err := client.Send(t.Context(), ann.Recipient(), chatapi.Text{Body: "Still there?"})
		assert.ErrorIs(t, err, chatapi.ErrWindowClosed)
	})
}
