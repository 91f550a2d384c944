package chatapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clip shortens text to limit characters, for an error.
func clip(text string, limit int) string {
	n := 0
	for i := range text {
		if n == limit {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

// isDigits reports whether text has digits only, and at least one.
func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// isDigitByte, isWordByte and isLetterByte report whether c is an ASCII digit, a
// character of a word (letters, digits and underscore), or a letter.
func isDigitByte(c byte) bool  { return c >= '0' && c <= '9' }
func isWordByte(c byte) bool   { return isDigitByte(c) || isLetterByte(c) || c == '_' }
func isLetterByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// consists reports whether text has least to most bytes, all of them accepted.
func consists(text string, least, most int, accept func(byte) bool) bool {
	return len(text) >= least && len(text) <= most && lengthOf(text, accept) == len(text)
}

// lengthOf returns the number of bytes at the start of text that are accepted.
func lengthOf(text string, accept func(byte) bool) int {
	n := 0
	for n < len(text) && accept(text[n]) {
		n++
	}
	return n
}

// isBSUID reports whether text has the form of a BSUID, "US.1000000000000001". The
// form is wide, as the service's is, because a BSUID is opaque.
func isBSUID(text string) bool {
	name, rest, ok := strings.Cut(text, ".")
	return ok && consists(name, 2, 16, isNameByte) &&
		consists(rest, 1, math.MaxInt, func(c byte) bool { return isNameByte(c) || c == '.' || c == ':' })
}

// isUsername reports whether text can be a WhatsApp username.
func isUsername(text string) bool {
	return consists(text, 1, 128, func(c byte) bool { return isNameByte(c) || c == '.' })
}

// isNameByte reports whether c is an ASCII letter, a digit, an underscore or a dash.
func isNameByte(c byte) bool { return isWordByte(c) || c == '-' }

// isOperation reports whether text can be the path of an operation, such as
// "sendMessage".
func isOperation(text string) bool {
	return consists(text, 1, 64, isWordByte) && isLetterByte(text[0])
}

// isChannel reports whether text can be a channel id.
func isChannel(text string) bool { return consists(text, 1, 64, isNameByte) }

// isMethod reports whether text is an operation that people leave at the end of an
// address.
func isMethod(text string) bool {
	switch text {
	case "messages", "templates", "addTemplate", "status", "me", "webhook", "settings":
		return true
	}
	rest, ok := strings.CutPrefix(text, "send")
	return ok && consists(rest, 1, math.MaxInt, isWordByte) && rest[0] >= 'A' && rest[0] <= 'Z'
}

// isTemplateName reports whether text can be the name of a template.
func isTemplateName(text string) bool {
	return consists(text, 1, 512, func(c byte) bool { return c >= 'a' && c <= 'z' || isDigitByte(c) || c == '_' })
}

func isLink(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

// isToken reports whether s is a token in the sense of HTTP headers.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`/;,"=()<>@:\?[]`, r)
	})
}

// isWord reports whether s can be an id: one printable word.
func isWord(s string) bool {
	return s != "" && len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar
	})
}

