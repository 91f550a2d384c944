package chatapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// BenchmarkWebhookHandler posts one message over 64 connections, in turns to a
// handler that only reads the body and to ours, which checks the secret, parses
// the body and calls a function.
func BenchmarkWebhookHandler(b *testing.B) {
	body, err := os.ReadFile("testdata/contract/webhook-message-text.json")
	if err != nil {
		b.Fatal(err)
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	handle := func(context.Context, chatapi.Event) error { return nil }
	for name, ours := range map[string]http.Handler{
		"secret":    chatapi.NewWebhookHandler(handle, chatapi.WebhookSecret("s3cret")),
		"signature": chatapi.NewWebhookHandler(handle, chatapi.WebhookMetaSignature("s3cret")),
	} {
		b.Run(name, func(b *testing.B) {
			floor, load := newLoad(b, bare, body), newLoad(b, ours, body)
			var before, got float64
			b.ResetTimer()
			for b.Loop() {
				for range 40 { // the rounds are short and take turns, since the machine's speed drifts
					before += floor.run(25 * time.Millisecond)
					got += load.run(25 * time.Millisecond)
				}
			}
			b.ReportMetric(got/float64(40*b.N), "req/s")
			b.ReportMetric(got/before, "x-handler-"+name)
		})
	}
}

// load is a server and 64 connections to it.
type load struct {
	request []byte
	conns   []net.Conn
	readers []*bufio.Reader
	fail    func(args ...any)
}

func newLoad(b *testing.B, handler http.Handler, body []byte) *load {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	l := &load{fail: b.Error, request: fmt.Appendf(nil,
		"POST /hooks/s3cret HTTP/1.1\r\nHost: desk.example\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n"+
			"X-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n%s", chatapitest.Dialog360Signature("s3cret", body), len(body), body)}
	for range 64 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		l.conns = append(l.conns, conn)
		l.readers = append(l.readers, bufio.NewReader(conn))
	}
	return l
}

// run sends requests for a while, one at a time on each connection, and returns
// the number of answers per second. The client reads as little as possible, so
// that the result shows the server's speed.
func (l *load) run(d time.Duration) float64 {
	var count atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for i := range l.conns {
		wg.Go(func() {
			n := int64(0)
			for time.Since(began) < d {
				if _, err := l.conns[i].Write(l.request); err != nil {
					l.fail(err)
					return
				}
				if err := answered(l.readers[i]); err != nil {
					l.fail(err)
					return
				}
				n++
			}
			count.Add(n)
		})
	}
	wg.Wait()
	return float64(count.Load()) / time.Since(began).Seconds()
}

// answered reads one answer, which must be a 200 without a body.
func answered(r *bufio.Reader) error {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answered %q", line)
		}
		if len(line) == 2 {
			return nil
		}
	}
}

// BenchmarkWebhookRefusal shows how long the handler needs to refuse a body,
// however large.
func BenchmarkWebhookRefusal(b *testing.B) {
	for name, attack := range attacks(b) {
		b.Run(name, func(b *testing.B) {
			handler := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil },
				chatapi.WebhookSecret("s3cret"), chatapi.WebhookMaxBody(attack.limit), chatapi.WebhookErrors(func(context.Context, error) {}))
			var slowest time.Duration
			b.ReportAllocs()
			for b.Loop() {
				r := attack.request()
				began := time.Now()
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				slowest = max(slowest, time.Since(began))
				if w.Code != attack.status {
					b.Fatal(w.Code)
				}
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "x-refusal-ms")
		})
	}
}

// attack is a body that should cost the handler more than it costs the sender.
type attack struct {
	status int
	limit  int64  // of the handler; a large limit tries the parser too
	memory uint64 // the largest number of bytes that may be allocated
	body   func() io.Reader
	header map[string]string
	length int64 // -1 if unknown
}

func (a attack) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/s3cret", a.body())
	r.ContentLength = a.length
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	return r
}

func attacks(t testing.TB) map[string]attack {
	const normal = 4 << 20
	text := func(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }
	brackets := strings.Repeat("[", 5_000_000)
	nested := `{"messages":` + strings.Repeat(`[`, 5_000_000) + strings.Repeat("]", 5_000_000) + "}"
	objects := `{"ack":[` + strings.Repeat(`{"a":`, 1_000_000) + "1" + strings.Repeat("}", 1_000_000) + "]}"
	big := `{"messages":[{"body":"` + strings.Repeat("x", 20<<20) + `"}]}`
	bomb := gzipBomb(t, 1<<30)
	zipped := map[string]string{"Content-Encoding": "gzip"}
	return map[string]attack{
		"five million brackets":          {400, 64 << 20, 96 << 20, text(brackets), nil, int64(len(brackets))},
		"five million nested":            {400, 64 << 20, 160 << 20, text(nested), nil, int64(len(nested))},
		"a million objects":              {400, 64 << 20, 128 << 20, text(objects), nil, int64(len(objects))},
		"brackets over the limit":        {413, normal, 1 << 20, text(brackets), nil, int64(len(brackets))},
		"20 MB":                          {413, normal, 1 << 20, text(big), nil, int64(len(big))},
		"20 MB of unknown length":        {413, normal, 48 << 20, text(big), nil, -1},
		"endless":                        {413, normal, 48 << 20, func() io.Reader { return zeros{} }, nil, -1},
		"a gigabyte zipped":              {415, normal, 1 << 20, func() io.Reader { return bytes.NewReader(bomb) }, zipped, int64(len(bomb))},
		"a gigabyte zipped, not said so": {400, normal, 16 << 20, func() io.Reader { return bytes.NewReader(bomb) }, nil, int64(len(bomb))},
	}
}

// gzipBomb returns size zeros, compressed.
func gzipBomb(t testing.TB, size int64) []byte {
	var b bytes.Buffer
	// A gzip file may have several members, so the zeros of only one are
	// compressed.
	const part = 1 << 24
	w := gzip.NewWriter(&b)
	if _, err := io.CopyN(w, zeros{}, part); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b.Bytes(), int(size/part))
}
