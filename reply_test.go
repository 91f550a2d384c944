package chatapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// replyMeanings has the contract's examples of send replies and errors. Each has
// the error of a send, and the error of a read where that differs.
var replyMeanings = map[string]struct {
	send chatapi.ErrorKind // empty for accepted or queued
	read chatapi.ErrorKind // empty if the same as send; "-" if no read has this reply
}{
	"response-send-ok.json":                      {"", "-"},
	"response-send-ok-minimal.json":              {"", "-"},
	"response-send-queued.json":                  {"", "-"},
	"response-send-queued-numeric-job.json":      {"", "-"},
	"response-send-rejected.json":                {chatapi.ErrWindowClosed, "-"},
	"response-send-rejected-string-flag.json":    {chatapi.ErrRefused, "-"},
	"response-send-rejected-graph-code.json":     {chatapi.ErrWindowClosed, ""},
	"response-send-no-sent-flag.json":            {chatapi.ErrTemplate, ""},
	"response-send-address-unsupported.json":     {chatapi.ErrInvalid, "-"},
	"response-wrapped-upstream-error-text.json":  {chatapi.ErrUnsupported, ""},
	"response-wrapped-upstream-error-graph.json": {chatapi.ErrInvalid, ""},
	"response-upstream-error-200.json":           {chatapi.ErrInvalid, ""},
	"response-group-create-error.json":           {chatapi.ErrRefused, ""},
	"error-400-closed-window.json":               {chatapi.ErrWindowClosed, ""},
	"error-400-template-undefined.json":          {chatapi.ErrTemplate, ""},
	"error-400-bsuid-disabled.json":              {chatapi.ErrRecipient, ""},
	"error-400-username-unknown.json":            {chatapi.ErrRecipient, ""},
	"error-401-wrong-token.json":                 {chatapi.ErrWrongChannel, ""},
	"error-401-expired-token.json":               {chatapi.ErrUnauthorized, ""},
	"error-403-plain-text.json":                  {chatapi.ErrBlocked, ""},
	"error-404-unknown-method.json":              {chatapi.ErrNotFound, ""},
	"error-422-nothing-to-update.json":           {chatapi.ErrInvalid, ""},
	"error-429-rate-limit.json":                  {chatapi.ErrRateLimited, ""},
	"error-500-upstream.json":                    {chatapi.ErrOutcomeUnknown, chatapi.ErrUnavailable},
	"error-501-flows.json":                       {chatapi.ErrUnsupported, ""},
}

func TestContractRefusals(t *testing.T) {
	var index struct {
		Files map[string]struct {
			Schema      string
			OperationID string `json:"operationId"`
			Status      int    `json:"httpStatus"`
			ContentType string `json:"contentType"`
		}
	}
	data, err := os.ReadFile("testdata/contract/index.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &index))
	for file, about := range index.Files {
		refusals := []string{"SendResponse", "ErrorResponse", "PlainText", "WrappedError"}
		if !slices.Contains(refusals, about.Schema) && !strings.Contains(file, "error") || strings.HasPrefix(file, "request-") || strings.HasPrefix(file, "webhook-") {
			continue
		}
		t.Run(file, func(t *testing.T) {
			want, known := replyMeanings[file]
			require.True(t, known, "replyMeanings lacks this example")
			body, err := os.ReadFile(filepath.Join("testdata/contract", file))
			require.NoError(t, err)
			if about.ContentType == "text/plain" {
				var text string
				require.NoError(t, json.Unmarshal(body, &text))
				body = []byte(text)
			}
			client := answering(t, about.Status, string(body))

			receipt, err := client.SendPrepared(t.Context(), prepared("ABC1"))
			if want.send == "" {
				require.NoError(t, err)
				assert.True(t, receipt.Queued != (receipt.ID != ""), "either queued or with an id")
			} else {
				assertRefusal(t, err, want.send)
			}
			if want.read == "-" {
				return // no read has this reply
			}
			if want.read == "" {
				want.read = want.send
			}
			_, err = client.Profile.Get(t.Context())
			assertRefusal(t, err, want.read)
		})
	}
}

func assertRefusal(t *testing.T, err error, kind chatapi.ErrorKind) {
	t.Helper()
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, kind)
	assert.NotEmpty(t, e.Reason)
	assert.NotEmpty(t, e.Sentence)
	assert.NotEmpty(t, e.Retry)
	assert.NotEmpty(t, e.Raw)
}

func contractReply(t *testing.T, file string) *chatapi.Client {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata/contract", file))
	require.NoError(t, err)
	return answering(t, 200, string(body))
}

func TestContractReplies(t *testing.T) {
	t.Run("status", func(t *testing.T) {
		status, err := contractReply(t, "response-status-connected.json").Channel.GetStatus(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, status.Raw)
		status.Raw = nil
		assert.Equal(t, &chatapi.ChannelStatus{Status: "connected", AccountStatus: "authenticated"}, status)
	})
	t.Run("profile", func(t *testing.T) {
		profile, err := contractReply(t, "response-me.json").Profile.Get(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, profile.Raw)
		profile.Raw = nil
		assert.Equal(t, &chatapi.ProfileInfo{Phone: "12025550100", About: "Open 9-18", Address: "1 Example Street", Description: "Sample shop",
			Email: "info@example.com", Vertical: "Shopping and Retail", Photo: "https://files.example.com/me.jpg",
			Websites: []string{"https://www.example.com"}}, profile)
	})
	t.Run("mark read", func(t *testing.T) {
		assert.NoError(t, contractReply(t, "response-result-success.json").Messages.MarkRead(t.Context(), "wamid.1", false))
	})
	for file, want := range map[string][]string{
		"response-messages-page1.json":      {"*chatapi.MessageEvent 101", "*chatapi.EchoEvent 102"},
		"response-messages-page2.json":      {"*chatapi.MessageEvent 117"},
		"response-messages-bool-flags.json": {"*chatapi.EchoEvent 118"},
		"response-messages-legacy.json":     {"*chatapi.MessageEvent 199"},
	} {
		t.Run(file, func(t *testing.T) {
			var got []string
			for ev, err := range contractReply(t, file).Messages.All(t.Context(), chatapi.HistoryFilter{}) {
				require.NoError(t, err)
				assert.False(t, ev.Info().Time.IsZero())
				got = append(got, fmt.Sprintf("%T %d", ev, ev.Info().Number))
			}
			assert.Equal(t, want, got)
		})
	}
}

