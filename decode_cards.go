package chatapi

import (
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads contact cards: as WhatsApp writes them, and as vCard text.

// readContactCards reads contact cards, whatever the form of their members.
func readContactCards(v wire.Value) (cards []ContactCard) {
	for list := v.List(); list.Next(); {
		if list.Value.IsObject() {
			cards = append(cards, readContactCard(list.Value))
		} else if text, _ := list.Value.Text(); text != "" {
			cards = append(cards, readVCards(text)...)
		}
	}
	return cards
}

func readContactCard(v wire.Value) (card ContactCard) {
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "name":
			if m.Value.IsString() { // a forwarder may write the name alone
				card.Name.Formatted, _ = m.Value.Text()
				continue
			}
			card.Name = ContactName{Formatted: memberText(m.Value, "formatted_name"), First: memberText(m.Value, "first_name"),
				Middle: memberText(m.Value, "middle_name"), Last: memberText(m.Value, "last_name"),
				Prefix: memberText(m.Value, "prefix"), Suffix: memberText(m.Value, "suffix")}
		case "org":
			card.Org = ContactOrg{memberText(m.Value, "company"), memberText(m.Value, "department"), memberText(m.Value, "title")}
		case "birthday":
			card.Birthday, _ = m.Value.Text()
		case "origin":
			card.Origin, _ = m.Value.Text()
		case "vcard":
			card.VCard, _ = m.Value.Text()
		case "contact_image":
			card.Image, _ = m.Value.Text()
		case "phones", "emails", "urls", "addresses", "ims":
			for list := m.Value.List(); list.Next(); {
				card.addEntry(string(m.Name), list.Value)
			}
		}
	}
	return card
}

// addEntry adds an element of one of the card's lists.
func (card *ContactCard) addEntry(list string, v wire.Value) {
	kind := memberText(v, "type")
	alone, _ := v.Text() // a forwarder may write the number or the address alone
	switch list {
	case "phones":
		card.Phones = append(card.Phones, ContactPhone{cmp.Or(memberText(v, "phone"), alone), kind, memberText(v, "wa_id")})
	case "emails":
		card.Emails = append(card.Emails, ContactEmail{cmp.Or(memberText(v, "email"), alone), kind})
	case "urls":
		card.URLs = append(card.URLs, ContactURL{cmp.Or(memberText(v, "url"), alone), kind})
	case "ims":
		card.Messengers = append(card.Messengers, ContactMessenger{memberText(v, "service"), memberText(v, "user_id")})
	case "addresses":
		card.Addresses = append(card.Addresses, ContactAddress{Street: memberText(v, "street"), City: memberText(v, "city"),
			State: memberText(v, "state"), Zip: memberText(v, "zip"), Country: memberText(v, "country"),
			CountryCode: memberText(v, "country_code"), Type: kind})
	}
}

// readVCards reads the cards of a vCard text: of each its name and its numbers. A
// text without a card gives none.
func readVCards(text string) (cards []ContactCard) {
	const begin, end = "BEGIN:VCARD", "END:VCARD"
	for {
		from := indexFold(text, begin)
		if from < 0 {
			return cards
		}
		text = text[from:]
		after := len(text)
		if at := indexFold(text, end); at >= 0 {
			after = at + len(end)
		}
		next := ContactCard{VCard: text[:after]}
		unfolded := next.VCard // long lines go on after a space
		for _, fold := range [...]string{"\r\n ", "\r\n\t", "\n ", "\n\t"} {
			unfolded = strings.ReplaceAll(unfolded, fold, "")
		}
		for line := range strings.Lines(unfolded) {
			next.addVCardLine(strings.TrimSpace(line))
		}
		cards, text = append(cards, next), text[after:]
	}
}

// indexFold returns where the word stands in text, in capitals or not; -1 if it does
// not.
func indexFold(text, word string) int {
	for at := 0; ; at++ {
		next := strings.IndexAny(text[at:], word[:1]+strings.ToLower(word[:1]))
		if at += next; next < 0 || at+len(word) > len(text) {
			return -1
		}
		if strings.EqualFold(text[at:at+len(word)], word) {
			return at
		}
	}
}

// addVCardLine reads a line such as "item1.TEL;type=CELL;waid=12025550143:+1 202-555-0143".
func (card *ContactCard) addVCardLine(line string) {
	property, value, _ := strings.Cut(line, ":")
	parameters := strings.Split(property, ";")
	name := parameters[0]
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		name = name[at+1:]
	}
	switch strings.ToUpper(name) {
	case "FN":
		card.Name.Formatted = value
	case "TEL":
		phone := ContactPhone{Number: value}
		for _, parameter := range parameters[1:] {
			switch key, setting, _ := strings.Cut(parameter, "="); strings.ToLower(key) {
			case "waid":
				phone.WhatsAppID = setting
			case "type":
				if phone.Type == "" {
					phone.Type = strings.ToUpper(setting)
				}
			}
		}
		card.Phones = append(card.Phones, phone)
	}
}
