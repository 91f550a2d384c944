package chatapitest

import (
	"cmp"
	"fmt"
	"mime"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// This file has the messages that a customer can write.

// Says sends a text. Like each message of a customer, it opens the service
// window.
func (c *Customer) Says(text string) string {
	return c.writes(incoming{typ: "chat", body: &text, act: "says", args: []string{text}})
}

// Replies sends a text that quotes a message.
func (c *Customer) Replies(messageID, text string) string {
	return c.writes(incoming{typ: "chat", body: &text, quoted: messageID, act: "replies", args: []string{text}})
}

// Taps taps a reply button, or a quick reply of a template, on the newest message
// that has it. The button is named by its id or payload, or by its title.
//
// The service does not document the place of the id or payload in a normalized
// webhook. The fake assumes meta.interactive and meta.button, as Meta nests them.
func (c *Customer) Taps(button string) string { return c.told(c.tap(button)) }

func (c *Customer) tap(button string) (string, error) {
	var found Button
	var on string
	for _, r := range slices.Backward(c.Received()) {
		for _, b := range r.Buttons {
			if on == "" && (b.kind == "button_reply" || b.kind == "button") && (b.ID == button || b.Title == button) {
				found, on = b, r.ID
			}
		}
	}
	switch {
	case on == "":
		return "", c.cannot("tap %q: no message has such a button%s", short(button), c.buttonsOnPhone())
	case found.kind == "button":
		tap := incoming{typ: "button", body: &found.Title, quoted: on, act: "taps", args: []string{found.Title}}
		if found.payload != "" {
			tap.meta = object{"button": object{"payload": found.payload, "text": found.Title}}
		}
		return c.writes(tap), nil
	}
	return c.writes(incoming{typ: "interactive", body: &found.Title, quoted: on, act: "taps", args: []string{found.Title}, meta: object{"interactive": object{
		"type": "button_reply", "button_reply": object{"id": found.ID, "title": found.Title}}}}), nil
}

// buttonsOnPhone returns the buttons of the newest message, for the error of a tap.
func (c *Customer) buttonsOnPhone() string {
	var titles []string
	last := c.LastReceived()
	for _, b := range last.Buttons {
		switch b.kind {
		case "flow":
			return fmt.Sprintf("; %q opens a flow, which Submits answers", b.Title)
		case "":
			titles = append(titles, fmt.Sprintf("%q (a link)", b.Title))
		default:
			titles = append(titles, strconv.Quote(b.Title))
		}
	}
	switch {
	case len(titles) > 0:
		return "; the newest one has " + strings.Join(titles, ", ")
	case len(last.Rows) > 0:
		return "; the newest one has a list, from which Picks picks a row"
	}
	return ""
}

// Picks picks a row of a list on the newest message that has it. The row is named
// by its id or title.
func (c *Customer) Picks(rowID string) string { return c.told(c.pick(rowID)) }

func (c *Customer) pick(rowID string) (string, error) {
	for _, r := range slices.Backward(c.Received()) {
		for _, row := range r.Rows {
			if r.Label == "" || row.ID != rowID && row.Title != rowID {
				continue
			}
			choice := object{"id": row.ID, "title": row.Title}
			if row.Description != "" {
				choice["description"] = row.Description
			}
			return c.writes(incoming{typ: "interactive", body: &row.Title, quoted: r.ID, act: "picks", args: []string{row.Title}, meta: object{"interactive": object{
				"type": "list_reply", "list_reply": choice}}}), nil
		}
	}
	return "", c.cannot("pick %q: no list has such a row", short(rowID))
}

// File is a file that a customer sends.
type File struct {
	// Type is image, video, audio, voice, document or sticker. If it is empty,
	// the fake guesses it from Name and MIMEType, and else takes a document.
	Type chatapi.ContentType

	Name, Caption string
	MIMEType      string

	// URL is the address of the file. If it is empty, the fake serves Data at an
	// address of its own, which Transport reaches.
	URL  string
	Data []byte
}

// maxFile is the size of the largest file that WhatsApp passes on to a business (Meta,
// "Supported media types", 2026-11; high).
const maxFile = 100 << 20

// Sends sends a file of at most 100 MB to the channel.
func (c *Customer) Sends(f File) string { return c.told(c.sendFile(f)) }

func (c *Customer) sendFile(f File) (string, error) {
	switch {
	case !c.valid():
		return "", nil
	case len(f.Data) > maxFile:
		return "", c.cannot("send %q: the file has %d bytes, and WhatsApp passes on at most %d; give an address in URL, or less Data",
			short(f.Name), len(f.Data), maxFile)
	}
	guessed := kindOfFile(f.MIMEType, f.Name)
	f.Type = cmp.Or(f.Type, guessed)
	line := []string{cmp.Or(f.Name, path.Base(f.URL)), f.Caption}
	if f.Type != guessed {
		line = append(line, string(f.Type))
	}
	caption := cmp.Or(f.Caption, f.Name)
	if f.Type != chatapi.TypeDocument {
		caption = f.Caption
	}
	c.api.mu.Lock()
	kept := &media{id: c.api.number()}
	if f.URL == "" {
		kept = c.api.keepData(f.Data, cmp.Or(f.MIMEType, mime.TypeByExtension(path.Ext(f.Name)), "application/octet-stream"), f.Name)
		f.URL = kept.url
	}
	c.api.mu.Unlock()
	return c.writes(incoming{typ: string(f.Type), body: &f.URL, caption: optional(caption),
		mediaID: kept.id, mime: cmp.Or(kept.mime, f.MIMEType), act: "sends", args: line}), nil
}

// SharesLocation sends a place, in degrees.
func (c *Customer) SharesLocation(latitude, longitude float64) string {
	degrees := []string{strconv.FormatFloat(latitude, 'f', -1, 64), strconv.FormatFloat(longitude, 'f', -1, 64)}
	place := strings.Join(degrees, ";")
	return c.writes(incoming{typ: "location", body: &place, act: "shares location", args: degrees})
}

// SharesContact sends a contact card with that name and number.
func (c *Customer) SharesContact(name, number string) string {
	card := fmt.Sprintf("BEGIN:VCARD\nVERSION:3.0\nFN:%s\nTEL:%s\nEND:VCARD", name, number)
	return c.writes(incoming{typ: "vcard", body: &card, act: "shares contact", args: []string{name, number}})
}

// Reacts puts an emoji on a message; an empty emoji removes the reaction. An empty
// messageID stands for the newest message received.
func (c *Customer) Reacts(messageID, emoji string) string { return c.told(c.react(messageID, emoji)) }

func (c *Customer) react(messageID, emoji string) (string, error) {
	target := cmp.Or(messageID, c.LastReceived().ID)
	if target == "" {
		return "", c.cannot("react: no message was received")
	}
	return c.writes(incoming{typ: "reaction", body: &emoji, quoted: target, act: "reacts", args: []string{emoji}}), nil
}

// ClicksAd sends a text after a click on an ad or a post. The fake fills in an
// empty SourceType ("ad"), SourceID, SourceURL and, for an ad, ClickID.
//
// The service does not document the place of the referral in a normalized
// webhook. The fake assumes meta.referral, with Meta's member names.
func (c *Customer) ClicksAd(ad chatapi.Referral, text string) string {
	if !c.valid() {
		return ""
	}
	c.api.mu.Lock()
	ad.SourceType = cmp.Or(ad.SourceType, "ad")
	ad.SourceID = cmp.Or(ad.SourceID, c.api.number())
	ad.SourceURL = cmp.Or(ad.SourceURL, "https://fb.example/"+ad.SourceID)
	if ad.SourceType == "ad" {
		ad.ClickID = cmp.Or(ad.ClickID, c.api.id("clid"))
	}
	c.api.mu.Unlock()
	referral := object{"source_type": ad.SourceType, "source_id": ad.SourceID, "source_url": ad.SourceURL,
		"headline": ad.Headline, "body": ad.Body}
	if ad.ClickID != "" {
		referral["ctwa_clid"] = ad.ClickID
	}
	return c.writes(incoming{typ: "chat", body: &text, meta: object{"referral": referral}, act: "clicks ad", args: []string{text, ad.Headline}})
}

// OpensChat opens the chat for the first time and writes nothing: the channel gets
// a [chatapi.TypeRequestWelcome] event.
func (c *Customer) OpensChat() string {
	return c.writes(incoming{typ: "request_welcome", act: "opens chat", meta: object{"request_welcome": true}})
}

// kindOfFile guesses the type of a file from its name and media type.
func kindOfFile(mimeType, name string) chatapi.ContentType {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return chatapi.TypeImage
	case ".mp4", ".3gp":
		return chatapi.TypeVideo
	case ".mp3", ".ogg", ".m4a", ".amr", ".aac":
		return chatapi.TypeAudio
	}
	switch kind, _, _ := strings.Cut(mimeType, "/"); kind {
	case "image", "video", "audio":
		return chatapi.ContentType(kind)
	}
	return chatapi.TypeDocument
}
