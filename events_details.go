package chatapi

import "time"

// This file holds the parts of account events that few events have, and the small
// events beside messages: clicks, detected purchases and summaries. Only
// WhatsApp's own format (rawHooks) has them.

// AccountDetails holds the parts of an [AccountEvent] that only one kind of event
// has; all others are empty.
type AccountDetails struct {
	// Severity is "CRITICAL", "WARNING" or "INFORMATIONAL", and AlertStatus "ACTIVE"
	// or "NONE", of an alert (alert_severity and alert_status, known since 2023;
	// Meta's reference, high confidence).
	Severity, AlertStatus string

	// Remediation says what to do about a violation (known since 2025; Meta's page
	// on call settings, medium confidence).
	Remediation string

	// Requester is the id of the person in the portfolio who asked to reset the PIN
	// (requester of "security", known since 2022; Meta's reference, high
	// confidence).
	Requester string

	// BanDate is the day of the ban in WhatsApp's words, such as "April 17, 2025"
	// (ban_info.waba_ban_date, known since 2022; Meta's reference, high confidence).
	BanDate string

	// Country is the business's main country, such as "IN" (known since 2025; Meta's
	// reference, high confidence).
	Country string

	// PhoneLimit is the daily limit of one number, until February 2026, and
	// BusinessLimit that of the whole portfolio, since October 2025, in the form of
	// DailyLimit (Meta's reference, high confidence).
	PhoneLimit, BusinessLimit string

	// NumbersPerBusiness and NumbersPerWABA are how many numbers the portfolio and the
	// account may have (Meta's reference, known since 2022, high confidence).
	NumbersPerBusiness, NumbersPerWABA int64

	// The parts below are nil except in the events that hold them.
	Disconnection     *AccountDisconnection
	VolumeTier        *VolumeTier
	AuthInternational *AuthInternationalRates
	Certification     *PartnerCertification
	Settings          *NumberSettings
	PaymentSetup      *PaymentSetup
	Solution          *PartnerSolution
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

// AccountDisconnection says why a number of the phone app was disconnected
// (disconnection_info, known since 2025; Meta's page on onboarding app users, high
// confidence).
type AccountDisconnection struct {
	// Reason is for instance "PRIMARY_INACTIVITY" or "CHANGE_NUMBER", InitiatedBy
	// "SYSTEM" or "USER".
	Reason, InitiatedBy string
}

// VolumeTier is the price level that the account reached (volume_tier_info, known
// since July 2025; Meta's reference, high confidence). Of several events about one
// change, the one with the earliest Updated is right.
type VolumeTier struct {
	// Category is for instance "UTILITY", Region for instance "India". Tier is the
	// range of messages, such as "25000001:50000000", Month such as "2025-11".
	Category, Region, Tier, Month string

	Updated time.Time
}

// AuthInternationalRates says from when on the account pays the international price
// of authentication messages (auth_international_rate_eligibility, known since
// 2024; Meta's reference, high confidence).
type AuthInternationalRates struct {
	Start time.Time

	// Exceptions are the countries with a start of their own.
	Exceptions []CountryStart
}

// CountryStart is an instant for one country, such as "ID".
type CountryStart struct {
	Country string
	Start   time.Time
}

// PartnerCertification is the state of a client's verification by a partner
// (partner_client_certification_info, known since 2025; Meta's reference, high
// confidence). The event PARTNER_CLIENT_CERTIFICATION_NEEDED has only the client.
type PartnerCertification struct {
	// ClientBusinessID is the client's portfolio. Status is for instance "APPROVED"
	// or "FAILED".
	ClientBusinessID, Status string

	// RejectionReasons are WhatsApp's words; "NONE" is left out.
	RejectionReasons []string
}

// NumberSettings are the new settings of a number (account_settings_update, known
// since July 2025; Meta's page on call settings, high confidence).
type NumberSettings struct {
	PhoneNumberID string

	// Calls is nil if the event holds no settings of calls. CallHours is the same as
	// its Hours, as a struct.
	Calls     *CallSettings
	CallHours *CallHours
}

// CallHours says when customers can call.
type CallHours struct {
	// Status is "ENABLED" or "DISABLED", TimeZone such as "America/New_York".
	Status, TimeZone string

	Weekly   []CallDay
	Holidays []CallHoliday
}

// CallDay is an open part of a weekday. Day is such as "MONDAY", Open and Close
// such as "0900".
type CallDay struct {
	Day, Open, Close string
}

// CallHoliday is a part of a date, such as "2026-01-01", with other hours.
type CallHoliday struct {
	Date, Start, End string
}

// PaymentSetup is the state of a payment configuration (the kind
// "payment_configuration_update", known since 2023; Meta's reference of October
// 2025, high confidence).
type PaymentSetup struct {
	// Name is the name that [OrderDetails] uses. Provider is for instance "razorpay",
	// MerchantID the business's account there.
	Name, Provider, MerchantID string

	// Status is "Active", "Needs Connecting" or "Needs Testing".
	Status string

	Created, Updated time.Time
}

// PartnerSolution is the state of a solution of several partners (the kind
// "partner_solutions", known since 2024; Meta's reference, high confidence).
type PartnerSolution struct {
	// ID is the solution's id, Status for instance "ACTIVE" or "PENDING_DEACTIVATION".
	ID, Status string

	// BusinessID is the portfolio that is told; such an event belongs to no account.
	BusinessID string
}

// ActionEvent reports what a customer did with a marketing message: a click, or the
// view of the page behind it. It names neither the customer nor the message; join
// it by ClickID, which the page's address has too. WhatsApp reports it for seven
// days after the send (user_actions, known since November 2025; Meta's page on
// click events, limited availability, high confidence).
type ActionEvent struct {
	EventInfo

	// Action is "marketing_messages_link_click" or, since September 2026,
	// "landing_page_view".
	Action string

	// Component is "cta" or "body": what was clicked.
	Component string

	// ClickID identifies the click, TrackingToken a click and its page view.
	ClickID, TrackingToken string

	// ProductID is the product of the ad; usually empty.
	ProductID string
}

// Key returns "action/", the action and the ids of the click. Without ids, it is a
// hash of the bytes and the time.
func (e *ActionEvent) Key() string {
	if e.ClickID == "" && e.TrackingToken == "" {
		return stampedKey("action", &e.EventInfo)
	}
	return keyOf("action", e.Raw, e.Action, e.ClickID, e.TrackingToken)
}

// ConversionEvent reports that WhatsApp found a purchase or a lead in a chat that an
// ad began (automatic_events, known since 2025; Meta's page on automatic events,
// medium confidence).
type ConversionEvent struct {
	EventInfo

	// Name is "Purchase" or "LeadSubmitted". The set is open.
	Name string

	// MessageID is the id of the message in which WhatsApp found it.
	MessageID string

	// ClickID is the id of the ad's click (ctwa_clid).
	ClickID string

	// Value and Currency are the amount as it arrived; both may be empty.
	Value, Currency string
}

// Key returns "conversion/", the message id and the name.
func (e *ConversionEvent) Key() string { return keyOf("conversion", e.Raw, e.MessageID, e.Name) }

// Amount returns the exact amount. An amount that Money cannot hold exactly is
// [ErrInvalid] with the field "Value"; a missing currency is it with "Currency".
func (e *ConversionEvent) Amount() (Money, error) {
	const op = "ConversionEvent.Amount"
	price, problem := ReceivedItem{Price: e.Value, Currency: e.Currency}.unitPrice()
	if problem == nil {
		return price, nil
	}
	if problem.Field == "Price" {
		problem = invalid("Value", problem.Reason)
	}
	return Money{}, problem.in(op, "")
}

// SummaryEvent is a summary of a chat that another agent held before, written by a
// machine: show it to a person, do not act on it. It stands beside the first
// message that the business gets of the chat (conversation_context, known since
// August 2026; Meta's page on conversation routing, medium confidence).
type SummaryEvent struct {
	EventInfo

	// From is the customer, if the body names only one.
	From Contact

	// Kind is "summary". The set is open.
	Kind string

	Text string
}

// Key returns "summary/", a hash of the bytes and the time, because the format has no
// id.
func (e *SummaryEvent) Key() string { return stampedKey("summary", &e.EventInfo) }
