package chatapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// request describes one call of the API.
type request struct {
	op     string // the Go method, for errors, hooks and logs
	method string
	path   string // below the base URL, escaped
	query  url.Values
	body   any    // is marshaled to JSON, but for json.RawMessage; nil is no body
	raw    []byte // a body that is JSON already

	// once is set if a second execution would do harm; see transport.Request.
	once bool

	// message is set for messages, which are paced. recipient is then the key of
	// the recipient.
	message   bool
	recipient string
}

// call carries out a request that is not a send, and fills out, if not nil, from
// the reply's body. The error is an *Error, also for a refusal with status 200.
// If the request must not be repeated, a reply that is neither a success nor a
// refusal is ErrOutcomeUnknown.
func (c *Client) call(ctx context.Context, r request, out any) (err error) {
	done := c.watch(false)
	defer func() { done(err) }()
	reply, failed := c.exchange(ctx, r)
	if failed != nil {
		if r.once && failed.Kind == ErrOutcomeUnknown {
			return openCall(failed)
		}
		return failed
	}
	if refusal := c.refusal(r.op, &reply); refusal != nil {
		if r.once && c.undecided(reply.Status) {
			return openCall(refusal)
		}
		return c.explain(repeatable(refusal), r.path)
	}
	switch {
	case out != nil:
		err = decodeReply(reply.Body, out)
	case len(bytes.TrimSpace(reply.Body)) > 0 && !json.Valid(reply.Body):
		err = errors.New("the body is not JSON")
	}
	switch {
	case err == nil:
		return nil
	case r.once:
		return openCall(c.notJSON(r.op, &reply, err))
	}
	return repeatable(c.notJSON(r.op, &reply, err))
}

// repeatable adapts e to a call that may be repeated without harm. The advice of
// the catalogue is meant for sends.
func repeatable(e *Error) *Error {
	if e.Kind == ErrUnavailable && e.HTTPStatus != 0 {
		e.Retry, e.Advice = RetryBackoff, "try again later"
	}
	return e
}

// undecided reports whether the service may have acted although it answered
// with this status.
func (c *Client) undecided(status int) bool {
	switch status {
	case http.StatusRequestTimeout:
		return true
	case http.StatusNotImplemented:
		return false
	case http.StatusServiceUnavailable:
		return !c.trust503
	}
	return status >= 500
}

// openCall turns e into ErrOutcomeUnknown, for a call other than a send that
// may or may not have been carried out. It matches no other kind.
func openCall(e *Error) *Error {
	if e.HTTPStatus != 0 {
		e.cause = nil
	}
	e.Kind, e.Retry = ErrOutcomeUnknown, RetryUnknown
	e.Sentence = "It is not known whether the service has carried out the request."
	e.Advice = "check whether it was carried out before you repeat it"
	return e
}

// local puts the operation and the client's channel on an error. The client may
// be nil.
func (c *Client) local(op string, e *Error) *Error {
	return e.in(op, c.ChannelID())
}

// exchange sends a request and returns the reply, whatever it says. The error
// means that the request could not be encoded or that no reply came.
func (c *Client) exchange(ctx context.Context, r request) (transport.Reply, *Error) {
	if c == nil || c.transport == nil {
		return transport.Reply{}, c.local(r.op, noClient())
	}
	if ctx == nil {
		return transport.Reply{}, c.local(r.op, invalid("ctx", "is nil; use context.Background()"))
	}
	address := c.address(r.path)
	address.RawQuery = r.query.Encode()
	body := r.raw
	switch given := r.body.(type) {
	case nil:
	case json.RawMessage:
		body = given
	default:
		var err error
		if body, err = json.Marshal(given); err != nil {
			return transport.Reply{}, c.local(r.op, invalid("body", "cannot be written as JSON: "+err.Error()))
		}
	}
	reply, err := c.transport.Do(ctx, transport.Request{Op: r.op, Method: r.method, URL: address, Body: body, Once: r.once,
		Message: r.message, Recipient: r.recipient})
	if err != nil {
		return transport.Reply{}, c.unanswered(r, err)
	}
	return reply, nil
}

// address returns the URL of a path below the channel's.
func (c *Client) address(path string) url.URL {
	if strings.ContainsAny(path, "%./") { // escaped, or with several segments
		return *c.base.JoinPath(path)
	}
	u := *c.base
	u.Path += "/" + path
	return u
}

