package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

// between is a way to the program that counts streams and can cut them. A browser takes it
// for another site than the program's own address.
type between struct {
	*httptest.Server
	streams atomic.Int32 // under way
	cut     atomic.Bool
}

func newBetween(w *browser.Walker, p *program) *between {
	w.Helper()
	to, err := url.Parse(p.address)
	require.NoError(w, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
	b := &between{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			if b.cut.Load() {
				panic(http.ErrAbortHandler)
			}
			b.streams.Add(1)
			defer b.streams.Add(-1)
		}
		proxy.ServeHTTP(w, r)
	}))
	w.Cleanup(b.Close)
	return b
}

// signIn opens the helpdesk by this way.
func (b *between) signIn(p *program, name string) *browser.Page {
	p.w.Helper()
	page := p.w.Open(b.URL + strings.TrimPrefix(p.links[name], p.address))
	page.Click("button", "Sign in as "+name)
	page.Has("link", "Requests")
	return page
}

// listed is a condition: the list shows words in a row.
func listed(words string) string {
	return fmt.Sprintf("[...document.querySelectorAll('#rows > *')].some(row => row.textContent.includes(%q))", words)
}

// openRequest opens the request of a row with words.
func openRequest(page *browser.Page, words string) {
	page.Until(listed(words), "the list does not show "+words)
	browser.Eval[bool](page, fmt.Sprintf("[...document.querySelectorAll('#rows a')].find(a => a.textContent.includes(%q)).focus() ?? true", words))
	page.Press("Enter")
	page.Until("location.pathname.split('/').length === 3 && !!document.getElementById('composer')", "the request does not open")
}

func TestAnswerARequest(t *testing.T) {
	browser.Walk(t, "inbox: a request appears, is answered, and its ticks turn", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		answerARequest(w, p, page)
		page.Sees("Free: service message to North America")
		page.Picture("helpdesk-inbox")

		page.Go(p.address + "/requests")
		page.Sees("Where is my order #42?")
		page.Check("the requests")
		page.Picture("helpdesk-requests")
		page.Go(p.address + "/inbox")
		openRequest(page, "not delivered")
		page.Sees("Not delivered.")
		page.Check("a failed message")
		openRequest(page, "Bob Sample")
		page.Check("a closed window")
	})
	browser.Walk(t, "inbox: the same on PostgreSQL", func(w *browser.Walker) {
		server, err := pgtest.New()
		server = pgtest.Need(w, server, err)
		w.Cleanup(server.Close)
		p := start(w, "-postgres", server.URL(server.Database(w)))
		max := p.signIn("Max")
		answerARequest(w, p, max)
		max.Close() // it would ask while Ann signs in
		p.kill()
		p.run()
		page := p.signIn("Ann")
		page.Go(p.address + "/inbox")
		page.Until(listed("Thank you!"), "the request is lost")
	})
}

// answerARequest is the main work of an agent.
func answerARequest(w *browser.Walker, p *program, page *browser.Page) {
	page.Go(p.address + "/inbox")
	page.Until(listed("Dora Prove"), "the samples are not there")
	page.Check("the list")
	browser.Eval[string](page, "window.walk = 'the same page'")
	p.says("12025550143", "My lamp is broken")
	page.Until(listed("My lamp is broken"), "the request does not appear")
	assert.Equal(w, "the same page", browser.Eval[string](page, "window.walk"))
	page.Until("document.title.startsWith('(3) ')", "the title does not count")

	openRequest(page, "My lamp is broken")
	page.Fill("Message to Ann Example", "It is replaced today.")
	page.Click("button", "Send")
	page.Until("!!document.querySelector('#thread .out .tick')", "the answer does not appear")
	page.Until("document.querySelector('#thread .out .tick').textContent.includes('delivered')", "it is not delivered")
	p.act("12025550143", "reads", map[string]any{})
	page.Until("document.querySelector('#thread .out .tick').textContent.includes('read')", "it is not read")
	p.says("12025550143", "Thank you!")
	p.act("12025550143", "reacts", map[string]any{"emoji": "👍"})
	page.Sees("Thank you!")
	page.Sees("👍")
	page.Check("a thread")
}

