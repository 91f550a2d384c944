package chatapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

// What a channel's calls show, one after another.
func TestHealth(t *testing.T) {
	const read, send = false, true
	type step struct {
		send   bool
		status int // 0 is a dead line
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
		"dead, answered":  {{read, 0, "", chatapi.HealthHealthy}, {send, 0, "", chatapi.HealthHealthy}, {read, 500, "", chatapi.HealthDegraded}, {send, 200, window, chatapi.HealthHealthy}},
		"now and then":    {{read, 500, "", chatapi.HealthHealthy}, {read, 500, "", chatapi.HealthHealthy}, {read, 200, `{}`, chatapi.HealthHealthy}, {read, 500, "", chatapi.HealthHealthy}},
		"a closed window": {{send, 200, window, chatapi.HealthHealthy}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now step
				var told []chatapi.HealthState
				var channels *chatapi.Channels
				channels = chatapi.NewChannels(chatapi.WithRetry(chatapi.Retry{Attempts: 1}),
					chatapi.WithHealthChange(func(id chatapi.ChannelID, h chatapi.Health) {
						assert.Equal(t, h, channels.Health(id)) // no lock is held
						told = append(told, h.State)
					}),
					chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
						if now.status == 0 {
							return nil, errors.New("the line is dead")
						}
						return reply(now.status, now.body), nil
					})}))
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
						_, _ = client.Channel.Status(t.Context())
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

func TestChannelsRotation(t *testing.T) {
	const fresh = "n3w-t0ken-n3w-t0ken"
	channels := chatapi.NewChannels(chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("token") == fresh {
			return reply(200, `{"status":"connected"}`), nil
		}
		return reply(401, `{"error":"invalid token"}`), nil
	})}))
	old, err := channels.Put("https://api.test/ABC1", opaqueToken)
	require.NoError(t, err)
	require.NoError(t, channels.SetWebhookSecrets("ABC1", "s3cret-s3cret"))
	_, err = old.Channel.Status(t.Context())
	require.ErrorIs(t, err, chatapi.ErrUnauthorized)
	assert.Equal(t, chatapi.HealthNeedsToken, channels.Health("ABC1").State)

	client, err := channels.Put("https://api.test/ABC1", fresh)
	require.NoError(t, err)
	assert.Equal(t, chatapi.HealthHealthy, channels.Health("ABC1").State)
	_, err = old.Channel.Status(t.Context()) // the old client goes on, and counts no more
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

// Everything at once, for the race detector.
func TestChannelsUnderLoad(t *testing.T) {
	statuses := []int{200, 401, 403, 500}
	var mu sync.Mutex
	n := 0
	channels := chatapi.NewChannels(chatapi.WithRetry(chatapi.Retry{Attempts: 1}), chatapi.WithHealthChange(func(chatapi.ChannelID, chatapi.Health) {}),
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			n++
			return reply(statuses[n%len(statuses)], `{}`), nil
		})}))
	handler := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil },
		chatapi.WebhookSecrets(channels.WebhookSecrets), chatapi.WebhookErrors(func(context.Context, error) {}))
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 50 {
				id := chatapi.ChannelID(fmt.Sprintf("ABC%d", i%5))
				_, err := channels.Put("https://api.test/"+string(id), opaqueToken)
				assert.NoError(t, err)
				_ = channels.SetWebhookSecrets(id, "s3cret")
				if client, ok := channels.Client(id); ok {
					_, _ = client.Channel.Status(t.Context())
				}
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/"+string(id)+"/s3cret", strings.NewReader(`{"messages":[]}`)))
				for range channels.All() {
				}
				channels.Health(id)
				if worker == 0 && i%10 == 0 {
					channels.Remove(id)
				}
			}
		})
	}
	group.Wait()
}

func ExampleChannels() {
	channels := chatapi.NewChannels(chatapi.WithRetry(chatapi.Retry{Attempts: 1}),
		chatapi.WithHealthChange(func(id chatapi.ChannelID, h chatapi.Health) { fmt.Println(id, "is", h.State) }),
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return reply(403, "Channel subscription is blocked"), nil
		})}))
	for _, id := range []string{"ABC1", "ABC2"} {
		if _, err := channels.Put("https://api.test/"+id, "t0ken-of-"+id); err != nil {
			fmt.Println(err)
		}
		_ = channels.SetWebhookSecrets(chatapi.ChannelID(id), "s3cret-of-"+id)
	}
	handler := chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error {
		fmt.Println("event of", e.Info().Channel)
		return nil
	}, chatapi.WebhookSecrets(channels.WebhookSecrets), chatapi.WebhookErrors(func(context.Context, error) {}))
	for _, path := range []string{"/ABC100000001/s3cret-of-ABC1", "/ABC1/s3cret-of-ABC2", "/ABC1/s3cret-of-ABC1"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(strings.Replace(incoming, "ABC100000001", "ABC1", 1))))
		fmt.Println(w.Code)
	}
	client, _ := channels.Client("ABC1")
	_, _ = client.Channel.Status(context.Background())
	fmt.Println("ABC2 is", channels.Health("ABC2").State)
	// Output:
	// 403
	// 403
	// event of ABC1
	// 200
	// ABC1 is blocked
	// ABC2 is healthy
}

// A channel whose service does not answer delays no other.
func TestOneBadChannelSlowsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		channels := chatapi.NewChannels(chatapi.WithPace(chatapi.Pace{PerSecond: 1, Burst: 1}))
		network := func(delay time.Duration) chatapi.Option {
			return chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				select {
				case <-time.After(delay):
					return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			})})
		}
		bad, err := channels.Put("https://api.test/ABC1", opaqueToken, network(time.Hour))
		require.NoError(t, err)
		good, err := channels.Put("https://api.test/ABC2", opaqueToken, network(0))
		require.NoError(t, err)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				_, err := bad.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
				assert.Error(t, err)
			})
		}
		synctest.Wait()
		began := time.Now()
		_, err = good.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
		require.NoError(t, err)
		assert.Zero(t, time.Since(began))
		group.Wait()
		assert.Equal(t, chatapi.HealthDegraded, channels.Health("ABC1").State)
		assert.Equal(t, chatapi.HealthHealthy, channels.Health("ABC2").State)
	})
}

// Finding a channel among 10,000, beside finding it in a bare map.
func BenchmarkChannelsLookup(b *testing.B) {
	channels := chatapi.NewChannels(chatapi.WithHTTPClient(&http.Client{}))
	floor := map[chatapi.ChannelID]*chatapi.Client{}
	ids := make([]chatapi.ChannelID, 10_000)
	for i := range ids {
		ids[i] = chatapi.ChannelID(fmt.Sprintf("ABC%d", 100_000_000+i))
		client, err := channels.Put("https://api.test/"+string(ids[i]), opaqueToken)
		require.NoError(b, err)
		floor[ids[i]] = client
	}
	began := time.Now()
	for i := range b.N {
		_ = floor[ids[i%len(ids)]]
	}
	bare := time.Since(began)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, ok := channels.Client(ids[i%len(ids)]); !ok {
			b.Fatal("lost")
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(max(bare, 1)), "x-map")
}
