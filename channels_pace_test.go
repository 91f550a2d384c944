package chatapi_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

const newToken = "n3w-t0ken-n3w-t0ken"

// paced is a registry with one channel, ABC1, whose service answers with the queued
// replies, and then accepts everything.
type paced struct {
	*chatapi.Channels
	t       *testing.T
	mu      sync.Mutex
	replies []*http.Response
}

func newPaced(t *testing.T) *paced {
	t.Helper()
	p := &paced{t: t}
	p.Channels = chatapi.NewChannels(chatapi.WithClientOptions(once, networkEnd(func(r *http.Request) (*http.Response, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.replies) == 0 || r.Method != http.MethodPost {
			return reply(200, `{"sent":true,"id":"wamid.1","status":"connected","about":"Open 9-18","templates":[],"webhookUrl":""}`), nil
		}
		next := p.replies[0]
		p.replies = p.replies[1:]
		return next, nil
	})))
	return p
}

func (p *paced) put(token string, pace chatapi.Pace) *chatapi.Client {
	p.t.Helper()
	client, err := p.Put("https://api.test/ABC1", token, chatapi.WithPace(pace))
	require.NoError(p.t, err)
	return client
}

// took sends a message that is accepted, and returns how long it took.
func (p *paced) took(client *chatapi.Client, to chatapi.Recipient) time.Duration {
	p.t.Helper()
	began := time.Now()
	_, err := client.Send(p.t.Context(), to, chatapi.Text{Body: "hi"})
	require.NoError(p.t, err)
	return time.Since(began)
}

// refused sends a message that the service refuses with that reply.
func (p *paced) refused(client *chatapi.Client, to chatapi.Recipient, status int, body string) {
	p.t.Helper()
	p.replies = append(p.replies, reply(status, body))
	_, err := client.Send(p.t.Context(), to, chatapi.Text{Body: "hi"})
	require.ErrorIs(p.t, err, chatapi.ErrRateLimited)
}

const pairLimited = `{"sent":false,"error":{"code":131056,"message":"pair rate limit hit"}}`

// The pause of a recipient that a refusal led to outlasts a new token, with any pace,
// and counts for the old client too.
func TestPutKeepsThePausesOfRecipients(t *testing.T) {
	before := chatapi.Pace{PerSecond: 80, Burst: 10, Pair: 6 * time.Second, PairBurst: 45}
	for name, tc := range map[string]struct {
		after chatapi.Pace
		pause time.Duration
	}{
		"the same pace":         {before, 4 * time.Second},
		"another rate":          {chatapi.Pace{PerSecond: 20, Burst: 1, Pair: 6 * time.Second, PairBurst: 45}, 4 * time.Second},
		"a larger burst":        {chatapi.Pace{PerSecond: 80, Burst: 10, Pair: time.Second, PairBurst: 100}, 4 * time.Second},
		"recipients only":       {chatapi.Pace{Pair: 6 * time.Second, PairBurst: 2}, 4 * time.Second},
		"no burst for a person": {chatapi.Pace{PerSecond: 80, Burst: 10, Pair: 6 * time.Second, PairBurst: 1}, 6 * time.Second}, // its own pace is slower
	} {
		for _, status := range []int{http.StatusOK, http.StatusTooManyRequests} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPaced(t)
					old := p.put(opaqueToken, before)
					p.refused(old, ann, status, pairLimited)
					client := p.put(newToken, tc.after)
					time.Sleep(time.Second) // the channel has turns again
					assert.Zero(t, p.took(client, chatapi.Phone("12025550144")))
					assert.Equal(t, tc.pause-time.Second, p.took(client, ann), "a second has passed")

					p.refused(old, chatapi.Phone("12025550145"), status, pairLimited)
					assert.Equal(t, tc.pause, p.took(client, chatapi.Phone("12025550145")), "the old client learns for the new one")
				})
			})
		}
	}
}

