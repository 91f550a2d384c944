package chatapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// customerSaid is a customer's message in WhatsApp's own format.
const customerSaid = `{"id":"m","from":"12025550143","timestamp":"1790000000","type":"text","text":{"body":"hi"}}`

// neverAnswered has bodies that no bot may answer, and alwaysAnswered bodies that it
// must see: each holds one customer's message.
var (
	neverAnswered = map[string]string{
		"import, field in capitals":      cloud("HISTORY", `{"messages":[`+customerSaid+`]}`),
		"import, field with spaces":      cloud(" history ", `{"messages":[`+customerSaid+`]}`),
		"import beside its chunk":        cloud("", `{"messages":[`+customerSaid+`],"history":[{"metadata":{"phase":0,"progress":5},"threads":[]}]}`),
		"import in a bare value":         `{` + ownNumber + `"messages":[` + customerSaid + `],"history":[{"metadata":{"progress":5}}]}`,
		"import without a value":         `{"entry":[{"id":"1","changes":[{"field":"history",` + ownNumber + `"messages":[` + customerSaid + `]}]}]}`,
		"import in a list":               cloud("history", `[{"messages":[`+customerSaid+`]}]`),
		"import of a call":               cloud("history", `{"calls":[{"id":"c","event":"connect","from":"12025550143"}]}`),
		"import in the history's groups": cloud("history", `{"messages":[{"id":"m","from":"12025550143","group_id":"G","type":"text","text":{"body":"x"}}]}`),
		"standby in capitals":            cloud("STANDBY", `{"messages":[`+customerSaid+`]}`),
		"standby under messages":         cloud("messages", `{"standby":{"messages":[`+customerSaid+`]}}`),
		"standby in a list":              cloud("standby", `{"standby":[{"messages":[`+customerSaid+`]}]}`),
		"standby in a list, no field":    cloud("", `{"standby":[{"messages":[`+customerSaid+`]}]}`),
		"standby as a list":              cloud("standby", `[{"messages":[`+customerSaid+`]}]`),
		"standby of an entry":            `{"entry":[{"id":"1","standby":[{"messages":[` + customerSaid + `]}]}]}`,
		"standby at the root":            `{"standby":[{"messages":[` + customerSaid + `]}]}`,
		"standby, own format":            cloud("standby", `{"messages":[{"id":"m","chatId":"12025550143@c.us","fromMe":false,"body":"x"}]}`),
		"own, another spelling":          cloud("messages", `{"metadata":{"display_phone_number":"+55 11 98765-4321"},"messages":[{"id":"m","from":"551187654321","to":"12025550143","type":"text","text":{"body":"x"}}]}`),
		"own, a chat id":                 cloud("messages", `{`+ownNumber+`"messages":[{"id":"m","from":"12025550100@s.whatsapp.net","to":"12025550143","type":"text","text":{"body":"x"}}]}`),
		"own, with a plus":               cloud("messages", `{`+ownNumber+`"messages":[{"id":"m","from":"+1 (202) 555-0100","to":"12025550143","type":"text","text":{"body":"x"}}]}`),
		"own format in a change":         cloud("messages", `{"messages":[{"id":"m","chatId":"12025550143@c.us","fromMe":true,"body":"x"}]}`),
		"from_me":                        `{"messages":[{"id":"m","chatId":"12025550143@c.us","from_me":true,"type":"chat","body":"x"}]}`,
		"from_me in a change":            cloud("messages", `{"messages":[{"id":"m","from":"12025550100","to":"12025550143","from_me":true,"type":"text","text":{"body":"x"}}]}`),
		"from_me, on-premise":            `{"messages":[{"id":"m","from":"12025550100","to":"12025550143","from_me":"1","type":"text","text":{"body":"x"}}]}`,
		"fromMe is no flag":              `{"messages":[{"id":"m","from":"12025550143","fromMe":{},"type":"chat","body":"x"}]}`,
		"echoes in capitals":             cloud("SMB_MESSAGE_ECHOES", `{"messages":[{"id":"m","from":"12025550100","to":"12025550143","type":"text","text":{"body":"x"}}]}`),
		"a blank call":                   cloud("calls", `{"calls":[{"id":"","from":"","event":""}]}`),
	}
	alwaysAnswered = map[string]string{
		"beside a blank entry":         `{"messages":[{"id":"m","chatId":"12025550143@c.us","fromMe":false,"body":"x"}],"entry":[{}],"value":{}}`,
		"beside a blank change":        `{"messages":[` + customerSaid + `],"changes":[{"field":"","value":{}}],"ack":[]}`,
		"beside a full entry":          `{"messages":[` + customerSaid + `],` + cloud("account_update", `{"event":"X"}`)[1:],
		"beside a change":              `{"field":"account_update","value":{"event":"X"},"messages":[` + customerSaid + `]}`,
		"beside blank standby":         cloud("", `{"messages":[`+customerSaid+`],"standby":{"messages":[]},"control_passed":{"metadata":""}}`),
		"beside standby":               cloud("messages", `{"messages":[`+customerSaid+`],"standby":{"messages":[`+strings.ReplaceAll(customerSaid, "0143", "0144")+`]}}`),
		"beside a blank history":       cloud("", `{"messages":[`+customerSaid+`],"history":[{"metadata":{"phase":0}}]}`),
		"an entry that is a value":     `{"entry":[{"id":"1","messaging_product":"whatsapp","messages":[` + customerSaid + `]}]}`,
		"a change without value":       `{"entry":[{"id":"1","changes":[{"field":"messages","messaging_product":"whatsapp","messages":[` + customerSaid + `]}]}]}`,
		"a list of one value":          cloud("messages", `[{"messages":[`+customerSaid+`]}]`),
		"an item of n8n":               `{"json":{"messaging_product":"whatsapp","messages":[` + customerSaid + `]}}`,
		"a list in body":               `{"headers":{},"body":[` + cloud("messages", `{"messages":[`+customerSaid+`]}`) + `]}`,
		"own format in a change":       cloud("messages", `{"messages":[{"id":"m","chatId":"12025550143@c.us","fromMe":false,"body":"x"}]}`),
		"on-premise, body for text":    `{"messages":[{"id":"m","from":"12025550143","timestamp":"1790000000","type":"text","body":"hi"}]}`,
		"from_me is false, on-premise": `{"messages":[{"id":"m","from":"12025550143","from_me":false,"type":"text","text":{"body":"x"}}]}`,
		"from is a chat id":            cloud("messages", `{"messages":[`+strings.Replace(customerSaid, "12025550143", "12025550143@s.whatsapp.net", 1)+`]}`),
	}
)

