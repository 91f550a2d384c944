// Package transport carries one API call to the service and back: it retries
// what is safe to retry, puts the token on the request in the last step, keeps
// it out of everything that comes back, and says of each failure whether the
// request may have been carried out.
//
// The layers of a call, outermost first: limiter, retry, attempt (deadline and
// log), the user's middleware, token, network end.
package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"
)

// MaxBody bounds a reply. The largest real ones are template lists and pages
// of history, well under a megabyte.
const MaxBody = 8 << 20

// Config is how a Transport is made.
type Config struct {
	// Network is the last round tripper, the one that sees the token.
	Network http.RoundTripper

	// Middleware wraps the token layer, first one outermost.
	Middleware []func(http.RoundTripper) http.RoundTripper

	Token  string
	Bearer bool

	// Timeout bounds each attempt, reading the reply included.
	Timeout time.Duration

	// Attempts is how often a call is tried in all.
	Attempts         int
	MinWait, MaxWait time.Duration
	Trust503         bool

	// Seed makes the jitter repeatable; 0 is random.
	Seed uint64

	// Limiter, if any, is waited for once a call.
	Limiter *rate.Limiter

	Logger *slog.Logger
}

// Request is one call.
type Request struct {
	Op     string
	Method string
	URL    *url.URL // without the token
	Body   []byte   // nil for none

	// Once is set when carrying the request out twice would do harm: it is
	// then repeated only after a refusal, or with proof that nothing was sent.
	Once bool
}

// Reply is what the service answered, with the token scrubbed from it.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Failure says why there is no reply.
type Failure struct {
	// Err is the scrubbed error of the last attempt, or the context's.
	Err error

	// Sent tells whether the request may have reached the service.
	Sent bool

	// TooLarge is set when the reply was over MaxBody.
	TooLarge bool
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Transport carries calls. It is safe for concurrent use.
type Transport struct {
	config Config
	client *retryablehttp.Client
	scrub  *Scrubber

	jitterMu sync.Mutex
	jitter   *rand.Rand
}

// New returns a Transport for a complete Config.
func New(c Config) *Transport {
	token := c.Token
	c.Token = "" // kept in closures only, which nothing prints
	t := &Transport{config: c, scrub: NewScrubber(token)}
	seed := c.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.jitter = rand.New(rand.NewPCG(seed, 0x5eed))

	chain := http.RoundTripper(&tokenLayer{next: c.Network, token: func() string { return token }, bearer: c.Bearer, scrub: t.scrub})
	for i := len(c.Middleware) - 1; i >= 0; i-- {
		if wrapped := c.Middleware[i](chain); wrapped != nil {
			chain = wrapped
		}
	}
	t.client = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     &attemptLayer{next: chain, timeout: c.Timeout, logger: c.Logger, scrub: t.scrub},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     c.Attempts - 1,
		RetryWaitMin: c.MinWait,
		RetryWaitMax: c.MaxWait,
		CheckRetry:   t.checkRetry,
		Backoff:      t.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return t
}

// Do carries out the call. The error is always a *Failure.
func (t *Transport) Do(ctx context.Context, r Request) (*Reply, error) {
	state := &call{op: r.Op, once: r.Once}
	ctx = context.WithValue(ctx, callKey{}, state)

	if err := t.wait(ctx); err != nil {
		return nil, &Failure{Err: err}
	}
	var body any
	if r.Body != nil {
		body = r.Body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, r.Method, r.URL.String(), body)
	if err != nil {
		return nil, &Failure{Err: t.scrub.Error(err)}
	}
	req.Header.Set("Accept", "application/json")
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := t.client.Do(req)
	if err != nil {
		if cause := state.failure; cause != nil && ctx.Err() == nil {
			err = cause
		}
		return nil, &Failure{Err: t.scrub.Error(bare(err)), Sent: state.sent, TooLarge: errors.Is(err, errTooLarge)}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body) // in memory: the token layer has read it
	if err != nil {
		return nil, &Failure{Err: t.scrub.Error(err), Sent: true}
	}
	return &Reply{Status: resp.StatusCode, Header: resp.Header, Body: data}, nil
}

// Scrub removes the token from text that did not pass through Do.
func (t *Transport) Scrub(text string) string { return t.scrub.Text(text) }

func (t *Transport) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.config.Limiter == nil {
		return nil
	}
	err := t.config.Limiter.Wait(ctx)
	if err != nil && ctx.Err() == nil {
		// The limiter saw that the deadline would pass first and did not wait.
		return fmt.Errorf("waiting for the rate limiter: %w", context.DeadlineExceeded)
	}
	return err
}

// call is what the layers of one call tell each other, through the context.
type call struct {
	op      string
	once    bool
	attempt int

	// sent is set once an attempt may have reached the service without a
	// refusal coming back. failure is that attempt's error, or the newest.
	sent    bool
	failure error
}

