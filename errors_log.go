package chatapi

import (
	"log/slog"
	"strings"
)

// LogValue returns the error as attributes for slog, without the raw body, texts
// or recipients: in reason and sentence, quoted texts and numbers of seven or
// more digits are replaced by an ellipsis.
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
// quoted texts and the numbers that may be of a person. Names of templates stay.
func (e *Error) discreet(text string) string {
	if e.Attempt != nil && len(e.Attempt.To.Value()) > 2 {
		text = strings.ReplaceAll(text, e.Attempt.To.Value(), "…")
	}
	named := e.Kind == ErrTemplate || e.Kind == ErrTemplateRejected || e.Kind == ErrNotFound
	var b strings.Builder
	for {
		before, rest, quoted := strings.Cut(text, `"`)
		b.WriteString(withoutNumbers(before))
		if !quoted {
			return b.String()
		}
		inner, after, closed := strings.Cut(rest, `"`)
		if !named || !closed || strings.ContainsFunc(inner, func(r rune) bool { return !isASCIIWord(r) }) {
			inner = "…"
		}
		b.WriteString(`"` + withoutNumbers(inner) + `"`)
		text = after
	}
}

func isASCIIWord(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// withoutNumbers replaces each number of seven or more digits, and each phone
// number that begins with a plus sign, by an ellipsis. Such a number may be of a
// person; WhatsApp's code is in Error.Code.
func withoutNumbers(text string) string {
	var b strings.Builder
	for text != "" {
		start := strings.IndexFunc(text, func(r rune) bool { return r == '+' || '0' <= r && r <= '9' })
		if start < 0 {
			start = len(text)
		}
		b.WriteString(text[:start])
		text = text[start:]
		number, digits := leadingNumber(text)
		if digits >= 7 {
			b.WriteString("…")
		} else {
			b.WriteString(number)
		}
		text = text[len(number):]
	}
	return b.String()
}

// leadingNumber returns the number at the beginning of text, and how many digits
// it has. After a plus sign it may have spaces and the like between its digits.
func leadingNumber(text string) (number string, digits int) {
	end := 0
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			digits++
			end = i + 1
		case c == '+' && i == 0:
			end = 1
		case text[0] == '+' && strings.IndexByte(" -().", c) >= 0:
		default:
			return text[:end], digits
		}
	}
	return text[:end], digits
}
