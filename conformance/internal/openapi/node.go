package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A node is a place in the document.
type node struct {
	root    any
	pointer string // RFC 6901; empty for the whole document
	value   any    // nil if the document has no such place
}

func (d *Document) node() node { return node{d.root, "", d.root} }

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// member returns a member of an object. It follows references first.
func (n node) member(name string) node {
	n = n.resolved()
	object, _ := n.value.(map[string]any)
	return node{n.root, n.pointer + "/" + escaper.Replace(name), object[name]}
}

// members returns the members of an object by name, without extensions.
func (n node) members() []node {
	object, _ := n.resolved().value.(map[string]any)
	var all []node
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !strings.HasPrefix(name, "x-") {
			all = append(all, n.member(name))
		}
	}
	return all
}

// items returns the items of a list.
func (n node) items() []node {
	list, _ := n.value.([]any)
	all := make([]node, len(list))
	for i, value := range list {
		all[i] = node{n.root, n.pointer + "/" + strconv.Itoa(i), value}
	}
	return all
}

// name returns the last part of the pointer.
func (n node) name() string {
	return unescaper.Replace(n.pointer[strings.LastIndexByte(n.pointer, '/')+1:])
}

func (n node) text() string {
	text, _ := n.value.(string)
	return text
}

func (n node) flag() bool {
	flag, _ := n.value.(bool)
	return flag
}

// resolved follows references until it reaches a node that is not a reference.
func (n node) resolved() node {
	for range 100 { // also ends in a circle of references
		object, _ := n.value.(map[string]any)
		to, ok := object["$ref"].(string)
		if !ok {
			break
		}
		n, _ = n.target(to)
	}
	return n
}

// target returns the place of a reference.
func (n node) target(reference string) (node, error) {
	pointer, ok := strings.CutPrefix(reference, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return node{}, fmt.Errorf("the reference %q leads out of the document", reference)
	}
	found := node{n.root, pointer, n.root}
	if pointer == "" {
		return found, nil
	}
	for _, part := range strings.Split(pointer[1:], "/") {
		switch value := found.value.(type) {
		case map[string]any:
			found.value = value[unescaper.Replace(part)]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(value) {
				return node{}, fmt.Errorf("the reference %q leads nowhere", reference)
			}
			found.value = value[i]
		default:
			found.value = nil
		}
		if found.value == nil {
			return node{}, fmt.Errorf("the reference %q leads nowhere", reference)
		}
	}
	return found, nil
}
