// Package transport carries one API call to the service and back. It repeats
// the attempts that are safe to repeat, puts the token on the request in the
// last step, removes it from everything that comes back, and says for each
// failure whether the request may have reached the service.
//
// The layers of a call, outermost first: limiter, retry, attempt (deadline and
// log), the user's middleware, token, network end.
package transport

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/chatapi-go/chatapi/internal/until"
)

// MaxBody bounds a reply. The largest real ones are template lists and pages
// of history, well under a megabyte.
const MaxBody = 8 << 20

// Config describes a Transport.
type Config struct {
	// Network is the last round tripper, the one that sees the token.
	Network http.RoundTripper

	// Middleware wraps the token layer, first one outermost.
	Middleware []func(http.RoundTripper) http.RoundTripper

	// Token is the channel's token. If it is empty, or the service refuses it,
	// Source returns another one, and CheckToken checks that one. Both functions
	// may be nil.
	Token      string
	Source     func(context.Context) (string, error)
	CheckToken func(string) error
	Bearer     bool

	// Timeout bounds each attempt, reading the reply included.
	Timeout time.Duration

	// Attempts is the largest number of attempts of one call.
	Attempts         int
	MinWait, MaxWait time.Duration
	Trust503         bool

	// Seed makes the jitter and the ids repeatable; 0 is random.
	Seed uint64

	// Pacer makes messages wait; nil is no limit.
	Pacer *Pacer

	// Read classifies a reply, for the Pacer, the Logger, the hooks and the retry
	// layer. Unanswered classifies an attempt without a reply. Both may be nil.
	Read       func(r *Request, status int, header http.Header, body []byte) Meaning
	Unanswered func(r *Request, f *Failure) Meaning

	// Attempt is called before each attempt, with its number from 1. The
	// function that it returns is called after the attempt. Wait is called
	// before a pause. Both may be nil.
	Attempt func(ctx context.Context, op string, number int) (context.Context, func(Result))
	Wait    func(ctx context.Context, op, reason string, d time.Duration)

	Logger *slog.Logger
}

// Meaning is the content of a reply, as far as the Pacer, the Logger, the hooks
// and the retry layer need it.
type Meaning struct {
	Kind, Retry string // empty for a success
	Code        int
	MessageID   string

	// Open means that the reply is neither a clear yes nor a clear no, so that a
	// request with Once is not repeated.
	Open bool

	// Limited means that the service finds the channel's rate too high,
	// PairLimited that of the recipient.
	Limited, PairLimited bool
}

// Result is the result of one attempt.
type Result struct {
	Meaning
	Status   int
	Err      error
	Duration time.Duration
}

// Request is one call.
type Request struct {
	Op     string
	Method string
	URL    url.URL // without the token
	Body   []byte  // nil for none

	// Once is set if a second execution would do harm. The request is then
	// repeated only after a refusal, or with proof that nothing was sent.
	Once bool

	// Message is set for messages, which are paced. Recipient is then the key of
	// the recipient.
	Message   bool
	Recipient string

	// Before, if not nil, is called directly before each request is given to the
	// network end. Its error is a *RefusedError and ends the call. The context is
	// that of the attempt.
	Before func(context.Context) error

	// OneWrite is set if the call gives at most one request to the network end. A
	// refused token is still renewed, for the next call.
	OneWrite bool

	// Wait, if not nil, is called before each pause of the call, and for one of the pace
	// that the deadline of the context does not allow.
	Wait func(reason string, d time.Duration)
}

// Reply is a reply of the service without the token.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte

	// Renewed is set if the service refused the token and the next call has
	// another one.
	Renewed bool
}

