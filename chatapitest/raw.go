package chatapitest

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file writes webhooks in WhatsApp's own form, for a channel with the setting
// rawHooks. Whether the service then still sends the normalized form is not
// published. The fake sends both forms of each event.

const (
	businessAccount = "100000000000099"
	phoneNumberID   = "100000000000098"
)

// raw returns a webhook of WhatsApp with one change.
func (a *API) raw(field string, value object) webhook {
	value["messaging_product"] = "whatsapp"
	value["metadata"] = object{"display_phone_number": a.phone, "phone_number_id": phoneNumberID}
	return webhook{body: reply(http.StatusOK, object{"object": "whatsapp_business_account", "entry": []any{object{
		"id": businessAccount, "changes": []any{object{"field": field, "value": value}}}}}).body}
}

// rawOnly returns the webhook of an event that only WhatsApp's own form has; none if
// the setting rawHooks is off.
func (a *API) rawOnly(field string, value object) []webhook {
	if !a.settings["rawHooks"] {
		return nil
	}
	return []webhook{a.raw(field, value)}
}

// seconds returns the fake's time as WhatsApp writes it.
func (a *API) seconds() string { return unix(a.now()) }

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// raw returns the customer as WhatsApp names them in lists of people.
func (c *Customer) raw() object {
	person := object{"user_id": c.bsuid}
	if phone := c.shown(); phone != "" {
		person["wa_id"] = phone
	}
	return person
}

// rawContact returns the customer as an entry of the list of senders.
func (c *Customer) rawContact() object {
	contact := c.raw()
	profile := object{"name": c.name}
	if c.username != "" {
		profile["username"] = c.username
	}
	contact["profile"] = profile
	return contact
}

// rawMessage returns the raw webhook of a message. A message sent by the API has no
// raw webhook; one sent by the business's phone app is an echo.
func (a *API) rawMessage(m *message) (w webhook, ok bool) {
	switch {
	case m.self:
		return webhook{}, false
	case m.fromMe:
		return a.raw("smb_message_echoes", object{"message_echoes": []any{a.rawEcho(m)}}), true
	}
	return a.raw("messages", a.rawIncoming(m)), true
}

// rawEcho returns a message that the business sent without the API.
func (a *API) rawEcho(m *message) object {
	element := object{"id": m.id, "timestamp": unix(m.at), "from": a.phone}
	rawContent(element, m)
	if m.quoted != "" {
		element["context"] = object{"id": m.quoted}
	}
	c := m.thread.customer
	if phone := cmp.Or(c.shown(), m.toPhone); phone != "" {
		element["to"] = phone
	}
	element["to_user_id"] = c.bsuid
	return element
}

// rawIncoming returns the value of a change with a customer's message.
func (a *API) rawIncoming(m *message) object {
	element := object{"id": m.id, "timestamp": unix(m.at), "from_user_id": m.from.bsuid}
	rawContent(element, m)
	if phone := m.from.shown(); phone != "" {
		element["from"] = phone
	}
	if m.thread.group != nil {
		element["group_id"] = m.thread.group.id
	}
	if m.quoted != "" && m.typ != "reaction" {
		element["context"] = object{"from": a.phone, "id": m.quoted}
	}
	if referral := m.meta.object("referral"); referral != nil {
		element["referral"] = referral
	}
	return object{"contacts": []any{m.from.rawContact()}, "messages": []any{element}}
}

// rawContent writes the message's type, and the object named after that type.
func rawContent(element object, m *message) {
	body, caption := "", ""
	if m.body != nil {
		body = *m.body
	}
	if m.caption != nil {
		caption = *m.caption
	}
	kind, content := m.typ, object{}
	switch m.typ {
	case "chat":
		kind, content = "text", object{"body": body}
	case "image", "video", "audio", "voice", "document", "sticker":
		content = object{"id": m.mediaID, "mime_type": m.mime, "url": body}
		switch {
		case m.typ == "voice":
			kind, content["voice"] = "audio", true
		case m.typ == "document":
			content["filename"] = caption
		case caption != "":
			content["caption"] = caption
		}
	case "location":
		latitude, longitude, _ := strings.Cut(body, ";")
		lat, _ := strconv.ParseFloat(latitude, 64)
		long, _ := strconv.ParseFloat(longitude, 64)
		content = object{"latitude": lat, "longitude": long}
	case "vcard":
		element["type"], element["contacts"] = "contacts", []any{object{"vcard": body}}
		return
	case "reaction":
		content = object{"message_id": m.quoted, "emoji": body}
	case "interactive":
		content = m.meta.object("interactive")
	case "edit", "revoke", "order":
		content = m.meta.object(m.typ)
	case "button":
		content = object{"text": body, "payload": body}
		if payload := m.meta.object("button").text("payload"); payload != "" {
			content["payload"] = payload
		}
	case "request_welcome":
		element["type"] = kind
		return
	}
	element["type"], element[kind] = kind, content
}

// rawStatus returns the raw webhook of a status. It has a time, which a normalized
// one lacks, and no pricing. It names the number that the customer shows, or the one
// to which the message was sent. The username is in no status sent or failed (Meta's
// page on business-scoped ids, 2026-03, medium confidence).
func (a *API) rawStatus(m *message, c *Customer, status chatapi.Status, failure string) webhook {
	element := object{"id": m.id, "status": status, "timestamp": a.seconds()}
	phone, user := "recipient_id", "recipient_user_id"
	if g := m.thread.group; g != nil {
		element["recipient_type"], element["recipient_id"] = "group", g.id
		phone, user = "recipient_participant_id", "recipient_participant_user_id"
	}
	if c != nil {
		number, id := m.reaches(c)
		element[user] = id
		if number != "" {
			element[phone] = number
		}
	}
	value := object{"statuses": []any{element}}
	switch {
	case status == chatapi.StatusFailed:
		element["errors"] = []any{object{"code": 131000, "title": failure, "message": failure}}
	case c != nil:
		contact := c.rawContact()
		delete(contact, "wa_id")
		if number, ok := element[phone]; ok {
			contact["wa_id"] = number
		}
		contact["user_id"] = element[user]
		if status == chatapi.StatusSent {
			delete(asObject(contact["profile"]), "username")
		}
		value["contacts"] = []any{contact}
	}
	return a.raw("messages", value)
}
