package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// example has a slip for every verdict, for the module that repository makes.
const example = `# Comments stand between slips.

slip a-narrow * Add adds
file sum.go
test . -run ^TestAdd$
wide ./...
-- old --
	return a + b
-- new --
	return a - b
-- end --

slip b-wide Twice doubles
file sum.go
test . -run '^TestAdd$'
wide ./...
-- old --
	return Add(a, a)
-- new --
	return Add(a, 0)
-- end --

slip c-equivalent Twice doubles
equivalent a sum does not depend on the order
file sum.go
test .
wide ./...
-- old --
	if a > b {
-- new --
	if a >= b {
-- end --

slip d-survived * Unseen returns its argument
file sum.go
test . -run ^TestNothing$
wide ./...
-- old --
	return unseen
-- new --
	return 0
-- end --

slip e-absent the lines are there
file sum.go
test .
wide .
-- old --
	return nothing
-- new --
-- end --

slip f-compiles it compiles
file sum.go
test .
wide .
-- old --
	return unseen
-- new --
	return "text"
-- end --

slip g-endless Add ends
file sum.go
test . -run TestAdd
wide .
-- old --
	return a + b
-- new --
	for {
		a += b
	}
-- end --

slip h-wrong Add adds
equivalent nobody notices, says its author
file sum.go
test .
wide .
-- old --
	return a + b
-- new --
	return a * b
-- end --

slip i-panics Add adds
file sum.go
test .
wide .
-- old --
	return a + b
-- new --
	panic("sum")
-- end --

slip j-exits Add ends quietly
file sum.go
test .
wide .
-- old --
	return a + b
-- new --
	os.Exit(3)
	return 0
-- end --
`

// repository makes a small module with tests, committed, and returns its folder.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module sum\n\ngo 1.26\n",
		"sum.go": `package sum

import "os"

var _ = os.Exit

func Add(a, b int) int {
	if a > b {
		a, b = b, a
	}
	return a + b
}

func Twice(a int) int {
	return Add(a, a)
}

func Unseen(unseen int) int {
	return unseen
}
`,
		"sum_test.go": `package sum

import "testing"

func TestAdd(t *testing.T) {
	if Add(1, 2) != 3 {
		t.Fatal("wrong sum")
	}
}

func TestTwice(t *testing.T) {
	t.Run("three", func(t *testing.T) {
		if Twice(3) != 6 {
			t.Fatal("not doubled")
		}
	})
}
`,
		"slips.txt": example,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, arguments := range [][]string{
		{"init", "-q"},
		{"add", "."},
		{"-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Add"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", arguments...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return dir
}

func TestVerdicts(t *testing.T) {
	dir := repository(t)
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	o := options{dir: dir, timeout: 4 * time.Second, workers: 2, files: []string{filepath.Join(dir, "slips.txt")}}
	err := command(t.Context(), o, &out)
	require.ErrorContains(t, err, "some slips are broken")
	for _, want := range []string{
		"killed a-narrow *: by TestAdd (narrow)\n",
		"killed b-wide: by TestTwice/three (wide)\n",
		"equivalent c-equivalent: a sum does not depend on the order\n",
		"survived d-survived *: no test matches: go test . -run ^TestNothing$\n",
		"broken e-absent: its old lines occur 0 times in sum.go\n",
		"broken f-compiles: it does not compile:\n",
		"killed g-endless: by timeout, TestAdd (narrow)\n",
		"broken h-wrong: it is called equivalent, and TestAdd kills it (narrow)\n",
		"killed i-panics: by TestAdd (narrow)\n",
		"killed j-exits: by TestAdd (narrow)\n",
		"10 slips: 5 killed, 1 equivalent, 1 survived (1 with a star), 3 broken\n",
	} {
		assert.Contains(t, out.String(), want)
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	for _, entry := range left {
		assert.False(t, strings.HasPrefix(entry.Name(), "slips-"), "%s is left over", entry.Name())
	}
}

func TestOneSlip(t *testing.T) {
	dir := repository(t)
	file := []string{filepath.Join(dir, "slips.txt")}
	var out bytes.Buffer
	require.NoError(t, command(t.Context(), options{dir: dir, run: "^a-", timeout: time.Minute, files: file}, &out))
	assert.Contains(t, out.String(), "1 slips: 1 killed")
	err := command(t.Context(), options{dir: dir, run: "^d-", timeout: time.Minute, files: file}, &out)
	assert.ErrorContains(t, err, "would harm a user")
	err = command(t.Context(), options{dir: dir, run: "^x-", files: file}, &out)
	assert.ErrorContains(t, err, "no such slips")
}

// TestFailingTree has tests that fail without a slip: no verdict would mean anything.
func TestFailingTree(t *testing.T) {
	dir := repository(t)
	path := filepath.Join(dir, "sum_test.go")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte("!= 6"), []byte("!= 7"), 1), 0o600))
	cmd := exec.CommandContext(t.Context(), "git", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-qam", "Break")
	cmd.Dir = dir
	require.NoError(t, cmd.Run())
	var out bytes.Buffer
	o := options{dir: dir, run: "^a-", timeout: time.Minute, files: []string{filepath.Join(dir, "slips.txt")}}
	assert.ErrorContains(t, command(t.Context(), o, &out), "the tests fail without a slip: TestTwice/three")
}

