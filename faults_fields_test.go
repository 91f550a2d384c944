package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func groupEvent(t *testing.T, members string) *chatapi.GroupEvent {
	t.Helper()
	return one[*chatapi.GroupEvent](t, cloud("group_settings_update", `{"groups":[{"group_id":"G1","timestamp":"1790000000",`+members+`}]}`))
}

// A request to join names the person who asks, a request that failed says for whom
// and for which setting, and a setting that did not change is not the group's.
func TestFaultA8Groups(t *testing.T) {
	join := groupEvent(t, `"type":"group_join_request_created","join_request_id":"j","wa_id":"12025550111","user_id":"US.1","username":"ana"`)
	assert.Equal(t, "j", join.JoinRequestID)
	assert.Equal(t, chatapi.Contact{Phone: "12025550111", BSUID: "US.1", Chat: "12025550111@c.us", Username: "ana"}, join.Requester)

	hidden := groupEvent(t, `"type":"group_join_request_revoked","join_request_id":12,"wa_id":"","user_id":"BR.2","parent_user_id":"BR.ENT.2"`)
	assert.Equal(t, "12", hidden.JoinRequestID)
	assert.Equal(t, chatapi.Contact{BSUID: "BR.2", ParentBSUID: "BR.ENT.2", Chat: "BR.2@lid"}, hidden.Requester)

	failed := groupEvent(t, `"type":"group_participants_remove","initiated_by":"business","failed_participants":[
		{"input":12025550112,"errors":[{"code":131000,"message":"M"}]},{"input":"US.3"}],"errors":[{"code":100}]`)
	require.Len(t, failed.Failed, 2)
	assert.Equal(t, "business", failed.InitiatedBy)
	assert.Equal(t, "12025550112", failed.Failed[0].Phone)
	assert.Equal(t, 131000, failed.Failed[0].Errors[0].Code)
	assert.Equal(t, "US.3", failed.Failed[1].BSUID)
	require.Len(t, failed.Errors, 2, "the error of the whole and that of the person")
	assert.Empty(t, failed.Requester)

	for members, want := range map[string]struct{ subject, description string }{
		`"group_subject":{"text":"New","update_successful":false,"errors":[{"code":100}]}`:                               {"", ""},
		`"group_subject":{"errors":[{"code":100}],"text":"New"}`:                                                         {"", ""},
		`"group_subject":{"update_successful":"true","text":"New"},"group_description":{"text":"D"}`:                     {"New", "D"},
		`"group_description":{"text":"D","update_successful":0},"group_subject":{"text":"New","update_successful":true}`: {"New", ""},
		`"subject":"New","description":"D"`:                                                                              {"New", "D"},
	} {
		e := groupEvent(t, members)
		assert.Equal(t, want.subject, e.Subject, members)
		assert.Equal(t, want.description, e.Description, members)
		for _, change := range e.Changes {
			assert.NotEmpty(t, change.Text, members)
			assert.Equal(t, change.Text == e.Subject || change.Text == e.Description, change.Successful, members)
			for _, problem := range change.Errors {
				assert.Contains(t, e.Errors, problem, members)
			}
		}
	}
	picture := groupEvent(t, `"profile_picture":{"mime_type":"image/png","sha256":"h","update_successful":false}`)
	assert.Equal(t, []chatapi.GroupChange{{Setting: "profile_picture", MIMEType: "image/png", SHA256: "h"}}, picture.Changes)
}

