package chatapitest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestCustomer(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	client := api.Client()
	customer := api.Customer("+1 (202) 555-0143").WithUsername("@ann")
	assert.Same(t, customer, api.Customer(ann))
	assert.Equal(t, chatapi.Phone(ann), customer.Recipient())

	customer.ClicksAd(chatapi.Referral{Headline: "Shoes"}, "how much?")
	message := events.last().(*chatapi.MessageEvent)
	require.NotNil(t, message.Referral)
	assert.Equal(t, "ad", message.Referral.SourceType)
	assert.Equal(t, "Shoes", message.Referral.Headline)
	assert.NotEmpty(t, message.Referral.ClickID)
	assert.Equal(t, "ann", message.From.Username)

	buttons := chatapi.Buttons{Body: "Which?", Buttons: []chatapi.Button{{ID: "red", Title: "Red ones"}, {ID: "blue", Title: "Blue ones"}}}
	for _, to := range []chatapi.Recipient{chatapi.Username("Ann"), chatapi.BSUID(customer.BSUID()), chatapi.BSUIDAsPhone(customer.BSUID()),
		chatapi.Chat(ann + "@c.us"), chatapi.Phone(ann)} {
		_, err := client.Send(t.Context(), to, buttons)
		require.NoError(t, err, "%v", to)
	}
	assert.Len(t, customer.Received(), 5)
	assert.Equal(t, []chatapitest.Button{{ID: "red", Title: "Red ones"}, {ID: "blue", Title: "Blue ones"}}, plainButtons(customer.LastReceived().Buttons))
	customer.Taps("Blue ones")
	message = events.last().(*chatapi.MessageEvent)
	assert.Equal(t, &chatapi.Reply{ID: "blue", Title: "Blue ones"}, message.Reply)
	assert.Equal(t, customer.LastReceived().ID, message.QuotedID)

	require.NoError(t, client.Messages.MarkRead(t.Context(), message.ID, true))
	assert.True(t, customer.SeesRead(message.ID))

	hidden := api.Customer("US.4242424242424242")
	assert.Equal(t, chatapi.BSUID("US.4242424242424242"), hidden.Recipient())
	assert.Empty(t, hidden.Phone())
}

func TestCustomerFiles(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	client := api.Client()
	customer := api.Customer(ann)
	customer.Says("hi")
	_, err := client.Send(t.Context(), customer.Recipient(), chatapi.File{Media: chatapi.MediaBytes("a.png", []byte("\x89PNG\r\n\x1a\n")), Caption: "look"})
	require.NoError(t, err)
	file := customer.LastReceived()
	assert.Equal(t, "look", file.Text)
	assert.Equal(t, chatapi.TypeImage, file.File.Type)
	assert.Equal(t, "\x89PNG\r\n\x1a\n", string(file.File.Data))

	customer.Sends(chatapitest.File{Name: "photo.jpg", Data: []byte("jpeg")})
	message := events.last().(*chatapi.MessageEvent)
	resp, err := (&http.Client{Transport: api.Transport}).Get(message.Media.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode)
}

func TestContactCardPhoneAppAndBlocking(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	customer := api.Customer(ann)
	customer.SharesContact("Pat Example", "+12025550188")
	assert.Equal(t, chatapi.TypeContacts, events.last().(*chatapi.MessageEvent).Type)

	api.FromPhone(ann, "typed on the phone")
	api.Settle()
	assert.Equal(t, "typed on the phone", customer.LastReceived().Text)
	request(t, api, "POST", "blockUser", `{"phone":"12025550143"}`)
	assert.Empty(t, customer.Says("let me in"))
}

// plainButtons returns buttons without their private fields.
func plainButtons(buttons []chatapitest.Button) (plain []chatapitest.Button) {
	for _, b := range buttons {
		plain = append(plain, chatapitest.Button{ID: b.ID, Title: b.Title})
	}
	return plain
}

func TestOffline(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	customer := api.Customer(ann)
	customer.Says("bye")
	api.Webhook("https://log.test/x", events)
	customer.GoesOffline()
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "there?"})
	require.NoError(t, err)
	api.Settle()
	assert.Empty(t, customer.Received())
	assert.Equal(t, []string{"echo there?", "sent"}, events.keys())
	customer.ComesOnline()
	assert.Equal(t, "there?", customer.LastReceived().Text)
	assert.Equal(t, []string{"echo there?", "sent", "delivered"}, events.keys())
}

// TestOfflineTwice checks that a waiting message is delivered once, however often
// the phone is switched off and on.
func TestOfflineTwice(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	customer := api.Customer(ann)
	customer.Says("bye")
	api.Webhook("https://log.test/x", events)
	customer.GoesOffline()
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "there?"})
	require.NoError(t, err)
	for range 2 {
		customer.ComesOnline()
		customer.GoesOffline()
	}
	assert.Len(t, customer.Received(), 1)
	assert.Equal(t, []string{"echo there?", "sent", "delivered"}, events.keys())
}
