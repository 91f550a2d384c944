package chatapi

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/internal/ledger"
	"github.com/chatapi-go/chatapi/internal/ratecard"
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

// ActivitiesOf returns the activities that [Ledger.RecordEvent] records for an event,
// for a program that stores facts first and makes its ledger of them later, with
// [Ledger.Load]. It is nil for an event without effect on windows and bills, for one
// that nothing can place, and for a nil event. Most events have at most one; a
// [*StandbyEvent] has one for each message of the customer. It calls nothing.
func ActivitiesOf(e Event) []Activity {
	all, err := activitiesOf(e)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(a Activity) bool { return a.unplaceable() })
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

// ofEvent returns the error of an activity in the words of the event that it was
// made of: the caller of [Ledger.RecordEvent] sees no activity.
func ofEvent(err error) error {
	e, ok := err.(*Error)
	if !ok || e.Kind != ErrNoTime {
		return err
	}
	told := *e
	told.Reason = strings.Replace(e.Reason, "neither At nor Observed", "neither Time nor Received", 1)
	told.Advice = "set Received of the event's Info to the time at which its request arrived, such as Delivery.Received; ParseWebhook cannot know it"
	return &told
}

// noEventChannel returns the error of an event without a channel.
func noEventChannel() error {
	e := foreign("", "is missing: neither the body nor the address of the event names a channel")
	e.Sentence = "A billing event names no channel of the business."
	e.Advice = "give the handler WebhookChannel or WebhookSecrets, or set Channel of the event's Info to that of the Delivery"
	return e
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
	return a.MessageID == "" || len(a.MessageID) > ledger.LongestText
}

// fit makes the texts of an event's activity short enough for a ledger, since to
// refuse the event again and again helps nobody. A word that long is not known, so its
// beginning says as little; a name that long is nobody's, so it is dropped.
func (a *Activity) fit() {
	r := &a.Reported
	for _, word := range [...]*string{&a.Category, (*string)(&a.EntryPoint), &r.Conversation, &r.Origin, &r.Model, &r.Billable, &r.Category, &r.Type} {
		if len(*word) > ledger.LongestWord {
			*word = strings.ToValidUTF8((*word)[:ledger.LongestWord], "")
		}
	}
	for _, c := range [...]*Contact{&a.Contact, &a.Member, &a.Former} {
		for _, name := range [...]*string{&c.Phone, &c.Chat, &c.BSUID, &c.Username} {
			if len(*name) > ledger.LongestName/2 {
				*name = ""
			}
		}
	}
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
		if isTemplateType(string(e.Type)) || isTemplateType(e.Wire[strings.LastIndexByte(e.Wire, '.')+1:]) {
			a.Category = CategoryTemplate
		}
	case *StatusEvent:
		a.ofStatus(e)
	}
	return a
}

// isTemplateType reports whether the type of an echo is that of a template: "hsm" in
// WhatsApp's own server software until 2020 (low).
func isTemplateType(kind string) bool {
	return strings.EqualFold(kind, "template") || strings.EqualFold(kind, "hsm")
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
// not found). Without a direction, or by one that is not known, the caller decides.
func (e *CallEvent) isCustomers() bool {
	if !strings.EqualFold(e.Event, "connect") {
		return false
	}
	switch ratecard.Category(e.Direction) {
	case "user_initiated":
		return true
	case "business_initiated":
		return false
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
