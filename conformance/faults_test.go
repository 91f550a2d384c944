package conformance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faultTest matches the name of a test that a fault of docs/faults.md names.
var faultTest = regexp.MustCompile(`^TestFault[A-F]\d`)

// TestEachFaultHasItsTest checks docs/faults.md: each fault names tests that exist,
// and each test that is named by a fault stands in the list.
func TestEachFaultHasItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "faults.md"))
	require.NoError(t, err)
	row := regexp.MustCompile(`(?m)^\| ([A-F]\d+) \|.*\| ([^|]*)\|$`)
	named := regexp.MustCompile("`(Test\\w+|Fuzz\\w+|Benchmark\\w+)`")
	existing, listed, rows := testFunctions(t), map[string]bool{}, 0
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		rows++
		tests := named.FindAllStringSubmatch(match[2], -1)
		assert.True(t, len(tests) > 0 || strings.Contains(match[0], "measured, not tested"), "fault %s names no test", match[1])
		for _, test := range tests {
			listed[test[1]] = true
			assert.True(t, existing[test[1]], "fault %s names %s, which does not exist", match[1], test[1])
		}
	}
	require.Greater(t, rows, 90)
	for name := range existing {
		if faultTest.MatchString(name) {
			assert.True(t, listed[name], "docs/faults.md does not list %s", name)
		}
	}
}

// testFunctions returns the names of the tests of all modules.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test\w+|Fuzz\w+|Benchmark\w+)\(`)
	found := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != root && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range function.FindAllStringSubmatch(string(text), -1) {
			found[match[1]] = true
		}
		return err
	}))
	return found
}