// Whatever the body says about a call is on the CallEvent: the people with all their
// names, why the call failed, and the files to fetch.
func TestFaultA9Calls(t *testing.T) {
	const person = `"contacts":[{"wa_id":"12025550111","user_id":"US.1","profile":{"name":"Ana","username":"ana"}}]`
	failure := `{` + person + `,"errors":[{"code":138014,"title":"No media"}],"calls":[{"id":"c","event":"terminate","status":"Failed","from":"12025550111",
		"from_parent_user_id":"US.ENT.1","to_user_id":"US.9","to_parent_user_id":"US.ENT.9","cta_payload":"p","deeplink_payload":"q","errors":{"code":138000}}]}`
	for name, body := range map[string]string{
		"raw":                cloud("calls", failure),
		"passed on":          `{"type":"calls","instanceId":"ABC1",` + failure[1:],
		"passed on in value": `{"type":"calls","value":` + failure + `}`,
	} {
		e := one[*chatapi.CallEvent](t, body)
		assert.Equal(t, chatapi.Contact{Phone: "12025550111", BSUID: "US.1", ParentBSUID: "US.ENT.1", Name: "Ana", Username: "ana"}, e.From, name)
		assert.Equal(t, chatapi.Contact{BSUID: "US.9", ParentBSUID: "US.ENT.9"}, e.To, name)
		require.Len(t, e.Errors, 2, name)
		assert.Equal(t, []int{138000, 138014}, []int{e.Errors[0].Code, e.Errors[1].Code}, name)
		assert.Equal(t, "p q", e.ButtonPayload+" "+e.LinkPayload, name)
	}
	status := one[*chatapi.CallEvent](t, cloud("calls", `{`+person+`,"statuses":[{"id":"c","type":"call","status":"RINGING","recipient_id":"12025550111","recipient_parent_user_id":"US.ENT.1"}]}`))
	assert.Equal(t, chatapi.Contact{Phone: "12025550111", BSUID: "US.1", ParentBSUID: "US.ENT.1", Name: "Ana", Username: "ana"}, status.To)

	for members, want := range map[string]chatapi.ReceivedMedia{
		`"call_recording":{"type":"audio","audio":{"id":1,"url":"https://f.test/1","mime_type":"audio/ogg","sha256":"h"}}`: {ID: "1", URL: "https://f.test/1", MIMEType: "audio/ogg", SHA256: "h"},
		`"call_recording":{"id":"1","mime_type":"audio/ogg"}`:                                                              {ID: "1", MIMEType: "audio/ogg"},
		`"call_transcript":{"document":{"id":"2","mime_type":"application/json","filename":"c.json"}}`:                     {ID: "2", MIMEType: "application/json", Name: "c.json"},
	} {
		e := one[*chatapi.CallEvent](t, cloud("calls", `{"calls":[{"id":"c","event":"call_recording_available",`+members+`}]}`))
		file := e.Recording
		if file == nil {
			file = e.Transcript
		}
		require.NotNil(t, file, members)
		assert.Equal(t, want, *file, members)
		assert.Equal(t, want.ID, file.Ref().ID)
	}
	assert.Nil(t, one[*chatapi.CallEvent](t, cloud("calls", `{"calls":[{"id":"c","event":"connect","call_recording":{}}]}`)).Recording)
}

// Errors beside several calls belong to those that failed; where none did, and
// beside messages, they stay events of their own.
func TestFaultA9ErrorsBesideCalls(t *testing.T) {
	for value, want := range map[string][]int{ // the number of errors of each call, and -1 for an ErrorEvent
		`{"calls":[{"id":"a","status":"COMPLETED"},{"id":"b","status":"FAILED"}],"errors":[{"code":1}]}`: {0, 1},
		`{"errors":[{"code":1},{"code":2}],"calls":[{"id":"a","event":"connect"}]}`:                      {2},
		`{"errors":[{"code":1}],"calls":[{"id":"a"},{"id":"b"}]}`:                                        {-1, 0, 0},
		`{"errors":[{"code":1}]}`: {-1},
		`{"messages":[{"id":"m","from":"12025550111","type":"text"}],"errors":[{"code":1}]}`: {-2, -1},
	} {
		events, err := chatapi.ParseWebhook([]byte(cloud("calls", value)))
		require.NoError(t, err)
		var got []int
		for _, event := range events {
			switch e := event.(type) {
			case *chatapi.CallEvent:
				got = append(got, len(e.Errors))
			case *chatapi.ErrorEvent:
				got = append(got, -1)
			default:
				got = append(got, -2)
			}
		}
		assert.Equal(t, want, got, value)
	}
}

