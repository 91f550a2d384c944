package chatapi_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// noted returns a BeforeWrite that notes the attempts and allows every write.
func noted(attempts *[]chatapi.Attempt) chatapi.PreparedOption {
	return chatapi.BeforeWrite(func(_ context.Context, attempt chatapi.Attempt) error {
		*attempts = append(*attempts, attempt)
		return nil
	})
}

func refusing(err error) chatapi.PreparedOption {
	return chatapi.BeforeWrite(func(context.Context, chatapi.Attempt) error { return err })
}

// listening returns a fake whose customer has just written, and a message to it.
func listening(t *testing.T) (*chatapitest.API, *chatapi.Prepared) {
	t.Helper()
	api := chatapitest.New(t)
	api.Customer("12025550143").Says("hi")
	p, err := api.Client().Prepare(ann, chatapi.Text{Body: "hello"})
	require.NoError(t, err)
	return api, p
}

// The function runs once for each write, after the waits for the pace, with the
// instant of the write. The Receipt has the attempt of the last one.
func TestBeforeWriteRunsAfterThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, p := listening(t)
		client := api.Client(chatapi.WithPace(chatapi.Pace{Pair: time.Minute, PairBurst: 1}))
		_, err := client.SendPrepared(t.Context(), p)
		require.NoError(t, err)
		api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 429})
		began := time.Now()
		var attempts []chatapi.Attempt
		receipt, err := client.SendPrepared(t.Context(), p, noted(&attempts), nil)
		require.NoError(t, err)
		require.Len(t, attempts, 2)
		assert.Equal(t, began.Add(time.Minute), attempts[0].Started)
		assert.Equal(t, began.Add(2*time.Minute), attempts[1].Started)
		assert.Equal(t, attempts[0].ID, attempts[1].ID)
		assert.Equal(t, attempts[1], receipt.Attempt)
		assert.Len(t, api.Calls().Of("sendMessage"), 3)

		given := p.Attempt(began)
		attempts = nil
		receipt, err = client.SendPrepared(t.Context(), p, noted(&attempts), chatapi.UnderAttempt(given))
		require.NoError(t, err)
		assert.Equal(t, []chatapi.Attempt{given}, attempts)
		assert.Equal(t, given, receipt.Attempt)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		attempts = nil
		_, err = client.SendPrepared(ctx, p, noted(&attempts))
		assert.False(t, failedAs(t, err, chatapi.ErrCanceled).Sent)
		assert.Empty(t, attempts, "the wait for the pace writes nothing")
	})
}

// The function runs after the token is there, and again for each other token. No
// token, no write.
func TestBeforeWriteRunsAfterTheToken(t *testing.T) {
	var order []string
	tokens, broken := []string{"first-token", "second-token"}, false
	client, err := chatapi.New("https://api.test/ABC1", "", networkEnd(func(r *http.Request) (*http.Response, error) {
		order = append(order, "write")
		if r.URL.Query().Get("token") == "first-token" {
			return reply(401, `{"error":"Wrong token"}`), nil
		}
		return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
	}), chatapi.WithTokenSource(func(context.Context) (string, error) {
		if broken {
			return "", errors.New("the vault is closed")
		}
		order = append(order, "token")
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}))
	require.NoError(t, err)
	ask := chatapi.BeforeWrite(func(context.Context, chatapi.Attempt) error { order = append(order, "ask"); return nil })
	broken = true
	_, err = client.SendPrepared(t.Context(), prepared("ABC1"), ask)
	failedAs(t, err, chatapi.ErrUnauthorized)
	assert.Empty(t, order)
	broken = false
	_, err = client.SendPrepared(t.Context(), prepared("ABC1"), ask)
	require.NoError(t, err)
	assert.Equal(t, []string{"token", "ask", "write", "token", "ask", "write"}, order)
}

