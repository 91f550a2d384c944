package chatapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
)

// Customer is a simulated person on WhatsApp. The methods by which a customer acts
// send webhooks to the channel. Such a method returns when all resulting webhooks
// are delivered, including those of a bot's answers; called inside a webhook
// handler, it only queues them. It returns the id of the customer's message. An
// impossible act fails the test and returns "".
type Customer struct {
	api    *API
	thread *thread
	place  int // among the customers of the channel, from 0

	// API.mu guards the rest.
	firstNumber string // the first phone, for transcripts
	phone       string // in digits; empty if the fake does not know it
	hidden      bool   // webhooks do not name the number
	bsuid       string
	taken       bool // the business has taken the chat from the other agent
	name        string
	username    string
	former      []string // the BSUIDs of before
	received    []*Received
	compared    int // how many of them Gets and scripts have compared
	offline     bool
	unreachable string      // the text of the failed ack; empty if reachable
	waiting     []*Received // to be delivered when the customer comes online
	waitingIn   []*message  // of groups, likewise
	gone        bool        // the fake has another state since
}

// Received is a message as a customer sees it.
type Received struct {
	ID string
	At time.Time

	// Operation is the operation that sent the message, such as "sendMessage",
	// and Body is the request's body. Both are empty if the message came from the
	// business's phone app.
	Operation string
	Body      json.RawMessage

	// Text is the text of the message: its body, the caption of a file, the emoji
	// of a reaction, or the body of a template with the values filled in.
	Text           string
	Header, Footer string

	// Buttons are the buttons of a button message or a template. Label is the
	// text of the button that opens a list, and Rows are the list's rows.
	Buttons []Button
	Label   string
	Rows    []Row

	// File is the file, nil if there is none. Location is a place as
	// "latitude;longitude".
	File     *ReceivedFile
	Location string

	// Template and Language are the name and language of the template.
	Template, Language string

	// Quoted is the id of the message that this one replies or reacts to.
	Quoted string

	// Read is set once the customer has read it.
	Read bool
}

// Button is a button of a received message.
type Button struct {
	ID, Title string

	// URL is the address of a link button.
	URL string

	kind    string // the answer to a tap: "button_reply" or "button"; "flow" opens a flow; empty for a link
	payload string // of a template's quick reply, if the send has one; of a flow, its token
}

// Row is a row of a received list. Product messages and carousels have a row for
// each product or card.
type Row struct{ ID, Title, Description, Section string }

// ReceivedFile is a file that the channel sent. Data is its content, nil if the
// file was sent by address.
type ReceivedFile struct {
	Type     chatapi.ContentType
	Name     string
	URL, ID  string
	MIMEType string
	Data     []byte
}

// firstNames are the profile names of customers, in the order in which a test
// creates them.
var firstNames = strings.Fields("Ann Ben Cleo Dan Eve Finn Gwen Hugo Ida Jon Kim Leo Mia Ned Oda Pat Quin Ron Sue Tom Una Vic Wes Xia Yan Zoe")

// Customer returns the customer with that phone number. The same number always
// returns the same customer. The first customer is called Ann, the second Ben and
// so on; [Customer.Named] changes the name. A BSUID such as "US.1000000000000001"
// returns a customer who hides their number. Any other text fails the test and
// returns a customer who does nothing.
//
// Both spellings of a number of Brazil, Mexico or Argentina return one customer, whose
// webhooks name the spelling that the test has used first, whichever a send names.
// The BSUID of a customer begins with the country of the number, such as "CO." for a
// number that begins with 57.
func (a *API) Customer(number string) *Customer {
	a.mu.Lock()
	bare := digits(number)
	switch {
	case bsuidPattern.MatchString(number):
		defer a.mu.Unlock()
		return a.customerByBSUID(number)
	case phonePattern.MatchString(bare):
		defer a.mu.Unlock()
		return a.customerByPhone(bare)
	}
	a.mu.Unlock()
	a.report("Customer: %q is neither a phone number nor a BSUID", number)
	return &Customer{thread: &thread{}}
}

// customerByPhone finds or creates a customer; the caller holds mu.
func (a *API) customerByPhone(phone string) *Customer {
	if c := a.who(chatapi.Phone(phone)); c != nil {
		return c
	}
	return a.newCustomer(phone, a.bsuidOf(phone))
}