func accountUpdate(t *testing.T, field, value string) *chatapi.AccountEvent {
	t.Helper()
	return one[*chatapi.AccountEvent](t, cloud(field, value))
}

// Every member of an account, template, form or payment event that a user could want
// is a field.
func TestFaultA16Account(t *testing.T) {
	assert.Equal(t, "WARNING", accountUpdate(t, "account_alerts", `{"alert_info":{"alert_severity":"WARNING","alert_type":"T"}}`).Severity)
	assert.Equal(t, "CRITICAL", accountUpdate(t, "account_alerts", `{"alert_severity":"CRITICAL","alert_status":"ACTIVE"}`).Severity, "the older, flat form")
	assert.Equal(t, "R", accountUpdate(t, "account_update", `{"violation_info":{"violation_type":"V","remediation":"R"}}`).Remediation)
	assert.Equal(t, "R", accountUpdate(t, "account_update", `{"restriction_info":[{"remediation":"R"}]}`).Restrictions[0].Remediation)
	assert.Equal(t, "17", accountUpdate(t, "security", `{"requester":17,"event":"PIN_RESET_REQUEST"}`).Requester)
	assert.Equal(t, "April 17, 2026", accountUpdate(t, "account_update", `{"ban_info":{"waba_ban_date":"April 17, 2026"}}`).BanDate)
	assert.Equal(t, "IN", accountUpdate(t, "account_update", `{"country":"IN"}`).Country)
	assert.Equal(t, &chatapi.AccountDisconnection{Reason: "CHANGE_NUMBER", InitiatedBy: "USER"},
		accountUpdate(t, "account_update", `{"disconnection_info":{"reason":"CHANGE_NUMBER","initiated_by":"USER"}}`).Disconnection)
	assert.Equal(t, &chatapi.VolumeTier{Category: "UTILITY", Region: "India", Tier: "1:2", Month: "2026-11", Updated: time.Unix(1790000000, 0).UTC()},
		accountUpdate(t, "account_update", `{"volume_tier_info":{"tier_update_time":"1790000000","pricing_category":"UTILITY","tier":"1:2","effective_month":"2026-11","region":"India"}}`).VolumeTier)
	assert.Equal(t, &chatapi.AuthInternationalRates{Start: time.Unix(1790000000, 0).UTC(), Exceptions: []chatapi.CountryStart{{"ID", time.Unix(1790000001, 0).UTC()}}},
		accountUpdate(t, "account_update", `{"auth_international_rate_eligibility":{"start_time":1790000000,"exception_countries":[{"country_code":"ID","start_time":"1790000001"}]}}`).AuthInternational)
	for _, value := range []string{`{"max_daily_conversation_per_phone":1000,"max_daily_conversations_per_business":"TIER_10K"}`,
		`{"max_daily_conversations_per_business":"TIER_10K","max_daily_conversation_per_phone":1000}`} {
		e := accountUpdate(t, "business_capability_update", value)
		assert.Equal(t, "1000 TIER_10K TIER_10K", e.PhoneLimit+" "+e.BusinessLimit+" "+e.DailyLimit)
	}
}

