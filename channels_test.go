package chatapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Each row lists calls of one channel and the health after each call.
func TestHealth(t *testing.T) {
	const (
		read, send   = false, true
		dead, silent = 0, -1
	)
	type step struct {
		send   bool
		status int
		body   string
		want   chatapi.HealthState
	}
	const (
		ok     = `{"sent":true,"id":"wamid.1"}`
		locked = `{"sent":false,"error":{"code":131031,"message":"Account locked"}}`
		unpaid = `{"sent":false,"error":{"code":131042,"message":"Payment problem"}}`
		window = `{"sent":false,"error":{"code":131047,"message":"Re-engagement message"}}`
	)
	for name, steps := range map[string][]step{
		"works":           {{read, 200, `{"status":"connected"}`, chatapi.HealthHealthy}, {send, 200, ok, chatapi.HealthHealthy}},
		"token":           {{read, 401, `{"error":"invalid token"}`, chatapi.HealthNeedsToken}, {read, 500, `{}`, chatapi.HealthNeedsToken}, {read, 200, `{}`, chatapi.HealthHealthy}},
		"another's":       {{read, 401, `{"error":"Wrong token for channel"}`, chatapi.HealthNeedsToken}},
		"subscription":    {{send, 403, "Channel subscription is blocked", chatapi.HealthBlocked}, {read, 200, `{}`, chatapi.HealthHealthy}},
		"locked":          {{send, 200, locked, chatapi.HealthBlocked}, {read, 200, `{}`, chatapi.HealthBlocked}, {send, 200, ok, chatapi.HealthHealthy}},
		"unpaid":          {{send, 200, unpaid, chatapi.HealthBlocked}, {send, 200, window, chatapi.HealthBlocked}, {send, 200, ok, chatapi.HealthHealthy}},
		"dead, answered":  {{read, dead, "", chatapi.HealthHealthy}, {send, dead, "", chatapi.HealthHealthy}, {read, 500, "", chatapi.HealthDegraded}, {send, 200, window, chatapi.HealthHealthy}},
		"now and then":    {{read, 500, "", chatapi.HealthHealthy}, {read, 500, "", chatapi.HealthHealthy}, {read, 200, `{}`, chatapi.HealthHealthy}, {read, 500, "", chatapi.HealthHealthy}},
		"silent":          {{read, silent, "", chatapi.HealthHealthy}, {send, silent, "", chatapi.HealthHealthy}, {read, silent, "", chatapi.HealthDegraded}, {read, 200, `{}`, chatapi.HealthHealthy}},
		"degraded, token": {{read, 502, "", chatapi.HealthHealthy}, {read, 502, "", chatapi.HealthHealthy}, {read, 502, "", chatapi.HealthDegraded}, {read, 401, "", chatapi.HealthNeedsToken}},
		"window, window":  {{send, 200, window, chatapi.HealthHealthy}, {send, 200, window, chatapi.HealthHealthy}, {send, 200, window, chatapi.HealthHealthy}},
		"a broken person": {{send, 500, window, chatapi.HealthHealthy}, {read, 500, window, chatapi.HealthHealthy}, {send, 500, "", chatapi.HealthHealthy}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now step
				var told []chatapi.HealthState
				var channels *chatapi.Channels
				channels = chatapi.NewChannels(
					chatapi.WithHealthChange(func(id chatapi.ChannelID, h chatapi.Health) {
						assert.Equal(t, h, channels.Health(id)) // Health would hang if a lock were held
						told = append(told, h.State)
					}),
					chatapi.WithClientOptions(once, networkEnd(func(r *http.Request) (*http.Response, error) {
						switch now.status {
						case dead:
							return nil, errors.New("the line is dead")
						case silent:
							<-r.Context().Done()
							return nil, r.Context().Err()
						}
						return reply(now.status, now.body), nil
					})))
				client, err := channels.Put("https://api.test/ABC1", opaqueToken)
				require.NoError(t, err)
				var want []chatapi.HealthState
				last := chatapi.HealthHealthy
				for i, s := range steps {
					now = s
					time.Sleep(time.Second)
					if s.send {
						_, _ = client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
					} else {
						_, _ = client.Channel.GetStatus(t.Context())
					}
					h := channels.Health("ABC1")
					require.Equal(t, s.want, h.State, "step %d", i)
					assert.Equal(t, h.State == chatapi.HealthHealthy, h.Reason == "", h.Reason)
					if s.want != last {
						assert.Equal(t, time.Now(), h.Since)
						want, last = append(want, s.want), s.want
					}
				}
				assert.Equal(t, want, told)
			})
		})
	}
}

