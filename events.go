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
// type: a [*MessageEvent] is a customer's message, an [*EchoEvent] a message of
// the business, a [*StatusEvent] the progress of a sent message, a [*CallEvent] a
// step of a call, a [*StandbyEvent] what happens in a chat that another agent holds,
// a [*HandoverEvent] the change of who holds it, and an [*UnknownEvent] anything that this version has no type
// for. Minor releases add types, so keep the event in a default case.
type Event interface {
	// Info returns the fields that all events share. It is never nil.
	Info() *EventInfo

	// Key identifies the event within its channel, in every format: the same
	// event delivered twice has the same key. To store each event once, use
	// (Info().Channel, Key()) as the unique key.
	Key() string

	// sealed keeps other packages from implementing Event, so that a minor
	// release can add a method.
	sealed()
}

// EventInfo holds the fields that all events share.
type EventInfo struct {
	// Channel is the channel's id, from the body or, with a handler for many
	// channels, from the address. It does not prove who sent the event.
	Channel ChannelID

	// Time is when the event happened, by the sender's clock. It is zero if the
	// format has no time (normalized statuses) or the time was not readable.
	Time time.Time

	// Received is when the handler or the poller got the event. It is zero from
	// [ParseWebhook], which reads no clock.
	Received time.Time

	// Wire is the element's type in the words of its format, such as
	// "message.chat" or "ack.delivered". It stays the same if a later version of
	// this package replaces an [UnknownEvent] by a type of its own.
	Wire string

	// Number is the message's number in its channel (messageNumber), which grows
	// with each message; 0 if absent. The history is read in its order.
	Number int64

	// Lenient is set if the element has duplicate names or broken UTF-8, which
	// are not valid JSON.
	Lenient bool

	// PhoneNumberID and WABA are Meta's ids of the business's number and of its
	// WhatsApp account. Only WhatsApp's own format (rawHooks) has them. A
	// [Ledger] takes the WABA as the account.
	PhoneNumberID, WABA string

	// OwnPhone is the business's number, in digits: display_phone_number. Only
	// WhatsApp's own format (rawHooks) has it, for nearly every event.
	OwnPhone string

	// Problems names the members that could not be read, such as "timestamp: want
	// a text, got an object"; nil for nearly every event. Their fields are empty. A
	// member that is an object or an array instead of a scalar is in the
	// [ParseError] too. The words quote nothing of the body; at most 16 are kept.
	Problems []string

	// Raw is the element as it arrived. Do not change it: the events of one
	// body share its bytes.
	Raw json.RawMessage
}

// Info returns i. Every event type has this method because it embeds EventInfo.
func (i *EventInfo) Info() *EventInfo { return i }

func (i *EventInfo) sealed() {}

// MessageEvent is a message from a customer. It opens the service window.
// System notes from WhatsApp, whose Type is [TypeSystem], arrive as messages too,
// but do not open it; a bot passes over them.
type MessageEvent struct {
	EventInfo

	// From is the person who wrote. In a group, an answer to From reaches that
	// person in private, and not the group: send answers to [MessageEvent.AnswerTo].
	From Contact

	Content
}

// AnswerTo returns where an answer goes: the group of a message in a group, else
// the person who wrote. It is the zero Recipient if the message names neither. For
// a system note about a new number or BSUID it is the new one, because the old
// number may belong to somebody else now.
func (e *MessageEvent) AnswerTo() Recipient {
	person := e.From
	if e.System != nil && !e.System.New.Recipient().IsZero() {
		person = e.System.New
	}
	return answerTo(person, e.Chat)
}

// answerTo returns the group if chat is one, else the person, else the chat.
func answerTo(person Contact, chat string) Recipient {
	if to := person.Recipient(); chat == "" || !to.IsZero() && !Chat(chat).IsGroup() {
		return to
	}
	return Chat(chat)
}

