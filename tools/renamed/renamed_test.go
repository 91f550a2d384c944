package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// repository commits a few golden files and returns the folder.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"testdata/a.json", "testdata/deep/b.json", "inner/testdata/c.json"} {
		write(t, dir, name, `{"httpStatus": 1, "httpStatusText": "httpStatus"}`)
	}
	write(t, dir, "testdata/contract/index.json", "{}")
	write(t, dir, "tools/x/testdata/d.txt", "d")
	write(t, dir, "other.txt", "httpStatus")
	for _, arguments := range [][]string{
		{"init", "-q"},
		{"add", "."},
		{"-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Add"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", arguments...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	write(t, dir, "testdata/contract/index.json", `{"more": 1}`)
	write(t, dir, "tools/x/testdata/d.txt", "e")
	return dir
}

func TestCompare(t *testing.T) {
	const renamed = `{"http_status": 1, "httpStatusText": "http_status"}`
	for name, test := range map[string]struct {
		words string
		files map[string]string // what the working tree has instead
		want  string
		fails bool
	}{
		"nothing changed": {"", nil, "3 golden files, 0 words\n", false},
		"renamed": {
			`testdata/** "httpStatus" "http_status"`,
			map[string]string{"testdata/a.json": renamed, "testdata/deep/b.json": renamed},
			"3 golden files, 1 words\n", false,
		},
		"renamed in one folder only": {
			`testdata/*.json "httpStatus" "http_status"`,
			map[string]string{"testdata/a.json": renamed},
			"3 golden files, 1 words\n", false,
		},
		"not renamed": {
			`testdata/** "httpStatus" "http_status"`,
			map[string]string{"testdata/a.json": renamed},
			"differs: testdata/deep/b.json\n3 golden files, 1 words\n", true,
		},
		"more changed": {
			`testdata/*.json "httpStatus" "http_status"`,
			map[string]string{"testdata/a.json": renamed + "\n"},
			"differs: testdata/a.json\n3 golden files, 1 words\n", true,
		},
		"unused word": {`testdata/** "missing" "x"`, nil, "in none of its files: testdata/** \"missing\" \"x\"\n3 golden files, 1 words\n", true},
		"new file":    {"", map[string]string{"testdata/new.json": "{}"}, "new: testdata/new.json\n3 golden files, 0 words\n", false},
		"quotes": {
			`inner/testdata/c.json "\"httpStatus\":" "\"status\":"`,
			map[string]string{"inner/testdata/c.json": `{"status": 1, "httpStatusText": "httpStatus"}`},
			"3 golden files, 1 words\n", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := repository(t)
			write(t, dir, "tools/renamed/words.txt", "# words\n\n"+test.words+"\n")
			for file, text := range test.files {
				write(t, dir, file, text)
			}
			var out bytes.Buffer
			err := command(&out, dir, "HEAD")
			assert.Equal(t, test.want, out.String())
			assert.Equal(t, test.fails, err != nil, "%v", err)
		})
	}
}

func TestGone(t *testing.T) {
	dir := repository(t)
	write(t, dir, "tools/renamed/words.txt", "")
	require.NoError(t, os.Remove(filepath.Join(dir, "testdata/a.json")))
	var out bytes.Buffer
	require.Error(t, command(&out, dir, "HEAD"))
	assert.Contains(t, out.String(), "gone: testdata/a.json\n")
}

func TestBadCommit(t *testing.T) {
	for _, base := range []string{"", "missing", "--help", "HEAD:testdata"} {
		assert.EqualError(t, command(io.Discard, repository(t), base), strconv.Quote(base)+" is no commit of this repository")
	}
	assert.ErrorContains(t, command(io.Discard, t.TempDir(), "HEAD"), "not a git repository")
}

func TestBadWords(t *testing.T) {
	for _, line := range []string{`testdata/** "a"`, `testdata/** a b`, `testdata/** "" "b"`, `testdata/** "\q" "b"`} {
		_, err := parseWords(line)
		assert.Error(t, err, line)
	}
}

func TestCommittedWords(t *testing.T) {
	text, err := os.ReadFile("words.txt")
	require.NoError(t, err)
	_, err = parseWords(string(text))
	assert.NoError(t, err)
}
