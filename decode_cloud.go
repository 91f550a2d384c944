package chatapi

import (
	"cmp"
	"strings"
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
	var f scalarReader
	var at, changes wire.Value
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			p.waba = f.text(&m)
		case "time":
			at = m.Value
		case "changes":
			changes = m.Value
		}
	}
	before := len(f.problems)
	p.entryTime = f.time("time", at)
	p.badTime = len(f.problems) > before
	if changes.IsNull() && v.Get("value").IsObject() { // a change without its entry
		return cmp.Or(p.cloudChange(v), f.err())
	}
	if changes.IsNull() && isBareValue(v) { // a value without its change
		p.field = fieldName(memberText(v, "field"))
		if p.readField(v, v) {
			return f.err()
		}
	}
	if changes.IsBlank() && saysMore(v) { // an entry of Messenger or Instagram, which has "messaging" instead
		return p.addUnread("entry", "", v, &f)
	}
	p.list("changes", changes, (*parser).cloudChange)
	return f.err()
}

// saysMore reports whether an entry without changes holds something else.
func saysMore(entry wire.Value) bool {
	for m := entry.Object(); m.Next(); {
		switch string(m.Name) {
		case "id", "time", "changes":
		default:
			if !m.Value.IsBlank() {
				return true
			}
		}
	}
	return entry.Get("changes").IsAbsent()
}

// fieldName returns the name of a field, a type or a state, which forwarders may
// write in capitals.
func fieldName(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// cloudChange reads one element of "changes". The value of some fields is one
// event; that of the others holds arrays, whose names say enough where a
// forwarder dropped the field's name.
func (p *parser) cloudChange(v wire.Value) error {
	defer func() {
		p.level = inEntry
		p.dropContacts()
	}()
	p.changeIndex, p.scope = p.index, scope{waba: p.waba, entryTime: p.entryTime, badTime: p.badTime}
	var f scalarReader
	var value wire.Value
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "field":
			p.field = fieldName(f.text(&m))
		case "value":
			value = m.Value
		}
	}
	switch {
	case value.IsObject():
	case value.IsNull():
		if isBareValue(v) { // its members stand in the change
			value = v
		}
	case value.IsArray() && value.Len() > 0:
		for list := value.List(); list.Next(); {
			if !list.Value.IsBlank() {
				p.changeValue(v, list.Value)
			}
		}
		return f.err()
	}
	p.changeValue(v, value)
	return f.err()
}

// changeValue reads the value of a change. What is no object is an error, and the
// change is unknown.
func (p *parser) changeValue(change, value wire.Value) {
	odd := !value.IsNull() && !value.IsObject()
	if odd {
		p.level = inChange
		p.addError("value", errNotObject(value), value.Raw())
		p.bad[len(p.bad)-1].Partial = !value.IsBlank()
	}
	if p.level = inValue; !p.readField(change, value) && (!odd || !value.IsBlank()) {
		p.addUnknown("field", p.field, change)
		aboutAccount(p.events[len(p.events)-1], value)
	}
}

