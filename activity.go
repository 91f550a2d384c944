package chatapi

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Activity is one fact that matters for windows and bills. A [Ledger] takes
// activities in any order, and the same activity several times. As JSON it has a
// member for each field, named below, with the contact as the text of a
// [Recipient]:
//
//	{"kind":"outbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:12025550143","message":"m1","category":"utility"}
type Activity struct {
	Kind ActivityKind `json:"kind"`

	// At is when the customer wrote, or when the message was sent, delivered or
	// failed. Leave it zero where the wire has no time. Observed then stands in,
	// until the same fact arrives with its own time. An activity without either
	// is refused with [ErrNoTime].
	At time.Time `json:"at,omitzero"`

	// Observed is when the fact arrived here. If At is set, Observed has no
	// effect.
	Observed time.Time `json:"observed_at,omitzero"`

	// Channel is the business number.
	Channel ChannelID `json:"channel"`

	// Contact is the customer with every name that the fact gives, or the group as
	// Contact.Chat. It may be empty if another fact of the same message names the
	// customer.
	Contact Contact `json:"contact"`

	// Member is the member of the group that a status is about.
	Member Contact `json:"member,omitzero"`

	// Former is the customer under the names of before, in an activity of the kind
	// [ActivityIdentity].
	Former Contact `json:"former,omitzero"`

	// MessageID joins an outbound message with its statuses. It may be empty
	// for inbound messages; then two at the same instant count as one.
	MessageID string `json:"message,omitempty"`

	// Category is the billing category of a sent message: a template's category,
	// such as [CategoryUtility], in any letter case; [CategoryTemplate] for a
	// template whose category you do not know; empty for a free-form message.
	// Statuses may carry it too.
	Category string `json:"category,omitempty"`

	// EntryPoint is how the customer came to the chat. Only inbound messages
	// have it.
	EntryPoint EntryPoint `json:"entry_point,omitempty"`

	// Reported is the part of a status about conversation and price.
	Reported Reported `json:"reported,omitzero"`

	// FromApp is true for a message that the business wrote in its phone app.
	// WhatsApp does not charge for these messages.
	FromApp bool `json:"from_app,omitzero"`
}

// Reported is the part of Meta's status about billing. It keeps unknown words. A
// status names no amount.
type Reported struct {
	// Conversation is the conversation's id. Origin is the kind of conversation,
	// such as "user_initiated", "utility" or "referral_conversion". ExpiresAt is
	// its end, which Meta rounds up to a minute and sends only with "sent".
	Conversation string    `json:"conversation,omitempty"`
	Origin       string    `json:"origin,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`

	// Model is the pricing model: "NBP", "CBP" or "PMP".
	Model string `json:"pricing_model,omitempty"`

	// Billable is "true" or "false"; empty if the status does not say.
	Billable string `json:"billable,omitempty"`

	// Category is the category under which Meta bills the message. Type, since
	// 2025, is the reason for its cost: "regular", "free_customer_service",
	// "free_entry_point".
	Category string `json:"category,omitempty"`
	Type     string `json:"type,omitempty"`
}

// IsZero reports whether the status has nothing about billing.
func (r Reported) IsZero() bool { return r == Reported{} }

// ActivityKind is the kind of an [Activity].
type ActivityKind string

// The kinds of activity. Read counts as delivered, because WhatsApp leaves the
// delivered status out when the chat is open on the phone. A message that only
// failed costs nothing and opens nothing.
const (
	ActivityInbound   ActivityKind = "inbound"
	ActivityOutbound  ActivityKind = "outbound"
	ActivityDelivered ActivityKind = "delivered"
	ActivityRead      ActivityKind = "read"
	ActivityFailed    ActivityKind = "failed"

	// ActivityIdentity says that a customer got new names: a new number, a new
	// BSUID, or both. Former has the old names.
	ActivityIdentity ActivityKind = "identity"
)

// EntryPoint is how a customer came to the chat. The set is open.
type EntryPoint string

// The entry points. Only an ad makes a conversation free everywhere; Meta
// counts the button of a Facebook page too, Chat API's published rule does not.
const (
	EntryPointAd      EntryPoint = "ad"       // a Click-to-WhatsApp ad placed through Facebook Business Manager
	EntryPointPost    EntryPoint = "post"     // a boosted post: not free
	EntryPointPageCTA EntryPoint = "page_cta" // the call-to-action button of a Facebook page
	EntryPointButton  EntryPoint = "button"   // a plain link or "send message" button: not free
)

// The billing categories, as in rate cards. The [Model] decides which of them
// exist. Unknown words of the service are kept.
const (
	CategoryMarketing                   = "marketing"
	CategoryUtility                     = "utility"
	CategoryAuthentication              = "authentication"
	CategoryAuthenticationInternational = "authentication_international"
	CategoryService                     = "service"

	// The kinds of conversation until 2023-05-31: the customer wrote within
	// the last 24 hours, or did not.
	CategoryUserInitiated     = "user_initiated"
	CategoryBusinessInitiated = "business_initiated"

	// CategoryReferral is a conversation or window that a free entry point
	// opened.
	CategoryReferral = "referral_conversion"

	// CategorySession is a free-form message under the model of 2021.
	CategorySession = "session"

	// CategoryTemplate is a template whose category is not known.
	CategoryTemplate = "template"
)

