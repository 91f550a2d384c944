package openapi

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A body is the declared body of a request.
type body struct {
	required bool
	contents contents
}

// A response is the declared response for a status.
type response struct {
	headers  []parameter
	contents contents
}

// contents holds schemas by media type. A schema is nil if the document gives
// none.
type contents map[string]*jsonschema.Schema

func (d *Document) body(n node) *body {
	return &body{n.member("required").flag(), d.contents(n)}
}

func (d *Document) response(n node) *response {
	r := &response{contents: d.contents(n)}
	for _, header := range n.member("headers").members() {
		p := parameter{name: header.name(), in: "header", required: header.member("required").flag()}
		r.headers = append(r.headers, d.typed(p, header))
	}
	return r
}

func (d *Document) contents(n node) contents {
	all := contents{}
	for _, content := range n.member("content").members() {
		kind := content.name()
		if strings.Contains(kind, "*") || kind != strings.ToLower(kind) || content.member("encoding").value != nil {
			d.fault(content, "a range of types, capitals, parts with an encoding are not judged")
		}
		all[kind] = nil
		if schema := content.member("schema"); schema.value != nil {
			all[kind] = d.schema(schema)
		}
	}
	return all
}

// Request returns the faults of a request: in its path, in its percent-encoded
// query, in its headers or in its body. A valid request has no faults.
func (r Route) Request(query string, header http.Header, body []byte) []string {
	faults := r.judgeParameters(query, header)
	switch {
	case len(body) > 0 && r.body == nil:
		return append(faults, "the document has no body")
	case len(body) == 0 && r.body != nil && r.body.required:
		return append(faults, "the body is missing")
	case len(body) == 0:
		return faults
	}
	return append(faults, r.body.contents.judge(header, body)...)
}

// Response returns the faults of a reply to the operation. A valid reply has no
// faults.
func (o *Operation) Response(status int, header http.Header, body []byte) []string {
	code := strconv.Itoa(status)
	r := o.responses[code]
	for _, wider := range []string{code[:1] + "XX", "default"} {
		if r == nil {
			r = o.responses[wider]
		}
	}
	if r == nil {
		return []string{"the document has no such status"}
	}
	var faults []string
	for _, p := range r.headers {
		texts := header.Values(p.name)
		if len(texts) == 0 && p.required {
			faults = append(faults, fmt.Sprintf("the header %s is missing", p.name))
		}
		for _, text := range texts {
			faults = append(faults, p.judge(text)...)
		}
	}
	if len(r.contents) > 0 {
		return append(faults, r.contents.judge(header, body)...)
	}
	if len(body) > 0 {
		faults = append(faults, "the document has no body")
	}
	return faults
}

// judge checks a body against the schema of its media type.
func (c contents) judge(header http.Header, body []byte) []string {
	given := header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(given)
	schema, ok := c[kind]
	if err != nil || !ok {
		return []string{fmt.Sprintf("the document has no body of the type %q", given)}
	}
	if schema == nil {
		return nil
	}
	var value any
	switch kind {
	case "application/json":
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
			return []string{fmt.Sprintf("the body is no JSON: %v", err)}
		}
	case "text/plain":
		value = string(body)
	default:
		return []string{fmt.Sprintf("a body of the type %q is not judged", given)}
	}
	return complaints("$", schema, value)
}
