package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// normalized returns the event of a customer's message with the given members.
func normalized(t *testing.T, members string) *chatapi.MessageEvent {
	t.Helper()
	return one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","fromMe":false,`+members+`}]}`)
}

func TestParseWebhookAuthorBSUIDBeatsTheChat(t *testing.T) {
	const chat = `"type":"chat","body":"x","chatId":"US.1@lid"`
	assert.Equal(t, "US.2", normalized(t, chat+`,"authorBsuid":"US.2"`).From.BSUID)
	assert.Equal(t, "US.1", normalized(t, chat).From.BSUID)
}

// A body that is a link is a file only if this version does not know the type.
func TestParseWebhookLinkWithoutAType(t *testing.T) {
	e := normalized(t, `"body":"https://shop.example.com","chatId":"12025550143@c.us"`)
	assert.Equal(t, "https://shop.example.com", e.Text)
	assert.Nil(t, e.Media)
}

func TestParseWebhookReferralOfANormalizedMessage(t *testing.T) {
	e := normalized(t, `"type":"chat","body":"x","chatId":"12025550143@c.us","meta":{"referral":{"source_id":"meta"}},
		"referral":{"source_id":"own","image_url":"https://a.example/i.jpg","video_url":"https://a.example/v.mp4"}`)
	require.NotNil(t, e.Referral)
	assert.Equal(t, "own", e.Referral.SourceID)
	assert.Equal(t, "https://a.example/i.jpg", e.Referral.MediaURL, "the first link wins")
}

// In an ack, the recipient's own members win over the chat id.
func TestParseWebhookAckRecipient(t *testing.T) {
	ack := func(members string) *chatapi.StatusEvent {
		return one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"failed",`+members+`}]}`)
	}
	assert.Equal(t, "12025550111", ack(`"chatId":"12025550143@c.us","phone":"12025550111"`).To.Phone)
	assert.Equal(t, "US.2", ack(`"chatId":"US.1@lid","bsuid":"US.2"`).To.BSUID)
	assert.Equal(t, "US.1", ack(`"chatId":"US.1@lid"`).To.BSUID)

	var titles []string
	for _, e := range ack(`"error":"one","errors":[{"title":"two"}]`).Errors {
		titles = append(titles, e.Title)
	}
	assert.Equal(t, []string{"one", "two"}, titles)
}
