package main

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// A conversation with the bot, as people read it.
func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		api.Webhook("https://bot.test/s3cret", newBot(api.Client(), "s3cret"))
		api.Script(t, `
			Ann is +1 202 555 0143
			Ann: Hello
			Bot: Ann said: Hello

			# a file, and a place
			Ann sends: cat.jpg | my cat
			Bot: Ann sent a file: my cat
			Ann sends: song.mp3
			Bot: Ann sent a file: [audio]
			Ann shares location: 38.9 | -77.04
			Bot: Ann sent [location 38.9, -77.04], which I cannot repeat. Send me a text or a file.

			# the bot does not answer what it or a colleague writes
			Phone to Ann: I am here, too.
			Ann reacts: 👍
			Bot: Ann reacted with 👍

			# two days later
			+48h
			Ann: Are you still there?
			Bot: Ann said: Are you still there?`)
	})
}

// A tap needs buttons, which this bot does not send, so the test does.
func TestTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		client := api.Client()
		api.Webhook("https://bot.test/s3cret", newBot(client, "s3cret"))
		ann := api.Customer("12025550143").Named("Ann")
		ann.Says("Hello")
		ann.Gets(t, "Ann said: Hello")
		_, err := client.Send(t.Context(), ann.Recipient(), chatapi.Buttons{Body: "Tea or coffee?", Buttons: []chatapi.Button{{ID: "tea", Title: "Tea"}, {ID: "coffee", Title: "Coffee"}}})
		require.NoError(t, err)
		ann.Gets(t, "Tea or coffee?", "[Tea]", "[Coffee]")
		ann.Taps("coffee")
		ann.Gets(t, `Ann chose "Coffee".`)
		ann.GetsNothing(t)
	})
}
