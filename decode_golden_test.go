package chatapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The bodies of the project's own yield the events of their golden files, as those
// of the contract do. They cover kinds of which the contract has no body; all names
// and numbers are made up.
func TestParseWebhookOwnBodies(t *testing.T) {
	bodies, err := filepath.Glob("testdata/webhooks/own/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, bodies)
	for _, name := range bodies {
		events, err := chatapi.ParseWebhook(readFile(t, name))
		require.NoError(t, err, name)
		golden := strings.TrimSuffix(name, ".json") + ".golden"
		got := render(t, events)
		if *update {
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		assert.Equal(t, string(readFile(t, golden)), string(got), name)
		for _, e := range events {
			assert.NotEmpty(t, e.Key(), name)
			_, unknown := e.(*chatapi.UnknownEvent)
			assert.False(t, unknown, name)
		}
	}
}
