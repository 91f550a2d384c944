package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// A status has the text that another sender attached, in each form of a status and
// of a call. A message of this SDK has none, since the service's sends have no
// member for it.
func TestFaultC16CallbackDataIsThatOfOtherSenders(t *testing.T) {
	for name, body := range map[string]string{
		"status":  cloud("messages", `{"messaging_product":"whatsapp","statuses":[{"id":"wamid.1","status":"sent","timestamp":"1795000000","recipient_id":"12025550143","biz_opaque_callback_data":"order=17"}]}`),
		"failed":  cloud("messages", `{"messaging_product":"whatsapp","statuses":[{"id":"wamid.1","status":"failed","timestamp":"1795000000","recipient_id":"12025550143","biz_opaque_callback_data":"order=17","errors":[{"code":131026}]}]}`),
		"on root": `{"statuses":[{"id":"wamid.1","status":"read","timestamp":"1795000000","recipient_id":"12025550143","biz_opaque_callback_data":"order=17"}]}`,
	} {
		events, err := chatapi.ParseWebhook([]byte(body))
		require.NoError(t, err, name)
		require.Len(t, events, 1, name)
		assert.Equal(t, "order=17", events[0].(*chatapi.StatusEvent).CallbackData, name)
	}
	events, err := chatapi.ParseWebhook([]byte(cloud("calls", `{"messaging_product":"whatsapp","calls":[{"id":"wacid.1","from":"12025550100","to":"12025550143","event":"terminate","timestamp":"1795000000","direction":"BUSINESS_INITIATED","biz_opaque_callback_data":"case-7"}]}`)))
	require.NoError(t, err)
	assert.Equal(t, "case-7", events[0].(*chatapi.CallEvent).CallbackData)

	api := chatapitest.New(t)
	var statuses []*chatapi.StatusEvent
	api.Webhook("https://desk.test/"+hookSecret, newHook(func(e chatapi.Event) error {
		if status, ok := e.(*chatapi.StatusEvent); ok {
			statuses = append(statuses, status)
		}
		return nil
	}).handler)
	ann := api.Customer("12025550143")
	ann.Says("hello")
	_, err = api.Client().Send(t.Context(), ann.Recipient(), chatapi.Text{Body: "Hello"})
	require.NoError(t, err)
	api.Settle()
	require.NotEmpty(t, statuses)
	for _, status := range statuses {
		assert.Empty(t, status.CallbackData)
		assert.WithinDuration(t, time.Now(), status.Received, time.Minute)
	}
}
