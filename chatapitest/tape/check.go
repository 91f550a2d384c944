package tape

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// This file is the guard: it looks at a whole tape, as it would be written, before anything is.

// Check looks for what must not be on a tape: phone numbers, payment cards, IBANs, e-mail
// addresses and other long numbers that this package did not put there. It also looks for each
// of the given secrets, and, on a tape that a Recorder made, for everything that the recorder
// replaced: the token, and each number, name, user id and address. Secrets are looked for in
// any case, in base64, in hexadecimal digits, and with escapes of URLs, JSON and HTML.
//
// The error names the entry and the member, and not the value. [Tape.Save] and [Tape.WriteTo]
// call Check. A test of yours can call it for each tape in your repository.
func (t *Tape) Check(secretValues ...string) error {
	g := guard{secrets: []*secrets{{}}}
	for i, value := range secretValues {
		if len([]rune(strings.TrimSpace(value))) < shortest {
			return fmt.Errorf("tape: Check: secret %d has less than %d characters, and would be found everywhere", i+1, shortest)
		}
		g.secrets[0].add("one of the given secrets", value, false)
	}
	if t.guard != nil {
		g.secrets = append(g.secrets, &t.guard.secrets)
		if t.guard.err != nil {
			return fmt.Errorf("tape: %w", t.guard.err)
		}
	}
	for i, e := range t.Entries {
		where := fmt.Sprintf("entry %d", i+1)
		if e.Call != nil {
			c := e.Call
			g.text(where+", path", c.Path, true)
			g.query(where+", query", c.Query)
			g.text(where+", method", c.Method+c.Answer.ContentType+" "+c.Answer.RetryAfter+" "+c.Answer.Failure, true)
			g.body(where+", call", c.Body)
			g.body(where+", answer", c.Answer.Body)
		} else if e.Webhook != nil {
			g.body(where+", webhook", e.Webhook.Body)
		}
		if g.problem != "" {
			return fmt.Errorf("tape: nothing was written: %s; give the value to Secrets, or take the entry out", g.problem)
		}
	}
	return nil
}

type guard struct {
	secrets []*secrets
	problem string // the first one
}

func (g *guard) body(where string, body json.RawMessage) {
	if len(body) == 0 {
		return
	}
	value, ok := decode(body)
	if !ok {
		g.found(where, "something that is not JSON")
		return
	}
	g.value(where, value)
}

func (g *guard) value(where string, value any) {
	switch v := value.(type) {
	case *object:
		for _, name := range v.names {
			inner := v.of[name]
			g.text(where, name, classOf(name) == unknown)
			if text, ok := inner.(string); ok && classOf(name) == hash && stockHash(v.of, text) == text {
				continue
			}
			g.value(where+"."+shapeUnknown(name), inner)
		}
	case []any:
		for _, inner := range v {
			g.value(where, inner)
		}
	case string:
		if strings.HasPrefix(v, "data:") && stockData(v) == v {
			return
		}
		g.text(where, v, true)
	case json.Number:
		g.text(where, v.String(), true)
	}
}

func (g *guard) query(where, query string) {
	values, err := url.ParseQuery(query)
	if err != nil {
		g.found(where, "something that is no query")
	}
	for name, all := range values {
		for _, value := range all {
			g.text(where, name+" "+value, true)
		}
	}
}

// shapeUnknown keeps a name that is not of the protocol out of an error.
func shapeUnknown(name string) string {
	if classOf(name) != unknown {
		return name
	}
	return shape(name)
}

func (g *guard) found(where, kind string) {
	if g.problem == "" {
		g.problem = where + " holds " + kind
	}
}

// text looks at one text. A name of the protocol is not looked at for secrets.
func (g *guard) text(where, text string, foreign bool) {
	if text == "" || shapeless(text) || !foreign {
		return
	}
	for _, s := range g.secrets {
		if kind := s.spelled(text); kind != "" {
			g.found(where, kind)
		}
	}
	for _, piece := range pieces().FindAllString(text, -1) {
		if kind := suspicious(piece); kind != "" {
			g.found(where, kind)
		}
	}
}

// suspicious returns what a piece of a text may be, in words; empty if this package wrote it, or
// it tells nothing.
func suspicious(piece string) string {
	only := digits(piece)
	switch {
	case shapeless(piece):
		return ""
	case strings.Contains(piece, "://"):
		return foreignLink(piece)
	case strings.Contains(piece, "@") && !strings.HasSuffix(piece, "@example.com") && !wholeChat().MatchString(piece):
		return "an e-mail address"
	case len(piece) > 4 && piece[0] > '9' && iban(piece) > 0:
		return "an IBAN"
	case ours(only), len(only) < 8:
		return ""
	case card(only):
		return "the number of a payment card"
	}
	rest := 0
	for _, run := range strings.FieldsFunc(piece, func(r rune) bool { return digits(string(r)) == "" }) {
		if !ours(digits(run)) {
			rest += len(digits(run))
		}
	}
	if rest >= 8 {
		return "a number of 8 digits or more that the recorder did not make"
	}
	return ""
}

// foreignLink returns "a link" unless this package made it.
func foreignLink(link string) string {
	number, toNumber := strings.CutPrefix(link, "https://wa.me/")
	if link == linkInText || strings.HasPrefix(link, "https://files.test/") || toNumber && ours(number) {
		return ""
	}
	return "a link that the recorder did not make"
}

// ours reports whether this package makes numbers such as these digits.
func ours(number string) bool {
	switch {
	case strings.Trim(number, "0") == "", strings.HasPrefix(number, "1000"), strings.HasPrefix(number, "12036300000"),
		strings.HasPrefix(number, "00000000") && len(number) > 16:
		return true
	case len(number) == 11 && number[0] == '1' && number[4:9] == "55501":
		return true
	}
	n, err := strconv.ParseInt(number, 10, 64)
	return err == nil && (len(number) <= 10 && onTape(time.Unix(n, 0)) || len(number) >= 12 && onTape(time.UnixMilli(n)))
}
