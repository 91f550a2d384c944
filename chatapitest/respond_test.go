package chatapitest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestResponders(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name      string
		responder func(*http.Request) (*http.Response, error)
		want      error
		check     func(*chatapi.Receipt, *chatapi.Error)
	}{
		{"accepted", chatapitest.RespondAccepted("wamid.1"), nil, func(r *chatapi.Receipt, _ *chatapi.Error) { assert.Equal(t, "wamid.1", r.ID) }},
		{"queued", chatapitest.RespondQueued("job-1"), nil, func(r *chatapi.Receipt, _ *chatapi.Error) {
			assert.True(t, r.Queued)
			assert.Equal(t, "job-1", r.JobID)
		}},
		{"rejected", chatapitest.RespondRejected("Dialog window is closed"), chatapi.ErrWindowClosed, nil},
		{"code", chatapitest.RespondCode(131026, "Message undeliverable"), chatapi.ErrRecipient, func(_ *chatapi.Receipt, e *chatapi.Error) { assert.Equal(t, 131026, e.Code) }},
		{"status", chatapitest.RespondStatus(403, ""), chatapi.ErrBlocked, nil},
		{"page", chatapitest.Respond(502, chatapitest.HTMLPage), chatapi.ErrOutcomeUnknown, nil},
		{"rate", chatapitest.RespondRateLimited(time.Hour), chatapi.ErrRateLimited, func(_ *chatapi.Receipt, e *chatapi.Error) { assert.Equal(t, time.Hour, e.RetryAfter) }},
		{"error", chatapitest.RespondError(broken), broken, nil},
		{"json", chatapitest.RespondJSON(map[string]any{"sent": true, "id": 7}), nil, func(r *chatapi.Receipt, _ *chatapi.Error) { assert.Equal(t, "7", r.ID) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			mock := httpmock.NewMockTransport()
			mock.RegisterResponder("POST", "https://api.example.com/ABC1/sendMessage", test.responder)
			client, err := chatapi.New("https://api.example.com/ABC1", "tok-0001", chatapi.WithBearerToken(), chatapi.WithHTTPClient(&http.Client{Transport: mock}))
			require.NoError(t, err)
			for range 2 { // a responder may be used repeatedly
				receipt, err := client.Send(context.Background(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
				if test.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, test.want)
				}
				e, _ := errors.AsType[*chatapi.Error](err)
				if test.check != nil {
					test.check(receipt, e)
				}
			}
		})
	}
}

func TestListResponders(t *testing.T) {
	mock := httpmock.NewMockTransport()
	const base = "https://api.example.com/ABC1/"
	mock.RegisterResponder("GET", base+"templates", chatapitest.RespondTemplates(
		`{"name":"a","language":"en","status":"APPROVED"}`, `{"name":"b","language":"en","status":"PENDING"}`))
	mock.RegisterResponder("GET", base+"webhook", chatapitest.RespondWebhooks("https://a.test", "https://b.test"))
	mock.RegisterResponder("GET", base+"messages", chatapitest.RespondMessages(`{"id":"m","type":"chat","body":"x","fromMe":0,"messageNumber":1}`))
	client, err := chatapi.New(base, "tok-0001", chatapi.WithBearerToken(), chatapi.WithHTTPClient(&http.Client{Transport: mock}))
	require.NoError(t, err)
	names := ""
	for info, err := range client.Templates.All(t.Context()) {
		require.NoError(t, err)
		names += info.Name
	}
	assert.Equal(t, "ab", names)
	list, err := client.Webhooks.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 2)
	for ev, err := range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
		require.NoError(t, err)
		assert.Equal(t, "x", ev.(*chatapi.MessageEvent).Text)
	}
}

// TestRespondRateLimitedAnswersShareNoHeader checks that a caller may change the
// header of one answer without changing the next answer.
func TestRespondRateLimitedAnswersShareNoHeader(t *testing.T) {
	responder := chatapitest.RespondRateLimited(7 * time.Second)
	for range 2 {
		resp, err := responder(httptest.NewRequest(http.MethodGet, "https://api.example.com/ABC1/status", nil))
		require.NoError(t, err)
		assert.Equal(t, []string{"7"}, resp.Header["Retry-After"])
		resp.Header["Retry-After"][0] = "8"
	}
}
