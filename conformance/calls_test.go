package conformance_test

import (
	"context"
	"encoding/json"
	"time"

	"github.com/chatapi-go/chatapi"
)

var ann = chatapi.Phone("12025550143")

// messages returns one message of every kind.
func messages() map[string]chatapi.Message {
	return map[string]chatapi.Message{
		"Text":     chatapi.Text{Body: "hi"},
		"File":     chatapi.File{Media: chatapi.MediaURL("https://files.example.com/a.pdf"), Name: "a.pdf"},
		"Location": chatapi.Location{Latitude: 1, Longitude: 2},
		"Contacts": chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{Formatted: "Pat Example"}}}},
		"Buttons":  chatapi.Buttons{Body: "well?", Buttons: []chatapi.Button{{ID: "y", Title: "Yes"}}},
		"List": chatapi.List{Body: "pick", Label: "Menu", Sections: []chatapi.Section{{Title: "All",
			Rows: []chatapi.Row{{ID: "1", Title: "One"}}}}},
		"Reaction": chatapi.Reaction{MessageID: "wamid.1", Emoji: "👍"},
		"Template": chatapi.Template{Name: "order_ready", Language: "en", Body: chatapi.Params("Ann")},
		"Custom":   chatapi.Custom{Operation: "sendPoll", Body: json.RawMessage(`{"body":"?"}`)},
	}
}

// calls returns every call of the SDK that reaches the service, by name.
func calls() map[string]func(context.Context, *chatapi.Client) error {
	type client = *chatapi.Client
	all := map[string]func(context.Context, *chatapi.Client) error{
		"SendPrepared": func(ctx context.Context, c client) error {
			_, err := c.SendPrepared(ctx, &chatapi.Prepared{Channel: c.ChannelID(), Operation: "sendMessage",
				To: ann, Body: json.RawMessage(`{"phone":"12025550143","body":"hi"}`)})
			return err
		},
		"Connect": func(ctx context.Context, c client) error {
			_, err := c.Connect(ctx, chatapi.ConnectOptions{WebhookURL: "https://desk.example/s3cret"})
			return err
		},
		"Resolve": func(ctx context.Context, c client) error {
			_, err := c.Resolve(ctx, chatapi.Attempt{Channel: c.ChannelID(), To: ann, Started: time.Now()})
			return err
		},
		"Channel.Status": func(ctx context.Context, c client) error { _, err := c.Channel.Status(ctx); return err },
		"Profile.Get":    func(ctx context.Context, c client) error { _, err := c.Profile.Get(ctx); return err },
		"Messages.All": func(ctx context.Context, c client) error {
			for _, err := range c.Messages.All(ctx, chatapi.HistoryFilter{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Messages.MarkRead": func(ctx context.Context, c client) error { return c.Messages.MarkRead(ctx, "wamid.1", false) },
		"Templates.All": func(ctx context.Context, c client) error {
			for _, err := range c.Templates.All(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Templates.Get":    func(ctx context.Context, c client) error { _, err := c.Templates.Get(ctx, "a", "en"); return err },
		"Templates.Remove": func(ctx context.Context, c client) error { return c.Templates.Remove(ctx, "a") },
		"Templates.Create": func(ctx context.Context, c client) error {
			_, err := c.Templates.Create(ctx, chatapi.TemplateDraft{Name: "order_ready", Language: "en", Category: "UTILITY",
				Components: []chatapi.Component{{Type: chatapi.ComponentBody, Text: "Hello"}}})
			return err
		},
		"Webhooks.List": func(ctx context.Context, c client) error { _, err := c.Webhooks.List(ctx); return err },
		"Webhooks.Add":  func(ctx context.Context, c client) error { return c.Webhooks.Add(ctx, "https://desk.example/s3cret") },
		"Webhooks.Remove": func(ctx context.Context, c client) error {
			return c.Webhooks.Remove(ctx, "https://desk.example/s3cret")
		},
		"Webhooks.Enable": func(ctx context.Context, c client) error { return c.Webhooks.Enable(ctx) },
		"Webhooks.Replace": func(ctx context.Context, c client) error {
			return c.Webhooks.Replace(ctx, "https://desk.example/s3cret")
		},
		"Webhooks.Clear": func(ctx context.Context, c client) error { return c.Webhooks.Clear(ctx) },
	}
	for kind, message := range messages() {
		all["Send "+kind] = func(ctx context.Context, c client) error { _, err := c.Send(ctx, ann, message); return err }
	}
	return all
}
