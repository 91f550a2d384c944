package chatapi

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the service's own format (contract, "Envelope (normalized)"),
// in webhooks and in the history.

// historyEvents returns the events of a page of the history: messages and echoes in
// the normalized format. A row that is not an object becomes an UnknownEvent. It
// keeps its number, so that a reader can go on behind it. An object or array where
// a scalar belongs leaves the field empty; see EventInfo.Problems. All rows spend
// the budget of the document.
func historyEvents(channel ChannelID, document *wire.Document, rows wire.Value) []Event {
	p := parser{channel: channel, lenient: document.Lenient(), document: document}
	p.events = make([]Event, 0, rows.Len())
	p.ahead = rows.Len()
	for list := rows.Array(); list.Next(); p.ahead-- {
		row := list.Value
		if row.IsObject() {
			_ = p.message(row) // the event has the problems
			continue
		}
		p.add(&UnknownEvent{EventInfo: EventInfo{Channel: channel, Wire: "message", Raw: row.Raw()}})
	}
	return p.events
}

// normalizedMessage is an element of "messages" as it is written. normalized is
// set if it has a member that only this format has.
type normalizedMessage struct {
	scalarReader
	id, kind, chat, author, sender string
	bsuid, username                string
	caption, quoted, filename      string
	chatName, senderName           wire.Value
	body, fromMe, at, self, words  wire.Value
	meta, referral                 wire.Value
	quotedBody, quotedType         wire.Value
	number                         int64
	forwarded, normalized          bool
}

// readNormalized collects the members, in whatever order they come.
func readNormalized(v wire.Value) (in normalizedMessage) {
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			in.id = in.text(&m)
		case "type":
			in.kind = in.text(&m)
		case "body":
			in.body = m.Value
			in.normalized = in.normalized || m.Value.IsString()
		case "text": // in a forwarder's bodies, instead of "body"
			in.words = m.Value
		case "caption":
			in.caption = in.whole("", "caption", m.Value)
		case "chatId":
			in.chat, in.normalized = in.text(&m), true
		case "author":
			in.author, in.normalized = in.text(&m), true
		case "authorBsuid":
			in.bsuid, in.normalized = in.text(&m), true
		case "authorUserName":
			in.username = usernameOf(in.text(&m))
		case "senderName":
			in.sender, in.senderName, in.normalized = in.text(&m), m.Value, true
		case "fromMe":
			in.fromMe, in.normalized = m.Value, true
		case "from_me": // in a forwarder's bodies
			in.fromMe = m.Value
		case "time":
			in.at, in.normalized = m.Value, true
		case "self":
			in.self, in.normalized = in.scalar(&m), true
		case "chatName":
			in.chatName, in.normalized = in.scalar(&m), true
		case "isForwarded":
			in.forwarded, _ = in.scalar(&m).Bool()
		case "quotedMsgId":
			in.quoted = in.text(&m)
		case "quotedMsgBody":
			in.quotedBody = m.Value
		case "quotedMsgType":
			in.quotedType = m.Value
		case "filename", "fileName", "file_name":
			in.filename = cmp.Or(in.text(&m), in.filename)
		case "messageNumber":
			in.number, _ = in.scalar(&m).Int()
		case "meta":
			if m.Value.IsObject() {
				in.meta = m.Value
			}
		case "metadata":
			if m.Value.IsObject() && !in.meta.IsObject() {
				in.meta = m.Value
			}
		case "referral":
			in.referral = m.Value
		}
	}
	return in
}

