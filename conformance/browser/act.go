package browser

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// fields are the roles of controls that take text.
var fields = []string{"textbox", "searchbox", "spinbutton", "combobox", "Date", "DateTime"}

// aim scrolls a node into view and returns the point at which a person would click, or
// says why a person could not.
const aim = `function() {
	const at = this.nodeType === Node.TEXT_NODE ? this.parentElement : this
	if (at.matches(':disabled') || at.closest('[aria-disabled=true]')) return {problem: 'is disabled'}
	let cover
	for (const block of ['nearest', 'center', 'start', 'end']) {
		at.scrollIntoView({block, inline: 'nearest', behavior: 'instant'})
		const box = Array.from(at.getClientRects()).find(r => r.width > 0 && r.height > 0)
		if (!box) return {problem: 'is not to be seen'}
		const x = box.left + box.width / 2, y = box.top + box.height / 2
		const hit = document.elementFromPoint(x, y)
		if (hit && (at.contains(hit) || hit.closest('label')?.control === at)) return {x, y}
		cover = hit ? hit.outerHTML.slice(0, 200) : 'the edge of the window'
	}
	return {problem: 'is covered by ' + cover}
}`

type target struct {
	X, Y    float64
	Problem string
}

// Click clicks an element, at its middle.
func (p *Page) Click(role, name string) {
	p.w.Helper()
	p.click(name, role)
}

func (p *Page) click(name string, roles ...string) {
	p.w.Helper()
	p.until(func() error {
		node, err := p.find(name, roles...)
		if err != nil {
			return err
		}
		at, err := callOn[target](p, node, aim)
		if err != nil {
			return err
		}
		if at.Problem != "" {
			return fmt.Errorf("the %s %s", element{strings.Join(roles, " or "), name}, at.Problem)
		}
		return p.press(at.X, at.Y)
	})
}

// press clicks a point of the window.
func (p *Page) press(x, y float64) error {
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		event := input.DispatchMouseEventParams{Type: kind, X: x, Y: y}
		if kind != input.DispatchMouseEventTypeMouseMoved {
			event.Button, event.ClickCount = input.MouseButtonLeft, 1
		}
		if _, err := call(p, input.DispatchMouseEvent, event); err != nil {
			return err
		}
	}
	return nil
}

// Fill clicks the field with the label and replaces its text.
func (p *Page) Fill(label, text string) {
	p.w.Helper()
	p.click(label, fields...)
	p.Press("Control+a")
	if text == "" {
		p.Press("Delete")
		return
	}
	p.Type(text)
}

// Type types a text into the element that has the focus.
func (p *Page) Type(text string) {
	p.w.Helper()
	if _, err := call(p, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		p.fail("type %.100q: %v", text, err)
	}
}

// keys are the names of keys in Press, besides characters.
var keys = map[string]string{
	"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape, "Backspace": kb.Backspace, "Delete": kb.Delete, "Space": " ",
	"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
	"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown,
}

var modifiers = map[string]chromedp.Modifier{
	"Shift": chromedp.ModifierShift, "Control": chromedp.ModifierCtrl, "Alt": chromedp.ModifierAlt, "Meta": chromedp.ModifierMeta,
}

// Press presses a key: a character, a name such as "Enter", or both after modifiers, such
// as "Shift+Tab".
func (p *Page) Press(key string) {
	p.w.Helper()
	var held []chromedp.Modifier
	rest := key
	for {
		before, after, found := strings.Cut(rest, "+")
		modifier, known := modifiers[before]
		if !found || !known {
			break
		}
		held, rest = append(held, modifier), after
	}
	typed, known := keys[rest]
	if !known && utf8.RuneCountInString(rest) != 1 {
		p.fail("the walk presses %q, which is no key", key)
	} else if !known {
		typed = rest
	}
	for _, event := range keyEvents(typed, held) {
		if _, err := call(p, input.DispatchKeyEvent, event); err != nil {
			p.fail("press %s: %v", key, err)
		}
	}
}

// keyEvents are a key that goes down and up. Its text is with the first event, because
// Chromium then types it only if the page does not take the key.
func keyEvents(key string, held []chromedp.Modifier) []input.DispatchKeyEventParams {
	r, _ := utf8.DecodeRuneInString(key)
	encoded := kb.Encode(r)
	down, up := *encoded[0], *encoded[len(encoded)-1]
	for _, modifier := range held {
		down.Modifiers |= int64(modifier)
		up.Modifiers |= int64(modifier)
	}
	if len(encoded) == 3 && down.Modifiers&^int64(chromedp.ModifierShift) == 0 {
		down.Text, down.UnmodifiedText = encoded[1].Text, encoded[1].UnmodifiedText
	}
	if key == "a" && slices.Equal(held, []chromedp.Modifier{chromedp.ModifierCtrl}) {
		down.Commands = []string{"selectAll"}
	}
	return []input.DispatchKeyEventParams{down, up}
}

// TabTo presses Tab until the element has the focus, and fails if a stop on the way is
// not marked as focused.
func (p *Page) TabTo(role, name string) {
	p.w.Helper()
	var stops []string
	for range 300 {
		p.Press("Tab")
		at, err := p.focused()
		if err != nil {
			p.fail("press Tab: %v", err)
		}
		if mark := Eval[string](p, focusMark); mark != "" {
			p.w.Errorf("the focus on the %s is not to be seen: %s", at, mark)
		}
		if at.role == role && at.name == name {
			return
		}
		stops = append(stops, at.String())
	}
	p.fail("Tab does not reach the %s; its stops: %s", element{role, name}, strings.Join(stops, ", "))
}

// focusMark is empty if the element that has the focus is marked by an outline or a shadow.
const focusMark = `(() => {
	const at = document.activeElement
	if (!at || at === document.body) return ''
	const style = getComputedStyle(at)
	if (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== 'none') return ''
	const around = at.parentElement?.closest(':focus-within')
	if (around && around !== document.body && getComputedStyle(around).outlineStyle !== 'none') return ''
	return at.outerHTML.slice(0, 160)
})()`

// Choose selects an option of a list of choices by its text.
func (p *Page) Choose(label, option string) {
	p.w.Helper()
	p.until(func() error {
		node, err := p.find(label, "combobox", "listbox")
		if err != nil {
			return err
		}
		problem, err := callOn[string](p, node, `function(wanted) {
			const option = Array.from(this.options ?? []).find(o => o.label.trim() === wanted)
			if (!option) return 'the choices of the list are: ' + Array.from(this.options ?? []).map(o => o.label.trim()).join(', ')
			this.focus()
			option.selected = true
			this.dispatchEvent(new Event('input', {bubbles: true}))
			this.dispatchEvent(new Event('change', {bubbles: true}))
			return ''
		}`, option)
		if err == nil && problem != "" {
			err = fmt.Errorf("there is no choice %q of %q; %s", option, label, problem)
		}
		return err
	})
}

// Upload gives files, by their paths, to the control that asks for files.
func (p *Page) Upload(name string, paths ...string) {
	p.w.Helper()
	p.until(func() error {
		node, err := p.find(name, "button")
		if err != nil {
			return err
		}
		_, err = call(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: paths, BackendNodeID: node})
		return err
	})
}
