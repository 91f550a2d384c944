package conformance_test

import (
	"context"
	"encoding/json"

	"github.com/chatapi-go/chatapi"
)

// calls returns every call of the SDK that reaches the service, by name.
func calls() map[string]func(context.Context, *chatapi.Client) error {
	return map[string]func(context.Context, *chatapi.Client) error{
		"SendPrepared": func(ctx context.Context, c *chatapi.Client) error {
			_, err := c.SendPrepared(ctx, &chatapi.Prepared{Channel: c.ChannelID(), Operation: "sendMessage",
				To: chatapi.Phone("12025550143"), Body: json.RawMessage(`{"phone":"12025550143","body":"hi"}`)})
			return err
		},
		"Channel.Status": func(ctx context.Context, c *chatapi.Client) error { _, err := c.Channel.Status(ctx); return err },
		"Profile.Get":    func(ctx context.Context, c *chatapi.Client) error { _, err := c.Profile.Get(ctx); return err },
	}
}