// A refusal writes nothing, may be sent again, and matches the error of the function
// but none of its kinds.
func TestBeforeWriteRefuses(t *testing.T) {
	api, p := listening(t)
	client := api.Client()
	mine := errors.New("the claim of 12025550143 is lost")
	nested := &chatapi.Error{Kind: chatapi.ErrOutcomeUnknown, Reason: "holds " + api.Token}
	_, err := client.SendPrepared(t.Context(), p, refusing(errors.Join(mine, nested)))
	e := failedAs(t, err, chatapi.ErrCanceled)
	assert.ErrorIs(t, err, mine)
	assert.NotErrorIs(t, err, chatapi.ErrOutcomeUnknown)
	assert.False(t, e.Sent)
	assert.Equal(t, chatapi.RetryBackoff, e.Retry)
	assert.Equal(t, "SendPrepared", e.Op)
	assert.Contains(t, e.Reason, "BeforeWrite refused: the claim of")
	assert.NotContains(t, err.Error(), api.Token)
	assert.Equal(t, "The program held the message back before anything was sent.", e.Sentence)
	require.NotNil(t, e.Attempt)
	assert.Equal(t, p.To, e.Attempt.To)
	assert.Empty(t, api.Calls().Of("sendMessage"))

	assert.PanicsWithValue(t, "mine", func() {
		_, _ = client.SendPrepared(t.Context(), p, chatapi.BeforeWrite(func(context.Context, chatapi.Attempt) error { panic("mine") }))
	})
	assert.Empty(t, api.Calls().Of("sendMessage"))
	_, err = client.SendPrepared(t.Context(), p, refusing(mine), chatapi.BeforeWrite(nil))
	require.NoError(t, err, "the last one counts, and nil is none")
}

// After a write that may have reached the service, a refusal leaves the outcome
// unknown, under the attempt of that write. After a clear refusal it does not.
func TestBeforeWriteRefusesARepetition(t *testing.T) {
	for name, lost := range map[string]bool{"lost": true, "429": false} {
		synctest.Test(t, func(t *testing.T) {
			api, p := listening(t)
			fault := chatapitest.Fault{Operation: "sendMessage", Status: 429}
			if lost {
				fault = chatapitest.Fault{Operation: "sendMessage", Status: 502, Accepted: true}
			}
			api.Fail(fault)
			client := api.Client(chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					resp, err := next.RoundTrip(r)
					if err == nil && resp.StatusCode == http.StatusBadGateway {
						return next.RoundTrip(r)
					}
					return resp, err
				})
			}))
			mine := errors.New("not again")
			began, asked := time.Now(), 0
			_, err := client.SendPrepared(t.Context(), p, chatapi.BeforeWrite(func(context.Context, chatapi.Attempt) error {
				if asked++; asked > 1 {
					return mine
				}
				return nil
			}))
			kind := chatapi.ErrCanceled
			if lost {
				kind = chatapi.ErrOutcomeUnknown
			}
			e := failedAs(t, err, kind)
			assert.ErrorIs(t, err, mine, name)
			assert.Equal(t, lost, e.Sent, name)
			assert.Equal(t, began, e.Attempt.Started, name)
			assert.Len(t, api.Calls().Of("sendMessage"), 1, name)
		})
	}
}

// A caller who ends the call while the function runs gets the end as ever, also if the
// function ignores its context, and nothing is written.
func TestBeforeWriteEndsWithTheCall(t *testing.T) {
	for name, heeds := range map[string]bool{"heeds": true, "ignores": false} {
		synctest.Test(t, func(t *testing.T) {
			api, p := listening(t)
			client := api.Client()
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), outboxRow{}, "mine"))
			time.AfterFunc(time.Second, cancel)
			began, release := time.Now(), make(chan struct{})
			_, err := client.SendPrepared(ctx, p, chatapi.BeforeWrite(func(ctx context.Context, _ chatapi.Attempt) error {
				assert.Equal(t, "mine", ctx.Value(outboxRow{}), "the values of the call's context")
				if heeds {
					<-ctx.Done()
					return ctx.Err()
				}
				<-release
				return nil
			}))
			e := failedAs(t, err, chatapi.ErrCanceled)
			assert.ErrorIs(t, err, context.Canceled, name)
			assert.False(t, e.Sent, name)
			assert.Equal(t, chatapi.RetryNo, e.Retry, name)
			assert.Less(t, time.Since(began), 2*time.Second, name)
			close(release)
			synctest.Wait()
			assert.Empty(t, api.Calls().Of("sendMessage"), name)
		})
	}
}

