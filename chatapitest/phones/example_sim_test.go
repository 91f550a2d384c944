package phones_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

// Any program can let customers act, and wait for the answers of the bot under test.
func ExampleSim() {
	api, err := chatapitest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()
	client := api.Client()
	api.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
		if m, ok := ev.(*chatapi.MessageEvent); ok {
			_, err := client.Send(ctx, m.AnswerTo(), chatapi.Text{Body: "Which size?"})
			return err
		}
		return nil
	}, chatapi.WebhookSecret("s3cret")))
	server := httptest.NewServer(phones.Sim(api))
	defer server.Close()

	// curl --json '{"text": "order"}' $URL/sim/customers/12025550143/says
	said, err := http.Post(server.URL+"/sim/customers/12025550143/says", "application/json", strings.NewReader(`{"text": "order"}`))
	if err != nil {
		log.Fatal(err)
	}
	said.Body.Close()
	// curl $URL/sim/transcript
	got, err := http.Get(server.URL + "/sim/transcript")
	if err != nil {
		log.Fatal(err)
	}
	defer got.Body.Close()
	transcript, err := io.ReadAll(got.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s%s", said.Status+"\n", transcript)
	// Output:
	// 200 OK
	// Ann is 12025550143
	// Ann: order
	// Bot: Which size?
}
