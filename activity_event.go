package chatapi

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// This file makes activities of events.

// activitiesOf returns the activities of an event: none for an event without effect
// on windows and bills, and for one that nothing can place.
func activitiesOf(event Event) ([]Activity, error) {
	if v := reflect.ValueOf(event); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, invalid("Event", "is nil")
	}
	if standby, ok := event.(*StandbyEvent); ok {
		return inboundOf(standby), nil
	}
	a := activityOf(event)
	if a.Kind == "" {
		return nil, nil
	}
	return []Activity{a}, nil
}

// inboundOf returns the customers' messages in a chat that another agent holds. They
// open the service window, and nothing else in such a chat counts (low: Meta does
// not say).
func inboundOf(standby *StandbyEvent) (all []Activity) {
	for _, event := range standby.Events {
		switch event.(type) {
		case *MessageEvent, *CallEvent:
		default:
			continue
		}
		a := activityOf(event)
		if a.Kind != ActivityInbound {
			continue
		}
		outer := standby.Info()
		a.Channel = cmp.Or(a.Channel, outer.Channel)
		if a.At.IsZero() {
			a.At = outer.Time
		}
		if a.Observed.IsZero() {
			a.Observed = outer.Received
		}
		all = append(all, a)
	}
	return all
}

// unplaceable reports whether nothing can ever place the activity: an activity of
// the business without a message id, and a customer's without an id and a name.
func (a *Activity) unplaceable() bool {
	nameless := len(a.Contact.personNames()) == 0 && a.Contact.group() == ""
	switch a.Kind {
	case ActivityIdentity:
		return nameless
	case ActivityInbound:
		return nameless && a.MessageID == ""
	}
	return a.MessageID == ""
}

// activityOf returns the activity of an event. Its Kind is empty for an event
// without effect on windows and bills.
func activityOf(event Event) Activity {
	info := event.Info()
	a := Activity{At: info.Time, Observed: info.Received, Channel: info.Channel}
	switch e := event.(type) {
	case *MessageEvent:
		switch {
		case e.Type != TypeSystem:
			a.Kind, a.MessageID = ActivityInbound, e.ID
			a.with(e.From, e.Chat)
			if e.Referral != nil {
				a.EntryPoint = EntryPoint(e.Referral.SourceType)
			}
		case e.System != nil: // WhatsApp wrote this note, not the customer
			a.renamed(e.From, e.System.New)
		}
	case *IdentityEvent:
		a.renamed(e.Old, e.New)
	case *CallEvent:
		if e.isCustomers() {
			a.Kind, a.MessageID, a.Contact = ActivityInbound, e.ID, e.From
		}
	case *EchoEvent:
		a.Kind, a.MessageID, a.FromApp = ActivityOutbound, e.ID, e.FromApp
		a.with(e.To, e.Chat)
		if e.Type == "template" || strings.HasSuffix(e.Wire, ".template") {
			a.Category = CategoryTemplate
		}
	case *StatusEvent:
		a.ofStatus(e)
	}
	return a
}

// renamed makes a an activity of new names, if there are any.
func (a *Activity) renamed(former, current Contact) {
	if len(current.personNames()) > 0 {
		a.Kind, a.Former, a.Contact = ActivityIdentity, former, current
	}
}

// ofStatus makes a the activity of a status.
func (a *Activity) ofStatus(e *StatusEvent) {
	a.MessageID, a.Category = e.MessageID, e.Category
	a.with(e.To, e.Group)
	a.Reported = reportedOf(e)
	switch Status(strings.ToLower(string(e.Status))) {
	case StatusSent:
		// The category is that of the send. A status calls a free-form
		// message "service", for example, which would look like a template's
		// category.
		a.Kind, a.Category = ActivityOutbound, ""
	case StatusDelivered:
		a.Kind = ActivityDelivered
	case StatusRead, statusViewed, StatusPlayed:
		a.Kind = ActivityRead
	case StatusFailed:
		a.Kind = ActivityFailed
	}
}

// isCustomers reports whether the customer began the call. Such a call opens the
// service window as a message does (Meta; medium: the first day of the rule was
// not found). Without a direction, the caller decides.
func (e *CallEvent) isCustomers() bool {
	if !strings.EqualFold(e.Event, "connect") {
		return false
	}
	if e.Direction != "" {
		return strings.EqualFold(e.Direction, "USER_INITIATED")
	}
	from := e.From.personNames()
	if e.OwnPhone == "" {
		return len(from) > 0 && len(e.To.personNames()) == 0 || e.From.BSUID != "" && e.To.BSUID == ""
	}
	ours := func(name Recipient) bool {
		return name.kind == RecipientPhone && slices.Contains(PhoneVariants(e.OwnPhone), name.value)
	}
	return len(from) > 0 && !slices.ContainsFunc(from, ours)
}

// reportedOf returns the part of a status about billing.
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

// with gives a the other side of a message. For a group that is the group itself,
// since the group has the window and gets the messages; the person is its member.
func (a *Activity) with(person Contact, chat string) {
	if group := (&Contact{Chat: chat}).group(); group != "" {
		a.Contact, a.Member = Contact{Chat: group}, person
		return
	}
	a.Contact = person
	a.Contact.Chat = cmp.Or(person.Chat, chat)
}
