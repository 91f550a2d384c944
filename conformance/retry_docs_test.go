package conformance_test

import (
	"go/ast"
	"go/doc"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each call's doc comment has one of the retryWords, so that a user learns
// whether the call may reach the service twice.
var retryWords = []string{"retried", "at most once", "never repeated", "calls nothing"}

// TestCallsSayWhetherTheyAreRetried demands one of the retryWords of each
// exported function and method of the root, and of durable with its stores, that takes a
// context. The methods of a store are its border to durable, which no program calls.
func TestCallsSayWhetherTheyAreRetried(t *testing.T) {
	for _, dir := range []string{"", "durable", "durable/sqlite", "durable/postgres"} {
		for _, name := range silentCalls(t, filepath.Join(root, filepath.FromSlash(dir))) {
			if dir != "durable" && strings.HasPrefix(name, "Store.") {
				continue
			}
			t.Errorf("the doc comment of %s %s does not say whether the call is repeated; it needs one of: %s", dir, name, strings.Join(retryWords, ", "))
		}
	}
}

// TestSilentCallsAreFound checks that the test above can fail.
func TestSilentCallsAreFound(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(`package a

import "context"

type T struct{}

// Get returns it. It changes nothing and is
// retried.
func (T) Get(ctx context.Context) {}

// Create creates it, at most
// once.
func (T) Create(_ context.Context, name string) {}

// Delete deletes it.
func (T) Delete(name string, _ context.Context) {}

func Ping(context.Context) {}

// String needs no context.
func (T) String() string { return "" }

func (T) hidden(context.Context) {}
`), 0o600))
	assert.ElementsMatch(t, []string{"T.Delete", "Ping"}, silentCalls(t, dir))
}

// silentCalls lists the exported functions and methods of a package that take a
// context and whose doc comment has none of the words.
func silentCalls(t *testing.T, dir string) []string {
	t.Helper()
	words := regexp.MustCompile(`\b(` + strings.Join(retryWords, "|") + `)\b`)
	p, _ := documentation(t, dir)
	var found []string
	look := func(owner string, list []*doc.Func) {
		for _, f := range list {
			text := strings.Join(strings.Fields(f.Doc), " ")
			if takesContext(f.Decl) && !words.MatchString(text) {
				found = append(found, owner+f.Name)
			}
		}
	}
	look("", p.Funcs)
	for _, typ := range p.Types {
		look("", typ.Funcs)
		look(typ.Name+".", typ.Methods)
	}
	return found
}

// takesContext reports whether a parameter is a context.Context.
func takesContext(f *ast.FuncDecl) bool {
	for _, parameter := range f.Type.Params.List {
		if selector, ok := parameter.Type.(*ast.SelectorExpr); ok && selector.Sel.Name == "Context" {
			if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "context" {
				return true
			}
		}
	}
	return false
}