func TestFaultA1A2WhoIsAnswered(t *testing.T) {
	// A handler sees every customer's message once, in any spelling of the body, and
	// neither an import, nor another agent's chat, nor the business's own message as one.
	channels := chatapi.NewChannels()
	_, err := channels.Put("https://api.test/"+string(abc), opaqueToken)
	require.NoError(t, err)
	require.NoError(t, channels.SetWebhookSecrets(abc, "s3cret-s3cret"))
	deliver := func(body string) (messages []*chatapi.MessageEvent, all int) {
		handler := chatapi.NewWebhookHandler(chatapi.Once(func(_ context.Context, event chatapi.Event) error {
			all++
			switch e := event.(type) {
			case *chatapi.MessageEvent:
				messages = append(messages, e)
			case *chatapi.CallEvent:
				messages = append(messages, nil)
			}
			return nil
		}), chatapi.WebhookSecrets(channels.WebhookSecrets), chatapi.WebhookErrors(func(context.Context, error) {}))
		for range 2 {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/"+string(abc)+"/s3cret-s3cret", strings.NewReader(body)))
			require.Equal(t, http.StatusOK, answer.Code, body)
		}
		return messages, all
	}
	for name, body := range neverAnswered {
		messages, all := deliver(body)
		assert.Empty(t, messages, name)
		assert.Positive(t, all, "%s: it is not lost", name)
		events, _ := chatapi.ParseWebhook([]byte(body))
		for _, e := range events {
			e.Info().Received = time.Unix(1790000000, 0)
		}
		if !strings.Contains(name, "standby") {
			noWindow(t, chatapi.Phone("12025550143"), events...)
		}
	}
	for name, body := range alwaysAnswered {
		messages, _ := deliver(body)
		require.Len(t, messages, 1, name)
		assert.Equal(t, chatapi.Phone("12025550143"), messages[0].AnswerTo(), name)
		assert.NotEmpty(t, messages[0].Text, name)
		assert.Equal(t, abc, messages[0].Channel, name)
	}
}