// Key returns "message/" and the message id.
func (e *MessageEvent) Key() string { return keyOf("message", e.Raw, e.ID) }

// EchoEvent is a message that the business sent: through this API, the vendor's
// inbox or the phone app. It does not open the service window. It is a type of
// its own because a bot must not answer it.
type EchoEvent struct {
	EventInfo

	// To is the person to whom the business wrote. It is empty for a message to a
	// group, whose chat id is Content.Chat.
	To Contact

	Content

	// From is the business as the body names it: its number, and as a name whatever
	// the service puts there, which can be the number again.
	From Contact

	// FromApp is set if the business wrote the message in its phone app.
	FromApp bool
}

// AnswerTo returns where a further message of this conversation goes: the group of
// a message to a group, else the person.
func (e *EchoEvent) AnswerTo() Recipient { return answerTo(e.To, e.Chat) }

// Key returns "message/" and the message id.
func (e *EchoEvent) Key() string { return keyOf("message", e.Raw, e.ID) }

// StatusEvent reports the progress of a sent message. Statuses arrive in any
// order, several times, and even before the reply to the send. Keep the newest
// with [Status.Advance].
type StatusEvent struct {
	EventInfo

	// MessageID is the id from [Receipt.ID].
	MessageID string
	Status    Status

	// To is the recipient. Fields that the status does not hold are empty.
	To Contact

	// Group is the group's chat id if the message went to a group; To is then
	// the member to whom the status belongs.
	Group string

	// Category is the category of the message or of its price, such as
	// "marketing"; empty if the service did not say.
	Category string

	// Conversation is the billing conversation to which the message belongs.
	// Pricing is the price that the service reports. Each is nil if the status
	// does not hold it; normalized statuses hold neither.
	Conversation *StatusConversation
	Pricing      *StatusPricing

	// CallbackData is the text that the sender attached to the message
	// (biz_opaque_callback_data). Sends of Chat API have no member for it, so it is
	// empty for messages that this SDK sent. A program that sends by Meta's or
	// 360dialog's own API on the same number sets it (Meta's messages reference,
	// known since 2022, high confidence).
	CallbackData string

	// Errors says why a message failed. Usually the service gives a text without
	// a code.
	Errors []StatusError

	// MMLite is set if the message went out by the marketing messages API (mmLite of
	// the service's own format, 2026; the member's form is not published, so any
	// value but false, 0 and an empty one sets it; medium confidence).
	MMLite bool

	// TemplateID is the template of a message that was sent directly, without a
	// template of the business's own (template_id, known since July 2026 from Meta's
	// page on direct sends, medium confidence).
	TemplateID string
}

// AnswerTo returns where a further message of this conversation goes: the group of
// a message to a group, else the recipient. In a group, To alone is one member.
func (e *StatusEvent) AnswerTo() Recipient { return answerTo(e.To, e.Group) }

// Key returns "status/", the message id and the status. In a group each member
// has their own statuses, so the member's key follows if To names a member.
func (e *StatusEvent) Key() string {
	if member := e.To.Key(); e.Group != "" && member != "" {
		return keyOf("status", e.Raw, e.MessageID, string(e.Status), member)
	}
	return keyOf("status", e.Raw, e.MessageID, string(e.Status))
}

// StatusConversation is a billing conversation as a status reports it
// (contract, raw "Statuses"). Since July 2025 most statuses report none.
type StatusConversation struct {
	ID string

	// Origin is the category that opened the conversation, such as "marketing"
	// or "referral_conversion".
	Origin string

	// ExpiresAt is the end of the conversation; zero if the status does not say.
	// Usually only the status "sent" says it.
	ExpiresAt time.Time
}

