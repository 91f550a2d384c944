package durable_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// A bot that notes and answers each message once, however often it is delivered and
// whenever the program ends. Here it runs against the fake.
func ExampleOpen() {
	ctx, end := context.WithCancel(context.Background())
	api, err := chatapitest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()
	apiURL, err := api.Listen()
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "desk")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	channels := chatapi.NewChannels()
	if _, err := channels.Put(apiURL, api.Token); err != nil {
		log.Fatal(err)
	}
	store, err := sqlite.Open(ctx, folder)
	if err != nil {
		log.Fatal(err)
	}
	desk, err := durable.Open(ctx, store, channels)
	if err != nil {
		log.Fatal(err)
	}
	desk.Inbox.Handle(func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		m, ok := e.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		_, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "You asked: " + m.Text})
		return err
	})
	api.Webhook("https://desk.example/webhooks/s3cret", chatapi.NewDeliveryHandler(desk.Inbox.Accept, chatapi.WebhookSecret("s3cret")))
	ran := make(chan error, 1)
	go func() { ran <- desk.Run(ctx) }()

	customer := api.Customer("12025550143")
	customer.Says("Is it ready?")
	for len(customer.Received()) == 0 {
		time.Sleep(time.Millisecond)
	}
	end()
	if err := <-ran; err != nil { // what had begun has ended
		log.Fatal(err)
	}
	fmt.Println(customer.LastReceived().Text)
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: You asked: Is it ready?
}