// message reads one element of "messages" at the root. An element without any
// member of the normalized format is an on-premise message, or unknown.
func (p *parser) message(v wire.Value) error {
	in := readNormalized(v)
	if !in.normalized || in.chat == "" && in.author == "" && in.bsuid == "" && in.isReadable() && !v.Get("from").IsBlank() {
		if !v.Get("from").IsAbsent() || !v.Get("timestamp").IsAbsent() || in.kind != "" && !v.Get(in.kind).IsAbsent() {
			return p.metaMessage(v)
		}
		p.addUnknown("message", in.kind, v)
		return nil
	}
	known, ok := normalizedKinds[in.kind]
	if !ok {
		known, ok = normalizedKinds[fieldName(in.kind)]
	}
	if !ok {
		known.wire, known.kind = joinWire("message", in.kind), TypeOther
	}
	var event Event
	var content *Content
	switch ours, readable := in.outgoing(); {
	case !readable: // a bot must not answer it, and it must not be lost
		in.note("fromMe", in.fromMe, "want true or false")
		event, content = &UnknownEvent{}, &Content{}
	case ours:
		e := &EchoEvent{To: contactOf(in.chat)}
		in.readFrom(&e.From)
		event, content = e, &e.Content
	default:
		e := p.newMessage()
		in.readFrom(&e.From)
		event, content = e, &e.Content
	}
	in.readContent(content, known.kind)
	info := event.Info()
	p.describe(info, known.wire, v)
	info.Time, info.Number = in.time("time", in.at), in.number
	return p.addPartial(event, &in.scalarReader)
}

// outgoing reports whether the business sent the message; readable is false if
// fromMe is neither true nor false. Without fromMe the id decides: until 2021 the
// ids of the business's own messages began with "true_".
func (in *normalizedMessage) outgoing() (ours, readable bool) {
	if ours, set := in.fromMe.Bool(); set {
		return ours, true
	}
	if text, err := in.fromMe.Text(); err != nil || strings.TrimSpace(text) != "" {
		return false, false
	}
	return strings.HasPrefix(in.id, "true_"), true
}

// isReadable reports whether fromMe is absent, true or false.
func (in *normalizedMessage) isReadable() bool {
	_, readable := in.outgoing()
	return readable
}

// readFrom fills c with the sender. In a group the chat does not name the sender.
func (in *normalizedMessage) readFrom(c *Contact) {
	id := in.author
	if id == "" && !strings.HasSuffix(in.chat, suffixGroup) {
		id = in.chat
	}
	readChatID(c, id)
	c.BSUID = cmp.Or(in.bsuid, c.BSUID)
	c.Username = in.username
	c.Name = in.sender
}

// readContent fills c. The body must be a scalar, except for types whose form the
// contract leaves open.
func (in *normalizedMessage) readContent(c *Content, kind ContentType) {
	c.ID, c.Type, c.Chat, c.QuotedID, c.Forwarded = in.id, kind, in.chat, in.quoted, in.forwarded
	in.readAround(c)
	body := ""
	switch text, err := in.body.Text(); {
	case err == nil:
		body = text
	case kind != TypeContacts && kind != TypeLocation && kind != TypeOther:
		in.misread("body", in.body, err)
	}
	switch kind {
	case TypeImage, TypeVideo, TypeAudio, TypeVoice, TypeDocument, TypeSticker:
		c.Media, c.Text = &ReceivedMedia{}, cmp.Or(in.caption, body)
		if isLink(body) {
			c.Media.URL, c.Text = body, in.caption
		}
		in.nameMedia(c)
	case TypeOther:
		c.Text = body
		if in.kind != "" && isLink(body) { // a file of a kind that this version does not know
			c.Media, c.Text = &ReceivedMedia{URL: body}, in.caption
			in.nameMedia(c)
		}
	case TypeLocation:
		if c.Location, c.Text = locationOf(in.body), in.caption; c.Location == nil {
			c.Text = cmp.Or(in.caption, body) // the words are all that is known
		}
	case TypeContacts:
		if !in.body.IsNull() {
			c.Contacts, c.Cards = in.body.Raw(), readContactCards(in.body)
		}
		if body != "" {
			c.Cards = readVCards(body)
		}
		c.Text = in.caption
	case TypeButton, TypeInteractive:
		c.Text = body
		if in.readInteractive(c); c.Flow != nil || c.Permission != nil || c.Payment != nil {
			break
		}
		reply := Reply{Title: body}
		readReply(in.meta, &reply)
		c.Text = cmp.Or(c.Text, reply.Title)
		c.Reply = &reply
	case TypeReaction:
		c.Text = body
		c.QuotedID = cmp.Or(in.quoted, firstText(in.meta, "message_id"))
		c.Reaction = &ReceivedReaction{MessageID: c.QuotedID, Emoji: body}
	case TypeCallPermission:
		c.Text = body
		in.readInteractive(c)
	default:
		c.Text = body
	}
	if c.Referral = referralOf(in.referral); c.Referral == nil && !in.meta.IsAbsent() {
		c.Referral = referralOf(in.meta.Get("referral"))
	}
}

