package chatapi_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// A helpdesk keeps one ticket for each person, however a customer is named. It stores
// the links of all events in a table of its own, and asks Identities when it shows the
// ticket.
func ExampleIdentities() {
	api, _ := chatapitest.Start()
	defer api.Close()
	client := api.Client()
	on, ctx := true, context.Background()
	_ = client.Settings.Update(ctx, chatapi.SettingsPatch{RawHooks: &on}) // only WhatsApp's own form reports a new number

	var table []chatapi.Link // a program keeps it in a database, one table for each channel
	desk := func(_ context.Context, ev chatapi.Event) error {
		table = append(table, chatapi.LinksOf(ev)...)
		return nil
	}
	api.Webhook("https://desk.test/s3cret", chatapi.NewWebhookHandler(desk, chatapi.WebhookSecret("s3cret"),
		chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return client.ChannelID() })))

	ann := api.Customer("5511987654321").WithUsername("ann.example")
	ann.Says("Where is my order?")
	ann.HidesNumber()
	ann.ChangesNumber("12025550143")
	ann.Says("It is me.")

	var people chatapi.Identities
	people.Add(table...) // in any order, and repeated links do no harm
	for _, name := range []chatapi.Recipient{
		chatapi.Phone("5511987654321"),
		chatapi.Phone("551187654321"), // the other spelling of that number
		chatapi.BSUID(ann.BSUID()),
		chatapi.Username("ann.example"),
	} {
		fmt.Println(name, "has the ticket of", people.Owner(name, time.Time{}).Key())
	}
	colleague := chatapi.Contact{Phone: "551187654321"} // as the echo of a colleague's answer names the customer
	fmt.Println(people.Same(colleague, chatapi.Contact{BSUID: ann.BSUID()}), people.Same(colleague, chatapi.Contact{Phone: "12025550144"}))
	// Output:
	// +5511987654321 has the ticket of bsuid:US.1000012025550143
	// +551187654321 has the ticket of bsuid:US.1000012025550143
	// US.1000012025550143 has the ticket of bsuid:US.1000012025550143
	// @ann.example has the ticket of bsuid:US.1000012025550143
	// true false
}
