package desk_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// grows are the tables that grow with the messages.
var grows = regexp.MustCompile(`^desk_(message|request|chat|chat_key|contact|identity|media|edit|reaction|seen|audit|change)$`)

// scans are the functions whose statements look at every row, with the reason.
var scans = map[string]string{
	"Heard":            "the demo asks once",
	"DepartmentRows":   "a page of administrators",
	"RemoveDepartment": "an act of an administrator",
	"eraseRows":        "an act of an administrator",
	"Agents":           "a page of administrators, of the unsolved requests",
	"fillSame":         "the condition is never true, and its other conditions follow",
	"visibleRows":      "the condition is the caller's",
	"changedWhere":     "the condition is the caller's",
	"readMessages":     "the condition is the caller's",
	"Count":            "TestPlansOfLists looks at it",
	"Counts":           "TestPlansOfLists looks at it",
}

var (
	isStatement = regexp.MustCompile(`^(SELECT|INSERT|UPDATE|DELETE|WITH) `)
	parameter   = regexp.MustCompile(`\$(\d+)`)
)

// No statement looks at every row of a table that grows with the messages. SQLite takes a
// partial index only for a statement that repeats its condition.
func TestStatementsUseIndexes(t *testing.T) {
	o := newOffice(t)
	looked := 0
	for _, one := range statements(t) {
		most := 0
		for _, m := range parameter.FindAllStringSubmatch(one.text, -1) {
			n, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			most = max(most, n)
		}
		args := make([]any, most)
		for n := range args {
			args[n] = int64(1)
		}
		rows, err := o.DB.Query(t.Context(), "EXPLAIN QUERY PLAN "+one.text, args...)
		if err != nil { // a part of a statement
			t.Logf("%s, %s: not looked at: %v", one.at, one.function, err)
			continue
		}
		looked++
		for rows.Next() {
			var id, parent, unused int
			var line string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &line))
			if table := one.scanned(line); grows.MatchString(table) && scans[one.function] == "" {
				t.Errorf("%s, %s: every row of %s: %s\n%s", one.at, one.function, table, line, one.text)
			}
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	t.Logf("%d statements", looked)
	assert.Greater(t, looked, 250)
}

// statement is one of the code.
type statement struct{ at, function, text string }

// scanned returns the table of which a line of a plan looks at every row; "" if it does not.
func (s statement) scanned(line string) string {
	name, isScan := strings.CutPrefix(line, "SCAN ")
	name, _, _ = strings.Cut(name, " ")
	if !isScan || strings.HasPrefix(name, "desk_") {
		return name
	}
	if m := regexp.MustCompile(`(desk_\w+) (?:AS )?` + name + `\b`).FindStringSubmatch(s.text); m != nil {
		return m[1]
	}
	return ""
}

// code is the code of this folder.
type code struct {
	t         *testing.T
	constants map[string]ast.Expr
}

// statements returns the statements in the code of this folder.
func statements(t *testing.T) (all []statement) {
	t.Helper()
	set := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	c, files := code{t, map[string]ast.Expr{}}, []*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for i := range min(len(spec.Names), len(spec.Values)) {
					c.constants[spec.Names[i].Name] = spec.Values[i]
				}
			}
			return true
		})
	}
	for _, file := range files {
		for _, declared := range file.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(function, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				text := c.text(e)
				if !isStatement.MatchString(text) {
					return true
				}
				all = append(all, statement{set.Position(n.Pos()).String(), function.Name.Name, text})
				return false
			})
		}
	}
	return all
}

// text returns the text of an expression. A condition that a function returns is true, and
// any other text is a number.
func (c code) text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			require.NoError(c.t, err)
			return text
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return c.text(e.X) + c.text(e.Y)
		}
	case *ast.ParenExpr:
		return c.text(e.X)
	case *ast.Ident:
		if value, known := c.constants[e.Name]; known {
			return c.text(value)
		}
	}
	return "1"
}
