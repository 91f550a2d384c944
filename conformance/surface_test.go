package conformance_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// surfaceFile lists every exported declaration of the packages that users import.
const surfaceFile = "testdata/api.txt"

var updateSurface = flag.Bool("update-surface", false, "write "+surfaceFile+" anew; make api does so")

// TestSurface compares the exported declarations with the committed list, so that
// no declaration changes by accident.
func TestSurface(t *testing.T) {
	var now []string
	for _, p := range publicPackages(t) {
		now = append(now, surface(p.check(t, nil))...)
	}
	slices.Sort(now)
	if *updateSurface {
		require.NoError(t, os.WriteFile(surfaceFile, []byte(strings.Join(now, "\n")+"\n"), 0o600))
	}
	if problem := surfaceChange(committedSurface(t), now); problem != "" {
		t.Error(problem)
	}
}

// TestSurfaceNoticesBreaks breaks the root package in memory and checks the
// message of TestSurface.
func TestSurfaceNoticesBreaks(t *testing.T) {
	rootPackage := publicPackages(t)[0]
	require.Equal(t, module, rootPackage.ImportPath)
	before := surface(rootPackage.check(t, nil))
	broken := rootPackage.check(t, func(text string) string {
		text = strings.ReplaceAll(text, "func New(", "func NewOne(")
		text = strings.ReplaceAll(text, "func ParseWebhook(", "func ParseWebhook(_ int, ")
		return regexp.MustCompile(`\bReceipt struct {`).ReplaceAllString(text, "$0\nExtra int\n")
	})
	problem := surfaceChange(before, surface(broken))
	for _, want := range []string{
		"The exported declarations differ from testdata/api.txt.",
		"\n  removed: chatapi func New(",
		"\n  added:   chatapi func NewOne(",
		"\n  changed: chatapi func ParseWebhook(",
		"\n  to:      chatapi func ParseWebhook(int, ",
		"\n  added:   chatapi type Receipt field Extra int",
		"run make api, and tell users in CHANGELOG.md",
	} {
		assert.Contains(t, problem, want)
	}
	assert.Equal(t, 5, strings.Count(problem, "\n  "), "the message has only these changes:\n%s", problem)
}

// TestVerbsOfServices checks that a verb tells the form of its result: Get one
// thing, List a slice, All an iterator.
func TestVerbsOfServices(t *testing.T) {
	method := regexp.MustCompile(`^chatapi type \w+Service method ((Get|List|All)\w*)\([^()]*\) \(?(iter\.Seq2|\[\])?`)
	forms := map[string]string{"Get": "", "List": "[]", "All": "iter.Seq2"}
	read := 0
	for _, line := range committedSurface(t) {
		if found := method.FindStringSubmatch(line); found != nil {
			read++
			assert.Equal(t, forms[found[2]], found[3], "the verb of %s does not fit its result: see CONTRIBUTING.md", line)
		}
	}
	assert.Greater(t, read, 20)
}

// TestSurfaceLines shows the line of each kind of declaration.
func TestSurfaceLines(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "a.go", `package a

type Kind string

const (
	First  Kind = "first"
	second Kind = "second"
	Untyped = 1 << 3
)

var Named, hidden error

func Do[T any](names map[string]T, more ...func(T) error) (done bool, err error) { return false, nil }

type base struct{ Inner int }

func (base) Promoted() {}

type Thing struct {
	base
	*Other
	Name string `+"`json:\"name\"`"+`
	own  int
}

func (Thing) Value() int { return 0 }
func (*Thing) Set(int)   {}
func (*Thing) private()  {}

type Other struct{ Far bool }

type Open interface {
	error
	Run(int)
}

type Sealed interface{ sealed() }

type Set[K comparable] map[K]struct{}

func (Set[K]) Has(K) bool { return false }

type Hook func(string) error

type Same = Other
`, 0)
	require.NoError(t, err)
	p, err := (&types.Config{}).Check("github.com/chatapi-go/a", set, []*ast.File{file}, nil)
	require.NoError(t, err)
	lines := surface(p)
	slices.Sort(lines)
	assert.Equal(t, []string{
		`a const First Kind = "first"`,
		`a const Untyped untyped int = 8`,
		`a func Do[T any](map[string]T, ...func(T) error) (bool, error)`,
		`a type Hook func(string) error`,
		`a type Kind string`,
		`a type Open interface`,
		`a type Open method Error() string`,
		`a type Open method Run(int)`,
		`a type Other field Far bool`,
		`a type Other struct`,
		`a type Same = Other`,
		`a type Sealed interface, which other packages cannot implement`,
		`a type Set[K comparable] map[K]struct{}`,
		`a type Set[K comparable] method Has(K) bool`,
		`a type Thing field Inner int`,
		`a type Thing field Name string "json:\"name\""`,
		`a type Thing field Other *Other, embedded`,
		`a type Thing method Promoted()`,
		`a type Thing method Value() int`,
		`a type Thing pointer method Set(int)`,
		`a type Thing struct`,
		`a var Named error`,
	}, lines)
}

