package chatapi_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// Two channels in one process: one is blocked, the other goes on.
func ExampleChannels() {
	service := func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/ABC1/") {
			return reply(403, "Channel subscription is blocked"), nil
		}
		return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
	}
	channels := chatapi.NewChannels(
		chatapi.WithHealthChange(func(id chatapi.ChannelID, h chatapi.Health) {
			fmt.Printf("%s is %s: %s\n", id, h.State, h.Reason)
		}),
		chatapi.WithClientOptions(chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(service)})))
	for _, id := range []string{"ABC1", "ABC2"} {
		if _, err := channels.Put("https://api.test/"+id, "t0ken-of-"+id); err != nil {
			fmt.Println(err)
		}
	}
	for id, client := range channels.All() {
		if _, err := client.Send(context.Background(), chatapi.Phone("12025550143"), chatapi.Text{Body: "Hello"}); err == nil {
			fmt.Println(id, "has sent it")
		}
	}
	fmt.Println("ABC2 is", channels.Health("ABC2").State)
	// Output:
	// ABC1 is blocked: Channel ABC1 is blocked or restricted: Channel subscription is blocked.
	// ABC2 has sent it
	// ABC2 is healthy
}

// A helpdesk keeps each channel in its database, and starts with it.
func ExampleChannels_Connect() {
	api, _ := sample()
	defer api.Close()
	ctx := context.Background()
	apiURL, err := api.Listen() // both strings come from the form
	if err != nil {
		log.Fatal(err)
	}
	form := struct{ URL, Token string }{apiURL, api.Token}
	type row struct{ URL, Token, Secret string }
	var stored row

	// The button "Synchronize and Save":
	channels := chatapi.NewChannels()
	secret := chatapi.NewWebhookSecret()
	client, err := chatapi.New(form.URL, form.Token)
	if err != nil {
		log.Fatal(err)
	}
	id := client.ChannelID()
	address, err := chatapi.WebhookAddress("https://desk.example/webhooks", id, secret)
	if err != nil {
		log.Fatal(err)
	}
	connection, err := channels.Connect(ctx, form.URL, form.Token, chatapi.ConnectOptions{WebhookURL: address})
	fmt.Println(connection) // for the operator, on success and on failure
	if err != nil {
		return // a channel that works already keeps its token
	}
	if err := channels.SetWebhookSecrets(id, secret); err != nil {
		log.Fatal(err)
	}
	stored = row{client.APIURL(), form.Token, secret}

	// The next start of the program:
	channels = chatapi.NewChannels()
	client, err = channels.Put(stored.URL, stored.Token)
	if err != nil {
		log.Fatal(err)
	}
	if err := channels.SetWebhookSecrets(client.ChannelID(), stored.Secret); err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /webhooks/{channel}/{secret}", chatapi.NewWebhookHandler(
		chatapi.Once(func(ctx context.Context, event chatapi.Event) error { return nil }),
		chatapi.WebhookSecrets(channels.WebhookSecrets)))
	// Output: Connection successfully established: channel ABC100000001, +1 202 555 0100, 1 template, 1 webhook
}

// A table of channels has one row for each channel, however an address or a webhook
// spells its id.
func ExampleChannelID_Canonical() {
	rows := map[chatapi.ChannelID]string{}
	rows[chatapi.ChannelID("ABC100000001").Canonical()] = "the shop"
	for _, spelled := range []chatapi.ChannelID{"abc100000001", "instanceABC100000001", " ABC100000001\n"} {
		fmt.Println(spelled.Canonical(), "is", rows[spelled.Canonical()])
	}
	// Output:
	// ABC100000001 is the shop
	// ABC100000001 is the shop
	// ABC100000001 is the shop
}

// One address for the webhooks of all channels, each with a secret of its own.
func ExampleChannels_WebhookSecrets() {
	channels := chatapi.NewChannels()
	for _, id := range []chatapi.ChannelID{"ABC100000001", "ABC100000002"} {
		if _, err := channels.Put("https://api.1msg.io/"+string(id), "t0ken-of-"+string(id)); err != nil {
			fmt.Println(err)
		}
		if err := channels.SetWebhookSecrets(id, "s3cret-of-"+string(id)); err != nil {
			fmt.Println(err)
		}
	}
	handler := chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error {
		fmt.Println("an event of", e.Info().Channel)
		return nil
	}, chatapi.WebhookSecrets(channels.WebhookSecrets),
		chatapi.WebhookErrors(func(_ context.Context, err error) { fmt.Println(err) }))

	for _, path := range []string{
		"/hooks/ABC100000001/s3cret-of-ABC100000001",
		"/hooks/ABC100000001/s3cret-of-ABC100000002",
		"/hooks/ABC100000002/s3cret-of-ABC100000002", // with a body of the first
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(incoming)))
		fmt.Println(w.Code)
	}
	// Output:
	// an event of ABC100000001
	// 200
	// chatapi: WebhookHandler: unauthorized: the request carries no secret, or a wrong one; check the webhook address that the channel has; if it is right, someone is guessing
	// 403
	// chatapi: WebhookHandler: wrong channel: the body names channel ABC100000001; check which addresses the channels have; if they are right, someone is guessing
	// 403
}
