package chatapi_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// acceptsAll is a service that takes every message at once, so that what is
// measured is the way to it.
func acceptsAll() http.Handler {
	reply := []byte(`{"sent":true,"id":"gBEGkYiEB1VXAglK1ZEqA1YKPrU","message":"Sent to 12025550143@c.us"}`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(reply)
	})
}

// measured is the cost of a number of calls.
type measured struct {
	took   time.Duration
	allocs uint64
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
	return measured{took: took, allocs: after.Mallocs - before.Mallocs}
}

// BenchmarkSendCost compares a paced send with a bare http.Client that posts a
// fixed body and reads the reply, in turns against one loopback server. It
// reports how many times as long a send takes (the median over the turns;
// at most 1.10) and how many more allocations it makes (at most 12).
func BenchmarkSendCost(b *testing.B) {
	server := httptest.NewServer(acceptsAll())
	b.Cleanup(server.Close)
	network := &http.Transport{MaxIdleConnsPerHost: 4}
	b.Cleanup(network.CloseIdleConnections)

	client, err := chatapi.New(server.URL+"/ABC100000001", "t0ken-for-the-benchmark",
		chatapi.WithHTTPClient(&http.Client{Transport: network}),
		chatapi.WithPace(chatapi.Pace{PerSecond: 1e9, Burst: 1e9, Pair: time.Nanosecond}))
	require.NoError(b, err)
	ctx := context.Background()
	to := chatapi.Phone("12025550143")
	message := chatapi.Text{Body: "Your order #42 is ready. You can pick it up until eight o'clock."}
	send := func() {
		if _, err := client.Send(ctx, to, message); err != nil {
			b.Fatal(err)
		}
	}

	prepared, err := client.Prepare(to, message)
	require.NoError(b, err)
	bare := &http.Client{Transport: network}
	address := server.URL + "/ABC100000001/sendMessage?" + url.Values{"token": {"t0ken-for-the-benchmark"}}.Encode()
	post := func() {
		resp, err := bare.Post(address, "application/json", bytes.NewReader(prepared.Body))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}

	const calls = 64
	measure(calls, post)
	measure(calls, send)
	var ratios []float64
	var more []float64
	for b.Loop() {
		floor, cost := measure(calls, post), measure(calls, send)
		ratios = append(ratios, float64(cost.took)/float64(floor.took))
		more = append(more, float64(int64(cost.allocs)-int64(floor.allocs))/calls)
	}
	b.ReportMetric(median(ratios), "x-send")
	b.ReportMetric(median(more), "x-send-more-allocs")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
