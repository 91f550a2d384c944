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
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// ParseWebhook returns the events in the body of a webhook request, in the
// order in which the body holds them. It is pure: no clock, no network, and
// safe for concurrent use. [WebhookHandler] calls it for you.
//
// Nothing is lost. Scalars are read loosely: a number may be a text, a flag 0
// or 1, a time empty. A message, status or body of a kind that this version
// does not know becomes an [UnknownEvent] with its bytes in [EventInfo.Raw].
//
// Events and an error may come together:
//
//   - A *[ParseError] lists the elements that could not be read, each with its
//     path and its bytes. The events of all other elements are returned with it.
//   - An *[Error] of kind [ErrInvalid] says that the body is not one JSON
//     object: empty, cut off, no JSON, nested deeper than 10,000 levels, or
//     followed by more text. There are no events then.
//
// Both match [ErrInvalid]; trying again does not help. Duplicate names and
// broken UTF-8 are accepted, and the events concerned have [EventInfo.Lenient]
// set. At most 100,000 elements of a body are read; the rest becomes one element
// of the ParseError.
func ParseWebhook(body []byte) ([]Event, error) {
	parsed := readWebhook(bytes.Clone(body))
	return parsed.events, parsed.err
}

// ParseError lists the elements of a webhook's body that could not be read. All
// other elements were read: see [ParseWebhook].
type ParseError struct {
	Elements []ElementError
}

// ElementError is one element that could not be read.
type ElementError struct {
	// Path is the element's place in the body, such as "messages[2]", or
	// "ack" where that member should be an array but is not.
	Path string

	// Err says what is wrong with the element. It quotes nothing of it.
	Err error

	// Raw is the element as it arrived. Do not change it.
	Raw json.RawMessage
}

// Error returns one line: the number of elements, and the path and error of the
// first three. It quotes nothing of the body.
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

// maxElements limits the work and memory for one body. The largest real bodies
// have about a thousand elements.
const maxElements = 100_000

// parsedBody is the result of reading a body.
type parsedBody struct {
	events []Event

	// channel is the first channel that the body names; other is a different
	// one that it names as well.
	channel, other ChannelID

	// err is an *Error if the body is not one JSON object, and a *ParseError if
	// some of its elements are unreadable.
	err error
}

// readWebhook reads a body. The events refer to its bytes.
func readWebhook(body []byte) parsedBody {
	document, err := wire.Parse(body)
	if err == nil {
		defer document.Release()
		if root := document.Root(); !root.IsObject() {
			err = errors.New("it is " + root.Kind())
		}
	}
	if err != nil {
		e := &Error{Kind: ErrInvalid, Field: "body", Retry: RetryNo,
			Reason:   "is not one JSON object: " + clip(err.Error(), 200),
			Sentence: "The webhook's body is not one JSON object.",
			Advice:   "check what sends to this address, and whether a proxy cuts bodies off"}
		return parsedBody{err: e.in("ParseWebhook", "")}
	}
	p := parsers.Get().(*parser)
	p.lenient = document.Lenient()
	p.body(document.Root())
	parsed := parsedBody{events: p.events, channel: p.first, other: p.other}
	if len(p.bad) > 0 {
		parsed.err = &ParseError{Elements: p.bad}
	}
	*p = parser{}
	parsers.Put(p)
	return parsed
}

// parsers holds empty parsers for the next bodies. A parser is as large as an
// event, so a new one for each body would cost as much again.
var parsers = sync.Pool{New: func() any { return &parser{} }}

// parser reads one body and collects its events and bad elements.
//
// It also holds its position in the body and the scope of that position, so that
// the readers of elements need no further parameters, and only a bad element costs
// a path. cloudEntry and cloudChange set both for the elements inside, and
// cloudEntry sets back those of the root before it returns.
type parser struct {
	channel      ChannelID // the one that was named last; events get it
	first, other ChannelID // the one that was named first, and a different one
	lenient      bool      // some part of the body has duplicate names or broken UTF-8

	scope

	level                   bodyLevel
	entryIndex, changeIndex int // valid from the level that they belong to
	index                   int // in the innermost array

	elements int // read so far, of all arrays
	events   []Event
	bad      []ElementError
}

// scope holds the values that the elements of one part of a body share: of the
// root, of an entry, or of a change.
type scope struct {
	field     string // the change's field; empty if it has none
	ownPhone  string // the business's number, in digits
	numberID  string
	waba      string
	entryTime time.Time
	contacts  people
}

// bodyLevel says how deep in WhatsApp's envelope the parser is. Bodies of the other
// formats have only the root.
type bodyLevel int

const (
	inRoot bodyLevel = iota
	inEntry
	inChange
	inValue
)

// member is a member of an object, kept until the whole object was walked.
type member struct {
	name  string
	value wire.Value
}

