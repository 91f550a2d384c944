package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// closing is a body whose Close may fail.
type closing struct {
	io.Reader
	err error
}

func (c closing) Close() error { return c.err }

func body(content io.Reader, closeErr error) *http.Response {
	r := answer(200, nil, "")
	r.Body, r.ContentLength = closing{content, closeErr}, -1
	return r
}

func TestLargestReply(t *testing.T) {
	for size, tooLarge := range map[int64]bool{transport.MaxBody - 1: false, transport.MaxBody: false, transport.MaxBody + 1: true} {
		tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
			return body(io.LimitReader(zeros{}, size), nil), nil
		})))
		reply, err := tr.Do(t.Context(), read(t, "https://api.test/ABC1/templates"))
		var failure *transport.Failure
		if tooLarge {
			require.ErrorAs(t, err, &failure)
			assert.True(t, failure.TooLarge)
			continue
		}
		require.NoError(t, err, size)
		assert.Len(t, reply.Body, int(size))
	}
}

// A body that came whole counts, also if closing it fails; an empty one does not.
func TestReplyThatDoesNotClose(t *testing.T) {
	closeErr := errors.New("cannot close")
	for content, want := range map[string]string{`{"sent":true}`: `{"sent":true}`, "": ""} {
		attempts := 0
		tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
			attempts++
			return body(strings.NewReader(content), closeErr), nil
		})))
		reply, err := tr.Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
		assert.Equal(t, 1, attempts)
		if want == "" {
			require.ErrorIs(t, err, closeErr)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want, string(reply.Body))
	}
}
