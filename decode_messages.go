package chatapi

import (
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads a message as WhatsApp writes it (contract, raw "Messages"),
// both in the Cloud format and in the on-premise format.

// metaElement is a message or an echo as it is written.
type metaElement struct {
	scalarReader
	id, kind, group   string // kind is the type, else the name of the content
	at                wire.Value
	from, to          Contact
	context, referral wire.Value
	errors, history   wire.Value
	identity          wire.Value
	contentName       string // of a member that holds content other than a text
	content, said     wire.Value
	sent              wire.Value // the request that sent the message, in which standby puts the content
	toGroup, ours     bool       // ours: it says that the business sent it
}

// read collects the members, in whatever order they come.
func (in *metaElement) read(v wire.Value) {
	var fromUser, fromBSUID, recipient string
	var body wire.Value
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			in.id = in.text(&m)
		case "type":
			in.kind = in.text(&m)
		case "timestamp":
			in.at = m.Value
		case "from":
			setPhone(&in.from, strings.TrimSpace(in.text(&m)))
		case "from_user_id":
			fromUser = in.text(&m)
		case "from_bsuid":
			fromBSUID = in.text(&m)
		case "from_parent_user_id":
			in.from.ParentBSUID = in.text(&m)
		case "to":
			setPhone(&in.to, strings.TrimSpace(in.text(&m)))
		case "to_user_id":
			in.to.BSUID = cmp.Or(in.text(&m), in.to.BSUID)
		case "to_parent_user_id":
			in.to.ParentBSUID = in.text(&m)
		case "recipient":
			recipient = in.text(&m)
		case "fromMe", "from_me": // in a forwarder's bodies
			in.ours, _ = m.Value.Bool()
		case "recipient_type":
			in.toGroup = strings.EqualFold(in.text(&m), "group")
		case "group_id":
			in.group = groupChat(in.text(&m))
		case "context":
			in.context = m.Value
		case "referral":
			in.referral = m.Value
		case "errors":
			in.errors = m.Value
		case "history_context":
			in.history = m.Value
		case "identity":
			in.identity = m.Value
		case "message":
			in.sent = m.Value
		case "text":
			in.said = m.Value
		case "body": // in a forwarder's bodies, instead of "text"
			body = m.Value
		case "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "interactive", "button", "order",
			"reaction", "system", "edit", "revoke", "unsupported":
			in.contentName, in.content = m.Key(), m.Value
		}
	}
	in.from.BSUID = cmp.Or(fromUser, fromBSUID, in.from.BSUID)
	in.complete(recipient, body)
	in.findContent(v)
}

// complete reads the members that hold only if the usual ones are missing.
func (in *metaElement) complete(recipient string, body wire.Value) {
	if in.said.IsBlank() && !body.IsAbsent() {
		in.said = body
	}
	if recipient != "" && in.to == (Contact{}) {
		setPhone(&in.to, recipient)
	}
	if in.kind == "text" { // the usual kind
		return
	}
	if plain := fieldName(in.kind); plain == "text" || isContent(plain) {
		in.kind = plain
	}
}

// findContent finds the content of the message's type.
func (in *metaElement) findContent(v wire.Value) {
	switch {
	case in.kind == "":
		in.guessKind(v)
	case in.kind == "text":
		if in.contentName != "" && in.said.IsBlank() && !in.content.IsBlank() {
			in.kind = in.contentName // the text says nothing, another member does
			return
		}
		in.content, in.said = in.said, wire.Value{}
	case in.kind != in.contentName:
		in.content = v.Get(in.kind)
		fallthrough
	default:
		if in.contentName != "" && isContent(in.kind) && in.content.IsBlank() {
			in.blankContent(v)
		}
	}
}

// guessKind finds the content of a message without a type. A member that says
// something beats a blank one, which forwarders write for content that is not
// there, and any content beats a text. Of several, the first name counts.
func (in *metaElement) guessKind(v wire.Value) {
	found, best := wire.Value{}, -1
	in.contentName, in.content = "", wire.Value{}
	for m := v.Object(); m.Next(); {
		name, rank := string(m.Name), 0
		switch {
		case name == "text":
		case isContent(name):
			rank = 1
		default:
			continue
		}
		if !m.Value.IsBlank() {
			rank += 2
		}
		if rank > best || rank == best && name < in.kind {
			in.kind, found, best = name, m.Value, rank
		}
	}
	in.contentName, in.content = in.kind, found
	if in.kind == "text" {
		in.said = wire.Value{}
	}
}