// readReply looks for the id of a button or row. Where it stands in "meta" is not
// documented, so all levels of Meta's own nesting are read.
func readReply(meta wire.Value, reply *Reply) {
	readChoice(meta, reply)
	for _, v := range []wire.Value{meta, meta.Get("interactive")} {
		for _, name := range []string{"button_reply", "list_reply", "button"} {
			var choice Reply
			readChoice(v.Get(name), &choice)
			if choice == (Reply{}) {
				continue // forwarders write empty ones beside the answer
			}
			reply.ID, reply.Title = cmp.Or(choice.ID, reply.ID), cmp.Or(reply.Title, choice.Title)
			reply.Description = cmp.Or(choice.Description, reply.Description)
			reply.List = reply.List || name == "list_reply"
		}
	}
}

// readAround reads the members that messages of every kind can have.
func (in *normalizedMessage) readAround(c *Content) {
	if in.body.IsNull() && c.Type == TypeText {
		in.body = cmp.Or(in.words.Get("body"), in.words)
	}
	if c.ChatName = in.sender; !bytes.Equal(in.chatName.Raw(), in.senderName.Raw()) { // equal ones share their bytes
		c.ChatName, _ = in.chatName.Text()
	}
	if in.quotedBody.IsNested() || in.quotedType.IsNested() {
		in.note("quotedMsgBody, quotedMsgType", in.quotedBody, "want texts")
	}
	if !in.quotedBody.IsNull() {
		c.QuotedText, _ = in.quotedBody.Text()
	}
	if kind, _ := in.quotedType.Text(); kind != "" {
		c.QuotedType = cmp.Or(normalizedKinds[kind].kind, ContentType(kind))
	}
	if self, set := in.self.Bool(); set {
		if c.Origin = OriginApp; self {
			c.Origin = OriginAPI
		}
	}
	if in.meta.IsAbsent() {
		return
	}
	c.Link = &LinkPreview{memberText(in.meta, "linkUrl"), memberText(in.meta, "linkTitle"), memberText(in.meta, "linkDescription")}
	if *c.Link == (LinkPreview{}) {
		c.Link = nil
	}
}

// nameMedia gives a file its name: by the member for it, or by a document's caption
// if that looks like a file name.
func (in *normalizedMessage) nameMedia(c *Content) {
	c.Media.Name = cmp.Or(in.filename, firstText(in.meta, "filename", "fileName", "file_name"))
	if c.Media.Name == "" && c.Type == TypeDocument && isFileName(in.caption) {
		c.Media.Name = in.caption
	}
}

// isFileName reports whether a caption is the name of a file: one line that ends
// in an extension.
func isFileName(text string) bool {
	dot := strings.LastIndexByte(text, '.')
	if dot <= 0 || len(text) > 255 || strings.ContainsAny(text, "\n/\\") {
		return false
	}
	extension := text[dot+1:]
	if isDigits(extension) { // a number with a decimal point
		return false
	}
	for _, r := range extension {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
			return false
		}
	}
	return len(extension) >= 2 && len(extension) <= 5
}

