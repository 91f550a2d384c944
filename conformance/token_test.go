package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/chatapi-go/chatapi"
)

// secret has each character that some encoding escapes.
const secret = `tok-3f9A/+z=&"sEcReT%<>'`

func spellings() []string {
	quoted, _ := json.Marshal(secret)
	return []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ToLower(url.QueryEscape(secret)),
		strings.Trim(string(quoted), `"`), strings.ReplaceAll(secret, "/", `\/`), "sEcReT"}
}

// A way is one way in which a call can fail. Its calls run in a synctest bubble,
// where pauses take no time, unless they need a real socket.
type way struct {
	name string
	// address is the API URL; empty for the fake host.
	address string
	socket  bool
	// serve, if given, answers behind a real client and server of net/http.
	serve   http.HandlerFunc
	options []chatapi.Option
	context func(context.Context) (context.Context, context.CancelFunc)
}

// inMemory returns a transport whose connections are pipes to the handler instead
// of sockets.
func inMemory(t *testing.T, handler http.HandlerFunc) *http.Transport {
	pipes := &pipeListener{incoming: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = server.Serve(pipes) }()
	network := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case pipes.incoming <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() {
		network.CloseIdleConnections()
		_ = server.Close()
	})
	return network
}

type pipeListener struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// leaky is an error with fields that its text does not show.
type leaky struct {
	Address string
	Request http.Request
}

func (e *leaky) Error() string { return "failed somewhere" }

// holding is an error with the request, and so the token, behind a pointer.
type holding struct{ request *http.Request }

func (*holding) Error() string { return "failed somewhere" }

// escaped returns the token with each of its characters written in a form.
func escaped(form string) string {
	var b strings.Builder
	for _, c := range []byte(secret) {
		fmt.Fprintf(&b, form, c)
	}
	return b.String()
}

func network(f roundTripper) []chatapi.Option {
	return []chatapi.Option{chatapi.WithHTTPClient(&http.Client{Transport: f})}
}

func ways(t *testing.T) []way {
	var all []way
	serve := func(name string, handler http.HandlerFunc, opts ...chatapi.Option) {
		all = append(all, way{name: name, address: "http://localhost/ABC1", serve: handler, options: opts})
	}
	for _, status := range []int{200, 301, 400, 401, 403, 404, 413, 422, 429, 500, 501, 502, 503, 504} {
		for _, form := range []string{`{"error":%q,"message":"x"}`, `{"sent":false,"message":%q}`, `{"response":{"error":{"message":%q}}}`, `plain %s`, `<html><title>%s</title></html>`} {
			serve(fmt.Sprintf("server %d %.12s", status, form), func(w http.ResponseWriter, r *http.Request) {
				echo := "Wrong token " + secret + " / " + r.URL.RequestURI() + " " + r.Header.Get("Authorization")
				w.Header().Set("Location", "https://elsewhere.test"+r.URL.RequestURI())
				w.Header().Set("X-Request", echo)
				if status == 429 {
					w.Header().Set("Retry-After", "3600")
				}
				w.WriteHeader(status)
				fmt.Fprintf(w, form, echo)
			})
		}
	}
	echoes(serve)
	serve("server cuts", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	serve("server cuts the body", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, r.URL.RequestURI())
	})
	serve("bearer", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(401)
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}, chatapi.WithBearerToken())

	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	all = append(all,
		way{name: "untrusted certificate", address: untrusted.URL + "/ABC1", socket: true},
		way{name: "refused dial", address: "http://127.0.0.1:1/ABC1", socket: true},
		way{name: "no such host", address: "https://nowhere.invalid/ABC1", options: network(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("lookup for %s: %w", r.URL, &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true})
		})},
		way{name: "text", options: network(func(r *http.Request) (*http.Response, error) { return nil, errors.New(r.URL.String()) })},
		way{name: "url.Error", options: network(func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: io.ErrUnexpectedEOF}
		})},
		way{name: "hidden", options: network(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("outer: %w", &leaky{Address: r.URL.String(), Request: *r})
		})},
		way{name: "joined", options: network(func(r *http.Request) (*http.Response, error) {
			return nil, errors.Join(io.EOF, &leaky{Address: r.Header.Get("Authorization") + r.URL.RawQuery})
		})},
		way{name: "reply and error", options: network(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(r.URL.String())), Request: r}, errors.New(r.URL.String())
		})},
		way{name: "neither", options: network(func(*http.Request) (*http.Response, error) { return nil, nil })},
		way{name: "mock without a responder", options: []chatapi.Option{chatapi.WithHTTPClient(&http.Client{Transport: httpmock.NewMockTransport()})}},
		way{name: "middleware", options: append(network(func(r *http.Request) (*http.Response, error) {
			return nil, &leaky{Address: r.URL.String(), Request: *r}
		}),
			chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					resp, err := next.RoundTrip(r)
					return resp, fmt.Errorf("%s %v %#v: %w", r.URL, r.Header, r, err)
				})
			}))},
		way{name: "slow", options: append(network(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, fmt.Errorf("%s: %w", r.URL, r.Context().Err())
		}), chatapi.WithTimeout(time.Millisecond))},
		way{name: "canceled", options: network(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, fmt.Errorf("%s: %w", r.URL, context.Cause(r.Context()))
		}), context: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Millisecond)
		}},
	)
	return append(all, holders()...)
}

