package browser_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// templateIs waits until the list of templates shows a template with some words.
func templateIs(page *browser.Page, name, words string) {
	page.Until(fmt.Sprintf("[...document.querySelectorAll('#templates tbody tr')].some(r => r.textContent.includes(%q) && r.textContent.includes(%q))", name, words),
		name+" is not "+words)
}

func TestTemplates(t *testing.T) {
	browser.Walk(t, "templates: write one, and its approval arrives by itself", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Click("link", "Templates")
		templateIs(page, "order_ready", "approved")
		page.Check("a list")
		page.Click("link", "New template")
		page.Check("an empty form")
		page.Fill("Name", "parcel_sent")
		page.Fill("Text", "Hello {{1}}, your parcel {{2}} is on its way.")
		page.Fill("Examples", "Pat\n#42")
		page.Sees("Hello Pat, your parcel #42 is on its way.")
		page.Picture("helpdesk-new-template")
		w.Allow("answer 422 to POST")
		page.Fill("Name", "Parcel")
		page.Click("button", "Submit for approval")
		page.Sees("lower-case letters")
		page.State("textbox", "Name", "focused", "true")
		page.Check("a name that is wrong")
		page.Fill("Name", "parcel_sent")
		page.Click("button", "Submit for approval")
		templateIs(page, "parcel_sent", "waiting for Facebook")
		browser.Eval[string](page, "window.walk = 'the same page'")
		p.post("/sim/service/approves", map[string]any{"template": "parcel_sent"})
		templateIs(page, "parcel_sent", "approved")
		assert.Equal(w, "the same page", browser.Eval[string](page, "window.walk"), "the page was not loaded again")
	})
	browser.Walk(t, "templates: one is rejected, the page says what to do, and a copy goes out", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Go(p.address + "/templates/new")
		page.Fill("Name", "spring_sale")
		page.Fill("Text", "Spring sale!")
		page.Click("button", "Submit for approval")
		templateIs(page, "spring_sale", "waiting for Facebook")
		p.post("/sim/service/rejects", map[string]any{"template": "spring_sale", "reason": "PROMOTIONAL"})
		page.Click("button", "Read the list again") // it may have been approved before
		templateIs(page, "spring_sale", "rejected")
		page.Sees("WhatsApp takes the text for advertising.")
		page.Check("a rejected template")
		page.Click("link", "Copy and change spring_sale, en")
		assert.Equal(w, "spring_sale_2", page.Value("Name"))
		page.Choose("Category", "Marketing: offers and news")
		page.Click("button", "Submit for approval")
		templateIs(page, "spring_sale_2", "waiting for Facebook")
	})
}
