package openapi

import (
	"net/url"
	"slices"
	"strings"
)

// An Operation is a method of a path, or of a webhook.
type Operation struct {
	ID     string // the operationId
	Method string // in capitals
	Path   string // has its parameters in braces; empty for a webhook

	at         node
	segments   []string
	parameters []parameter
	security   [][]credential // any one of these, with all its credentials
	body       *body
	responses  map[string]*response // by status, "4XX" or "default"
}

// A Route is an operation with the values of its path parameters.
type Route struct {
	*Operation
	values map[string]string
}

// Find returns the operation of a method and a path. The path is percent-encoded
// and begins below the server's address. A path parameter is never empty and has
// no slash, escaped or not.
func (d *Document) Find(method, path string) (Route, bool) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	// Operations are sorted by path, and "{" sorts after letters. So if two paths
	// fit, the path with the fixed segment comes first, as OpenAPI demands.
	for _, op := range d.operations {
		if op.Method != method || len(op.segments) != len(segments) {
			continue
		}
		if values, ok := op.match(segments); ok {
			return Route{op, values}, true
		}
	}
	return Route{}, false
}

func (o *Operation) match(segments []string) (values map[string]string, ok bool) {
	values = map[string]string{}
	for i, segment := range segments {
		text, err := url.PathUnescape(segment)
		if err != nil {
			return nil, false
		}
		if name, ok := templated(o.segments[i]); ok && text != "" && !strings.Contains(text, "/") {
			values[name] = text
		} else if text != o.segments[i] {
			return nil, false
		}
	}
	return values, true
}

// templated returns the name of a segment that is a parameter.
func templated(segment string) (name string, ok bool) {
	name, opened := strings.CutPrefix(segment, "{")
	name, closed := strings.CutSuffix(name, "}")
	return name, opened && closed && !strings.ContainsAny(name, "{}")
}

var methods = []string{"delete", "get", "head", "options", "patch", "post", "put", "trace"}

// pathItem reads the operations of a path. The path of a webhook is empty.
func (d *Document) pathItem(path string, item node) (all []*Operation) {
	if item.member("servers").value != nil {
		d.fault(item, "servers of a path are not judged")
	}
	for _, method := range methods {
		n := item.member(method)
		if n.value == nil {
			continue
		}
		op := &Operation{ID: n.member("operationId").text(), Method: strings.ToUpper(method), Path: path, at: n, responses: map[string]*response{}}
		op.segments = strings.Split(strings.TrimPrefix(path, "/"), "/")
		op.parameters = d.parameters(n.member("parameters").items(), item.member("parameters").items())
		op.security = d.security(n)
		if n.member("servers").value != nil {
			d.fault(n, "servers of an operation are not judged")
		}
		if request := n.member("requestBody"); request.value != nil {
			op.body = d.body(request)
		}
		for _, r := range n.member("responses").members() {
			op.responses[r.name()] = d.response(r)
		}
		if path != "" {
			d.checkPath(op)
		}
		all = append(all, op)
	}
	return all
}

// parameters returns the parameters of an operation. A parameter of the path
// counts unless the operation has one of that name in the same place.
func (d *Document) parameters(own, shared []node) (all []parameter) {
	for i, n := range slices.Concat(own, shared) {
		p := d.parameter(n)
		earlier := slices.IndexFunc(all, func(other parameter) bool { return other.in == p.in && other.name == p.name })
		switch {
		case earlier < 0:
			all = append(all, p)
		case i < len(own):
			d.fault(n, "the %s parameter %q is declared twice", p.in, p.name)
		}
	}
	return all
}