// A middleware that replaces the context evades neither option.
func TestNoWriteBehindTheOutbox(t *testing.T) {
	for name, option := range map[string]chatapi.PreparedOption{"BeforeWrite": noted(new([]chatapi.Attempt)), "OneWrite": chatapi.OneWrite()} {
		api, p := listening(t)
		client := api.Client(chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				return next.RoundTrip(r.WithContext(context.Background()))
			})
		}))
		_, err := client.SendPrepared(t.Context(), p, option)
		e := wrongField(t, err, chatapi.ErrInvalid, "middleware")
		assert.False(t, e.Sent, name)
		assert.NotEmpty(t, e.Advice, name)
		assert.Empty(t, api.Calls().Of("sendMessage"), name)
	}
}

// With OneWrite the call ends with the first refusal, whose error is the usual one.
func TestOneWriteEndsWithTheFirstRefusal(t *testing.T) {
	for name, tc := range map[string]struct {
		fault chatapitest.Fault
		kind  chatapi.ErrorKind
		retry chatapi.RetryClass
		after time.Duration
	}{
		"429":        {chatapitest.Fault{Status: 429, RetryAfter: 7 * time.Second}, chatapi.ErrRateLimited, chatapi.RetryBackoff, 7 * time.Second},
		"503":        {chatapitest.Fault{Status: 503}, chatapi.ErrUnavailable, chatapi.RetryBackoff, 0},
		"401":        {chatapitest.Fault{Status: 401}, chatapi.ErrUnauthorized, chatapi.RetryFix, 0},
		"lost reply": {chatapitest.Fault{Drop: true, Accepted: true}, chatapi.ErrOutcomeUnknown, chatapi.RetryUnknown, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			api, p := listening(t)
			tc.fault.Operation = "sendMessage"
			api.Fail(tc.fault)
			client := api.Client(chatapi.WithRetry(chatapi.RetryPolicy{Trust503: true}), chatapi.WithPace(chatapi.Pace{PerSecond: 1, Burst: 1}))
			_, err := client.SendPrepared(t.Context(), p, chatapi.OneWrite())
			e := failedAs(t, err, tc.kind)
			assert.Equal(t, tc.retry, e.Retry, name)
			assert.Equal(t, tc.after, e.RetryAfter, name)
			assert.Len(t, api.Calls().Of("sendMessage"), 1, name)
			began := time.Now()
			_, err = client.SendPrepared(t.Context(), p, chatapi.OneWrite())
			require.NoError(t, err, name)
			pause := time.Since(began) // the pace was halved by the 429 alone
			assert.Equal(t, name == "429", pause > time.Second, "%s: %s", name, pause)
		})
	}
}

