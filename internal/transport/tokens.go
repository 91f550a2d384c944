package transport

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
)

// SourceError is the failure of a token source. Nothing was sent.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return "the token source failed: " + e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// tokens is the token in use. With a source it is asked for when it is first
// needed, and again when the service has refused the one in use. It is reached
// through a pointer that no other struct shows to fmt: the layers hold closures.
type tokens struct {
	source func(context.Context) (string, error) // nil: the one token there is
	check  func(string) error                    // whether a token from the source can be this channel's
	scrub  *Scrubber

	asking chan struct{} // held by the one who asks the source

	current atomic.Pointer[issued] // changed by who is asking
}

// issued is one token.
type issued struct {
	token, query string // as it is, and as a query
	generation   int    // 0 before the first
}

func issue(token string, generation int) *issued {
	return &issued{token, "token=" + url.QueryEscape(token), generation}
}

func newTokens(c Config, scrub *Scrubber) *tokens {
	t := &tokens{source: c.Source, check: c.CheckToken, scrub: scrub, asking: make(chan struct{}, 1)}
	t.current.Store(&issued{})
	if c.Token != "" {
		t.current.Store(issue(c.Token, 1))
	}
	return t
}

// ready makes sure that there is a token.
func (t *tokens) ready(ctx context.Context) error {
	if t.current.Load().generation > 0 {
		return nil
	}
	_, err := t.renew(ctx, 0)
	return err
}

// renew asks the source for another token than the one of that generation, and
// reports whether there is one. Callers that come while it is asked wait for
// the same answer.
func (t *tokens) renew(ctx context.Context, used int) (renewed bool, err error) {
	if t.source == nil {
		return false, nil
	}
	select {
	case t.asking <- struct{}{}:
		defer func() { <-t.asking }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	old := t.current.Load()
	if old.generation != used {
		return true, nil
	}
	token, err := t.ask(ctx)
	if err != nil || old.generation > 0 && token == old.token {
		return false, err
	}
	t.scrub.Add(token)
	if t.check != nil {
		if err := t.check(token); err != nil {
			return false, &SourceError{err}
		}
	}
	t.current.Store(issue(token, old.generation+1))
	return true, nil
}

// ask calls the user's function, whose panic must not end the program.
func (t *tokens) ask(ctx context.Context) (token string, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = &SourceError{fmt.Errorf("it panicked: %v", caught)}
		}
	}()
	token, err = t.source(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", &SourceError{t.scrub.Error(err)}
	}
	return token, nil
}
