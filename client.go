package chatapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/chatapi-go/chatapi/internal/fetch"
	"github.com/chatapi-go/chatapi/internal/transport"
)

// Client talks to one channel. It is immutable and safe for concurrent use; it
// starts no goroutine of its own and needs no closing. Make one with [New].
//
// Sends go out once. A call that only reads, or that may be repeated without
// harm, is retried on its own (see [RetryPolicy]); a send is repeated only when the
// service refused it for now (429), or when it is proven that nothing was
// written. When neither holds, the error is [ErrOutcomeUnknown].
type Client struct {
	// Messages reads the history and marks messages as read.
	Messages MessagesService
	// Templates lists, creates, checks and removes message templates.
	Templates TemplatesService
	// Webhooks reads and changes the addresses that events are delivered to.
	Webhooks WebhooksService
	// Channel tells the state of the channel itself.
	Channel ChannelService
	// Profile reads and changes the business profile.
	Profile ProfileService
	// Settings reads and changes the channel's settings.
	Settings SettingsService
	// Media uploads, looks up, deletes and downloads files.
	Media MediaService
	// Automation reads and changes what customers see before they write.
	Automation AutomationService
	// Groups creates and manages groups.
	Groups GroupsService
	// Flows creates and manages WhatsApp Flows.
	Flows FlowsService
	// Calls takes part in the signalling of calls.
	Calls CallsService
	// Catalog tells whether customers see the catalogue and the cart.
	Catalog CatalogService
	// Users blocks and unblocks people.
	Users UsersService

	base      *url.URL
	channel   ChannelID
	trust503  bool
	transport *transport.Transport
	pacer     *transport.Pacer
	files     *fetch.Fetcher

	webhookLock chan struct{} // a mutex that a context can give up: held while the list of addresses is changed

	// observe, if any, is told how every call went.
	observe func(outcome)
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
	client := &Client{base: base, channel: channel, webhookLock: make(chan struct{}, 1), trust503: c.retry.Trust503, files: fetch.New(c.files),
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
	family := service{client}
	client.Messages = MessagesService{family}
	client.Templates = TemplatesService{family}
	client.Webhooks = WebhooksService{family}
	client.Channel = ChannelService{family}
	client.Profile = ProfileService{family}
	client.Settings = SettingsService{family}
	client.Media = MediaService{family}
	client.Automation = AutomationService{family}
	client.Groups = GroupsService{family}
	client.Flows = FlowsService{service: family}
	client.Calls = CallsService{family}
	client.Catalog = CatalogService{family}
	client.Users = UsersService{family}
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
