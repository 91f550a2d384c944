package chatapi

import (
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the fields that are not about messages, statuses or calls:
// templates, the number, the account, groups and people (contract, raw "Other
// fields").

// fieldReaders has the readers of the fields whose value is one event.
var fieldReaders = map[string]func(wire.Value, EventInfo) Event{
	"message_template_status_update":      templateEvent("status"),
	"message_template_quality_update":     templateEvent("quality"),
	"message_template_components_update":  templateEvent("components"),
	"template_category_update":            templateEvent("category"),
	"template_correct_category_detection": templateEvent("correct_category"),
	"phone_number_quality_update":         numberEvent("quality"),
	"phone_number_name_update":            numberEvent("name"),
	"business_username_update":            numberEvent("username"),
	"business_username_updates":           numberEvent("username"),
	"phone_number_username_update":        numberEvent("username"),
	"account_update":                      accountEvent("account_update"),
	"account_alerts":                      accountEvent("account_alerts"),
	"account_review_update":               accountEvent("account_review_update"),
	"account_settings_update":             accountEvent("account_settings_update"),
	"business_capability_update":          accountEvent("business_capability_update"),
	"security":                            accountEvent("security"),
	"payment_configuration_update":        accountEvent("payment_configuration_update"),
	"partner_solutions":                   accountEvent("partner_solutions"),
	"flows":                               flowEvent,
}

// templateEvent returns the reader of the fields about templates.
func templateEvent(kind string) func(wire.Value, EventInfo) Event {
	return func(v wire.Value, info EventInfo) Event {
		e := &TemplateEvent{EventInfo: info, Kind: kind}
		var reason, words, recommendation, title, description string
		for m := v.Object(); m.Next(); {
			text, _ := m.Value.Text()
			switch string(m.Name) {
			case "event":
				if kind == "status" {
					e.Status = TemplateStatus(strings.ToUpper(strings.TrimSpace(text)))
				}
			case "message_template_id":
				e.ID = text
			case "message_template_name":
				e.Name = text
			case "message_template_language":
				e.Language = text
			case "message_template_category", "category":
				e.Category = cmp.Or(e.Category, text)
			case "new_category":
				e.Category = cmp.Or(text, e.Category)
			case "previous_category":
				e.OldCategory = text
			case "reason":
				reason = someReason(text)
			case "new_quality_score":
				e.Quality = text
			case "previous_quality_score":
				e.OldQuality = text
			case "category_update_timestamp":
				if at := m.Value.Time(); !at.IsZero() {
					e.Effective = at
				}
			case "rejection_info":
				words = someReason(memberText(m.Value, "reason"))
				e.Detail, recommendation = words, someReason(memberText(m.Value, "recommendation"))
			case "other_info":
				title = someReason(memberText(m.Value, "title"))
				description = memberText(m.Value, "description")
			case "disable_info":
				if e.Effective.IsZero() {
					e.Effective = m.Value.Get("disable_date").Time()
				}
			default:
				e.readPart(&m, text)
			}
		}
		e.Reason, e.Advice = cmp.Or(reason, words), cmp.Or(recommendation, description)
		if e.Status == TemplatePaused || e.Reason == "" {
			e.Reason = cmp.Or(title, e.Reason) // why a template is paused stands here alone
		}
		if kind == "category" {
			e.Category = cmp.Or(e.Category, memberText(v, "event"))
		}
		if coming := memberText(v, "correct_category"); coming != "" { // announced for later
			e.OldCategory, e.Category = cmp.Or(e.OldCategory, e.Category), coming
		}
		return e
	}
}

// readPart reads a part of the template, which only an event about its parts has.
func (e *TemplateEvent) readPart(m *wire.Object, text string) {
	switch string(m.Name) {
	case "message_template_title":
		e.Header = text
	case "message_template_element":
		e.Body = text
	case "message_template_footer":
		e.Footer = text
	case "message_template_buttons":
		e.Buttons = templateEventButtons(m.Value)
	}
}

// someReason returns a reason, and nothing for words such as "NONE".
func someReason(text string) string {
	switch strings.ToUpper(strings.TrimSpace(text)) {
	case "NONE", "NULL", "N/A":
		return ""
	}
	return text
}

// someReasons returns the reasons of a list.
func someReasons(v wire.Value) (all []string) {
	for _, text := range textsOf(v) {
		if text = someReason(text); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// numberEvent returns the reader of the fields about the business's number.
func numberEvent(kind string) func(wire.Value, EventInfo) Event {
	return func(v wire.Value, info EventInfo) Event {
		e := &NumberEvent{EventInfo: info, Kind: kind}
		for m := v.Object(); m.Next(); {
			text, _ := m.Value.Text()
			switch string(m.Name) {
			case "display_phone_number":
				e.Phone = phoneDigits(m.Value)
			case "current_limit":
				e.Limit = cmp.Or(text, e.Limit)
			case "max_daily_conversations_per_business":
				e.BusinessLimit = text
			case "old_limit":
				e.OldLimit = text
			case "requested_verified_name":
				e.Name = cmp.Or(text, e.Name)
			case "username", "requested_username":
				e.Name = cmp.Or(e.Name, usernameOf(text))
			case "rejection_reason":
				e.Reason = cmp.Or(someReason(text), e.Reason)
			case "rejection_reasons":
				e.Reason = cmp.Or(strings.Join(someReasons(m.Value), ", "), e.Reason)
			}
		}
		e.Event = firstText(v, "event", "decision", "status")
		e.Limit = cmp.Or(e.Limit, e.BusinessLimit)
		return e
	}
}

// accountEvent returns the reader of the fields about the account.
func accountEvent(kind string) func(wire.Value, EventInfo) Event {
	return func(v wire.Value, info EventInfo) Event {
		e := &AccountEvent{EventInfo: info, Kind: kind}
		alert := v.Get("alert_info")
		e.read(alert)
		e.read(v)
		e.Event = cmp.Or(firstText(v, "event", "decision", "alert_type", "type"), firstText(alert, "event", "decision", "alert_type", "type"))
		e.Phone = cmp.Or(phoneDigits(v.Get("display_phone_number")), phoneDigits(v.Get("phone_number")))
		e.Reason = cmp.Or(someReason(memberText(v.Get("ban_info"), "waba_ban_state")), someReason(memberText(v.Get("violation_info"), "violation_type")), e.Reason)
		e.DailyLimit = cmp.Or(e.BusinessLimit, e.PhoneLimit)
		e.NumberLimit = cmp.Or(e.NumbersPerWABA, e.NumbersPerBusiness)
		if at := v.Get("timestamp").Time(); !at.IsZero() {
			e.Time = at
		}
		switch kind {
		case "payment_configuration_update":
			e.PaymentSetup = paymentSetup(v)
			e.Event = cmp.Or(e.Event, e.PaymentSetup.Status)
		case "partner_solutions": // the entry is a portfolio, not an account
			e.Solution = &PartnerSolution{ID: memberText(v, "solution_id"), Status: memberText(v, "solution_status"), BusinessID: e.WABA}
			e.WABA = ""
		}
		return e
	}
}

// read reads the value of a field, or the "alert_info" in it.
func (e *AccountEvent) read(v wire.Value) {
	for m := v.Object(); m.Next(); {
		text, _ := m.Value.Text()
		switch string(m.Name) {
		case "entity_type":
			e.EntityType = cmp.Or(text, e.EntityType)
		case "entity_id":
			e.EntityID = cmp.Or(text, e.EntityID)
		case "alert_description":
			e.Reason = cmp.Or(text, e.Reason)
		case "restriction_info":
			for list := m.Value.List(); list.Next(); {
				e.Restrictions = append(e.Restrictions, AccountRestriction{memberText(list.Value, "restriction_type"),
					list.Value.Get("expiration").Time(), memberText(list.Value, "remediation")})
			}
		}
		e.readDetail(string(m.Name), text, m.Value)
	}
}

func flowEvent(v wire.Value, info EventInfo) Event {
	return &FlowEvent{EventInfo: info, Event: memberText(v, "event"), FlowID: memberText(v, "flow_id"), Message: memberText(v, "message"),
		OldStatus: FlowStatus(memberText(v, "old_status")), NewStatus: FlowStatus(memberText(v, "new_status")), Alert: memberText(v, "alert_state"),
		Warning: memberText(v, "warning"), FlowHealth: flowHealth(v)}
}

// group reads one element of "groups".
func (p *parser) group(v wire.Value) error {
	e := &GroupEvent{}
	var at wire.Value
	var plain []GroupChange
	for m := v.Object(); m.Next(); {
		text, _ := m.Value.Text()
		switch string(m.Name) {
		case "type":
			e.Kind = text
		case "group_id":
			e.ID, e.Group = text, groupChat(text)
		case "request_id":
			e.RequestID = text
		case "subject", "group_subject", "description", "group_description", "profile_picture":
			setting := strings.TrimPrefix(string(m.Name), "group_")
			if m.Value.IsObject() {
				e.change(setting, m.Value)
			} else if text != "" {
				plain = append(plain, GroupChange{Setting: setting, Text: text})
			}
		case "invite_link":
			e.InviteLink = text
		case "reason":
			e.Reason = text
		case "timestamp":
			at = m.Value
		case "added_participants":
			e.Added = append(e.Added, p.readMembers(m.Value)...)
		case "removed_participants":
			e.Removed = append(e.Removed, p.readMembers(m.Value)...)
		case "failed_participants":
			e.Failed = append(e.Failed, p.readMembers(m.Value)...)
		case "join_request_id":
			e.JoinRequestID = text
		case "initiated_by":
			e.InitiatedBy = text
		case "join_approval_mode":
			e.ApprovalMode = text
		case "errors":
			e.Errors = statusErrors(m.Value)
		}
	}
	e.newTexts(plain)
	e.gatherErrors()
	if e.Requester = readPerson(v); e.Requester != (Contact{}) {
		p.contacts.complete(&e.Requester)
		e.Requester.Chat = personChat(e.Requester)
	}
	e.EventInfo = p.info(joinWire("group", e.Kind), v)
	var f scalarReader
	f.setTime(&e.EventInfo, "timestamp", at)
	f.checkField(v)
	if v.IsBlank() {
		return p.addUnread("group", "", v, &f)
	}
	return p.addPartial(e, &f)
}

// readMembers reads people of a group. "input" is the number or BSUID with which
// the business named the person.
func (p *parser) readMembers(v wire.Value) (all []GroupMember) {
	for list := v.List(); list.Next(); {
		c := GroupMember{Contact: readPerson(list.Value), Input: memberText(list.Value, "input"), Errors: statusErrors(list.Value.Get("errors"))}
		if !list.Value.IsObject() { // a forwarder may write the number alone
			c.Input, _ = list.Value.Text()
		}
		if c.Phone == "" {
			setPhone(&c.Contact, c.Input)
		}
		p.contacts.complete(&c.Contact)
		c.Chat = personChat(c.Contact)
		all = append(all, c)
	}
	return all
}

// preference reads one element of "user_preferences".
func (p *parser) preference(v wire.Value) error {
	e := &PreferenceEvent{From: readPerson(v), Category: memberText(v, "category"), Value: memberText(v, "value"), Detail: memberText(v, "detail"),
		SignupID: memberText(v, "signup_id")}
	p.contacts.complete(&e.From)
	e.From.Chat = personChat(e.From)
	e.EventInfo = p.info("user_preference", v)
	var f scalarReader
	f.setTime(&e.EventInfo, "timestamp", v.Get("timestamp"))
	f.check("", v, "wa_id", "user_id", "parent_user_id", "category", "value", "detail", "signup_id")
	return p.addPartial(e, &f)
}

// identity reads one element of "user_id_update".
func (p *parser) identity(v wire.Value) error {
	e := &IdentityEvent{Detail: memberText(v, "detail")}
	user, parent := v.Get("user_id"), v.Get("parent_user_id")
	e.Old.BSUID = cmp.Or(memberText(user, "previous"), firstText(v, "previous", "previous_user_id"))
	e.New.BSUID = cmp.Or(memberText(user, "current"), firstText(v, "current", "current_user_id"))
	e.Old.ParentBSUID, e.New.ParentBSUID = memberText(parent, "previous"), memberText(parent, "current")
	if e.New.BSUID == "" {
		e.New.BSUID, _ = user.Text()
	}
	setPhone(&e.New, memberText(v, "wa_id"))
	p.contacts.complete(&e.New)
	e.New.Chat = personChat(e.New)
	e.Old.Chat = personChat(e.Old)
	e.EventInfo = p.info("user_id_update", v)
	var f scalarReader
	f.setTime(&e.EventInfo, "timestamp", v.Get("timestamp"))
	f.check("", v, "wa_id", "detail")
	f.check("user_id", user, "previous", "current")
	f.check("parent_user_id", parent, "previous", "current")
	return p.addPartial(e, &f)
}

// history reads one element of "history".
func (p *parser) history(v wire.Value) error {
	var f scalarReader
	e := &HistoryEvent{}
	meta := v.Get("metadata")
	e.Phase, _ = meta.Get("phase").Int()
	e.Chunk, _ = meta.Get("chunk_order").Int()
	e.Progress, _ = meta.Get("progress").Int()
	f.check("metadata", meta, "phase", "chunk_order", "progress")
	e.Errors = f.reasons("errors", v.Get("errors"))
	for threads := v.Get("threads").List(); threads.Next(); {
		if !f.isObject("threads", threads.Value) {
			continue
		}
		e.Threads = append(e.Threads, p.oldThread(threads.Value, &f))
	}
	if v.IsBlank() {
		return p.addUnread("history", "", v, &f)
	}
	e.EventInfo = p.info("history", v)
	return p.addPartial(e, &f)
}

// appState reads one element of "state_sync".
func (p *parser) appState(v wire.Value) error {
	e := &AppStateEvent{Type: memberText(v, "type"), Action: memberText(v, "action")}
	person := v.Get("contact")
	if person.IsNull() {
		person = v
	}
	e.Contact = readPerson(person)
	setPhone(&e.Contact, strings.TrimSpace(memberText(person, "phone_number")))
	e.FirstName = memberText(person, "first_name")
	e.Contact.Name = firstText(person, "full_name", "first_name")
	p.contacts.complete(&e.Contact)
	e.Contact.Chat = personChat(e.Contact)
	e.EventInfo = p.info(joinWire("state_sync", e.Type), v)
	var f scalarReader
	f.setTime(&e.EventInfo, "metadata.timestamp", v.Get("metadata").Get("timestamp"))
	f.check("", v, "type", "action")
	f.check("contact", person, "phone_number", "full_name", "first_name", "user_id", "parent_user_id", "username", "wa_id")
	return p.addPartial(e, &f)
}
