package chatapitest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// seen returns the events of one type that a listener has got.
func seen[E chatapi.Event](l *listener) (all []E) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range l.events {
		if e, ok := ev.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// channelOf names the channel of all requests, since WhatsApp's own form does not.
func channelOf(client *chatapi.Client) chatapi.WebhookOption {
	return chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return client.ChannelID() })
}

// TestEventsOfImports checks the events of imported chats, as a program gets them.
func TestEventsOfImports(t *testing.T) {
	noon := time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)
	api, events, _ := watched(t, chatapitest.At(noon))
	pat := api.Customer("US.4242424242424242").WithUsername("pat")
	api.ImportHistory(api.Customer(ann),
		chatapitest.Past{Text: "old question", At: noon.Add(-48 * time.Hour)},
		chatapitest.Past{FromBusiness: true, Text: "old answer", Status: chatapi.StatusDelivered},
		chatapitest.Past{Type: chatapi.TypeImage, Text: "https://files.example.com/a.jpg"})
	api.ImportHistory(pat, chatapitest.Past{Text: "hi"}, chatapitest.Past{FromBusiness: true, Text: "hello"})
	api.DeclineHistory()

	all := seen[*chatapi.HistoryEvent](events)
	require.Len(t, all, 4, "two chats, a file, and the refusal")
	require.Len(t, events.keys(), 4, "no event of another type")
	require.Len(t, all[0].Threads, 1)
	thread := all[0].Threads[0]
	assert.Equal(t, ann, thread.Contact.Phone)
	require.Len(t, thread.Messages, 3)
	assert.Equal(t, "old question", thread.Messages[0].Text)
	assert.True(t, thread.Messages[0].Time.Equal(noon.Add(-48*time.Hour)))
	assert.False(t, thread.Messages[0].Outgoing)
	assert.True(t, thread.Messages[1].Outgoing)
	assert.EqualValues(t, 100, all[0].Progress)
	file := all[1].Threads[0].Messages[0]
	require.NotNil(t, file.Media)
	assert.Equal(t, "https://files.example.com/a.jpg", file.Media.URL)
	assert.Equal(t, pat.BSUID(), all[2].Threads[0].Contact.BSUID)
	assert.Equal(t, "pat", all[2].Threads[0].Contact.Username)
	require.Len(t, all[3].Errors, 1)
	assert.Equal(t, 2593109, all[3].Errors[0].Code)
}

// TestEventsOfStandby checks the events of a chat that another agent holds, passes
// back, or that the business answers from its phone app.
func TestEventsOfStandby(t *testing.T) {
	api, events, _ := watched(t)
	customer, hidden := api.Customer(ann), api.Customer("US.4242424242424242")
	api.Standby(true)
	said := customer.Says("hi")
	answer := api.FromAgent(ann, "I am the agent")
	held := seen[*chatapi.StandbyEvent](events)
	require.Len(t, held, 2)
	require.Len(t, events.keys(), 2, "no message, no echo")
	message, ok := held[0].Events[0].(*chatapi.MessageEvent)
	require.True(t, ok)
	assert.Equal(t, said, message.ID)
	assert.Equal(t, customer.BSUID(), message.From.BSUID)
	echo, ok := held[1].Events[0].(*chatapi.EchoEvent)
	require.True(t, ok)
	assert.Equal(t, answer, echo.ID)
	assert.Equal(t, ann, echo.To.Phone)
	assert.False(t, echo.FromApp, "the agent wrote it")

	api.AgentPasses(ann, "asks for a person")
	hidden.Says("hi")
	api.AgentPasses(hidden.BSUID(), "asks too")
	passed := seen[*chatapi.HandoverEvent](events)
	require.Len(t, passed, 2)
	assert.Equal(t, "control_passed", passed[0].Kind)
	assert.Equal(t, ann, passed[0].From.Phone)
	assert.Equal(t, "asks for a person", passed[0].Note)
	assert.Equal(t, "ai_agent", passed[0].OldRole)
	assert.Equal(t, chatapi.Contact{}, passed[1].From, "the format has no place for a BSUID")
	customer.Says("are you there?")
	assert.Equal(t, "are you there?", seen[*chatapi.MessageEvent](events)[0].Text, "the chat is the channel's")

	api.FromPhone(ann, "Yes.")
	echoes := seen[*chatapi.EchoEvent](events)
	require.Len(t, echoes, 2, "in both forms")
	for _, e := range echoes {
		assert.Equal(t, "Yes.", e.Text)
		assert.Equal(t, ann, e.To.Phone)
		assert.Equal(t, e.Wire == "message_echo.text", e.FromApp, "%s: only WhatsApp's own form tells the app apart", e.Wire)
	}
}