// readField reads the value of a change. The field decides what the value is; the
// names of its members decide only if the field has no name. It returns false if
// it knows nothing in the value.
func (p *parser) readField(change, value wire.Value) bool {
	switch unnamed := p.field == ""; {
	case !value.IsObject():
		return false
	case p.field == "standby", unnamed && !value.Get("standby").IsBlank():
		p.standby(change, value, "")
		return true
	case p.field == "messaging_handovers", unnamed && (!value.Get("control_passed").IsBlank() || !value.Get("control_taken").IsBlank()):
		p.handover(change, value)
		return true
	case unnamed && !value.Get("history").IsBlank():
		p.field = "history" // also for what stands beside it
	}
	read := fieldReaders[p.field]
	if read == nil {
		return p.cloudValue(value)
	}
	var f scalarReader
	f.checkField(value)
	f.time("timestamp", value.Get("timestamp"))
	e := read(value, p.info("field."+p.field, change))
	aboutAccount(e, value)
	if p.badTime && e.Info().Time.IsZero() {
		f.note("entry.time", value, wire.ErrTime.Error())
	}
	if err := p.addPartial(e, &f); err != nil {
		p.level = inChange
		p.addError("value", err, value.Raw())
		p.bad[len(p.bad)-1].Partial = true
	}
	return true
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

// valueMember is a member of a change's value. read reads its elements; it is nil if
// the member is no known array.
type valueMember struct {
	name  string
	value wire.Value
	read  func(*parser, wire.Value) error
}

// cloudValue reads the arrays of a change's value. It returns false if it knows
// none of them.
func (p *parser) cloudValue(v wire.Value) (recognized bool) { return p.cloudLists(v, "") }

// cloudLists reads the arrays of a change's value, or of the object at path in it.
func (p *parser) cloudLists(v wire.Value, path string) (recognized bool) {
	var space [8]valueMember // enough for usual values, and not on the heap
	members := space[:0]
	var standby wire.Value
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "metadata":
			p.ownNumber(path+"metadata", m.Value)
		case "contacts":
			p.readContacts(path, m.Value)
		case "messaging_product":
		case "standby":
			standby = m.Value
		default:
			name := m.Key()
			read := elementReader(name)
			if (read != nil || m.Value.IsNested() && (name != "ack" || p.level != inRoot)) && m.Value.Spend(eventMemory) {
				members = append(members, valueMember{name, m.Value, read})
			}
		}
	}
	first := len(p.events)
	for _, m := range members {
		if m.read != nil {
			if p.level == inRoot && m.name == "messages" {
				m.read = (*parser).message // a message of the service's own format may stand here
			}
			p.list(path+m.name, m.value, m.read)
			recognized = true
		} else if m.name == "conversation_context" {
			for list := m.value.List(); list.Next(); {
				if !list.Value.IsBlank() {
					p.summary(list.Value)
				}
			}
			recognized = true
		}
	}
	switch {
	case standby.IsBlank():
	case p.field != "standby":
		p.standby(standby, standby, path+"standby.")
		recognized = true
	default:
		for list := standby.List(); list.Next(); {
			recognized = p.cloudLists(list.Value, path+"standby.") || recognized
		}
	}
	p.callErrors(first)
	if !recognized {
		return false // the whole change is unknown
	}
	for _, m := range members {
		if m.read == nil && m.name != "conversation_context" {
			p.addUnknown("value", m.name, m.value)
		}
	}
	return true
}

// call reads one element of "calls" (contract, "calls (type calls)").
func (p *parser) call(v wire.Value) error {
	e, f := p.readCall(v)
	if v.IsBlank() || p.field == "history" { // an old call must not ring
		return p.addUnread("call", e.Event, v, f)
	}
	e.Wire = joinWire("call", e.Event)
	return p.addPartial(e, f)
}

// callStatus reads an element of "statuses" about a call that the business
// began: its progress.
func (p *parser) callStatus(v wire.Value) error {
	e, f := p.readCall(v)
	e.Wire = joinWire("call.status", e.Status)
	return p.addPartial(e, f)
}

// readCall reads an element of "calls", or a call's status.
func (p *parser) readCall(v wire.Value) (*CallEvent, *scalarReader) {
	f := &scalarReader{}
	var at, started, ended wire.Value
	var recipient, recipientUser string
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
			at = m.Value
		case "from":
			setPhone(&e.From, f.text(&m))
		case "from_user_id":
			e.From.BSUID = cmp.Or(f.text(&m), e.From.BSUID)
		case "to":
			setPhone(&e.To, f.text(&m))
		case "to_user_id":
			e.To.BSUID = cmp.Or(f.text(&m), e.To.BSUID)
		case "recipient_id":
			recipient = f.text(&m)
		case "recipient_user_id":
			recipientUser = f.text(&m)
		case "session":
			e.SDPType = f.member("session", m.Value, "sdp_type")
			e.SDP = f.member("session", m.Value, "sdp")
		case "start_time":
			started = m.Value
		case "end_time":
			ended = m.Value
		case "duration":
			f.text(&m)
			if seconds, ok := m.Value.Int(); ok && seconds > 0 && seconds < int64(maxCall/time.Second) {
				e.Duration = time.Duration(seconds) * time.Second
			}
		case "biz_opaque_callback_data":
			e.CallbackData = f.text(&m)
		default:
			e.readMember(string(m.Name), m.Value, f)
		}
	}
	if e.To.Phone == "" {
		setPhone(&e.To, recipient)
	}
	e.To.BSUID = cmp.Or(e.To.BSUID, recipientUser)
	p.contacts.complete(&e.From)
	p.contacts.complete(&e.To)
	e.EventInfo = p.info("call", v)
	e.Time = f.time("timestamp", at)
	e.Started, e.Ended = f.time("start_time", started), f.time("end_time", ended)
	return e, f
}

// maxCall is longer than any call. A damaged number beyond it would overflow a
// time.Duration.
const maxCall = 365 * 24 * time.Hour
