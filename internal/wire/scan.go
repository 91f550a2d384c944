package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// This file reads documents whose shape is only known while reading them. A
// body is checked once, as a whole, by the JSON package; after that a Value is
// walked by position, without building anything that is not asked for.

// Check reports whether data is exactly one JSON document. lenient tells that
// it is one only with duplicate names or broken UTF-8 allowed. Nesting deeper
// than 10,000 levels is an error.
func Check(data []byte) (lenient bool, err error) {
	if Strict(data) {
		return false, nil
	}
	tolerant := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	if jsontext.Value(data).IsValid(tolerant...) {
		return true, nil
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(data), tolerant...)
	switch _, err = decoder.ReadValue(); {
	case errors.Is(err, io.EOF) && len(bytes.TrimSpace(data)) == 0:
		return false, errors.New("it is empty")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return false, fmt.Errorf("it is cut off after %d bytes", len(data))
	case err == nil:
		return false, fmt.Errorf("there is more after the document's end at byte %d", decoder.InputOffset())
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return false, fmt.Errorf("%v at byte %d", syntax.Err, syntax.ByteOffset)
	}
	return false, err
}

// Strict reports whether data is one JSON document without duplicate names and
// broken UTF-8.
func Strict(data []byte) bool { return jsontext.Value(data).IsValid() }

// Value is one JSON value without space around it, part of a document that
// passed Check. The zero Value stands for an absent one.
type Value []byte

// Root returns the value of a whole document.
func Root(data []byte) Value { return bytes.Trim(data, " \t\r\n") }

// IsObject reports whether v is an object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// IsArray reports whether v is an array.
func (v Value) IsArray() bool { return len(v) > 0 && v[0] == '[' }

// IsString reports whether v is a text.
func (v Value) IsString() bool { return len(v) > 0 && v[0] == '"' }

// IsNull reports whether v is null or absent.
func (v Value) IsNull() bool { return len(v) == 0 || v[0] == 'n' }

// Kind names v's type for an error text, such as "an array".
func (v Value) Kind() string {
	if len(v) == 0 {
		return "nothing"
	}
	return kind(v)
}

// Text returns a scalar as text: a string's content, a number's own digits,
// true or false; null and absent are empty. An object or array is an error.
func (v Value) Text() (string, error) {
	switch {
	case v.IsNull():
		return "", nil
	case v.IsString():
		return unquote(v), nil
	case v.IsObject(), v.IsArray():
		return "", fmt.Errorf("want a text, got %s", v.Kind())
	}
	return string(v), nil
}

// Bool returns true, false, 0, 1 and their text forms; set is false for
// anything else.
func (v Value) Bool() (value, set bool) {
	switch string(v) { // the usual spellings, without a detour
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	var b Bool
	if len(v) == 0 || b.UnmarshalJSON(v) != nil {
		return false, false
	}
	return b.Value, b.Set
}

// Int returns an integer in either form; ok is false for anything else.
func (v Value) Int() (n int64, ok bool) {
	text, err := v.Text()
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// Float returns a number in either form; ok is false for anything else.
func (v Value) Float() (f float64, ok bool) {
	text, err := v.Text()
	if err != nil {
		return 0, false
	}
	f, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
	return f, err == nil
}

// Get returns the member with that name, the last one if there are several;
// the zero Value if there is none or v is no object.
func (v Value) Get(name string) Value {
	var found Value
	for members := v.Object(); members.Next(); {
		if string(members.Name) == name {
			found = members.Value
		}
	}
	return found
}

// Object returns a cursor over v's members, empty if v is no object.
func (v Value) Object() Object {
	if !v.IsObject() || len(v) < 2 {
		return Object{}
	}
	return Object{rest: v[1 : len(v)-1]}
}

// Array returns a cursor over v's elements, empty if v is no array.
func (v Value) Array() Array {
	if !v.IsArray() || len(v) < 2 {
		return Array{}
	}
	return Array{rest: v[1 : len(v)-1]}
}

// Object walks the members of an object in the order they were written.
type Object struct {
	// Name and Value are the current member's.
	Name  []byte
	Value Value

	rest []byte
}

// Next goes to the next member; it is false after the last.
func (o *Object) Next() bool {
	rest := next(o.rest)
	end := 0
	if len(rest) > 0 && rest[0] == '"' {
		end = stringEnd(rest)
	}
	if end < 2 {
		o.rest = nil
		return false
	}
	o.Name = rest[1 : end-1]
	if bytes.IndexByte(o.Name, '\\') >= 0 {
		o.Name = []byte(unquote(rest[:end]))
	}
	rest = next(rest[end:])
	if end = valueEnd(rest); end == 0 {
		o.rest = nil
		return false
	}
	o.Value, o.rest = Value(rest[:end:end]), rest[end:]
	return true
}

// Array walks the elements of an array.
type Array struct {
	// Value is the current element.
	Value Value

	rest []byte
}

// Next goes to the next element; it is false after the last.
func (a *Array) Next() bool {
	rest := next(a.rest)
	end := valueEnd(rest)
	if end == 0 {
		a.rest = nil
		return false
	}
	a.Value, a.rest = Value(rest[:end:end]), rest[end:]
	return true
}

// Rest returns what is left after the current element, without the array's
// closing bracket.
func (a *Array) Rest() []byte { return bytes.TrimRight(next(a.rest), " \t\r\n") }

// next skips white space, commas and colons, of which a checked document has
// only the ones that belong there.
func next(data []byte) []byte {
	for i, c := range data {
		switch c {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return data[i:]
		}
	}
	return nil
}

// stringEnd returns the position after the closing quote of the string that
// data begins with.
func stringEnd(data []byte) int {
	for i := 1; i < len(data); i++ {
		quote := bytes.IndexByte(data[i:], '"')
		if quote < 0 {
			break
		}
		i += quote
		start := i // of the backslashes before the quote
		for start > 1 && data[start-1] == '\\' {
			start--
		}
		if (i-start)%2 == 0 {
			return i + 1
		}
	}
	return len(data)
}

// valueEnd returns the position after the value that data begins with. It does
// not recurse, so depth costs nothing.
func valueEnd(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	switch data[0] {
	case '"':
		return stringEnd(data)
	case '{', '[':
		depth := 0
		for i := 0; i < len(data); i++ {
			switch data[i] {
			case '"':
				i += stringEnd(data[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(data)
	}
	if end := bytes.IndexAny(data, ",]} \t\r\n"); end >= 0 {
		return end
	}
	return len(data)
}

// unquote decodes a string literal. Broken UTF-8 becomes U+FFFD.
func unquote(literal []byte) string {
	if len(literal) < 2 {
		return ""
	}
	inner := literal[1 : len(literal)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	text, _ := jsontext.AppendUnquote(nil, literal)
	return string(text)
}