// check makes an entry of an activity, or returns the reason to refuse it.
func (l *Ledger) check(a *Activity, e *ledger.Entry) error {
	*e = ledger.Entry{}
	e.Number, e.ID = string(a.Channel), a.MessageID
	owner := cmp.Or(l.byChannel[a.Channel], l.rest)
	switch {
	case a.Channel == "":
		return invalid("Activity.Channel", "is missing")
	case owner == nil:
		return invalid("Activity.Channel", fmt.Sprintf("%q belongs to no account of the ledger", clip(string(a.Channel), 64)))
	}
	e.Account = owner.index
	if e.Contact = ledger.Phone(a.Contact.Phone); e.Contact == 0 {
		contact := a.Contact.Recipient()
		if contact.IsZero() {
			return invalid("Activity.Contact", "names nobody")
		}
		e.Contact, e.Text = contactKeyOf(contact)
	}
	if err := a.placeInTime(e); err != nil {
		return err
	}
	switch a.Kind {
	case ActivityInbound:
		e.Kind, e.Word = ledger.Inbound, string(a.EntryPoint)
	case ActivityOutbound:
		e.Kind = ledger.Sent
	case ActivityDelivered, ActivityRead:
		e.Kind = ledger.Delivered
	case ActivityFailed:
		e.Kind = ledger.Failed
	default:
		return invalid("Activity.Kind", fmt.Sprintf("%q is none of inbound, outbound, delivered, read, failed", clip(string(a.Kind), 32)))
	}
	switch {
	case e.Kind != ledger.Inbound && a.MessageID == "":
		return invalid("Activity.MessageID", "is missing; it joins a message with its statuses")
	case len(a.MessageID) > ledger.LongestText || len(e.Text) > ledger.LongestText/2:
		return invalid("Activity.MessageID", fmt.Sprintf("or the contact is longer than %d bytes", ledger.LongestText/2))
	case e.Kind == ledger.Inbound:
		return nil
	}
	e.Word = ratecard.Category(a.Category)
	if a.Reported != (Reported{}) {
		report := ledger.Report(a.Reported)
		report.ExpiresAt = report.ExpiresAt.UTC()
		e.Report = &report
	}
	return nil
}

// These seconds bound the instants that fit into Unix nanoseconds.
var (
	firstSecond = time.Date(ledger.MinYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	afterLast   = time.Date(ledger.MaxYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// placeInTime gives the entry the activity's instant and its rank.
func (a *Activity) placeInTime(e *ledger.Entry) error {
	for _, t := range [...]time.Time{a.At, a.Observed} {
		if t.IsZero() {
			continue
		}
		if second := t.Unix(); second < firstSecond || second >= afterLast {
			return invalid("Activity.At", fmt.Sprintf("or Observed is not within the years %d to %d", ledger.MinYear, ledger.MaxYear))
		}
	}
	switch {
	case !a.At.IsZero():
		e.At, e.Rank = a.At.UnixNano(), ledger.RankTold
	case !a.Observed.IsZero():
		e.At, e.Rank = a.Observed.UnixNano(), ledger.RankObserved
	default:
		return &Error{Channel: a.Channel, Kind: ErrNoTime, Retry: RetryFix,
			Reason:   fmt.Sprintf("the %s activity of message %q has neither At nor Observed", a.Kind, clip(a.MessageID, 128)),
			Sentence: "A billing activity carries no instant.",
			Advice:   "set Observed to the time of receipt where the wire has no time"}
	}
	return nil
}

// contactKeyOf returns the engine's form of a recipient; see [ledger.ContactOf].
func contactKeyOf(r Recipient) (ledger.Contact, string) {
	if r.kind == RecipientPhone { // the usual kind needs no Key
		if contact := ledger.Phone(r.value); contact != 0 {
			return contact, ""
		}
	}
	return ledger.ContactOf(r.Key())
}

// recipientOf returns the recipient with that [Recipient.Key]. A bill always
// shows this spelling of a contact, whichever spelling came first.
func recipientOf(key string) Recipient {
	kind, value, _ := strings.Cut(key, ":")
	return Recipient{RecipientKind(kind), value}
}

// activityOf returns the activity of an event. Its Kind is empty for an event
// without effect on windows and bills.
func activityOf(event Event) (Activity, error) {
	if v := reflect.ValueOf(event); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return Activity{}, invalid("Event", "is nil")
	}
	info := event.Info()
	a := Activity{At: info.Time, Observed: info.Received, Channel: info.Channel}
	switch e := event.(type) {
	case *MessageEvent:
		if e.Type == TypeSystem {
			break // WhatsApp wrote this note, not the customer
		}
		a.Kind, a.MessageID, a.Contact = ActivityInbound, e.ID, threadOf(e.From, e.Chat)
		if e.Referral != nil {
			a.EntryPoint = EntryPoint(e.Referral.SourceType)
		}
	case *CallEvent:
		// A customer's call opens the service window as a message does (Meta;
		// medium: the first day of the rule was not found).
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
			// The category is that of the send. A status calls a free-form
			// message "service", for example, which would look like a template's
			// category.
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

// threadOf returns the other side of a message. For a group that is the group
// itself, since the group has the window and gets the messages.
func threadOf(person Contact, chat string) Contact {
	if group := Chat(chat); group.IsGroup() {
		return Contact{Chat: chat}
	}
	if person.Recipient().IsZero() && chat != "" {
		return Contact{Chat: chat}
	}
	return person
}

// contactFor returns the contact with only that name.
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

// messageCategory returns the category of a message; empty for a free-form message.
func messageCategory(m Message) (string, error) {
	m, err := dereference(m)
	if err != nil {
		return "", err
	}
	if _, ok := m.(File); ok {
		return "", nil // encoding would write the whole file
	}
	content, err := m.encode()
	if err != nil {
		return "", err
	}
	if content.operation == "sendTemplate" {
		return cmp.Or(content.category, CategoryTemplate), nil
	}
	return "", nil
}
