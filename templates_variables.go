package chatapi

import (
	"iter"
	"strings"
)

// variable is one {{1}} or {{customer}} in the text of a template.
type variable struct {
	from, to int // its place in the text
	name     string
}

// variablesIn yields the variables of a text in the order of the text. There may
// be white space within the braces.
func variablesIn(text string) iter.Seq[variable] {
	return func(yield func(variable) bool) {
		for from := 0; ; {
			open := strings.Index(text[from:], "{{")
			if open < 0 {
				return
			}
			from += open
			start := from + 2 + lengthOf(text[from+2:], isBlankByte)
			end := start + lengthOf(text[start:], isWordByte)
			to := end + lengthOf(text[end:], isBlankByte)
			if start == end || !strings.HasPrefix(text[to:], "}}") {
				from++ // in "{{{1}}" the variable begins one brace later
				continue
			}
			if !yield(variable{from, to + 2, text[start:end]}) {
				return
			}
			from = to + 2
		}
	}
}

// fillEach returns a text with the result of fill in place of each variable.
func fillEach(text string, fill func(variable) string) string {
	var b strings.Builder
	done := 0
	for v := range variablesIn(text) {
		b.WriteString(text[done:v.from])
		b.WriteString(fill(v))
		done = v.to
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// endsInVariable reports whether the first variable of a text is its end.
func endsInVariable(text string) bool {
	for v := range variablesIn(text) {
		return v.to == len(text)
	}
	return false
}

// isBlankByte reports whether c is ASCII white space.
func isBlankByte(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'
}
