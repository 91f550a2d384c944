package tape

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"
)

// This file makes the tape of a recording.

// Save writes what was recorded so far to a file, without anything personal; see [Tape.Save].
// It writes nothing, and its error says why, if [Tape.Check] finds a value that should have
// been replaced, if nothing was recorded, or if the recording is incomplete because it was too
// large.
func (r *Recorder) Save(path string) error {
	t, err := r.Tape()
	if err != nil {
		return err
	}
	return t.Save(path)
}

// Tape returns what was recorded so far, without anything personal. A call whose answer has not
// come yet is on it as one whose answer was lost. It fails as Save does.
func (r *Recorder) Tape() (*Tape, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.problem != nil:
		return nil, r.problem
	case len(r.entries) == 0:
		return nil, errors.New("tape: nothing was recorded; give the client Recorder.Transport, and the server Recorder.Handler")
	}
	first := r.entries[0].at
	s := &scrubber{registry: newRegistry(), keep: r.options.keep, shift: first.Truncate(time.Second).Sub(start)}
	for _, word := range r.options.words {
		s.words[strings.ToLower(word)] = true
	}
	for _, value := range r.secrets {
		if s.common(value) {
			continue
		}
		s.secrets.add("a token or the secret of an address", value, false)
	}
	for i, value := range r.options.secrets {
		if len([]rune(strings.TrimSpace(value))) < shortest || s.common(value) || shapeless(value) {
			return nil, fmt.Errorf("tape: Secrets: value %d is too short, or a word that stands on each tape; give a longer one", i+1)
		}
		s.secrets.add("one of the given secrets", value, false)
		if only := digits(value); len(only) >= 8 && leastDigits(value) { // however it is written
			s.secrets.add("one of the given secrets", only, false)
		}
	}
	for _, e := range r.entries {
		s.entry(e, first)
	}
	s.decide()
	t := &Tape{Recorded: first.UTC().Truncate(24 * time.Hour), KeepsTexts: s.keep, guard: s.registry}
	for _, e := range r.entries {
		t.Entries = append(t.Entries, s.entry(e, first))
	}
	return t, nil
}

// decide ends the collecting. People get their names in the order in which the tape names them.
func (s *scrubber) decide() {
	s.settle = true
	for _, name := range s.met {
		s.name(name)
	}
}

// entry returns an entry without anything personal.
func (s *scrubber) entry(e *recorded, first time.Time) Entry {
	clean := Entry{At: max(0, e.at.Sub(first)).Round(time.Millisecond)}
	if e.webhook {
		clean.Webhook = &Webhook{Body: s.body(inWebhook, e.body), Status: e.status}
		if clean.Webhook.Body == nil {
			clean.Webhook.Body = json.RawMessage(`""`)
		}
		return clean
	}
	clean.Call = &Call{Method: e.method, Path: s.path(e), Query: s.query(e.query), Body: s.callBody(e)}
	answer := Answer{Status: e.status, Failure: e.failure}
	switch {
	case e.status == 0:
		answer.Failure = cmp.Or(e.failure, "lost")
	case e.file:
		answer.ContentType = fileType(e.header.Get("Content-Type"))
	default:
		answer.ContentType, answer.RetryAfter = fileType(e.header.Get("Content-Type")), retryAfter(e.header)
		answer.Body = s.body(inAnswer, e.answer)
	}
	clean.Call.Answer = answer
	return clean
}

// fileType returns a content type without its parameters.
func fileType(header string) string {
	kind, _, err := mime.ParseMediaType(header)
	if err != nil || !knownMIME(kind) {
		return ""
	}
	return kind
}

// path returns the path of a call, or the address of a file.
func (s *scrubber) path(e *recorded) string {
	if e.file {
		s.secret("an address", e.path)
		return s.link(e.path)
	}
	parts := strings.Split(strings.Trim(e.path, "/"), "/")
	for i, part := range parts {
		switch {
		case len(digits(part)) >= leastNumber && digits(part) == part:
			s.secret("an id", part)
			parts[i] = s.id(part)
		case i > 0 && !onlyLetters(part):
			clean, _ := s.text(spot{name: "payload"}, part, mostDepth).(string)
			parts[i] = strings.ReplaceAll(clean, "/", "-")
		default:
			parts[i] = s.word(part)
		}
	}
	return strings.Join(parts, "/")
}

func onlyLetters(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return (r|0x20 < 'a' || r|0x20 > 'z') && r != '_' && r != '-' }) < 0
}

func (s *scrubber) query(real url.Values) string {
	clean := url.Values{}
	for name, values := range real {
		for _, value := range values {
			text, _ := s.text(spot{name: name, siblings: map[string]any{}}, value, 0).(string)
			clean.Add(s.memberName(name), text)
		}
	}
	for _, values := range clean {
		slices.Sort(values)
	}
	return clean.Encode()
}

// callBody returns the body of a call as JSON, without the token.
func (s *scrubber) callBody(e *recorded) json.RawMessage {
	return s.body(inCall, plainBody(e.contentType, e.body))
}

// plainBody returns a body as JSON if it is JSON or a form, without the token; else as it is.
func plainBody(contentType string, body []byte) []byte {
	trimmed := bytes.TrimSpace(body)
	if contentType == "application/x-www-form-urlencoded" && !bytes.HasPrefix(trimmed, []byte("{")) {
		if form, err := url.ParseQuery(string(body)); err == nil {
			o := newObject()
			for _, name := range slices.Sorted(maps.Keys(form)) {
				o.set(name, form.Get(name))
			}
			o.remove("token")
			return encode(o)
		}
	}
	if !bytes.Contains(body, []byte(`"token"`)) {
		return body
	}
	if o := members(body); o != nil {
		o.remove("token")
		return encode(o)
	}
	return body
}
