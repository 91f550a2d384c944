package chatapitest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Fault makes requests fail. The fields Operation to Times select the requests,
// the others say how they fail. The zero Fault makes the next request fail with
// status 500.
type Fault struct {
	// Operation limits the fault to one operation, given by its path such as
	// "templates" or its id such as "listTemplates", Method to one HTTP method,
	// To to one recipient, and Match to the calls for which it returns true. A
	// request must match each of these fields that is set.
	Operation string
	Method    string
	To        chatapi.Recipient
	Match     func(Call) bool

	// Skip is the number of matching requests that pass first, and Times the
	// number that fail after them: 0 is one, and a negative number is all.
	Skip, Times int

	// Status and Body are the answer. A Status of 0 is 500. If Body is empty, the
	// answer has the body that the service writes with that status: plain text
	// with 403, otherwise JSON. Header is added to the answer.
	Status int
	Body   string
	Header http.Header

	// RetryAfter is sent as the header Retry-After, rounded up to whole seconds.
	RetryAfter time.Duration

	// Accepted carries the request out before it fails: the message goes out, but
	// the caller cannot know.
	Accepted bool

	// Queued carries a send out and answers with sent: false and a job id.
	Queued bool

	// Undelivered accepts a send and then reports the status failed with that
	// text. The customer does not receive the message.
	Undelivered string

	// Delay holds the answer back. If it is the only field set, the request
	// succeeds after the delay.
	Delay time.Duration

	// Cut breaks the connection in the middle of the answer. Drop breaks it
	// before the answer: the caller cannot tell whether the request was carried
	// out, and it was only if Accepted is set. Dial refuses the connection, so
	// that nothing is sent; over a real port Dial is like Drop.
	Cut, Drop, Dial bool

	// Stall stops in the middle of the answer, and Hang before it, and the connection
	// stays open until the caller gives up. The request is carried out as with Cut and
	// Drop, and its webhooks do not wait. [API.Heal] and [API.Close] break the connection,
	// as Cut and Drop do at once.
	Stall, Hang bool
}

// HTMLPage is the error page of a proxy in front of the service. Use it as
// Fault.Body with a status such as 502.
const HTMLPage = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"

// Fail makes requests that match f fail from now on. If several faults match a
// request, the one added first is applied. The test fails if the fake does not
// serve f.Operation, since such a fault would match no request; see [Operations].
func (a *API) Fail(f Fault) {
	if f.Operation != "" && !slices.ContainsFunc(Operations(), func(o Operation) bool { return "/"+f.Operation == o.Path || f.Operation == o.ID }) {
		a.report("Fail: there is no operation %q", f.Operation)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	a.noteFault(f)
	a.faults = append(a.faults, &f)
}

// Heal removes all faults and misdeliveries. It breaks the connections that a [Fault]
// keeps waiting, and begins to deliver the webhooks that a [Misdelivery] holds back.
func (a *API) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults, a.misdeliveries = nil, nil
	a.note(entry{actor: ActorService, act: "heals"})
	a.heal()
	a.unhealed, a.heal = context.WithCancel(a.stopping)
	for _, h := range a.outbox.held {
		h.behind, h.due = 0, time.Time{}
	}
	a.enqueueReady()
	a.startDelivering()
}

// matchingFault returns the fault for a call and counts it; nil if no fault
// matches.
func (a *API) matchingFault(c Call) *Fault {
	for _, f := range a.faults {
		switch {
		case f.Times == 0,
			f.Operation != "" && f.Operation != c.Operation && f.Operation != c.ID,
			f.Method != "" && f.Method != c.Method,
			!f.To.IsZero() && f.To.Key() != c.Recipient.Key(),
			f.Match != nil && !f.Match(c):
			continue
		case f.Skip > 0:
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

// applyFault carries a request out, with the fault that matches it, if any. The
// caller holds mu.
func (a *API) applyFault(c Call, r *request, carryOut func() answer) answer {
	f := a.matchingFault(c)
	if f == nil {
		return carryOut()
	}
	var got answer
	plain := f.Status == 0 && f.Body == "" // the answer itself stays as it is
	onlyDelay := plain && f.Delay > 0 && !f.Accepted && !f.Cut && !f.Drop && !f.Hang
	switch {
	case f.Dial:
		return answer{dial: true, delay: f.Delay}
	case f.Queued:
		if got = carryOut(); got.status == http.StatusOK {
			got = reply(http.StatusOK, object{"sent": a.sent(false), "jobId": a.id("job-"), "message": "Message is queued"})
		}
	case f.Undelivered != "":
		r.failure = f.Undelivered
		got = carryOut()
	case onlyDelay, (f.Cut || f.Stall) && plain:
		got = carryOut()
	default:
		if f.Accepted {
			carryOut()
		}
		got = failure(cmp.Or(f.Status, http.StatusInternalServerError), f.Body)
	}
	got.delay, got.cut, got.drop = f.Delay, f.Cut, f.Drop
	got.stall, got.hang, got.healed = f.Stall, f.Hang, a.unhealed.Done()
	got.header = f.Header.Clone()
	if f.RetryAfter > 0 {
		if got.header == nil {
			got.header = http.Header{}
		}
		got.header.Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	return got
}

// failure returns an answer with that status. If body is empty, it has the body
// that the service writes with that status.
func failure(status int, body string) answer {
	if body == "" {
		switch status {
		case http.StatusForbidden:
			body = "Channel subscription is blocked"
		case http.StatusTooManyRequests:
			body = `{"message":"rate limit"}`
		case http.StatusUnauthorized:
			body = `{"error":"invalid or expired token"}`
		case http.StatusInternalServerError:
			body = `{"error":"upstream"}`
		case http.StatusNotFound:
			body = `{"error":"Method not found"}`
		default:
			body = `{"error":` + strconv.Quote(cmp.Or(http.StatusText(status), "error")) + `}`
		}
	}
	return answer{status: status, content: contentOf(body), body: []byte(body)}
}

// contentOf returns the content type of a body, by its first character.
func contentOf(body string) string {
	switch first := strings.TrimSpace(body) + " "; first[0] {
	case '{', '[', '"':
		return "application/json"
	case '<':
		return "text/html; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}
