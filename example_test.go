package chatapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// The main uses, on the fake.

// sample is the fake service and a client for it.
func sample(opts ...chatapitest.Option) (*chatapitest.API, *chatapi.Client) {
	api, err := chatapitest.Start(opts...)
	if err != nil {
		log.Fatal(err)
	}
	api.Template("order_ready", "en", "Hello {{1}}, your order {{2}} is ready.")
	return api, api.Client()
}

func Example_connect() {
	api, _ := sample()
	defer api.Close()
	ctx := context.Background()
	token := api.Token
	apiURL, err := api.Listen()
	if err != nil {
		log.Fatal(err)
	}

	client, err := chatapi.New(apiURL, token)
	if err != nil {
		log.Fatal(err) // says which of the two is wrong, and how
	}
	connection, err := client.Connect(ctx, chatapi.ConnectOptions{
		WebhookURL: "https://desk.example/webhooks/s3cret", // added to those that are there
	})
	if err != nil {
		log.Fatal(connection) // says why, for the operator
	}
	fmt.Println(connection)
	// Output: Connection successfully established: channel ABC100000001, +1 202 555 0100, 1 template, 1 webhook
}

func Example_send() {
	api, client := sample()
	defer api.Close()
	ctx := context.Background()
	ann := api.Customer("12025550143")
	question := ann.Says("Is it ready?")

	to := chatapi.Phone("+1 202 555 0143")
	receipt, err := client.Send(ctx, to, chatapi.Text{Body: "It is!"}, chatapi.ReplyTo(question))
	if err != nil {
		log.Fatal(err)
	}
	// The service has accepted the message. Statuses with this id report delivery and reading.
	id := receipt.ID

	fmt.Println(id == ann.LastReceived().ID, ann.LastReceived().Text)
	// Output: true It is!
}

func Example_sendKinds() {
	api, client := sample()
	defer api.Close()
	ctx, to := context.Background(), chatapi.Phone("12025550143")
	ann := api.Customer("12025550143")
	ann.Says("Hello")

	for _, message := range []chatapi.Message{
		chatapi.File{Media: chatapi.MediaURL("https://files.example.com/invoice-1001.pdf"), Caption: "Invoice 1001"},
		chatapi.File{Media: chatapi.MediaBytes("note.txt", []byte("Ring twice.\n"))},
		chatapi.Location{Latitude: 38.8977, Longitude: -77.0365, Name: "Sample Shop", Address: "1600 Sample Avenue"},
		chatapi.Buttons{Body: "How would you like to get it?", Buttons: []chatapi.Button{
			{ID: "deliver", Title: "Deliver it"}, {ID: "pickup", Title: "I pick it up"},
		}},
		chatapi.List{Body: "Pick a branch", Label: "Branches", Sections: []chatapi.Section{{
			Title: "City", Rows: []chatapi.Row{{ID: "north", Title: "North", Description: "Open 9-18"}, {ID: "south", Title: "South"}},
		}}},
	} {
		if _, err := client.Send(ctx, to, message); err != nil {
			log.Fatal(err)
		}
	}

	for _, received := range ann.Received() {
		fmt.Println(received.Operation)
	}
	// Output:
	// sendFile
	// sendFile
	// sendLocation
	// sendButton
	// sendList
}

