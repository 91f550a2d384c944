package chatapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// recorder collects the arguments of hooks.
type recorder struct {
	mu     sync.Mutex
	starts []chatapi.AttemptStart
	ends   []chatapi.AttemptEnd
	waits  []chatapi.WaitInfo
}

func (r *recorder) hooks() chatapi.Hooks {
	return chatapi.Hooks{
		Attempt: func(ctx context.Context, start chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.starts = append(r.starts, start)
			return ctx, func(end chatapi.AttemptEnd) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.ends = append(r.ends, end)
			}
		},
		Wait: func(_ context.Context, wait chatapi.WaitInfo) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.waits = append(r.waits, wait)
		},
	}
}

func TestHooksSeeEveryAttemptAndPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		api.Customer("12025550143").Says("hi")
		var r recorder
		var log bytes.Buffer
		client := api.Client(chatapi.WithHooks(r.hooks()), chatapi.WithPace(chatapi.Pace{Pair: 6 * time.Second, PairBurst: 1}),
			chatapi.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))

		api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 429, RetryAfter: 2 * time.Second})
		receipt, err := client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hello"})
		require.NoError(t, err)
		_, err = client.Send(t.Context(), chatapi.Phone("12025550199"), chatapi.Text{Body: "never wrote"})
		require.ErrorIs(t, err, chatapi.ErrWindowClosed)
		_, err = client.Channel.GetStatus(t.Context())
		require.NoError(t, err)

		channel := client.ChannelID()
		assert.Equal(t, []chatapi.AttemptStart{
			{Channel: channel, Op: "Send", Number: 1}, {Channel: channel, Op: "Send", Number: 2},
			{Channel: channel, Op: "Send", Number: 1}, {Channel: channel, Op: "Channel.GetStatus", Number: 1},
		}, r.starts)
		require.Len(t, r.ends, 4)
		assert.Equal(t, 429, r.ends[0].HTTPStatus)
		assert.Equal(t, chatapi.ErrRateLimited, r.ends[0].Kind)
		assert.Equal(t, receipt.ID, r.ends[1].MessageID)
		assert.Empty(t, r.ends[1].Kind)
		assert.Equal(t, chatapi.ErrWindowClosed, r.ends[2].Kind)
		assert.Equal(t, 200, r.ends[3].HTTPStatus)
		assert.Equal(t, []chatapi.WaitInfo{{Channel: channel, Op: "Send", Reason: chatapi.WaitRetry, Duration: 6 * time.Second}}, r.waits,
			"the second attempt waits for the recipient's turn, which is longer than what the service asked for")

		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 4)
		var first, second map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
		require.NoError(t, json.Unmarshal([]byte(lines[1]), &second))
		assert.Equal(t, string(channel), first["channel"])
		assert.EqualValues(t, 1, first["attempt"])
		assert.EqualValues(t, 429, first["status"])
		assert.Equal(t, "rate_limited", first["kind"])
		assert.Equal(t, receipt.ID, second["message_id"])
		for _, private := range []string{"12025550143", "hello", api.Token} {
			assert.NotContains(t, log.String(), private)
		}
	})
}

