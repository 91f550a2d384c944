package phones

import (
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file makes the OpenAPI document from the table of acts, the routes, and the Go
// types of bodies and answers.

type object = map[string]any

// openAPI returns the document.
func openAPI() object {
	d := document{schemas: object{}}
	paths := object{}
	add := func(method, path string, operation object) {
		item, _ := paths[path].(object)
		if item == nil {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(method)] = operation
	}
	for _, route := range routes {
		add(route.method, route.path, d.route(route))
	}
	for _, act := range chatapitest.Acts() {
		add(http.MethodPost, pathOf(act), d.act(act))
	}
	d.schema(reflect.TypeFor[simEvent]())
	return object{
		"openapi": "3.0.3",
		"info": object{
			"title":   "Chat API fake",
			"version": "1",
			"description": "Simulated customers of a fake of the WhatsApp Business Chat API, for tests in any language. " +
				"Every body is JSON and needs the header Content-Type: application/json, also if it is empty.",
		},
		"paths":      paths,
		"components": object{"schemas": d.schemas},
	}
}

// document collects the schemas of named types.
type document struct{ schemas object }

// act returns the operation of an act.
func (d document) act(act chatapitest.Act) object {
	properties, required := object{}, []string{}
	for _, arg := range act.Args {
		properties[memberOf(arg)] = argSchema(arg)
		if !arg.Optional {
			required = append(required, memberOf(arg))
		}
	}
	body := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		body["required"] = required
	}
	parameters := []any{query(byChannel)}
	if act.Actor == chatapitest.ActorCustomer {
		parameters = append(parameters, object{"name": "who", "in": "path", "required": true, "schema": object{"type": "string"},
			"description": "the phone number, BSUID or profile name of the customer; a new number or BSUID makes a new customer"})
	}
	answer := object{"description": "done, and all webhooks are answered", "content": jsonContent(d.schema(reflect.TypeFor[acted]()))}
	pending := object{"description": "done, but not all webhooks are answered after " + patience.String(), "content": answer["content"]}
	return object{
		"operationId": operationID(act), "summary": act.Doc, "tags": []string{string(act.Actor)}, "parameters": parameters,
		"requestBody": object{"required": true, "content": jsonContent(body)},
		"responses":   object{"200": answer, "202": pending, "default": d.failure()},
	}
}

// operationID returns a name for an act, such as customerHidesNumber.
func operationID(act chatapitest.Act) string {
	id := string(act.Actor)
	for word := range strings.FieldsSeq(act.Name) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// argSchema returns the schema of an argument.
func argSchema(arg chatapitest.Arg) object {
	schema := object{"type": "string", "description": arg.Doc}
	switch arg.Kind {
	case chatapitest.ArgNumber:
		schema["type"] = "number"
	case chatapitest.ArgInteger:
		schema["type"] = "integer"
	case chatapitest.ArgJSON:
		schema["type"], schema["additionalProperties"] = "object", true
	case chatapitest.ArgFile:
		schema["format"] = "byte"
	}
	return schema
}

// route returns the operation of a route.
func (d document) route(r route) object {
	operation := object{"operationId": r.id, "summary": r.doc, "tags": []string{"fake"}}
	if r.query != nil {
		parameters := []any{}
		for _, p := range r.query {
			parameters = append(parameters, query(p))
		}
		operation["parameters"] = parameters
	}
	switch {
	case r.body != nil:
		operation["requestBody"] = object{"required": true, "content": jsonContent(d.schema(reflect.TypeOf(r.body)))}
	case r.method != http.MethodGet:
		operation["requestBody"] = object{"required": true, "content": jsonContent(object{"type": "object"})}
	}
	status, done := "200", object{"description": "done"}
	switch {
	case r.answer != nil:
		done["content"] = jsonContent(d.schema(reflect.TypeOf(r.answer)))
	case r.content == "application/octet-stream":
		done["content"] = object{r.content: object{"schema": object{"type": "string", "format": "binary"}}}
	case r.content != "":
		done["content"] = object{r.content: object{"schema": object{"type": "string"}}}
	default:
		status = "204"
	}
	operation["responses"] = object{status: done, "default": d.failure()}
	return operation
}

// failure returns the answer with an error.
func (d document) failure() object {
	return object{"description": "a sentence says what is wrong", "content": jsonContent(d.schema(reflect.TypeFor[problem]()))}
}

func query(p parameter) object {
	schema := object{"type": p.kind}
	if p.kind == "integer" {
		schema["minimum"] = 0
	}
	return object{"name": p.name, "in": "query", "required": p.required, "description": p.doc, "schema": schema}
}

func jsonContent(schema object) object {
	return object{"application/json": object{"schema": schema}}
}

// schema returns the schema of a Go type. A struct becomes a schema of its own.
func (d document) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return d.schema(t.Elem())
	case t.Kind() == reflect.Struct:
		return d.named(t)
	}
	switch t.Kind() {
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Uint64:
		return object{"type": "integer", "format": "int64"}
	case reflect.String:
		return object{"type": "string"}
	}
	return object{} // any value
}

// named adds the schema of a struct and returns the reference to it.
func (d document) named(t reflect.Type) object {
	name := string(unicode.ToUpper(rune(t.Name()[0]))) + t.Name()[1:]
	reference := object{"$ref": "#/components/schemas/" + name}
	if d.schemas[name] != nil {
		return reference
	}
	properties, required := object{}, []string{}
	d.schemas[name] = object{} // for a type that has itself
	for field := range fields(t) {
		member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		schema := d.schema(field.Type)
		if doc := field.Tag.Get("doc"); doc != "" && schema["$ref"] == nil {
			schema["description"] = doc
		}
		properties[member] = schema
		if !strings.HasPrefix(options, "omit") {
			required = append(required, member)
		}
	}
	made := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		made["required"] = required
	}
	d.schemas[name] = made
	return reference
}

// fields returns the fields of a struct that JSON has.
func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if t.Field(i).IsExported() && !yield(t.Field(i)) {
				return
			}
		}
	}
}
