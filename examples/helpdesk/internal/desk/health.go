package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// healthEvery is how often each channel is checked when nothing happens.
const healthEvery = 5 * time.Minute

// HealthDeaf is the health of a channel that does not deliver to this helpdesk.
const HealthDeaf chatapi.HealthState = "deaf"

// OpenChannels connects the stored channels at the start, with the health that they had,
// and has each checked soon. A channel whose token cannot be opened is an error.
func (d *Desk) OpenChannels(ctx context.Context) error {
	rows, err := d.channels(ctx, "c.state = 'connected'")
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := d.putClient(ctx, row.ID); err != nil {
			return err
		}
		if row.Health != "" && row.Health != HealthDeaf {
			if err := d.Channels.RestoreHealth(row.Channel, chatapi.Health{State: row.Health, Reason: row.Reason, Since: row.Checked}); err != nil {
				return err
			}
		}
		d.CheckSoon(row.Channel)
	}
	return nil
}

// putClient gives the registry a stored channel.
func (d *Desk) putClient(ctx context.Context, row int64) error {
	apiURL, token, _, state, err := d.secrets(ctx, row)
	if err != nil || state != ChannelConnected {
		return err
	}
	_, err = d.Channels.Put(apiURL, token, d.ClientOptions...)
	return err
}

// storedClient makes a client of a stored channel, which may be paused.
func (d *Desk) storedClient(ctx context.Context, row int64) (client *chatapi.Client, generation int64, err error) {
	apiURL, token, generation, _, err := d.secrets(ctx, row)
	if err != nil {
		return nil, 0, err
	}
	client, err = chatapi.New(apiURL, token, d.ClientOptions...)
	return client, generation, err
}

// secrets opens the token of a channel. Only clients get it.
func (d *Desk) secrets(ctx context.Context, row int64) (apiURL, token string, generation int64, state ChannelState, err error) {
	var id chatapi.ChannelID
	var sealed []byte
	found, err := d.DB.Get(ctx, "SELECT channel, api_url, token, generation, state FROM desk_channel WHERE id = $1", []any{row},
		&id, &apiURL, &sealed, &generation, &state)
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return "", "", 0, "", err
	}
	token, err = d.Key.Open(sealed, tokenPlace(id))
	return apiURL, token, generation, state, err
}

// CheckSoon has a channel checked within moments. It may be called from anywhere.
func (d *Desk) CheckSoon(channel chatapi.ChannelID) {
	select {
	case d.checks <- channel:
	default: // enough wait; each is checked every few minutes anyway
	}
}

// HealthChanged notes that a call showed another health. Give it to
// chatapi.WithHealthChange.
func (d *Desk) HealthChanged(channel chatapi.ChannelID, _ chatapi.Health) {
	select {
	case d.healths <- channel:
	default:
	}
}

// watchHealth checks channels at the start, after events and every few minutes, and stores
// what it finds, until ctx ends.
func (d *Desk) watchHealth(ctx context.Context) error {
	every := time.NewTicker(healthEvery)
	defer every.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case channel := <-d.healths:
			err = d.storeHealth(ctx, channel, nil, nil)
		case channel := <-d.checks:
			for _, channel := range d.waiting(channel) {
				err = errors.Join(err, d.checkChannel(ctx, channel))
			}
		case <-every.C:
			for channel := range d.Channels.All() {
				err = errors.Join(err, d.checkChannel(ctx, channel))
			}
		}
		if err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "The health of a channel was not stored.", "error", err)
		}
	}
}

// waiting returns a channel and all others that wait for a check, each once: bad news about
// a channel comes as many events.
func (d *Desk) waiting(first chatapi.ChannelID) []chatapi.ChannelID {
	all := []chatapi.ChannelID{first}
	for {
		select {
		case channel := <-d.checks:
			if !slices.Contains(all, channel) {
				all = append(all, channel)
			}
		default:
			return all
		}
	}
}

// checkChannel asks the service about a channel: whether the token is right, and whether it
// delivers to this helpdesk.
func (d *Desk) checkChannel(ctx context.Context, channel chatapi.ChannelID) error {
	client, found := d.Channels.Client(channel)
	if !found {
		return nil
	}
	asked, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	connection, err := client.Connect(asked, chatapi.ConnectOptions{})
	if ctx.Err() != nil {
		return nil
	}
	return d.storeHealth(ctx, channel, connection, err)
}

// storeHealth stores the health of a channel, after a check or, without a connection, after
// a call that changed it.
func (d *Desk) storeHealth(ctx context.Context, channel chatapi.ChannelID, c *chatapi.Connection, failed error) error {
	id, _, found, err := d.channelRow(ctx, channel)
	if err != nil || !found {
		return err
	}
	health := d.Channels.Health(channel)
	if failed != nil && health.State == chatapi.HealthHealthy {
		health = healthOf(failed)
	}
	var steps []byte
	if c != nil {
		if failed == nil && health.State == chatapi.HealthHealthy {
			deaf, err := d.isDeaf(ctx, id, c)
			if err != nil {
				return err
			}
			if deaf {
				health = chatapi.Health{State: HealthDeaf, Reason: "Chat API does not deliver to this helpdesk: its address is missing from the channel's list. Press Synchronize on the channel's page."}
			}
		}
		if steps, err = json.Marshal(stepRows(c)); err != nil {
			return err
		}
	}
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		var state chatapi.HealthState
		var reason string
		if found, err := store.Get(ctx, tx, "SELECT health, reason FROM desk_channel WHERE id = $1", []any{id}, &state, &reason); err != nil || !found {
			return err
		}
		if c == nil && state == HealthDeaf && health.State == chatapi.HealthHealthy {
			return nil // that a call succeeded says nothing about deliveries
		}
		if c != nil {
			_, err := tx.Exec(ctx, "UPDATE desk_channel SET steps = $2, checked = $3 WHERE id = $1", id, store.Text(string(steps)), store.Micros(d.Now()))
			if err != nil {
				return err
			}
		}
		after := store.Text(health.Reason)
		if state == health.State && reason == after {
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_channel SET health = $2, reason = $3 WHERE id = $1", id, string(health.State), after); err != nil {
			return err
		}
		return tx.Changed(Change{Kind: ChangedChannel, Object: id})
	})
}

// isDeaf reports whether our address is missing from the list of a channel.
func (d *Desk) isDeaf(ctx context.Context, id int64, c *chatapi.Connection) (bool, error) {
	var channel chatapi.ChannelID
	var generation int64
	if _, err := d.DB.Get(ctx, "SELECT channel, generation FROM desk_channel WHERE id = $1", []any{id}, &channel, &generation); err != nil {
		return false, err
	}
	ours := d.hookURL(channel, generation)
	for _, address := range c.Webhooks {
		if address == ours {
			return false, nil
		}
	}
	return true, nil
}

// healthOf names the health of a channel whose check failed although its calls are well.
func healthOf(err error) chatapi.Health {
	state := chatapi.HealthDegraded
	switch {
	case errors.Is(err, chatapi.ErrUnauthorized), errors.Is(err, chatapi.ErrWrongChannel):
		state = chatapi.HealthNeedsToken
	case errors.Is(err, chatapi.ErrBlocked):
		state = chatapi.HealthBlocked
	}
	return chatapi.Health{State: state, Reason: cmp.Or(sentenceFor(err), "The check failed.")}
}
