package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// asking returns a send with that function before each write.
func asking(t *testing.T, before func(context.Context) error) transport.Request {
	r := send(t, "https://api.test/ABC1/sendMessage")
	r.Before = before
	return r
}

func allow(context.Context) error { return nil }

func failure(t *testing.T, err error) *transport.Failure {
	t.Helper()
	var f *transport.Failure
	require.ErrorAs(t, err, &f)
	return f
}

func through(wrap func(next http.RoundTripper, r *http.Request) (*http.Response, error)) []middleware {
	return []middleware{func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) { return wrap(next, r) })
	}}
}

// A guarded call whose context a middleware replaces is refused, with proof that
// nothing was written, and every later stray too. Without a guard it passes.
func TestStraysOfAGuardedCallAreRefused(t *testing.T) {
	for name, guard := range map[string]func(*transport.Request){
		"Before": func(r *transport.Request) { r.Before = allow }, "OneWrite": func(r *transport.Request) { r.OneWrite = true },
	} {
		reached, tries := 0, 0
		c := config(roundTripper(func(*http.Request) (*http.Response, error) { reached++; return ok() }))
		c.Middleware = through(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			tries++
			resp, err := next.RoundTrip(r.WithContext(context.WithoutCancel(context.Background())))
			if err != nil {
				err = fmt.Errorf("my middleware: %w", err)
			}
			return resp, err
		})
		tr := transport.New(c)
		plain := send(t, "https://api.test/ABC1/sendMessage")
		_, err := tr.Do(t.Context(), plain)
		require.NoError(t, err, name)
		guarded := plain
		guard(&guarded)
		_, err = tr.Do(t.Context(), guarded)
		assert.ErrorIs(t, err, transport.ErrStray, name)
		assert.False(t, failure(t, err).Sent, name)
		assert.Equal(t, 2, tries, name)
		_, err = tr.Do(t.Context(), plain)
		assert.ErrorIs(t, err, transport.ErrStray, name)
		assert.Equal(t, 1, reached, name)
	}
}

// A panic of Before goes on to the caller. If a middleware recovers it, the call
// ends as refused, however often the middleware asks again.
func TestPanicBeforeAWrite(t *testing.T) {
	reached, asked := 0, 0
	c := config(roundTripper(func(*http.Request) (*http.Response, error) { reached++; return ok() }))
	panics := asking(t, func(context.Context) error { asked++; panic("mine") })
	tr := transport.New(c)
	assert.PanicsWithValue(t, "mine", func() { _, _ = tr.Do(t.Context(), panics) })
	_, err := tr.Do(t.Context(), asking(t, allow))
	require.NoError(t, err)
	assert.Equal(t, 1, reached)

	c.Middleware = through(func(next http.RoundTripper, r *http.Request) (resp *http.Response, err error) {
		for range 3 {
			func() {
				defer func() { _ = recover() }()
				resp, err = next.RoundTrip(r)
			}()
		}
		return nil, errors.New("the handler panicked")
	})
	_, err = transport.New(c).Do(t.Context(), panics)
	var refused *transport.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Contains(t, err.Error(), "did not return")
	assert.False(t, failure(t, err).Sent)
	assert.Equal(t, 1, reached)
	assert.Equal(t, 2, asked)
}

