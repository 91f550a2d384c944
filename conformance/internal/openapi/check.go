package openapi

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schema of OpenAPI 3.1 documents; schema-3.1.NOTICE says where it is from.
//
//go:embed schema-3.1.json
var schemaText []byte

// schema31 is the compiled schema of OpenAPI 3.1 documents. It checks the schemas
// in a document against JSON Schema 2020-12, the default dialect.
var schema31 = sync.OnceValues(func() (*jsonschema.Schema, error) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		return nil, err
	}
	const published, bound = "https://spec.openapis.org/oas/3.1/schema/2022-10-07", "https://openapi.example/schema"
	compiler := jsonschema.NewCompiler()
	err = errors.Join(compiler.AddResource(published, schema), compiler.AddResource(bound, map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$ref":    published,
		"$defs": map[string]any{"schema": map[string]any{
			"$dynamicAnchor": "meta", // the published schema leaves this open
			"$ref":           "https://json-schema.org/draft/2020-12/schema",
		}},
	}))
	if err != nil {
		return nil, err
	}
	return compiler.Compile(bound)
})

// fit checks a document against the schema of OpenAPI 3.1.
func fit(root any) error {
	schema, err := schema31()
	if err != nil {
		return err
	}
	var faults []error
	for _, text := range complaints("document", schema, root) {
		faults = append(faults, errors.New(text))
	}
	return errors.Join(faults...)
}

// lead checks that each reference at and below a node leads somewhere.
func lead(n node) error {
	var faults []error
	switch value := n.value.(type) {
	case map[string]any:
		if to, ok := value["$ref"].(string); ok {
			if _, err := n.target(to); err != nil {
				faults = append(faults, fmt.Errorf("#%s: %w", n.pointer, err))
			}
		}
		for name := range value {
			faults = append(faults, lead(node{n.root, n.pointer + "/" + escaper.Replace(name), value[name]}))
		}
	case []any:
		for _, item := range n.items() {
			faults = append(faults, lead(item))
		}
	}
	return errors.Join(faults...)
}

// checkNames checks that operations differ in their ids, and in their methods and
// paths. Names of path parameters don't count.
func (d *Document) checkNames(operations []*Operation) {
	ids, routes := map[string]bool{}, map[string]bool{}
	for _, op := range operations {
		if op.ID == "" || ids[op.ID] {
			d.fault(op.at, "the operationId %q is missing or used twice", op.ID)
		}
		ids[op.ID] = true
		if op.Path == "" {
			continue // a webhook has no path
		}
		route := op.Method
		for _, segment := range op.segments {
			if _, ok := templated(segment); ok {
				segment = "{}"
			}
			route += "/" + segment
		}
		if routes[route] {
			d.fault(op.at, "%s is another operation's, too", route)
		}
		routes[route] = true
	}
}

// checkPath checks that the operation declares exactly the parameters of its
// path.
func (d *Document) checkPath(op *Operation) {
	declared := map[string]bool{}
	for _, p := range op.parameters {
		if p.in == "path" {
			declared[p.name] = true
		}
	}
	for _, segment := range op.segments {
		name, ok := templated(segment)
		switch {
		case ok && !declared[name]:
			d.fault(op.at, "the path's parameter %q is not declared", name)
		case !ok && strings.ContainsAny(segment, "{}"):
			d.fault(op.at, "a parameter as a part of the segment %q is not judged", segment)
		}
		delete(declared, name)
	}
	for name := range declared {
		d.fault(op.at, "the parameter %q is not in the path", name)
	}
}
