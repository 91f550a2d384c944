package chatapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// Event is one thing that a webhook or the history reports. Switch on its
// type: [*MessageEvent] is a customer's message, [*EchoEvent] what the business
// sent from elsewhere, [*StatusEvent] what became of a sent message,
// [*CallEvent] a call, [*UnknownEvent] anything this version has no type for.
// New types appear in minor releases, so leave a default case that keeps the
// event.
type Event interface {
	// Info returns what every event has; it is never nil.
	Info() *EventInfo

	// Key identifies the event within its channel, whatever format it arrived
	// in: the same event delivered twice has the same key. A store that wants
	// each event once uses (Info().Channel, Key()) as its unique key.
	Key() string

	// sealed keeps other packages from implementing Event, so that a field
	// or method can be added in a minor release.
	sealed()
}

// EventInfo is what every event has.
type EventInfo struct {
	// Channel is the service's instance id, from the body or, with a handler
	// for many channels, from the address. It proves nothing about the sender.
	Channel ChannelID

	// Time is the sender's instant; zero where the format has none (normalized
	// statuses) or it was not readable.
	Time time.Time

	// Received is when the handler or the poller got the event; zero from
	// [ParseWebhook], which knows no clock.
	Received time.Time

	// Wire names the element's type in its format, such as "message.chat" or
	// "ack.delivered". It stays the same when a later version of this package
	// gives an [UnknownEvent] a type of its own.
	Wire string

	// Number counts the channel's messages (messageNumber); 0 if absent. The
	// history is read forward by it.
	Number int64

	// Lenient is set when the element was only readable with duplicate names
	// or broken UTF-8 allowed.
	Lenient bool

	// PhoneNumberID and WABA are Meta's own ids of the number and of its
	// account; only WhatsApp's own format (rawHooks) has them. For a billing
	// fold, WABA is the account.
	PhoneNumberID, WABA string

	// Raw is the element as it arrived. Do not change it: the events of one
	// body share its bytes.
	Raw json.RawMessage
}

// Info returns the receiver, so that every event type has it by embedding.
func (i *EventInfo) Info() *EventInfo { return i }

func (i *EventInfo) sealed() {}

// MessageEvent is a message from a customer. It opens the service window,
// unless its Type is [TypeSystem]: those are WhatsApp's own notes about a
// customer, which come by the same way.
type MessageEvent struct {
	EventInfo
	From Contact
	Content
}

// Key returns "message/" and the message id.
func (e *MessageEvent) Key() string { return keyOf("message", e.Raw, e.ID) }

// EchoEvent is a message that the business itself sent: by this API, by the
// vendor's inbox or by the phone app. It opens no window, and a bot must not
// answer it, which is why it is a type of its own.
type EchoEvent struct {
	EventInfo
	To Contact
	Content
}

// Key returns "message/" and the message id.
func (e *EchoEvent) Key() string { return keyOf("message", e.Raw, e.ID) }

// StatusEvent tells what became of a sent message. Statuses arrive in any
// order, several times, and even before the reply to the send; keep the newest
// with [Status.Advance].
type StatusEvent struct {
	EventInfo

	// MessageID is the id from [Receipt.ID].
	MessageID string
	Status    Status

	// To is the recipient as far as the status names them.
	To Contact

	// Group is the group's chat id where the message went to a group; To is then
	// the member whom the status is about, as far as it is told.
	Group string

	// Category is the send's or the pricing's category, such as "marketing";
	// empty if the service did not say.
	Category string

	// Conversation is the billing conversation that the message fell into; nil
	// if the status names none.
	Conversation *StatusConversation

	// Pricing is what the message costs by the service's own word; nil if the
	// status does not say. Normalized statuses have neither.
	Pricing *StatusPricing

	// CallbackData is what was attached to the send.
	CallbackData string

	// Errors says why a message failed. The service mostly gives a text and no
	// code.
	Errors []StatusError
}

