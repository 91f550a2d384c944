package chatapitest

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file writes the webhooks of two features that only WhatsApp's own form has: the
// import of old chats, and the chats that another agent holds.

// Past is a message of an imported chat.
type Past struct {
	// FromBusiness is true if the business wrote the message.
	FromBusiness bool

	// Type is the type of the content; empty is a text. The import names a file only
	// as "media_placeholder"; a second webhook brings the file.
	Type chatapi.ContentType

	// Text is the text, or the address of the file.
	Text string

	// At is the time of the message. If it is zero, the message is one hour older
	// than the next one, and the last one is a day old.
	At time.Time

	// Status is the last state; empty is read.
	Status chatapi.Status
}

// ImportHistory imports the chat with a customer from the business's phone app, as
// WhatsApp does after a number was connected: the channel gets a webhook with the
// field history, and one more for each file. No such message opens the service window,
// is in GET /messages, or is received by the customer again. The setting rawHooks must
// be on, because the service's own format has no such event; otherwise the test fails.
func (a *API) ImportHistory(with *Customer, messages ...Past) {
	if !with.valid() || !a.ok(a.needsRaw("ImportHistory")) {
		return
	}
	with.act(func() (*message, []webhook) {
		thread := object{"id": with.shown()}
		if with.shown() == "" {
			context := object{"user_id": with.bsuid}
			if with.username != "" {
				context["username"] = with.username
			}
			thread["context"] = context
		}
		rows, files := []any{}, []webhook(nil)
		for i, past := range messages {
			past.At = past.when(a.now(), len(messages)-i)
			row := a.pastRow(with, past)
			if kind := cmp.Or(past.Type, chatapi.TypeText); kind != chatapi.TypeText {
				file := a.pastRow(with, past)
				rawContent(file, &message{typ: string(kind), body: &past.Text, mediaID: a.number()})
				delete(file, "history_context")
				files = append(files, a.raw("history", object{"contacts": []any{with.rawContact()}, "messages": []any{file}}))
				row["type"] = "media_placeholder"
			} else {
				row["type"], row["text"] = "text", object{"body": past.Text}
			}
			rows = append(rows, row)
		}
		thread["messages"] = rows
		chunk := object{"metadata": object{"phase": 0, "chunk_order": 1, "progress": 100}, "threads": []any{thread}}
		return nil, append([]webhook{a.raw("history", object{"history": []any{chunk}})}, files...)
	})
}

// when returns the time of a message that has n messages from itself to the end.
func (p Past) when(now time.Time, n int) time.Time {
	if !p.At.IsZero() {
		return p.At
	}
	return now.Add(-24*time.Hour - time.Duration(n-1)*time.Hour)
}

// pastRow returns a message of an imported chat without its content.
func (a *API) pastRow(with *Customer, past Past) object {
	row := object{"id": a.id("wamid.FAKE"), "timestamp": unix(past.At),
		"history_context": object{"status": strings.ToUpper(string(cmp.Or(past.Status, chatapi.StatusRead)))}}
	phone := with.shown()
	switch {
	case past.FromBusiness:
		row["from"], row["to"] = a.phone, phone
		if phone == "" {
			row["to_user_id"] = with.bsuid
		}
	case phone == "":
		row["from"], row["from_user_id"] = "", with.bsuid
	default:
		row["from"] = phone
	}
	return row
}

// DeclineHistory reports that the business did not share its old chats: a webhook with
// the field history and an error. The setting rawHooks must be on; otherwise the test
// fails.
func (a *API) DeclineHistory() {
	if !a.ok(a.needsRaw("DeclineHistory")) {
		return
	}
	a.act(func() (*message, []webhook) {
		const title = "History sync is turned off by the business from the WhatsApp Business App"
		declined := object{"errors": []any{object{"code": 2593109, "title": title, "message": title, "error_data": object{"details": title}}}}
		return nil, []webhook{a.raw("history", object{"history": []any{declined}})}
	})
}

