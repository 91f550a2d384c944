package chatapitest

import (
	"cmp"
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

// API is a channel of a fake Chat API. Use [New] in a test and [Start] in a program
// for a fake with one channel, and [API.AddChannel] for more channels. All methods
// are safe for concurrent use. In a testing/synctest bubble, make the fake inside
// the bubble.
type API struct {
	// URL and Token are the channel's API URL and token, for [chatapi.New]. Only
	// Transport reaches that address; [API.Listen] opens a real port. The host and
	// the token differ from those of every other open fake: they come from the
	// test's name and the [Seed]. Every fake also answers at chatapi.test.
	URL   string
	Token string

	// Transport carries requests to the fake in memory, on the caller's own
	// goroutine. It uses no sockets and so works inside a testing/synctest
	// bubble. It obeys the request's context. A request to any other host fails
	// with "no such host".
	Transport http.RoundTripper

	world    *world
	channel  string
	phone    string
	quirks   quirkSet
	tries    int
	pause    time.Duration
	approve  time.Duration
	lag      time.Duration
	lenient  bool // AllowUndelivered
	stopping context.Context
	stop     context.CancelFunc
	workers  sync.WaitGroup // the delivering goroutine and the listeners

	mu      sync.Mutex // guards everything below; never held while a handler runs
	random  *rand.Rand
	closed  bool
	servers []*http.Server
	told    map[string]bool // the sorts of failed delivery that have failed the test

	blocked string            // the text of a blocked subscription; empty if not blocked
	expired bool              // Token has expired
	tokens  map[string]string // tokens of other channels, with their channel ids

	calls  Calls
	faults []*Fault

	// era ends when Reset or Close calls endEra; it holds the webhooks of before.
	era    context.Context
	endEra context.CancelFunc

	// unhealed ends when Heal or Close calls heal; it holds what a Fault keeps waiting.
	unhealed      context.Context
	heal          context.CancelFunc
	misdeliveries []*Misdelivery

	state     string // of the channel, such as "connected"
	profile   object
	settings  map[string]bool
	templates []*template
	media     map[string]*media
	customers []*Customer                     // in the order in which they were made
	people    map[chatapi.Recipient]*Customer // by every BSUID they had
	names     chatapi.Identities              // the names that customers have now, and their BSUIDs of before
	standby   bool                            // another agent holds the chats
	groups    map[string]*thread              // the groups' chats, by chat id
	history   []*message
	messages  map[string]*message // the history by id
	family    families

	hooks      []*hookAddress
	receivers  map[string]*receiver
	outbox     outbox
	deliveries []ended
}

// Option configures a fake in [New] and [Start].
type Option func(*options)

type options struct {
	at      time.Time
	seed    uint64
	seeded  bool // seed was given
	channel string
	phone   string
	token   string
	quirks  []Quirk
	approve time.Duration
	lag     time.Duration
	tries   int
	pause   time.Duration
	lenient bool
}

// At sets the fake's clock to an instant. From there the clock runs on with
// package time. By default the clock is package time, which begins on 2000-01-01
// inside a synctest bubble: before the first published price.
//
// Every reply of the API has the fake's time in its header Date. Code that compares the
// service's time with the client's, such as [chatapi.Client.Resolve], needs both clocks
// to agree. To test such code, sleep inside a bubble instead of using [API.Advance]. To
// test it with a service whose clock is wrong, give At an instant before or after
// time.Now().
func At(instant time.Time) Option { return func(o *options) { o.at = instant } }

// Seed sets the seed from which, together with the test's name, the fake derives its
// host, its token and the ids that it generates. The same name, seed and requests
// give the same ids. The default is 1 for the first fake of a test; while that fake
// is open, the test's next fake differs from it.
func Seed(n uint64) Option { return func(o *options) { o.seed, o.seeded = n, true } }

// Channel sets the channel id, 1 to 64 letters, digits, dashes and underscores;
// the default is "ABC100000001".
func Channel(id chatapi.ChannelID) Option { return func(o *options) { o.channel = string(id) } }

// Phone sets the business number, 6 to 15 digits; the default is "12025550100".
func Phone(number string) Option { return func(o *options) { o.phone = digits(number) } }

// Token sets the channel's token. By default it comes from the test's name and the
// [Seed]; a program that gives no seed gets a random token.
func Token(token string) Option { return func(o *options) { o.token = token } }

// Quirks switches on habits of the real service that are off by default.
func Quirks(quirks ...Quirk) Option {
	return func(o *options) { o.quirks = append(o.quirks, quirks...) }
}

// ApproveAfter sets how long a new template stays PENDING, by the fake's clock,
// before it is approved. With the default 0 it is approved by the next request.
// With a negative duration only [API.Approve] and [API.Reject] decide.
func ApproveAfter(d time.Duration) Option { return func(o *options) { o.approve = d } }

// HistoryLag sets how long a new message is missing from GET /messages, by the fake's
// clock, in either direction. By default, and with a negative duration, the next request
// shows it. A message of an imported chat has its own, earlier time.
func HistoryLag(d time.Duration) Option { return func(o *options) { o.lag = d } }

// Redeliver sets how many times the fake tries a webhook in all, until it is
// answered with 200, and the pause between two tries. By default there is no
// pause, and there are 20 tries while the setting guaranteedHooks is on, as the
// web product did, and otherwise 3. That number also holds if tries is 0.
func Redeliver(tries int, pause time.Duration) Option {
	return func(o *options) { o.tries, o.pause = tries, pause }
}

// AllowUndelivered lets a test pass although the fake gives up a webhook, because
// its handler never answered with 200. [API.Undelivered] lists these webhooks.
func AllowUndelivered() Option { return func(o *options) { o.lenient = true } }

// New returns a fake for one test and closes it when the test ends. Inside a
// testing/synctest bubble, call New in the function that synctest.Test runs: a fake
// made outside fails the test as soon as the bubble uses it.
//
// The test fails, once for each sort of problem: if an option is wrong, if a webhook
// handler panics, if the fake gives up a webhook because its handler never answered
// with 200 (see [AllowUndelivered]), if the bot under test answers its own messages,
// or if a customer is asked to do something impossible, such as tapping a button that
// was never sent.
func New(tb testing.TB, opts ...Option) *API {
	if tb != nil {
		tb.Helper()
	}
	name := ""
	if tb != nil {
		name = tb.Name()
	}
	a, err := start(name, opts)
	if tb == nil {
		return a
	}
	if err != nil {
		tb.Fatalf("chatapitest: %v", err)
	}
	a.world.tb = tb
	tb.Cleanup(a.Close)
	tb.Cleanup(func() { a.logTranscript(tb) }) // before Close
	return a
}

// Start returns a fake for a program, which must close it. [API.Err] returns the
// problems that would fail a test. The error names the wrong options; the fake is
// usable all the same and has the defaults in their place.
func Start(opts ...Option) (*API, error) { return start("", opts) }

func start(name string, opts []Option) (*API, error) {
	o := options{seed: 1, channel: "ABC100000001", phone: "12025550100"}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	problem := o.mend()
	w, host := newWorld(newOrigin(name, o.seed, o.seeded))
	w.at = o.at
	w.rewind()
	return w.add(o, "https://"+host), problem
}

// newAPI returns the nth channel of a world, without an address.
func newAPI(w *world, o options, nth int) *API {
	a := &API{
		world: w, channel: o.channel, phone: o.phone, approve: o.approve, lag: max(o.lag, 0), tries: o.tries, pause: o.pause, lenient: o.lenient,
		random: w.random(nth), tokens: map[string]string{}, told: map[string]bool{}, receivers: map[string]*receiver{},
	}
	a.empty(o.phone)
	for _, q := range o.quirks {
		a.quirks.set(q, true)
	}
	a.quirks.first = a.quirks.on.Load()
	a.Token = cmp.Or(o.token, w.token(a.random))
	a.stopping, a.stop = context.WithCancel(context.Background())
	a.unhealed, a.heal = context.WithCancel(a.stopping)
	a.era, a.endEra = context.WithCancel(a.stopping)
	a.Transport = &memoryTransport{a}
	return a
}

// Client returns a client that reaches the fake in memory, also to download
// customers' files: before opts it has [chatapi.WithHTTPClient] and
// [chatapi.WithUnguardedMediaTransport], both with Transport. If [chatapi.New]
// refuses an option, the test fails; in a program, every call of the client
// returns that error.
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

// Listen serves the fake on a free loopback port as well, for browsers and other
// languages, and returns the API URL there. Files that customers send from now on
// are served there too. It fails if the port cannot be opened, if the fake is closed,
// and inside a synctest bubble, whose clock stands still while a goroutine waits for a
// socket. Close closes the port.
//
// The port answers only requests whose Host is 127.0.0.1 or localhost and its port
// number. It refuses what a browser sends for a page of another site (the header
// Sec-Fetch-Site or Origin says so) with 403.
func (a *API) Listen() (apiURL string, err error) { return a.listen("Listen", "127.0.0.1:0", nil) }

// Close ends the fake with all its channels: it answers no more requests and delivers
// no more webhooks. Close returns when the fake's goroutines have ended; called by a
// webhook handler, it does not wait for that handler. Closing twice is harmless.
func (a *API) Close() {
	inside := a.insideHandler()
	channels := a.world.all()
	for _, c := range channels {
		c.shut()
	}
	for _, c := range channels {
		if !inside {
			c.workers.Wait()
		}
		c.outbox.close()
	}
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	a.world.tb = nil // a test that is over must not be failed; Err keeps later problems
	a.world.close()
}

// shut stops one channel.
func (a *API) shut() {
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
}

// Err returns the problems that fail a test made with [New], joined into one
// error; nil if there were none. It covers all channels of the fake.
func (a *API) Err() error {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	return errors.Join(a.world.problems...)
}

// Now returns the fake's time.
func (a *API) Now() time.Time { return a.now() }

func (a *API) now() time.Time { return time.Now().Add(time.Duration(a.world.offset.Load())) }

// Advance moves the fake's clock forward by d: windows close and templates are
// approved as if the time had passed. It does not move package time, so a client's
// pauses stay as long, and a [chatapi.Ledger] dates what comes from more than an hour
// ahead by its arrival. A synctest bubble moves both, and the option Clock of package
// durable gives a desk the time of Now. A negative d fails the test. All channels of the
// fake share the clock. The delivery of late webhooks, whose time has come, begins; see
// [Misdelivery].
func (a *API) Advance(d time.Duration) { a.ok(a.advance(d)) }

func (a *API) advance(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("Advance: time does not go back (%s); make a new fake with At for an earlier time", d)
	}
	a.world.offset.Add(int64(d))
	a.changed()
	a.releaseAll()
	return nil
}

