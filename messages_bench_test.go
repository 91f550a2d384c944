package chatapi_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// acceptsAll returns a service that accepts every message at once, so that a
// benchmark measures only the client.
func acceptsAll() http.Handler {
	reply := []byte(`{"sent":true,"id":"gBEGkYiEB1VXAglK1ZEqA1YKPrU","message":"Sent to 12025550143@c.us"}`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(reply)
	})
}

// measured is the cost of some calls.
type measured struct {
	took   time.Duration
	allocs float64
}

func measure(calls int, call func()) measured {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	for range calls {
		call()
	}
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	return measured{took: took, allocs: float64(after.Mallocs - before.Mallocs)}
}

// senders returns functions that send one message over up to 64 connections to
// one loopback server: one for our paced client, and one for each bare
// http.Client. A bare client posts a fixed body of the same bytes and reads the
// reply.
func senders(b *testing.B, plain ...*http.Client) (send func(), bare []func()) {
	server := httptest.NewServer(acceptsAll())
	b.Cleanup(server.Close)
	network := &http.Transport{MaxIdleConnsPerHost: 64}
	b.Cleanup(network.CloseIdleConnections)

	client, err := chatapi.New(server.URL+"/ABC100000001", "t0ken-for-the-benchmark",
		chatapi.WithHTTPClient(&http.Client{Transport: network}),
		chatapi.WithPace(chatapi.Pace{PerSecond: 1e9, Burst: 1e9, Pair: time.Nanosecond}))
	require.NoError(b, err)
	ctx := context.Background()
	to := chatapi.Phone("12025550143")
	message := chatapi.Text{Body: "Your order #42 is ready. You can pick it up until eight o'clock."}
	send = func() {
		if _, err := client.Send(ctx, to, message); err != nil {
			b.Error(err)
		}
	}

	prepared, err := client.Prepare(to, message)
	require.NoError(b, err)
	address := server.URL + "/ABC100000001/sendMessage?" + url.Values{"token": {"t0ken-for-the-benchmark"}}.Encode()
	for _, client := range plain {
		client.Transport = network
		bare = append(bare, func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(prepared.Body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Accept", "application/json")
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				b.Error(err)
			}
			resp.Body.Close()
		})
	}
	return send, bare
}

// BenchmarkSendCost compares a send with that of a bare http.Client, in turns. It
// reports the ratio of their times (the median over the turns) and the number of
// additional allocations. A bare client has no timeout, so a second comparison
// gives it one.
func BenchmarkSendCost(b *testing.B) {
	send, plain := senders(b, &http.Client{}, &http.Client{Timeout: 30 * time.Second})
	bare, timed := plain[0], plain[1]
	const calls = 64
	for _, call := range []func(){bare, timed, send} {
		measure(calls, call)
	}
	var ratio, more, ratioTimed, moreTimed []float64
	for b.Loop() {
		floor, deadline, cost := measure(calls, bare), measure(calls, timed), measure(calls, send)
		ratio = append(ratio, float64(cost.took)/float64(floor.took))
		more = append(more, (cost.allocs-floor.allocs)/calls)
		ratioTimed = append(ratioTimed, float64(cost.took)/float64(deadline.took))
		moreTimed = append(moreTimed, (cost.allocs-deadline.allocs)/calls)
	}
	b.ReportMetric(median(ratio), "x-send")
	b.ReportMetric(median(more), "x-send-more-allocs")
	b.ReportMetric(median(ratioTimed), "x-send-timeout")
	b.ReportMetric(median(moreTimed), "x-send-timeout-more-allocs")
}

// BenchmarkSendCostBusy is BenchmarkSendCost with 16 senders at once. A single
// sender leaves the processors idle most of the time, and then the result
// includes the time to wake them up.
func BenchmarkSendCostBusy(b *testing.B) {
	send, plain := senders(b, &http.Client{}, &http.Client{Timeout: 30 * time.Second})
	const at, calls = 16, 32
	burst := func(call func()) float64 {
		var wg sync.WaitGroup
		started := time.Now()
		for range at {
			wg.Go(func() {
				for range calls {
					call()
				}
			})
		}
		wg.Wait()
		return float64(time.Since(started))
	}
	for _, call := range append(plain, send) {
		burst(call)
	}
	var ratio, ratioTimed []float64
	for b.Loop() {
		floor, deadline, ours := burst(plain[0]), burst(plain[1]), burst(send)
		ratio, ratioTimed = append(ratio, ours/floor), append(ratioTimed, ours/deadline)
	}
	b.ReportMetric(median(ratio), "x-send-busy")
	b.ReportMetric(median(ratioTimed), "x-send-busy-timeout")
}
