package chatapi_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// patient is a registry with channel ABC1, whose service answers with status and
// body.
type patient struct {
	t        *testing.T
	channels *chatapi.Channels
	client   *chatapi.Client
	changes  []chatapi.HealthState
	onChange func(chatapi.Health)

	status int
	body   string
}

func newPatient(t *testing.T) *patient {
	p := &patient{t: t}
	p.channels = chatapi.NewChannels(
		chatapi.WithHealthChange(func(_ chatapi.ChannelID, h chatapi.Health) {
			p.changes = append(p.changes, h.State)
			if p.onChange != nil {
				p.onChange(h)
			}
		}),
		chatapi.WithClientOptions(once, networkEnd(func(*http.Request) (*http.Response, error) { return reply(p.status, p.body), nil })))
	p.put()
	return p
}

// put gives the channel a new client. Later calls use that client.
func (p *patient) put() {
	var err error
	p.client, err = p.channels.Put("https://api.test/ABC1", opaqueToken)
	require.NoError(p.t, err)
}

// call makes a reading call, which the service answers with that status and body.
// It returns the health after the call.
func (p *patient) call(status int, body string) chatapi.Health {
	p.status, p.body = status, body
	_, _ = p.client.Channel.GetStatus(p.t.Context())
	return p.channels.Health("ABC1")
}

// send does the same as call with a message.
func (p *patient) send(status int, body string) chatapi.Health {
	p.status, p.body = status, body
	_, _ = p.client.Send(p.t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
	return p.channels.Health("ABC1")
}

// Remove drops the changes that the function has not been called with yet.
func TestRemoveWhileHealthIsTold(t *testing.T) {
	p := newPatient(t)
	p.onChange = func(chatapi.Health) {
		p.put() // heals, which would be the next change
		assert.True(t, p.channels.Remove("ABC1"))
	}
	p.call(401, `{}`)
	assert.Equal(t, []chatapi.HealthState{chatapi.HealthNeedsToken}, p.changes)
}

// Failures count only in a row and for one client. A refusal is an answer and
// ends the row.
func TestHealthForgetsFailures(t *testing.T) {
	for name, between := range map[string]func(*patient){
		"a new client": (*patient).put,
		"a refusal":    func(p *patient) { p.call(404, `{"error":"Method not found"}`) },
		"a success":    func(p *patient) { p.call(200, `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t)
			p.call(500, "")
			p.call(500, "")
			between(p)
			p.call(500, "")
			assert.Equal(t, chatapi.HealthHealthy, p.call(500, "").State)
			assert.Equal(t, chatapi.HealthDegraded, p.call(500, "").State)
		})
	}
}

// A second cause of the same state changes the reason, but not Since.
func TestHealthOfASecondCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t)
		first := p.call(401, `{"error":"invalid or expired token"}`)
		time.Sleep(time.Minute)
		second := p.call(401, `{"error":"Wrong token \"x\" for channel \"ABC1\""}`)
		assert.NotEqual(t, first.Reason, second.Reason)
		assert.Equal(t, first.Since, second.Since)
		assert.Equal(t, []chatapi.HealthState{chatapi.HealthNeedsToken}, p.changes)
	})
}

// After a plain 403, a successful read heals the channel, even if the account was
// blocked before.
func TestHealthOfABlockWithAnotherCause(t *testing.T) {
	const locked = `{"sent":false,"error":{"code":131031,"message":"Account locked"}}`
	p := newPatient(t)
	require.Equal(t, chatapi.HealthBlocked, p.send(200, locked).State)
	require.Equal(t, chatapi.HealthBlocked, p.call(200, `{}`).State)
	require.Equal(t, chatapi.HealthBlocked, p.call(403, "Channel subscription is blocked").State)
	assert.Equal(t, chatapi.HealthHealthy, p.call(200, `{}`).State)

	require.Equal(t, chatapi.HealthBlocked, p.call(403, "Channel subscription is blocked").State)
	require.Equal(t, chatapi.HealthBlocked, p.send(200, locked).State)
	assert.Equal(t, chatapi.HealthBlocked, p.call(200, `{}`).State)
}

// Failures do not change a state that an admin has to end.
func TestHealthOfABlockedChannelThatFails(t *testing.T) {
	for state, status := range map[chatapi.HealthState]int{chatapi.HealthBlocked: 403, chatapi.HealthNeedsToken: 401} {
		p := newPatient(t)
		blocked := p.call(status, "")
		require.Equal(t, state, blocked.State)
		for range 4 {
			p.call(500, "")
		}
		assert.Equal(t, blocked, p.channels.Health("ABC1"))
	}
}

// Put reports the change that it makes before it returns.
func TestPutTellsThatTheChannelIsHealthy(t *testing.T) {
	p := newPatient(t)
	p.call(401, `{}`)
	p.put()
	assert.Equal(t, []chatapi.HealthState{chatapi.HealthNeedsToken, chatapi.HealthHealthy}, p.changes)
}

// A change that is caused inside the health callback is reported after that
// callback returns.
func TestHealthIsToldInOrder(t *testing.T) {
	p := newPatient(t)
	depth := 0
	p.onChange = func(h chatapi.Health) {
		depth++
		assert.Equal(t, 1, depth)
		if h.State == chatapi.HealthNeedsToken {
			p.put()
		}
		depth--
	}
	p.call(401, `{}`)
	assert.Equal(t, []chatapi.HealthState{chatapi.HealthNeedsToken, chatapi.HealthHealthy}, p.changes)
}

// After a panic of the health callback, later changes are still reported.
func TestHealthIsToldAfterAPanic(t *testing.T) {
	p := newPatient(t)
	p.onChange = func(chatapi.Health) { panic("broken") }
	assert.PanicsWithValue(t, "broken", func() { p.call(403, "") })
	p.onChange = nil
	p.call(200, `{}`)
	assert.Equal(t, []chatapi.HealthState{chatapi.HealthBlocked, chatapi.HealthHealthy}, p.changes)
}

// A channel's own options override those of the registry.
func TestChannelsOwnOptionsWin(t *testing.T) {
	calls := 0
	count := networkEnd(func(*http.Request) (*http.Response, error) { calls++; return reply(200, `{}`), nil })
	channels := chatapi.NewChannels(chatapi.WithClientOptions(networkEnd(func(*http.Request) (*http.Response, error) { return reply(500, ""), nil })))
	client, err := channels.Put("https://api.test/ABC1", opaqueToken, count)
	require.NoError(t, err)
	_, err = client.Channel.GetStatus(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
}

// The registry copies the secrets, so the caller may change the slice.
func TestSetWebhookSecretsCopies(t *testing.T) {
	channels := chatapi.NewChannels()
	_, err := channels.Put("https://api.test/ABC1", opaqueToken)
	require.NoError(t, err)
	secrets := []string{"old", "new"}
	require.NoError(t, channels.SetWebhookSecrets("abc1", secrets...))
	secrets[0] = "changed"
	assert.Equal(t, []string{"old", "new"}, channels.WebhookSecrets(context.Background(), "instanceABC1"))
}
