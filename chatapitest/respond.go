package chatapitest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// This file has answers for mocks made by hand. Each function returns a responder
// for github.com/jarcoal/httpmock, which may be called any number of times and by
// several goroutines at once. Each answer has its own header and body.
//
// A mock given to chatapi.WithHTTPClient sees the token as "?token=…": match the
// address without its query, or use chatapi.WithBearerToken.

// Respond returns a responder that answers with that status and body. The content
// type is JSON, HTML or plain text, depending on the body's first character.
func Respond(status int, body string) func(*http.Request) (*http.Response, error) {
	return respond(answer{status: status, content: contentOf(body), body: []byte(body)})
}

// RespondJSON returns a responder that answers with status 200 and the value as
// JSON.
func RespondJSON(value any) func(*http.Request) (*http.Response, error) {
	return respond(reply(http.StatusOK, value))
}

// RespondAccepted returns a responder that accepts a send, with that message id.
func RespondAccepted(id string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": true, "id": id, "message": "Sent", "description": "Message has been sent to the provider"})
}

// RespondRejected returns a responder that refuses a send as the service does: with
// status 200, sent: false and a reason such as "Dialog window is closed".
func RespondRejected(reason string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": false, "message": reason})
}

// RespondCode returns a responder that refuses a send with status 200, sent: false
// and an error object with one of WhatsApp's codes, such as 131026.
func RespondCode(code int, message string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": false, "message": "Message failed to send", "error": object{"code": code, "message": message}})
}

// RespondQueued returns a responder that queues a send under that job id. This is
// not a refusal, although sent is false.
func RespondQueued(jobID string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"sent": false, "jobId": jobID, "message": "Message is queued"})
}

// RespondStatus returns a responder that answers with that status and body. If body
// is empty, the answer has the body that the service writes with that status.
func RespondStatus(status int, body string) func(*http.Request) (*http.Response, error) {
	return respond(failure(status, body))
}

// RespondRateLimited returns a responder that answers with status 429. If
// retryAfter is positive, the answer has the header Retry-After, rounded up to
// whole seconds.
func RespondRateLimited(retryAfter time.Duration) func(*http.Request) (*http.Response, error) {
	got := failure(http.StatusTooManyRequests, "")
	if retryAfter > 0 {
		got.header = http.Header{"Retry-After": {strconv.Itoa(int((retryAfter + time.Second - 1) / time.Second))}}
	}
	return respond(got)
}

// RespondTemplates returns a responder for GET /templates. Each template is a JSON
// object such as `{"name":"hello","language":"en","status":"APPROVED"}`. The page
// begins at the request's offset; beyond the last template it is empty.
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

// RespondWebhooks returns a responder for GET /webhook. As the service does, it
// writes no address as null, one as a text, and several as an array.
func RespondWebhooks(addresses ...string) func(*http.Request) (*http.Response, error) {
	return RespondJSON(object{"webhookUrl": oneOrMany(addresses)})
}

// RespondMessages returns a responder for GET /messages. Each row is a JSON object.
func RespondMessages(rows ...string) func(*http.Request) (*http.Response, error) {
	messages := make([]json.RawMessage, len(rows))
	for i, m := range rows {
		messages[i] = json.RawMessage(m)
	}
	return RespondJSON(object{"messages": messages})
}

// RespondError returns a responder that fails as a transport does: with the error
// and without an answer. A nil error stands for a connection that breaks.
func RespondError(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return nil, cmp.Or(err, error(&url.Error{Op: "Post", URL: apiHost, Err: io.ErrUnexpectedEOF}))
	}
}

func respond(got answer) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) { return got.response(r), nil }
}

// response returns the answer as a client gets it.
func (a answer) response(r *http.Request) *http.Response {
	content := io.NopCloser(bytes.NewReader(a.body))
	half := bytes.NewReader(a.body[:len(a.body)/2])
	switch {
	case a.stall:
		ctx, giveUp := context.WithCancel(r.Context())
		content = &stalledBody{io.MultiReader(half, &stalledReader{a, ctx}), giveUp}
	case a.cut:
		content = io.NopCloser(io.MultiReader(half, brokenReader{}))
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.httpHeader(),
		Body: content, ContentLength: int64(len(a.body)), Request: r,
	}
}

// brokenReader fails as a connection that breaks.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// stalledBody is a body that stops in the middle. Close ends a Read that waits, as it does
// with a connection.
type stalledBody struct {
	io.Reader
	giveUp context.CancelFunc
}

func (b *stalledBody) Close() error {
	b.giveUp()
	return nil
}

// stalledReader waits until the caller gives up, or the connection breaks.
type stalledReader struct {
	answer answer
	ctx    context.Context
}

func (r *stalledReader) Read([]byte) (int, error) { return 0, r.answer.hold(r.ctx) }
