package chatapi

import (
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads a message as WhatsApp writes it (contract, raw "Messages"),
// which the Cloud format and the on-premise one share.

// metaElement is a message or an echo as it is written.
type metaElement struct {
	fields
	id, kind, group   string
	at                wire.Value
	from, to          Contact
	context, referral wire.Value
	errors, history   wire.Value
	name              string // of the first member that holds content
	content           wire.Value
	stray             wire.Value // a text beside another type
}

// readMeta collects the members, in whatever order they come.
func readMeta(v wire.Value) (in metaElement) {
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
		case "from_user_id", "from_bsuid":
			in.from.BSUID = cmp.Or(in.text(&m), in.from.BSUID)
		case "from_parent_user_id":
			in.from.ParentBSUID = in.text(&m)
		case "to":
			setPhone(&in.to, strings.TrimSpace(in.text(&m)))
		case "to_user_id":
			in.to.BSUID = cmp.Or(in.text(&m), in.to.BSUID)
		case "to_parent_user_id":
			in.to.ParentBSUID = in.text(&m)
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
		case "text", "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "interactive", "button", "order",
			"reaction", "system", "edit", "revoke", "unsupported":
			if in.content.IsAbsent() {
				in.name, in.content = m.Key(), m.Value
			}
		}
	}
	if in.kind == "" {
		in.kind = in.name
	} else if in.kind != in.name {
		if in.name == "text" {
			in.stray = in.content
		}
		in.content = v.Get(in.kind)
	}
	return in
}

// isEmpty reports whether nothing of a message was found.
func (in *metaElement) isEmpty() bool {
	if in.id != "" || in.kind != "" || in.from != (Contact{}) {
		return false
	}
	at, _ := in.at.Text()
	return at == ""
}

// metaMessage reads one element of "messages".
func (p *parser) metaMessage(v wire.Value) error {
	in := readMeta(v)
	// From the business to someone: what arrives under the name of echoes, or
	// without any name, must not wake a bot.
	if strings.HasSuffix(p.field, "message_echoes") || in.to != (Contact{}) && p.phone != "" && in.from.Phone == p.phone {
		return p.echo(&in, v)
	}
	if in.err != nil {
		return in.err
	}
	if in.isEmpty() {
		p.unknown("message", in.kind, v)
		return nil
	}
	e := &MessageEvent{From: in.from}
	in.read(&e.Content, 0)
	if e.System != nil && e.From == (Contact{}) {
		setPhone(&e.From, in.oldCustomer())
	}
	p.contacts.complete(&e.From)
	e.From.Chat = thread(e.From)
	if e.Chat = in.group; e.Chat == "" {
		e.Chat = e.From.Chat
	}
	e.EventInfo = p.info(messageWire(in.kind), v)
	e.Time = in.at.Time()
	p.add(e)
	return nil
}

// metaEcho reads one element of "message_echoes".
func (p *parser) metaEcho(v wire.Value) error {
	in := readMeta(v)
	return p.echo(&in, v)
}

func (p *parser) echo(in *metaElement, v wire.Value) error {
	if in.err != nil {
		return in.err
	}
	if in.isEmpty() {
		p.unknown("message_echo", in.kind, v)
		return nil
	}
	e := &EchoEvent{To: in.to}
	in.read(&e.Content, 0)
	p.contacts.complete(&e.To)
	e.To.Name = "" // a business's own name at times
	e.To.Chat = thread(e.To)
	if e.Chat = in.group; e.Chat == "" {
		e.Chat = e.To.Chat
	}
	e.EventInfo = p.info(joinWire("message_echo", in.kind), v)
	e.Time = in.at.Time()
	p.add(e)
	return nil
}

// messageWire spares the usual message from joining.
func messageWire(kind string) string {
	if known, ok := normalizedKinds[kind]; ok {
		return known.wire
	}
	return joinWire("message", kind)
}

// maxEdits bounds how deep an edit may hold an edit.
const maxEdits = 4

