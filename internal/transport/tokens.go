package transport

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
)

// SourceError is the error of a token source. Nothing was sent.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return "the token source failed: " + e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// tokens holds the token in use. It asks the source, if there is one, when a
// token is first needed, and again after the service refused the token in use.
// fmt does not print it with other structs: they hold a pointer to it, and the
// layers closures.
type tokens struct {
	source func(context.Context) (string, error) // nil if there is only the token of Config
	check  func(string) error                    // checks a token from the source; may be nil
	scrub  *Scrubber

	asking chan struct{} // a mutex that a context can give up, held while the source is asked

	current atomic.Pointer[issued] // is changed under asking only
}

// issued is one token.
type issued struct {
	token, query string // plain, and as a query
	generation   int    // counts the tokens; 0 if there is none yet
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

// ready gets a token from the source if there is none yet.
func (t *tokens) ready(ctx context.Context) error {
	if t.current.Load().generation > 0 {
		return nil
	}
	_, err := t.renew(ctx, 0)
	return err
}

// renew asks the source for another token than the one of the generation used,
// and reports whether there is another one now. Callers that come while the
// source is asked wait for the same answer.
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