// A reply that says both yes and no, or neither, leaves the outcome of a send
// open. The error matches no other kind.
func TestRepliesThatSayYesAndNo(t *testing.T) {
	for name, body := range map[string]string{
		"error beside a job":            `{"error":"no such luck","jobId":"job-000001"}`,
		"errors beside a job":           `{"errors":[{"code":131026,"title":"Message undeliverable"}],"jobId":4711}`,
		"response.error beside a job":   `{"response":{"error":"Calling not enabled (138000)"},"jobId":"job-000001"}`,
		"error beside sent":             `{"sent":true,"error":{"code":131047,"message":"Re-engagement message"}}`,
		"id and message":                `{"id":"wamid.1","message":"Sent to 12025550143@c.us"}`,
		"id and a message that refuses": `{"id":"wamid.1","message":"Dialog window is closed"}`,
		"id and code":                   `{"id":"wamid.1","code":131047}`,
		"numeric id and message":        `{"id":17,"message":"done"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, 200, body).SendPrepared(t.Context(), prepared("ABC1"))
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, chatapi.ErrOutcomeUnknown, e.Kind)
			assert.Equal(t, chatapi.RetryUnknown, e.Retry)
			assert.NotNil(t, e.Attempt)
			assert.NoError(t, errors.Unwrap(err), "the error wraps no other error")
			assert.Regexp(t, "^the reply says (both yes and|neither yes nor) no$|: the reply says (both yes and|neither yes nor) no$", e.Reason)
		})
	}
}

// If a body has several codes, the contract's order decides: errors, error,
// response.error, code.
func TestTheFirstCodeOfTheContractsOrder(t *testing.T) {
	const sources = `"errors":[{"code":131050,"title":"stopped"}],"error":{"code":131026,"message":"undeliverable"},"response":{"error":{"code":132001,"message":"no template"}},"code":131047`
	for _, tc := range []struct {
		name, body string
		kind       chatapi.ErrorKind
		code       int
	}{
		{"errors before error", `{"error":{"code":131026,"message":"undeliverable"},"errors":[{"code":131050,"title":"stopped"}]}`, chatapi.ErrOptedOut, 131050},
		{"error before response.error", `{"response":{"error":{"code":132001,"message":"no template"}},"error":{"code":131026,"message":"undeliverable"}}`, chatapi.ErrRecipient, 131026},
		{"response.error before code", `{"code":131047,"response":{"error":{"code":132001,"message":"no template"}}}`, chatapi.ErrTemplate, 132001},
		{"all of them", `{` + sources + `}`, chatapi.ErrOptedOut, 131050},
		{"the first of errors", `{"errors":[{"code":131026},{"code":131050}]}`, chatapi.ErrRecipient, 131026},
		{"code before error_code", `{"error":{"error_code":131050,"code":131026}}`, chatapi.ErrRecipient, 131026},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := answering(t, 200, tc.body)
			_, sending := client.SendPrepared(t.Context(), prepared("ABC1"))
			_, reading := client.Profile.Get(t.Context())
			for _, err := range []error{sending, reading} {
				var e *chatapi.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, tc.code, e.Code)
				assert.Equal(t, tc.kind, e.Kind)
			}
		})
	}
	_, err := answering(t, 400, `{`+sources+`}`).Profile.Get(t.Context())
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "stopped: undeliverable: no template", e.Reason, "the texts come in the same order")
}

// A redirect's address may hold a secret in its query.
func TestARedirectShowsNoQuery(t *testing.T) {
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, networkEnd(func(*http.Request) (*http.Response, error) {
		r := reply(302, "")
		r.Header.Set("Location", "https://elsewhere.example/login?x=s3cret")
		return r, nil
	}))
	require.NoError(t, err)
	_, sending := client.SendPrepared(t.Context(), prepared("ABC1"))
	_, reading := client.Channel.GetStatus(t.Context())
	for _, err := range []error{sending, reading} {
		var e *chatapi.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, chatapi.ErrNotFound, e.Kind)
		assert.Equal(t, "the address redirects to https://elsewhere.example/login", e.Reason)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, e, e), "s3cret")
	}
}

// Only the advice for a rate limit says to try again after Retry-After. A send
// that was answered 503 has to be looked up first, unless Trust503 says that
// nothing went out.
func TestAdviceBesideRetryAfter(t *testing.T) {
	for _, tc := range []struct {
		status int
		trust  bool
		advice string
	}{
		{429, false, "try again in 45s"},
		{503, false, "look it up before sending it again: it may have gone out"},
		{503, true, "try again later; nothing was sent"},
		{403, false, "look at the subscription of the channel in the Chat API cabinet"},
	} {
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1, Trust503: tc.trust}),
			networkEnd(func(*http.Request) (*http.Response, error) {
				r := reply(tc.status, "")
				r.Header.Set("Retry-After", "45")
				return r, nil
			}))
		require.NoError(t, err)
		_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
		var e *chatapi.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 45*time.Second, e.RetryAfter)
		assert.Equal(t, tc.advice, e.Advice, "%d %v", tc.status, tc.trust)
	}
}
