package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sound is a page without faults.
const sound = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sound</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>:root { color-scheme: light dark } body { background: Canvas } :focus-visible { outline: 2px solid } button, input, select { min-height: 24px }</style></head>
<body><main><h1>Sound</h1>
<section aria-label="Ann"><h2>Ann</h2><label>Text <input name="text"></label> <button id="send">Send</button><p id="said"></p></section>
<section aria-label="Ben"><h2>Ben</h2><button disabled>Send</button></section>
<label>Size <select name="size"><option>Small</option><option>Large</option></select></label> <output id="chosen"></output>
<label>Picture <input type="file" name="file"></label> <output id="file"></output>
<label><input type="checkbox" name="gift"> Gift</label> <a href="/sound.js" download="bill.txt">Save</a>
</main><script src="/sound.js"></script></body></html>`

const soundScript = `
const by = id => document.getElementById(id)
by('send').onclick = () => setTimeout(() => { by('said').textContent = 'Ann said ' + document.querySelector('[name=text]').value }, 20)
document.querySelector('[name=size]').onchange = e => { by('chosen').textContent = 'chosen ' + e.target.value }
document.querySelector('[name=file]').onchange = e => { by('file').textContent = 'file ' + e.target.files[0].name }
`

// serve serves pages by their paths, under a policy without inline scripts.
func serve(t testing.TB, pages map[string]string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, found := pages[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src * data:")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript")
		}
		_, _ = fmt.Fprint(w, page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// record is a testing.TB that keeps what a walk reports.
type record struct {
	testing.TB
	texts  []string
	failed bool
}

func (r *record) Errorf(format string, args ...any) {
	r.failed = true
	r.texts = append(r.texts, fmt.Sprintf(format, args...))
}

func (r *record) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// reports returns what acts on a page report.
func reports(p *Page, acts func(p *Page)) string {
	r := &record{TB: p.w.TB}
	w := *p.w
	w.TB, w.patience = r, 300*time.Millisecond
	copied := *p
	copied.w = &w
	func() {
		defer func() {
			if thrown := recover(); thrown != nil && thrown != any(r) {
				panic(thrown)
			}
		}()
		acts(&copied)
	}()
	return strings.Join(r.texts, "\n")
}

func TestKit(t *testing.T) {
	url := serve(t, map[string]string{"/": sound, "/sound.js": soundScript})
	Walk(t, "kit: acts as a person does", func(w *Walker) {
		p := w.Open(url)
		ann := p.Within("region", "Ann")
		ann.Fill("Text", "hello 🍕")
		ann.Click("button", "Send")
		ann.Sees("Ann said hello 🍕")
		p.Within("region", "Ben").Misses("hello")
		assert.Equal(w, "hello 🍕", p.Value("Text"))
		p.Choose("Size", "Large")
		p.Sees("chosen Large")
		path := filepath.Join(w.TempDir(), "cat.png")
		require.NoError(w, os.WriteFile(path, []byte("cat"), 0o600))
		p.Upload("Picture", path)
		p.Sees("file cat.png")
		p.Reload()
		ann.TabTo("textbox", "Text")
		p.Press("H")
		p.Type("i")
		ann.TabTo("button", "Send")
		p.Press("Enter")
		ann.Sees("Ann said Hi")
		ann.TabTo("checkbox", "Gift")
		p.Press("Space")
		p.State("checkbox", "Gift", "checked", "true")
		p.Check("sound")
		wide := Eval[int](p, "innerWidth")
		p.Size(390, 844)
		assert.Equal(w, 390, Eval[int](p, "innerWidth"))
		p.Check("narrow")
		p.Size(0, 0)
		assert.Equal(w, wide, Eval[int](p, "innerWidth"))
		assert.Equal(w, 2, p.Count("button", "Send"))
		name, bill := p.Download("link", "Save")
		assert.Equal(w, "bill.txt", name)
		assert.Equal(w, soundScript, string(bill))
		other := w.Open(url)
		p.Close()
		other.Sees("Sound")
		other.Close()
		p.Lacks("dialog", "")
	})
}

// faulty has a page for each fault, and words of the report.
var faulty = []struct{ path, page, report string }{
	{"/console", `<script src="/console.js"></script>`, "console error: \"nothing works\" Object"},
	{"/thrown", `<script src="/thrown.js"></script>`, "error of a script: Uncaught"},
	{"/promise", `<script src="/promise.js"></script>`, "lost promise"},
	{"/inline", `<script>document.title = 'x'</script>`, "content security policy: script-src-elem"},
	{"/off", `<img alt="A map" src="http://maps.example/a.png">`, "request off the host: GET http://maps.example/a.png"},
	{"/gone", `<img alt="A map" src="/gone.png">`, "answer 404 to GET"},
	{"/refused", `<script src="/refused.js"></script>`, "failed request: GET http://127.0.0.1:1/"},
	{"/form", `<label for="nobody">Name</label><input id="a">`, "issue of a form"},
	{"/quirks", `quirks`, "it has no doctype"},
}

func TestKitFindsFaults(t *testing.T) {
	pages := map[string]string{
		"/": sound, "/sound.js": soundScript,
		"/console.js": `console.error('nothing works', {a: 1})`,
		"/thrown.js":  `nothing.works()`,
		"/promise.js": `Promise.reject(new Error('lost promise'))`,
		"/refused.js": `const i = new Image(); i.src = 'http://127.0.0.1:1/'`,
	}
	for _, f := range faulty {
		doctype := "<!doctype html>"
		if f.path == "/quirks" {
			doctype = ""
		}
		pages[f.path] = doctype + `<html lang="en"><link rel="icon" href="data:,"><title>Faulty</title>` + f.page
	}
	url := serve(t, pages)
	Walk(t, "kit: finds faults of scripts and requests", func(w *Walker) {
		p := w.Open(url)
		p.settle()
		assert.Empty(w, w.watch.faults(), "of the sound page")
		for _, f := range faulty {
			p.Go(url + f.path)
			p.until(func() error {
				if all := strings.Join(w.watch.faults(), "\n"); !strings.Contains(all, f.report) {
					return fmt.Errorf("%s is not found: %s", f.path, all)
				}
				return nil
			})
		}
		w.Allow("a fault that never comes")
		assert.Contains(w, strings.Join(w.watch.faults(), "\n"), `the walk allows a fault with the words "a fault that never comes", which never came`)
		*w.watch = *newWatch()
	})
}

// ugly has faults of looks, and the reports of each.
const ugly = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Ugly</title><style>
:root { color-scheme: light dark }
.pale { color: #999; background: #fff } .faded { opacity: .4 } .wide { width: 3000px } .half { color: rgb(0 0 0 / .4); background: #fff }
.sound { color: light-dark(#333, #ddd) } :focus-visible { outline: 0 }</style>
<main><h1>Ugly</h1><button class="nameless"><svg width="20" height="20"></svg></button>
<p class="pale">pale text</p><p class="faded">faded text</p><p class="half">half text</p><p class="sound">sound text</p>
<input class="wide"><input aria-label="Pale" class="pale" placeholder="a hint"></main>`

