package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// ParseTime and Value.Time agree at every boundary. Value.Time returns the zero
// time where ParseTime returns an error.
func TestTimesAtTheirBoundaries(t *testing.T) {
	none := time.Time{}
	for text, want := range map[string]struct {
		at  time.Time
		bad bool
	}{
		"":                {none, false},
		"  ":              {none, false},
		"0":               {none, false},
		"-1":              {none, true},
		"0.5":             {none, false},
		"-1.5":            {none, true},
		"-0.5":            {none, true},
		"1":               {time.Unix(1, 0), false},
		"1.9":             {time.Unix(1, 0), false},
		" 1790000000 ":    {time.Unix(1_790_000_000, 0), false},
		"1.79e9":          {time.Unix(1_790_000_000, 0), false},
		"99999999999":     {time.Unix(99_999_999_999, 0), false}, // the last seconds
		"100000000000":    {time.UnixMilli(100_000_000_000), false},
		"1e11":            {time.UnixMilli(100_000_000_000), false},
		"1790000000123":   {time.UnixMilli(1_790_000_000_123), false},
		"100000000000000": {time.UnixMilli(100_000_000_000_000), false}, // the last milliseconds
		"1e14":            {time.UnixMilli(100_000_000_000_000), false},
		"100000000000001": {none, true},
		"1e15":            {none, true},
		"NaN":             {none, true},
		"Inf":             {none, true},
		"soon":            {none, true},
		"2026-10-01":      {none, true},

		"2026-09-21T14:13:20Z":          {time.Unix(1_790_000_000, 0), false},
		"2026-09-21T16:13:20+02:00":     {time.Unix(1_790_000_000, 0), false},
		"2026-09-21T14:13:20+0000":      {time.Unix(1_790_000_000, 0), false},
		"2026-09-21T14:13:20.5Z":        {time.UnixMilli(1_790_000_000_500), false},
		" 2026-09-21 14:13:20Z ":        {time.Unix(1_790_000_000, 0), false},
		"2026-09-21T14:13:20":           {none, true}, // without a zone
		"2026-09-31T14:13:20Z":          {none, true},
		"2026-09-21T14:13:20Z and more": {none, true},
	} {
		want.at = want.at.UTC()
		got, err := wire.ParseTime(text)
		assert.Equal(t, want.at, got, "%q", text)
		assert.Equal(t, want.bad, err != nil, "%q: %v", text, err)
		if want.bad {
			assert.ErrorIs(t, err, wire.ErrTime)
		}
		assert.Equal(t, want.at, value(`"`+text+`"`).Time(), "%q as a text", text)
		if v := value(text); !v.IsAbsent() {
			assert.Equal(t, want.at, v.Time(), "%s as a number", text)
		}
	}
}
