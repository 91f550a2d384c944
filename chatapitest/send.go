package chatapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file carries out sends: it finds the recipient, checks the service window,
// and turns the request into a message that the customer sees.

// thread is the chat with one person or group.
type thread struct {
	customer *Customer // nil for a group
	group    *group    // nil for a person

	// lastIn is the time of the last message that the business did not write. It
	// opens the window.
	lastIn time.Time

	messages []*message // in the order in which phones show them, without reactions
	revision uint64     // the number of the last change
}

// chat returns the present id of the chat.
func (t *thread) chat() string {
	if t.group != nil {
		return t.group.id + "@g.us"
	}
	return t.customer.chat()
}

// address is a recipient that the fake has found.
type address struct {
	*thread
	chat  string // the id of the chat that answer and webhooks name
	phone string // the number by which the request names a person; empty if by another name
}

// window is the time after a customer's message in which free-form messages may be
// sent.
const window = 24 * time.Hour

// open reports whether the service window is open.
func (a *API) open(t *thread) bool {
	return !t.lastIn.IsZero() && a.now().Before(t.lastIn.Add(window))
}

// outgoing is the content of one send.
type outgoing struct {
	typ      string // the type of its row in the history
	body     string
	caption  string
	category string // of its acks
	received Received
	template bool // may be sent when the window is closed
	mmLite   bool
}

// recipients are the members that name the recipient of a message.
var recipients = map[string]check{
	"phone":    either(matches(phonePattern, "must be 6 to 15 digits, or a BSUID"), matches(bsuidPattern, "must be 6 to 15 digits, or a BSUID")),
	"chatId":   text(3, 0),
	"bsuid":    matches(bsuidPattern, "must be a BSUID such as US.1000000000000001"),
	"username": matches(usernamePattern, "must be 1 to 128 letters, digits, dots, dashes or underscores"),
}

// matches accepts a text or number that matches the pattern.
func matches(pattern interface{ MatchString(string) bool }, problem string) check {
	return func(v any) string {
		s, ok := v.(string)
		if n, isNumber := v.(json.Number); isNumber {
			s, ok = n.String(), true
		}
		if !ok || !pattern.MatchString(s) {
			return problem
		}
		return ""
	}
}

// recipientOf reads the recipient of a body, for the list of calls.
func recipientOf(body object) chatapi.Recipient {
	switch {
	case body.has("chatId"):
		return chatapi.Chat(body.text("chatId"))
	case body.has("bsuid"):
		return chatapi.BSUID(body.text("bsuid"))
	case body.has("username"):
		return chatapi.Username(body.text("username"))
	case bsuidPattern.MatchString(body.text("phone")):
		return chatapi.BSUIDAsPhone(body.text("phone"))
	case body.has("phone"):
		return chatapi.Phone(body.text("phone"))
	case body.has("to"):
		return chatapi.Phone(body.text("to"))
	}
	return chatapi.Recipient{}
}

// find returns the chat that a body names; the caller holds mu.
func (a *API) find(body object) (address, *answer) {
	var named []string
	for _, name := range []string{"phone", "chatId", "bsuid", "username"} {
		if body.has(name) {
			named = append(named, name)
		}
	}
	fail := func(got answer) (address, *answer) { return address{}, &got }
	switch len(named) {
	case 0:
		return fail(refuse("phone or chatId is required"))
	case 1:
	default:
		return fail(refuse("give one recipient, not %s", strings.Join(named, " and ")))
	}
	value := body.text(named[0])
	name, suffix, _ := strings.Cut(value, "@")
	byPhone := func(phone string) (address, *answer) {
		c := a.customerByPhone(phone) // c.phone may be another spelling
		return address{c.thread, c.phone + "@c.us", c.phone}, nil
	}
	person := func(c *Customer) (address, *answer) { return address{c.thread, c.chat(), ""}, nil }
	switch {
	case named[0] == "phone" && bsuidPattern.MatchString(value):
		return person(a.customerByBSUID(value))
	case named[0] == "phone", a.quirks.has(LooseBodies) && phonePattern.MatchString(value):
		return byPhone(value)
	case named[0] == "bsuid" && a.quirks.has(NoBSUID):
		return fail(refuse("BSUID routing is disabled"))
	case named[0] == "bsuid":
		return person(a.customerByBSUID(value))
	case named[0] == "username" && a.quirks.has(NoUsername):
		return fail(refuse("username routing is disabled"))
	case named[0] == "username", suffix == "username":
		if c := a.who(byUsername(strings.TrimSuffix(value, "@username"))); c != nil {
			return person(c)
		}
		return fail(refuse("Username is not found"))
	case suffix == "c.us" && phonePattern.MatchString(name):
		return byPhone(name)
	case suffix == "g.us" && a.groups[value] != nil:
		return address{a.groups[value], value, ""}, nil
	case suffix == "g.us":
		return fail(a.notSent("Group unknown", 131041, "The group was deleted or the channel is not its member."))
	case suffix == "lid":
		// Observed: the service keeps only the digits of such an id and fails.
		return fail(a.notSent("Message undeliverable", 131026, "Message undeliverable."))
	}
	return fail(refuse("Wrong chatId %q", value))
}

