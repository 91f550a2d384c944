package chatapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The end of a call by its caller is a kind of its own, which matches the
// context's error, says whether anything was sent, and advises no retry.
func TestFaultC5TheCallersEndIsAKindOfItsOwn(t *testing.T) {
	mine := errors.New("the user has left")
	for name, tc := range map[string]struct {
		end   func(context.Context) (context.Context, func())
		first bool  // before the call
		cause error // beside the kind
	}{
		"canceled before": {func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, true, context.Canceled},
		"canceled in it":  {func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, false, context.Canceled},
		"own deadline": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			return ctx, func() { _ = cancel }
		}, false, context.DeadlineExceeded},
		"with a cause": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(mine) }
		}, false, mine},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := over(t, roundTripper(hangs))
				for _, once := range []bool{false, true} {
					ctx, end := tc.end(t.Context())
					if tc.first {
						end()
					} else {
						time.AfterFunc(time.Second, end)
					}
					var err error
					if once {
						_, err = client.SendPrepared(ctx, prepared("ABC1"))
					} else {
						_, err = client.Channel.GetStatus(ctx)
					}
					require.ErrorIs(t, err, tc.cause)
					require.ErrorIs(t, err, ctx.Err())
					if once && !tc.first {
						e := failedAs(t, err, chatapi.ErrOutcomeUnknown)
						assert.True(t, e.Sent)
						continue
					}
					e := failedAs(t, err, chatapi.ErrCanceled)
					assert.Equal(t, !tc.first, e.Sent)
					assert.Equal(t, chatapi.RetryNo, e.Retry)
					assert.NotContains(t, e.Advice, "again")
				}
			})
		})
	}
}

// A wait that ends with the context sends nothing and is no refusal: for the
// pace, for the recipient, after a 429, and for the lock of the webhooks.
func TestFaultC5WaitsThatEndAreNoRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, pace := range map[string]chatapi.Pace{
			"channel": {PerSecond: 1.0 / 60}, "recipient": {Pair: time.Minute, PairBurst: 1},
		} {
			posts := 0
			client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
				posts++
				return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
			}), chatapi.WithPace(pace))
			_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err = client.SendPrepared(ctx, prepared("ABC1"))
			cancel()
			e := failedAs(t, err, chatapi.ErrCanceled)
			assert.ErrorIs(t, err, context.DeadlineExceeded, name)
			assert.False(t, e.Sent, name)
			assert.NotNil(t, e.Attempt, name)
			assert.Equal(t, 1, posts, name)
		}
		client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
			r := reply(429, `{}`)
			r.Header.Set("Retry-After", "5")
			return r, nil
		}), chatapi.WithRetry(chatapi.RetryPolicy{}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.SendPrepared(ctx, prepared("ABC1"))
		assert.False(t, failedAs(t, err, chatapi.ErrCanceled).Sent, "the service refused what was sent")
	})
}

// A logged error has Reason and Sentence, without recipients and texts.
func TestFaultC7LoggedErrorsSayWhy(t *testing.T) {
	for body, shown := range map[string][]string{
		`{"sent":false,"message":"Dialog window is closed"}`:                  {"reason", "Dialog window is closed", "only a template can be sent"},
		`{"sent":false,"message":"Number 12025550143 is not on WhatsApp"}`:    {"is not on WhatsApp"},
		`{"sent":false,"message":"+1 (202) 555-0143 said \"my secret text"}`:  {"said"},
		`{"error":"bad \"my secret text\" for US.13491208655302741918"}`:      {"bad", "US.…"},
		`{"error":{"code":131026,"message":"Message undeliverable: 131026"}}`: {"131026", "cannot be reached"},
	} {
		_, err := answering(t, 200, body).SendPrepared(t.Context(), prepared("ABC1"))
		require.Error(t, err)
		var log bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&log, nil))
		logger.Info("x", "err", err)
		for _, text := range shown {
			assert.Contains(t, log.String(), text, body)
		}
		for _, hidden := range []string{"12025550143", "555-0143", "secret text", "13491208655302741918"} {
			assert.NotContains(t, log.String(), hidden, body)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "kind", chatapi.ErrWindowClosed)
	assert.Contains(t, log.String(), "kind=service_window_closed")

	local := func(err error) string {
		log.Reset()
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "err", err)
		return log.String()
	}
	_, err := offline(t).Prepare(chatapi.Phone("0043 1 2345678"), chatapi.Text{Body: "hi"})
	require.Error(t, err)
	assert.Contains(t, local(err), "err.reason")
	assert.NotContains(t, local(err), "2345678")
}