// The attempt uses the context that the hook returned. A panic of a hook does not
// break the send.
func TestHooksCannotBreakASend(t *testing.T) {
	api := chatapitest.New(t)
	api.Customer("12025550143").Says("hi")
	var log bytes.Buffer
	client := api.Client(
		chatapi.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		chatapi.WithHooks(chatapi.Hooks{
			Attempt: func(context.Context, chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
				panic("at the start")
			},
			Wait: func(context.Context, chatapi.WaitInfo) { panic("waiting") },
		}),
		chatapi.WithHooks(chatapi.Hooks{
			Attempt: func(context.Context, chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
				return nil, func(chatapi.AttemptEnd) { panic("at the end") }
			},
		}),
		chatapi.WithHooks(chatapi.Hooks{}))
	_, err := client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hello"})
	require.NoError(t, err)
	assert.Contains(t, log.String(), "at the start")
	assert.Contains(t, log.String(), "at the end")

	canceled := api.Client(chatapi.WithHooks(chatapi.Hooks{
		Attempt: func(ctx context.Context, _ chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, nil
		},
	}), chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
	_, err = canceled.Channel.GetStatus(t.Context())
	assert.Error(t, err)
}

func TestTokenSource(t *testing.T) {
	send := func(t *testing.T, client *chatapi.Client) error {
		_, err := client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hello"})
		return err
	}
	t.Run("rotation", func(t *testing.T) {
		api := chatapitest.New(t)
		ann := api.Customer("12025550143")
		ann.Says("hi")
		asked := 0
		client, err := chatapi.New(api.URL, "old-token-0001", chatapi.WithHTTPClient(httpClient(api)), chatapi.WithTokenSource(
			func(context.Context) (string, error) { asked++; return api.Token, nil }))
		require.NoError(t, err)
		require.NoError(t, send(t, client))
		require.NoError(t, send(t, client))
		assert.Equal(t, 1, asked)
		assert.Len(t, ann.Received(), 2, "each message went out once")
	})
	t.Run("asked when first needed", func(t *testing.T) {
		api := chatapitest.New(t)
		api.Customer("12025550143").Says("hi")
		asked := 0
		client, err := chatapi.New(api.URL, "", chatapi.WithHTTPClient(httpClient(api)), chatapi.WithTokenSource(
			func(context.Context) (string, error) { asked++; return api.Token, nil }))
		require.NoError(t, err)
		assert.Zero(t, asked, "New does not ask for a token")
		require.NoError(t, send(t, client))
		assert.Equal(t, 1, asked)
	})
	t.Run("the source is asked once more and no further", func(t *testing.T) {
		api := chatapitest.New(t)
		asked := 0
		client, err := chatapi.New(api.URL, "", chatapi.WithHTTPClient(httpClient(api)), chatapi.WithTokenSource(
			func(context.Context) (string, error) {
				asked++
				return "wrong-token-" + strings.Repeat("x", asked), nil
			}))
		require.NoError(t, err)
		err = send(t, client)
		require.ErrorIs(t, err, chatapi.ErrUnauthorized)
		assert.Equal(t, 2, asked)
		assert.NotContains(t, err.Error(), "wrong-token")
		assert.Len(t, api.Calls(), 2)
	})
	t.Run("a refused token is not sent twice", func(t *testing.T) {
		api := chatapitest.New(t)
		client, err := chatapi.New(api.URL, "", chatapi.WithHTTPClient(httpClient(api)), chatapi.WithTokenSource(
			func(context.Context) (string, error) { return "wrong-token-0001", nil }))
		require.NoError(t, err)
		require.ErrorIs(t, send(t, client), chatapi.ErrUnauthorized)
		assert.Len(t, api.Calls(), 1)
	})
	t.Run("failures", func(t *testing.T) {
		for name, tc := range map[string]struct {
			source func(context.Context) (string, error)
			kind   error
		}{
			"error": {func(context.Context) (string, error) { return "", errors.New("the vault is sealed") }, chatapi.ErrUnauthorized},
			"empty": {func(context.Context) (string, error) { return "", nil }, chatapi.ErrUnauthorized},
			"space": {func(context.Context) (string, error) { return "two words", nil }, chatapi.ErrUnauthorized},
			"panic": {func(context.Context) (string, error) { panic("no vault") }, chatapi.ErrUnauthorized},
			"other": {func(context.Context) (string, error) { return jwt(`{"instanceId":"XYZ9"}`), nil }, chatapi.ErrWrongChannel},
		} {
			api := chatapitest.New(t)
			client, err := chatapi.New(api.URL, "", chatapi.WithHTTPClient(httpClient(api)), chatapi.WithTokenSource(tc.source))
			require.NoError(t, err)
			err = send(t, client)
			require.ErrorIs(t, err, tc.kind, name)
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.NotEmpty(t, e.Sentence, name)
			assert.Empty(t, api.Calls(), name)
		}
	})
	t.Run("callers share one answer, and wait no longer than their context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			api.Customer("12025550143").Says("hi")
			asked := 0
			client, err := chatapi.New(api.URL, "", chatapi.WithHTTPClient(httpClient(api)), chatapi.WithTokenSource(
				func(context.Context) (string, error) { asked++; time.Sleep(time.Minute); return api.Token, nil }))
			require.NoError(t, err)
			var group sync.WaitGroup
			for range 10 {
				group.Go(func() { assert.NoError(t, send(t, client)) })
			}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err = client.Send(ctx, chatapi.Phone("12025550143"), chatapi.Text{Body: "hello"})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			group.Wait()
			assert.Equal(t, 1, asked)
		})
	})
}

// A rate limit code slows the channel or the recipient, whatever the HTTP status.
func TestPaceLearnsFromRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		api.Customer("12025550143").Says("hi")
		api.Customer("12025550144").Says("hi")
		client := api.Client(chatapi.WithPace(chatapi.Pace{PerSecond: 10, Pair: time.Second, PairBurst: 1000}))
		took := func(phone string) time.Duration {
			started := time.Now()
			_, _ = client.Send(t.Context(), chatapi.Phone(phone), chatapi.Text{Body: "hello"})
			return time.Since(started)
		}
		took("12025550143")
		assert.Equal(t, 100*time.Millisecond, took("12025550143"))
		api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 400, Body: `{"error":{"code":130429,"message":"Rate limit hit"}}`})
		took("12025550143")
		assert.Equal(t, 200*time.Millisecond, took("12025550143"))
		api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 200, Body: `{"sent":false,"message":"(#131056) pair"}`})
		took("12025550143")
		assert.Less(t, took("12025550144"), time.Second)
		assert.Greater(t, took("12025550143"), 3*time.Second)
	})
}