// A recipient who got a burst gets no other one from the client with the new token.
func TestPutRenewsNoBurstOfARecipient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(t)
		pace := chatapi.Pace{Pair: 10 * time.Second, PairBurst: 3}
		client := p.put(opaqueToken, pace)
		for range 3 {
			assert.Zero(t, p.took(client, ann))
		}
		assert.Equal(t, 10*time.Second, p.took(p.put(newToken, pace), ann))
	})
}

func TestPutRenewsNoBurstOfTheChannel(t *testing.T) {
	before := chatapi.Pace{PerSecond: 1, Burst: 5}
	for name, tc := range map[string]struct {
		after chatapi.Pace
		wait  time.Duration
	}{
		"the same pace":           {before, time.Second},
		"another rate":            {chatapi.Pace{PerSecond: 2, Burst: 5}, 500 * time.Millisecond},
		"a larger burst":          {chatapi.Pace{PerSecond: 1, Burst: 9}, time.Second},
		"a limit for people, too": {chatapi.Pace{PerSecond: 1, Burst: 5, Pair: time.Second}, time.Second},
		"no limit":                {chatapi.Pace{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPaced(t)
				old := p.put(opaqueToken, before)
				for range 5 {
					assert.Zero(t, p.took(old, ann))
				}
				client := p.put(newToken, tc.after)
				assert.Equal(t, tc.wait, p.took(client, ann))
				if tc.after.PerSecond == before.PerSecond && tc.after.Burst == before.Burst {
					assert.Equal(t, time.Second, p.took(old, ann), "both clients share the turns")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(t)
		assert.Zero(t, p.took(p.put(opaqueToken, before), ann))
		require.True(t, p.Remove("ABC1"))
		client := p.put(newToken, before)
		for range 5 {
			assert.Zero(t, p.took(client, ann), "a removed channel begins anew")
		}
	})
}

// A 429 halves the rate, and a new token does not raise it.
func TestPutKeepsTheLoweredRate(t *testing.T) {
	for name, tc := range map[string]struct {
		after chatapi.Pace
		wait  time.Duration
	}{
		"the same pace": {chatapi.Pace{PerSecond: 0.5}, 4 * time.Second},
		"a higher rate": {chatapi.Pace{PerSecond: 1}, 4 * time.Second},
		"a lower rate":  {chatapi.Pace{PerSecond: 0.125}, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPaced(t)
				p.refused(p.put(opaqueToken, chatapi.Pace{PerSecond: 0.5}), ann, http.StatusTooManyRequests, `{}`)
				assert.Equal(t, tc.wait, p.took(p.put(newToken, tc.after), ann))
			})
		})
	}
}

func TestConnectKeepsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(t)
		pace := chatapi.Pace{PerSecond: 80, Pair: 6 * time.Second}
		p.refused(p.put(opaqueToken, pace), ann, http.StatusOK, pairLimited)
		_, err := p.Connect(t.Context(), "https://api.test/instanceABC1", newToken, chatapi.ConnectOptions{}, chatapi.WithPace(pace))
		require.NoError(t, err)
		client, ok := p.Client("ABC1")
		require.True(t, ok)
		assert.Equal(t, 4*time.Second, p.took(client, ann))
	})
}

// Tokens change while many goroutines send, with old clients and new ones.
func TestPutKeepsThePaceUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(t)
		pace := chatapi.Pace{PerSecond: 100, Burst: 10, Pair: time.Second, PairBurst: 1000}
		old := p.put(opaqueToken, pace)
		began := time.Now()
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() {
				for range 50 {
					client, _ := p.Client("ABC1")
					if i%2 == 0 {
						client = old
					}
					p.took(client, ann)
				}
			})
			group.Go(func() {
				for range 10 {
					p.put(newToken, pace)
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		group.Wait()
		assert.Equal(t, 4900*time.Millisecond, time.Since(began).Round(time.Millisecond), "500 messages, 10 of them at once")
	})
}