func TestFaultA3A4PeopleByOtherNames(t *testing.T) {
	// A person is who the body names, by number, BSUID, username or chat id, in
	// whichever member they stand; a group is no person.
	thread := func(members string) chatapi.HistoryThread {
		return one[*chatapi.HistoryEvent](t, cloud("history", `{`+ownNumber+`"history":[{"threads":[{`+members+`}]}]}`)).Threads[0]
	}
	const text = `"id":"a","type":"text","text":{"body":"x"}`
	old := thread(`"user_id":"US.1","username":"@ana","messages":[{"from_user_id":"US.1",` + text + `}]`)
	assert.Equal(t, chatapi.Contact{BSUID: "US.1", Username: "ana", Chat: "US.1@lid"}, old.Contact, "without context")
	old = thread(`"id":"120363000000000001@g.us","messages":[{"from":"12025550143",` + text + `},{"from":"12025550100",` + text + `}]`)
	assert.Equal(t, chatapi.Contact{Chat: "120363000000000001@g.us"}, old.Contact)
	assert.Equal(t, []bool{false, true}, []bool{old.Messages[0].Outgoing, old.Messages[1].Outgoing})
	assert.Equal(t, "12025550143", old.Messages[0].From.Phone)
	assert.Equal(t, "120363000000000001@g.us", old.Messages[1].Chat)
	old = thread(`"id":"12025550143@s.whatsapp.net","messages":[{"from":"12025550143@c.us",` + text + `}]`)
	assert.Equal(t, "12025550143", old.Contact.Phone)
	assert.False(t, old.Messages[0].Outgoing)
	assert.Equal(t, "123456789@lid", thread(`"id":"123456789@lid","messages":[]`).Contact.Chat)

	state := func(members string) chatapi.Contact {
		return one[*chatapi.AppStateEvent](t, cloud("smb_app_state_sync", `{"state_sync":[{"type":"contact",`+members+`}]}`)).Contact
	}
	assert.Equal(t, chatapi.Contact{BSUID: "US.1", Chat: "US.1@lid", Name: "Ann"}, state(`"contact":{"phone_number":"US.1","full_name":"Ann"}`))
	assert.Equal(t, chatapi.Contact{Phone: "12025550143", Chat: "12025550143@c.us"}, state(`"contact":{"phone_number":"+1 (202) 555-0143"}`))
	assert.Equal(t, "US.1", state(`"user_id":"US.1"`).BSUID, "without contact")

	e := one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":[{"id":"m","status":"read","recipient_id":"120363000000000001@g.us","recipient_participant_id":"12025550143"}]}`))
	assert.Equal(t, []string{"120363000000000001@g.us", "12025550143"}, []string{e.Group, e.To.Phone})
	assert.Equal(t, "G@g.us", metaStatus(t, `"status":"read","recipient_id":"12025550143","group_id":"G"`).Group)
	assert.Equal(t, "G@g.us", metaStatus(t, `"status":"read","recipient_id":"G","recipient_type":"GROUP"`).Group)
	echo := one[*chatapi.EchoEvent](t, cloud("smb_message_echoes", `{"message_echoes":[{"id":"m","from":"12025550100","to":"120363000000000001@g.us","type":"text","text":{"body":"x"}}]}`))
	assert.Equal(t, chatapi.Contact{}, echo.To)
	assert.Equal(t, chatapi.Chat("120363000000000001@g.us"), echo.AnswerTo())
	assert.Equal(t, "ana", row(t, `"type":"chat","body":"x","authorUserName":"`+"\u200e"+`@@ana"`).From.Username)
	assert.Equal(t, "Ann", one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[{"wa_id":"12025550143@c.us","profile":"Ann"}],"messages":[`+customerSaid+`]}`)).From.Name)
}

func TestFaultA5PricesInParts(t *testing.T) {
	// What the price of a status does not say, that of its conversation does; an ack
	// with WhatsApp's members has them too.
	const whole = `"conversation":{"id":"c","pricing":{"billable":false,"pricing_model":"PMP","category":"marketing","type":"regular"}}`
	e := metaStatus(t, `"status":"sent","pricing":{"billable":true},`+whole)
	assert.Equal(t, []string{"PMP", "marketing", "regular", "marketing"}, []string{e.Pricing.Model, e.Pricing.Category, e.Pricing.Type, e.Category})
	assert.True(t, *e.Pricing.Billable, "the status's own word counts")
	ack := one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"sent",`+whole+`}]}`)
	assert.Equal(t, "marketing", ack.Category)
	assert.Equal(t, "PMP", ack.Pricing.Model)
	assert.Equal(t, "c", ack.Conversation.ID)
	assert.Equal(t, "utility", metaStatus(t, `"status":"sent","category":"utility"`).Category)
}

