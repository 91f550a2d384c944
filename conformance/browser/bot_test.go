package browser_test

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/chatapi-go/chatapi"
)

const hook = "https://shop.test/s3cret"

// newShop is the bot behind the phones: a pizza shop on the plain SDK.
func newShop(client *chatapi.Client) http.Handler {
	return chatapi.NewWebhookHandler(chatapi.Once(func(ctx context.Context, event chatapi.Event) error {
		m, ok := event.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		answer := answerTo(m)
		if answer == nil {
			return nil
		}
		_, err := client.Send(ctx, m.AnswerTo(), answer)
		if complaint := (&chatapi.Error{}); errors.As(err, &complaint) {
			return nil // the service says no; the wire shows why
		}
		return err
	}), chatapi.WebhookSecret("s3cret"), chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return client.ChannelID() }))
}

// answerTo returns the shop's answer to a message; nil if it has none.
func answerTo(m *chatapi.MessageEvent) chatapi.Message {
	name := m.From.Name
	if name == "" {
		name = "you"
	}
	switch {
	case m.Reply != nil:
		return chatapi.Text{Body: "One " + strings.ToLower(m.Reply.Title) + " pizza for " + name + "."}
	case m.Reaction != nil:
		return chatapi.Text{Body: "Thank you for the " + m.Reaction.Emoji + ", " + name + "."}
	case m.Media != nil:
		return chatapi.Text{Body: "We got your file, " + name + "."}
	case m.Location != nil:
		return chatapi.Text{Body: "We come to " + m.Location.Name + "."}
	case m.Type == chatapi.TypeEdit:
		return chatapi.Text{Body: "We saw the correction: " + m.Text}
	case m.Type == chatapi.TypeRevoke:
		return nil
	}
	switch m.Text {
	case "order":
		return chatapi.Buttons{Body: "Which size?", Buttons: []chatapi.Button{{ID: "small", Title: "Small"}, {ID: "large", Title: "Large"}}}
	case "menu":
		return chatapi.List{Body: "What would you like?", Label: "Menu", Sections: []chatapi.Section{{Title: "Pizza", Rows: []chatapi.Row{
			{ID: "m", Title: "Margherita", Description: "Tomatoes, mozzarella, basil"}, {ID: "f", Title: "Funghi", Description: "Mushrooms"},
		}}}}
	case "news":
		return chatapi.Template{Name: "order_ready", Language: "en", Body: chatapi.Params("#17")}
	case "silence":
		return nil
	}
	return chatapi.Text{Body: "Hello " + name + ", you wrote: " + m.Text}
}
