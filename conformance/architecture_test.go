package conformance_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWalksNameFunctionsThatExist checks that each function of the walks in
// docs/architecture.md is declared in the file that the walk names.
func TestWalksNameFunctionsThatExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	require.NoError(t, err)
	_, walks, found := strings.Cut(string(text), "\n## Three walks\n")
	require.True(t, found, "docs/architecture.md has no section Three walks")
	walks, _, _ = strings.Cut(walks, "\n## ")

	stop := regexp.MustCompile("(?m)^\\d+\\. `([^`]+\\.go)` ((?:`[^`]+`(?:, )?)+):")
	name := regexp.MustCompile("`([^`]+)`")
	stops := stop.FindAllStringSubmatch(walks, -1)
	require.Len(t, stops, len(regexp.MustCompile(`(?m)^\d+\. `).FindAllString(walks, -1)), "a stop is a number, a file, functions and a colon")
	for _, s := range stops {
		declared := functionsOf(t, filepath.Join(root, filepath.FromSlash(s[1])))
		for _, function := range name.FindAllStringSubmatch(s[2], -1) {
			assert.Contains(t, declared, function[1], s[1])
		}
	}
}

// TestArchitectureListsEveryFile checks that the tables of docs/architecture.md have
// every code file of the root, of durable and of durable/postgres, by its name or by a
// pattern.
func TestArchitectureListsEveryFile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(root, "*.go"))
	require.NoError(t, err)
	for _, dir := range []string{"durable", "durable/postgres"} {
		more, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
		require.NoError(t, err)
		files = append(files, more...)
	}
	var patterns []string
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.SplitN(line, "|", 3); len(cells) == 3 && cells[0] == "" {
			for _, name := range regexp.MustCompile("`((?:durable/(?:postgres/)?)?[^`/]+\\.go)`").FindAllStringSubmatch(cells[1], -1) {
				patterns = append(patterns, name[1])
			}
		}
	}
	used := map[string]bool{}
	for _, file := range files {
		file, err = filepath.Rel(root, file)
		require.NoError(t, err)
		if file = filepath.ToSlash(file); strings.HasSuffix(file, "_test.go") {
			continue
		}
		listed := false
		for _, pattern := range patterns {
			if ok, _ := filepath.Match(pattern, file); ok {
				listed, used[pattern] = true, true
			}
		}
		assert.True(t, listed, "%s is missing in the table of docs/architecture.md", file)
	}
	for _, pattern := range patterns {
		assert.True(t, used[pattern] || strings.HasSuffix(pattern, "_test.go"), "docs/architecture.md lists %s, which does not exist", pattern)
	}
}

// functionsOf returns the functions that a file declares, methods as
// "Type.Method".
func functionsOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	functions := map[string]bool{}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := f.Name.Name
		if f.Recv != nil {
			name = receiver(f.Recv.List[0].Type) + "." + name
		}
		functions[name] = true
	}
	return functions
}

// receiver returns the name of a receiver's type, without pointer and type
// parameters.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
