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

	// Kind says what changed: "status", "quality", "category", "components" or
	// "correct_category" (the content sent directly was of another category than
	// OldCategory; known since July 2026 from Meta's page on direct sends, medium
	// confidence).
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

	// Detail is Meta's sentence about the Reason (rejection_info.reason, known since
	// 2025, high confidence).
	Detail string

	// Header, Body, Footer and Buttons are the new text; only of the kind
	// "components" (Meta's reference, known since 2025, high confidence). A header
	// that is a file is not told.
	Header, Body, Footer string
	Buttons              []TemplateEventButton
}

// TemplateEventButton is a button of a changed template.
type TemplateEventButton struct {
	// Type is for instance "URL", "PHONE_NUMBER" or "QUICK_REPLY".
	Type, Text string

	// URL and Phone are where the button leads; each may be empty.
	URL, Phone string
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

	// Reason says why a name was refused. Several reasons are joined by commas.
	Reason string

	// BusinessLimit is the limit of the whole portfolio, which since October 2025
	// replaces Limit: a number, or a name such as "TIER_10K"
	// (max_daily_conversations_per_business of Meta's reference, high confidence).
	BusinessLimit string
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

	AccountDetails

	// Partner is the account of a partner's customer, to which EventInfo.WABA
	// belongs; nil if the event names none.
	Partner *PartnerAccount
}

// AccountRestriction is something that an account must not do until Expires.
type AccountRestriction struct {
	Type    string
	Expires time.Time

	// Remediation says how to end it; usually empty.
	Remediation string
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

	// Subject and Description are the group's texts. Those of a change, or of a new
	// group, that failed are in Changes only.
	Subject, Description, InviteLink, Reason string

	// Added and Removed are the people who joined and left.
	Added, Removed []GroupMember

	// Errors holds why the request failed, as a whole or in part: also the errors of
	// Failed and Changes.
	Errors []StatusError

	// Failed are the people for whom the request failed (failed_participants, known
	// since October 2025; Meta's groups page, high confidence).
	Failed []GroupMember

	// JoinRequestID is the id of a request to join the group, and Requester the
	// person who made it (known since October 2025, high confidence).
	JoinRequestID string
	Requester     Contact

	// InitiatedBy is "business" if the business removed a person, "participant" if
	// the person left (known since October 2025, high confidence).
	InitiatedBy string

	// ApprovalMode is "auto_approve" or "approval_required", of a new group
	// (join_approval_mode, known since October 2025, high confidence).
	ApprovalMode string

	// Changes are the settings that a request changed, or failed to change, by name
	// (known since October 2025, high confidence).
	Changes []GroupChange
}

// GroupMember is a person whom a group event names.
type GroupMember struct {
	Contact

	// Input is the number or BSUID with which the request named the person (input of
	// Meta's groups page, known since October 2025, high confidence).
	Input string

	// Errors says why the request failed for this person.
	Errors []StatusError
}

// GroupChange is a setting of a group that a request was to change, or a text of a
// group that was not created.
type GroupChange struct {
	// Setting is "subject", "description" or "profile_picture".
	Setting string

	// Text is the new subject or description.
	Text string

	// MIMEType and SHA256 describe a new picture.
	MIMEType, SHA256 string

	// Successful is false if the setting stayed as it was; Errors says why.
	Successful bool
	Errors     []StatusError
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

	// Warning is WhatsApp's sentence about a version that expires.
	Warning string

	FlowHealth
}

// FlowHealth holds the figures of a [FlowEvent] about health (Meta's page on flow
// webhooks, known since 2023, high confidence). A figure that the event does not
// hold is zero.
type FlowHealth struct {
	// Threshold is the figure that was passed: percent of ErrorRate or
	// Availability, or milliseconds of latency.
	Threshold float64

	// ErrorRate and Availability are percentages.
	ErrorRate, Availability float64

	// P50Latency and P90Latency are how long the endpoint took for half, and for 90
	// percent, of the Requests.
	P50Latency, P90Latency time.Duration
	Requests               int64

	// Errors counts the errors by type.
	Errors []FlowErrorCount
}

// FlowErrorCount says how often an error occurred; Rate is a percentage.
type FlowErrorCount struct {
	Type  string
	Rate  float64
	Count int64
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

	// SignupID is the id of the sign-up form by which the customer chose (signup_id,
	// seen in public test data of 2026, medium confidence).
	SignupID string
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
	// Contact is the customer. Of a group it has only the Chat; each message names
	// its sender.
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

	// FirstName is the person's first name; Contact.Name is the full name if the
	// address book has one.
	FirstName string
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

	// TransactionID and Method, such as "upi" or "card", are the payment provider's
	// words.
	TransactionID, Method string

	Errors []StatusError

	PaymentTransaction
}

// PaymentTransaction holds a payment provider's further words about a
// [PaymentEvent] (Meta's page on payment gateways in India, known since 2023, high
// confidence; refunds and receipt from a provider's page of 2026, medium
// confidence).
type PaymentTransaction struct {
	// Provider is for instance "razorpay" or "payu"; where the transaction has no
	// method, WhatsApp writes the method here, such as "upi".
	Provider string

	// TransactionStatus is "success", "pending" or "failed".
	TransactionStatus string

	// Charged is the transaction's own amount; nil if it has none.
	Charged *Money

	// Created and Updated are when the transaction began and changed.
	Created, Updated time.Time

	// ErrorCode and ErrorReason say why the transaction failed.
	ErrorCode, ErrorReason string

	// Refunds are the parts that were paid back.
	Refunds []PaymentRefund

	// Receipt and Notes are what the business attached to the payment; at most 64
	// notes are read.
	Receipt string
	Notes   map[string]string
}

// PaymentRefund is a part of a payment that was paid back.
type PaymentRefund struct {
	// ID is the provider's id, Status for instance "completed", Speed for instance
	// "normal".
	ID, Status, Speed string

	// Amount is nil if it was not readable.
	Amount *Money

	Created, Updated time.Time
}

// Key returns "payment/", the message id, the status and the transaction; and of each
// refund its id and status, because WhatsApp tells a refund with the old status.
func (e *PaymentEvent) Key() string {
	parts := []string{e.MessageID, e.Status, e.TransactionID}
	for _, refund := range e.Refunds {
		parts = append(parts, refund.ID, refund.Status)
	}
	return keyOf("payment", e.Raw, parts...)
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
