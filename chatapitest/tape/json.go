package tape

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// This file reads and writes bodies. The order of members stays, because it is the order in
// which a program reads the events of a webhook.

// object is a JSON object.
type object struct {
	names []string // in their order
	of    map[string]any
}

// set adds a member, or replaces its value.
func (o *object) set(name string, value any) {
	if _, have := o.of[name]; !have {
		o.names = append(o.names, name)
	}
	o.of[name] = value
}

// remove takes a member out.
func (o *object) remove(name string) {
	if _, have := o.of[name]; !have {
		return
	}
	delete(o.of, name)
	for i, other := range o.names {
		if other == name {
			o.names = append(o.names[:i:i], o.names[i+1:]...)
			return
		}
	}
}

func newObject() *object { return &object{of: map[string]any{}} }

// MarshalJSON writes the members in their order.
func (o *object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, name := range o.names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, encode(name)...), ':')
		out = append(out, encode(o.of[name])...)
	}
	return append(out, '}'), nil
}

// decode reads exactly one JSON document: *object, []any, string, json.Number, bool or nil. Of
// members with the same name the last counts, in the place of the first. A document that is
// nested deeper than mostDepth is refused.
func decode(raw []byte) (value any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	value, err := decodeNext(d, 0)
	if err != nil {
		return nil, false
	}
	_, err = d.Token()
	return value, errors.Is(err, io.EOF)
}

// mostDepth is how deep bodies may be nested, with the documents in their texts.
const mostDepth = 64

func decodeNext(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	bracket, _ := token.(json.Delim)
	if depth > mostDepth {
		return nil, errors.New("nested too deep")
	}
	switch bracket {
	case '{':
		o := newObject()
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeNext(d, depth+1)
			if err != nil {
				return nil, err
			}
			text, _ := name.(string)
			o.set(text, value)
		}
		_, err = d.Token()
		return o, err
	case '[':
		list := []any{}
		for d.More() {
			value, err := decodeNext(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

// members returns the members of a body that is an object; nil otherwise.
func members(raw []byte) *object {
	value, _ := decode(raw)
	o, _ := value.(*object)
	return o
}

// encode writes a value that decode can read. It does not escape what HTML would, so that
// tapes can be read.
func encode(value any) json.RawMessage {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return json.RawMessage(`null`)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