// notSent returns the refusal of a send: 200 with sent: false, or 400 with the
// quirk Refuse400. With a code other than 0 it also has a Graph error.
func (a *API) notSent(message string, code int, details string) answer {
	body := object{"message": message}
	if code != 0 {
		body["message"] = fmt.Sprintf("(#%d) %s", code, message)
		body["error"] = object{"code": code, "message": fmt.Sprintf("(#%d) %s", code, message), "type": "OAuthException",
			"error_data": object{"messaging_product": "whatsapp", "details": details}}
	}
	if a.quirks.has(Refuse400) {
		return reply(http.StatusBadRequest, body)
	}
	body["sent"] = a.sent(false)
	return reply(http.StatusOK, body)
}

func (a *API) sent(yes bool) any {
	if a.quirks.has(TextSent) {
		return fmt.Sprint(yes)
	}
	return yes
}

// sender returns a send operation from the function that reads its content.
func sender(read func(*API, *request) (outgoing, *answer)) func(*API, *request) answer {
	return func(a *API, r *request) answer {
		to, refused := a.find(r.body)
		if refused != nil {
			return *refused
		}
		r.to = to
		content, refused := read(a, r)
		if refused != nil {
			return *refused
		}
		if !content.template && !a.open(to.thread) {
			return a.notSent("Dialog window is closed", 0, "")
		}
		m := a.accept(r, to, content)
		body := object{"sent": a.sent(true), "message": "Sent to " + to.chat, "description": "Message has been sent to the provider"}
		if !a.quirks.has(NoID) {
			body["id"] = m.id
		}
		return reply(http.StatusOK, body)
	}
}

// accept puts a message into the history, passes it to the customer or group, and
// collects its webhooks.
func (a *API) accept(r *request, to address, content outgoing) *message {
	m := &message{
		id: a.id("wamid.FAKE"), typ: content.typ, body: &content.body, fromMe: true, self: true, at: a.now(), chat: to.chat, toPhone: to.phone,
		author: a.phone + "@c.us", sender: a.phone + "@c.us", thread: to.thread, quoted: r.body.text("quotedMsgId"),
		category: cmp.Or(content.category, "service"), mmLite: content.mmLite,
	}
	if content.caption != "" {
		m.caption = &content.caption
	}
	a.store(m)
	got := content.received
	m.got = &got
	got.ID, got.At, got.Operation, got.Body = m.id, m.at, r.op.path, slices.Clone(r.raw)
	got.Quoted = m.quoted
	if !a.quirks.has(NoEchoes) {
		r.webhooks = append(r.webhooks, a.messageHooks(m)...)
	}
	if to.group != nil {
		r.webhooks = append(r.webhooks, a.deliverToGroup(m, &got, r.failure)...)
		return m
	}
	c := to.customer
	m.phone, m.bsuid = m.reaches(c)
	c.taken = c.taken || !content.template // who answers holds the chat from now on
	statuses := func(all ...chatapi.Status) {
		for _, status := range all {
			r.webhooks = append(r.webhooks, a.statusHooks(m, c, status, r.failure)...)
		}
	}
	switch {
	case cmp.Or(r.failure, c.unreachable) != "":
		r.failure = cmp.Or(r.failure, c.unreachable)
		a.note(entry{remark: fmt.Sprintf("not delivered to %s (%s): %s", short(c.name), r.failure, short(got.line()))})
		statuses(chatapi.StatusFailed)
		return m
	case c.offline:
		c.waiting = append(c.waiting, &got)
		a.note(entry{remark: fmt.Sprintf("waits for %s, who is offline: %s", short(c.name), short(got.line()))})
		statuses(chatapi.StatusSent)
		return m
	case a.quirks.has(StatusesReversed):
		statuses(chatapi.StatusDelivered, chatapi.StatusSent)
	default:
		statuses(chatapi.StatusSent, chatapi.StatusDelivered)
	}
	c.received = append(c.received, &got)
	a.note(entry{who: c, got: &got})
	return m
}

// plain returns a function that reads a send whose text is its member body.
func plain(typ string) func(*API, *request) (outgoing, *answer) {
	return func(_ *API, r *request) (outgoing, *answer) {
		body := r.body.text("body")
		return outgoing{typ: typ, body: body, received: Received{Text: body, Header: headerText(r.body), Footer: r.body.text("footer")}}, nil
	}
}

func headerText(body object) string {
	if s := body.text("header"); s != "" {
		return s
	}
	return cmp.Or(body.object("header").text("text"), body.text("title"))
}

