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

// HealthState says whether a channel works. The set is open.
type HealthState string

// The states of a channel's health.
const (
	// HealthHealthy: no call has shown a problem. Every channel starts healthy.
	HealthHealthy HealthState = "healthy"
	// HealthDegraded: three calls in a row got no answer, or the answer that the
	// service failed.
	HealthDegraded HealthState = "degraded"
	// HealthNeedsToken: the service refused the token (401). An admin enters a
	// new token, and the program passes it to [Channels.Put].
	HealthNeedsToken HealthState = "needs_token"
	// HealthBlocked: the subscription (403) or the account (131031, 131042) is
	// blocked. Sending stops until an admin has acted.
	HealthBlocked HealthState = "blocked"
)

// degradedAfter is the number of failed calls in a row that degrade a channel.
const degradedAfter = 3

// Health is the state of one channel, derived from the results of its calls.
type Health struct {
	State HealthState

	// Reason is a sentence for an operator, empty while the channel is healthy.
	// It is that of the newest error that fits the state.
	Reason string

	// Since is when the state began.
	Since time.Time

	// Code is WhatsApp's code for the block: 131031 for a locked account, 131042
	// for a payment problem. It is 0 in every other state.
	Code int
}

// Channels is a registry of the clients of many channels. Each channel has its
// own connections, pace and webhook secrets, so that a bad channel slows no
// other. The exception is [WithHTTPClient] among the [WithClientOptions]: then
// all share its connections. Make a registry with [NewChannels]; the zero
// Channels is an empty registry too. It is safe for concurrent use and may be
// changed while calls are running. No printed form of it shows a token or a
// secret.
type Channels struct {
	opts    []Option
	changed func(ChannelID, Health)

	mu   sync.RWMutex
	byID map[ChannelID]*registered // by their Canonical
}

// registered is one channel of a registry.
type registered struct {
	id ChannelID

	mu      sync.Mutex
	client  *Client
	removed bool            // no result counts any more
	secrets func() []string // a closure, so that no verb of fmt prints the secrets
	health  Health
	failed  int // calls in a row without an answer

	changed   func(ChannelID, Health)
	queue     []Health // changes that changed has not been called with yet
	notifying bool     // some call is working on the queue
}

// ChannelsOption changes a [Channels] in [NewChannels].
type ChannelsOption func(*Channels)

// WithClientOptions gives these options to every client that [Channels.Put]
// makes, before the channel's own options. Put returns the error of a wrong
// option.
func WithClientOptions(opts ...Option) ChannelsOption {
	return func(s *Channels) { s.opts = append(s.opts, opts...) }
}

// WithHealthChange calls changed whenever a channel's health state changes.
// Calls for one channel come in order, one at a time, and never twice in a row
// with the same state; calls for different channels may overlap. A removed
// channel causes no more calls. changed runs inside the API call that showed
// the change and delays it, so it should return soon. It runs without a lock
// and may use the registry. A nil function is never called.
func WithHealthChange(changed func(ChannelID, Health)) ChannelsOption {
	return func(s *Channels) { s.changed = changed }
}

// NewChannels returns an empty registry. Nil options are left out.
func NewChannels(opts ...ChannelsOption) *Channels {
	s := &Channels{}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	return s
}

