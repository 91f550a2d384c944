package chatapi

import (
	"context"
	"fmt"
	"slices"
)

// Connect checks address and token as [Client.Connect] does, and on success puts
// the channel into the registry as [Channels.Put] does. After an error the registry
// is as before: a channel that is there keeps its token that works. Use it for the
// button of a channel form.
//
// It always returns a Connection, also with an error. The client has the registry's
// options and then opts. Errors are those of [New] and [Client.Connect]. Its
// requests are retried. It is safe for concurrent use.
func (s *Channels) Connect(ctx context.Context, apiURL, token string, connect ConnectOptions, opts ...Option) (*Connection, error) {
	const op = "Channels.Connect"
	if s == nil {
		err := invalid("registry", "is nil; make it with NewChannels").in(op, "")
		return failedConnection("", err), err
	}
	client, err := New(apiURL, token, slices.Concat(s.opts, opts)...)
	if err != nil {
		return failedConnection("", err), err
	}
	connection, err := client.Connect(ctx, connect)
	if err != nil {
		return connection, err
	}
	if _, err := s.Put(apiURL, token, opts...); err != nil {
		return failedConnection(client.channel, err), err
	}
	return connection, nil
}

// failedConnection is the result of a connection that sent no request.
func failedConnection(channel ChannelID, err error) *Connection {
	return &Connection{Channel: channel, Steps: []Step{{"channel", operatorSentence(err), err}}}
}

// RestoreHealth sets the health of a channel to that which a program kept from
// [Channels.Health] or [WithHealthChange], so that a blocked channel is known as
// blocked after a restart. It calls nothing, and does not call the function of
// WithHealthChange. The next calls of the channel change the state as described at
// Health. The error is [ErrNotFound] for a channel that is not in the registry, and
// [ErrInvalid] for a state that is none of the constants.
func (s *Channels) RestoreHealth(id ChannelID, health Health) error {
	const op = "Channels.RestoreHealth"
	switch health.State {
	case HealthHealthy, HealthDegraded, HealthNeedsToken, HealthBlocked:
	default:
		return invalid("Health.State", "is none of healthy, degraded, needs_token, blocked").in(op, id)
	}
	m, known := s.find(id)
	if !known {
		return notRegistered(id).in(op, id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.health, m.failed = health, 0
	return nil
}

// notRegistered returns the error for a channel that the registry does not have.
func notRegistered(id ChannelID) *Error {
	return &Error{Kind: ErrNotFound, Retry: RetryFix, Reason: "the channel is not in the registry",
		Sentence: fmt.Sprintf("Channel %s is not connected.", clip(string(id), 64)), Advice: "add it with Channels.Put first"}
}
