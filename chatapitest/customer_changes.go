package chatapitest

import (
	"slices"
	"time"
)

// This file has the acts of customers on their own, earlier messages.

// How long WhatsApp lets people change their messages (WhatsApp's help pages, 2026-11;
// medium).
const (
	editable  = 15 * time.Minute
	deletable = 60 * time.Hour
)

// Edits replaces the text of a message of the customer, and returns the id of the
// edit. An empty messageID stands for the customer's newest text. WhatsApp allows it for
// 15 minutes after the message. An edit does not open the service window, and GET
// /messages keeps the text of before (an assumption).
//
// The service's own format has no edits, so the setting rawHooks must be on; otherwise
// the test fails, as it does for a message that is no text of the customer.
func (c *Customer) Edits(messageID, text string) string { return c.told(c.edit(messageID, text)) }

func (c *Customer) edit(messageID, text string) (string, error) {
	return c.change("edit", messageID, editable, func(m *message) object {
		m.edited = &text
		return object{"original_message_id": m.id, "message": object{"type": "text", "text": object{"body": text}}}
	})
}

// Deletes deletes a message of the customer for everyone, and returns the id of the
// webhook's message, which has the type revoke. An empty messageID stands for the
// customer's newest message. WhatsApp allows it for 60 hours after the message. GET
// /messages keeps the message (an assumption).
//
// The service's own format has no deletions, so the setting rawHooks must be on;
// otherwise the test fails, as it does for a message of somebody else.
func (c *Customer) Deletes(messageID string) string { return c.told(c.revoke(messageID)) }

func (c *Customer) revoke(messageID string) (string, error) {
	return c.change("revoke", messageID, deletable, func(m *message) object {
		m.deleted = true
		return object{"original_message_id": m.id}
	})
}

// changeWords are the words for a change in a sentence.
var changeWords = map[string]string{"edit": "edit", "revoke": "delete"}

// change sends the webhook of an edit or a revoke. WhatsApp allows it for a while after
// the message.
func (c *Customer) change(typ, messageID string, allowed time.Duration, apply func(*message) object) (id string, err error) {
	if !c.valid() {
		return "", nil
	}
	a, word := c.api, changeWords[typ]
	if err := a.needsRaw(word); err != nil {
		return "", c.cannot("%w", err)
	}
	id = c.act(func() (*message, []webhook) {
		m := c.ownMessage(messageID, typ == "edit")
		var problem string
		switch {
		case m == nil && messageID == "":
			problem = "there is none"
		case m == nil:
			problem = "it is no message of theirs, or not of a kind that can be changed"
		case m.deleted:
			problem = "it is deleted"
		case a.now().Sub(m.at) > allowed:
			problem = "it is older than " + allowed.String()
		}
		if problem != "" {
			err = c.cannotHeld("%s the message: %s", word, problem)
			return nil, nil
		}
		a.changed(m.thread)
		change := &message{id: a.id("wamid.FAKE"), typ: typ, at: a.now(), thread: m.thread, from: c, meta: object{typ: apply(m)}}
		if a.blocks(c) {
			return nil, nil
		}
		args := []string{}
		if m.edited != nil && typ == "edit" {
			args = append(args, *m.edited)
		}
		a.note(entry{who: c, act: map[string]string{"edit": "edits", "revoke": "deletes"}[typ], args: args})
		return change, a.rawMessageHooks(change)
	})
	return id, err
}

// ownMessage returns the message with that id if the customer wrote it, or their newest
// one if id is empty; nil if there is none. The caller holds API.mu.
func (c *Customer) ownMessage(id string, text bool) *message {
	if id != "" {
		if m := c.api.messages[id]; m != nil && m.from == c && (!text || m.typ == "chat") {
			return m
		}
		return nil
	}
	for _, m := range slices.Backward(c.api.history) {
		if m.from == c && !m.deleted && m.typ != "reaction" && (!text || m.typ == "chat") {
			return m
		}
	}
	return nil
}

// rawMessageHooks returns the webhook of a customer's message that only WhatsApp's own
// form has.
func (a *API) rawMessageHooks(m *message) []webhook {
	if a.standsBy(m.from) && m.thread.group == nil {
		return a.standbyHooks(m)
	}
	return a.rawOnly("messages", a.rawIncoming(m))
}
