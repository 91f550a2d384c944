package chatapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// reached returns the address of the first request that a client sends.
func reached(t *testing.T, apiURL, token string, opts ...chatapi.Option) (*chatapi.Client, *http.Request) {
	t.Helper()
	var got *http.Request
	network := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		got = r
		return reply(200, `{"status":"connected"}`), nil
	})}
	client, err := chatapi.New(apiURL, token, append(opts, chatapi.WithHTTPClient(network))...)
	require.NoError(t, err)
	_, err = client.Channel.GetStatus(t.Context())
	require.NoError(t, err)
	return client, got
}

func TestNewTakesWhatPeoplePaste(t *testing.T) {
	for _, tc := range []struct{ apiURL, token, address, channel string }{
		{"https://api.1msg.io/ABC100000001", opaqueToken, "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"https://api.1msg.io/ABC100000001/", opaqueToken, "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"  https://api.1msg.io//ABC100000001//\n", " " + opaqueToken + "\n", "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"api.1msg.io/ABC100000001", opaqueToken, "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"https://api.1msg.io/instance100001", opaqueToken, "https://api.1msg.io/100001/status", "100001"},
		{"https://eu12.chat-api.com/instance100001/", opaqueToken, "https://eu12.chat-api.com/instance100001/status", "100001"},
		{"https://api.1msg.io/ABC100000001?token=" + opaqueToken, "", "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"https://api.1msg.io/ABC100000001?token=" + opaqueToken, opaqueToken, "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{`"https://api.1msg.io/ABC100000001"`, `"` + opaqueToken + `"`, "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"https://api.1msg.io/ABC100000001", "Bearer " + opaqueToken, "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"https://api.1msg.io", jwt(`{"instanceId":"instance100001"}`), "https://api.1msg.io/100001/status", "100001"},
		{"https://api.1msg.io/ABC100000001", jwt(`{"instanceId":"ABC100000001"}`), "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"https://api.1msg.io/ABC100000001", "a.b.c-no-jwt", "https://api.1msg.io/ABC100000001/status", "ABC100000001"},
		{"http://localhost:8080/ABC1", opaqueToken, "http://localhost:8080/ABC1/status", "ABC1"},
		{"http://127.0.0.1:8080/ABC1", opaqueToken, "http://127.0.0.1:8080/ABC1/status", "ABC1"},
		{"http://[::1]:8080/ABC1", opaqueToken, "http://[::1]:8080/ABC1/status", "ABC1"},
	} {
		t.Run(tc.apiURL, func(t *testing.T) {
			client, request := reached(t, tc.apiURL, tc.token)
			assert.Equal(t, chatapi.ChannelID(tc.channel), client.ChannelID())
			address := *request.URL
			address.RawQuery = ""
			assert.Equal(t, tc.address, address.String())
			assert.NotEmpty(t, request.URL.Query().Get("token"))
			assert.Empty(t, request.Header.Get("Authorization"))
		})
	}
}

func TestWithBearerToken(t *testing.T) {
	_, request := reached(t, "https://api.1msg.io/ABC1", opaqueToken, chatapi.WithBearerToken())
	assert.Equal(t, "Bearer "+opaqueToken, request.Header.Get("Authorization"))
	assert.Empty(t, request.URL.RawQuery)
}

func TestNewSaysWhichPartIsWrong(t *testing.T) {
	for _, tc := range []struct {
		name, apiURL, token, field, says string
		kind                             chatapi.ErrorKind
	}{
		{"no URL", " ", opaqueToken, "apiURL", "is empty", chatapi.ErrInvalid},
		{"no token", "https://api.1msg.io/ABC1", " ", "token", "is empty", chatapi.ErrInvalid},
		{"swapped", opaqueToken, "https://api.1msg.io/ABC1", "token", "changed places", chatapi.ErrInvalid},
		{"only a word", "ABC1", opaqueToken, "apiURL", "has no host", chatapi.ErrInvalid},
		{"no channel", "https://api.1msg.io/", opaqueToken, "apiURL", "no channel id", chatapi.ErrInvalid},
		{"a method", "https://api.1msg.io/ABC1/sendMessage", opaqueToken, "apiURL", "method", chatapi.ErrInvalid},
		{"a longer path", "https://api.1msg.io/v1/ABC1/x", opaqueToken, "apiURL", "path parts", chatapi.ErrInvalid},
		{"http", "http://api.1msg.io/ABC1", opaqueToken, "apiURL", "uses http", chatapi.ErrInvalid},
		{"http on a private address", "http://10.0.0.1/ABC1", opaqueToken, "apiURL", "uses http", chatapi.ErrInvalid},
		{"another scheme", "ftp://api.1msg.io/ABC1", opaqueToken, "apiURL", "scheme", chatapi.ErrInvalid},
		{"a user", "https://me:pw@api.1msg.io/ABC1", opaqueToken, "apiURL", "user name", chatapi.ErrInvalid},
		{"a broken address", "https://api.1msg.io:port/ABC1", opaqueToken, "apiURL", "not an address", chatapi.ErrInvalid},
		{"an odd channel", "https://api.1msg.io/ABC 1%2F", opaqueToken, "apiURL", "channel id", chatapi.ErrInvalid},
		{"a space in the token", "https://api.1msg.io/ABC1", "abc def", "token", "space", chatapi.ErrInvalid},
		{"two tokens", "https://api.1msg.io/ABC1?token=othertoken", opaqueToken, "token", "differs", chatapi.ErrInvalid},
		{"another channel's token", "https://api.1msg.io/ABC1", jwt(`{"instanceId":"ABC2"}`), "token", "belongs to channel ABC2", chatapi.ErrWrongChannel},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, err := chatapi.New(tc.apiURL, tc.token)
			assert.Nil(t, client)
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.ErrorIs(t, err, tc.kind)
			assert.Equal(t, tc.field, e.Field)
			assert.Contains(t, err.Error(), tc.says)
			assert.Regexp(t, `^The (API URL|token) .*\.$`, e.Sentence)
			if tc.name != "swapped" && tc.token != " " {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, e, e), tc.token)
			}
			assert.NotContains(t, err.Error(), "othertoken")
		})
	}
}

