package chatapitest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

var faults = []struct {
	name     string
	fault    chatapitest.Fault
	want     error // nil: the send is accepted
	calls    int   // requests that reached the fake
	received int   // messages that the customer received
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
	{"hang", chatapitest.Fault{Hang: true}, chatapi.ErrOutcomeUnknown, 1, 0},
	{"hang after accepting", chatapitest.Fault{Hang: true, Accepted: true}, chatapi.ErrOutcomeUnknown, 1, 1},
	{"stall", chatapitest.Fault{Stall: true}, chatapi.ErrOutcomeUnknown, 1, 1},
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
}

// TestFaults sends a message with each fault. What the SDK returns, the number of
// requests, the received messages and the webhooks must agree.
func TestFaults(t *testing.T) {
	for _, test := range faults {
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

// TestRetryAfterIsRoundedUp checks that the header has whole seconds and never
// less than the given time, so that a client does not come back too early.
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

// TestFaultLeavesTheHeaderAlone checks that neither the fake nor the receiver of an
// answer changes the Header of the caller's Fault.
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
