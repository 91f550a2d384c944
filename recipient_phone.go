package chatapi

import (
	"net/url"
	"strings"
)

// cleanPhone returns the digits of a phone number that a person typed or copied,
// or the text itself if it cannot be read as a number with a country code.
func cleanPhone(text string) string {
	if isDigits(text) { // the usual case
		return text
	}
	text = strings.TrimSpace(text)
	number := linkedNumber(text)
	if strings.HasPrefix(number, "(") && !strings.Contains(number, "+") {
		return text // an area code in brackets; without them it would be taken for a country code
	}
	var b strings.Builder
	b.Grow(len(number))
	for i, r := range number {
		if r == '0' && b.Len() > 0 && bracketed(number, i) {
			continue // the 0 of "+44 (0)7700", which is dialled at home only
		}
		if !isPhoneSign(r) {
			b.WriteRune(r)
		}
	}
	if digits := b.String(); isDigits(digits) {
		return digits
	}
	return text // as it was given, for the error
}

// bracketed reports whether the character at i stands alone in brackets.
func bracketed(text string, i int) bool {
	before, after := strings.TrimRight(text[:i], " \u00a0"), strings.TrimLeft(text[i+1:], " \u00a0")
	return strings.HasSuffix(before, "(") && strings.HasPrefix(after, ")")
}

// isPhoneSign reports whether people, web pages or address books write the
// character between the digits of a number. Some are invisible: thin spaces and
// marks of direction.
func isPhoneSign(r rune) bool {
	switch r {
	case '+', '(', ')', '-', '.', ' ', '/', '\t',
		'\u00a0', '\u2009', '\u202f', // hard and thin spaces
		'\u2010', '\u2011', '\u2012', '\u2013', // dashes
		'\u200b', '\u200e', '\u200f', '\u202a', '\u202c', '\u2068', '\u2069', '\ufeff': // invisible
		return true
	}
	return false
}

// linkedNumber returns the number in a link of the forms "tel:+1-202-555-0143",
// "whatsapp:+12025550143", "https://wa.me/12025550143?text=hi" and
// "https://api.whatsapp.com/send?phone=12025550143"; any other text unchanged.
func linkedNumber(text string) string {
	lower := strings.ToLower(text)
	for _, scheme := range [...]string{"tel:", "callto:", "sms:", "whatsapp:+"} {
		if strings.HasPrefix(lower, scheme) {
			return firstPart(strings.TrimPrefix(text[len(strings.TrimSuffix(scheme, "+")):], "//"))
		}
	}
	rest := lower
	for _, prefix := range [...]string{"https://", "http://", "whatsapp://", "www."} {
		rest = strings.TrimPrefix(rest, prefix)
	}
	for _, host := range [...]string{"wa.me/c/", "wa.me/"} {
		if number, ok := strings.CutPrefix(rest, host); ok {
			return firstPart(number)
		}
	}
	page, query, _ := strings.Cut(rest, "?")
	switch strings.TrimSuffix(page, "/") {
	case "send", "api.whatsapp.com/send", "web.whatsapp.com/send", "whatsapp.com/send":
		if values, err := url.ParseQuery(query); err == nil && values.Has("phone") {
			return strings.TrimSpace(values.Get("phone"))
		}
	}
	return text
}

// firstPart returns a number of a link without what follows it: parameters, a
// query or another part of the path.
func firstPart(number string) string {
	if end := strings.IndexAny(number, ";?&#/,"); end >= 0 {
		number = number[:end]
	}
	if plain, err := url.PathUnescape(number); err == nil {
		return plain
	}
	return number
}
