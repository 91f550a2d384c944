package chatapi

import (
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

	// Raw is the element as it arrived. Do not change it: the events of one
	// body share its bytes.
	Raw json.RawMessage
}

// Info returns the receiver, so that every event type has it by embedding.
func (i *EventInfo) Info() *EventInfo { return i }

func (i *EventInfo) sealed() {}

// MessageEvent is a message from a customer. It opens the service window.
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

	// Category is the send's or the pricing's category, such as "marketing";
	// empty if the service did not say.
	Category string

	// Errors says why a message failed. The service mostly gives a text and no
	// code.
	Errors []StatusError
}

// Key returns "status/", the message id and the status.
func (e *StatusEvent) Key() string { return keyOf("status", e.Raw, e.MessageID, string(e.Status)) }

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
	Kind Kind

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

	// Event is "connect" or "terminate"; empty for the progress of a call that
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
func (e *CallEvent) Key() string { return keyOf("call", e.Raw, e.ID, orElse(e.Event, e.Status)) }

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

// Content is what a message says. Type names the kind; one of the pointers is
// set for kinds that are more than text.
type Content struct {
	// ID is the message id.
	ID string

	// Type is the kind in this package's words; TypeOther where there is none.
	// EventInfo.Wire keeps the service's own word.
	Type ContentType

	// Chat is the thread: "12025550143@c.us" or "120363000000000001@g.us".
	Chat string

	// Text is what a person would read: the message's text, a media caption, a
	// button's title. It is never a URL of the service.
	Text string

	// QuotedID is the message this one replies to, or reacts to.
	QuotedID string

	// Forwarded is set on forwarded messages.
	Forwarded bool

	// Media is the file of an image, video, audio, voice, document or sticker.
	Media *ReceivedMedia

	// Location is the place of a location message; nil if the service's text
	// for it was not readable.
	Location *ReceivedLocation

	// Contacts is the shared contact cards, as raw JSON or vCard text: the
	// service does not document their form.
	Contacts json.RawMessage

	// Reply is the button or list row that the customer chose.
	Reply *Reply

	// Reaction is the emoji put on QuotedID.
	Reaction *ReceivedReaction

	// Referral is the ad or post that the chat began from.
	Referral *Referral
}

// ContentType is the kind of a received message. The set is open.
type ContentType string

// The known content types.
const (
	TypeText           ContentType = "text"
	TypeImage          ContentType = "image"
	TypeVideo          ContentType = "video"
	TypeAudio          ContentType = "audio"
	TypeVoice          ContentType = "voice"
	TypeDocument       ContentType = "document"
	TypeSticker        ContentType = "sticker"
	TypeLocation       ContentType = "location"
	TypeContacts       ContentType = "contacts"
	TypeButton         ContentType = "button"
	TypeInteractive    ContentType = "interactive"
	TypeReaction       ContentType = "reaction"
	TypeRequestWelcome ContentType = "request_welcome"
	TypeCallPermission ContentType = "call_permission_reply"
	TypeOther          ContentType = "other"
)

// ReceivedMedia is a file that a customer sent. Fetch it at once: the service's
// link dies within minutes (contract, "Media"), and it must not be given the
// channel's token.
type ReceivedMedia struct {
	// URL is the link; empty where only an id came.
	URL string

	// ID is the media id; empty where only a link came. It is digits, and
	// text.
	ID string

	// MIMEType is the declared type; empty if the format has none.
	MIMEType string

	// Name is the file name of a document, if one came.
	Name string
}

// ReceivedLocation is a place that a customer sent.
type ReceivedLocation struct {
	Latitude, Longitude float64
	Name, Address       string
}

// Reply is a customer's choice among reply buttons, list rows or a template's
// quick replies.
type Reply struct {
	// ID is the button's or row's id, or a quick reply's payload; empty where
	// the format carries only the title.
	ID string

	// Title is the text the customer saw.
	Title string

	// Description is the second line of a list row.
	Description string
}

// ReceivedReaction is an emoji on a message.
type ReceivedReaction struct {
	// MessageID is the message reacted to.
	MessageID string

	// Emoji is empty when the reaction was removed.
	Emoji string
}

// Referral tells which ad or post a chat began from. An ad makes the
// conversation free (see [EntryPointAd]).
type Referral struct {
	// SourceType is "ad" or "post".
	SourceType string

	// SourceID, SourceURL, Headline and Body describe it.
	SourceID, SourceURL, Headline, Body string

	// ClickID is the click-to-WhatsApp id (ctwa_clid); ads only, may be
	// missing.
	ClickID string
}

// Contact is a person as far as an event names them. Any field may be empty:
// people can hide their number.
type Contact struct {
	// Phone is digits, country code first.
	Phone string

	// Chat is the chat id with the person.
	Chat string

	// BSUID is the business-scoped user id, such as "US.1000000000000001".
	BSUID string

	// Username is without the @.
	Username string

	// Name is the profile name; never taken from an echo, where the service
	// puts the business's own number.
	Name string
}

// Recipient returns how to write to the contact: by phone number, else by
// BSUID, else by chat, else by username. It is the zero Recipient when nothing
// is known.
func (c Contact) Recipient() Recipient {
	switch {
	case c.Phone != "":
		return Phone(c.Phone)
	case c.BSUID != "":
		return BSUID(c.BSUID)
	case c.Chat != "":
		return Chat(c.Chat)
	case c.Username != "":
		return Username(c.Username)
	}
	return Recipient{}
}
