package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"sync"
	"unicode/utf8"

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
}

// recentTexts holds short texts of this document and of former ones, by a hash:
// the same ids, numbers and kinds occur again and again.
type recentTexts [1 << recentBits]string

// node is the position of a value or of a member's name. Nodes are in the order
// of the document: after an object follow name, value, name, value; after an
// array its elements.
type node struct {
	start, end uint32
	next       uint32 // the index of the node after this one and its contents
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
// takes 16 bytes more for each value and name.
func Parse(data []byte) (*Document, error) {
	d := released.Get().(*Document)
	d.data = data
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
	if !d.scan() {
		return explain(d.data)
	}
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
	if cap(d.nodes) <= usual && cap(d.open) <= usual {
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
				d.lenient = Value{d, top.node}.repeats()
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
	if !d.lenient && d.open[len(d.open)-1].repeats(d.data, d.nodes) {
		d.lenient = true
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
	d.nodes = append(d.nodes, node{uint32(i), uint32(end), uint32(len(d.nodes) + 1), form == plain})
	return end
}

// scanWord scans a number, true, false or null, and returns the position after it,
// or -1 if the data there is none of them.
func (d *Document) scanWord(i int) int {
	end := wordEnd(d.data, i)
	if end > 0 {
		d.nodes = append(d.nodes, node{uint32(i), uint32(end), uint32(len(d.nodes) + 1), false})
	}
	return end
}

// repeats reports whether the last node is a name that the object already has. If
// a name has escapes, or there are many names, it leaves the check for the end of
// the object.
func (c *container) repeats(data []byte, nodes []node) bool {
	last := nodes[len(nodes)-1]
	name := data[last.start:last.end]
	c.names++
	if c.check = c.check || c.names > fewNames || !last.plain; c.check {
		return false
	}
	bit := uint64(1) << ((uint(name[1])*5 + uint(name[len(name)-2])*3 + uint(len(name))) % 64)
	if c.seen&bit == 0 {
		c.seen |= bit
		return false
	}
	for at := c.node + 1; int(at) < len(nodes)-1; at = nodes[at+1].next {
		if bytes.Equal(data[nodes[at].start:nodes[at].end], name) {
			return true
		}
	}
	return false
}

// repeats reports whether a name occurs twice in an object.
func (v Value) repeats() bool {
	names := map[string]struct{}{}
	for members := v.Object(); members.Next(); {
		before := len(names)
		if names[string(members.Name)] = struct{}{}; len(names) == before {
			return true
		}
	}
	return false
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

// stringForm says how to decode a string.
type stringForm int

const (
	plain   stringForm = iota // its bytes are its text
	escaped                   // it has escapes
	broken                    // it has broken UTF-8
)

// literal is true for the bytes that stand for themselves in a string: ASCII from the
// space on, but for the quote and the backslash. It is written out, because a table
// that is computed at the start costs each program that links the package.
var literal = [256]bool{
	' ': true, '!': true, '#': true, '$': true, '%': true, '&': true, '\'': true, '(': true, ')': true, '*': true, '+': true, ',': true, '-': true, '.': true, '/': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true, ':': true, ';': true, '<': true, '=': true, '>': true, '?': true,
	'@': true, 'A': true, 'B': true, 'C': true, 'D': true, 'E': true, 'F': true, 'G': true, 'H': true, 'I': true, 'J': true, 'K': true, 'L': true, 'M': true, 'N': true, 'O': true,
	'P': true, 'Q': true, 'R': true, 'S': true, 'T': true, 'U': true, 'V': true, 'W': true, 'X': true, 'Y': true, 'Z': true, '[': true, ']': true, '^': true, '_': true,
	'`': true, 'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true, 'i': true, 'j': true, 'k': true, 'l': true, 'm': true, 'n': true, 'o': true,
	'p': true, 'q': true, 'r': true, 's': true, 't': true, 'u': true, 'v': true, 'w': true, 'x': true, 'y': true, 'z': true, '{': true, '|': true, '}': true, '~': true, '\x7f': true,
}

// literals returns how many of eight bytes, from the lowest on, stand for
// themselves in a string.
func literals(b uint64) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	// The high bit of a byte becomes 1 if the byte is a quote, a backslash, below
	// a space or above ASCII. Its borrow may set the high bits of bytes above it
	// as well, but only the lowest one counts.
	odd := (b | ((b ^ '"'*ones) - ones) | ((b ^ '\\'*ones) - ones) | (b - ' '*ones)) & high
	return bits.TrailingZeros64(odd) / 8
}

// stringEnd returns the position after the string whose opening quote is at i, or
// -1 if the string is not well formed.
func stringEnd(data []byte, i int) (end int, form stringForm) {
	for i++; i < len(data); {
		if i+8 <= len(data) { // eight bytes at once
			n := literals(binary.LittleEndian.Uint64(data[i:]))
			if i += n; n == 8 {
				continue
			}
		}
		switch c := data[i]; {
		case literal[c]:
			i++
		case c == '"':
			return i + 1, form
		case c == '\\':
			n, lone := scanEscape(data[i:])
			if n == 0 {
				return -1, form
			}
			i, form = i+n, max(form, escaped)
			if lone {
				form = broken
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(data[i:])
			if i += n; r == utf8.RuneError && n == 1 {
				form = broken
			}
		default: // a control character
			return -1, form
		}
	}
	return -1, form
}

// scanEscape returns the length of the escape sequence at the beginning of data,
// or 0 if there is none. lone reports that it is half of a surrogate pair.
func scanEscape(data []byte) (n int, lone bool) {
	if len(data) < 2 {
		return 0, false
	}
	switch data[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
		switch r := hex4(data[2:]); {
		case r < 0:
			return 0, false
		case r >= 0xdc00 && r < 0xe000:
			return 6, true
		case r < 0xd800 || r >= 0xe000:
			return 6, false
		}
		if len(data) > 8 && data[6] == '\\' && data[7] == 'u' {
			if second := hex4(data[8:]); second >= 0xdc00 && second < 0xe000 {
				return 12, false
			}
		}
		return 6, true
	}
	return 0, false
}

// hex4 returns the number of the first four bytes as hexadecimal digits, or -1 if
// they are not digits.
func hex4(data []byte) (r rune) {
	if len(data) < 4 {
		return -1
	}
	for _, c := range data[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// wordEnd returns the position after the number, true, false or null that begins
// at i, or -1 if the data there is none of them.
func wordEnd(data []byte, i int) int {
	if uint(i) >= uint(len(data)) {
		return -1
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if data[i] == word[0] {
			if len(data)-i >= len(word) && string(data[i:i+len(word)]) == word {
				return i + len(word)
			}
			return -1
		}
	}
	if data[i] == '-' {
		i++
	}
	whole := i
	if i = skipDigits(data, i); i == whole || data[whole] == '0' && i > whole+1 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		fraction := i + 1
		if i = skipDigits(data, fraction); i == fraction {
			return -1
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		exponent := i
		if i = skipDigits(data, i); i == exponent {
			return -1
		}
	}
	return i
}

func skipDigits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}
