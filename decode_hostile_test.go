package chatapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	bytes := after.TotalAlloc - before.TotalAlloc
	if raceDetector {
		bytes /= 2 // it drops what pools keep
	}
	return bytes
}

// An attack costs no more memory than its bytes and the handler's limit allow.
// BenchmarkWebhookRefusal measures its time.
func TestWebhookAttacks(t *testing.T) {
	for name, attack := range attacks(t) {
		t.Run(name, func(t *testing.T) {
			h := newHook(nil, chatapi.WebhookSecret("s3cret"), chatapi.WebhookMaxBody(attack.limit))
			r := attack.request()
			var w *httptest.ResponseRecorder
			assert.Less(t, allocated(func() { w = h.serve(r) }), attack.memory)
			assert.Equal(t, attack.status, w.Code)
			assert.Empty(t, h.keys)
			require.Len(t, h.errors, 1)
			assert.Less(t, len(fmt.Sprint(h.errors[0])), 1000, "the report is short")
		})
	}
}

// A large honest body is handled. Its memory is in proportion to its size.
func TestWebhookFiftyThousandAcks(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"ack":[`)
	for i := range 50_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"wamid.%d","status":"read"}`, i)
	}
	b.WriteString(`]}`)
	require.Less(t, b.Len(), 4<<20)
	events := 0
	h := &hook{handler: chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { events++; return nil }, chatapi.WebhookSecret(hookSecret))}
	var w *httptest.ResponseRecorder
	assert.Less(t, allocated(func() { w = h.post(b.String()) }), uint64(200<<20))
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, 50_000, events)
}

// raw sends the bytes of a request over a new connection and returns the answer.
func raw(t *testing.T, server *httptest.Server, request string) *bufio.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return bufio.NewReader(conn)
}

func firstLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// Broken senders over a real connection get documented answers, and the server's
// log does not hold the secret.
func TestWebhookHandlerSenders(t *testing.T) {
	var logged strings.Builder
	var mu sync.Mutex
	var reported []error
	report := func(_ context.Context, err error) {
		mu.Lock()
		defer mu.Unlock()
		reported = append(reported, err)
	}
	server := httptest.NewUnstartedServer(chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { panic(http.ErrAbortHandler) },
		chatapi.WebhookSecret(hookSecret), chatapi.WebhookErrors(report)))
	server.Config.ErrorLog = log.New(&logged, "", 0)
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()

	head := "POST /hooks/" + hookSecret + " HTTP/1.1\r\nHost: x\r\n"
	for _, c := range []struct{ name, request, want string }{
		{"in pieces", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"ack\r\n5\r\n\":[]}\r\n0\r\n\r\n", "HTTP/1.1 200 OK"},
		{"in broken pieces", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 Bad Request"},
		{"asking first", head + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n{\"ack\":[]}", "HTTP/1.1 100 Continue"},
		{"asking first, too large", head + "Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"asking first, without the secret", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", "HTTP/1.1 403 Forbidden"},
		{"slow", head + "Content-Length: 100\r\n\r\n{", "HTTP/1.1 400 Bad Request"},
		{"a panic", head + "Content-Length: 33\r\n\r\n{\"ack\":[{\"id\":\"a\",\"status\":\"x\"}]}", "HTTP/1.1 500 Internal Server Error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, firstLine(t, raw(t, server, c.request)))
		})
	}
	server.Close()
	require.Len(t, reported, 5)
	assert.NotContains(t, logged.String(), hookSecret)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", reported, reported), hookSecret)
}
