package chatapi

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Option changes a [Client] in [New].
type Option func(*config) error

type config struct {
	network    http.RoundTripper
	middleware []func(http.RoundTripper) http.RoundTripper
	bearer     bool
	timeout    time.Duration
	retry      RetryPolicy
	pace       Pace
	logger     *slog.Logger
	files      http.RoundTripper
	tokens     func(context.Context) (string, error)
	hooks      []Hooks
}

// WithHTTPClient replaces the network end, which has to see the token: a
// transport that traces or logs addresses would record it there, and belongs
// into [WithMiddleware] instead. Only the client's Transport is used (nil is
// http.DefaultTransport); its Timeout, Jar and CheckRedirect are not, because
// deadlines are per attempt and redirects are refused. Use it for a proxy, own
// certificates, or the fake.
//
// Without this option each Client has a clone of http.DefaultTransport with 64
// idle connections to the service instead of 2.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return invalid("WithHTTPClient", "is nil")
		}
		c.network = client.Transport
		if c.network == nil {
			c.network = http.DefaultTransport
		}
		return nil
	}
}

// WithMiddleware wraps every attempt to reach the service; tracing and logging
// go here. The request that a middleware sees has no token, neither in its
// address nor in a header, and the reply and errors are scrubbed. The first
// middleware given is the outermost. A middleware must not repeat a request:
// the Client decides that.
func WithMiddleware(wrap func(next http.RoundTripper) http.RoundTripper) Option {
	return func(c *config) error {
		if wrap == nil {
			return invalid("WithMiddleware", "is nil")
		}
		c.middleware = append(c.middleware, wrap)
		return nil
	}
}

// WithBearerToken sends the token in the Authorization header instead of the
// query parameter "token". The current service takes both (contract,
// "Authentication"; the header is documented for 2026 only).
func WithBearerToken() Option {
	return func(c *config) error { c.bearer = true; return nil }
}

// WithTimeout bounds each attempt, reading the reply included; the default is
// 30 seconds. The whole call is bounded by its context.
func WithTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return invalid("WithTimeout", "must be more than 0")
		}
		c.timeout = d
		return nil
	}
}

// RetryPolicy says how often and how fast a call is tried again. The zero RetryPolicy is
// the default: 3 attempts in all, pauses from 800 ms that double with jitter
// up to 30 s.
type RetryPolicy struct {
	// Attempts is the number of tries in all; 1 is no retry, 0 the default 3.
	Attempts int

	// MinWait is the first pause and MaxWait the longest. A Retry-After beyond
	// MaxWait is not slept through: the error returns at once and carries it
	// in Error.RetryAfter.
	MinWait, MaxWait time.Duration

	// Trust503 says that a 503 from this service means that nothing was
	// accepted, so that a send may be repeated after it. By default the
	// outcome is unknown, since a proxy in between may answer 503 as well.
	Trust503 bool

	// Seed makes pauses and attempt ids repeatable in tests; 0 is random.
	Seed uint64
}

// WithRetry replaces the retry policy.
func WithRetry(r RetryPolicy) Option {
	return func(c *config) error {
		if r.Attempts < 0 || r.MinWait < 0 || r.MaxWait < 0 {
			return invalid("WithRetry", "has a negative value")
		}
		c.retry = r
		return nil
	}
}

// WithTokenSource asks source for the token when it is first needed, and once
// more after the service has refused the one in use (401): the call is then
// repeated with the new one, a send too, because a refused token proves that
// nothing was sent. That is how a token is rotated without a restart. Calls that
// wait for the source share one answer, and each waits no longer than its
// context. A token given to [New] is used first.
//
// An error of the source fails the call with [ErrUnauthorized], nothing is sent.
// A token that names another channel is [ErrWrongChannel]. Every token that the
// source gave is kept out of errors and logs, the newest 64 of them.
func WithTokenSource(source func(ctx context.Context) (string, error)) Option {
	return func(c *config) error {
		if source == nil {
			return invalid("WithTokenSource", "is nil")
		}
		c.tokens = source
		return nil
	}
}

// Pace limits how fast a Client sends messages; other calls are not limited.
// The zero Pace is no limit.
type Pace struct {
	// PerSecond is the sustained number of messages per second; 0 is no limit.
	// WhatsApp takes 80 a second and number by default, up to 1,000 after an
	// upgrade, 20 where the number is used in the phone app too; the service's
	// own figure is not published.
	//
	// The rate adapts: when the service says that it is too high (status 429 or
	// code 130429), it is halved, at most once a second and down to a 32nd, and
	// grows back by a twentieth of PerSecond for each second without a complaint.
	PerSecond float64

	// Burst is how many may go out at once; 0 is 1.
	Burst int

	// Pair is how far apart messages to one recipient go when they come one
	// after the other; 0 is no limit. WhatsApp takes one in 6 seconds, of which
	// 45 may go at once and have to be made up for. Waiting for one recipient
	// holds up no other. Code 131056 lengthens the pause of that recipient to
	// 4 s, then 16 s, 64 s and so on.
	Pair time.Duration

	// PairBurst is how many messages to one recipient may go at once; 0 is 45.
	PairBurst int
}

// WithPace makes every message wait for its turn, repeated attempts too. A send
// whose context ends while it waits, or would end before its turn comes,
// returns the context's error; nothing was sent. The limits are those of this
// Client, so a channel should have one.
func WithPace(p Pace) Option {
	return func(c *config) error {
		if p.PerSecond < 0 || p.Burst < 0 || p.Pair < 0 || p.PairBurst < 0 || p.PerSecond != p.PerSecond {
			return invalid("WithPace", "has a negative value")
		}
		c.pace = p
		return nil
	}
}

// WithLogger logs each attempt at debug level: channel, op, attempt, took and
// status; kind, retry and code of a refusal; message_id of an accepted message.
// It never logs texts, recipients or the token.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error { c.logger = logger; return nil }
}

// defaultTransport keeps as many connections to the one host as there are
// likely to be calls at once; the standard two cost a handshake for nearly
// every call of a burst.
func defaultTransport() http.RoundTripper {
	const connections = 64
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport // a mock that was put in its place
	}
	t = t.Clone()
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 5 * time.Second
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConns = 2 * connections
	t.MaxIdleConnsPerHost = connections
	t.MaxConnsPerHost = connections
	t.ForceAttemptHTTP2 = true
	return t
}
