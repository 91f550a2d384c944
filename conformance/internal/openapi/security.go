package openapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A credential is the demand of one security scheme.
type credential struct {
	in, name string // query or header
	scheme   string // how the header begins; empty if any value will do
}

// security returns the credentials of an operation. Each list is a choice, and a
// request needs all credentials of one choice.
func (d *Document) security(operation node) (choices [][]credential) {
	wanted := operation.member("security")
	if wanted.value == nil {
		wanted = d.node().member("security")
	}
	for _, requirement := range wanted.items() {
		all := []credential{}
		for _, scheme := range requirement.members() {
			all = append(all, d.credential(scheme))
		}
		choices = append(choices, all)
	}
	return choices
}

func (d *Document) credential(wanted node) credential {
	n := d.node().member("components").member("securitySchemes").member(wanted.name())
	switch kind, in := n.member("type").text(), n.member("in").text(); {
	case n.value == nil:
		d.fault(wanted, "the components have no such security scheme")
	case kind == "http":
		return credential{"header", "Authorization", n.member("scheme").text()}
	case kind == "apiKey" && (in == "query" || in == "header"):
		return credential{in, n.member("name").text(), ""}
	default:
		d.fault(n, "security of the type %q in %q is not judged", kind, in)
	}
	return credential{}
}

func (o *Operation) judgeSecurity(query url.Values, header http.Header) (faults []string) {
	for _, all := range o.security {
		missing := ""
		for _, c := range all {
			if !c.given(query, header) {
				missing += fmt.Sprintf("security: %s not found in the %s", strings.TrimSpace(c.name+" "+c.scheme), c.in)
			}
		}
		if missing == "" {
			return nil
		}
		faults = append(faults, missing)
	}
	return faults
}

func (c credential) given(query url.Values, header http.Header) bool {
	text := header.Get(c.name)
	if c.in == "query" {
		text = query.Get(c.name)
	}
	if c.scheme != "" {
		scheme, rest, _ := strings.Cut(text, " ")
		if !strings.EqualFold(scheme, c.scheme) {
			return false
		}
		text = rest
	}
	return text != ""
}
