package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// keep writes a file for an upload.
func keep(w *browser.Walker, name string, content []byte) string {
	w.Helper()
	path := filepath.Join(w.TempDir(), name)
	require.NoError(w, os.WriteFile(path, content, 0o600))
	return path
}

// TestHostile has the walks with bad input, and with pages of others.
func TestHostile(t *testing.T) {
	browser.Walk(t, "phones: a forged POST from another site is refused", func(w *browser.Walker) {
		s := newStand(w)
		s.do("takes name", "12025550143", map[string]string{"name": "Ann"})
		before := s.api.Transcript()
		address := elsewhere(w, s.url()+"act", map[string]string{"act": "says", "who": "Ann", "arg.text": "I was forged", "channel": "PIZZA1"})
		_, port, _ := strings.Cut(address, ":")
		p := w.Open(s.url())
		for _, site := range []string{"http://localhost:" + port + "/", "http://" + address + "/"} { // another site, another origin
			p.Go(site)
			p.Click("button", "Win a prize")
			p.Until("location.pathname === '/act' && document.readyState === 'complete'", "the form is not sent")
			assert.Contains(w, p.Text(), "cross-origin request")
		}
		w.Allow("answer 403 to POST")
		assert.Equal(w, before, s.api.Transcript())
	})
	browser.Walk(t, "phones: the page under another name is refused", func(w *browser.Walker) {
		s := newStand(w)
		p := w.Open(strings.Replace(s.url(), "127.0.0.1", "rebound.test", 1))
		p.Sees("serves only this machine")
		w.Allow("answer 403 to GET")
		w.Allow("Cross-Origin-Opener-Policy") // which needs https under such a name
	})
	browser.Walk(t, "phones: bad input is answered at its place, and kept", badInput)
	browser.Walk(t, "phones: names and texts of strangers", strangers)
}

func badInput(w *browser.Walker) {
	s := newStand(w)
	p := w.Open(s.url())
	form := p.Within("region", "Add a phone")
	form.Fill("Number or BSUID", "12")
	form.Fill("Name optional", "Ann")
	w.Allow("answer 422 to POST")
	form.Click("button", "Add phone")
	form.Has("alert", "")
	assert.Equal(w, "12", form.Value("Number or BSUID"))
	assert.Equal(w, "Ann", form.Value("Name optional"))
	ann := add(p, "+1 202 555 0143", "Ann")
	form.Lacks("alert", "")

	long := strings.Repeat("Ann of the very long name ", 400)
	form.Fill("Number or BSUID", "+1 202 555 0144")
	form.Fill("Name optional", long)
	form.Click("button", "Add phone")
	form.Has("alert", "")
	assert.Equal(w, long, form.Value("Name optional"), "the name is kept as it was typed")
	form.Fill("Name optional", "Ben")
	form.Click("button", "Add phone")
	p.Within("article", "Ben").Sees("Ben")

	p.Within("group", "Clock").Click("link", "Other time…")
	clock := p.Within("dialog", "Move the clock")
	clock.Fill("Time", "-1h")
	clock.Click("button", "Move the clock")
	clock.Has("alert", "")
	clock.Sees("time does not go back")
	assert.Equal(w, "-1h", clock.Value("Time"))
	p.Press("Escape")
	p.Lacks("dialog", "Move the clock")

	write(ann, "Ann", strings.Repeat("many words ", 1000))
	ann.Sees("…")
	ann.Misses("Hello Ann")
}

func strangers(w *browser.Walker) {
	s := newStand(w)
	p := w.Open(s.url())
	name := `<img src=x onerror=alert(1)>"'&`
	hostile := add(p, "+1 202 555 0143", name)
	write(hostile, name, "<script>alert(1)</script> {{.}} ${1}")
	hostile.Sees("Hello " + name + ", you wrote: <script>alert(1)</script> {{.}} ${1}")
	right := add(p, "+1 202 555 0144", "مريم")
	write(right, "مريم", "مرحبا")
	right.Sees("Hello مريم, you wrote: مرحبا")
	wide := add(p, "+1 202 555 0145", strings.Repeat("W", 60))
	write(wide, strings.Repeat("W", 60), strings.Repeat("https://example.com/", 20))
	wide.Sees("you wrote: https://")
	p.Check("with texts of strangers")
	p.Size(390, 844)
	p.Check("with texts of strangers, narrow")
}