// unanswered returns the *Error for a call that got no reply.
func (c *Client) unanswered(r request, err error) *Error {
	failure, ok := errors.AsType[*transport.Failure](err)
	if !ok {
		return c.local(r.op, &Error{Kind: ErrUnreachable, Reason: err.Error(), cause: err})
	}
	e := c.local(r.op, &Error{Reason: failure.Err.Error(), cause: failure.Err})
	if foreign, ok := errors.AsType[*Error](failure.Err); ok { // from checkToken
		wrong := *foreign // calls that wait for the same token share the error
		return c.local(r.op, &wrong)
	}
	if _, ok := errors.AsType[*transport.SourceError](failure.Err); ok {
		e.Kind, e.Retry = ErrUnauthorized, RetryBackoff
		e.Sentence = fmt.Sprintf("The program got no token for channel %s, so nothing was sent.", c.channel)
		e.Advice = "check the place from which WithTokenSource reads the token"
		return e
	}
	switch {
	case failure.Sent && r.once:
		e.Kind, e.Retry = ErrOutcomeUnknown, RetryUnknown
		e.Sentence = "The connection broke before the service answered, so it is not known whether the message went out."
		e.Advice = "look it up before you send it again"
	case failure.TooLarge:
		e.Kind, e.Retry = ErrTooLarge, RetryNo
		e.Sentence = "The reply of the service was too large to read."
		e.Advice = "ask for less at a time"
	case failure.GivenUp && !failure.Sent:
		e.Kind, e.Retry = ErrUnavailable, RetryBackoff
		e.Sentence = "The call was canceled, or its time ran out, before anything was sent."
	default:
		e.Kind, e.Retry = ErrUnreachable, RetryBackoff
		e.Sentence = fmt.Sprintf("%s could not be reached.", c.base.Host)
		e.Advice = "check the host in the API URL and the network"
	}
	return e
}

// callResult is the result of one call, for the health of its channel.
type callResult struct {
	began time.Time
	send  bool
	err   error
}

// watch begins a call and returns the function to call at its end.
func (c *Client) watch(send bool) func(error) {
	if c == nil || c.observe == nil {
		return func(error) {}
	}
	began := time.Now()
	return func(err error) { c.observe(callResult{began, send, err}) }
}

// service is the part that all services share: the client they call through. The
// client is nil in a Client that New did not make; every call then fails.
type service struct{ client *Client }

func (s service) call(ctx context.Context, r request, out any) error {
	return s.client.call(ctx, r, out)
}

// refuse returns the error of a check that failed before anything was sent.
func (s service) refuse(op string, e *Error) error { return s.client.local(op, e) }

// decode fills out from a reply that call has kept as raw JSON.
func (s service) decode(op string, raw json.RawMessage, out any) error {
	if err := decodeReply(raw, out); err != nil {
		return s.unreadable(op, raw, err)
	}
	return nil
}

// unreadable returns the error of a reply that is JSON without the parts that
// this call expects.
func (s service) unreadable(op string, raw json.RawMessage, cause error) *Error {
	return s.client.notJSON(op, &transport.Reply{Status: http.StatusOK, Body: raw}, cause)
}

// rows returns the elements of a list that comes bare or under one of several
// names. An empty object is an empty list. Any other object without one of the
// names is an error.
func (s service) rows(op string, raw json.RawMessage, names ...string) ([]json.RawMessage, error) {
	if isObject(raw) {
		var members map[string]json.RawMessage
		if err := s.decode(op, raw, &members); err != nil {
			return nil, err
		}
		found := len(members) == 0
		for _, name := range names {
			if list, ok := members[name]; ok {
				raw, found = list, true
				break
			}
		}
		if !found {
			return nil, s.unreadable(op, raw, errors.New("it has no list named "+strings.Join(names, ", ")))
		}
		if len(members) == 0 || string(bytes.TrimSpace(raw)) == "null" {
			return nil, nil
		}
	}
	var list []json.RawMessage
	if err := s.decode(op, raw, &list); err != nil {
		return nil, err
	}
	return list, nil
}

// sleep pauses for d. If the context ends first, sleep returns its error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
