package deskbench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
)

func hash(text string) (key [16]byte) {
	sum := sha256.Sum256([]byte(text))
	copy(key[:], sum[:])
	return key
}

const connections = 64

// Accept posts messages over 64 connections, in turns to a handler that only reads the
// body, to one that parses it, and to the inbox of a desk that does not run.
func Accept(b *testing.B, p Place) {
	desk, err := durable.Open(b.Context(), p.New(b), chatapi.NewChannels())
	require.NoError(b, err)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	parse := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil }, chatapi.WebhookSecret("s3cret"))
	ours := chatapi.NewDeliveryHandler(desk.Inbox.Accept, chatapi.WebhookSecret("s3cret"))
	floor, parsing, load := newLoad(b, bare), newLoad(b, parse), newLoad(b, ours)
	var toBare, toParse, late ratio
	for b.Loop() {
		for range 12 {
			f, floorTimes := floor.run(100 * time.Millisecond)
			o, times := load.run(250 * time.Millisecond)
			parsed, _ := parsing.run(100 * time.Millisecond)
			toBare.add(o, f)
			toParse.add(o, parsed)
			late.add(float64(percentile(times, 0.99)), float64(percentile(floorTimes, 0.99)))
		}
	}
	toBare.report(b, "x-desk-accept")
	toParse.report(b, "x-desk-accept-parse")
	late.report(b, "x-desk-accept-p99")
}

// load is a server and the connections to it.
type load struct {
	b       *testing.B
	conns   []net.Conn
	readers []*bufio.Reader
	next    atomic.Int64
}

func newLoad(b *testing.B, handler http.Handler) *load {
	b.Helper()
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	l := &load{b: b}
	for range connections {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(b, err)
		b.Cleanup(func() { conn.Close() })
		l.conns = append(l.conns, conn)
		l.readers = append(l.readers, bufio.NewReader(conn))
	}
	return l
}

// request is a message of its own, of about the size that they have.
func (l *load) request() []byte {
	n := int(l.next.Add(1))
	body := fmt.Sprintf(`{"instanceId":"%s","messages":[{"id":"wamid.%032d","type":"chat","body":"a text as people write it","self":0,`+
		`"fromMe":false,"time":"1795000000","author":"%[3]s@c.us","authorBsuid":"US.%020[2]d","authorUserName":null,"chatId":"%[3]s@c.us",`+
		`"chatName":"Pat Example","senderName":"Pat Example","caption":null,"isForwarded":false,"quotedMsgId":null}]}`,
		desktest.Channel, n, desktest.Phone(n%500))
	return fmt.Appendf(nil, "POST /hooks/s3cret HTTP/1.1\r\nHost: desk.example\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body), body)
}

// run sends requests for a while, one at a time on each connection. It returns the
// number of answers in a second, and how long each took.
func (l *load) run(d time.Duration) (rate float64, times []time.Duration) {
	var all sync.WaitGroup
	each := make([][]time.Duration, len(l.conns))
	began := time.Now()
	for i := range l.conns {
		all.Go(func() {
			for at := time.Now(); at.Sub(began) < d; {
				if _, err := l.conns[i].Write(l.request()); err != nil {
					l.b.Error(err)
					return
				}
				if err := answered(l.readers[i]); err != nil {
					l.b.Error(err)
					return
				}
				now := time.Now()
				each[i] = append(each[i], now.Sub(at))
				at = now
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	for _, some := range each {
		times = append(times, some...)
	}
	return float64(len(times)) / took.Seconds(), times
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