// isEmpty reports whether the element holds nothing that a message has.
func (in *metaElement) isEmpty() bool {
	if in.id != "" || in.kind != "" || in.from != (Contact{}) {
		return false
	}
	at, _ := in.at.Text()
	return at == ""
}

// metaMessage reads one element of "messages".
func (p *parser) metaMessage(v wire.Value) error {
	var in metaElement
	in.read(v)
	// A message that the business sent must not wake a bot, even if it stands in
	// "messages": under a field of echoes, or with the business's own number.
	switch old := p.isOld(&in); {
	case !old && in.from == (Contact{}) && !v.Get("chatId").IsBlank(): // in the service's own format
		return p.message(v)
	case !old && (in.ours || strings.HasSuffix(p.field, "message_echoes") || in.to != (Contact{}) && samePhone(in.from.Phone, p.ownPhone)):
		return p.echo(&in, v)
	case in.isEmpty():
		return p.addUnread("message", in.kind, v, &in.scalarReader)
	case old:
		return p.oldLoneMessage(&in, v)
	}
	if in.from.isGroup() {
		in.group, in.from.Chat = cmp.Or(in.group, in.from.Chat), ""
	}
	e := p.newMessage()
	e.From = in.from
	in.readContent(&e.Content, 0)
	if e.System != nil {
		p.contacts.complete(&e.System.New)
		e.System.New.Chat = personChat(e.System.New)
		in.oldCustomer(e)
	}
	p.contacts.complete(&e.From)
	e.From.Chat = personChat(e.From)
	if e.Chat = in.group; e.Chat == "" {
		e.Chat = e.From.Chat
	}
	p.describe(&e.EventInfo, messageWire(in.kind), v)
	in.stamp(&e.EventInfo)
	return p.addPartial(e, &in.scalarReader)
}

// stamp gives an event the time of its element, which replaces that of its entry
// even where it is missing.
func (in *metaElement) stamp(info *EventInfo) { info.Time = in.time("timestamp", in.at) }

// metaEcho reads one element of "message_echoes".
func (p *parser) metaEcho(v wire.Value) error {
	var in metaElement
	in.read(v)
	if in.sent.IsObject() && in.kind == "" { // an echo of another agent's message
		outer := in
		in = metaElement{}
		in.read(outer.sent)
		in.id, in.at, in.context = outer.id, outer.at, cmp.Or(in.context, outer.context)
		in.to = cmp.Or(outer.to, in.to)
		in.merge("message", v, &outer.scalarReader)
	}
	if p.isOld(&in) && !in.isEmpty() {
		return p.oldLoneMessage(&in, v)
	}
	return p.echo(&in, v)
}

// echo adds the event of a message that the business sent.
func (p *parser) echo(in *metaElement, v wire.Value) error {
	if in.isEmpty() {
		return p.addUnread("message_echo", in.kind, v, &in.scalarReader)
	}
	e := &EchoEvent{To: in.to, From: in.from, FromApp: p.field == "smb_message_echoes"}
	if in.toGroup || in.to.isGroup() {
		in.group, e.To = cmp.Or(in.group, in.to.Chat, groupChat(in.to.Phone), groupChat(in.to.BSUID)), Contact{}
	}
	in.readContent(&e.Content, 0)
	p.contacts.complete(&e.To)
	e.To.Name = "" // sometimes it is the business's own name
	e.To.Chat = personChat(e.To)
	if e.Chat = in.group; e.Chat == "" {
		e.Chat = e.To.Chat
	}
	e.EventInfo = p.info(joinWire("message_echo", in.kind), v)
	in.stamp(&e.EventInfo)
	return p.addPartial(e, &in.scalarReader)
}

// maxEdits is how many edits inside an edit are read.
const maxEdits = 4

