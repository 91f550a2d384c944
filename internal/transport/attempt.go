package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi/internal/until"
)

// attemptLayer gives one attempt its deadline, and reports it to the hooks, the
// logger and the pacer.
type attemptLayer struct {
	next    http.RoundTripper
	foreign bool // a layer below is neither ours nor net/http's and may change a header
	endless bool // a layer below may not return when the context ends
	config  *Config
	scrub   *Scrubber
	strays  *strays
}

func (l *attemptLayer) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	state := callFrom(req.Context())
	if state.Err() != nil {
		return nil, &attemptError{err: context.Cause(state), unsent: true}
	}
	state.attempts++
	started := time.Now()
	limited, cancel := context.WithDeadline(req.Context(), started.Add(l.config.Timeout))
	defer cancel()
	made := &attempt{Context: limited, call: state}
	ctx := context.Context(made)
	done := func(Result) {}
	if l.config.Attempt != nil {
		ctx, done = l.config.Attempt(ctx, state.request.Op, state.attempts)
		if at, bounded := ctx.Deadline(); !bounded || at.After(started.Add(l.config.Timeout)) {
			ctx = hooked{made, ctx} // the hook has lost the deadline
		}
		started = time.Now()
	}

	made.http = *req.WithContext(ctx)
	made.http.Host, made.http.Header = req.URL.Host, wantJSON
	if content := state.request.Body; content != nil {
		made.http.Header = sendJSON
		// net/http knows this in-memory body type and does not flush the header
		// before it.
		made.body.Reset(content)
		made.http.Body, made.http.ContentLength = io.NopCloser(&made.body), int64(len(content))
	}
	if l.foreign {
		made.http.Header = maps.Clone(made.http.Header)
	}
	resp, err = l.exchange(made)
	if errors.Is(err, ErrStray) && made.arrive() == nil {
		made.turnBack()
	}
	refused := state.refusal.Load()
	unsent := made.evidence.close(refused != nil) && (state.request.guarded() || !l.strays.came.Load())
	if err != nil {
		resp = nil
		if refused != nil {
			err = refused // whatever a middleware made of it
		}
		if limited.Err() != nil && state.Err() == nil {
			err = &timeoutError{after: l.config.Timeout}
			if refused != nil {
				err = fmt.Errorf("%w: %w", refused, err)
			}
		}
		err = &attemptError{err: l.scrub.Error(err), unsent: unsent}
	}
	l.report(state, resp, err, started, done)
	return resp, err
}

// exchange makes the request of an attempt and reads the reply. It returns when
// the context of the attempt ends, also if a layer below never returns.
func (l *attemptLayer) exchange(made *attempt) (*http.Response, error) {
	if !l.endless {
		return made.carry(l.next)
	}
	type exchanged struct {
		resp *http.Response
		err  error
	}
	got, returned := until.Call(made, func() (e exchanged) {
		e.resp, e.err = made.carry(l.next) //nolint:bodyclose // the caller of RoundTrip closes it
		return e
	}, nil)
	if !returned {
		return nil, context.Cause(made)
	}
	return got.resp, got.err
}

