package desk

import (
	"context"

	"github.com/chatapi-go/chatapi"
)

// CheckChannel asks the service about a channel now.
func CheckChannel(ctx context.Context, d *Desk, channel chatapi.ChannelID) error {
	return d.checkChannel(ctx, channel)
}
