package chatapi

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the parts of a message's content that the service's own format
// and WhatsApp's format have in common.

// normalizedKinds has the documented types. It also has their EventInfo.Wire, to
// save an allocation.
var normalizedKinds = map[string]struct {
	wire string
	kind ContentType
}{
	"chat":                  {"message.chat", TypeText},
	"text":                  {"message.text", TypeText},
	"image":                 {"message.image", TypeImage},
	"video":                 {"message.video", TypeVideo},
	"audio":                 {"message.audio", TypeAudio},
	"voice":                 {"message.voice", TypeVoice},
	"ptt":                   {"message.ptt", TypeVoice},
	"document":              {"message.document", TypeDocument},
	"sticker":               {"message.sticker", TypeSticker},
	"location":              {"message.location", TypeLocation},
	"contact":               {"message.contact", TypeContacts},
	"contacts":              {"message.contacts", TypeContacts},
	"vcard":                 {"message.vcard", TypeContacts},
	"button":                {"message.button", TypeButton},
	"interactive":           {"message.interactive", TypeInteractive},
	"reaction":              {"message.reaction", TypeReaction},
	"request_welcome":       {"message.request_welcome", TypeRequestWelcome},
	"call_permission_reply": {"message.call_permission_reply", TypeCallPermission},
}

// messageWire returns EventInfo.Wire for a message. The usual ones are constants,
// to save an allocation.
func messageWire(kind string) string {
	if known, ok := normalizedKinds[kind]; ok {
		return known.wire
	}
	return joinWire("message", kind)
}

// locationOf reads a location: the object that Meta writes, or a text such as
// "38.8977;-77.0365", in which a comma or a space may separate latitude and
// longitude too. It returns nil if body names no place on earth.
func locationOf(body wire.Value) *ReceivedLocation {
	var place ReceivedLocation
	var okLat, okLong bool
	if body.IsObject() {
		place.Latitude, okLat = body.Get("latitude").Float()
		place.Longitude, okLong = body.Get("longitude").Float()
		place.Name, _ = body.Get("name").Text()
		place.Address, _ = body.Get("address").Text()
		place.URL, _ = body.Get("url").Text()
	} else {
		text, _ := body.Text()
		var parts []string
		if strings.Contains(text, ";") {
			parts = strings.Split(text, ";")
		} else {
			parts = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		}
		if len(parts) != 2 {
			return nil
		}
		place.Latitude, okLat = coordinate(parts[0])
		place.Longitude, okLong = coordinate(parts[1])
	}
	if okLat && okLong && place.Latitude >= -90 && place.Latitude <= 90 && place.Longitude >= -180 && place.Longitude <= 180 {
		return &place
	}
	if place.Name == "" && place.Address == "" && place.URL == "" {
		return nil
	}
	place.Latitude, place.Longitude, place.NoCoordinates = 0, 0, true
	return &place
}

func coordinate(text string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(text), ",", ".", 1), 64)
	return f, err == nil
}

// readChoice reads a button or row into reply. A blank member changes nothing.
func readChoice(v wire.Value, reply *Reply) {
	var id, payload, title, text string
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			id, _ = m.Value.Text()
		case "payload":
			payload, _ = m.Value.Text()
		case "title":
			title, _ = m.Value.Text()
		case "text":
			text, _ = m.Value.Text()
		case "description":
			description, _ := m.Value.Text()
			reply.Description = cmp.Or(description, reply.Description)
		}
	}
	reply.ID, reply.Title = cmp.Or(id, payload, reply.ID), cmp.Or(reply.Title, title, text)
}

// referralOf reads the ad or post that a chat began from, as Meta writes it. It
// returns nil if v has no member of it.
func referralOf(v wire.Value) *Referral {
	if !v.IsObject() {
		return nil
	}
	var r Referral
	for m := v.Object(); m.Next(); {
		text, _ := m.Value.Text()
		switch string(m.Name) {
		case "source_type":
			r.SourceType = text
		case "source_id":
			r.SourceID = text
		case "source_url":
			r.SourceURL = text
		case "headline":
			r.Headline = text
		case "body":
			r.Body = text
		case "ctwa_clid":
			r.ClickID = text
		case "media_type":
			r.MediaType = text
		case "image_url":
			r.MediaURL = cmp.Or(text, r.MediaURL)
		case "video_url":
			r.MediaURL, r.VideoURL = cmp.Or(r.MediaURL, text), text
		case "image", "video": // of the on-premise format
			r.MediaID = memberText(m.Value, "id")
		case "ref":
			r.Ref = text
		case "thumbnail_url":
			r.ThumbnailURL = text
		case "welcome_message":
			r.Welcome = cmp.Or(text, memberText(m.Value, "text"))
		}
	}
	if r == (Referral{}) {
		return nil
	}
	return &r
}

