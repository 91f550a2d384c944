package chatapitest

import (
	"errors"
	goflag "flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// updateScripts is the flag of tests that rewrites the files of scripts. Programs that
// are no tests do not have it.
var updateScripts = scriptFlag()

func scriptFlag() *bool {
	const name, usage = "update-scripts", "chatapitest: rewrite the files of ScriptFile with the conversations as they go"
	if !testing.Testing() {
		return new(bool)
	}
	return goflag.Bool(name, false, usage)
}

// Script plays a conversation on the fake; see [Script] for its form. The test fails at
// once if the text has a mistake or a line cannot be played, and goes on after an error
// if the messages of the bot are others. The failure shows the conversation as it went,
// to be copied into the test.
//
//	api.Script(t, `
//		Ann is +1 202 555 0143
//		Ann: hi
//		Bot: Hello Ann`)
//
// Call it from the goroutine of the test, in a testing/synctest bubble if time passes.
func (a *API) Script(tb testing.TB, conversation string) {
	tb.Helper()
	played, err := a.playText(tb, "", conversation)
	if err != nil {
		tb.Errorf("chatapitest: %v\nThe whole conversation as it went:\n%s", err, cut(played))
	}
}

// ScriptFile plays the conversation of a file, as [API.Script] does. If the test runs
// with the flag -update-scripts, it rewrites the file with the conversation as it went,
// and does not fail if that differs; comments and lines with a fitting "…" stay. A file of
// more than 1 MiB, and one that cannot be read or written, fail the test at once.
func (a *API) ScriptFile(tb testing.TB, path string) {
	tb.Helper()
	if info, err := os.Stat(path); err == nil && info.Size() > maxScript {
		tb.Fatalf("chatapitest: %s has %d bytes, and a script at most %d; split it", path, info.Size(), maxScript)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("chatapitest: %v; write the script, or correct its path, which is relative to the folder of the test", err)
	}
	played, err := a.playText(tb, path, string(text))
	switch {
	case *updateScripts && played != string(text):
		if err := os.WriteFile(path, []byte(played), 0o600); err != nil {
			tb.Fatalf("chatapitest: %v", err)
		}
		tb.Logf("chatapitest: %s is rewritten", path)
	case err != nil && !*updateScripts:
		tb.Errorf("chatapitest: %v\nIf this is meant, run the test with -update-scripts, which rewrites the file.", err)
	}
}

// playText parses and plays a script. A script that cannot be played ends the test.
func (a *API) playText(tb testing.TB, name, text string) (played string, err error) {
	tb.Helper()
	script, err := ParseScript(name, text)
	if err != nil {
		tb.Fatalf("chatapitest: the script has a mistake:\n%v", err)
	}
	played, err = script.Play(a)
	if endsPlay(err) {
		tb.Fatalf("chatapitest: the script cannot be played:\n%v", err)
	}
	return played, err
}

// endsPlay reports whether a script was not played to its end.
func endsPlay(err error) bool {
	var mistake *ScriptError
	return errors.As(err, &mistake)
}

// cut bounds a text for a person.
func cut(text string) string {
	const most = 400
	lines := strings.SplitAfterN(text, "\n", most+1)
	if len(lines) <= most {
		return text
	}
	return strings.Join(lines[:most], "") + fmt.Sprintf("… and %d lines more\n", strings.Count(lines[most], "\n"))
}

// difference returns the lines of two texts: "-" marks those of the first alone, "+"
// those of the second alone. Three equal lines stand around each difference.
func difference(want, got []string) string {
	const around, most = 3, 60
	var marked []string
	for _, line := range edits(want, got) {
		marked = append(marked, strings.TrimRight(line, " \t"))
	}
	var out []string
	skipped := false
	for i, line := range marked {
		near := false
		for j := max(i-around, 0); j <= min(i+around, len(marked)-1); j++ {
			near = near || marked[j] != "" && marked[j][0] != ' '
		}
		switch {
		case !near:
			skipped = true
			continue
		case skipped && len(out) > 0:
			out = append(out, "  …")
		}
		skipped = false
		if out = append(out, line); len(out) == most {
			return strings.Join(append(out, "  … and more"), "\n")
		}
	}
	return strings.Join(out, "\n")
}

// maxCompared bounds the time and memory of a comparison, both of which grow with its square.
const maxCompared = 2000

// edits returns the lines of two texts in one list, each with its mark. It looks for the
// longest list of lines that both have, in the part between their equal ends.
func edits(want, got []string) (out []string) {
	first, last := 0, 0
	for first < min(len(want), len(got)) && want[first] == got[first] {
		first++
	}
	for last < min(len(want), len(got))-first && want[len(want)-1-last] == got[len(got)-1-last] {
		last++
	}
	add := func(mark string, lines ...string) {
		for _, line := range lines {
			out = append(out, mark+" "+strings.TrimSpace(line))
		}
	}
	add(" ", want[:first]...)
	a, b := want[first:len(want)-last], got[first:len(got)-last]
	if len(a) > maxCompared || len(b) > maxCompared {
		add("-", a...)
		add("+", b...)
	} else {
		common(a, b, add)
	}
	add(" ", want[len(want)-last:]...)
	return out
}

// common adds the lines of a and b by the longest list of lines that both have.
func common(a, b []string, add func(mark string, lines ...string)) {
	longest := make([][]int16, len(a)+1)
	for i := range longest {
		longest[i] = make([]int16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if longest[i][j] = max(longest[i+1][j], longest[i][j+1]); a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			add(" ", a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			add("-", a[i])
			i++
		default:
			add("+", b[j])
			j++
		}
	}
}
