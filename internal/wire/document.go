package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Document is one JSON document. Parse scans its bytes once, checks all of them,
// and notes where each value stands; a Value is decoded only when it is read. A
// Document is not safe for concurrent use.
type Document struct {
	data    []byte
	nodes   []node
	open    []container // the containers around the scanned position
	lenient bool
	recent  *recentTexts // nil for a document that Root has made
	escaped escapedNames
	budget
}

// escapedNames holds the texts of the names with escapes or broken UTF-8. They
// are decoded once: a walk over an object then needs no memory.
type escapedNames struct {
	text []byte
	ends []uint32 // where each name ends in text
}

func (e *escapedNames) add(quoted []byte) (index int) {
	e.text, _ = jsontext.AppendUnquote(e.text, quoted)
	e.ends = append(e.ends, uint32(len(e.text)))
	return len(e.ends) - 1
}

func (e *escapedNames) at(index uint32) []byte {
	begin := uint32(0)
	if index > 0 {
		begin = e.ends[index-1]
	}
	return e.text[begin:e.ends[index]:e.ends[index]]
}

// recentTexts holds short texts of this document and of former ones, by a hash:
// the same ids, numbers and kinds occur again and again.
type recentTexts [1 << recentBits]string

// node is the position of a value or of a member's name. Nodes are in the order
// of the document: after an object follow name, value, name, value; after an
// array its elements.
type node struct {
	start, end uint32
	next       uint32 // the index of the node after this one and its contents; of an escaped name its index in escapedNames
	plain      bool   // a string without escapes and broken UTF-8
}

// text returns bytes as a text. For a short text that occurred recently it
// returns the same string again, which costs no memory.
func (d *Document) text(b []byte) string {
	const short = 32
	if d.recent == nil || len(b) == 0 || len(b) > short {
		return string(b)
	}
	var end uint64 // the last bytes, since ids differ there
	if len(b) >= 8 {
		end = binary.LittleEndian.Uint64(b[len(b)-8:])
	} else {
		for _, c := range b {
			end = end<<8 | uint64(c)
		}
	}
	const golden = 0x9e3779b97f4a7c15 // multiplying by it spreads similar numbers
	text := &d.recent[(end+uint64(len(b)))*golden>>(64-recentBits)]
	if *text != string(b) {
		*text = string(b)
	}
	return *text
}

// container is an object or array that the scan has not yet left.
type container struct {
	node  uint32
	names int    // the number of an object's names so far
	seen  uint64 // a bit for each of these names, by a hash
	check bool   // whether to look for duplicate names at the end
}

const (
	maxDepth = 10_000 // the same limit as in the JSON package

	// fewNames is the number of names up to which each name of an object is
	// compared with those before it. A larger object is checked at its end.
	fewNames = 32

	recentBits = 9
)

// released holds documents whose memory the next ones use.
var released = sync.Pool{New: func() any { return &Document{recent: new(recentTexts)} }}

// Parse checks that data is exactly one JSON document and notes where its values
// stand. Duplicate names and broken UTF-8 are not an error; Lenient reports them.
// Nesting deeper than 10,000 levels is an error. The document refers to data, and
// takes 16 bytes more for each value and name. Its budget limits what is read of it.
func Parse(data []byte) (*Document, error) { return parse(data, false) }

// ParseLenient is like Parse, for a reader to whom duplicate names and broken UTF-8
// mean nothing: it does not look for duplicates, and Lenient is always true.
func ParseLenient(data []byte) (*Document, error) { return parse(data, true) }

func parse(data []byte, lenient bool) (*Document, error) {
	d := released.Get().(*Document)
	d.data, d.lenient = data, lenient
	if err := d.parse(); err != nil {
		d.Release()
		return nil, err
	}
	return d, nil
}

func (d *Document) parse() error {
	if len(d.data) > math.MaxUint32 {
		return errors.New("it is larger than 4 GiB")
	}
	d.open, d.nodes = d.open[:0], d.nodes[:0]
	if !d.scan() {
		return explain(d.data)
	}
	d.budget = budgetFor(len(d.data), cap(d.nodes))
	return nil
}

