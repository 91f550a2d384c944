package chatapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/fetch"
	"github.com/chatapi-go/chatapi/internal/transport"
)

// Client talks to one channel. It is immutable and safe for concurrent use; it
// starts no goroutine of its own and needs no closing. Make one with [New].
//
// Sends go out once. A call that only reads, or that may be repeated without
// harm, is retried on its own (see [Retry]); a send is repeated only when the
// service refused it for now (429), or when it is proven that nothing was
// written. When neither holds, the error is [ErrOutcomeUnknown].
type Client struct {
	// Messages reads the history and marks messages as read.
	Messages *MessagesService
	// Templates lists, creates, checks and removes message templates.
	Templates *TemplatesService
	// Webhooks reads and changes the addresses that events are delivered to.
	Webhooks *WebhooksService
	// Channel tells the state of the channel itself.
	Channel *ChannelService
	// Profile reads and changes the business profile.
	Profile *ProfileService
	// Settings reads and changes the channel's settings.
	Settings *SettingsService
	// Media uploads, looks up, deletes and downloads files.
	Media *MediaService
	// Automation reads and changes what customers see before they write.
	Automation *AutomationService
	// Groups creates and manages groups.
	Groups *GroupsService
	// Flows creates and manages WhatsApp Flows.
	Flows *FlowsService
	// Calls takes part in the signalling of calls.
	Calls *CallsService
	// Catalog tells whether customers see the catalogue and the cart.
	Catalog *CatalogService
	// Users blocks and unblocks people.
	Users *UsersService

	base      *url.URL
	channel   ChannelID
	trust503  bool
	transport *transport.Transport
	pacer     *transport.Pacer
	files     *fetch.Fetcher

	webhooks chan struct{} // held while the list of addresses is changed

	// observe, if any, is told how every call went.
	observe func(outcome)
}

// Option changes a [Client] in [New].
type Option func(*config) error

