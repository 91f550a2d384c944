package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Redacted stands where the token was.
const Redacted = "[redacted]"

// Scrubber removes tokens from texts, in every spelling that software gives
// them: plain, or escaped for URLs, JSON, Go and HTML. It keeps the tokens in
// closures, which no verb of fmt prints, so that a printed Scrubber, or a
// struct that holds one, does not show them.
type Scrubber struct {
	add    func(token string)
	search atomic.Pointer[search]
}

type search struct {
	text func(string) string
	in   func([]byte) bool
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

func newSearch(tokens []string) *search {
	var forms []string
	for _, token := range tokens {
		quoted, _ := json.Marshal(token)
		forms = append(forms,
			token,
			url.QueryEscape(token), url.PathEscape(token),
			strings.ToLower(url.QueryEscape(token)), strings.ToLower(url.PathEscape(token)),
			strings.Trim(string(quoted), `"`), strings.ReplaceAll(token, "/", `\/`),
			strings.Trim(strconv.Quote(token), `"`),
			html.EscapeString(token),
		)
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, Redacted)
	}
	replacer := strings.NewReplacer(pairs...)
	return &search{
		text: func(text string) string {
			if !slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) }) {
				return text // a Replacer copies even then
			}
			return replacer.Replace(text)
		},
		in: func(data []byte) bool {
			return slices.ContainsFunc(forms, func(form string) bool { return bytes.Contains(data, []byte(form)) })
		},
	}
}

// Text returns text without the tokens.
func (s *Scrubber) Text(text string) string { return s.search.Load().text(text) }

// Bytes returns data without the tokens. It returns data itself if there is no
// token in it.
func (s *Scrubber) Bytes(data []byte) []byte {
	if search := s.search.Load(); search.in(data) {
		return []byte(search.text(string(data)))
	}
	return data
}

// Error returns err itself if no error in its tree shows a token. Otherwise it
// returns a new error with the scrubbed text, the same Timeout and the same
// well-known sentinels, but nothing to unwrap.
func (s *Scrubber) Error(err error) error {
	if err == nil || !s.shows(err) {
		return err
	}
	clean := &scrubbed{text: s.Text(err.Error())}
	var timeout net.Error
	clean.timeout = errors.As(err, &timeout) && timeout.Timeout()
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			clean.is = append(clean.is, sentinel)
		}
	}
	return clean
}

var sentinels = []error{
	context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF,
	net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, errTooLarge,
}

// shows reports whether an error of the tree shows a token. It looks at every
// one, since errors.As reaches every one.
func (s *Scrubber) shows(err error) bool {
	if err == nil {
		return false
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if s.Text(text) != text {
			return true
		}
	}
	switch inner := err.(type) {
	case interface{ Unwrap() error }:
		return s.shows(inner.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(inner.Unwrap(), s.shows)
	}
	return false
}

type scrubbed struct {
	text    string
	timeout bool
	is      []error
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Timeout() bool        { return e.timeout }
func (e *scrubbed) Is(target error) bool { return slices.Contains(e.is, target) }
