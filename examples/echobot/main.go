// Command echobot is a small bot on the SDK alone: it repeats what a customer says.
//
//	go run ./examples/echobot
//
// starts it on a fake of the service, and prints the address of phones to write to it from.
// With CHATAPI_URL and CHATAPI_TOKEN it works on a real channel, whose webhook address ends
// with /webhooks/ and the secret in WEBHOOK_SECRET.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

// newBot returns the handler of the bot's webhooks, which answers with sender.
func newBot(sender chatapi.Sender, secret string) *chatapi.WebhookHandler {
	return chatapi.NewWebhookHandler(chatapi.Once(func(ctx context.Context, event chatapi.Event) error {
		message, ok := event.(*chatapi.MessageEvent)
		if !ok || message.Type == chatapi.TypeSystem {
			return nil // statuses, WhatsApp's notes, and the bot's own messages, which are EchoEvents
		}
		_, err := sender.Send(ctx, message.AnswerTo(), chatapi.Text{Body: answer(message)})
		return err
	}), chatapi.WebhookSecret(secret))
}

func answer(m *chatapi.MessageEvent) string {
	name := cmp.Or(m.From.Name, "you")
	switch {
	case m.Type == chatapi.TypeText:
		return name + " said: " + m.Text
	case m.Reply != nil:
		return fmt.Sprintf("%s chose %q.", name, m.Reply.Title)
	case m.Media != nil:
		return name + " sent a file: " + m.Display()
	case m.Reaction != nil && m.Reaction.Emoji != "":
		return name + " reacted with " + m.Reaction.Emoji
	}
	return fmt.Sprintf("%s sent %s, which I cannot repeat. Send me a text or a file.", name, m.Display())
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8300", "address of the page, or of the webhooks of a real channel")
	flag.Parse()
	run := runOnFake
	if os.Getenv("CHATAPI_URL") != "" || os.Getenv("CHATAPI_TOKEN") != "" {
		run = runOnService
	}
	if err := run(*listen); err != nil {
		log.Fatal(err)
	}
}

func runOnFake(listen string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	api, err := chatapitest.Start()
	if err != nil {
		return err
	}
	defer api.Close()
	api.Webhook("https://bot.test/s3cret", newBot(api.Client(), "s3cret"))
	page := phones.New(api)
	defer page.Close()
	apiURL, err := api.ListenAt(listen, page)
	if err != nil {
		return err
	}
	fmt.Printf("Open %s and write to the bot. Ctrl-C ends it.\n", strings.TrimSuffix(apiURL, string(api.ChannelID())))
	<-ctx.Done()
	return nil
}

func runOnService(listen string) error {
	client, err := chatapi.New(os.Getenv("CHATAPI_URL"), os.Getenv("CHATAPI_TOKEN"))
	if err != nil {
		return err
	}
	bot := newBot(client, os.Getenv("WEBHOOK_SECRET"))
	if bot.Err() != nil {
		return bot.Err()
	}
	http.Handle("POST /webhooks/{secret}", bot)
	fmt.Printf("Waiting for webhooks at http://%s/webhooks/…\n", listen)
	server := http.Server{Addr: listen, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}
