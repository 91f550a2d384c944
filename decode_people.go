package chatapi

import (
	"slices"
	"strings"
)

// This file compares people who are written in different ways.

// samePhone reports whether a and b are spellings of one number; see
// [PhoneVariants]. An empty number is no number.
func samePhone(a, b string) bool {
	return a != "" && (a == b || slices.Contains(PhoneVariants(a), b))
}

// findVariant returns the person of the list whose number is another spelling of
// the number of c; nil if there is none. In Brazil, Mexico and Argentina WhatsApp
// itself writes one number in two ways within one body.
func (s *people) findVariant(c *Contact) *Contact {
	if len(s.list) == 0 || len(c.Phone) < 2 {
		return nil
	}
	switch c.Phone[:2] {
	case "55", "52", "54":
	default:
		return nil // the number has one spelling
	}
	for _, phone := range PhoneVariants(c.Phone) {
		if phone == c.Phone {
			continue
		}
		if known := s.find(&Contact{Phone: phone}); known != nil {
			return known
		}
	}
	return nil
}

// usernameOf returns a username without the @ that some bodies write before it.
func usernameOf(text string) string { return strings.TrimPrefix(strings.TrimSpace(text), "@") }
