package chatapitest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file shows the customers of a fake as their phones do.

// Chat is the chat of a channel with a customer or a group, without its messages.
type Chat struct {
	// Key names the chat in this fake for good, even if its customer takes another
	// number: "c1", "c2" and so on for customers, and "g" with the id for a group. A
	// state that is loaded has other chats.
	Key string

	// ID is the id of the chat as webhooks name it now, such as "12025550143@c.us".
	ID string

	// Group is true for a group, whose Members are keys of customers.
	Group   bool
	Members []string

	// Name is the profile name of the customer, or the subject of the group. Phone is
	// empty if the customer hides it, and Username if there is none. The business sees
	// no more of a customer than these and the BSUID.
	Name, Phone, BSUID, Username string

	// Number is the customer's phone number even if it is hidden; empty if the fake knows
	// none.
	Number string

	// Offline is true while the phone is switched off. Unreachable is the reason why
	// messages fail; empty if they arrive. Blocked is true if the business has blocked the
	// customer, and Held if another agent holds the chat.
	Offline       bool
	Unreachable   string
	Blocked, Held bool

	// Call is the id of the newest call of the customer that goes on; empty if there is
	// none. Answered is true if the business has accepted it.
	Call     string
	Answered bool

	// Open is true while the service window is open, and WindowEnds is its end, or when it
	// has ended. It is zero if the customer never wrote.
	Open       bool
	WindowEnds time.Time

	// Messages counts the messages, without reactions.
	Messages int

	// Revision is the number of the last change of the chat or its messages, as
	// [API.Changes] counts: a reader who knows it need not read the chat again. Time
	// closes a window without a change.
	Revision uint64
}

// Chats returns the chats of the channel: first the customers and then the groups, each
// in the order in which they were made. It costs the same for long and short chats.
func (a *API) Chats() []Chat {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]Chat, 0, len(a.customers)+len(a.family.groups))
	for _, c := range a.customers {
		all = append(all, a.chatOf(c.thread))
	}
	for _, g := range a.family.groups {
		all = append(all, a.chatOf(g.thread))
	}
	return all
}

// chatOf returns the chat of a thread; the caller holds mu.
func (a *API) chatOf(t *thread) Chat {
	chat := Chat{ID: t.chat(), Messages: len(t.messages), Revision: t.revision, Open: a.open(t)}
	if !t.lastIn.IsZero() {
		chat.WindowEnds = t.lastIn.Add(window).Round(0)
	}
	if g := t.group; g != nil {
		chat.Key, chat.Group, chat.Name = "g"+g.id, true, g.subject
		for _, c := range g.members {
			chat.Members = append(chat.Members, c.key())
		}
		return chat
	}
	c := t.customer
	chat.Key, chat.Name, chat.Phone, chat.BSUID, chat.Username, chat.Number = c.key(), c.name, c.shown(), c.bsuid, c.username, c.phone
	chat.Offline, chat.Unreachable, chat.Blocked, chat.Held = c.offline, c.unreachable, a.blocks(c), a.standsBy(c)
	if chat.Call = c.newestCall(); chat.Call != "" {
		chat.Answered = !a.family.calls[chat.Call].accepted.IsZero()
	}
	return chat
}

// key names the chat with a customer for good.
func (c *Customer) key() string { return fmt.Sprintf("c%d", c.place+1) }

// threadNamed returns the chat with a key, an id, or the number or BSUID of a customer;
// nil if there is none. The caller holds mu.
func (a *API) threadNamed(chat string) *thread {
	if t := a.groups[chat]; t != nil {
		return t
	}
	if id, ok := strings.CutPrefix(chat, "g"); ok {
		if t := a.groups[id+"@g.us"]; t != nil {
			return t
		}
	}
	var n int
	if _, err := fmt.Sscanf(chat, "c%d", &n); err == nil && n >= 1 && n <= len(a.customers) && chat == a.customers[n-1].key() {
		return a.customers[n-1].thread
	}
	name, _, _ := strings.Cut(chat, "@")
	for _, r := range []chatapi.Recipient{chatapi.BSUID(name), chatapi.Phone(digits(name))} {
		if c := a.who(r); name != "" && c != nil {
			return c.thread
		}
	}
	return nil
}

// ChatMessage is a message as a phone shows it. In its Received, a message of a customer
// has its text, file and so on, too, and Read is true if the business has marked it as
// read.
type ChatMessage struct {
	Received

	// Number is the place in the chat, from 1.
	Number int

	// From says who wrote it: [ActorChannel] for the API, a customer, the business in its
	// phone app, or another agent. Author is the key of the chat with the customer, and
	// AuthorName the profile name when it was written.
	From               Actor
	Author, AuthorName string

	// Type is the type as GET /messages names it, such as "chat" or "image".
	Type string

	// Edited is true if Text was changed, and Deleted if the customer has deleted the
	// message; then Text is that of before.
	Edited, Deleted bool

	Reactions []ChatReaction

	// Status is the last status of a message to a customer: empty if it was only accepted,
	// and "failed" with the reason in Failure if it did not arrive. A customer who is
	// offline has got it when Status is "delivered".
	Status  chatapi.Status
	Failure string

	// Contact is a contact card. Order is a cart in words. Answers are those of a
	// flow, as a JSON object. Ad is the headline of the ad from which the customer came.
	Contact *ChatContact
	Order   string
	Answers string
	Ad      string
}

// ChatReaction is an emoji on a message. Author is the key of the chat with the customer;
// empty if the business reacts.
type ChatReaction struct{ Emoji, Author string }

// ChatContact is a contact card.
type ChatContact struct{ Name, Number string }

