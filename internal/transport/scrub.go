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
	"syscall"
)

// Redacted stands where the token was.
const Redacted = "[redacted]"

// Scrubber finds the token in any spelling that software gives it on the way
// into a text. It keeps it in closures, which no verb of fmt prints, so that a
// printed Scrubber, or whatever holds one, does not show it.
type Scrubber struct {
	text func(string) string
	in   func([]byte) bool
}

// shortest is the length under which a value is too short to be searched for:
// it would turn up in every text by chance. Real tokens have 16 and more.
const shortest = 4

// NewScrubber returns a Scrubber for the token.
func NewScrubber(token string) *Scrubber {
	if len(token) < shortest {
		return &Scrubber{text: func(text string) string { return text }, in: func([]byte) bool { return false }}
	}
	quoted, _ := json.Marshal(token)
	forms := []string{
		token,
		url.QueryEscape(token), url.PathEscape(token),
		strings.ToLower(url.QueryEscape(token)), strings.ToLower(url.PathEscape(token)),
		strings.Trim(string(quoted), `"`), strings.ReplaceAll(token, "/", `\/`),
		strings.Trim(strconv.Quote(token), `"`),
		html.EscapeString(token),
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, Redacted)
	}
	return &Scrubber{
		text: strings.NewReplacer(pairs...).Replace,
		in: func(data []byte) bool {
			return slices.ContainsFunc(forms, func(form string) bool { return bytes.Contains(data, []byte(form)) })
		},
	}
}

// Text returns text without the token.
func (s *Scrubber) Text(text string) string { return s.text(text) }

// Bytes returns data without the token; data itself if it holds none.
func (s *Scrubber) Bytes(data []byte) []byte {
	if !s.in(data) {
		return data
	}
	return []byte(s.text(string(data)))
}

// Error returns err if nothing in its tree shows the token, and otherwise a new
// error that keeps the scrubbed text, Timeout and the well-known sentinels, but
// nothing to unwrap.
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

// shows looks at every error of the tree, since errors.As gets at each.
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