func TestWrongOptionsAreErrors(t *testing.T) {
	for name, opt := range map[string]chatapi.Option{
		"WithHTTPClient": chatapi.WithHTTPClient(nil),
		"WithMiddleware": chatapi.WithMiddleware(nil),
		"WithTimeout":    chatapi.WithTimeout(0),
		"WithRetry":      chatapi.WithRetry(chatapi.RetryPolicy{Attempts: -1}),
		"WithPace":       chatapi.WithPace(chatapi.Pace{PerSecond: -1}),
	} {
		_, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken, opt)
		var e *chatapi.Error
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, name, e.Field)
		assert.Equal(t, "New", e.Op)
	}
	_, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken, nil, chatapi.WithLogger(nil))
	assert.NoError(t, err, "nil options do nothing")
}

func TestZeroAndNilClients(t *testing.T) {
	var none *chatapi.Client
	for _, client := range []*chatapi.Client{none, {}} {
		_, err := client.Send(t.Context(), chatapi.Phone("12025550143"), nil)
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
		_, err = client.SendPrepared(t.Context(), nil)
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
		assert.Empty(t, client.ChannelID())
		_ = fmt.Sprintf("%v %+v %#v %s", client, client, client, client)
	}
}

func TestSendPreparedChecks(t *testing.T) {
	client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { t.Error("reached"); return nil, nil })}))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		change func(*chatapi.Prepared)
		kind   chatapi.ErrorKind
	}{
		"a newer version":   {func(p *chatapi.Prepared) { p.Version = 2 }, chatapi.ErrInvalid},
		"a version below 0": {func(p *chatapi.Prepared) { p.Version = -1 }, chatapi.ErrInvalid},
		"another channel":   {func(p *chatapi.Prepared) { p.Channel = "ABC2" }, chatapi.ErrWrongChannel},
		"no channel":        {func(p *chatapi.Prepared) { p.Channel = "" }, chatapi.ErrInvalid},
		"no operation":      {func(p *chatapi.Prepared) { p.Operation = "" }, chatapi.ErrInvalid},
		"a path":            {func(p *chatapi.Prepared) { p.Operation = "../settings" }, chatapi.ErrInvalid},
		"no body":           {func(p *chatapi.Prepared) { p.Body = nil }, chatapi.ErrInvalid},
		"half a body":       {func(p *chatapi.Prepared) { p.Body = json.RawMessage(`{"phone":`) }, chatapi.ErrInvalid},
		"an array":          {func(p *chatapi.Prepared) { p.Body = json.RawMessage(`[]`) }, chatapi.ErrInvalid},
	} {
		p := prepared("ABC1")
		tc.change(p)
		_, err := client.SendPrepared(t.Context(), p)
		assert.ErrorIs(t, err, tc.kind, name)
	}
	_, err = client.SendPrepared(t.Context(), nil)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	_, err = client.SendPrepared(nil, prepared("ABC1")) //nolint:staticcheck // a nil context is the case under test
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