// Root returns the document's value.
func (d *Document) Root() Value { return Value{d, 0} }

// Lenient reports whether the document has duplicate names or broken UTF-8, which
// are not valid JSON.
func (d *Document) Lenient() bool { return d.lenient }

// Release gives the memory of the document, but not its data, to the next one. Do
// not use its Values after that. Texts and raw bytes stay valid.
func (d *Document) Release() {
	const usual = 1 << 14
	d.data, d.nodes, d.open, d.lenient = nil, d.nodes[:0], d.open[:0], false
	d.escaped.text, d.escaped.ends = d.escaped.text[:0], d.escaped.ends[:0]
	if cap(d.nodes) <= usual && cap(d.open) <= usual && cap(d.escaped.text) <= usual {
		released.Put(d)
	}
}

// IsDocument reports whether Parse accepts data.
func IsDocument(data []byte) bool {
	d, err := Parse(data)
	if err != nil {
		return false
	}
	d.Release()
	return true
}

// Strict reports whether data is one JSON document without duplicate names or
// broken UTF-8.
func Strict(data []byte) bool { return jsontext.Value(data).IsValid() }

// explain returns the error for data that is not a JSON document, in the words of
// the JSON package.
func explain(data []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, err := decoder.ReadValue()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF) && len(bytes.TrimSpace(data)) == 0:
		return errors.New("it is empty")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it is cut off after %d bytes", len(data))
	case err == nil:
		return fmt.Errorf("there is more after the document's end at byte %d", decoder.InputOffset())
	case errors.As(err, &syntax):
		return fmt.Errorf("%v at byte %d", syntax.Err, syntax.ByteOffset)
	}
	return err
}

// scan fills in the nodes. It returns false if the data is not one document. It
// does not recurse, so nesting needs no stack.
func (d *Document) scan() bool {
	i := skipSpace(d.data, 0)
	for {
		switch c := d.at(i); c {
		case '{', '[':
			if len(d.open) == maxDepth {
				return false
			}
			d.open = append(d.open, container{node: uint32(len(d.nodes))})
			if len(d.nodes) == cap(d.nodes) {
				d.growNodes(i)
			}
			d.nodes = append(d.nodes, node{start: uint32(i)})
			i = skipSpace(d.data, i+1)
			if d.at(i) == c+2 { // the closing bracket of c: ASCII has both two apart
				break
			}
			if c == '{' {
				i = d.scanName(i)
			}
			continue
		case '"':
			i = d.scanString(i)
		default:
			i = d.scanWord(i)
		}
		if i = d.scanEnd(i); i < 0 || len(d.open) == 0 {
			return i == len(d.data)
		}
	}
}

// at returns the byte at position i. It returns 0, with which no value begins, if
// i is after the data or is the -1 of a failed scan.
func (d *Document) at(i int) byte {
	if uint(i) >= uint(len(d.data)) {
		return 0
	}
	return d.data[i]
}

// scanEnd scans from the end of a value, or from the closing bracket of an empty
// container, over the ends of the containers around it. It returns the position of
// the next value, the end of the data, or -1 if the data is not well formed.
func (d *Document) scanEnd(i int) int {
	if i < 0 {
		return i
	}
	for {
		i = skipSpace(d.data, i)
		if len(d.open) == 0 {
			return i
		}
		top := &d.open[len(d.open)-1]
		opening := d.data[d.nodes[top.node].start]
		switch d.at(i) {
		case ',':
			if i = skipSpace(d.data, i+1); opening == '{' {
				i = d.scanName(i)
			}
			return i
		case opening + 2:
			i++
			d.nodes[top.node].end, d.nodes[top.node].next = uint32(i), uint32(len(d.nodes))
			if top.check && !d.lenient {
				d.lenient = Value{d, top.node}.repeats(top.names)
			}
			d.open = d.open[:len(d.open)-1]
		default:
			return -1
		}
	}
}