// readContent fills c. Content of another form than the type's is not an error;
// it leaves the type's field of c empty. depth counts the edits around this one.
func (in *metaElement) readContent(c *Content, depth int) {
	c.ID, c.Type = in.id, TypeOther
	in.readContext(c)
	if !in.errors.IsAbsent() {
		c.Errors = in.reasons("errors", in.errors)
	}
	c.Identity = readIdentity(in.identity)
	v := in.content
	switch in.kind {
	case "text":
		c.Type, c.Text = TypeText, in.body("text", v)
	case "image", "video", "audio", "voice", "document", "sticker":
		c.Type = ContentType(in.kind)
		in.readMedia(c)
	case "location":
		c.Type, c.Location = TypeLocation, locationOf(v)
		in.check("location", v, "latitude", "longitude", "name", "address", "url")
	case "contacts":
		c.Type = TypeContacts
		if !v.IsNull() {
			c.Contacts, c.Cards = v.Raw(), readContactCards(v)
		}
	case "button":
		c.Type, c.Reply = TypeButton, in.choice("button", v)
		c.Text = c.Reply.Title
	case "interactive":
		c.Type = TypeInteractive
		in.readInteractive(c)
	case "order":
		c.Type, c.Order = TypeOrder, readOrder(v)
		in.check("order", v, "catalog_id", "text")
		for list := v.Get("product_items").List(); list.Next(); {
			in.check("order.product_items", list.Value, "product_retailer_id", "quantity", "item_price", "currency")
		}
		c.Text = c.Order.Text
	case "reaction":
		c.Type, c.Reaction = TypeReaction, in.reaction(v)
		c.Text, c.QuotedID = c.Reaction.Emoji, cmp.Or(c.Reaction.MessageID, c.QuotedID)
	case "system":
		c.Type, c.System, c.Text = TypeSystem, in.readSystem(v), in.body("system", v)
	case "request_welcome":
		c.Type = TypeRequestWelcome
	case "unsupported", "unknown", "ephemeral":
		c.Type = TypeUnsupported
		c.Unsupported = in.member(in.kind, v, "type")
	case "revoke":
		c.Type = TypeRevoke
		c.OriginalID = in.member("revoke", v, "original_message_id")
	case "edit":
		c.Type = TypeEdit
		in.readEdit(c, depth)
	}
	if c.Text == "" && !in.said.IsAbsent() {
		c.Text = in.body("text", in.said)
	}
}

// body returns the text of a text message or a system note, which some forwarders
// write without the object around it.
func (in *metaElement) body(object string, v wire.Value) string {
	if v.IsObject() {
		return in.whole(object, "body", v.Get("body"))
	}
	return in.whole("", object, v)
}

func (in *metaElement) reaction(v wire.Value) *ReceivedReaction {
	if !v.IsObject() {
		return &ReceivedReaction{Emoji: in.plain("reaction", v)}
	}
	return &ReceivedReaction{MessageID: in.member("reaction", v, "message_id"), Emoji: in.member("reaction", v, "emoji")}
}

// choice returns the button or row that a customer chose.
func (in *metaElement) choice(object string, v wire.Value) *Reply {
	reply := &Reply{}
	if !v.IsObject() {
		reply.Title = in.plain(object, v)
		return reply
	}
	readChoice(v, reply)
	in.check(object, v, "id", "payload", "title", "text", "description")
	return reply
}

func (in *metaElement) readEdit(c *Content, depth int) {
	c.OriginalID = in.member("edit", in.content, "original_message_id")
	if edited := in.content.Get("message"); edited.IsObject() && depth < maxEdits {
		var inner metaElement
		inner.read(edited)
		c.Edit = &Content{}
		inner.readContent(c.Edit, depth+1)
		in.merge("edit.message", edited, &inner.scalarReader)
		c.Text = c.Edit.Text
	}
}

// readContext reads the quoted message, the forwarding, the product, the group,
// the mentions and the referral.
func (in *metaElement) readContext(c *Content) {
	referral := in.referral
	if in.context.IsString() { // a forwarder may write the quoted id alone
		c.QuotedID = in.plain("context", in.context)
	}
	for m := in.context.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			c.QuotedID = in.inner("context", &m)
		case "from":
			c.QuotedFrom = in.inner("context", &m)
		case "forwarded":
			forwarded := in.flag("context", &m)
			c.Forwarded = c.Forwarded || forwarded
		case "frequently_forwarded":
			if c.FrequentlyForwarded = in.flag("context", &m); c.FrequentlyForwarded {
				c.Forwarded = true
			}
		case "referred_product":
			if !m.Value.IsBlank() {
				c.Product = &ReceivedProduct{CatalogID: in.member("context.referred_product", m.Value, "catalog_id"),
					ProductID: in.member("context.referred_product", m.Value, "product_retailer_id")}
			}
		case "group_id":
			if id := in.inner("context", &m); in.group == "" {
				in.group = groupChat(id)
			}
		case "mentions":
			for list := m.Value.ArrayOf(errorMemory); list.Next(); {
				if id, _ := list.Value.Text(); id != "" {
					c.Mentions = append(c.Mentions, id)
				}
			}
			if m.Value.IsString() {
				c.Mentions = append(c.Mentions, in.inner("context", &m))
			}
		case "referral":
			if referral.IsBlank() {
				referral = m.Value
			}
		}
	}
	if !referral.IsAbsent() {
		c.Referral = referralOf(referral)
		in.check("referral", referral, "source_type", "source_id", "source_url", "headline", "body", "ctwa_clid", "media_type",
			"image_url", "video_url", "thumbnail_url")
	}
}

