package chatapi

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// LogValue returns the error as attributes for slog, without the raw body, texts
// or recipients: in reason and sentence, quoted texts, usernames, e-mail addresses,
// BSUIDs and numbers of seven or more digits are replaced by an ellipsis.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	if e.Op != "" {
		attrs = append(attrs, slog.String("op", e.Op))
	}
	if e.Channel != "" {
		attrs = append(attrs, slog.String("channel", string(e.Channel)))
	}
	if e.HTTPStatus != 0 {
		attrs = append(attrs, slog.Int("status", e.HTTPStatus))
	}
	if e.Code != 0 {
		attrs = append(attrs, slog.Int("code", e.Code))
	}
	if e.Sent {
		attrs = append(attrs, slog.Bool("sent", true))
	}
	if e.Field != "" {
		attrs = append(attrs, slog.String("field", e.Field))
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.discreet(e.Reason)))
	}
	if e.Sentence != "" {
		attrs = append(attrs, slog.String("sentence", e.discreet(e.Sentence)))
	}
	if e.Retry != "" {
		attrs = append(attrs, slog.String("retry", string(e.Retry)))
	}
	if e.Advice != "" {
		attrs = append(attrs, slog.String("advice", e.Advice))
	}
	return slog.GroupValue(attrs...)
}

// discreet returns a reason or a sentence for a log: without the recipient, the
// quoted texts, and the names and numbers that may be of a person. Names of templates
// stay.
func (e *Error) discreet(text string) string {
	if e.Attempt != nil && len(e.Attempt.To.Value()) > 2 {
		text = strings.ReplaceAll(text, e.Attempt.To.Value(), "…")
	}
	named := e.Kind == ErrTemplate || e.Kind == ErrTemplateRejected || e.Kind == ErrNotFound
	var b strings.Builder
	for text != "" {
		start, opening, closing := nextQuote(text)
		b.WriteString(withoutPeople(text[:start]))
		if opening == "" {
			break
		}
		text = text[start+len(opening):]
		inner, after, closed := strings.Cut(text, closing)
		if !named || !closed || strings.ContainsFunc(inner, func(r rune) bool { return !isASCIIWord(r) }) {
			inner = "…"
		}
		b.WriteString(opening + withoutNumbers(inner) + closing)
		text = after
	}
	return b.String()
}

// nextQuote returns where a quotation begins, its opening sign, and the sign that
// closes it; the length of text and "" if there is none. An apostrophe opens only
// where a word could begin, and only if another one closes it.
func nextQuote(text string) (start int, opening, closing string) {
	for i, r := range text {
		opening = string(r)
		switch r {
		case '"', '`':
			return i, opening, opening
		case '“':
			return i, opening, "”"
		case '„':
			return i, opening, "“"
		case '«':
			return i, opening, "»"
		case '\'', '‘':
			if closing = opening; r == '‘' {
				closing = "’"
			}
			before, _ := utf8.DecodeLastRuneInString(text[:i])
			if !unicode.IsLetter(before) && !unicode.IsDigit(before) && strings.Contains(text[i+len(opening):], closing) {
				return i, opening, closing
			}
		}
	}
	return len(text), "", ""
}

func isASCIIWord(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// withoutPeople replaces what may name a person by an ellipsis: usernames, e-mail
// addresses, chats, BSUIDs and numbers.
func withoutPeople(text string) string {
	isPart := func(r rune) bool { return isASCIIWord(r) || r == '.' || r == '+' || r == '@' }
	var b strings.Builder
	for text != "" {
		start := lengthUntil(text, isPart)
		b.WriteString(text[:start])
		text = text[start:]
		end := lengthUntil(text, func(r rune) bool { return !isPart(r) })
		b.WriteString(withoutName(text[:end]))
		text = text[end:]
	}
	return withoutNumbers(b.String())
}

// withoutName replaces a word that has an @, and the id in a BSUID.
func withoutName(word string) string {
	country, id, _ := strings.Cut(word, ".")
	switch {
	case len(word) > 1 && strings.Contains(word, "@"):
		return "…"
	case len(id) >= 8 && len(country) == 2 && country == strings.ToUpper(country) && isLetterByte(country[0]) && isLetterByte(country[1]):
		return country + ".…"
	}
	return word
}

// lengthUntil returns how much of text is before the first character that stops.
func lengthUntil(text string, stops func(rune) bool) int {
	if n := strings.IndexFunc(text, stops); n >= 0 {
		return n
	}
	return len(text)
}

// withoutNumbers replaces each number of seven or more digits by an ellipsis, also
// one that is written in groups. Such a number may be of a person; WhatsApp's code is
// in Error.Code.
func withoutNumbers(text string) string {
	var b strings.Builder
	for {
		start := lengthUntil(text, func(r rune) bool { return r == '+' || unicode.IsDigit(r) })
		b.WriteString(text[:start])
		if text = text[start:]; text == "" {
			return b.String()
		}
		number, digits := leadingNumber(text)
		text = text[len(number):]
		if digits >= 7 {
			number = "…"
		}
		b.WriteString(number)
	}
}

// leadingNumber returns the number at the beginning of text, and how many digits it
// has: none if it is a date or an IP address. Between its groups a number has a space
// or a sign; after a plus, also several.
func leadingNumber(text string) (number string, digits int) {
	if n := plainLength(text); n > 0 {
		return text[:n], 0
	}
	end, plus := 0, text[0] == '+'
	for i, r := range text {
		gap := text[end:i]
		switch {
		case unicode.IsDigit(r):
			digits++
			end = i + utf8.RuneLen(r)
		case r == '+' && i == 0:
			end = 1
		case !plus && (r == '(' || r == '/' || gap != "" && gap != ")"), !strings.ContainsRune(" -./()\u00a0\u2007\u202f\u2010\u2011\u2012\u2013", r):
			return text[:end], digits
		}
	}
	return text[:end], digits
}

// plainLength returns the length of the date or the IP address at the beginning of
// text; 0 if there is none.
func plainLength(text string) int {
	n := lengthUntil(text, func(r rune) bool { return r != '.' && r != '-' && (r < '0' || r > '9') })
	word := strings.TrimRight(text[:n], ".-")
	if _, err := time.Parse(time.DateOnly, word); err == nil {
		return len(word)
	}
	if _, err := netip.ParseAddr(word); err == nil {
		return len(word)
	}
	return 0
}
