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

// Customer is a simulated person on WhatsApp. What they do reaches the channel's
// webhooks, and each act returns when everything that it caused is delivered,
// the answers of a bot included; inside a webhook handler it only queues. An
// act returns the id of its message, or "" if it was impossible.
type Customer struct {
	api    *API
	phone  string // empty if the number is hidden
	bsuid  string
	thread *thread

	// API.mu guards the rest.
	name        string
	username    string
	received    []*Received
	offline     bool
	unreachable string      // the text of the failed ack
	waiting     []*Received // to be delivered when they are back
}

// Received is a message as the customer sees it.
type Received struct {
	ID string
	At time.Time

	// Operation is what it was sent by, such as "sendMessage"; empty if it came
	// from the business's phone app. Body is the request's body.
	Operation string
	Body      json.RawMessage

	// Text is what the customer reads: the text, the caption, the emoji of a
	// reaction, the filled-in template.
	Text           string
	Header, Footer string

	// Buttons are those of a button message or a template; Label opens a list
	// and Rows are its rows.
	Buttons []Button
	Label   string
	Rows    []Row

	// File is the file, Location the place as "latitude;longitude".
	File     *ReceivedFile
	Location string

	// Template and Language name the template.
	Template, Language string

	// Quoted is the message that it replies or reacts to.
	Quoted string

	// Read is set once the customer has read it.
	Read bool
}

// Button is a button of a received message.
type Button struct {
	ID, Title string

	// URL is where a link button leads.
	URL string

	kind    string // what a tap sends: "button_reply" or "button"; empty for a link
	payload string // of a template's quick reply, if the send gave one
}

// Row is a row of a received list.
type Row struct{ ID, Title, Description, Section string }

// ReceivedFile is a received file. Data is nil when it was sent by address.
type ReceivedFile struct {
	Type     chatapi.ContentType
	Name     string
	URL, ID  string
	MIMEType string
	Data     []byte
}

// names are given to customers in the order of their appearance.
var names = strings.Fields("Ann Ben Cleo Dan Eve Finn Gwen Hugo Ida Jon Kim Leo Mia Ned Oda Pat Quin Ron Sue Tom Una Vic Wes Xia Yan Zoe")

// Customer returns the person with that phone number, the same one each time.
// The first one is called Ann, the second Ben and so on; see [Customer.Named]. A
// BSUID such as "US.1000000000000001" is a person who hides their number.
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

// customerByPhone finds or makes a person; mu is held.
func (a *API) customerByPhone(phone string) *Customer {
	if c := a.customers[phone]; c != nil {
		return c
	}
	return a.newCustomer(phone, phone, "US.1"+strings.Repeat("0", 15-len(phone))+phone, phone+"@c.us")
}

func (a *API) customerByBSUID(bsuid string) *Customer {
	for _, c := range a.customers {
		if c.bsuid == bsuid {
			return c
		}
	}
	return a.newCustomer(bsuid, "", bsuid, bsuid+"@lid")
}

func (a *API) newCustomer(key, phone, bsuid, chat string) *Customer {
	n := len(a.customers)
	c := &Customer{api: a, phone: phone, bsuid: bsuid, name: fmt.Sprintf("%s %d", names[n%len(names)], n/len(names)+1)}
	if n < len(names) {
		c.name = names[n]
	}
	c.thread = &thread{chat: chat, customer: c}
	a.customers[key] = c
	a.threads[chat] = c.thread
	return c
}

// Named sets the profile name and returns the customer.
func (c *Customer) Named(name string) *Customer {
	return c.set(func() { c.name = name })
}

// WithUsername gives the customer a username, by which they can then be
// addressed, and returns the customer.
func (c *Customer) WithUsername(username string) *Customer {
	return c.set(func() { c.username = strings.TrimPrefix(username, "@") })
}

func (c *Customer) set(change func()) *Customer {
	if c.known() {
		c.api.mu.Lock()
		defer c.api.mu.Unlock()
		change()
	}
	return c
}

// known is false for the customer that an impossible number gave.
func (c *Customer) known() bool { return c != nil && c.api != nil }

// Phone returns the number in digits; empty if it is hidden.
func (c *Customer) Phone() string {
	if c == nil {
		return ""
	}
	return c.phone
}

// BSUID returns the business-scoped user id.
func (c *Customer) BSUID() string {
	if c == nil {
		return ""
	}
	return c.bsuid
}

// Recipient returns how to write to the customer.
func (c *Customer) Recipient() chatapi.Recipient {
	return chatapi.Contact{Phone: c.Phone(), BSUID: c.BSUID()}.Recipient()
}