func TestFaultA6BlankContentOfTheType(t *testing.T) {
	// A blank member of the type's own name leaves the content to the one that says
	// something; blank lists and objects are no events of their own.
	for _, members := range []string{
		`"type":"text","text":{"body":""},"interactive":{"type":"button_reply","button_reply":{"id":"b","title":"Yes"}}`,
		`"type":"button","button":{"payload":"","text":""},"interactive":{"type":"BUTTON_REPLY","button_reply":{"id":"b","title":"Yes"}}`,
		`"type":"interactive","interactive":{},"button":{"payload":"b","text":"Yes"}`,
	} {
		e := metaMessage(t, `"from":"12025550143",`+members)
		require.NotNil(t, e.Reply, members)
		assert.Equal(t, chatapi.Reply{ID: "b", Title: "Yes"}, *e.Reply)
		assert.Equal(t, "Yes", e.Text)
	}
	e := metaMessage(t, `"from":"1","type":"image","image":{"id":""},"text":{"body":"x"},"identity":{"hash":""}`)
	assert.Equal(t, chatapi.TypeImage, e.Type, "a text alone is no other content")
	assert.Equal(t, "x", e.Text)
	assert.Nil(t, e.Identity)
	for _, meta := range []string{
		`{"interactive":{"type":"list_reply","button_reply":{"id":""},"list_reply":{"id":"r","title":"R"},"nfm_reply":{"name":"flow"}}}`,
		`{"type":"list_reply","list_reply":{"id":"r","title":"R"},"nfm_reply":{"name":"flow","response_json":"{}"}}`,
	} {
		own := row(t, `"type":"interactive","body":"R","meta":`+meta)
		assert.Nil(t, own.Flow, meta)
		assert.Equal(t, "r", own.Reply.ID)
	}
	assert.Equal(t, "t", row(t, `"type":"interactive","body":"Sent","meta":{"name":"flow","response_json":"{\"flow_token\":\"t\"}"}`).Flow.Token())
	account := one[*chatapi.AccountEvent](t, cloud("account_update", `{"event":"X","volume_tier_info":{"tier":""},"disconnection_info":{"reason":""},"auth_international_rate_eligibility":{"exception_countries":[]}}`))
	assert.Equal(t, chatapi.AccountDetails{}, account.AccountDetails)
	for _, list := range []string{"calls", "groups", "history", "errors", "statuses"} {
		assert.Empty(t, one[*chatapi.UnknownEvent](t, cloud("messages", `{"`+list+`":[{"id":"","errors":[],"timestamp":0}]}`)).Info().OwnPhone, list)
	}
	summary := one[*chatapi.SummaryEvent](t, cloud("messages", `{"conversation_context":[{"type":"summary","summary":{"text":"S"}}]}`))
	assert.Equal(t, "S", summary.Text)
}