func readButtons(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	given := r.body.list("sections")
	if len(given) == 0 {
		given = r.body.list("buttons") // the vendor's command line sends both, with the same buttons
	}
	for _, v := range given {
		button := asObject(v)
		if reply := button.object("reply"); reply != nil {
			button = reply
		}
		s.received.Buttons = append(s.received.Buttons, Button{ID: button.text("id"), Title: button.text("title"), kind: "button_reply"})
	}
	for i, b := range s.received.Buttons {
		for _, other := range s.received.Buttons[:i] {
			if b.ID == other.ID || b.Title == other.Title {
				bad := a.notSent("Parameter value is not valid", 131009, "Button ids and titles must be unique.")
				return s, &bad
			}
		}
	}
	return s, nil
}

func readList(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	s.received.Label = cmp.Or(r.body.text("buttonText"), r.body.text("action"))
	sections := r.body.list("sections")
	seen := map[string]bool{}
	for _, v := range sections {
		section := asObject(v)
		if len(sections) > 1 && section.text("title") == "" {
			bad := a.notSent("Parameter value is not valid", 131009, "Sections need a title when there is more than one.")
			return s, &bad
		}
		for _, v := range section.list("rows") {
			row := asObject(v)
			if seen[row.text("id")] {
				bad := a.notSent("Parameter value is not valid", 131009, "Row ids must be unique.")
				return s, &bad
			}
			seen[row.text("id")] = true
			s.received.Rows = append(s.received.Rows, Row{ID: row.text("id"), Title: row.text("title"),
				Description: row.text("description"), Section: section.text("title")})
		}
	}
	if len(s.received.Rows) > 10 {
		bad := a.notSent("Parameter value is not valid", 131009, "A list has at most 10 rows in all.")
		return s, &bad
	}
	return s, nil
}

func readCTA(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	s.received.Buttons = []Button{{Title: r.body.text("displayText"), URL: r.body.text("url")}}
	return s, nil
}

func readReaction(_ *API, r *request) (outgoing, *answer) {
	return outgoing{typ: "reaction", body: r.body.text("body"), received: Received{Text: r.body.text("body")}}, nil
}

func readLocation(_ *API, r *request) (outgoing, *answer) {
	place := r.body.text("lat") + ";" + r.body.text("lng")
	return outgoing{typ: "location", body: place, received: Received{
		Text: cmp.Or(r.body.text("name"), place), Location: place, Footer: r.body.text("address")}}, nil
}

func readContact(_ *API, r *request) (outgoing, *answer) {
	var names []string
	cards := r.body.list("contacts")
	if simple := r.body.object("contact"); simple != nil {
		cards = append(slices.Clone(cards), simple)
	}
	for _, v := range cards {
		card := asObject(v)
		names = append(names, cmp.Or(card.text("name"), card.object("name").text("formatted_name")))
	}
	text := strings.Join(names, ", ")
	return outgoing{typ: "vcard", body: text, received: Received{Text: text}}, nil
}

func readFile(a *API, r *request) (outgoing, *answer) {
	b := r.body
	var bad answer
	file := &ReceivedFile{Name: b.text("filename"), Type: chatapi.ContentType(b.text("mediaType"))}
	switch id := b.text("mediaId"); {
	case id != "" && b.has("body"):
		bad = refuse("give body or mediaId, not both")
		return outgoing{}, &bad
	case id != "" && !b.has("mediaType"):
		bad = refuse("mediaType is required with mediaId")
		return outgoing{}, &bad
	case id != "":
		stored := a.media[id]
		if stored == nil {
			bad = a.notSent("Parameter value is not valid", 131009, "The media id does not exist.")
			return outgoing{}, &bad
		}
		file.ID, file.URL, file.MIMEType, file.Data = id, stored.url, stored.mime, stored.data
	case !b.has("filename"):
		bad = refuse("filename is required with body")
		return outgoing{}, &bad
	default:
		stored, refused := a.keepMedia(b.text("body"), file.Name)
		if refused != nil {
			return outgoing{}, refused
		}
		file.URL, file.MIMEType, file.Data = stored.url, stored.mime, stored.data
	}
	if file.Type == "" {
		file.Type = kindOfFile(file.MIMEType, cmp.Or(file.Name, path.Base(file.URL)))
	}
	if b.flag("voice") {
		if file.Type != chatapi.TypeAudio {
			bad = refuse("voice needs an audio file")
			return outgoing{}, &bad
		}
		file.Type = chatapi.TypeVoice
	}
	caption := b.text("caption")
	return outgoing{typ: string(file.Type), body: file.URL, caption: caption, received: Received{Text: caption, File: file}}, nil
}

func readSticker(a *API, r *request) (outgoing, *answer) {
	if r.body.has("link") == r.body.has("mediaId") {
		bad := refuse("give link or mediaId, not both")
		return outgoing{}, &bad
	}
	file := &ReceivedFile{Type: chatapi.TypeSticker, ID: r.body.text("mediaId"), URL: r.body.text("link"), MIMEType: "image/webp"}
	if file.ID != "" {
		stored := a.media[file.ID]
		if stored == nil {
			bad := a.notSent("Parameter value is not valid", 131009, "The media id does not exist.")
			return outgoing{}, &bad
		}
		file.URL, file.Data = stored.url, stored.data
	}
	return outgoing{typ: "sticker", body: file.URL, received: Received{File: file}}, nil
}
