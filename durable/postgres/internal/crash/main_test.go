//go:build unix

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/crash/crashtest"
	"github.com/chatapi-go/chatapi/durable/internal/crash/harness"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

// The test program is the worker too.
func TestMain(m *testing.M) { crashtest.Main(m, plug) }

func need(t *testing.T) {
	t.Helper()
	pgtest.Need(t, nil, pgtest.Missing())
}

// Some rounds of kills lose nothing, double nothing, disorder nothing and send nothing
// twice.
func TestCrash(t *testing.T) {
	need(t)
	crashtest.Crash(t, plug, 6)
}

// The program that leads River dies, and one that only accepts.
func TestCrashOfRoles(t *testing.T) {
	need(t)
	crashtest.At(t, plug, harness.LeaderKilled, harness.AcceptorPoints()[1])
}

func TestCanceled(t *testing.T) {
	need(t)
	crashtest.Canceled(t, plug)
}

// A worker whose commits do not reach the disk ends, and its syncs are fewer than its
// commits.
func TestSync(t *testing.T) {
	need(t)
	server, err := start(t.Context())
	require.NoError(t, err)
	defer server.Close()
	for _, fault := range []string{"", harness.BreakSync} {
		opened, err := open(t.Context(), harness.Place{Address: server.Address, Break: fault})
		require.NoError(t, err)
		settings := opened.Sync(t.Context())
		text, counts := opened.Syncs(t.Context())
		require.NoError(t, opened.Close())
		if fault == "" {
			require.NoError(t, settings)
			require.NoError(t, counts)
			require.Contains(t, text, "20 commits made ")
			continue
		}
		require.ErrorContains(t, settings, "synchronous_commit is off")
		require.ErrorContains(t, counts, "20 commits made ")
	}
}
