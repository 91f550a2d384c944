package chatapi

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tlsService is a service behind TLS that accepts every message. It returns a
// client with the default transport, which trusts the certificate, and the number
// of connections that were opened.
func tlsService(tb testing.TB, http2 bool) (*Client, *atomic.Int64) {
	tb.Helper()
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"sent":true,"id":"gBEGkYiEB1VXAglK1ZEqA1YKPrU"}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.EnableHTTP2 = http2
	server.StartTLS()
	tb.Cleanup(server.Close)

	network, ok := defaultTransport().(*http.Transport)
	require.True(tb, ok)
	tb.Cleanup(network.CloseIdleConnections)
	network.TLSClientConfig.RootCAs = x509.NewCertPool()
	network.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	client, err := New(server.URL+"/ABC100000001", "t0ken-of-the-burst", WithHTTPClient(&http.Client{Transport: network}), WithRetry(RetryPolicy{Attempts: 1}))
	require.NoError(tb, err)
	return client, &opened
}

// burst sends messages from 64 goroutines.
func burst(tb testing.TB, client *Client, messages int) {
	tb.Helper()
	var group sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(messages))
	for range 64 {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				_, err := client.Send(context.Background(), Phone("12025550143"), Text{Body: "hi"})
				assert.NoError(tb, err)
			}
		})
	}
	group.Wait()
}

func TestBurstKeepsItsConnections(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			client, opened := tlsService(t, http2)
			const messages = 64 * 60
			burst(t, client, messages)
			assert.Less(t, float64(opened.Load())/messages, 0.02)
		})
	}
}

// BenchmarkBurst sends from 64 goroutines over TLS. It reports how many
// connections were opened for each request (below 0.02).
func BenchmarkBurst(b *testing.B) {
	client, opened := tlsService(b, false)
	const messages = 64 * 60
	rounds := 0
	for b.Loop() {
		burst(b, client, messages)
		rounds++
	}
	b.ReportMetric(float64(opened.Load())/float64(rounds*messages), "x-burst-conns")
}

// counted is a connection that counts its writes.
type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(data []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(data)
}

// A send needs only one write. Given a body of an unknown type, net/http would
// write the header before the body.
func TestSendIsOneWrite(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"sent":true,"id":"gBEGkYiEB1VXAglK1ZEqA1YKPrU"}`)
	}))
	t.Cleanup(server.Close)
	var writes atomic.Int64
	network := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return counted{conn, &writes}, err
	}}
	t.Cleanup(network.CloseIdleConnections)
	client, err := New(server.URL+"/ABC100000001", "t0ken-0001", WithHTTPClient(&http.Client{Transport: network}))
	require.NoError(t, err)
	_, err = client.Send(t.Context(), Phone("12025550143"), Text{Body: "hi"})
	require.NoError(t, err)
	assert.EqualValues(t, 1, writes.Load())
}
