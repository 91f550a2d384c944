package chatapi

import (
	"strconv"
	"time"
)

// This file holds the events about templates, the number, the account, groups,
// forms, people and payments. Only WhatsApp's own format (rawHooks) has them.
// Their kinds are open sets; EventInfo.Raw has the members without a field here.

// TemplateEvent reports a change of a template.
type TemplateEvent struct {
	EventInfo

	// Kind says what changed: "status", "quality", "category" or "components".
	Kind string

	// ID, Name and Language name the template; each may be empty.
	ID, Name, Language string

	// Status is the new state; only of the kind "status".
	Status TemplateStatus

	// Category is the template's category. Of the kind "category" it is the new
	// category, or the one from Effective on.
	Category, OldCategory string
	Effective             time.Time

	// Quality is the new quality score; only of the kind "quality".
	Quality, OldQuality string

	// Reason is a code that says why a template was refused or paused, such as
	// "INVALID_FORMAT", "FIRST_PAUSE", "SECOND_PAUSE" or "RATE_LIMITING_PAUSE";
	// empty if Meta gives none. Advice says what to do, in Meta's words.
	Reason, Advice string
}

// Key returns "template/", a hash of the bytes and the time, because the format has
// no id.
func (e *TemplateEvent) Key() string { return stampedKey("template", &e.EventInfo) }

// NumberEvent reports a change of the business's number: its quality, its name
// or its username.
type NumberEvent struct {
	EventInfo

	// Kind is "quality", "name" or "username".
	Kind string

	// Phone is the number, in digits.
	Phone string

	// Event says what happened, such as "UPGRADE" or "FLAGGED" of the kind
	// "quality", "APPROVED" or "REJECTED" of "name", "reserved" or "deleted" of
	// "username".
	Event string

	// Limit is the number of people that the business may write to in a day,
	// such as "TIER_10K".
	Limit, OldLimit string

	// Name is the requested name, or the username.
	Name string

	// Reason says why a name was refused.
	Reason string
}

// Key returns "number/", a hash of the bytes and the time, because the format has
// no id.
func (e *NumberEvent) Key() string { return stampedKey("number", &e.EventInfo) }

// AccountEvent reports a change of the business account: a ban, a review, an
// alert, its limits or its security.
type AccountEvent struct {
	EventInfo

	// Kind is WhatsApp's name of the field: "account_update",
	// "account_review_update", "account_alerts", "account_settings_update",
	// "business_capability_update", "security" and others to come.
	Kind string

	// Event says what happened, such as "DISABLED_UPDATE", "APPROVED" or
	// "PIN_CHANGED"; empty if the kind needs no further word.
	Event string

	// Phone is the number concerned, in digits; empty if the event names none.
	Phone string

	// EntityType and EntityID name the subject of an alert.
	EntityType, EntityID string

	// Reason is the ban's state, the violation's type, or the alert's
	// description.
	Reason string

	// Restrictions lists what the account must not do for now.
	Restrictions []AccountRestriction

	// DailyLimit is the number of people that the business may write to in a
	// day: a number, "-1" for no limit, or a name such as "TIER_10K".
	// NumberLimit is how many numbers the account may have; 0 if the event does
	// not say.
	DailyLimit  string
	NumberLimit int64

	// Partner is the account of a partner's customer, to which EventInfo.WABA
	// belongs; nil if the event names none.
	Partner *PartnerAccount
}

// PartnerAccount says whose account an event for a partner is about (waba_info,
// known since 2025 from Meta's reference of account_update, high confidence). All
// members are Meta's ids; each may be empty.
type PartnerAccount struct {
	// BusinessID is the partner's portfolio, to which the event was sent;
	// OwnerBusinessID is the portfolio that owns the account.
	BusinessID, OwnerBusinessID string

	// AdAccountID is the ad account that was linked, and AppID the app that was
	// installed or removed.
	AdAccountID, AppID string

	// SolutionID is the multi-partner solution, SolutionBusinessIDs the portfolios in
	// it; at most 100 are read.
	SolutionID          string
	SolutionBusinessIDs []string
}

// AccountRestriction is something that an account must not do until Expires.
type AccountRestriction struct {
	Type    string
	Expires time.Time
}

// Key returns "account/", a hash of the bytes and the time, because the format has
// no id.
func (e *AccountEvent) Key() string { return stampedKey("account", &e.EventInfo) }

// GroupEvent reports that a group of the business was created or changed, or
// that people joined or left it.
type GroupEvent struct {
	EventInfo

	// Kind is WhatsApp's word, such as "group_create" or
	// "group_participants_add".
	Kind string

	// Group is the group's chat id; ID is the id as it arrived.
	Group, ID string

	// RequestID is the id of the request that caused the event.
	RequestID string

	Subject, Description, InviteLink, Reason string

	// Added and Removed are the people who joined and left.
	Added, Removed []Contact

	Errors []StatusError
}