// The log of a webhook handler without WebhookErrors has the Sentence of an
// error, also of a wrapped one.
func TestFaultC7WebhookLogSaysWhy(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	_, refused := answering(t, 403, "Your trial period has expired").Channel.GetStatus(t.Context())
	for _, err := range []error{refused, fmt.Errorf("answering: %w", refused), errors.Join(io.EOF, refused)} {
		log.Reset()
		handler := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return err }, chatapi.WebhookSecret("s3cret"))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/s3cret", strings.NewReader(hookBody)))
		assert.Equal(t, 500, w.Code)
		assert.Contains(t, log.String(), `sentence="Channel ABC1 is blocked or restricted`)
		assert.Contains(t, log.String(), `reason="Your trial period has expired"`)
	}
}

// A failed status that the catalogue knows has a Sentence and an Advice.
func TestFaultC8FailedStatusHasASentence(t *testing.T) {
	for raw, sentence := range map[string]string{
		`{"code":131026}`:                   "This recipient cannot be reached on WhatsApp.",
		`{"code":131047,"title":"x"}`:       "The customer has not written in the last 24 hours, so only a template can be sent.",
		`"Re-engagement message"`:           "The customer has not written in the last 24 hours, so only a template can be sent.",
		`[{"code":131042,"message":"pay"}]`: "WhatsApp reported:",
		`132001`:                            "The template is missing, not usable, or does not fit its values.",
	} {
		e := one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"failed","error":`+raw+`}]}`)
		require.Len(t, e.Errors, 1, raw)
		assert.Contains(t, e.Errors[0].Sentence, sentence, raw)
		assert.NotEmpty(t, e.Errors[0].Advice, raw)
	}
}

// A reply that says yes and no at once is an open outcome, whatever its
// status says.
func TestFaultE11YesAndNoByStatus(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 413, 422, 429, 501, 302, 503} {
		for body, open := range map[string]bool{
			`{"sent":true}`:                                  true,
			`{"sent":true,"id":"wamid.1"}`:                   true,
			`{"jobId":"q1"}`:                                 true,
			`{"jobId":7,"error":"Too many requests"}`:        true,
			`{"error":"no","sent":"true"}`:                   true,
			`[{"sent":true}]`:                                true,
			`{"sent":true,"id":{"x":1}}`:                     true,
			`{"sent":false,"message":"no","error":"no"}`:     false,
			`{"error":"Too many requests","message":"wait"}`: false,
			`{"response":{"sent":true,"id":"wamid.1"}}`:      true, // in another object, list, case or text
			`{"error":"no","data":{"jobId":"q1"}}`:           true,
			`{"messages":[{"id":"wamid.1"}]}`:                true,
			`[[{"result":{"sent":1}}]]`:                      true,
			`{"Sent":true}`:                                  true,
			`"{\"sent\":true}"`:                              true,
			"{\"error\":\"no\"}\n{\"sent\":true}":            true,
			`{"response":{"sent":false,"id":""}}`:            false,
			`{"error":{"id":"wamid.1","sent":true}}`:         false, // about another message
			`{"groups":[{"id":"120363000000000001"}]}`:       false,
		} {
			posts := 0
			client := over(t, roundTripper(func(*http.Request) (*http.Response, error) { posts++; return reply(status, body), nil }),
				chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 3, MinWait: time.Microsecond, MaxWait: time.Millisecond, Trust503: true}),
				chatapi.WithTokenSource(func(context.Context) (string, error) { return "another-token", nil }))
			_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
			assert.Equal(t, open, errors.Is(err, chatapi.ErrOutcomeUnknown), "%d %s: %v", status, body, err)
			if open {
				assert.Equal(t, 1, posts, "%d %s", status, body)
			}
		}
	}
}

// A redirect to a text that is no address is a refusal, as every redirect is.
func TestFaultE11RedirectsToNowhere(t *testing.T) {
	for _, location := range []string{"http://h/%u0071", "http://[::1", ":", "http://a b/", "\x7f", "http://h:port/", "http://" + opaqueToken + "@h/", "https://elsewhere.example/x"} {
		posts := 0
		client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
			posts++
			r := reply(302, "")
			r.Header.Set("Location", location)
			return r, nil
		}))
		_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
		assert.NotContains(t, failedAs(t, err, chatapi.ErrNotFound).Reason, "to  ")
		_, err = client.Channel.GetStatus(t.Context())
		failedAs(t, err, chatapi.ErrNotFound)
		assert.Equal(t, 2, posts, location)
	}
}

// A 503 that Trust503 takes for a refusal does not advise to look the message up.
func TestTrust503AdviceSaysNothingWasSent(t *testing.T) {
	for _, body := range []string{"", "busy", `{"error":{"code":131000}}`, `{"error":{"code":2,"message":"x"}}`} {
		client := over(t, roundTripper(func(*http.Request) (*http.Response, error) { return reply(503, body), nil }),
			chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1, Trust503: true}))
		_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
		e := failedAs(t, err, chatapi.ErrUnavailable)
		assert.Equal(t, chatapi.RetryBackoff, e.Retry, body)
		assert.Equal(t, "try again later; nothing was sent", e.Advice, body)
	}
}

// A reply that says yes and no in the same member or in two is open.
func TestFaultE19YesAndNoInOneReply(t *testing.T) {
	for body, open := range map[string]bool{
		`{"sent":true,"id":"X","sent":false}`:                   true,
		`{"sent":false,"id":"X","sent":true}`:                   true,
		`{"sent":false,"id":"wamid.1"}`:                         true,
		`{"sent":false,"id":"wamid.1","error":{"code":131047}}`: true,
		`{"sent":false,"id":"wamid.1","code":131047}`:           true,
		`{"id":"wamid.1","error":"no"}`:                         true,
		`{"sent":"no","id":7}`:                                  true,
		`{"sent":false,"id":"wamid.1","id":"","message":"no"}`:  true,
		`{"sent":true,"error":"no","error":null}`:               true,
		`{"sent":true,"success":false}`:                         true,
		`{"error":"no","messages":[{"id":"wamid.1"}]}`:          true,
		`{"sent":false,"response":{"sent":true}}`:               true,
		`{"error":"no","response":{"jobId":7}}`:                 true,
		`{"errors":["no"],"SENT":true}`:                         true,
		`{"error":"no","response":{"jobId":""}}`:                false,
		`{"sent":false,"id":"","message":"no"}`:                 false,
		`{"sent":false,"id":null,"message":"no"}`:               false,
		`{"sent":false,"sent":false,"message":"no"}`:            false,
	} {
		posts := 0
		client := over(t, roundTripper(func(*http.Request) (*http.Response, error) { posts++; return reply(200, body), nil }))
		receipt, err := client.SendPrepared(t.Context(), prepared("ABC1"))
		assert.Nil(t, receipt, body)
		require.Error(t, err, body)
		assert.Equal(t, open, errors.Is(err, chatapi.ErrOutcomeUnknown), "%s: %v", body, err)
		assert.Equal(t, 1, posts, body)
	}
	receipt, err := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
		return reply(200, `{"sent":true,"sent":null,"id":"wamid.1"}`), nil
	})).SendPrepared(t.Context(), prepared("ABC1"))
	require.NoError(t, err)
	assert.Equal(t, "wamid.1", receipt.ID)
}

// The hook of an attempt without a reply gets a kind, as the Error has one.
func TestHooksGetTheKindOfABrokenConnection(t *testing.T) {
	for _, tc := range []struct {
		once bool
		err  error
		kind chatapi.ErrorKind
	}{{true, io.ErrUnexpectedEOF, chatapi.ErrOutcomeUnknown}, {false, io.ErrUnexpectedEOF, chatapi.ErrUnreachable}, {false, context.Canceled, chatapi.ErrCanceled}} {
		var ends []chatapi.AttemptEnd
		ctx, cancel := context.WithCancel(t.Context())
		client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
			if tc.err == context.Canceled {
				cancel()
			}
			return nil, tc.err
		}), chatapi.WithHooks(chatapi.Hooks{Attempt: func(ctx context.Context, _ chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
			return ctx, func(e chatapi.AttemptEnd) { ends = append(ends, e) }
		}}))
		var err error
		if tc.once {
			_, err = client.SendPrepared(ctx, prepared("ABC1"))
		} else {
			_, err = client.Channel.GetStatus(ctx)
		}
		cancel()
		failedAs(t, err, tc.kind)
		require.NotEmpty(t, ends)
		assert.Equal(t, tc.kind, ends[0].Kind)
		assert.NotEmpty(t, ends[0].Retry)
		assert.Error(t, ends[0].Err)
	}
}
