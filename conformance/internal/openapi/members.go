package openapi

import (
	"maps"
	"slices"
)

// Members returns the path of every member that the operation's JSON body may have,
// such as "contacts[].phones[].wa_id", in the order of the alphabet.
func (o *Operation) Members() []string {
	found := map[string]bool{}
	schema := o.at.member("requestBody").member("content").member("application/json").member("schema")
	collect(schema, "", map[string]bool{}, found)
	return slices.Sorted(maps.Keys(found))
}

// collect adds the members of a schema at a path. open has the schemas around it, so
// that a schema that contains itself ends.
func collect(n node, path string, open, found map[string]bool) {
	n = n.resolved()
	if n.value == nil || open[n.pointer] {
		return
	}
	open[n.pointer] = true
	defer delete(open, n.pointer)
	for _, p := range n.member("properties").members() {
		name := p.name()
		if path != "" {
			name = path + "." + name
		}
		found[name] = true
		collect(p, name, open, found)
	}
	collect(n.member("items"), path+"[]", open, found)
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range n.member(word).items() {
			collect(part, path, open, found)
		}
	}
}
