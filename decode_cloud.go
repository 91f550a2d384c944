package chatapi

import (
	"cmp"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads WhatsApp's own envelope (contract, raw "Cloud envelope"),
// which Meta and 360dialog send and the service passes on with rawHooks.

// cloudEntry reads one element of "entry".
func (p *parser) cloudEntry(v wire.Value) error {
	outer := p.scope
	defer func() { p.scope, p.level = outer, inRoot }()
	p.entryIndex, p.level, p.scope = p.index, inEntry, scope{}
	var changes wire.Value
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			p.waba, _ = m.Value.Text()
		case "time":
			p.entryTime = m.Value.Time()
		case "changes":
			changes = m.Value
		}
	}
	if changes.IsNull() { // an entry of Messenger or Instagram, which has "messaging" instead
		p.addUnknown("entry", "", v)
		return nil
	}
	p.list("changes", changes, (*parser).cloudChange)
	return nil
}

// cloudChange reads one element of "changes". The value of some fields is one
// event; that of the others holds arrays, whose names say enough where a
// forwarder dropped the field's name.
func (p *parser) cloudChange(v wire.Value) error {
	defer func() { p.level = inEntry }()
	p.changeIndex, p.scope = p.index, scope{waba: p.waba, entryTime: p.entryTime}
	var value wire.Value
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "field":
			p.field, _ = m.Value.Text()
		case "value":
			value = m.Value
		}
	}
	if !value.IsNull() && !value.IsObject() {
		p.level = inChange
		p.addError("value", errNotObject(value), value.Raw())
		return nil
	}
	if read := fieldReaders[p.field]; read != nil {
		p.add(read(value, p.info("field."+p.field, v)))
		return nil
	}
	p.level = inValue
	if !p.cloudValue(value) {
		p.addUnknown("field", p.field, v)
	}
	return nil
}

// elementReader returns the method that reads the elements of an array of a
// change's value; nil if the array is not known.
func elementReader(name string) func(*parser, wire.Value) error {
	switch name {
	case "messages":
		return (*parser).metaMessage
	case "message_echoes":
		return (*parser).metaEcho
	case "statuses":
		return (*parser).metaStatus
	case "calls":
		return (*parser).call
	case "errors":
		return (*parser).serviceError
	case "groups":
		return (*parser).group
	case "user_preferences":
		return (*parser).preference
	case "user_id_update":
		return (*parser).identity
	case "history":
		return (*parser).history
	case "state_sync":
		return (*parser).appState
	case "user_actions":
		return (*parser).action
	case "automatic_events":
		return (*parser).conversion
	}
	return nil
}

// cloudValue reads the arrays of a change's value. It returns false if it knows
// none of them.
func (p *parser) cloudValue(v wire.Value) (recognized bool) {
	var space [8]member // enough for usual values, and not on the heap
	members := space[:0]
	for m := v.Object(); m.Next(); {
		switch name := m.Key(); name {
		case "metadata":
			for meta := m.Value.Object(); meta.Next(); {
				switch string(meta.Name) {
				case "display_phone_number":
					p.ownPhone = phoneDigits(meta.Value)
				case "phone_number_id":
					p.numberID, _ = meta.Value.Text()
				}
			}
		case "contacts":
			p.contacts.read(m.Value)
		case "messaging_product":
		default:
			if elementReader(name) != nil || m.Value.IsArray() || m.Value.IsObject() {
				members = append(members, member{name, m.Value})
			}
		}
	}
	first := len(p.events)
	for _, m := range members {
		if read := elementReader(m.name); read != nil {
			p.list(m.name, m.value, read)
			recognized = true
		} else if m.name == "conversation_context" && m.value.IsObject() {
			p.summary(m.value)
			recognized = true
		}
	}
	p.callErrors(first)
	if !recognized {
		return false // the whole change is unknown
	}
	for _, m := range members {
		if elementReader(m.name) == nil && m.name != "conversation_context" {
			p.addUnknown("value", m.name, m.value)
		}
	}
	return true
}

// call reads one element of "calls" (contract, "calls (type calls)").
func (p *parser) call(v wire.Value) error {
	e, at, err := readCall(v)
	if err != nil {
		return err
	}
	p.contacts.complete(&e.From)
	p.contacts.complete(&e.To)
	e.EventInfo = p.info(joinWire("call", e.Event), v)
	e.Time = at
	p.add(e)
	return nil
}

// callStatus reads an element of "statuses" about a call that the business
// began: its progress.
func (p *parser) callStatus(v wire.Value) error {
	e, at, err := readCall(v)
	if err != nil {
		return err
	}
	p.contacts.complete(&e.From)
	p.contacts.complete(&e.To)
	e.EventInfo = p.info(joinWire("call.status", e.Status), v)
	e.Time = at
	p.add(e)
	return nil
}

// readCall reads an element of "calls", or a call's status, and its time.
func readCall(v wire.Value) (*CallEvent, time.Time, error) {
	var f scalarReader
	var at time.Time
	e := &CallEvent{}
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			e.ID = cmp.Or(f.text(&m), e.ID)
		case "wacid": // in one forwarder's bodies
			e.ID = cmp.Or(e.ID, f.text(&m))
		case "event":
			e.Event = f.text(&m)
		case "status":
			e.Status = f.text(&m)
		case "direction":
			e.Direction = f.text(&m)
		case "timestamp":
			at = f.scalar(&m).Time()
		case "from":
			setPhone(&e.From, f.text(&m))
		case "from_user_id":
			e.From.BSUID = f.text(&m)
		case "to", "recipient_id":
			setPhone(&e.To, f.text(&m))
		case "to_user_id", "recipient_user_id":
			e.To.BSUID = f.text(&m)
		case "session":
			e.SDPType, _ = m.Value.Get("sdp_type").Text()
			e.SDP, _ = m.Value.Get("sdp").Text()
		case "start_time":
			e.Started = f.scalar(&m).Time()
		case "end_time":
			e.Ended = f.scalar(&m).Time()
		case "duration":
			if seconds, ok := m.Value.Int(); ok && seconds > 0 && seconds < int64(maxCall/time.Second) {
				e.Duration = time.Duration(seconds) * time.Second
			}
		case "biz_opaque_callback_data":
			e.CallbackData = f.text(&m)
		default:
			e.readMember(string(m.Name), m.Value)
		}
	}
	return e, at, f.err
}

// maxCall is longer than any call. A damaged number beyond it would overflow a
// time.Duration.
const maxCall = 365 * 24 * time.Hour
