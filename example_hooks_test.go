package chatapi_test

import (
	"context"
	"fmt"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// Hooks feed metrics: one line for each attempt, and one for each pause.
func ExampleWithHooks() {
	api, _ := chatapitest.Start()
	defer api.Close()
	client := api.Client(chatapi.WithHooks(chatapi.Hooks{
		Attempt: func(ctx context.Context, start chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
			return ctx, func(end chatapi.AttemptEnd) {
				fmt.Printf("%s attempt %d: %d %s\n", start.Op, start.Number, end.HTTPStatus, string(end.Kind))
			}
		},
		Wait: func(_ context.Context, wait chatapi.WaitInfo) {
			fmt.Println("pause for", wait.Reason)
		},
	}), chatapi.WithRetry(chatapi.RetryPolicy{MinWait: time.Millisecond}))

	api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 429})
	_, err := client.Send(context.Background(), chatapi.Phone("12025550143"), chatapi.Text{Body: "Hello"})
	fmt.Println(err)
	// Output:
	// Send attempt 1: 429 rate_limited
	// pause for retry
	// Send attempt 2: 200 service_window_closed
	// chatapi: Send: service window closed: Dialog window is closed (code 131047); send a template, or wait until the customer writes
}
