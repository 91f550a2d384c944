package chatapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// ParseWebhook returns the events in the body of a webhook request, in the
// order in which the body holds them. It is pure: no clock, no network, and
// safe for concurrent use. [WebhookHandler] calls it for you.
//
// Nothing is lost. Scalars are read loosely (a number may be a text, a flag 0
// or 1, a time empty); a message, status or body of a kind that this version
// does not know is an event with its bytes in [EventInfo.Raw].
//
// Events and an error may come together:
//
//   - A *[ParseError] lists the elements that could not be read, each with its
//     place and its bytes; the events of all others are returned beside it.
//   - An *[Error] of kind [ErrInvalid] says that the body is not one JSON
//     object: empty, cut off, no JSON, nested deeper than 10,000 levels, or
//     followed by more text. There are no events then.
//
// Both match [ErrInvalid], and neither is mended by trying again. A body that
// is readable only with duplicate names or broken UTF-8 allowed is read so, and
// the events concerned have [EventInfo.Lenient] set. At most 100,000 elements
// of a body are read; the rest is one element of the ParseError.
func ParseWebhook(body []byte) ([]Event, error) {
	read := readWebhook(bytes.Clone(body))
	return read.events, read.err
}

// ParseError lists the elements of a webhook's body that could not be read.
// The elements around them were: see [ParseWebhook].
type ParseError struct {
	Elements []ElementError
}

// ElementError is one element that could not be read.
type ElementError struct {
	// Path is the element's place in the body, such as "messages[2]", or
	// "ack" for a whole array that is none.
	Path string

	// Err says what is wrong with it, without quoting what it holds.
	Err error

	// Raw is the element as it arrived. Do not change it.
	Raw json.RawMessage
}

// Error returns one line that names the first elements, and how many there are.
// It quotes nothing of the body.
func (e *ParseError) Error() string {
	if e == nil || len(e.Elements) == 0 {
		return "chatapi: parse webhook: no unreadable element"
	}
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, "chatapi: parse webhook: %d unreadable: ", len(e.Elements))
	for i, element := range e.Elements[:min(shown, len(e.Elements))] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", element.Path, element.Err)
	}
	if more := len(e.Elements) - shown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Is reports whether target is [ErrInvalid].
func (e *ParseError) Is(target error) bool { return target == ErrInvalid }

// maxElements bounds what one body costs. The largest real ones have about a
// thousand elements.
const maxElements = 100_000

// webhook is what was read from a body.
type webhook struct {
	events []Event

	// channel is the one that the body names; other is another one, if it names
	// itself twice.
	channel, other ChannelID

	// err is an *Error when the body is not one JSON object, a *ParseError when
	// elements of it were unreadable.
	err error
}

// readWebhook reads a body. The events refer to its bytes.
func readWebhook(body []byte) webhook {
	document, err := wire.Parse(body)
	if err == nil {
		defer document.Release()
		if root := document.Root(); !root.IsObject() {
			err = errors.New("it is " + root.Kind())
		}
	}
	if err != nil {
		return webhook{err: &Error{Op: "ParseWebhook", Kind: ErrInvalid, Field: "body", Retry: RetryNo,
			Reason:   "is not one JSON object: " + clip(err.Error(), 200),
			Sentence: "The webhook's body is not one JSON object.",
			Advice:   "check what sends to this address, and whether a proxy cuts bodies off"}}
	}
	p := parsers.Get().(*parser)
	p.lenient = document.Lenient()
	p.body(document.Root())
	read := webhook{events: p.events, channel: p.first, other: p.other}
	if len(p.bad) > 0 {
		read.err = &ParseError{Elements: p.bad}
	}
	*p = parser{}
	parsers.Put(p)
	return read
}

// parsers are empty ones, since a parser is as large as an event.
var parsers = sync.Pool{New: func() any { return &parser{} }}

// parser collects what the parts of one body yield.
type parser struct {
	channel      ChannelID // named last
	first, other ChannelID // named before, and one that differs
	lenient      bool      // some part of the body is readable only leniently

	source // what the elements that are being read have in common

	// Where the reading is, for the paths of bad elements: the place in the
	// innermost list, and the entry and the change around it.
	place, entry, change int
	depth                int // 1 in an entry, 2 in a change, 3 in its value

	elements int
	events   []Event
	bad      []ElementError
}

// member is a member of the body's root that a format knows.
type member struct {
	name  string
	value wire.Value
}

