package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/transport"
)

const token = "tok-3f9A/+z=sEcReT"

func config(network http.RoundTripper) transport.Config {
	return transport.Config{Network: network, Token: token, Timeout: 5 * time.Second,
		Attempts: 3, MinWait: time.Second, MaxWait: 30 * time.Second, Seed: 1}
}

func send(t *testing.T, address string) transport.Request {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return transport.Request{Op: "sendMessage", Method: http.MethodPost, URL: *u, Body: []byte(`{"body":"hi"}`), Once: true}
}

func read(t *testing.T, address string) transport.Request {
	r := send(t, address)
	r.Method, r.Body, r.Once = http.MethodGet, nil, false
	return r
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// What a send may meet, and how often it may then reach the network.
func TestSendIsRepeatedOnlyAfterARefusal(t *testing.T) {
	for _, tc := range []struct {
		name     string
		trust503 bool
		replies  []func() (*http.Response, error)
		attempts int
		status   int
		sent     bool
	}{
		{"accepted", false, []func() (*http.Response, error){ok}, 1, 200, false},
		{"429, then accepted", false, []func() (*http.Response, error){status(429), ok}, 2, 200, false},
		{"429 to the end", false, []func() (*http.Response, error){status(429), status(429), status(429), ok}, 3, 429, false},
		{"500", false, []func() (*http.Response, error){status(500), ok}, 1, 500, false},
		{"502", false, []func() (*http.Response, error){status(502), ok}, 1, 502, false},
		{"503", false, []func() (*http.Response, error){status(503), ok}, 1, 503, false},
		{"503, trusted", true, []func() (*http.Response, error){status(503), ok}, 2, 200, false},
		{"408", false, []func() (*http.Response, error){status(408), ok}, 1, 408, false},
		{"a mock's error", false, []func() (*http.Response, error){broken(errors.New("no responder")), ok}, 1, 0, true},
		{"a dial error without a trace", false, []func() (*http.Response, error){broken(&net.OpError{Op: "dial", Err: errors.New("refused")}), ok}, 1, 0, true},
		{"connection reset", false, []func() (*http.Response, error){broken(io.ErrUnexpectedEOF), ok}, 1, 0, true},
		{"neither reply nor error", false, []func() (*http.Response, error){func() (*http.Response, error) { return nil, nil }, ok}, 1, 0, true},
		{"a cut body", false, []func() (*http.Response, error){cut, ok}, 1, 0, true},
		{"429, then a reset", false, []func() (*http.Response, error){status(429), broken(io.EOF), ok}, 2, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen int
				c := config(roundTripper(func(*http.Request) (*http.Response, error) { seen++; return tc.replies[seen-1]() }))
				c.Trust503 = tc.trust503
				reply, err := transport.New(c).Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
				assert.Equal(t, tc.attempts, seen)
				if tc.status != 0 {
					require.NoError(t, err)
					assert.Equal(t, tc.status, reply.Status)
					return
				}
				var failure *transport.Failure
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, tc.sent, failure.Sent)
			})
		})
	}
}

func ok() (*http.Response, error) { return answer(200, nil, `{"sent":true,"id":"1"}`), nil }

func status(code int) func() (*http.Response, error) {
	return func() (*http.Response, error) { return answer(code, nil, "{}"), nil }
}

