package chatapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// Text is a plain text message. It needs an open service window.
type Text struct {
	// Body is 1 to 4096 characters (contract, "Limits"; documented). WhatsApp
	// formats *bold*, _italic_, ~struck~ and ```fixed``` text.
	Body string
}

func (m Text) encode() (encoded, error) {
	var c checker
	c.text("Body", m.Body, 4096)
	return encoded{operation: "sendMessage", text: m.Body, historyText: m.Body}, c.err()
}

// File is an image, video, audio or document, with an optional caption. It
// needs an open service window.
type File struct {
	// Media is the file itself.
	Media Media

	// Name is the file name with its extension, up to 240 characters. The
	// service requires it, and the customer sees it on a document. If it is
	// empty, the name of the media or the last part of its link is used. An
	// uploaded file needs no name.
	Name string

	// Caption is up to 1024 characters (contract, "Limits"; documented).
	Caption string

	// Voice sends an audio/ogg file as a voice note, with a waveform and
	// without a caption.
	Voice bool
}

func (m File) encode() (encoded, error) {
	var c checker
	m.Media.check(&c, "Media")
	c.playable("Media", m.Media, cmp.Or(strings.TrimSpace(m.Name), m.Media.fileName()))
	c.optional("Name", m.Name, 240)
	c.require(!strings.ContainsFunc(m.Name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }),
		"Name", "holds a slash or a control character; give the file name alone")
	c.optional("Caption", m.Caption, 1024)

	var body struct {
		Body      string      `json:"body,omitempty"`
		MediaID   string      `json:"mediaId,omitempty"`
		MediaType ContentType `json:"mediaType,omitempty"`
		Filename  string      `json:"filename,omitempty"`
		Caption   string      `json:"caption,omitempty"`
		Voice     bool        `json:"voice,omitzero"`
	}
	body.Filename, body.Caption, body.Voice = strings.TrimSpace(m.Name), m.Caption, m.Voice
	switch media := m.Media; {
	case media.id != "":
		body.MediaID, body.MediaType = media.id, media.kind
		switch media.kind {
		case TypeImage, TypeVideo, TypeAudio, TypeDocument:
		default:
			c.fail("Media", "has the kind "+quote(string(media.kind))+", which is not that of a file; give MediaID TypeImage, TypeVideo, TypeAudio or TypeDocument")
		}
		c.require(!m.Voice || media.kind == TypeAudio, "Voice", "is set, and the file is not audio; give MediaID TypeAudio, or leave Voice out")
	default:
		body.Filename = cmp.Or(body.Filename, media.fileName())
		c.require(body.Filename != "", "Name", "is empty, and neither the media nor its link has a file name; give one such as invoice.pdf")
		c.require(len(path.Ext(body.Filename)) > 1, "Name", "is "+quote(body.Filename)+", which has no extension; write it as invoice.pdf")
		voice := isVoiceName(body.Filename)
		if media.inline {
			voice = media.contentType() == "audio/ogg"
		}
		c.require(!m.Voice || voice, "Voice", "is set, and the file is not audio/ogg; convert the file to Ogg with the Opus codec, or leave Voice out")
	}
	c.require(!m.Voice || m.Caption == "", "Caption", "does not go with a voice note; send the text as a message of its own")
	if err := c.err(); err != nil {
		return encoded{}, err
	}
	switch { // after the checks, since encoding 16 MiB takes time
	case m.Media.inline:
		body.Body = m.Media.dataURI()
	case m.Media.link != "":
		body.Body = m.Media.link
	}
	return encoded{operation: "sendFile", body: body, historyText: m.Caption}, nil
}

// Sticker is a webp image without a frame. It needs an open service window.
type Sticker struct {
	// Media is a public link to a webp file, or an uploaded file of
	// [TypeSticker]. Upload bytes first, with [MediaService.Upload].
	Media Media
}

