package conformance_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A program that links the package pays nothing at its start: the SDK compiles no
// regular expression and computes no table before main. This program uses enough of
// the SDK to keep its tables in the binary.
const startProgram = `package main

import (
	"bytes"
	"context"
	"time"

	"github.com/chatapi-go/chatapi"
)

func main() {
	if client, err := chatapi.New("https://api.1msg.io/ABC100000001", "sample-token"); err == nil && time.Now().IsZero() {
		_, _ = client.Send(context.Background(), chatapi.Phone("12025550143"), chatapi.File{Media: chatapi.MediaBytes("a.pdf", nil)})
		_, _ = chatapi.ParseWebhook(nil)
		ledger := chatapi.NewLedger(chatapi.Account{})
		_ = ledger.Snapshot(&bytes.Buffer{})
		bill, _ := ledger.Bill(chatapi.Month(2026, time.May))
		_ = bill.String()
	}
}
`

func TestFaultC18NothingIsComputedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "start")
	require.NoError(t, os.WriteFile(source, []byte(startProgram), 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, source)
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	run := exec.CommandContext(t.Context(), program)
	run.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := run.CombinedOutput()
	require.NoError(t, err, "%s", trace)

	// init github.com/chatapi-go/chatapi @2.1 ms, 2.0 ms clock, 625824 bytes, 5236 allocs
	line := regexp.MustCompile(`(?m)^init (` + regexp.QuoteMeta(module) + `\S*) .* (\d+) bytes, (\d+) allocs$`)
	found := line.FindAllStringSubmatch(string(trace), -1)
	require.NotEmpty(t, found, "%s", trace)
	var bytes, allocs int
	for _, match := range found {
		size, _ := strconv.Atoi(match[2])
		count, _ := strconv.Atoi(match[3])
		bytes, allocs = bytes+size, allocs+count
	}
	assert.Less(t, allocs, 150, "%s", trace)
	assert.Less(t, bytes, 32<<10, "%s", trace)
}

func TestFaultC18NoVariableIsBuiltByACall(t *testing.T) {
	for _, dir := range append([]string{root}, internals(t)...) {
		assert.Empty(t, builtAtStart(t, dir), "of %s", dir)
	}
}

// TestFaultC18BuiltVariablesAreFound checks that the test above can fail.
func TestFaultC18BuiltVariablesAreFound(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(`package a

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

var pattern = regexp.MustCompile("a")

var (
	signs  = strings.NewReplacer("+", "")
	table  = func() (t [256]bool) { return t }()
	list   = build("a", "b")
	errOdd = errors.New("odd")
	lazy   = sync.OnceValue(func() int { return len(build()) })
	fixed  = map[string]int{"a": 1}
)

func build(texts ...string) []string { return texts }
`), 0o600))
	var names []string
	for _, problem := range builtAtStart(t, dir) {
		name, _, _ := strings.Cut(problem, " ")
		names = append(names, name)
	}
	assert.Equal(t, []string{"pattern", "signs", "table", "list"}, names)
}

// internals returns the folders of the internal packages of the root module.
func internals(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(root, "internal", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	return folders
}

// builtAtStart lists the package-level variables of a folder whose value is computed
// by a regular expression, a Replacer, a function literal or a function of the package.
func builtAtStart(t *testing.T, dir string) (problems []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var parsed []*ast.File
	own := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		parsed = append(parsed, file)
		for _, decl := range file.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok && function.Recv == nil {
				own[function.Name.Name] = true
			}
		}
	}
	for _, file := range parsed {
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				value := spec.(*ast.ValueSpec)
				for _, expression := range value.Values {
					if call := builder(expression, own); call != "" {
						problems = append(problems, fmt.Sprintf("%s is built by %s", value.Names[0].Name, call))
					}
				}
			}
		}
	}
	return problems
}

// builder returns the call that computes the value of a variable; empty if there is
// none. Functions that run later, in a function literal, do not count.
func builder(expression ast.Expr, own map[string]bool) (found string) {
	ast.Inspect(expression, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncLit:
			return false
		case *ast.KeyValueExpr: // a reader of a field, such as templateEvent("status"), is a closure
			found = cmp.Or(found, builder(node.Value, nil))
			return false
		case *ast.CallExpr:
			switch called := node.Fun.(type) {
			case *ast.FuncLit:
				found = "a function literal"
			case *ast.Ident:
				if own[called.Name] {
					found = called.Name
				}
			case *ast.SelectorExpr:
				if from, ok := called.X.(*ast.Ident); ok && (from.Name == "regexp" || called.Sel.Name == "NewReplacer") {
					found = from.Name + "." + called.Sel.Name
				}
			}
		}
		return found == ""
	})
	return found
}
