package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// An end is the far end of the network: it accepts a request, counts it, and then
// fails.
type end struct {
	name    string
	address string
	network http.RoundTripper
	posts   *atomic.Int64
}

func ends(t *testing.T) []end {
	var all []end
	for _, h2 := range []bool{false, true} {
		for name, fail := range map[string]func(http.ResponseWriter){
			"breaks": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
			"500":    func(w http.ResponseWriter) { w.WriteHeader(500) },
			"502":    func(w http.ResponseWriter) { w.WriteHeader(502) },
			"503":    func(w http.ResponseWriter) { w.WriteHeader(503) },
			"cut body": func(w http.ResponseWriter) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, `{"sent":`)
			},
			"HTML":  func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") },
			"empty": func(http.ResponseWriter) {},
		} {
			posts := &atomic.Int64{}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method != http.MethodGet {
					posts.Add(1)
					assert.Empty(t, r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key"))
				}
				fail(w)
			}))
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.EnableHTTP2 = h2
			protocol := "HTTP/1.1"
			if h2 {
				protocol = "HTTP/2"
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			all = append(all, end{protocol + " server, " + name, server.URL + "/ABC1", server.Client().Transport, posts})
		}
	}
	posts := &atomic.Int64{}
	all = append(all, end{"round tripper", "https://api.test/ABC1", roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		posts.Add(1)
		return nil, errors.New("the request is gone")
	}), posts})
	return all
}

// An accepted send reaches the network once, although the answer fails. The
// caller gets ErrOutcomeUnknown.
func TestSendsGoOutOnce(t *testing.T) {
	addKey := chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Header.Set("Idempotency-Key", "k1")
			r.Header.Set("X-Idempotency-Key", "k1")
			return next.RoundTrip(r)
		})
	})
	for _, e := range ends(t) {
		for keyed, opts := range map[string][]chatapi.Option{"": nil, ", with a key": {addKey}} {
			t.Run(e.name+keyed, func(t *testing.T) {
				client, err := chatapi.New(e.address, secret, append(opts, chatapi.WithHTTPClient(&http.Client{Transport: e.network}),
					chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 4, MinWait: time.Microsecond, MaxWait: time.Millisecond}))...)
				require.NoError(t, err)
				sends := 0
				for _, call := range calls() {
					if !call.once {
						continue
					}
					sends++
					before := e.posts.Load()
					err := call.do(t.Context(), client)
					assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown, call.name)
					var api *chatapi.Error
					if assert.ErrorAs(t, err, &api, call.name) {
						assert.Equal(t, call.send, api.Attempt != nil, call.name)
					}
					assert.EqualValues(t, 1, e.posts.Load()-before, call.name)
				}
				assert.NotZero(t, sends)
			})
		}
	}
}

// undecided are replies that say yes and no at once, by status and body, or by
// their body alone.
func undecided() map[string]int {
	return map[string]int{
		`{"sent":true,"id":"X","sent":false}`: 200, `{"sent":false,"id":"wamid.1"}`: 200, `{"sent":false,"id":"wamid.1","error":{"code":131047}}`: 200,
		`{"sent":true,"error":"no"}`: 200, `{"sent":true,"message":"wait"}`: 429, `{"jobId":"q1"}`: 429, `{"sent":true}`: 400,
		`{"error":"bad","jobId":3}`: 400, `{"sent":true,"id":"wamid.1"}`: 401, `{"jobId":"q2","error":"expired"}`: 401, `{"id":"wamid.2"}`: 403,
		`{"sent":"true"}`: 404, `{"sent":true,"error":"busy"}`: 503, `[{"sent":true}]`: 422,
	}
}

// A send whose reply says yes and no at once goes out once, also where the status
// alone would be repeated: 429, 401 with another token, and 503 with Trust503.
func TestSendsThatGotYesAndNoGoOutOnce(t *testing.T) {
	for body, status := range undecided() {
		t.Run(fmt.Sprint(status, body), func(t *testing.T) {
			var posts atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				posts.Add(1)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}))
			defer server.Close()
			tokens := 0
			client, err := chatapi.New(server.URL+"/ABC1", secret, chatapi.WithHTTPClient(server.Client()),
				chatapi.WithTokenSource(func(context.Context) (string, error) { tokens++; return fmt.Sprint("token-", tokens), nil }),
				chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 4, MinWait: time.Microsecond, MaxWait: time.Millisecond, Trust503: true}))
			require.NoError(t, err)
			for _, call := range calls() {
				if !call.send {
					continue
				}
				before := posts.Load()
				assert.ErrorIs(t, call.do(t.Context(), client), chatapi.ErrOutcomeUnknown, call.name)
				assert.EqualValues(t, 1, posts.Load()-before, call.name)
			}
		})
	}
}

// A network end or a middleware that may have sent the request in a way of its own
// proves nothing by a failed dial of net/http.
func TestSendsWithoutProofGoOutOnce(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	closed := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused }}
	over := make(chan struct{})
	defer close(over)
	slow := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { <-over; return nil, refused }}
	var posts atomic.Int64
	socket := func(r *http.Request) {
		if r.Method != http.MethodGet {
			posts.Add(1)
		}
	}
	for name, opts := range map[string][]chatapi.Option{
		"a socket of its own, then net/http": network(func(r *http.Request) (*http.Response, error) { socket(r); return closed.RoundTrip(r) }),
		"net/http, then a socket of its own": network(func(r *http.Request) (*http.Response, error) {
			defer socket(r)
			return closed.RoundTrip(r)
		}),
		"a middleware that sends": {chatapi.WithHTTPClient(&http.Client{Transport: closed}),
			chatapi.WithMiddleware(func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) { socket(r); return nil, refused })
			})},
		"a middleware that does not wait": {chatapi.WithHTTPClient(&http.Client{Transport: slow}),
			chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					socket(r)
					go func() {
						_, _ = next.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
					}()
					return nil, refused
				})
			})},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := chatapi.New("http://localhost:1/ABC1", secret, append(opts,
				chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 4, MinWait: time.Microsecond, MaxWait: time.Millisecond}))...)
			require.NoError(t, err)
			for _, call := range calls() {
				if !call.once {
					continue
				}
				before := posts.Load()
				assert.ErrorIs(t, call.do(t.Context(), client), chatapi.ErrOutcomeUnknown, call.name)
				assert.EqualValues(t, 1, posts.Load()-before, call.name)
			}
		})
	}
}