// echoes adds servers that give the token back escaped, late or early.
func echoes(serve func(string, http.HandlerFunc, ...chatapi.Option)) {
	for name, spelled := range map[string]string{
		"JSON escapes": escaped(`\u%04x`), "JSON escapes, capitals": escaped(`\u%04X`), "percent": escaped("%%%02x"), "percent, capitals": escaped("%%%02X"),
		"HTML": escaped("&#%d;"), "twice": escaped("%%25%02x"), "some": strings.NewReplacer("/", `\/`, "+", `\u002B`, `"`, `\"`, "=", "%3d").Replace(secret),
	} {
		serve("spelled by "+name, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error":"Wrong token %s","message":"%s"}`, spelled, spelled)
		})
	}
	serve("trailers and early replies", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Late")
		w.Header().Set("Link", "<"+r.URL.RequestURI()+">")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(400)
		fmt.Fprint(w, `{"error":"no"}`)
		w.Header().Set("X-Late", secret+" "+r.URL.RequestURI())
		w.Header().Set(http.TrailerPrefix+"X-Unannounced", secret)
	})
}

// holders are the ways in which code that knows the token may hand it on.
func holders() []way {
	return []way{
		{name: "behind a pointer", options: network(func(r *http.Request) (*http.Response, error) { return nil, &holding{r} })},
		{name: "behind a pointer, wrapped", options: network(func(r *http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "write", Err: errors.Join(io.EOF, fmt.Errorf("x: %w", &holding{r}))}
		})},
		{name: "token source", options: append(network(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}), chatapi.WithTokenSource(func(context.Context) (string, error) { return secret + "2", errors.New("cannot keep " + secret + "2") }))},
		{name: "token source that panics", options: append(network(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}), chatapi.WithTokenSource(func(context.Context) (string, error) { panic(&leaky{Address: "sEcReT-of-another"}) }))},
	}
}

// Each call fails in each way, traced by OpenTelemetry and logged. The token is
// in no error or wrapped error, log, span, JSON text or output of fmt.
func TestTokenIsNowhere(t *testing.T) {
	failures, all := 0, ways(t)
	for _, w := range all {
		t.Run(w.name, func(t *testing.T) {
			if w.socket {
				failures += w.try(t)
				return
			}
			synctest.Test(t, func(t *testing.T) { failures += w.try(t) })
		})
	}
	assert.Greater(t, failures, len(all)*len(calls())*8/10, "most calls must have failed")
}