func TestTwoAgents(t *testing.T) {
	browser.Walk(t, "inbox: two agents, who looks, who takes it, and no double answer", func(w *browser.Walker) {
		p := start(w)
		other := newBetween(w, p)
		ann, max := p.signIn("Ann"), other.signIn(p, "Max")
		ann.Go(p.address + "/inbox")
		max.Go(other.URL + "/inbox")
		openRequest(ann, "Dora Prove")
		openRequest(max, "Dora Prove")
		ann.Sees("Max is viewing")
		max.Sees("Ann is viewing")
		max.Fill("Message to Dora Prove", "I look it up.")
		ann.Sees("Max is writing a reply")
		ann.Click("button", "Take")
		ann.Lacks("button", "Take")
		max.Lacks("button", "Take")

		w.Allow("failed request")
		other.cut.Store(true) // so that Max does not see the answer before he sends
		other.CloseClientConnections()
		max.Sees("Connection lost")
		ann.Fill("Message to Dora Prove", "It left today.")
		ann.Click("button", "Send")
		ann.Until("!!document.querySelector('#thread .out')", "the answer does not appear")
		w.Allow("answer 409 to POST")
		max.Click("button", "Send")
		max.Sees("answered meanwhile")
		assert.Equal(w, "I look it up.", max.Value("Message to Dora Prove"))
		max.Check("a colleague was quicker")
		other.cut.Store(false)
		max.Click("button", "Send all the same")
		ann.Sees("I look it up.")
	})
}

func TestStreamCut(t *testing.T) {
	browser.Walk(t, "inbox: a stream is cut, a colleague answers, and the draft stays", func(w *browser.Walker) {
		p := start(w)
		way := newBetween(w, p)
		max, ann := p.signIn("Max"), way.signIn(p, "Ann")
		ann.Go(way.URL + "/inbox")
		openRequest(ann, "Dora Prove")
		ann.Fill("Message to Dora Prove", "half a senten")
		browser.Eval[string](ann, "window.walk = 'the same page'")
		w.Allow("failed request")
		way.cut.Store(true)
		way.CloseClientConnections()
		ann.Sees("Connection lost, trying again")

		max.Go(p.address + "/inbox")
		openRequest(max, "Dora Prove")
		max.Fill("Message to Dora Prove", "It left today.")
		max.Click("button", "Send")
		max.Sees("It left today.")
		p.says("12025550143", "a new request meanwhile")
		way.cut.Store(false)
		ann.Sees("It left today.")
		ann.Until(listed("a new request meanwhile"), "the new request does not appear")
		ann.Misses("Connection lost")
		assert.Equal(w, "half a senten", ann.Value("Message to Dora Prove"))
		role, name := ann.Focused()
		assert.Equal(w, "textbox Message to Dora Prove", role+" "+name)
		assert.Equal(w, "the same page", browser.Eval[string](ann, "window.walk"))

		ann.Sees("Max is ") // viewing, or writing
		max.Go(p.address + "/requests")
		ann.Misses("Max is ")
		way.cut.Store(true)
		way.CloseClientConnections()
		ann.Sees("Connection lost, trying again")
		max.Go(p.address + "/inbox/3")
		max.Sees("Ann is ")
		way.cut.Store(false)
		ann.Sees("Max is viewing")
	})
}

func TestKeysAlone(t *testing.T) {
	browser.Walk(t, "inbox: by keys alone", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Go(p.address + "/inbox")
		page.Until(listed("Dora Prove"), "the samples are not there")
		page.Press("?")
		page.Has("dialog", "Keys")
		page.Check("the list of keys")
		page.Press("Escape")
		page.Press("j")
		page.Press("Enter")
		page.Until("!!document.getElementById('composer')", "the request does not open")
		page.Has("heading", "Dora Prove")
		page.Press("a")
		page.Lacks("button", "Take")
		page.Press("r")
		page.Type("It left today.")
		page.Press("Enter")
		page.Until("!!document.querySelector('#thread .out')", "the answer does not appear")
		page.Press("Escape")
		page.Press("Shift+E")
		page.Has("heading", "Carl Muster")
		page.Press("/")
		page.State("searchbox", "Search requests", "focused", "true")
		page.Press("Escape")
		page.Press("g")
		page.Press("q")
		page.Until("location.pathname === '/requests'", "G then Q does not go to the requests")
	})
}

func TestInboxOnAPhone(t *testing.T) {
	browser.Walk(t, "inbox: on a phone", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Size(390, 800)
		page.Go(p.address + "/inbox")
		openRequest(page, "Dora Prove")
		page.Misses("Carl Muster")
		page.Check("a request on a phone")
		page.Fill("Message to Dora Prove", "It left today.")
		page.Click("button", "Send")
		page.Until("!!document.querySelector('#thread .out')", "the answer does not appear")
		page.Click("link", "Back to the inbox")
		page.Until(listed("Carl Muster"), "the list does not come back")
		page.Check("the list on a phone")
	})
}
