package browser_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// bubbles returns how many answers of the thread have a text.
func bubbles(page *browser.Page, text string) int {
	return browser.Eval[int](page, `[...document.querySelectorAll("#thread .out")].filter(b => b.innerText.includes("`+text+`")).length`)
}

// empties waits until the field for a message is empty.
func empties(page *browser.Page) {
	page.Until(`document.querySelector("#composer-text").value === ""`, "the field is not empty")
}

func TestComposer(t *testing.T) {
	browser.Walk(t, "composer: answer by keyboard, press twice, lose an answer, keep a draft", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Go(p.address + "/inbox/3")
		page.Click("link", "Reply")
		page.Type("It left today.")
		page.Press("Shift+Enter")
		page.Type("It arrives tomorrow.")
		page.Press("Enter")
		page.Sees("It left today. It arrives tomorrow.")
		empties(page)
		page.State("textbox", "Message to Dora Prove", "focused", "true")
		page.Check("after an answer")

		page.Fill("Message to Dora Prove", "Pressed twice")
		browser.Eval[bool](page, `for (let n = 0; n < 2; n++) document.querySelector("[data-panel=reply]").requestSubmit(); true`)
		empties(page)
		page.Until(`document.querySelector("#thread").innerText.includes("Pressed twice")`, "the message does not appear")
		assert.Equal(w, 1, bubbles(page, "Pressed twice"))

		browser.Eval[bool](page, `(() => { const real = fetch; window.fetch = (url, more) => !String(url).endsWith("/messages") ? real(url, more) : real(url, more).then(() => { window.fetch = real; throw new Error("lost") }) })(); true`)
		page.Fill("Message to Dora Prove", "The answer is lost")
		page.Press("Enter")
		page.Sees("No answer came. Your text is kept.")
		assert.Equal(w, "The answer is lost", strings.TrimSpace(page.Value("Message to Dora Prove")))
		page.Press("Enter")
		empties(page)
		page.Until(`document.querySelector("#thread").innerText.includes("The answer is lost")`, "the message does not appear")
		assert.Equal(w, 1, bubbles(page, "The answer is lost"))

		page.Fill("Message to Dora Prove", "half a sentence")
		page.Sees("draft")
		page.Reload()
		page.Until(`document.querySelector("#composer-text").value === "half a sentence"`, "the draft is lost")
		page.Click("link", "Note")
		page.Fill("Note for colleagues", "called her")
		page.Check("a note")
		page.Click("button", "Add note")
		page.Sees("called her")
	})
}

func TestComposerOfAClosedWindow(t *testing.T) {
	browser.Walk(t, "composer: a closed window takes a template, with preview and price", func(w *browser.Walker) {
		w.Allow("answer 422 to POST")
		p := start(w)
		page := p.signIn("Ann")
		page.Go(p.address + "/inbox/1")
		page.Sees("The window has closed. WhatsApp lets only a template through until Bob Sample writes again.")
		page.Lacks("button", "Send")
		page.Check("a closed window")
		page.Click("link", "order_ready en, UTILITY Hello {{1}}, your order {{2}} is ready.")
		page.Fill("{{1}}", "Bob")
		// The answer takes so long that the page is drawn in between.
		browser.Eval[bool](page, `(() => { const real = fetch; window.fetch = async (...asked) => { const answer = await real(...asked); await new Promise(done => setTimeout(done, 200)); return answer } })(); true`)
		page.Click("button", "Send template")
		page.Sees("{{2}} is empty.")
		page.State("textbox", "{{2}}", "focused", "true")
		assert.Equal(w, "Bob", page.Value("{{1}}"))
		page.Check("an empty value")
		page.Fill("{{2}}", "#42")
		page.Sees("Hello Bob, your order #42 is ready.")
		page.Sees("utility template to North America")
		page.Until(`document.querySelector("#composer-status").textContent === ""`, "the sentence of the empty value is still there")
		page.Picture("helpdesk-template")
		page.Click("button", "Send template")
		page.Until(`document.querySelector("#thread").innerText.includes("Hello Bob, your order #42 is ready.")`, "the template does not appear")
		p.says("12025550144", "Great, thanks")
		page.Sees("Great, thanks")
		page.Has("textbox", "Message to Bob Sample")
	})
}

func TestComposerWarnsOfAColleague(t *testing.T) {
	browser.Walk(t, "composer: a colleague was faster", func(w *browser.Walker) {
		w.Allow("answer 409 to POST")
		p := start(w)
		ann := p.signIn("Ann")
		ann.Go(p.address + "/inbox/3")
		browser.Eval[bool](ann, "desk.patch = () => {}; true") // she does not see what comes
		ann.Fill("Message to Dora Prove", "Ann answers")
		// Under another name of the host Max has cookies of his own.
		other := strings.NewReplacer("localhost", "127.0.0.1")
		max := w.Open(other.Replace(p.links["Max"]))
		max.Click("button", "Sign in as Max")
		max.Has("link", "Requests")
		max.Go(other.Replace(p.address) + "/inbox/3")
		max.Fill("Message to Dora Prove", "Max answers")
		max.Press("Enter")
		empties(max)
		ann.Press("Enter")
		ann.Sees("Max answered meanwhile, so nothing was sent:")
		assert.Equal(w, "Ann answers", strings.TrimSpace(ann.Value("Message to Dora Prove")))
		ann.Check("a colleague was faster")
		ann.Click("button", "Send all the same")
		empties(ann)
		ann.Reload()
		ann.Sees("Ann answers")
		assert.Equal(w, 1, bubbles(ann, "Ann answers"))
	})
}