func TestFaultA16FormsAndTemplates(t *testing.T) {
	// The figures of a form's health and the text of a changed template are fields.
	health := one[*chatapi.FlowEvent](t, cloud("flows", `{"event":"ENDPOINT_LATENCY","p50_latency":"500","p90_latency":8000.5,"requests_count":34,"threshold":7000}`))
	assert.Equal(t, chatapi.FlowHealth{P50Latency: 500 * time.Millisecond, P90Latency: 8000500 * time.Microsecond, Requests: 34, Threshold: 7000}, health.FlowHealth)
	counted := one[*chatapi.FlowEvent](t, cloud("flows", `{"event":"CLIENT_ERROR_RATE","error_rate":14.28,"errors":[{"error_type":"E","error_rate":66.6,"error_count":2}],"p50_latency":-1,"p90_latency":1e300}`))
	assert.Equal(t, chatapi.FlowHealth{ErrorRate: 14.28, Errors: []chatapi.FlowErrorCount{{"E", 66.6, 2}}}, counted.FlowHealth)
	template := one[*chatapi.TemplateEvent](t, cloud("message_template_components_update", `{"message_template_title":"H","message_template_element":"B","message_template_footer":"F",
		"message_template_buttons":[{"message_template_button_type":"PHONE_NUMBER","message_template_button_text":"T","message_template_button_phone_number":"+12025550100"},{}]}`))
	assert.Equal(t, "H B F", template.Header+" "+template.Body+" "+template.Footer)
	assert.Equal(t, []chatapi.TemplateEventButton{{Type: "PHONE_NUMBER", Text: "T", Phone: "+12025550100"}, {}}, template.Buttons)
}

// A payment's event has the state, the error, the notes and the refunds of its
// transaction; a refund is another event than the payment.
func TestFaultA16Payments(t *testing.T) {
	payment := func(members string) *chatapi.PaymentEvent {
		return one[*chatapi.PaymentEvent](t, cloud("messages", `{"statuses":[{"id":"m","type":"payment","status":"captured","payment":{"currency":"INR","amount":{"value":4550,"offset":100},`+members+`}}]}`))
	}
	e := payment(`"notes":{"desk":7,"deep":{}},"receipt":"r","transaction":{"id":"t","type":"razorpay","status":"success","method":{"type":"upi"},"created_timestamp":"1790000000","error":{"code":"C","reason":"R"}}`)
	assert.Equal(t, chatapi.PaymentTransaction{Provider: "razorpay", TransactionStatus: "success", Created: time.Unix(1790000000, 0).UTC(),
		ErrorCode: "C", ErrorReason: "R", Receipt: "r", Notes: map[string]string{"desk": "7"}}, e.PaymentTransaction)
	assert.Equal(t, "upi", e.Method)
	assert.Equal(t, &chatapi.Money{Micros: 45_500_000, Currency: "INR"}, e.Amount)

	refunded := payment(`"transaction":{"id":"t","type":"upi","refunds":[{"id":"f","status":"completed","amount":{"value":5,"offset":1}},{"id":"g","status":"pending","amount":{"value":5}}]}`)
	assert.Equal(t, []chatapi.PaymentRefund{{ID: "f", Status: "completed", Amount: &chatapi.Money{Micros: 5_000_000, Currency: "INR"}}, {ID: "g", Status: "pending"}}, refunded.Refunds)
	assert.Equal(t, "upi", refunded.Method, "without a method, the type is it")
	assert.NotEqual(t, payment(`"transaction":{"id":"t"}`).Key(), refunded.Key())
	assert.Equal(t, chatapi.PaymentTransaction{}, payment(`"transaction":{"refunds":null},"notes":[]`).PaymentTransaction)
}

