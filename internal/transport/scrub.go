package transport

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Redacted stands where the token was.
const Redacted = "[redacted]"

// Scrubber removes tokens from texts, in every spelling that software gives
// them: plain, in base64 or hexadecimal digits, or with any of their characters
// escaped for URLs, JSON, Go or HTML, also one in the other. It keeps the tokens in closures, which no verb of
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

// newSearch returns the search for the tokens. A token is found as it is, with
// all letters in lower case, as names of hosts and old software have it, and
// encoded.
func newSearch(tokens []string) *search {
	var wanted []string
	for _, token := range tokens {
		wanted = append(append(wanted, token, strings.ToLower(token)), encoded(token)...)
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	var first [256]bool // the first characters of the tokens
	spelled := make([][]byte, len(wanted))
	for i, token := range wanted {
		first[token[0]], spelled[i] = true, []byte(token)
	}
	return &search{
		text: func(text string) string {
			plain := len(wanted) == 0 || !strings.ContainsAny(text, `\%&`)
			for i := 0; plain && i < len(wanted); i++ { // without a closure, which would cost memory for each reply
				plain = !strings.Contains(text, wanted[i])
			}
			if plain {
				return text
			}
			if clean := replaced(text, wanted, &first); clean != nil {
				return string(clean)
			}
			return text
		},
		data: func(data []byte) []byte {
			plain := len(wanted) == 0 || !bytes.ContainsAny(data, `\%&`)
			for i := 0; plain && i < len(spelled); i++ {
				plain = !bytes.Contains(data, spelled[i])
			}
			if plain {
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
		if first[text[at]] || begins(text, at, first) {
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
