package openapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A parameter is a single value in the path, the query or a header.
type parameter struct {
	name, in string
	required bool
	kind     string // the type in the schema: string, integer, number or boolean
	schema   *jsonschema.Schema
}

func (d *Document) parameter(n node) parameter {
	p := parameter{name: n.member("name").text(), in: n.member("in").text(), required: n.member("required").flag()}
	if p.in == "cookie" {
		d.fault(n, "cookies are not judged")
	}
	return d.typed(p, n)
}

// typed completes a parameter or header with the type of its schema.
func (d *Document) typed(p parameter, n node) parameter {
	for _, member := range []string{"style", "explode", "allowReserved", "allowEmptyValue", "content"} {
		if n.member(member).value != nil {
			d.fault(n, "%s is not judged", member)
		}
	}
	p.kind = n.member("schema").member("type").text()
	if !slices.Contains([]string{"string", "integer", "number", "boolean"}, p.kind) {
		d.fault(n, "a parameter of no type, or of the type %q, is not judged", p.kind)
	}
	p.schema = d.schema(n.member("schema"))
	return p
}

// judge reads a text as a value of the schema's type. A text of another type
// stays a text, and the schema refuses it.
func (p parameter) judge(text string) []string {
	var value any = text
	if p.kind != "string" && text == strings.TrimSpace(text) {
		if read, err := jsonschema.UnmarshalJSON(strings.NewReader(text)); err == nil {
			value = read
		}
	}
	return complaints(fmt.Sprintf("%s parameter %s=%s:", p.in, p.name, text), p.schema, value)
}

// judgeParameters checks all parameters of a request.
func (r Route) judgeParameters(rawQuery string, header http.Header) (faults []string) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return []string{fmt.Sprintf("the query cannot be read: %v", err)}
	}
	for name := range query {
		if !r.declares(name) {
			faults = append(faults, fmt.Sprintf("the document has no query parameter %q", name))
		}
	}
	// The document allows these characters in no parameter without escapes.
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if _, text, _ := strings.Cut(pair, "="); strings.ContainsAny(text, ":/?#[]@!$'(),;=*") {
			faults = append(faults, fmt.Sprintf("query parameter %s: a reserved character is not escaped", pair))
		}
	}
	for _, p := range r.parameters {
		var texts []string
		switch p.in {
		case "path":
			texts = []string{r.values[p.name]}
		case "query":
			texts = query[p.name]
		case "header":
			texts = header.Values(p.name)
		}
		if len(texts) > 1 || len(texts) == 0 && p.required {
			faults = append(faults, fmt.Sprintf("%s parameter %q occurs %d times", p.in, p.name, len(texts)))
		}
		for _, text := range texts {
			faults = append(faults, p.judge(text)...)
		}
	}
	return append(faults, r.judgeSecurity(query, header)...)
}

// declares reports whether the operation has a query parameter of that name, or a
// credential in the query.
func (o *Operation) declares(name string) bool {
	for _, p := range o.parameters {
		if p.in == "query" && p.name == name {
			return true
		}
	}
	for _, all := range o.security {
		for _, c := range all {
			if c.in == "query" && c.name == name {
				return true
			}
		}
	}
	return false
}