func TestFaultA7A11AccountsAndReasons(t *testing.T) {
	// The account, the business's number and the reason are read wherever they stand;
	// a word for "none" is no reason in any field.
	event := func(field, value string) *chatapi.AccountEvent {
		return one[*chatapi.AccountEvent](t, cloud(field, value))
	}
	e := event("account_update", `{"event":"PARTNER_ADDED","waba_info":[{"waba_id":"W1","owner_business_id":"O1"}]}`)
	assert.Equal(t, "W1", e.WABA)
	assert.Equal(t, &chatapi.PartnerAccount{BusinessID: "1", OwnerBusinessID: "O1"}, e.Partner)
	assert.Equal(t, "W1", event("account_update", `{"event":"PARTNER_ADDED","waba_id":"W1"}`).WABA)
	assert.Equal(t, "12025550100", event("security", `{"event":"PIN_CHANGED","display_phone_number":"+1 202-555-0100"}`).OwnPhone)
	assert.Empty(t, event("account_update", `{"ban_info":{"waba_ban_state":"NONE"},"violation_info":{"violation_type":"None"}}`).Reason)
	template := one[*chatapi.TemplateEvent](t, cloud("message_template_status_update", `{"event":" rejected ","reason":"N/A","rejection_info":{"reason":"None","recommendation":"NONE"}}`))
	assert.Equal(t, chatapi.TemplateRejected, template.Status)
	assert.Empty(t, template.Reason+template.Detail+template.Advice)
	name := one[*chatapi.NumberEvent](t, cloud("phone_number_name_update", `{"decision":"REJECTED","rejection_reasons":["A","none","B"]}`))
	assert.Equal(t, "A, B", name.Reason)
	call := one[*chatapi.CallEvent](t, `{"type":"calls",`+ownNumber+`"calls":[{"id":"c","event":"connect","from":"12025550143"}]}`)
	assert.Equal(t, []string{"N1", "12025550100"}, []string{call.PhoneNumberID, call.OwnPhone}, "beside the calls")
	handover := one[*chatapi.HandoverEvent](t, cloud("messaging_handovers", `{"sender":{"phone_number":"US.1"},"control_requested":{"new_owner_app_id":"9"}}`))
	assert.Equal(t, []string{"control_requested", "9", "US.1"}, []string{handover.Kind, handover.NewApp, handover.From.BSUID})
	assert.Equal(t, 2593109, one[*chatapi.HistoryEvent](t, `{"errors":[{"code":2593109,"title":"declined"}]}`).Errors[0].Code, "without its envelope")
}

func TestFaultA8A9TextsWhereObjectsBelong(t *testing.T) {
	// A person, a file or a choice that is a text alone is read; a group that was not
	// created has no subject.
	group := one[*chatapi.GroupEvent](t, cloud("group_participants_update", `{"groups":[{"group_id":"G","type":"group_participants_add","added_participants":["US.1"],"failed_participants":["+1 202 555 0144"]}]}`))
	assert.Equal(t, "US.1", group.Added[0].BSUID)
	assert.Equal(t, []string{"12025550144", "+1 202 555 0144"}, []string{group.Failed[0].Phone, group.Failed[0].Input})
	group = one[*chatapi.GroupEvent](t, cloud("group_lifecycle_update", `{"groups":[{"subject":"S","type":"group_create","errors":[{"code":131000}]}]}`))
	assert.Empty(t, group.Subject)
	assert.Equal(t, []chatapi.GroupChange{{Setting: "subject", Text: "S"}}, group.Changes)
	for _, recording := range []string{`"9"`, `[{"id":9}]`, `{"audio":{"id":"9"}}`} {
		call := one[*chatapi.CallEvent](t, cloud("calls", `{"calls":[{"id":"c","event":"call_recording_available","call_recording":`+recording+`}]}`))
		assert.Equal(t, &chatapi.ReceivedMedia{ID: "9"}, call.Recording, recording)
	}
	assert.Equal(t, "Yes", metaMessage(t, `"from":"1","type":"interactive","interactive":{"type":"button_reply","button_reply":"Yes"}`).Reply.Title)
	assert.Equal(t, "wamid.q", metaMessage(t, `"from":"1","type":"text","text":"x","context":"wamid.q"`).QuotedID)
	assert.Equal(t, []string{"12025550144"}, metaMessage(t, `"from":"1","type":"text","text":"x","context":{"mentions":"12025550144"}`).Mentions)
	assert.Equal(t, "oi", metaMessage(t, `"from":"1","type":"text","body":"oi"`).Text)
	for _, text := range []string{`"oi"`, `{"body":"oi"}`} {
		assert.Equal(t, "oi", row(t, `"type":"text","text":`+text).Text)
	}
	assert.Equal(t, "somewhere", row(t, `"type":"location","body":"somewhere"`).Text)
	assert.Equal(t, "hello", metaMessage(t, `"from":"1","type":"text","text":"x","referral":{"source_type":"ad","welcome_message":"hello"}`).Referral.Welcome)
}

