package conformance_test

import (
	"errors"
	"io"
	"log/slog"
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
