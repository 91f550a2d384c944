package chatapi

import (
	"cmp"
	"slices"
	"strings"

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

// people is the list "contacts" of a part of a body. It completes the people
// that the part's messages and statuses name by number or BSUID.
type people struct {
	list []Contact
	next int            // the index to look at first: usually the order is that of the messages
	byID map[string]int // the index by number and by BSUID; only for long lists
}

func (s *people) read(v wire.Value) {
	s.list = slices.Grow(s.list, min(v.Len(), maxElements))
	for list := v.Array(); list.Next() && len(s.list) < maxElements; {
		if c := readPerson(list.Value); c.Phone != "" || c.BSUID != "" {
			s.list = append(s.list, c)
		}
	}
	const few = 64
	if len(s.list) <= few {
		return
	}
	s.byID = make(map[string]int, 2*len(s.list))
	for i, c := range s.list {
		for _, id := range [...]string{c.Phone, c.BSUID} {
			if _, taken := s.byID[id]; !taken && id != "" {
				s.byID[id] = i
			}
		}
	}
}

// find returns the person with the BSUID or the number of c; nil if the list has
// neither.
func (s *people) find(c *Contact) *Contact {
	if s.byID != nil {
		for _, id := range [...]string{c.BSUID, c.Phone} {
			if i, ok := s.byID[id]; ok && id != "" {
				return &s.list[i]
			}
		}
		return nil
	}
	for range s.list {
		s.next %= len(s.list)
		known := &s.list[s.next]
		s.next++
		if c.BSUID != "" && known.BSUID == c.BSUID || c.Phone != "" && known.Phone == c.Phone {
			return known
		}
	}
	return nil
}

// complete fills the empty fields of c from the list. If the list gives the
// number of c to another BSUID, it means another person, and c stays as it is.
func (s *people) complete(c *Contact) {
	known := s.find(c)
	if known == nil || known.BSUID != "" && c.BSUID != "" && known.BSUID != c.BSUID {
		return
	}
	c.Phone, c.BSUID = cmp.Or(c.Phone, known.Phone), cmp.Or(c.BSUID, known.BSUID)
	c.ParentBSUID = cmp.Or(c.ParentBSUID, known.ParentBSUID)
	c.Username, c.Name = cmp.Or(c.Username, known.Username), cmp.Or(c.Name, known.Name)
}

// readPerson reads one element of "contacts", or a member of a group.
func readPerson(v wire.Value) (c Contact) {
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "wa_id":
			text, _ := m.Value.Text()
			setPhone(&c, strings.TrimSpace(text))
		case "user_id":
			c.BSUID, _ = m.Value.Text()
		case "parent_user_id":
			c.ParentBSUID, _ = m.Value.Text()
		case "username":
			c.Username, _ = m.Value.Text()
		case "profile":
			for profile := m.Value.Object(); profile.Next(); {
				switch string(profile.Name) {
				case "name":
					c.Name, _ = profile.Value.Text()
				case "username":
					c.Username, _ = profile.Value.Text()
				}
			}
		}
	}
	return c
}

// phoneDigits returns the digits of a phone number in whatever form it is
// written.
func phoneDigits(v wire.Value) string {
	text, _ := v.Text()
	if isDigits(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
