package tape_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
)

// newShop returns the program under test: it asks for the size of a pizza, and thanks.
func newShop(client *chatapi.Client) http.Handler {
	return chatapi.NewWebhookHandler(func(ctx context.Context, event chatapi.Event) error {
		message, ok := event.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		var answer chatapi.Message = chatapi.Buttons{Body: "Which size, " + message.From.Name + "?",
			Buttons: []chatapi.Button{{ID: "S", Title: "Small"}, {ID: "L", Title: "Large"}}}
		if message.Reply != nil {
			answer = chatapi.Text{Body: "Thank you. We bring it in an hour."}
		}
		_, err := client.Send(ctx, message.AnswerTo(), answer)
		return err
	}, chatapi.WebhookSecret("s3cret"))
}

// A recorder stands between the program and the channel, here a fake one.
func Example() {
	api, err := chatapitest.Start() // in its place: your channel for tests
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()

	rec := tape.NewRecorder(tape.KeepTexts(), tape.Secrets("Baker Street 221b"))
	client, err := chatapi.New(api.URL, api.Token,
		chatapi.WithHTTPClient(&http.Client{Transport: rec.Transport(api.Transport)})) // nil for the network
	if err != nil {
		log.Fatal(err)
	}
	api.Webhook("https://shop.test/s3cret", rec.Handler(newShop(client)))

	zoltan := api.Customer("447700900123").Named("Zoltan Kowalski")
	zoltan.Says("A pizza to Baker Street 221b, call +44 7700 900123, Zoltan")
	zoltan.Taps("Large")

	path := filepath.Join(os.TempDir(), "order.tape")
	defer os.Remove(path)
	if err := rec.Save(path); err != nil {
		log.Fatal(err) // nothing was written
	}
	t, err := tape.Load(path)
	if err != nil {
		log.Fatal(err)
	}
	script, err := t.Script()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(script)
	// Output:
	// Ann is +12025550101
	// Ann: A pizza to Xxxxx Xxxxxx 000x, call +12025550101, Ann
	// Bot: Which size, Ann? [Small] [Large]
	// Ann: [Large]
	// Bot: Thank you. We bring it in an hour.
}

// The tape is played to the program in a bubble, where its pauses take no time.
func TestShop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		player := tape.Play(t, "testdata/order.tape")
		player.Webhook("https://shop.test/s3cret", newShop(player.Client()))
		player.Run()
	})
}

// A test guards all tapes of a repository.
func TestTapesHoldNothingPersonal(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.tape")
	if err != nil || len(paths) == 0 {
		t.Fatal("no tapes", err)
	}
	for _, path := range paths {
		saved, err := tape.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := saved.Check("Kowalski", "Baker Street"); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Diff shows what the service answers otherwise than when the tape was recorded.
func ExampleTape_Diff() {
	recorded, err := tape.Load("testdata/order.tape")
	if err != nil {
		log.Fatal(err)
	}
	api, err := chatapitest.Start(chatapitest.Quirks(chatapitest.TextSent)) // in its place: your channel for tests
	if err != nil {
		log.Fatal(err)
	}
	defer api.Close()
	api.Customer("447700900456").Says("I test")

	differences, err := recorded.Diff(context.Background(), api.URL, api.Token,
		tape.DiffTransport(api.Transport),                                 // leave it out for the network
		tape.DiffPeople(map[string]string{"12025550101": "447700900456"})) // who gets Ann's messages
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range differences {
		fmt.Println(d)
	}
	// Output:
	// entry 2, POST sendButton to 12025550101 at 0s: body.sent was true, is "true", as text
	// entry 7, POST sendMessage to 12025550101 at 0s: body.sent was true, is "true", as text
}
