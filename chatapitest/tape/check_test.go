package tape_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing is written if the guard finds something, and the error does not show it.
func TestGuard(t *testing.T) {
	for name, text := range map[string]string{
		"a phone number":       "call 447700900123",
		"a written number":     "call +44 7700 900-123 now",
		"a number in brackets": "(020) 7946.0123",
		"a card":               "card 4111 1111 1111 1111",
		"an e-mail address":    "write to zoltan@post.example.org",
		"an IBAN":              "from DE89 3704 0044 0532 0130 00",
		"a link":               "see https://shop.example.org/order?id=Kowalski",
		"other digits":         "٠٧٧٠٠٩٠٠١٢٣",
	} {
		t.Run(name, func(t *testing.T) {
			for _, entry := range []tape.Entry{
				{Webhook: &tape.Webhook{Status: 200, Body: body(t, text)}},
				{Call: &tape.Call{Method: "POST", Path: "sendMessage", Body: body(t, text), Answer: tape.Answer{Status: 200}}},
				{Call: &tape.Call{Method: "POST", Path: "sendMessage", Answer: tape.Answer{Status: 200, Body: body(t, text)}}},
				{Call: &tape.Call{Method: "GET", Path: "messages", Query: "text=" + strings.NewReplacer(" ", "+", "?", "", "=", "").Replace(text), Answer: tape.Answer{Status: 200}}},
			} {
				edited := &tape.Tape{Entries: []tape.Entry{from("wamid.TAPE0001", `"type":"chat","body":"hi"`), entry}}
				var out bytes.Buffer
				_, err := edited.WriteTo(&out)
				require.ErrorContains(t, err, "nothing was written: entry 2", text)
				assert.Empty(t, out.String())
				path := filepath.Join(t.TempDir(), "order.tape")
				require.Error(t, edited.Save(path))
				files, readErr := os.ReadDir(filepath.Dir(path))
				require.NoError(t, readErr)
				assert.Empty(t, files, "not even for a moment")
				for word := range strings.FieldsSeq(text) {
					if len(word) > 5 {
						assert.NotContains(t, err.Error(), word)
					}
				}
			}
		})
	}
}

func body(t *testing.T, text string) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(map[string]any{"list": []any{map[string]string{"body": text}}})
	require.NoError(t, err)
	return data
}

func TestGuardTakesWhatTapesHold(t *testing.T) {
	ok := &tape.Tape{Entries: []tape.Entry{from("wamid.TAPE0001", `"type":"chat","body":"On 3 May 2026, 12:30, 15 of 100 for 12.50 EUR; 12025550101 and mail1@example.com, https://wa.me/12025550101 https://link.test"`)}}
	require.NoError(t, ok.Check())
}

// Check finds the given secrets in each spelling.
func TestCheckFindsSecrets(t *testing.T) {
	const secret = "Baker Street"
	asURL := "%42%61%6b%65%72%20%53%74%72%65%65%74"
	code := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, spelled := range []string{secret, "at BAKER STREET 221b", asURL, strings.ReplaceAll(asURL, "%", "%25"), "Baker+Street", "&#66;aker Street",
		`\u0042aker Street`, `\\u0042aker Street`, code(secret), code("x" + secret), code("xx" + secret + "xx"), code(code("at " + secret)),
		strings.TrimRight(code(secret), "="), "42616b657220537472656574", url.QueryEscape(code("??" + secret + ">>")), code(asURL)} {
		dirty := &tape.Tape{Entries: []tape.Entry{{Webhook: &tape.Webhook{Status: 200, Body: body(t, spelled)}}}}
		err := dirty.Check(secret)
		require.ErrorContains(t, err, "one of the given secrets", spelled)
		requireAbsent(t, []byte(err.Error()), secret)
	}
	require.ErrorContains(t, pizza().Check("no"), "less than 3 characters")
	require.NoError(t, pizza().Check(secret))
}

func TestRecorderRefuses(t *testing.T) {
	require.ErrorContains(t, tape.NewRecorder().Save("none.tape"), "nothing was recorded")
	rec := tape.NewRecorder(tape.Secrets("chat"))
	post(t, rec, `{"instanceId":"X1","messages":[]}`)
	_, err := rec.Tape()
	require.ErrorContains(t, err, "Secrets: value 1 is too short, or a word that stands on each tape")
	require.NotContains(t, err.Error(), `"chat"`)

	giant := tape.NewRecorder()
	handled := post(t, giant, `{"instanceId":"X1","messages":[{"body":"`+strings.Repeat("x", 9<<20)+`"}]}`)
	assert.Greater(t, handled, 9<<20, "the program gets the whole webhook")
	_, err = giant.Tape()
	require.ErrorContains(t, err, "a webhook is larger than 8 MiB, and the recording was stopped")

	long := tape.NewRecorder()
	for range 10 {
		post(t, long, `{"instanceId":"X1","messages":[{"body":"`+strings.Repeat("x", 7<<20)+`"}]}`)
	}
	_, err = long.Tape()
	require.ErrorContains(t, err, "over 64 MiB")
	require.ErrorContains(t, rec.Save(filepath.Join(t.TempDir(), "no", "such", "folder")), "tape: ")
}

// post sends a webhook through a recorder and returns how many bytes the program got.
func post(t *testing.T, rec *tape.Recorder, body string) (got int) {
	t.Helper()
	handler := rec.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var read bytes.Buffer
		n, err := read.ReadFrom(r.Body)
		assert.NoError(t, err)
		got = int(n)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://bot.test/s3cret", strings.NewReader(body)))
	return got
}

// Bodies that are not JSON, and hostile ones, are recorded and harm nobody.
func TestRecorderTakesAnything(t *testing.T) {
	for _, body := range []string{"", "null", "[]", `"text 447700900123"`, "447700900123", "<html>Kowalski 447700900123</html>", `{"a":1,"a":2}`, "\xff\xfe",
		strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), strings.Repeat("[", 20000), `{"447700900123":{"zoltan@post.example.org":"x"}}`,
		`{"instanceId":"X1","messages":[{"author":{"phone":"447700900123"},"body":["447700900123",{"x":447700900123}],"time":1e99}]}`} {
		for _, opts := range [][]tape.Option{nil, {tape.KeepTexts()}} {
			rec := tape.NewRecorder(opts...)
			post(t, rec, body)
			made, err := rec.Tape()
			require.NoError(t, err)
			var out bytes.Buffer
			_, err = made.WriteTo(&out)
			require.NoError(t, err, body)
			requireAbsent(t, out.Bytes(), "447700900123", "zoltan@post.example.org")
			_, err = tape.Read(&out)
			require.NoError(t, err)
		}
	}
}