type callKey struct{}

func callFrom(ctx context.Context) *call {
	state, _ := ctx.Value(callKey{}).(*call)
	if state == nil {
		state = &call{}
	}
	return state
}

// checkRetry decides after each attempt. A request that must go out once is
// repeated only when the service refused it for now, or when nothing was sent.
func (t *Transport) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	state := callFrom(ctx)
	if err != nil {
		state.failure = bare(err)
		if !unsent(err) {
			state.sent = true
			if state.once {
				return false, nil
			}
		}
		return ctx.Err() == nil && !permanent(err), nil
	}
	state.failure = nil
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
	case http.StatusServiceUnavailable:
		if state.once && !t.config.Trust503 {
			return false, nil
		}
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		if state.once {
			return false, nil
		}
	default:
		return false, nil
	}
	wait, _ := RetryAfter(resp.Header, time.Now())
	return ctx.Err() == nil && wait <= t.config.MaxWait, nil
}

// backoff waits as long as the service asked for, else a random time that
// doubles at most with each attempt.
func (t *Transport) backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if wait, ok := RetryAfter(resp.Header, time.Now()); ok {
			return max(wait, 0)
		}
	}
	ceiling := most
	if attempt < 30 {
		ceiling = min(most, least<<(attempt+1))
	}
	if ceiling <= least {
		return least
	}
	t.jitterMu.Lock()
	defer t.jitterMu.Unlock()
	return least + time.Duration(t.jitter.Int64N(int64(ceiling-least)))
}

// RetryAfter reads the header in either of its forms.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		const most = int64(1<<63-1) / int64(time.Second)
		return time.Duration(min(max(seconds, 0), most)) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// permanent reports errors that another attempt cannot mend.
func permanent(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return true
	}
	return errors.Is(err, errTooLarge) || untrusted(err)
}

// bare removes the *url.Error that http.Client puts around everything: it
// repeats method and address, which Error says better.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) && error(wrapped) == err { //nolint:errorlint // only the outermost is removed
		return wrapped.Err
	}
	return err
}

// attemptLayer bounds one attempt in time and logs it.
type attemptLayer struct {
	next    http.RoundTripper
	timeout time.Duration
	logger  *slog.Logger
	scrub   *Scrubber
}

func (l *attemptLayer) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	state := callFrom(req.Context())
	state.attempt++
	ctx, cancel := context.WithTimeout(req.Context(), l.timeout)
	defer cancel()
	evidence := &evidence{}
	ctx = context.WithValue(ctx, evidenceKey{}, evidence)

	started := time.Now()
	resp, err = l.next.RoundTrip(req.WithContext(ctx))
	if err == nil && resp == nil {
		err = errors.New("the transport returned neither a reply nor an error")
	}
	if err == nil {
		err = buffer(resp)
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		resp = nil
		if ctx.Err() != nil && req.Context().Err() == nil {
			err = &timeoutError{after: l.timeout}
		}
		err = &attemptError{err: l.scrub.Error(err), unsent: evidence.unsent()}
	}
	l.log(req.Context(), state, resp, err, time.Since(started))
	return resp, err
}

// log writes what happened, without texts, recipients or query.
func (l *attemptLayer) log(ctx context.Context, state *call, resp *http.Response, err error, took time.Duration) {
	if l.logger == nil || !l.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{slog.String("op", state.op), slog.Int("attempt", state.attempt), slog.Duration("took", took)}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	l.logger.LogAttrs(ctx, slog.LevelDebug, "chatapi request", attrs...)
}

// attemptError is a failed attempt, and whether it is proven that nothing of
// the request was written.
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

// timeoutError is the end of an attempt's own time, told apart from the
// caller's deadline.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return "no reply within " + e.after.String() }
func (e *timeoutError) Timeout() bool { return true }
func (e *timeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded
}

var errTooLarge = fmt.Errorf("the reply is over %d MiB", MaxBody>>20)

// buffer reads the reply into memory, so that a cut or endless body is a
// failure of the attempt, under its deadline.
func buffer(resp *http.Response) error {
	if _, done := resp.Body.(*buffered); done {
		return nil
	}
	if resp.Body == nil {
		resp.Body = &buffered{}
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	closeErr := resp.Body.Close()
	switch {
	case err != nil:
		return fmt.Errorf("reading the reply: %w", err)
	case len(data) > MaxBody:
		return errTooLarge
	case closeErr != nil && len(data) == 0:
		return fmt.Errorf("reading the reply: %w", closeErr)
	}
	resp.Body = &buffered{*bytes.NewReader(data)}
	return nil
}

// buffered is a body that is already in memory.
type buffered struct{ bytes.Reader }

func (*buffered) Close() error { return nil }
