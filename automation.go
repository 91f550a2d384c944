package chatapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// AutomationService reads and changes the offers that customers see before they
// write: a welcome event, prompts and commands. See [Client.Automation].
type AutomationService struct{ service }

// Automation holds the offers that customers see before they write. The limits
// are documented (contract, "Limits").
type Automation struct {
	// Welcome makes WhatsApp send a [TypeRequestWelcome] event when a customer
	// first opens the chat, so that a bot can greet.
	Welcome bool

	// Prompts are first messages that a customer taps instead of typing: at most
	// 4, of at most 80 characters each.
	Prompts []string

	// Commands are suggested when a customer types a slash: at most 30, with
	// different names.
	Commands []Command
}

// Command is a word that customers can pick after they type a slash.
type Command struct {
	Name        string // at most 32 characters, without the slash
	Description string // at most 256 characters
}

// AutomationInfo holds the present offers of a channel.
type AutomationInfo struct {
	Automation

	// Raw is the service's reply.
	Raw json.RawMessage
}

// Get returns the present offers, which are empty for a channel that never set
// any. It changes nothing and is retried.
func (s AutomationService) Get(ctx context.Context) (*AutomationInfo, error) {
	const op = "Automation.Get"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "conversationalAutomation"}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Welcome  wire.Bool   `json:"enable_welcome_message"`
		Prompts  []wire.Text `json:"prompts"`
		Commands []struct {
			Name        wire.Text `json:"command_name"`
			Description wire.Text `json:"command_description"`
		} `json:"commands"`
	}
	if err := s.decode(op, raw, &body); err != nil {
		return nil, err
	}
	info := &AutomationInfo{Automation: Automation{Welcome: body.Welcome.Value}, Raw: raw}
	for _, prompt := range body.Prompts {
		info.Prompts = append(info.Prompts, string(prompt))
	}
	for _, command := range body.Commands {
		info.Commands = append(info.Commands, Command{string(command.Name), string(command.Description)})
	}
	return info, nil
}

// Set replaces all offers; the zero Automation removes them. A value over its
// limit is [ErrInvalid], and Error.Field names it. The call may be repeated
// without harm and is retried.
func (s AutomationService) Set(ctx context.Context, a Automation) error {
	const op = "Automation.Set"
	type command struct {
		Name        string `json:"command_name"`
		Description string `json:"command_description"`
	}
	body := struct {
		Welcome  bool      `json:"enable_welcome_message"`
		Prompts  []string  `json:"prompts"`
		Commands []command `json:"commands"`
	}{a.Welcome, append([]string{}, a.Prompts...), []command{}}
	var c checker
	c.count("Prompts", len(a.Prompts), 0, 4, "texts")
	for i, prompt := range a.Prompts {
		c.text(at("Prompts", i, ""), prompt, 80)
	}
	c.count("Commands", len(a.Commands), 0, 30, "commands")
	names := map[string]bool{}
	for i, given := range a.Commands {
		c.text(at("Commands", i, "Name"), given.Name, 32)
		c.require(!names[given.Name], at("Commands", i, "Name"), "is "+quote(given.Name)+", which is there twice; give each command a name of its own")
		c.text(at("Commands", i, "Description"), given.Description, 256)
		names[given.Name] = true
		body.Commands = append(body.Commands, command(given))
	}
	if c.first != nil {
		return s.refuse(op, c.first)
	}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "conversationalAutomation", body: body}, nil)
}