func (m Sticker) encode() (encoded, error) {
	var c checker
	m.Media.check(&c, "Media")
	c.require(!m.Media.inline, "Media", "has bytes; upload them first and use MediaID, or give a link")
	c.require(m.Media.id == "" || m.Media.kind == TypeSticker, "Media", "has the kind "+quote(string(m.Media.kind))+", which is not that of a sticker; give MediaID TypeSticker")
	return encoded{operation: "sendSticker", body: struct {
		MediaID string `json:"mediaId,omitempty"`
		Link    string `json:"link,omitempty"`
	}{m.Media.id, m.Media.link}}, c.err()
}

// Location is a point on the map. It needs an open service window.
type Location struct {
	// Latitude is -90 to 90 degrees, Longitude -180 to 180.
	Latitude, Longitude float64

	// Name and Address describe the place, up to 1000 characters each; both
	// are optional. WhatsApp shows an address only below a name, so an address
	// without a name is [ErrInvalid].
	Name, Address string
}

func (m Location) encode() (encoded, error) {
	var c checker
	m.check(&c)
	return encoded{operation: "sendLocation", body: struct {
		Lat     string `json:"lat"`
		Lng     string `json:"lng"`
		Name    string `json:"name,omitempty"`
		Address string `json:"address,omitempty"`
	}{degrees(m.Latitude), degrees(m.Longitude), m.Name, m.Address}}, c.err()
}

func (m Location) check(c *checker) {
	c.require(m != Location{}, "Latitude", "is 0, like the longitude, and the name is empty; give the coordinates of the place")
	c.require(math.Abs(m.Latitude) <= 90, "Latitude", fmt.Sprintf("is %v, but must be -90 to 90; it may have changed places with the Longitude", m.Latitude))
	c.require(math.Abs(m.Longitude) <= 180, "Longitude", fmt.Sprintf("is %v, but must be -180 to 180; give it in degrees", m.Longitude))
	c.optional("Name", m.Name, 1000) // no limit is documented; 1000 keeps nonsense out
	c.optional("Address", m.Address, 1000)
	c.require(m.Address == "" || m.Name != "", "Name", "is empty, and WhatsApp shows an address only below a name; give both")
}

// degrees returns a coordinate as text without an exponent, the service's form.
func degrees(d float64) string {
	if d == 0 {
		d = 0 // turns -0 into 0
	}
	return strconv.FormatFloat(d, 'f', -1, 64)
}

// Contacts is a message with address-book cards. It needs an open service
// window.
type Contacts struct {
	// Cards are 1 to 257 (Meta's limit; the contract names none).
	Cards []ContactCard
}

// ContactCard is one person or company. Only the name is required.
type ContactCard struct {
	Name      ContactName      `json:"name"`
	Phones    []ContactPhone   `json:"phones,omitempty"`
	Emails    []ContactEmail   `json:"emails,omitempty"`
	Org       ContactOrg       `json:"org,omitzero"`
	URLs      []ContactURL     `json:"urls,omitempty"`
	Addresses []ContactAddress `json:"addresses,omitempty"`

	// Birthday is a date such as "1990-12-31".
	Birthday string `json:"birthday,omitempty"`

	// The fields from here on are set on received cards only, and never sent.

	// Origin is "contact_request" if the customer shared their own number because
	// the business asked for it, "other" for any other card (known since June 2026
	// from Meta's page on business-scoped user ids, high confidence).
	Origin string `json:"origin,omitempty"`

	// VCard is the whole card as vCard text; empty if there is none (known since June
	// 2026, as Origin; in the service's own format since 2020).
	VCard string `json:"vcard,omitempty"`

	// Messengers are the person's names elsewhere, and Image is their picture in
	// base64 (ims and contact_image of the on-premise format, until 2025, high
	// confidence).
	Messengers []ContactMessenger `json:"ims,omitempty"`
	Image      string             `json:"contact_image,omitempty"`
}

// ContactMessenger is a person's name in another messenger, such as "AIM".
type ContactMessenger struct {
	Service string `json:"service"`
	UserID  string `json:"user_id"`
}

