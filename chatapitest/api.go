package chatapitest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi"
)

// API is a fake Chat API with one channel. Make it with [New] in a test or with
// [Start] in a program. All its methods are safe for concurrent use.
type API struct {
	// URL and Token are the two strings of the cabinet, for [chatapi.New]. The
	// address is answered by Transport only; see [API.Listen] for a real port.
	URL   string
	Token string

	// Transport carries requests to the fake in memory, on the caller's own
	// goroutine: no sockets, so hours pass in microseconds inside a
	// testing/synctest bubble. It honours the request's context, and any host
	// but the fake's own is an unknown host.
	Transport http.RoundTripper

	channel  string
	phone    string
	quirks   map[Quirk]bool
	tries    int
	pause    time.Duration
	approve  time.Duration
	stopping context.Context
	stop     context.CancelFunc
	workers  sync.WaitGroup // the delivering goroutine and the listeners

	mu       sync.Mutex // guards everything below; never held while a handler runs
	tb       testing.TB // nil for programs and after Close
	problems []error
	offset   time.Duration // of the fake's clock from package time
	random   *rand.Rand
	closed   bool
	servers  []*http.Server
	hosts    map[string]bool
	files    string // the address under which media lies

	blocked string            // the text of a blocked subscription
	expired bool              // Token is no longer good
	tokens  map[string]string // tokens of other channels

	calls  Calls
	faults []*Fault

	state     string // of the channel: "connected"
	profile   object
	settings  map[string]bool
	templates []*template
	media     map[string]*media
	customers map[string]*Customer // by phone number or BSUID
	threads   map[string]*thread   // by chat id
	history   []*message
	messages  map[string]*message // the history by id
	family    families

	hooks       []*hook
	receivers   map[string]http.Handler
	outbox      outbox
	delivered   []Delivery
	undelivered []Delivery
}

// Option changes a fake in [New] and [Start].
type Option func(*options)

type options struct {
	at      time.Time
	seed    uint64
	channel string
	phone   string
	token   string
	quirks  []Quirk
	approve time.Duration
	tries   int
	pause   time.Duration
}

// At sets the fake's clock to an instant, from which it runs on as package time
// does. Without it the clock is package time, which begins on 2000-01-01 inside
// a synctest bubble: before every price.
//
// What compares the service's time with the client's, such as
// [chatapi.Client.Resolve], needs both clocks alike: sleep inside a bubble
// instead of using At and [API.Advance].
func At(instant time.Time) Option { return func(o *options) { o.at = instant } }

// Seed makes the ids that the fake gives out others than those of the default
// seed 1. The same seed and the same requests give the same ids.
func Seed(n uint64) Option { return func(o *options) { o.seed = n } }

// Channel sets the channel id; the default is "ABC100000001".
func Channel(id chatapi.ChannelID) Option { return func(o *options) { o.channel = string(id) } }

// Phone sets the business number in digits; the default is "12025550100".
func Phone(number string) Option { return func(o *options) { o.phone = digits(number) } }

// Token sets the channel's token; the default is derived from the seed.
func Token(token string) Option { return func(o *options) { o.token = token } }

// Quirks switches on habits of the real service that the fake has not by
// default.
func Quirks(quirks ...Quirk) Option {
	return func(o *options) { o.quirks = append(o.quirks, quirks...) }
}

// ApproveAfter sets how long, by the fake's clock, a new template is PENDING
// before it is approved. The default 0 approves it by the next request; a
// negative duration leaves it to [API.Approve] and [API.Reject].
func ApproveAfter(d time.Duration) Option { return func(o *options) { o.approve = d } }

// Redeliver sets how often a webhook is tried in all until it is answered with
// 200, and the pause between two tries. The default is no pause and, as the web
// product did, 20 tries while the setting guaranteedHooks is on; 3 without it.
func Redeliver(tries int, pause time.Duration) Option {
	return func(o *options) { o.tries, o.pause = tries, pause }
}

