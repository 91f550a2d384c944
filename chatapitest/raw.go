package chatapitest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// This file writes webhooks as WhatsApp itself does, for a channel with the
// setting rawHooks. Whether the normalized ones go on then is not published; here
// they do, so that one event comes in two shapes.

const (
	businessAccount = "100000000000099"
	phoneNumberID   = "100000000000098"
)

// raw is WhatsApp's webhook with one change.
func (a *API) raw(field string, value object) cause {
	value["messaging_product"] = "whatsapp"
	value["metadata"] = object{"display_phone_number": a.phone, "phone_number_id": phoneNumberID}
	return cause{body: reply(http.StatusOK, object{"object": "whatsapp_business_account", "entry": []any{object{
		"id": businessAccount, "changes": []any{object{"field": field, "value": value}}}}}).body}
}

// rawMessage is the raw webhook of a message. What the API itself sends has
// none; what the business's phone app sends is an echo.
func (a *API) rawMessage(m *message) (c cause, ok bool) {
	if m.self {
		return cause{}, false
	}
	element := object{"id": m.id, "timestamp": strconv.FormatInt(m.at.Unix(), 10)}
	rawContent(element, m)
	if m.fromMe {
		element["from"], element["to"] = a.phone, m.thread.customer.phone
		return a.raw("smb_message_echoes", object{"message_echoes": []any{element}}), true
	}
	profile := object{"name": m.from.name}
	if m.from.username != "" {
		profile["username"] = m.from.username
	}
	contact := object{"profile": profile, "user_id": m.from.bsuid}
	element["from_user_id"] = m.from.bsuid
	if m.from.phone != "" {
		element["from"], contact["wa_id"] = m.from.phone, m.from.phone
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
	return a.raw("messages", object{"contacts": []any{contact}, "messages": []any{element}}), true
}

// rawContent writes the type, and the object named after it.
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

// rawStatus is the raw webhook of a status. It has a time, which a normalized
// one has not, and no pricing.
func (a *API) rawStatus(m *message, status chatapi.Status, failure string) cause {
	element := object{"id": m.id, "status": status, "timestamp": strconv.FormatInt(a.now().Unix(), 10)}
	if g := m.thread.group; g != nil {
		element["recipient_type"], element["recipient_id"] = "group", g.id
	}
	if c := m.thread.customer; c != nil {
		element["recipient_user_id"] = c.bsuid
		if c.phone != "" {
			element["recipient_id"] = c.phone
		}
	}
	if status == chatapi.StatusFailed {
		element["errors"] = []any{object{"code": 131000, "title": failure, "message": failure}}
	}
	return a.raw("messages", object{"statuses": []any{element}})
}