// After a 401 the next call has the new token, and the channel's health does not ask
// for one. Without a new token it does, and the error is the usual one.
func TestOneWriteRenewsTheTokenForTheNextCall(t *testing.T) {
	for name, renews := range map[string]bool{"another token": true, "the same token": false} {
		var came []string
		tokens := []string{"first-token", "first-token", "first-token"}
		if renews {
			tokens[1] = "second-token"
		}
		channels := chatapi.NewChannels()
		client, err := channels.Put("https://api.test/ABC1", "", networkEnd(func(r *http.Request) (*http.Response, error) {
			came = append(came, r.URL.Query().Get("token"))
			if came[len(came)-1] == "first-token" {
				return reply(401, `{"error":"Unauthorized"}`), nil
			}
			return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
		}), chatapi.WithTokenSource(func(context.Context) (string, error) {
			token := tokens[0]
			tokens = tokens[1:]
			return token, nil
		}))
		require.NoError(t, err)
		_, err = client.SendPrepared(t.Context(), prepared("ABC1"), chatapi.OneWrite())
		e := failedAs(t, err, chatapi.ErrUnauthorized)
		assert.Equal(t, 401, e.HTTPStatus, name)
		assert.Len(t, came, 1, name)
		assert.Equal(t, !renews, channels.Health("ABC1").State == chatapi.HealthNeedsToken, name)
		assert.Equal(t, map[bool]chatapi.RetryClass{true: chatapi.RetryBackoff, false: chatapi.RetryFix}[renews], e.Retry, name)
		_, err = client.SendPrepared(t.Context(), prepared("ABC1"), chatapi.OneWrite())
		assert.Equal(t, renews, err == nil, name)
	}
}

// A connection that is refused is not tried again, and nothing was sent.
func TestOneWriteOfARefusedConnectionIsUnreachable(t *testing.T) {
	dials := 0
	client := over(t, &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials++
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}})
	_, err := client.SendPrepared(t.Context(), prepared("ABC1"), chatapi.OneWrite())
	assert.False(t, failedAs(t, err, chatapi.ErrUnreachable).Sent)
	assert.Equal(t, 1, dials)
}

// A middleware that repeats a request is stopped.
func TestOneWriteStopsAMiddlewareThatRepeats(t *testing.T) {
	api, p := listening(t)
	client := api.Client(chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if resp, err := next.RoundTrip(r); err != nil || resp.StatusCode < 500 {
				return resp, err
			}
			return next.RoundTrip(r)
		})
	}))
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 502, Accepted: true})
	_, err := client.SendPrepared(t.Context(), p, chatapi.OneWrite())
	assert.Contains(t, failedAs(t, err, chatapi.ErrOutcomeUnknown).Reason, "OneWrite")
	assert.Len(t, api.Calls().Of("sendMessage"), 1)
}

// A Client ignores the key of a send; another Sender can read it.
func TestSendKeyIsForOtherSenders(t *testing.T) {
	api, _ := listening(t)
	client := api.Client()
	for range 2 {
		_, err := client.Send(t.Context(), ann, chatapi.Text{Body: "hello"}, chatapi.SendKey("order-42"))
		require.NoError(t, err)
	}
	calls := api.Calls().Of("sendMessage")
	require.Len(t, calls, 2)
	assert.NotContains(t, string(calls[0].Body), "order-42")
	var options chatapi.SendOptions
	chatapi.SendKey("order-42")(&options)
	assert.Equal(t, "order-42", options.Key)
}

// OnWait hears of each pause of its call, and of one of the pace that does not fit.
func TestOnWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, p := listening(t)
		client := api.Client(chatapi.WithPace(chatapi.Pace{PerSecond: 0.5, Pair: time.Minute, PairBurst: 1}))
		var waits []chatapi.WaitInfo
		note := chatapi.OnWait(func(w chatapi.WaitInfo) { waits = append(waits, w) })
		send := func(ctx context.Context) error {
			_, err := client.SendPrepared(ctx, p, note, chatapi.OneWrite())
			return err
		}
		require.NoError(t, send(t.Context()))
		assert.Empty(t, waits)
		require.NoError(t, send(t.Context()))
		want := chatapi.WaitInfo{Channel: client.ChannelID(), Op: "SendPrepared", Reason: chatapi.WaitPair, Duration: time.Minute}
		assert.Equal(t, []chatapi.WaitInfo{want}, waits)
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, send(soon), chatapi.ErrCanceled)
		assert.Equal(t, []chatapi.WaitInfo{want, want}, waits)
		_, err := client.SendPrepared(t.Context(), p, chatapi.OnWait(nil))
		require.NoError(t, err)
		assert.Len(t, waits, 2)
	})
}
