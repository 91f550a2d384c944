package chatapitest

import (
	"net/http"
	"strconv"
	"strings"

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

// rawMessage returns the raw webhook of a message. A message sent by the API has no
// raw webhook; one sent by the business's phone app is an echo.
func (a *API) rawMessage(m *message) (w webhook, ok bool) {
	if m.self {
		return webhook{}, false
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
// one lacks, and no pricing.
func (a *API) rawStatus(m *message, status chatapi.Status, failure string) webhook {
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
