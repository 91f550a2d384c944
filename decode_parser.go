package chatapi

import (
	"context"
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

	document *wire.Document // its budget limits what is read
	ctx      context.Context
	stopped  bool // the context ended
	cuts     int  // lists that the budget did not allow to read to their end
	events   []Event
	bad      []ElementError

	// ahead is how many elements of the innermost list are not read yet. As many
	// messages and statuses are allocated at once, up to a limit.
	ahead    int
	messages slab[MessageEvent]
	statuses slab[StatusEvent]

	// spare is an empty list of people, whose memory the next part or body uses.
	spare *people
}

// scope holds the values that the elements of one part of a body share: of the
// root, of an entry, or of a change.
type scope struct {
	field     string // the change's field; empty if it has none
	ownPhone  string // the business's number, in digits
	numberID  string
	waba      string
	entryTime time.Time
	badTime   bool    // the entry's time was not readable
	contacts  *people // nil if the part names none
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

const (
	// eventMemory is what an event takes at most, without the lists and texts in
	// it. otherMemory is the same for an event that is neither a message nor a call.
	eventMemory = 1 << 10
	otherMemory = 768

	// errorMemory is what an ElementError takes at most, with its path.
	errorMemory = 512

	// memberMemory is what a member takes that is kept until its object was walked.
	memberMemory = 256

	// mostCuts limits the errors of a body with many lists that were not read.
	mostCuts = 100

	// listenEvery is the number of elements after which the parser looks whether
	// somebody still waits for the events.
	listenEvery = 1 << 10
)

// slab holds events of one type that were allocated together, which takes less time
// than one by one. The events of a body share memory all the same: that of its bytes.
type slab[T any] []T

// next returns a new event. It allocates for as many as follow, up to most.
func (s *slab[T]) next(ahead, most int) *T {
	if len(*s) == 0 {
		if ahead <= 1 {
			return new(T)
		}
		*s = make([]T, min(ahead, most))
	}
	e := &(*s)[0]
	*s = (*s)[1:]
	return e
}

// A slab is as large as 8 KiB, which is a size of the allocator.
func (p *parser) newMessage() *MessageEvent { return p.messages.next(p.ahead, 11) }
func (p *parser) newStatus() *StatusEvent   { return p.statuses.next(p.ahead, 17) }

// list calls read for each object of an array. A bad element becomes an
// ElementError and does not keep its siblings from being read. The budget of the
// document limits the elements of all lists; what it does not allow becomes one
// ElementError of each list.
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
	elements, i, count := v.ArrayOf(0), 0, v.Len() // add takes the memory of each event
	for ; elements.Next(); i++ {
		if i == 0 {
			p.events = slices.Grow(p.events, count)
		}
		p.index, p.ahead = i, count-i
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
		if p.document.Spent() && p.cuts == 0 { // by a list in the element
			p.addCut(elementPath(path, i), "a list in it was not read to its end", elements.Value.Raw())
		}
		if i%listenEvery == listenEvery-1 && p.ctx != nil && p.ctx.Err() != nil {
			p.stopped = true
		}
		if p.stopped {
			return
		}
	}
	if rest := elements.Rest(); len(rest) > 0 {
		p.addCut(elementPath(path, i), "it and what follows were not read", rest)
	}
}

// addCut keeps a part of the body that the budget did not allow to read.
func (p *parser) addCut(path, what string, raw []byte) {
	if p.cuts++; p.cuts <= mostCuts {
		p.addError(path, fmt.Errorf("%s: a body has at most %d elements, and its events take at most %d bytes of memory for each of its bytes, or %d MiB",
			what, wire.MaxElements, wire.MemoryPerByte, wire.LeastMemory>>20), raw)
	}
}

func elementPath(list string, index int) string { return list + "[" + strconv.Itoa(index) + "]" }

func (p *parser) add(e Event) {
	memory := otherMemory
	switch e.(type) {
	case *MessageEvent, *EchoEvent, *CallEvent:
		memory = eventMemory
	}
	p.document.Use(memory)
	p.events = append(p.events, e)
}

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
	p.document.Use(errorMemory)
	p.bad = append(p.bad, ElementError{Path: path, Err: err, Raw: raw})
}

// addUnknown adds an event for an element of no known kind, which stood in the
// member of that name.
func (p *parser) addUnknown(member, kind string, v wire.Value) {
	p.add(&UnknownEvent{EventInfo: p.info(joinWire(member, kind), v)})
}

// info returns the EventInfo of the event that is read from v.
func (p *parser) info(wireName string, v wire.Value) (i EventInfo) {
	p.describe(&i, wireName, v)
	return i
}

// describe fills the EventInfo of the event that is read from v. It fills the
// members in place, since a copy of the whole takes longer.
func (p *parser) describe(i *EventInfo, wireName string, v wire.Value) {
	i.Channel, i.Time, i.Wire, i.Raw = p.channel, p.entryTime, wireName, v.Raw()
	i.PhoneNumberID, i.WABA, i.OwnPhone = p.numberID, p.waba, p.ownPhone
	i.Lenient = p.lenient && !wire.Strict(i.Raw)
}

// joinWire returns an EventInfo.Wire, such as "message.chat".
func joinWire(member, kind string) string {
	if kind == "" {
		return member
	}
	const longest = 100
	if len(kind) > longest { // no kind is: it would only fill logs
		kind = strings.ToValidUTF8(kind[:longest], "")
	}
	return member + "." + kind
}

func errNotObject(v wire.Value) error { return errors.New("want an object, got " + v.Kind()) }

