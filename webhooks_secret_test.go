package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestWebhookAddress(t *testing.T) {
	for _, test := range []struct {
		base, want string
		channel    chatapi.ChannelID
	}{
		{"https://desk.example/webhooks", "https://desk.example/webhooks/ABC1/s3cret", "ABC1"},
		{" https://desk.example/webhooks/ ", "https://desk.example/webhooks/ABC1/s3cret", "ABC1"},
		{"https://desk.example", "https://desk.example/s3cret", ""},
		{"http://localhost:8080/hooks", "http://localhost:8080/hooks/s3cret", ""},
	} {
		address, err := chatapi.WebhookAddress(test.base, test.channel, "s3cret")
		require.NoError(t, err)
		assert.Equal(t, test.want, address)
	}
	for _, test := range []struct {
		base    string
		channel chatapi.ChannelID
		secret  string
		field   string
	}{
		{"desk.example", "ABC1", "s3cret", "base"},
		{"http://desk.example", "ABC1", "s3cret", "base"},
		{"ftp://desk.example", "ABC1", "s3cret", "base"},
		{"https://desk.example/?a=1", "ABC1", "s3cret", "base"},
		{"https://me:s3cret@desk.example", "ABC1", "s3cret", "base"},
		{"https://desk.example", "ABC1", "", "secret"},
		{"https://desk.example", "ABC1", "..", "secret"},
		{"https://desk.example", "ABC1", "two words", "secret"},
		{"https://desk.example", "ABC1", "a/b", "secret"},
		{"https://desk.example", "A/B", "s3cret", "channel"},
	} {
		_, err := chatapi.WebhookAddress(test.base, test.channel, test.secret)
		e := wrongField(t, err, chatapi.ErrInvalid, test.field)
		assert.Equal(t, "WebhookAddress", e.Op)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestNewWebhookSecretFitsIntoAnAddress(t *testing.T) {
	secret := chatapi.NewWebhookSecret()
	assert.NotEqual(t, secret, chatapi.NewWebhookSecret())
	address, err := chatapi.WebhookAddress("https://desk.example", "ABC1", secret)
	require.NoError(t, err)
	assert.Contains(t, address, secret)
}
