package tape

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Difference is one way in which an answer of the service is another than on the tape.
type Difference struct {
	// Entry is the number of the call's entry, from 1, and Call the call in one line.
	Entry int
	Call  string

	// Member is the member of the answer, such as "body.messages[].time"; "status" and "type"
	// are the HTTP status and the content type. Was describes the value on the tape and Is that
	// of now; one of them is empty if there is none. They show words of the protocol and the
	// service's sentences; everything else is described by its sort, such as "a number, as text".
	Member, Was, Is string
}

// String returns the difference in one line.
func (d Difference) String() string {
	return fmt.Sprintf("entry %d, %s: %s was %s, is %s", d.Entry, d.Call, d.Member, cmp.Or(d.Was, "absent"), cmp.Or(d.Is, "absent"))
}

// DiffOption configures [Tape.Diff].
type DiffOption func(*diffOptions)

type diffOptions struct {
	transport http.RoundTripper
	people    map[string]string
}

// DiffTransport makes Diff call through that transport, which sees the token. The default is
// http.DefaultTransport.
func DiffTransport(transport http.RoundTripper) DiffOption {
	return func(o *diffOptions) { o.transport = transport }
}

// DiffPeople lets Diff repeat the sends to these people too: each number of the tape is replaced
// by the number of a real person, who gets the messages, and who should have written in the last
// 24 hours. Both are digits with the country code.
func DiffPeople(people map[string]string) DiffOption {
	return func(o *diffOptions) { maps.Copy(o.people, people) }
}

// Diff makes the calls of the tape to a live channel and returns how the answers differ in form
// from those on the tape: which members came, went or changed their type, which words and
// sentences changed. Values that differ each time, such as ids, times and people, are compared by
// their sort, and lists without their lengths and order.
//
// It makes the calls that only read, and, with [DiffPeople], the sends to the people named
// there. It makes no other call, since the channel would change, and none about a person or an id
// of the tape that the channel does not have. Each call is made at most once,
// in the order of the tape and one at a time. An error says that the channel could not be asked;
// the differences found before are returned with it. No error and no difference holds the token.
func (t *Tape) Diff(ctx context.Context, apiURL, token string, opts ...DiffOption) ([]Difference, error) {
	o := diffOptions{transport: http.DefaultTransport, people: map[string]string{}}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	base, err := url.Parse(strings.TrimSpace(apiURL))
	if err != nil || base.Host == "" || token == "" || o.transport == nil {
		return nil, errors.New("tape: Diff: it needs an API URL such as https://api.1msg.io/ABC100000001, a token and a transport")
	}
	d := &differ{options: o, base: base, token: token, ids: map[string]string{}}
	var all []Difference
	for i, e := range t.Entries {
		if e.Call == nil || !d.may(e.Call) {
			continue
		}
		live, err := d.ask(ctx, e.Call)
		if err != nil {
			return all, fmt.Errorf("tape: Diff: entry %d, %s: %w", i+1, e.Call.Path, err)
		}
		all = append(all, compare(i+1, e, live)...)
	}
	return all, nil
}

type differ struct {
	options diffOptions
	base    *url.URL
	token   string
	ids     map[string]string // the live ids of those on the tape
}

// may reports whether Diff repeats a call.
func (d *differ) may(c *Call) bool {
	if strings.Contains(c.Path, "://") {
		return false // a link of the tape leads nowhere
	}
	for _, segment := range append(strings.Split(c.Path, "/"), chatOfCall(c)) {
		if len(digits(segment)) >= leastNumber && d.live(segment) == segment {
			return false // the channel does not know what the tape calls so
		}
	}
	return c.Method == http.MethodGet || strings.HasPrefix(c.Path, "send") && d.options.people[chatOfCall(c)] != ""
}

// ask makes a call and returns the answer without anything personal.
func (d *differ) ask(ctx context.Context, c *Call) (Answer, error) {
	query, _ := url.ParseQuery(c.Query)
	for _, values := range query {
		for i := range values {
			values[i] = d.live(values[i])
		}
	}
	query.Set("token", d.token)
	segments := strings.Split(c.Path, "/")
	for i := range segments {
		segments[i] = d.live(segments[i])
	}
	address := d.base.JoinPath(segments...)
	address.RawQuery = query.Encode()
	var body []byte
	if value, ok := decode(c.Body); ok {
		body = encode(d.replaced(value))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, c.Method, address.String(), bytes.NewReader(body))
	if err != nil {
		return Answer{}, errors.New("the address cannot be called")
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := d.options.transport.RoundTrip(r)
	if err != nil {
		return Answer{}, errors.New("the channel cannot be reached: " + failureOf(err)) // the cause can show the token
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostLine))
	if err != nil {
		return Answer{}, errors.New("the answer broke off")
	}
	d.learn(c.Answer.Body, raw)
	return d.scrubbed(resp, raw), nil
}

