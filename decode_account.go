package chatapi

import (
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the parts of account, template, flow and group events that only
// few events have, and the small events beside messages.

// readDetail reads a member of an account event into AccountDetails.
func (e *AccountEvent) readDetail(name, text string, v wire.Value) {
	if v.IsNested() && v.IsBlank() {
		return // a forwarder's zero value
	}
	switch name {
	case "alert_severity":
		e.Severity = text
	case "alert_status":
		e.AlertStatus = text
	case "requester":
		e.Requester = text
	case "country":
		e.Country = text
	case "violation_info":
		e.Remediation = memberText(v, "remediation")
	case "ban_info":
		e.BanDate = memberText(v, "waba_ban_date")
	case "max_daily_conversation_per_phone", "max_daily_conversations_per_phone_number":
		e.PhoneLimit = text
	case "max_daily_conversations_per_business":
		e.BusinessLimit = text
	case "max_phone_numbers_per_business":
		e.NumbersPerBusiness, _ = v.Int()
	case "max_phone_numbers_per_waba":
		e.NumbersPerWABA, _ = v.Int()
	case "disconnection_info":
		e.Disconnection = &AccountDisconnection{Reason: memberText(v, "reason"), InitiatedBy: memberText(v, "initiated_by")}
	case "volume_tier_info":
		e.VolumeTier = &VolumeTier{Category: memberText(v, "pricing_category"), Region: memberText(v, "region"),
			Tier: memberText(v, "tier"), Month: memberText(v, "effective_month"), Updated: v.Get("tier_update_time").Time()}
	case "auth_international_rate_eligibility":
		e.AuthInternational = &AuthInternationalRates{Start: v.Get("start_time").Time()}
		for list := v.Get("exception_countries").List(); list.Next(); {
			e.AuthInternational.Exceptions = append(e.AuthInternational.Exceptions,
				CountryStart{memberText(list.Value, "country_code"), list.Value.Get("start_time").Time()})
		}
	case "partner_client_certification_info", "partner_client_certification_needed_info":
		e.Certification = &PartnerCertification{ClientBusinessID: memberText(v, "client_business_id"), Status: memberText(v, "status")}
		e.Certification.RejectionReasons = someReasons(v.Get("rejection_reasons"))
	case "phone_number_settings":
		e.Settings = numberSettings(v)
	}
}

// numberSettings reads the new settings of a number. Settings of calls in another
// form than the documented one are left out.
func numberSettings(v wire.Value) *NumberSettings {
	s := &NumberSettings{PhoneNumberID: memberText(v, "phone_number_id")}
	calling := v.Get("calling")
	var in wireCallSettings
	if !calling.IsObject() || wire.UnmarshalLenient(calling.Raw(), &in) != nil {
		return s
	}
	settings := in.settings()
	s.Calls = &settings
	hours := calling.Get("call_hours")
	if !hours.IsObject() {
		return s
	}
	s.CallHours = &CallHours{Status: memberText(hours, "status"), TimeZone: memberText(hours, "timezone_id")}
	for list := hours.Get("weekly_operating_hours").List(); list.Next(); {
		s.CallHours.Weekly = append(s.CallHours.Weekly, CallDay{memberText(list.Value, "day_of_week"),
			memberText(list.Value, "open_time"), memberText(list.Value, "close_time")})
	}
	for list := hours.Get("holiday_schedule").List(); list.Next(); {
		s.CallHours.Holidays = append(s.CallHours.Holidays, CallHoliday{memberText(list.Value, "date"),
			memberText(list.Value, "start_time"), memberText(list.Value, "end_time")})
	}
	return s
}

func paymentSetup(v wire.Value) *PaymentSetup {
	return &PaymentSetup{Name: memberText(v, "configuration_name"), Provider: memberText(v, "provider_name"), MerchantID: memberText(v, "provider_mid"),
		Status: memberText(v, "status"), Created: v.Get("created_timestamp").Time(), Updated: v.Get("updated_timestamp").Time()}
}

func templateEventButtons(v wire.Value) (all []TemplateEventButton) {
	const prefix = "message_template_button_"
	for list := v.List(); list.Next(); {
		all = append(all, TemplateEventButton{Type: memberText(list.Value, prefix+"type"), Text: memberText(list.Value, prefix+"text"),
			URL: memberText(list.Value, prefix+"url"), Phone: memberText(list.Value, prefix+"phone_number")})
	}
	return all
}

// flowHealth reads the figures of a form's health.
func flowHealth(v wire.Value) (h FlowHealth) {
	h.Threshold, _ = v.Get("threshold").Float()
	h.ErrorRate, _ = v.Get("error_rate").Float()
	h.Availability, _ = v.Get("availability").Float()
	h.P50Latency, h.P90Latency = milliseconds(v.Get("p50_latency")), milliseconds(v.Get("p90_latency"))
	h.Requests, _ = v.Get("requests_count").Int()
	for list := v.Get("errors").List(); list.Next(); {
		count := FlowErrorCount{Type: memberText(list.Value, "error_type")}
		count.Rate, _ = list.Value.Get("error_rate").Float()
		count.Count, _ = list.Value.Get("error_count").Int()
		h.Errors = append(h.Errors, count)
	}
	return h
}

// milliseconds reads a time that an endpoint took; 0 if it is no sensible number.
func milliseconds(v wire.Value) time.Duration {
	const day = 24 * 60 * 60 * 1000
	if n, ok := v.Float(); ok && n > 0 && n < day {
		return time.Duration(n * float64(time.Millisecond))
	}
	return 0
}

// change adds a setting of a group from the object that says whether it was changed.
func (e *GroupEvent) change(setting string, v wire.Value) {
	c := GroupChange{Setting: setting, Text: memberText(v, "text"), MIMEType: memberText(v, "mime_type"), SHA256: memberText(v, "sha256"),
		Errors: statusErrors(v.Get("errors"))}
	successful, set := v.Get("update_successful").Bool()
	if c.Successful = successful || !set && len(c.Errors) == 0; c.Successful {
		e.setText(setting, c.Text)
	}
	e.Changes = append(e.Changes, c)
}

// newTexts keeps the texts of a new group, if it was created.
func (e *GroupEvent) newTexts(texts []GroupChange) {
	for _, c := range texts {
		if len(e.Errors) > 0 {
			e.Changes = append(e.Changes, c)
		} else {
			e.setText(c.Setting, c.Text)
		}
	}
}

func (e *GroupEvent) setText(setting, text string) {
	switch setting {
	case "subject":
		e.Subject = text
	case "description":
		e.Description = text
	}
}

// gatherErrors adds the errors of the event's parts to Errors, in an order that does
// not depend on that of the members.
func (e *GroupEvent) gatherErrors() {
	slices.SortStableFunc(e.Changes, func(a, b GroupChange) int { return strings.Compare(a.Setting, b.Setting) })
	for _, c := range e.Changes {
		e.Errors = append(e.Errors, c.Errors...)
	}
	for _, member := range e.Failed {
		e.Errors = append(e.Errors, member.Errors...)
	}
}

// textsOf returns the texts of a list, or of one text.
func textsOf(v wire.Value) (all []string) {
	for list := v.Array(); list.Next(); {
		if text, _ := list.Value.Text(); text != "" {
			all = append(all, text)
		}
	}
	if text, err := v.Text(); err == nil && text != "" {
		all = append(all, text)
	}
	return all
}

// action reads one element of "user_actions".
func (p *parser) action(v wire.Value) error {
	kind := memberText(v, "action_type")
	data := v.Get(kind + "_data")
	if !data.IsObject() { // a page view has the data of a click
		data = v.Get("marketing_messages_link_click_data")
	}
	e := &ActionEvent{Action: kind, Component: memberText(data, "click_component"), ClickID: memberText(data, "click_id"),
		TrackingToken: memberText(data, "tracking_token"), ProductID: memberText(data, "product_id")}
	e.EventInfo = p.info(joinWire("user_action", kind), v)
	var f scalarReader
	f.setTime(&e.EventInfo, "timestamp", v.Get("timestamp"))
	f.check("", v, "action_type")
	f.check("data", data, "click_component", "click_id", "tracking_token", "product_id")
	return p.addPartial(e, &f)
}

// conversion reads one element of "automatic_events".
func (p *parser) conversion(v wire.Value) error {
	data := v.Get("custom_data")
	e := &ConversionEvent{Name: memberText(v, "event_name"), MessageID: memberText(v, "id"), ClickID: memberText(v, "ctwa_clid"),
		Value: memberText(data, "value"), Currency: memberText(data, "currency")}
	e.EventInfo = p.info(joinWire("automatic_event", e.Name), v)
	var f scalarReader
	f.setTime(&e.EventInfo, "timestamp", v.Get("timestamp"))
	f.check("", v, "event_name", "id", "ctwa_clid")
	f.check("custom_data", data, "value", "currency")
	return p.addPartial(e, &f)
}

// summary adds the event of a "conversation_context", which stands beside messages.
func (p *parser) summary(v wire.Value) {
	e := &SummaryEvent{Kind: memberText(v, "type"), Text: memberText(v.Get("summary"), "text")}
	if p.contacts != nil && len(p.contacts.list) == 1 {
		e.From = p.contacts.list[0]
		e.From.Chat = personChat(e.From)
	}
	e.EventInfo = p.info(joinWire("conversation_context", e.Kind), v)
	p.add(e)
}