// body reads a whole body (contract, raw "Telling the formats apart"): the calls
// envelope, WhatsApp's own envelope, or any mix of the arrays that the other
// formats have at their root. A name that occurs twice is read twice.
func (p *parser) body(root wire.Value) {
	var kind string
	var space [8]member // enough for usual bodies, and not on the heap
	known := space[:0]
	var entries bool
	for members := root.Object(); members.Next(); {
		switch name := members.Key(); name {
		case "type":
			kind, _ = members.Value.Text()
		case "instanceId":
			p.nameChannel(members.Value)
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
		p.addUnknown("body", kind, root)
	}
}

// rootBody reads the arrays of the service's own format and of the on-premise
// format, which a body may hold side by side. It returns false if there are none.
func (p *parser) rootBody(known []member) (recognized bool) {
	for _, m := range known {
		switch m.name {
		case "messages":
			p.list(m.name, m.value, (*parser).message)
		case "ack":
			if m.value.IsObject() { // one element without its array (contract: in one consumer's tests)
				p.elements++
				if err := p.ack(m.value); err != nil {
					p.addError(m.name, err, m.value.Raw())
				}
				break
			}
			p.list(m.name, m.value, (*parser).ack)
		case "statuses":
			p.list(m.name, m.value, (*parser).metaStatus)
		case "errors":
			p.list(m.name, m.value, (*parser).serviceError)
		case "entry":
			p.list(m.name, m.value, nil) // it is not an array: an error, unless it is null
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

// nameChannel keeps the channel that the body claims to be from.
func (p *parser) nameChannel(v wire.Value) {
	id, err := v.Text()
	if err != nil {
		p.addError("instanceId", err, v.Raw())
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

// list calls read for each object of an array. A bad element becomes an
// ElementError and does not keep its siblings from being read.
func (p *parser) list(path string, v wire.Value, read func(*parser, wire.Value) error) {
	if v.IsNull() {
		return
	}
	if !v.IsArray() {
		p.addError(path, errors.New("want an array, got "+v.Kind()), v.Raw())
		return
	}
	p.events = slices.Grow(p.events, min(v.Len(), maxElements-p.elements))
	elements := v.Array()
	for i := 0; ; i++ {
		if p.elements >= maxElements {
			if rest := elements.Rest(); len(rest) > 0 {
				p.addError(elementPath(path, i),
					fmt.Errorf("it and what follows were not read: a body has at most %d elements", maxElements), rest)
			}
			return
		}
		if !elements.Next() {
			return
		}
		p.elements++
		p.index = i
		var err error
		if elements.Value.IsObject() {
			err = read(p, elements.Value)
		} else {
			err = errNotObject(elements.Value)
		}
		if err != nil {
			p.addError(elementPath(path, i), err, elements.Value.Raw())
		}
	}
}

func elementPath(list string, index int) string { return list + "[" + strconv.Itoa(index) + "]" }

func (p *parser) add(e Event) { p.events = append(p.events, e) }

// addError keeps an element that could not be read. The path begins at the
// current level.
func (p *parser) addError(path string, err error, raw []byte) {
	switch p.level {
	case inEntry:
		path = fmt.Sprintf("entry[%d].%s", p.entryIndex, path)
	case inChange:
		path = fmt.Sprintf("entry[%d].changes[%d].%s", p.entryIndex, p.changeIndex, path)
	case inValue:
		path = fmt.Sprintf("entry[%d].changes[%d].value.%s", p.entryIndex, p.changeIndex, path)
	}
	p.bad = append(p.bad, ElementError{Path: path, Err: err, Raw: raw})
}

// addUnknown adds an event for an element of no known kind, which stood in the
// member of that name.
func (p *parser) addUnknown(member, kind string, v wire.Value) {
	p.add(&UnknownEvent{EventInfo: p.info(joinWire(member, kind), v)})
}

// info returns the EventInfo of the event that is read from v.
func (p *parser) info(wireName string, v wire.Value) EventInfo {
	return EventInfo{Channel: p.channel, Time: p.entryTime, Wire: wireName, PhoneNumberID: p.numberID, WABA: p.waba,
		Raw: v.Raw(), Lenient: p.lenient && !wire.Strict(v.Raw())}
}

// joinWire returns an EventInfo.Wire, such as "message.chat".
func joinWire(member, kind string) string {
	if kind == "" {
		return member
	}
	return member + "." + kind
}

// setTime gives an event its own time if v holds one. Otherwise the event keeps
// the time of its entry.
func setTime(info *EventInfo, v wire.Value) {
	if at := v.Time(); !at.IsZero() {
		info.Time = at
	}
}

func errNotObject(v wire.Value) error { return errors.New("want an object, got " + v.Kind()) }

// memberText returns a member's text; empty if the member is not a scalar.
func memberText(v wire.Value, name string) string {
	text, _ := v.Get(name).Text()
	return text
}

// scalarReader reads scalar members of an element and keeps the first error: of
// a member that is an object or an array.
type scalarReader struct{ err error }

func (f *scalarReader) text(m *wire.Object) string {
	text, err := m.Value.Text()
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", m.Name, err)
	}
	return text
}

// scalar returns the current member for reading it later. Like text, it keeps
// an error if the member is not a scalar.
func (f *scalarReader) scalar(m *wire.Object) wire.Value {
	if m.Value.IsObject() || m.Value.IsArray() {
		f.text(m)
	}
	return m.Value
}
