package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/conformance/browser"
)

// TestTalk has the walks in which people talk with the bot.
func TestTalk(t *testing.T) {
	browser.Walk(t, "phones: add a phone and talk", func(w *browser.Walker) {
		s := newStand(w)
		p := w.Open(s.url())
		p.Sees("No customer yet")
		ann := add(p, "+1 202 555 0143", "Ann")
		ann.Sees("Window closed: never wrote")
		ann.Sees("+12025550143")
		write(ann, "Ann", "hi")
		ann.Sees("Hello Ann, you wrote: hi")
		ann.Sees("Window open: 23 h 59 min left")
		ann.Sees("delivered")
		assert.Empty(w, ann.Value("Message from Ann"), "the composer is empty after a send")
		p.Within("region", "Wire panel").Sees("POST sendMessage +12025550143")
		p.Within("region", "Wire panel").Sees("webhook message chat")
	})
	browser.Walk(t, "phones: tap a button and pick from a list", func(w *browser.Walker) {
		s := newStand(w)
		p := w.Open(s.url())
		ann := add(p, "+1 202 555 0143", "Ann")
		write(ann, "Ann", "order")
		ann.Sees("Which size?")
		ann.Click("button", "Large")
		ann.Sees("One large pizza for Ann.")
		write(ann, "Ann", "menu")
		ann.Sees("What would you like?")
		ann.Misses("Tomatoes, mozzarella, basil")
		ann.Click("DisclosureTriangle", "Menu")
		ann.Sees("Tomatoes, mozzarella, basil")
		ann.Click("button", "Funghi")
		ann.Sees("One funghi pizza for Ann.")
	})
	browser.Walk(t, "phones: send a file, react, reply, edit and delete", file)
	browser.Walk(t, "phones: write from the business's phone", func(w *browser.Walker) {
		s := newStand(w)
		p := w.Open(s.url())
		ann := add(p, "+1 202 555 0143", "Ann")
		write(ann, "Ann", "silence")
		own := p.Within("region", "The business’s phone")
		own.Choose("To", "Ann")
		own.Fill("Text from the business", "This is Pat of the shop.")
		own.Click("button", "Send from the business")
		ann.Sees("From the business's phone This is Pat of the shop.")
		p.Within("region", "Wire panel").Sees("webhook echo chat")
		assert.Empty(w, s.api.Calls().Sends(), "the bot fell silent")
	})
	browser.Walk(t, "phones: a group", func(w *browser.Walker) {
		s := newStand(w)
		p := w.Open(s.url())
		add(p, "+1 202 555 0143", "Ann")
		add(p, "+1 202 555 0144", "Ben")
		form := p.Within("region", "Make a group")
		form.Fill("Subject", "Friends of pizza")
		form.Fill("Members names or numbers, with commas", "Ann, Ben")
		form.Click("button", "Make group")
		group := p.Within("article", "Group Friends of pizza")
		group.Choose("Write in Friends of pizza as", "Ben")
		group.Fill("Message in Friends of pizza", "hi all")
		group.Click("button", "Send in Friends of pizza")
		group.Sees("Hello Ben, you wrote: hi all")
	})
	browser.Walk(t, "phones: save the conversation as a script, and run it", script)
}

func file(w *browser.Walker) {
	s := newStand(w)
	s.do("sets setting", "", map[string]string{"setting": "rawHooks"}) // edits have no other form
	p := w.Open(s.url())
	ann := add(p, "+1 202 555 0143", "Ann")
	path := filepath.Join(w.TempDir(), "menu.pdf")
	require.NoError(w, os.WriteFile(path, []byte("%PDF-1.4 pizza"), 0o600))
	ann.Click("link", "More to send as Ann")
	p.Within("dialog", "Ann").Click("link", "Send a file")
	send := p.Within("dialog", "Send a file")
	send.Upload("Data optional", path)
	send.Fill("Caption optional", "which one?")
	send.Click("button", "Send a file")
	p.Lacks("dialog", "Send a file")
	ann.Sees("menu.pdf, 14 bytes")
	ann.Sees("We got your file, Ann.")

	ann.Click("link", "React, reply or change: We got your file, Ann.")
	p.Within("dialog", "Message").Click("button", "👍")
	ann.Sees("Thank you for the 👍, Ann.")
	ann.Click("link", "React, reply or change: Thank you for the 👍, Ann.")
	reply := p.Within("dialog", "Message").Within("group", "Reply")
	reply.Fill("Text", "You are welcome")
	reply.Click("button", "Reply")
	ann.Sees("Thank you for the 👍, Ann. You are welcome")

	write(ann, "Ann", "silence")
	ann.Click("link", "React, reply or change: silence")
	edit := p.Within("dialog", "Message").Within("group", "Edit")
	edit.Fill("Text", "two pizzas")
	edit.Click("button", "Edit")
	ann.Sees("edited")
	ann.Sees("We saw the correction: two pizzas")
	ann.Click("link", "React, reply or change: two pizzas")
	p.Within("dialog", "Message").Click("button", "Delete for everyone")
	ann.Sees("deleted")
}

func script(w *browser.Walker) {
	s := newStand(w)
	p := w.Open(s.url())
	ann := add(p, "+1 202 555 0143", "Ann")
	write(ann, "Ann", "order")
	ann.Click("button", "Small")
	ann.Sees("One small pizza for Ann.")
	p.Within("group", "Clock").Click("button", "+1 h")
	write(ann, "Ann", "thanks")
	ann.Sees("Hello Ann, you wrote: thanks")
	p.Within("navigation", "Panels").Click("link", "Save")
	save := p.Within("region", "Save panel")
	save.Sees("Ann: [Small]")
	name, conversation := save.Download("link", "Save as script")
	assert.Equal(w, "conversation.chat", name)
	_, test := save.Download("link", "Save as Go test")
	assert.Contains(w, string(test), "func TestConversation(t *testing.T) {")

	play := func(conversation string, failing bool) {
		synctest.Test(w.TB.(*testing.T), func(t *testing.T) {
			parsed, err := chatapitest.ParseScript("conversation.chat", conversation)
			require.NoError(t, err)
			api := chatapitest.New(t, chatapitest.Channel("PIZZA1"))
			api.Webhook(hook, newShop(api.Client()))
			_, err = parsed.Play(api)
			assert.Equal(t, failing, err != nil, "%v\n%s", err, conversation)
		})
	}
	play(string(conversation), false)
	play(strings.Replace(string(conversation), "One small", "Two small", 1), true)
}
