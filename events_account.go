package chatapi

import (
	"strconv"
	"time"
)

// This file holds the events that are no message: about templates, the number,
// the account, groups, forms and people. Only WhatsApp's own format (rawHooks)
// has them. Their kinds are open; what has no field here is in EventInfo.Raw.

// TemplateEvent tells that the catalogue of templates changed.
type TemplateEvent struct {
	EventInfo

	// Kind is what changed: "status", "quality", "category" or "components".
	Kind string

	// ID, Name and Language name the template; any may be missing.
	ID, Name, Language string

	// Status is the new state, of the kind "status".
	Status TemplateStatus

	// Category is the template's category; of the kind "category" the new one,
	// or the one to come at Effective.
	Category, OldCategory string
	Effective             time.Time

	// Quality is the new quality score, of the kind "quality".
	Quality, OldQuality string

	// Reason says why a template was refused or paused, as a code; Advice is
	// Meta's own words on what to do.
	Reason, Advice string
}

// Key returns "template/", a hash of the bytes and the instant: the format gives no id.
func (e *TemplateEvent) Key() string { return stampedKey("template", &e.EventInfo) }

// NumberEvent tells about the business's own number.
type NumberEvent struct {
	EventInfo

	// Kind is "quality", "name" or "username".
	Kind string

	// Phone is the number, in digits.
	Phone string

	// Event is what happened: "UPGRADE" or "FLAGGED" of the kind "quality",
	// "APPROVED" or "REJECTED" of "name", "reserved" or "deleted" of
	// "username".
	Event string

	// Limit is how many people may be written to in a day, such as "TIER_10K".
	Limit, OldLimit string

	// Name is the name that was asked for, or the username.
	Name string

	// Reason says why a name was refused.
	Reason string
}

// Key returns "number/", a hash of the bytes and the instant: the format gives no id.
func (e *NumberEvent) Key() string { return stampedKey("number", &e.EventInfo) }

// AccountEvent tells about the business account: bans, reviews, alerts,
// capabilities, security.
type AccountEvent struct {
	EventInfo

	// Kind is WhatsApp's name of the field: "account_update",
	// "account_review_update", "account_alerts", "account_settings_update",
	// "business_capability_update", "security" and others to come.
	Kind string

	// Event is what happened, such as "DISABLED_UPDATE", "APPROVED" or
	// "PIN_CHANGED"; empty where the kind says it all.
	Event string

	// Phone is the number concerned, if one is named.
	Phone string

	// EntityType and EntityID name what an alert is about.
	EntityType, EntityID string

	// Reason is the ban's state, the violation's type, or the alert's
	// description.
	Reason string

	// Restrictions are what the account may not do for now.
	Restrictions []AccountRestriction

	// DailyLimit is how many people may be written to in a day: a number, "-1"
	// for no limit, or a name such as "TIER_10K". NumberLimit is how many
	// numbers the account may have; 0 if not told.
	DailyLimit  string
	NumberLimit int64
}

// AccountRestriction is something that an account may not do until Expires.
type AccountRestriction struct {
	Type    string
	Expires time.Time
}

// Key returns "account/", a hash of the bytes and the instant: the format gives no id.
func (e *AccountEvent) Key() string { return stampedKey("account", &e.EventInfo) }

// GroupEvent tells that a group of the business was made, changed or left.
type GroupEvent struct {
	EventInfo

	// Kind is WhatsApp's word, such as "group_create" or
	// "group_participants_add".
	Kind string

	// Group is the group's chat id; ID is as it came.
	Group, ID string

	// RequestID is that of the request that caused it.
	RequestID string

	Subject, Description, InviteLink, Reason string

	// Added and Removed are people who came and went.
	Added, Removed []Contact

	Errors []StatusError
}

// Key returns "group/", a hash of the bytes and the instant: the format gives no id.
func (e *GroupEvent) Key() string { return stampedKey("group", &e.EventInfo) }

