package chatapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// HealthState is what a channel is fit for. The set is open.
type HealthState string

// The states of a channel's health.
const (
	// HealthHealthy: nothing speaks against it. A channel starts like this.
	HealthHealthy HealthState = "healthy"
	// HealthDegraded: three calls in a row got no answer, or none but that the
	// service failed.
	HealthDegraded HealthState = "degraded"
	// HealthNeedsToken: the service refused the token (401). An admin puts a
	// fresh one, with [Channels.Put].
	HealthNeedsToken HealthState = "needs_token"
	// HealthBlocked: the subscription (403) or the account (131031, 131042) is
	// blocked. Sending stops until an admin has acted.
	HealthBlocked HealthState = "blocked"
)

// degradedAfter is how many calls in a row have to fail.
const degradedAfter = 3

// Health is the state of one channel, as its calls have shown it.
type Health struct {
	State HealthState

	// Reason is a sentence for an operator; empty while the channel is healthy.
	Reason string

	// Since is when the state began.
	Since time.Time
}

// Channels holds the clients of many channels, each with a network end, a
// limiter and secrets of its own, so that a bad channel slows no other; only
// [WithHTTPClient] among the [WithClientOptions] gives them one network end.
// Make one with [NewChannels]; the zero Channels is an empty registry too. It is
// safe for concurrent use and may be changed while calls are running. No form of
// it shows a token or a secret.
type Channels struct {
	opts    []Option
	changed func(ChannelID, Health)

	mu   sync.RWMutex
	byID map[string]*managed
}

// managed is one channel of a registry.
type managed struct {
	id ChannelID

	mu      sync.Mutex
	client  *Client
	gone    bool            // removed; nothing counts any more
	secrets func() []string // a closure, so that no verb of fmt prints them
	health  Health
	code    int // of the block, 0 if it had none
	failed  int // calls in a row without an answer

	changed func(ChannelID, Health)
	queue   []Health // changes to tell
	telling bool
}

// ChannelsOption changes a [Channels] in [NewChannels].
type ChannelsOption func(*Channels)

// WithClientOptions gives every client that [Channels.Put] makes these options,
// before the channel's own. One that is wrong is an error of Put.
func WithClientOptions(opts ...Option) ChannelsOption {
	return func(s *Channels) { s.opts = append(s.opts, opts...) }
}

// WithHealthChange has every change of a channel's health told, one channel's
// in their order and never the same state twice in a row. It is called from
// within the call that showed the change, so it should return soon; no lock is
// held, and one that hangs holds up that call alone. A removed channel tells
// nothing more.
func WithHealthChange(changed func(ChannelID, Health)) ChannelsOption {
	return func(s *Channels) { s.changed = changed }
}

// NewChannels returns an empty registry.
func NewChannels(opts ...ChannelsOption) *Channels {
	s := &Channels{}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	return s
}

// Put adds a channel, or replaces its token and options; arguments and errors
// are those of [New]. Those who hold the old client go on with it and its token;
// what it meets from then on no longer counts for the health. A channel that
// needed a new token is healthy again; any other state lasts until a call of the
// new client shows better. Webhook secrets stay.
func (s *Channels) Put(apiURL, token string, opts ...Option) (*Client, error) {
	if s == nil {
		return nil, invalid("registry", "is nil; make one with NewChannels").in("Channels.Put", "")
	}
	client, err := New(apiURL, token, slices.Concat(s.opts, opts)...)
	if err != nil {
		return nil, err
	}
	key := channelKey(client.channel)
	s.mu.Lock()
	m, known := s.byID[key]
	if !known {
		m = &managed{id: client.channel, changed: s.changed, secrets: func() []string { return nil },
			health: Health{State: HealthHealthy, Since: time.Now()}}
		if s.byID == nil {
			s.byID = map[string]*managed{}
		}
		s.byID[key] = m
	}
	client.observe = func(c outcome) { m.observe(client, c) }
	m.mu.Lock()
	m.client, m.failed = client, 0
	if m.health.State == HealthNeedsToken {
		m.become(HealthHealthy, "", 0)
	}
	m.mu.Unlock()
	s.mu.Unlock()
	m.tell()
	return client, nil
}

// Remove takes a channel out and reports whether it was there. Its clients go
// on working for those who hold one; its webhooks are refused.
func (s *Channels) Remove(id ChannelID) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, known := s.byID[channelKey(id)]
	if !known {
		return false
	}
	delete(s.byID, channelKey(id))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone, m.queue = true, nil
	return true
}

