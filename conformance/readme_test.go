package conformance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	goBlock   = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	codeBlock = regexp.MustCompile("(?ms)^```.*?^```$")
)

// TestDocumentedCodeRuns checks that each Go block of the documents is part of an
// example or program that runs, apart from white space. The README is a program by
// itself, which TestFaultD4ReadmeIsOneProgram runs.
func TestDocumentedCodeRuns(t *testing.T) {
	running := runningCode(t)
	blocks := 0
	for _, document := range documents(t) {
		if filepath.Base(document) == "README.md" && filepath.Dir(document) == root {
			continue
		}
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, match := range goBlock.FindAllStringSubmatch(string(text), -1) {
			blocks++
			assert.True(t, isPartOf(match[1], running), "%s shows code that runs nowhere:\n%s", document, match[1])
		}
	}
	require.Positive(t, blocks)
}

func TestChangedCodeIsFound(t *testing.T) {
	running := []string{squeezed("func ExampleX() {\n\tx := f(1)\n\tfmt.Println(x)\n}")}
	assert.True(t, isPartOf("x := f(1)\nfmt.Println(x)\n", running))
	assert.False(t, isPartOf("x := f(2)\nfmt.Println(x)\n", running))
	assert.False(t, isPartOf("f(1)\n", running), "a part of a line is not enough")
	assert.False(t, isPartOf("\n", running), "nothing")
}

// TestLinksLeadSomewhere checks the links of the documents to files.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	links := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		prose := codeBlock.ReplaceAll(text, nil) // code such as f[T](x) looks like a link
		for _, match := range link.FindAllSubmatch(prose, -1) {
			target, _, _ := strings.Cut(string(match[1]), "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			links++
			assert.FileExists(t, filepath.Join(filepath.Dir(document), target), "linked from %s", document)
		}
	}
	require.Positive(t, links)
}

func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		found = append(found, paths...)
	}
	require.Contains(t, found, filepath.Join(root, "README.md"))
	return found
}

// runningCode returns the squeezed text of each example file and program.
func runningCode(t *testing.T) []string {
	t.Helper()
	var texts []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (name == "testdata" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		example := strings.HasPrefix(name, "example") && strings.HasSuffix(name, "_test.go")
		program := strings.HasSuffix(name, ".go") && strings.HasPrefix(path, filepath.Join(root, "examples"))
		if !example && !program {
			return nil
		}
		text, err := os.ReadFile(path)
		texts = append(texts, squeezed(string(text)))
		return err
	}))
	require.NotEmpty(t, texts)
	return texts
}

// squeezed turns each run of white space into one space, but keeps the lines.
func squeezed(code string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(code) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func isPartOf(code string, running []string) bool {
	code = squeezed(code)
	if strings.TrimSpace(code) == "" {
		return false
	}
	for _, text := range running {
		if strings.Contains(text, code) {
			return true
		}
	}
	return false
}