// A refusal ends the call: no other attempt, no other token, and no other request
// of a middleware. What was written before it counts.
func TestARefusedWriteEndsTheCall(t *testing.T) {
	for name, tc := range map[string]struct {
		repeats  int // requests of the middleware in each attempt
		reply    func() (*http.Response, error)
		allowed  int // writes
		sent     bool
		attempts int
	}{
		"the first":                        {1, status(429), 0, false, 1},
		"after a 429":                      {1, status(429), 1, false, 2},
		"after a 401":                      {1, status(401), 1, false, 2},
		"a middleware's first":             {3, status(429), 0, false, 1},
		"a middleware's second, of a loss": {3, broken(errors.New("lost")), 1, true, 1},
		"a middleware's second, of a 429":  {3, status(429), 1, true, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			written, attempts, sources := 0, 0, 0
			mine := errors.New("the claim is lost")
			c := config(roundTripper(func(*http.Request) (*http.Response, error) { written++; return tc.reply() }))
			c.Source = func(context.Context) (string, error) { sources++; return fmt.Sprint("another-token-", sources), nil }
			c.Middleware = through(func(next http.RoundTripper, r *http.Request) (resp *http.Response, err error) {
				attempts++
				for range tc.repeats {
					resp, err = next.RoundTrip(r)
				}
				return resp, err
			})
			_, err := transport.New(c).Do(t.Context(), asking(t, func(context.Context) error {
				if written < tc.allowed {
					return nil
				}
				return mine
			}))
			assert.ErrorIs(t, err, mine, name)
			var refused *transport.RefusedError
			require.ErrorAs(t, err, &refused, name)
			assert.Equal(t, tc.sent, failure(t, err).Sent, name)
			assert.Equal(t, tc.allowed, written, name)
			assert.Equal(t, tc.attempts, attempts, name)
		})
	}
}

// With OneWrite a call writes once, whatever the service and the middleware do. What
// the network proves of the one write counts.
func TestOneWrite(t *testing.T) {
	refused := func() (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: errors.New("refused")} }
	for name, tc := range map[string]struct {
		repeats int
		reply   func() (*http.Response, error)
		status  int // 0 is a failure
	}{
		"429": {1, status(429), 429}, "503": {1, status(503), 503}, "401": {1, status(401), 401}, "200": {1, ok, 200},
		"lost": {1, refused, 0}, "repeated": {2, ok, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			written, asked, sources := 0, 0, 0
			c := config(roundTripper(func(*http.Request) (*http.Response, error) { written++; return tc.reply() }))
			c.Trust503 = true
			c.Source = func(context.Context) (string, error) { sources++; return "another-token", nil }
			c.Middleware = through(func(next http.RoundTripper, r *http.Request) (resp *http.Response, err error) {
				for range tc.repeats {
					resp, err = next.RoundTrip(r)
				}
				return resp, err
			})
			r := asking(t, func(context.Context) error { asked++; return nil })
			r.OneWrite = true
			reply, err := transport.New(c).Do(t.Context(), r)
			assert.Equal(t, 1, written, name)
			assert.Equal(t, 1, asked, name)
			if tc.status == 0 {
				assert.True(t, failure(t, err).Sent, name)
				return
			}
			require.NoError(t, err, name)
			assert.Equal(t, tc.status, reply.Status, name)
			assert.Equal(t, tc.status == 401, reply.Renewed, name)
			assert.Equal(t, map[bool]int{true: 1}[tc.status == 401], sources, name)
		})
	}
}

// With OneWrite a connection that is refused is not tried again, with proof that
// nothing was written.
func TestOneWriteOfARefusedConnection(t *testing.T) {
	dials := 0
	c := config(&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials++
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}})
	r := send(t, "http://api.test/ABC1/sendMessage")
	r.OneWrite = true
	_, err := transport.New(c).Do(t.Context(), r)
	assert.False(t, failure(t, err).Sent)
	assert.Equal(t, 1, dials)
}

// Two requests of a middleware at once ask one after the other.
func TestBeforeRunsOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, asked, written atomic.Int32
		c := config(roundTripper(func(*http.Request) (*http.Response, error) { written.Add(1); return ok() }))
		c.Middleware = through(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			var group sync.WaitGroup
			for range 5 {
				group.Go(func() { _, _ = next.RoundTrip(r.Clone(r.Context())) })
			}
			group.Wait()
			return ok()
		})
		_, err := transport.New(c).Do(t.Context(), asking(t, func(context.Context) error {
			assert.EqualValues(t, 1, running.Add(1))
			time.Sleep(time.Millisecond)
			running.Add(-1)
			asked.Add(1)
			return nil
		}))
		require.NoError(t, err)
		assert.EqualValues(t, 5, asked.Load())
		assert.EqualValues(t, 5, written.Load())
	})
}