func TestInterrupt(t *testing.T) {
	dir := repository(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	first := writer(func(text []byte) (int, error) { cancel(); return len(text), nil })
	o := options{dir: dir, timeout: time.Minute, files: []string{filepath.Join(dir, "slips.txt")}}
	assert.ErrorContains(t, command(ctx, o, first), "interrupted")
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "slips-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

type writer func([]byte) (int, error)

func (w writer) Write(text []byte) (int, error) { return w(text) }

func TestCheckAndList(t *testing.T) {
	dir := repository(t)
	var out bytes.Buffer
	o := options{dir: dir, check: true, files: []string{filepath.Join(dir, "slips.txt")}}
	require.Error(t, command(t.Context(), o, &out))
	assert.Equal(t, "broken e-absent (slips.txt:44): its old lines occur 0 times in sum.go\n10 slips, 1 broken\n", out.String())
	out.Reset()
	o.check, o.list, o.run = false, true, "^[ab]-"
	require.NoError(t, command(t.Context(), o, &out))
	assert.Equal(t, "a-narrow * Add adds\nb-wide Twice doubles\n", out.String())
}

func TestOutsideARepository(t *testing.T) {
	err := command(t.Context(), options{dir: t.TempDir(), list: true}, &bytes.Buffer{})
	assert.ErrorContains(t, err, "not a git repository")
}

func TestApply(t *testing.T) {
	s := slip{file: "a.go", old: "\tx()\n", new: ""}
	for name, test := range map[string]struct{ text, want, problem string }{
		"once":         {"package a\n\nfunc f() {\n\tx()\n}\n", "package a\n\nfunc f() {\n}\n", ""},
		"twice":        {"package a\n\nfunc f() {\n\tx()\n\tx()\n}\n", "", "occur 2 times"},
		"part of line": {"package a\n\nfunc f() {\n\t\tx()\n}\n", "", "occur 0 times"},
		"no Go":        {"package a\n\nfunc f() {\n\tx()\n", "", "does not parse"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.apply([]byte(test.text))
			if test.problem != "" {
				assert.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, string(got))
		})
	}
}

func TestParseProblems(t *testing.T) {
	body := "file a.go\ntest .\nwide .\n-- old --\nx\n-- new --\ny\n-- end --\n"
	for text, want := range map[string]string{
		"hello\n":                   "a.txt:1: \"hello\" is outside a slip",
		"slip a\n" + body:           "lacks the sentence",
		"slip a is so\nfile a.go\n": "has no end",
		"slip a is so\nfile ../a.go\n" + body[10:]:            "lacks file",
		"slip a is so\nfiles a.go\n":                          "unknown word",
		"slip a is so\nequivalent\n":                          "needs a reason",
		"slip a is so\nfile a.go\nwide .\n" + body[24:]:       "lacks test",
		"slip a is so\n" + strings.Replace(body, "y", "x", 1): "lacks a difference",
		"slip a is so\ntest . -run 'a' 'b\"c'\n":              "quote inside",
	} {
		_, err := parseSlips("a.txt", []byte(text))
		assert.ErrorContains(t, err, want, text)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("slip a is so\n"+body, 2)), 0o600))
	_, err := readSlips([]string{path})
	assert.ErrorContains(t, err, "slip a is already in a.txt:1")
}
