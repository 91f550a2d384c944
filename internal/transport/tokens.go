package transport

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"

	"github.com/chatapi-go/chatapi/internal/until"
)

// SourceError is the error of a token source, which shows no text of the source,
// or of the check of its token.
type SourceError struct {
	Err     error
	Checked bool // Err is the one of Config.CheckToken
}

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
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	// A source that ignores the context holds up the calls after it, each until
	// its own context ends, and is not asked again before it has returned.
	got, returned := until.Call(ctx, func() (r renewal) {
		defer func() { <-t.asking }()
		r.renewed, r.err = t.replace(ctx, used)
		return r
	}, nil)
	if !returned {
		return false, context.Cause(ctx)
	}
	return got.renewed, got.err
}

type renewal struct {
	renewed bool
	err     error
}

// replace is renew while asking is held.
func (t *tokens) replace(ctx context.Context, used int) (renewed bool, err error) {
	old := t.current.Load()
	if old.generation != used {
		return true, nil
	}
	token, err := t.ask(ctx)
	if token != "" {
		t.scrub.Add(token)
	}
	if err != nil || old.generation > 0 && token == old.token {
		return false, err
	}
	if t.check != nil {
		if err := t.check(token); err != nil {
			return false, &SourceError{Err: err, Checked: true}
		}
	}
	t.current.Store(issue(token, old.generation+1))
	return true, nil
}

// ask calls the user's function, whose panic must not end the program.
func (t *tokens) ask(ctx context.Context) (token string, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			// The value may be the token, so only its type is shown.
			err = &SourceError{Err: fmt.Errorf("it panicked with a value of type %T", caught)}
		}
	}()
	token, err = t.source(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return token, context.Cause(ctx)
	case err != nil:
		return token, &SourceError{Err: newOpaque(err)}
	}
	return token, nil
}
