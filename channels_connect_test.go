package chatapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// A token that does not work never replaces the token that does.
func TestChannelsConnectPutsOnlyAChannelThatWorks(t *testing.T) {
	api := chatapitest.New(t)
	address, err := api.Listen()
	require.NoError(t, err)
	channels, channel := chatapi.NewChannels(chatapi.WithClientOptions(once)), api.Client().ChannelID()

	connection, err := channels.Connect(t.Context(), address, "wr0ng-t0ken", chatapi.ConnectOptions{})
	require.ErrorIs(t, err, chatapi.ErrUnauthorized)
	assert.Contains(t, connection.String(), "Not connected: The token of channel")
	_, there := channels.Client(channel)
	assert.False(t, there, "a channel that does not work is not put")

	connection, err = channels.Connect(t.Context(), address, api.Token, chatapi.ConnectOptions{WebhookURL: "https://desk.example/s3cret"})
	require.NoError(t, err)
	assert.Contains(t, connection.String(), "Connection successfully established")
	assert.Equal(t, []string{"https://desk.example/s3cret"}, connection.Webhooks)
	working, there := channels.Client(channel)
	require.True(t, there)

	for name, token := range map[string]string{"refused": "wr0ng-t0ken", "empty": "", "of two words": "a b"} {
		connection, err = channels.Connect(t.Context(), address, token, chatapi.ConnectOptions{})
		require.Error(t, err, name)
		assert.Contains(t, connection.String(), "Not connected: ", name)
		kept, _ := channels.Client(channel)
		assert.Same(t, working, kept, name)
	}
	assert.Equal(t, chatapi.HealthHealthy, channels.Health(channel).State)

	var none *chatapi.Channels
	connection, err = none.Connect(t.Context(), address, api.Token, chatapi.ConnectOptions{})
	require.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.Contains(t, connection.String(), "Not connected: ")
}

// The address that a client returns makes the same client again.
func TestAPIURL(t *testing.T) {
	for given, want := range map[string]string{
		"https://api.1msg.io/ABC100000001":                       "https://api.1msg.io/ABC100000001",
		" api.1msg.io/ABC100000001/ ":                            "https://api.1msg.io/ABC100000001",
		"https://api.1msg.io/ABC100000001/?token=" + opaqueToken: "https://api.1msg.io/ABC100000001",
		"https://eu12.chat-api.com/instance100001/":              "https://eu12.chat-api.com/instance100001",
		"https://api.1msg.io/instance100001":                     "https://api.1msg.io/100001",
	} {
		client, err := chatapi.New(given, opaqueToken)
		require.NoError(t, err)
		assert.Equal(t, want, client.APIURL())
		again, err := chatapi.New(client.APIURL(), opaqueToken)
		require.NoError(t, err)
		assert.Equal(t, client.ChannelID(), again.ChannelID())
		assert.Equal(t, want, again.APIURL())
	}
	var none *chatapi.Client
	assert.Empty(t, none.APIURL())
}

func TestRestoreHealth(t *testing.T) {
	answers := []*http.Response{
		reply(200, `{"status":"connected"}`),
		reply(200, `{"sent":true,"id":"wamid.1"}`),
	}
	told := 0
	channels := chatapi.NewChannels(chatapi.WithHealthChange(func(chatapi.ChannelID, chatapi.Health) { told++ }),
		chatapi.WithClientOptions(once, networkEnd(func(*http.Request) (*http.Response, error) {
			next := answers[0]
			answers = answers[1:]
			return next, nil
		})))
	client, err := channels.Put("https://api.test/ABC1", opaqueToken)
	require.NoError(t, err)

	kept := chatapi.Health{State: chatapi.HealthBlocked, Reason: "The account is locked.", Since: time.Now().Add(-time.Hour), Code: 131031}
	require.NoError(t, channels.RestoreHealth("ABC1", kept))
	assert.Equal(t, kept, channels.Health("ABC1"))
	assert.Zero(t, told)

	_, err = client.Channel.GetStatus(t.Context())
	require.NoError(t, err)
	assert.Equal(t, kept, channels.Health("ABC1"), "a locked account can still be read")
	_, err = client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "Hello"})
	require.NoError(t, err)
	assert.Equal(t, chatapi.HealthHealthy, channels.Health("ABC1").State)
	assert.Zero(t, channels.Health("ABC1").Code)
	assert.Equal(t, 1, told)

	assert.ErrorIs(t, channels.RestoreHealth("ABC2", kept), chatapi.ErrNotFound)
	assert.ErrorIs(t, channels.RestoreHealth("ABC1", chatapi.Health{}), chatapi.ErrInvalid)
	var none *chatapi.Channels
	assert.ErrorIs(t, none.RestoreHealth("ABC1", kept), chatapi.ErrNotFound)
}