// body reads a whole body (contract, raw "Telling the formats apart"): the calls
// envelope, WhatsApp's own, or any mix of the arrays that the other formats have
// at their root. A name that occurs twice is read twice.
func (p *parser) body(root wire.Value) {
	var kind string
	var found [8]member // the usual number stays off the heap
	known := found[:0]
	var entries bool
	for members := root.Object(); members.Next(); {
		switch name := members.Key(); name {
		case "type":
			kind, _ = members.Value.Text()
		case "instanceId":
			p.named(members.Value)
		case "contacts":
			p.contacts.read(members.Value)
		case "entry":
			entries = entries || members.Value.IsArray()
			known = append(known, member{name, members.Value})
		case "messages", "ack", "statuses", "errors", "calls", "value":
			known = append(known, member{name, members.Value})
		}
	}
	recognized := false
	switch {
	case kind == "calls":
		recognized = p.callsBody(known)
	case entries:
		recognized = true
		for _, m := range known {
			if m.name == "entry" {
				p.list(m.name, m.value, (*parser).cloudEntry)
			}
		}
	default:
		recognized = p.rootBody(known)
	}
	if !recognized {
		p.unknown("body", kind, root)
	}
}

// rootBody reads the arrays that a body may hold side by side, of the service's
// own format and of the on-premise one. It is false if there are none.
func (p *parser) rootBody(known []member) (recognized bool) {
	for _, m := range known {
		switch m.name {
		case "messages":
			p.list(m.name, m.value, (*parser).message)
		case "ack":
			if m.value.IsObject() { // contract: one consumer's tests have it so
				p.elements++
				if err := p.ack(m.value); err != nil {
					p.unreadable(m.name, err, m.value.Raw())
				}
				break
			}
			p.list(m.name, m.value, (*parser).ack)
		case "statuses":
			p.list(m.name, m.value, (*parser).metaStatus)
		case "errors":
			p.list(m.name, m.value, (*parser).serviceError)
		case "entry":
			p.list(m.name, m.value, nil) // no array: an error, unless it is null
			if m.value.IsNull() {
				continue
			}
		default:
			continue
		}
		recognized = true
	}
	return recognized
}

// named notes the channel that the body claims to be from.
func (p *parser) named(v wire.Value) {
	id, err := v.Text()
	if err != nil {
		p.unreadable("instanceId", err, v.Raw())
		return
	}
	if id != "" {
		p.channel = ChannelID(id)
		p.first = cmp.Or(p.first, p.channel)
		if !sameChannel(p.first, p.channel) {
			p.other = p.channel
		}
	}
}

// list reads the objects of an array; a bad one costs none of its siblings.
func (p *parser) list(path string, v wire.Value, read func(*parser, wire.Value) error) {
	if v.IsNull() {
		return
	}
	if !v.IsArray() {
		p.unreadable(path, errors.New("want an array, got "+v.Kind()), v.Raw())
		return
	}
	p.events = slices.Grow(p.events, min(v.Len(), maxElements-p.elements))
	elements := v.Array()
	for i := 0; ; i++ {
		if p.elements >= maxElements {
			if rest := elements.Rest(); len(rest) > 0 {
				p.unreadable(elementPath(path, i),
					fmt.Errorf("it and what follows were not read: a body has at most %d elements", maxElements), rest)
			}
			return
		}
		if !elements.Next() {
			return
		}
		p.elements++
		p.place = i
		var err error
		if elements.Value.IsObject() {
			err = read(p, elements.Value)
		} else {
			err = errNotObject(elements.Value)
		}
		if err != nil {
			p.unreadable(elementPath(path, i), err, elements.Value.Raw())
		}
	}
}

func elementPath(path string, place int) string { return path + "[" + strconv.Itoa(place) + "]" }

func (p *parser) add(e Event) { p.events = append(p.events, e) }

func (p *parser) unreadable(path string, err error, raw []byte) {
	switch p.depth {
	case 1:
		path = fmt.Sprintf("entry[%d].%s", p.entry, path)
	case 2:
		path = fmt.Sprintf("entry[%d].changes[%d].%s", p.entry, p.change, path)
	case 3:
		path = fmt.Sprintf("entry[%d].changes[%d].value.%s", p.entry, p.change, path)
	}
	p.bad = append(p.bad, ElementError{Path: path, Err: err, Raw: raw})
}

// unknown keeps an element that no format fits.
func (p *parser) unknown(place, kind string, v wire.Value) {
	p.add(&UnknownEvent{EventInfo: p.info(joinWire(place, kind), v)})
}

// info returns what every event of the body has.
func (p *parser) info(wireName string, v wire.Value) EventInfo {
	return EventInfo{Channel: p.channel, Time: p.at, Wire: wireName, PhoneNumberID: p.numberID, WABA: p.account,
		Raw: v.Raw(), Lenient: p.lenient && !wire.Strict(v.Raw())}
}

func joinWire(place, kind string) string {
	if kind == "" {
		return place
	}
	return place + "." + kind
}

// fields reads the scalar members of one element and remembers the first that
// is none.
type fields struct{ err error }

func (f *fields) text(m *wire.Object) string {
	text, err := m.Value.Text()
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", m.Name, err)
	}
	return text
}

// scalar is text for what is read later.
func (f *fields) scalar(m *wire.Object) wire.Value {
	if m.Value.IsObject() || m.Value.IsArray() {
		f.text(m)
	}
	return m.Value
}