// A Before that never returns ends the call a moment after its attempt or its
// caller, and nothing is written, also when it allows the write afterwards.
func TestBeforeThatIgnoresItsContext(t *testing.T) {
	for name, canceled := range map[string]bool{"the attempt's time": false, "the caller's": true} {
		synctest.Test(t, func(t *testing.T) {
			release, reached := make(chan struct{}), 0
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if canceled {
				time.AfterFunc(time.Second, cancel)
			}
			tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) { reached++; return ok() })))
			began := time.Now()
			_, err := tr.Do(ctx, asking(t, func(context.Context) error { <-release; return nil }))
			f := failure(t, err)
			assert.Equal(t, canceled, f.GivenUp, name)
			assert.False(t, f.Sent, name)
			assert.ErrorIs(t, err, map[bool]error{true: context.Canceled, false: context.DeadlineExceeded}[canceled], name)
			var refused *transport.RefusedError
			assert.ErrorAs(t, err, &refused, name)
			assert.Less(t, time.Since(began), 6*time.Second, name)
			close(release)
			synctest.Wait()
			assert.Zero(t, reached, name)
		})
	}
}

// A Before that heeds its context, and one that allows the write too late, write
// nothing. A middleware that does not wait for Before writes nothing later either.
func TestWritesAfterTheEnd(t *testing.T) {
	for name, before := range map[string]func(context.Context) error{
		"heeds":    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"too late": func(ctx context.Context) error { <-ctx.Done(); return nil },
	} {
		for _, way := range []string{"waits", "waits and goes on", "does not wait"} {
			synctest.Test(t, func(t *testing.T) {
				reached := 0
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				c := config(roundTripper(func(*http.Request) (*http.Response, error) { reached++; return ok() }))
				c.Attempts = 1
				c.Middleware = through(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
					endless := r.WithContext(context.WithoutCancel(r.Context()))
					switch way {
					case "waits":
						return next.RoundTrip(r)
					case "waits and goes on":
						return next.RoundTrip(endless)
					}
					go func() { _, _ = next.RoundTrip(endless) }()
					time.Sleep(time.Millisecond)
					return nil, errors.New("no time")
				})
				_, err := transport.New(c).Do(ctx, asking(t, before))
				assert.False(t, failure(t, err).Sent, "%s, %s", name, way)
				time.Sleep(time.Minute)
				assert.Zero(t, reached, "%s, %s", name, way)
			})
		}
	}
}

// The text of a refusal has no token, and no verb of fmt prints the error of Before.
func TestRefusalsShowNoToken(t *testing.T) {
	mine := fmt.Errorf("the store said %s: %w", token, errors.ErrUnsupported)
	tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) { return ok() })))
	_, err := tr.Do(t.Context(), asking(t, func(context.Context) error { return mine }))
	require.Error(t, err)
	assert.ErrorIs(t, err, mine)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	assert.Contains(t, err.Error(), "BeforeWrite refused: the store said "+transport.Redacted)
	for _, inner := range []error{err, errors.Unwrap(err)} {
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", inner, inner, inner), token)
	}
}

// lingering is a context whose first Err tells that it was asked, and waits.
type lingering struct {
	context.Context
	asked, until chan struct{}
	once         *sync.Once
}

func (l lingering) Err() error {
	l.once.Do(func() { close(l.asked); <-l.until })
	return l.Context.Err()
}

// A request that came to the token layer and is not on the network yet proves
// nothing when its attempt ends: the middleware may have sent the message.
func TestARequestUnderWayProvesNothing(t *testing.T) {
	reached, attempts := 0, 0
	until, over := make(chan struct{}), make(chan struct{})
	c := config(roundTripper(func(*http.Request) (*http.Response, error) { reached++; return ok() }))
	c.Middleware = through(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		attempts++
		ctx := lingering{r.Context(), make(chan struct{}), until, &sync.Once{}}
		go func() {
			defer close(over)
			_, _ = next.RoundTrip(r.WithContext(ctx))
		}()
		<-ctx.asked
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	})
	_, err := transport.New(c).Do(t.Context(), asking(t, allow))
	close(until)
	<-over
	assert.True(t, failure(t, err).Sent)
	assert.Equal(t, 1, attempts)
	assert.Zero(t, reached)
}