// readFlowReply reads the answers to a form. Some forwarders encode them twice: a JSON
// text that holds JSON.
func readFlowReply(v wire.Value) *FlowReply {
	response := v.Get("response_json")
	flow := &FlowReply{Name: memberText(v, "name")}
	var err error
	if flow.Response, err = response.Text(); err != nil {
		flow.Response = string(response.Raw()) // an object instead of a text
	}
	document := []byte(flow.Response)
	if !wire.IsDocument(document) {
		return flow
	}
	flow.JSON = document
	if inner, err := wire.Root(document).Text(); err == nil && wire.IsDocument([]byte(inner)) {
		if value := wire.Root([]byte(inner)); value.IsObject() || value.IsArray() {
			flow.JSON = []byte(inner)
		}
	}
	return flow
}

func readPermission(v wire.Value) *CallPermission {
	p := &CallPermission{Response: memberText(v, "response"), Source: memberText(v, "response_source"), Expires: v.Get("expiration_timestamp").Time()}
	p.Permanent, _ = v.Get("is_permanent").Bool()
	return p
}

func readPaymentReply(v wire.Value) *PaymentReply {
	return &PaymentReply{Method: memberText(v, "payment_method"), ReferenceID: memberText(v, "reference_id"), CredentialID: memberText(v, "credential_id"),
		LastFourDigits: memberText(v, "last_four_digits"), Time: v.Get("payment_timestamp").Time()}
}

// readIdentity returns nil if v is not an object.
func readIdentity(v wire.Value) *IdentityCheck {
	if !v.IsObject() || v.IsBlank() {
		return nil
	}
	check := &IdentityCheck{Hash: memberText(v, "hash"), Created: v.Get("created_timestamp").Time()}
	check.Acknowledged, _ = v.Get("acknowledged").Bool()
	return check
}

// readStickerPack returns nil if v is not an object.
func readStickerPack(v wire.Value) *StickerPack {
	if !v.IsObject() {
		return nil
	}
	pack := &StickerPack{ID: memberText(v, "sticker-pack-id"), Name: memberText(v, "sticker-pack-name"),
		Publisher: memberText(v, "sticker-pack-publisher"), Emojis: textsOf(v.Get("emojis")),
		AndroidURL: memberText(v, "android-app-store-link"), IOSURL: memberText(v, "ios-app-store-link")}
	pack.FirstParty, _ = v.Get("is-first-party-sticker").Bool()
	return pack
}

// blankContent finds the content of a message whose type's member says nothing: that
// of another name which does.
func (in *metaElement) blankContent(v wire.Value) {
	outer := *in
	if in.guessKind(v); in.kind == "text" || in.content.IsBlank() {
		in.kind, in.contentName, in.content = outer.kind, outer.kind, outer.content
	}
	in.said = outer.said
}

// isContent reports whether content of a message can have that name, other than a
// text.
func isContent(name string) bool {
	switch name {
	case "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "interactive", "button", "order",
		"reaction", "system", "edit", "revoke", "unsupported":
		return true
	}
	return false
}

func readOrder(v wire.Value) *ReceivedOrder {
	order := &ReceivedOrder{}
	order.CatalogID, _ = v.Get("catalog_id").Text()
	order.Text, _ = v.Get("text").Text()
	for list := v.Get("product_items").List(); list.Next(); {
		var item ReceivedItem
		item.ProductID, _ = list.Value.Get("product_retailer_id").Text()
		item.Quantity, _ = list.Value.Get("quantity").Text()
		item.Price, _ = list.Value.Get("item_price").Text()
		item.Currency, _ = list.Value.Get("currency").Text()
		order.Items = append(order.Items, item)
	}
	return order
}