// A call that the caller canceled, or that was wrong before it was sent, says
// nothing about the channel. A call without an answer before the caller's
// deadline counts as a failure.
func TestHealthAndTheCaller(t *testing.T) {
	hello := chatapi.Text{Body: "hi"}
	pat := chatapi.Phone("12025550143")
	for name, tc := range map[string]struct {
		call func(context.Context, *chatapi.Client)
		want chatapi.HealthState
	}{
		"canceled": {func(ctx context.Context, c *chatapi.Client) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			_, err := c.Send(ctx, pat, hello)
			assert.ErrorIs(t, err, context.Canceled)
		}, chatapi.HealthHealthy},
		"the deadline has passed": {func(ctx context.Context, c *chatapi.Client) {
			ctx, cancel := context.WithTimeout(ctx, -time.Second)
			defer cancel()
			_, err := c.Channel.GetStatus(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}, chatapi.HealthHealthy},
		"invalid": {func(ctx context.Context, c *chatapi.Client) {
			_, err := c.Send(ctx, pat, chatapi.Text{})
			assert.ErrorIs(t, err, chatapi.ErrInvalid)
		}, chatapi.HealthHealthy},
		"no answer in time": {func(ctx context.Context, c *chatapi.Client) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := c.Channel.GetStatus(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}, chatapi.HealthDegraded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				channels := chatapi.NewChannels(chatapi.WithClientOptions(once, networkEnd(hangs)))
				client, err := channels.Put("https://api.test/ABC1", opaqueToken)
				require.NoError(t, err)
				for range 3 {
					tc.call(t.Context(), client)
				}
				assert.Equal(t, tc.want, channels.Health("ABC1").State)
			})
		})
	}
}

// A host that does not accept the connection is unreachable, although the caller
// has no deadline.
func TestHealthOfAHostThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		channels := chatapi.NewChannels(chatapi.WithClientOptions(once, chatapi.WithHTTPClient(&http.Client{Transport: &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				time.Sleep(10 * time.Second) // the connection limit of the system
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
			}}})))
		client, err := channels.Put("https://api.test/ABC1", opaqueToken)
		require.NoError(t, err)
		for range 3 {
			_, err := client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
			require.ErrorIs(t, err, chatapi.ErrUnreachable)
		}
		h := channels.Health("ABC1")
		assert.Equal(t, chatapi.HealthDegraded, h.State)
		assert.Equal(t, "3 calls in a row failed. api.test could not be reached.", h.Reason)
	})
}

// One channel has a network that hangs, a full limiter, and a health callback
// that does not return. The other channel must not wait for it.
func TestBadChannelSlowsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		channels := chatapi.NewChannels(
			chatapi.WithClientOptions(once, chatapi.WithTimeout(10*time.Second), chatapi.WithPace(chatapi.Pace{PerSecond: 100, Burst: 100})),
			chatapi.WithHealthChange(func(id chatapi.ChannelID, _ chatapi.Health) {
				if id == "BAD1" {
					<-release
				}
			}))
		bad, err := channels.Put("https://api.test/BAD1", opaqueToken, networkEnd(hangs))
		require.NoError(t, err)
		_, err = channels.Put("https://api.test/GOOD1", opaqueToken, networkEnd(func(*http.Request) (*http.Response, error) {
			return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
		}))
		require.NoError(t, err)
		require.NoError(t, channels.SetWebhookSecrets("GOOD1", "s3cret"))
		handler := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil },
			chatapi.WebhookSecrets(channels.WebhookSecrets))

		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				_, err := bad.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
				assert.Error(t, err)
			})
		}
		for _, phase := range []string{"while calls hang", "while the change is being told"} {
			synctest.Wait()
			began := time.Now()
			for range 100 {
				good, ok := channels.Client("GOOD1")
				require.True(t, ok)
				_, err := good.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
				require.NoError(t, err, phase)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/GOOD1/s3cret", strings.NewReader(`{"messages":[]}`)))
			assert.Equal(t, http.StatusOK, w.Code)
			_, err = channels.Put("https://api.test/NEW1", opaqueToken)
			require.NoError(t, err)
			assert.Equal(t, chatapi.HealthHealthy, channels.Health("GOOD1").State)
			assert.Zero(t, time.Since(began), phase)
			time.Sleep(12 * time.Second)
		}
		assert.Equal(t, chatapi.HealthDegraded, channels.Health("BAD1").State)
		assert.Contains(t, channels.Health("BAD1").Reason, "3 calls in a row failed. ")
		close(release)
		group.Wait()
		assert.Equal(t, chatapi.HealthHealthy, channels.Health("GOOD1").State)
	})
}

