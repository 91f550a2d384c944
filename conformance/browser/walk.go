package browser

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Walker is a walk under way. It is a testing.TB, for testify's functions.
type Walker struct {
	testing.TB
	ctx   context.Context // of the walk's own profile
	first bool            // no page was opened yet
	pages []*Page
	watch *watch
	dir   string // for pictures
	axe   bool   // a check of axe-core was left out

	patience time.Duration
}

// Walk runs a walk as a subtest with its name, in a profile of its own: cookies and
// locks are those of the walk. The name has to be in the list that Main got.
func Walk(t *testing.T, name string, walk func(w *Walker)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		began := time.Now()
		w := &Walker{TB: t, first: true, watch: newWatch(), patience: patience}
		defer func() { results.add(name, w.outcome(), time.Since(began)) }()
		browser, err := chromium()
		if errors.Is(err, errNoChromium) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if w.dir, err = os.MkdirTemp("", "chatapi-walk-"); err != nil { //nolint:usetesting // it outlives a walk that failed
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(browser, 5*time.Minute)
		defer cancel()
		w.ctx = ctx
		defer w.end()
		walk(w)
	})
}

// end closes the pages, reports their faults, and keeps pictures of a failed walk.
func (w *Walker) end() {
	for _, p := range w.pages {
		p.settle()
	}
	for _, fault := range w.watch.faults() {
		w.Errorf("%s", fault)
	}
	if w.Failed() {
		for n, p := range w.pages {
			p.keep(fmt.Sprintf("%s/page-%d.png", w.dir, n+1))
		}
		w.Logf("the pages as they were: %s", w.dir)
	} else {
		_ = os.RemoveAll(w.dir)
	}
	for _, p := range slices.Backward(w.pages) {
		p.end()
	}
}

func (w *Walker) outcome() string {
	switch {
	case w.Failed():
		return failed
	case w.Skipped() || w.axe:
		return skipped
	}
	return passed
}

// Open opens an address in a tab of its own, waits until it is loaded, and allows
// requests to its host.
func (w *Walker) Open(url string) *Page {
	w.Helper()
	p := w.Tab()
	p.Go(url)
	return p
}

// Tab opens an empty tab.
func (w *Walker) Tab() *Page {
	w.Helper()
	options := []chromedp.ContextOption{chromedp.WithListener(w.watch.see)}
	if w.first {
		options = append(options, chromedp.WithNewBrowserContext())
	}
	ctx, cancel := chromedp.NewContext(w.ctx, options...)
	if w.first {
		w.ctx, w.first = ctx, false // later tabs share the profile
	}
	p := &Page{w: w, tab: &tab{ctx: ctx, close: cancel}}
	if err := p.start(); err != nil {
		cancel()
		w.Fatalf("open a tab: %v", err)
	}
	w.pages = append(w.pages, p)
	return p
}

// Allow says that faults whose text has these words are meant by the walk, such as
// "answer 403 to POST". The walk fails if no such fault comes. Of several words, which
// stand for one fault that may show in several ways, one is enough.
func (w *Walker) Allow(words ...string) {
	w.watch.allow(words)
}

const (
	passed  = "passed"
	failed  = "FAILED"
	skipped = "skipped"
)

// results are those of all walks of the process.
var results tally

type tally struct {
	mu    sync.Mutex
	lines []result
}

type result struct {
	name, outcome string
	took          time.Duration
}

func (t *tally) add(name, outcome string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, result{name, outcome, took})
}

// Main runs the tests of a package with walks. list has the names of the walks, a line
// each; empty lines and lines that begin with # are comments. Main returns the exit
// code. It prints each walk's outcome, and last the numbers of all. A walk of the list
// that did not run fails, unless the flag -run chose walks.
func Main(m *testing.M, list string) int {
	flag.Parse()
	code := m.Run()
	if started.close != nil {
		started.close()
	}
	if flag.Lookup("test.list").Value.String() != "" {
		return code
	}
	for _, r := range results.lines {
		fmt.Printf("%-8s%s (%.1f s)\n", r.outcome, r.name, r.took.Seconds())
	}
	wrong := results.compare(names(list), flag.Lookup("test.run").Value.String() == "")
	for _, sentence := range wrong {
		fmt.Println(sentence)
	}
	if errors.Is(started.err, errNoChromium) {
		fmt.Println(started.err)
	}
	fmt.Println(results.sum(len(wrong)))
	if len(wrong) > 0 {
		code = cmp.Or(code, 1)
	}
	return code
}

// names reads a list of walks.
func names(list string) []string {
	var found []string
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	return found
}

// compare returns a sentence for each walk that is in only one of the list and the
// results. Without all, some walks were left out on purpose.
func (t *tally) compare(listed []string, all bool) []string {
	var wrong []string
	ran := map[string]bool{}
	for _, r := range t.lines {
		if ran[r.name] {
			wrong = append(wrong, fmt.Sprintf("two walks are called %q", r.name))
		}
		ran[r.name] = true
		if !slices.Contains(listed, r.name) {
			wrong = append(wrong, fmt.Sprintf("the walk %q is not in the list of walks; add it", r.name))
		}
	}
	for _, name := range listed {
		if all && !ran[name] {
			wrong = append(wrong, fmt.Sprintf("the walk %q of the list did not run", name))
		}
	}
	return wrong
}

// sum is the last line, with so many more failures.
func (t *tally) sum(more int) string {
	count := map[string]int{failed: more}
	for _, r := range t.lines {
		count[r.outcome]++
	}
	return fmt.Sprintf("browser: %d passed, %d failed, %d skipped", count[passed], count[failed], count[skipped])
}
