package chatapitest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestGroupChat checks that a message of a member opens the group's window, but not
// the member's own.
func TestGroupChat(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	const chat = "120363000000000001@g.us"
	_, err := client.Send(t.Context(), chatapi.Chat(chat), chatapi.Text{Body: "x"})
	assert.ErrorIs(t, err, chatapi.ErrRecipient)
	api.Customer(ann).SaysIn(chat, "hi all")
	_, err = client.Send(t.Context(), chatapi.Chat(chat), chatapi.Text{Body: "hi"})
	require.NoError(t, err)
	require.Len(t, api.GroupReceived(chat), 1)
	assert.Equal(t, "hi", api.GroupReceived(chat)[0].Text)
	assert.Nil(t, api.GroupReceived("17"))
	_, err = client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "in private?"})
	assert.ErrorIs(t, err, chatapi.ErrWindowClosed)
}
