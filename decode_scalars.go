package chatapi

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the scalars of an element and keeps what is wrong with them. An
// object where a scalar belongs costs the event that field, and nothing else.

const (
	// maxProblems limits EventInfo.Problems of one event.
	maxProblems = 16

	// problemMemory is what a problem takes at most, with its part of an error.
	problemMemory = 512
)

// scalarReader reads scalar members of an element and keeps what is wrong with
// them.
type scalarReader struct {
	problems []string // for EventInfo.Problems
	serious  uint16   // a bit for each problem of a member that is an object or array, or longer than any id or name
}

// err returns the error of the element for the ParseError; nil if there is none.
func (f *scalarReader) err() error {
	if f.serious == 0 {
		return nil
	}
	var texts []string
	for i, problem := range f.problems {
		if f.serious&(1<<i) != 0 {
			texts = append(texts, problem)
		}
	}
	return errors.New(strings.Join(texts, "; "))
}

// note keeps a problem of the member v with that name.
func (f *scalarReader) note(name string, v wire.Value, problem string) {
	if len(f.problems) < maxProblems {
		v.Use(problemMemory)
		f.problems = append(f.problems, name+": "+problem)
	}
}

// misread keeps a problem that is an error of the element.
func (f *scalarReader) misread(name string, v wire.Value, err error) {
	if len(f.problems) < maxProblems {
		f.serious |= 1 << len(f.problems)
		f.note(name, v, err.Error())
	}
}

// isObject reports whether v is an object, and keeps an error if it is not. path is
// the list in which v stands.
func (f *scalarReader) isObject(path string, v wire.Value) bool {
	if v.IsObject() {
		return true
	}
	if len(f.problems) < maxProblems {
		f.misread(path, v, errNotObject(v))
	}
	return false
}

// merge takes over the problems of v, an element inside the member with that name.
func (f *scalarReader) merge(name string, v wire.Value, inner *scalarReader) {
	for i, problem := range inner.problems {
		if len(f.problems) == maxProblems {
			return
		}
		if inner.serious&(1<<i) != 0 {
			f.serious |= 1 << len(f.problems)
		}
		v.Use(problemMemory)
		f.problems = append(f.problems, name+"."+problem)
	}
}

func (f *scalarReader) text(m *wire.Object) string {
	text, err := m.Value.Label()
	if err != nil {
		f.misread(string(m.Name), m.Value, err)
	}
	return text
}

// scalar returns the current member for reading it later. Like text, it keeps
// an error if the member is not a scalar.
func (f *scalarReader) scalar(m *wire.Object) wire.Value {
	if m.Value.IsNested() {
		f.text(m)
	}
	return m.Value
}

// plain returns a scalar's text. name is the value's path within the element.
func (f *scalarReader) plain(name string, v wire.Value) string {
	text, err := v.Label()
	if err != nil {
		f.misread(name, v, err)
	}
	return text
}

// whole returns the text of v, the member of that name of an object. A person wrote
// it, so it may have any length.
func (f *scalarReader) whole(object, name string, v wire.Value) string {
	text, err := v.Text()
	if err != nil {
		f.misread(within(object, name), v, err)
	}
	return text
}

// words returns the current member of the object with that name, which is a text of
// an error.
func (f *scalarReader) words(object string, m *wire.Object) string {
	if m.Value.IsNested() {
		f.inner(object, m)
	}
	return errorWords(m.Value)
}

// within returns the path of a member of the object with that name. Without a
// name, the object is the element itself.
func within(object, name string) string {
	if object == "" {
		return name
	}
	return object + "." + name
}

// inner returns the text of the current member of the object with that name.
func (f *scalarReader) inner(object string, m *wire.Object) string {
	text, err := m.Value.Label()
	if err != nil {
		f.misread(within(object, string(m.Name)), m.Value, err)
	}
	return text
}

// member returns the text of a member of v, which is the object with that name.
func (f *scalarReader) member(object string, v wire.Value, name string) string {
	text, err := v.Get(name).Label()
	if err != nil {
		f.misread(within(object, name), v, err)
	}
	return text
}

