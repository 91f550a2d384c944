package chatapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// Prepare checks and encodes a message without sending it: a dry run.
func ExampleClient_Prepare() {
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", "your-token")
	if err != nil {
		log.Fatal(err)
	}
	p, err := client.Prepare(chatapi.Phone("+1 202 555 0143"), chatapi.Text{Body: "Your order is packed."})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Operation, string(p.Body))
	// Output: sendMessage {"phone":"12025550143","body":"Your order is packed."}
}

// Up to three buttons to answer with; the id comes back in [chatapi.Reply].
func ExampleButtons() {
	show(chatapi.Buttons{
		Header: chatapi.HeaderText("Sample clinic"),
		Body:   "Confirm the visit?",
		Buttons: []chatapi.Button{
			{ID: "visit-yes", Title: "Yes"},
			{ID: "visit-no", Title: "No"},
		},
	})
	// Output: sendButton {"phone":"12025550143","header":{"text":"Sample clinic","type":"text"},"body":"Confirm the visit?","sections":[{"type":"reply","reply":{"id":"visit-yes","title":"Yes"}},{"type":"reply","reply":{"id":"visit-no","title":"No"}}]}
}

// Up to ten rows behind one button.
func ExampleList() {
	show(chatapi.List{
		Body:  "Pick a branch",
		Label: "Branches",
		Sections: []chatapi.Section{{Title: "City", Rows: []chatapi.Row{
			{ID: "b-1", Title: "North", Description: "Open 9-18"},
			{ID: "b-2", Title: "South"},
		}}},
	})
	// Output: sendList {"phone":"12025550143","body":"Pick a branch","buttonText":"Branches","action":"Branches","sections":[{"title":"City","rows":[{"id":"b-1","title":"North","description":"Open 9-18"},{"id":"b-2","title":"South"}]}]}
}

// A file goes by link, by the id of an upload, or as bytes.
func ExampleFile() {
	show(chatapi.File{Media: chatapi.MediaURL("https://files.example.com/invoice-1001.pdf"), Caption: "Invoice 1001"})

	note, err := chatapi.ReadMedia("hello.txt", strings.NewReader("Hello."))
	if err != nil {
		log.Fatal(err)
	}
	show(chatapi.File{Media: note})
	// Output:
	// sendFile {"phone":"12025550143","body":"https://files.example.com/invoice-1001.pdf","filename":"invoice-1001.pdf","caption":"Invoice 1001"}
	// sendFile {"phone":"12025550143","body":"data:text/plain;base64,SGVsbG8u","filename":"hello.txt"}
}

// An approved template goes out whether or not the customer has written.
func ExampleTemplate() {
	show(chatapi.Template{
		Name: "order_ready", Language: "en", Category: "UTILITY",
		Header:  chatapi.HeaderImage(chatapi.MediaURL("https://files.example.com/h.jpg")),
		Body:    chatapi.Params("Ann", "#42"),
		Buttons: []chatapi.ButtonParam{chatapi.URLButton(0, "42")},
	})
	// Output: sendTemplate {"phone":"12025550143","template":"order_ready","language":{"policy":"deterministic","code":"en"},"params":[{"type":"header","parameters":[{"image":{"link":"https://files.example.com/h.jpg"},"type":"image"}]},{"type":"body","parameters":[{"text":"Ann","type":"text"},{"text":"#42","type":"text"}]},{"type":"button","sub_type":"url","index":0,"parameters":[{"text":"42","type":"text"}]}]}
}

// One button that opens a page.
func ExampleLinkMessage() {
	show(chatapi.LinkMessage{Body: "Track the parcel", Label: "Track", URL: "https://shop.example.com/t/1001"})
	// Output: sendCtaUrl {"phone":"12025550143","body":"Track the parcel","displayText":"Track","url":"https://shop.example.com/t/1001"}
}

// What this version has no type for.
func ExampleCustom() {
	show(chatapi.Custom{Operation: "sendPoll", Body: json.RawMessage(`{"question":"Tea?","answers":["Yes","No"]}`)})
	// Output: sendPoll {"phone":"12025550143","question":"Tea?","answers":["Yes","No"]}
}

// A wrong message is found before anything is sent, and the error names the
// place.
func ExampleError() {
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", "your-token")
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Prepare(chatapi.Phone("12025550143"), chatapi.Buttons{
		Body:    "Confirm the visit?",
		Buttons: []chatapi.Button{{ID: "yes", Title: "Yes"}, {ID: "no", Title: "No, please call me back"}},
	})
	if e, ok := errors.AsType[*chatapi.Error](err); ok && errors.Is(err, chatapi.ErrInvalid) {
		fmt.Println(e.Field)
		fmt.Println(e.Sentence)
	}
	// Output:
	// Buttons[1].Title
	// The message cannot be sent: the title of button 2 has 23 characters, but at most 20 are allowed.
}

// show prints what would be sent.
func show(m chatapi.Message) {
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", "your-token")
	if err != nil {
		log.Fatal(err)
	}
	p, err := client.Prepare(chatapi.Phone("12025550143"), m)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Operation, string(p.Body))
}