// reaction is the reaction of a customer, or of the business if by is nil.
type reaction struct {
	by    *Customer
	emoji string
}

// show puts a message into its chat, or a reaction on its message. The caller holds mu.
func (a *API) show(m *message) {
	a.changed(m.thread)
	target := a.messages[m.quoted]
	if m.typ != "reaction" || target == nil {
		m.thread.messages = append(m.thread.messages, m)
		m.place = len(m.thread.messages)
		return
	}
	a.changed(target.thread)
	target.reactions = slices.DeleteFunc(target.reactions, func(r reaction) bool { return r.by == m.from })
	if m.body != nil && *m.body != "" {
		target.reactions = append(target.reactions, reaction{m.from, *m.body})
	}
}

// showReceived connects messages with what customers have received of them.
func (a *API) showReceived(list []*Received) {
	for _, r := range list {
		if m := a.messages[r.ID]; m != nil {
			m.got = r
		}
	}
}

// ChatMessages returns the last messages of a chat, oldest first: at most that number of
// them, and all if it is negative. The chat is named by its key, its id, or the number or
// BSUID of the customer; a chat that the channel does not have has none. The cost is that
// of the messages that are returned, however long the chat is.
func (a *API) ChatMessages(chat string, last int) []ChatMessage {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.threadNamed(chat)
	if t == nil {
		return nil
	}
	if last < 0 {
		last = len(t.messages)
	}
	return a.chatMessages(t, len(t.messages)-last, last)
}

// ChatMessagesFrom returns messages of a chat from a place on, which counts from 1, oldest
// first and at most that number of them. See [API.ChatMessages].
func (a *API) ChatMessagesFrom(chat string, number, most int) []ChatMessage {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.threadNamed(chat)
	if t == nil {
		return nil
	}
	return a.chatMessages(t, number-1, most)
}

// Message returns the message with that id, and false if there is none. Reactions, edits
// and deletions are no messages here.
func (a *API) Message(id string) (ChatMessage, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.messages[id]
	if m == nil || m.place == 0 {
		return ChatMessage{}, false
	}
	return a.chatMessage(m), true
}

// chatMessages returns messages of a chat from a place on, which counts from 0.
func (a *API) chatMessages(t *thread, from, most int) []ChatMessage {
	from = min(max(from, 0), len(t.messages))
	list := t.messages[from:min(from+max(most, 0), len(t.messages))]
	if len(list) == 0 {
		return nil
	}
	all := make([]ChatMessage, len(list))
	for i, m := range list {
		all[i] = a.chatMessage(m)
	}
	return all
}

func (a *API) chatMessage(m *message) ChatMessage {
	got := ChatMessage{Number: m.place, From: m.writer(), Type: m.typ, Edited: m.edited != nil, Deleted: m.deleted, Status: m.status, Failure: m.failure}
	switch {
	case m.got != nil:
		got.Received = *m.got
	default:
		m.content(&got)
	}
	got.ID, got.At, got.Quoted = m.id, m.at.Round(0), m.quoted
	if m.from != nil {
		got.Author, got.AuthorName, got.Read = m.from.key(), m.sender, m.read
	}
	for _, r := range m.reactions {
		shown := ChatReaction{Emoji: r.emoji}
		if r.by != nil {
			shown.Author = r.by.key()
		}
		got.Reactions = append(got.Reactions, shown)
	}
	if kept := a.media[m.mediaID]; got.File != nil && kept != nil && m.mediaID != "" {
		got.File.Data, got.File.Name, got.File.MIMEType = kept.data, kept.name, cmp.Or(kept.mime, got.File.MIMEType)
	}
	return got
}

// writer returns who wrote the message.
func (m *message) writer() Actor {
	switch {
	case m.from != nil:
		return ActorCustomer
	case m.agent:
		return ActorAgent
	case m.self:
		return ActorChannel
	}
	return ActorPhone
}

// content reads the content of a message that nobody received as a Received.
func (m *message) content(got *ChatMessage) {
	body := given(m.body)
	got.Text = cmp.Or(given(m.edited), body)
	switch m.typ {
	case "image", "video", "audio", "voice", "document", "sticker":
		got.Text = given(m.caption)
		got.File = &ReceivedFile{Type: chatapi.ContentType(m.typ), URL: body, ID: m.mediaID, MIMEType: m.mime}
	case "location":
		got.Location = body
	case "vcard":
		got.Contact = &ChatContact{Name: lineOf(body, "FN:"), Number: lineOf(body, "TEL:")}
		got.Text = cmp.Or(got.Contact.Name, body)
	case "order":
		got.Order = orderInWords(m.meta.object("order"))
	case "request_welcome":
		got.Text = ""
	}
	got.Ad = m.meta.object("referral").text("headline")
	if m.meta.object("referral") != nil {
		got.Ad = cmp.Or(got.Ad, m.meta.object("referral").text("source_url"))
	}
	got.Answers = m.meta.object("interactive").object("nfm_reply").text("response_json")
}

// given returns an optional text; empty if there is none.
func given(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// lineOf returns the rest of the line of a contact card that begins so.
func lineOf(card, begins string) string {
	for line := range strings.SplitSeq(card, "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), begins); ok {
			return rest
		}
	}
	return ""
}

// orderInWords writes a cart, such as "2 × KETTLE-01 at 1.00 USD".
func orderInWords(order object) (words string) {
	for _, v := range order.list("product_items") {
		item := asObject(v)
		words = joined(words, fmt.Sprintf("%v × %s at %v %s", item["quantity"], item.text("product_retailer_id"), item["item_price"], item.text("currency")))
	}
	return words
}
