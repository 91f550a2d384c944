package browser

import (
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
)

// Text returns the text that is seen, as lines.
func (p *Page) Text() string {
	p.w.Helper()
	text, err := p.text()
	if err != nil {
		p.fail("read the text: %v", err)
	}
	return text
}

func (p *Page) text() (string, error) {
	if len(p.within) == 0 {
		return evaluate[string](p, "document.body?.innerText ?? ''")
	}
	node, err := p.part()
	if err != nil {
		return "", err
	}
	return callOn[string](p, node, "function() { return this.innerText ?? this.textContent }")
}

// part is the node of the innermost part.
func (p *Page) part() (cdp.BackendNodeID, error) {
	at, err := p.root()
	return at.BackendNodeID, err
}

// Sees waits until a text is seen. Spaces and ends of lines are alike.
func (p *Page) Sees(text string) {
	p.w.Helper()
	p.until(func() error {
		all, err := p.text()
		if err == nil && !strings.Contains(flat(all), flat(text)) {
			err = fmt.Errorf("the text %q is not seen%s", text, place(p.within))
		}
		return err
	})
}

// Misses waits until a text is not seen.
func (p *Page) Misses(text string) {
	p.w.Helper()
	p.until(func() error {
		all, err := p.text()
		if err == nil && strings.Contains(flat(all), flat(text)) {
			err = fmt.Errorf("the text %q is still seen%s", text, place(p.within))
		}
		return err
	})
}

// flat makes one space of spaces and ends of lines.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// Value returns the text in the field with the label.
func (p *Page) Value(label string) string {
	p.w.Helper()
	var value string
	p.until(func() error {
		node, err := p.find(label, fields...)
		if err != nil {
			return err
		}
		value, err = callOn[string](p, node, "function() { return this.value ?? this.innerText }")
		return err
	})
	return value
}

// Attribute returns an attribute of an element, or "".
func (p *Page) Attribute(role, name, attribute string) string {
	p.w.Helper()
	var value string
	p.until(func() error {
		node, err := p.find(name, role)
		if err != nil {
			return err
		}
		value, err = callOn[string](p, node, "function(name) { return this.getAttribute(name) ?? '' }", attribute)
		return err
	})
	return value
}

// Until waits until a JavaScript expression is true. problem says what is wrong before.
func (p *Page) Until(expression, problem string) {
	p.w.Helper()
	p.until(func() error {
		is, err := evaluate[bool](p, expression)
		if err == nil && !is {
			err = fmt.Errorf("%s", problem)
		}
		return err
	})
}