// Failure says why there is no reply.
type Failure struct {
	// Err is the scrubbed error of the last attempt, or the context's.
	Err error

	// Sent is set if an attempt may have reached the service and got no reply. An
	// attempt that the service refused does not count.
	Sent bool

	// GivenUp is set if the caller's context ended, or would have ended before
	// the turn of the request.
	GivenUp bool

	// TooLarge is set if the reply was over MaxBody.
	TooLarge bool
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Transport carries calls. It is safe for concurrent use.
type Transport struct {
	config Config
	client *http.Client
	scrub  *Scrubber
	tokens *tokens
	strays *strays

	check    retryablehttp.CheckRetry // checkRetry, made once
	chanceMu sync.Mutex
	chance   *rand.Rand
}

// New returns a Transport for a complete Config.
func New(c Config) *Transport {
	scrub, strays := NewScrubber(c.Token), &strays{}
	held := newTokens(c, scrub)
	c.Token = "" // held.current has it, which fmt does not print
	t := &Transport{config: c, scrub: scrub, tokens: held, strays: strays}
	t.check = t.checkRetry
	seed, stream := c.Seed, uint64(0x5eed)
	if seed == 0 {
		seed, stream = rand.Uint64(), rand.Uint64()
	}
	t.chance = rand.New(rand.NewPCG(seed, stream))

	_, standard := c.Network.(*http.Transport)
	chain := http.RoundTripper(&tokenLayer{next: c.Network, token: held.current.Load, bearer: c.Bearer, scrub: t.scrub, strays: strays, proves: standard || until.Marked(c.Network)})
	for i := len(c.Middleware) - 1; i >= 0; i-- {
		if wrapped := c.Middleware[i](chain); wrapped != nil {
			chain = wrapped
		}
	}
	t.client = &http.Client{
		Transport: &attemptLayer{next: chain, foreign: !standard || len(c.Middleware) > 0,
			endless: !until.Marked(c.Network) && (!until.Ends(c.Network) || len(c.Middleware) > 0), config: &t.config, scrub: t.scrub, strays: strays},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return t
}

// Do carries out the call. The error is always a *Failure.
func (t *Transport) Do(ctx context.Context, r Request) (Reply, error) {
	state := &call{Context: ctx, transport: t, request: r}
	if r.guarded() {
		t.strays.refused.Store(true)
		state.asking = make(chan struct{}, 1)
	}
	if ctx.Err() != nil {
		return Reply{}, state.failed(context.Cause(ctx), false)
	}
	if err := t.tokens.ready(ctx); err != nil {
		return Reply{}, state.failed(err, false)
	}
	if r.Message {
		if err := t.config.Pacer.wait(state); err != nil {
			failure := state.failed(err, false)
			failure.GivenUp = true
			return Reply{}, failure
		}
	}
	resp, err := state.repeat() //nolint:bodyclose // it is in memory
	fresh := false
	if err == nil && resp.StatusCode == http.StatusUnauthorized && !(r.Once && state.opens(resp)) {
		// A refused token proves that nothing was done, so even a send may be
		// repeated with another one.
		renewed, sourceErr := t.tokens.renew(ctx, int(state.generation.Load()))
		switch {
		case state.final() && (sourceErr == nil || ctx.Err() != nil):
			fresh = renewed
		case sourceErr != nil:
			return Reply{}, state.failed(sourceErr, false)
		case renewed:
			resp, err = state.repeat() //nolint:bodyclose // it is in memory
		}
	}
	if err != nil {
		if cause := state.failure; cause != nil && ctx.Err() == nil {
			err = cause
		}
		return Reply{}, state.failed(bare(err), state.sent)
	}
	body, ok := bodyOf(resp)
	if !ok { // cannot happen: the attempt layer buffers every body
		return Reply{}, state.failed(errors.New("the reply has no body"), true)
	}
	return Reply{Status: resp.StatusCode, Header: resp.Header, Body: body, Renewed: fresh}, nil
}

// failed returns the failure of the call.
func (c *call) failed(err error, sent bool) *Failure {
	f := &Failure{Err: c.transport.scrub.Error(err), Sent: sent, GivenUp: c.Err() != nil, TooLarge: errors.Is(err, errTooLarge)}
	if f.GivenUp {
		f.Err = c.ended(f.Err)
	}
	return f
}

// ended returns an error that errors.Is finds to be the context's, and the cause
// that the caller gave the context.
func (c *call) ended(err error) error {
	cause := context.Cause(c)
	if err.Error() == cause.Error() { // the network end returns the cause
		err = c.transport.scrub.Error(cause)
	}
	for _, part := range []error{cause, c.Err()} {
		if !errors.Is(err, part) {
			err = fmt.Errorf("%w: %w", c.transport.scrub.Error(part), err)
		}
	}
	return err
}

// opens reports whether the reply is neither a clear yes nor a clear no.
func (c *call) opens(resp *http.Response) bool {
	if c.transport.config.Read == nil {
		return false
	}
	body, _ := bodyOf(resp)
	return c.transport.config.Read(&c.request, resp.StatusCode, resp.Header, body).Open
}

// Scrub removes the tokens from a text.
func (t *Transport) Scrub(text string) string { return t.scrub.Text(text) }

// call is the state of one call. It is the context of its requests, so that the
// layers below find it there.
type call struct {
	context.Context
	transport *Transport
	request   Request
	attempts  int

	// generation is the generation of the token that was sent last. A middleware
	// may send two requests at once.
	generation atomic.Int64

	// sent is set once an attempt without a reply may have reached the service.
	// failure is the error of the newest attempt, nil if it got a reply. open is
	// set if that reply is neither a clear yes nor a clear no.
	sent    bool
	failure error
	open    bool

	// refusal is the error of request.Before, if it refused a write. asking is a
	// mutex that a context can give up, held while Before runs.
	refusal atomic.Pointer[RefusedError]
	asking  chan struct{}

	http     http.Request
	repeater retryablehttp.Client
}

type callKey struct{}

func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// String and Format hide the message from a program that prints the context.
func (*call) String() string               { return "chatapi.call" }
func (c *call) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

func callFrom(ctx context.Context) *call {
	state, _ := ctx.Value(callKey{}).(*call)
	if state == nil {
		state = &call{Context: ctx}
	}
	return state
}

// Values that all requests share and that nothing may change.
var (
	blank    = &http.Request{Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	asJSON   = []string{"application/json"}
	wantJSON = http.Header{"Accept": asJSON}
	sendJSON = http.Header{"Accept": asJSON, "Content-Type": asJSON}
)

// repeat lets go-retryablehttp make attempts until one is final. The attempt
// layer gives each attempt its header and body.
func (c *call) repeat() (*http.Response, error) {
	t := c.transport
	c.http = *blank.WithContext(c)
	c.http.Method, c.http.URL = c.request.Method, &c.request.URL
	// Each call has its own client, because Backoff gets no context that would
	// lead to the call.
	c.repeater.HTTPClient = t.client
	c.repeater.RetryMax = t.config.Attempts - 1
	c.repeater.RetryWaitMin, c.repeater.RetryWaitMax = t.config.MinWait, t.config.MaxWait
	c.repeater.CheckRetry = t.check
	c.repeater.Backoff = c.pause
	c.repeater.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return c.repeater.Do(&retryablehttp.Request{Request: &c.http})
}

// pause returns how long to wait before another attempt.
func (c *call) pause(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	wait := c.transport.backoff(least, most, attempt, resp)
	if c.request.Message {
		wait = max(wait, c.transport.config.Pacer.again(c.request.Recipient))
	}
	c.reportWait(WaitRetry, wait)
	return wait
}

func (c *call) reportWait(reason string, d time.Duration) {
	if wait := c.request.Wait; wait != nil && d > 0 {
		wait(reason, d)
	}
	if wait := c.transport.config.Wait; wait != nil && d > 0 {
		wait(c, c.request.Op, reason, d)
	}
}

// checkRetry decides after each attempt whether there is another one. A request
// with Once is repeated only if the service refused it for now, or if nothing
// was sent.
func (t *Transport) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	state := callFrom(ctx)
	once := state.request.Once
	if err != nil {
		state.failure = bare(err)
		if !unsent(err) {
			state.sent = true
			if once {
				return false, nil
			}
		}
		if state.final() {
			return false, nil
		}
		return ctx.Err() == nil && !permanent(err), nil
	}
	state.failure = nil
	switch {
	case state.final():
		return false, nil
	case t.config.repeats(resp.StatusCode):
		if once && state.open {
			return false, nil
		}
	case once:
		return false, nil
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
	default:
		return false, nil
	}
	wait, _ := RetryAfter(resp.Header, time.Now())
	return ctx.Err() == nil && wait <= t.config.MaxWait, nil
}

// repeats reports whether even a request with Once is repeated after a reply
// with this status, unless its body says that something was done.
func (c *Config) repeats(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && c.Trust503
}

// backoff returns the pause that the service asked for, else a random pause
// that at most doubles with each attempt.
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
	t.chanceMu.Lock()
	defer t.chanceMu.Unlock()
	return least + time.Duration(t.chance.Int64N(int64(ceiling-least)))
}

// NewID returns 16 random bytes in hexadecimal.
func (t *Transport) NewID() string {
	t.chanceMu.Lock()
	high, low := t.chance.Uint64(), t.chance.Uint64()
	t.chanceMu.Unlock()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], high)
	binary.BigEndian.PutUint64(b[8:], low)
	return hex.EncodeToString(b[:])
}

// RetryAfter reads the header Retry-After, in seconds or as a date. It returns
// false if the header is missing or unreadable.
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

// permanent reports whether err would come again with another attempt.
func permanent(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return true
	}
	return errors.Is(err, errTooLarge) || errors.Is(err, ErrStray) || untrusted(err)
}

// bare removes the *url.Error that http.Client puts around every error. It
// repeats method and address, which chatapi.Error says better.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) && error(wrapped) == err { //nolint:errorlint // only the outermost is removed
		return wrapped.Err
	}
	return err
}

var errTooLarge = fmt.Errorf("the reply is over %d MiB", MaxBody>>20)