func broken(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

func cut() (*http.Response, error) {
	r := answer(200, nil, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"sent":`), brokenReader{}))
	return r, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestReadsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen int
		tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
			seen++
			switch seen {
			case 1:
				return nil, io.ErrUnexpectedEOF
			case 2:
				return answer(502, nil, "<html>"), nil
			}
			return ok()
		})))
		reply, err := tr.Do(t.Context(), read(t, "https://api.test/ABC1/status"))
		require.NoError(t, err)
		assert.Equal(t, 200, reply.Status)
		assert.Equal(t, 3, seen)
	})
}

// A server that accepts the request and then breaks the connection, over both
// protocols and with everything that makes net/http itself repeat a POST.
func TestBrokenServerSeesASendOnce(t *testing.T) {
	addKey := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Header.Set("Idempotency-Key", "k1")
			r.Header.Set("X-Idempotency-Key", "k1")
			return next.RoundTrip(r)
		})
	}
	for _, h2 := range []bool{false, true} {
		for _, middleware := range [][]func(http.RoundTripper) http.RoundTripper{nil, {addKey}} {
			t.Run(fmt.Sprintf("h2=%v/key=%v", h2, middleware != nil), func(t *testing.T) {
				var posts, keys atomic.Int64
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet { // warms the connection: reused ones are repeated most eagerly
						io.WriteString(w, "{}")
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					posts.Add(1)
					if r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key") != "" {
						keys.Add(1)
					}
					panic(http.ErrAbortHandler)
				}))
				server.EnableHTTP2 = h2
				server.StartTLS()
				defer server.Close()

				c := config(server.Client().Transport)
				c.Middleware = middleware
				tr := transport.New(c)
				_, err := tr.Do(t.Context(), read(t, server.URL+"/ABC1/status"))
				require.NoError(t, err)
				_, err = tr.Do(t.Context(), send(t, server.URL+"/ABC1/sendMessage"))
				var failure *transport.Failure
				require.ErrorAs(t, err, &failure)
				assert.True(t, failure.Sent)
				assert.EqualValues(t, 1, posts.Load())
				assert.Zero(t, keys.Load())
			})
		}
	}
}

// Nothing listens: that is proof, so even a send is tried again.
func TestFailedDialIsProofThatNothingWasSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + listener.Addr().String() + "/ABC1/sendMessage"
	require.NoError(t, listener.Close())

	var dials atomic.Int64
	network := &http.Transport{DialContext: func(ctx context.Context, n, a string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, n, a)
	}}
	// A network end that wraps net/http may have used a socket of its own.
	for want, end := range map[int]http.RoundTripper{3: network, 1: roundTripper(network.RoundTrip)} {
		dials.Store(0)
		c := config(end)
		c.MinWait, c.MaxWait = time.Millisecond, time.Millisecond
		_, err = transport.New(c).Do(t.Context(), send(t, address))
		failure, _ := errors.AsType[*transport.Failure](err)
		assert.Equal(t, want == 1, failure.Sent)
		assert.EqualValues(t, want, dials.Load())
	}
}

func TestUntrustedCertificateIsProofToo(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { t.Error("reached") }))
	defer server.Close()
	server.Config.ErrorLog = nil
	network := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	_, err := transport.New(config(network)).Do(t.Context(), send(t, server.URL+"/ABC1/sendMessage"))
	var failure *transport.Failure
	require.ErrorAs(t, err, &failure)
	assert.False(t, failure.Sent)
}

// One attempt that reaches the network twice is only clean if both calls were.
func TestMiddlewareThatRepeatsSpoilsTheProof(t *testing.T) {
	var posts atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	c := config(&http.Transport{})
	c.Middleware = []func(http.RoundTripper) http.RoundTripper{func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			_, _ = next.RoundTrip(r)
			dead := r.Clone(r.Context())
			dead.URL.Host = "127.0.0.1:1"
			return next.RoundTrip(dead)
		})
	}}
	_, err := transport.New(c).Do(t.Context(), send(t, server.URL+"/ABC1/sendMessage"))
	var failure *transport.Failure
	require.ErrorAs(t, err, &failure)
	assert.True(t, failure.Sent)
	assert.EqualValues(t, 1, posts.Load())
}

// Both replies of a middleware that asks twice are whole.
func TestMiddlewareThatRepeatsHasBothReplies(t *testing.T) {
	asked := 0
	c := config(roundTripper(func(*http.Request) (*http.Response, error) {
		asked++
		return answer(200, nil, fmt.Sprintf(`{"n":%d}`, asked)), nil
	}))
	c.Middleware = []func(http.RoundTripper) http.RoundTripper{func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			first, err := next.RoundTrip(r)
			require.NoError(t, err)
			second, err := next.RoundTrip(r)
			require.NoError(t, err)
			body, err := io.ReadAll(second.Body)
			require.NoError(t, err)
			assert.Equal(t, `{"n":2}`, string(body))
			return first, nil
		})
	}}
	reply, err := transport.New(c).Do(t.Context(), read(t, "https://api.test/ABC1/status"))
	require.NoError(t, err)
	assert.Equal(t, `{"n":1}`, string(reply.Body))
}

// What a careless middleware or network end writes into a request's header goes
// no further than this request.
func TestHeaderIsEachAttemptsOwn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header.Values("X-Mark"), " "))
	}))
	defer server.Close()
	mark := 0
	careless := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			mark++
			r.Header.Add("X-Mark", fmt.Sprint(mark))
			return next.RoundTrip(r)
		})
	}
	middleware := config(&http.Transport{})
	middleware.Middleware = []func(http.RoundTripper) http.RoundTripper{careless}
	for name, c := range map[string]transport.Config{"middleware": middleware, "network end": config(careless(&http.Transport{}))} {
		tr := transport.New(c)
		for range 2 {
			for _, r := range []transport.Request{read(t, server.URL+"/ABC1/status"), send(t, server.URL+"/ABC1/sendMessage")} {
				reply, err := tr.Do(t.Context(), r)
				require.NoError(t, err)
				assert.Equal(t, fmt.Sprint(mark), string(reply.Body), name)
			}
		}
	}
	reply, err := transport.New(config(&http.Transport{})).Do(t.Context(), read(t, server.URL+"/ABC1/status"))
	require.NoError(t, err)
	assert.Empty(t, reply.Body)
}

func TestRetryAfter(t *testing.T) {
	for _, tc := range []struct {
		header string
		waited time.Duration
		seen   int
	}{
		{"7", 7 * time.Second, 2},
		{"30", 30 * time.Second, 2},
		{"31", 0, 1}, // over MaxWait: returned, not slept
		{"Sat, 01 Jan 2000 00:00:09 GMT", 9 * time.Second, 2},
		{"Sat, 01 Jan 2000 01:00:00 GMT", 0, 1},
		{"99999999999999999999", -1, 2}, // unreadable: the policy's own pause
	} {
		t.Run(tc.header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a bubble begins at 2000-01-01
				var seen int
				tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
					if seen++; seen == 1 {
						return answer(429, http.Header{"Retry-After": {tc.header}}, "{}"), nil
					}
					return ok()
				})))
				started := time.Now()
				_, err := tr.Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
				require.NoError(t, err)
				assert.Equal(t, tc.seen, seen)
				if tc.waited >= 0 {
					assert.Equal(t, tc.waited, time.Since(started))
				} else {
					assert.Positive(t, time.Since(started))
				}
			})
		})
	}
}

func TestContextEndsWaiting(t *testing.T) {
	t.Run("between attempts nothing was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
				return answer(429, http.Header{"Retry-After": {"20"}}, "{}"), nil
			})))
			_, err := tr.Do(ctx, send(t, "https://api.test/ABC1/sendMessage"))
			var failure *transport.Failure
			require.ErrorAs(t, err, &failure)
			assert.False(t, failure.Sent)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
	t.Run("at the limiter nothing was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := config(roundTripper(func(*http.Request) (*http.Response, error) { return ok() }))
			c.Pacer = transport.NewPacer(1.0/60, 1, 0, 0)
			tr := transport.New(c)
			message := send(t, "https://api.test/ABC1/sendMessage")
			message.Message = true
			_, err := tr.Do(t.Context(), message)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err = tr.Do(ctx, message)
			var failure *transport.Failure
			require.ErrorAs(t, err, &failure)
			assert.False(t, failure.Sent)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
	t.Run("in flight it is open", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := transport.New(config(roundTripper(hang))).Do(ctx, send(t, "https://api.test/ABC1/sendMessage"))
			var failure *transport.Failure
			require.ErrorAs(t, err, &failure)
			assert.True(t, failure.Sent)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
	t.Run("each attempt has its own time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			started := time.Now()
			_, err := transport.New(config(roundTripper(hang))).Do(t.Context(), read(t, "https://api.test/ABC1/status"))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.GreaterOrEqual(t, time.Since(started), 15*time.Second)
		})
	})
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var hops atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		http.Redirect(w, r, "/elsewhere?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	reply, err := transport.New(config(&http.Transport{})).Do(t.Context(), send(t, server.URL+"/ABC1/sendMessage"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, reply.Status)
	assert.EqualValues(t, 1, hops.Load())
	assertClean(t, reply.Header.Get("Location"))
}

func TestEndlessReplyIsBounded(t *testing.T) {
	tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
		r := answer(200, nil, "")
		r.Body = io.NopCloser(io.LimitReader(zeros{}, 1<<40))
		return r, nil
	})))
	_, err := tr.Do(t.Context(), read(t, "https://api.test/ABC1/templates"))
	var failure *transport.Failure
	require.ErrorAs(t, err, &failure)
	assert.True(t, failure.TooLarge)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// The middleware sees no token, wherever the network end puts it.
func TestMiddlewareNeverSeesTheToken(t *testing.T) {
	for _, bearer := range []bool{false, true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if bearer {
				assert.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
				assert.Empty(t, r.URL.RawQuery)
			} else {
				assert.Equal(t, token, r.URL.Query().Get("token"))
				assert.Empty(t, r.Header.Get("Authorization"))
			}
			w.Header().Set("X-Echo", "you sent "+r.URL.RequestURI()+r.Header.Get("Authorization"))
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"error":"Wrong token %q for channel \"n\""}`, token)
		}))
		var seen strings.Builder
		c := config(&http.Transport{})
		c.Bearer = bearer
		c.Middleware = []func(http.RoundTripper) http.RoundTripper{func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				fmt.Fprintf(&seen, "%v %v\n", r.URL, r.Header)
				resp, err := next.RoundTrip(r)
				if resp != nil {
					body, _ := io.ReadAll(resp.Body)
					resp.Body = io.NopCloser(strings.NewReader(string(body)))
					fmt.Fprintf(&seen, "%v %v %v %s %v\n", resp.Request.URL, resp.Request.Header, resp.Header, body, err)
				}
				return resp, err
			})
		}}
		trace := &httptrace.ClientTrace{WroteHeaderField: func(key string, value []string) { fmt.Fprintln(&seen, key, value) }}
		reply, err := transport.New(c).Do(httptrace.WithClientTrace(t.Context(), trace), read(t, server.URL+"/ABC1/status"))
		server.Close()
		require.NoError(t, err)
		assert.Contains(t, string(reply.Body), "Wrong token")
		assertClean(t, seen.String())
		assertClean(t, string(reply.Body))
	}
}