// TestEventsOfIdentity checks the events of a new number, shown and hidden.
func TestEventsOfIdentity(t *testing.T) {
	api, events, _ := watched(t)
	customer := api.Customer(ann)
	first := customer.BSUID()
	customer.Says("hi")
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "to the old number"})
	require.NoError(t, err)
	customer.ChangesNumber("573001234567")
	second := customer.BSUID()
	customer.Reads()
	statuses := seen[*chatapi.StatusEvent](events)
	for _, status := range statuses[len(statuses)-2:] { // in both forms
		assert.Equal(t, chatapi.StatusRead, status.Status)
		assert.Equal(t, ann+" "+first, status.To.Phone+" "+status.To.BSUID, "one person under the names of one time")
	}
	customer.HidesNumber()
	customer.ChangesNumber("12025550178")
	all := seen[*chatapi.IdentityEvent](events)
	require.Len(t, all, 2)
	assert.Equal(t, first, all[0].Old.BSUID)
	assert.Equal(t, second, all[0].New.BSUID)
	assert.Equal(t, "573001234567", all[0].New.Phone)
	assert.Equal(t, second, all[1].Old.BSUID)
	assert.Equal(t, customer.BSUID(), all[1].New.BSUID)
	assert.Empty(t, all[1].New.Phone)
	notes := seen[*chatapi.MessageEvent](events)[2:] // "hi" came in both forms
	require.Len(t, notes, 2)
	require.NotNil(t, notes[0].System)
	assert.Equal(t, "573001234567", notes[0].System.New.Phone)
	assert.Equal(t, ann, notes[0].From.Phone)
	assert.Equal(t, chatapi.Phone("573001234567"), notes[0].AnswerTo(), "the old number may be a stranger's by now")
	assert.Equal(t, chatapi.BSUID(customer.BSUID()), notes[1].AnswerTo())
}

// TestBotAnswersOnlyCustomers checks that a bot with a type switch does not answer
// imported chats, chats of another agent, handovers, new numbers and the phone app.
func TestBotAnswersOnlyCustomers(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	on := true
	require.NoError(t, client.Settings.Update(t.Context(), chatapi.SettingsPatch{RawHooks: &on}))
	api.Webhook(hookURL, chatapi.NewWebhookHandler(chatapi.Once(func(ctx context.Context, ev chatapi.Event) error {
		switch ev := ev.(type) {
		case *chatapi.MessageEvent:
			if ev.Type == chatapi.TypeSystem {
				return nil
			}
			_, err := client.Send(ctx, ev.AnswerTo(), chatapi.Text{Body: "Hello"})
			return err
		case *chatapi.StatusEvent:
		}
		return nil
	}), chatapi.WebhookSecret("s3cret"), channelOf(client)))
	customer, hidden := api.Customer(ann), api.Customer("US.4242424242424242")
	sends := func() int { return len(api.Calls().Sends()) }
	for name, act := range map[string]func(){
		"import": func() {
			api.ImportHistory(customer, chatapitest.Past{Text: "old"}, chatapitest.Past{Type: chatapi.TypeImage})
		},
		"hidden": func() { api.ImportHistory(hidden, chatapitest.Past{Text: "old"}) },
		"app":    func() { api.FromPhone(ann, "typed"); api.FromPhone(hidden.BSUID(), "typed") },
		"number": func() { customer.ChangesNumber("12025550177"); customer.ChangesNumber(ann) },
		"reads":  customer.Reads,
		"agent": func() {
			api.Standby(true)
			customer.Says("hi")
			hidden.Says("hi")
			api.FromAgent(ann, "I am the agent")
			api.AgentPasses(ann, "asks for a person")
			api.Standby(false)
		},
	} {
		act()
		assert.Zero(t, sends(), "%s: the bot must be silent", name)
	}
	customer.Says("hi")
	hidden.Says("hi")
	assert.Equal(t, 2, sends(), "once each, although both forms name the message")
}
