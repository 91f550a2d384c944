package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// TestLooks has the walks on how the page looks, and how it is used without a mouse.
func TestLooks(t *testing.T) {
	browser.Walk(t, "phones: keyboard only", keyboard)
	browser.Walk(t, "phones: 390 and 320 pixels wide", func(w *browser.Walker) {
		s := newStand(w)
		p := w.Tab()
		p.Size(390, 844)
		p.Go(s.url())
		ann := add(p, "+1 202 555 0143", "Ann")
		write(ann, "Ann", "order")
		ann.Click("button", "Small")
		ann.Sees("One small pizza for Ann.")
		ann.Click("link", "Menu of Ann")
		p.Within("dialog", "Ann").Sees("How the business sees Ann")
		p.Check("narrow, dialog open")
		p.Press("Escape")
		p.Within("navigation", "Panels").Click("link", "Templates")
		p.Within("region", "Templates panel").Sees("No template yet.")
		p.Check("narrow")
		p.Size(320, 640)
		p.Check("very narrow")
	})
	browser.Walk(t, "phones: checks of the page empty, full, failed and with a dialog", states)
}

func keyboard(w *browser.Walker) {
	s := newStand(w)
	p := w.Open(s.url())
	p.TabTo("link", "Skip to the phones")
	p.Press("Enter")
	p.TabTo("textbox", "Number or BSUID")
	p.Type("+1 202 555 0143")
	p.TabTo("textbox", "Name optional")
	p.Type("Ann")
	p.Press("Enter")
	ann := p.Within("article", "Ann")
	ann.Sees("Ann")
	p.TabTo("textbox", "Message from Ann")
	p.Type("order")
	p.Press("Enter")
	ann.Sees("Which size?")
	p.TabTo("button", "Small")
	p.Press("Space")
	ann.Sees("One small pizza for Ann.")
	p.TabTo("link", "Menu of Ann")
	p.Press("Enter")
	p.Has("dialog", "Ann")
	p.Until("document.querySelector('dialog').contains(document.activeElement)", "the focus is not in the dialog")
	p.TabTo("button", "Close")
	p.Press("Escape")
	p.Lacks("dialog", "Ann")
	role, name := p.Focused()
	assert.Equal(w, "link Menu of Ann", role+" "+name, "the focus is back")
	p.TabTo("link", "Templates")
	p.Press("Enter")
	p.Within("region", "Templates panel").Sees("No template yet.")
}

func states(w *browser.Walker) {
	s := newStand(w)
	p := w.Open(s.url())
	p.Sees("No customer yet")
	p.Check("empty")
	ann, ben := add(p, "+1 202 555 0143", "Ann"), add(p, "+1 202 555 0144", "Ben")
	write(ann, "Ann", "order")
	ann.Click("button", "Large")
	ann.Sees("One large pizza for Ann.")
	write(ben, "Ben", "menu")
	ben.Sees("What would you like?")
	s.drafts("order_ready")
	for _, panel := range []string{"Trouble", "Templates", "Channels", "Save", "Wire"} {
		p.Within("navigation", "Panels").Click("link", panel)
		p.Has("region", panel+" panel")
		p.Check("full, with the panel " + panel)
	}
	ben.Click("DisclosureTriangle", "Menu")
	p.Picture("phones")
	form := p.Within("region", "Add a phone")
	form.Fill("Number or BSUID", "12")
	w.Allow("answer 422 to POST")
	form.Click("button", "Add phone")
	form.Has("alert", "")
	s.do("blocks channel", "", nil)
	write(ben, "Ben", "hi")
	p.Within("region", "Wire panel").Sees("403")
	s.do("moves clock", "", map[string]string{"time": "25h"})
	ann.Sees("Window closed")
	p.Check("with errors and a closed window")
	p.Picture("phones-trouble")
	ann.Click("link", "Menu of Ann")
	p.Has("dialog", "Ann")
	p.Check("with a dialog")
	p.Press("Escape")
	ann.Click("link", "React, reply or change: One large pizza for Ann.")
	p.Has("dialog", "Message")
	p.Check("with the dialog of a message")
}
