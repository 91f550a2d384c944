package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds each wait. It is long, since a machine may be busy.
const patience = 15 * time.Second

// load bounds loading a page.
const load = 30 * time.Second

// Page is a tab, or a part of its page: see Page.Within. Its methods fail the walk when
// they cannot do or see what they say, at the latest after 15 seconds.
type Page struct {
	w      *Walker
	tab    *tab
	within []element
}

type tab struct {
	ctx   context.Context
	close func()
}

// element names a node of the accessibility tree.
type element struct{ role, name string }

func (e element) String() string { return fmt.Sprintf("%s %q", e.role, e.name) }

// start opens the tab and turns on the reports that chromedp does not.
func (p *Page) start() error {
	if err := chromedp.Do(p.tab.ctx); err != nil {
		return err
	}
	_, err := chromedp.Call(p.tab.ctx, audits.Enable, cdp.Empty{})
	return err
}

// Close closes the tab. The first tab of a walk becomes empty instead: its end is that
// of the walk's profile.
func (p *Page) Close() {
	p.w.Helper()
	if p == p.w.pages[0] {
		p.Go("about:blank")
		return
	}
	p.end()
}

// end closes the tab for good.
func (p *Page) end() {
	if p.tab.ctx.Err() == nil {
		_ = chromedp.Cancel(p.tab.ctx)
	}
	p.tab.close()
}

// Go loads an address into the tab, and allows requests to its host.
func (p *Page) Go(url string) {
	p.w.Helper()
	p.w.watch.host(url)
	ctx, cancel := context.WithTimeout(p.tab.ctx, load)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		p.fail("open %s: %v", url, err)
	}
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.w.Helper()
	ctx, cancel := context.WithTimeout(p.tab.ctx, load)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Reload()); err != nil {
		p.fail("reload: %v", err)
	}
}

// URL is the address of the page.
func (p *Page) URL() string {
	p.w.Helper()
	return Eval[string](p, "location.href")
}

// Within returns the part of the page that has the role and the name, such as
// Within("dialog", "New phone"). Acts and texts are then those of the part, also after
// the page has replaced it.
func (p *Page) Within(role, name string) *Page {
	part := *p
	part.within = append(append([]element{}, p.within...), element{role, name})
	return &part
}

// Eval returns the value of a JavaScript expression in the page. A promise is awaited.
func Eval[T any](p *Page, expression string) T {
	p.w.Helper()
	value, err := evaluate[T](p, expression)
	if err != nil {
		p.fail("evaluate %.200s: %v", expression, err)
	}
	return value
}

func evaluate[T any](p *Page, expression string) (T, error) {
	var value T
	result, err := call(p, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, ReturnByValue: new(true), AwaitPromise: new(true), Silent: new(true),
	})
	if err != nil {
		return value, err
	}
	return value, decode(result.Result, result.ExceptionDetails, &value)
}

// callOn calls a JavaScript function with the node as this.
func callOn[T any](p *Page, node cdp.BackendNodeID, function string, args ...any) (T, error) {
	var value T
	resolved, err := call(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node, ObjectGroup: "walk"})
	if err != nil {
		return value, err
	}
	var arguments []*runtime.CallArgument
	for _, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			return value, err
		}
		arguments = append(arguments, &runtime.CallArgument{Value: text})
	}
	result, err := call(p, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: function, ObjectID: resolved.Object.ObjectID, Arguments: arguments,
		ReturnByValue: new(true), AwaitPromise: new(true), Silent: new(true),
	})
	if err != nil {
		return value, err
	}
	return value, decode(result.Result, result.ExceptionDetails, &value)
}

func decode(result *runtime.RemoteObject, thrown *runtime.ExceptionDetails, into any) error {
	if thrown != nil {
		return errors.New(exception(thrown))
	}
	if len(result.Value) == 0 {
		return nil // undefined
	}
	return json.Unmarshal(result.Value, into)
}

func call[P, R any](p *Page, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(p.tab.ctx, patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}

// until tries again at each change of the page, as long as patience lasts.
func (p *Page) until(try func() error) {
	p.w.Helper()
	deadline := time.Now().Add(p.w.patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || p.tab.ctx.Err() != nil {
			p.fail("%v", err)
		}
		p.change()
	}
}

// change waits for the next change of the page, at most a fifth of a second: a computed
// style or a value of a field may change without a mutation.
func (p *Page) change() {
	_, err := evaluate[bool](p, `new Promise(done => {
		const end = () => { observer.disconnect(); done(true) }
		const observer = new MutationObserver(end)
		observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true})
		setTimeout(end, 200)
	})`)
	if err != nil { // the page is being replaced
		timer := time.NewTimer(50 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.tab.ctx.Done():
		}
	}
}

// settle waits until the events of everything before have arrived.
func (p *Page) settle() {
	if p.tab.ctx.Err() == nil {
		_, _ = evaluate[bool](p, "true")
	}
}

// fail ends the walk with a sentence, the page's address and text, and its faults.
func (p *Page) fail(format string, args ...any) {
	p.w.Helper()
	url, _ := evaluate[string](p, "location.href")
	text, err := p.text()
	if err != nil && len(p.within) > 0 {
		text, err = (&Page{w: p.w, tab: p.tab}).text()
	}
	if err != nil {
		text = err.Error()
	}
	p.w.Fatalf("%s\nThe page %s has the text:\n%s", fmt.Sprintf(format, args...), url, indent(text, 4000))
}

// indent puts a tab before each line of the first bytes of a text.
func indent(text string, most int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	text = strings.Join(lines, "\n\t")
	if len(text) > most {
		text = text[:most] + " … (cut)"
	}
	return "\t" + text
}

// keep writes a picture of the tab as it is, for whoever looks into a failed walk.
func (p *Page) keep(path string) {
	if p.tab.ctx.Err() != nil {
		return
	}
	if picture, err := p.capture(page.CaptureScreenshotFormatPng); err == nil {
		_ = os.WriteFile(path, picture, 0o600)
	}
}
