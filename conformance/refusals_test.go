package conformance_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A condition is a row of the contract's "Results and errors": the answer of the
// service, and the error of a call. The error may differ between calls that must
// not be repeated, such as sends, and other calls.
type condition struct {
	name   string
	status int
	header http.Header
	body   string
	drop   bool // the connection breaks without an answer

	send, other chatapi.ErrorKind // other is send if empty
	code        int
	retry       chatapi.RetryClass // empty if the contract leaves it open
	after       time.Duration
}

func conditions() []condition {
	const unknown, unavailable = chatapi.ErrOutcomeUnknown, chatapi.ErrUnavailable
	long := strings.Repeat("x", 20_000)
	plain := http.Header{"Content-Type": {"text/plain"}}
	return []condition{
		{name: "1 no answer", drop: true, send: unknown, other: chatapi.ErrUnreachable},
		{name: "2 rate limit, JSON", status: 429, body: `{"error":"Too many requests"}`, header: http.Header{"Retry-After": {"7"}},
			send: chatapi.ErrRateLimited, retry: chatapi.RetryBackoff, after: 7 * time.Second},
		{name: "2 rate limit, text", status: 429, body: "slow down", header: plain, send: chatapi.ErrRateLimited, retry: chatapi.RetryBackoff},
		{name: "2 rate limit with the pair's code", status: 429, body: `{"error":{"code":131056,"message":"pair"}}`, send: chatapi.ErrRateLimited, code: 131056},
		{name: "3 blocked", status: 403, body: "Your trial period has expired. " + long, header: plain, send: chatapi.ErrBlocked},
		{name: "4 switched off", status: 501, body: `{"error":"Flow management is disabled"}`, send: chatapi.ErrUnsupported},
		{name: "5 error text", status: 400, body: `{"error":"something is missing"}`, send: chatapi.ErrInvalid},
		{name: "5 message text", status: 400, body: `{"message":"body is missing"}`, send: chatapi.ErrInvalid},
		{name: "5 Graph object", status: 400, body: `{"error":{"message":"Re-engagement message","code":131047,"fbtrace_id":"A1"}}`,
			send: chatapi.ErrWindowClosed, code: 131047, retry: chatapi.RetryTemplate},
		{name: "5 Graph code under its other name", status: 400, body: `{"error":{"error_code":131026,"message":"Message undeliverable"}}`,
			send: chatapi.ErrRecipient, code: 131026},
		{name: "5 rate limit as 400", status: 400, body: `{"error":{"message":"(#130429) Rate limit hit"}}`, send: chatapi.ErrRateLimited, code: 130429},
		{name: "5 text", status: 400, body: "Dialog window is closed", header: plain, send: chatapi.ErrWindowClosed, retry: chatapi.RetryTemplate},
		{name: "5 HTML", status: 400, body: "<html><title>Bad request</title>" + long, send: chatapi.ErrInvalid},
		{name: "5 HTML of a proxy", status: 502, body: "<html><title>Bad gateway</title></html>", send: unknown, other: unavailable},
		{name: "5 upstream", status: 500, body: `{"error":"upstream"}`, send: unknown, other: unavailable},
		{name: "5 unavailable", status: 503, body: "busy", header: plain, send: unknown, other: unavailable},
		{name: "5 gateway timeout", status: 504, body: "", send: unknown, other: unavailable},
		{name: "6 upstream in response, text", status: 200, body: `{"response":{"error":"Calling is not enabled (138000)"}}`,
			send: chatapi.ErrUnsupported, code: 138000},
		{name: "6 upstream in response, object", status: 200, body: `{"response":{"error":{"code":131009,"message":"Parameter value is not valid"}}}`,
			send: chatapi.ErrInvalid, code: 131009},
		{name: "7 error, text", status: 200, body: `{"error":"no such thing"}`, send: chatapi.ErrRefused},
		{name: "7 error, object", status: 200, body: `{"error":{"code":190,"message":"Access token has expired"}}`, send: chatapi.ErrUnauthorized, code: 190},
		{name: "note: message alone", status: 200, body: `{"message":"body: Param text cannot have new-line/tab characters"}`, send: chatapi.ErrTemplate},
		{name: "401 expired", status: 401, body: `{"error":"invalid or expired token"}`, send: chatapi.ErrUnauthorized},
		{name: "401 of another channel", status: 401, body: `{"error":"Wrong token \"` + jsonSecret + `\" for channel \"ABC1\""}`, send: chatapi.ErrWrongChannel},
		{name: "404", status: 404, body: `{"error":"unknown method"}`, send: chatapi.ErrNotFound},
		{name: "422", status: 422, body: `{"error":"nothing to update"}`, send: chatapi.ErrInvalid},
		{name: "400 template", status: 400, body: `{"message":"template is not defined"}`, send: chatapi.ErrTemplate},
		{name: "BSUID routing", status: 400, body: `{"message":"BSUID routing is disabled"}`, send: chatapi.ErrRecipient},
		{name: "username", status: 400, body: `{"message":"username is not found"}`, send: chatapi.ErrRecipient},
	}
}

// jsonSecret is the token as JSON writes it.
var jsonSecret = strings.ReplaceAll(secret, `"`, `\"`)

