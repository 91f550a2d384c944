// Quickstart shows the main job of the SDK in one program: connect a channel,
// have a template approved, send it, receive over a real HTTP webhook, see the
// service window close, and get the month's bill.
//
// By default it starts the embedded fake Chat API and needs no account:
//
//	go run ./examples/quickstart
//
// With CHATAPI_URL and CHATAPI_TOKEN set it talks to the real service instead,
// and changes nothing there unless told to: CHATAPI_WEBHOOK is an address to
// add to the channel's webhooks, CHATAPI_TO a phone number that gets the
// template (which is created if the channel has none of that name).
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()

	out := &printer{w: os.Stdout}
	run := runOnFake
	if os.Getenv("CHATAPI_URL") != "" || os.Getenv("CHATAPI_TOKEN") != "" {
		run = runOnService
	}
	err := run(ctx, out)
	if err == nil {
		err = out.err
	}
	if err != nil {
		explain(err)
		os.Exit(1)
	}
}

// explain tells an operator what happened and what to do, and a developer the
// rest.
func explain(err error) {
	if e, ok := errors.AsType[*chatapi.Error](err); ok && e.Sentence != "" {
		fmt.Fprintln(os.Stderr, "\n"+e.Sentence)
	}
	fmt.Fprintln(os.Stderr, "quickstart:", err)
}