// Client returns the channel's present client. Ask for each piece of work, so
// that a new token is used at once.
func (s *Channels) Client(id ChannelID) (*Client, bool) {
	m, known := s.find(id)
	if !known {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.client, true
}

// All yields the channels and their clients in the order of their ids, as they
// were when the loop began.
func (s *Channels) All() iter.Seq2[ChannelID, *Client] {
	return func(yield func(ChannelID, *Client) bool) {
		if s == nil {
			return
		}
		s.mu.RLock()
		list := slices.Collect(maps.Values(s.byID))
		s.mu.RUnlock()
		slices.SortFunc(list, func(a, b *managed) int { return strings.Compare(string(a.id), string(b.id)) })
		for _, m := range list {
			m.mu.Lock()
			client := m.client
			m.mu.Unlock()
			if !yield(m.id, client) {
				return
			}
		}
	}
}

// Health returns what the channel's calls have shown; the zero Health for a
// channel that is not there. It calls nothing.
//
// A 401 makes a channel need a new token, a plain 403 and the codes 131031 and
// 131042 block it, and three calls in a row that are [ErrUnreachable],
// [ErrUnavailable] or [ErrOutcomeUnknown] degrade it. A success that began later
// heals all of these, but after 131031 and 131042 it has to be a send, since
// reading still works then. Any other refusal, such as a closed window, shows
// that a degraded channel answers again. What the caller canceled, or what
// failed before it was sent for a reason of this process, shows nothing; a call
// whose deadline passed while it waited for the answer counts.
func (s *Channels) Health(id ChannelID) Health {
	m, known := s.find(id)
	if !known {
		return Health{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.health
}

// SetWebhookSecrets replaces the secrets of a channel's webhooks: the new and
// the old one while an address is being changed, none to refuse them all. A
// channel that is not there is [ErrNotFound].
func (s *Channels) SetWebhookSecrets(id ChannelID, secrets ...string) error {
	m, known := s.find(id)
	if !known {
		return &Error{Op: "Channels.SetWebhookSecrets", Channel: id, Kind: ErrNotFound, Retry: RetryFix,
			Reason: "the channel is not in the registry", Sentence: "The channel is not known.", Advice: "put it first"}
	}
	kept := slices.Clone(secrets)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secrets = func() []string { return kept }
	return nil
}

// WebhookSecrets returns the secrets of a channel's webhooks, none for a channel
// that is not there. It is what one handler for all channels asks:
//
//	chatapi.NewWebhookHandler(handle, chatapi.WebhookSecrets(channels.WebhookSecrets))
//
// The address is "…/{channel}/{secret}". One channel's secret opens no other,
// and a body that names another channel is refused.
func (s *Channels) WebhookSecrets(_ context.Context, id ChannelID) []string {
	m, known := s.find(id)
	if !known {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.secrets()
}

// String returns how many channels there are.
func (s *Channels) String() string {
	if s == nil {
		return "chatapi.Channels(none)"
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return fmt.Sprintf("chatapi.Channels(%d)", len(s.byID))
}

// GoString is String, so that %#v shows no token.
func (s *Channels) GoString() string { return s.String() }

// Format writes String for every verb.
func (s *Channels) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is String.
func (s *Channels) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes String.
func (s *Channels) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

func (s *Channels) find(id ChannelID) (*managed, bool) {
	if s == nil {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, known := s.byID[channelKey(id)]
	return m, known
}

// outcome is what a registry learns of one call.
type outcome struct {
	began time.Time
	send  bool
	err   error
}

// watch returns what to call at the end of a call; send is for sends.
func (c *Client) watch(send bool) func(error) {
	if c == nil || c.observe == nil {
		return func(error) {}
	}
	began := time.Now()
	return func(err error) { c.observe(outcome{began, send, err}) }
}

// observe draws the conclusion from a call. One of a client that was replaced,
// or that began before the present state, proves nothing about now.
func (m *managed) observe(client *Client, c outcome) {
	m.mu.Lock()
	if m.client == client && !m.gone {
		m.conclude(c)
	}
	m.mu.Unlock()
	m.tell()
}

func (m *managed) conclude(c outcome) {
	e, known := errors.AsType[*Error](c.err)
	switch {
	case c.err == nil:
		m.failed = 0
		account := m.code != 0
		if !c.began.Before(m.health.Since) && (c.send || !account) {
			m.become(HealthHealthy, "", 0)
		}
	case !known, errors.Is(c.err, context.Canceled):
	case e.HTTPStatus == http.StatusUnauthorized:
		m.become(HealthNeedsToken, operatorSentence(e), 0)
	case e.Kind == ErrBlocked && (e.HTTPStatus == http.StatusForbidden || e.Code == 131031 || e.Code == 131042):
		m.become(HealthBlocked, operatorSentence(e), e.Code)
	case e.Kind == ErrUnreachable, e.Kind == ErrOutcomeUnknown, e.Kind == ErrUnavailable && e.HTTPStatus != 0:
		m.failed++
		if m.failed >= degradedAfter && m.health.State == HealthHealthy {
			m.become(HealthDegraded, fmt.Sprintf("%d calls in a row failed. %s", m.failed, operatorSentence(e)), 0)
		}
	case e.HTTPStatus != 0: // refused, so it answers
		m.failed = 0
		if m.health.State == HealthDegraded {
			m.become(HealthHealthy, "", 0)
		}
	}
}

// become changes the state and queues the change. Which of two causes keeps a
// channel in one state is the newer one; since when, the older.
func (m *managed) become(state HealthState, reason string, code int) {
	m.code = code
	if state == m.health.State {
		m.health.Reason = reason
		return
	}
	m.health = Health{State: state, Reason: reason, Since: time.Now()}
	if m.changed != nil {
		m.queue = append(m.queue, m.health)
	}
}

// tell hands queued changes over, in order and without the lock; a call that
// finds another one telling leaves its change to that one.
func (m *managed) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.telling {
		return
	}
	m.telling = true
	defer func() { m.telling = false }()
	for len(m.queue) > 0 {
		next := m.queue[0]
		m.queue = m.queue[1:]
		func() {
			m.mu.Unlock()
			defer m.mu.Lock()
			m.changed(m.id, next)
		}()
	}
}
