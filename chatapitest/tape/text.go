package tape

import (
	"regexp"
	"strings"
	"sync"
)

// This file takes numbers, addresses and names out of sentences.

// sentence returns a sentence without what is personal; if keep is false, only its shape.
func (s *scrubber) sentence(real string, keep bool) string {
	if shapeless(real) || s.issued[real] {
		return real
	}
	clean := s.pieces(real)
	if !s.settle {
		return real
	}
	clean = s.names(clean)
	if !keep {
		return shape(clean)
	}
	if s.secrets.spelled(clean) == "" {
		return clean
	}
	words := strings.SplitAfter(clean, " ")
	for i, word := range words {
		if s.secrets.spelled(word) != "" {
			words[i] = shape(word)
		}
	}
	if clean = strings.Join(words, ""); s.secrets.spelled(clean) != "" {
		return shape(clean)
	}
	return clean
}

// pieces returns a sentence with other values for all that its form gives away.
func (s *scrubber) pieces(real string) string {
	return pieces().ReplaceAllStringFunc(real, func(piece string) string {
		if shapeless(piece) || s.issued[piece] {
			return piece
		}
		switch {
		case strings.Contains(piece, "://"):
			return s.linkInText(piece)
		case wholeChat().MatchString(piece):
			return s.chat(piece)
		case strings.HasPrefix(piece, "wamid."):
			s.secret("a message id", piece)
			return s.id(piece)
		case strings.Contains(piece, "@"):
			s.secret("an e-mail address", piece)
			return s.email(piece)
		case wholeBSUID().MatchString(piece):
			s.secret("a user id", piece)
			return s.bsuid(piece)
		case piece[0] == '+' || isDigit(piece):
			return s.digits(piece)
		}
		return s.account(piece)
	})
}

// pieces matches what may be a link, an address, an id, an account or a number.
var pieces = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`https?://[^\s"'<>]+|[^\s@"'<>()\[\]:;,/\\&=?]+@(?:c\.us|g\.us|lid|s\.whatsapp\.net|broadcast|newsletter)\b|` + emailPattern +
		`|wamid\.[A-Za-z0-9+/=_\-]+|\b[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{10,}|(?i:\b[a-z]{2}[0-9]{2}(?:[ \-]?[a-z0-9]){11,30})|` + groups().String())
})

func isDigit(text string) bool {
	for _, r := range text {
		return digits(string(r)) != ""
	}
	return false
}

// secret remembers a value while the real values are collected.
func (s *scrubber) secret(kind, value string) {
	if !s.settle && !s.issued[value] {
		s.secrets.add(kind, value, false)
	}
}

// linkInText returns the address that stands for all links in texts, but for those to a number.
func (s *scrubber) linkInText(real string) string {
	if real == linkInText || strings.HasPrefix(real, "https://files.test/") {
		return real
	}
	if clean := s.link(real); strings.HasPrefix(clean, "https://wa.me/") {
		return clean
	}
	s.secret("an address", real)
	return linkInText
}

const linkInText = "https://link.test"

// digits returns the number that stands for a number in a text: the same one as elsewhere if
// the tape names it, else zeros.
func (s *scrubber) digits(real string) string {
	only := digits(real)
	if len(only) < leastNumber {
		return real
	}
	if card(only) {
		s.secret("a card number", only)
		s.secret("a card number", real)
	}
	if real[0] == '+' && len(only) <= 15 && strings.Trim(only, "0") != "" {
		s.saw(func() { s.sawNumber(only) })
	}
	clean := s.known(only)
	if strings.Trim(clean, "0") == "" {
		return shape(real)
	}
	if real[0] == '+' {
		return "+" + clean
	}
	return clean
}

// card reports whether digits can be the number of a payment card: the check digit fits.
func card(number string) bool {
	if len(number) < 13 || len(number) > 19 || strings.Trim(number, "0") == "" {
		return false
	}
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
			d -= 9 * (d / 10)
		}
		sum += d
	}
	return sum%10 == 0
}

// account returns the text that stands for one that may begin with an IBAN.
func (s *scrubber) account(real string) string {
	length := iban(real)
	if length == 0 { // the two letters are none of it
		return real[:2] + s.pieces(real[2:])
	}
	number := real[:length]
	s.secret("an account number", number)
	compact := strings.NewReplacer(" ", "", "-", "").Replace(number)
	s.secret("an account number", compact)
	for _, run := range strings.FieldsFunc(compact[4:], func(r rune) bool { return r < '0' || r > '9' }) {
		if len(run) >= leastNumber {
			s.secret("an account number", run)
		}
	}
	rest := s.pieces(real[length:])
	return strings.ToUpper(shape(number)) + rest
}

// iban returns the length of the longest IBAN at the beginning of a text; 0 if there is none.
func iban(text string) (length int) {
	var compact strings.Builder
	for i := range len(text) {
		c := text[i]
		if c == ' ' || c == '-' {
			continue
		}
		compact.WriteByte(c)
		if n := compact.Len(); n >= 15 && n <= 34 && checks(compact.String()) {
			length = i + 1
		}
	}
	return length
}

// checks reports whether the check digits of an IBAN fit (ISO 7064).
func checks(compact string) bool {
	rest := 0
	for _, c := range strings.ToUpper(compact[4:] + compact[:4]) {
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}

// names returns a text with other values for all secrets in it that stand there plainly.
func (s *scrubber) names(text string) string {
	fold := folded(text)
	runes := []rune(text)
	var clean strings.Builder
	changed := false
	for i := 0; i < len(runes); {
		found, ok := s.secrets.at(fold, i)
		if !ok {
			clean.WriteRune(runes[i])
			i++
			continue
		}
		end := i + len(found.fold)
		if found.word && found.kind == "a name" {
			clean.WriteString(s.name(string(runes[i:end])))
		} else {
			clean.WriteString(shape(string(runes[i:end])))
		}
		i, changed = end, true
	}
	if !changed {
		return text
	}
	return clean.String()
}
