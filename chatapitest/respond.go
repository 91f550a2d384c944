package chatapitest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// This file has answers for people who mock by hand. Each function returns what
// is a responder of github.com/jarcoal/httpmock as it is. It may be called any
// number of times, by many at once.
//
// A mock at the network end sees the token as "?token=…": match the address
// without its query, or use chatapi.WithBearerToken.

// Respond answers with that status and body. The content type is JSON, HTML or
// plain text, as the body begins.
func Respond(status int, body string) func(*http.Request) (*http.Response, error) {
	return respond(answer{status: status, content: contentOf(body), body: []byte(body)})
}

// RespondJSON answers with status 200 and the value as JSON.
func RespondJSON(value any) func(*http.Request) (*http.Response, error) {
	return respond(reply(http.StatusOK, value))
}

// RespondAccepted answers a send: accepted, with that message id.
func RespondAccepted(id string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": true, "id": id, "message": "Sent", "description": "Message has been sent to the provider"})
}

// RespondRejected answers a send as the service refuses one: status 200 and
// sent: false, with the reason, such as "Dialog window is closed".
func RespondRejected(reason string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": false, "message": reason})
}

// RespondCode answers a send with status 200, sent: false and an error object
// with one of WhatsApp's codes, such as 131026.
func RespondCode(code int, message string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": false, "message": "Message failed to send", "error": object{"code": code, "message": message}})
}

// RespondQueued answers a send: queued under that job id, which is no refusal
// although sent is false.
func RespondQueued(jobID string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": false, "jobId": jobID, "message": "Message is queued"})
}

// RespondStatus answers with that status and, if body is empty, what the
// service writes with it.
func RespondStatus(status int, body string) func(*http.Request) (*http.Response, error) {
	return respond(failure(status, body))
}

// RespondRateLimited answers with 429 and, if it is more than 0, a Retry-After
// in whole seconds.
func RespondRateLimited(retryAfter time.Duration) func(*http.Request) (*http.Response, error) {
	got := failure(http.StatusTooManyRequests, "")
	if retryAfter > 0 {
		got.header = http.Header{"Retry-After": {strconv.Itoa(int((retryAfter + time.Second - 1) / time.Second))}}
	}
	return respond(got)
}

// RespondTemplates answers GET /templates with templates given as JSON objects,
// such as `{"name":"hello","language":"en","status":"APPROVED"}`. An offset
// beyond them gives an empty page.
func RespondTemplates(templates ...string) func(*http.Request) (*http.Response, error) {
	rows := make([]json.RawMessage, len(templates))
	for i, t := range templates {
		rows[i] = json.RawMessage(t)
	}
	return func(r *http.Request) (*http.Response, error) {
		page := rows
		if r != nil && r.URL != nil {
			page = rows[min(max(queryInt(r.URL.Query(), "offset", 0), 0), len(rows)):]
		}
		return reply(http.StatusOK, object{"total": len(rows), "templates": page}).response(r), nil
	}
}

// RespondWebhooks answers GET /webhook with a list of addresses: nothing, a
// text or an array, as the service does.
func RespondWebhooks(addresses ...string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"webhookUrl": oneOrMany(addresses)})
}

// RespondMessages answers GET /messages with rows given as JSON objects.
func RespondMessages(rows ...string) func(*http.Request) (*http.Response, error) {
	messages := make([]json.RawMessage, len(rows))
	for i, m := range rows {
		messages[i] = json.RawMessage(m)
	}
	return RespondJSON(object{"messages": messages})
}

// RespondError fails like a transport: no answer, only the error.
func RespondError(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return nil, cmp.Or(err, error(&url.Error{Op: "Post", URL: apiHost, Err: io.ErrUnexpectedEOF}))
	}
}

func respond(got answer) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) { return got.response(r), nil }
}

// response is the answer as a client gets it.
func (a answer) response(r *http.Request) *http.Response {
	var content io.Reader = bytes.NewReader(a.body)
	if a.cut {
		content = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), brokenReader{})
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.httpHeader(),
		Body: io.NopCloser(content), ContentLength: int64(len(a.body)), Request: r,
	}
}

// brokenReader is the end of a connection that breaks.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
