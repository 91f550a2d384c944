package transport_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// Of a token that begins with another one, nothing is left.
func TestScrubberTakesTheLongestToken(t *testing.T) {
	const short = "tok-3f9A"
	const long = short + "-second-half"
	for _, order := range [][2]string{{short, long}, {long, short}} {
		s := transport.NewScrubber(order[0])
		s.Add(order[1])
		assert.Equal(t, "a [redacted] b [redacted] c", s.Text("a "+long+" b "+short+" c"))
		assert.Equal(t, "[redacted]", string(s.Bytes([]byte(long))))
	}
}

// The newest tokens are searched for.
func TestScrubberForgetsTheOldestToken(t *testing.T) {
	s := transport.NewScrubber("token-000")
	for n := 1; n <= 64; n++ {
		s.Add(fmt.Sprintf("token-%03d", n))
	}
	assert.Equal(t, transport.Redacted, s.Text("token-064"))
	assert.Equal(t, transport.Redacted, s.Text("token-001"))
	assert.Equal(t, "token-000", s.Text("token-000"))
}

// A scrubbed error is still a timeout, and still the well-known error it was.
func TestScrubbedErrorKeepsItsMeaning(t *testing.T) {
	s := transport.NewScrubber(token)
	late := s.Error(fmt.Errorf("calling %s: %w", token, os.ErrDeadlineExceeded))
	assertClean(t, late.Error())
	assert.True(t, late.(interface{ Timeout() bool }).Timeout())
	refused := s.Error(fmt.Errorf("calling %s: %w", token, syscall.ECONNREFUSED))
	assert.ErrorIs(t, refused, syscall.ECONNREFUSED)
	assert.NotErrorIs(t, refused, syscall.ECONNRESET)
	assert.False(t, refused.(interface{ Timeout() bool }).Timeout())
}

// Hex digits are case-blind; the letters of a token are its own, or all lower.
func TestScrubberFindsSpellings(t *testing.T) {
	s := transport.NewScrubber(token)
	for text, want := range map[string]string{
		"a tok-3f9A%2f%2Bz%3dsEcReT b":         "a [redacted] b",
		`a tok-3f9A\/+z=\u0073EcReT b`:         "a [redacted] b",
		"a tok-3f9A&#47;+z&#x3d;sEcReT b":      "a [redacted] b",
		"a tok-3f9a%2f%2bz%3dsecret b":         "a [redacted] b",
		"a TOK-3F9A/+Z=SECRET b":               "a TOK-3F9A/+Z=SECRET b",
		"a tok-3f9A%2f%2Bz%3dsEcRe b":          "a tok-3f9A%2f%2Bz%3dsEcRe b",
		"%%%25%2525%&&amp;amp;&#;\\\\\\u00\\u": "%%%25%2525%&&amp;amp;&#;\\\\\\u00\\u",
		token + token:                          "[redacted][redacted]",
	} {
		assert.Equal(t, want, s.Text(text))
		assert.Equal(t, want, string(s.Bytes([]byte(text))))
	}
	odd := transport.NewScrubber(`a%b\c&d`)
	for _, text := range []string{`a%b\c&d`, `a%25b\\c&amp;d`, `a%b%5cc%26d`, `\u0061%b\\c\u0026d`} {
		assert.Equal(t, "[redacted]", odd.Text(text))
	}
}

// A header that several replies share is not changed.
func TestScrubberLeavesASharedHeader(t *testing.T) {
	s := transport.NewScrubber("tok-3f9A-z")
	shared := http.Header{"Tok-3f9a-Z": {"1"}, "X": {"a tok-3f9A-z", "b"}, "Y": {"2"}}
	assert.Equal(t, http.Header{"X": {"a [redacted]", "b"}, "Y": {"2"}}, s.Header(shared))
	assert.Len(t, shared, 3)
	assert.Equal(t, "a tok-3f9A-z", shared["X"][0])
}

