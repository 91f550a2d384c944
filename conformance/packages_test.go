package conformance_test

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
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

// root is the repository. These tests need the whole tree, which a user's module
// cache does not have, so they are in this module.
const root = ".."

const module = "github.com/chatapi-go/chatapi"

// packages returns the folders of the root module that users can import.
func packages(t *testing.T) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if path != root {
			name := entry.Name()
			if name == "internal" || name == "testdata" || strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir
			}
		}
		if files, _ := filepath.Glob(filepath.Join(path, "*.go")); len(files) > 0 {
			found = append(found, path)
		}
		return nil
	}))
	require.Contains(t, found, root)
	return found
}

// TestAPINamesOnlyOwnTypes keeps the types of other libraries out of the API.
// From Go 1.27 on, the types of go-json-experiment change, and a user must not
// depend on the version of a library that we chose.
func TestAPINamesOnlyOwnTypes(t *testing.T) {
	for _, dir := range packages(t) {
		assert.Empty(t, foreign(t, dir), "exported declarations of %s name types that are neither the SDK's nor the standard library's", dir)
	}
}

// TestForeignIsFound checks that the test above can fail.
func TestForeignIsFound(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(`package a

import (
	"encoding/json"
	"net/http"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/chatapi-go/chatapi/internal/wire"
)

type hidden struct{ Field jsonv2.Options }

type T struct {
	private jsonv2.Options
	Raw     json.RawMessage
	Public  []map[string]*wire.Text
}

func (T) Do(*http.Request) (retryablehttp.Client, error) { return body(jsonv2.Options(nil)), nil }

func Option(jsonv2.Options) {}

func local() { var _ jsonv2.Options }
`), 0o600))
	assert.ElementsMatch(t, []string{"T: wire.Text", "T.Do: retryablehttp.Client", "Option: jsonv2.Options"}, foreign(t, dir))
}

// foreign lists the types in a package's exported declarations that belong
// neither to the standard library nor to a public package of the SDK.
func foreign(t *testing.T, dir string) []string {
	t.Helper()
	p, files := documentation(t, dir)
	outside := map[string]bool{} // import names that must not appear
	for _, file := range files {
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(imported, "/")
			own := imported == module || strings.HasPrefix(imported, module+"/") && !strings.Contains(imported, "/internal/")
			if own || !strings.Contains(first, ".") {
				continue
			}
			name := regexp.MustCompile(`^go-|-go$|^v[0-9]+$`).ReplaceAllString(filepath.Base(imported), "")
			if spec.Name != nil {
				name = spec.Name.Name
			}
			outside[name] = true
		}
	}
	var found []string
	look := func(owner string, node ast.Node) {
		if f, ok := node.(*ast.FuncDecl); ok {
			node = f.Type
		}
		ast.Inspect(node, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if name, ok := selector.X.(*ast.Ident); ok && outside[name.Name] {
				found = append(found, owner+": "+name.Name+"."+selector.Sel.Name)
			}
			return true
		})
	}
	funcs := func(owner string, list []*doc.Func) {
		for _, f := range list {
			look(owner+f.Name, f.Decl)
		}
	}
	funcs("", p.Funcs)
	for _, typ := range p.Types {
		look(typ.Name, typ.Decl)
		funcs("", typ.Funcs)
		funcs(typ.Name+".", typ.Methods)
	}
	// A value counts by its declared type; its initial value is not part of the
	// API.
	values := append([]*doc.Value{}, p.Consts...)
	values = append(values, p.Vars...)
	for _, value := range values {
		for _, spec := range value.Decl.Specs {
			if s, ok := spec.(*ast.ValueSpec); ok && s.Type != nil {
				look(s.Names[0].Name, s.Type)
			}
		}
	}
	return found
}

// TestConsumerStaysSmall builds a program that imports only the root package,
// outside the workspace and with an empty go.sum, and counts the lines that Go
// writes there.
func TestConsumerStaysSmall(t *testing.T) {
	const most = 20
	dir := t.TempDir()
	main, err := os.ReadFile("testdata/consumer/main.go")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), main, 0o600))
	goMod, err := os.ReadFile("testdata/consumer/go.mod")
	require.NoError(t, err)
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	goMod = []byte(strings.Replace(string(goMod), "=> ../../..", "=> "+absolute, 1))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), goMod, 0o600))

	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", os.DevNull, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	require.NoError(t, err)
	lines := strings.Count(string(sums), "\n")
	require.Positive(t, lines)
	// The replace line saves two lines that a user has for the SDK itself.
	assert.LessOrEqual(t, lines+2, most, "go.sum of a minimal consumer:\n%s", sums)
	for _, library := range []string{"testify", "httpmock", "otel"} {
		assert.NotContains(t, string(sums), library)
	}
}

