package chatapitest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/chatapi-go/chatapi"
)

// message is a row of the history, in either direction.
type message struct {
	number       int64
	id, typ      string
	body         *string
	caption      *string
	fromMe, self bool
	at           time.Time
	author       string
	sender       string
	quoted       string
	meta         object
	thread       *thread
	chat         string    // the id of the chat at that time
	toPhone      string    // the number by which the send named the customer; empty if by another name
	phone, bsuid string    // of the customer at that time; empty in a group
	from         *Customer // nil for the channel's own messages

	mediaID, mime string // of a customer's file

	edited  *string // the text after an edit of the customer
	deleted bool    // by the customer

	place     int        // in the chat, from 1; 0 for what is no message there, such as a reaction
	got       *Received  // of a message that customers get
	agent     bool       // another agent wrote it
	failure   string     // the reason of the status failed
	reactions []reaction // that it has now

	category string
	mmLite   bool
	status   chatapi.Status     // the last status of a message of the channel
	readBy   map[*Customer]bool // the members of a group that have read it
	read     bool               // by the business
}

// reaches returns the names by which a status of the message calls a customer: those
// of now, but those of the sending if the number has changed since (an assumption).
func (m *message) reaches(c *Customer) (phone, bsuid string) {
	if m.bsuid != "" && m.bsuid != c.bsuid {
		return m.phone, m.bsuid
	}
	return cmp.Or(c.shown(), m.toPhone), c.bsuid
}

// wireType returns the type that webhooks and history name.
func (a *API) wireType(m *message) string {
	switch {
	case m.typ != "voice", a.quirks.has(VoiceType):
		return m.typ
	case a.quirks.has(AudioType):
		return "audio"
	}
	return "ptt"
}

// store numbers a message and puts it into the history; the caller holds mu.
func (a *API) store(m *message) {
	m.number = int64(len(a.history) + 1)
	a.history = append(a.history, m)
	a.messages[m.id] = m
	a.show(m)
}

