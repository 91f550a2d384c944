package chatapitest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// A bot is tested by what its customers see.
func Example() {
	api, err := chatapitest.Start() // in a test: chatapitest.New(t)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer api.Close()
	client := api.Client()
	bot := func(ctx context.Context, ev chatapi.Event) error {
		message, ok := ev.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		_, err := client.Send(ctx, message.AnswerTo(), chatapi.Buttons{
			Body: "Hello " + message.From.Name + ", which colour?", Buttons: []chatapi.Button{{ID: "red", Title: "Red"}, {ID: "blue", Title: "Blue"}},
		})
		return err
	}
	api.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(bot, chatapi.WebhookSecret("s3cret")))

	ann := api.Customer("12025550143")
	ann.Says("hi")
	fmt.Println(ann.LastReceived().Text)
	ann.Taps("blue")
	ann.Reads()
	fmt.Println(len(ann.Received()), "messages,", len(api.Undelivered()), "webhooks undelivered")
	// Output:
	// Hello Ann, which colour?
	// 2 messages, 0 webhooks undelivered
}

// The clock moves, the window closes, and a template still goes out.
func ExampleAPI_Advance() {
	api, _ := chatapitest.Start(chatapitest.At(time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)))
	defer api.Close()
	api.Template("order_ready", "en", "Hello {{1}}, your order is ready.")
	client := api.Client()
	ann := api.Customer("12025550143")
	ann.Says("When is it ready?")

	api.Advance(25 * time.Hour)
	_, err := client.Send(context.Background(), ann.Recipient(), chatapi.Text{Body: "It is ready."})
	fmt.Println("window closed:", errors.Is(err, chatapi.ErrWindowClosed))
	_, err = client.Send(context.Background(), ann.Recipient(), chatapi.Template{Name: "order_ready", Language: "en", Body: chatapi.Params("Ann")})
	fmt.Println(err, ann.LastReceived().Text)
	// Output:
	// window closed: true
	// <nil> Hello Ann, your order is ready.
}

// The fake keeps a customer's file, and the fake's client downloads it.
func ExampleCustomer_Sends() {
	api, _ := chatapitest.Start()
	defer api.Close()
	client := api.Client()
	desk := func(ctx context.Context, ev chatapi.Event) error {
		message, ok := ev.(*chatapi.MessageEvent)
		if !ok || message.Media == nil {
			return nil
		}
		var content strings.Builder
		_, err := client.Media.Download(ctx, message.Media.Ref(), &content, chatapi.DownloadOptions{})
		fmt.Println(message.Text, content.String(), err)
		return err
	}
	api.Webhook("https://desk.test/s3cret", chatapi.NewWebhookHandler(desk, chatapi.WebhookSecret("s3cret")))

	api.Customer("12025550143").Sends(chatapitest.File{Name: "note.txt", Caption: "As promised:", Data: []byte("Ring twice.")})
	// Output:
	// As promised: Ring twice. <nil>
}

// The message goes out, but the answer is an error: the SDK does not send it again.
func ExampleAPI_Fail() {
	api, _ := chatapitest.Start()
	defer api.Close()
	ann := api.Customer("12025550143")
	ann.Says("hi")

	api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 500, Accepted: true})
	_, err := api.Client().Send(context.Background(), ann.Recipient(), chatapi.Text{Body: "hello"})
	fmt.Println("outcome unknown:", errors.Is(err, chatapi.ErrOutcomeUnknown))
	fmt.Println("requests:", len(api.Calls().Of("sendMessage")), "received:", len(ann.Received()))
	// Output:
	// outcome unknown: true
	// requests: 1 received: 1
}

// The service takes a message and never answers. The customer has it, and the caller
// gives up without knowing.
func ExampleAPI_Fail_hang() {
	api, _ := chatapitest.Start()
	defer api.Close()
	ann := api.Customer("12025550143")
	ann.Says("hi")

	api.Fail(chatapitest.Fault{Operation: "sendMessage", Hang: true, Accepted: true})
	client := api.Client(chatapi.WithTimeout(200 * time.Millisecond))
	_, err := client.Send(context.Background(), ann.Recipient(), chatapi.Text{Body: "hello"})
	fmt.Println("outcome unknown:", errors.Is(err, chatapi.ErrOutcomeUnknown))
	fmt.Println("received:", len(ann.Received()))
	// Output:
	// outcome unknown: true
	// received: 1
}

// The first message's webhook arrives behind the second one's, and the third one's
// arrives an hour late.
func ExampleAPI_Misdeliver() {
	api, _ := chatapitest.Start()
	defer api.Close()
	desk := func(_ context.Context, ev chatapi.Event) error {
		if message, ok := ev.(*chatapi.MessageEvent); ok {
			fmt.Println(message.Text)
		}
		return nil
	}
	api.Webhook("https://desk.test/s3cret", chatapi.NewWebhookHandler(desk, chatapi.WebhookSecret("s3cret")))

	api.Misdeliver(chatapitest.Misdelivery{Behind: 1})
	api.Misdeliver(chatapitest.Misdelivery{Skip: 1, Late: time.Hour})
	ann := api.Customer("12025550143")
	for _, text := range []string{"first", "second", "third", "fourth"} {
		ann.Says(text)
	}
	api.Advance(time.Hour)
	api.Settle()
	// Output:
	// second
	// first
	// fourth
	// third
}

// Calls returns the requests, for tests of code that only sends.
func ExampleCalls() {
	api, _ := chatapitest.Start()
	defer api.Close()
	api.Customer("12025550143").Says("hi")
	_, _ = api.Client().Send(context.Background(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hello"})

	sent := api.Calls().Sends().Last()
	fmt.Println(sent.Operation, sent.Recipient, sent.Field("body"), sent.Status)
	// Output:
	// sendMessage +12025550143 hello 200
}

// Listen serves the fake over HTTP, here to a plain client.
func ExampleAPI_Listen() {
	api, _ := chatapitest.Start()
	defer api.Close()
	address, err := api.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := http.Get(address + "/status?token=" + api.Token)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output:
	// 200 OK
}

// A responder answers as the service in a mock made by hand, here a round tripper
// of one function. httpmock accepts it unchanged.
func ExampleRespondAccepted() {
	mock := transport(chatapitest.RespondAccepted("wamid.1"))
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", "your-token", chatapi.WithHTTPClient(&http.Client{Transport: mock}))
	if err != nil {
		fmt.Println(err)
		return
	}
	receipt, err := client.Send(context.Background(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hello"})
	fmt.Println(receipt.ID, err)
	// Output:
	// wamid.1 <nil>
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
