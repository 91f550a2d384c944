package chatapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// AutomationService reads and changes what customers are offered before they
// write. See [Client.Automation]. Its calls may be repeated without harm and
// are retried.
type AutomationService struct{ service }

// Automation is what customers are offered before they write. The limits are
// documented (contract, "Limits").
type Automation struct {
	// Welcome has a [TypeRequestWelcome] message come when somebody opens the
	// chat for the first time, so that a bot can greet.
	Welcome bool

	// Prompts are texts to tap instead of typing a first message: at most 4,
	// of at most 80 characters.
	Prompts []string

	// Commands are suggested when a customer types a slash: at most 30.
	Commands []Command
}

// Command is a word that a customer picks after typing a slash.
type Command struct {
	Name        string // at most 32 characters, without the slash
	Description string // at most 256 characters
}

// AutomationInfo is what the channel offers now.
type AutomationInfo struct {
	Automation

	// Raw is the service's reply.
	Raw json.RawMessage
}

// Get returns what customers are offered. A channel that offers nothing has an
// empty one.
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

// Set replaces what customers are offered; the zero Automation offers nothing.
// What is over a limit is [ErrInvalid] with the place.
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
		c.require(!names[given.Name], at("Commands", i, "Name"), "is "+quote(given.Name)+", which is there twice")
		c.text(at("Commands", i, "Description"), given.Description, 256)
		names[given.Name] = true
		body.Commands = append(body.Commands, command(given))
	}
	if c.first != nil {
		return s.refuse(op, c.first)
	}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "conversationalAutomation", body: body}, nil)
}