// A spelling is found whatever stands inside of what: JSON in an address, HTML in
// JSON, base64 in either.
func TestScrubberFindsSpellingsInsideSpellings(t *testing.T) {
	s := transport.NewScrubber(token)
	each := func(text, form string) string {
		var b strings.Builder
		for _, c := range []byte(text) {
			fmt.Fprintf(&b, form, c)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"percent in JSON":      each(each(token, "%%%02x"), `\u%04x`),
		"HTML in JSON":         strings.ReplaceAll(each(token, "&#%d;"), "&", `\u0026`),
		"hex HTML in JSON":     each(each(token, "&#x%X;"), `\u%04x`),
		"JSON in an address":   url.QueryEscape(each(token, `\u%04x`)),
		"JSON in HTML":         strings.ReplaceAll(each(token, `\u%04x`), `\`, "&#92;"),
		"address in HTML":      strings.ReplaceAll(each(token, "%%%02x"), "%", "&percnt;"),
		"thrice percent":       url.QueryEscape(url.QueryEscape(each(token, "%%%02x"))),
		"thrice JSON":          each(token, `\\\\u%04x`),
		"old JavaScript":       each(token, "%%u%04x"),
		"new JavaScript":       each(token, `\u{%x}`),
		"C":                    each(token, `\%03o`),
		"HTML, open":           each(token, "&#%d"),
		"HTML with zeros":      each(token, "&#%08d;"),
		"hexadecimal":          hex.EncodeToString([]byte(token)),
		"hexadecimal capitals": fmt.Sprintf("%X", token),
	} {
		assert.Equal(t, "a [redacted] b", s.Text("a "+text+" b"), name)
		assert.Equal(t, "a [redacted] b", string(s.Bytes([]byte("a "+text+" b"))), name)
	}
	for _, before := range []string{"", "u:", "user:", `{"token":"`, `{"t":"`} {
		for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			for _, after := range []string{"", `"}`, "xyz"} {
				text := alphabet.EncodeToString([]byte(before + token + after))
				left := strings.ReplaceAll(s.Text(text), transport.Redacted, "")
				assert.LessOrEqual(t, len(left), len(alphabet.EncodeToString([]byte(before+after)))+4, text)
				assert.Equal(t, s.Text(text), s.Text(strings.ReplaceAll(text, "/", `\/`)))
			}
		}
	}
}

// A hostile reply of nothing but escapes takes no more than linear time.
func TestScrubberIsLinear(t *testing.T) {
	s := transport.NewScrubber(token)
	for _, part := range []string{`\`, "%", "&", "%25", `\u005c`, "&amp;", "&#", `\u00`, "%u00", `\u{`, "&a"} {
		text := strings.Repeat(part, 1<<16/len(part))
		began := time.Now()
		assert.Equal(t, text, s.Text(text))
		assert.Less(t, time.Since(began), 5*time.Second, part)
	}
}

// The value of a panic of the network end shows no token.
func TestPanicsOfTheNetworkEndAreScrubbed(t *testing.T) {
	for name, value := range map[string]func(*http.Request) any{
		"text":    func(r *http.Request) any { return "no " + r.URL.String() },
		"error":   func(r *http.Request) any { return fmt.Errorf("no %s", r.URL) },
		"request": func(r *http.Request) any { return r },
		"address": func(r *http.Request) any { return *r.URL },
		"typed":   func(r *http.Request) any { return &url.Error{Op: "Post", URL: r.URL.String(), Err: io.EOF} },
	} {
		for _, bearer := range []bool{false, true} {
			c := config(roundTripper(func(r *http.Request) (*http.Response, error) { panic(value(r)) }))
			c.Bearer = bearer
			func() {
				defer func() {
					caught := recover()
					assert.NotNil(t, caught, name)
					assertClean(t, fmt.Sprintf("%v %+v %#v", caught, caught, caught))
				}()
				_, _ = transport.New(c).Do(t.Context(), transport.Request{Method: http.MethodPost, URL: url.URL{Scheme: "http", Host: "localhost"}})
			}()
		}
	}
}