func TestChannelsRotation(t *testing.T) {
	const fresh = "n3w-t0ken-n3w-t0ken"
	channels := chatapi.NewChannels(chatapi.WithClientOptions(networkEnd(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("token") == fresh {
			return reply(200, `{"status":"connected"}`), nil
		}
		return reply(401, `{"error":"invalid token"}`), nil
	})))
	old, err := channels.Put("https://api.test/ABC1", opaqueToken)
	require.NoError(t, err)
	require.NoError(t, channels.SetWebhookSecrets("ABC1", "s3cret-s3cret"))
	_, err = old.Channel.GetStatus(t.Context())
	require.ErrorIs(t, err, chatapi.ErrUnauthorized)
	assert.Equal(t, chatapi.HealthNeedsToken, channels.Health("ABC1").State)

	client, err := channels.Put("https://api.test/ABC1", fresh)
	require.NoError(t, err)
	assert.Equal(t, chatapi.HealthHealthy, channels.Health("ABC1").State)
	_, err = old.Channel.GetStatus(t.Context()) // the old client still works, but no longer counts
	require.ErrorIs(t, err, chatapi.ErrUnauthorized)
	assert.Equal(t, chatapi.HealthHealthy, channels.Health("ABC1").State)
	now, ok := channels.Client("abc1")
	assert.True(t, ok)
	assert.Same(t, client, now)
	assert.Equal(t, []string{"s3cret-s3cret"}, channels.WebhookSecrets(t.Context(), "ABC1"))

	var b strings.Builder
	data, err := json.Marshal(channels)
	require.NoError(t, err)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "channels", channels, "health", channels.Health("ABC1"))
	text := fmt.Sprintf("%v %+v %#v %s", channels, channels, channels, data) + b.String()
	for _, secret := range []string{fresh, opaqueToken, "s3cret"} {
		assert.NotContains(t, text, secret)
	}
	assert.True(t, channels.Remove("ABC1"))
	assert.False(t, channels.Remove("ABC1"))
	assert.Zero(t, channels.Health("ABC1"))
	assert.ErrorIs(t, channels.SetWebhookSecrets("ABC1", "x"), chatapi.ErrNotFound)
}

// A new token does not end a block. The client of a removed channel reports no
// changes.
func TestChannelsPutAndRemoveAndHealth(t *testing.T) {
	status := http.StatusForbidden
	var told []chatapi.HealthState
	channels := chatapi.NewChannels(
		chatapi.WithHealthChange(func(_ chatapi.ChannelID, h chatapi.Health) { told = append(told, h.State) }),
		chatapi.WithClientOptions(once, networkEnd(func(*http.Request) (*http.Response, error) { return reply(status, `{}`), nil })))
	old, err := channels.Put("https://api.test/ABC1", opaqueToken)
	require.NoError(t, err)
	_, err = old.Channel.GetStatus(t.Context())
	require.ErrorIs(t, err, chatapi.ErrBlocked)
	before := channels.Health("ABC1")
	client, err := channels.Put("https://api.test/ABC1", "n3w-t0ken-n3w-t0ken")
	require.NoError(t, err)
	assert.Equal(t, before, channels.Health("ABC1"))
	status = http.StatusOK
	_, err = old.Channel.GetStatus(t.Context())
	require.NoError(t, err)
	assert.Equal(t, chatapi.HealthBlocked, channels.Health("ABC1").State)
	_, err = client.Channel.GetStatus(t.Context())
	require.NoError(t, err)
	assert.Equal(t, chatapi.HealthHealthy, channels.Health("ABC1").State)

	require.True(t, channels.Remove("ABC1"))
	status = http.StatusForbidden
	_, err = client.Channel.GetStatus(t.Context())
	require.ErrorIs(t, err, chatapi.ErrBlocked)
	assert.Equal(t, []chatapi.HealthState{chatapi.HealthBlocked, chatapi.HealthHealthy}, told)

	_, err = chatapi.NewChannels(chatapi.WithClientOptions(chatapi.WithTimeout(0))).Put("https://api.test/ABC1", opaqueToken)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

// A success that began before the trouble does not heal the channel.
func TestHealthOfALateSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		channels := chatapi.NewChannels(chatapi.WithClientOptions(once, networkEnd(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/status") {
				time.Sleep(10 * time.Second)
				return reply(200, `{"status":"connected"}`), nil
			}
			time.Sleep(time.Second)
			return reply(403, "Channel subscription is blocked"), nil
		})))
		client, err := channels.Put("https://api.test/ABC1", opaqueToken)
		require.NoError(t, err)
		var group sync.WaitGroup
		group.Go(func() {
			_, err := client.Channel.GetStatus(t.Context())
			assert.NoError(t, err)
		})
		_, err = client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
		require.ErrorIs(t, err, chatapi.ErrBlocked)
		group.Wait()
		assert.Equal(t, chatapi.HealthBlocked, channels.Health("ABC1").State)
	})
}

