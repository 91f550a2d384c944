package chatapi

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanPhone returns the digits of a phone number that a person typed or copied,
// or the text itself if it cannot be read as one number with a country code.
func cleanPhone(text string) string {
	if isDigits(text) { // the usual case
		return text
	}
	text = strings.TrimSpace(text)
	number := linkedNumber(strings.Trim(text, "\"'`<>\u2018\u2019\u201c\u201d"))
	if strings.HasPrefix(number, "(") && !strings.ContainsAny(number, "+\uff0b") {
		return text // an area code in brackets; without them it would be taken for a country code
	}
	if whole, ok := strings.CutSuffix(number, ".0"); ok && isDigits(strings.TrimPrefix(whole, "+")) {
		number = whole // a spreadsheet has taken the number for a sum
	}
	var b strings.Builder
	b.Grow(len(number))
	for i, r := range number {
		switch digit := digitSign(r); {
		case digit == '0' && isTrunk(b.String(), number, i, i+utf8.RuneLen(r)):
			// the 0 of "+44 (0)7700" and "+49 (0176)", which is dialled at home only
		case digit != 0:
			b.WriteByte(digit)
		case (r == '+' || r == '\uff0b') && b.Len() > 0, r == '/' && b.Len() >= longestAreaCode:
			return text // another number follows
		case !isPhoneSign(r):
			return text // as it was given, for the error
		}
	}
	if digits := b.String(); digits != "" {
		return digits
	}
	return text
}

// longestAreaCode is the number of digits from which a slash does not separate the
// area code, as in "+49 30/123456", but another number or an extension.
const longestAreaCode = 8

// digitSign returns the ASCII digit for a decimal digit of a script in which phone
// numbers are typed; 0 for another character.
func digitSign(r rune) byte {
	for _, zero := range [...]rune{'0', '\uff10', '\u0660', '\u06f0', '\u0966', '\u09e6'} { // ASCII, wide, Arabic, Persian, Devanagari, Bengali
		if r >= zero && r <= zero+9 {
			return byte('0' + r - zero)
		}
	}
	return 0
}

// isTrunk reports whether the 0 from at to end of a number is the trunk prefix: it
// follows a country code and an opening bracket. The countries whose numbers begin
// with 0 abroad too keep it (ITU national numbering plans; medium confidence).
func isTrunk(country, number string, at, end int) bool {
	before, after := strings.TrimRight(number[:at], " \u00a0"), number[end:]
	if country == "" || !strings.HasSuffix(before, "(") && !strings.HasSuffix(before, "[") {
		return false
	}
	switch country {
	case "39": // all but mobile numbers, which begin with 3
		next := strings.IndexFunc(after, func(r rune) bool { return digitSign(r) != 0 })
		return next >= 0 && after[next] == '3'
	case "378", "379", "225", "229", "241", "242": // San Marino, Vatican, Ivory Coast, Benin, Gabon, Congo
		return false
	}
	return true
}

// isPhoneSign reports whether people, web pages or address books write the
// character around the digits of a number: brackets, dashes, dots, spaces, and
// invisible marks.
func isPhoneSign(r rune) bool {
	switch r {
	case '+', '\uff0b', '(', ')', '[', ']', '.', '/', '\t', '\u2212', '\u00b7':
		return true
	}
	return unicode.In(r, unicode.Pd, unicode.Zs, unicode.Cf)
}

// linkedNumber returns the number in a link of the forms "tel:+1-202-555-0143",
// "whatsapp:+12025550143", "https://wa.me/12025550143?text=hi" and
// "https://api.whatsapp.com/send?phone=12025550143"; any other text unchanged.
func linkedNumber(text string) string {
	lower := strings.ToLower(text)
	for _, scheme := range [...]string{"tel:", "callto:", "sms:", "smsto:", "facetime:"} {
		if strings.HasPrefix(lower, scheme) {
			return withContext(strings.TrimPrefix(text[len(scheme):], "//"))
		}
	}
	if number, ok := strings.CutPrefix(lower, "whatsapp:"); ok && !strings.HasPrefix(number, "//") {
		return firstPart(number)
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

// withContext returns the number of a telephone link, which may have its country
// code behind it: "tel:2025550143;phone-context=+1" (RFC 3966).
func withContext(number string) string {
	local := firstPart(number)
	at := strings.Index(strings.ToLower(number), ";phone-context=")
	if at < 0 || strings.HasPrefix(strings.TrimSpace(local), "+") {
		return local
	}
	context := firstPart(number[at+len(";phone-context="):])
	if !strings.HasPrefix(context, "+") {
		return number // a number within a network or a company
	}
	return context + local
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
