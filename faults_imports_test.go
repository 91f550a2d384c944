package chatapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// ownNumber is the member of a change's value that names the business's number.
const ownNumber = `"metadata":{"display_phone_number":"+1 202-555-0100","phone_number_id":"N1"},`

// noWindow checks that the events neither open a service window nor are an error
// for the ledger.
func noWindow(t *testing.T, customer chatapi.Recipient, events ...chatapi.Event) {
	t.Helper()
	ledger := chatapi.NewLedger(chatapi.Account{ID: "a", Numbers: []chatapi.ChannelID{abc}})
	for _, e := range events {
		e.Info().Channel, e.Info().Received = abc, time.Now()
		require.NoError(t, ledger.RecordEvent(e))
	}
	assert.True(t, ledger.ServiceWindow(abc, customer).ExpiresAt.IsZero(), "the window stays closed")
}

func TestFaultA1ImportedMessagesUnderOtherNames(t *testing.T) {
	// The field says that messages are old, whatever the array's name is: they are
	// a HistoryEvent, and the ledger passes them over.
	const image = `"timestamp":"1780000000","type":"image","image":{"id":"7"}`
	for name, c := range map[string]struct {
		field, value string
		outgoing     bool
	}{
		"a customer's file":              {"history", `"messages":[{"id":"h","from":"12025550143",` + image + `}]`, false},
		"the business's file":            {"history", `"messages":[{"id":"h","from":"12025550100","to":"12025550143",` + image + `}]`, true},
		"an echo":                        {"history", `"message_echoes":[{"id":"h","from":"12025550100","to":"12025550143",` + image + `}]`, true},
		"one message without its array":  {"history", `"messages":{"id":"h","from":"12025550143",` + image + `}`, false},
		"history_context, another field": {"messages", `"messages":[{"id":"h","from":"12025550143",` + image + `,"history_context":{"status":"READ"}}]`, false},
		"history_context, no field":      {"", `"messages":[{"id":"h","from":"12025550100","to":"12025550143",` + image + `,"history_context":{"from_me":true}}]`, true},
		"a state":                        {"history", `"statuses":[{"id":"h","status":"read","recipient_id":"12025550143","timestamp":"1780000000"}]`, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := one[*chatapi.HistoryEvent](t, cloud(c.field, `{`+ownNumber+c.value+`}`))
			require.Len(t, e.Threads, 1)
			require.Len(t, e.Threads[0].Messages, 1)
			m := e.Threads[0].Messages[0]
			assert.Equal(t, "12025550143", e.Threads[0].Contact.Phone)
			assert.Equal(t, "12025550143@c.us", m.Chat)
			assert.Equal(t, "h", m.ID)
			assert.Equal(t, c.outgoing, m.Outgoing)
			assert.Equal(t, time.Unix(1780000000, 0).UTC(), m.Time)
			noWindow(t, chatapi.Phone("12025550143"), e)
		})
	}
	t.Run("the live message stays", func(t *testing.T) {
		one[*chatapi.MessageEvent](t, cloud("messages", `{"messages":[{"id":"m","from":"12025550143",`+image+`,"history_context":{"status":""}}]}`))
	})
	t.Run("declined", func(t *testing.T) {
		e := one[*chatapi.HistoryEvent](t, cloud("history", `{`+ownNumber+`"errors":[{"code":2593109}]}`))
		require.Len(t, e.Errors, 1)
		assert.Equal(t, 2593109, e.Errors[0].Code)
	})
}

