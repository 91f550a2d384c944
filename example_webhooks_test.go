package chatapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// incoming is what the service posts when a customer writes.
const incoming = `{"instanceId":"ABC100000001","messages":[{"id":"wamid.1","type":"chat","body":"Is it ready?",
	"fromMe":false,"self":0,"time":"1795000000","author":"12025550143@c.us","chatId":"12025550143@c.us","senderName":"Pat"}]}`

func ExampleNewWebhookHandler() {
	handler := chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
		switch e := e.(type) {
		case *chatapi.MessageEvent:
			fmt.Printf("%s wrote: %s\n", e.From.Name, e.Text)
		case *chatapi.StatusEvent:
			fmt.Printf("%s is %s\n", e.MessageID, e.Status)
		default: // an echo, a call, or something of a later version
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"))
	http.Handle("/hooks/", handler) // registered as https://desk.example/hooks/s3cret

	post := func(path, body string) {
		w := httptest.NewRecorder()
		http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		fmt.Println(w.Code)
	}
	post("/hooks/s3cret", incoming)
	post("/hooks/s3cret", `{"instanceId":"ABC100000001","ack":[{"id":"wamid.0","status":"read"}]}`)
	// Output:
	// Pat wrote: Is it ready?
	// 200
	// wamid.0 is read
	// 200
}

// A delivery is stored whole before it is answered.
func ExampleNewDeliveryHandler() {
	stored := map[string]bool{}
	handler := chatapi.NewDeliveryHandler(func(ctx context.Context, d *chatapi.Delivery) error {
		for _, e := range d.Events {
			key := string(d.Channel) + " " + e.Key()
			fmt.Println(key, "new:", !stored[key])
			stored[key] = true
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"))

	for range 2 { // the service delivers again when an answer was slow
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/s3cret", strings.NewReader(incoming)))
	}
	// Output:
	// ABC100000001 message/wamid.1 new: true
	// ABC100000001 message/wamid.1 new: false
}

func ExampleRetryLater() {
	handler := chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
		return chatapi.RetryLater(30*time.Second, errors.New("the queue is full"))
	}, chatapi.WebhookSecret("s3cret"), chatapi.WebhookErrors(func(ctx context.Context, err error) { fmt.Println(err) }))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/s3cret", strings.NewReader(incoming)))
	fmt.Println(w.Code, w.Header().Get("Retry-After"))
	// Output:
	// chatapi: retry later: the queue is full
	// 503 30
}

// A handler with a bad option answers every request with 500. Err says so at the
// start of the program.
func ExampleWebhookHandler_Err() {
	unset := "" // os.Getenv("WEBHOOK_SECRET") of a variable that is not set
	handler := chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error { return nil }, chatapi.WebhookSecret(unset))
	fmt.Println(handler.Err())
	// Output:
	// chatapi: NewWebhookHandler: WebhookSecret is empty; check that the variable with its value is set
}

// Meta delivers directly: it signs each POST with the app secret, and checks the
// address with a GET that holds the verify token.
func ExampleWebhookMetaSignature() {
	handler := chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
		fmt.Println(e.Key())
		return nil
	}, chatapi.WebhookMetaSignature("app-secret"), chatapi.WebhookVerifyToken("t0ken"),
		chatapi.WebhookErrors(func(ctx context.Context, err error) { fmt.Println(errors.Is(err, chatapi.ErrUnauthorized)) }))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hooks?hub.mode=subscribe&hub.verify_token=t0ken&hub.challenge=1158201444", nil))
	fmt.Println(w.Code, w.Body)

	for _, signature := range []string{chatapitest.MetaSignature("app-secret", []byte(incoming)), "sha256=made up"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(incoming))
		r.Header.Set("X-Hub-Signature-256", signature)
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 200 1158201444
	// message/wamid.1
	// 200
	// true
	// 403
}

// One handler for the channels of many customers: each has its own secret.
func ExampleWebhookSecrets() {
	secrets := map[chatapi.ChannelID][]string{"ABC100000001": {"s3cret"}, "ABC100000002": {"other"}}
	handler := chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
		fmt.Println("for", e.Info().Channel)
		return nil
	}, chatapi.WebhookSecrets(func(ctx context.Context, channel chatapi.ChannelID) []string {
		return secrets[channel]
	}), chatapi.WebhookErrors(func(ctx context.Context, err error) { fmt.Println(err) }))

	for _, path := range []string{"/hooks/ABC100000001/s3cret", "/hooks/ABC100000002/other"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(incoming)))
	}
	// Output:
	// for ABC100000001
	// chatapi: WebhookHandler: wrong channel: the body names channel ABC100000001; check which addresses the channels have; if they are right, someone is guessing
}

// Events and an error come together: one bad element costs none of its
// siblings.
func ExampleParseWebhook() {
	events, err := chatapi.ParseWebhook([]byte(`{"instanceId":"ABC100000001","ack":[
		{"id":"wamid.1","status":"delivered"}, "broken",
		{"id":"wamid.2","status":"failed","error":"User's number is part of an experiment"}]}`))
	for _, e := range events {
		if status, ok := e.(*chatapi.StatusEvent); ok {
			fmt.Println(status.MessageID, status.Status)
			for _, reason := range status.Errors {
				fmt.Println(reason.Code, reason.Kind, "/ retry:", reason.Retry)
			}
		}
	}
	if bad, ok := errors.AsType[*chatapi.ParseError](err); ok {
		for _, element := range bad.Elements {
			fmt.Printf("%s: %v: %s\n", element.Path, element.Err, element.Raw)
		}
	}
	// Output:
	// wamid.1 delivered
	// wamid.2 failed
	// 130472 chatapi: marketing limit / retry: no
	// ack[1]: want an object, got a text: "broken"
}

func ExampleStatus_Advance() {
	var state chatapi.Status
	for _, reported := range []chatapi.Status{"read", "sent", "delivered"} { // as they arrive
		state = state.Advance(reported)
	}
	fmt.Println(state)
	// Output: read
}
