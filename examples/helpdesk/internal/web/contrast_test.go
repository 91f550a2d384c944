package web_test

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/web"
)

// pairs are the tokens of desk.css that lie on each other, and the contrast that they need:
// 4.5 for text, 3 for the borders of fields and for what is not text.
var pairs = []struct {
	front string
	need  float64
	backs []string
}{
	{"ink", 4.5, []string{"page", "card", "theirs", "mine", "note"}},
	{"soft", 4.5, []string{"page", "card", "theirs", "mine", "note"}},
	{"link", 4.5, []string{"page", "card", "theirs", "mine", "note"}},
	{"main-ink", 4.5, []string{"main"}},
	{"bad", 4.5, []string{"bad-back", "page", "card", "theirs", "mine"}},
	{"warn", 4.5, []string{"warn-back", "page", "card", "theirs", "mine"}},
	{"good", 4.5, []string{"good-back", "page", "card", "theirs", "mine"}},
	{"soft", 3, []string{"card", "page"}},                                                 // borders of fields
	{"main", 3, []string{"card", "page"}},                                                 // buttons
	{"c0", 3, []string{"card"}}, {"c1", 3, []string{"card"}}, {"c2", 3, []string{"card"}}, // bars
	{"c3", 3, []string{"card"}}, {"c4", 3, []string{"card"}}, {"c5", 3, []string{"card"}},
	{"focus", 3, []string{"page", "card", "theirs", "mine", "note"}},
}

var (
	token    = regexp.MustCompile(`--([a-z0-9-]+):light-dark\((#[0-9a-f]+),(#[0-9a-f]+)\)`)
	colour   = regexp.MustCompile(`#([0-9a-fA-F]{3}){1,2}\b|\b(rgb|hsl|oklch)a?\(`)
	backInk  = regexp.MustCompile(`background:light-dark\((#[0-9a-f]+),(#[0-9a-f]+)\);color:(?:light-dark\((#[0-9a-f]+),(#[0-9a-f]+)\)|var\(--([a-z-]+)\))`)
	property = regexp.MustCompile(`light-dark\([^)]*\)`)
)

func TestColoursHaveContrast(t *testing.T) {
	css, err := web.StaticFile("desk.css")
	require.NoError(t, err)
	tokens := map[string][2]string{}
	for _, m := range token.FindAllStringSubmatch(string(css), -1) {
		tokens[m[1]] = [2]string{m[2], m[3]}
	}
	used := map[string]bool{"line": true} // lines that only part what is also parted by space
	for _, p := range pairs {
		used[p.front] = true
		for _, back := range p.backs {
			used[back] = true
			for theme, name := range []string{"light", "dark"} {
				got := contrast(t, tokens[p.front][theme], tokens[back][theme])
				assert.GreaterOrEqual(t, got, p.need, "%s on %s, %s", p.front, back, name)
			}
		}
	}
	for name := range tokens {
		assert.True(t, used[name], "the token %s is in no pair", name)
	}
	for _, m := range backInk.FindAllStringSubmatch(string(css), -1) {
		ink := [2]string{m[3], m[4]}
		if m[5] != "" {
			ink = tokens[m[5]]
		}
		for theme := range ink {
			assert.GreaterOrEqual(t, contrast(t, ink[theme], m[1+theme]), 4.5, m[0])
		}
	}
	rest := property.ReplaceAllString(string(css), "")
	assert.Empty(t, colour.FindAllString(rest, -1), "each colour has a light and a dark one")
}

// contrast returns that of two colours, as WCAG defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	one, two := luminance(t, a), luminance(t, b)
	return (max(one, two) + 0.05) / (min(one, two) + 0.05)
}

// luminance returns that of a colour such as #fff or #1d4f8f.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 4 {
		hex = "#" + hex[1:2] + hex[1:2] + hex[2:3] + hex[2:3] + hex[3:4] + hex[3:4]
	}
	require.Len(t, hex, 7, "a colour of desk.css")
	part := func(at int) float64 {
		n, err := strconv.ParseUint(hex[at:at+2], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(1) + 0.7152*part(3) + 0.0722*part(5)
}

func TestContrastIsComputedRight(t *testing.T) {
	assert.InDelta(t, 21, contrast(t, "#000", "#ffffff"), 0.01)
	assert.InDelta(t, 4.54, contrast(t, "#767676", "#fff"), 0.01)
}
