package chatapitest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// withRawHooks returns a fake that sends WhatsApp's own form too, to a handler that
// prints the field of each webhook of that form.
func withRawHooks() *chatapitest.API {
	api, _ := chatapitest.Start(chatapitest.Seed(1))
	on := true
	_ = api.Client().Settings.Update(context.Background(), chatapi.SettingsPatch{RawHooks: &on})
	api.Webhook("https://bot.test/raw", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			Entry []struct{ Changes []struct{ Field string } }
		}
		data, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(data, &body)
		for _, entry := range body.Entry {
			fmt.Println("webhook:", entry.Changes[0].Field)
		}
	}))
	return api
}

// A bot that first claims a message, and then answers it, answers once, although the
// service delivers each webhook twice at the same time.
func ExampleQuirk() {
	api, _ := chatapitest.Start(chatapitest.Quirks(chatapitest.DeliveriesAtOnce))
	defer api.Close()
	client := api.Client()
	var claimed sync.Map // a program keeps it in a database
	bot := func(ctx context.Context, ev chatapi.Event) error {
		message, ok := ev.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		if _, known := claimed.LoadOrStore(message.Key(), true); known {
			return nil
		}
		_, err := client.Send(ctx, message.AnswerTo(), chatapi.Text{Body: "Hello"})
		return err
	}
	api.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(bot, chatapi.WebhookSecret("s3cret")))

	ann := api.Customer("12025550143")
	ann.Says("hi")
	fmt.Println(len(ann.Received()), "answer")
	// Output:
	// 1 answer
}

// A bot has to answer a customer who hides the number in the middle of the
// conversation.
func ExampleCustomer_HidesNumber() {
	api, _ := chatapitest.Start()
	defer api.Close()
	client := api.Client()
	bot := func(ctx context.Context, ev chatapi.Event) error {
		message, ok := ev.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		fmt.Printf("%q from %v, number %q\n", message.Text, message.From.Name, message.From.Phone)
		_, err := client.Send(ctx, message.AnswerTo(), chatapi.Text{Body: "Hello"})
		return err
	}
	api.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(bot, chatapi.WebhookSecret("s3cret")))

	ann := api.Customer("12025550143")
	ann.Says("hi")
	ann.HidesNumber()
	ann.Says("it is me")
	fmt.Println(len(ann.Received()), "answers")
	// Output:
	// "hi" from Ann, number "12025550143"
	// "it is me" from Ann, number ""
	// 2 answers
}

// A customer whom a program has known by the BSUID alone shows the number.
func ExampleCustomer_ShowsNumber() {
	api, _ := chatapitest.Start()
	defer api.Close()
	pat := api.Customer("US.1000000000000001")
	fmt.Println(pat.Recipient())
	pat.ShowsNumber("12025550143")
	fmt.Println(pat.Recipient())
	// Output:
	// US.1000000000000001
	// +12025550143
}

// A send can name the username instead of the number.
func ExampleCustomer_WithUsername() {
	api, _ := chatapitest.Start()
	defer api.Close()
	ann := api.Customer("12025550143").WithUsername("ann.example")
	ann.Says("hi")
	_, err := api.Client().Send(context.Background(), chatapi.Username("ann.example"), chatapi.Text{Body: "Hello"})
	fmt.Println(err, ann.LastReceived().Text)
	// Output:
	// <nil> Hello
}

// WhatsApp reports who joins and leaves a group.
func ExampleCustomer_Joins() {
	api := withRawHooks()
	defer api.Close()
	friends := api.Group("Friends")
	ann := api.Customer("12025550143")
	ann.Joins(friends)
	ann.Leaves(friends)
	// Output:
	// webhook: group_participants_update
	// webhook: group_participants_update
}

// A message in a group names the person and the group. The answer goes to the group.
func ExampleCustomer_SaysIn() {
	api, _ := chatapitest.Start()
	defer api.Close()
	api.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(func(_ context.Context, ev chatapi.Event) error {
		if message, ok := ev.(*chatapi.MessageEvent); ok {
			fmt.Println(message.From.Phone, "to a group:", message.AnswerTo().IsGroup())
		}
		return nil
	}, chatapi.WebhookSecret("s3cret")))
	ann := api.Customer("12025550143")
	ann.SaysIn(api.Group("Friends", ann), "hi all")
	// Output:
	// 12025550143 to a group: true
}

