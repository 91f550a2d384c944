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

	"github.com/chatapi-go/chatapi/internal/errorcode"
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

	replied func(*transport.Reply) // is called with the reply; may be nil

	// before and oneWrite are rules for each write; see transport.Request.
	before   func(context.Context) error
	oneWrite bool
	waits    func(reason string, d time.Duration)
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
	if refusal := c.refusal(r.op, &reply); refusal != nil && reply.Status >= http.StatusOK {
		if r.once && c.undecided(reply.Status) {
			return openCall(refusal)
		}
		return c.explain(repeatable(refusal), r.path)
	}
	switch {
	case reply.Status < http.StatusOK:
		err = errors.New(notFinal(reply.Status))
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

// notFinal returns the reason of a reply below status 200. After 101 the service
// would speak another protocol than HTTP.
func notFinal(status int) string { return fmt.Sprintf("status %d is not the end of a reply", status) }

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
	return status >= 500 || status < 200
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
		Message: r.message, Recipient: r.recipient, Before: r.before, OneWrite: r.oneWrite, Wait: r.waits})
	if err != nil {
		return transport.Reply{}, c.unanswered(r, err)
	}
	if r.replied != nil {
		r.replied(&reply)
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
	if e := refusedWrite(failure); e != nil {
		return c.local(r.op, c.scrubbed(e))
	}
	if source, ok := errors.AsType[*transport.SourceError](failure.Err); ok {
		return c.noToken(r.op, source, failure)
	}
	e := &Error{Reason: failure.Err.Error(), Sent: failure.Sent, cause: failure.Err}
	switch {
	case failure.Sent && r.once:
		e.Kind, e.Retry = ErrOutcomeUnknown, RetryUnknown
		e.Sentence = "The connection broke before the service answered, so it is not known whether the message went out."
		e.Advice = adviceLookUp()
	case failure.TooLarge:
		e.Kind, e.Retry = ErrTooLarge, RetryNo
		e.Sentence = "The reply of the service was too large to read."
		e.Advice = "ask for less at a time"
	case failure.GivenUp:
		e = canceled(failure.Err, failure.Sent)
	default:
		e.Kind, e.Retry = ErrUnreachable, RetryBackoff
		e.Sentence = fmt.Sprintf("%s could not be reached.", c.base.Host)
		e.Advice = "check the host in the API URL and the network"
	}
	return c.local(r.op, c.scrubbed(e))
}

// adviceLookUp returns the advice of a send whose outcome is unknown, of which
// there is one wording.
func adviceLookUp() string {
	row, _ := errorcode.Lookup("http:500")
	return row.Advice
}

// noToken returns the error of a call for which the token source gave no token,
// or one that is not the channel's.
func (c *Client) noToken(op string, source *transport.SourceError, failure *transport.Failure) *Error {
	if foreign, ok := errors.AsType[*Error](source.Err); ok && source.Checked {
		wrong := *foreign // calls that wait for the same token share the error
		return c.local(op, &wrong)
	}
	e := &Error{Kind: ErrUnauthorized, Retry: RetryBackoff, Reason: failure.Err.Error(), Sent: failure.Sent, cause: failure.Err,
		Sentence: fmt.Sprintf("The program got no token for channel %s, so nothing was sent.", c.channel),
		Advice:   "check the place from which WithTokenSource reads the token, and log the error there: its text may hold a token and is not shown"}
	return c.local(op, e)
}

// endOf returns the error of a context that has ended, and its cause if the caller
// gave one.
func endOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// canceled returns the error of a call that the caller ended. cause matches the
// error of the caller's context.
func canceled(cause error, sent bool) *Error {
	e := &Error{Kind: ErrCanceled, Retry: RetryNo, Reason: cause.Error(), Sent: sent, cause: cause,
		Sentence: "The program gave the call up", Advice: "do nothing: the program gave the call up"}
	if errors.Is(cause, context.DeadlineExceeded) {
		e.Sentence, e.Advice = "The time that the program gave the call ran out", "give the call more time"
	}
	e.Sentence += " before anything was sent."
	if sent {
		e.Sentence = strings.Replace(e.Sentence, "before anything was sent", "before it was done", 1)
	}
	return e
}

// scrubbed removes the token from the texts of an error. The transport has
// removed it from the reply, but texts may be put together from parts.
func (c *Client) scrubbed(e *Error) *Error {
	for _, text := range []*string{&e.Reason, &e.Sentence, &e.Advice} {
		*text = c.transport.Scrub(*text)
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
