package transport

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/chatapi-go/chatapi/internal/until"
)

// RefusedError means that Request.Before refused a write, so that nothing of it
// was written. Its text has no token. It wraps no error, since the one of Before
// may hold a token: errors.Is finds that error, and errors.As does not.
type RefusedError struct {
	text string
	is   func(target error) bool // a closure, so that no verb of fmt prints the error
}

func (e *RefusedError) Error() string { return "BeforeWrite refused: " + e.text }

// Is reports whether the error of the hook is that target.
func (e *RefusedError) Is(target error) bool { return e.is(target) }

func refuse(scrub *Scrubber, err error) *RefusedError {
	return &RefusedError{scrub.Foreign(err).Error(), func(target error) bool { return errors.Is(err, target) }}
}

// errNoAnswer is the refusal of a Before that panics, or that the attempt does not
// wait for any longer.
var errNoAnswer = errors.New("it did not return")

// ErrStray is the error of a request that the token layer refuses because it
// cannot tell the attempt, and so neither its Before nor its OneWrite.
var ErrStray = errors.New("a middleware replaces the request's context, so BeforeWrite and OneWrite cannot hold")

// errSecondWrite is the error of a second request in a call with OneWrite.
var errSecondWrite = errors.New("OneWrite allows one request; a middleware must not make another one")

// strays counts the requests whose attempt is not known, because a middleware has
// replaced the context.
type strays struct {
	came atomic.Bool // set when one was written

	// refused is set by the first guarded call, and stays set: a request of that
	// call may come at any time.
	refused atomic.Bool
}

// guarded reports whether a rule of the call holds for each of its writes, so that
// no write may escape it.
func (r *Request) guarded() bool { return r.Before != nil || r.OneWrite }

// final reports whether the call makes no other attempt, whatever the last one
// met.
func (c *call) final() bool { return c.request.OneWrite || c.refusal.Load() != nil }

// admit lets a request pass to the network end, or returns the error in its place.
// Nothing of the request is written before.
func (a *attempt) admit(ctx context.Context) error {
	if err := a.arrive(); err != nil {
		return err
	}
	err := error(nil)
	if a.call.request.Before != nil {
		err = a.call.ask(a)
		switch {
		case err != nil:
		case a.Err() != nil:
			err = context.Cause(a)
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		a.turnBack()
	}
	return err
}

// turnBack records that a request that came does not go to the network.
func (a *attempt) turnBack() {
	a.evidence.mu.Lock()
	defer a.evidence.mu.Unlock()
	a.evidence.waiting--
}

// arrive counts a request that came to the token layer. It returns an error if
// the attempt is over, or if the call has made its one request.
func (a *attempt) arrive() error {
	e := &a.evidence
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.over:
		return errOver
	case a.call.request.OneWrite && e.started > 0:
		return errSecondWrite
	}
	e.started++
	e.waiting++
	return nil
}

// ask calls Before for one write. A refusal ends the call: it stands for every
// later request. The functions of one call run one after another. One that ignores
// its context goes on alone once the attempt has ended, and counts as a refusal.
func (c *call) ask(a *attempt) error {
	select {
	case c.asking <- struct{}{}:
	case <-a.Done():
		return context.Cause(a)
	}
	defer func() { <-c.asking }()
	if refused := c.refusal.Load(); refused != nil {
		return refused
	}
	scrub := c.transport.scrub
	c.refusal.Store(refuse(scrub, errNoAnswer)) // stands after a panic and after the end of the wait
	err, returned := until.Call(a, func() error { return c.request.Before(a.http.Context()) }, nil)
	switch {
	case !returned:
	case err != nil:
		c.refusal.Store(refuse(scrub, err))
	default:
		c.refusal.Store(nil)
		return nil
	}
	return c.refusal.Load()
}
