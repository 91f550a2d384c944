package chatapitest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestImportHistory checks the webhooks of imported chats, and that they change
// nothing else.
func TestImportHistory(t *testing.T) {
	api, _, changes := watched(t, chatapitest.At(time.Unix(1795000000, 0)))
	client := api.Client()
	customer := api.Customer(ann)
	api.ImportHistory(customer,
		chatapitest.Past{Text: "old question", At: time.Unix(1780000000, 0)},
		chatapitest.Past{FromBusiness: true, Text: "old answer", Status: chatapi.StatusDelivered},
		chatapitest.Past{Type: chatapi.TypeImage, Text: "https://files.example.com/a.jpg"})
	raw := changes()
	require.Len(t, raw, 2)
	assert.Equal(t, "history", raw[0].Field)
	thread := raw[0].Value.History[0]["threads"].([]any)[0].(map[string]any)
	assert.Equal(t, ann, thread["id"])
	rows := thread["messages"].([]any)
	require.Len(t, rows, 3)
	assert.Equal(t, "1780000000", rows[0].(map[string]any)["timestamp"])
	assert.Equal(t, ann, rows[0].(map[string]any)["from"])
	assert.Equal(t, "12025550100", rows[1].(map[string]any)["from"])
	assert.Equal(t, ann, rows[1].(map[string]any)["to"])
	assert.Equal(t, map[string]any{"status": "DELIVERED"}, rows[1].(map[string]any)["history_context"])
	assert.Equal(t, "media_placeholder", rows[2].(map[string]any)["type"])
	assert.Equal(t, "history", raw[1].Field, "the file comes under the field of the import")
	assert.Equal(t, "image", raw[1].Value.Messages[0]["type"])

	_, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
	assert.ErrorIs(t, err, chatapi.ErrWindowClosed, "an import opens no window")
	assert.Empty(t, customer.Received())
	_, history := request(t, api, "GET", "messages", "")
	assert.JSONEq(t, `{"messages":[]}`, history)

	hidden := api.Customer("US.4242424242424242").WithUsername("pat")
	api.ImportHistory(hidden, chatapitest.Past{Text: "hi"}, chatapitest.Past{FromBusiness: true, Text: "hello"})
	thread = changes()[0].Value.History[0]["threads"].([]any)[0].(map[string]any)
	assert.Empty(t, thread["id"])
	assert.Equal(t, map[string]any{"user_id": hidden.BSUID(), "username": "pat"}, thread["context"])
	assert.Equal(t, hidden.BSUID(), thread["messages"].([]any)[0].(map[string]any)["from_user_id"])

	api.DeclineHistory()
	assert.Contains(t, changes()[0].Value.History[0], "errors")
}

// TestStandby checks that a held chat reaches the channel only with the field standby,
// until the API answers.
func TestStandby(t *testing.T) {
	api, events, changes := watched(t)
	client := api.Client()
	customer, other := api.Customer(ann), api.Customer("12025550144")
	api.Standby(true)
	customer.Says("hi")
	other.Says("hi")
	raw := changes()
	require.Len(t, raw, 2)
	assert.Equal(t, "standby", raw[0].Field)
	assert.Equal(t, ann, raw[0].Value.Messages[0]["from"])
	assert.Len(t, api.Delivered(), 2, "no webhook of the service's own format")

	id := api.FromAgent(ann, "I am the agent")
	raw = changes()
	require.Len(t, raw, 1)
	assert.Equal(t, "standby", raw[0].Field)
	assert.Equal(t, id, raw[0].Value.MessageEchoes[0]["id"])
	assert.Equal(t, "I am the agent", customer.LastReceived().Text)

	_, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "I take over"})
	require.NoError(t, err, "the customer's message has opened the window")
	changes()
	customer.Says("and now?")
	assert.Equal(t, "messages", changes()[0].Field)
	assert.Equal(t, "and now?", events.last().(*chatapi.MessageEvent).Text)
	other.Says("still held")
	assert.Equal(t, "standby", changes()[0].Field)
	api.Standby(false)
	other.Says("free")
	assert.Equal(t, "messages", changes()[0].Field)
}

func TestStandbyAndImportMisuse(t *testing.T) {
	api, r := recorded(t)
	for _, act := range []func(){
		func() { api.Standby(true) },
		func() { api.ImportHistory(api.Customer(ann), chatapitest.Past{Text: "x"}) },
		api.DeclineHistory,
	} {
		before := len(r.failures)
		act()
		require.Len(t, r.failures, before+1)
		assert.Contains(t, r.failures[before], "rawHooks is off")
	}
	assert.Empty(t, api.FromAgent(ann, "x"))
	api.AgentPasses(ann, "x")
	assert.Equal(t, 2, strings.Count(r.text(), "no other agent holds the chat"))
	assert.Empty(t, api.Customer(ann).Received())
}
