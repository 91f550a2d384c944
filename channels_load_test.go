package chatapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// All methods run at once, for the race detector.
func TestChannelsUnderLoad(t *testing.T) {
	statuses := []int{200, 401, 403, 500}
	var mu sync.Mutex
	n := 0
	last := map[chatapi.ChannelID]chatapi.HealthState{}
	channels := chatapi.NewChannels(
		chatapi.WithHealthChange(func(id chatapi.ChannelID, h chatapi.Health) {
			mu.Lock()
			defer mu.Unlock()
			if id != "ABC0" { // ABC0 is removed and starts again as healthy
				assert.NotEqual(t, last[id], h.State)
			}
			last[id] = h.State
		}),
		chatapi.WithClientOptions(once, networkEnd(func(*http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			n++
			return reply(statuses[n%len(statuses)], `{"sent":true,"id":"wamid.1"}`), nil
		})))
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
					_, _ = client.Channel.GetStatus(t.Context())
					_, _ = client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
				}
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/"+string(id)+"/s3cret", strings.NewReader(`{"messages":[]}`)))
				for range channels.All() {
				}
				channels.Health(id)
				if worker == 0 && i%10 == 0 {
					channels.Remove("ABC0")
				}
			}
		})
	}
	group.Wait()
}

// Thousands of channels are put, rotated and removed while other goroutines read
// everything and three channels keep sending. The test ends only if each of the
// three gets a message out between two batches of changes.
func TestThousandsOfChannels(t *testing.T) {
	const total, workers, batch = 3000, 4, 50
	c := newCrowd(t)
	var changing, watching sync.WaitGroup
	done, steps := make(chan struct{}), make([]chan struct{}, 3)
	for i := range steps {
		id := fmt.Sprintf("STEADY%d", i)
		c.put(id, "t0ken-of-"+id)
		steps[i] = make(chan struct{})
		watching.Go(func() { c.keepSending(chatapi.ChannelID(id), steps[i], done) })
	}
	watching.Go(func() { c.keepReading(done) })
	for worker := range workers {
		changing.Go(func() {
			for n := worker; n < total; n += workers {
				id := fmt.Sprintf("ABC%d", n)
				c.rotate(id)
				if n%2 == 1 {
					assert.True(t, c.channels.Remove(chatapi.ChannelID(id)))
				}
				if n/workers%batch == 0 {
					for _, step := range steps {
						<-step
					}
				}
			}
		})
	}
	changing.Wait()
	close(done)
	watching.Wait()

	left := 0
	for id := range c.channels.All() {
		if number, ok := strings.CutPrefix(string(id), "ABC"); ok {
			n, err := strconv.Atoi(number)
			require.NoError(t, err)
			require.Zero(t, n%2, "removed")
			left++
		}
	}
	assert.Equal(t, total/2, left)
}

// crowd has channels whose service accepts only the newest token of each.
type crowd struct {
	t        *testing.T
	channels *chatapi.Channels
	newest   sync.Map // the newest token of each channel
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{t: t}
	c.channels = chatapi.NewChannels(chatapi.WithClientOptions(networkEnd(func(r *http.Request) (*http.Response, error) {
		channel := strings.Split(r.URL.Path, "/")[1]
		if newest, _ := c.newest.Load(channel); newest != r.URL.Query().Get("token") {
			return reply(401, `{"error":"invalid token"}`), nil
		}
		return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
	})))
	return c
}

func (c *crowd) put(id, token string) *chatapi.Client {
	c.newest.Store(id, token)
	client, err := c.channels.Put("https://api.test/"+id, token)
	assert.NoError(c.t, err)
	return client
}

// rotate puts a channel with an old token and then with a new token, which counts
// at once.
func (c *crowd) rotate(name string) {
	id := chatapi.ChannelID(name)
	old := c.put(name, "0ld-t0ken-of-"+name)
	assert.NoError(c.t, c.channels.SetWebhookSecrets(id, "s3cret-of-"+name))
	client := c.put(name, "n3w-t0ken-of-"+name)
	found, ok := c.channels.Client(id)
	assert.True(c.t, ok)
	assert.Same(c.t, client, found)
	_, err := found.Channel.GetStatus(c.t.Context())
	assert.NoError(c.t, err, "the rotated token is used at once")
	_, err = old.Channel.GetStatus(c.t.Context())
	assert.ErrorIs(c.t, err, chatapi.ErrUnauthorized)
	assert.Equal(c.t, chatapi.HealthHealthy, c.channels.Health(id).State)
	assert.Equal(c.t, []string{"s3cret-of-" + name}, c.channels.WebhookSecrets(c.t.Context(), id))
}

// keepSending sends messages until done is closed. After each message it waits
// for somebody to receive from step.
func (c *crowd) keepSending(id chatapi.ChannelID, step chan<- struct{}, done <-chan struct{}) {
	for {
		client, ok := c.channels.Client(id)
		assert.True(c.t, ok)
		_, err := client.Send(c.t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
		assert.NoError(c.t, err)
		select {
		case step <- struct{}{}:
		case <-done:
			return
		}
	}
}

// keepReading reads every channel, in order of ids, until done is closed.
func (c *crowd) keepReading(done <-chan struct{}) {
	for {
		last := chatapi.ChannelID("")
		for id, client := range c.channels.All() {
			assert.Less(c.t, last, id)
			assert.Equal(c.t, id, client.ChannelID())
			last = id
			c.channels.Health(id)
			c.channels.WebhookSecrets(c.t.Context(), id)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// BenchmarkChannelsLookup compares finding one of 10,000 channels with a look-up
// in a bare map.
func BenchmarkChannelsLookup(b *testing.B) {
	channels := chatapi.NewChannels(chatapi.WithClientOptions(chatapi.WithHTTPClient(&http.Client{})))
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
