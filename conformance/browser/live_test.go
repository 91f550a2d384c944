package browser_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// TestLive has the walks in which pages follow what happens elsewhere.
func TestLive(t *testing.T) {
	browser.Walk(t, "phones: two pages at once", func(w *browser.Walker) {
		s := newStand(w)
		one, two := w.Open(s.url()), w.Open(s.url())
		ann := add(one, "+1 202 555 0143", "Ann")
		other := two.Within("article", "Ann")
		other.Fill("Message from Ann", "half a senten")
		write(ann, "Ann", "order")
		other.Sees("Which size?")
		assert.Equal(w, "half a senten", other.Value("Message from Ann"), "the draft is kept")
		role, name := two.Focused()
		assert.Equal(w, "textbox Message from Ann", role+" "+name, "the focus is kept")
		other.Click("button", "Small")
		ann.Sees("One small pizza for Ann.")
		other.Click("button", "Send as Ann")
		ann.Sees("Hello Ann, you wrote: half a senten")
	})
	browser.Walk(t, "phones: the program ends and starts again", restart)
	browser.Walk(t, "phones: ten tabs on few streams", tabs)
	browser.Walk(t, "phones: a state that is saved and loaded", func(w *browser.Walker) {
		s := newStand(w)
		p := w.Open(s.url() + "?panel=save")
		ann := add(p, "+1 202 555 0143", "Ann")
		write(ann, "Ann", "hi")
		ann.Sees("Hello Ann, you wrote: hi")
		save := p.Within("region", "Save panel")
		_, state := save.Download("link", "Save the state")
		save.Click("DisclosureTriangle", "Reset…")
		save.Click("button", "Reset everything")
		p.Sees("No customer yet")
		save.Upload("State file", keep(w, "state.json", state))
		save.Click("button", "Load the state")
		ann.Sees("Hello Ann, you wrote: hi")
		write(ann, "Ann", "again")
		ann.Sees("Hello Ann, you wrote: again")
		save.Upload("State file", keep(w, "cut.json", state[:len(state)/2]))
		w.Allow("answer 422 to POST")
		save.Click("button", "Load the state")
		save.Sees("cut off")
		ann.Sees("Hello Ann, you wrote: again")
	})
}

func restart(w *browser.Walker) {
	s := newStand(w)
	p := w.Open(s.url())
	ann := add(p, "+1 202 555 0143", "Ann")
	write(ann, "Ann", "hi")
	ann.Sees("Hello Ann, you wrote: hi")
	ann.Fill("Message from Ann", "half a senten")
	browser.Eval[string](p, "window.walk = 'the same page'")
	w.Allow("failed request")
	s.stop()
	p.Sees("Connection lost")
	s.do("says", "Ann", map[string]string{"text": "written while the page was cut off"})
	s.start()
	ann.Sees("Hello Ann, you wrote: written while the page was cut off")
	p.Misses("Connection lost")
	assert.Equal(w, "half a senten", ann.Value("Message from Ann"), "the draft is kept")
	ann.Click("button", "Send as Ann")
	ann.Sees("Hello Ann, you wrote: half a senten")
	assert.Equal(w, "the same page", browser.Eval[string](p, "window.walk"), "the page was not loaded again")
}

func tabs(w *browser.Walker) {
	s := newStand(w)
	s.do("takes name", "12025550143", map[string]string{"name": "Ann"})
	var all []*browser.Page
	for range 10 {
		all = append(all, w.Open(s.url()))
	}
	s.do("says", "Ann", map[string]string{"text": "first"})
	for n, p := range all {
		p.Within("article", "Ann").Sees("Hello Ann, you wrote: first")
		assert.LessOrEqual(w, s.streams.Load(), int32(2), "streams with %d tabs", n+1)
	}
	for n := range 5 { // the oldest tab leads, and leaves
		all[n].Close()
		text := fmt.Sprintf("after %d tabs left", n+1)
		s.do("says", "Ann", map[string]string{"text": text})
		for _, p := range all[n+1:] {
			p.Within("article", "Ann").Sees("Hello Ann, you wrote: " + text)
		}
	}
	assert.LessOrEqual(w, s.streams.Load(), int32(2))
}