// New returns a fake for one test. It is closed when the test ends, and the
// test fails when a webhook handler panics, when the bot under test answers
// itself, or when a customer is told to do what is impossible, such as tapping
// a button that was never sent.
func New(tb testing.TB, opts ...Option) *API {
	if tb != nil {
		tb.Helper()
	}
	a, err := Start(opts...)
	if tb == nil {
		return a
	}
	if err != nil {
		tb.Fatalf("chatapitest: %v", err)
	}
	a.tb = tb
	tb.Cleanup(a.Close)
	return a
}

// Start returns a fake for a program, which must close it. What would fail a
// test is in [API.Err]. The error names a wrong option; the fake is usable all
// the same, with the default in its place.
func Start(opts ...Option) (*API, error) {
	o := options{seed: 1, channel: "ABC100000001", phone: "12025550100"}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	var problem error
	if !channelPattern.MatchString(o.channel) {
		problem = errors.Join(problem, fmt.Errorf("Channel: %q is not letters and digits", o.channel))
		o.channel = "ABC100000001"
	}
	if !phonePattern.MatchString(o.phone) {
		problem = errors.Join(problem, fmt.Errorf("Phone: %q is not 6 to 15 digits", o.phone))
		o.phone = "12025550100"
	}
	if o.tries < 0 || o.pause < 0 {
		problem = errors.Join(problem, errors.New("Redeliver: is negative"))
		o.tries, o.pause = 0, 0
	}
	a := &API{
		URL: "https://" + apiHost + "/" + o.channel, Token: o.token,
		channel: o.channel, phone: o.phone, approve: o.approve, tries: o.tries, pause: o.pause,
		quirks: map[Quirk]bool{}, random: rand.New(rand.NewPCG(o.seed, 0xfa4e)), tokens: map[string]string{},
		hosts: map[string]bool{apiHost: true, mediaHost: true}, files: "https://" + mediaHost + "/", state: "connected",
		profile: object{"about": "", "address": "", "description": "", "email": "", "phone": o.phone,
			"vertical": "", "photo": "", "websites": []any{}},
		settings: map[string]bool{"guaranteedHooks": true, "ackNotificationsOn": true},
		media:    map[string]*media{}, customers: map[string]*Customer{}, threads: map[string]*thread{}, messages: map[string]*message{},
		receivers: map[string]http.Handler{}, family: newFamilies(),
	}
	for _, q := range o.quirks {
		a.quirks[q] = true
	}
	if a.Token == "" {
		a.Token = fmt.Sprintf("faketoken%016x", a.random.Uint64())
	}
	if !o.at.IsZero() {
		a.offset = time.Until(o.at)
	}
	a.stopping, a.stop = context.WithCancel(context.Background())
	a.Transport = &memory{a}
	return a, problem
}

// apiHost is where the fake lives in memory, and mediaHost where the files that
// customers send are kept. Neither name exists on any network.
const (
	apiHost   = "chatapi.test"
	mediaHost = "media.chatapi.test"
)

// Client returns a client that is wired to the fake in memory, downloads of
// customers' files included: it has [chatapi.WithHTTPClient] and
// [chatapi.WithUnguardedMediaTransport] with Transport, before opts. With an
// option that [chatapi.New] refuses, the test fails; in a program, every call of
// the client fails with that error.
func (a *API) Client(opts ...chatapi.Option) *chatapi.Client {
	client, err := chatapi.New(a.URL, a.Token, append([]chatapi.Option{
		chatapi.WithHTTPClient(&http.Client{Transport: a.Transport}),
		chatapi.WithUnguardedMediaTransport(a.Transport),
	}, opts...)...)
	if err == nil {
		return client
	}
	a.report("Client: %v", err)
	broken := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })}
	client, _ = chatapi.New(a.URL, a.Token, chatapi.WithHTTPClient(broken), chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
	return client
}