func (m *message) chatName() string {
	switch {
	case m.thread.group != nil:
		return m.thread.group.subject
	case m.thread.customer.name != "":
		return m.thread.customer.name
	}
	return m.chat
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// row is a message as GET /messages returns it.
type row struct {
	Number    int64   `json:"messageNumber"`
	ID        string  `json:"id"`
	Body      *string `json:"body"`
	FromMe    any     `json:"fromMe"`
	Self      any     `json:"self"`
	Forwarded any     `json:"isForwarded"`
	Author    string  `json:"author"`
	Time      int64   `json:"time"`
	Chat      string  `json:"chatId"`
	Type      string  `json:"type"`
	Sender    string  `json:"senderName"`
	ChatName  string  `json:"chatName"`
	Caption   *string `json:"caption"`
	Quoted    *string `json:"quotedMsgId"`
	Meta      object  `json:"meta"`
}

func (a *API) row(m *message) row {
	name := m.chatName()
	if c := m.thread.customer; c != nil && c.shown() != "" {
		name = c.shown()
	}
	r := row{Number: m.number, ID: m.id, Body: m.body, FromMe: bit(m.fromMe), Self: bit(m.self), Forwarded: 0, Author: m.author,
		Time: m.at.Unix(), Chat: m.chat, Type: a.wireType(m), Sender: m.sender, ChatName: name, Caption: m.caption,
		Quoted: optional(m.quoted), Meta: m.meta}
	if a.quirks.has(BoolHistory) {
		r.FromMe, r.Forwarded = m.fromMe, false
	}
	return r
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func listMessages(a *API, r *request) answer {
	if a.quirks.has(NoHistory) {
		return reply(http.StatusOK, object{"messages": []any{}, "notice": "Message history is not stored for this channel"})
	}
	q := r.query
	for _, name := range []string{"limit", "lastMessageNumber", "firstMessageNumber", "min_time", "max_time"} {
		if text := q.Get(name); text != "" {
			if _, err := strconv.ParseInt(text, 10, 64); err != nil {
				return refuse("%s must be a number", name)
			}
		}
	}
	limit := queryInt(q, "limit", 100)
	newest := false
	switch last := q.Get("last"); last {
	case "", "false", "0":
	case "true":
		newest = true
	default: // old clients pass a count
		n, err := strconv.Atoi(last)
		if err != nil || n < 0 {
			return refuse("last must be true or false")
		}
		newest, limit = true, n
	}
	after, before := queryInt(q, "lastMessageNumber", 0), queryInt(q, "firstMessageNumber", 0)
	from, to := queryInt(q, "min_time", 0), queryInt(q, "max_time", 0)
	stored := a.history // numbers are positions, counted from 1
	switch {
	case newest:
	case before > 0:
		stored = stored[:min(before-1, len(stored))]
	default:
		stored = stored[min(max(after, 0), len(stored)):]
	}
	rows := []row{}
	shown := a.now().Add(-a.lag)
	for i := range stored {
		m := stored[i]
		if newest || before > 0 {
			m = stored[len(stored)-1-i]
		}
		switch seconds := int(m.at.Unix()); {
		case a.lag > 0 && m.at.After(shown),
			q.Get("chatId") != "" && m.chat != q.Get("chatId"),
			q.Get("msgId") != "" && m.id != q.Get("msgId"),
			from > 0 && seconds < from, to > 0 && seconds > to:
			continue
		}
		if limit > 0 && len(rows) == limit {
			break
		}
		rows = append(rows, a.row(m))
	}
	return reply(http.StatusOK, object{"messages": rows})
}

// queryInt returns a number of the query, or otherwise if it has no such number.
func queryInt(q url.Values, name string, otherwise int) int {
	n, err := strconv.Atoi(q.Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

func readMessage(a *API, r *request) answer {
	id := cmp.Or(r.body.text("messageId"), r.body.text("msgId"))
	m := a.messages[id]
	if m == nil || m.fromMe {
		return upstream(131009, "Parameter value is not valid", fmt.Sprintf("there is no message %q from a customer", id))
	}
	m.read = true
	a.changed(m.thread)
	return reply(http.StatusOK, object{"result": "success"})
}

// webhookRow is a message as a normalized webhook carries it.
type webhookRow struct {
	ID         string  `json:"id"`
	Type       string  `json:"type"`
	Body       *string `json:"body"`
	Self       any     `json:"self"`
	FromMe     any     `json:"fromMe"`
	Time       any     `json:"time"`
	Author     string  `json:"author"`
	BSUID      *string `json:"authorBsuid"`
	Username   *string `json:"authorUserName"`
	Chat       string  `json:"chatId"`
	ChatName   string  `json:"chatName"`
	SenderName string  `json:"senderName"`
	Caption    *string `json:"caption"`
	Forwarded  any     `json:"isForwarded"`
	Quoted     *string `json:"quotedMsgId"`
	Meta       object  `json:"meta,omitempty"`
}

// ack is a status as a normalized webhook carries it: without a time.
type ack struct {
	ID       string  `json:"id"`
	Chat     string  `json:"chatId"`
	Phone    *string `json:"phone"`
	BSUID    *string `json:"bsuid"`
	Username *string `json:"userName"`
	Status   string  `json:"status"`
	Category string  `json:"category"`
	MMLite   bool    `json:"mmLite,omitempty"`
	Error    *string `json:"error,omitempty"` // of the status failed; observed as a text, without a code
}

// bareFailure is the status failed as some receivers saw it (quirk BareFailures).
type bareFailure struct {
	ID     string  `json:"id"`
	Chat   string  `json:"chatId"`
	Phone  *string `json:"phone"`
	BSUID  *string `json:"bsuid"`
	Status string  `json:"status"`
	Error  *string `json:"error"`
}

// messageHooks returns the webhooks of a message.
func (a *API) messageHooks(m *message) []webhook {
	if m.from != nil && a.standsBy(m.from) && m.thread.group == nil {
		return a.standbyHooks(m)
	}
	w := webhookRow{ID: m.id, Type: a.wireType(m), Body: m.body, Self: bit(m.self), FromMe: m.fromMe, Time: strconv.FormatInt(m.at.Unix(), 10),
		Author: m.author, Chat: m.chat, ChatName: m.chatName(), SenderName: m.sender, Caption: m.caption,
		Forwarded: false, Quoted: optional(m.quoted), Meta: m.meta}
	if m.from != nil {
		w.BSUID, w.Username = optional(m.from.bsuid), optional(m.from.username)
	}
	if m.typ == "template" && !a.quirks.has(TemplateType) {
		w.Type = "chat"
	}
	switch {
	case a.quirks.has(IntFlags):
		w.FromMe, w.Forwarded, w.Time = bit(m.fromMe), 0, m.at.Unix()
	case a.quirks.has(TextFlags):
		w.Self, w.FromMe, w.Forwarded = strconv.Itoa(bit(m.self)), strconv.Itoa(bit(m.fromMe)), "0"
	}
	hooks := []webhook{a.envelope("messages", w)}
	if raw, ok := a.rawMessage(m); ok && a.settings["rawHooks"] {
		hooks = append(hooks, raw)
	}
	return hooks
}

// statusHooks notes a status of a message and returns its webhooks, none while the
// setting ackNotificationsOn is off. The status is about c: the customer or, in a
// group, a member; nil for the whole group.
func (a *API) statusHooks(m *message, c *Customer, status chatapi.Status, failure string) []webhook {
	m.status = m.status.Advance(status)
	m.failure = cmp.Or(failure, m.failure)
	a.changed(m.thread)
	if !a.settings["ackNotificationsOn"] {
		return nil
	}
	var phone, bsuid, username *string
	if c != nil {
		number, id := m.reaches(c)
		phone, bsuid, username = optional(number), optional(id), optional(c.username)
	}
	var element any = ack{ID: m.id, Chat: m.chat, Phone: phone, BSUID: bsuid, Username: username, Status: string(status),
		Category: m.category, MMLite: m.mmLite, Error: optional(failure)}
	if status == chatapi.StatusFailed && a.quirks.has(BareFailures) {
		element = bareFailure{ID: m.id, Chat: m.chat, Phone: phone, BSUID: bsuid, Status: string(status), Error: optional(failure)}
	}
	hooks := []webhook{a.envelope("ack", element)}
	if a.settings["rawHooks"] {
		hooks = append(hooks, a.rawStatus(m, c, status, failure))
	}
	return hooks
}