func TestFaultA2Standby(t *testing.T) {
	// What happens in a chat that another agent holds is a StandbyEvent, which
	// holds the events, so that a type switch for messages cannot answer it.
	const message = `{"id":"m","from":"12025550143","timestamp":"1790000001","type":"text","text":{"body":"hi"}}`
	for name, c := range map[string]struct{ field, value, key string }{
		"as observed":             {"standby", `"standby":{"contacts":[{"wa_id":"12025550143","profile":{"name":"Ann"}}],"messages":[` + message + `]}`, "standby/message/m"},
		"like messages":           {"standby", `"contacts":[{"wa_id":"12025550143","profile":{"name":"Ann"}}],"messages":[` + message + `]`, "standby/message/m"},
		"without field":           {"", `"contacts":[{"wa_id":"12025550143","profile":{"name":"Ann"}}],"standby":{"messages":[` + message + `]}`, "standby/message/m"},
		"a message without array": {"standby", `"contacts":{"wa_id":"12025550143","profile":{"name":"Ann"}},"standby":{"messages":` + message + `}`, "standby/message/m"},
	} {
		t.Run(name, func(t *testing.T) {
			e := one[*chatapi.StandbyEvent](t, cloud(c.field, `{`+ownNumber+c.value+`}`))
			assert.Equal(t, c.key, e.Key())
			require.Len(t, e.Events, 1)
			inner, ok := e.Events[0].(*chatapi.MessageEvent)
			require.True(t, ok, "%T", e.Events[0])
			assert.Equal(t, "hi", inner.Text)
			assert.Equal(t, "Ann", inner.From.Name)
			assert.Equal(t, "12025550100", inner.OwnPhone)
			assert.Equal(t, "N1", e.PhoneNumberID)
		})
	}
}

func TestFaultA2StandbyOfEveryKind(t *testing.T) {
	// The agent's messages and their statuses stand in a StandbyEvent too, and
	// nothing of such a chat is lost.
	const message = `{"id":"m","from":"12025550143","timestamp":"1790000001","type":"text","text":{"body":"hi"}}`
	t.Run("the agent's message", func(t *testing.T) {
		e := one[*chatapi.StandbyEvent](t, cloud("standby", `{`+ownNumber+`"standby":{"message_echoes":[
			{"id":"e","timestamp":"1790000002","message":{"to":"12025550143","recipient":"12025550143","recipient_type":"individual","type":"text","text":{"body":"from the agent"}}},
			{"id":"f","timestamp":"1790000003","message":{"recipient":"US.1","type":"template","template":{"name":"x"}}},
			{"id":"g","message":{"to":"G1","recipient_type":"group","type":"text","text":{"body":"all"}}}]}}`))
		require.Len(t, e.Events, 3)
		echo := e.Events[0].(*chatapi.EchoEvent)
		assert.Equal(t, "from the agent", echo.Text)
		assert.Equal(t, "12025550143", echo.To.Phone)
		assert.Equal(t, time.Unix(1790000002, 0).UTC(), echo.Time)
		assert.Equal(t, "US.1", e.Events[1].(*chatapi.EchoEvent).To.BSUID)
		assert.Equal(t, "message_echo.template", e.Events[1].Info().Wire)
		assert.Equal(t, chatapi.Chat("G1@g.us"), e.Events[2].(*chatapi.EchoEvent).AnswerTo())
	})
	t.Run("a status, and nothing", func(t *testing.T) {
		e := one[*chatapi.StandbyEvent](t, cloud("standby", `{"standby":{"statuses":[{"id":"e","status":"read","recipient_id":"12025550143"}]}}`))
		assert.Equal(t, "standby/status/e/read", e.Key())
		e = one[*chatapi.StandbyEvent](t, cloud("standby", `{"standby":{}}`))
		assert.Empty(t, e.Events)
		assert.Regexp(t, `^standby/sha256:`, e.Key())
		e = one[*chatapi.StandbyEvent](t, cloud("standby", `{"standby":{"hologram":[1]}}`))
		require.Len(t, e.Events, 1, "nothing is lost")
	})
	t.Run("a bad element inside", func(t *testing.T) {
		events, err := chatapi.ParseWebhook([]byte(cloud("standby", `{"standby":{"messages":[`+message+`,5]}}`)))
		require.Len(t, events, 1)
		var bad *chatapi.ParseError
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, "entry[0].changes[0].value.standby.messages[1]", bad.Elements[0].Path)
	})
	t.Run("the handler labels the events inside", func(t *testing.T) {
		var got []chatapi.Event
		h := &hook{}
		h.handler = chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error { got = append(got, e); return nil }, chatapi.WebhookSecret(hookSecret),
			chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return abc }))
		require.Equal(t, 200, h.post(cloud("standby", `{"standby":{"messages":[`+message+`]}}`)).Code)
		require.Len(t, got, 1)
		inner := got[0].(*chatapi.StandbyEvent).Events[0].Info()
		assert.Equal(t, abc, inner.Channel)
		assert.Equal(t, got[0].Info().Received, inner.Received)
	})
}

