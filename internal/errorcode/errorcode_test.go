package errorcode_test

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/errorcode"
)

func TestEveryRowIsUsable(t *testing.T) {
	rows := errorcode.All()
	assert.Greater(t, len(rows), 240)
	classes := strings.Fields(`window template media request unsupported flow call block recipient marketing rate_limit
		auth account billing policy channel registration server`)
	for _, row := range rows {
		assert.Contains(t, classes, row.Class, row.Code)
		assert.NotEmpty(t, row.Title, row.Code)
		assert.Regexp(t, `^[a-z].*[^.]$`, row.Advice, "a phrase that can follow a semicolon")
		assert.NotRegexp(t, `(?i)1msg|instance|on-premise|twin of|jitter|backoff|upstream|caller|confidence`, row.Advice, "operators read it")
		if !strings.HasPrefix(row.Retry, "wait:") {
			assert.Contains(t, []string{"no", "fix", "backoff", "template", "unknown"}, row.Retry, row.Code)
		}
	}
}

// Every row of the file can be reached: one with a key by its key, a pattern by
// its own text in any case, and it stands for the code that its title names.
func TestEveryRowIsReached(t *testing.T) {
	file, err := os.Open("codes.csv")
	require.NoError(t, err)
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Len(t, records[1:], 300)
	for _, record := range records[1:] {
		code, title, class, retry := record[0], record[1], record[2], record[3]
		row, ok := errorcode.Lookup(code)
		if text, isText := strings.CutPrefix(code, "text:"); isText {
			row, ok = errorcode.MatchText("<< " + strings.ToUpper(text) + " >>")
			code = strings.TrimPrefix(title, "maps to ")
		}
		assert.True(t, ok, code)
		assert.Equal(t, []string{code, class, retry}, []string{row.Code, row.Class, row.Retry}, record[0])
	}
}

func TestMatchText(t *testing.T) {
	for text, code := range map[string]int{
		"User’s number is part of an experiment":                  130472,
		"the  PAIR rate limit hit":                                131056, // contains the pattern of 130429
		"Rate limit hit":                                          130429,
		"Spam rate limit hit":                                     131048,
		"(#131056) slow down":                                     131056,
		"Calling not enabled (138000)":                            138000,
		"Dialog window is closed":                                 131047,
		"body: Param text cannot have new-line/tab characters":    132012,
		"a code nobody knows (#999999) and Message undeliverable": 131026,
	} {
		row, ok := errorcode.MatchText(text)
		assert.True(t, ok, text)
		assert.Equal(t, code, row.Number(), text)
	}
	for _, text := range []string{"", "empty body", "(12)"} {
		_, ok := errorcode.MatchText(text)
		assert.False(t, ok, text)
	}
}

func TestUnlistedNumbersAreReadByRange(t *testing.T) {
	for code, class := range map[int]string{132999: "template", 133999: "registration", 138999: "call", 139199: "block", 139999: "flow", 250: "auth"} {
		row, ok := errorcode.LookupNumber(code)
		assert.True(t, ok, code)
		assert.Equal(t, class, row.Class, code)
		assert.Equal(t, code, row.Number(), code)
	}
	_, ok := errorcode.LookupNumber(987654)
	assert.False(t, ok)
}
