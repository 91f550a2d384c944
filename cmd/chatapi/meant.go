package main

import (
	"fmt"
	"strings"
)

// meant returns a question for a mistyped name, such as `; did you mean "fake"?`, or
// otherwise the other text.
func meant(given string, known []string, otherwise string) string {
	if len(given) > 100 {
		return otherwise
	}
	best, least := "", 2+len([]rune(given))/4
	for _, name := range known {
		if d := distance(strings.ToLower(given), name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return otherwise
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance returns how many letters have to be inserted, removed or replaced to turn one
// word into another.
func distance(from, to string) int {
	a, b := []rune(from), []rune(to)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