func Example_templates() {
	api, client := sample()
	defer api.Close()
	ctx, to := context.Background(), chatapi.Phone("12025550143")

	if _, err := client.Templates.Create(ctx, chatapi.TemplateDraft{
		Name: "visit_reminder", Language: "en", Category: "UTILITY",
		Components: []chatapi.Component{
			{Type: chatapi.ComponentBody, Text: "Hello {{1}}, we expect you at {{2}}.", Example: []string{"Pat", "10:30"}},
		},
	}); err != nil {
		log.Fatal(err)
	}
	reminder, err := client.Templates.WaitApproved(ctx, "visit_reminder", "en")
	if err != nil {
		log.Fatal(err) // ErrTemplateRejected has WhatsApp's reason
	}
	message := reminder.Use("Ann", "9:45")
	if err := reminder.Check(message); err != nil {
		log.Fatal(err) // what WhatsApp would refuse, with the place
	}
	preview, err := reminder.Preview(message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(preview) // what the customer will see
	if _, err := client.Send(ctx, to, message); err != nil {
		log.Fatal(err)
	}
	// Output: Hello Ann, we expect you at 9:45.
}

func Example_receive() {
	api, client := sample()
	defer api.Close()
	handler := chatapi.NewWebhookHandler(chatapi.Once(func(ctx context.Context, event chatapi.Event) error {
		switch event := event.(type) {
		case *chatapi.MessageEvent: // from a customer, never one's own
			_, err := client.Send(ctx, event.AnswerTo(), chatapi.Text{Body: "You wrote: " + event.Text}, chatapi.ReplyTo(event.ID))
			return err // after an error the service delivers again, unless the message may have gone out
		case *chatapi.StatusEvent:
			fmt.Println(event.Status)
		}
		return nil
	}), chatapi.WebhookSecret("s3cret"))
	http.Handle("POST /webhooks/{secret}", handler) // https://desk.example/webhooks/s3cret

	api.Webhook("https://desk.example/webhooks/s3cret", http.DefaultServeMux)
	ann := api.Customer("12025550143")
	ann.Says("hello")
	fmt.Println(ann.LastReceived().Text)
	// Output:
	// sent
	// delivered
	// You wrote: hello
}

func Example_windowClosed() {
	api, client := sample()
	defer api.Close()
	ctx, to := context.Background(), chatapi.Phone("12025550143")

	_, err := client.Send(ctx, to, chatapi.Text{Body: "Your order is ready."})
	if errors.Is(err, chatapi.ErrWindowClosed) { // the customer has not written for 24 hours
		_, err = client.Send(ctx, to, chatapi.Template{
			Name: "order_ready", Language: "en", Body: chatapi.Params("Ann", "#42"),
		})
	}
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(api.Customer("12025550143").LastReceived().Text)
	// Output: Hello Ann, your order #42 is ready.
}

func Example_billing() {
	api, client := sample(chatapitest.At(time.Date(2026, time.November, 16, 12, 0, 0, 0, time.UTC)))
	defer api.Close()
	ctx, to := context.Background(), chatapi.Phone("12025550143")
	message := chatapi.Text{Body: "It is!"}

	ledger := chatapi.NewLedger(chatapi.Account{
		ID: "sample-shop", Numbers: []chatapi.ChannelID{"ABC100000001"},
		Model: chatapi.ModelCBP2022, // Chat API's conversations; empty is the model in force
	})

	api.Webhook("https://desk.example/s3cret", chatapi.NewWebhookHandler(func(ctx context.Context, event chatapi.Event) error {
		event.Info().Received = api.Now() // the fake's clock is not this machine's

		// In the webhook's function, for every event:
		if err := ledger.RecordEvent(event); err != nil {
			return err
		}
		return nil
	}, chatapi.WebhookSecret("s3cret")))
	api.Customer("12025550143").Says("Is it ready?")
	now := api.Now()

	if !ledger.ServiceWindow("ABC100000001", to).Open(now) {
		log.Fatal("only a template can be sent")
	}
	receipt, err := client.Send(ctx, to, message)
	if err != nil {
		log.Fatal(err)
	}
	if err := ledger.RecordSend(receipt, message, now); err != nil {
		log.Fatal(err)
	}

	api.Settle() // the statuses have arrived

	bill, err := ledger.Bill(chatapi.Month(2026, time.November))
	if err != nil {
		log.Fatal(err) // ErrNoPrice comes with the bill, whose Gaps say what is missing
	}
	fmt.Print(bill)
	// Output:
	// Bill for November 2026
	//
	// Opened            Number        Customer      Kind            Cost  Why
	// 2026-11-16 12:00  ABC100000001  +12025550143  user initiated  free  number 1 of 1,000 free this month
	//
	// Free        1  free tier 1
	// Charged     0
	// Total    0.00  USD
}

func Example_errors() {
	api, client := sample()
	defer api.Close()
	ctx, to := context.Background(), chatapi.Phone("12025550143")
	message := chatapi.Text{Body: "It is!"}
	api.Customer("12025550143").Says("Is it ready?")
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Accepted: true})

	_, err := client.Send(ctx, to, message)
	e, failed := errors.AsType[*chatapi.Error](err)
	if failed {
		fmt.Println(e.Sentence) // for the operator; e.Advice says what to do
	}
	switch {
	case errors.Is(err, chatapi.ErrInvalid): // e.Field names the wrong part; nothing was sent
	case errors.Is(err, chatapi.ErrRateLimited): // come back after e.RetryAfter
	case errors.Is(err, chatapi.ErrRecipient): // this person cannot be reached
	case errors.Is(err, chatapi.ErrOutcomeUnknown): // sending again could double it
		resolution, err := client.Resolve(ctx, *e.Attempt)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(resolution.Outcome)
	}
	// Output:
	// It is not known whether the message went out.
	// accepted
}
