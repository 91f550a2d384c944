package tape_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// samples returns the webhook bodies of the contract.
func samples(tb testing.TB) (bodies [][]byte) {
	tb.Helper()
	for _, pattern := range []string{"webhook-*.json", "raw/*.json"} {
		files, err := filepath.Glob(filepath.Join("../../testdata/contract", pattern))
		require.NoError(tb, err)
		require.NotEmpty(tb, files)
		for _, file := range files {
			body, err := os.ReadFile(file)
			require.NoError(tb, err)
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// kinds returns the kinds of the events in a body.
func kinds(body []byte) []string {
	events, err := chatapi.ParseWebhook(body)
	all := []string{fmt.Sprint(err != nil)}
	for _, e := range events {
		kind := fmt.Sprintf("%T", e)
		switch e := e.(type) {
		case *chatapi.MessageEvent:
			kind += fmt.Sprint(e.Type, e.Reply != nil, e.Media != nil, e.Location != nil, e.Flow != nil, e.Referral != nil, e.From.Phone != "", e.From.BSUID != "", e.Time.IsZero())
		case *chatapi.EchoEvent:
			kind += fmt.Sprint(e.Type, e.Media != nil)
		case *chatapi.StatusEvent:
			kind += fmt.Sprint(e.Status, e.MessageID != "", len(e.Errors), e.Category)
		}
		all = append(all, kind)
	}
	return all
}

func TestScrubbedBodiesAreTheSameEvents(t *testing.T) {
	for i, body := range samples(t) {
		for _, keep := range []bool{false, true} {
			scrub := tape.Scrub(keep)
			clean := scrub(body)
			assert.Equal(t, kinds(body), kinds(clean), "sample %d\n%s\n%s", i, body, clean)
			assert.Equal(t, string(clean), string(scrub(clean)), "sample %d: scrubbing twice changes something", i)
			assert.Empty(t, tape.GuardFinds(clean), "sample %d\n%s", i, clean)
		}
	}
}

// hidden returns a secret as a program might write it into a text.
func hidden(secret, around string, how int) string {
	switch how % 6 {
	case 1:
		return base64.StdEncoding.EncodeToString([]byte(around + secret + around))
	case 2:
		return url.QueryEscape(around + secret)
	case 3:
		var escaped strings.Builder
		for _, r := range around + secret {
			if r > 0xffff {
				r = 'x'
			}
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
		return escaped.String()
	case 4:
		return hex.EncodeToString([]byte(secret + around))
	case 5:
		var percent strings.Builder
		for _, b := range []byte(secret) {
			fmt.Fprintf(&percent, "%%%02x", b)
		}
		return url.QueryEscape(percent.String())
	}
	return around + secret + around
}

// planted returns a body with a text in the place of each text that is not of the protocol.
func planted(value any, text string) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			switch name {
			case "type", "status", "object", "field", "event", "messaging_product":
			default:
				v[name] = planted(inner, text)
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = planted(inner, text)
		}
	case string:
		return text
	}
	return value
}

func checkPlanted(t *testing.T, body []byte, secret, around string, how int, keep bool) {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(body, &value))
	dirty, err := json.Marshal(planted(value, hidden(secret, around, how)))
	require.NoError(t, err)
	scrub := tape.Scrub(keep, secret)
	clean := scrub(dirty)
	for _, text := range []string{string(clean), decoded(clean)} {
		for _, spelled := range spellings(secret) {
			require.NotContains(t, strings.ToLower(text), strings.ToLower(spelled), "how %d, from %s", how, dirty)
		}
	}
	require.Equal(t, string(clean), string(scrub(clean)), "scrubbing twice, from %s", dirty)
	require.Empty(t, tape.GuardFinds(clean, secret), "from %s to %s", dirty, clean)
}

// decoded returns the texts of a body without the escapes of JSON.
func decoded(body []byte) string {
	var value any
	_ = json.Unmarshal(body, &value)
	return fmt.Sprint(value)
}

var plantedSecrets = []string{"447700900123", "zoltan.kowalski@post.example.org", "Zoltan Kowalski", "María Ñáñez", "DE89370400440532013000", "4111111111111111",
	"t0kenOfTheRealChannel99", "GB.1234567890123456", "Baker Street 221b", "王小明先生", `quo"ted\secret`, "a/b+c=d&e f%41"}

func TestSecretsDoNotSurvive(t *testing.T) {
	for i, body := range samples(t) {
		for n, secret := range plantedSecrets {
			for how := range 6 {
				if (i+7*n+how)%29 == 0 { // a part of them is enough; the fuzz test draws the others
					checkPlanted(t, body, secret, "<?>", how, (i+n)%2 == 0)
				}
			}
		}
	}
}

func FuzzSecretsDoNotSurvive(f *testing.F) {
	bodies := samples(f)
	for i, secret := range plantedSecrets {
		f.Add(i*7, secret, "x ", i, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, sample int, secret, around string, how int, keep bool) {
		secret = strings.TrimSpace(secret)
		if !utf8.ValidString(secret) || !utf8.ValidString(around) || utf8.RuneCountInString(secret) < 6 || len(secret) > 100 || len(around) > 100 ||
			!tape.Ordinary(secret) || how < 0 || sample < 0 || usual(secret) {
			return
		}
		checkPlanted(t, bodies[sample%len(bodies)], secret, around, how, keep)
	})
}

// usual reports whether a text stands in bodies of the protocol, or tells nothing.
func usual(text string) bool {
	letters := strings.Map(func(r rune) rune {
		if r < 128 && !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWYZabcdefghijklmnopqrstuvwyz123456789", r) {
			return -1
		}
		return r
	}, text)
	if len(letters) < 5 {
		return true
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"individual https://files.test https://link.test mail@example.com application/octet-stream;base64,",
		"whatsapp_business_account messaging_product wamid.tape delivered"}, func(words string) bool { return strings.Contains(words, text) })
}

func FuzzScrub(f *testing.F) {
	for _, body := range samples(f) {
		f.Add(body, true)
	}
	f.Add([]byte(`{"instanceId":"X","messages":[{"id":"1","author":"+44 7700 900123@c.us","body":"DE89 3704 0044 0532 0130 00","time":"1795000000"}]}`), true)
	f.Add([]byte("0@c.us"), false) // whose shape looks like an e-mail address
	f.Add([]byte(`{"body":"XX.000000"}`), false)
	f.Fuzz(func(t *testing.T, body []byte, keep bool) {
		scrub := tape.Scrub(keep)
		clean := scrub(body)
		if len(clean) == 0 {
			return
		}
		require.True(t, json.Valid(clean), "%s", clean)
		require.Equal(t, string(clean), string(scrub(clean)), "scrubbing twice")
		require.Empty(t, tape.GuardFinds(clean), "%s", clean)
	})
}