// TestConsumersOfDurable checks that a program which keeps its data in SQLite downloads
// neither PostgreSQL's driver nor River nor OpenTelemetry, and how much each program
// downloads.
func TestConsumersOfDurable(t *testing.T) {
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		imports  []string
		modules  []string // of this repository, besides the root
		most     int      // lines of go.sum
		excluded []string
	}{
		{"sqlite", []string{"durable", "durable/sqlite"}, []string{"durable"}, 30,
			[]string{"jackc", "river", "opentelemetry", "testify"}},
		{"postgres", []string{"durable", "durable/postgres"}, []string{"durable", "durable/postgres"}, 60,
			[]string{"modernc.org", "opentelemetry"}},
		{"oteldurable", []string{"durable", "durable/oteldurable"}, []string{"durable", "durable/oteldurable"}, 40,
			[]string{"jackc", "river", "modernc.org", "testify", "otel/sdk/metric"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			source, goMod := "package main\n\n", "module consumer.example\n\ngo 1.26.0\n\nreplace "+module+" => "+absolute+"\n\nrequire "+module+" v0.0.0\n"
			for _, name := range c.imports {
				source += "import _ \"" + module + "/" + name + "\"\n"
			}
			for _, name := range c.modules {
				goMod += "\nreplace " + module + "/" + name + " => " + absolute + "/" + name + "\n\nrequire " + module + "/" + name + " v0.0.0\n"
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(source+"\nfunc main() {}\n"), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(goMod), 0o600))
			build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", os.DevNull, ".")
			build.Dir = dir
			build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
			out, err := build.CombinedOutput()
			require.NoError(t, err, "%s", out)
			sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
			require.NoError(t, err)
			assert.LessOrEqual(t, strings.Count(string(sums), "\n"), c.most, "%s", sums)
			for _, excluded := range c.excluded {
				assert.NotContains(t, string(sums), excluded)
			}
		})
	}
}

// TestCommandStaysLight checks that the command links no module besides the SDK's: who
// starts a fake downloads nothing else.
func TestCommandStaysLight(t *testing.T) {
	sdk := linkedModules(t, ".", []string{"."})
	for name := range linkedModules(t, "cmd/chatapi", []string{"."}) {
		assert.Contains(t, sdk, name)
	}
}

// TestDocLinksResolve finds links in doc comments that lead nowhere, such as
// [Strickers]. pkg.go.dev would print the brackets.
func TestDocLinksResolve(t *testing.T) {
	for _, dir := range packages(t) {
		p, _ := documentation(t, dir)
		parser := p.Parser()
		link := regexp.MustCompile(`\[\*?[A-Z]\w*(\.[A-Z]\w*)?\]`)
		for owner, text := range comments(p) {
			for _, block := range parser.Parse(text).Content {
				for _, plain := range plainText(block) {
					for _, name := range link.FindAllString(plain, -1) {
						t.Errorf("%s: the comment on %s links %s, which does not exist", dir, owner, name)
					}
				}
			}
		}
	}
}

// documentation reads a package. It returns the documentation of the exported
// declarations, without bodies and unexported fields, and the files.
func documentation(t *testing.T, dir string) (*doc.Package, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") {
			file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
			require.NoError(t, err)
			files = append(files, file)
		}
	}
	p, err := doc.NewFromFiles(set, files, module)
	require.NoError(t, err)
	return p, files
}

// comments returns each doc comment of a package by its owner, fields and
// constants included.
func comments(p *doc.Package) map[string]string {
	found := map[string]string{"package " + p.Name: p.Doc}
	funcs := func(owner string, list []*doc.Func) {
		for _, f := range list {
			found[owner+f.Name] = f.Doc
		}
	}
	decl := func(owner string, node ast.Node) {
		ast.Inspect(node, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				if len(n.Names) > 0 {
					found[owner+"."+n.Names[0].Name] = n.Doc.Text() + "\n" + n.Comment.Text()
				}
			case *ast.ValueSpec:
				found[n.Names[0].Name] = n.Doc.Text() + "\n" + n.Comment.Text()
			}
			return true
		})
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			found[v.Names[0]+"…"] = v.Doc
			decl("", v.Decl)
		}
	}
	funcs("", p.Funcs)
	values(p.Consts)
	values(p.Vars)
	for _, typ := range p.Types {
		found[typ.Name] = typ.Doc
		decl(typ.Name, typ.Decl)
		values(typ.Consts)
		values(typ.Vars)
		funcs("", typ.Funcs)
		funcs(typ.Name+".", typ.Methods)
	}
	return found
}

// plainText returns the texts of a block that are not links.
func plainText(block comment.Block) (texts []string) {
	add := func(list []comment.Text) {
		for _, text := range list {
			if plain, ok := text.(comment.Plain); ok {
				texts = append(texts, string(plain))
			}
		}
	}
	switch block := block.(type) {
	case *comment.Paragraph:
		add(block.Text)
	case *comment.Heading:
		add(block.Text)
	case *comment.List:
		for _, item := range block.Items {
			for _, inner := range item.Content {
				texts = append(texts, plainText(inner)...)
			}
		}
	}
	return texts
}
