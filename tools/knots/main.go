// Knots prints the groups of files of one package that refer to each other in a
// circle, the largest first. Files of such a group cannot be read one after the
// other. It also prints long files and long functions.
//
//	make knots                      the root package
//	make knots KNOTS='-edges ..'    with the names that tie the largest group
//	make knots KNOTS='-max 31 ../internal/transport'
//
// A file refers to another one if it uses a package-level declaration, a method
// or a field that is declared there; tests are left out.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// The bounds of CONTRIBUTING: lines of a file and of a function.
const (
	fileLines     = 500
	functionLines = 60
)

func main() {
	edges := flag.Bool("edges", false, "print the references inside the largest group")
	most := flag.Int("max", 0, "fail if the largest group has more files than this; 0 means any number")
	flag.Parse()
	dir := cmp.Or(flag.Arg(0), ".")
	if flag.NArg() > 1 {
		fmt.Fprintln(os.Stderr, "usage: knots [-edges] [-max files] [folder]")
		os.Exit(2)
	}
	if err := command(os.Stdout, dir, *edges, *most); err != nil {
		fmt.Fprintln(os.Stderr, "knots:", err)
		os.Exit(1)
	}
}

// command prints the report on the package in dir.
func command(w io.Writer, dir string, edges bool, most int) error {
	p, err := load(dir)
	if err != nil {
		return err
	}
	g := newGraph(p)
	knots := g.knots()
	sizes := make([]int, len(knots))
	for i, knot := range knots {
		sizes[i] = len(knot)
	}
	fmt.Fprintf(w, "%s: %d code files, %d references from file to file, knots %v\n", p.PkgPath, len(g.files), g.edges(), sizes)
	for _, knot := range knots {
		fmt.Fprintf(w, "\n%d files: %s\n", len(knot), strings.Join(knot, " "))
	}
	if edges && len(knots) > 0 {
		printEdges(w, g, knots[0])
	}
	if err := printLong(w, p); err != nil {
		return err
	}
	if most > 0 && len(knots) > 0 && len(knots[0]) > most {
		return fmt.Errorf("the largest group has %d files, more than %d", len(knots[0]), most)
	}
	return nil
}

// load type-checks the package in dir.
func load(dir string) (*packages.Package, error) {
	if _, err := os.Stat(dir); err != nil { // go list would blame the go command
		return nil, err
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedCompiledGoFiles | packages.NeedSyntax |
			packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
		Dir: dir,
		// The package has its own workspace, which GOWORK of this program would hide.
		Env: slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOWORK=") }),
	}, ".")
	if err != nil {
		return nil, err
	}
	if len(loaded) != 1 {
		return nil, fmt.Errorf("there is no Go package in %s", dir)
	}
	var problems []error
	for _, e := range loaded[0].Errors {
		problems = append(problems, e)
	}
	return loaded[0], errors.Join(problems...)
}

// printEdges prints the references inside a group, those with the fewest names
// first, since they are the easiest to cut.
func printEdges(w io.Writer, g *graph, knot []string) {
	var lines []edge
	for _, from := range knot {
		for to, names := range g.uses[from] {
			if slices.Contains(knot, to) {
				lines = append(lines, edge{from, to, slices.Sorted(maps.Keys(names))})
			}
		}
	}
	slices.SortFunc(lines, edge.compare)
	fmt.Fprintf(w, "\n%d references inside the largest group:\n", len(lines))
	for _, e := range lines {
		fmt.Fprintf(w, "%s -> %s: %s\n", e.from, e.to, strings.Join(e.names, " "))
	}
}

type edge struct {
	from, to string
	names    []string
}

func (e edge) compare(other edge) int {
	if d := len(e.names) - len(other.names); d != 0 {
		return d
	}
	return strings.Compare(e.from+" "+e.to, other.from+" "+other.to)
}

// printLong prints the files and functions over the bounds.
func printLong(w io.Writer, p *packages.Package) error {
	fmt.Fprintf(w, "\nfiles over %d lines:\n", fileLines)
	for _, file := range p.CompiledGoFiles {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if lines := strings.Count(string(text), "\n"); lines > fileLines {
			fmt.Fprintf(w, "%s %d\n", file[strings.LastIndexByte(file, os.PathSeparator)+1:], lines)
		}
	}
	fmt.Fprintf(w, "\nfunctions over %d lines:\n", functionLines)
	for _, f := range long(p, functionLines) {
		fmt.Fprintf(w, "%s %s %d\n", f.file, f.name, f.lines)
	}
	return nil
}