// Standby gives the chats to another agent, such as Meta's, or takes them back. While
// another agent holds a chat, a customer's message reaches the channel only with the
// field standby, in WhatsApp's own form; a bot must not answer it. A message of the API
// to a customer takes the chat with this customer from the agent for good (Meta's page
// on standby webhooks, 2026-08, medium confidence); so does [API.AgentPasses]. The
// setting rawHooks must be on; otherwise the test fails. Groups are never held.
func (a *API) Standby(on bool) {
	a.ok(a.standBy(on))
}

func (a *API) standBy(on bool) error {
	if on {
		if err := a.needsRaw("Standby"); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.standby = on
	for _, c := range a.customers {
		c.taken = false
	}
	a.note(entry{actor: ActorAgent, act: map[bool]string{true: "holds", false: "releases"}[on]})
	return nil
}

// FromAgent sends a text of the other agent to a phone number or BSUID and returns
// the id of the message. The customer receives it, and the channel gets an echo with
// the field standby. It fails the test if the agent does not hold the chat; see
// [API.Standby].
func (a *API) FromAgent(to, text string) string {
	c := a.Customer(to)
	id, err := a.sayAsAgent(c, to, text)
	a.ok(err)
	return id
}

func (a *API) sayAsAgent(c *Customer, to, text string) (string, error) {
	if !c.valid() {
		return "", nil
	}
	held := false
	id := c.act(func() (*message, []webhook) {
		if held = a.standsBy(c); !held {
			return nil, nil
		}
		a.note(entry{actor: ActorAgent, who: c, act: "answers", args: []string{text}})
		m := a.sayTo(c, to, text)
		m.agent = true
		return m, a.rawOnly("standby", object{"message_echoes": []any{a.rawEcho(m)}})
	})
	if !held {
		return "", fmt.Errorf("FromAgent: no other agent holds the chat with %s; call Standby first", short(c.Name()))
	}
	return id, nil
}

// AgentPasses lets the other agent pass the chat with a phone number or BSUID to the
// business, with a note such as "asks for a person". The channel gets a webhook with
// the field messaging_handovers, which names no customer who hides the number, and from
// then on the customer's messages as usual. It fails the test if the agent does not
// hold the chat; see [API.Standby].
func (a *API) AgentPasses(to, note string) { a.ok(a.passChat(a.Customer(to), note)) }

func (a *API) passChat(c *Customer, note string) error {
	if !c.valid() {
		return nil
	}
	held := false
	c.act(func() (*message, []webhook) {
		if held = a.standsBy(c); !held {
			return nil, nil
		}
		c.taken = true
		a.note(entry{actor: ActorAgent, who: c, act: "passes", args: []string{note}})
		sender := object{}
		if phone := c.shown(); phone != "" {
			sender["phone_number"] = phone
		}
		return nil, a.rawOnly("messaging_handovers", object{"sender": sender, "timestamp": a.seconds(), "type": "control_passed",
			"recipient":      object{"display_phone_number": a.phone, "phone_number_id": phoneNumberID},
			"control_passed": object{"metadata": note, "previous_owner_role": "ai_agent", "new_owner_role": "escalation"}})
	})
	if !held {
		return fmt.Errorf("AgentPasses: no other agent holds the chat with %s; call Standby first", short(c.Name()))
	}
	return nil
}

// standsBy reports whether another agent holds the chat with a customer.
func (a *API) standsBy(c *Customer) bool { return a.standby && !c.taken }

// standbyHooks returns the webhook of a message that another agent is to answer.
func (a *API) standbyHooks(m *message) []webhook { return a.rawOnly("standby", a.rawIncoming(m)) }

// needsRaw returns an error if the setting rawHooks is off.
func (a *API) needsRaw(method string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settings["rawHooks"] {
		return nil
	}
	return fmt.Errorf("%s: the setting rawHooks is off, and the service's own format has no such event; switch it on with Settings.Update", method)
}

// ok reports an error, if there is one, and returns true if there is none.
func (a *API) ok(err error) bool {
	if err != nil {
		a.report("%w", err)
	}
	return err == nil
}
