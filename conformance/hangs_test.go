package conformance_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

const (
	patience  = 100 * time.Millisecond // of the caller
	allowance = time.Second            // after it, for the return of the call
	abreast   = 24                     // calls at once

	// narrow is the size of a socket's buffer, and large that of a file that the buffers
	// of both ends do not hold.
	narrow, large = 8 << 10, 512 << 10
)

// stalls are the points at which a server stops. Each writes what comes before
// the point; the connection stays open, and nothing more comes.
func stalls() map[string]func(net.Conn) {
	say := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(c, text)
		}
	}
	drip := func(head, drop string) func(net.Conn) {
		return func(c net.Conn) {
			say(head)(c)
			for {
				if _, err := io.WriteString(c, drop); err != nil {
					return
				}
				<-time.After(5 * time.Millisecond)
			}
		}
	}
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n"
	return map[string]func(net.Conn){
		"before it reads":           func(net.Conn) {},
		"after the request":         say(""),
		"in the status line":        say("HTTP/1.1 20"),
		"after the status line":     say("HTTP/1.1 200 OK\r\n"),
		"in a header":               say("HTTP/1.1 200 OK\r\nContent-Ty"),
		"after an early reply":      say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
		"before the body":           say("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"),
		"in the body":               say("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"sent\":"),
		"after a body without end":  say("HTTP/1.1 200 OK\r\n\r\n{\"sent\":true,\"id\":\"1\"}"),
		"before the first chunk":    say(chunked),
		"in the size of a chunk":    say(chunked + "1"),
		"in a chunk":                say(chunked + "10\r\n{\"sent\":"),
		"between chunks":            say(chunked + "8\r\n{\"sent\":\r\n"),
		"before the trailers":       say(chunked + "2\r\n{}\r\n0\r\n"),
		"in the trailers":           say(chunked + "2\r\n{}\r\n0\r\nX-En"),
		"after 101":                 say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
		"after 401":                 say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\n"),
		"after 429":                 say("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 9\r\n\r\n"),
		"never, by drops of body":   drip(chunked, "1\r\n \r\n"),
		"never, by drops of header": drip("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
	}
}

// stalling returns the address of a server that stops at a point.
func stalling(t *testing.T, stall func(net.Conn)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetReadBuffer(narrow)
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			go stall(c)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			c.Close()
		}
	})
	return listener.Addr().String()
}

// returns makes every call of the SDK, some at a time, and checks that each
// returns within its context and the allowance. A busy machine ends contexts late, and
// calls later still.
func returns(t *testing.T, client *chatapi.Client) {
	t.Helper()
	slots := make(chan struct{}, abreast)
	var group sync.WaitGroup
	var mu sync.Mutex
	late, took := time.Duration(0), map[string]time.Duration{}
	for _, c := range append(calls(), extraCalls()...) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			began := time.Now()
			defer context.AfterFunc(ctx, func() {
				mu.Lock()
				defer mu.Unlock()
				late = max(late, time.Since(began)-patience)
			})()
			err := c.do(ctx, client)
			mu.Lock()
			took[c.name] = max(took[c.name], time.Since(began))
			mu.Unlock()
			if c.name != "Media.Download" { // which may have the whole file before its store stops
				assert.Error(t, err, c.name)
			}
			var e *chatapi.Error
			if c.once && errors.As(err, &e) && e.Sent {
				assert.NotErrorIs(t, err, chatapi.ErrCanceled, "%s: it may have been carried out", c.name)
			}
		})
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	for name, span := range took {
		assert.Less(t, span, patience+allowance+5*late, name)
	}
}

// dialNarrow dials with a small buffer.
func dialNarrow(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(narrow)
	}
	return c, err
}

// extraCalls are a send whose body fills the buffers of two narrow sockets, and a download.
func extraCalls() []call {
	file := chatapi.File{Media: chatapi.MediaBytes("a.png", bytes.Repeat([]byte("\x89PNG\r\n\x1a\n"), large/8)), Name: "a.png"}
	return []call{
		{name: "a large Send", send: true, once: true, do: func(ctx context.Context, c client) error { return got(c.Send(ctx, ann, file)) }},
		{name: "Media.Download", do: func(ctx context.Context, c client) error {
			return got(c.Media.Download(ctx, chatapi.MediaRef{URL: "http://localhost:1/a"}, io.Discard, chatapi.DownloadOptions{RetryFor: -1}))
		}},
	}
}

