package browser

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
)

// contrast is a JavaScript expression: the texts that stand out too little from their
// background, a sentence each.
//
//go:embed contrast.js
var contrast string

// Check looks at the page as it stands, light and dark: controls without a name, texts
// that stand out too little, a page that is wider than its window, and axe-core. It
// reports each fault and lets the walk go on. state names the state of the page.
func (p *Page) Check(state string) {
	p.w.Helper()
	for _, theme := range []string{"light", "dark"} {
		p.Theme(theme)
		faults, err := p.inspect()
		if err != nil {
			p.fail("check the page %s, %s: %v", state, theme, err)
		}
		for _, fault := range faults {
			p.w.Errorf("the page %s, %s: %s", state, theme, fault)
		}
	}
	p.Theme("")
}

func (p *Page) inspect() ([]string, error) {
	faults, err := p.nameless()
	if err != nil {
		return nil, err
	}
	weak, err := evaluate[[]string](p, contrast)
	if err != nil {
		return nil, err
	}
	wide, err := evaluate[[]string](p, overflow)
	if err != nil {
		return nil, err
	}
	violations, err := p.axe()
	return slices.Concat(faults, weak, wide, violations), err
}

// overflow has a sentence if the page has to be scrolled sideways.
const overflow = `(() => {
	const page = document.documentElement
	if (page.scrollWidth <= page.clientWidth) return []
	const wide = Array.from(document.body.querySelectorAll('*')).filter(e => e.getBoundingClientRect().right > page.clientWidth + 1)
	return ['the page is ' + page.scrollWidth + ' pixels wide in a window of ' + page.clientWidth + ': ' + wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' and ')]
})()`

// controls are the roles of elements that need a name.
var controls = []string{"button", "link", "textbox", "searchbox", "spinbutton", "combobox", "listbox", "checkbox", "radio", "switch", "slider",
	"tab", "menuitem", "option", "DisclosureTriangle", "Date", "DateTime", "dialog", "alertdialog", "image", "Iframe", "heading"}

// nameless returns a sentence for each control without a name.
func (p *Page) nameless() ([]string, error) {
	tree, err := call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, n := range tree.Nodes {
		if n.Ignored || !slices.Contains(controls, word(n.Role)) || strings.TrimSpace(word(n.Name)) != "" {
			continue
		}
		faults = append(faults, fmt.Sprintf("the %s %s has no name", word(n.Role), p.source(n.BackendDOMNodeID)))
	}
	return faults, nil
}

// source is the beginning of a node's HTML.
func (p *Page) source(node cdp.BackendNodeID) string {
	html, err := callOn[string](p, node, "function() { return (this.outerHTML ?? this.textContent).slice(0, 160) }")
	if err != nil {
		return err.Error()
	}
	return html
}

// axeScript reads the file that CHATAPI_AXE names; it is empty if nothing is named.
var axeScript = sync.OnceValues(func() (string, error) {
	path := os.Getenv("CHATAPI_AXE")
	if path == "" {
		fmt.Fprintln(os.Stderr, "browser: CHATAPI_AXE names no axe.min.js, so AXE-CORE CHECKS NOTHING; get it with: npm pack axe-core")
		return "", nil
	}
	script, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read axe-core, which CHATAPI_AXE names: %w", err)
	}
	if !strings.Contains(string(script), "axe.run") {
		return "", errors.New("the file that CHATAPI_AXE names is not axe.min.js")
	}
	return string(script), nil
})

// axe returns a sentence for each violation that axe-core finds.
func (p *Page) axe() ([]string, error) {
	script, err := axeScript()
	if err != nil {
		return nil, err
	}
	if script == "" {
		p.w.axe = true
		return nil, nil
	}
	if there, err := evaluate[bool](p, "typeof axe === 'object'"); err != nil || !there {
		if _, err := evaluate[json.RawMessage](p, script+";undefined"); err != nil {
			return nil, fmt.Errorf("load axe-core: %w", err)
		}
	}
	return evaluate[[]string](p, `axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(v =>
		'axe-core: ' + v.id + ': ' + v.help + ': ' + v.nodes.slice(0, 4).map(n => n.html.slice(0, 160) + ' (' + n.any.concat(n.all, n.none).map(c => c.message).join('; ').slice(0, 200) + ')').join(' and ')
		+ (v.nodes.length > 4 ? ' and ' + (v.nodes.length - 4) + ' more' : '')))`)
}
