//go:build unix

package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A report names a point at which no worker died, if there were rounds enough.
func TestPointsAreCounted(t *testing.T) {
	r := &Report{Rounds: 2, Points: []string{"a", "b"}, Hits: map[string]int{"a": 2}}
	assert.Equal(t, []string{"nothing died at b"}, r.Faults())
	r.Rounds = 1
	assert.Empty(t, r.Faults())
}

// The last line has the form that scripts look for.
func TestLastLine(t *testing.T) {
	r := &Report{Store: "sqlite", Rounds: 3, Accepted: 7, Unknown: 2, Settled: 2, Longest: time.Second}
	var text strings.Builder
	r.Print(&text)
	assert.True(t, strings.HasSuffix(text.String(),
		"\ncrash: store sqlite rounds 3 accepted 7 lost 0 doubled 0 disordered 0 sent-twice 0 unknown 2 settled 2\n"), text.String())
}

// Calls for one chat overlap only if they are of two processes that could know of their
// locks.
func TestCalls(t *testing.T) {
	at := time.UnixMicro(1_000_000)
	for name, c := range map[string]struct {
		lines   string
		excuses []span
		want    int
	}{
		"one after the other": {"10 1 a begins\n20 1 a ends\n20 2 a begins\n30 2 a ends\n", nil, 0},
		"two processes":       {"10 1 a begins\n15 2 a begins\n20 1 a ends\n30 2 a ends\n", nil, 1},
		"one within another":  {"10 1 a begins\n12 2 a begins\n13 2 a ends\n14 2 a begins\n15 2 a ends\n20 1 a ends\n", nil, 2},
		"two chats":           {"10 1 a begins\n15 2 b begins\n20 1 a ends\n30 2 b ends\n", nil, 0},
		"killed":              {"10 1 a begins\n15 2 a begins\n30 2 a ends\n", nil, 0},
		"told of the loss":    {"10 1 a begins\n15 2 a begins\n20 1 a lost\n30 2 a ends\n", nil, 0},
		"frozen": {"1000010 1 a begins\n1000015 2 a begins\n1000020 1 a ends\n1000030 2 a ends\n",
			[]span{{at, at.Add(12 * time.Microsecond)}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := &driver{Options: Options{Dir: t.TempDir()}, excuses: c.excuses}
			require.NoError(t, os.WriteFile(filepath.Join(d.Dir, "calls"), []byte(c.lines), 0o600))
			r := &Report{}
			require.NoError(t, d.checkCalls(t.Context(), r, nil))
			assert.Equal(t, c.want, r.Disordered)
		})
	}
}