// flag returns a boolean of the current member of the object with that name. What
// is no boolean is false.
func (f *scalarReader) flag(object string, m *wire.Object) bool {
	if m.Value.IsNested() {
		f.inner(object, m)
	}
	value, _ := m.Value.Bool()
	return value
}

// time returns an instant; zero if v is empty or unreadable.
func (f *scalarReader) time(name string, v wire.Value) time.Time {
	if v.IsNull() {
		return time.Time{}
	}
	at := v.Time()
	if !at.IsZero() {
		return at
	}
	if _, err := wire.ParseTime(f.plain(name, v)); err != nil {
		f.note(name, v, wire.ErrTime.Error())
	}
	return at
}

// setTime gives an event its own time if v holds one. Otherwise the event keeps
// the time of its entry.
func (f *scalarReader) setTime(info *EventInfo, name string, v wire.Value) {
	if at := f.time(name, v); !at.IsZero() {
		info.Time = at
	}
}

// check notes each member of v with one of the names that is no scalar. It is for
// objects that are read by functions without a scalarReader.
func (f *scalarReader) check(object string, v wire.Value, names ...string) {
	for m := v.Object(); m.Next(); {
		if m.Value.IsNested() && slices.Contains(names, string(m.Name)) {
			f.inner(object, &m)
		}
	}
}

// checkField notes the members that are no scalars in the value of a field, or in
// an object in it.
func (f *scalarReader) checkField(v wire.Value) {
	f.check("", v, fieldScalars...)
	for m := v.Object(); m.Next(); {
		if m.Value.IsObject() {
			f.check(m.Key(), m.Value, fieldScalars...)
		}
	}
}

// addPartial adds an event with the problems of its element. It returns the error
// of the element, for the ParseError.
func (p *parser) addPartial(e Event, f *scalarReader) error {
	if f.problems != nil {
		e.Info().Problems = f.problems
	}
	p.add(e)
	return f.err()
}

// addUnread adds an UnknownEvent with the problems of its element.
func (p *parser) addUnread(member, kind string, v wire.Value, f *scalarReader) error {
	return p.addPartial(&UnknownEvent{EventInfo: p.info(joinWire(member, kind), v)}, f)
}

// fieldScalars has the members that are scalars in the values of all fields that
// are one event, in the elements of "groups", and in the objects inside them.
var fieldScalars = []string{"event", "decision", "type", "alert_type", "status", "reason", "action",
	"message_template_id", "message_template_name", "message_template_language", "message_template_category",
	"new_category", "previous_category", "correct_category", "category_update_timestamp", "new_quality_score", "previous_quality_score",
	"display_phone_number", "phone_number", "current_limit", "old_limit", "requested_verified_name", "username", "rejection_reason",
	"max_daily_conversation_per_phone", "max_daily_conversations_per_phone_number", "max_daily_conversations_per_business",
	"max_phone_numbers_per_business", "max_phone_numbers_per_waba", "entity_type", "entity_id", "alert_description",
	"flow_id", "message", "old_status", "new_status", "alert_state", "group_id", "request_id", "invite_link", "subject", "description",
	"recommendation", "title", "disable_date", "waba_ban_state", "violation_type", "text", "update_successful",
	"waba_id", "owner_business_id", "ad_account_linked", "partner_app_id", "solution_id", "solution_status",
	"join_request_id", "initiated_by", "join_approval_mode", "wa_id", "user_id", "parent_user_id",
	"alert_severity", "alert_status", "requester", "country", "remediation", "waba_ban_date", "pricing_category", "region", "tier",
	"effective_month", "tier_update_time", "start_time", "client_business_id", "configuration_name", "provider_name", "provider_mid",
	"created_timestamp", "updated_timestamp", "warning", "threshold", "error_rate", "availability", "p50_latency", "p90_latency", "requests_count",
	"message_template_title", "message_template_element", "message_template_footer"}
