package chatapi

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// ConnectOptions says what [Client.Connect] changes. With the zero value it
// only checks.
type ConnectOptions struct {
	// WebhookURL, if it is not empty, is added to the channel's webhook
	// addresses. The other addresses stay, since other programs and the
	// vendor's own inbox are in the same list.
	WebhookURL string

	// AskWebhook makes Connect post one delivery without events to WebhookURL, to
	// see that a [WebhookHandler] answers there. Serve the handler before Connect.
	// The request goes through http.DefaultTransport, as no option of the client
	// concerns the address, so a fake that is not on a real port does not see it.
	// A program that cannot reach its own public address leaves this off.
	AskWebhook bool

	// Step, if it is not nil, is called after each step, so that a page can show how far
	// the connection has come. It runs in the goroutine of Connect and delays it.
	Step func(Step)
}

// Connection is the result of [Client.Connect]. Print it for an operator.
type Connection struct {
	Channel ChannelID

	// Phone is the channel's own number in digits.
	Phone string

	// Status is the channel's state, such as "connected".
	Status string

	// Templates is the number of message templates, where each language counts.
	// Approved is the number of those that can be sent.
	Templates, Approved int

	// Webhooks is the list of addresses after the call.
	Webhooks []string

	// Steps are the steps that were tried, in order. Only the last can have an
	// error.
	Steps []Step
}

// Step is one step of [Client.Connect].
type Step struct {
	// Name is "channel", "profile", "templates" or "webhooks".
	Name string

	// Sentence is the result, for an operator.
	Sentence string

	// Err is nil for a step that succeeded.
	Err error
}

// String returns one sentence for an operator: "Connection successfully
// established: channel ABC100000001, +1 202 555 0100, 12 templates, 2 webhooks",
// or "Not connected: " and the sentence of the failed step.
func (c *Connection) String() string {
	if c == nil || len(c.Steps) == 0 {
		return "Not connected."
	}
	if last := c.Steps[len(c.Steps)-1]; last.Err != nil {
		return "Not connected: " + last.Sentence
	}
	return fmt.Sprintf("Connection successfully established: channel %s, %s, %s, %s", c.Channel,
		cmp.Or(spacedPhone(c.Phone), "number unknown"), plural(c.Templates, "template"), plural(len(c.Webhooks), "webhook"))
}

// Connect checks address and token against the service, reads the channel's
// state, number and templates, and adds the webhook address if one is given. It
// is made for the button of a helpdesk's channel form. It may be repeated
// without harm, and its requests are retried.
//
// It always returns a Connection, also with an error: its Steps show how far it
// came. The error is that of the failed step, an [*Error] whose Sentence is for
// the operator: [ErrUnauthorized] for a wrong token, [ErrWrongChannel] for the
// token of another channel, [ErrBlocked] for a blocked subscription or a
// channel that is not connected, [ErrUnavailable] for a channel that is still
// connecting, [ErrUnreachable] for a host that does not answer, [ErrNotFound]
// for a wrong URL. With AskWebhook it is [ErrInvalid] with the Field "WebhookURL"
// if the webhook address does not answer with 200, and then the address is not
// added.
func (c *Client) Connect(ctx context.Context, opts ConnectOptions) (*Connection, error) {
	connection := &Connection{}
	if c != nil {
		connection.Channel = c.channel
	}
	steps := []struct {
		name string
		run  func(context.Context, *Connection) (string, error)
	}{
		{"channel", c.connectChannel},
		{"profile", c.connectProfile},
		{"templates", c.connectTemplates},
		{"webhooks", func(ctx context.Context, conn *Connection) (string, error) {
			return c.connectWebhooks(ctx, conn, opts)
		}},
	}
	for _, step := range steps {
		sentence, err := step.run(ctx, connection)
		if err != nil {
			sentence = operatorSentence(err)
		}
		connection.Steps = append(connection.Steps, Step{step.name, sentence, err})
		if opts.Step != nil {
			opts.Step(connection.Steps[len(connection.Steps)-1])
		}
		if err != nil {
			return connection, err
		}
	}
	return connection, nil
}

func (c *Client) connectChannel(ctx context.Context, conn *Connection) (string, error) {
	if c == nil || c.transport == nil {
		return "", c.local("Connect", noClient())
	}
	status, err := c.Channel.GetStatus(ctx)
	if err != nil {
		return "", err
	}
	conn.Status = status.Status
	switch state := strings.ToLower(status.Status); state {
	case "disconnected", "uninitialized", "unregistered":
		return "", c.local("Connect", &Error{HTTPStatus: 200, Sent: true, Kind: ErrBlocked, Retry: RetryFix,
			Reason:   "the channel is " + state,
			Sentence: fmt.Sprintf("Channel %s is %s.", c.channel, state),
			Advice:   "finish the connection of the number in the Chat API cabinet",
			Raw:      capped(status.Raw)})
	case "connecting":
		return "", c.local("Connect", &Error{HTTPStatus: 200, Sent: true, Kind: ErrUnavailable, Retry: RetryBackoff,
			Reason:   "the channel is still connecting",
			Sentence: fmt.Sprintf("Channel %s is still connecting.", c.channel),
			Advice:   "try again in a minute",
			Raw:      capped(status.Raw)})
	}
	return fmt.Sprintf("Channel %s is %s.", c.channel, cmp.Or(status.Status, "there")), nil
}

func (c *Client) connectProfile(ctx context.Context, conn *Connection) (string, error) {
	profile, err := c.Profile.Get(ctx)
	if err != nil {
		return "", err
	}
	conn.Phone = profile.Phone
	if profile.Phone == "" {
		return "The profile has no number.", nil
	}
	return fmt.Sprintf("Its number is %s.", spacedPhone(profile.Phone)), nil
}

func (c *Client) connectTemplates(ctx context.Context, conn *Connection) (string, error) {
	for info, err := range c.Templates.All(ctx) {
		if err != nil {
			return "", err
		}
		conn.Templates++
		if info.Status.usable() {
			conn.Approved++
		}
	}
	return fmt.Sprintf("It has %s, %d approved.", plural(conn.Templates, "template"), conn.Approved), nil
}

func (c *Client) connectWebhooks(ctx context.Context, conn *Connection, opts ConnectOptions) (string, error) {
	address := opts.WebhookURL
	if address != "" && opts.AskWebhook {
		// A wrong address must not take one of the few places of the list.
		if err := c.askWebhook(ctx, address); err != nil {
			return "", err
		}
	}
	if address != "" {
		if err := c.Webhooks.Add(ctx, address); err != nil {
			return "", err
		}
	}
	list, err := c.Webhooks.List(ctx)
	if err != nil {
		return "", err
	}
	for _, webhook := range list {
		conn.Webhooks = append(conn.Webhooks, webhook.URL)
	}
	if address == "" {
		return fmt.Sprintf("Events go to %s.", plural(len(list), "address")), nil
	}
	return fmt.Sprintf("Events go to %s, this one among them.", plural(len(list), "address")), nil
}
