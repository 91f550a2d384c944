package chatapitest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name     string
		fault    chatapitest.Fault
		want     error // nil: the send is accepted
		calls    int   // requests that reached the fake
		received int
	}{
		{"the zero fault", chatapitest.Fault{}, chatapi.ErrOutcomeUnknown, 1, 0},
		{"500 after accepting", chatapitest.Fault{Status: 500, Accepted: true}, chatapi.ErrOutcomeUnknown, 1, 1},
		{"429 once", chatapitest.Fault{Status: 429}, nil, 2, 1},
		{"429 for ever", chatapitest.Fault{Status: 429, Times: -1}, chatapi.ErrRateLimited, 3, 0},
		{"429 with a long Retry-After", chatapitest.Fault{Status: 429, RetryAfter: time.Hour}, chatapi.ErrRateLimited, 1, 0},
		{"plain 403", chatapitest.Fault{Status: 403}, chatapi.ErrBlocked, 1, 0},
		{"401", chatapitest.Fault{Status: 401}, chatapi.ErrUnauthorized, 1, 0},
		{"an HTML page", chatapitest.Fault{Status: 502, Body: chatapitest.HTMLPage}, chatapi.ErrOutcomeUnknown, 1, 0},
		{"an HTML page as success", chatapitest.Fault{Status: 200, Body: chatapitest.HTMLPage}, chatapi.ErrOutcomeUnknown, 1, 0},
		{"drop", chatapitest.Fault{Drop: true}, chatapi.ErrOutcomeUnknown, 1, 0},
		{"drop after accepting", chatapitest.Fault{Drop: true, Accepted: true}, chatapi.ErrOutcomeUnknown, 1, 1},
		{"cut", chatapitest.Fault{Cut: true}, chatapi.ErrOutcomeUnknown, 1, 1},
		{"dial once", chatapitest.Fault{Dial: true}, nil, 2, 1},
		{"dial for ever", chatapitest.Fault{Dial: true, Times: -1}, chatapi.ErrUnreachable, 3, 0},
		{"slow", chatapitest.Fault{Delay: time.Second}, nil, 1, 1},
		{"too slow", chatapitest.Fault{Delay: time.Hour}, chatapi.ErrOutcomeUnknown, 1, 1},
		{"queued", chatapitest.Fault{Queued: true}, nil, 1, 1},
		{"undelivered", chatapitest.Fault{Undelivered: "Marketing limit"}, nil, 1, 0},
		{"another operation", chatapitest.Fault{Operation: "sendFile"}, nil, 1, 1},
		{"another method", chatapitest.Fault{Method: "GET"}, nil, 1, 1},
		{"another recipient", chatapitest.Fault{To: chatapi.Phone("12025550144")}, nil, 1, 1},
		{"another text", chatapitest.Fault{Match: func(c chatapitest.Call) bool { return c.Field("body") == "y" }}, nil, 1, 1},
		{"this one", chatapitest.Fault{Operation: "sendMessage", Method: "POST", To: chatapi.Chat(ann + "@c.us"),
			Match: func(c chatapitest.Call) bool { return c.Field("body") == "x" }}, chatapi.ErrOutcomeUnknown, 1, 0},
		{"a later one", chatapitest.Fault{Skip: 1}, nil, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := chatapitest.New(t)
				events := &listener{}
				customer := api.Customer(ann)
				customer.Says("hi")
				api.Webhook("https://log.test/x", events)
				api.Fail(test.fault)
				receipt, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
				if test.want == nil {
					require.NoError(t, err)
					assert.Equal(t, test.fault.Queued, receipt.Queued)
				} else {
					assert.ErrorIs(t, err, test.want)
				}
				calls := api.Calls().Of("sendMessage")
				assert.Len(t, calls, test.calls)
				assert.Len(t, customer.Received(), test.received)
				api.Settle()
				switch {
				case test.received == 1:
					assert.Equal(t, []string{"echo x", "sent", "delivered"}, events.keys())
				case test.fault.Undelivered != "":
					assert.Equal(t, []string{"echo x", "failed"}, events.keys())
					assert.Equal(t, "Marketing limit", events.last().(*chatapi.StatusEvent).Errors[0].Title)
				default:
					assert.Empty(t, events.keys())
				}
				api.Heal()
			})
		})
	}
}

// TestRetryAfterIsRoundedUp: the header has whole seconds, and a client must not
// come back too early.
func TestRetryAfterIsRoundedUp(t *testing.T) {
	for after, want := range map[time.Duration]string{1500 * time.Millisecond: "2", 2 * time.Second: "2", time.Millisecond: "1"} {
		api := chatapitest.New(t)
		api.Fail(chatapitest.Fault{Status: 429, RetryAfter: after})
		for name, responder := range map[string]func(*http.Request) (*http.Response, error){
			"fault": api.Transport.RoundTrip, "responder": chatapitest.RespondRateLimited(after),
		} {
			resp, err := responder(httptest.NewRequest(http.MethodGet, api.URL+"/status?token="+api.Token, nil))
			require.NoError(t, err)
			assert.Equal(t, want, resp.Header.Get("Retry-After"), "%s, %s", name, after)
		}
	}
}

// TestFaultLeavesTheHeaderAlone: the caller's Header stays as it was given.
func TestFaultLeavesTheHeaderAlone(t *testing.T) {
	api := chatapitest.New(t)
	header := http.Header{"X-Trace": {"a"}}
	api.Fail(chatapitest.Fault{Status: 429, RetryAfter: time.Second, Header: header, Times: -1})
	for range 2 {
		resp, err := api.Transport.RoundTrip(httptest.NewRequest(http.MethodGet, api.URL+"/status?token="+api.Token, nil))
		require.NoError(t, err)
		assert.Equal(t, []string{"a"}, resp.Header["X-Trace"])
		resp.Header["X-Trace"][0] = "b"
	}
	assert.Equal(t, http.Header{"X-Trace": {"a"}}, header)
}

// TestResultsAreCopies: what a caller does to a result changes no other result.
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
			client, err := chatapi.New("https://api.example.com/ABC1", "tok", chatapi.WithBearerToken(), chatapi.WithHTTPClient(&http.Client{Transport: mock}))
			require.NoError(t, err)
			for range 2 { // a responder can be used again
				receipt, err := client.Send(context.Background(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
				if test.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, test.want)
				}
				var e *chatapi.Error
				errors.As(err, &e)
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
	client, err := chatapi.New(base, "tok", chatapi.WithBearerToken(), chatapi.WithHTTPClient(&http.Client{Transport: mock}))
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
