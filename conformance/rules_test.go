package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEachRuleHasItsTest checks docs/durable-rules.md: each row names tests, and cases of
// the suites of both stores, that exist.
func TestEachRuleHasItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "durable-rules.md"))
	require.NoError(t, err)
	suites := ""
	for _, suite := range []string{"storetest", "desktest"} {
		files, err := filepath.Glob(filepath.Join(root, "durable", "internal", suite, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			suites += string(source)
		}
	}
	named, cases := regexp.MustCompile("`(Test\\w+)`"), regexp.MustCompile(`\*([^*]+)\*`)
	existing, rows := testFunctions(t), 0
	for line := range strings.SplitSeq(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || strings.TrimSpace(cells[len(cells)-2]) == "Tests" || strings.HasPrefix(cells[1], "-") {
			continue
		}
		rows++
		last := cells[len(cells)-2]
		tests := named.FindAllStringSubmatch(last, -1)
		assert.NotEmpty(t, tests, line)
		for _, test := range tests {
			assert.True(t, existing[test[1]], "docs/durable-rules.md names %s, which does not exist", test[1])
		}
		for _, c := range cases.FindAllStringSubmatch(last, -1) {
			assert.Contains(t, suites, `{"`+c[1]+`", `, "docs/durable-rules.md names a case that does not exist")
		}
	}
	require.Greater(t, rows, 45)
}
