package chatapi

import (
	"cmp"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads bodies from which a forwarder has taken a part of WhatsApp's
// envelope, or around which it has put one of its own (contract notes,
// "Webhooks").

// bareEnvelope reads a body whose root is an entry, a change, a change's value, or
// an object that holds a whole body. It returns false if the root is none of
// these.
func (p *parser) bareEnvelope(root wire.Value, known []member) (recognized bool) {
	within := p.within
	defer func() { p.within, p.missing, p.level = within, "", inRoot }()
	value, data := root.Get("value"), root.Get("data")
	switch {
	case !root.Get("changes").IsBlank():
		p.missing = "entry[0]."
		p.partial(root, p.cloudEntry)
		p.beside(known)
	case value.IsObject() && (memberText(root, "field") != "" || isBareValue(value) || value.Get("messages").IsNested() || value.Get("statuses").IsNested()):
		p.missing = "entry[0].changes[0]."
		outer := p.scope
		p.partial(root, p.cloudChange)
		p.scope = outer
		p.beside(known)
	case isBareValue(root), memberText(root, "field") != "":
		return p.bareValue(root, memberText(root, "field"), "")
	case data.IsObject() && isBareValue(data): // 360dialog's event for partners
		p.within += "data."
		return p.bareValue(data, memberText(root, "event"), memberText(data, "id"))
	case within == "":
		return p.wrapped(root)
	default:
		return false
	}
	return true
}

// beside reads the arrays that stand beside a part of the envelope.
func (p *parser) beside(known []member) {
	p.missing, p.level = "", inRoot
	p.rootBody(known)
}

// wrapped reads a whole body inside the root. n8n, for example, puts it beside the
// request's headers.
func (p *parser) wrapped(root wire.Value) bool {
	recognized := false
	for _, name := range [...]string{"body", "data", "payload", "json"} {
		for list := root.Get(name).List(); list.Next(); {
			if !list.Value.IsObject() {
				continue
			}
			p.within = name + "."
			_, known := p.readBody(list.Value)
			recognized = recognized || known
		}
		if recognized {
			break
		}
	}
	return recognized
}

// partial reads the root as a part of the envelope.
func (p *parser) partial(root wire.Value, read func(wire.Value) error) {
	before := len(p.events)
	if err := read(root); err != nil {
		p.level, p.missing = inRoot, ""
		p.addError("body", err, root.Raw())
		p.bad[len(p.bad)-1].Partial = len(p.events) > before
	}
}

// isBareValue reports whether v is the value of a change.
func isBareValue(v wire.Value) bool {
	if memberText(v, "messaging_product") != "" || !v.Get("metadata").Get("phone_number_id").IsNull() || !v.Get("standby").IsBlank() {
		return true
	}
	for _, name := range [...]string{"history", "state_sync", "message_echoes", "user_preferences", "user_id_update", "groups"} {
		if list := v.Get(name); list.IsNested() && !list.IsBlank() {
			return true
		}
	}
	return false
}

// bareValue reads the value of a change of that field, which stands at the root.
// It returns false if it knows no member.
func (p *parser) bareValue(v wire.Value, field, waba string) bool {
	outer := p.scope
	defer func() { p.scope = outer }()
	p.scope = scope{field: fieldName(field), waba: waba}
	if !p.readField(v, v) {
		return false
	}
	if acks := v.Get("ack"); !acks.IsNull() {
		p.rootBody([]member{{"ack", acks}})
	}
	return true
}

// single reads one element that stands where its array should be.
func (p *parser) single(path string, v wire.Value, read func(*parser, wire.Value) error) {
	if !v.Spend(otherMemory) {
		p.addCut(path, "it was not read", v.Raw())
		return
	}
	p.index, p.ahead = 0, 1
	before := len(p.events)
	if err := read(p, v); err != nil {
		p.addError(path, err, v.Raw())
		p.bad[len(p.bad)-1].Partial = len(p.events) > before
	}
}

// ownNumber reads the object of that name, which names the business's number.
func (p *parser) ownNumber(object string, v wire.Value) {
	var f scalarReader
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "display_phone_number":
			p.ownPhone = digitsIn(f.text(&m))
		case "phone_number_id":
			p.numberID = cmp.Or(f.text(&m), p.numberID)
		}
	}
	if err := f.err(); err != nil {
		p.addError(object, err, v.Raw())
	}
}
