package chatapi

import (
	"reflect"
	"strconv"
)

// How the SDK's own events and sends become activities.

// activityOf returns what an event means for windows and bills; its Kind is
// empty if nothing.
func activityOf(event Event) (Activity, error) {
	if v := reflect.ValueOf(event); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return Activity{}, invalid("Event", "is nil")
	}
	info := event.Info()
	a := Activity{At: info.Time, Observed: info.Received, Channel: info.Channel}
	switch e := event.(type) {
	case *MessageEvent:
		if e.Type == TypeSystem {
			break // WhatsApp's note, not the customer's words
		}
		a.Kind, a.MessageID, a.Contact = ActivityInbound, e.ID, threadOf(e.From, e.Chat)
		if e.Referral != nil {
			a.EntryPoint = EntryPoint(e.Referral.SourceType)
		}
	case *CallEvent:
		// A call of the customer opens the service window as a message does
		// (Meta; medium: the date since when was not found).
		if e.Direction == "USER_INITIATED" && e.Event == "connect" {
			a.Kind, a.MessageID, a.Contact = ActivityInbound, e.ID, e.From
		}
	case *EchoEvent:
		a.Kind, a.MessageID, a.Contact = ActivityOutbound, e.ID, threadOf(e.To, e.Chat)
	case *StatusEvent:
		a.MessageID, a.Contact, a.Category = e.MessageID, threadOf(e.To, e.Group), e.Category
		a.Reported = reportedOf(e)
		switch e.Status {
		case StatusSent:
			// Who sent it names the category; what the status calls a free-form
			// message, such as "service", would look like a template's.
			a.Kind, a.Category = ActivityOutbound, ""
		case StatusDelivered:
			a.Kind = ActivityDelivered
		case StatusRead, StatusPlayed:
			a.Kind = ActivityRead
		case StatusFailed:
			a.Kind = ActivityFailed
		}
	}
	return a, nil
}

// reportedOf returns what a status says about billing.
func reportedOf(e *StatusEvent) (r Reported) {
	if c := e.Conversation; c != nil {
		r.Conversation, r.Origin, r.ExpiresAt = c.ID, c.Origin, c.ExpiresAt
	}
	if p := e.Pricing; p != nil {
		r.Model, r.Category, r.Type = p.Model, p.Category, p.Type
		if p.Billable != nil {
			r.Billable = strconv.FormatBool(*p.Billable)
		}
	}
	return r
}

// threadOf names who a message was exchanged with: in a group the group, since
// that is what has a window and is sent to.
func threadOf(person Contact, chat string) Contact {
	if group := Chat(chat); group.IsGroup() {
		return Contact{Chat: chat}
	}
	if person.Recipient().IsZero() && chat != "" {
		return Contact{Chat: chat}
	}
	return person
}

// contactFor returns the contact with that one name.
func contactFor(r Recipient) Contact {
	switch r.Kind() {
	case RecipientPhone:
		return Contact{Phone: r.Value()}
	case RecipientBSUID:
		return Contact{BSUID: r.Value()}
	case RecipientUsername:
		return Contact{Username: r.Value()}
	}
	return Contact{Chat: r.Value()}
}

// messageCategory returns what a sent message counts as: empty for free-form.
func messageCategory(m Message) (string, error) {
	m, err := dereference(m)
	if err != nil {
		return "", err
	}
	if _, ok := m.(File); ok {
		return "", nil // encoding would write the whole file out
	}
	content, err := m.encode()
	if err != nil {
		return "", err
	}
	if content.operation == "sendTemplate" {
		return orElse(content.category, CategoryTemplate), nil
	}
	return "", nil
}