func assertClean(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{token, url.QueryEscape(token), url.PathEscape(token)} {
		assert.NotContains(t, text, form)
	}
}

type secretive struct{ Address string }

func (e *secretive) Error() string { return "failed" }

func TestScrubber(t *testing.T) {
	s := transport.NewScrubber(token)
	for _, text := range []string{token, url.QueryEscape(token), strings.ToLower(url.QueryEscape(token)), url.PathEscape(token), `tok-3f9A\/+z=sEcReT`} {
		assert.Equal(t, "a "+transport.Redacted+" b", s.Text("a "+text+" b"))
	}
	kept := io.ErrUnexpectedEOF
	assert.Equal(t, kept, s.Error(kept), "a clean error stays itself")

	for name, dirty := range map[string]error{
		"text":   &url.Error{Op: "Post", URL: "https://api.test/?token=" + token, Err: context.DeadlineExceeded},
		"inner":  fmt.Errorf("outer: %w", &secretive{"https://api.test/?token=" + url.QueryEscape(token)}),
		"joined": errors.Join(io.EOF, &secretive{token}),
	} {
		clean := s.Error(dirty)
		assertClean(t, fmt.Sprintf("%v %+v %#v %v", clean, clean, clean, errors.Unwrap(clean)))
		var u *url.Error
		assert.NotErrorAs(t, clean, &u, name)
		assert.Equal(t, errors.Is(dirty, context.DeadlineExceeded), errors.Is(clean, context.DeadlineExceeded), name)
	}
	assert.Equal(t, "abc", transport.NewScrubber("b").Text("abc"), "too short to be searched for")
}
