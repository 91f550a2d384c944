// Renamed shows whether golden files changed by more than renamed words. It
// takes them from an older commit, applies the words of words.txt, and compares
// the result with the working tree.
//
//	make renamed BASE=v0.1.0
//
// It prints each golden file that differs otherwise or is gone, and each word
// that occurs in none of its files; both fail. New golden files are listed.
// Golden files are all below a folder testdata, except those of tools and the
// indexes of the contract's examples, which grow with the examples.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: renamed commit")
		os.Exit(2)
	}
	if err := command(os.Stdout, ".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "renamed:", err)
		os.Exit(1)
	}
}

// word is one renamed word.
type word struct {
	line  string // of words.txt
	files *regexp.Regexp
	old   *regexp.Regexp
	new   string
	used  bool
}

// command compares the golden files of the commit base with those of the working
// tree that dir is in.
func command(w io.Writer, dir, base string) error {
	out, err := git(dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if _, err := git(dir, "rev-parse", "--verify", "--quiet", "--end-of-options", base+"^{commit}"); err != nil {
		return fmt.Errorf("%q is no commit of this repository", base)
	}
	top := strings.TrimSpace(string(out))
	text, err := os.ReadFile(filepath.Join(top, "tools", "renamed", "words.txt"))
	if err != nil {
		return err
	}
	words, err := parseWords(string(text))
	if err != nil {
		return err
	}
	before, err := golden(top, "ls-tree", "-r", "-z", "--name-only", base)
	if err != nil {
		return err
	}
	now, err := golden(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	wrong := 0
	for _, file := range before {
		problem, err := compare(top, base, file, words)
		if err != nil {
			return err
		}
		if problem != "" {
			wrong++
			fmt.Fprintf(w, "%s: %s\n", problem, file)
		}
	}
	for _, file := range now {
		if !slices.Contains(before, file) {
			fmt.Fprintf(w, "new: %s\n", file)
		}
	}
	for _, word := range words {
		if !word.used {
			wrong++
			fmt.Fprintf(w, "in none of its files: %s\n", word.line)
		}
	}
	fmt.Fprintf(w, "%d golden files, %d words\n", len(before), len(words))
	if wrong > 0 {
		return errors.New("golden files and words.txt do not agree")
	}
	return nil
}

// compare says how a golden file differs from that of base with the words renamed.
// It returns "" if it does not.
func compare(top, base, file string, words []*word) (string, error) {
	text, err := git(top, "show", base+":"+file)
	if err != nil {
		return "", err
	}
	for _, word := range words {
		if word.files.MatchString(file) && word.old.Match(text) {
			word.used = true
			text = word.old.ReplaceAllLiteral(text, []byte(word.new))
		}
	}
	now, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(file)))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "gone", nil
	case err != nil:
		return "", err
	case !bytes.Equal(text, now):
		return "differs", nil
	}
	return "", nil
}

// golden returns the golden files that a git command lists.
func golden(top string, arguments ...string) ([]string, error) {
	out, err := git(top, arguments...)
	if err != nil {
		return nil, err
	}
	var files []string
	for file := range strings.SplitSeq(string(out), "\x00") {
		index := strings.HasPrefix(file, "testdata/contract/") && strings.HasSuffix(file, "index.json")
		if strings.Contains("/"+file, "/testdata/") && !strings.HasPrefix(file, "tools/") && !index {
			files = append(files, file)
		}
	}
	return files, nil
}

// parseWords reads words.txt: on each line files, old word and new word.
func parseWords(text string) ([]*word, error) {
	form := regexp.MustCompile(`^(\S+)\s+("(?:[^"\\]|\\.)+")\s+("(?:[^"\\]|\\.)*")$`)
	var words []*word
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := form.FindStringSubmatch(line)
		if parts == nil {
			return nil, fmt.Errorf(`words.txt: %q is not of the form: files "old" "new"`, line)
		}
		before, err := strconv.Unquote(parts[2])
		after, err2 := strconv.Unquote(parts[3])
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("words.txt: %q: %w", line, err)
		}
		words = append(words, &word{line: line, files: pattern(parts[1]), old: alone(before), new: after})
	}
	return words, nil
}

// pattern turns ** and * into a regular expression of the whole path.
func pattern(files string) *regexp.Regexp {
	text := regexp.QuoteMeta(files)
	text = strings.ReplaceAll(text, `\*\*`, `.*`)
	text = regexp.MustCompile(`\\\*`).ReplaceAllLiteralString(text, `[^/]*`)
	return regexp.MustCompile("^" + text + "$")
}

// alone finds a word that no further letter touches.
func alone(text string) *regexp.Regexp {
	expression := regexp.QuoteMeta(text)
	letter := regexp.MustCompile(`^\w`)
	if letter.MatchString(text) {
		expression = `\b` + expression
	}
	if letter.MatchString(text[len(text)-1:]) {
		expression += `\b`
	}
	return regexp.MustCompile(expression)
}

func git(dir string, arguments ...string) ([]byte, error) {
	cmd := exec.Command("git", arguments...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(failed.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", strings.Join(arguments, " "), err)
	}
	return out, nil
}