func TestFaultA2Handover(t *testing.T) {
	// A change of who holds a chat is an event that names the customer, the old
	// and the new agent, and the business's number.
	const passed = `"control_passed":{"metadata":"note","previous_owner_app_id":42,"previous_owner_app_role":"meta_business_agent",
		"previous_owner_role":"ai_agent","new_owner_role":"escalation","conversation_context":{"type":"summary","summary":{"text":"wants a kettle"}}}`
	for name, body := range map[string]string{
		"as observed":   cloud("messaging_handovers", `{"recipient":{"display_phone_number":"12025550100","phone_number_id":"N1"},"sender":{"phone_number":"+12025550143"},"timestamp":"1790000001","type":"control_passed",`+passed+`}`),
		"without type":  cloud("messaging_handovers", `{`+passed+`,"sender":{"phone_number":"12025550143"},"timestamp":1790000001,`+ownNumber+`"type":""}`),
		"without field": cloud("", `{`+ownNumber+`"sender":{"wa_id":"12025550143"},"timestamp":1790000001,"type":"control_passed",`+passed+`}`),
	} {
		t.Run(name, func(t *testing.T) {
			e := one[*chatapi.HandoverEvent](t, body)
			assert.Equal(t, "control_passed", e.Kind)
			assert.Equal(t, "handover.control_passed", e.Wire)
			assert.Equal(t, "12025550143@c.us", e.From.Chat)
			assert.Equal(t, chatapi.Phone("12025550143"), e.AnswerTo())
			assert.Equal(t, []string{"ai_agent", "escalation", "42", "note", "wants a kettle"}, []string{e.OldRole, e.NewRole, e.OldApp, e.Note, e.Summary})
			assert.Equal(t, "12025550100", e.OwnPhone)
			assert.Equal(t, time.Unix(1790000001, 0).UTC(), e.Time)
			noWindow(t, chatapi.Phone("12025550143"), e)
		})
	}
	e := one[*chatapi.HandoverEvent](t, cloud("messaging_handovers", `{"type":"control_taken","control_taken":{"new_owner_role":"escalation"}}`))
	assert.Equal(t, "escalation", e.NewRole)
	assert.True(t, e.AnswerTo().IsZero())
	assert.Regexp(t, `^handover/sha256:[0-9a-f]+/1790000000$`, e.Key())
}

func TestFaultA3HistoryOfHiddenNumbers(t *testing.T) {
	// An old chat with a person who hides the number has their BSUID and username,
	// and each message its sender and WhatsApp's word for its type.
	e := one[*chatapi.HistoryEvent](t, cloud("history", `{`+ownNumber+`"history":[{"threads":[
		{"id":"","context":{"user_id":"US.1","parent_user_id":"US.ENT.1","username":"@ana"},"messages":[
			{"id":"a","from":"","from_user_id":"US.1","type":"media_placeholder"},{"id":"b","from":"12025550100","to_user_id":"US.1","type":"text","text":{"body":"x"}}]},
		{"context":{"user_id":"US.2","username":"ben"},"messages":{"id":"c","from_user_id":"US.2","type":"text","text":{"body":"y"}}},
		{"id":"12025550143","context":{"wa_id":"12025550143","user_id":"US.3"},"messages":[{"id":"d","from":"12025550143"}]}]}]}`))
	require.Len(t, e.Threads, 3)
	ana, ben, cy := e.Threads[0], e.Threads[1], e.Threads[2]
	assert.Equal(t, chatapi.Contact{BSUID: "US.1", ParentBSUID: "US.ENT.1", Username: "ana", Chat: "US.1@lid"}, ana.Contact)
	assert.Equal(t, chatapi.Contact{BSUID: "US.2", Username: "ben", Chat: "US.2@lid"}, ben.Contact)
	assert.Equal(t, chatapi.Contact{Phone: "12025550143", BSUID: "US.3", Chat: "12025550143@c.us"}, cy.Contact)
	require.Len(t, ana.Messages, 2)
	assert.Equal(t, ana.Contact, ana.Messages[0].From)
	assert.Equal(t, "media_placeholder", ana.Messages[0].WireType)
	assert.False(t, ana.Messages[0].Outgoing)
	assert.True(t, ana.Messages[1].Outgoing)
	assert.Equal(t, "12025550100", ana.Messages[1].From.Phone)
	assert.Equal(t, "y", ben.Messages[0].Text)
	assert.Equal(t, cy.Contact, cy.Messages[0].From)
}

