package chatapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"mime"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

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

	// API.mu guards the rest.
	phone       string // in digits; empty if the fake does not know it
	hidden      bool   // webhooks do not name the number
	bsuid       string
	taken       bool // the business has taken the chat from the other agent
	name        string
	username    string
	received    []*Received
	offline     bool
	unreachable string      // the text of the failed ack; empty if reachable
	waiting     []*Received // to be delivered when the customer comes online
	waitingIn   []*message  // of groups, likewise
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

	kind    string // the answer to a tap: "button_reply" or "button"; empty for a link
	payload string // of a template's quick reply, if the send has one
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
	if c := a.people[phone]; c != nil {
		return c
	}
	return a.newCustomer(phone, a.bsuidOf(phone))
}

// bsuidOf returns the first BSUID of the person with that number.
func (a *API) bsuidOf(phone string) string {
	return countryOf(phone) + ".1" + strings.Repeat("0", 15-len(phone)) + phone
}

// customerByBSUID finds or creates a customer; the caller holds mu.
func (a *API) customerByBSUID(bsuid string) *Customer {
	if c := a.people[bsuid]; c != nil {
		return c
	}
	c := a.newCustomer("", bsuid)
	c.hidden = true
	return c
}

func (a *API) newCustomer(phone, bsuid string) *Customer {
	n := len(a.customers)
	c := &Customer{api: a, phone: phone, bsuid: bsuid, name: fmt.Sprintf("%s %d", firstNames[n%len(firstNames)], n/len(firstNames)+1)}
	if n < len(firstNames) {
		c.name = firstNames[n]
	}
	c.thread = &thread{customer: c}
	a.customers = append(a.customers, c)
	a.people[bsuid] = c
	if phone != "" {
		a.people[phone] = c
	}
	return c
}

// Named sets the profile name and returns the customer.
func (c *Customer) Named(name string) *Customer {
	return c.set(func() { c.name = name })
}

// WithUsername gives the customer a username, by which a send can address them, or
// changes it, and returns the customer. An empty text removes it. WhatsApp does not
// report a change: the next message and the next status have the new name.
func (c *Customer) WithUsername(username string) *Customer {
	return c.set(func() { c.username = strings.TrimPrefix(username, "@") })
}

