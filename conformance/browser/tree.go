package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/runtime"
)

var errAbsent = errors.New("there is no")

// root is the document, or the node of the innermost part.
func (p *Page) root() (accessibility.QueryAXTreeParams, error) {
	document, err := call(p, runtime.Evaluate, runtime.EvaluateParams{Expression: "document", ObjectGroup: "walk"})
	if err != nil {
		return accessibility.QueryAXTreeParams{}, err
	}
	at := accessibility.QueryAXTreeParams{ObjectID: document.Result.ObjectID}
	for n, part := range p.within {
		node, err := p.only(at, part, place(p.within[:n]))
		if err != nil {
			return at, err
		}
		at = accessibility.QueryAXTreeParams{BackendNodeID: node}
	}
	return at, nil
}

// find returns the only node with one of the roles, and the name.
func (p *Page) find(name string, roles ...string) (cdp.BackendNodeID, error) {
	at, err := p.root()
	if err != nil {
		return 0, err
	}
	return p.only(at, element{strings.Join(roles, " or "), name}, place(p.within))
}

// only returns the only element below a node. where says which node that is.
func (p *Page) only(at accessibility.QueryAXTreeParams, wanted element, where string) (cdp.BackendNodeID, error) {
	found, err := p.query(at, wanted)
	if err != nil {
		return 0, err
	}
	switch len(found) {
	case 1:
		return found[0].BackendDOMNodeID, nil
	case 0:
		return 0, fmt.Errorf("%w %s%s; there are: %s", errAbsent, wanted, where, p.others(at, wanted.role))
	}
	return 0, fmt.Errorf("there are %d of %s%s; name the part of the page with Within", len(found), wanted, where)
}

// place says in which parts of the page something is.
func place(within []element) string {
	text := ""
	for _, part := range slices.Backward(within) {
		text += " in " + part.String()
	}
	return text
}

// query returns the nodes below a node that people perceive, with a role of "a or b" and
// a name, if it is not empty.
func (p *Page) query(at accessibility.QueryAXTreeParams, wanted element) ([]*accessibility.Node, error) {
	roles := strings.Split(wanted.role, " or ")
	if len(roles) == 1 {
		at.Role = wanted.role
	}
	// Chromium compares names with their outer spaces, and finds no control for files.
	result, err := call(p, accessibility.QueryAXTree, at)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(result.Nodes, func(n *accessibility.Node) bool {
		return n.Ignored || n.BackendDOMNodeID == 0 || !slices.Contains(roles, word(n.Role)) || wanted.name != "" && flat(word(n.Name)) != flat(wanted.name)
	}), nil
}

// others lists the names of a role, for the message of a search in vain.
func (p *Page) others(at accessibility.QueryAXTreeParams, role string) string {
	found, err := p.query(at, element{role: role})
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, n := range found {
		names = append(names, fmt.Sprintf("%q", word(n.Name)))
	}
	if len(names) == 0 {
		return "none at all"
	}
	return strings.Join(names, ", ")
}

// word is the text of a value of the accessibility tree.
func word(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	if json.Unmarshal(v.Value, &text) != nil {
		return string(v.Value)
	}
	return text
}

// property returns a property of a node, such as "checked" or "expanded", as text, and
// "" if the node does not have it.
func property(n *accessibility.Node, name string) string {
	for _, property := range n.Properties {
		if property.Name.String() == name {
			return word(property.Value)
		}
	}
	return ""
}

// Count returns how many elements there are with the role, and with the name if it is
// not empty. It does not wait.
func (p *Page) Count(role, name string) int {
	p.w.Helper()
	at, err := p.root()
	if err != nil {
		return 0
	}
	found, err := p.query(at, element{role, name})
	if err != nil {
		p.fail("count %s %q: %v", role, name, err)
	}
	return len(found)
}

// Has waits until an element with the role and the name is there.
func (p *Page) Has(role, name string) {
	p.w.Helper()
	p.until(func() error {
		at, err := p.root()
		if err != nil {
			return err
		}
		if found, err := p.query(at, element{role, name}); err != nil || len(found) > 0 {
			return err
		}
		return fmt.Errorf("there is no %s%s; there are: %s", element{role, name}, place(p.within), p.others(at, role))
	})
}

// Lacks waits until no element with the role and the name is there.
func (p *Page) Lacks(role, name string) {
	p.w.Helper()
	p.until(func() error {
		at, err := p.root()
		if errors.Is(err, errAbsent) {
			return nil // the part itself is gone
		}
		if err != nil {
			return err
		}
		found, err := p.query(at, element{role, name})
		if err == nil && len(found) > 0 {
			err = fmt.Errorf("there is still a %s%s", element{role, name}, place(p.within))
		}
		return err
	})
}

// State waits until an element has a state, such as "checked", "expanded" or "disabled"
// with the value "true".
func (p *Page) State(role, name, state, value string) {
	p.w.Helper()
	p.until(func() error {
		at, err := p.root()
		if err != nil {
			return err
		}
		found, err := p.query(at, element{role, name})
		if err != nil || len(found) != 1 {
			return fmt.Errorf("there are %d of %s%s: %w", len(found), element{role, name}, place(p.within), err)
		}
		if is := property(found[0], state); is != value {
			return fmt.Errorf("%s is %s=%q, not %q", element{role, name}, state, is, value)
		}
		return nil
	})
}

// Focused returns the role and the name of the element that has the focus.
func (p *Page) Focused() (role, name string) {
	p.w.Helper()
	node, err := p.focused()
	if err != nil {
		p.fail("which element has the focus: %v", err)
	}
	return node.role, node.name
}

func (p *Page) focused() (element, error) {
	active, err := call(p, runtime.Evaluate, runtime.EvaluateParams{Expression: "document.activeElement", ObjectGroup: "walk"})
	if err != nil {
		return element{}, err
	}
	if active.Result.ObjectID == "" {
		return element{}, nil
	}
	result, err := call(p, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: active.Result.ObjectID, FetchRelatives: new(false)})
	if err != nil || len(result.Nodes) == 0 {
		return element{}, err
	}
	return element{word(result.Nodes[0].Role), flat(word(result.Nodes[0].Name))}, nil
}