// A new number comes with a new BSUID. WhatsApp reports both.
func ExampleCustomer_ChangesNumber() {
	api := withRawHooks()
	defer api.Close()
	ann := api.Customer("12025550143")
	before := ann.BSUID()
	ann.ChangesNumber("573001234567")
	fmt.Println(before, "is now", ann.BSUID())
	// Output:
	// webhook: messages
	// webhook: user_id_update
	// US.1000012025550143 is now CO.1000573001234567
}

// What the business types in its phone app comes as an echo.
func ExampleAPI_FromPhone() {
	api := withRawHooks()
	defer api.Close()
	ann := api.Customer("12025550143")
	api.FromPhone("12025550143", "I call you.")
	fmt.Println(ann.LastReceived().Text)
	// Output:
	// webhook: smb_message_echoes
	// webhook: messages
	// I call you.
}

// A message to a group has a status for each member.
func ExampleAPI_Group() {
	api, _ := chatapitest.Start()
	defer api.Close()
	desk := func(_ context.Context, ev chatapi.Event) error {
		if status, ok := ev.(*chatapi.StatusEvent); ok && status.Status == chatapi.StatusDelivered {
			fmt.Println(status.Status, "to", status.To.Phone)
		}
		return nil
	}
	api.Webhook("https://desk.test/s3cret", chatapi.NewWebhookHandler(desk, chatapi.WebhookSecret("s3cret")))

	ann, ben := api.Customer("12025550143"), api.Customer("12025550144")
	friends := api.Group("Friends", ann, ben)
	ann.SaysIn(friends, "hi all")
	_, err := api.Client().Send(context.Background(), chatapi.Chat(friends), chatapi.Text{Body: "Hello"})
	api.Settle()
	fmt.Println(err, api.GroupReceived(friends)[0].Text)
	// Output:
	// delivered to 12025550143
	// delivered to 12025550144
	// <nil> Hello
}

// Imported chats must not wake a bot.
func ExampleAPI_ImportHistory() {
	api := withRawHooks()
	defer api.Close()
	ann := api.Customer("12025550143")
	api.ImportHistory(ann,
		chatapitest.Past{Text: "Are you open?"},
		chatapitest.Past{FromBusiness: true, Text: "Until six."},
		chatapitest.Past{Type: chatapi.TypeImage, Text: "https://files.example.com/door.jpg"})
	fmt.Println(len(ann.Received()), "messages received")
	// Output:
	// webhook: history
	// webhook: history
	// 0 messages received
}

// A bot must not answer while another agent holds the chat.
func ExampleAPI_Standby() {
	api := withRawHooks()
	defer api.Close()
	ann := api.Customer("12025550143")
	api.Standby(true)
	ann.Says("hi")
	api.FromAgent("12025550143", "How can I help?")
	fmt.Println(ann.LastReceived().Text)
	// Output:
	// webhook: standby
	// webhook: standby
	// How can I help?
}

// The agent passes a chat to a person of the business, who may answer from then on.
func ExampleAPI_AgentPasses() {
	api := withRawHooks()
	defer api.Close()
	ann := api.Customer("12025550143")
	api.Standby(true)
	ann.Says("I want to talk to a person")
	api.AgentPasses("12025550143", "asks for a person")
	ann.Says("hello?")
	// Output:
	// webhook: standby
	// webhook: messaging_handovers
	// webhook: messages
}

// Two channels of one fake share the clock.
func ExampleAPI_AddChannel() {
	sales, _ := chatapitest.Start(chatapitest.Channel("SALES1"))
	defer sales.Close()
	desk := sales.AddChannel("DESK1")
	for _, channel := range []*chatapitest.API{sales, desk} {
		client := channel.Client()
		channel.Customer("12025550143").Says("hi")
		_, err := client.Send(context.Background(), chatapi.Phone("12025550143"), chatapi.Text{Body: "from " + string(client.ChannelID())})
		fmt.Println(err, channel.Customer("12025550143").LastReceived().Text)
	}
	// Output:
	// <nil> from SALES1
	// <nil> from DESK1
}