// StatusPricing is the price of a message as the service reports it.
type StatusPricing struct {
	// Billable says whether the message is charged; nil if the status does not
	// say. The other fields do not prove it.
	Billable *bool

	// Model is "NBP" (2021), "CBP" (by conversation) or "PMP" (by message).
	Model string

	// Category is the price's category, such as "utility".
	Category string

	// Type is "regular", "free_customer_service" or "free_entry_point"; empty
	// before July 2025.
	Type string

	// Cost is the amount; nil if the service does not name it. It names it for
	// marketing messages with a maximum price.
	Cost *Money
}

// Status is the state of a sent message. The set is open: a state that this
// version does not know is kept as it arrived.
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
	// Code is WhatsApp's code. It is 0 if only a text arrived that this version
	// does not know.
	Code int

	// Title and Details are the service's words.
	Title   string
	Details string

	// Kind is the sentinel for the code or the text; empty if unknown.
	Kind ErrorKind

	// Retry says whether the message may be sent again; empty if unknown.
	Retry RetryClass

	// Sentence tells an operator in one sentence what happened. Advice says what
	// to do, without a capital letter and a full stop. Both are empty if unknown.
	Sentence string
	Advice   string

	// Message is the service's second text, beside Title. Href is a
	// page about the error (Meta's reference of errors, known since 2023, high
	// confidence).
	Message, Href string
}

// CallEvent is one step of a voice call. It holds the signalling; the SDK does
// not carry the sound.
type CallEvent struct {
	EventInfo

	// ID is the call's id ("wacid…").
	ID string

	// Event is "connect", "terminate", or the state of a recording, such as
	// "call_recording_available". It is empty for the progress of a call that
	// the business began, which has only a Status.
	Event string

	// Status is that progress, such as "RINGING" or "ACCEPTED". With the event
	// "terminate" it says how the call ended, such as "COMPLETED".
	Status string

	From, To Contact

	// Direction is "USER_INITIATED" or "BUSINESS_INITIATED".
	Direction string

	// SDPType and SDP are the session description; empty if absent.
	SDPType, SDP string

	// Started, Ended and Duration are set if the call was answered and is over.
	Started, Ended time.Time
	Duration       time.Duration

	// CallbackData is the text that the business attached when it began the
	// call.
	CallbackData string

	// Errors says why the call failed (calls[].errors, or errors beside a call that
	// failed; known since July 2025 from Meta's calling reference, high confidence).
	Errors []StatusError

	// Recording and Transcript are files to download with [MediaService.Download]
	// and their Ref; nil except with the events "call_recording_available" and
	// "call_transcription_available". WhatsApp keeps them for seven days (known since
	// 2026 from Meta's calling pages, medium confidence).
	Recording, Transcript *ReceivedMedia

	// ButtonPayload is the payload of the call button that the customer tapped
	// (cta_payload), LinkPayload the biz_payload of the call link (deeplink_payload;
	// both known since October 2025 from Meta's calling pages, high confidence).
	ButtonPayload, LinkPayload string
}

// AnswerTo returns where a message about the call goes: the customer, whichever side
// called.
func (e *CallEvent) AnswerTo() Recipient {
	from, to := e.From.Recipient(), e.To.Recipient()
	switch {
	case from.IsZero(), strings.EqualFold(e.Direction, "BUSINESS_INITIATED"):
		return to
	case to.IsZero(), strings.EqualFold(e.Direction, "USER_INITIATED"):
		return from
	case samePhone(e.From.Phone, e.OwnPhone):
		return to
	}
	return from
}

// Key returns "call/", the call id, and the event or, if that is empty, the
// status.
func (e *CallEvent) Key() string { return keyOf("call", e.Raw, e.ID, cmp.Or(e.Event, e.Status)) }

// StandbyEvent reports what happens in a chat that another agent holds, such as
// Meta's own AI agent (Meta's field "standby", August 2026; the form is observed). A
// bot must not answer it. It holds the events instead of being one of their types,
// so that a type switch for messages does not see them. A message to the customer
// takes the chat over.
type StandbyEvent struct {
	EventInfo

	// Events are the events of the chat, in the order of the body: customers'
	// messages, which open the service window, the agent's messages as
	// [*EchoEvent], and their statuses.
	Events []Event
}

