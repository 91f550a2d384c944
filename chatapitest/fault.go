package chatapitest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Fault makes requests fail. The first fields say which requests, the others
// how. Its zero value fails the next request with status 500.
type Fault struct {
	// Operation limits the fault to one operation, such as "sendMessage" or
	// "templates", Method to one method, To to one recipient, and Match to the
	// calls for which it returns true. All that are set must fit.
	Operation string
	Method    string
	To        chatapi.Recipient
	Match     func(Call) bool

	// Skip lets that many fitting requests pass first. Times is how many fail
	// then: 0 is one, a negative number all.
	Skip, Times int

	// Status and Body are the answer; 0 is 500, and an empty body is what the
	// service writes with that status: plain text for a 403, JSON else. Header
	// is added to the answer.
	Status int
	Body   string
	Header http.Header

	// RetryAfter is the header of that name, in whole seconds.
	RetryAfter time.Duration

	// Accepted carries the request out before it fails: the message goes out,
	// and the caller cannot know.
	Accepted bool

	// Queued answers a send with a job id, sent: false, and carries it out.
	Queued bool

	// Undelivered accepts a send properly and then reports a failed status with
	// that text; the customer does not receive it.
	Undelivered string

	// Delay holds the answer back. Alone, it is the only fault.
	Delay time.Duration

	// Cut breaks the connection in the middle of the answer; Drop breaks it
	// instead of an answer (nobody can tell whether the request was carried
	// out; it was only with Accepted); Dial lets no connection come about, so
	// that nothing is sent. Over a real port Dial is like Drop.
	Cut, Drop, Dial bool
}

// HTMLPage is what a proxy answers in the service's place; use it as
// Fault.Body with a status such as 502.
const HTMLPage = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"

// Fail makes fitting requests fail from now on. Faults are tried in the order
// in which they were given; the first that fits is applied. With an Operation
// that the fake does not serve, see [Operations], the test fails, since such a
// fault would never fit.
func (a *API) Fail(f Fault) {
	if f.Operation != "" && !slices.ContainsFunc(Operations(), func(o Operation) bool { return "/"+f.Operation == o.Path || f.Operation == o.ID }) {
		a.report("Fail: there is no operation %q", f.Operation)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	a.faults = append(a.faults, &f)
}

// Heal forgets all faults.
func (a *API) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// fault returns the fault for a call, if there is one, and counts it.
func (a *API) fault(c Call) *Fault {
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

// fail carries a request out, with a fault if one fits; mu is held.
func (a *API) fail(c Call, r *request, carryOut func() answer) answer {
	f := a.fault(c)
	if f == nil {
		return carryOut()
	}
	var got answer
	alone := f.Status == 0 && f.Body == "" && !f.Cut && !f.Drop && !f.Dial
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
	case alone && f.Delay > 0 && !f.Accepted, f.Cut && f.Status == 0 && f.Body == "":
		got = carryOut()
	default:
		if f.Accepted {
			carryOut()
		}
		got = failure(cmp.Or(f.Status, http.StatusInternalServerError), f.Body)
	}
	got.delay, got.cut, got.drop = f.Delay, f.Cut, f.Drop
	got.header = f.Header.Clone()
	if f.RetryAfter > 0 {
		if got.header == nil {
			got.header = http.Header{}
		}
		got.header.Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	return got
}

// failure is an answer with that status; an empty body is the service's own.
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

func contentOf(body string) string {
	switch first := strings.TrimSpace(body) + " "; first[0] {
	case '{', '[', '"':
		return "application/json"
	case '<':
		return "text/html; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}