// settled waits until there are no more goroutines than at first, and some more.
func settled(t *testing.T, before, more int) {
	t.Helper()
	for range 500 {
		if runtime.NumGoroutine() <= before+more {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines at first, %d more allowed, %d now: %s", before, more, runtime.NumGoroutine(), buf[:min(runtime.Stack(buf, true), 20_000)])
}

// A server that stops at any point of the exchange holds up no call, with
// net/http's own transport, with a wrapped one, and behind TLS.
func TestServerHangsNever(t *testing.T) {
	for name, stall := range stalls() {
		for kind, wrap := range map[string]func(*http.Transport) http.RoundTripper{
			"net/http": func(n *http.Transport) http.RoundTripper { return n },
			"wrapped":  func(n *http.Transport) http.RoundTripper { return roundTripper(n.RoundTrip) },
		} {
			t.Run(kind+", "+name, func(t *testing.T) {
				before := runtime.NumGoroutine()
				t.Run("calls", func(t *testing.T) {
					host := stalling(t, stall)
					plain := &http.Transport{DialContext: dialNarrow}
					returns(t, hanging(t, "http://"+host, wrap(plain)))
					plain.CloseIdleConnections()
				})
				settled(t, before, 0)
			})
		}
	}
	for name, stall := range map[string]func(net.Conn){
		"before the handshake": func(net.Conn) {},
		"in the handshake": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4<<10))
			_, _ = c.Write([]byte{22, 3, 3, 0, 80, 2, 0})
		},
	} {
		t.Run("TLS, "+name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			t.Run("calls", func(t *testing.T) {
				returns(t, hanging(t, "https://"+stalling(t, stall), &http.Transport{DialContext: dialNarrow, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}))
			})
			settled(t, before, 0)
		})
	}
}

// hanging returns a client of a host. Its downloads use the same network end.
func hanging(t *testing.T, address string, network http.RoundTripper, opts ...chatapi.Option) *chatapi.Client {
	t.Helper()
	host := strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	files := roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Host = host
		return network.RoundTrip(r)
	})
	client, err := chatapi.New(address+"/ABC1", secret, append([]chatapi.Option{
		chatapi.WithHTTPClient(&http.Client{Transport: network}), chatapi.WithUnguardedMediaTransport(files)}, opts...)...)
	require.NoError(t, err)
	return client
}

// never is a network end's stop: it heeds no context and ends with the test.
type never struct {
	released chan struct{}
	stopped  atomic.Int64
}

func (n *never) stop() {
	n.stopped.Add(1)
	<-n.released
	n.stopped.Add(-1)
}

// stuck is a body, or a connection, that stops in some of its methods.
type stuck struct {
	net.Conn
	read, write, close func()
	content            io.Reader
}

func (s *stuck) Read(p []byte) (int, error) {
	if s.read != nil {
		s.read()
		return 0, io.EOF
	}
	if s.content != nil {
		return s.content.Read(p)
	}
	return s.Conn.Read(p)
}

func (s *stuck) Write(p []byte) (int, error) {
	if s.write != nil {
		s.write()
		return 0, net.ErrClosed
	}
	return s.Conn.Write(p)
}

func (s *stuck) Close() error {
	if s.close != nil {
		s.close()
	}
	if s.Conn != nil {
		return s.Conn.Close()
	}
	return nil
}

// idle is a body that gives nothing and no error, and drops one that gives a
// little for ever.
type (
	idle  struct{}
	drops struct{}
)

func (idle) Read([]byte) (int, error) {
	<-time.After(time.Millisecond)
	return 0, nil
}

func (drops) Read(p []byte) (int, error) {
	<-time.After(time.Millisecond)
	return copy(p, " "), nil
}

