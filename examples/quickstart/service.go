package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// runOnService runs the steps that are possible on a real channel, where customers
// are not simulated and the clock cannot be moved.
func runOnService(ctx context.Context, out *printer) error {
	client, err := chatapi.New(os.Getenv("CHATAPI_URL"), os.Getenv("CHATAPI_TOKEN"))
	if err != nil {
		return err
	}
	out.printf("chatapi quickstart on the real service: channel %s\n", client.ChannelID())

	out.title("Connect")
	conn, err := client.Connect(ctx, chatapi.ConnectOptions{WebhookURL: os.Getenv("CHATAPI_WEBHOOK")})
	out.block(conn.String())
	if err != nil {
		return err
	}
	for _, step := range conn.Steps {
		out.line(step.Name, "%s", step.Sentence)
	}

	out.title("Get a template approved, and send it")
	if os.Getenv("CHATAPI_TO") == "" {
		out.block("Skipped: set CHATAPI_TO to the phone number to send the template to.")
		return nil
	}
	to, err := chatapi.ParseRecipient(os.Getenv("CHATAPI_TO"))
	if err != nil {
		return err
	}
	info, err := client.Templates.Get(ctx, orderReady.Name, orderReady.Language)
	if errors.Is(err, chatapi.ErrNotFound) {
		info, err = client.Templates.Create(ctx, orderReady)
	}
	if err != nil {
		return err
	}
	out.line(info.Name, "%s", strings.ToLower(string(info.Status)))
	if info, err = client.Templates.WaitApproved(ctx, orderReady.Name, orderReady.Language); err != nil {
		return fmt.Errorf("approval can take a day; run this again later: %w", err)
	}
	receipt, err := client.Send(ctx, to, info.Use("Pat", "#1"))
	switch {
	case err != nil:
		return err
	case receipt.Queued:
		out.line("queued", "job %s", receipt.JobID)
	default:
		out.line("accepted", "%s", receipt.ID)
	}
	out.block("Replies and statuses come to the channel's webhooks. The other steps need the fake.")
	return nil
}
