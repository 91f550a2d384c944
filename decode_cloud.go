package chatapi

import "github.com/chatapi-go/chatapi/internal/wire"

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
	for _, m := range members {
		if read := elementReader(m.name); read != nil {
			p.list(m.name, m.value, read)
			recognized = true
		}
	}
	if !recognized {
		return false // the whole change is unknown
	}
	for _, m := range members {
		if elementReader(m.name) == nil {
			p.addUnknown("value", m.name, m.value)
		}
	}
	return true
}
