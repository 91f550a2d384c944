// Command simclient drives a fake by the client that a test generates from the OpenAPI
// document of the fake. The test adds the client to this package.
//
//	simclient acts < requests.json    does acts, and writes the ids of their messages
//	simclient talk URL                holds a conversation with the bot of a fake
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"reflect"
)

// request is an act to do, by the name of a method of the client.
type request struct {
	URL, Method, Who string
	Args             json.RawMessage
}

func main() {
	log.SetFlags(0)
	if os.Args[1] == "talk" {
		if err := talk(os.Args[2]); err != nil {
			log.Fatal(err)
		}
		return
	}
	var requests []request
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		log.Fatal(err)
	}
	ids := make([]string, len(requests))
	for i, r := range requests {
		var err error
		if ids[i], err = do(r); err != nil {
			log.Fatalf("%s: %v", r.Method, err)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(ids); err != nil {
		log.Fatal(err)
	}
}

// do calls the method of an act, whose types it finds by reflection.
func do(r request) (id string, err error) {
	client, err := NewClientWithResponses(r.URL)
	if err != nil {
		return "", err
	}
	method := reflect.ValueOf(client).MethodByName(r.Method + "WithResponse")
	if !method.IsValid() {
		return "", errors.New("the client has no such method")
	}
	in := []reflect.Value{reflect.ValueOf(context.Background())}
	for i := 1; i < method.Type().NumIn()-1; i++ { // the last one is a list of options
		value := reflect.New(method.Type().In(i))
		switch {
		case value.Elem().Kind() == reflect.String:
			value.Elem().SetString(r.Who)
		case value.Elem().Kind() == reflect.Pointer: // the parameters of the query
			value.Elem().Set(reflect.New(value.Elem().Type().Elem()))
		default:
			if err := json.Unmarshal(r.Args, value.Interface()); err != nil {
				return "", err
			}
		}
		in = append(in, value.Elem())
	}
	out := method.Call(in)
	if err, ok := out[1].Interface().(error); ok {
		return "", err
	}
	response := out[0].Elem()
	if done, ok := response.FieldByName("JSON200").Interface().(*Acted); ok && done != nil {
		return done.Id, nil
	}
	return "", fmt.Errorf("%s", response.FieldByName("Body").Bytes())
}

// talk holds a conversation as a program would, with the types of the client.
func talk(url string) error {
	ctx := context.Background()
	client, err := NewClientWithResponses(url)
	if err != nil {
		return err
	}
	if _, err := client.ResetWithResponse(ctx, ResetJSONRequestBody{}); err != nil {
		return err
	}
	said, err := client.CustomerSaysWithResponse(ctx, "12025550143", nil, CustomerSaysJSONRequestBody{Text: "order"})
	if err != nil || said.JSON200 == nil {
		return fmt.Errorf("says: %s: %w", said.Body, err)
	}
	text, within := "You said …", "10s"
	got, err := client.WaitForMessageWithResponse(ctx, &WaitForMessageParams{To: "12025550143", Text: &text, Within: &within})
	if err != nil || got.JSON200 == nil || *got.JSON200.Text != "You said order" {
		return fmt.Errorf("wait: %s: %w", got.Body, err)
	}
	messages, err := client.ListMessagesWithResponse(ctx, &ListMessagesParams{Chat: "Ann"})
	if err != nil || messages.JSON200 == nil || len(messages.JSON200.Messages) != 2 || messages.JSON200.Messages[0].Id != said.JSON200.Id {
		return fmt.Errorf("messages: %s: %w", messages.Body, err)
	}
	played, err := client.PlayScriptWithResponse(ctx, nil, PlayScriptJSONRequestBody{Script: "Ann: hi\nBot: You said hi"})
	if err != nil || played.JSON200 == nil || !played.JSON200.Ok {
		return fmt.Errorf("script: %s: %w", played.Body, err)
	}
	wrong, err := client.CustomerTapsWithResponse(ctx, "Ann", nil, CustomerTapsJSONRequestBody{Button: "None"})
	if err != nil || wrong.JSONDefault == nil || wrong.JSONDefault.Error == "" {
		return fmt.Errorf("taps: %s: %w", wrong.Body, err)
	}
	return nil
}
