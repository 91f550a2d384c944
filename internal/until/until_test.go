package until_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/internal/until"
)

func TestCallEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			takes, took time.Duration
			ok          bool
		}{{time.Second, time.Second, true}, {2*time.Second + until.Grace/2, 2*time.Second + until.Grace/2, true}, {time.Hour, 2*time.Second + until.Grace, false}} {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			began, late := time.Now(), make(chan int, 1)
			got, ok := until.Call(ctx, func() int { time.Sleep(tc.takes); return 7 }, func(n int) { late <- n })
			cancel()
			assert.Equal(t, tc.ok, ok)
			assert.Equal(t, tc.took, time.Since(began))
			if ok {
				assert.Equal(t, 7, got)
			} else {
				assert.Equal(t, 7, <-late)
			}
		}
	})
}

// A panic, and the Goexit of a failed test, are those of the caller.
func TestCallPassesPanicsOn(t *testing.T) {
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		until.Call(t.Context(), func() int { panic(http.ErrAbortHandler) }, nil)
	})
	ended := make(chan bool)
	go func() {
		defer close(ended)
		until.Call(t.Context(), func() int { runtime.Goexit(); return 0 }, nil)
		t.Error("it went on")
	}()
	<-ended
}

func TestEnds(t *testing.T) {
	clone, _ := http.DefaultTransport.(*http.Transport)
	for name, tc := range map[string]struct {
		network http.RoundTripper
		ends    bool
	}{
		"zero":               {&http.Transport{}, true},
		"default":            {http.DefaultTransport, true},
		"clone of default":   {clone.Clone(), true},
		"a net.Dialer":       {&http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}, true},
		"a dialer":           {&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }}, false},
		"a TLS dialer":       {&http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }}, false},
		"a proxy's function": {&http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, io.EOF }}, false},
		"foreign":            {http.NewFileTransport(http.Dir(".")), false},
	} {
		assert.Equal(t, tc.ends, until.Ends(tc.network), name)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// hanging is a body whose methods return when it is released.
type hanging struct {
	released chan struct{}
	closed   *atomic.Bool
}

func (h hanging) Read([]byte) (int, error) { <-h.released; return 0, io.EOF }
func (h hanging) Close() error             { h.closed.Store(true); <-h.released; return errors.New("late") }

func TestTransportEndsReadAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := hanging{make(chan struct{}), &atomic.Bool{}}
		defer close(body.released)
		guarded := until.Transport(tripper(func(*http.Request) (*http.Response, error) { return &http.Response{Body: body}, nil }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost", nil)
		began := time.Now()
		resp, err := guarded.RoundTrip(r)
		assert.NoError(t, err)
		for range 2 {
			_, err = resp.Body.Read(make([]byte, 8))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.ErrorIs(t, resp.Body.Close(), context.DeadlineExceeded)
		assert.True(t, body.closed.Load())
		assert.Equal(t, time.Second+2*until.Grace, time.Since(began))
	})
}