func httpClient(api *chatapitest.API) *http.Client { return &http.Client{Transport: api.Transport} }

// The duration of an attempt is the time from the request to the end of the
// reply. The time of the hook does not count.
func TestDurationOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken,
			chatapi.WithHooks(chatapi.Hooks{Attempt: func(context.Context, chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
				time.Sleep(time.Second)
				return nil, func(end chatapi.AttemptEnd) { took = end.Duration }
			}}),
			networkEnd(func(*http.Request) (*http.Response, error) {
				time.Sleep(2 * time.Second)
				return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
			}))
		require.NoError(t, err)
		_, err = client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, took)
	})
}

// The first hook begins first and ends last. Each hook gets the context of the
// hook before.
func TestSeveralHooks(t *testing.T) {
	type key struct{}
	var told []string
	hook := func(name string, end func(chatapi.AttemptEnd)) chatapi.Option {
		return chatapi.WithHooks(chatapi.Hooks{
			Attempt: func(ctx context.Context, _ chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
				before, _ := ctx.Value(key{}).(string)
				told = append(told, "begin "+name+" in "+before)
				return context.WithValue(ctx, key{}, before+name), end
			},
		})
	}
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken,
		hook("a", func(chatapi.AttemptEnd) { told = append(told, "end a") }),
		hook("b", func(chatapi.AttemptEnd) { panic("at the end of b") }), // must not panic without a logger
		hook("c", nil),
		hook("d", func(chatapi.AttemptEnd) { told = append(told, "end d") }),
		networkEnd(func(r *http.Request) (*http.Response, error) {
			in, _ := r.Context().Value(key{}).(string)
			told = append(told, "attempt in "+in)
			return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
		}))
	require.NoError(t, err)
	require.NotPanics(t, func() { _, err = client.SendPrepared(t.Context(), prepared("ABC1")) })
	require.NoError(t, err)
	assert.Equal(t, []string{"begin a in ", "begin b in a", "begin c in ab", "begin d in abc", "attempt in abcd", "end d", "end a"}, told)
}

// The end of an attempt has the same kind, code and retry class as the caller's
// error.
func TestTheEndOfAnAttempt(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		send   chatapi.AttemptEnd
		read   chatapi.AttemptEnd
	}{
		"accepted": {200, `{"sent":true,"id":"wamid.1"}`, chatapi.AttemptEnd{HTTPStatus: 200, MessageID: "wamid.1"}, chatapi.AttemptEnd{HTTPStatus: 200}},
		"refused with 200": {200, `{"response":{"error":{"code":100,"message":"Invalid parameter"}}}`,
			chatapi.AttemptEnd{HTTPStatus: 200, Kind: chatapi.ErrInvalid, Code: 100, Retry: chatapi.RetryFix},
			chatapi.AttemptEnd{HTTPStatus: 200, Kind: chatapi.ErrInvalid, Code: 100, Retry: chatapi.RetryFix}},
		"blocked": {403, "Channel subscription is blocked",
			chatapi.AttemptEnd{HTTPStatus: 403, Kind: chatapi.ErrBlocked, Retry: chatapi.RetryFix},
			chatapi.AttemptEnd{HTTPStatus: 403, Kind: chatapi.ErrBlocked, Retry: chatapi.RetryFix}},
	} {
		t.Run(name, func(t *testing.T) {
			var r recorder
			client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithHooks(r.hooks()),
				networkEnd(func(*http.Request) (*http.Response, error) { return reply(tc.status, tc.body), nil }))
			require.NoError(t, err)
			_, _ = client.SendPrepared(t.Context(), prepared("ABC1"))
			_, _ = client.Channel.GetStatus(t.Context())
			require.Len(t, r.ends, 2)
			for i := range r.ends {
				r.ends[i].Duration = 0
			}
			assert.Equal(t, []chatapi.AttemptEnd{tc.send, tc.read}, r.ends)
			assert.Equal(t, []string{"SendPrepared", "Channel.GetStatus"}, []string{r.starts[0].Op, r.starts[1].Op})
		})
	}
}

// Slower sending does not end a limit on quality, so the pace stays.
func TestPaceIgnoresLimitsOnQuality(t *testing.T) {
	for _, code := range []string{"131048", "471", "131064"} {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			api.Customer("12025550143").Says("hi")
			client := api.Client(chatapi.WithPace(chatapi.Pace{PerSecond: 10}))
			_, _ = client.Send(t.Context(), ann, chatapi.Text{Body: "hello"})
			api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 400, Body: `{"error":{"code":` + code + `,"message":"limit"}}`})
			_, err := client.Send(t.Context(), ann, chatapi.Text{Body: "hello"})
			require.ErrorIs(t, err, chatapi.ErrRateLimited, code)
			started := time.Now()
			_, err = client.Send(t.Context(), ann, chatapi.Text{Body: "hello"})
			require.NoError(t, err)
			assert.Equal(t, 100*time.Millisecond, time.Since(started), code)
		})
	}
}
