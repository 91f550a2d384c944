package chatapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"time"

	"github.com/chatapi-go/chatapi"
)

// A campaign from a list: numbers that cannot be read are left to a person, the price
// is known before the first send, and an error says who has to stop.
func Example_campaign() {
	api, _ := sample()
	defer api.Close()
	client := api.Client(chatapi.WithPace(chatapi.Pace{PerSecond: 80, Pair: 6 * time.Second})) // the limits that WhatsApp publishes
	ctx := context.Background()
	info, err := client.Templates.Get(ctx, "order_ready", "en")
	if err != nil {
		log.Fatal(err)
	}
	messages := map[chatapi.Recipient]chatapi.Message{} // a number that is twice in the list gets one message
	for row, number := range []string{"+1 202 555 0143", "tel:+12025550143", "0012025550144", "1.20256E+10"} {
		to, err := chatapi.ParseRecipient(number) // adds no country code; see Phone
		if e, bad := errors.AsType[*chatapi.Error](err); bad {
			fmt.Println("row", row, "-", e.Sentence)
			continue
		}
		message := info.Use("Ann", "#42") // with the Category, by which the price goes
		if err := info.Check(message); err != nil {
			log.Fatal(err)
		}
		messages[to] = message
	}
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1"}) // in a program, the one that gets every event
	now := time.Date(2026, time.November, 16, 12, 0, 0, 0, time.UTC)
	campaign, err := ledger.QuoteAll(now, client.ChannelID(), maps.All(messages))
	if err != nil {
		log.Fatal(err) // with ErrNoPrice the campaign is there too
	}
	fmt.Println(campaign.Totals)
	for to, message := range messages {
		_, err := client.Send(ctx, to, message)
		e, failed := errors.AsType[*chatapi.Error](err)
		switch {
		case !failed:
			fmt.Println("sent to", to)
		case errors.Is(err, chatapi.ErrOutcomeUnknown): // store *e.Attempt, and ask Client.Resolve a minute later
		case e.Scope() == chatapi.StopRecipient: // this person only; go on
		default:
			log.Fatal(err) // the others would fail too; e.Retry says whether to try again later
		}
	}
	// Output:
	// row 2 - The recipient "0012025550144" begins with 0, and no country code does.
	// row 3 - The recipient "1.20256E+10" is a number that a spreadsheet has rounded.
	// [0.0034 USD]
	// sent to +12025550143
}