type config struct {
	network    http.RoundTripper
	middleware []func(http.RoundTripper) http.RoundTripper
	bearer     bool
	timeout    time.Duration
	retry      Retry
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

// Retry says how often and how fast a call is tried again. The zero Retry is
// the default: 3 attempts in all, pauses from 800 ms that double with jitter
// up to 30 s.
type Retry struct {
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
func WithRetry(r Retry) Option {
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

// New returns a client for the channel with that API URL and token, both from
// the Chat API cabinet. It checks everything that can be checked and touches no
// network; [Client.Connect] does that.
//
// The URL may be what people paste: "https://api.1msg.io/ABC100000001", with or
// without a trailing slash, with "?token=…" (then token may be empty), without
// "https://", with spaces around it; the older
// "https://eu12.chat-api.com/instance100001/" works too. Plain http is taken
// only for loopback addresses. A token that names its channel (a JWT) must
// belong to the one in the URL, and may stand in for a missing one.
//
// The error is an [*Error] of kind [ErrInvalid] whose Field is "apiURL",
// "token" or an option's name, or of kind [ErrWrongChannel].
func New(apiURL, token string, opts ...Option) (*Client, error) {
	c := config{timeout: 30 * time.Second}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&c); err != nil {
			return nil, err
		}
	}
	base, channel, token, err := parseAddress(apiURL, token, c.tokens != nil)
	if err != nil {
		return nil, err
	}
	if c.network == nil {
		c.network = defaultTransport()
	}
	if c.retry.Attempts == 0 {
		c.retry.Attempts = 3
	}
	if c.retry.MinWait == 0 {
		c.retry.MinWait = 800 * time.Millisecond
	}
	if c.retry.MaxWait == 0 {
		c.retry.MaxWait = 30 * time.Second
	}
	c.retry.MaxWait = max(c.retry.MaxWait, c.retry.MinWait)
	if c.pace.PairBurst == 0 {
		c.pace.PairBurst = 45
	}
	logger := c.logger
	if logger != nil {
		logger = logger.With(slog.String("channel", string(channel)))
	}
	client := &Client{base: base, channel: channel, webhooks: make(chan struct{}, 1), trust503: c.retry.Trust503, files: fetch.New(c.files),
		pacer: transport.NewPacer(c.pace.PerSecond, c.pace.Burst, c.pace.Pair, c.pace.PairBurst)}
	client.transport = transport.New(transport.Config{
		Network:    c.network,
		Middleware: c.middleware,
		Token:      token,
		Source:     c.tokens,
		CheckToken: func(token string) error { return checkToken(channel, token) },
		Bearer:     c.bearer,
		Timeout:    c.timeout,
		Attempts:   c.retry.Attempts,
		MinWait:    c.retry.MinWait,
		MaxWait:    c.retry.MaxWait,
		Trust503:   c.retry.Trust503,
		Seed:       c.retry.Seed,
		Pacer:      client.pacer,
		Read:       client.meaning,
		Attempt:    c.attemptHook(channel),
		Wait:       c.waitHook(channel),
		Logger:     logger,
	})
	common := service{client}
	client.Messages = (*MessagesService)(&common)
	client.Templates = (*TemplatesService)(&common)
	client.Webhooks = (*WebhooksService)(&common)
	client.Channel = (*ChannelService)(&common)
	client.Profile = (*ProfileService)(&common)
	client.Settings = (*SettingsService)(&common)
	client.Media = (*MediaService)(&common)
	client.Automation = (*AutomationService)(&common)
	client.Groups = (*GroupsService)(&common)
	client.Flows = &FlowsService{common: common}
	client.Calls = (*CallsService)(&common)
	client.Catalog = (*CatalogService)(&common)
	client.Users = (*UsersService)(&common)
	return client, nil
}

// ChannelID returns the channel that the client talks to.
func (c *Client) ChannelID() ChannelID {
	if c == nil {
		return ""
	}
	return c.channel
}

// String returns the channel and the host, without the token.
func (c *Client) String() string {
	if c == nil || c.base == nil {
		return "chatapi.Client(none)"
	}
	return fmt.Sprintf("chatapi.Client(%s at %s)", c.channel, c.base.Host)
}

// GoString is String, so that %#v shows no token.
func (c *Client) GoString() string { return c.String() }

// Format writes String for every verb, so that no verb walks into the fields.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue is String.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes String, so that a client in a logged struct shows no token.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

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

var (
	channelPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	methodPattern  = regexp.MustCompile(`^(send[A-Z]\w*|messages|templates|addTemplate|status|me|webhook|settings)$`)
)

// parseAddress reads the two strings of the cabinet. No error of it quotes the
// query or the token.
func parseAddress(apiURL, token string, tokenLater bool) (base *url.URL, channel ChannelID, cleanToken string, err error) {
	apiURL = strings.Trim(strings.TrimSpace(apiURL), `"'<>`)
	token = strings.TrimSpace(strings.Trim(strings.TrimSpace(token), `"'`))
	token = strings.TrimSpace(strings.TrimPrefix(token, "Bearer "))

	fail := func(field, problem string) (*url.URL, ChannelID, string, error) {
		e := invalid(field, transport.NewScrubber(token).Text(problem))
		e.Op = "new client"
		if field == "apiURL" { // operators know it by the name that the cabinet gives it
			e.Sentence = strings.Replace(e.Sentence, "The apiURL", "The API URL", 1)
		}
		return nil, "", "", e
	}
	if apiURL == "" {
		return fail("apiURL", "is empty; copy the API URL from the Chat API cabinet, such as https://api.1msg.io/ABC100000001")
	}
	if strings.Contains(token, "://") {
		return fail("token", "looks like an address; API URL and token may have changed places")
	}
	if !strings.Contains(apiURL, "://") {
		if !strings.ContainsAny(apiURL, "./:") {
			return fail("apiURL", "has no host; it looks like https://api.1msg.io/ABC100000001")
		}
		apiURL = "https://" + apiURL
	}
	u, parseErr := url.Parse(apiURL)
	if parseErr != nil {
		return fail("apiURL", "is not an address; it looks like https://api.1msg.io/ABC100000001")
	}
	if inURL := u.Query().Get("token"); inURL != "" {
		switch token {
		case "", inURL:
			token = inURL
		default:
			return fail("token", "differs from the one inside the API URL; give one of them")
		}
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fail("apiURL", fmt.Sprintf("has the scheme %q; it must be https", u.Scheme))
	case host == "":
		return fail("apiURL", "has no host; it looks like https://api.1msg.io/ABC100000001")
	case u.User != nil:
		return fail("apiURL", "holds a user name or password; the token is the only credential")
	case u.Scheme == "http" && !loopback(host):
		return fail("apiURL", "uses http, which would show the token to everyone on the way; use https")
	case token == "" && !tokenLater:
		return fail("token", "is empty; copy it from the Chat API cabinet")
	case strings.ContainsFunc(token, notOfToken):
		return fail("token", "holds a space or a character that no token has; copy it again")
	}

	segments := slices.DeleteFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "" })
	claimed := tokenChannel(token)
	var segment string
	switch {
	case len(segments) == 1:
		segment = segments[0]
	case len(segments) == 0 && claimed != "":
		segment = string(claimed)
	case len(segments) == 0:
		return fail("apiURL", "has no channel id after the host; it looks like https://api.1msg.io/ABC100000001")
	case len(segments) == 2 && methodPattern.MatchString(segments[1]):
		return fail("apiURL", fmt.Sprintf("ends in the method %q; leave it off", segments[1]))
	default:
		return fail("apiURL", fmt.Sprintf("has %d path parts; there is one, the channel id", len(segments)))
	}
	if !channelPattern.MatchString(segment) {
		return fail("apiURL", fmt.Sprintf("has the channel id %q; it is letters and digits", clip(segment, 40)))
	}
	bareID := segment
	if digits, ok := strings.CutPrefix(segment, "instance"); ok && digits != "" {
		bareID = digits
		if !isHostOf(host, "chat-api.com") {
			segment = digits // only the old hosts keep the prefix in the path
		}
	}
	if e := foreignToken(ChannelID(bareID), claimed); e != nil {
		return nil, "", "", e
	}
	base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + segment}
	return base, ChannelID(bareID), token, nil
}