// FlowEvent tells about a form: its state, or the health of its endpoint.
type FlowEvent struct {
	EventInfo

	// Event is such as "FLOW_STATUS_CHANGE" or "ENDPOINT_LATENCY".
	Event string

	FlowID, Message string

	OldStatus, NewStatus FlowStatus

	// Alert is "ACTIVATED" or "DEACTIVATED".
	Alert string
}

// Key returns "flow/", a hash of the bytes and the instant: the format gives no id.
func (e *FlowEvent) Key() string { return stampedKey("flow", &e.EventInfo) }

// PreferenceEvent tells what a customer wants to get: "stop" in Value means no
// more marketing.
type PreferenceEvent struct {
	EventInfo
	From Contact

	// Category is such as "marketing_messages", Value "stop" or "resume".
	Category, Value string

	// Detail is WhatsApp's own words.
	Detail string
}

// Key returns "preference/", a hash of the bytes and the instant: the format gives no id.
func (e *PreferenceEvent) Key() string { return stampedKey("preference", &e.EventInfo) }

// IdentityEvent tells that a customer has another business-scoped id. Give both
// to [Contact.Merge] to keep one customer one.
type IdentityEvent struct {
	EventInfo
	Old, New Contact

	// Detail is WhatsApp's own words.
	Detail string
}

// Key returns "identity/", a hash of the bytes and the instant: the format gives no id.
func (e *IdentityEvent) Key() string { return stampedKey("identity", &e.EventInfo) }

// HistoryEvent is a part of the chats that a business had in its phone app
// before it was connected. They are old and go both ways, so they open no
// window and no bot may answer them.
type HistoryEvent struct {
	EventInfo

	// Phase, Chunk and Progress (0 to 100) tell how far the import is.
	Phase, Chunk, Progress int64

	Threads []HistoryThread

	// Errors says why there is no history, such as that the business declined.
	Errors []StatusError
}

// Key returns "history/", a hash of the bytes and the instant: the format gives no id.
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

	// Outgoing is set on what the business wrote.
	Outgoing bool

	// Status is how far it came, in WhatsApp's words.
	Status string
}

// AppStateEvent tells that the business's phone app changed its address book.
type AppStateEvent struct {
	EventInfo

	// Type is "contact", Action "add" or "remove".
	Type, Action string

	Contact Contact
}

// Key returns "state/", a hash of the bytes and the instant: the format gives no id.
func (e *AppStateEvent) Key() string { return stampedKey("state", &e.EventInfo) }

// PaymentEvent tells what became of a payment that was asked for.
type PaymentEvent struct {
	EventInfo

	// MessageID is the message that asked.
	MessageID string

	// ReferenceID is the one of [OrderDetails].
	ReferenceID string

	// Status is "captured", "pending" or "failed".
	Status string

	// From is who pays.
	From Contact

	// Amount is nil if it was not readable.
	Amount *Money

	// TransactionID and Method ("upi") are the payment provider's.
	TransactionID, Method string

	Errors []StatusError
}

// Key returns "payment/", the message id, the status and the transaction.
func (e *PaymentEvent) Key() string {
	return keyOf("payment", e.Raw, e.MessageID, e.Status, e.TransactionID)
}

// ErrorEvent is an error of the service that belongs to no message.
type ErrorEvent struct {
	EventInfo
	Errors []StatusError
}

// Key returns "error/", a hash of the bytes and the instant: the format gives no id.
func (e *ErrorEvent) Key() string { return stampedKey("error", &e.EventInfo) }

// stampedKey identifies an event that has no id. What it says may be said
// again another day, so the instant is part of it.
func stampedKey(kind string, info *EventInfo) string {
	key := keyOf(kind, info.Raw)
	if info.Time.IsZero() {
		return key
	}
	return key + "/" + strconv.FormatInt(info.Time.Unix(), 10)
}
