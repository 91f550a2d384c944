package chatapi

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Option changes a [Client] in [New]. A value that an option cannot use makes
// New fail with [ErrInvalid]; Error.Field is then the option's name.
type Option func(*config) error

// config holds the options of one client.
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

// defaults fills in what no option has set.
func (c *config) defaults() {
	if c.network == nil {
		c.network = defaultTransport()
	}
	c.retry.Attempts = cmp.Or(c.retry.Attempts, 3)
	c.retry.MinWait = cmp.Or(c.retry.MinWait, 800*time.Millisecond)
	c.retry.MaxWait = max(cmp.Or(c.retry.MaxWait, 30*time.Second), c.retry.MinWait)
	c.pace.PairBurst = cmp.Or(c.pace.PairBurst, 45)
}

// WithHTTPClient sends requests through the Transport of this client: for a
// proxy, own certificates, or the fake. A nil client is [ErrInvalid]; a nil
// Transport is http.DefaultTransport. The Timeout, Jar and CheckRedirect are not
// used, because deadlines are per attempt and redirects are refused.
//
// The Transport sees the token. One that traces or logs addresses would record
// it there: give that one to [WithMiddleware] instead. Only an [*http.Transport]
// can prove that nothing was sent. A send that fails in any other Transport is
// [ErrOutcomeUnknown], also if that one could not connect.
//
// A Transport that does not return when the context of a request ends holds up
// no call: the call returns within a quarter of a second, and a goroutine waits
// for the Transport.
//
// Without this option each Client has a clone of http.DefaultTransport with 64
// idle connections to the service instead of 2.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return invalid("WithHTTPClient", "is nil; give an http.Client, or leave the option out")
		}
		c.network = client.Transport
		if c.network == nil {
			c.network = http.DefaultTransport
		}
		return nil
	}
}

// WithMiddleware wraps every attempt to reach the service, for tracing and
// logging. The request that a middleware sees has no token, neither in its
// address nor in a header; the token is removed from replies and errors too. The
// first middleware is the outermost. A middleware must not repeat a request: the
// Client decides that. A request that it makes after it has returned fails. A nil
// function is [ErrInvalid].
func WithMiddleware(wrap func(next http.RoundTripper) http.RoundTripper) Option {
	return func(c *config) error {
		if wrap == nil {
			return invalid("WithMiddleware", "is nil; give a function, or leave the option out")
		}
		c.middleware = append(c.middleware, wrap)
		return nil
	}
}

// WithBearerToken sends the token in the Authorization header instead of the
// query parameter "token". The service of 2026 takes both; the header is
// documented for 2026 only (contract, "Authentication").
func WithBearerToken() Option {
	return func(c *config) error { c.bearer = true; return nil }
}

// WithTimeout bounds each attempt, including the reading of the reply. The
// default is 30 seconds; 0 or less is [ErrInvalid]. The context bounds the
// whole call.
func WithTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return invalid("WithTimeout", "must be more than 0; leave the option out for the default of 30 seconds")
		}
		c.timeout = d
		return nil
	}
}

// RetryPolicy says how often and how fast a call is tried again. The zero
// RetryPolicy is the default: 3 attempts in all, with random pauses that start
// at 800 ms and at most double each time, up to 30 s.
type RetryPolicy struct {
	// Attempts is the number of tries in all; 1 is no retry, 0 the default 3.
	Attempts int

	// MinWait is the shortest pause and MaxWait the longest; 0 is the default,
	// 800 ms and 30 s. When the service asks for a longer pause than MaxWait,
	// the call fails at once, with that pause in Error.RetryAfter.
	MinWait, MaxWait time.Duration

	// Trust503 says that this service answers 503 only when it accepted nothing,
	// so that a send may be repeated after it. Without it the outcome of such a
	// send is unknown, since a proxy in between may answer 503 as well.
	Trust503 bool

	// Seed makes pauses and attempt ids repeatable in tests; 0 is random.
	Seed uint64
}

