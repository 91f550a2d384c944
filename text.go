package chatapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clip shortens text for an error, on a character boundary.
func clip(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit]) + "…"
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

func isLink(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

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

// isAddress reports whether text has only characters that one may paste into
// a browser; url.Parse is happier than the service.
func isAddress(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func between(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// at names an element of a list, such as "Sections[1].Rows".
func at(list string, index int, member string) string {
	place := list + "[" + strconv.Itoa(index) + "]"
	if member != "" {
		place += "." + member
	}
	return place
}

// quote shows a wrong value in an error, cut short.
func quote(value string) string { return strconv.Quote(clip(value, 64)) }

// ended closes a sentence that may end in a quotation with a stop of its own.
func ended(sentence string) string {
	if strings.HasSuffix(sentence, ".") || strings.HasSuffix(sentence, "?") || strings.HasSuffix(sentence, "!") {
		return sentence
	}
	return sentence + "."
}

func isObject(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) > 0 && data[0] == '{'
}

func redactQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

// spacedPhone writes a North American number in groups, as people read it, and
// any other with its plus.
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

func isJSONObject(data json.RawMessage) bool { return isObject(data) && json.Valid(data) }

func article(noun string) string {
	switch noun {
	case "image", "audio":
		return "an " + noun
	case "location", "text":
		return noun
	}
	return "a " + noun
}