// Each condition of the contract meets each call of each family.
func TestEveryConditionOnEveryCall(t *testing.T) {
	for _, c := range conditions() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // for the call that waits
				network := roundTripper(func(r *http.Request) (*http.Response, error) {
					if c.drop {
						return nil, io.ErrUnexpectedEOF
					}
					header := c.header
					if header == nil {
						header = http.Header{"Content-Type": {"application/json"}}
					}
					return &http.Response{StatusCode: c.status, Header: header, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}, nil
				})
				client, err := chatapi.New("https://api.test/ABC1", secret, chatapi.WithHTTPClient(&http.Client{Transport: network}),
					chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
				require.NoError(t, err)
				for _, call := range calls() {
					want := c.send
					if !call.once && c.other != "" {
						want = c.other
					}
					err := call.do(t.Context(), client)
					require.ErrorIs(t, err, want, call.name)
					var e *chatapi.Error
					require.ErrorAs(t, err, &e, call.name)
					assert.Equal(t, want, e.Kind, call.name)
					assert.NotEmpty(t, e.Op, call.name)
					assert.Equal(t, chatapi.ChannelID("ABC1"), e.Channel, call.name)
					assert.Equal(t, c.status, e.HTTPStatus, call.name)
					assert.NotEmpty(t, e.Sentence, call.name)
					assert.NotEmpty(t, e.Advice, call.name)
					assert.NotEmpty(t, e.Retry, call.name)
					assert.Equal(t, c.after, e.RetryAfter, call.name)
					assert.Equal(t, c.body == "", len(e.Raw) == 0, call.name)
					assert.LessOrEqual(t, len(e.Raw), 8<<10, call.name)
					if c.code != 0 {
						assert.Equal(t, c.code, e.Code, call.name)
					}
					if c.retry != "" {
						assert.Equal(t, c.retry, e.Retry, call.name)
					}
					if want == chatapi.ErrWrongChannel {
						assert.ErrorIs(t, err, chatapi.ErrUnauthorized, call.name)
					}
					var shown strings.Builder
					tell(&shown, err)
					for _, spelling := range spellings() {
						assert.NotContains(t, shown.String(), spelling, call.name)
					}
				}
			})
		})
	}
}

// Rows 8 to 11 apply only to messages.
func TestEveryConditionOfASend(t *testing.T) {
	for name, tc := range map[string]struct {
		body   string
		kind   chatapi.ErrorKind // empty for accepted
		id     string
		job    string
		code   int
		queued bool
	}{
		"8 queued":                     {body: `{"sent":true,"jobId":"q1"}`, job: "q1", queued: true},
		"8 queued beside sent: false":  {body: `{"sent":false,"jobId":12}`, job: "12", queued: true},
		"9 accepted":                   {body: `{"sent":true,"id":"wamid.1","message":"ok"}`, id: "wamid.1"},
		"9 accepted, flag as number":   {body: `{"sent":1,"id":"wamid.1"}`, id: "wamid.1"},
		"10 refused":                   {body: `{"sent":false,"message":"Dialog window is closed"}`, kind: chatapi.ErrWindowClosed},
		"10 refused, flag as text":     {body: `{"sent":"false","message":"no"}`, kind: chatapi.ErrRefused},
		"10 refused, code in error":    {body: `{"sent":false,"message":"x","error":{"code":131047}}`, kind: chatapi.ErrWindowClosed, code: 131047},
		"10 refused, code at the root": {body: `{"sent":false,"message":"x","code":130472}`, kind: chatapi.ErrMarketingLimit, code: 130472},
		"10 no flag, a reason":         {body: `{"message":"Unsupported Interactive Message type"}`, kind: chatapi.ErrInvalid, code: 131009},
		"11 accepted without an id":    {body: `{"sent":true}`},
		"yes and no":                   {body: `{"sent":true,"id":"wamid.1","error":"no"}`, kind: chatapi.ErrOutcomeUnknown},
		"neither":                      {body: `{}`, kind: chatapi.ErrOutcomeUnknown},
		"no JSON":                      {body: `OK`, kind: chatapi.ErrOutcomeUnknown},
		"an array":                     {body: `[]`, kind: chatapi.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := chatapi.New("https://api.test/ABC1", secret, network(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(tc.body)), Request: r}, nil
			})...)
			require.NoError(t, err)
			for kind, message := range messages() {
				receipt, err := client.Send(t.Context(), addressee(message), message)
				if tc.kind == "" {
					require.NoError(t, err, kind)
					assert.Equal(t, tc.id, receipt.ID, kind)
					assert.Equal(t, tc.job, receipt.JobID, kind)
					assert.Equal(t, tc.queued, receipt.Queued, kind)
					assert.JSONEq(t, tc.body, string(receipt.Raw), kind)
					continue
				}
				require.ErrorIs(t, err, tc.kind, kind)
				var e *chatapi.Error
				require.ErrorAs(t, err, &e, kind)
				assert.Nil(t, receipt, kind)
				if tc.code != 0 {
					assert.Equal(t, tc.code, e.Code, kind)
				}
				assert.NotNil(t, e.Attempt, kind)
				assert.Equal(t, tc.body, string(e.Raw), kind)
			}
		})
	}
}