// A message prepared and stored by one process is sent by another one, byte for
// byte.
func TestPreparedIsSentByAnotherProcess(t *testing.T) {
	planner, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken)
	require.NoError(t, err)
	for _, to := range []chatapi.Recipient{chatapi.Phone("12025550143"), chatapi.Chat("12025550143-1600000000@g.us"), chatapi.Username("ann")} {
		planned, err := planner.Prepare(to, chatapi.Text{Body: "1 < 2 & \"more\" \u2028"}, chatapi.ReplyTo("wamid.1"))
		require.NoError(t, err)
		stored, err := json.Marshal(planned)
		require.NoError(t, err)
		assert.NotContains(t, string(stored), opaqueToken)

		var taken chatapi.Prepared
		require.NoError(t, json.Unmarshal(stored, &taken))
		var body []byte
		sender, err := chatapi.New("https://api.1msg.io/ABC1", "another-token", chatapi.WithHTTPClient(&http.Client{
			Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				body, _ = io.ReadAll(r.Body)
				return reply(200, `{"sent":true,"id":"wamid.2"}`), nil
			})}))
		require.NoError(t, err)
		receipt, err := sender.SendPrepared(t.Context(), &taken)
		require.NoError(t, err)
		assert.Equal(t, to, receipt.Attempt.To)
		assert.JSONEq(t, string(planned.Body), string(body))
		assert.Contains(t, string(body), `"quotedMsgId":"wamid.1"`)
	}
}

