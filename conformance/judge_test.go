package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/conformance/internal/openapi"
)

// document returns the OpenAPI document of the service.
var document = sync.OnceValue(func() *openapi.Document {
	text, err := os.ReadFile("testdata/openapi.yaml")
	if err != nil {
		panic(err)
	}
	document, err := openapi.Read(text)
	if err != nil {
		panic(err)
	}
	// The document's description says that any operation can give these answers.
	// The operations don't list them.
	for status, response := range map[string]string{"401": "Unauthorized", "403": "Forbidden", "429": "TooManyRequests",
		"500": "ServerError", "502": "ServerError", "503": "ServerError"} {
		if err := document.Share(status, response); err != nil {
			panic(err)
		}
	}
	return document
})

// A judge forwards requests to the fake. It checks each request and each answer
// against the OpenAPI document.
type judge struct {
	mu        sync.Mutex
	exchanges int
	reached   map[string]int  // exchanges by operationId
	succeeded map[string]bool // operations with at least one success
	verdicts  map[string]bool // the violations, each once
}

func newJudge() *judge {
	return &judge{reached: map[string]int{}, succeeded: map[string]bool{}, verdicts: map[string]bool{}}
}

// over returns an option that puts the judge in front of a fake.
func (j *judge) over(api *chatapitest.API) chatapi.Option {
	return chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		return j.exchange(api, r)
	})})
}

