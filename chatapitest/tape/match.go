package tape

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// This file compares calls by their meaning.

// form is a call in the form in which calls are compared: the value of each member by its
// path, such as "body.text". Values that differ from run to run are the same in it.
type form map[string]string

// reader brings calls into the form in which they are compared.
type reader struct {
	told    map[string]bool // the values that the service tells on the tape
	shapes  bool            // texts are compared by their shapes
	ignored map[string]bool // members
}

// newReader returns the reader of the calls of a tape.
func newReader(t *Tape, ignored []string) *reader {
	r := &reader{told: map[string]bool{}, shapes: !t.KeepsTexts, ignored: map[string]bool{}}
	for _, name := range ignored {
		r.ignored[name] = true
	}
	for _, e := range t.Entries {
		if e.Call != nil {
			eachText(e.Call.Answer.Body, r.tell)
		} else {
			eachText(e.Webhook.Body, r.tell)
		}
	}
	return r
}

func (r *reader) tell(_ spot, text string) { r.told[text] = true }

// eachText calls f for each scalar of a body, also for those in documents inside of texts.
func eachText(body json.RawMessage, f func(at spot, text string)) {
	value, ok := decode(body)
	if !ok {
		return
	}
	var walk func(at spot, value any, depth int)
	walk = func(at spot, value any, depth int) {
		switch v := value.(type) {
		case *object:
			for _, name := range v.names {
				walk(spot{part: at.part, name: name, parent: at.name, siblings: v.of}, v.of[name], depth+1)
			}
		case []any:
			for _, inner := range v {
				walk(at, inner, depth+1)
			}
		case string:
			if inner, ok := innerDocument(v); ok && depth < mostDepth {
				walk(at, inner, depth+1)
				return
			}
			f(at, v)
		case json.Number:
			f(at, v.String())
		}
	}
	walk(spot{}, value, 0)
}

// innerDocument returns the JSON object or array that a text is.
func innerDocument(text string) (any, bool) {
	if text == "" || text[0] != '{' && text[0] != '[' {
		return nil, false
	}
	return decode([]byte(text))
}

// call returns a call in the form in which calls are compared.
func (r *reader) call(c *Call) form {
	f := form{"method": c.Method, "path": r.path(c.Path)}
	query, _ := url.ParseQuery(c.Query)
	for name, values := range query {
		if !r.ignored[name] {
			for i, value := range values {
				f["query."+name+index(i)] = r.text(spot{name: name}, value)
			}
		}
	}
	if value, ok := decode(c.Body); ok {
		r.value(f, "body", spot{}, value, 0)
	}
	return f
}

func index(i int) string {
	if i == 0 {
		return ""
	}
	return "[" + strconv.Itoa(i) + "]"
}

func (r *reader) path(path string) string {
	if strings.Contains(path, "://") {
		return path
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		if digits(part) == part && len(part) >= leastNumber {
			parts[i] = r.id(part)
		}
	}
	return strings.Join(parts, "/")
}

func (r *reader) value(f form, path string, at spot, value any, depth int) {
	if depth > mostDepth {
		return
	}
	switch v := value.(type) {
	case *object:
		if len(v.names) == 0 {
			f[path] = "{}"
		}
		for name, inner := range v.of {
			if !r.ignored[name] {
				r.value(f, memberPath(path, name), spot{name: name, parent: at.name, siblings: v.of}, inner, depth+1)
			}
		}
	case []any:
		if len(v) == 0 {
			f[path] = "[]"
		}
		for i, inner := range v {
			r.value(f, path+"["+strconv.Itoa(i)+"]", at, inner, depth+1)
		}
	case string:
		if inner, ok := innerDocument(v); ok && at.name != "payload" {
			r.value(f, path, at, inner, depth+1)
			return
		}
		f[path] = r.text(at, v)
	case json.Number:
		f[path] = r.text(at, v.String())
	default:
		f[path] = fmt.Sprint(v)
	}
}

// memberPath returns the path of a member. The members that name the recipient are one, since
// they name the same chat.
func memberPath(path, name string) string {
	if path == "body" && slices.Contains(recipientMembers, name) {
		return "recipient"
	}
	return path + "." + name
}

var recipientMembers = []string{"chatId", "phone", "bsuid", "username"}

