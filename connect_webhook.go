package chatapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi/internal/until"
)

// askWebhookTimeout bounds the question whether a webhook address answers.
const askWebhookTimeout = 10 * time.Second

// askWebhook posts a delivery without events to a webhook address. The error says
// why no [WebhookHandler] answered. It does not quote the address, which holds a
// secret.
func (c *Client) askWebhook(ctx context.Context, address string) error {
	const op = "Connect"
	address, err := c.Webhooks.checkAddress(op, address)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"instanceId": c.channel, "messages": []string{}})
	if err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, askWebhookTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(asked, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return c.local(op, deafWebhook("is not an address", "check the address"))
	}
	r.Header.Set("Content-Type", "application/json")
	// The program may have replaced http.DefaultTransport by one that ignores the
	// context.
	resp, err := until.Transport(http.DefaultTransport).RoundTrip(r)
	switch {
	case err != nil && ctx.Err() != nil:
		return c.local(op, canceled(endOf(ctx), true))
	case err != nil && asked.Err() != nil:
		return c.local(op, deafWebhook(fmt.Sprintf("does not answer within %s", askWebhookTimeout), "the handler must answer at once"))
	case err != nil:
		return c.local(op, deafWebhook("does not answer", "serve the handler before Connect, and check the host, the port and the certificate"))
	}
	defer resp.Body.Close()
	switch status := resp.StatusCode; status {
	case http.StatusOK:
		return nil
	case http.StatusForbidden:
		return c.local(op, deafWebhook("answers 403", "the secret in the address must be that of the handler"))
	case http.StatusNotFound:
		return c.local(op, deafWebhook("answers 404", "the path of the address must be the one that the handler serves"))
	default:
		return c.local(op, deafWebhook(fmt.Sprintf("answers %d", status), "WebhookHandler.Err and its log say what is wrong"))
	}
}

func deafWebhook(problem, advice string) *Error {
	e := invalid("WebhookURL", problem)
	e.Sentence, e.Advice = "The webhook address "+problem+".", advice
	return e
}
