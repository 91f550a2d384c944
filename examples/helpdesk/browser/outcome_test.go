package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

func TestOutcomes(t *testing.T) {
	browser.Walk(t, "composer: one message fails, of one nobody knows, and both are settled", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Go(p.address + "/inbox/3")
		send := func(text string) {
			page.Fill("Message to Dora Prove", text)
			page.Press("Enter")
			empties(page)
		}
		// arrives waits until the newest answer has a text and was delivered.
		arrives := func(text string) {
			page.Until(`(last => last.includes("`+text+`") && last.includes("✓✓"))([...document.querySelectorAll("#thread .out")].pop().innerText)`, text+" is not delivered")
		}

		p.act("12025550146", "cannot-be-reached", map[string]any{"reason": "not on WhatsApp"})
		send("This fails")
		page.Sees("Not delivered.")
		page.Picture("helpdesk-failed")
		page.Check("a message that failed")
		p.act("12025550146", "can-be-reached", map[string]any{})
		page.Click("button", "Send again")
		page.Sees("It is sent again, as a new message.")
		page.Sees("Sent again as another message.")
		arrives("This fails")

		// The service takes the message, and its answer is lost: the echo tells.
		p.post("/sim/service/fails", map[string]any{"operation": "sendMessage", "how": "drop", "accepted": "accepted"})
		send("The echo tells")
		arrives("The echo tells")

		// The message is lost. Nobody sends it again before a person says so.
		p.post("/sim/service/fails", map[string]any{"operation": "sendMessage", "how": "drop"})
		send("This is lost")
		page.Sees("We do not know whether this was sent.")
		page.Check("nobody knows")
		page.Click("button", "Look again")
		page.Until(`!document.querySelector(".notice[role=status]")?.innerText.includes("sent again")`, "the page does not say what was found")
		page.Sees("We do not know whether this was sent.")
		page.Go(p.address + "/manage/decide")
		page.Sees("Did these messages go out?")
		page.Check("a message to decide")
		page.Picture("helpdesk-decide")
		page.Click("button", "It did not: send again…")
		page.Has("heading", "Send it again?")
		page.Check("sending again")
		page.Click("button", "It did not arrive: send again")
		page.Sees("It is sent again.")
		page.Go(p.address + "/inbox/3")
		arrives("This is lost")
		assert.Equal(w, 1, bubbles(page, "This is lost"))
		page.Misses("We do not know")
	})
}