// isAddress reports whether text has only characters of addresses. url.Parse
// accepts more than the service does.
func isAddress(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// between writes a range of numbers: "3", or "1 to 3".
func between(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// at returns the name of an element of a list, or of its member, such as
// "Sections[1].Rows".
func at(list string, index int, member string) string {
	place := list + "[" + strconv.Itoa(index) + "]"
	if member != "" {
		place += "." + member
	}
	return place
}

// quote returns a wrong value in quotation marks, shortened for an error.
func quote(value string) string { return strconv.Quote(clip(value, 64)) }

// ended adds a full stop to a sentence, unless it has an end mark already, such
// as that of a quotation.
func ended(sentence string) string {
	if strings.HasSuffix(sentence, ".") || strings.HasSuffix(sentence, "?") || strings.HasSuffix(sentence, "!") {
		return sentence
	}
	return sentence + "."
}

// isObject reports whether data begins like a JSON object.
func isObject(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) > 0 && data[0] == '{'
}

// redactQuery removes the query of an address, which may be a secret.
func redactQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

// spacedPhone writes a phone number for people: a North American one in groups,
// any other with a plus only.
func spacedPhone(digits string) string {
	switch {
	case digits == "":
		return ""
	case len(digits) == 11 && digits[0] == '1':
		return "+1 " + digits[1:4] + " " + digits[4:7] + " " + digits[7:]
	}
	return "+" + digits
}

// plural writes a number with its noun: "1 address", "2 addresses".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// isJSONObject reports whether data is a JSON object.
func isJSONObject(data json.RawMessage) bool { return isObject(data) && json.Valid(data) }

// article puts the article before a kind of message.
func article(noun string) string {
	switch noun {
	case "image", "audio":
		return "an " + noun
	case "location", "text":
		return noun
	}
	return "a " + noun
}

// splitProblem splits the problem of a local check at the first semicolon outside
// of a quotation: into what is wrong, and what to do.
func splitProblem(problem string) (reason, advice string) {
	quoted := false
	for i := 0; i < len(problem); i++ {
		switch problem[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted && strings.HasPrefix(problem[i:], "; ") {
				return problem[:i], problem[i+2:]
			}
		}
	}
	return problem, ""
}

// spoken returns a Field in words for an operator: "Sections[0].Rows[1].Title" is
// "title of row 2 of section 1".
func spoken(field string) string {
	if strings.ContainsAny(field, " -") {
		return field // is in words already, or the name of a header
	}
	parts := strings.Split(field, ".")
	words := ""
	for i, part := range slices.Backward(parts) {
		switch {
		case i == len(parts)-1:
		case strings.HasSuffix(part, "]"):
			words += " of "
		default:
			words += " of the "
		}
		words += spokenPart(part)
	}
	return words
}

// spokenPart is spoken for one name of a path, such as "Rows[1]".
func spokenPart(part string) string {
	name, index, listed := strings.Cut(part, "[")
	words := spokenName(name)
	n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
	if !listed || err != nil {
		return words
	}
	place := " " + strconv.Itoa(n+1)
	switch {
	case name == "Body": // of a template; the first variable is {{1}}
		return "value" + place + " of the body"
	case name == "Saved":
		return "saved address" + place
	case strings.HasSuffix(words, "ies"):
		return strings.TrimSuffix(words, "ies") + "y" + place
	case strings.HasSuffix(words, "sses"):
		return strings.TrimSuffix(words, "es") + place
	case strings.HasSuffix(words, "s"):
		return strings.TrimSuffix(words, "s") + place
	}
	return "entry" + place + " of " + words
}

// spokenName splits a Go name into words: "MessageID" is "message ID".
func spokenName(name string) string {
	switch name {
	case "ctx":
		return "context"
	case "who":
		return "person"
	case "now":
		return "instant"
	case "apiURL":
		return "API URL"
	case "ReplyTo":
		return "quotation of a message"
	case "handle":
		return "function"
	case "r":
		return "reader"
	case "WhatsAppID":
		return "WhatsApp ID"
	case "WebhookSecrets":
		return "webhook secret lookup"
	case "OfferExpires":
		return "end of the offer"
	case "TTL":
		return "time to deliver"
	}
	if option, ok := strings.CutPrefix(name, "With"); ok && option != "" {
		return "setting of the " + spokenName(option)
	}
	var words []string
	for name != "" {
		capitals := lengthOf(name, isCapital)
		end := capitals + lengthOf(name[capitals:], func(c byte) bool { return !isCapital(c) })
		switch {
		case capitals > 1 && capitals == len(name): // an initialism at the end
			words = append(words, name)
			end = len(name)
		case capitals > 1 && name[capitals:] != "s": // and one before a word
			words = append(words, name[:capitals-1])
			end = capitals - 1
		case capitals > 1:
			words = append(words, name)
			end = len(name)
		default:
			words = append(words, strings.ToLower(name[:end]))
		}
		name = name[end:]
	}
	return strings.Join(words, " ")
}

func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }
