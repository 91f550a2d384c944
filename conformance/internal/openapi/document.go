// Package openapi checks requests and replies against an OpenAPI 3.1 document. It
// covers the part of OpenAPI that the document of this project uses. It refuses
// to read a document that uses more, so that nothing stays unchecked.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// A Document is a valid OpenAPI 3.1 document. It is safe for concurrent use,
// except for Share.
type Document struct {
	root       any
	schemas    *jsonschema.Compiler
	operations []*Operation
	faults     []error // found while reading
}

// location is the document's address in the schema compiler.
const location = "https://openapi.example/document"

// Read reads a document, in YAML or JSON. The error has one line for each fault:
// a violation of the schema of OpenAPI 3.1, a reference that leads nowhere, an
// operationId that is missing or used twice, a path parameter that is undeclared
// or not in the path, or a feature that this package does not check.
func Read(text []byte) (*Document, error) {
	var parsed any
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	data, err := json.Marshal(parsed)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if err := errors.Join(fit(root), lead(node{root, "", root})); err != nil {
		return nil, err
	}
	d := &Document{root: root, schemas: jsonschema.NewCompiler()}
	d.schemas.DefaultDraft(jsonschema.Draft2020)
	if err := d.schemas.AddResource(location, root); err != nil {
		return nil, err
	}
	d.read()
	if err := errors.Join(d.faults...); err != nil {
		return nil, err
	}
	return d, nil
}

// Operations returns every operation, ordered by path and method.
func (d *Document) Operations() []*Operation { return d.operations }

// Share adds a response of the components to each operation that has no response
// for the status.
func (d *Document) Share(status, component string) error {
	n := d.node().member("components").member("responses").member(component)
	if n.value == nil {
		return fmt.Errorf("the components have no response %q", component)
	}
	shared := d.response(n)
	for _, op := range d.operations {
		if op.responses[status] == nil {
			op.responses[status] = shared
		}
	}
	return errors.Join(d.faults...)
}

func (d *Document) read() {
	top := d.node()
	if dialect := top.member("jsonSchemaDialect"); dialect.value != nil {
		d.fault(dialect, "a dialect of JSON Schema is not judged")
	}
	for _, item := range top.member("paths").members() {
		d.operations = append(d.operations, d.pathItem(item.name(), item)...)
	}
	operations := d.operations
	for _, item := range top.member("webhooks").members() {
		operations = append(operations, d.pathItem("", item)...)
	}
	for _, schema := range top.member("components").member("schemas").members() {
		d.schema(schema)
	}
	d.checkNames(operations)
}

func (d *Document) fault(n node, format string, args ...any) {
	d.faults = append(d.faults, fmt.Errorf("#%s: %s", n.pointer, fmt.Sprintf(format, args...)))
}

// schema compiles the schema at a node. The node must be the schema itself, not
// its parent.
func (d *Document) schema(n node) *jsonschema.Schema {
	compiled, err := d.schemas.Compile(location + "#" + strings.ReplaceAll(n.pointer, "%", "%25"))
	if err != nil {
		d.fault(n, "%v", err)
	}
	return compiled
}

// complaints returns the faults of a value against a schema. They call the value
// by name, such as "$".
func complaints(name string, schema *jsonschema.Schema, value any) []string {
	err := schema.Validate(value)
	if err == nil {
		return nil
	}
	var refused *jsonschema.ValidationError
	if !errors.As(err, &refused) {
		return []string{name + " " + err.Error()}
	}
	return leaves(name, refused)
}

// leaves lists the errors without a further cause.
func leaves(name string, err *jsonschema.ValidationError) (all []string) {
	for _, cause := range err.Causes {
		all = append(all, leaves(name, cause)...)
	}
	if len(err.Causes) == 0 {
		leaf := err.BasicOutput()
		all = append(all, name+strings.ReplaceAll(leaf.InstanceLocation, "/", ".")+" "+leaf.Error.String())
	}
	return all
}
