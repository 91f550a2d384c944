package chatapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads people, and compares those who are written in different ways.

// samePhone reports whether a and b are spellings of one number; see
// [PhoneVariants]. An empty number is no number.
func samePhone(a, b string) bool {
	return a != "" && (a == b || slices.Contains(PhoneVariants(a), b))
}

// withVariant returns the index of the only person whose number is another spelling
// of phone. In Brazil, Mexico and Argentina WhatsApp
// itself writes one number in two ways within one body.
func (s *people) withVariant(phone string) int {
	if len(phone) < 2 {
		return nobody
	}
	switch phone[:2] {
	case "55", "52", "54":
	default:
		return nobody // the number has one spelling
	}
	for _, other := range PhoneVariants(phone) {
		if other == phone {
			continue
		}
		if at := s.withPhone(other); at != nobody {
			return at
		}
	}
	return nobody
}

// usernameOf returns a username without the @ that some bodies write before it.
func usernameOf(text string) string {
	return strings.TrimLeft(strings.TrimSpace(text), "@\u200e\u200f")
}

// readPerson reads one element of "contacts", or a member of a group.
func readPerson(v wire.Value) Contact {
	var f scalarReader
	return f.person("", v)
}

// person reads what readPerson reads, from the object with that name.
func (f *scalarReader) person(object string, v wire.Value) (c Contact) {
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "wa_id":
			setPhone(&c, strings.TrimSpace(f.inner(object, &m)))
		case "user_id":
			c.BSUID = cmp.Or(f.inner(object, &m), c.BSUID)
		case "parent_user_id":
			c.ParentBSUID = f.inner(object, &m)
		case "username":
			c.Username = cmp.Or(usernameOf(f.inner(object, &m)), c.Username)
		case "profile":
			if m.Value.IsString() { // a forwarder may write the name alone
				c.Name = f.inner(object, &m)
			}
			for profile := m.Value.Object(); profile.Next(); {
				switch string(profile.Name) {
				case "name":
					c.Name = f.inner("profile", &profile)
				case "username":
					c.Username = cmp.Or(c.Username, usernameOf(f.inner("profile", &profile)))
				case "country_code":
					c.CountryCode = f.inner("profile", &profile)
				}
			}
		case "country_code":
			c.CountryCode = f.inner(object, &m)
		case "identity_key_hash":
			c.IdentityHash = f.inner(object, &m)
		}
	}
	return c
}

// phoneDigits returns the digits of a phone number in whatever form it is
// written.
func phoneDigits(v wire.Value) string {
	text, _ := v.Text()
	return digitsIn(text)
}

func digitsIn(text string) string {
	if isDigits(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// fillContact fills the empty fields of c, all but the chat, from what is known of
// the same person.
func fillContact(c, known *Contact) {
	fill(&c.Phone, known.Phone)
	fill(&c.BSUID, known.BSUID)
	fill(&c.ParentBSUID, known.ParentBSUID)
	fill(&c.Username, known.Username)
	fill(&c.Name, known.Name)
	fill(&c.CountryCode, known.CountryCode)
	fill(&c.IdentityHash, known.IdentityHash)
}

// fill writes only where it changes something, since a write of a pointer costs more
// than the look.
func fill(field *string, known string) {
	if *field == "" && known != "" {
		*field = known
	}
}