// Listen serves the fake on a free loopback port too, for browsers and other
// languages, and returns the API URL there. Files that customers send from now on
// lie there as well. It cannot be used inside a synctest bubble, which real
// sockets would block. Close ends it.
func (a *API) Listen() (apiURL string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(a.stopping, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("chatapitest: %w", err)
	}
	server := &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second}
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		listener.Close()
		return "", errClosed
	}
	a.servers = append(a.servers, server)
	a.hosts[listener.Addr().String()] = true
	a.files = "http://" + listener.Addr().String() + "/media/"
	a.workers.Add(1)
	a.mu.Unlock()
	go func() {
		defer a.workers.Done()
		_ = server.Serve(listener) // always an error, once it is closed
	}()
	return "http://" + listener.Addr().String() + "/" + a.channel, nil
}

var errClosed = errors.New("chatapitest: the fake is closed")

// Close ends the fake: no request is answered and no webhook delivered any
// more. It returns when its goroutines have ended (called by a webhook handler,
// it does not wait for that handler). Closing twice is harmless.
func (a *API) Close() {
	inside := a.insideHandler()
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		a.stop()
		a.abandon("the fake was closed")
	}
	servers := a.servers
	a.servers = nil
	a.mu.Unlock()
	for _, server := range servers {
		server.Close()
	}
	if !inside {
		a.workers.Wait()
	}
	a.outbox.close()
	a.mu.Lock()
	a.tb = nil // its test is over; what comes now can only be kept
	a.mu.Unlock()
}

// Err returns everything that went wrong on the side of the fake: what fails a
// test made with [New].
func (a *API) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.problems...)
}

// report fails the test, or keeps the problem for Err.
func (a *API) report(format string, args ...any) {
	err := fmt.Errorf("chatapitest: "+format, args...)
	a.mu.Lock()
	a.problems = append(a.problems, err)
	tb := a.tb
	a.mu.Unlock()
	if tb != nil {
		tb.Helper()
		tb.Error(err)
	}
}

// Now returns the fake's time.
func (a *API) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now()
}

func (a *API) now() time.Time { return time.Now().Add(a.offset) }

// Advance moves the fake's clock forward: windows close and templates are
// approved as if the time had passed. It does not move package time, so a
// client's pauses are not shortened; a synctest bubble does that.
func (a *API) Advance(d time.Duration) {
	if d < 0 {
		a.report("Advance: time does not go back (%s)", d)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.offset += d
}

// Block makes the service answer every request as for a blocked subscription:
// 403 with the text, or with "Channel subscription is blocked" if it is empty.
// Unblock ends it.
func (a *API) Block(text string) {
	if text == "" {
		text = "Channel subscription is blocked"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.blocked = text
}

// Unblock undoes Block.
func (a *API) Unblock() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.blocked = ""
}

// ExpireToken makes Token worthless: every request is answered with 401
// "invalid or expired token". RenewToken makes it good again.
func (a *API) ExpireToken() { a.setExpired(true) }

// RenewToken undoes ExpireToken.
func (a *API) RenewToken() { a.setExpired(false) }

func (a *API) setExpired(expired bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expired = expired
}

// OtherChannel returns a token that the service knows as another channel's. A
// request with it is answered with 401 and the text `Wrong token "…" for
// channel "…"`.
func (a *API) OtherChannel(id chatapi.ChannelID) (token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	token = fmt.Sprintf("othertoken%016x", a.random.Uint64())
	a.tokens[token] = string(id)
	return token
}

// SetStatus sets the state of the channel that GET /status tells, such as
// "disconnected"; it begins as "connected".
func (a *API) SetStatus(state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = state
}

// id returns the next id with that prefix; mu is held.
func (a *API) id(prefix string) string { return fmt.Sprintf("%s%016X", prefix, a.random.Uint64()) }

// number returns the next id that is 15 digits; mu is held.
func (a *API) number() string { return fmt.Sprintf("1%014d", a.random.Uint64N(1e14)) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// digits removes the signs that people write into phone numbers.
func digits(number string) string {
	return strings.NewReplacer("+", "", "(", "", ")", "", "-", "", ".", "", " ", "").Replace(number)
}

func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