// WithRetry replaces the retry policy. A negative value is [ErrInvalid].
func WithRetry(r RetryPolicy) Option {
	return func(c *config) error {
		if r.Attempts < 0 || r.MinWait < 0 || r.MaxWait < 0 {
			return invalid("WithRetry", "has a negative value; use 0 for a default, and 1 attempt for no retry")
		}
		c.retry = r
		return nil
	}
}

// WithTokenSource takes the token from a function, so that a token can be
// rotated without a restart. A token given to [New] is used first. The Client
// asks source when it first needs a token, and again after the service refused
// the present one (401). It then repeats the call with the new token, a send
// too, because a refused token proves that nothing was sent. Calls that wait
// for the source share one answer, and each waits no longer than its context.
//
// An error of source fails the call with [ErrUnauthorized], and nothing is sent.
// Its text may hold a token, so Error.Reason shows only its type, and errors.Is
// finds only errors of the standard library in it. A panic is such an error too.
// A source that ignores its context holds up no call longer than the call's own
// context, and is not asked again before it has returned.
// A token that names another channel is [ErrWrongChannel]. The newest 64 tokens
// of source are kept out of errors and logs. A nil source is [ErrInvalid].
func WithTokenSource(source func(ctx context.Context) (string, error)) Option {
	return func(c *config) error {
		if source == nil {
			return invalid("WithTokenSource", "is nil; give a function that returns the token")
		}
		c.tokens = source
		return nil
	}
}

// Pace limits how fast a Client sends messages. Other calls are not limited. The
// zero Pace is no limit.
type Pace struct {
	// PerSecond is the sustained number of messages per second; 0 is no limit.
	// For each number WhatsApp takes 80 a second by default, up to 1,000 after
	// an upgrade, and 20 if the number is used in the phone app too. The
	// service's own limit is not published.
	//
	// The rate adapts. When the service says that it is too high (status 429 or
	// code 130429), it is halved, at most once a second and down to a 32nd of
	// PerSecond. Each second without a complaint adds a 20th of PerSecond.
	PerSecond float64

	// Burst is how many messages may go out at once; 0 is 1.
	Burst int

	// Pair is the sustained time between messages to one recipient; 0 is no
	// limit. WhatsApp takes one in 6 seconds, and up to 45 at once that it
	// counts against the time after them. A message that waits for its recipient
	// holds up no other recipient. Code 131056 lengthens the pause of a
	// recipient to 4 s, then 16 s, 64 s and so on, up to 4,096 s.
	Pair time.Duration

	// PairBurst is how many messages to one recipient may go at once; 0 is 45.
	PairBurst int
}

// WithPace makes every message wait for its turn, and repeated attempts too. It has
// no limits of its own; those that WhatsApp publishes are
//
//	chatapi.WithPace(chatapi.Pace{PerSecond: 80, Pair: 6 * time.Second})
//
// A send whose context ends while it waits, or would end before its turn, is
// [ErrCanceled] and matches the context's error; nothing was sent. The limits are
// those of this Client, so give each channel one Client; in [Channels] the next client of
// a channel goes on with them. A negative value is [ErrInvalid].
func WithPace(p Pace) Option {
	return func(c *config) error {
		if p.PerSecond < 0 || p.Burst < 0 || p.Pair < 0 || p.PairBurst < 0 || p.PerSecond != p.PerSecond {
			return invalid("WithPace", "has a value that is negative or not a number; use 0 for no limit")
		}
		c.pace = p
		return nil
	}
}

// WithLogger logs each attempt at debug level: channel, op, attempt, took and
// status; kind, retry and code of a failure; message_id of an accepted message;
// error if there was no reply. It also warns of a hook that panics. It never
// logs texts, recipients or the token. A nil logger logs nothing, which is the
// default.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error { c.logger = logger; return nil }
}

// defaultTransport returns a network end that keeps many idle connections to the
// one host. With the two of net/http, nearly every call of a burst would cost a
// handshake.
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
