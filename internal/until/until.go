// Package until ends the wait for foreign code when a context ends, even if
// that code ignores the context and never returns.
package until

import (
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"sync/atomic"
	"time"
)

// Grace is how long Call waits after the end of the context. Code that heeds
// the context returns within this time and can still say how far it came.
const Grace = 250 * time.Millisecond

// outcome is the end of a function: a value, a panic or runtime.Goexit.
type outcome[T any] struct {
	value    T
	returned bool
	panicked any
}

// Call runs f in a goroutine of its own and returns its result. It returns false
// if f has not returned when the context has ended and Grace has passed. The
// goroutine then lives on until f returns, and late, if it is not nil, gets the
// result. A panic of f, or its runtime.Goexit, happens in the caller's goroutine.
func Call[T any](ctx context.Context, f func() T, late func(T)) (result T, ok bool) {
	done := make(chan outcome[T], 1)
	var taken atomic.Bool // by f's end or by the caller's giving up, whichever is first
	go func() {
		var o outcome[T]
		defer func() {
			if !o.returned {
				o.panicked = recover()
			}
			if taken.CompareAndSwap(false, true) {
				done <- o
			} else if o.returned && late != nil {
				late(o.value)
			}
		}()
		o.value = f()
		o.returned = true
	}()
	select {
	case o := <-done:
		return o.unwrap(), true
	case <-ctx.Done():
	}
	timer := time.NewTimer(Grace)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.unwrap(), true
	case <-timer.C:
	}
	if !taken.CompareAndSwap(false, true) {
		o := <-done
		return o.unwrap(), true
	}
	return result, false
}

func (o outcome[T]) unwrap() T {
	switch {
	case o.returned:
	case o.panicked != nil:
		panic(o.panicked)
	default:
		runtime.Goexit()
	}
	return o.value
}

// Mark is the argument of the method that marks a network end of this module, so
// that no other module can mark one.
type Mark struct{}

// Marked reports whether a network end is one of this module, the fake: it heeds
// the context, has to run in the goroutine of its caller, and reports its
// connections as net/http does.
func Marked(network http.RoundTripper) bool {
	_, ok := network.(interface{ HeedsContext(Mark) })
	return ok
}

// Ends reports whether a network end is known to return when the context of its
// request ends: net/http's own transport over connections of package net, and
// the fake. A dialer of somebody else may return connections whose Close never
// returns.
func Ends(network http.RoundTripper) bool {
	if Marked(network) {
		return true
	}
	t, ok := network.(*http.Transport)
	return ok && t.Dial == nil && t.DialTLS == nil && t.DialTLSContext == nil && //nolint:staticcheck // deprecated, and still used
		(t.DialContext == nil || same(t.DialContext, (&net.Dialer{}).DialContext)) &&
		(t.Proxy == nil || same(t.Proxy, http.ProxyFromEnvironment))
}

// same reports whether two functions have the same code. Method values of one
// method have the same code, whatever their receivers.
func same(a, b any) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }

// Transport returns a network end that returns when the context of a request
// ends, and whose bodies do so too. It returns network itself if that does so.
func Transport(network http.RoundTripper) http.RoundTripper {
	if Ends(network) {
		return network
	}
	return &guarded{network}
}

type guarded struct{ next http.RoundTripper }

type exchange struct {
	resp *http.Response
	err  error
}

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	got, ok := Call(ctx, func() (e exchange) {
		e.resp, e.err = g.next.RoundTrip(req) //nolint:bodyclose // the caller closes it, or the function below
		return e
	}, func(e exchange) {
		if e.resp != nil && e.resp.Body != nil {
			e.resp.Body.Close()
		}
	})
	if !ok {
		return nil, context.Cause(ctx)
	}
	if got.resp != nil && got.resp.Body != nil {
		got.resp.Body = &body{ctx: ctx, inner: got.resp.Body}
	}
	return got.resp, got.err
}

// body is a body whose Read and Close return when the context ends.
type body struct {
	ctx   context.Context
	inner io.ReadCloser
	space []byte // the inner body reads into it, since p may be reused after Read
}

type piece struct {
	n   int
	err error
}

func (b *body) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	if b.space == nil {
		b.space = make([]byte, 32<<10)
	}
	space := b.space[:min(len(p), len(b.space))]
	got, ok := Call(b.ctx, func() (r piece) {
		r.n, r.err = b.inner.Read(space)
		return r
	}, nil)
	if !ok {
		return 0, context.Cause(b.ctx)
	}
	return copy(p, space[:min(max(got.n, 0), len(space))]), got.err
}

func (b *body) Close() error {
	err, ok := Call(b.ctx, b.inner.Close, nil)
	if !ok {
		return context.Cause(b.ctx)
	}
	return err
}