// Each row is a condition of the contract's "Results and errors", on a send.
func TestSendReplies(t *testing.T) {
	const blocked = "Channel subscription is blocked"
	for _, tc := range []struct {
		name   string
		status int
		body   string
		kind   chatapi.ErrorKind // empty for a receipt
		code   int
		id     string
		job    string
	}{
		{"accepted", 200, `{"sent":true,"id":"wamid.1","message":"Sent to 12025550143@c.us"}`, "", 0, "wamid.1", ""},
		{"accepted, numeric flag", 200, `{"sent":1,"id":"wamid.1"}`, "", 0, "wamid.1", ""},
		{"accepted without an id", 200, `{"sent":true}`, "", 0, "", ""},
		{"queued", 200, `{"sent":false,"jobId":"job-000001","message":"Message is queued"}`, "", 0, "", "job-000001"},
		{"queued, numeric job", 200, `{"sent":false,"queued":true,"jobId":4711}`, "", 0, "", "4711"},
		{"rejected", 200, `{"sent":false,"message":"Dialog window is closed"}`, chatapi.ErrWindowClosed, 131047, "", ""},
		{"rejected, text flag", 200, `{"sent":"false","message":"empty body"}`, chatapi.ErrRefused, 0, "", ""},
		{"rejected by a Graph code", 200, `{"sent":false,"message":"failed","error":{"code":131047,"message":"Re-engagement message"}}`, chatapi.ErrWindowClosed, 131047, "", ""},
		{"rejected by error_code", 200, `{"sent":false,"error":{"error_code":"131026"}}`, chatapi.ErrRecipient, 131026, "", ""},
		{"rejected by a top-level code", 200, `{"sent":false,"code":132001,"message":"no template"}`, chatapi.ErrTemplate, 132001, "", ""},
		{"rejected by errors[]", 200, `{"sent":false,"errors":[{"code":131050,"title":"stopped"}]}`, chatapi.ErrOptedOut, 131050, "", ""},
		{"rejected by a code in a text", 200, `{"sent":false,"message":"(#131056) too fast"}`, chatapi.ErrRateLimited, 131056, "", ""},
		{"rejected without a flag", 200, `{"message":"body: Param text cannot have new-line/tab characters"}`, chatapi.ErrTemplate, 132012, "", ""},
		{"rejected without a reason", 200, `{"sent":false}`, chatapi.ErrRefused, 0, "", ""},
		{"response.error, text", 200, `{"response":{"error":"Calling not enabled (138000)"}}`, chatapi.ErrUnsupported, 138000, "", ""},
		{"response.error, Graph", 200, `{"response":{"error":{"code":100,"message":"Invalid parameter"}}}`, chatapi.ErrInvalid, 100, "", ""},
		{"an error no one knows", 200, `{"error":"no such luck"}`, chatapi.ErrRefused, 0, "", ""},
		{"yes and no", 200, `{"sent":true,"id":"wamid.1","error":"what"}`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"neither yes nor no", 200, `{}`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"an id without a flag", 200, `{"id":"wamid.1"}`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"not an object", 200, `[]`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"empty", 200, ``, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"HTML with 200", 200, `<html><title>Sign in</title></html>`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"401", 401, `{"error":"invalid or expired token"}`, chatapi.ErrUnauthorized, 0, "", ""},
		{"401 of another channel", 401, `{"error":"Wrong token \"x\" for channel \"100001\". Please provide token as a GET parameter."}`, chatapi.ErrWrongChannel, 0, "", ""},
		{"403, bare text", 403, blocked, chatapi.ErrBlocked, 0, "", ""},
		{"403, JSON text", 403, `"` + blocked + `"`, chatapi.ErrBlocked, 0, "", ""},
		{"400 closed window", 400, `{"message":"Dialog window is closed"}`, chatapi.ErrWindowClosed, 131047, "", ""},
		{"400 BSUID off", 400, `{"error":"BSUID routing is disabled"}`, chatapi.ErrRecipient, 0, "", ""},
		{"400 unknown username", 400, `{"error":"Username is not found"}`, chatapi.ErrRecipient, 0, "", ""},
		{"400 no template", 400, `{"message":"template is not defined"}`, chatapi.ErrTemplate, 0, "", ""},
		{"400 of 360dialog's rate limit", 400, `{"error":{"code":80007,"message":"Rate limit hit"}}`, chatapi.ErrRateLimited, 80007, "", ""},
		{"404", 404, `{"error":"Method not found"}`, chatapi.ErrNotFound, 0, "", ""},
		{"413", 413, ``, chatapi.ErrTooLarge, 0, "", ""},
		{"422", 422, `{"error":"Wrong request"}`, chatapi.ErrInvalid, 0, "", ""},
		{"429", 429, `{"message":"rate limit"}`, chatapi.ErrRateLimited, 0, "", ""},
		{"429, text", 429, `slow down`, chatapi.ErrRateLimited, 0, "", ""},
		{"500", 500, `{"error":"upstream"}`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"501", 501, `{"error":"Flows are not available yet"}`, chatapi.ErrUnsupported, 0, "", ""},
		{"502 HTML", 502, `<html><head><title>502 Bad Gateway</title></head></html>`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"503", 503, `unavailable`, chatapi.ErrOutcomeUnknown, 0, "", ""},
		{"302", 302, ``, chatapi.ErrNotFound, 0, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}),
				chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
					return reply(tc.status, tc.body), nil
				})}))
			require.NoError(t, err)
			receipt, err := client.SendPrepared(t.Context(), prepared("ABC1"))
			if tc.kind == "" {
				require.NoError(t, err)
				assert.Equal(t, tc.id, receipt.ID)
				assert.Equal(t, tc.job, receipt.JobID)
				assert.Equal(t, tc.job != "", receipt.Queued)
				assert.Equal(t, tc.body, string(receipt.Raw))
				assert.Equal(t, chatapi.ChannelID("ABC1"), receipt.Attempt.Channel)
				return
			}
			assert.Nil(t, receipt)
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.ErrorIs(t, err, tc.kind)
			assert.Equal(t, tc.code, e.Code)
			assert.Equal(t, tc.status, e.HTTPStatus)
			assert.Equal(t, tc.body, string(e.Raw))
			assert.NotEmpty(t, e.Sentence)
			if e.Kind == chatapi.ErrRefused {
				assert.Equal(t, e.Reason != "", strings.Contains(e.Advice, "reason"), "the advice names the reason if there is a reason: %s", e.Advice)
			}
			assert.NotEmpty(t, e.Retry)
			require.NotNil(t, e.Attempt)
			assert.Equal(t, "sendMessage", e.Attempt.Operation)
			if tc.kind == chatapi.ErrOutcomeUnknown {
				assert.NotErrorIs(t, err, chatapi.ErrUnavailable, "a program that retries ErrUnavailable must not send twice")
			}
		})
	}
}

