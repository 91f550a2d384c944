package transport

import (
	"bytes"
	"html"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Redacted stands where the token was.
const Redacted = "[redacted]"

// Scrubber removes tokens from texts, in every spelling that software gives
// them: plain, or with any of their characters escaped for URLs, JSON, Go or
// HTML, also several times. It keeps the tokens in closures, which no verb of
// fmt prints, so that a printed Scrubber, or a struct that holds one, does not
// show them.
type Scrubber struct {
	add    func(token string)
	search atomic.Pointer[search]
}

type search struct {
	text func(string) string
	data func([]byte) []byte
	name func(string) bool // reports whether the text shows a token in any case
}

const (
	// shortest is the least length of a token that is searched for. A shorter
	// one would occur in many texts by chance. Real tokens have 16 characters
	// and more.
	shortest = 4

	// remembered is how many tokens of a source are searched for. A token is
	// long out of use when so many newer ones have followed it.
	remembered = 64
)

// NewScrubber returns a Scrubber for the token, which may be empty.
func NewScrubber(token string) *Scrubber {
	s := &Scrubber{}
	var mu sync.Mutex
	var known []string
	s.add = func(token string) {
		mu.Lock()
		defer mu.Unlock()
		if len(token) < shortest || slices.Contains(known, token) {
			return
		}
		known = append(known, token)
		known = known[max(0, len(known)-remembered):]
		s.search.Store(newSearch(known))
	}
	s.search.Store(newSearch(nil))
	s.add(token)
	return s
}

// Add makes the Scrubber look for one more token.
func (s *Scrubber) Add(token string) { s.add(token) }

// newSearch returns the search for the tokens. A token is found as it is, and
// with all letters in lower case, as names of hosts and old software have it.
func newSearch(tokens []string) *search {
	var wanted []string
	for _, token := range tokens {
		wanted = append(wanted, token, strings.ToLower(token))
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	var first [256]bool // the characters with which a spelling of a token may begin
	for _, token := range wanted {
		first[token[0]] = true
		first['\\'], first['%'], first['&'] = true, true, true
	}
	return &search{
		text: func(text string) string {
			plain := func(token string) bool { return strings.Contains(text, token) }
			if len(wanted) == 0 || !strings.ContainsAny(text, `\%&`) && !slices.ContainsFunc(wanted, plain) {
				return text
			}
			if clean := replaced(text, wanted, &first); clean != nil {
				return string(clean)
			}
			return text
		},
		data: func(data []byte) []byte {
			plain := func(token string) bool { return bytes.Contains(data, []byte(token)) }
			if len(wanted) == 0 || !bytes.ContainsAny(data, `\%&`) && !slices.ContainsFunc(wanted, plain) {
				return data
			}
			if clean := replaced(data, wanted, &first); clean != nil {
				return clean
			}
			return data
		},
		name: func(name string) bool {
			return slices.ContainsFunc(wanted, func(token string) bool { return containsFold(name, token) })
		},
	}
}

// Text returns text without the tokens.
func (s *Scrubber) Text(text string) string { return s.search.Load().text(text) }

// Bytes returns data without the tokens. It returns data itself if there is no
// token in it.
func (s *Scrubber) Bytes(data []byte) []byte { return s.search.Load().data(data) }

// Shows reports whether text holds a token in any spelling, or in any case.
func (s *Scrubber) Shows(text string) bool {
	search := s.search.Load()
	return search.name(text) || search.text(text) != text
}

// Header returns the header without the tokens. It leaves out a field whose name
// holds a token, in any case, since net/http changes the case of names. It
// returns h itself if there is no token in it.
func (s *Scrubber) Header(h http.Header) http.Header {
	search := s.search.Load()
	clean, changed := h, false
	change := func() {
		if !changed {
			clean, changed = h.Clone(), true // a mock may share its header
		}
	}
	for name, values := range h {
		if search.name(name) {
			change()
			delete(clean, name)
			continue
		}
		for i, value := range values {
			if text := search.text(value); text != value {
				change()
				clean[name][i] = text
			}
		}
	}
	return clean
}

// containsFold reports whether text holds part, in any case. It allocates
// nothing, because it looks at each header name of each reply.
func containsFold(text, part string) bool {
	for at := 0; at+len(part) <= len(text); at++ {
		if strings.EqualFold(text[at:at+len(part)], part) {
			return true
		}
	}
	return false
}

// replaced returns text with Redacted in the place of each token, and nil if
// there is none. Of tokens that begin at the same place, the longest counts.
func replaced[T string | []byte](text T, tokens []string, first *[256]bool) []byte {
	var clean []byte
	kept := 0 // text before this place is in clean
	for at := 0; at < len(text); {
		length := 0
		if first[text[at]] {
			for _, token := range tokens {
				length = max(length, spelled(text, at, token))
			}
		}
		if length == 0 {
			at++
			continue
		}
		clean = append(append(clean, text[kept:at]...), Redacted...)
		at += length
		kept = at
	}
	if kept == 0 {
		return nil
	}
	return append(clean, text[kept:]...)
}

// spelled returns the length of a spelling of token at this place of text; 0 if
// there is none.
func spelled[T string | []byte](text T, at int, token string) int {
	from := at
	for i := range len(token) {
		literal := at < len(text) && text[at] == token[i]
		escaped := escape(text, at, token[i])
		switch {
		case literal && escaped > 0: // "%25" may be a percent sign, or one and "25"
			if rest := spelled(text, at+escaped, token[i+1:]); rest > 0 || i == len(token)-1 {
				return at + escaped + rest - from
			}
			at++
		case literal:
			at++
		case escaped > 0:
			at += escaped
		default:
			return 0
		}
	}
	return at - from
}

// The bounds of repeated escaping: a text inside of texts.
const (
	mostSlashes = 16
	mostNested  = 4
)

// escape returns the length of an escape of c at this place of text; 0 if there
// is none.
func escape[T string | []byte](text T, at int, c byte) int {
	if at >= len(text) {
		return 0
	}
	switch text[at] {
	case '\\':
		return backslashed(text, at, c)
	case '%':
		end := at + 1
		for n := 0; n < mostNested && end+1 < len(text) && text[end] == '2' && text[end+1] == '5' && hexadecimal(text, end, 2) != int(c); n++ {
			end += 2
		}
		if hexadecimal(text, end, 2) == int(c) {
			return end + 2 - at
		}
	case '&':
		return entity(text, at, c)
	}
	return 0
}

// backslashed returns the length of an escape with backslashes, as JSON, Go and
// JavaScript have it.
func backslashed[T string | []byte](text T, at int, c byte) int {
	end := at
	for end < len(text) && end-at <= mostSlashes && text[end] == '\\' {
		end++
	}
	slashes := end - at
	switch {
	case slashes > mostSlashes:
		return 0
	case c == '\\' && slashes > 1: // each level of texts doubles it
		return 2
	case end == len(text):
		return 0
	case text[end] == c && c != '\\' && !alphanumeric(c):
		return slashes + 1
	case text[end] == 'u' && hexadecimal(text, end+1, 4) == int(c):
		return slashes + 5
	case text[end] == 'U' && hexadecimal(text, end+1, 8) == int(c):
		return slashes + 9
	case text[end] == 'x' && hexadecimal(text, end+1, 2) == int(c):
		return slashes + 3
	}
	return 0
}

// entity returns the length of a character reference of HTML.
func entity[T string | []byte](text T, at int, c byte) int {
	const longest = 10
	end := at + 1
	for n := 0; n < mostNested && end+4 <= len(text) && string(text[end:end+4]) == "amp;" && c != '&'; n++ {
		end += 4
	}
	for to := end; to < len(text) && to < end+longest; to++ {
		if text[to] != ';' {
			continue
		}
		if html.UnescapeString("&"+string(text[end:to+1])) == string(rune(c)) {
			return to + 1 - at
		}
		break
	}
	return 0
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// hexadecimal returns the number that the digits at this place write; -1 if
// they are no digits.
func hexadecimal[T string | []byte](text T, at, digits int) int {
	if at+digits > len(text) {
		return -1
	}
	n := 0
	for i := at; i < at+digits; i++ {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			n = n<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		case 'A' <= c && c <= 'F':
			n = n<<4 | int(c-'A'+10)
		default:
			return -1
		}
	}
	return n
}