func (j *judge) exchange(api *chatapitest.API, r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	sent := r.Clone(r.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := api.Transport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	// The document's paths begin below the channel.
	_, below, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	j.judge(r, "/"+below, body, resp, answer)
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

func (j *judge) judge(r *http.Request, path string, body []byte, resp *http.Response, answer []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.exchanges++
	route, ok := document().Find(r.Method, path)
	if !ok {
		j.verdicts[fmt.Sprintf("%s %s is not in the document", r.Method, path)] = true
		return
	}
	j.reached[route.ID]++
	j.note(route.ID+", request", body, route.Request(r.URL.RawQuery, r.Header, body))
	j.note(fmt.Sprintf("%s, response %d", route.ID, resp.StatusCode), answer, route.Response(resp.StatusCode, resp.Header, answer))
	j.succeeded[route.ID] = j.succeeded[route.ID] || resp.StatusCode == http.StatusOK && carriedOut(answer)
}

func (j *judge) note(message string, body []byte, faults []string) {
	if len(faults) > 0 {
		j.verdicts[fmt.Sprintf("%s:\n\t%s\n\t%.300s", message, strings.Join(faults, "\n\t"), body)] = true
	}
}

// carriedOut reports whether an answer with status 200 is a success.
func carriedOut(answer []byte) bool {
	var said struct {
		Sent     any             `json:"sent"`
		Error    json.RawMessage `json:"error"`
		Response struct {
			Error json.RawMessage `json:"error"`
		} `json:"response"`
	}
	_ = json.Unmarshal(answer, &said) // a list has no such member
	return said.Error == nil && said.Response.Error == nil && said.Sent != false && said.Sent != "false"
}

const (
	requestAs = "a request of a wrong content type"
	answerAs  = "an answer of a wrong content type"
)

// exchanges returns a violation of every kind, and some valid exchanges.
func exchanges() map[string]exchange {
	const sent, list, hello = `{"sent":true,"id":"a"}`, `{"messages":[]}`, `{"phone":"12025550143","body":"Hello"}`
	return map[string]exchange{
		"right":                     {"POST", "/sendMessage", hello, sent, 200, ""},
		"right query":               {"GET", "/messages?limit=10&last=true&lastMessageNumber=0", "", list, 200, ""},
		"right path":                {"GET", "/flows/1000000001/preview", "", `{}`, 200, ""},
		"right, an empty birthday":  {"POST", "/sendContact", card(""), sent, 200, ""},
		"right, a birthday":         {"POST", "/sendContact", card("1990-02-03"), sent, 200, ""},
		"a birthday off a pattern":  {"POST", "/sendContact", card("3.2.1990"), sent, 200, "birthday '3.2.1990' does not match pattern"},
		"right, a free vertical":    {"POST", "/me", `{"vertical":"Kettles"}`, `{"result":"success"}`, 200, ""},
		"right, a phone object":     {"GET", "/me", "", `{"phone":{"display_phone_number":"12025550100"}}`, 200, ""},
		"right, a shared status":    {"GET", "/status", "", `{"error":"bad gateway"}`, 502, ""},
		"no token":                  {"GET", "/messages", "", list, 200, "token not found"},
		"no such path":              {"POST", "/sendNothing", `{}`, sent, 200, "is not in the document"},
		"a path too long":           {"GET", "/flows/1000000001/preview/more", "", `{}`, 200, "is not in the document"},
		"an empty path parameter":   {"GET", "/flows//preview", "", `{}`, 200, "is not in the document"},
		"no such method":            {"DELETE", "/sendMessage", "", sent, 200, "is not in the document"},
		"no such parameter":         {"GET", "/messages?page=2", "", list, 200, `no query parameter "page"`},
		"another's parameter":       {"POST", "/sendMessage?limit=1", hello, sent, 200, `no query parameter "limit"`},
		"a parameter is missing":    {"GET", "/retrieveMedia", "", `{}`, 200, `query parameter "mediaId" occurs 0 times`},
		"a parameter twice":         {"GET", "/messages?limit=1&limit=2", "", list, 200, `query parameter "limit" occurs 2 times`},
		"a text for a number":       {"GET", "/messages?limit=ten", "", list, 200, "limit"},
		"a fraction for an integer": {"GET", "/messages?limit=1.5", "", list, 200, "limit=1.5: got number, want integer"},
		"nothing for a number":      {"GET", "/messages?limit=", "", list, 200, "limit=: got string, want integer"},
		"a flag for a number":       {"GET", "/messages?limit=true", "", list, 200, "limit=true: got boolean, want integer"},
		"a number for a flag":       {"GET", "/messages?last=7", "", list, 200, "last"},
		"a text for a flag":         {"GET", "/messages?last=yes", "", list, 200, "last=yes: got string, want boolean"},
		"a number out of range":     {"GET", "/messages?limit=-1", "", list, 200, "limit"},
		"a text out of an enum":     {"GET", "/templates?sort=size", "", `{"templates":[]}`, 200, "sort=size: value must be one of"},
		"a text off a pattern":      {"GET", "/statistics?date=2026-10", "", `{}`, 200, "date=2026-10: '2026-10' does not match pattern"},
		"a member of wrong type":    {"POST", "/sendMessage", `{"phone":"12025550143","body":["Hello"]}`, sent, 200, "$.body got array"},
		"a member is missing":       {"POST", "/sendMessage", `{"phone":"12025550143"}`, sent, 200, "$ missing property 'body'"},
		"a member out of an enum":   {"POST", "/initiateCall", `{"to":"12025550143","action":"hang_up"}`, `{}`, 200, "$.action value must be one of"},
		"a member too long":         {"POST", "/sendMessage", `{"phone":"12025550143","body":"` + strings.Repeat("x", 4097) + `"}`, sent, 200, "$.body maxLength: got 4,097"},
		"no recipient":              {"POST", "/sendMessage", `{"body":"Hello"}`, sent, 200, "sendMessage, request"},
		"not an object":             {"POST", "/sendMessage", `[` + hello + `]`, sent, 200, "$ got array, want object"},
		"no body":                   {"POST", "/sendMessage", ``, sent, 200, "sendMessage, request"},
		"an unexpected body":        {"GET", "/messages", `{}`, list, 200, "listMessages, request"},
		"no JSON":                   {"POST", "/sendMessage", `{"phone":`, sent, 200, "sendMessage, request"},
		"more than JSON":            {"POST", "/sendMessage", hello + `{}`, sent, 200, "sendMessage, request"},
		requestAs:                   {"POST", "/sendMessage", hello, sent, 200, `no body of the type "text/xml"`},
		"answer of wrong type":      {"GET", "/messages", "", `{"messages":{}}`, 200, "listMessages, response 200"},
		"answer without a member":   {"POST", "/uploadMedia", `{"body":"https://files.example.com/a.png"}`, `{}`, 200, "createUploadMedia, response 200:\n\t$ missing property 'mediaId'"},
		"answer that is no JSON":    {"GET", "/messages", "", `<html>`, 200, "listMessages, response 200"},
		"answer that is null":       {"GET", "/messages", "", `null`, 200, "listMessages, response 200"},
		"no answer":                 {"GET", "/messages", "", ``, 200, "listMessages, response 200"},
		answerAs:                    {"GET", "/messages", "", list, 200, `no body of the type "text/html"`},
		"no such status":            {"GET", "/messages", "", `{}`, 418, "listMessages, response 418"},
		"a status of another":       {"GET", "/status", "", `{"error":"no"}`, 422, "getStatus, response 422"},
	}
}

// card returns the body of a contact card with that birthday.
func card(birthday string) string {
	return `{"phone":"12025550143","contacts":[{"name":{"formatted_name":"Pat Example","first_name":"Pat"},"birthday":"` + birthday + `","phones":[{"phone":"12025550188","wa_id":""}],"emails":[]}]}`
}

type exchange struct {
	method, target, body, answer string
	status                       int
	want                         string // a part of the verdict; empty for a valid exchange
}

// The judge would prove nothing if it let violations pass.
func TestJudgeConvicts(t *testing.T) {
	for name, c := range exchanges() {
		t.Run(name, func(t *testing.T) {
			judge := newJudge()
			r, err := http.NewRequest(c.method, "https://fake.example"+c.target, strings.NewReader(c.body))
			require.NoError(t, err)
			if name != "no token" {
				query := r.URL.Query()
				query.Set("token", "t0ken")
				r.URL.RawQuery = query.Encode()
			}
			if c.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			resp := &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json"}}}
			switch name {
			case requestAs:
				r.Header.Set("Content-Type", "text/xml")
			case answerAs:
				resp.Header.Set("Content-Type", "text/html")
			}
			judge.judge(r, r.URL.Path, []byte(c.body), resp, []byte(c.answer))
			if c.want == "" {
				assert.Empty(t, judge.verdicts)
				return
			}
			assert.Contains(t, fmt.Sprint(judge.verdicts), c.want)
		})
	}
}
