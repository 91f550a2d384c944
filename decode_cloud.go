package chatapi

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads WhatsApp's own envelope (contract, raw "Cloud envelope"),
// which Meta and 360dialog send and the service passes on with rawHooks.

// source is what the elements of one part of a body have in common.
type source struct {
	field    string // the change's field; empty if it has none
	phone    string // the business's number, in digits
	numberID string
	account  string
	at       time.Time // the entry's time
	contacts people
}

// cloudEntry reads one element of "entry".
func (p *parser) cloudEntry(v wire.Value) error {
	outer := p.source
	defer func() { p.source, p.depth = outer, 0 }()
	p.entry, p.depth, p.source = p.place, 1, source{}
	var changes wire.Value
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			p.account, _ = m.Value.Text()
		case "time":
			p.at = m.Value.Time()
		case "changes":
			changes = m.Value
		}
	}
	if changes.IsNull() { // Messenger and Instagram have "messaging" here
		p.unknown("entry", "", v)
		return nil
	}
	p.list("changes", changes, (*parser).cloudChange)
	return nil
}

// cloudChange reads one change. Some fields are one event; the others hold
// arrays, which also tell what it is where a forwarder dropped the field's name.
func (p *parser) cloudChange(v wire.Value) error {
	defer func() { p.depth = 1 }()
	p.change, p.source = p.place, source{account: p.account, at: p.at}
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
		p.depth = 2
		p.unreadable("value", errNotObject(value), value.Raw())
		return nil
	}
	if read := fieldReaders[p.field]; read != nil {
		p.add(read(value, p.info("field."+p.field, v)))
		return nil
	}
	p.depth = 3
	if !p.cloudValue(value) {
		p.unknown("field", p.field, v)
	}
	return nil
}

// listReader returns who reads the elements of an array that a value may hold;
// nil if the array is not known.
func listReader(name string) func(*parser, wire.Value) error {
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

// cloudValue reads the arrays of a value; it is false if there are none.
func (p *parser) cloudValue(v wire.Value) (recognized bool) {
	var found [8]member
	known := found[:0]
	for m := v.Object(); m.Next(); {
		switch name := m.Key(); name {
		case "metadata":
			for meta := m.Value.Object(); meta.Next(); {
				switch string(meta.Name) {
				case "display_phone_number":
					p.phone = digitsOf(meta.Value)
				case "phone_number_id":
					p.numberID, _ = meta.Value.Text()
				}
			}
		case "contacts":
			p.contacts.read(m.Value)
		case "messaging_product":
		default:
			if listReader(name) != nil || m.Value.IsArray() || m.Value.IsObject() {
				known = append(known, member{name, m.Value})
			}
		}
	}
	for _, m := range known {
		if read := listReader(m.name); read != nil {
			p.list(m.name, m.value, read)
			recognized = true
		}
	}
	for _, m := range known {
		if recognized && listReader(m.name) == nil {
			p.unknown("value", m.name, m.value) // beside what is known; nothing is dropped
		}
	}
	return recognized
}

// people are the senders that a part of a body lists, found by id and never by
// position.
type people struct {
	list []Contact
	next int            // where to look first: mostly they come in order
	byID map[string]int // only for long lists
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

// find returns whom c names, by BSUID or number; nil if the list has no such.
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

// complete adds what is known about c from elsewhere in the body. A number that
// the list gives to another BSUID is another person's.
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

// digitsOf returns a phone number's digits.
func digitsOf(v wire.Value) string {
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

func errNotObject(v wire.Value) error { return errors.New("want an object, got " + v.Kind()) }