// Block blocks the channel's subscription: every request is answered with 403 and
// the text, or "Channel subscription is blocked" if text is empty. Unblock ends
// it.
func (a *API) Block(text string) {
	if text == "" {
		text = "Channel subscription is blocked"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.blocked = text
	a.note(entry{actor: ActorService, act: "blocks channel", args: []string{text}})
}

// Unblock ends the blocking that Block began.
func (a *API) Unblock() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.blocked = ""
	a.note(entry{actor: ActorService, act: "unblocks channel"})
}

// ExpireToken makes Token invalid: every request with it is answered with 401
// "invalid or expired token". RenewToken makes it valid again.
func (a *API) ExpireToken() { a.setExpired(true) }

// RenewToken makes Token valid again after ExpireToken.
func (a *API) RenewToken() { a.setExpired(false) }

func (a *API) setExpired(expired bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expired = expired
	a.note(entry{actor: ActorService, act: map[bool]string{true: "expires token", false: "renews token"}[expired]})
}

// OtherChannel returns a token that belongs to another channel. A request with it
// to this channel is answered with 401 and the text `Wrong token "…" for channel
// "…"`.
func (a *API) OtherChannel(id chatapi.ChannelID) (token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	token = fmt.Sprintf("othertoken%016x", a.random.Uint64())
	a.tokens[token] = string(id)
	return token
}

// SetStatus sets the state that GET /status returns, such as "disconnected". At
// the start it is "connected".
func (a *API) SetStatus(state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = state
	a.note(entry{actor: ActorService, act: "sets status", args: []string{state}})
}

// id generates an id with that prefix; the caller holds mu.
func (a *API) id(prefix string) string { return fmt.Sprintf("%s%016X", prefix, a.random.Uint64()) }

// number generates an id of 15 digits; the caller holds mu.
func (a *API) number() string { return fmt.Sprintf("1%014d", a.random.Uint64N(1e14)) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// digits removes the punctuation that people write into phone numbers.
func digits(number string) string {
	return strings.NewReplacer("+", "", "(", "", ")", "", "-", "", ".", "", " ", "").Replace(number)
}

// loopback reports whether a URL leads to this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
