package main

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/packages"
)

// graph has the files of a package and, for each, the files that it refers to
// with the names it uses of them.
type graph struct {
	files []string
	uses  map[string]map[string]map[string]bool // from, to, name
}

// newGraph reads the references of a type-checked package. A file refers to
// another one if it uses a package-level declaration, a method or a field of it.
// A function that is reached through a package-level variable needs no rule of
// its own: the file that sets the variable refers to the function's file.
func newGraph(p *packages.Package) *graph {
	g := &graph{uses: map[string]map[string]map[string]bool{}}
	for _, file := range p.CompiledGoFiles {
		g.files = append(g.files, filepath.Base(file))
	}
	slices.Sort(g.files)
	for name, object := range p.TypesInfo.Uses {
		if object.Pkg() != p.Types || !shared(object) {
			continue
		}
		from, to := baseOf(p.Fset, name.Pos()), baseOf(p.Fset, object.Pos())
		if from == to {
			continue
		}
		if g.uses[from] == nil {
			g.uses[from] = map[string]map[string]bool{}
		}
		if g.uses[from][to] == nil {
			g.uses[from][to] = map[string]bool{}
		}
		g.uses[from][to][label(object)] = true
	}
	return g
}

func baseOf(set *token.FileSet, at token.Pos) string {
	return filepath.Base(set.Position(at).Filename)
}

// shared reports whether other files can refer to object: it is no local name.
func shared(object types.Object) bool {
	switch object := object.(type) {
	case *types.Var:
		return object.IsField() || object.Parent() == object.Pkg().Scope()
	case *types.Func:
		return true // of the package, of a type or of an interface
	}
	return object.Parent() == object.Pkg().Scope()
}

// label names an object, a method with its type.
func label(object types.Object) string {
	if f, ok := object.(*types.Func); ok {
		if receiver := f.Signature().Recv(); receiver != nil {
			of := receiver.Type()
			if pointer, ok := of.(*types.Pointer); ok {
				of = pointer.Elem()
			}
			if named, ok := of.(*types.Named); ok {
				return named.Obj().Name() + "." + f.Name()
			}
		}
	}
	if v, ok := object.(*types.Var); ok && v.IsField() {
		return "." + v.Name()
	}
	return object.Name()
}

// edges counts the pairs of files of which the first refers to the second.
func (g *graph) edges() int {
	sum := 0
	for _, to := range g.uses {
		sum += len(to)
	}
	return sum
}

// knots returns the groups of at least two files that refer to each other in a
// circle, the largest first. These are the strongly connected components of the
// graph, found by Tarjan's algorithm.
func (g *graph) knots() [][]string {
	t := tarjan{graph: g, index: map[string]int{}, low: map[string]int{}, open: map[string]bool{}}
	for _, file := range g.files {
		if t.index[file] == 0 {
			t.visit(file)
		}
	}
	slices.SortStableFunc(t.found, func(a, b []string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a[0], b[0]))
	})
	return t.found
}

// tarjan is the state of a search for strongly connected components.
type tarjan struct {
	graph *graph
	index map[string]int // the order of the visits, from 1
	low   map[string]int // the first visit that can be reached
	stack []string
	open  map[string]bool // on the stack
	found [][]string
}

func (t *tarjan) visit(file string) {
	t.index[file] = len(t.index) + 1
	t.low[file] = t.index[file]
	t.stack = append(t.stack, file)
	t.open[file] = true
	for _, to := range slices.Sorted(maps.Keys(t.graph.uses[file])) {
		if t.index[to] == 0 {
			t.visit(to)
			t.low[file] = min(t.low[file], t.low[to])
		} else if t.open[to] {
			t.low[file] = min(t.low[file], t.index[to])
		}
	}
	if t.low[file] != t.index[file] {
		return
	}
	first := slices.Index(t.stack, file)
	group := slices.Clone(t.stack[first:])
	t.stack = t.stack[:first]
	for _, member := range group {
		t.open[member] = false
	}
	if len(group) > 1 {
		slices.Sort(group)
		t.found = append(t.found, group)
	}
}

// long returns the functions of a package with more than most lines, from the
// line of func to the closing brace.
func long(p *packages.Package, most int) []function {
	var found []function
	for _, file := range p.Syntax {
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			begin, end := p.Fset.Position(f.Pos()), p.Fset.Position(f.End())
			if lines := end.Line - begin.Line + 1; lines > most {
				found = append(found, function{filepath.Base(begin.Filename), f.Name.Name, lines})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b function) int { return cmp.Compare(b.lines, a.lines) })
	return found
}

type function struct {
	file, name string
	lines      int
}