func notOfToken(r rune) bool { return r <= ' ' || r > '~' }

// foreignToken is the error of a token that names another channel than the one
// it is to be used for; nil if it names none.
func foreignToken(channel, claimed ChannelID) *Error {
	if claimed == "" || strings.EqualFold(string(claimed), string(channel)) {
		return nil
	}
	return &Error{Op: "new client", Kind: ErrWrongChannel, Channel: channel, Field: "token", Retry: RetryFix,
		Reason:   fmt.Sprintf("belongs to channel %s, not to %s", claimed, channel),
		Sentence: fmt.Sprintf("The token belongs to channel %s, but the API URL is that of channel %s.", claimed, channel),
		Advice:   "copy URL and token of the same channel from the cabinet"}
}

// checkToken looks at a token that a source gave.
func checkToken(channel ChannelID, token string) error {
	if token == "" || strings.ContainsFunc(token, notOfToken) {
		return errors.New("what it gave is no token")
	}
	if e := foreignToken(channel, tokenChannel(token)); e != nil {
		return e
	}
	return nil
}

func isHostOf(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// tokenChannel reads the channel id from the payload of a JWT, without
// verifying it; empty for the older opaque tokens.
func tokenChannel(token string) ChannelID {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	var claims struct {
		InstanceID json.RawMessage `json:"instanceId"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	id := strings.TrimPrefix(strings.Trim(string(claims.InstanceID), `"`), "instance")
	if !channelPattern.MatchString(id) || id == "null" {
		return ""
	}
	return ChannelID(id)
}

// request is one call of the API, as the families describe it.
type request struct {
	op     string // the operation, for errors and logs
	method string
	path   string // below the base URL, escaped
	query  url.Values
	body   any    // marshaled to JSON; json.RawMessage goes as it is; nil is no body
	raw    []byte // a body that is JSON already

	// once is set when doing it twice would do harm; see transport.Request.
	once bool

	// message is set for messages, which are paced; recipient is the key of
	// who gets it.
	message   bool
	recipient string
}

// call carries out a request that is not a send. Refusals of any form come back
// as *Error; out, if not nil, is filled from the reply's body. After a request
// that must not be repeated, what is neither a yes nor a no is ErrOutcomeUnknown.
func (c *Client) call(ctx context.Context, r request, out any) (err error) {
	done := c.watch(false)
	defer func() { done(err) }()
	reply, err := c.exchange(ctx, r)
	if err != nil {
		if r.once && errors.Is(err, ErrOutcomeUnknown) {
			return openCall(err)
		}
		return err
	}
	if refusal := c.refusal(r.op, &reply); refusal != nil {
		if r.once && c.undecided(reply.Status) {
			return openCall(refusal)
		}
		return repeatable(refusal)
	}
	switch {
	case out != nil:
		err = decodeReply(reply.Body, out)
	case len(bytes.TrimSpace(reply.Body)) > 0 && !json.Valid(reply.Body):
		err = errors.New("the body is not JSON")
	}
	switch {
	case err == nil:
		return nil
	case r.once:
		return openCall(c.notJSON(r.op, &reply, err))
	}
	return repeatable(c.notJSON(r.op, &reply, err))
}

// repeatable makes err the error of a call that may be repeated without harm:
// what the catalogue says of an open outcome is meant for sends.
func repeatable(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Kind == ErrUnavailable && e.HTTPStatus != 0 {
		e.Retry, e.Advice = RetryBackoff, "try again later"
	}
	return err
}

// undecided reports whether the service may have acted although it answered
// with this status.
func (c *Client) undecided(status int) bool {
	switch status {
	case http.StatusRequestTimeout:
		return true
	case http.StatusNotImplemented:
		return false
	case http.StatusServiceUnavailable:
		return !c.trust503
	}
	return status >= 500
}

// openCall makes err the error of a call, other than a send, of which it is not
// known whether it was carried out. It matches no other kind.
func openCall(err error) error {
	var e *Error
	if errors.As(err, &e) {
		if e.HTTPStatus != 0 {
			e.cause = nil
		}
		e.Kind, e.Retry = ErrOutcomeUnknown, RetryUnknown
		e.Sentence = "It is not known whether the service has done what it was asked."
		e.Advice = "look whether it is done before asking again"
	}
	return err
}

// decode reads a reply that call has kept as raw JSON.
func (c *Client) decode(op string, raw json.RawMessage, out any) error {
	if err := decodeReply(raw, out); err != nil {
		return c.notJSON(op, &transport.Reply{Status: http.StatusOK, Body: raw}, err)
	}
	return nil
}

// exchange sends a request and returns whatever was answered. The error, an
// *Error, is a failure to encode or to get any answer.
func (c *Client) exchange(ctx context.Context, r request) (transport.Reply, error) {
	if c == nil || c.transport == nil {
		return transport.Reply{}, within(r.op, invalid("client", "is nil or was not made with New"))
	}
	if ctx == nil {
		e := invalid("ctx", "is nil; use context.Background()")
		e.Op, e.Channel = r.op, c.channel
		return transport.Reply{}, e
	}
	address := c.address(r.path)
	address.RawQuery = r.query.Encode()
	body := r.raw
	switch given := r.body.(type) {
	case nil:
	case json.RawMessage:
		body = given
	default:
		var err error
		if body, err = json.Marshal(given); err != nil {
			e := invalid("body", "cannot be written as JSON: "+err.Error())
			e.Op, e.Channel = r.op, c.channel
			return transport.Reply{}, e
		}
	}
	reply, err := c.transport.Do(ctx, transport.Request{Op: r.op, Method: r.method, URL: address, Body: body, Once: r.once,
		Message: r.message, Recipient: r.recipient})
	if err != nil {
		return transport.Reply{}, c.unanswered(r, err)
	}
	return reply, nil
}

// address returns the URL of a path below the channel's.
func (c *Client) address(path string) url.URL {
	if strings.ContainsAny(path, "%./") { // escaped, or of several parts
		return *c.base.JoinPath(path)
	}
	u := *c.base
	u.Path += "/" + path
	return u
}

// unanswered turns a failure to get a reply into an *Error.
func (c *Client) unanswered(r request, err error) error {
	var failure *transport.Failure
	if !errors.As(err, &failure) {
		return &Error{Op: r.op, Channel: c.channel, Kind: ErrUnreachable, Reason: err.Error(), cause: err}
	}
	e := &Error{Op: r.op, Channel: c.channel, Reason: failure.Err.Error(), cause: failure.Err}
	var foreign *Error
	var source *transport.SourceError
	switch {
	case errors.As(failure.Err, &foreign):
		wrong := *foreign
		wrong.Op = r.op
		return &wrong
	case errors.As(failure.Err, &source):
		e.Kind, e.Retry = ErrUnauthorized, RetryBackoff
		e.Sentence = fmt.Sprintf("No token for channel %s could be had, so nothing was sent.", c.channel)
		e.Advice = "look at what WithTokenSource reads the token from"
		return e
	}
	switch {
	case failure.Sent && r.once:
		e.Kind, e.Retry = ErrOutcomeUnknown, RetryUnknown
		e.Sentence = "The connection broke before the service answered, so it is not known whether the message went out."
		e.Advice = "look it up before sending again"
	case failure.TooLarge:
		e.Kind, e.Retry = ErrTooLarge, RetryNo
		e.Sentence = "The service's answer was too large to read."
		e.Advice = "ask for less at a time"
	case failure.GivenUp && !failure.Sent:
		e.Kind, e.Retry = ErrUnavailable, RetryBackoff
		e.Sentence = "The call was given up before anything was sent."
	default:
		e.Kind, e.Retry = ErrUnreachable, RetryBackoff
		e.Sentence = fmt.Sprintf("%s could not be reached.", c.base.Host)
		e.Advice = "check the host in the API URL and the network"
	}
	return e
}