// scrubbed returns an answer as a tape has it.
func (d *differ) scrubbed(resp *http.Response, raw []byte) Answer {
	s := &scrubber{registry: newRegistry(), shift: time.Now().Truncate(time.Second).Sub(start)}
	s.secrets.add("the token", d.token, false)
	s.body(inAnswer, raw)
	s.decide()
	return Answer{Status: resp.StatusCode, ContentType: fileType(resp.Header.Get("Content-Type")), RetryAfter: retryAfter(resp.Header), Body: s.body(inAnswer, raw)}
}

// replaced returns a body with live numbers and ids.
func (d *differ) replaced(value any) any {
	switch v := value.(type) {
	case *object:
		for name, inner := range v.of {
			v.of[name] = d.replaced(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = d.replaced(inner)
		}
	case string:
		return d.live(v)
	case json.Number:
		if live := d.live(v.String()); live != v.String() {
			return json.Number(live)
		}
	}
	return value
}

func (d *differ) live(text string) string {
	if id, ok := d.ids[text]; ok {
		return id
	}
	whose, where, chat := strings.Cut(text, "@")
	if number, ok := d.options.people[whose]; ok && chat {
		return number + "@" + where
	} else if ok {
		return number
	}
	return text
}

// learn remembers the live ids in an answer, by those of the tape in the same places.
func (d *differ) learn(onTape json.RawMessage, live []byte) {
	was, now := map[string]string{}, map[string]string{}
	ids := func(into map[string]string) func(spot, string) {
		return func(at spot, value string) {
			if meaning(at) == ident {
				into[fmt.Sprint(at.parent, ".", at.name, len(into))] = value
			}
		}
	}
	eachText(onTape, ids(was))
	eachText(live, ids(now))
	for place, id := range was {
		if to, ok := now[place]; ok {
			d.ids[id] = to
		}
	}
}

// compare returns how a live answer differs from that of an entry.
func compare(nth int, e Entry, live Answer) (all []Difference) {
	was, is := sorts(e.Call.Answer), sorts(live)
	both := maps.Clone(was)
	maps.Copy(both, is)
	for _, member := range slices.Sorted(maps.Keys(both)) {
		if was[member] != is[member] {
			all = append(all, Difference{Entry: nth, Call: e.String(), Member: member, Was: was[member], Is: is[member]})
		}
	}
	return all
}

// sorts returns the sort of each member of an answer.
func sorts(a Answer) map[string]string {
	found := map[string]string{"status": fmt.Sprint(a.Status), "type": a.ContentType}
	if a.RetryAfter != "" {
		found["Retry-After"] = "seconds"
	}
	value, _ := decode(a.Body)
	sortsOf(found, "body", spot{part: inAnswer}, value, false)
	return found
}

func sortsOf(found map[string]string, path string, at spot, value any, listed bool) {
	sort := ""
	switch v := value.(type) {
	case *object:
		for name, inner := range v.of {
			sortsOf(found, path+"."+name, spot{part: inAnswer, name: name, parent: at.name, siblings: v.of}, inner, listed)
		}
		sort = "an object"
	case []any:
		for _, inner := range v {
			sortsOf(found, path+"[]", at, inner, true)
		}
		sort = "a list"
	case string:
		sort = sortOf(at, v, listed) + ", as text"
	case json.Number:
		sort = sortOf(at, v.String(), listed) + ", as number"
	case bool:
		sort = fmt.Sprintf("%t", v)
		if listed {
			sort = "a boolean"
		}
	default:
		sort = "null"
	}
	if have := strings.Split(found[path], " or "); found[path] != "" && !slices.Contains(have, sort) {
		sort = strings.Join(slices.Sorted(slices.Values(append(have, sort))), " or ")
	} else if found[path] != "" {
		return
	}
	found[path] = sort
}

// sortOf describes a value; a word of the protocol and a sentence of the service by themselves.
func sortOf(at spot, value string, listed bool) string {
	switch c := meaning(at); c {
	case word:
		if listed { // another row is no difference, but another case is
			return "a word in " + caseOf(value)
		}
		return fmt.Sprintf("%q", value)
	case says:
		return fmt.Sprintf("%q", (&reader{}).sentence(value, false))
	case text, own:
		return "a text"
	case party:
		return "a person or chat"
	case person, thing, username, address:
		return "a name"
	case ident:
		return "an id"
	case instant:
		return "a time"
	}
	return "a value"
}

func caseOf(text string) string {
	switch text {
	case strings.ToUpper(text):
		return "upper case"
	case strings.ToLower(text):
		return "lower case"
	}
	return "both cases"
}