// A field whose form is known has an event type; one whose form nobody knows stays
// an UnknownEvent.
func TestFaultA17KnownFields(t *testing.T) {
	for action, data := range map[string]string{
		"marketing_messages_link_click": `{"click_component":"body","click_id":"c","tracking_token":"t","product_id":"p"}`,
		"landing_page_view":             `{"click_id":"c","tracking_token":"t"}`,
	} {
		e := one[*chatapi.ActionEvent](t, cloud("messages", `{"user_actions":[{"action_type":"`+action+`","timestamp":1790000000,"marketing_messages_link_click_data":`+data+`}]}`))
		assert.Equal(t, "action/"+action+"/c/t", e.Key())
		assert.Equal(t, int64(1790000000), e.Time.Unix())
	}
	own := one[*chatapi.ActionEvent](t, cloud("messages", `{"user_actions":[{"action_type":"video_play","video_play_data":{"click_id":"v"}}]}`))
	assert.Equal(t, "v", own.ClickID, "an action that is not known yet")

	purchase := one[*chatapi.ConversionEvent](t, cloud("automatic_events", `{"automatic_events":[{"id":"m","event_name":"Purchase","ctwa_clid":"c","custom_data":{"currency":"BRL","value":12.34}}]}`))
	amount, err := purchase.Amount()
	require.NoError(t, err)
	assert.Equal(t, chatapi.Money{Micros: 12_340_000, Currency: "BRL"}, amount)
	lead := one[*chatapi.ConversionEvent](t, cloud("automatic_events", `{"automatic_events":[{"id":"m","event_name":"LeadSubmitted"}]}`))
	_, err = lead.Amount()
	wrongField(t, err, chatapi.ErrInvalid, "Currency")
	odd := chatapi.ConversionEvent{Value: "1/3", Currency: "USD"}
	_, err = odd.Amount()
	wrongField(t, err, chatapi.ErrInvalid, "Value")

	category := one[*chatapi.TemplateEvent](t, cloud("template_correct_category_detection", `{"message_template_id":1,"category":"UTILITY","correct_category":"MARKETING"}`))
	assert.Equal(t, "UTILITY MARKETING", category.OldCategory+" "+category.Category)
	username := one[*chatapi.NumberEvent](t, cloud("phone_number_username_update", `{"decision":"REJECTED","requested_username":"tea","rejection_reasons":["A","B"]}`))
	assert.Equal(t, "username REJECTED tea A, B", username.Kind+" "+username.Event+" "+username.Name+" "+username.Reason)
	updates := one[*chatapi.NumberEvent](t, cloud("business_username_updates", `{"status":"reserved","username":"tea"}`))
	assert.Equal(t, "reserved tea", updates.Event+" "+updates.Name)
	solution := accountUpdate(t, "partner_solutions", `{"event":"SOLUTION_UPDATED","solution_id":5,"solution_status":"ACTIVE"}`)
	assert.Equal(t, "5 ACTIVE", solution.Solution.ID+" "+solution.Solution.Status)
	assert.Empty(t, solution.WABA, "the entry is a portfolio")
	setup := accountUpdate(t, "payment_configuration_update", `{"configuration_name":"shop","provider_name":"payu","status":"Active","updated_timestamp":"1790000000"}`)
	assert.Equal(t, &chatapi.PaymentSetup{Name: "shop", Provider: "payu", Status: "Active", Updated: time.Unix(1790000000, 0).UTC()}, setup.PaymentSetup)
	one[*chatapi.UnknownEvent](t, cloud("tracking_events", `{"event":"made_up"}`))
}

// A summary of the chat stands beside the message and is an event of its own.
func TestFaultA17Summary(t *testing.T) {
	const summary = `"conversation_context":{"type":"summary","summary":{"text":"Ana wants a refund."}}`
	const message = `"messages":[{"id":"m","from":"12025550111","type":"text","text":{"body":"hi"}}]`
	for _, people := range []string{`"contacts":[{"wa_id":"12025550111"}],`, `"contacts":[{"wa_id":"12025550111"},{"wa_id":"12025550112"}],`, ``} {
		events, err := chatapi.ParseWebhook([]byte(cloud("messages", `{`+people+summary+`,`+message+`}`)))
		require.NoError(t, err)
		require.Len(t, events, 2)
		e, ok := events[0].(*chatapi.SummaryEvent)
		require.True(t, ok)
		assert.Equal(t, "Ana wants a refund.", e.Text)
		assert.Equal(t, len(people) > 0 && len(people) < 50, e.From.Phone == "12025550111", people)
	}
	one[*chatapi.SummaryEvent](t, cloud("messages", `{`+summary+`}`))
}