// readInteractive looks for a form's answers, a permission and a payment in "meta",
// in all places where Meta's own nesting could put them.
func (in *normalizedMessage) readInteractive(c *Content) {
	var named *FlowReply // without answers
	for _, v := range [...]wire.Value{in.meta, in.meta.Get("interactive")} {
		kind := memberText(v, "type") // names the answer where forwarders write several
		if kind != "" && v.Get(kind).IsBlank() {
			kind = ""
		}
		switch flow := readFlowReply(v.Get("nfm_reply")); {
		case kind != "" && kind != "nfm_reply":
		case flow.Response != "":
			c.Flow = flow
		case flow.Name != "":
			named = flow
		}
		if permission := readPermission(v.Get("call_permission_reply")); permission.Response != "" && (kind == "" || kind == "call_permission_reply") {
			c.Type, c.Permission = TypeCallPermission, permission
		}
		if payment := readPaymentReply(v.Get("payment_method")); *payment != (PaymentReply{}) && (kind == "" || kind == "payment_method") {
			c.Payment = payment
		}
	}
	if !in.meta.Get("response_json").IsBlank() {
		named = readFlowReply(in.meta)
	}
	if c.Flow == nil && c.Permission == nil && c.Payment == nil && named != nil {
		var choice Reply
		if readReply(in.meta, &choice); choice == (Reply{}) { // else a forwarder's zero value
			c.Flow = named
		}
	}
	if c.Permission == nil && !in.meta.Get("response").IsAbsent() {
		c.Permission = readPermission(in.meta)
	}
}

// ack reads one element of "ack": a status in the normalized format.
func (p *parser) ack(v wire.Value) error {
	var f scalarReader
	var at, stamp, reason, reasons wire.Value
	var number int64
	priced := false // it has members of WhatsApp's own form
	e := p.newStatus()
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			e.MessageID = f.text(&m)
		case "status":
			e.Status = Status(f.text(&m))
		case "chatId":
			e.To.Chat = f.text(&m)
		case "phone":
			e.To.Phone = f.text(&m)
		case "bsuid":
			e.To.BSUID = f.text(&m)
		case "userName":
			e.To.Username = usernameOf(f.text(&m))
		case "category":
			e.Category = f.text(&m)
		case "time": // never observed
			at = m.Value
		case "timestamp": // never observed
			stamp = m.Value
		case "messageNumber":
			number, _ = f.scalar(&m).Int()
		case "pricing", "conversation", "cost":
			priced = true
		case "mmLite":
			e.MMLite = isSet(m.Value)
		case "error":
			reason = m.Value
		case "errors":
			reasons = m.Value
		}
	}
	e.Errors = append(f.reasons("error", reason), f.reasons("errors", reasons)...)
	if e.Status == "" {
		return p.addUnread("ack", "", v, &f)
	}
	if strings.HasSuffix(e.To.Chat, suffixGroup) {
		e.Group, e.To.Chat = e.To.Chat, ""
	}
	if priced {
		e.readPrice(v)
	}
	fromChat := contactOf(e.To.Chat)
	e.To.Phone, e.To.BSUID = cmp.Or(e.To.Phone, fromChat.Phone), cmp.Or(e.To.BSUID, fromChat.BSUID)
	p.describe(&e.EventInfo, ackWire(e.Status), v)
	e.Number = number
	if e.Time = f.time("time", at); e.Time.IsZero() {
		e.Time = f.time("timestamp", stamp)
	}
	e.Status = e.Status.plain()
	return p.addPartial(e, &f)
}

// readPrice reads a price in WhatsApp's own form.
func (e *StatusEvent) readPrice(v wire.Value) {
	in := readStatus(v)
	e.Conversation, e.Pricing = in.readConversation(in.conversation), in.price()
	if e.Pricing != nil {
		e.Category = cmp.Or(e.Category, e.Pricing.Category)
	}
}

// isSet reports whether a member of unknown form says yes: anything but false, 0,
// null and an empty value.
func isSet(v wire.Value) bool {
	if yes, isBool := v.Bool(); isBool {
		return yes
	}
	if v.IsObject() {
		members := v.Object()
		return members.Next()
	}
	if v.IsArray() {
		return v.Len() > 0
	}
	text, _ := v.Text()
	return text != ""
}

// ackWire returns EventInfo.Wire for an element of "ack". The usual ones are
// constants, to save an allocation.
func ackWire(s Status) string {
	switch s {
	case StatusSent:
		return "ack.sent"
	case StatusDelivered:
		return "ack.delivered"
	case StatusRead:
		return "ack.read"
	case StatusFailed:
		return "ack.failed"
	}
	return joinWire("ack", string(s))
}
