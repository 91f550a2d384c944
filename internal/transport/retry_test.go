package transport_test

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// How often a read reaches the network when every attempt ends alike.
func TestReadIsRepeatedWhereThatCanHelp(t *testing.T) {
	for name, tc := range map[string]struct {
		reply    func() (*http.Response, error)
		attempts int
	}{
		"408":                         {status(408), 3},
		"429":                         {status(429), 3},
		"500":                         {status(500), 3},
		"502":                         {status(502), 3},
		"503":                         {status(503), 3},
		"504":                         {status(504), 3},
		"501":                         {status(501), 1},
		"404":                         {status(404), 1},
		"a reset":                     {broken(io.ErrUnexpectedEOF), 3},
		"a cut body":                  {cut, 3},
		"a lookup that failed":        {broken(&net.DNSError{IsTemporary: true}), 3},
		"a name that is not there":    {broken(&net.DNSError{IsNotFound: true}), 1},
		"a certificate of nobody":     {broken(x509.UnknownAuthorityError{}), 1},
		"a reply of more than it may": {func() (*http.Response, error) { return body(zeros{}, nil), nil }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
					attempts++
					return tc.reply()
				})))
				_, _ = tr.Do(t.Context(), read(t, "https://api.test/ABC1/status"))
				assert.Equal(t, tc.attempts, attempts)
			})
		})
	}
}

// A caller who gives up during a pause gets his own error, not that of the
// attempt before; the attempt may have been carried out all the same.
func TestGivenUpDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		attempts := 0
		tr := transport.New(config(roundTripper(func(*http.Request) (*http.Response, error) {
			attempts++
			time.AfterFunc(time.Second/2, cancel)
			return nil, io.ErrUnexpectedEOF
		})))
		_, err := tr.Do(ctx, read(t, "https://api.test/ABC1/status"))
		assert.ErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		var failure *transport.Failure
		require.ErrorAs(t, err, &failure)
		assert.True(t, failure.GivenUp)
		assert.True(t, failure.Sent)
		assert.Equal(t, 1, attempts)
	})
}

// A caller who gives up in flight gets his own error, not that of the attempt's
// time.
func TestGivenUpInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := transport.New(config(roundTripper(hang))).Do(ctx, read(t, "https://api.test/ABC1/status"))
		assert.ErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

// The pause before attempt n+1 is random, from MinWait to MinWait·2ⁿ and at most
// MaxWait, and the same for the same seed.
func TestPausesDoubleAtMost(t *testing.T) {
	pauses := func(seed uint64) (list []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			c := config(roundTripper(func(*http.Request) (*http.Response, error) { return nil, io.EOF }))
			c.Seed, c.Attempts, c.MaxWait = seed, 6, 20*time.Second
			c.Wait = func(_ context.Context, _, reason string, d time.Duration) {
				assert.Equal(t, transport.WaitRetry, reason)
				list = append(list, d)
			}
			started := time.Now()
			_, err := transport.New(c).Do(t.Context(), read(t, "https://api.test/ABC1/status"))
			assert.ErrorIs(t, err, io.EOF)
			var sum time.Duration
			for _, d := range list {
				sum += d
			}
			assert.Equal(t, sum, time.Since(started))
		})
		return list
	}
	longest := make([]time.Duration, 5)
	for seed := uint64(1); seed <= 40; seed++ {
		list := pauses(seed)
		require.Len(t, list, 5)
		for n, d := range list {
			assert.GreaterOrEqual(t, d, time.Second, "seed %d, pause %d", seed, n+1)
			assert.LessOrEqual(t, d, min(time.Second<<(n+1), 20*time.Second), "seed %d, pause %d", seed, n+1)
			longest[n] = max(longest[n], d)
		}
	}
	for n, d := range longest {
		assert.Greater(t, d, min(time.Second<<(n+1), 20*time.Second)*3/4, "pause %d of 40 seeds", n+1)
	}
	assert.Equal(t, pauses(7), pauses(7))
	assert.NotEqual(t, pauses(7), pauses(8))
}

// What a header asks for is never less than nothing.
func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-7": 0, "9223372036854775807": 9223372036 * time.Second,
		"Thu, 01 Oct 2026 12:00:30 GMT": 30 * time.Second, "Thu, 01 Oct 2026 11:00:00 GMT": 0, "": -1, "soon": -1, "1.5": -1,
	} {
		got, ok := transport.RetryAfter(http.Header{"Retry-After": {value}}, now)
		assert.Equal(t, want >= 0, ok, value)
		assert.Equal(t, max(want, 0), got, value)
	}
}
