package transport_test

import (
	"fmt"
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
