package browser_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// lists and forms are the addresses of all pages of an administrator, without those that show
// one thing.
var (
	lists = []string{"/inbox", "/requests", "/templates", "/costs", "/manage/channels", "/manage/omnichannel", "/manage/departments",
		"/manage/agents", "/manage/canned", "/manage/decide", "/manage/audit"}
	forms = []string{"/chats", "/templates/new", "/manage/channels/new", "/manage/channels/new/chatapi", "/manage/departments/new",
		"/manage/agents/new", "/manage/canned/new", "/profile"}
)

// look visits pages, wide and as on a phone.
func look(page *browser.Page, address, state string, paths ...string) {
	for _, path := range paths {
		page.Go(address + path)
		page.Until("!!document.querySelector('h1')", path+" has no heading")
		page.Check(path + ", " + state)
		page.Size(390, 844)
		page.Check(path + ", " + state + ", on a phone")
		page.Size(0, 0)
	}
}

func TestLooks(t *testing.T) {
	browser.Walk(t, "looks: every page of a new helpdesk", func(w *browser.Walker) {
		listener := freeAddress(w)
		p := &program{w: w, dir: w.TempDir(), address: "http://" + listener, phones: "http://127.0.0.1:0",
			args: []string{"-demo=false", "-local-api", "-url", "http://" + listener, "-admin", "ann@example.com"}}
		p.run()
		w.Cleanup(p.stop)
		page := w.Open(p.links["ann@example.com"])
		page.Check("a sign-in link")
		page.Click("button", "Sign in as ann")
		page.Has("link", "Requests")
		look(page, p.address, "empty", slices.Concat(lists, forms)...)
		w.Allow("answer 404 to GET")
		page.Go(p.address + "/manage/agents/4711")
		page.Check("a page that does not exist")
	})

	browser.Walk(t, "looks: names, texts and files of somebody who means harm", func(w *browser.Walker) {
		// A script that ran would fail the walk, since there is no pwned.
		const (
			script  = `<script>pwned()</script>"><img src=x onerror=pwned()>'};pwned()//`
			tricked = "\u202egnp.exe\u202c \u2066x" // characters that turn the direction of what follows
		)
		long := strings.Repeat("Donaudampfschifffahrts", 4) // without a space
		p := start(w)
		people := map[string]string{"12025550151": script, "12025550152": long, "12025550153": "مرحبا بالعالم", "12025550154": tricked, "12025550155": "{{.}} {{template \"main\"}} ${pwned()}"}
		for number, name := range people {
			p.act(number, "takes name", map[string]any{"name": name})
			p.says(number, name+"\n"+name)
			p.act(number, "sends", map[string]any{"name": "../../" + name[:min(len(name), 200)] + ".html", "type": "document", "caption": name})
		}
		page := p.signIn("Ann")
		page.Go(p.address + "/requests")
		page.Sees("pwned()//")
		look(page, p.address, "full", append(lists, "/manage/channels/1", "/manage/departments/1", "/manage/agents/1")...)
		for _, request := range []string{"4", "5", "6", "7", "8"} {
			look(page, p.address, "hostile", "/inbox/"+request)
		}
		look(page, p.address, "hostile", "/requests/4?tab=template", "/requests/4?tab=note", "/requests?q=pwned")
		look(page, p.address, "with a closed window", "/inbox/1")
		look(page, p.address, "with a message that failed", "/inbox/2")
		for _, path := range []string{"/inbox/4", "/templates/new", "/costs"} {
			page.Go(p.address + path)
			browser.Eval[int](page, "[...document.querySelectorAll('details')].filter(d => d.open = true).length")
			page.Check(path + ", everything open")
			page.Size(390, 844)
			page.Check(path + ", everything open, on a phone")
			page.Size(0, 0)
		}
	})
}
