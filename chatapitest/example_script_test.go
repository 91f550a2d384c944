package chatapitest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// newShop returns a bot that sells pizzas and remembers nothing after its end.
func newShop(sender chatapi.Sender) http.Handler {
	var waiting sync.Map // who was asked for the size
	return chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
		message, ok := ev.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		var answer chatapi.Message = chatapi.Buttons{Body: "Which size?", Buttons: []chatapi.Button{{ID: "S", Title: "Small"}, {ID: "L", Title: "Large"}}}
		if _, asked := waiting.LoadAndDelete(message.From.Key()); asked && message.Reply != nil && message.Reply.ID == "L" {
			answer = chatapi.Text{Body: "One large pizza. Your ticket is " + message.ID[len(message.ID)-4:]}
		} else {
			waiting.Store(message.From.Key(), true)
		}
		_, err := sender.Send(ctx, message.AnswerTo(), answer)
		return err
	}, chatapi.WebhookSecret("s3cret"))
}

// TestShop is a conversation as a test.
func TestShop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		api.Webhook("https://bot.test/s3cret", newShop(api.Client()))
		api.Script(t, `
			Ann is +1 202 555 0143
			Ann: order
			Bot: Which size? [Small] [Large]
			# she looks for her glasses
			+2h
			Ann: [Large]
			Bot: One large pizza. Your ticket is …`)
	})
}

func TestShopStepByStep(t *testing.T) {
	api := chatapitest.New(t)
	api.Webhook("https://bot.test/s3cret", newShop(api.Client()))
	ann := api.Customer("12025550143")
	ann.Says("order")
	message := ann.Gets(t, "Which size?", "[Small]", "[Large]")
	ann.Taps(message.Buttons[1].ID)
	ann.Gets(t, "One large pizza. Your ticket is …")
	ann.GetsNothing(t)
}

func TestShopForgets(t *testing.T) {
	api := chatapitest.New(t)
	ann := api.Customer("12025550143")
	api.Webhook("https://bot.test/s3cret", newShop(api.Client()))
	ann.Says("order")
	api.Restart("https://bot.test/s3cret", newShop(api.Client()))
	ann.Taps("Large") // the program has forgotten the order
	ann.Gets(t, "Which size?", "[Small]", "[Large]")
	ann.Gets(t, "Which size?", "[Small]", "[Large]")
}

// A program plays a script without a test. Here the bot says something else.
func ExampleScript_Play() {
	api, _ := chatapitest.Start()
	defer api.Close()
	api.Webhook("https://bot.test/s3cret", newShop(api.Client()))
	script, err := chatapitest.ParseScript("order.chat", `Ann is +1 202 555 0143
Ann: order
Bot: Which one? [Small] [Large]
`)
	if err != nil {
		log.Fatal(err)
	}
	played, err := script.Play(api)
	fmt.Println(err)
	fmt.Print(played)
	// Output:
	// the conversation goes otherwise than the script from order.chat:3 on (- the script, + what happened):
	//   Ann is +1 202 555 0143
	//   Ann: order
	// - Bot: Which one? [Small] [Large]
	// + Bot: Which size? [Small] [Large]
	// Ann is +1 202 555 0143
	// Ann: order
	// Bot: Which size? [Small] [Large]
}

// A mistake has a place, and the word that was meant.
func ExampleParseScript() {
	_, err := chatapitest.ParseScript("order.chat", "Ann: hi\nAnn hidse number\n")
	fmt.Println(err)
	// Output:
	// order.chat:2:5: there is no act "hidse number"; did you mean "hides number"?
}

func ExampleAPI_Transcript() {
	api, _ := chatapitest.Start()
	defer api.Close()
	api.Webhook("https://bot.test/s3cret", newShop(api.Client()))
	ann := api.Customer("12025550143")
	ann.Says("order")
	ann.HidesNumber()
	ann.Taps("Small")
	fmt.Print(api.Transcript())
	// Output:
	// Ann is 12025550143
	// Ann: order
	// Bot: Which size? [Small] [Large]
	// Ann hides number
	// Ann: [Small]
	// Bot: Which size? [Small] [Large]
}

// A page or a program in another language gives acts as texts.
func ExampleAPI_Perform() {
	api, _ := chatapitest.Start()
	defer api.Close()
	api.Webhook("https://bot.test/s3cret", newShop(api.Client()))
	for _, act := range []string{"says", "tapz", "taps"} {
		args := map[string]string{"text": "order"}
		if act != "says" {
			args = map[string]string{"button": "Huge"}
		}
		_, err := api.Perform(act, "12025550143", args)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// there is no act "tapz"; did you mean "taps"?
	// Ann cannot tap "Huge": no message has such a button; the newest one has "Small", "Large"
}

func ExampleRecordingSender() {
	ctx := context.Background()
	var sender chatapitest.RecordingSender
	sender.Fail(chatapi.ErrWindowClosed)
	_, err := sender.Send(ctx, chatapi.Phone("12025550143"), chatapi.Text{Body: "Your order is ready."})
	fmt.Println(errors.Is(err, chatapi.ErrWindowClosed), len(sender.Sent()))
	// Output:
	// true 0
}

// A demo that is stopped goes on where it was.
func ExampleAPI_State() {
	api, _ := chatapitest.Start()
	defer api.Close()
	api.Customer("12025550143").Named("Pat Example").Says("hi")
	state, err := api.State()
	if err != nil {
		log.Fatal(err)
	}
	later, err := chatapitest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer later.Close()
	if err := later.Load(state); err != nil {
		log.Fatal(err) // a sentence: cut off, damaged, or of a newer version
	}
	fmt.Println(later.Customer("12025550143").Name())
	fmt.Println(later.Load(state[:100]))
	// Output:
	// Pat Example
	// chatapitest: Load: the state is cut off after 100 bytes; load an older copy, or begin without a state
}

// A customer edits and deletes a message. Such events come in WhatsApp's own form.
func ExampleCustomer_Edits() {
	api := withRawHooks()
	defer api.Close()
	ann := api.Customer("12025550143")
	ann.Says("two")
	ann.Edits("", "three")
	ann.Deletes("")
	// Output:
	// webhook: messages
	// webhook: messages
	// webhook: messages
}