func (c *Customer) set(change func()) *Customer {
	if c.valid() {
		c.api.mu.Lock()
		defer c.api.mu.Unlock()
		change()
	}
	return c
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

// Says sends a text. Like each message of a customer, it opens the service
// window.
func (c *Customer) Says(text string) string {
	return c.writes(incoming{typ: "chat", body: &text})
}

// Replies sends a text that quotes a message.
func (c *Customer) Replies(messageID, text string) string {
	return c.writes(incoming{typ: "chat", body: &text, quoted: messageID})
}

// Taps taps a reply button, or a quick reply of a template, on the newest message
// that has it. The button is named by its id or payload, or by its title.
//
// The service does not document the place of the id or payload in a normalized
// webhook. The fake assumes meta.interactive and meta.button, as Meta nests them.
func (c *Customer) Taps(button string) string {
	var found Button
	var on string
	for _, r := range slices.Backward(c.Received()) {
		for _, b := range r.Buttons {
			if on == "" && b.kind != "" && (b.ID == button || b.Title == button) {
				found, on = b, r.ID
			}
		}
	}
	switch {
	case on == "":
		return c.cannot("tap %q: no message has such a button", button)
	case found.kind == "button":
		tap := incoming{typ: "button", body: &found.Title, quoted: on}
		if found.payload != "" {
			tap.meta = object{"button": object{"payload": found.payload, "text": found.Title}}
		}
		return c.writes(tap)
	}
	return c.writes(incoming{typ: "interactive", body: &found.Title, quoted: on, meta: object{"interactive": object{
		"type": "button_reply", "button_reply": object{"id": found.ID, "title": found.Title}}}})
}

// Picks picks a row of a list on the newest message that has it. The row is named
// by its id or title.
func (c *Customer) Picks(rowID string) string {
	for _, r := range slices.Backward(c.Received()) {
		for _, row := range r.Rows {
			if r.Label == "" || row.ID != rowID && row.Title != rowID {
				continue
			}
			choice := object{"id": row.ID, "title": row.Title}
			if row.Description != "" {
				choice["description"] = row.Description
			}
			return c.writes(incoming{typ: "interactive", body: &row.Title, quoted: r.ID, meta: object{"interactive": object{
				"type": "list_reply", "list_reply": choice}}})
		}
	}
	return c.cannot("pick %q: no list has such a row", rowID)
}

// File is a file that a customer sends.
type File struct {
	// Type is image, video, audio, voice, document or sticker. If it is empty,
	// the fake guesses it from Name and MIMEType, and else takes a document.
	Type chatapi.ContentType

	Name, Caption string
	MIMEType      string

	// URL is the address of the file. If it is empty, the fake serves Data at an
	// address of its own, which Transport reaches.
	URL  string
	Data []byte
}

// Sends sends a file to the channel.
func (c *Customer) Sends(f File) string {
	if !c.valid() {
		return ""
	}
	f.Type = cmp.Or(f.Type, kindOfFile(f.MIMEType, f.Name))
	caption := cmp.Or(f.Caption, f.Name)
	if f.Type != chatapi.TypeDocument {
		caption = f.Caption
	}
	c.api.mu.Lock()
	kept := &media{id: c.api.number()}
	if f.URL == "" {
		kept = c.api.keepData(f.Data, cmp.Or(f.MIMEType, mime.TypeByExtension(path.Ext(f.Name)), "application/octet-stream"), f.Name)
		f.URL = kept.url
	}
	c.api.mu.Unlock()
	return c.writes(incoming{typ: string(f.Type), body: &f.URL, caption: optional(caption),
		mediaID: kept.id, mime: cmp.Or(kept.mime, f.MIMEType)})
}

// SharesLocation sends a place, in degrees.
func (c *Customer) SharesLocation(latitude, longitude float64) string {
	place := strconv.FormatFloat(latitude, 'f', -1, 64) + ";" + strconv.FormatFloat(longitude, 'f', -1, 64)
	return c.writes(incoming{typ: "location", body: &place})
}

// SharesContact sends a contact card with that name and number.
func (c *Customer) SharesContact(name, number string) string {
	card := fmt.Sprintf("BEGIN:VCARD\nVERSION:3.0\nFN:%s\nTEL:%s\nEND:VCARD", name, number)
	return c.writes(incoming{typ: "vcard", body: &card})
}

// Reacts puts an emoji on a message; an empty emoji removes the reaction. An empty
// messageID stands for the newest message received.
func (c *Customer) Reacts(messageID, emoji string) string {
	target := cmp.Or(messageID, c.LastReceived().ID)
	if target == "" {
		return c.cannot("react: no message was received")
	}
	return c.writes(incoming{typ: "reaction", body: &emoji, quoted: target})
}

// ClicksAd sends a text after a click on an ad or a post. The fake fills in an
// empty SourceType ("ad"), SourceID, SourceURL and, for an ad, ClickID.
//
// The service does not document the place of the referral in a normalized
// webhook. The fake assumes meta.referral, with Meta's member names.
func (c *Customer) ClicksAd(ad chatapi.Referral, text string) string {
	if !c.valid() {
		return ""
	}
	c.api.mu.Lock()
	ad.SourceType = cmp.Or(ad.SourceType, "ad")
	ad.SourceID = cmp.Or(ad.SourceID, c.api.number())
	ad.SourceURL = cmp.Or(ad.SourceURL, "https://fb.example/"+ad.SourceID)
	if ad.SourceType == "ad" {
		ad.ClickID = cmp.Or(ad.ClickID, c.api.id("clid"))
	}
	c.api.mu.Unlock()
	referral := object{"source_type": ad.SourceType, "source_id": ad.SourceID, "source_url": ad.SourceURL,
		"headline": ad.Headline, "body": ad.Body}
	if ad.ClickID != "" {
		referral["ctwa_clid"] = ad.ClickID
	}
	return c.writes(incoming{typ: "chat", body: &text, meta: object{"referral": referral}})
}

// OpensChat opens the chat for the first time and writes nothing: the channel gets
// a [chatapi.TypeRequestWelcome] event.
func (c *Customer) OpensChat() string {
	return c.writes(incoming{typ: "request_welcome", meta: object{"request_welcome": true}})
}

// Reads reads all messages received so far, also those in groups. Each message not
// read before gets the status read.
func (c *Customer) Reads() {
	if !c.valid() {
		return
	}
	c.api.act(func() (*message, []webhook) {
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
func (c *Customer) GoesOffline() { c.set(func() { c.offline = true }) }

// ComesOnline switches the phone on again: the messages sent in the meantime are
// delivered.
func (c *Customer) ComesOnline() {
	if !c.valid() {
		return
	}
	c.api.act(func() (*message, []webhook) {
		var webhooks []webhook
		for _, r := range c.waiting {
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
	c.set(func() { c.unreachable = cmp.Or(reason, "Message undeliverable.") })
}

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

// incoming is a message of a customer.
type incoming struct {
	typ     string
	body    *string
	caption *string
	quoted  string
	meta    object
	group   *group

	mediaID, mime string
}

func (c *Customer) writes(in incoming) string {
	if !c.valid() {
		return ""
	}
	a := c.api
	return a.act(func() (*message, []webhook) {
		if c.phone != "" && a.family.blocked[c.phone] {
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
		return m, a.messageHooks(m)
	})
}

// cannot reports an impossible act and returns the empty id.
func (c *Customer) cannot(format string, args ...any) string {
	if c.valid() {
		c.api.report("%s cannot "+format, append([]any{c.name}, args...)...)
	}
	return ""
}

// kindOfFile guesses the type of a file from its name and media type.
func kindOfFile(mimeType, name string) chatapi.ContentType {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return chatapi.TypeImage
	case ".mp4", ".3gp":
		return chatapi.TypeVideo
	case ".mp3", ".ogg", ".m4a", ".amr", ".aac":
		return chatapi.TypeAudio
	}
	switch kind, _, _ := strings.Cut(mimeType, "/"); kind {
	case "image", "video", "audio":
		return chatapi.ContentType(kind)
	}
	return chatapi.TypeDocument
}