func TestErrorShapesForTwoReaders(t *testing.T) {
	client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{MaxWait: time.Second}),
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			r := reply(429, `{"message":"rate limit"}`)
			r.Header.Set("Retry-After", "90")
			return r, nil
		})}))
	require.NoError(t, err)
	_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 90*time.Second, e.RetryAfter)
	assert.Equal(t, chatapi.RetryBackoff, e.Retry)
	assert.Equal(t, "chatapi: SendPrepared: rate limited: rate limit (HTTP 429); try again in 1m30s", err.Error())
	assert.Equal(t, "Too many messages or requests in too short a time.", e.Sentence)

	data, err := json.Marshal(e)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"retry_after_seconds":90`)
	assert.NotContains(t, string(data), opaqueToken)

	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "e", e)
	assert.Contains(t, log.String(), `e.retry=backoff e.advice="try again in 1m30s"`)

	assert.Equal(t, "chatapi: rate limited", chatapi.ErrRateLimited.Error())
	assert.NotContains(t, fmt.Sprintf("%+v", chatapi.AttemptEnd{}), "chatapi")

	wait, ok := chatapi.RetryClass("wait:24h").Wait()
	assert.True(t, ok)
	assert.Equal(t, 24*time.Hour, wait)
	_, ok = chatapi.RetryNo.Wait()
	assert.False(t, ok)

	var none *chatapi.Error
	assert.NotPanics(t, func() { _ = none.Error(); _ = none.Unwrap(); _ = none.LogValue(); _, _ = none.MarshalJSON() })
	assert.NotErrorIs(t, none, chatapi.ErrInvalid)
}

// The reply codes that leave a send open do not leave a read open: a failed read
// may be made again.
func TestFailedReadsMayBeRepeated(t *testing.T) {
	for _, answer := range []*http.Response{reply(500, `{"message":"upstream"}`), reply(502, "<html>"), reply(504, ""), reply(200, "[cut")} {
		client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}),
			chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return answer, nil })}))
		require.NoError(t, err)
		_, err = client.Channel.GetStatus(t.Context())
		var e *chatapi.Error
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, chatapi.ErrUnavailable)
		assert.Equal(t, chatapi.RetryBackoff, e.Retry)
		assert.Equal(t, "try again later", e.Advice)
	}
}

func TestReasonSaysNothingTwice(t *testing.T) {
	client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken,
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return reply(200, `{"sent":false,"message":"(#132001) no template","error":{"code":132001,"message":"(#132001) no template","error_data":{"details":"not in en"}}}`), nil
		})}))
	require.NoError(t, err)
	_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "(#132001) no template: not in en", e.Reason)
}

func TestCallWithoutAContext(t *testing.T) {
	client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken)
	require.NoError(t, err)
	var none context.Context
	connection, err := client.Connect(none, chatapi.ConnectOptions{})
	wrongField(t, err, chatapi.ErrInvalid, "ctx")
	assert.Equal(t, "Not connected: The context is nil.", connection.String())
}

func TestCallEndedBeforeAnythingWasSent(t *testing.T) {
	client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { t.Error("reached"); return nil, nil })}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.SendPrepared(ctx, prepared("ABC1"))
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, chatapi.ErrOutcomeUnknown)
}

func TestLoggerTellsNoSecrets(t *testing.T) {
	var log strings.Builder
	client, err := chatapi.New("https://api.1msg.io/ABC1", opaqueToken,
		chatapi.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
		})}))
	require.NoError(t, err)
	_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
	require.NoError(t, err)
	assert.Contains(t, log.String(), "op=SendPrepared attempt=1")
	assert.Contains(t, log.String(), "status=200")
	for _, secret := range []string{opaqueToken, "12025550143", "hi"} {
		assert.NotContains(t, log.String(), "="+secret)
	}
}

// A call without a result accepts an empty reply.
func TestAnEmptyReplyIsASuccess(t *testing.T) {
	for _, body := range []string{"", " \r\n", "{}", "null", "[]"} {
		assert.NoError(t, answering(t, 200, body).Messages.MarkRead(t.Context(), "wamid.1", false), "%q", body)
	}
	assert.ErrorIs(t, answering(t, 200, "OK").Messages.MarkRead(t.Context(), "wamid.1", false), chatapi.ErrUnavailable)
	_, err := answering(t, 200, "").Channel.GetStatus(t.Context())
	assert.ErrorIs(t, err, chatapi.ErrUnavailable, "a call with a result needs a reply")
}

// After such a reply, nobody knows whether the group was made. The error matches
// no other kind, and wraps no error of another kind.
func TestOpenCallsMatchNoOtherKind(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
	}{
		"cut off":      {200, `{"id":`},
		"not JSON":     {200, "OK"},
		"empty":        {200, ""},
		"upstream":     {500, `{"error":{"code":131026,"message":"undeliverable"}}`},
		"timeout":      {408, ""},
		"unavailable":  {503, "unavailable"},
		"unauthorized": {500, `{"error":"Wrong token \"x\" for channel \"ABC1\""}`},
		"a web page":   {502, "<html><title>Bad gateway</title></html>"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, tc.status, tc.body).Groups.Create(t.Context(), chatapi.GroupDraft{Subject: "Spring"})
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, chatapi.ErrOutcomeUnknown, e.Kind)
			assert.NoError(t, errors.Unwrap(err))
			for _, kind := range []chatapi.ErrorKind{chatapi.ErrUnavailable, chatapi.ErrUnauthorized, chatapi.ErrWrongChannel, chatapi.ErrRecipient, chatapi.ErrInvalid, chatapi.ErrNotFound} {
				assert.NotErrorIs(t, err, kind)
			}
			assert.Equal(t, chatapi.RetryUnknown, e.Retry)
			assert.Equal(t, "check whether it was carried out before you repeat it", e.Advice)
		})
	}
}

// A MinWait above the default MaxWait raises MaxWait, so the client waits for a
// Retry-After between the two.
func TestMinWaitRaisesMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{MinWait: time.Minute}),
			networkEnd(func(*http.Request) (*http.Response, error) {
				if tries++; tries > 1 {
					return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
				}
				r := reply(429, "")
				r.Header.Set("Retry-After", "45")
				return r, nil
			}))
		require.NoError(t, err)
		began := time.Now()
		_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
		require.NoError(t, err)
		assert.Equal(t, 45*time.Second, time.Since(began))
	})
}

// By default, 45 messages to one recipient are sent at once; the 46th waits.
func TestDefaultPairBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithPace(chatapi.Pace{Pair: 6 * time.Second}),
			networkEnd(func(*http.Request) (*http.Response, error) { return reply(200, `{"sent":true,"id":"wamid.1"}`), nil }))
		require.NoError(t, err)
		began := time.Now()
		for range 45 {
			_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
			require.NoError(t, err)
		}
		assert.Zero(t, time.Since(began))
		_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
		require.NoError(t, err)
		assert.Equal(t, 6*time.Second, time.Since(began))
	})
}
