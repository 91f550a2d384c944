package chatapi

import (
	"time"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// day24 is the length of the service window and of a conversation: an absolute
// duration, whatever a clock change does to the calendar day.
const day24 = 24 * time.Hour

// Window is a customer's service window: the time in which free-form messages
// may be sent. It rolls: every message of the customer starts its 24 hours anew
// (Meta's rule; solid). The zero Window is closed, as for a customer who never
// wrote.
type Window struct {
	// Since is the customer's last message; ExpiresAt is 24 hours later, and no
	// longer in the window.
	Since     time.Time
	ExpiresAt time.Time
}

// WindowFrom returns the window that a customer's message at that instant
// opens. The zero instant gives the zero Window.
func WindowFrom(lastInbound time.Time) Window {
	if lastInbound.IsZero() {
		return Window{}
	}
	return Window{Since: lastInbound, ExpiresAt: lastInbound.Add(day24)}
}

// Open reports whether a free-form message may be sent at that instant. The
// window is half-open: open at Since, closed at ExpiresAt.
func (w Window) Open(now time.Time) bool {
	return !w.Since.IsZero() && !now.Before(w.Since) && now.Before(w.ExpiresAt)
}

// Left returns how long the window stays open; 0 when it is closed.
func (w Window) Left(now time.Time) time.Duration {
	if !w.Open(now) {
		return 0
	}
	return w.ExpiresAt.Sub(now)
}

// Activity is one fact that matters for windows and bills. A [Ledger] takes
// activities in any order and several times over. As JSON it has one member a
// field, named below, with the contact as the text of a [Recipient]:
//
//	{"kind":"outbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:12025550143","message":"m1","category":"utility"}
type Activity struct {
	Kind ActivityKind `json:"kind"`

	// At is the instant that counts: the customer's writing, the sending, the
	// delivery. Where the wire carries none, leave it zero; then Observed
	// stands in, until the same fact arrives with its own instant. Without
	// either the activity is refused with [ErrNoTime].
	At time.Time `json:"at,omitzero"`

	// Observed is when the fact arrived here. It has no effect beside At.
	Observed time.Time `json:"observed_at,omitzero"`

	// Channel is the business number.
	Channel ChannelID `json:"channel"`

	// Contact is the customer, or the group as Contact.Chat.
	Contact Contact `json:"contact"`

	// MessageID joins an outbound message with its statuses. It may be empty
	// for inbound messages; then two at the same instant count as one.
	MessageID string `json:"message,omitempty"`

	// Category is what a sent message costs as: a template's category, such as
	// [CategoryUtility], in any letter case; [CategoryTemplate] when it is a
	// template of a category not known here; empty for free-form messages.
	// Statuses may carry it too.
	Category string `json:"category,omitempty"`

	// EntryPoint is how the customer came, on an inbound message.
	EntryPoint EntryPoint `json:"entry_point,omitempty"`

	// Reported is what a status said about conversation and price.
	Reported Reported `json:"reported,omitzero"`
}

// Reported is what Meta's status says about billing. Words not known here are
// kept as they come. A status names no amount.
type Reported struct {
	// Conversation is the conversation's id; Origin what opened it, as
	// "user_initiated", "utility" or "referral_conversion"; ExpiresAt when it
	// ends, which Meta rounds up to a minute and sends with "sent" alone.
	Conversation string    `json:"conversation,omitempty"`
	Origin       string    `json:"origin,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`

	// Model is the pricing model: "NBP", "CBP" or "PMP".
	Model string `json:"pricing_model,omitempty"`

	// Billable is "true" or "false"; empty if the status does not say.
	Billable string `json:"billable,omitempty"`

	// Category is what it is billed as, and Type, since 2025, why it costs or
	// not: "regular", "free_customer_service", "free_entry_point".
	Category string `json:"category,omitempty"`
	Type     string `json:"type,omitempty"`
}

// IsZero reports whether the status said nothing about billing.
func (r Reported) IsZero() bool { return r == Reported{} }

// merge keeps what either says; of two that disagree the later in order, only so
// that the order of arrival does not matter.
func (r Reported) merge(o Reported) Reported {
	if o.ExpiresAt.After(r.ExpiresAt) {
		r.ExpiresAt = o.ExpiresAt
	}
	return Reported{max(r.Conversation, o.Conversation), max(r.Origin, o.Origin), r.ExpiresAt, max(r.Model, o.Model),
		max(r.Billable, o.Billable), max(r.Category, o.Category), max(r.Type, o.Type)}
}

// ActivityKind is what an [Activity] tells.
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

// The billing categories, as in rate cards. Which of them exist depends on the
// [Model]. Other words of the service are kept as they come.
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

// normalCategory returns a category as rate cards write it.
func normalCategory(category string) string { return ratecard.Category(category) }

// Conversation is the billing unit of the models of 2022 to mid-2025: 24 hours
// with one customer, or longer from a free entry point. It never rolls; that is
// what the service window does.
type Conversation struct {
	// Account is the [Account.ID] that pays.
	Account string `json:"account"`

	Channel ChannelID `json:"channel"`
	Contact Recipient `json:"contact"`

	// Category is the kind, such as [CategoryUserInitiated], or
	// [CategoryReferral] for one from a free entry point.
	Category string `json:"category"`

	// Model is the set of rules under which it was opened.
	Model Model `json:"model"`

	// OpenedAt and ExpiresAt bound it, ExpiresAt excluded.
	OpenedAt  time.Time `json:"opened_at"`
	ExpiresAt time.Time `json:"expires_at"`

	// ClosedAt is set when a free entry point closed it early; it keeps its
	// charge.
	ClosedAt time.Time `json:"closed_at,omitzero"`

	// Charge is what it costs. A free entry point window of the models per
	// message costs nothing itself; its messages have their own charges.
	Charge Charge `json:"charge"`
}

// Open reports whether the conversation is open at that instant.
func (c Conversation) Open(now time.Time) bool {
	return !now.Before(c.OpenedAt) && now.Before(c.ExpiresAt) && (c.ClosedAt.IsZero() || now.Before(c.ClosedAt))
}