// Put adds a channel, or replaces its token and options, and returns its new
// client. Arguments and errors are those of [New]. A program that still holds
// the old client can go on with it and its token, but its calls no longer count
// for the health. A channel that needed a new token is healthy again; any other
// state lasts until a call of the new client shows a better one. Webhook
// secrets stay.
//
// The new client goes on with the pace of the old one, and both share it, so that a new
// token forgets nothing: with the same [Pace.PerSecond] and [Pace.Burst] the new client
// gets no new burst, and keeps the lower rate that a 429 led to. With another rate or
// burst it begins without a burst and, after a 429, at no more than the lowered rate. The
// pauses and debts of recipients are shared also if [Pace.Pair] or [Pace.PairBurst]
// differ. A client without such a limit keeps nothing for the client after it, and Remove
// forgets all.
func (s *Channels) Put(apiURL, token string, opts ...Option) (*Client, error) {
	if s == nil {
		return nil, invalid("registry", "is nil; make it with NewChannels").in("Channels.Put", "")
	}
	client, err := New(apiURL, token, slices.Concat(s.opts, opts)...)
	if err != nil {
		return nil, err
	}
	key := client.channel.Canonical()
	s.mu.Lock()
	m, known := s.byID[key]
	if !known {
		m = &registered{id: client.channel, changed: s.changed, secrets: func() []string { return nil },
			health: Health{State: HealthHealthy, Since: time.Now()}}
		if s.byID == nil {
			s.byID = map[ChannelID]*registered{}
		}
		s.byID[key] = m
	}
	client.observe = func(result callResult) { m.observe(client, result) }
	m.mu.Lock()
	if m.client != nil {
		client.pacer.Continue(m.client.pacer)
	}
	m.client, m.failed = client, 0
	if m.health.State == HealthNeedsToken {
		m.setState(HealthHealthy, "", 0)
	}
	m.mu.Unlock()
	s.mu.Unlock()
	m.notify()
	return client, nil
}

// Remove removes a channel from the registry and reports whether it was there. A
// client that a program still holds goes on working. The channel's webhooks are
// refused.
func (s *Channels) Remove(id ChannelID) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, known := s.byID[id.Canonical()]
	if !known {
		return false
	}
	delete(s.byID, id.Canonical())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.removed, m.queue = true, nil
	return true
}