// readMedia reads a file. A forwarder may write its link or its id alone.
func (in *metaElement) readMedia(c *Content) {
	if !in.content.IsObject() {
		switch text := in.plain(in.kind, in.content); {
		case isLink(text):
			c.Media = &ReceivedMedia{URL: text}
		case text != "":
			c.Media = &ReceivedMedia{ID: text}
		}
		return
	}
	c.Media = &ReceivedMedia{}
	var link string
	for m := in.content.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			c.Media.ID = in.inner(in.kind, &m)
		case "url":
			c.Media.URL = in.inner(in.kind, &m)
		case "link":
			link = in.inner(in.kind, &m)
		case "mime_type":
			c.Media.MIMEType = in.inner(in.kind, &m)
		case "sha256":
			c.Media.SHA256 = in.inner(in.kind, &m)
		case "filename":
			c.Media.Name = in.inner(in.kind, &m)
		case "caption":
			c.Text = in.whole(in.kind, "caption", m.Value)
		case "animated":
			c.Media.Animated = in.flag(in.kind, &m)
		case "metadata":
			c.Media.Sticker = readStickerPack(m.Value)
		case "voice":
			if in.flag(in.kind, &m) && in.kind == "audio" {
				c.Type = TypeVoice
			}
		}
	}
	c.Media.URL = cmp.Or(c.Media.URL, link)
}

// answers has the members of "interactive" that hold a customer's answer.
var answers = [...]string{"button_reply", "call_permission_reply", "list_reply", "nfm_reply", "payment_method"}

// answer returns the answer in an interactive message and the name of its member.
// The type names it. If there is none of that name, the first that says something
// counts: forwarders write blank ones beside the answer.
func (in *metaElement) answer() (name string, v wire.Value) {
	kind := strings.ToLower(in.member("interactive", in.content, "type"))
	typed := in.content.Get(kind)
	if !typed.IsBlank() && kind != "type" {
		return kind, typed
	}
	for _, name := range answers {
		if v := in.content.Get(name); v.IsObject() && !v.IsBlank() {
			return name, v
		}
	}
	return kind, typed
}

// readInteractive reads a customer's choice or filled-in form.
func (in *metaElement) readInteractive(c *Content) {
	if !in.content.IsObject() {
		c.Text = in.whole("", "interactive", in.content)
		return
	}
	name, v := in.answer()
	object := "interactive." + name
	switch name {
	case "button_reply", "list_reply":
		if !v.IsNull() {
			c.Reply = in.choice(object, v)
			c.Reply.List = name == "list_reply"
			c.Text = c.Reply.Title
		}
	}
	if v.IsObject() {
		switch name {
		case "nfm_reply":
			c.Flow = readFlowReply(v)
			c.Text = in.whole(object, "body", v.Get("body"))
			in.check(object, v, "name")
		case "call_permission_reply":
			c.Type, c.Permission = TypeCallPermission, readPermission(v)
			in.check(object, v, "response", "is_permanent", "response_source")
			in.time(object+".expiration_timestamp", v.Get("expiration_timestamp"))
		case "payment_method":
			c.Payment = readPaymentReply(v)
			in.check(object, v, "payment_method", "reference_id", "credential_id", "last_four_digits")
			in.time(object+".payment_timestamp", v.Get("payment_timestamp"))
		}
	}
	if c.Errors == nil {
		c.Errors = in.reasons("interactive.errors", in.content.Get("errors"))
	}
}