func TestFaultA4AddressBookOfHiddenNumbers(t *testing.T) {
	// An address book's contact without a number has the BSUID and the username.
	contact := func(members, contacts string) chatapi.Contact {
		return one[*chatapi.AppStateEvent](t, cloud("smb_app_state_sync", `{`+contacts+`"state_sync":[{"type":"contact","action":"add","contact":{`+members+`}}]}`)).Contact
	}
	assert.Equal(t, chatapi.Contact{Name: "Ana", BSUID: "US.1", ParentBSUID: "US.ENT.1", Username: "ana", Chat: "US.1@lid"},
		contact(`"full_name":"Ana","phone_number":"","user_id":"US.1","parent_user_id":"US.ENT.1","username":"@ana"`, ""))
	assert.Equal(t, chatapi.Contact{Name: "Ben", Phone: "12025550143", BSUID: "US.2", Chat: "12025550143@c.us"},
		contact(`"first_name":"Ben","phone_number":"+1 202-555-0143","user_id":"US.2"`, ""))
	assert.Equal(t, chatapi.Contact{BSUID: "US.3", Username: "cy", Chat: "US.3@lid"}, contact(`"user_id":"US.3"`, `"contacts":[{"user_id":"US.3","profile":{"username":"cy"}}],`))
}

func TestFaultA18OldMessagesInOtherSpellings(t *testing.T) {
	// In an old chat, whoever is not its customer in any spelling is the business.
	outgoing := func(own, thread, message string) bool {
		e := one[*chatapi.HistoryEvent](t, cloud("history", `{"metadata":{"display_phone_number":"`+own+`"},"history":[{"threads":[{`+thread+`,"messages":[{"id":"h",`+message+`}]}]}]}`))
		return e.Threads[0].Messages[0].Outgoing
	}
	for _, c := range []struct {
		own, thread, message string
		want                 bool
	}{
		{"5511987654321", `"id":"12025550143"`, `"from":"551187654321"`, true},                                      // own number without the ninth digit
		{"+55 11 8765-4321", `"id":"12025550143"`, `"from":"5511987654321"`, true},                                  // and with it
		{"12025550100", `"id":"525512345678"`, `"from":"5215512345678"`, false},                                     // the customer in Mexico's other spelling
		{"12025550100", `"id":"5491123456789"`, `"from":"541123456789"`, false},                                     // and Argentina's
		{"", `"id":"12025550143"`, `"from":"12025550100"`, true},                                                    // own number not known
		{"12025550100", `"context":{"user_id":"US.1"}`, `"from":"12025550100"`, true},                               // the customer only by BSUID
		{"12025550100", `"context":{"user_id":"US.1"}`, `"from":"12025550143"`, false},                              // who may show the number
		{"12025550100", `"id":"12025550143"`, `"to":"12025550143","type":"text"`, true},                             // only a recipient
		{"12025550100", `"id":"12025550143"`, `"from":"12025550143","from_user_id":"US.9"`, false},                  // the customer with more names
		{"5511987654321", `"id":"12025550143"`, `"from":"+55 (11) 98765-4321","type":"text"`, true},                 // written for people
		{"12025550100", `"id":"+1 (202) 555-0143"`, `"from":"12025550143","type":"text"`, false},                    // and the thread
		{"", `"context":{"user_id":"US.1"}`, `"from_user_id":"US.2","type":"text"`, true},                           // neither customer nor number
		{"5511987654321", `"id":"12025550143"`, `"history_context":{"from_me":false},"from":"551187654321"`, false}, // the history's word counts
	} {
		assert.Equal(t, c.want, outgoing(c.own, c.thread, c.message), "%v", c)
	}
	one[*chatapi.EchoEvent](t, cloud("messages", `{"metadata":{"display_phone_number":"5511987654321"},"messages":[
		{"id":"m","from":"551187654321","to":"12025550143","type":"text","text":{"body":"x"}}]}`)) // outside the history too
}
