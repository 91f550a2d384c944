package browser_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

func TestTenTabs(t *testing.T) {
	browser.Walk(t, "inbox: ten tabs with ten requests on one stream, also after another agent signs in", func(w *browser.Walker) {
		p := start(w)
		way := newBetween(w, p)
		pages := []*browser.Page{way.signIn(p, "Ann")}
		number := func(n int) string { return fmt.Sprintf("120255501%02d", 60+n) }
		for n := range 10 {
			p.act(number(n), "takes name", map[string]any{"name": fmt.Sprintf("Customer %c", 'A'+n)})
			p.says(number(n), "hello")
		}
		for n := range 10 {
			if n > 0 {
				pages = append(pages, w.Tab())
			}
			pages[n].Go(way.URL + "/inbox")
			openRequest(pages[n], fmt.Sprintf("Customer %c", 'A'+n))
		}
		for n, page := range pages {
			p.says(number(n), fmt.Sprintf("words for tab %d", n))
			page.Sees(fmt.Sprintf("words for tab %d", n))
		}
		assert.Equal(w, int32(1), way.streams.Load(), "streams")
		pages[9].Close()
		pages[0].Close() // the first page to open the stream
		for n, page := range pages[1:9] {
			p.says(number(n+1), fmt.Sprintf("more for tab %d", n+1))
			page.Sees(fmt.Sprintf("more for tab %d", n+1))
		}
		assert.Equal(w, int32(1), way.streams.Load(), "streams")
		// A tab may ask with the sign-in that ends now. What is allowed has to come, so one does at the end.
		w.Allow("answer 401")
		max := way.signIn(p, "Max") // in the same browser, so that every tab is Max's
		for n, page := range pages[1:9] {
			page.Has("link", "Max")
			p.says(number(n+1), fmt.Sprintf("last for tab %d", n+1))
			page.Sees(fmt.Sprintf("last for tab %d", n+1))
		}
		max.Has("link", "Max")
		require.Eventually(w, func() bool { return way.streams.Load() == 1 }, 10*time.Second, 50*time.Millisecond, "streams")
		browser.Eval[int](max, `fetch("/requests", {credentials: "omit", headers: {"X-Fragment": "1"}}).then(a => a.status)`)
	})
}
