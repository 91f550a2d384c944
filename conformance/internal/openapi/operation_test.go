package openapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/internal/openapi"
)

func TestFind(t *testing.T) {
	document, err := openapi.Read([]byte(shop))
	require.NoError(t, err)
	require.Len(t, document.Operations(), 3)
	for request, want := range map[string]string{
		"GET /cups/7": "getCup", "PUT /cups/7": "putCup", "GET /cups/best": "getBestCup", "GET /cups/b%65st": "getBestCup", "GET /cups/a%20b": "getCup",
		"PUT /cups/best": "putCup", "POST /cups/7": "", "get /cups/7": "", "GET /cups": "", "GET /cups/": "", "GET /cups/7/": "", "GET /cups/a%2Fb": "",
		"GET //cups/7": "", "GET /cups/7/8": "", "GET /cups/%zz": "", "GET /pots/7": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		route, ok := document.Find(method, path)
		assert.Equal(t, want != "", ok, request)
		if ok {
			assert.Equal(t, want, route.ID, request)
		}
	}
}

// headers reads lines such as "X-Key: k; X-Language: en".
func headers(text string) http.Header {
	header := http.Header{}
	for line := range strings.SplitSeq(text, "; ") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			header.Add(name, value)
		}
	}
	return header
}

func TestRequest(t *testing.T) {
	document, err := openapi.Read([]byte(shop))
	require.NoError(t, err)
	const json = "Content-Type: application/json"
	for name, c := range map[string]struct {
		request, header, body string
		want                  string // a part of the faults; empty for a valid request
	}{
		"right, by key":             {"GET /cups/7", "X-Key: k", "", ""},
		"right, by bearer":          {"GET /cups/7", "Authorization: Bearer t; X-Language: de", "", ""},
		"right, a text of digits":   {"GET /cups/7", "X-Key: k; X-Language: 1", "", ""},
		"right, no security":        {"GET /cups/best", "", "", ""},
		"right JSON":                {"PUT /cups/7", "Content-Type: application/json; charset=utf-8", `{"color":"red","size":null}`, ""},
		"right text":                {"PUT /cups/7", "Content-Type: text/plain", "red", ""},
		"right, no schema":          {"PUT /cups/7", "Content-Type: image/png", "\x89PNG", ""},
		"right, no body":            {"PUT /cups/7", "", "", ""},
		"no credential":             {"GET /cups/7", "", "", "X-Key not found in the header"},
		"another scheme":            {"GET /cups/7", "Authorization: Basic t", "", "Authorization bearer not found in the header"},
		"an empty credential":       {"GET /cups/7", "Authorization: Bearer", "", "not found"},
		"a path's wrong type":       {"GET /cups/red", "X-Key: k", "", "path parameter cup=red: got string, want integer"},
		"a path out of range":       {"GET /cups/0", "X-Key: k", "", "path parameter cup=0: minimum"},
		"a number in quotes":        {"GET /cups/%227%22", "X-Key: k", "", "got string, want integer"},
		"a number beside a space":   {"GET /cups/%207", "X-Key: k", "", "got string, want integer"},
		"a header out of an enum":   {"GET /cups/7", "X-Key: k; X-Language: fr", "", "X-Language=fr: value must be one of"},
		"a header twice":            {"GET /cups/7", "X-Key: k; X-Language: en; X-Language: en", "", `"X-Language" occurs 2 times`},
		"an unknown query":          {"GET /cups/best?size=7", "", "", `no query parameter "size"`},
		"a bare character":          {"GET /cups/best?size=a:b", "", "", "a reserved character is not escaped"},
		"an unreadable query":       {"GET /cups/best?size=%zz", "", "", "the query cannot be read"},
		"an unexpected body":        {"GET /cups/best", json, "{}", "the document has no body"},
		"a member is missing":       {"PUT /cups/7", json, `{"size":7}`, "$ missing property 'color'"},
		"a member of a wrong type":  {"PUT /cups/7", json, `{"color":"red","size":"7"}`, "$.size got string, want null or integer"},
		"a member too many":         {"PUT /cups/7", json, `{"color":"red","lid":true}`, "$ additional properties 'lid' not allowed"},
		"a member out of an enum":   {"PUT /cups/7", json, `{"color":"pink"}`, "$.color value must be one of"},
		"no JSON":                   {"PUT /cups/7", json, `{"color"`, "the body is no JSON"},
		"a text too long":           {"PUT /cups/7", "Content-Type: text/plain", "blue", "maxLength"},
		"another type":              {"PUT /cups/7", "Content-Type: text/html", "red", `no body of the type "text/html"`},
		"no type":                   {"PUT /cups/7", "", "red", `no body of the type ""`},
		"a type that nothing reads": {"PUT /cups/7", "Content-Type: text/csv", "red", "is not judged"},
	} {
		t.Run(name, func(t *testing.T) {
			method, target, _ := strings.Cut(c.request, " ")
			path, query, _ := strings.Cut(target, "?")
			route, ok := document.Find(method, path)
			require.True(t, ok)
			convicts(t, c.want, route.Request(query, headers(c.header), []byte(c.body)))
		})
	}
}

func TestResponse(t *testing.T) {
	document, err := openapi.Read([]byte(shop))
	require.NoError(t, err)
	const json = "Content-Type: application/json; X-Left: 3"
	for name, c := range map[string]struct {
		request      string
		status       int
		header, body string
		want         string
	}{
		"right":                   {"GET /cups/7", 200, json, `{"color":"red"}`, ""},
		"right, a range":          {"GET /cups/7", 404, "", "", ""},
		"right, the default":      {"PUT /cups/7", 500, "", "", ""},
		"no such status":          {"GET /cups/7", 500, "", "", "no such status"},
		"a body of wrong type":    {"GET /cups/7", 200, json, `[]`, "$ got array, want object"},
		"a member too many":       {"GET /cups/7", 200, json, `{"color":"red","lid":true}`, "'lid' not allowed"},
		"no body":                 {"GET /cups/7", 200, json, ``, "the body is no JSON"},
		"a body beyond a status":  {"GET /cups/7", 404, json, `{}`, "the document has no body"},
		"another type of content": {"GET /cups/7", 200, "Content-Type: text/html; X-Left: 3", `{"color":"red"}`, `"text/html"`},
		"a header is missing":     {"GET /cups/7", 200, "Content-Type: application/json", `{"color":"red"}`, "the header X-Left is missing"},
		"a header of wrong type":  {"GET /cups/7", 200, "Content-Type: application/json; X-Left: few", `{"color":"red"}`, "X-Left=few: got string, want integer"},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.request, " ")
			route, ok := document.Find(method, path)
			require.True(t, ok)
			convicts(t, c.want, route.Response(c.status, headers(c.header), []byte(c.body)))
		})
	}
}

// convicts checks that want is a part of the faults, or that there is no fault if
// want is empty.
func convicts(t *testing.T, want string, faults []string) {
	t.Helper()
	if want == "" {
		assert.Empty(t, faults)
		return
	}
	assert.Contains(t, strings.Join(faults, "\n"), want)
}
