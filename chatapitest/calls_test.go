package chatapitest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestResultsAreCopies checks that a caller may change a result without changing
// later results.
func TestResultsAreCopies(t *testing.T) {
	api := chatapitest.New(t)
	customer := api.Customer(ann)
	api.Webhook("https://log.test/x", &listener{})
	api.Webhook("https://nowhere.test/x", nil)
	customer.Says("hi")
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
	require.NoError(t, err)
	api.Settle()

	calls, delivered, undelivered, received := api.Calls(), api.Delivered(), api.Undelivered(), customer.Received()
	require.NotEmpty(t, calls)
	require.NotEmpty(t, delivered)
	require.NotEmpty(t, undelivered)
	require.NotEmpty(t, received)
	calls[0].Path, delivered[0].URL, undelivered[0].URL, received[0].Text = "changed", "changed", "changed", "changed"
	assert.Equal(t, "sendMessage", api.Calls()[0].Path)
	assert.Equal(t, "https://log.test/x", api.Delivered()[0].URL)
	assert.Equal(t, "https://nowhere.test/x", api.Undelivered()[0].URL)
	assert.Equal(t, "x", customer.LastReceived().Text)
}

func TestCalls(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	api.Customer(ann).Says("hi")
	_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "one"})
	require.NoError(t, err)
	_, err = client.Send(t.Context(), chatapi.Phone("12025550144"), chatapi.Text{Body: "two"})
	require.Error(t, err)
	_, err = client.Webhooks.List(t.Context())
	require.NoError(t, err)

	calls := api.Calls()
	require.Len(t, calls, 3)
	assert.Equal(t, "getWebhook", calls.Last().ID)
	assert.Len(t, calls.Of("webhook"), 1)
	assert.Len(t, calls.Of("getWebhook"), 1)
	assert.Len(t, calls.Sends(), 2)
	assert.Len(t, calls.Accepted(), 1)
	sent := calls.To(chatapi.Chat(ann + "@c.us")).Last()
	assert.Equal(t, "one", sent.Field("body"))
	assert.Equal(t, chatapi.Phone(ann), sent.Recipient)
	assert.Empty(t, sent.Field("caption"))
	assert.Zero(t, chatapitest.Calls(nil).Last())
	for _, call := range calls {
		assert.NotContains(t, call.String(), api.Token)
		assert.Empty(t, call.Query.Get("token"))
	}
	assert.Contains(t, calls.String(), "POST sendMessage")
}
