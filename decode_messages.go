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
	id, kind, group   string // kind is the type, else contentName
	at                wire.Value
	from, to          Contact
	context, referral wire.Value
	errors, history   wire.Value
	contentName       string // of the first member that holds content
	content           wire.Value
	strayText         wire.Value // the "text" of a message with another type
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
				in.contentName, in.content = m.Key(), m.Value
			}
		}
	}
	if in.kind == "" {
		in.kind = in.contentName
	} else if in.kind != in.contentName {
		if in.contentName == "text" {
			in.strayText = in.content
		}
		in.content = v.Get(in.kind)
	}
	return in
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
	in := readMeta(v)
	// A message that the business sent must not wake a bot, even if it stands in
	// "messages": under a field of echoes, or with the business's own number.
	if strings.HasSuffix(p.field, "message_echoes") || in.to != (Contact{}) && p.ownPhone != "" && in.from.Phone == p.ownPhone {
		return p.echo(&in, v)
	}
	if in.err != nil {
		return in.err
	}
	if in.isEmpty() {
		p.addUnknown("message", in.kind, v)
		return nil
	}
	e := &MessageEvent{From: in.from}
	in.readContent(&e.Content, 0)
	if e.System != nil && e.From == (Contact{}) {
		setPhone(&e.From, in.systemCustomer())
	}
	p.contacts.complete(&e.From)
	e.From.Chat = personChat(e.From)
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

// echo adds the event of a message that the business sent.
func (p *parser) echo(in *metaElement, v wire.Value) error {
	if in.err != nil {
		return in.err
	}
	if in.isEmpty() {
		p.addUnknown("message_echo", in.kind, v)
		return nil
	}
	e := &EchoEvent{To: in.to, FromApp: p.field == "smb_message_echoes"}
	in.readContent(&e.Content, 0)
	p.contacts.complete(&e.To)
	e.To.Name = "" // sometimes it is the business's own name
	e.To.Chat = personChat(e.To)
	if e.Chat = in.group; e.Chat == "" {
		e.Chat = e.To.Chat
	}
	e.EventInfo = p.info(joinWire("message_echo", in.kind), v)
	e.Time = in.at.Time()
	p.add(e)
	return nil
}

// maxEdits is how many edits inside an edit are read.
const maxEdits = 4

// readContent fills c. Content of another form than the type's is not an error;
// it leaves the type's field of c empty. depth counts the edits around this one.
func (in *metaElement) readContent(c *Content, depth int) {
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
		in.readEdit(c, depth)
	}
	if c.Text == "" && !in.strayText.IsAbsent() {
		c.Text, _ = in.strayText.Get("body").Text()
	}
}

func (in *metaElement) readEdit(c *Content, depth int) {
	c.OriginalID, _ = in.content.Get("original_message_id").Text()
	if edited := in.content.Get("message"); edited.IsObject() && depth < maxEdits {
		inner := readMeta(edited)
		c.Edit = &Content{}
		inner.readContent(c.Edit, depth+1)
		c.Text = c.Edit.Text
	}
}

// readContext reads the quoted message, the forwarding, the product, the group,
// the mentions and the referral.
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

// readInteractive reads a customer's choice or filled-in form. Its type may be
// missing, so the members decide.
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
				c.Flow.Response = string(response.Raw()) // an object instead of a text
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

// readContactCards reads contact cards. Of a card that differs from the
// documented form, it reads only the name and the numbers.
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
	notice.New.Chat = personChat(notice.New)
	return notice
}

// systemCustomer returns the number or BSUID of the customer whom a system note
// is about, for a note without "from".
func (in *metaElement) systemCustomer() string {
	for _, name := range [...]string{"customer", "user"} {
		if id, _ := in.content.Get(name).Text(); id != "" {
			return id
		}
	}
	return ""
}
