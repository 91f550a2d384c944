package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// BenchmarkFakeStart measures the time from the start of the program to its printed
// address, with warm files. The floor is a program that only listens and prints.
func BenchmarkFakeStart(b *testing.B) {
	floor, program := filepath.Join(b.TempDir(), "listen"), filepath.Join(b.TempDir(), "chatapi")
	for path, source := range map[string]string{floor: "./testdata/listen", program: "."} {
		out, err := exec.CommandContext(b.Context(), "go", "build", "-o", path, source).CombinedOutput()
		require.NoError(b, err, string(out))
	}
	fake := []string{program, "fake", "-listen", "127.0.0.1:0"}
	const rounds = 10
	for range b.N {
		var ours, theirs, ratios []float64
		for range rounds + 1 {
			theirs = append(theirs, untilPrinted(b, floor))
			ours = append(ours, untilPrinted(b, fake...))
			ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
		}
		b.ReportMetric(median(ratios[1:]), "x-fake-start") // the first round warms the files
		b.ReportMetric(median(ours[1:])*1000, "x-fake-start-ms")
	}
}

// untilPrinted starts a program and returns the seconds until its first line.
func untilPrinted(b *testing.B, command ...string) float64 {
	b.Helper()
	c := exec.CommandContext(b.Context(), command[0], command[1:]...)
	out, err := c.StdoutPipe()
	require.NoError(b, err)
	began := time.Now()
	require.NoError(b, c.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	took := time.Since(began).Seconds()
	require.NoError(b, err)
	require.NoError(b, c.Process.Kill())
	_ = c.Wait()
	return took
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// BenchmarkFakeMemory measures the heap of a fake with 100 phones and 100,000 messages,
// half of them from the customers. The floor is the bytes of the texts.
func BenchmarkFakeMemory(b *testing.B) {
	const phones, messages = 100, 1000
	for range b.N {
		before := heap()
		api, err := chatapitest.Start()
		require.NoError(b, err)
		client := api.Client(chatapi.WithPace(chatapi.Pace{PerSecond: 1e9, Burst: 1e9, Pair: time.Nanosecond}))
		texts := 0
		for phone := range phones {
			customer := api.Customer(fmt.Sprintf("120255501%02d", phone))
			for n := range messages / 2 {
				text := fmt.Sprintf("Message %d. %s", n, strings.Repeat("Is it ready? ", 5))
				customer.Says(text)
				_, err := client.Send(context.Background(), customer.Recipient(), chatapi.Text{Body: text})
				require.NoError(b, err)
				texts += 2 * len(text)
			}
		}
		api.Settle()
		grown := heap() - before
		b.ReportMetric(grown/float64(texts), "x-fake-memory")
		b.ReportMetric(grown/(1<<20), "x-fake-memory-mb")
		api.Close()
		runtime.KeepAlive(api)
	}
}

// heap returns the bytes of the live heap.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