// scanName scans a member's name and returns the position of its value, or -1 if
// there is no name.
func (d *Document) scanName(i int) int {
	if d.at(i) != '"' {
		return -1
	}
	if i = d.scanString(i); i < 0 {
		return i
	}
	last := &d.nodes[len(d.nodes)-1]
	if !d.lenient && d.open[len(d.open)-1].repeats(d, last) {
		d.lenient = true
	}
	if !last.plain {
		last.next = uint32(d.escaped.add(d.data[last.start:last.end]))
	}
	if i = skipSpace(d.data, i); d.at(i) != ':' {
		return -1
	}
	return skipSpace(d.data, i+1)
}

// scanString scans a string and returns the position after it, or -1 if the data
// there is not a string.
func (d *Document) scanString(i int) int {
	end, form := stringEnd(d.data, i)
	if end < 0 {
		return end
	}
	d.lenient = d.lenient || form == broken
	if len(d.nodes) == cap(d.nodes) {
		d.growNodes(i)
	}
	d.nodes = append(d.nodes, node{uint32(i), uint32(end), uint32(len(d.nodes) + 1), form == plain})
	return end
}

// growNodes makes room for a node at position i. If the usual memory is full, it
// takes what the rest of the document needs at most: to grow by and by would take
// five times as much.
func (d *Document) growNodes(i int) { d.nodes = slices.Grow(d.nodes, d.moreNodes(i)) }

// moreNodes returns how many nodes may follow from position i on, or fewer as
// long as there are few. A value or name takes two bytes with its separator, and
// begins after a bracket, a comma or a colon.
func (d *Document) moreNodes(i int) int {
	const few = 1 << 10
	if len(d.nodes) < few {
		return len(d.nodes) + 32
	}
	rest := d.data[i:]
	separators := 1
	for _, c := range [...]string{"{", "[", ",", ":"} {
		separators += bytes.Count(rest, []byte(c))
	}
	return min(separators, len(rest)/2+1)
}

// scanWord scans a number, true, false or null, and returns the position after it,
// or -1 if the data there is none of them.
func (d *Document) scanWord(i int) int {
	end := wordEnd(d.data, i)
	if end > 0 {
		if len(d.nodes) == cap(d.nodes) {
			d.growNodes(i)
		}
		d.nodes = append(d.nodes, node{uint32(i), uint32(end), uint32(len(d.nodes) + 1), false})
	}
	return end
}

// repeats reports whether the last node is a name that the object already has. If
// a name has escapes, or there are many names, it leaves the check for the end of
// the object.
func (c *container) repeats(d *Document, last *node) bool {
	c.names++
	if c.check || c.names > fewNames || !last.plain {
		c.check = true
		return false
	}
	name := d.data[last.start:last.end]
	bit := uint64(1) << ((uint(name[1])*5 + uint(name[len(name)-2])*3 + uint(len(name))) % 64)
	if c.seen&bit == 0 {
		c.seen |= bit
		return false
	}
	return c.has(d, name)
}

// has reports whether a name stands before the last node in the object.
func (c *container) has(d *Document, name []byte) bool {
	for at := c.node + 1; int(at) < len(d.nodes)-1; at = d.nodes[at+1].next {
		if n := &d.nodes[at]; int(n.end-n.start) == len(name) && bytes.Equal(d.data[n.start:n.end], name) {
			return true
		}
	}
	return false
}

// repeats reports whether a name occurs twice in an object with so many names. It
// keeps their nodes in a table by hash, which takes a fifth of the memory of a map.
func (v Value) repeats(names int) bool {
	table := make([]uint32, 1<<bits.Len(uint(2*names)))
	seed := maphash.MakeSeed()
	for at, end := v.node+1, v.doc.nodes[v.node].next; at < end; at = v.doc.nodes[at+1].next {
		name := v.doc.name(at)
		i := maphash.Bytes(seed, name) % uint64(len(table))
		for ; table[i] != 0; i = (i + 1) % uint64(len(table)) {
			if bytes.Equal(v.doc.name(table[i]), name) {
				return true
			}
		}
		table[i] = at
	}
	return false
}

// name returns the text of a member's name, which must not be changed.
func (d *Document) name(at uint32) []byte {
	n := &d.nodes[at]
	if !n.plain {
		return d.escaped.at(n.next)
	}
	return d.data[n.start+1 : n.end-1]
}
