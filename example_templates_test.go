package chatapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
)

// orderUpdate is a template as Templates.Get returns it.
func orderUpdate() *chatapi.TemplateInfo {
	var info chatapi.TemplateInfo
	err := json.Unmarshal([]byte(`{"name":"order_update","language":"en","category":"UTILITY","status":"approved",
		"components":[{"type":"BODY","text":"Hello {{1}}, order {{2}} left the store."},
			{"type":"BUTTONS","buttons":[{"type":"URL","text":"Track","url":"https://shop.example.com/t/{{1}}"}]}]}`), &info)
	if err != nil {
		log.Fatal(err)
	}
	return &info
}

// Use puts the values in where a reader meets the variables; Preview shows what
// the customer will see.
func ExampleTemplateInfo_Preview() {
	info := orderUpdate()
	preview, err := info.Preview(info.Use("Ann", "#42", "42"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(preview)
	// Output:
	// Hello Ann, order #42 left the store.
	// [Track] https://shop.example.com/t/42
}

// Check finds, before anything is sent, what WhatsApp would refuse.
func ExampleTemplateInfo_Check() {
	info := orderUpdate()
	fmt.Println(info.Check(chatapi.Template{Name: "order_update", Language: "en", Body: chatapi.Params("Ann")}))
	fmt.Println(info.Check(info.Use("Ann", "#42\nexpress", "42")))
	// Output:
	// chatapi: TemplateInfo.Check: Body has 1 value, but the template has 2 variables; give one for each, in their order
	// chatapi: TemplateInfo.Check: Body[1] has a line break, which WhatsApp refuses in a template's value; it is the value of {{2}}: use a space or a comma
}

// The languages of a template are told apart to the letter.
func ExampleTemplatesService_Get() {
	client := exampleClient(`{"templates":[{"name":"order_update","language":"en_US"},{"name":"order_update","language":"pt_BR"}]}`)
	_, err := client.Templates.Get(context.Background(), "order_update", "en")
	fmt.Println(errors.Is(err, chatapi.ErrNotFound))
	fmt.Println(err)
	// Output:
	// true
	// chatapi: Templates.Get: not found: template "order_update" exists in en_US, pt_BR, but not in "en"; use "en_US": WhatsApp takes no other spelling or region for it
}

func ExampleTemplatesService_All() {
	client := exampleClient(`{"templates":[{"name":"order_update","language":"en","status":"approved"},{"name":"spring_sale","language":"pt_BR","status":"PENDING"}]}`)
	for info, err := range client.Templates.All(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.Name, info.Language, info.Status)
	}
	// Output:
	// order_update en APPROVED
	// spring_sale pt_BR PENDING
}

// A template is submitted, and WhatsApp decides some minutes later.
func ExampleTemplatesService_Create() {
	client := exampleClient(`{"templates":[{"name":"order_update","language":"en","status":"approved"}]}`)
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	info, err := client.Templates.Create(ctx, chatapi.TemplateDraft{
		Name: "order_update", Category: "UTILITY", Language: "en",
		Components: []chatapi.Component{
			{Type: chatapi.ComponentBody, Text: "Hello {{1}}, order {{2}} left the store.", Example: []string{"Ann", "#42"}},
			{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{
				{Type: chatapi.ButtonTypeURL, Text: "Track", URL: "https://shop.example.com/t/{{1}}", Example: "42"},
			}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Status)
	info, err = client.Templates.WaitApproved(ctx, info.Name, info.Language)
	if errors.Is(err, chatapi.ErrTemplateRejected) {
		log.Fatal("rejected: ", err)
	}
	fmt.Println(info.Status)
	// Output:
	// PENDING
	// APPROVED
}

// exampleClient returns a client whose service always answers the same.
func exampleClient(body string) *chatapi.Client {
	network := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return reply(200, body), nil })}
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", "your-token", chatapi.WithHTTPClient(network))
	if err != nil {
		log.Fatal(err)
	}
	return client
}
