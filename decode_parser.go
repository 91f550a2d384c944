package chatapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file holds the parser that the readers of all formats share, with its
// errors and its list of people.

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

	// within is the path of the object that holds the body, and missing the path
	// of WhatsApp's envelope that the body lacks; see bareEnvelope.
	within, missing string

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

// maxElements limits the work and memory for one body. The largest real bodies
// have about a thousand elements.
const maxElements = 100_000

// list calls read for each object of an array. A bad element becomes an
// ElementError and does not keep its siblings from being read.
func (p *parser) list(path string, v wire.Value, read func(*parser, wire.Value) error) {
	if v.IsNull() {
		return
	}
	if v.IsObject() && !v.IsBlank() { // one element without its array
		p.single(path, v, read)
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
		before := len(p.events)
		if elements.Value.IsObject() {
			err = read(p, elements.Value)
		} else {
			err = errNotObject(elements.Value)
		}
		if err != nil {
			p.addError(elementPath(path, i), err, elements.Value.Raw())
			p.bad[len(p.bad)-1].Partial = len(p.events) > before
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
	path = p.within + strings.TrimPrefix(path, p.missing)
	p.bad = append(p.bad, ElementError{Path: path, Err: err, Raw: raw})
}

// addUnknown adds an event for an element of no known kind, which stood in the
// member of that name.
func (p *parser) addUnknown(member, kind string, v wire.Value) {
	p.add(&UnknownEvent{EventInfo: p.info(joinWire(member, kind), v)})
}

// info returns the EventInfo of the event that is read from v.
func (p *parser) info(wireName string, v wire.Value) EventInfo {
	return EventInfo{Channel: p.channel, Time: p.entryTime, Wire: wireName, PhoneNumberID: p.numberID, WABA: p.waba, OwnPhone: p.ownPhone,
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

// scalarReader reads scalar members of an element and keeps what is wrong with
// them.
type scalarReader struct {
	problems []string // for EventInfo.Problems
	err      error    // of the members that are objects or arrays
}

func (f *scalarReader) text(m *wire.Object) string {
	text, err := m.Value.Text()
	if err != nil {
		f.misread(string(m.Name), m.Value)
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

// ParseError lists the elements of a webhook's body that could not be read, or not
// wholly (see [ElementError.Partial]). All other elements were read: see
// [ParseWebhook].
type ParseError struct {
	Elements []ElementError
}

// ElementError is one element that could not be read, or not wholly.
type ElementError struct {
	// Path is the element's place in the body, such as "messages[2]", or
	// "ack" where that member should be an array but is not.
	Path string

	// Err says what is wrong with the element. It quotes nothing of it.
	Err error

	// Raw is the element as it arrived. Do not change it.
	Raw json.RawMessage

	// Partial is set if the element is an event all the same, without the members
	// that Err names; see [EventInfo.Problems].
	Partial bool
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

// people is the list "contacts" of a part of a body. It completes the people
// that the part's messages and statuses name by number or BSUID.
type people struct {
	list []Contact
	next int            // the index to look at first: usually the order is that of the messages
	byID map[string]int // the index by number and by BSUID; only for long lists
}

// read adds the people of a list. The error names the members that are no scalars.
func (s *people) read(v wire.Value) error {
	var f scalarReader
	s.list = slices.Grow(s.list, min(v.Len(), maxElements))
	for list := v.List(); list.Next() && len(s.list) < maxElements; {
		if c := f.person("", list.Value); c.Phone != "" || c.BSUID != "" {
			s.list = append(s.list, c)
		}
	}
	const few = 64
	if len(s.list) <= few {
		return f.err
	}
	s.byID = make(map[string]int, 2*len(s.list))
	for i, c := range s.list {
		for _, id := range [...]string{c.Phone, c.BSUID} {
			if _, taken := s.byID[id]; !taken && id != "" {
				s.byID[id] = i
			}
		}
	}
	return f.err
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
	if known == nil {
		known = s.findVariant(c)
	}
	if known == nil || known.BSUID != "" && c.BSUID != "" && known.BSUID != c.BSUID {
		return
	}
	c.Phone, c.BSUID = cmp.Or(c.Phone, known.Phone), cmp.Or(c.BSUID, known.BSUID)
	c.ParentBSUID = cmp.Or(c.ParentBSUID, known.ParentBSUID)
	c.Username, c.Name = cmp.Or(c.Username, known.Username), cmp.Or(c.Name, known.Name)
	c.CountryCode, c.IdentityHash = cmp.Or(c.CountryCode, known.CountryCode), cmp.Or(c.IdentityHash, known.IdentityHash)
}

// readPerson reads one element of "contacts", or a member of a group.
func readPerson(v wire.Value) Contact {
	var f scalarReader
	return f.person("", v)
}

// person reads what readPerson reads, from the object with that name.
func (f *scalarReader) person(object string, v wire.Value) (c Contact) {
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "wa_id":
			setPhone(&c, strings.TrimSpace(f.inner(object, &m)))
		case "user_id":
			c.BSUID = cmp.Or(f.inner(object, &m), c.BSUID)
		case "parent_user_id":
			c.ParentBSUID = f.inner(object, &m)
		case "username":
			c.Username = cmp.Or(usernameOf(f.inner(object, &m)), c.Username)
		case "profile":
			for profile := m.Value.Object(); profile.Next(); {
				switch string(profile.Name) {
				case "name":
					c.Name = f.inner("profile", &profile)
				case "username":
					c.Username = cmp.Or(c.Username, usernameOf(f.inner("profile", &profile)))
				case "country_code":
					c.CountryCode = f.inner("profile", &profile)
				}
			}
		case "country_code":
			c.CountryCode = f.inner(object, &m)
		case "identity_key_hash":
			c.IdentityHash = f.inner(object, &m)
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