// Key returns "status/", the message id and the status. In a group each member
// has statuses of their own, so the member's key follows where one is named.
func (e *StatusEvent) Key() string {
	if member := e.To.Key(); e.Group != "" && member != "" {
		return keyOf("status", e.Raw, e.MessageID, string(e.Status), member)
	}
	return keyOf("status", e.Raw, e.MessageID, string(e.Status))
}

// StatusConversation is a billing conversation as a status reports it
// (contract, raw "Statuses"). Since July 2025 most statuses have none.
type StatusConversation struct {
	ID string

	// Origin is the category that opened it, such as "marketing" or
	// "referral_conversion".
	Origin string

	// ExpiresAt is its end; zero if not told, and mostly told on "sent" only.
	ExpiresAt time.Time
}

// StatusPricing is what the service says a message costs.
type StatusPricing struct {
	// Billable is the only honest answer to whether the message was charged;
	// nil if it was not told.
	Billable *bool

	// Model is "NBP" (2021), "CBP" (by conversation) or "PMP" (by message).
	Model string

	// Category is the price's category, such as "utility".
	Category string

	// Type is "regular", "free_customer_service" or "free_entry_point"; only
	// since July 2025.
	Type string

	// Cost is the amount where the service names it, which it does for
	// marketing with a maximal price; otherwise nil.
	Cost *Money
}

// Status is the state of a sent message. The set is open: a state that this
// version does not know is kept as it came.
type Status string

// The known states. The service's older "viewed" is read as StatusRead.
const (
	StatusSent      Status = "sent"
	StatusDelivered Status = "delivered"
	StatusRead      Status = "read"
	StatusPlayed    Status = "played"
	StatusFailed    Status = "failed"
	StatusDeleted   Status = "deleted"
)

// StatusError is one reason why a message failed.
type StatusError struct {
	// Code is WhatsApp's code; 0 if only a text came and it was not one of the
	// known ones.
	Code int

	// Title and Details are the service's words.
	Title   string
	Details string

	// Kind is the sentinel the code or the text stands for; empty if unknown.
	Kind ErrorKind

	// Retry says whether the message may be sent again; empty if unknown.
	Retry RetryClass

	// Advice says what to do, in one sentence; empty if unknown.
	Advice string
}

// CallEvent is one step of a voice call. The SDK hands on the signalling; it
// carries no sound.
type CallEvent struct {
	EventInfo

	// ID is the call's id ("wacid…").
	ID string

	// Event is "connect" or "terminate", or what became of a recording, such as
	// "call_recording_available"; empty for the progress of a call that
	// the business began, which only has a Status.
	Event string

	// Status is that progress, such as "RINGING" or "ACCEPTED"; with the event
	// "terminate" it is how the call ended, such as "COMPLETED".
	Status string

	From, To Contact

	// Direction is "USER_INITIATED" or "BUSINESS_INITIATED".
	Direction string

	// SDPType and SDP are the session description, if one came.
	SDPType, SDP string

	// Started, Ended and Duration are those of a call that was answered and is
	// over; zero otherwise.
	Started, Ended time.Time
	Duration       time.Duration

	// CallbackData is what the business attached when it began the call.
	CallbackData string
}

// Key returns "call/", the call id and the event, or the status where there is
// no event.
func (e *CallEvent) Key() string { return keyOf("call", e.Raw, e.ID, cmp.Or(e.Event, e.Status)) }

// UnknownEvent is an element that this version has no type for. Its bytes are
// in Raw; nothing is dropped.
type UnknownEvent struct {
	EventInfo
}

// Key returns "unknown/" and a hash of the bytes.
func (e *UnknownEvent) Key() string { return keyOf("unknown", e.Raw) }

// keyOf joins the parts of a key. Without an id, the bytes stand in for it.
func keyOf(kind string, raw []byte, parts ...string) string {
	if len(parts) == 0 || parts[0] == "" {
		sum := sha256.Sum256(raw)
		return kind + "/sha256:" + hex.EncodeToString(sum[:16])
	}
	return kind + "/" + strings.Join(parts, "/")
}

// EventHandler is what a program does with one event. See [NewWebhookHandler]
// for what its error means.
type EventHandler func(ctx context.Context, e Event) error
