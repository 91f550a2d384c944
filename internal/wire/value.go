package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is one value of a Document. Its methods decode it when they are called.
// The zero Value is an absent value.
type Value struct {
	doc  *Document
	node uint32
}

// Root returns the value of the document in data, which needs no Release. It
// returns the zero Value if data is not one JSON document.
func Root(data []byte) Value {
	if len(data) == 0 {
		return Value{}
	}
	d := &Document{data: data}
	if d.scan() {
		d.budget = budgetFor(len(data), cap(d.nodes))
		return d.Root()
	}
	return Value{}
}

// Raw returns the bytes of the value, without space around it; nil if it is
// absent. They are part of the document's data.
func (v Value) Raw() []byte {
	if v.doc == nil {
		return nil
	}
	n := v.doc.nodes[v.node]
	return v.doc.data[n.start:n.end:n.end]
}

// first returns the first byte of the value, which tells its type; 0 if it is
// absent.
func (v Value) first() byte {
	if v.doc == nil {
		return 0
	}
	return v.doc.data[v.doc.nodes[v.node].start]
}

// IsAbsent reports whether there is no value, not even null.
func (v Value) IsAbsent() bool { return v.doc == nil }

// IsObject reports whether v is an object.
func (v Value) IsObject() bool { return v.first() == '{' }

// IsArray reports whether v is an array.
func (v Value) IsArray() bool { return v.first() == '[' }

// IsString reports whether v is a text.
func (v Value) IsString() bool { return v.first() == '"' }

// IsNull reports whether v is null or absent.
func (v Value) IsNull() bool { return v.doc == nil || v.first() == 'n' }

// Kind returns v's type in words for an error, such as "an array".
func (v Value) Kind() string {
	if v.doc == nil {
		return "nothing"
	}
	return kind(v.Raw())
}

// Text returns a scalar as text: the content of a string, the digits of a number
// as written, "true" or "false", and "" for null and an absent value. An object or
// array is an error.
func (v Value) Text() (string, error) {
	switch v.first() {
	case 0, 'n':
		return "", nil
	case '"':
		return v.doc.unquote(v.node), nil
	case '{':
		return "", errObject
	case '[':
		return "", errArray
	}
	return v.doc.text(v.Raw()), nil
}

// The errors of Text are made once, since a body may have a million of them.
var (
	errObject = errors.New("want a text, got an object")
	errArray  = errors.New("want a text, got an array")
	errLong   = fmt.Errorf("want a text of at most %d bytes, got a longer one", LongestText)
)

// Label is like Text for a text that nobody writes by hand: an id, a name, a kind or
// an error's words. A text over LongestText is an error.
func (v Value) Label() (string, error) {
	text, err := v.Text()
	if len(text) > LongestText {
		return "", errLong
	}
	return text, err
}

