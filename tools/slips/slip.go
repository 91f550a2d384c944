package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// slip is one small mistake of the kind that a refactoring makes.
type slip struct {
	id      string
	harmful bool   // it would harm a user
	right   string // the behaviour that the slip breaks
	file    string // of the repository, with slashes
	narrow  []string
	wide    []string
	reason  string // why the program behaves the same with it; empty for all others
	old     string // whole lines of file
	new     string
	from    string // the file and line of its block
}

// readSlips reads the blocks of the named files. Ids must be unique.
func readSlips(paths []string) ([]slip, error) {
	var all []slip
	seen := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		slips, err := parseSlips(filepath.Base(path), text)
		if err != nil {
			return nil, err
		}
		for _, s := range slips {
			if before, ok := seen[s.id]; ok {
				return nil, fmt.Errorf("%s: slip %s is already in %s", s.from, s.id, before)
			}
			seen[s.id] = s.from
		}
		all = append(all, slips...)
	}
	return all, nil
}

// parseSlips reads the blocks of one file. Between blocks it allows blank lines
// and comments, which start with #.
func parseSlips(name string, text []byte) ([]slip, error) {
	var slips []slip
	var current *slip
	var part *[]string // the text that lines are added to
	var before, after []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line, at := lines.Text(), fmt.Sprintf("%s:%d", name, number)
		switch {
		case line == "-- end --" && part == &after:
			current.old, current.new = join(before), join(after)
			if err := current.complete(); err != nil {
				return nil, err
			}
			slips = append(slips, *current)
			current, part = nil, nil
		case line == "-- new --" && part == &before:
			part = &after
		case part != nil:
			*part = append(*part, line)
		case line == "-- old --" && current != nil:
			before, after = nil, nil
			part = &before
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "slip ") && current == nil:
			current = newSlip(line, at)
		case current == nil:
			return nil, fmt.Errorf("%s: %q is outside a slip", at, line)
		default:
			if err := current.set(line, at); err != nil {
				return nil, err
			}
		}
	}
	if current != nil {
		return nil, fmt.Errorf("%s: slip %s has no end", current.from, current.id)
	}
	return slips, lines.Err()
}

func join(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func newSlip(line, at string) *slip {
	id, right, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "slip ")), " ")
	right, harmful := strings.CutPrefix(strings.TrimSpace(right), "* ")
	return &slip{id: id, right: right, harmful: harmful, from: at}
}

// set reads one line between the first one and the old text.
func (s *slip) set(line, at string) error {
	key, value, _ := strings.Cut(line, " ")
	value = strings.TrimSpace(value)
	var err error
	switch key {
	case "file":
		s.file = value
	case "test":
		s.narrow, err = arguments(value)
	case "wide":
		s.wide, err = arguments(value)
	case "equivalent":
		s.reason = value
		if value == "" {
			err = errors.New("equivalent needs a reason")
		}
	default:
		err = fmt.Errorf("unknown word %q", key)
	}
	if err != nil {
		return fmt.Errorf("%s: slip %s: %w", at, s.id, err)
	}
	return nil
}

// arguments splits the arguments of go test at spaces. Quotes around one of them are dropped.
func arguments(line string) ([]string, error) {
	fields := strings.Fields(line)
	for i, field := range fields {
		for _, quote := range []string{"'", `"`} {
			field = strings.TrimSuffix(strings.TrimPrefix(field, quote), quote)
		}
		if strings.ContainsAny(field, `'"`) {
			return nil, fmt.Errorf("%q: an argument with a quote inside is not supported", line)
		}
		fields[i] = field
	}
	return fields, nil
}

func (s *slip) complete() error {
	missing := ""
	switch {
	case s.right == "":
		missing = "the sentence of the right behaviour"
	case !filepath.IsLocal(filepath.FromSlash(s.file)):
		missing = "file, a path inside the repository"
	case len(testPackages(s.narrow)) == 0:
		missing = "test, with a package that starts with a dot"
	case len(testPackages(s.wide)) == 0:
		missing = "wide, with a package that starts with a dot"
	case s.old == "":
		missing = "the old lines"
	case s.old == s.new:
		missing = "a difference between old and new lines"
	default:
		return nil
	}
	return fmt.Errorf("%s: slip %s lacks %s", s.from, s.id, missing)
}

// testPackages returns the packages among arguments of go test.
func testPackages(arguments []string) []string {
	var found []string
	for _, argument := range arguments {
		if strings.HasPrefix(argument, ".") {
			found = append(found, argument)
		}
	}
	return found
}

// apply returns the text of the slip's file with the slip in it. It refuses a
// slip whose old lines do not occur exactly once, or whose result is not Go.
func (s *slip) apply(text []byte) ([]byte, error) {
	const edge = "\n"
	whole := edge + string(text)
	old := edge + s.old
	count := 0
	for rest := whole; ; count++ { // overlapping occurrences count, too
		at := strings.Index(rest, old)
		if at < 0 {
			break
		}
		rest = rest[at+1:]
	}
	if count != 1 {
		return nil, fmt.Errorf("its old lines occur %d times in %s", count, s.file)
	}
	changed := []byte(strings.Replace(whole, old, edge+s.new, 1)[len(edge):])
	if strings.HasSuffix(s.file, ".go") {
		if _, err := format.Source(changed); err != nil {
			return nil, fmt.Errorf("with it, %s does not parse: %w", s.file, err)
		}
	}
	return changed, nil
}

func sortSlips(slips []slip) {
	slices.SortStableFunc(slips, func(a, b slip) int { return cmp.Compare(a.id, b.id) })
}