// ContactName is a name in parts. WhatsApp requires the formatted name and at
// least one part. If Formatted is empty, it is made from the parts; if there are
// no parts, First is sent as a copy of Formatted.
type ContactName struct {
	Formatted string `json:"formatted_name"`
	First     string `json:"first_name,omitempty"`
	Middle    string `json:"middle_name,omitempty"`
	Last      string `json:"last_name,omitempty"`
	Prefix    string `json:"prefix,omitempty"`
	Suffix    string `json:"suffix,omitempty"`
}

// ContactPhone is a phone number on a card.
type ContactPhone struct {
	// Number is usually written with its plus sign.
	Number string `json:"phone"`

	// Type is CELL, MAIN, IPHONE, HOME or WORK; it may be empty.
	Type string `json:"type,omitempty"`

	// WhatsAppID is the number in digits, if it is on WhatsApp. The card then
	// has a button to write to that number.
	WhatsAppID string `json:"wa_id,omitempty"`
}

// ContactEmail is an email address on a card; Type is HOME or WORK, or empty.
type ContactEmail struct {
	Address string `json:"email"`
	Type    string `json:"type,omitempty"`
}

// ContactOrg is the employer of the person on a card.
type ContactOrg struct {
	Company    string `json:"company,omitempty"`
	Department string `json:"department,omitempty"`
	Title      string `json:"title,omitempty"`
}

// ContactURL is a web page on a card; Type is HOME or WORK, or empty.
type ContactURL struct {
	URL  string `json:"url"`
	Type string `json:"type,omitempty"`
}

// ContactAddress is a postal address on a card; Type is HOME or WORK, or empty.
type ContactAddress struct {
	Street      string `json:"street,omitempty"`
	City        string `json:"city,omitempty"`
	State       string `json:"state,omitempty"`
	Zip         string `json:"zip,omitempty"`
	Country     string `json:"country,omitempty"`
	CountryCode string `json:"country_code,omitempty"`
	Type        string `json:"type,omitempty"`
}

// maxCards is Meta's limit; the contract names none.
const maxCards = 257

func (m Contacts) encode() (encoded, error) {
	var c checker
	c.count("Cards", len(m.Cards), 1, maxCards, "cards")
	cards := make([]ContactCard, len(m.Cards))
	for i, card := range m.Cards {
		cards[i] = card.complete()
		cards[i].check(&c, at("Cards", i, ""))
	}
	return encoded{operation: "sendContact", body: struct {
		Contacts []ContactCard `json:"contacts"`
	}{cards}}, c.err()
}

// complete returns the card with the parts of a name that WhatsApp requires, and
// without the parts that only received cards have.
func (card ContactCard) complete() ContactCard {
	card.Origin, card.VCard, card.Messengers, card.Image = "", "", nil, ""
	n := &card.Name
	parts := strings.Join(strings.Fields(strings.Join([]string{n.Prefix, n.First, n.Middle, n.Last, n.Suffix}, " ")), " ")
	if n.Formatted == "" {
		n.Formatted = parts
	}
	if parts == "" {
		n.First = n.Formatted
	}
	return card
}

func (card ContactCard) check(c *checker, place string) {
	const limit = 1000 // no limit is documented; 1000 keeps nonsense out
	n := card.Name
	c.text(place+".Name", n.Formatted, limit)
	for _, part := range []string{n.First, n.Middle, n.Last, n.Prefix, n.Suffix} {
		c.optional(place+".Name", part, limit)
	}
	for i, p := range card.Phones {
		c.text(at(place+".Phones", i, "Number"), p.Number, limit)
		c.optional(at(place+".Phones", i, "Type"), p.Type, limit)
		c.require(p.WhatsAppID == "" || isPhone(p.WhatsAppID), at(place+".Phones", i, "WhatsAppID"), "is "+quote(p.WhatsAppID)+", but must be 6 to 15 digits; write it with the country code and without the plus")
	}
	for i, e := range card.Emails {
		c.text(at(place+".Emails", i, "Address"), e.Address, limit)
		c.optional(at(place+".Emails", i, "Type"), e.Type, limit)
	}
	for i, u := range card.URLs {
		c.text(at(place+".URLs", i, "URL"), u.URL, maxURL)
		c.optional(at(place+".URLs", i, "Type"), u.Type, limit)
	}
	for i, a := range card.Addresses {
		c.require(a != ContactAddress{Type: a.Type}, at(place+".Addresses", i, ""), "is empty; fill in a part of it, or leave it out")
		for _, part := range []string{a.Street, a.City, a.State, a.Zip, a.Country, a.CountryCode, a.Type} {
			c.optional(at(place+".Addresses", i, ""), part, limit)
		}
	}
	for _, part := range []string{card.Org.Company, card.Org.Department, card.Org.Title} {
		c.optional(place+".Org", part, limit)
	}
	if card.Birthday != "" {
		_, err := time.Parse(time.DateOnly, card.Birthday)
		c.require(err == nil, place+".Birthday", "is "+quote(card.Birthday)+", but must be a date; write it as 1990-12-31")
	}
}

