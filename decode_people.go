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
