package chatapitest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestWebhookList(t *testing.T) {
	api := chatapitest.New(t)
	handler := &listener{}
	api.Webhook("https://a.test/x", handler)
	client := api.Client()
	require.NoError(t, client.Webhooks.Add(t.Context(), "https://b.test/y"))
	assert.Equal(t, []string{"https://a.test/x", "https://b.test/y"}, api.Webhooks())
	api.DisableWebhook("https://a.test/x/")
	_, body := request(t, api, "GET", "webhook", "")
	assert.JSONEq(t, `{"webhookUrl":["https://a.test/x","https://b.test/y"],"webhookStatuses":[{"url":"https://a.test/x","status":"disabled"}]}`, body)
	api.Customer(ann).Says("not to a")
	request(t, api, "POST", "settings", `{"webhookUrl":["https://a.test/x"]}`)
	api.Customer(ann).Says("not after settings, which do not enable")
	request(t, api, "POST", "webhook", `{"webhookUrl":["https://a.test/x"]}`)
	api.Customer(ann).Says("enabled again")
	assert.Equal(t, []string{"message enabled again"}, handler.keys())

	_, body = request(t, api, "GET", "webhook", "")
	assert.JSONEq(t, `{"webhookUrl":"https://a.test/x"}`, body)
	request(t, api, "POST", "settings", `{"webhookUrl":""}`)
	_, body = request(t, api, "GET", "webhook", "")
	assert.JSONEq(t, `{"webhookUrl":null}`, body)
}