// Bool returns a boolean, which may be written as 0, 1 or a text. set is false for
// anything else.
func (v Value) Bool() (value, set bool) {
	switch string(v.Raw()) { // the usual forms, for speed
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	var b Bool
	if v.doc == nil || b.UnmarshalJSON(v.Raw()) != nil {
		return false, false
	}
	return b.Value, b.Set
}

// Int returns an integer, which may be written as a text. ok is false for anything
// else.
func (v Value) Int() (n int64, ok bool) {
	text, ok := v.number()
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// number returns the text of a number without space around it. ok is false if it
// does not begin as one, so that other texts cost no error.
func (v Value) number() (text string, ok bool) {
	text, err := v.Text()
	if err != nil {
		return "", false
	}
	text = strings.TrimSpace(text)
	return text, text != "" && len(text) <= longestNumber && strings.IndexByte("+-.0123456789", text[0]) >= 0
}

// longestNumber is longer than any number that is worth reading.
const longestNumber = 400

// Float returns a number, which may be written as a text. ok is false for anything
// else.
func (v Value) Float() (f float64, ok bool) {
	text, ok := v.number()
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// Get returns the value of the member with that name, the last one if there are
// several. It returns the zero Value if there is no such member or v is not an
// object.
func (v Value) Get(name string) Value {
	var found Value
	for members := v.Object(); members.Next(); {
		if string(members.Name) == name {
			found = members.Value
		}
	}
	return found
}

// Time returns the time of Unix seconds, which may be written as a text, as
// ParseTime reads it. It returns the zero time for anything else.
func (v Value) Time() time.Time {
	digits := v.Raw()
	if v.IsString() {
		digits = digits[1 : len(digits)-1]
	}
	// The usual form, which needs no memory for a text.
	if seconds := usualSeconds(digits); seconds > 0 {
		return time.Unix(seconds, 0).UTC()
	}
	text, ok := v.number()
	if !ok {
		return time.Time{}
	}
	at, _ := parseTime(text)
	return at
}

// usualSeconds returns the number of Unix seconds in digits; 0 if they are in
// another form.
func usualSeconds(digits []byte) (seconds int64) {
	if len(digits) > len("99999999999") {
		return 0
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0
		}
		seconds = 10*seconds + int64(c-'0')
	}
	return seconds
}

// Object returns a cursor over v's members; an empty one if v is not an object.
func (v Value) Object() Object {
	if !v.IsObject() {
		return Object{}
	}
	return Object{doc: v.doc, at: v.node + 1, end: v.doc.nodes[v.node].next}
}

// Array returns a cursor over v's elements; an empty one if v is not an array. The
// cursor spends the document's budget, and ends when that is used up.
func (v Value) Array() Array { return v.ArrayOf(elementMemory) }

// ArrayOf is like Array, for elements that take so much memory.
func (v Value) ArrayOf(memory int) Array {
	if !v.IsArray() {
		return Array{}
	}
	return Array{doc: v.doc, at: v.node + 1, list: v.node, memory: memory}
}

// Len returns the number of v's elements that Array will walk; 0 if v is not an
// array.
func (v Value) Len() int {
	if !v.IsArray() {
		return 0
	}
	n := v.lenUpTo(v.doc.elements)
	return max(0, min(n, v.doc.memory/elementMemory))
}

// lenUpTo returns the number of v's elements, or limit if there are more.
func (v Value) lenUpTo(limit int) (n int) {
	for at, end := v.node+1, v.doc.nodes[v.node].next; at < end && n < limit; at = v.doc.nodes[at].next {
		n++
	}
	return n
}

// Object walks the members of an object in their order.
type Object struct {
	// Name and Value belong to the current member.
	Name  []byte
	Value Value

	doc     *Document
	at, end uint32
}

// Key returns the current member's name as a text.
func (o *Object) Key() string { return o.doc.text(o.Name) }

// Next moves to the next member. It returns false after the last.
func (o *Object) Next() bool {
	if o.at >= o.end {
		return false
	}
	n := &o.doc.nodes[o.at]
	if o.Name = o.doc.data[n.start+1 : n.end-1]; !n.plain {
		o.Name = o.doc.escaped.at(n.next)
	}
	o.Value = Value{o.doc, o.at + 1}
	o.at = o.doc.nodes[o.at+1].next
	return true
}

// Array walks the elements of an array.
type Array struct {
	// Value is the current element.
	Value Value

	doc      *Document
	at, list uint32
	memory   int // of one element
}

// Next moves to the next element. It returns false after the last, and if the
// document's budget is used up; Rest then has what was not read.
func (a *Array) Next() bool {
	if a.doc == nil || a.at >= a.doc.nodes[a.list].next || !a.doc.spend(1, a.memory) {
		return false
	}
	a.Value = Value{a.doc, a.at}
	a.at = a.doc.nodes[a.at].next
	return true
}

// Rest returns the bytes of the elements after the current one, without the
// array's closing bracket.
func (a *Array) Rest() []byte {
	if a.doc == nil || a.at >= a.doc.nodes[a.list].next {
		return nil
	}
	end := a.doc.nodes[a.list].end
	if a.at != a.list { // a lone object has no bracket around it
		end--
	}
	rest := a.doc.data[a.doc.nodes[a.at].start:end]
	return bytes.TrimRight(rest, " \t\r\n")
}

// unquote decodes a string. Broken UTF-8 becomes U+FFFD.
func (d *Document) unquote(at uint32) string {
	n := &d.nodes[at]
	if n.plain {
		return d.text(d.data[n.start+1 : n.end-1])
	}
	text, _ := jsontext.AppendUnquote(nil, d.data[n.start:n.end])
	return string(text)
}