// memberText returns a member's text; empty if the member is not a scalar.
func memberText(v wire.Value, name string) string {
	text, _ := v.Get(name).Text()
	return text
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
// that the part's messages and statuses name by number or BSUID. Each person is in
// it once, with the first name that the body gives.
type people struct {
	list   []Contact
	next   int              // the index to look at first: usually the order is that of the messages
	seen   [32]uint64       // a bit for each number and BSUID, by a hash
	byID   map[string]int32 // the index by number and by BSUID, or nobody; only for long lists
	shared bool             // a number belongs to several BSUIDs
}

const (
	// fewPeople is the length up to which a list is searched without an index.
	fewPeople = 64

	// nobody is the index of a person who is not in the list, and of a number that
	// several people of the list have: it does not say who is meant.
	nobody = -1
)

// readContacts reads the people of a part of the body.
func (p *parser) readContacts(path string, v wire.Value) {
	if p.contacts == nil {
		p.contacts, p.spare = p.spare, nil
	}
	if p.contacts == nil {
		p.contacts = &people{}
	}
	if err := p.contacts.read(v); err != nil {
		p.addError(path+"contacts", err, v.Raw())
	}
}

// dropContacts forgets the people of a part of the body, and keeps the memory of a
// short list for the next part or body.
func (p *parser) dropContacts() {
	s := p.contacts
	if s == nil {
		return
	}
	p.contacts = nil
	if cap(s.list) <= fewPeople {
		clear(s.list)
		*s = people{list: s.list[:0]}
		p.spare = s
	}
}

// read adds the people of a list. The error names the members that are no scalars.
func (s *people) read(v wire.Value) error {
	var f scalarReader
	s.list = slices.Grow(s.list, v.Len())
	for list := v.List(); list.Next(); {
		if c := f.person("", list.Value); c.Phone != "" || c.BSUID != "" {
			s.add(&c)
		}
	}
	return f.err()
}

// add puts a person into the list, or completes the person who is there already.
func (s *people) add(c *Contact) {
	at := nobody
	if len(s.list) > 0 {
		if at = s.withBSUID(c.BSUID); at == nobody {
			at = s.withPhone(c.Phone)
		}
	}
	if at == nobody || c.BSUID != "" && s.list[at].BSUID != "" && c.BSUID != s.list[at].BSUID {
		s.shared = s.shared || c.Phone != "" && s.mayHave(c.Phone)
		at = len(s.list)
		s.list = append(s.list, *c)
	} else {
		fillContact(&s.list[at], c)
	}
	for _, id := range [...]string{s.list[at].Phone, s.list[at].BSUID} {
		word, bit := idBit(id)
		s.seen[word] |= bit
	}
	switch {
	case s.byID != nil:
		s.index(at)
	case len(s.list) > fewPeople:
		s.byID = make(map[string]int32, 4*fewPeople)
		for i := range s.list {
			s.index(i)
		}
	}
}

// index notes in byID where a person stands.
func (s *people) index(at int) {
	if bsuid := s.list[at].BSUID; bsuid != "" {
		s.byID[bsuid] = int32(at)
	}
	if phone := s.list[at].Phone; phone != "" {
		if other, taken := s.byID[phone]; taken && other != int32(at) {
			at = nobody
		}
		s.byID[phone] = int32(at)
	}
}

// idBit returns the bit of people.seen for an id.
func idBit(id string) (word int, bit uint64) {
	var hash uint64
	for _, c := range []byte(id[max(0, len(id)-8):]) { // the last bytes, since ids differ there
		hash = hash<<8 | uint64(c)
	}
	const golden = 0x9e3779b97f4a7c15 // multiplying by it spreads similar numbers
	hash *= golden
	return int(hash >> 59), 1 << (hash >> 53 & 63)
}

// mayHave reports whether the list may have the id; false means that it has not.
func (s *people) mayHave(id string) bool {
	word, bit := idBit(id)
	return id != "" && s.seen[word]&bit != 0
}

// withBSUID returns the index of the person with that BSUID.
func (s *people) withBSUID(bsuid string) int {
	if s.next < len(s.list) && bsuid != "" && s.list[s.next].BSUID == bsuid {
		s.next++
		return s.next - 1
	}
	if !s.mayHave(bsuid) {
		return nobody
	}
	if s.byID != nil {
		if at, ok := s.byID[bsuid]; ok {
			return int(at)
		}
		return nobody
	}
	for range s.list {
		at := s.next % len(s.list)
		s.next = at + 1
		if s.list[at].BSUID == bsuid {
			return at
		}
	}
	return nobody
}

// withPhone returns the index of the only person with that number.
func (s *people) withPhone(phone string) int {
	if !s.mayHave(phone) {
		return nobody
	}
	if s.byID != nil {
		if at, ok := s.byID[phone]; ok {
			return int(at)
		}
		return nobody
	}
	found := nobody
	for range s.list {
		at := s.next % len(s.list)
		s.next = at + 1
		if s.list[at].Phone != phone {
			continue
		}
		if !s.shared {
			return at
		}
		if found != nobody {
			return nobody
		}
		found = at
	}
	return found
}

// complete fills the empty fields of c from the list. If the list gives the
// number of c to another BSUID, it means another person, and c stays as it is.
func (s *people) complete(c *Contact) {
	if s == nil || len(s.list) == 0 {
		return
	}
	at := s.withBSUID(c.BSUID)
	if at == nobody {
		at = s.withPhone(c.Phone)
	}
	if at == nobody {
		at = s.withVariant(c.Phone)
	}
	if at == nobody {
		return
	}
	if known := &s.list[at]; known.BSUID == "" || c.BSUID == "" || known.BSUID == c.BSUID {
		fillContact(c, known)
	}
}
