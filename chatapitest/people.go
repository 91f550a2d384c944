package chatapitest

import (
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file changes the names of customers in the middle of a conversation, and
// writes messages that come from neither a customer nor the API.

// who returns the customer who has a name, and nil if nobody has it; the caller holds
// mu.
func (a *API) who(name chatapi.Recipient) *Customer {
	return a.people[a.names.Owner(name, time.Time{})]
}

// byUsername returns the name of the person with a username. Case does not count.
func byUsername(username string) chatapi.Recipient {
	return chatapi.Username(strings.ToLower(username))
}

// link adds the names of a customer; the caller holds mu.
func (a *API) link(c *Customer) {
	holder := chatapi.BSUID(c.bsuid)
	a.people[holder] = c
	a.names.Add(chatapi.Link{Name: chatapi.Phone(c.phone), Holder: holder}, chatapi.Link{Name: byUsername(c.username), Holder: holder})
	for _, before := range c.former {
		a.names.Add(chatapi.Link{Name: chatapi.BSUID(before), Holder: holder, Renamed: true})
	}
}

// renamed notes the new names of a customer; the caller holds mu. A dropped name is
// free for another person, so the links begin anew: Identities never forgets one.
func (a *API) renamed(c *Customer, dropped bool) {
	if !dropped {
		a.link(c)
		return
	}
	a.names = chatapi.Identities{}
	for _, each := range a.customers {
		a.link(each)
	}
}

// HidesNumber hides the customer's phone number, as WhatsApp does for people with a
// username. The BSUID stays. From now on webhooks name the customer by the BSUID
// alone: the chat is "<BSUID>@lid", and a message in WhatsApp's own form has no "from".
// The statuses of a message that is sent to the number still name the number (Meta's
// page on business-scoped ids, 2026-03, medium confidence). Sends to the number, the
// BSUID and the username all reach the customer.
func (c *Customer) HidesNumber() { c.does("hides number", func() { c.hidden = true }) }

// ShowsNumber shows the customer's phone number again. A customer who was made by
// BSUID has no number: give one. A number of another customer, and none where the
// fake knows none, fail the test.
func (c *Customer) ShowsNumber(number ...string) { c.told("", c.showNumber(number...)) }

func (c *Customer) showNumber(number ...string) error {
	if !c.valid() {
		return nil
	}
	given := ""
	if len(number) > 0 {
		given = digits(number[0])
	}
	c.api.mu.Lock()
	if given == "" {
		given = c.phone
	}
	problem := c.claim(given)
	if problem == "" {
		c.hidden = false
		c.api.note(entry{who: c, act: "shows number", args: []string{given}})
	}
	c.api.mu.Unlock()
	if problem != "" {
		return c.cannot("show the number: %s", problem)
	}
	return nil
}

// claim gives the customer a number, or returns the reason why not; the caller holds
// API.mu.
func (c *Customer) claim(number string) (problem string) {
	owner := c.api.who(chatapi.Phone(number))
	switch {
	case c.gone:
		return wasReset
	case number == "":
		return "the fake knows none; give one"
	case !phonePattern.MatchString(number):
		return fmt.Sprintf("%q must be 6 to 15 digits", number)
	case owner != nil && owner != c:
		return "it belongs to " + owner.name
	}
	if c.phone != number {
		dropped := c.phone != ""
		c.phone = number
		c.api.renamed(c, dropped)
	}
	return ""
}

// ChangesNumber moves the customer to another phone number, and with it to a new
// BSUID. The chat goes on, and statuses of earlier messages name the old number and
// BSUID (an assumption). The old number is then free: a send to it reaches another
// person. A send to the old BSUID still reaches the customer (an assumption).
//
// With rawHooks on, the channel gets two webhooks: a message of the type system, which
// names the old and the new number (or, for a hidden number, the old and the new
// BSUID), and one with the field user_id_update. The service's own format has no such
// event. A number of another customer, and a wrong one, fail the test.
func (c *Customer) ChangesNumber(number string) { c.told("", c.changeNumber(number)) }

func (c *Customer) changeNumber(number string) error {
	if !c.valid() {
		return nil
	}
	a, problem := c.api, ""
	c.act(func() (*message, []webhook) {
		old := *c
		if problem = c.claim(digits(number)); problem != "" {
			return nil, nil
		}
		a.note(entry{who: c, act: "changes number", args: []string{c.phone}})
		c.former, c.bsuid = append(c.former, c.bsuid), a.bsuidOf(c.phone)
		a.link(c)
		return nil, append(a.systemHook(&old, c), a.identityHook(&old, c)...)
	})
	if problem != "" {
		return c.cannot("change the number: %s", problem)
	}
	return nil
}

// systemHook returns the note in the chat about a new number or BSUID.
func (a *API) systemHook(old, now *Customer) []webhook {
	note := object{"type": "user_changed_user_id", "user_id": now.bsuid,
		"body": fmt.Sprintf("User %s changed from %s to %s", now.name, old.bsuid, now.bsuid)}
	element := object{"id": a.id("wamid.FAKE"), "timestamp": a.seconds(), "type": "system", "system": note, "from_user_id": old.bsuid}
	if now.shown() != "" && old.phone != "" {
		note["type"], note["wa_id"] = "user_changed_number", now.phone
		note["body"] = fmt.Sprintf("User %s changed from %s to %s", now.name, old.phone, now.phone)
		element["from"] = old.phone
	}
	return a.rawOnly("messages", object{"messages": []any{element}})
}

// identityHook returns the event about a new BSUID.
func (a *API) identityHook(old, now *Customer) []webhook {
	update := object{"timestamp": a.seconds(), "detail": "The user has a new business-scoped user id.",
		"user_id": object{"previous": old.bsuid, "current": now.bsuid}}
	if now.shown() != "" {
		update["wa_id"] = now.phone
	}
	return a.rawOnly("user_id_update", object{"contacts": []any{now.rawContact()}, "user_id_update": []any{update}})
}

// FromPhone sends a text from the business's phone app to a phone number or BSUID
// and returns the id of the message. The customer receives it, and the webhooks
// get an echo whose self flag is off, since the API did not send it; with rawHooks
// on, they also get WhatsApp's own form, with the field smb_message_echoes. It returns
// when the webhooks are delivered.
func (a *API) FromPhone(to, text string) string {
	return a.sayFromPhone(a.Customer(to), to, text)
}

func (a *API) sayFromPhone(c *Customer, to, text string) string {
	if !c.valid() {
		return ""
	}
	return c.act(func() (*message, []webhook) {
		a.note(entry{actor: ActorPhone, who: c, act: "writes", args: []string{text}})
		m := a.sayTo(c, to, text)
		return m, append(a.messageHooks(m), a.statusHooks(m, c, chatapi.StatusDelivered, "")...)
	})
}

// sayTo stores a message of the business that the API did not send; the caller holds
// mu.
func (a *API) sayTo(c *Customer, to, text string) *message {
	m := &message{id: a.id("wamid.FAKE"), typ: "chat", body: &text, fromMe: true, at: a.now(), author: a.phone + "@c.us",
		sender: a.phone + "@c.us", thread: c.thread, chat: c.chat(), category: "service"}
	if !bsuidPattern.MatchString(to) {
		m.toPhone, m.chat = c.phone, c.phone+"@c.us"
	}
	m.phone, m.bsuid = m.reaches(c)
	a.store(m)
	m.got = &Received{ID: m.id, At: m.at, Text: text}
	c.received = append(c.received, m.got)
	return m
}
