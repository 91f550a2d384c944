package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// written makes a module of the given files and returns its folder.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module a\n\ngo 1.26\n"
	for name, text := range files {
		if strings.HasSuffix(name, ".go") {
			text = "package a\n\n" + text
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// TestReferences has a file b.go that refers to a.go in one way each.
func TestReferences(t *testing.T) {
	const a = `
type T struct{ Field int }

func (T) Method() {}

func f() {}

func generic[P any](P) {}

const c = 1

var table = map[string]func(){"f": f}

type list[P any] struct{ items []P }

func (l *list[P]) add(P) {}

type runner interface{ run() }
`
	for name, test := range map[string]struct {
		more, b, want string // more is a third file, c.go
	}{
		"function":         {"", "func g() { f() }", "b.go -> a.go: f"},
		"function value":   {"", "var g = f", "b.go -> a.go: f"},
		"map of functions": {"", `var g = map[string]func(){"f": f}`, "b.go -> a.go: f"},
		"through variable": {"", `func g() { table["f"]() }`, "b.go -> a.go: table"},
		"generic":          {"", "func g() { generic(1) }", "b.go -> a.go: generic"},
		"constant":         {"", "var g = c + 1", "b.go -> a.go: c"},
		"type":             {"", "type g struct{ T }", "b.go -> a.go: T"},
		"field":            {"var v T", "var g = v.Field", "b.go -> a.go: .Field"},
		"method":           {"var v T", "func g() { v.Method() }", "b.go -> a.go: T.Method"},
		"method value":     {"var v T", "var g = v.Method", "b.go -> a.go: T.Method"},
		"promoted method":  {"type u struct{ T }", "func g() { u{}.Method() }", "b.go -> a.go: T.Method"},
		"generic method":   {"var v list[int]", "func g() { v.add(1) }", "b.go -> a.go: list.add"},
		"generic field":    {"var v list[int]", "var g = v.items", "b.go -> a.go: .items"},
		"interface method": {"var v runner", "func g() { v.run() }", "b.go -> a.go: runner.run"},
		"local name":       {"", "func g() { f := 1; _ = f }", ""},
		"other package":    {"", "import \"strings\"\n\nvar g = strings.ToLower", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, map[string]string{"a.go": a, "b.go": test.b, "c.go": test.more})
			p, err := load(dir)
			require.NoError(t, err)
			g := newGraph(p)
			var out bytes.Buffer
			printEdges(&out, g, []string{"a.go", "b.go"})
			_, got, _ := strings.Cut(out.String(), "group:\n")
			assert.Equal(t, test.want, strings.TrimSpace(got))
		})
	}
}

func TestKnots(t *testing.T) {
	dir := written(t, map[string]string{
		// A circle of three, one of two, a file that only uses and one that is only used.
		"a.go": "func a() { b(); leaf() }",
		"b.go": "func b() { c() }",
		"c.go": "func c() { a(); d() }",
		"d.go": "func d() { e() }",
		"e.go": "func e() { d(); leaf() }",
		"f.go": "func leaf() {}",
		"g.go": "func top() { a(); e() }\n" + "func lines() {\n" + strings.Repeat("\tleaf()\n", 500) + "}\n",
		// A test does not tie its package's files together.
		"h_test.go": "func helper() { top() }",
	})
	var out bytes.Buffer
	require.NoError(t, command(&out, dir, true, 3))
	assert.Equal(t, `a: 7 code files, 11 references from file to file, knots [3 2]

3 files: a.go b.go c.go

2 files: d.go e.go

3 references inside the largest group:
a.go -> b.go: b
b.go -> c.go: c
c.go -> a.go: a

files over 500 lines:
g.go 505

functions over 60 lines:
g.go lines 502
`, out.String())
	require.ErrorContains(t, command(&out, dir, false, 2), "the largest group has 3 files, more than 2")
	require.NoError(t, command(&out, dir, false, 0))
}

func TestBadPackage(t *testing.T) {
	var out bytes.Buffer
	assert.ErrorContains(t, command(&out, written(t, map[string]string{"a.go": "var a = missing"}), false, 0), "undefined: missing")
}

func TestFolderWithoutPackage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	assert.EqualError(t, command(io.Discard, missing, false, 0), "stat "+missing+": no such file or directory")
	empty := t.TempDir()
	assert.EqualError(t, command(io.Discard, empty, false, 0), "there is no Go package in "+empty)
}