// Received returns what the customer has received, oldest first.
func (c *Customer) Received() []Received {
	if !c.known() {
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

// LastReceived returns the newest message that the customer has received; it is
// the zero Received if there is none.
func (c *Customer) LastReceived() Received {
	if all := c.Received(); len(all) > 0 {
		return all[len(all)-1]
	}
	return Received{}
}

// Says writes a text. It opens the service window.
func (c *Customer) Says(text string) string {
	return c.writes(incoming{typ: "chat", body: &text})
}

// Replies writes a text that quotes a message.
func (c *Customer) Replies(messageID, text string) string {
	return c.writes(incoming{typ: "chat", body: &text, quoted: messageID})
}

// Taps taps a reply button, or a quick reply of a template, by its id (payload)
// or title, on the newest message that has it.
//
// Where a normalized webhook carries the id or payload is not documented; the
// fake writes them to meta.interactive and meta.button, as Meta nests them.
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

// Picks picks a row of a list by its id or title, on the newest message that
// has it.
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
	// Type is image, video, audio, voice, document or sticker; empty is
	// guessed by MIMEType and Name, and a document if they do not tell.
	Type chatapi.ContentType

	Name, Caption string
	MIMEType      string

	// URL is where the file lies. If it is empty, the fake keeps Data on a
	// host of its own, from where Transport gets it.
	URL  string
	Data []byte
}

// Sends sends a file.
func (c *Customer) Sends(f File) string {
	if !c.known() {
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

// SharesLocation sends a place.
func (c *Customer) SharesLocation(latitude, longitude float64) string {
	place := strconv.FormatFloat(latitude, 'f', -1, 64) + ";" + strconv.FormatFloat(longitude, 'f', -1, 64)
	return c.writes(incoming{typ: "location", body: &place})
}

// SharesContact sends a contact card with that name and number.
func (c *Customer) SharesContact(name, number string) string {
	card := fmt.Sprintf("BEGIN:VCARD\nVERSION:3.0\nFN:%s\nTEL:%s\nEND:VCARD", name, number)
	return c.writes(incoming{typ: "vcard", body: &card})
}

// Reacts puts an emoji on a message, or takes it away if emoji is empty. An
// empty messageID is the newest message received.
func (c *Customer) Reacts(messageID, emoji string) string {
	target := cmp.Or(messageID, c.LastReceived().ID)
	if target == "" {
		return c.cannot("react: no message was received")
	}
	return c.writes(incoming{typ: "reaction", body: &emoji, quoted: target})
}

// ClicksAd comes from an ad or a post and writes a text. Empty fields of the
// referral are filled in: SourceType "ad", and ids.
//
// Where a normalized webhook carries the referral is not documented; the fake
// writes it to meta.referral, in Meta's words. That is an assumption.
func (c *Customer) ClicksAd(ad chatapi.Referral, text string) string {
	if !c.known() {
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

// OpensChat opens the chat for the first time, before writing anything.
func (c *Customer) OpensChat() string {
	return c.writes(incoming{typ: "request_welcome", meta: object{"request_welcome": true}})
}

// Reads reads everything received so far: a status read for each message.
func (c *Customer) Reads() {
	if !c.known() {
		return
	}
	c.api.act(func() (*message, []cause) {
		var causes []cause
		for _, r := range c.received {
			if m := c.api.messages[r.ID]; !r.Read && m != nil {
				r.Read, m.read = true, true
				causes = append(causes, c.api.statusHooks(m, chatapi.StatusRead, "")...)
			}
		}
		return nil, causes
	})
}

// GoesOffline switches the phone off: what is sent is accepted but not
// delivered until ComesOnline.
func (c *Customer) GoesOffline() { c.set(func() { c.offline = true }) }

// ComesOnline switches the phone on again, and what waited is delivered.
func (c *Customer) ComesOnline() {
	if !c.known() {
		return
	}
	c.api.act(func() (*message, []cause) {
		var causes []cause
		for _, r := range c.waiting {
			causes = append(causes, c.api.statusHooks(c.api.messages[r.ID], chatapi.StatusDelivered, "")...)
		}
		c.received = append(c.received, c.waiting...)
		c.offline, c.waiting = false, nil
		return nil, causes
	})
}

// CannotBeReached makes every message to the customer fail after it was
// accepted, with that text in the status; empty is "Message undeliverable.".
func (c *Customer) CannotBeReached(reason string) {
	c.set(func() { c.unreachable = cmp.Or(reason, "Message undeliverable.") })
}

// SeesRead reports whether the business has marked a message of the customer as
// read.
func (c *Customer) SeesRead(messageID string) bool {
	if !c.known() {
		return false
	}
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	m := c.api.messages[messageID]
	return m != nil && m.from == c && m.read
}

// incoming is what a customer writes.
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
	if !c.known() {
		return ""
	}
	a := c.api
	return a.act(func() (*message, []cause) {
		if a.family.blocked[c.phone] {
			return nil, nil // the business has blocked them: WhatsApp keeps it
		}
		m := &message{id: a.id("wamid.FAKE"), typ: in.typ, body: in.body, caption: in.caption, at: a.now(),
			author: c.thread.chat, sender: c.name, quoted: in.quoted, meta: in.meta, thread: c.thread, from: c,
			mediaID: in.mediaID, mime: in.mime}
		if in.group != nil {
			m.thread = in.group.thread
		}
		a.store(m)
		m.thread.lastIn = m.at
		return m, a.messageHooks(m)
	})
}

func (c *Customer) cannot(format string, args ...any) string {
	if c.known() {
		c.api.report("%s cannot "+format, append([]any{c.name}, args...)...)
	}
	return ""
}

// kindOfFile guesses what a file is sent as.
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
