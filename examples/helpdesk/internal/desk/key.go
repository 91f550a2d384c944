package desk

import (
	"context"
	"errors"
	"fmt"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// sealedToken is the sealed token of a channel.
type sealedToken struct {
	ID      int64
	Channel chatapi.ChannelID
	Token   []byte
}

func sealedTokens(ctx context.Context, db *store.DB) ([]sealedToken, error) {
	rows, err := db.Query(ctx, "SELECT id, channel, token FROM desk_channel ORDER BY id")
	all, err := store.All(rows, err, func(s *sealedToken) []any { return []any{&s.ID, &s.Channel, &s.Token} })
	if err != nil {
		return nil, err
	}
	var sealed []sealedToken
	for _, s := range all {
		if len(s.Token) > 0 {
			sealed = append(sealed, s)
		}
	}
	return sealed, nil
}

// HasSealed reports whether a database has tokens that only its key opens.
func HasSealed(ctx context.Context, db *store.DB) (bool, error) {
	sealed, err := sealedTokens(ctx, db)
	return len(sealed) > 0, err
}

// CheckKey returns an error that wraps [seal.ErrWrongKey] if a key does not open each token
// of a database.
func CheckKey(ctx context.Context, db *store.DB, key *seal.Key) error {
	sealed, err := sealedTokens(ctx, db)
	for _, s := range sealed {
		if _, wrong := key.Open(s.Token, tokenPlace(s.Channel)); wrong != nil {
			err = errors.Join(err, fmt.Errorf("token of channel %s: %w", s.Channel, wrong))
		}
	}
	return err
}

// Reseal seals each token of a database with another key, all or none.
func Reseal(ctx context.Context, db *store.DB, from, to *seal.Key) error {
	sealed, err := sealedTokens(ctx, db)
	if err != nil {
		return err
	}
	return db.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		for _, s := range sealed {
			token, err := from.Open(s.Token, tokenPlace(s.Channel))
			if err != nil {
				return fmt.Errorf("token of channel %s: %w", s.Channel, err)
			}
			if _, err := tx.Exec(ctx, "UPDATE desk_channel SET token = $2 WHERE id = $1", s.ID, to.Seal(token, tokenPlace(s.Channel))); err != nil {
				return err
			}
		}
		return nil
	})
}

// MoveHooks registers the addresses of the new key with every channel in place of those of
// OldKey, which hold until the program ends. What fails is shown by the channel's health.
func (d *Desk) MoveHooks(ctx context.Context) error {
	if d.OldKey == nil {
		return nil
	}
	rows, err := d.channels(ctx, "c.state IN ('connected', 'paused')")
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := d.moveHook(ctx, row.ID); err != nil {
			d.Log.WarnContext(ctx, "A channel still delivers to the address of the old key. Press Synchronize on its page.", "channel", row.Channel, "error", err)
		}
	}
	return nil
}

func (d *Desk) moveHook(ctx context.Context, row int64) error {
	client, generation, err := d.storedClient(ctx, row)
	if err != nil {
		return err
	}
	if err := client.Webhooks.Add(ctx, d.hookURL(client.ChannelID(), generation)); err != nil {
		return err
	}
	old := d.URL + "/hooks/" + string(client.ChannelID()) + "/" + hookSecret(d.OldKey, client.ChannelID(), generation)
	return client.Webhooks.Remove(ctx, old)
}