// Reaction puts an emoji on a message, or removes it. It needs an open service
// window and takes no [ReplyTo].
type Reaction struct {
	// MessageID is the message to react to.
	MessageID string

	// Emoji is one emoji; an empty one removes the reaction.
	Emoji string
}

func (m Reaction) encode() (encoded, error) {
	var c checker
	c.require(m.MessageID != "", "MessageID", "is empty; take the ID of the message to react to")
	c.text("MessageID", m.MessageID, 512)
	c.require(isEmoji(m.Emoji), "Emoji", "is "+quote(m.Emoji)+", but must be one emoji; leave it empty to remove the reaction")
	return encoded{operation: "sendReaction", noReply: true, body: struct {
		Body        string `json:"body"`
		QuotedMsgID string `json:"quotedMsgId"`
	}{m.Emoji, m.MessageID}}, c.err()
}

// isEmoji reports whether text is empty or may be an emoji. It does not count
// emojis: each version of Unicode changes which sequences are one emoji.
func isEmoji(text string) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > 16 {
		return false
	}
	symbol := text == ""
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsSpace(r) || unicode.IsControl(r) {
			return false
		}
		symbol = symbol || r > unicode.MaxASCII
	}
	return symbol
}

// Custom sends an operation of the service that this version has no type for.
type Custom struct {
	// Operation is the path of the operation, such as "sendPoll".
	Operation string

	// Body is the JSON object to send, up to 24 MiB, without the recipient and
	// the token, which the client adds. It may hold a "quotedMsgId"; then
	// [ReplyTo] is [ErrInvalid].
	Body json.RawMessage
}

func (m Custom) encode() (encoded, error) {
	var c checker
	c.require(isOperation(m.Operation), "Operation", "is "+quote(m.Operation)+", but must be the name of an operation; write it alone, such as sendPoll")
	c.require(len(m.Body) <= maxCustom, "Body", fmt.Sprintf("is over %d MiB; give a file as a link", maxCustom>>20))
	if err := c.err(); err != nil {
		return encoded{}, err
	}
	var members map[string]json.RawMessage
	if !isObject(m.Body) {
		return encoded{}, invalid("Body", "is not a JSON object; write the members of the request in braces")
	}
	if err := wire.Unmarshal(m.Body, &members); err != nil {
		return encoded{}, invalid("Body", "is not a JSON object: "+clip(err.Error(), 200))
	}
	for name := range members {
		for _, reserved := range []string{"phone", "chatId", "bsuid", "username"} {
			c.require(!strings.EqualFold(name, reserved), "Body", "names the recipient ("+reserved+"); leave it out, since the send adds it")
		}
		c.require(!strings.EqualFold(name, "token"), "Body", "holds a token; leave it out, since the client adds it")
	}
	_, quotes := members["quotedMsgId"]
	return encoded{operation: m.Operation, body: m.Body, historyText: textInHistory(m.Operation, m.Body), noReply: quotes}, c.err()
}

// maxCustom is the largest body of a Custom in bytes. It leaves room for a file
// of MaxInlineMedia in base64.
const maxCustom = 24 << 20
