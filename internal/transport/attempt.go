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
)

// attemptLayer gives one attempt its deadline, and reports it to the hooks, the
// logger and the pacer.
type attemptLayer struct {
	next    http.RoundTripper
	foreign bool // a layer below is neither ours nor net/http's and may change a header
	config  *Config
	scrub   *Scrubber
}

func (l *attemptLayer) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	state := callFrom(req.Context())
	state.attempts++
	started := time.Now()
	limited, cancel := context.WithDeadline(req.Context(), started.Add(l.config.Timeout))
	defer cancel()
	made := &attempt{Context: limited, call: state}
	ctx := context.Context(made)
	done := func(Result) {}
	if l.config.Attempt != nil {
		ctx, done = l.config.Attempt(ctx, state.request.Op, state.attempts)
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
	resp, err = l.next.RoundTrip(&made.http)
	if err == nil && resp == nil {
		err = errors.New("the transport returned neither a reply nor an error")
	}
	if err == nil {
		err = buffer(resp, nil)
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		resp = nil
		if ctx.Err() != nil && state.Err() == nil {
			err = &timeoutError{after: l.config.Timeout}
		}
		err = &attemptError{err: l.scrub.Error(err), unsent: made.evidence.unsent()}
	}
	l.report(state, resp, err, started, done)
	return resp, err
}

// report gives the result of an attempt to the hooks, the logger and the pacer.
// It classifies the reply only if one of them needs that.
func (l *attemptLayer) report(state *call, resp *http.Response, err error, started time.Time, done func(Result)) {
	logs := l.config.Logger != nil && l.config.Logger.Enabled(state, slog.LevelDebug)
	limited := resp != nil && resp.StatusCode == http.StatusTooManyRequests
	if !logs && !limited && l.config.Attempt == nil {
		return
	}
	result := Result{Err: err, Duration: time.Since(started)}
	if resp != nil {
		result.Status = resp.StatusCode
		if body, ok := resp.Body.(*buffered); ok && l.config.Read != nil {
			result.Meaning = l.config.Read(&state.request, resp.StatusCode, resp.Header, body.data)
		}
	}
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

// buffer reads the reply into memory, so that a cut or endless body is a
// failure of the attempt, under its deadline. It uses into, if that is not nil.
func buffer(resp *http.Response, into *buffered) error {
	if _, done := resp.Body.(*buffered); done {
		return nil
	}
	if into == nil {
		into = &buffered{}
	}
	if resp.Body == nil {
		resp.Body = into
		return nil
	}
	data, err := readAll(resp.Body, resp.ContentLength)
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

// readAll reads up to one byte more than MaxBody. If the announced length is
// true, it allocates once.
func readAll(body io.Reader, announced int64) ([]byte, error) {
	if announced <= 0 {
		announced = 511
	}
	data := make([]byte, 0, min(announced, 64<<10)+1)
	for len(data) <= MaxBody {
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			return data, err
		case len(data) == cap(data):
			data = slices.Grow(data, len(data))
		}
	}
	return data, nil
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