// networks returns network ends that stop at every point and heed no context.
func networks(n *never) map[string]http.RoundTripper {
	// Each reply has a body of its own, since a body that hangs is left alone.
	answer := func(status int, body func() io.ReadCloser) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: body(), ContentLength: -1, Request: r}, nil
		}
	}
	dial := func(conn func() net.Conn) *http.Transport {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			if c := conn(); c != nil {
				return c, nil
			}
			return nil, io.EOF
		}}
	}
	pipe := func() net.Conn { near, _ := net.Pipe(); return near }
	half := strings.NewReader
	return map[string]http.RoundTripper{
		"before anything": roundTripper(func(*http.Request) (*http.Response, error) { n.stop(); return nil, io.EOF }),
		"in the request's body": roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Body != nil {
				_, _ = r.Body.Read(make([]byte, 3))
			}
			n.stop()
			return nil, io.EOF
		}),
		"in the reply's body": answer(200, func() io.ReadCloser { return &stuck{read: n.stop} }),
		"after a part of it":  answer(200, func() io.ReadCloser { return &stuck{content: io.MultiReader(half(`{"sent":`), &stuck{read: n.stop})} }),
		"in Close":            answer(200, func() io.ReadCloser { return &stuck{content: half(`{}`), close: n.stop} }),
		"in Close of a cut body": answer(200, func() io.ReadCloser {
			return &stuck{content: io.MultiReader(half(`{"a":`), errReader{}), close: n.stop}
		}),
		"after 101":              answer(101, func() io.ReadCloser { return &stuck{read: n.stop} }),
		"in Close after 101":     answer(101, func() io.ReadCloser { return &stuck{read: n.stop, close: n.stop} }),
		"in a redirect":          answer(302, func() io.ReadCloser { return &stuck{read: n.stop, close: n.stop} }),
		"never, without content": answer(200, func() io.ReadCloser { return io.NopCloser(idle{}) }),
		"never, by drops":        answer(200, func() io.ReadCloser { return io.NopCloser(drops{}) }),
		"in the proxy's choice":  &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { n.stop(); return nil, io.EOF }},
		"in the dial":            dial(func() net.Conn { n.stop(); return nil }),
		"in the write":           dial(func() net.Conn { return &stuck{Conn: pipe(), write: n.stop} }),
		"in the connection's Close": dial(func() net.Conn {
			return &stuck{Conn: pipe(), read: n.stop, close: n.stop}
		}),
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A network end that stops at any point, whatever the context says, holds up no
// call. What stays is its own goroutine, until the network end returns.
func TestNetworkEndHangsNever(t *testing.T) {
	for name := range networks(&never{}) {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			n := &never{released: make(chan struct{})}
			network := networks(n)[name]
			t.Run("calls", func(t *testing.T) { returns(t, hanging(t, "http://localhost:1", network)) })
			if _, standard := network.(*http.Transport); !standard { // which has goroutines of its own
				settled(t, before, int(n.stopped.Load()))
			}
			close(n.released)
			settled(t, before, 0)
		})
	}
}

// A middleware or a token source that stops holds up no call either.
func TestFunctionsOfTheUserHangNever(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }))
	defer server.Close()
	plain := &http.Transport{}
	defer plain.CloseIdleConnections()
	for name, option := range map[string]func(*never) chatapi.Option{
		"before the request": func(n *never) chatapi.Option {
			return chatapi.WithMiddleware(func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(*http.Request) (*http.Response, error) { n.stop(); return nil, io.EOF })
			})
		},
		"after the reply": func(n *never) chatapi.Option {
			return chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					defer n.stop()
					return next.RoundTrip(r)
				})
			})
		},
		"token source": func(n *never) chatapi.Option {
			return chatapi.WithTokenSource(func(context.Context) (string, error) { n.stop(); return "", io.EOF })
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := &never{released: make(chan struct{})}
			client, err := chatapi.New(server.URL+"/ABC1", secret, option(n), chatapi.WithHTTPClient(&http.Client{Transport: plain}))
			require.NoError(t, err)
			plain.CloseIdleConnections()
			t.Run("calls", func(t *testing.T) { returns(t, client) })
			if name == "token source" {
				assert.EqualValues(t, 1, n.stopped.Load(), "the source is not asked again before it has returned")
			}
			close(n.released)
		})
	}
}
