// Package errorcode is the catalogue of WhatsApp's and the service's errors, as
// data. Rows are found by number, HTTP status, condition or text. Each has its
// class, its retry class, and one line of advice.
package errorcode

import (
	_ "embed"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed codes.csv
var codes string

// Row is one entry of the catalogue.
type Row struct {
	// Code is a bare number, or a key with a prefix: "http:401", "1msg:queued",
	// "net:dial", "d360:key".
	Code string

	// Title is a short name. Class says who has to act, Retry whether a sender
	// may try again, Advice what to do.
	Title, Class, Retry, Advice string
}

// Number returns the WhatsApp code of the row, 0 if its key is not a number.
func (r Row) Number() int {
	n, err := strconv.Atoi(r.Code)
	if err != nil {
		return 0
	}
	return n
}

type pattern struct {
	text   string
	target string
}

type catalogue struct {
	rows     map[string]Row
	patterns []pattern // longest first
}

// load reads the embedded file once, on first use.
var load = sync.OnceValue(func() catalogue {
	records, err := csv.NewReader(strings.NewReader(codes)).ReadAll()
	if err != nil {
		panic("errorcode: the embedded catalogue is damaged: " + err.Error())
	}
	c := catalogue{rows: make(map[string]Row, len(records))}
	for _, record := range records[1:] {
		row := Row{record[0], record[1], record[2], record[3], record[4]}
		if text, ok := strings.CutPrefix(row.Code, "text:"); ok {
			c.patterns = append(c.patterns, pattern{fold(text), strings.TrimPrefix(row.Title, "maps to ")})
			continue
		}
		c.rows[row.Code] = row
	}
	slices.SortStableFunc(c.patterns, func(a, b pattern) int { return len(b.text) - len(a.text) })
	return c
})

// Lookup returns the row with that key.
func Lookup(key string) (Row, bool) {
	row, ok := load().rows[key]
	return row, ok
}

// LookupNumber returns the row of a WhatsApp code. For a number that is not
// listed it returns a row by the range of the number, with the retry class
// "unknown".
func LookupNumber(code int) (Row, bool) {
	if row, ok := Lookup(strconv.Itoa(code)); ok {
		return row, true
	}
	class := ""
	switch {
	case code >= 200 && code <= 299:
		row, ok := Lookup("200")
		row.Code = strconv.Itoa(code)
		return row, ok
	case code >= 132000 && code <= 132999:
		class = "template"
	case code >= 133000 && code <= 133999:
		class = "registration"
	case code >= 138000 && code <= 138999:
		class = "call"
	case code >= 139100 && code <= 139199:
		class = "block"
	case code >= 139000 && code <= 139999:
		class = "flow"
	default:
		return Row{}, false
	}
	return Row{Code: strconv.Itoa(code), Class: class, Retry: "unknown"}, true
}

// MatchText returns the row for a text: that of a known code in brackets, or after a
// sign or a word for it, else that of the longest pattern in the text.
func MatchText(text string) (Row, bool) {
	if text == "" {
		return Row{}, false
	}
	c := load()
	for rest := text; ; {
		var code string
		if code, rest = nextBracketed(rest); code == "" {
			break
		}
		if row, ok := c.rows[code]; ok {
			return row, true
		}
	}
	if row, ok := c.marked(text); ok {
		return row, true
	}
	folded := fold(text)
	for _, p := range c.patterns {
		if strings.Contains(folded, p.text) {
			row, ok := c.rows[p.target]
			return row, ok
		}
	}
	return Row{}, false
}

// marked returns the row of the first known code of six or seven digits that stands
// at the beginning of a text, or after "code", "error", "#" or "[".
func (c catalogue) marked(text string) (Row, bool) {
	isDigit := func(r rune) bool { return '0' <= r && r <= '9' }
	for at := 0; at < len(text); {
		start := strings.IndexFunc(text[at:], isDigit)
		if start < 0 {
			break
		}
		start += at
		at = start + len(text[start:]) - len(strings.TrimLeft(text[start:], "0123456789"))
		if at-start < 6 || at-start > 7 {
			continue
		}
		before := text[:start]
		mark := strings.ToLower(strings.TrimRight(before, " :=\"'\\\t"))
		if mark == "" || strings.HasSuffix(before, "#") || strings.HasSuffix(before, "[") || strings.HasSuffix(mark, "code") || strings.HasSuffix(mark, "error") {
			if row, ok := c.rows[text[start:at]]; ok {
				return row, true
			}
		}
	}
	return Row{}, false
}

// nextBracketed returns the first code that a text quotes, such as "(#131056)" or
// "(138000)", and the text after it; both empty if there is none.
func nextBracketed(text string) (code, rest string) {
	for {
		_, after, found := strings.Cut(text, "(")
		if !found {
			return "", ""
		}
		text = after
		after = strings.TrimPrefix(after, "#")
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		if digits >= 1 && digits <= 7 && strings.HasPrefix(after[digits:], ")") {
			return after[:digits], after[digits:]
		}
	}
}

// fold unifies case, typographic apostrophes and dashes, and runs of white
// space.
func fold(text string) string {
	text = strings.NewReplacer("’", "'", "‘", "'", "–", "-", "—", "-", "\u2011", "-").Replace(strings.ToLower(text))
	return strings.Join(strings.Fields(text), " ")
}
