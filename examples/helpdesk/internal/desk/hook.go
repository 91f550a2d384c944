package desk

import (
	"context"
	"crypto/subtle"
	"strconv"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
)

// HookState is what the helpdesk does with a delivery of a channel.
type HookState string

// The answers to deliveries.
const (
	HookOpen    HookState = "open"    // it takes events
	HookWaits   HookState = "waits"   // the channel is being connected, and takes no events yet
	HookUnknown HookState = "unknown" // there is no such channel yet
	HookRefused HookState = "refused" // the secret is wrong
)

// hookURL is the address at which a channel's events arrive. It depends on the channel, the
// key and the generation only, so that each attempt to connect registers the same one.
func (d *Desk) hookURL(channel chatapi.ChannelID, generation int64) string {
	return d.URL + "/hooks/" + string(channel) + "/" + hookSecret(d.Key, channel, generation)
}

func hookSecret(key *seal.Key, channel chatapi.ChannelID, generation int64) string {
	return key.Derive("webhook of channel " + string(channel) + ", generation " + strconv.FormatInt(generation, 10))
}

// Hook says what to do with a delivery for a channel that came with a secret.
func (d *Desk) Hook(ctx context.Context, channel chatapi.ChannelID, secret string) (HookState, error) {
	var state ChannelState
	var generation int64
	found, err := d.DB.Get(ctx, "SELECT state, generation FROM desk_channel WHERE channel = $1", []any{string(channel)}, &state, &generation)
	switch {
	case err != nil:
		return "", err
	case !found:
		return HookUnknown, nil // such as after an older backup was put back
	case state == ChannelRemoved || !d.knows(secret, channel, generation):
		return HookRefused, nil
	case state == ChannelConnecting:
		return HookWaits, nil
	}
	return HookOpen, nil
}

// knows compares a secret with the channel's in constant time; after a change of keys the
// old one holds too.
func (d *Desk) knows(secret string, channel chatapi.ChannelID, generation int64) bool {
	known := subtle.ConstantTimeCompare([]byte(secret), []byte(hookSecret(d.Key, channel, generation)))
	if d.OldKey != nil {
		known |= subtle.ConstantTimeCompare([]byte(secret), []byte(hookSecret(d.OldKey, channel, generation)))
	}
	return known == 1
}
