package tape

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// This file finds secrets in texts, however software has spelled them, and replaces a text
// by its shape.

// shape returns a text of the same length, with x for each letter and 0 for each digit.
// Spaces, punctuation and emojis stay.
func shape(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\ufe0f' || r == '\u20e3': // parts of emojis
			return r
		case unicode.IsUpper(r):
			return 'X'
		case unicode.IsLetter(r), unicode.IsMark(r):
			return 'x'
		case unicode.IsNumber(r):
			return '0'
		}
		return r
	}, text)
}

// shapeless reports whether a text is its own shape, and so tells nothing.
func shapeless(text string) bool { return shape(text) == text }

// digits returns the digits of a text, those of other scripts as 0 to 9.
func digits(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case !unicode.IsDigit(r):
			return -1
		}
		zero := r
		for unicode.IsDigit(zero-1) && r-zero < 9 { // digits of a script follow one another
			zero--
		}
		return '0' + r - zero
	}, text)
}

// secret is a value that must not be on a tape.
type secret struct {
	kind string // in words, such as "a phone number"
	fold []rune // in lower case
	word bool   // only a whole word counts
}

// secrets finds values in texts, in any case.
type secrets struct {
	known   map[string]bool
	starts  map[[3]rune][]secret // by the first three characters
	numbers []string             // the values that are digits, which texts write with separators
}

// shortest is the length of the shortest value that is looked for.
const shortest = 3

// add makes the secrets contain a value. A value that is too short, or tells nothing, is left out.
func (s *secrets) add(kind, value string, word bool) {
	value = strings.TrimSpace(value)
	fold := folded(value)
	if len(fold) < shortest || shapeless(value) || s.known[string(fold)] {
		return
	}
	if s.known == nil {
		s.known, s.starts = map[string]bool{}, map[[3]rune][]secret{}
	}
	s.known[string(fold)] = true
	if only := digits(value); len(only) >= leastNumber && only == value {
		s.numbers = append(s.numbers, only)
	}
	key := [3]rune(fold)
	s.starts[key] = append(s.starts[key], secret{kind, fold, word})
	slices.SortStableFunc(s.starts[key], func(a, b secret) int { return len(b.fold) - len(a.fold) })
}

func folded(text string) []rune {
	all := []rune(text)
	for i, r := range all {
		all[i] = unicode.ToLower(r)
	}
	return all
}

// at returns the longest secret that begins at that place of a folded text.
func (s *secrets) at(text []rune, i int) (secret, bool) {
	if len(s.starts) == 0 || i+shortest > len(text) {
		return secret{}, false
	}
	for _, candidate := range s.starts[[3]rune(text[i:])] {
		end := i + len(candidate.fold)
		if end > len(text) || !slices.Equal(text[i:end], candidate.fold) {
			continue
		}
		if candidate.word && (i > 0 && wordRune(text[i-1]) || end < len(text) && wordRune(text[end])) {
			continue
		}
		return candidate, true
	}
	return secret{}, false
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

// plain returns the kind of the first secret in a text; empty if there is none.
func (s *secrets) plain(text string) string {
	fold := folded(text)
	for i := range fold {
		if found, ok := s.at(fold, i); ok {
			return found.kind
		}
	}
	if len(s.numbers) == 0 {
		return ""
	}
	for _, group := range groups().FindAllString(text, -1) {
		only := digits(group)
		for _, number := range s.numbers {
			if strings.Contains(only, number) {
				return "a number"
			}
		}
	}
	return ""
}

// groups matches digits with the separators of phone numbers, cards and dates between them.
var groups = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\+?\p{Nd}(?:[\s\x{a0}\x{2009}\x{202f}\x{2010}-\x{2015}()/.\-]{0,3}\p{Nd})+`)
})

// spelled returns the kind of the first secret in a text or in what it spells: in base64,
// in hexadecimal digits, and with escapes of URLs, JSON and HTML, each also in the others.
func (s *secrets) spelled(text string) string {
	if len(s.starts) == 0 {
		return ""
	}
	return s.within(text, mostLevels)
}

// mostLevels is how often a text is decoded.
const mostLevels = 3

func (s *secrets) within(text string, levels int) string {
	if kind := s.plain(text); kind != "" || levels == 0 {
		return kind
	}
	for _, decode := range [...]func(string) string{unpercent, unescapeJSON, html.UnescapeString} {
		if plain := decode(text); plain != text {
			if kind := s.within(plain, levels-1); kind != "" {
				return kind
			}
		}
	}
	for _, run := range encodedRuns().FindAllString(text, -1) {
		for _, plain := range unpack(run) {
			if kind := s.within(plain, levels-1); kind != "" {
				return kind
			}
		}
	}
	return ""
}

// encodedRuns matches what may be base64. Four characters of a secret are six of base64.
var encodedRuns = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/_\-]{6,}`) })

// unpack returns what a run of characters may stand for in base64, at each of the four
// places at which it can begin, and in hexadecimal digits. It leaves out what is no text.
func unpack(run string) (plain []string) {
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(run)
	for skip := 0; skip < 4 && len(standard)-skip >= 4; skip++ {
		part := standard[skip:]
		if len(part)%4 == 1 {
			part = part[:len(part)-1]
		}
		if data, err := base64.RawStdEncoding.DecodeString(part); err == nil {
			plain = append(plain, texts(data)...)
		}
	}
	for skip := 0; skip < 2; skip++ {
		part := run[min(skip, len(run)):]
		if data, err := hex.DecodeString(part[:len(part)/2*2]); err == nil {
			plain = append(plain, texts(data)...)
		}
	}
	return plain
}

// texts returns the parts of data that are text of four bytes or more.
func texts(data []byte) (parts []string) {
	begin := -1
	for i := 0; i <= len(data); {
		size, good := 1, false
		if i < len(data) {
			r, n := utf8.DecodeRune(data[i:])
			size, good = n, r != utf8.RuneError && (unicode.IsPrint(r) || r == '\n' || r == '\t' || r == '\r')
		}
		switch {
		case good && begin < 0:
			begin = i
		case !good && begin >= 0:
			if i-begin >= 4 {
				parts = append(parts, string(data[begin:i]))
			}
			begin = -1
		}
		i += size
	}
	return parts
}

// unpercent returns a text without the escapes of URLs; what is no escape stays.
func unpercent(text string) string {
	if !strings.Contains(text, "%") {
		if strings.Contains(text, "+") {
			return strings.ReplaceAll(text, "+", " ")
		}
		return text
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if char, err := url.PathUnescape(text[i : i+3]); err == nil {
				plain.WriteString(char)
				i += 2
				continue
			}
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}

// unescapeJSON returns a text without the escapes of JSON and JavaScript; what is no escape
// stays.
func unescapeJSON(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	return escapes().ReplaceAllStringFunc(text, func(escape string) string {
		if strings.HasPrefix(escape, `\x`) {
			escape = `\u00` + escape[2:]
		}
		var plain string
		if json.Unmarshal([]byte(`"`+escape+`"`), &plain) != nil {
			return escape
		}
		return plain
	})
}

var escapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:\\u[dD][89abAB][0-9a-fA-F]{2})?\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\["\\/bfnrt]`)
})