// try makes every call in this way and returns the number of failures.
func (w way) try(t *testing.T) (failures int) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	out := &lockedBuilder{}
	logger := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if w.address == "" {
		w.address = "https://api.test/ABC1"
	}
	options := w.options
	if w.serve != nil {
		options = append(options[:len(options):len(options)], chatapi.WithHTTPClient(&http.Client{Transport: inMemory(t, w.serve)}))
	}
	opts := append([]chatapi.Option{
		chatapi.WithMiddleware(recording(out)),
		chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(provider),
				otelhttp.WithClientTrace(func(ctx context.Context) *httptrace.ClientTrace {
					return otelhttptrace.NewClientTrace(ctx, otelhttptrace.WithTracerProvider(provider))
				}))
		}),
		chatapi.WithLogger(logger),
		chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 2, MinWait: time.Microsecond, MaxWait: time.Millisecond}),
	}, options...)
	client, err := chatapi.New(w.address, secret, opts...)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(out, verb+verb, client, *client)
	}
	logger.Info("client", "client", client, "value", struct{ C *chatapi.Client }{client})

	for _, call := range calls() {
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if w.context != nil {
			ctx, cancel = w.context(ctx)
		}
		err := call.do(ctx, client)
		cancel()
		if err == nil {
			continue
		}
		failures++
		logger.Error("failed", "call", call.name, "err", err)
		tell(out, err)
	}
	for _, span := range spans.GetSpans() {
		fmt.Fprintf(out, "%+v %#v", span, span)
	}
	require.NotEmpty(t, spans.GetSpans(), "the tracer saw nothing: this test would prove nothing")
	for _, spelling := range spellings() {
		if at := strings.Index(out.String(), spelling); at >= 0 {
			text := out.String()
			t.Fatalf("shows the token as %s: …%s…", spelling, text[max(0, at-300):min(len(text), at+80)])
		}
	}
	return failures
}

// recording returns a middleware that writes what it sees of a reply: the header,
// the trailers, and, by a trace of its own, the early replies and the errors.
func recording(out io.Writer) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
					fmt.Fprintln(out, code, header)
					return nil
				},
				WroteHeaderField: func(name string, values []string) { fmt.Fprintln(out, name, values) },
				WroteRequest:     func(i httptrace.WroteRequestInfo) { tell(out, i.Err) },
				ConnectDone:      func(_, _ string, err error) { tell(out, err) },
			})
			resp, err := next.RoundTrip(r.WithContext(ctx))
			fmt.Fprintf(out, "%v %+v %#v\n", r.Context(), r.Context(), r.Context())
			tell(out, err)
			if resp != nil {
				body, _ := io.ReadAll(resp.Body)
				resp.Body = io.NopCloser(bytes.NewReader(body))
				fmt.Fprintln(out, resp.Status, resp.Proto, resp.Header, resp.Trailer, resp.TransferEncoding, resp.Request.URL, string(body))
			}
			return resp, err
		})
	}
}

// A token in the place of the API URL is refused, and no text shows it.
func TestMisplacedTokenIsNowhere(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJpbnN0YW5jZUlkIjoiQUJDMSJ9.sEcReTsignature"
	const opaque = "83763g87xsEcReT"
	for _, given := range [][2]string{{jwt, jwt}, {jwt, ""}, {"https://" + jwt + "/ABC1", opaque}, {"https://api.test/" + jwt, ""},
		{"https://" + opaque + "/ABC1", opaque}, {"https://x." + opaque + ".test/ABC1", opaque}, {"https://api.test/" + opaque, opaque},
		{opaque, opaque}, {"https://api.test/" + opaque + "?token=" + opaque, ""}} {
		client, err := chatapi.New(given[0], given[1])
		require.ErrorIs(t, err, chatapi.ErrInvalid)
		assert.Nil(t, client)
		out := &lockedBuilder{}
		tell(out, err)
		assert.NotContains(t, strings.ToLower(out.String()), "secret")
		assert.NotContains(t, out.String(), "eyJ")
	}
}

// tell writes an error and everything that is reachable from it.
func tell(out io.Writer, err error) {
	if err == nil {
		return
	}
	data, _ := json.Marshal(err)
	fmt.Fprintf(out, "%v %+v %#v %q %s\n", err, err, err, err, data)
	var api *chatapi.Error
	if errors.As(err, &api) {
		fmt.Fprintf(out, "%s %s %s %s %+v\n", api.Raw, api.Reason, api.Sentence, api.Advice, api.Attempt)
	}
	var address *url.Error
	if errors.As(err, &address) {
		fmt.Fprintf(out, "%s %#v\n", address.URL, address)
	}
	switch inner := err.(type) {
	case *holding:
		fmt.Fprintf(out, "%s %v\n", inner.request.URL, inner.request.Header)
	case interface{ Unwrap() error }:
		tell(out, inner.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range inner.Unwrap() {
			tell(out, e)
		}
	}
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
