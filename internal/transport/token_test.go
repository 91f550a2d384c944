package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/transport"
)

type middleware = func(http.RoundTripper) http.RoundTripper

// A middleware that does not call the next layer may have sent the request in
// another way, so its failure proves nothing.
func TestMiddlewareThatFailsByItselfProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := config(roundTripper(func(*http.Request) (*http.Response, error) {
			t.Error("the network was reached")
			return ok()
		}))
		c.Middleware = []middleware{func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) {
				attempts++
				return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
			})
		}}
		_, err := transport.New(c).Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
		var failure *transport.Failure
		require.ErrorAs(t, err, &failure)
		assert.True(t, failure.Sent)
		assert.Equal(t, 1, attempts)
	})
}

// A foreign network end proves nothing, whatever its error looks like and
// whatever a trace says: it may have sent the request by a socket of its own
// before it asked net/http.
func TestForeignNetworkEndIsNotRepeated(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for name, network := range map[string]roundTripper{
		"dial error": func(*http.Request) (*http.Response, error) { return nil, dial },
		"falls back to net/http": func(r *http.Request) (*http.Response, error) {
			inner := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, dial }}
			return inner.RoundTrip(r)
		},
		"no such host": func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "api.test", IsNotFound: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				tr := transport.New(config(roundTripper(func(r *http.Request) (*http.Response, error) {
					attempts++
					return network(r)
				})))
				_, err := tr.Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
				var failure *transport.Failure
				require.ErrorAs(t, err, &failure)
				assert.True(t, failure.Sent)
				assert.Equal(t, 1, attempts)
			})
		})
	}
}

func TestTokenIsNotInTheStatusLine(t *testing.T) {
	var seen string
	c := config(roundTripper(func(*http.Request) (*http.Response, error) {
		r := answer(400, nil, "{}")
		r.Status = "400 Wrong token " + token
		return r, nil
	}))
	c.Middleware = []middleware{func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			seen = resp.Status
			return resp, err
		})
	}}
	_, err := transport.New(c).Do(t.Context(), read(t, "https://api.test/ABC1/status"))
	require.NoError(t, err)
	assert.Equal(t, "400 Wrong token "+transport.Redacted, seen)
}

// The service gets exactly one token, whatever a middleware puts beside it.
func TestServiceGetsOneToken(t *testing.T) {
	for _, bearer := range []bool{false, true} {
		var query []string
		var header []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query, header = r.URL.Query()["token"], r.Header.Values("Authorization")
			_, _ = io.WriteString(w, r.URL.Query().Get("limit"))
		}))
		c := config(&http.Transport{})
		c.Bearer = bearer
		c.Middleware = []middleware{func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.Header.Set("Authorization", "Bearer another")
				r.URL.RawQuery += "&token=another"
				return next.RoundTrip(r)
			})
		}}
		reply, err := transport.New(c).Do(t.Context(), read(t, server.URL+"/ABC1/templates?limit=7"))
		server.Close()
		require.NoError(t, err)
		assert.Equal(t, "7", string(reply.Body))
		if bearer {
			assert.Empty(t, query)
			assert.Equal(t, []string{"Bearer " + token}, header)
		} else {
			assert.Equal(t, []string{token}, query)
			assert.Empty(t, header)
		}
	}
}

func TestRedactURL(t *testing.T) {
	r := send(t, "https://user:pass@api.test/ABC1/status?token="+token+"#part")
	assert.Equal(t, "https://api.test/ABC1/status", transport.RedactURL(&r.URL))
	assert.Empty(t, transport.RedactURL(nil))
}
