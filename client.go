package chatapi

import (
	"encoding/json"
	"errors"
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
// Sends go out at most once. The Client retries calls that only read, and calls
// that may be repeated without harm (see [RetryPolicy]). It repeats a send only
// after the service refused it for now (429), after it refused the token (see
// [WithTokenSource]), or with proof that nothing was written. In all other doubt
// the error is [ErrOutcomeUnknown].
type Client struct {
	// Messages reads the history and marks messages as read.
	Messages MessagesService
	// Templates lists, creates and deletes message templates, and waits for
	// their approval.
	Templates TemplatesService
	// Webhooks reads and changes the addresses to which events are delivered.
	Webhooks WebhooksService
	// Channel reads the channel's state and statistics.
	Channel ChannelService
	// Profile reads and changes the business profile.
	Profile ProfileService
	// Settings reads and changes the channel's settings.
	Settings SettingsService
	// Media uploads, looks up, deletes and downloads files.
	Media MediaService
	// Automation reads and changes the prompts and commands of an empty chat.
	Automation AutomationService
	// Groups creates and manages groups.
	Groups GroupsService
	// Flows creates and manages WhatsApp Flows.
	Flows FlowsService
	// Calls takes part in the signalling of calls.
	Calls CallsService
	// Catalog shows or hides the catalogue and the cart.
	Catalog CatalogService
	// Users blocks and unblocks people.
	Users UsersService

	base      *url.URL
	channel   ChannelID
	trust503  bool
	transport *transport.Transport
	pacer     *transport.Pacer
	files     *fetch.Fetcher

	// webhookLock is held while the list of webhook addresses is changed. It is
	// a mutex whose waiters give up when their context ends.
	webhookLock chan struct{}

	// observe, if not nil, is called with the result of every call.
	observe func(callResult)
}

// New returns a client for the channel with that API URL and token, both from
// the Chat API cabinet. It checks both strings and the options, and touches no
// network; [Client.Connect] asks the service.
//
// The URL may be what people paste: "https://api.1msg.io/ABC100000001", with or
// without a trailing slash, with "?token=…" (then token may be empty), without
// "https://", with spaces around it; the older
// "https://eu12.chat-api.com/instance100001/" works too. Plain http is accepted
// only for loopback addresses. A token that names its channel (a JWT) must
// name the channel of the URL; a URL without a channel takes the token's.
//
// Nil options are left out. The error is an [*Error] of kind [ErrInvalid] whose
// Field is "apiURL", "token" or an option's name, or of kind [ErrWrongChannel]. A
// token in the place of the URL, or in its host or path, is [ErrInvalid] too, and
// no error shows it.
func New(apiURL, token string, opts ...Option) (*Client, error) {
	c := config{timeout: 30 * time.Second}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&c); err != nil {
			if e, ok := errors.AsType[*Error](err); ok {
				return nil, e.in("New", "")
			}
			return nil, err
		}
	}
	at, err := parseAddress(apiURL, token, c.tokens != nil)
	if err != nil {
		return nil, err
	}
	c.defaults()
	client := &Client{base: at.base, channel: at.channel, webhookLock: make(chan struct{}, 1), trust503: c.retry.Trust503,
		files: fetch.New(c.files), pacer: transport.NewPacer(c.pace.PerSecond, c.pace.Burst, c.pace.Pair, c.pace.PairBurst)}
	client.transport = client.newTransport(&c, at.token)
	client.setServices()
	return client, nil
}

// newTransport returns the transport of a client that has its pacer.
func (c *Client) newTransport(options *config, token string) *transport.Transport {
	logger := options.logger
	if logger != nil {
		logger = logger.With(slog.String("channel", string(c.channel)))
	}
	return transport.New(transport.Config{
		Network:    options.network,
		Middleware: options.middleware,
		Token:      token,
		Source:     refusePlainWords(options.tokens),
		CheckToken: func(token string) error { return checkToken(c.channel, token) },
		Bearer:     options.bearer,
		Timeout:    options.timeout,
		Attempts:   options.retry.Attempts,
		MinWait:    options.retry.MinWait,
		MaxWait:    options.retry.MaxWait,
		Trust503:   options.retry.Trust503,
		Seed:       options.retry.Seed,
		Pacer:      c.pacer,
		Read:       c.meaning,
		Unanswered: c.silence,
		Attempt:    options.attemptHook(c.channel),
		Wait:       options.waitHook(c.channel),
		Logger:     logger,
	})
}

func (c *Client) setServices() {
	base := service{c}
	c.Messages = MessagesService{base}
	c.Templates = TemplatesService{base}
	c.Webhooks = WebhooksService{base}
	c.Channel = ChannelService{base}
	c.Profile = ProfileService{base}
	c.Settings = SettingsService{base}
	c.Media = MediaService{base}
	c.Automation = AutomationService{base}
	c.Groups = GroupsService{base}
	c.Flows = FlowsService{service: base}
	c.Calls = CallsService{base}
	c.Catalog = CatalogService{base}
	c.Users = UsersService{base}
}

// ChannelID returns the channel of the client; "" for a nil Client.
func (c *Client) ChannelID() ChannelID {
	if c == nil {
		return ""
	}
	return c.channel
}

// APIURL returns the address of the channel, without the token: the form to store
// beside the token, whatever form was given to [New]. It returns "" for a nil
// Client.
func (c *Client) APIURL() string {
	if c == nil || c.base == nil {
		return ""
	}
	return c.base.String()
}

// String returns the channel and the host, without the token.
func (c *Client) String() string {
	if c == nil || c.base == nil {
		return "chatapi.Client(none)"
	}
	text := fmt.Sprintf("chatapi.Client(%s at %s)", c.channel, c.base.Host)
	if c.transport == nil {
		return text
	}
	return c.transport.Scrub(text)
}

// GoString returns String, so that %#v shows no token.
func (c *Client) GoString() string { return c.String() }

// Format writes String for every verb, so that no verb prints the fields.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue returns String as the value for slog.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON returns String as a JSON text, so that a client in a logged
// struct shows no token.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }
