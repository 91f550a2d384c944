// Quickstart shows the main use of the SDK in one program: it connects a channel,
// creates a template and waits for its approval, sends it, receives messages by a
// real HTTP webhook, meets a closed service window, and prints the month's bill.
//
// By default it runs on the embedded fake Chat API and needs no account:
//
//	go run ./examples/quickstart
//
// With CHATAPI_URL and CHATAPI_TOKEN set it uses the real service. There it
// changes something only if one of these variables is set: CHATAPI_WEBHOOK is an
// address to add to the channel's webhooks, and CHATAPI_TO is a phone number to
// send the template to. The template is created if the channel lacks it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/chatapi-go/chatapi"
)

func main() {
	if err := runQuickstart(&printer{w: os.Stdout}); err != nil {
		explain(err)
		os.Exit(1)
	}
}

func runQuickstart(out *printer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()

	run := runOnFake
	if os.Getenv("CHATAPI_URL") != "" || os.Getenv("CHATAPI_TOKEN") != "" {
		run = runOnService
	}
	if err := run(ctx, out); err != nil {
		return err
	}
	return out.err
}

// explain prints the error: for an operator the sentence that says what happened,
// and for a developer the details.
func explain(err error) {
	if e, ok := errors.AsType[*chatapi.Error](err); ok && e.Sentence != "" {
		fmt.Fprintln(os.Stderr, "\n"+e.Sentence)
	}
	fmt.Fprintln(os.Stderr, "quickstart:", err)
}