// read tells c what the message says. A content that is not what the type
// promises leaves its pointer nil; nothing of it is an error.
func (in *metaElement) read(c *Content, depth int) {
	c.ID, c.Type = in.id, TypeOther
	in.readContext(c)
	if !in.errors.IsAbsent() {
		c.Errors = statusErrors(in.errors)
	}
	v := in.content
	switch in.kind {
	case "text":
		c.Type = TypeText
		c.Text, _ = v.Get("body").Text()
	case "image", "video", "audio", "voice", "document", "sticker":
		c.Type = ContentType(in.kind)
		in.readMedia(c)
	case "location":
		c.Type, c.Location = TypeLocation, locationOf(v)
		if c.Location != nil {
			c.Location.URL, _ = v.Get("url").Text()
		}
	case "contacts":
		c.Type = TypeContacts
		if !v.IsNull() {
			c.Contacts, c.Cards = v.Raw(), readContactCards(v)
		}
	case "button":
		c.Type, c.Reply = TypeButton, &Reply{}
		readChoice(v, c.Reply)
		c.Text = c.Reply.Title
	case "interactive":
		c.Type = TypeInteractive
		in.readInteractive(c)
	case "order":
		c.Type, c.Order = TypeOrder, readOrder(v)
		c.Text = c.Order.Text
	case "reaction":
		c.Type, c.Reaction = TypeReaction, &ReceivedReaction{}
		c.Reaction.MessageID, _ = v.Get("message_id").Text()
		c.Reaction.Emoji, _ = v.Get("emoji").Text()
		c.Text, c.QuotedID = c.Reaction.Emoji, cmp.Or(c.Reaction.MessageID, c.QuotedID)
	case "system":
		c.Type, c.System = TypeSystem, readSystem(v)
		c.Text, _ = v.Get("body").Text()
	case "request_welcome":
		c.Type = TypeRequestWelcome
	case "unsupported", "unknown", "ephemeral":
		c.Type = TypeUnsupported
		c.Unsupported, _ = v.Get("type").Text()
	case "revoke":
		c.Type = TypeRevoke
		c.OriginalID, _ = v.Get("original_message_id").Text()
	case "edit":
		c.Type = TypeEdit
		c.OriginalID, _ = v.Get("original_message_id").Text()
		if nested := v.Get("message"); nested.IsObject() && depth < maxEdits {
			inner := readMeta(nested)
			c.Edit = &Content{}
			inner.read(c.Edit, depth+1)
			c.Text = c.Edit.Text
		}
	}
	if c.Text == "" && !in.stray.IsAbsent() {
		c.Text, _ = in.stray.Get("body").Text()
	}
}

func (in *metaElement) readContext(c *Content) {
	referral := in.referral
	for m := in.context.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			c.QuotedID, _ = m.Value.Text()
		case "from":
			c.QuotedFrom, _ = m.Value.Text()
		case "forwarded":
			forwarded, _ := m.Value.Bool()
			c.Forwarded = c.Forwarded || forwarded
		case "frequently_forwarded":
			if c.FrequentlyForwarded, _ = m.Value.Bool(); c.FrequentlyForwarded {
				c.Forwarded = true
			}
		case "referred_product":
			c.Product = &ReceivedProduct{}
			c.Product.CatalogID, _ = m.Value.Get("catalog_id").Text()
			c.Product.ProductID, _ = m.Value.Get("product_retailer_id").Text()
		case "group_id":
			if id, _ := m.Value.Text(); in.group == "" {
				in.group = groupChat(id)
			}
		case "mentions":
			for list := m.Value.Array(); list.Next(); {
				if id, _ := list.Value.Text(); id != "" {
					c.Mentions = append(c.Mentions, id)
				}
			}
		case "referral":
			if referral.IsAbsent() {
				referral = m.Value
			}
		}
	}
	c.Referral = referralOf(referral)
}

func (in *metaElement) readMedia(c *Content) {
	if !in.content.IsObject() {
		return
	}
	c.Media = &ReceivedMedia{}
	for m := in.content.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			c.Media.ID, _ = m.Value.Text()
		case "url", "link":
			c.Media.URL, _ = m.Value.Text()
		case "mime_type":
			c.Media.MIMEType, _ = m.Value.Text()
		case "sha256":
			c.Media.SHA256, _ = m.Value.Text()
		case "filename":
			c.Media.Name, _ = m.Value.Text()
		case "caption":
			c.Text, _ = m.Value.Text()
		case "animated":
			c.Media.Animated, _ = m.Value.Bool()
		case "voice":
			if voice, _ := m.Value.Bool(); voice && in.kind == "audio" {
				c.Type = TypeVoice
			}
		}
	}
}