// AnswerTo returns the group, for a message to it.
func (e *GroupEvent) AnswerTo() Recipient { return answerTo(Contact{}, e.Group) }

// Key returns "group/", a hash of the bytes and the time, because the format has
// no id.
func (e *GroupEvent) Key() string { return stampedKey("group", &e.EventInfo) }

// FlowEvent reports a change of a form's state, or of its endpoint's health.
type FlowEvent struct {
	EventInfo

	// Event says what happened, such as "FLOW_STATUS_CHANGE" or
	// "ENDPOINT_LATENCY".
	Event string

	// FlowID is the form's id, Message WhatsApp's description of the event.
	FlowID, Message string

	OldStatus, NewStatus FlowStatus

	// Alert is "ACTIVATED" or "DEACTIVATED".
	Alert string
}

// Key returns "flow/", a hash of the bytes and the time, because the format has
// no id.
func (e *FlowEvent) Key() string { return stampedKey("flow", &e.EventInfo) }

// PreferenceEvent reports whether a customer wants messages of a category: "stop"
// in Value means no more marketing messages.
type PreferenceEvent struct {
	EventInfo
	From Contact

	// Category is for instance "marketing_messages", Value "stop" or "resume".
	Category, Value string

	// Detail is WhatsApp's description of the event.
	Detail string
}

// Key returns "preference/", a hash of the bytes and the time, because the format has
// no id.
func (e *PreferenceEvent) Key() string { return stampedKey("preference", &e.EventInfo) }

// IdentityEvent reports that a customer has a new business-scoped id. Merge New
// into the stored Old with [Contact.Merge] to keep them one customer.
type IdentityEvent struct {
	EventInfo
	Old, New Contact

	// Detail is WhatsApp's description of the event.
	Detail string
}

// Key returns "identity/", a hash of the bytes and the time, because the format has
// no id.
func (e *IdentityEvent) Key() string { return stampedKey("identity", &e.EventInfo) }

// HistoryEvent is a part of the chats that a business had in its phone app
// before it was connected. The messages are old and of both sides: they do not
// open the service window, and a bot must not answer them. A file of an old message
// comes in an event of its own, with one thread of one message.
type HistoryEvent struct {
	EventInfo

	// Phase, Chunk and Progress (0 to 100) say how far the import has come.
	Phase, Chunk, Progress int64

	Threads []HistoryThread

	// Errors says why there is no history, for instance because the business
	// declined.
	Errors []StatusError
}

// Key returns "history/", a hash of the bytes and the time, because the format has
// no id.
func (e *HistoryEvent) Key() string { return stampedKey("history", &e.EventInfo) }

// HistoryThread is one old chat.
type HistoryThread struct {
	Contact  Contact
	Messages []HistoryMessage
}

// HistoryMessage is one old message.
type HistoryMessage struct {
	Content
	Time time.Time

	// Outgoing is set if the business sent the message.
	Outgoing bool

	// Status is the message's last state, in WhatsApp's words.
	Status string

	// From is the sender as the message names them. WireType is the message's type
	// in WhatsApp's words, such as "media_placeholder" for a file that comes in an
	// event of its own, with the same message id.
	From     Contact
	WireType string
}

// AppStateEvent reports that the business changed the address book of its phone
// app.
type AppStateEvent struct {
	EventInfo

	// Type is "contact", Action "add" or "remove".
	Type, Action string

	Contact Contact
}

// Key returns "state/", a hash of the bytes and the time, because the format has
// no id.
func (e *AppStateEvent) Key() string { return stampedKey("state", &e.EventInfo) }

// PaymentEvent reports the state of a payment that the business asked for.
type PaymentEvent struct {
	EventInfo

	// MessageID is the id of the message that asked for the payment.
	MessageID string

	// ReferenceID is the id that [OrderDetails] gave the payment.
	ReferenceID string

	// Status is "captured", "pending" or "failed".
	Status string

	// From is the person who pays.
	From Contact

	// Amount is nil if it was not readable.
	Amount *Money

	// TransactionID and Method, such as "upi", are the payment provider's words.
	TransactionID, Method string

	Errors []StatusError
}

// Key returns "payment/", the message id, the status and the transaction.
func (e *PaymentEvent) Key() string {
	return keyOf("payment", e.Raw, e.MessageID, e.Status, e.TransactionID)
}

// ErrorEvent reports an error of the service that does not belong to a message.
type ErrorEvent struct {
	EventInfo
	Errors []StatusError
}

// Key returns "error/", a hash of the bytes and the time, because the format has
// no id.
func (e *ErrorEvent) Key() string { return stampedKey("error", &e.EventInfo) }

// stampedKey identifies an event that has no id. The same event may happen again
// on another day, so the time is part of the key.
func stampedKey(kind string, info *EventInfo) string {
	key := keyOf(kind, info.Raw)
	if info.Time.IsZero() {
		return key
	}
	return key + "/" + strconv.FormatInt(info.Time.Unix(), 10)
}