func TestKitFindsFaultsOfLooks(t *testing.T) {
	url := serve(t, map[string]string{"/": ugly})
	Walk(t, "kit: finds faults of looks", func(w *Walker) {
		p := w.Open(url)
		found := reports(p, func(p *Page) { p.Check("full") })
		for _, words := range []string{
			`the page full, light: the button <button class="nameless">`,
			`the page full, dark: the button <button class="nameless">`,
			`light: the text "pale text" has a contrast of 2.85, less than 4.5`,
			`dark: the text "pale text" has a contrast of 2.85`,
			`light: the text "faded text"`, `dark: the text "faded text"`, `light: the text "half text"`,
			`the textbox <input class="wide"> has no name`, `pixels wide in a window of`,
		} {
			assert.Contains(w, found, words)
		}
		assert.NotContains(w, found, `the text "sound text"`)
		if script, _ := axeScript(); script != "" {
			assert.Contains(w, found, "axe-core: button-name")
			assert.Contains(w, found, "axe-core: color-contrast")
		} else {
			w.axe = true
		}
		assert.Contains(w, reports(p, func(p *Page) { p.TabTo("textbox", "Pale") }), `the focus on the button "" is not to be seen`)
		*w.watch = *newWatch() // the inputs without a label
	})
}

func TestKitSaysWhy(t *testing.T) {
	url := serve(t, map[string]string{"/": sound, "/sound.js": soundScript,
		"/covered": `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Covered</title><button>Save</button><div id="veil" style="position:fixed;inset:0"></div>`})
	Walk(t, "kit: says why a wait ended", func(w *Walker) {
		p := w.Open(url)
		for words, acts := range map[string]func(p *Page){
			`there is no button "Sent"; there are: "Send", "Send"`:           func(p *Page) { p.Click("button", "Sent") },
			`there are 2 of button "Send"; name the part of the page`:        func(p *Page) { p.Click("button", "Send") },
			`the button "Send" is disabled`:                                  func(p *Page) { p.Within("region", "Ben").Click("button", "Send") },
			`there is no region "Cyd"; there are: "Ann", "Ben"`:              func(p *Page) { p.Within("region", "Cyd").Fill("Text", "a") },
			`the text "hello" is not seen in region "Ann"`:                   func(p *Page) { p.Within("region", "Ann").Sees("hello") },
			`the text "Gift" is still seen`:                                  func(p *Page) { p.Misses("Gift") },
			`there is no choice "Huge" of "Size"; the choices of the list a`: func(p *Page) { p.Choose("Size", "Huge") },
			`checkbox "Gift" is checked="false", not "true"`:                 func(p *Page) { p.State("checkbox", "Gift", "checked", "true") },
			`Tab does not reach the link "Home"; its stops: textbox "Text",`: func(p *Page) { p.TabTo("link", "Home") },
		} {
			report := reports(p, acts)
			assert.Contains(w, report, words)
			assert.Contains(w, report, "Send", "the text of the page is shown")
		}
		p.Go(url + "/covered")
		assert.Contains(w, reports(p, func(p *Page) { p.Click("button", "Save") }), `the button "Save" is covered by <div id="veil"`)
	})
}