// readInteractive reads a customer's choice. Its type may be missing, so every
// branch that is there is read.
func (in *metaElement) readInteractive(c *Content) {
	for m := in.content.Object(); m.Next(); {
		if !m.Value.IsObject() {
			continue
		}
		switch string(m.Name) {
		case "button_reply", "list_reply":
			c.Reply = &Reply{List: string(m.Name) == "list_reply"}
			readChoice(m.Value, c.Reply)
			c.Text = c.Reply.Title
		case "nfm_reply":
			c.Flow = &FlowReply{}
			c.Flow.Name, _ = m.Value.Get("name").Text()
			c.Text, _ = m.Value.Get("body").Text()
			response := m.Value.Get("response_json")
			var err error
			if c.Flow.Response, err = response.Text(); err != nil {
				c.Flow.Response = string(response.Raw()) // an object where a text belongs
			}
			if document := []byte(c.Flow.Response); wire.IsDocument(document) {
				c.Flow.JSON = document
			}
		case "call_permission_reply":
			c.Type, c.Permission = TypeCallPermission, &CallPermission{}
			c.Permission.Response, _ = m.Value.Get("response").Text()
			c.Permission.Permanent, _ = m.Value.Get("is_permanent").Bool()
			c.Permission.Source, _ = m.Value.Get("response_source").Text()
			c.Permission.Expires = m.Value.Get("expiration_timestamp").Time()
		}
	}
	if c.Errors == nil {
		c.Errors = statusErrors(in.content.Get("errors"))
	}
}

// readContactCards reads contact cards. One that is not quite as documented keeps its
// name and numbers.
func readContactCards(v wire.Value) (cards []ContactCard) {
	for list := v.Array(); list.Next(); {
		var card ContactCard
		if wire.UnmarshalLenient(list.Value.Raw(), &card) != nil {
			card = ContactCard{}
			card.Name.Formatted, _ = list.Value.Get("name").Get("formatted_name").Text()
			for phones := list.Value.Get("phones").Array(); phones.Next(); {
				var phone ContactPhone
				phone.Number, _ = phones.Value.Get("phone").Text()
				phone.Type, _ = phones.Value.Get("type").Text()
				phone.WhatsAppID, _ = phones.Value.Get("wa_id").Text()
				card.Phones = append(card.Phones, phone)
			}
		}
		cards = append(cards, card)
	}
	return cards
}

func readOrder(v wire.Value) *ReceivedOrder {
	order := &ReceivedOrder{}
	order.CatalogID, _ = v.Get("catalog_id").Text()
	order.Text, _ = v.Get("text").Text()
	for list := v.Get("product_items").Array(); list.Next(); {
		var item ReceivedItem
		item.ProductID, _ = list.Value.Get("product_retailer_id").Text()
		item.Quantity, _ = list.Value.Get("quantity").Text()
		item.Price, _ = list.Value.Get("item_price").Text()
		item.Currency, _ = list.Value.Get("currency").Text()
		order.Items = append(order.Items, item)
	}
	return order
}

func readSystem(v wire.Value) *SystemNotice {
	notice := &SystemNotice{}
	for m := v.Object(); m.Next(); {
		text, _ := m.Value.Text()
		switch string(m.Name) {
		case "type":
			notice.Type = text
		case "wa_id", "new_wa_id":
			setPhone(&notice.New, text)
		case "user_id":
			notice.New.BSUID = text
		case "parent_user_id":
			notice.New.ParentBSUID = text
		case "identity":
			notice.Identity = text
		}
	}
	notice.New.Chat = thread(notice.New)
	return notice
}

// oldCustomer returns who a note is about where "from" does not say it.
func (in *metaElement) oldCustomer() string {
	for _, name := range [...]string{"customer", "user"} {
		if id, _ := in.content.Get(name).Text(); id != "" {
			return id
		}
	}
	return ""
}