func TestNilChannelsHoldNothing(t *testing.T) {
	var none *chatapi.Channels
	_, err := none.Put("https://api.1msg.io/ABC1", opaqueToken)
	wrongField(t, err, chatapi.ErrInvalid, "registry")
	assert.ErrorIs(t, none.SetWebhookSecrets("ABC1", "s3cret"), chatapi.ErrNotFound)
	assert.Empty(t, none.WebhookSecrets(t.Context(), "ABC1"))
	assert.False(t, none.Remove("ABC1"))
	_, known := none.Client("ABC1")
	assert.False(t, known)
	assert.Equal(t, chatapi.Health{}, none.Health("ABC1"))
	for id := range none.All() {
		t.Error(id)
	}
}

func TestZeroChannelsIsAnEmptyRegistry(t *testing.T) {
	var channels chatapi.Channels
	assert.Equal(t, chatapi.Health{}, channels.Health("ABC1"))
	assert.False(t, channels.Remove("ABC1"))
	_, err := channels.Put("https://api.1msg.io/ABC1", opaqueToken)
	require.NoError(t, err)
	assert.Equal(t, chatapi.HealthHealthy, channels.Health("ABC1").State)
}

func TestChannelsAll(t *testing.T) {
	channels := chatapi.NewChannels()
	for _, id := range []string{"ABC2", "ABC3", "ABC1"} {
		_, err := channels.Put("https://api.test/"+id, opaqueToken)
		require.NoError(t, err)
	}
	var ids []chatapi.ChannelID
	for id, client := range channels.All() {
		assert.Equal(t, id, client.ChannelID())
		ids = append(ids, id)
		channels.Remove("ABC3") // All yields the channels of its start
	}
	assert.Equal(t, []chatapi.ChannelID{"ABC1", "ABC2", "ABC3"}, ids)
}

// One handler serves all channels. Each channel has its own secrets, and its body
// is refused at the address of another channel.
func TestChannelsWebhooks(t *testing.T) {
	channels := chatapi.NewChannels()
	for _, id := range []chatapi.ChannelID{"ABC1", "ABC2", "ABC3", "ABC4"} {
		_, err := channels.Put("https://api.test/"+string(id), opaqueToken)
		require.NoError(t, err)
		require.NoError(t, channels.SetWebhookSecrets(id, "old-of-"+string(id), "new-of-"+string(id)))
	}
	channels.Remove("ABC3")
	require.ErrorIs(t, channels.SetWebhookSecrets("ABC4", ""), chatapi.ErrInvalid) // stands for an unset variable
	require.NoError(t, channels.SetWebhookSecrets("ABC4"))
	_, err := channels.Put("https://api.test/ABC1", "n3w-t0ken-n3w-t0ken")
	require.NoError(t, err)

	var got []chatapi.ChannelID
	var refused error
	handler := chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error {
		got = append(got, e.Info().Channel)
		return nil
	}, chatapi.WebhookSecrets(channels.WebhookSecrets), chatapi.WebhookErrors(func(_ context.Context, err error) { refused = err }))
	for _, tc := range []struct {
		name, path, names string
		why               error
	}{
		{"its own", "/hooks/ABC1/old-of-ABC1", "ABC1", nil},
		{"its newer one", "/hooks/ABC2/new-of-ABC2", "ABC2", nil},
		{"in the query", "/hooks/ABC2?secret=new-of-ABC2", "ABC2", nil},
		{"the other's secret", "/hooks/ABC1/old-of-ABC2", "ABC1", chatapi.ErrUnauthorized},
		{"the other's secret and body", "/hooks/ABC1/old-of-ABC2", "ABC2", chatapi.ErrUnauthorized},
		{"the other's body", "/hooks/ABC1/old-of-ABC1", "ABC2", chatapi.ErrWrongChannel},
		{"the other's body, in the query", "/hooks/ABC2?secret=old-of-ABC2", "ABC1", chatapi.ErrWrongChannel},
		{"removed", "/hooks/ABC3/old-of-ABC3", "ABC3", chatapi.ErrNoWebhookSecret},
		{"never there", "/hooks/ABC9/old-of-ABC1", "ABC9", chatapi.ErrNoWebhookSecret},
		{"an empty secret", "/hooks/ABC4/", "ABC4", chatapi.ErrNoWebhookSecret},
		{"one that was replaced", "/hooks/ABC4/old-of-ABC4", "ABC4", chatapi.ErrNoWebhookSecret},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, refused = nil, nil
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, tc.path, strings.NewReader(strings.Replace(incoming, "ABC100000001", tc.names, 1))))
			if tc.why == nil {
				assert.Equal(t, http.StatusOK, w.Code)
				assert.Equal(t, []chatapi.ChannelID{chatapi.ChannelID(tc.names)}, got)
				assert.NoError(t, refused)
				return
			}
			assert.Equal(t, http.StatusForbidden, w.Code)
			assert.Empty(t, got)
			assert.ErrorIs(t, refused, tc.why)
			assert.NotContains(t, refused.Error(), "-of-")
		})
	}
}
