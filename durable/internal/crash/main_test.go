//go:build unix

package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/crash/crashtest"
	"github.com/chatapi-go/chatapi/durable/internal/crash/harness"
)

// The test program is the worker too.
func TestMain(m *testing.M) { crashtest.Main(m, plug) }

// Ten rounds of kills lose nothing, double nothing, disorder nothing and send nothing
// twice.
func TestCrash(t *testing.T) { crashtest.Crash(t, plug, 10) }

func TestCanceled(t *testing.T) { crashtest.Canceled(t, plug) }

// A worker whose commits do not reach the disk ends.
func TestSync(t *testing.T) {
	opened, err := open(t.Context(), harness.Place{Dir: filepath.Join(t.TempDir(), "data")})
	require.NoError(t, err)
	defer func() { require.NoError(t, opened.Close()) }()
	require.NoError(t, opened.Sync(t.Context()))
}