// publicPackage is a package that users can import, as go list prints it.
type publicPackage struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
	DepOnly                       bool
	exports                       map[string]string // the file with the compiled types of each import
}

// publicPackages returns the public packages of the workspace, the root package
// first. It leaves out the modules of tests and examples.
func publicPackages(t *testing.T) []*publicPackage {
	t.Helper()
	work, err := os.ReadFile(filepath.Join(root, "go.work"))
	require.NoError(t, err)
	var public []*publicPackage
	for _, use := range regexp.MustCompile(`(?m)^\t(\.\S*)$`).FindAllStringSubmatch(string(work), -1) {
		if !strings.HasPrefix(use[1]+"/", "./conformance/") && use[1] != "./examples" {
			public = append(public, listed(t, filepath.Join(root, use[1]))...)
		}
	}
	require.NotEmpty(t, public)
	return public
}

// listed returns the public packages of the module in dir.
func listed(t *testing.T, dir string) []*publicPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles,DepOnly", "./...")
	list.Dir = dir
	list.Stderr = os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	var public []*publicPackage
	exports := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		p := publicPackage{exports: exports}
		require.NoError(t, decoder.Decode(&p))
		exports[p.ImportPath] = p.Export
		if !p.DepOnly && p.Name != "main" && !strings.Contains(p.ImportPath+"/", "/internal/") {
			public = append(public, &p)
		}
	}
	slices.SortFunc(public, func(a, b *publicPackage) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return public
}

// check type-checks the declarations of a package, without function bodies. A
// change, if given, edits the text of every file first.
func (p *publicPackage) check(t *testing.T, change func(string) string) *types.Package {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		text, err := os.ReadFile(filepath.Join(p.Dir, name))
		require.NoError(t, err)
		if change != nil {
			text = []byte(change(string(text)))
		}
		file, err := parser.ParseFile(set, name, text, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(p.exports[path]) }
	config := types.Config{IgnoreFuncBodies: true, Importer: importer.ForCompiler(set, "gc", open), Error: func(error) {}}
	// Without bodies, some imports seem unused, and after a change some names are
	// missing. Only the declarations count.
	checked, err := config.Check(p.ImportPath, set, files, nil)
	if change == nil {
		require.NoError(t, err)
	}
	return checked
}

// surface returns a line for each exported declaration of a package.
func surface(p *types.Package) []string {
	w := surfaceWriter{pkg: p}
	for _, name := range p.Scope().Names() {
		if object := p.Scope().Lookup(name); object.Exported() {
			w.object(object)
		}
	}
	return w.lines
}

// surfaceWriter collects the lines of one package.
type surfaceWriter struct {
	pkg   *types.Package
	lines []string
}

func (w *surfaceWriter) add(format string, values ...any) {
	short := strings.TrimPrefix(w.pkg.Path(), "github.com/chatapi-go/")
	w.lines = append(w.lines, short+" "+fmt.Sprintf(format, values...))
}

func (w *surfaceWriter) object(object types.Object) {
	switch object := object.(type) {
	case *types.Const:
		w.add("const %s %s = %s", object.Name(), w.text(object.Type()), object.Val().ExactString())
	case *types.Var:
		w.add("var %s %s", object.Name(), w.text(object.Type()))
	case *types.Func:
		w.add("func %s%s", object.Name(), w.signature(object.Signature()))
	case *types.TypeName:
		if object.IsAlias() {
			w.add("type %s = %s", object.Name(), w.text(types.Unalias(object.Type())))
			return
		}
		w.named(object.Type().(*types.Named))
	}
}