// bsuidOf returns a BSUID for a new owner of a number. Each owner has another one.
func (a *API) bsuidOf(phone string) string {
	first := countryOf(phone) + ".1" + strings.Repeat("0", 15-len(phone)) + phone
	bsuid := first
	for n := 2; a.people[chatapi.BSUID(bsuid)] != nil; n++ {
		bsuid = fmt.Sprintf("%s%02d", first, n)
	}
	return bsuid
}

// customerByBSUID finds or creates a customer; the caller holds mu.
func (a *API) customerByBSUID(bsuid string) *Customer {
	if c := a.who(chatapi.BSUID(bsuid)); c != nil {
		return c
	}
	c := a.newCustomer("", bsuid)
	c.hidden = true
	return c
}

func (a *API) newCustomer(phone, bsuid string) *Customer {
	n := len(a.customers)
	c := &Customer{api: a, place: n, phone: phone, firstNumber: phone, bsuid: bsuid, name: fmt.Sprintf("%s %d", firstNames[n%len(firstNames)], n/len(firstNames)+1)}
	if n < len(firstNames) {
		c.name = firstNames[n]
	}
	c.thread = &thread{customer: c}
	a.customers = append(a.customers, c)
	a.link(c)
	a.changed(c.thread)
	return c
}

// Named sets the profile name and returns the customer.
func (c *Customer) Named(name string) *Customer {
	return c.set(func() { c.name = name })
}

// WithUsername gives the customer a username, by which a send can address them, or
// changes it, and returns the customer. An empty text removes it. WhatsApp does not
// report a change: the next message and the next status have the new name. The
// username of another customer fails the test.
func (c *Customer) WithUsername(username string) *Customer {
	c.told("", c.takeUsername(username))
	return c
}

func (c *Customer) takeUsername(username string) error {
	username = strings.TrimPrefix(username, "@")
	owner := ""
	if !c.valid() {
		return nil
	}
	c.set(func() {
		if other := c.api.who(byUsername(username)); other != nil && other != c {
			owner = other.name
			return
		}
		c.api.note(entry{who: c, act: "takes username", args: []string{username}})
		dropped := c.username != ""
		c.username = username
		c.api.renamed(c, dropped)
	})
	if owner != "" {
		return c.cannot("have the username %q: it belongs to %s", username, owner)
	}
	return nil
}

func (c *Customer) set(change func()) *Customer {
	if c.valid() {
		c.api.mu.Lock()
		defer c.api.mu.Unlock()
		if !c.gone {
			change()
			c.api.changed(c.thread)
		}
	}
	return c
}

// Name returns the profile name.
func (c *Customer) Name() string {
	if !c.valid() {
		return ""
	}
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	return c.name
}

// valid is false for nil and for the result of API.Customer with a wrong number.
func (c *Customer) valid() bool { return c != nil && c.api != nil }

// Phone returns the phone number in digits; empty if it is hidden.
func (c *Customer) Phone() string {
	if !c.valid() {
		return ""
	}
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	return c.shown()
}

// shown returns the number that webhooks name; the caller holds API.mu.
func (c *Customer) shown() string {
	if c.hidden {
		return ""
	}
	return c.phone
}

// chat returns the id of the chat with the customer; the caller holds API.mu.
func (c *Customer) chat() string {
	if phone := c.shown(); phone != "" {
		return phone + "@c.us"
	}
	return c.bsuid + "@lid"
}

// BSUID returns the business-scoped user id.
func (c *Customer) BSUID() string {
	if !c.valid() {
		return ""
	}
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	return c.bsuid
}

// Recipient returns the customer as the recipient of a send: by number, or by BSUID
// if the number is hidden.
func (c *Customer) Recipient() chatapi.Recipient {
	return chatapi.Contact{Phone: c.Phone(), BSUID: c.BSUID()}.Recipient()
}

// Received returns the messages that the customer has received, oldest first. The
// list is a copy.
func (c *Customer) Received() []Received {
	if !c.valid() {
		return nil
	}
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	all := make([]Received, len(c.received))
	for i, r := range c.received {
		all[i] = *r
	}
	return all
}

// LastReceived returns the newest message that the customer has received, or the
// zero Received.
func (c *Customer) LastReceived() Received {
	if all := c.Received(); len(all) > 0 {
		return all[len(all)-1]
	}
	return Received{}
}

// Reads reads all messages received so far, also those in groups. Each message not
// read before gets the status read.
func (c *Customer) Reads() {
	if !c.valid() {
		return
	}
	c.act(func() (*message, []webhook) {
		c.api.note(entry{who: c, act: "reads"})
		var webhooks []webhook
		for _, r := range c.received {
			if m := c.api.messages[r.ID]; !r.Read && m != nil {
				r.Read = true
				webhooks = append(webhooks, c.api.statusHooks(m, c, chatapi.StatusRead, "")...)
			}
		}
		for _, g := range c.api.family.groups {
			webhooks = append(webhooks, g.readBy(c)...)
		}
		return nil, webhooks
	})
}