func TestFaultA13NamesInTheWords(t *testing.T) {
	// Of a note about a new number or BSUID the members come first; the words tell
	// who is not named there.
	note := func(members string) *chatapi.MessageEvent {
		return metaMessage(t, `"type":"system",`+members)
	}
	e := note(`"from":"12025550143","system":{"type":"user_changed_number","body":"Ann changed from 12025550143 to 12025550144"}`)
	assert.Equal(t, []string{"12025550143", "12025550144"}, []string{e.From.Phone, e.System.New.Phone})
	e = note(`"from":"12025550143","system":{"type":"user_changed_number","body":"Ann changed from 12025550199 to 12025550144"}`)
	assert.Empty(t, e.System.New.Phone, "the words are about another person")
	e = note(`"from":"12025550144","system":{"customer":"12025550143","wa_id":"12025550144","body":"x"}`)
	assert.Equal(t, []string{"12025550143", "12025550144"}, []string{e.From.Phone, e.System.New.Phone}, "without a type")
	e = note(`"from":"12025550143","system":{"type":"user_changed_number","wa_id":"12025550143","new_wa_id":"12025550144"}`)
	assert.Equal(t, "12025550144", e.System.New.Phone)
	e = note(`"from":"12025550143","from_user_id":"US.2","system":{"type":"user_changed_user_id","user_id":"US.2","body":"User Ann changed from US.1 to US.2"}`)
	assert.Equal(t, []string{"US.1", "US.2"}, []string{e.From.BSUID, e.System.New.BSUID})
	update := one[*chatapi.IdentityEvent](t, cloud("user_id_update", `{"user_id_update":[{"wa_id":"12025550143","previous":"US.1","current":"US.2"}]}`))
	assert.Equal(t, []string{"US.1", "US.2"}, []string{update.Old.BSUID, update.New.BSUID})
}

