//go:build unix

// Package crashtest has the tests of the kill test itself, for every store.
package crashtest

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/crash/harness"
	"github.com/chatapi-go/chatapi/durable/internal/point"
)

// Main runs the tests of a package, or a worker of them.
func Main(m *testing.M, plug *harness.Plug) {
	if code, worked := harness.Work(plug); worked {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// rate is low, because other tests run at the same time, and with the race detector a
// database in Go is many times slower. The command runs with the full load.
func rate() int {
	if raced {
		return 8
	}
	return 30
}

func run(t *testing.T, plug *harness.Plug, o harness.Options) *harness.Report {
	t.Helper()
	var log strings.Builder
	o.Rate, o.Dir, o.Log, o.Seed = rate(), t.TempDir(), &log, 1
	report, err := harness.Run(t.Context(), o, plug)
	if err != nil {
		t.Log(log.String())
		require.NoError(t, err)
	}
	var text strings.Builder
	report.Print(&text)
	t.Log(log.String() + text.String())
	return report
}

// Crash runs some rounds, after which everything has to be there once, and in order.
func Crash(t *testing.T, plug *harness.Plug, rounds int) {
	report := run(t, plug, harness.Options{Rounds: rounds})
	assert.Empty(t, report.Faults())
	assert.Positive(t, report.Accepted)
	assert.Equal(t, report.Unknown, report.Settled)
	assert.GreaterOrEqual(t, report.Random, rounds/2)
}

// At lets somebody die once at each of some points, which changes nothing.
func At(t *testing.T, plug *harness.Plug, points ...string) {
	report := run(t, plug, harness.Options{Rounds: len(points), Points: points})
	assert.Empty(t, report.Faults())
	for _, name := range points {
		assert.Equal(t, 1, report.Hits[name], name)
	}
}

// Canceled ends a run early, which ends its workers.
func Canceled(t *testing.T, plug *harness.Plug) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := harness.Run(ctx, harness.Options{Rounds: 100, Rate: rate(), Dir: t.TempDir()}, plug)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Breaks finds each deliberate fault of a worker, in one of three runs, since a fault
// needs its moment.
func Breaks(t *testing.T, plug *harness.Plug) {
	afterWrite := []string{point.SendWritten, point.SendReplied}
	type fault struct {
		points      []string
		rounds, own int
		count       func(r *harness.Report) int
	}
	faults := map[string]fault{
		harness.BreakAnswer:  {points: []string{point.AcceptAnswered, point.AcceptBegun}, rounds: 4, count: func(r *harness.Report) int { return r.Lost }},
		harness.BreakReserve: {points: afterWrite, rounds: 4, count: func(r *harness.Report) int { return r.Repeated }},
		// It shows in messages that are canceled, which only the driver's are.
		harness.BreakGuard: {points: afterWrite, rounds: 8, own: 1, count: func(r *harness.Report) int { return r.SentTwice }},
		harness.BreakDone:  {points: []string{point.HandlerCommitted}, rounds: 4, count: func(r *harness.Report) int { return r.Doubled }},
		harness.BreakLane:  {points: []string{point.HandlerReturned}, rounds: 8, count: func(r *harness.Report) int { return r.Disordered }},
	}
	if plug.Start != nil {
		faults[harness.BreakSync] = fault{points: plug.Points[len(plug.Points)-1:], rounds: 4, count: func(r *harness.Report) int { return r.Lost }}
	}
	for name, found := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := harness.Options{Rounds: found.rounds, Own: found.own, Break: name, Points: found.points}
			report := run(t, plug, o)
			for again := 0; again < 2 && found.count(report) == 0; again++ {
				report = run(t, plug, o)
			}
			assert.Positive(t, found.count(report))
			assert.NotEmpty(t, report.Faults())
		})
	}
}
