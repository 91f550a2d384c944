package desk

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// The bounds of what is kept of a message.
const (
	longestBody = 64 << 10
	longestRaw  = 16 << 10
	mostParts   = 50 // contacts, items or lines of one message
)

// content is what a message says, as its row has it.
type content struct {
	kind, body string
	extra      Extra
	media      *chatapi.ReceivedMedia
}

// read returns what a message says. raw is for a kind that the SDK does not know.
func read(c chatapi.Content, raw json.RawMessage) content {
	m := content{kind: string(c.Type), body: cut(c.Text, longestBody), media: c.Media}
	x := &m.extra
	if c.Location != nil {
		x.Place = &Place{Latitude: c.Location.Latitude, Longitude: c.Location.Longitude, Name: short(c.Location.Name), Address: short(c.Location.Address)}
		if c.Location.NoCoordinates && x.Place.Name == "" {
			x.Place.Name = short(c.Location.URL)
		}
	}
	for _, card := range some(c.Cards) {
		p := Person{Name: short(card.Name.Formatted)}
		for _, phone := range some(card.Phones) {
			p.Phones = append(p.Phones, short(phone.Number))
		}
		x.People = append(x.People, p)
	}
	if c.Order != nil {
		for _, item := range some(c.Order.Items) {
			x.Items = append(x.Items, itemOf(item))
		}
		if m.body == "" {
			m.body = cut(c.Order.Text, longestBody)
		}
	}
	if c.Reply != nil {
		x.Choice = short(c.Reply.ID)
		x.Footer = short(c.Reply.Description)
	}
	if c.Flow != nil {
		x.Form = formLines(c.Flow.JSON)
	}
	if c.Product != nil {
		x.Header = "About the product " + short(c.Product.ProductID)
	}
	m.explain(c, raw)
	return m
}

// explain says in words what the page has no other form for.
func (m *content) explain(c chatapi.Content, raw json.RawMessage) {
	x := &m.extra
	switch {
	case c.Type == chatapi.TypeUnsupported, c.Type == chatapi.TypeOther, c.Type == "":
		m.kind = string(chatapi.TypeUnsupported)
		x.Why = "A kind of message that this version cannot show."
		if len(c.Errors) > 0 || c.Unsupported != "" {
			x.Why = short(strings.Trim(c.Display(), "[]"))
		}
		x.Raw = cut(string(raw), longestRaw)
	case len(c.Errors) > 0:
		x.Why = errorText(c.Errors)
	case c.Permission != nil && m.body == "":
		m.body = map[bool]string{true: "Calls are allowed.", false: "Calls are not allowed."}[c.Permission.Response == "accept"]
	case c.Type == chatapi.TypeRequestWelcome && m.body == "":
		m.body = "The customer has opened the chat for the first time."
	case c.Payment != nil && m.body == "":
		m.body = "The customer agrees to pay with the stored card that ends in " + short(c.Payment.LastFourDigits) + "."
	}
}

func itemOf(item chatapi.ReceivedItem) Item {
	quantity, err := strconv.Atoi(item.Quantity)
	if err != nil {
		quantity = 1
	}
	return Item{Product: short(item.ProductID), Quantity: quantity, Price: short(strings.TrimSpace(item.Price + " " + item.Currency))}
}

// formLines returns the answers of a form, one a line.
func formLines(answers json.RawMessage) (lines []string) {
	var fields map[string]any
	if json.Unmarshal(answers, &fields) != nil {
		return nil
	}
	delete(fields, "flow_token")
	for _, name := range some(slices.Sorted(maps.Keys(fields))) {
		lines = append(lines, short(fmt.Sprintf("%s: %v", name, fields[name])))
	}
	return lines
}

// errorText returns why a message failed, in the SDK's sentence or the service's words.
func errorText(all []chatapi.StatusError) string {
	for _, e := range all {
		for _, text := range []string{e.Sentence, e.Details, e.Title, e.Message} {
			if text != "" {
				return short(text)
			}
		}
	}
	return ""
}

// label names a message without a text, for lists and quotes.
func label(kind, origin string) string {
	word, ok := map[string]string{
		"image": "photo", "video": "video", "audio": "sound", "voice": "voice message", "document": "file", "sticker": "sticker",
		"location": "place", "contacts": "contact", "order": "order", "interactive": "choice", "button": "choice", "template": "template",
		callKind: "call", "unsupported": "message that cannot be shown",
	}[kind]
	if !ok {
		word = "message"
	}
	if origin == fromHistory {
		word = "earlier " + word
	}
	return "(" + word + ")"
}

// some returns the parts of a message that are kept.
func some[T any](parts []T) []T { return parts[:min(len(parts), mostParts)] }

// short returns a text of a detail.
func short(text string) string { return cut(strings.TrimSpace(text), 1000) }

// line returns a text in one line of at most n characters.
func line(text string, n int) string {
	return Shorten(strings.Join(strings.Fields(store.Text(cut(text, 8*n))), " "), n)
}

// Shorten returns a text of at most n characters.
func Shorten(text string, n int) string {
	if utf8.RuneCountInString(text) <= n { // without a copy, since pages call it for every name
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// cut returns a text that the tables keep, of at most n bytes.
func cut(text string, n int) string {
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") + "…"
	}
	return store.Text(text)
}
