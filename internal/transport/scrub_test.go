package transport_test

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"

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