// carry returns a reply whose body is in memory.
func (a *attempt) carry(next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(&a.http)
	if err == nil && resp == nil {
		err = &neitherError{"transport"}
	}
	if err == nil {
		err = buffer(a, resp, nil)
	}
	if err != nil && resp != nil && resp.Body != nil {
		resp.Body.Close()
	}
	if err == nil && resp.StatusCode/100 == 3 {
		// http.Client makes an error of a redirect to a text that is no address.
		if _, wrong := a.http.URL.Parse(resp.Header.Get("Location")); wrong != nil {
			resp.Header = resp.Header.Clone()
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// report gives the result of an attempt to the hooks, the logger, the pacer and
// the retry layer. It classifies the reply only if one of them needs that.
func (l *attemptLayer) report(state *call, resp *http.Response, err error, started time.Time, done func(Result)) {
	logs := l.config.Logger != nil && l.config.Logger.Enabled(state, slog.LevelDebug)
	limited := resp != nil && resp.StatusCode == http.StatusTooManyRequests
	state.open = false
	if !logs && l.config.Attempt == nil && !(resp != nil && l.config.repeats(resp.StatusCode)) {
		return
	}
	result := Result{Err: err, Duration: time.Since(started)}
	switch body, _ := bodyOf(resp); {
	case l.config.Read == nil:
	case resp != nil:
		result.Status = resp.StatusCode
		result.Meaning = l.config.Read(&state.request, resp.StatusCode, resp.Header, body)
	default:
		result.Meaning = l.config.Unanswered(&state.request, state.failed(err, !unsent(err)))
	}
	state.open = resp != nil && result.Open
	if limited {
		l.config.Pacer.Learn(&state.request, result.Meaning)
	}
	done(result)
	if logs {
		l.log(state, result)
	}
}

// log writes the result of an attempt, without texts, recipients or query.
func (l *attemptLayer) log(state *call, r Result) {
	attrs := []slog.Attr{slog.String("op", state.request.Op), slog.Int("attempt", state.attempts), slog.Duration("took", r.Duration)}
	if r.Status != 0 {
		attrs = append(attrs, slog.Int("status", r.Status))
	}
	if r.Kind != "" {
		attrs = append(attrs, slog.String("kind", r.Kind), slog.String("retry", r.Retry))
	}
	if r.Code != 0 {
		attrs = append(attrs, slog.Int("code", r.Code))
	}
	if r.MessageID != "" {
		attrs = append(attrs, slog.String("message_id", r.MessageID))
	}
	if r.Err != nil {
		attrs = append(attrs, slog.String("error", r.Err.Error()))
	}
	l.config.Logger.LogAttrs(state, slog.LevelDebug, "chatapi request", attrs...)
}

// attemptError is the error of an attempt. unsent is set if it is proven that
// nothing of the request was written.
type attemptError struct {
	err    error
	unsent bool
}

func (e *attemptError) Error() string { return e.err.Error() }

func (e *attemptError) Unwrap() error { return e.err }

func unsent(err error) bool {
	var failed *attemptError
	return errors.As(err, &failed) && failed.unsent
}

// timeoutError means that the time of one attempt is over. It differs from the
// caller's deadline.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return "no reply within " + e.after.String() }

func (e *timeoutError) Timeout() bool { return true }

func (e *timeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded
}

// hooked is the context of an attempt with the values of a hook's context.
type hooked struct {
	*attempt
	values context.Context
}

func (h hooked) Value(key any) any {
	if value := h.values.Value(key); value != nil {
		return value
	}
	return h.attempt.Value(key)
}

// buffer reads the reply into memory, so that a cut or endless body is a
// failure of the attempt, under its deadline. It uses into, if that is not nil.
// It reads no body of a status below 200: after 101 there is no body but a
// connection, whose reads no context ends.
func buffer(ctx context.Context, resp *http.Response, into *buffered) error {
	if _, done := resp.Body.(*buffered); done {
		return nil
	}
	if into == nil {
		into = &buffered{}
	}
	if resp.StatusCode < http.StatusOK && resp.Body != nil {
		resp.Body.Close()
		resp.Body = nil
	}
	if resp.Body == nil {
		resp.Body = into
		return nil
	}
	data, err := readAll(ctx, resp.Body, resp.ContentLength)
	closeErr := resp.Body.Close()
	switch {
	case err != nil:
		return fmt.Errorf("reading the reply: %w", err)
	case len(data) > MaxBody:
		return errTooLarge
	case closeErr != nil && len(data) == 0:
		return fmt.Errorf("reading the reply: %w", closeErr)
	}
	into.hold(data)
	resp.Body = into
	return nil
}

// readAll reads up to one byte more than MaxBody, until the context ends. If the
// announced length is true, it allocates once.
func readAll(ctx context.Context, body io.Reader, announced int64) ([]byte, error) {
	if announced <= 0 {
		announced = 511
	}
	data := make([]byte, 0, min(announced, 64<<10)+1)
	for len(data) <= MaxBody {
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+min(max(n, 0), cap(data)-len(data))]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			return data, err
		case ctx.Err() != nil: // the body goes on and heeds no context
			return data, context.Cause(ctx)
		case len(data) == cap(data):
			data = slices.Grow(data, len(data))
		}
	}
	return data, nil
}

// bodyOf returns the body of a reply that buffer has read.
func bodyOf(resp *http.Response) ([]byte, bool) {
	if resp == nil {
		return nil, false
	}
	body, ok := resp.Body.(*buffered)
	if !ok {
		return nil, false
	}
	return body.data, true
}

// buffered is a body in memory.
type buffered struct {
	bytes.Reader
	data []byte
}

func (b *buffered) hold(data []byte) {
	b.data = data
	b.Reset(data)
}

func (*buffered) Close() error { return nil }
