package chatapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// ParseWebhook returns the events in the body of a webhook request, in the
// order in which the body holds them. It is pure: no clock, no network, and
// safe for concurrent use. [WebhookHandler] calls it for you, and adds the time of
// receipt and the channel of the address; a program that reads stored bodies sets
// both in [EventInfo] if it gives the events to a [Ledger].
//
// Nothing is lost. Scalars are read loosely: a number may be a text, a flag 0
// or 1, a time empty. A message, status or body of a kind that this version
// does not know becomes an [UnknownEvent] with its bytes in [EventInfo.Raw].
//
// Events and an error may come together:
//
//   - A *[ParseError] lists the elements that could not be read, each with its
//     path and its bytes. The events of all other elements are returned with it,
//     and those of elements that were read in part ([ElementError.Partial]).
//   - An *[Error] of kind [ErrInvalid] says that the body is not one JSON
//     object: empty, cut off, not JSON, nested deeper than 10,000 levels, or
//     followed by more text. There are no events then.
//
// Both match [ErrInvalid]; trying again does not help. Duplicate names and
// broken UTF-8 are accepted, and the events concerned have [EventInfo.Lenient]
// set. At most 100,000 elements of lists are read of a body, at whatever depth,
// and all that ParseWebhook allocates is at most 60 bytes for each byte of the
// body, or 64 MiB if that is more. Real bodies stay far below both; the ParseError
// names the part of a body that was not read.
func ParseWebhook(body []byte) ([]Event, error) {
	parsed := readWebhook(context.Background(), bytes.Clone(body))
	return parsed.events, parsed.err
}

// parsedBody is the result of reading a body.
type parsedBody struct {
	events []Event

	// channel is the first channel that the body names; other is a
	// second, different one.
	channel, other ChannelID

	// err is an *Error if the body is not one JSON object, and a *ParseError if
	// some of its elements are unreadable.
	err error

	// hungUp is set if the context ended first; there are no events then.
	hungUp *Error
}

// readWebhook reads a body. The events refer to its bytes. It stops
// if the context ends while it reads a large body.
func readWebhook(ctx context.Context, body []byte) parsedBody {
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
	p.lenient, p.document, p.ctx = document.Lenient(), document, ctx
	p.body(document.Root())
	if document.Spent() && p.cuts == 0 {
		p.addCut("body", "a list in it was not read to its end", document.Root().Raw())
	}
	parsed := parsedBody{events: p.events, channel: p.first, other: p.other}
	if len(p.bad) > 0 {
		parsed.err = &ParseError{Elements: p.bad}
	}
	if p.stopped {
		parsed = parsedBody{hungUp: &Error{Kind: ErrInvalid, Field: "body", Retry: RetryBackoff, cause: ctx.Err(),
			Reason:   "was not read to its end: the sender did not wait for the answer",
			Sentence: "The sender of a webhook request hung up."}}
	}
	p.dropContacts()
	*p = parser{spare: p.spare}
	parsers.Put(p)
	return parsed
}

// parsers holds empty parsers for the next bodies. A parser is as large as an
// event, so a new one for each body would cost as much again.
var parsers = sync.Pool{New: func() any { return &parser{} }}

// body reads a whole body (contract, raw "Telling the formats apart"): the calls
// envelope, WhatsApp's own envelope, or any mix of the arrays that the other
// formats have at their root. A name that occurs twice is read twice.
func (p *parser) body(root wire.Value) {
	if kind, recognized := p.readBody(root); !recognized {
		p.addUnknown("body", kind, root)
	}
}

// readBody reads a whole body and returns its type. recognized is false if it
// knows nothing in the body.
func (p *parser) readBody(root wire.Value) (kind string, recognized bool) {
	var space [8]member // enough for usual bodies, and not on the heap
	known := space[:0]
	var entries, bare bool
	var number wire.Value
	for members := root.Object(); members.Next(); {
		switch name := members.Key(); name {
		case "type":
			kind, _ = members.Value.Text()
		case "instanceId":
			if members.Value.Spend(memberMemory) {
				p.nameChannel(members.Value)
			}
		case "contacts":
			p.readContacts("", members.Value)
		case "metadata":
			number, bare = members.Value, true
		case "entry":
			if members.Value.Spend(memberMemory) {
				entries = entries || members.Value.IsNested() && !members.Value.IsBlank() // an empty one hides nothing
				known = append(known, member{name, members.Value})
			}
		case "messages", "ack", "statuses", "errors", "calls", "value":
			if members.Value.Spend(memberMemory) {
				known = append(known, member{name, members.Value})
			}
			bare = bare || name == "value"
		default:
			bare = true // perhaps a part of WhatsApp's envelope, or an envelope of a forwarder
		}
	}
	switch {
	case kind == "calls":
		p.ownNumber("metadata", number)
		recognized = p.callsBody(known)
	case !entries && bare && p.bareEnvelope(root, known):
		recognized = true
	default:
		p.ownNumber("metadata", number)
		recognized = p.rootBody(known)
	}
	return kind, recognized
}

// rootBody reads the arrays of the service's own format and of the on-premise
// format, which a body may hold side by side. It returns false if there are none.
func (p *parser) rootBody(known []member) (recognized bool) {
	for _, m := range known {
		switch m.name {
		case "messages":
			p.list(m.name, m.value, (*parser).message)
		case "ack":
			p.list(m.name, m.value, (*parser).ack)
		case "statuses":
			p.list(m.name, m.value, (*parser).metaStatus)
		case "errors":
			p.list(m.name, m.value, (*parser).serviceError)
		case "entry":
			p.list(m.name, m.value, (*parser).cloudEntry) // it is empty, or no array
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

// callsBody reads a body whose type is "calls" (contract, "calls (type calls)").
// Nobody has observed at which level the calls stand, so they are looked for at
// the root, in "value" and in "entry[].changes[].value". It returns false if the
// body holds nothing about a call.
func (p *parser) callsBody(known []member) (recognized bool) {
	p.field = "calls"
	first := len(p.events)
	for _, m := range known {
		switch m.name {
		case "calls", "statuses", "errors":
			p.list(m.name, m.value, elementReader(m.name))
			recognized = true
		case "value":
			recognized = p.cloudValue(m.value) || recognized
		case "entry":
			p.list(m.name, m.value, (*parser).cloudEntry)
			recognized = true
		}
	}
	p.callErrors(first)
	p.field = ""
	if !recognized {
		return false
	}
	for _, m := range known {
		if m.name == "messages" || m.name == "ack" {
			p.rootBody([]member{m})
		}
	}
	return true
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
