package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// support is the channel of the demo that is not connected yet.
const support = "ABC100000002"

// tokenOf returns the token of a channel of the made-up Chat API.
func (p *program) tokenOf(channel string) string {
	p.w.Helper()
	for _, c := range p.get("/sim/channels")["channels"].([]any) {
		if c := c.(map[string]any); c["id"] == channel {
			return c["token"].(string)
		}
	}
	p.w.Fatalf("there is no channel %s", channel)
	return ""
}

// openForm opens the form of a new channel, as the document says.
func openForm(page *browser.Page) {
	page.Click("link", "Management")
	page.Has("heading", "Channel settings")
	page.Click("link", "Add Channel")
	page.Click("link", "WhatsApp Business Chat API A WhatsApp number that is connected in the Chat API cabinet. You need its API URL and its token.")
	page.Has("heading", "WhatsApp Business Chat API")
}

func TestAddAChannel(t *testing.T) {
	browser.Walk(t, "channels: add one with a wrong token, a wrong URL, then right", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		openForm(page)
		page.Check("an empty form")
		token := p.tokenOf(support)
		page.Choose("Department that gets the requests", "Support")
		page.Fill("Name (optional)", "Support")
		page.Fill("API URL", p.phones+"/"+support)
		page.Fill("Token", "notthetoken123")
		page.Click("button", "Synchronize and Save")
		page.Sees("The token of channel ABC100000002 is wrong or has expired.")
		page.Until("document.activeElement.id === 'token'", "the field that is wrong has no focus")
		assert.Equal(w, "notthetoken123", page.Value("Token"), "the typed token stays")
		page.Check("a wrong token")

		page.Fill("Token", token)
		page.Fill("API URL", "http://127.0.0.1:1/"+support)
		page.Click("button", "Synchronize and Save")
		page.Sees("127.0.0.1:1 could not be reached.")
		page.Until("document.activeElement.id === 'api_url'", "the field that is wrong has no focus")
		assert.Equal(w, token, page.Value("Token"), "the right token need not be typed again")

		page.Fill("API URL", p.phones+"/"+support)
		page.Click("button", "Synchronize and Save")
		page.Sees("Connection successfully established")
		page.Sees("channel ABC100000002, +1 202 555 0101, 2 templates, 1 webhook")
		page.Sees("The channel is not shown in Omnichannel yet.")
		page.Check("a connection")
		page.Picture("helpdesk-connected")
		page.Click("link", "To the channels")
		page.Sees("Support")
		page.Misses("needs a new token")
		require.NotContains(w, browser.Eval[string](page, "document.documentElement.outerHTML"), token)
		page.Check("two channels")
	})
}

func TestDisplayChannels(t *testing.T) {
	browser.Walk(t, "channels: display one in Omnichannel and hide it", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Sees("Dora Prove")
		page.Click("link", "Management")
		page.Within("navigation", "Management").Click("link", "Omnichannel settings")
		page.State("checkbox", "Display channels: Sales, Boston", "checked", "true")
		page.Check("a channel that is displayed")
		page.Click("checkbox", "Display channels: Sales, Boston")
		page.Click("button", "Save")
		page.Sees("Omnichannel shows the channels that are ticked.")
		page.State("checkbox", "Display channels: Sales, Boston", "checked", "false")
		page.Go(p.address + "/inbox")
		page.Misses("Dora Prove")
		page.Go(p.address + "/requests")
		page.Sees("Dora Prove")
		page.Go(p.address + "/manage/omnichannel")
		page.Click("checkbox", "Display channels: Sales, Boston")
		page.Click("button", "Save")
		page.Sees("Omnichannel shows the channels that are ticked.")
		page.State("checkbox", "Display channels: Sales, Boston", "checked", "true")
		page.Go(p.address + "/inbox")
		page.Sees("Dora Prove")
	})
}