func TestFaultA15A23ProblemsOfEveryKind(t *testing.T) {
	// Every event names the members that could not be read, also a time; a change
	// whose value is no object is an event.
	for body, want := range map[string]string{
		cloud("user_actions", `{"user_actions":[{"action_type":"x","x_data":{"click_id":{}}}]}`):                                            "data.click_id: want a text",
		cloud("automatic_events", `{"automatic_events":[{"event_name":[]}]}`):                                                               "event_name: want a text",
		cloud("calls", `{"calls":[{"id":"c","event":"connect","cta_payload":{"a":1}}]}`):                                                    "cta_payload: want a text",
		cloud("group_participants_update", `{"groups":[{"type":"x","join_request_id":{}}]}`):                                                "join_request_id: want a text",
		cloud("security", `{"event":"x","requester":{}}`):                                                                                   "requester: want a text",
		cloud("messages", `{"statuses":[{"id":"m","status":"sent","cost":{"amount":[]}}]}`):                                                 "cost.amount: want a text",
		`{"ack":[{"id":"m","status":"sent","messageNumber":{}}]}`:                                                                           "messageNumber: want a text",
		cloud("group_participants_update", `{"groups":[{"type":"x","timestamp":"soon"}]}`):                                                  "timestamp: want Unix seconds",
		cloud("user_preferences", `{"user_preferences":[{"wa_id":"1","timestamp":"soon"}]}`):                                                "timestamp: want Unix seconds",
		cloud("smb_app_state_sync", `{"state_sync":[{"type":"x","metadata":{"timestamp":"soon"}}]}`):                                        "metadata.timestamp: want Unix seconds",
		cloud("account_alerts", `{"alert_type":"x","timestamp":"soon"}`):                                                                    "timestamp: want Unix seconds",
		`{"entry":[{"id":"1","time":"soon","changes":[{"field":"security","value":{"event":"x"}}]}]}`:                                       "entry.time: want Unix seconds",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"interactive","interactive":{"type":"list_reply","list_reply":[1]}}]}`): "interactive.list_reply: want a text",
	} {
		events, _ := chatapi.ParseWebhook([]byte(body))
		require.Len(t, events, 1, body)
		require.NotEmpty(t, events[0].Info().Problems, body)
		assert.True(t, strings.HasPrefix(events[0].Info().Problems[0], want), events[0].Info().Problems[0])
	}
	events, err := chatapi.ParseWebhook([]byte(cloud("messages", `"hello"`)))
	require.Error(t, err)
	require.Len(t, events, 1)
	assert.Equal(t, "field.messages", events[0].Info().Wire)
	events, _ = chatapi.ParseWebhook([]byte(`{"entry":[{"id":"1","changes":[],"messaging":[{"sender":{"id":"1"}}]}]}`))
	assert.Len(t, events, 1, "an entry of another product")
}

func TestFaultA16A22ListsAndCards(t *testing.T) {
	// One object where a list belongs is a list of one, inside events too; vCards
	// come in small letters, with long lines folded, and in lists.
	payment := one[*chatapi.PaymentEvent](t, cloud("messages", `{"statuses":[{"id":"m","type":"payment","status":"captured","payment":{"transaction":{"id":"t","refunds":{"id":"r"}}}}]}`))
	assert.Equal(t, "r", payment.Refunds[0].ID)
	flow := one[*chatapi.FlowEvent](t, cloud("flows", `{"event":"x","errors":{"error_type":"E","error_count":1}}`))
	assert.Equal(t, "E", flow.FlowHealth.Errors[0].Type)
	template := one[*chatapi.TemplateEvent](t, cloud("message_template_components_update", `{"message_template_buttons":{"message_template_button_text":"Go"}}`))
	assert.Equal(t, "Go", template.Buttons[0].Text)
	card := metaMessage(t, `"from":"1","type":"contacts","contacts":[{"name":"Ann","phones":{"phone":"1"},"emails":["a@b.example"]}]`).Cards[0]
	assert.Equal(t, []string{"Ann", "1", "a@b.example"}, []string{card.Name.Formatted, card.Phones[0].Number, card.Emails[0].Address})
	for body, names := range map[string]int{
		`"begin:vcard\nfn:Ann\nend:vcard"`:                                     1,
		`"BEGIN:VCARD\r\nFN:An\r\n n\r\nEND:VCARD"`:                            1,
		`["BEGIN:VCARD\nFN:Ann\nEND:VCARD","BEGIN:VCARD\nFN:Ann\nEND:VCARD"]`:  2,
		`"BEGIN:VCARD\nFN:Ann\nEND:VCARD\nBEGIN:VCARD\nFN:Ann\nTEL;waid=1:+1"`: 2,
		`"Blue BEGIN:Bird b"`:                                                  0,
	} {
		cards := row(t, `"type":"vcard","body":`+body).Cards
		require.Len(t, cards, names, body)
		for _, card := range cards {
			assert.Equal(t, "Ann", card.Name.Formatted, body)
		}
	}
	for members, name := range map[string]string{
		`"file_name":"a.jpg"`: "a.jpg", `"meta":{"filename":"a.jpg"}`: "a.jpg", `"caption":"See you at 10.30"`: "", `"caption":"offer.pdf"`: "offer.pdf",
	} {
		assert.Equal(t, name, row(t, `"type":"document","body":"https://a.example/1",`+members).Media.Name, members)
	}
}

func TestFaultA22WordsInCapitals(t *testing.T) {
	// A type or a state that is written in capitals is the same one.
	for word, want := range map[string]chatapi.Status{"DELIVERED": chatapi.StatusDelivered, " Read ": chatapi.StatusRead, "VIEWED": chatapi.StatusRead, "failed": chatapi.StatusFailed, "Warning": "Warning"} {
		assert.Equal(t, want, metaStatus(t, `"recipient_id":"12025550143","status":"`+word+`"`).Status, word)
		assert.Equal(t, want, one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"`+word+`"}]}`).Status, word)
	}
	assert.Equal(t, chatapi.TypeText, metaMessage(t, `"from":"1","type":"TEXT","text":{"body":"x"}`).Type)
	assert.Equal(t, "7", metaMessage(t, `"from":"1","type":"Image","image":{"id":"7"}`).Media.ID)
	assert.Equal(t, chatapi.TypeVoice, row(t, `"type":"PTT","body":"https://a.example/1"`).Type)
	reaction := row(t, `"type":"reaction","body":"+","meta":{"message_id":"q"}`)
	assert.Equal(t, []string{"q", "q"}, []string{reaction.QuotedID, reaction.Reaction.MessageID})
	thread := one[*chatapi.HistoryEvent](t, cloud("history", `{`+ownNumber+`"history":[{"threads":[{"id":"G","messages":[{"id":"a","from":"12025550143","group_id":"G","type":"text","text":{"body":"x"}}]}]}]}`)).Threads[0]
	assert.False(t, thread.Messages[0].Outgoing, "in a group everybody is somebody else")
}