// GoesOffline switches the phone off: messages to the customer are accepted but
// not delivered until ComesOnline.
func (c *Customer) GoesOffline() {
	c.does("goes offline", func() { c.offline = true })
}

// does makes a change that is an act.
func (c *Customer) does(act string, change func(), args ...string) {
	c.set(func() {
		c.api.note(entry{who: c, act: act, args: args})
		change()
	})
}

// ComesOnline switches the phone on again: the messages sent in the meantime are
// delivered.
func (c *Customer) ComesOnline() {
	if !c.valid() {
		return
	}
	c.act(func() (*message, []webhook) {
		c.api.note(entry{who: c, act: "comes online"})
		var webhooks []webhook
		for _, r := range c.waiting {
			c.api.note(entry{who: c, got: r})
			webhooks = append(webhooks, c.api.statusHooks(c.api.messages[r.ID], c, chatapi.StatusDelivered, "")...)
		}
		for _, m := range c.waitingIn {
			webhooks = append(webhooks, c.api.statusHooks(m, c, chatapi.StatusDelivered, "")...)
		}
		c.received = append(c.received, c.waiting...)
		c.offline, c.waiting, c.waitingIn = false, nil, nil
		return nil, webhooks
	})
}

// CannotBeReached makes every message to the customer fail after it was accepted.
// The failed status has reason as its text, or "Message undeliverable." if reason
// is empty.
func (c *Customer) CannotBeReached(reason string) {
	c.does("cannot be reached", func() { c.unreachable = cmp.Or(reason, "Message undeliverable.") }, reason)
}

// CanBeReached ends what CannotBeReached began. The messages that failed are lost.
func (c *Customer) CanBeReached() { c.does("can be reached", func() { c.unreachable = "" }) }

// SeesRead reports whether the business has marked this message of the customer
// as read.
func (c *Customer) SeesRead(messageID string) bool {
	if !c.valid() {
		return false
	}
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	m := c.api.messages[messageID]
	return m != nil && m.from == c && m.read
}

// act is API.act for a customer, who does nothing if the fake has another state since.
func (c *Customer) act(do func() (*message, []webhook)) string {
	return c.api.act(func() (*message, []webhook) {
		if c.gone {
			return nil, nil
		}
		return do()
	})
}

// incoming is a message of a customer.
type incoming struct {
	typ     string
	body    *string
	caption *string
	quoted  string
	meta    object
	group   *group

	mediaID, mime string

	// act and args are the act of the table, and its arguments as texts.
	act  string
	args []string
}

func (c *Customer) writes(in incoming) string {
	if !c.valid() {
		return ""
	}
	a := c.api
	return c.act(func() (*message, []webhook) {
		a.note(entry{who: c, group: in.group, act: in.act, args: in.args})
		if a.blocks(c) {
			return nil, nil // the business has blocked them: WhatsApp does not pass it on
		}
		m := &message{id: a.id("wamid.FAKE"), typ: in.typ, body: in.body, caption: in.caption, at: a.now(),
			author: c.chat(), sender: c.name, quoted: in.quoted, meta: in.meta, thread: c.thread, from: c,
			mediaID: in.mediaID, mime: in.mime}
		if in.group != nil {
			m.thread = in.group.thread
			in.group.add(c)
		}
		m.chat = m.thread.chat()
		a.store(m)
		m.thread.lastIn = m.at
		if in.typ == "order" {
			return m, a.rawMessageHooks(m)
		}
		return m, a.messageHooks(m)
	})
}

// cannot returns the error of an impossible act.
func (c *Customer) cannot(format string, args ...any) error {
	return fmt.Errorf("%s cannot "+format, append([]any{short(c.Name())}, args...)...)
}

// cannotHeld is cannot for a caller who holds API.mu.
func (c *Customer) cannotHeld(format string, args ...any) error {
	return fmt.Errorf("%s cannot "+format, append([]any{short(c.name)}, args...)...)
}

// told reports the error of an act, if there is one, and returns the id of its message.
func (c *Customer) told(id string, err error) string {
	if err != nil && c.valid() {
		c.api.report("%w", err)
	}
	return id
}

// short cuts a text that goes into a sentence for a person.
func short(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