// Key returns "standby/" and the key of the inner event. For several inner events
// it is a hash of their keys, and of the bytes if there is none.
func (e *StandbyEvent) Key() string {
	switch len(e.Events) {
	case 0:
		return keyOf("standby", e.Raw)
	case 1:
		return keyOf("standby", nil, e.Events[0].Key())
	}
	var keys []byte
	for _, inner := range e.Events {
		keys = append(append(keys, inner.Key()...), 0)
	}
	return keyOf("standby", keys)
}

// HandoverEvent reports that a chat passed from one agent to another (Meta's field
// "messaging_handovers", September 2026; the form is observed). A chat that is only
// released causes no event.
type HandoverEvent struct {
	EventInfo

	// Kind is "control_passed" if the chat is yours now, and "control_taken" if it
	// was taken from you, so that you must not answer any more. The set is open.
	Kind string

	// From is the customer whose chat it is; empty if WhatsApp hides the number.
	From Contact

	// OldRole and NewRole are the parts of the agents that held and hold the chat,
	// such as "ai_agent", "escalation" or "customer_service". OldApp and NewApp are
	// Meta's ids of their apps. Each may be empty.
	OldRole, NewRole, OldApp, NewApp string

	// Note is the text that the old agent gave to the new one; Summary is an AI's
	// summary of the conversation. Usually both are empty.
	Note, Summary string
}

// AnswerTo returns where a message to the customer goes.
func (e *HandoverEvent) AnswerTo() Recipient { return e.From.Recipient() }

// Key returns "handover/", a hash of the bytes and the time, because the format has
// no id.
func (e *HandoverEvent) Key() string { return stampedKey("handover", &e.EventInfo) }

// UnknownEvent is an element that this version has no type for. Raw holds its
// bytes, so nothing is lost.
type UnknownEvent struct {
	EventInfo
}

// Key returns "unknown/" and a hash of the bytes.
func (e *UnknownEvent) Key() string { return keyOf("unknown", e.Raw) }

// keyOf joins the parts of a key, of which the first is the id. An event without
// an id gets a hash of its bytes instead.
func keyOf(kind string, raw []byte, parts ...string) string {
	if len(parts) == 0 || parts[0] == "" {
		sum := sha256.Sum256(raw)
		return kind + "/sha256:" + hex.EncodeToString(sum[:16])
	}
	return kind + "/" + strings.Join(parts, "/")
}

// EventHandler handles one event. [NewWebhookHandler] says what happens after an
// error.
type EventHandler func(ctx context.Context, e Event) error

// Advance returns the newer of two states of one message: the known state s and
// the reported state next. Start with the empty Status. Statuses arrive in any
// order and several times; the result is the same for every order. The states
// come in this order: sent, failed, delivered, read, played, deleted. A failure
// stands before delivery, because a message that was delivered did not fail. A
// state that this version does not know replaces only the empty Status.
func (s Status) Advance(next Status) Status {
	if s == "" || next.rank() > s.rank() {
		return next
	}
	return s
}

// plain returns a known state in the form of its constant, and any other as it is.
func (s Status) plain() Status {
	if s.rank() == 0 {
		plain := Status(fieldName(string(s)))
		if plain.rank() == 0 {
			return s
		}
		s = plain
	}
	if s == statusViewed {
		return StatusRead
	}
	return s
}

// rank returns a state's place in the order of Advance; 0 if it is unknown.
func (s Status) rank() int {
	switch s {
	case StatusSent:
		return 1
	case StatusFailed:
		return 2
	case StatusDelivered:
		return 3
	case StatusRead, statusViewed:
		return 4
	case StatusPlayed:
		return 5
	case StatusDeleted:
		return 6
	}
	return 0
}

// statusViewed is the service's word for StatusRead before 2024.
const statusViewed Status = "viewed"