// named adds a type with its exported fields and methods, including those of an
// unexported embedded struct.
func (w *surfaceWriter) named(named *types.Named) {
	name := named.Obj().Name() + w.parameters(named.TypeParams())
	switch under := named.Underlying().(type) {
	case *types.Struct:
		w.add("type %s struct", name)
		w.fields(name, under)
	case *types.Interface:
		w.contract(name, under)
		return
	default:
		w.add("type %s %s", name, w.text(under))
	}
	ofValue := types.NewMethodSet(named)
	ofPointer := types.NewMethodSet(types.NewPointer(named))
	for method := range ofPointer.Methods() {
		f := method.Obj().(*types.Func)
		if !f.Exported() {
			continue
		}
		kind := "method"
		if ofValue.Lookup(w.pkg, f.Name()) == nil {
			kind = "pointer method"
		}
		w.add("type %s %s %s%s", name, kind, f.Name(), w.signature(method.Type().(*types.Signature)))
	}
}

func (w *surfaceWriter) fields(name string, of *types.Struct) {
	for i := range of.NumFields() {
		field := of.Field(i)
		switch {
		case field.Exported():
			more := ""
			if tag := of.Tag(i); tag != "" {
				more = fmt.Sprintf(" %q", tag)
			}
			if field.Embedded() {
				more += ", embedded"
			}
			w.add("type %s field %s %s%s", name, field.Name(), w.text(field.Type()), more)
		case field.Embedded():
			typ := field.Type()
			if pointer, ok := typ.(*types.Pointer); ok {
				typ = pointer.Elem()
			}
			if inner, ok := typ.Underlying().(*types.Struct); ok {
				w.fields(name, inner)
			}
		}
	}
}

func (w *surfaceWriter) contract(name string, of *types.Interface) {
	sealed := ""
	for method := range of.Methods() {
		if method.Exported() {
			w.add("type %s method %s%s", name, method.Name(), w.signature(method.Signature()))
		} else {
			sealed = ", which other packages cannot implement"
		}
	}
	w.add("type %s interface%s", name, sealed)
}

func (w *surfaceWriter) text(typ types.Type) string {
	if signature, ok := typ.(*types.Signature); ok {
		return "func" + w.signature(signature)
	}
	return types.TypeString(typ, func(other *types.Package) string {
		if other == w.pkg {
			return ""
		}
		return other.Name()
	})
}

// signature writes a signature without parameter names, which callers don't see.
func (w *surfaceWriter) signature(s *types.Signature) string {
	list := func(tuple *types.Tuple) []string {
		var texts []string
		for v := range tuple.Variables() {
			texts = append(texts, w.text(v.Type()))
		}
		return texts
	}
	in, out := list(s.Params()), list(s.Results())
	if s.Variadic() {
		last := s.Params().At(len(in) - 1).Type().(*types.Slice)
		in[len(in)-1] = "..." + w.text(last.Elem())
	}
	text := w.parameters(s.TypeParams()) + "(" + strings.Join(in, ", ") + ")"
	switch len(out) {
	case 0:
		return text
	case 1:
		return text + " " + out[0]
	}
	return text + " (" + strings.Join(out, ", ") + ")"
}

func (w *surfaceWriter) parameters(list *types.TypeParamList) string {
	var texts []string
	for p := range list.TypeParams() {
		texts = append(texts, p.Obj().Name()+" "+w.text(p.Constraint()))
	}
	if len(texts) == 0 {
		return ""
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func committedSurface(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(surfaceFile)
	require.NoError(t, err, "make api writes the list")
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// declared matches the start of a line that names the declaration.
var declared = regexp.MustCompile(`^\S+ (type \w+(\[.*?\])? (pointer )?(field|method) \w+|\w+ \w+)`)

// surfaceChange describes the difference of two surfaces and what to do about it.
// It returns "" if they are equal.
func surfaceChange(before, now []string) string {
	added := map[string]string{} // lines by declaration
	for _, line := range now {
		if !slices.Contains(before, line) {
			added[about(line)] = line
		}
	}
	var lines []string
	for _, line := range before {
		if slices.Contains(now, line) {
			continue
		}
		if other, ok := added[about(line)]; ok {
			lines = append(lines, "changed: "+line+"\n  to:      "+other)
			delete(added, about(line))
		} else {
			lines = append(lines, "removed: "+line)
		}
	}
	for _, line := range added {
		lines = append(lines, "added:   "+line)
	}
	if len(lines) == 0 {
		return ""
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[len("changed: "):], b[len("changed: "):]) })
	return "The exported declarations differ from " + surfaceFile + ".\n" +
		"What is removed or changed breaks programs of users; what is added must stay.\n\n  " +
		strings.Join(lines, "\n  ") +
		"\n\nIf all of this is meant, run make api, and tell users in CHANGELOG.md under Unreleased.\n"
}

func about(line string) string {
	return strings.Replace(declared.FindString(line), "pointer method", "method", 1)
}