// TestCompare needs no Chromium.
func TestCompare(t *testing.T) {
	var ran tally
	ran.add("a", passed, 0)
	ran.add("b", failed, 0)
	ran.add("c", skipped, 0)
	listed := names("# walks\n\na\nb\n  c\n")
	assert.Equal(t, []string{"a", "b", "c"}, listed)
	assert.Empty(t, ran.compare(listed, true))
	assert.Equal(t, "browser: 1 passed, 1 failed, 1 skipped", ran.sum(0))
	assert.Equal(t, []string{`the walk "d" of the list did not run`}, ran.compare(append(listed, "d"), true))
	assert.Empty(t, ran.compare(append(listed, "d"), false), "some were chosen with -run")
	assert.Equal(t, []string{`the walk "c" is not in the list of walks; add it`}, ran.compare(listed[:2], false))
	ran.add("a", passed, 0)
	assert.Equal(t, []string{`two walks are called "a"`}, ran.compare(listed, true))
	assert.Equal(t, "browser: 2 passed, 3 failed, 1 skipped", ran.sum(2))
}

// taking takes Enter, and has another field a moment later.
const taking = `<!DOCTYPE html><html lang=en><title>Taking</title><main><h1>Taking</h1><label>Text <textarea name=text></textarea></label></main><script src=/taking.js></script></html>`

const takingScript = `addEventListener("keydown", event => {
	if (event.key !== "Enter") return
	event.preventDefault()
	const next = document.createElement("textarea")
	next.name = "text"
	event.target.replaceWith(next)
	next.focus()
})`

func TestKitTypesNoKeyThatThePageTakes(t *testing.T) {
	url := serve(t, map[string]string{"/": taking, "/taking.js": takingScript})
	Walk(t, "kit: a key that the page takes is not typed", func(w *Walker) {
		p := w.Open(url)
		for range 20 {
			p.Fill("Text", "hello")
			p.Press("Enter")
			assert.Empty(w, p.Value("Text"))
		}
	})
}