// text returns a text as it is compared.
func (r *reader) text(at spot, value string) string {
	switch {
	case strings.HasPrefix(value, "data:"):
		return "a file"
	case strings.HasPrefix(value, "http://"), strings.HasPrefix(value, "https://"):
		return "a link"
	case strings.HasPrefix(value, "BEGIN:VCARD"):
		return "a card"
	}
	switch c := meaning(at); c {
	case word:
		return value
	case text:
		return r.sentence(value, r.shapes)
	case own, says:
		return r.sentence(value, false)
	case party:
		return chatKey(value)
	case ident, person, thing, username, address:
		return r.id(value)
	case instant:
		return "a time"
	case place:
		return "a place"
	case hash, size, network:
		return "of a file or call"
	case filename:
		return r.sentence(value, true)
	}
	if len(digits(value)) >= leastNumber && leastDigits(value) {
		return "a number"
	}
	return r.sentence(value, true)
}

// id returns an id or name that the service has told, and no other, which the program made up.
func (r *reader) id(text string) string {
	if r.told[text] || len(text) < leastNumber && digits(text) == text {
		return text
	}
	return "the program's own"
}

// sentence returns a sentence without the values that are replaced on a tape.
func (r *reader) sentence(text string, shaped bool) string {
	plain := pieces().ReplaceAllStringFunc(text, func(piece string) string {
		switch {
		case strings.Contains(piece, "://"):
			return "//"
		case strings.Contains(piece, "@"):
			return "@"
		case len(digits(piece)) >= leastNumber:
			return "#"
		}
		return piece
	})
	if shaped {
		plain = shape(strings.ReplaceAll(plain, "xxxxx://xxxx.xxxx", "//"))
	}
	return plain
}

// chatKey returns the digits or the user id of a person or chat.
func chatKey(text string) string {
	whose, _, _ := strings.Cut(text, "@")
	if only := digits(whose); len(only) >= leastNumber && leastDigits(whose) {
		return only
	}
	return whose
}

// chatOfCall returns the person or chat that a call is about; empty if there is none.
func chatOfCall(c *Call) string {
	body := members(c.Body)
	if body == nil {
		body = newObject()
	}
	for _, name := range recipientMembers {
		switch v := body.of[name].(type) {
		case string:
			if v != "" {
				return chatKey(v)
			}
		case json.Number:
			return v.String()
		}
	}
	query, _ := url.ParseQuery(c.Query)
	return chatKey(query.Get("chatId"))
}

// laneOf returns the name of the queue in which a call has its turn: that of its chat, or, if it
// is about none, that of its operation.
func laneOf(c *Call) string {
	if chat := chatOfCall(c); chat != "" {
		return "chat " + chat
	}
	return c.Method + " " + c.Path
}

// differences returns how a call differs from one on the tape: a line for each member.
func differences(tape, program form) (lines []string) {
	all := maps.Clone(tape)
	maps.Copy(all, program)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		was, onTape := tape[path]
		is, made := program[path]
		switch {
		case !onTape:
			lines = append(lines, fmt.Sprintf("%s: not on the tape, program %q", path, clip(is, 200)))
		case !made:
			lines = append(lines, fmt.Sprintf("%s: tape %q, not in the program's call", path, clip(was, 200)))
		case was != is:
			lines = append(lines, fmt.Sprintf("%s: tape %q, program %q", path, clip(was, 200), clip(is, 200)))
		}
	}
	return lines
}

// near is an entry beside a call that is not on the tape.
type near struct {
	*played
	lines []string
}

// nearest returns the entries that are nearest to a call, at most three.
func nearest(entries []*played, made form) []near {
	var all []near
	for _, e := range entries {
		if !e.done {
			all = append(all, near{e, differences(e.form, made)})
		}
	}
	distance := func(n near) int {
		d := len(n.lines)
		if n.form["path"] != made["path"] || n.form["method"] != made["method"] {
			d += 100
		}
		return d
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(distance(a), distance(b)) })
	return all[:min(len(all), 3)]
}

// asCall returns a request as a call.
func asCall(r *http.Request, body []byte) *Call {
	e := newRecorded(r.Method, r.URL, r.Header, body)
	c := &Call{Method: e.method, Path: strings.Trim(e.path, "/"), Query: e.query.Encode()}
	if e.file {
		return c
	}
	if plain := plainBody(e.contentType, e.body); len(plain) > 0 {
		if c.Body = plain; !json.Valid(plain) {
			c.Body = encode(string(plain))
		}
	}
	return c
}
