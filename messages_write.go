package chatapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// BeforeWrite calls before directly before each write of the request to the
// network, after all waits for [Pace] and the token. So an outbox that stores the
// attempt there knows that a message without a stored attempt was not written, even
// if the program is killed. Each repetition by the Client, and each request that a
// middleware makes, is a write of its own; [OneWrite] allows one. A nil function, and
// an earlier BeforeWrite of the same call, do nothing.
//
// An error of before refuses the write: nothing of it is written, and the call ends
// at once. The error is [ErrCanceled] with [RetryBackoff] and without Sent, since the
// message may be sent again; errors.Is finds the error of before, though none of this
// package's kinds in it, and its text is in Reason without the token. If an earlier
// write of the call may have reached the service, the error is [ErrOutcomeUnknown].
//
// The attempt is that of [UnderAttempt], if it is given. Else its Started is the
// instant of this write. The Receipt or the Error carries the attempt of the last
// write that before allowed. Use it for [Client.Resolve].
//
// before gets the context of the call with the deadline of [WithTimeout], which also
// counts its time, and no two run at once in one call. When that context ends, the
// Client waits a quarter of a second more, then writes nothing and ends the call. A
// before that ignores the context goes on alone, so it may still store an attempt that
// was never written: an outbox then resolves it. A panic of before goes on in the
// caller, with nothing written.
//
// Nothing is written past before: once a Client has sent with BeforeWrite or OneWrite,
// it refuses each request whose context a middleware replaced, with [ErrInvalid] and
// the Field "middleware". A middleware that answers by itself, or sends another way,
// is not seen.
func BeforeWrite(before func(ctx context.Context, attempt Attempt) error) PreparedOption {
	return func(o *preparedOptions) { o.before = before }
}

// OneWrite lets the call write its request to the network at most once, for an outbox
// that plans repetitions itself. The call ends with the first refusal (429, 503 with
// RetryPolicy.Trust503) or failed connection. The error and its RetryAfter are those of
// a call whose retries are used up, and the pace is adapted as ever. After a 401 the
// Client asks its token source for a new token, but the call ends with
// [ErrUnauthorized]: the Retry is [RetryBackoff] if the next call has another token.
// A second request by a middleware is refused.
func OneWrite() PreparedOption {
	return func(o *preparedOptions) { o.oneWrite = true }
}

// OnWait calls waits before each pause of the call, as the Wait of [Hooks] does, for a
// program that does something else meanwhile: for an outbox, a message that waits for its
// recipient ([WaitPair]) needs no place in the queue of the channel. Unlike a hook, waits
// is also called for a pause of the pace that the deadline of the context does not allow:
// the call then ends at once with [ErrCanceled]. waits runs in the goroutine of the call and delays
// it; its panic goes on in the caller. A nil function, and an earlier OnWait of the same
// call, do nothing.
func OnWait(waits func(WaitInfo)) PreparedOption {
	return func(o *preparedOptions) { o.waits = waits }
}

// writeHook calls the function of BeforeWrite and keeps the attempt of the last write.
type writeHook struct {
	before func(context.Context, Attempt) error
	stored bool // the attempt comes from UnderAttempt

	mu   sync.Mutex // a call may end before a function that ignores its context
	last Attempt
}

// ask asks for one write.
func (h *writeHook) ask(ctx context.Context) error {
	attempt := h.lastWrite()
	if !h.stored {
		attempt.Started = time.Now()
	}
	if err := h.before(ctx, attempt); err != nil {
		return kindless{err}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = attempt
	return nil
}

func (h *writeHook) lastWrite() Attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// kindless is an error that matches no ErrorKind: a program must not take the kind of
// another call's error for that of the send.
type kindless struct{ error }

func (e kindless) Is(target error) bool {
	_, kind := target.(ErrorKind)
	return !kind && errors.Is(e.error, target)
}

// refusedWrite returns the error of a call whose request was not given to the network
// because of BeforeWrite, or because a middleware would evade it; else nil.
func refusedWrite(failure *transport.Failure) *Error {
	e := &Error{Reason: failure.Err.Error(), Sent: failure.Sent, cause: failure.Err}
	refused, ok := errors.AsType[*transport.RefusedError](failure.Err)
	switch {
	case ok && failure.Sent:
		e.Kind, e.Retry = ErrOutcomeUnknown, RetryUnknown
		e.Sentence = "The program stopped the message before it was sent once more, so it is not known whether it went out."
		e.Advice = adviceLookUp()
	case ok && !failure.GivenUp:
		e.Kind, e.Retry, e.Reason = ErrCanceled, RetryBackoff, refused.Error()
		e.Sentence = "The program held the message back before anything was sent."
		e.Advice = "send it again once the reason is gone, which the function of BeforeWrite gave"
	case errors.Is(failure.Err, transport.ErrStray) && !failure.Sent && !failure.GivenUp:
		e = invalid("middleware", "replaces the request's context, so BeforeWrite and OneWrite cannot hold; "+
			"pass on the context that the request has")
		e.Sentence = "The program is set up in a way that hides which message a request belongs to, so nothing was sent."
		e.cause = failure.Err
	default:
		return nil
	}
	return e
}