// Client returns the channel's present client, or false if the channel is not in
// the registry. Call it anew for each piece of work, so that a new token is used
// at once.
func (s *Channels) Client(id ChannelID) (*Client, bool) {
	m, known := s.find(id)
	if !known {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.client, true
}

// All yields the channels that are in the registry when the loop begins, with
// their present clients, in the order of their ids.
func (s *Channels) All() iter.Seq2[ChannelID, *Client] {
	return func(yield func(ChannelID, *Client) bool) {
		if s == nil {
			return
		}
		s.mu.RLock()
		list := slices.Collect(maps.Values(s.byID))
		s.mu.RUnlock()
		slices.SortFunc(list, func(a, b *registered) int { return strings.Compare(string(a.id), string(b.id)) })
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

// Health returns the state of a channel, or the zero Health for a channel that
// is not in the registry. It sends no request.
//
// A reply with status 401 means that the channel needs a new token. A reply
// with status 403, and the codes 131031 and 131042, block the channel. Three
// calls in a row with [ErrUnreachable], [ErrUnavailable] or [ErrOutcomeUnknown]
// degrade it.
//
// A success makes the channel healthy again if the call began after the present
// state did. After 131031 and 131042 the success must be a send, since reads
// still work then. Any other refusal, such as a closed window, shows that a
// degraded channel answers again. A call whose deadline passed while it waited
// for the answer counts as failed. A call that the caller canceled does not
// count, nor does one that this process refused to send.
func (s *Channels) Health(id ChannelID) Health {
	m, known := s.find(id)
	if !known {
		return Health{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.health
}

// SetWebhookSecrets replaces the secrets of a channel's webhooks. Give the new
// and the old secret while an address is being changed. Without a secret all
// webhooks of the channel are refused. A blank secret is [ErrInvalid] and changes
// nothing, since it comes from a variable that was not set. The error for a channel
// that is not in the registry is [ErrNotFound].
func (s *Channels) SetWebhookSecrets(id ChannelID, secrets ...string) error {
	m, known := s.find(id)
	if !known {
		return notRegistered(id).in("Channels.SetWebhookSecrets", id)
	}
	for i, secret := range secrets {
		if isBlank(secret) {
			e := invalid(at("secrets", i, ""), "is blank; check that the variable with its value is set")
			return e.in("Channels.SetWebhookSecrets", id)
		}
	}
	kept := slices.Clone(secrets)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secrets = func() []string { return kept }
	return nil
}

// WebhookSecrets returns the secrets of a channel's webhooks, and no secret for
// a channel that is not in the registry. It calls nothing and never waits for
// ctx. One handler serves all channels with it:
//
//	chatapi.NewWebhookHandler(handle, chatapi.WebhookSecrets(channels.WebhookSecrets))
//
// The address is "…/{channel}/{secret}". A channel's secret is good for that
// channel only, and a body that names another channel is refused.
func (s *Channels) WebhookSecrets(_ context.Context, id ChannelID) []string {
	m, known := s.find(id)
	if !known {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.secrets())
}

// String returns the number of channels, without tokens and secrets.
func (s *Channels) String() string {
	if s == nil {
		return "chatapi.Channels(none)"
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return fmt.Sprintf("chatapi.Channels(%d)", len(s.byID))
}

// GoString returns String, so that %#v shows no token.
func (s *Channels) GoString() string { return s.String() }

// Format writes String for every verb, so that no verb prints the fields.
func (s *Channels) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue returns String as the value for slog.
func (s *Channels) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON returns String as a JSON text.
func (s *Channels) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

func (s *Channels) find(id ChannelID) (*registered, bool) {
	if s == nil {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, known := s.byID[id.Canonical()]
	return m, known
}

// observe updates the health by the result of a call. Calls of a client that was
// replaced do not count.
func (m *registered) observe(client *Client, result callResult) {
	m.mu.Lock()
	if m.client == client && !m.removed {
		m.apply(result)
	}
	m.mu.Unlock()
	m.notify()
}

// apply updates the health as described at [Channels.Health].
func (m *registered) apply(result callResult) {
	e, known := errors.AsType[*Error](result.err)
	switch {
	case result.err == nil:
		m.failed = 0
		needsSend := m.health.Code != 0 // the account is blocked, and reads work all the same
		if !result.began.Before(m.health.Since) && (result.send || !needsSend) {
			m.setState(HealthHealthy, "", 0)
		}
	case !known, errors.Is(result.err, context.Canceled):
	case e.HTTPStatus == http.StatusUnauthorized:
		m.setState(HealthNeedsToken, operatorSentence(e), 0)
	case e.Kind == ErrBlocked && (e.HTTPStatus == http.StatusForbidden || e.Code == 131031 || e.Code == 131042):
		m.setState(HealthBlocked, operatorSentence(e), e.Code)
	case e.Kind == ErrUnreachable, e.Kind == ErrOutcomeUnknown, e.Kind == ErrUnavailable && e.HTTPStatus != 0, e.Kind == ErrCanceled && e.Sent:
		m.failed++
		if m.failed >= degradedAfter && m.health.State == HealthHealthy {
			m.setState(HealthDegraded, fmt.Sprintf("%d calls in a row failed. %s", m.failed, operatorSentence(e)), 0)
		}
	case e.HTTPStatus != 0: // the service refused the call, so it answers
		m.failed = 0
		if m.health.State == HealthDegraded {
			m.setState(HealthHealthy, "", 0)
		}
	}
}

// setState sets the state and queues the change. If the state stays the same,
// Reason and Code are updated and Since is kept.
func (m *registered) setState(state HealthState, reason string, code int) {
	if state == m.health.State {
		m.health.Reason, m.health.Code = reason, code
		return
	}
	m.health = Health{State: state, Reason: reason, Since: time.Now(), Code: code}
	if m.changed != nil {
		m.queue = append(m.queue, m.health)
	}
}

// notify calls changed for each queued change, in order and without the lock. If
// another call is already doing so, it takes care of this call's change too.
func (m *registered) notify() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notifying {
		return
	}
	m.notifying = true
	defer func() { m.notifying = false }()
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
