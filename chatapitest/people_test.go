package chatapitest_test

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// change is the part of a raw webhook that the tests look at.
type change struct {
	Field string
	Value struct {
		Contacts      []map[string]any
		Messages      []map[string]any
		MessageEchoes []map[string]any `json:"message_echoes"`
		Statuses      []map[string]any
		Groups        []map[string]any
		UserIDUpdate  []map[string]any `json:"user_id_update"`
		History       []map[string]any
	}
}

// watched returns a fake with rawHooks, its listener, and a function that returns the
// raw changes since its last call.
func watched(t *testing.T, opts ...chatapitest.Option) (*chatapitest.API, *listener, func() []change) {
	t.Helper()
	api := chatapitest.New(t, opts...)
	request(t, api, "POST", "settings", `{"rawHooks":true}`)
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	seen := 0
	return api, events, func() (all []change) {
		api.Settle()
		for _, d := range api.Delivered()[seen:] {
			var body struct{ Entry []struct{ Changes []change } }
			require.NoError(t, json.Unmarshal(d.Body, &body))
			for _, e := range body.Entry {
				all = append(all, e.Changes...)
			}
		}
		seen = len(api.Delivered())
		return all
	}
}

func (l *listener) statuses() (all []*chatapi.StatusEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range l.events {
		if s, ok := ev.(*chatapi.StatusEvent); ok {
			all = append(all, s)
		}
	}
	return all
}

// TestHiddenNumber checks what webhooks name when a customer hides the number in the
// middle of a conversation, and shows it again.
func TestHiddenNumber(t *testing.T) {
	api, events, changes := watched(t)
	client := api.Client()
	customer := api.Customer(ann).WithUsername("ann.example")
	bsuid := customer.BSUID()
	customer.Says("hi")
	changes()

	customer.HidesNumber()
	assert.Empty(t, customer.Phone())
	assert.Equal(t, bsuid, customer.BSUID())
	assert.Equal(t, chatapi.BSUID(bsuid), customer.Recipient())
	customer.Says("now hidden")
	raw := changes()
	require.Len(t, raw, 1)
	assert.NotContains(t, raw[0].Value.Messages[0], "from")
	assert.Equal(t, bsuid, raw[0].Value.Messages[0]["from_user_id"])
	assert.NotContains(t, raw[0].Value.Contacts[0], "wa_id")
	message := events.last().(*chatapi.MessageEvent)
	assert.Equal(t, chatapi.Contact{BSUID: bsuid, Username: "ann.example", Name: "Ann", Chat: bsuid + "@lid"}, message.From)

	for to, phone := range map[chatapi.Recipient]string{chatapi.Phone(ann): ann, chatapi.Chat(ann + "@c.us"): ann,
		chatapi.BSUID(bsuid): "", chatapi.BSUIDAsPhone(bsuid): "", chatapi.Username("ann.example"): ""} {
		before := len(events.statuses())
		received := len(customer.Received())
		_, err := client.Send(t.Context(), to, chatapi.Text{Body: to.String()})
		require.NoError(t, err, "%v: the window is open by every name", to)
		raw := changes()
		require.Len(t, customer.Received(), received+1, "%v reaches the one customer", to)
		assert.Equal(t, to.String(), customer.LastReceived().Text)
		assert.Len(t, events.statuses()[before:], 4, "sent and delivered, in both forms")
		for _, s := range events.statuses()[before:] {
			assert.Equal(t, phone, s.To.Phone, "%v: a status names the number only if the send did", to)
			assert.Equal(t, bsuid, s.To.BSUID)
		}
		acks := delivered(t, api, "ack")
		assert.Equal(t, phone, cmp.Or(acks[len(acks)-1]["phone"], any("")), "%v", to)
		for _, c := range raw {
			_, named := c.Value.Statuses[0]["recipient_id"]
			assert.Equal(t, phone != "", named, "%v", to)
			_, named = c.Value.Contacts[0]["wa_id"]
			assert.Equal(t, phone != "", named, "%v", to)
			_, named = c.Value.Contacts[0]["profile"].(map[string]any)["username"]
			assert.Equal(t, c.Value.Statuses[0]["status"] != "sent", named, "a status sent has no username")
		}
	}

	customer.ShowsNumber()
	customer.Says("back")
	message = events.last().(*chatapi.MessageEvent)
	assert.Equal(t, ann, message.From.Phone)
	assert.Equal(t, bsuid, message.From.BSUID)
	assert.Equal(t, ann+"@c.us", message.Chat)
	assert.Same(t, customer, api.Customer(bsuid))

	// The history keeps each message under the chat of its time.
	_, rows := request(t, api, "GET", "messages?chatId="+bsuid+"@lid", "")
	assert.Contains(t, rows, "now hidden")
	assert.NotContains(t, rows, "back")
}

// TestSpellings checks that both spellings of a number reach one customer, and that
// webhooks name the customer's own.
func TestSpellings(t *testing.T) {
	for own, other := range map[string]string{"551187654321": "5511987654321", "5215512345678": "525512345678", "5491123456789": "541123456789"} {
		api := chatapitest.New(t)
		events := &listener{}
		api.Webhook("https://log.test/x", events)
		customer := api.Customer(own)
		customer.Says("hi")
		for _, to := range []chatapi.Recipient{chatapi.Phone(other), chatapi.Chat(other + "@c.us"), chatapi.Phone(own)} {
			_, err := api.Client().Send(t.Context(), to, chatapi.Text{Body: to.String()})
			require.NoError(t, err)
			api.Settle()
			assert.Equal(t, to.String(), customer.LastReceived().Text)
			status := events.last().(*chatapi.StatusEvent)
			assert.Equal(t, own, status.To.Phone)
			assert.Equal(t, own+"@c.us", status.To.Chat)
		}
		assert.Same(t, customer, api.Customer(other))
		assert.Len(t, api.Calls().To(chatapi.Phone(own)), 3, "in either spelling")
		assert.Empty(t, api.Calls().To(chatapi.Phone(ann)))
	}
}

// TestNumberOfAHiddenCustomer checks a customer who was made by BSUID.
func TestNumberOfAHiddenCustomer(t *testing.T) {
	api, r := recorded(t)
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	customer := api.Customer("US.4242424242424242")
	customer.ShowsNumber()
	assert.Contains(t, r.text(), "the fake knows none")
	api.Customer(ann)
	customer.ShowsNumber(ann)
	assert.Contains(t, r.text(), "it belongs to Ben")
	customer.ShowsNumber("+1 202 555 0177")
	customer.Says("hi")
	message := events.last().(*chatapi.MessageEvent)
	assert.Equal(t, "12025550177", message.From.Phone)
	assert.Equal(t, "US.4242424242424242", message.From.BSUID)
	assert.Same(t, customer, api.Customer("12025550177"))
	assert.Len(t, r.failures, 2)
	var nobody *chatapitest.Customer
	nobody.HidesNumber()
	nobody.ShowsNumber()
	nobody.ChangesNumber("1")
	nobody.Joins("1")
}

// TestChangesNumber checks the two events about a new number, and whom sends reach.
func TestChangesNumber(t *testing.T) {
	const later = "573001234567"
	api, events, changes := watched(t)
	client := api.Client()
	customer := api.Customer(ann)
	old := customer.BSUID()
	customer.Says("hi")
	changes()
	customer.ChangesNumber("+57 300 123-4567")
	now := customer.BSUID()
	assert.Equal(t, later, customer.Phone())
	assert.NotEqual(t, old, now)

	raw := changes()
	require.Len(t, raw, 2)
	system := raw[0].Value.Messages[0]
	assert.Equal(t, ann, system["from"])
	assert.Equal(t, old, system["from_user_id"])
	assert.Equal(t, "user_changed_number", system["system"].(map[string]any)["type"])
	assert.Equal(t, later, system["system"].(map[string]any)["wa_id"])
	assert.Equal(t, "user_id_update", raw[1].Field)
	assert.Equal(t, map[string]any{"previous": old, "current": now}, raw[1].Value.UserIDUpdate[0]["user_id"])
	identity := events.last()
	assert.IsType(t, &chatapi.IdentityEvent{}, identity)

	for _, to := range []chatapi.Recipient{chatapi.Phone(later), chatapi.BSUID(now), chatapi.BSUID(old)} {
		_, err := client.Send(t.Context(), to, chatapi.Text{Body: to.String()})
		require.NoError(t, err, "the chat and its window go on")
		assert.Equal(t, to.String(), customer.LastReceived().Text)
	}
	_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
	assert.ErrorIs(t, err, chatapi.ErrWindowClosed, "the old number belongs to nobody the business knows")
	assert.NotSame(t, customer, api.Customer(ann))
	assert.NotEqual(t, old, api.Customer(ann).BSUID(), "the next owner of a number is another person")

	customer.HidesNumber()
	changes()
	customer.ChangesNumber("12025550178")
	raw = changes()
	require.Len(t, raw, 2)
	note := raw[0].Value.Messages[0]
	assert.NotContains(t, note, "from")
	assert.Equal(t, "user_changed_user_id", note["system"].(map[string]any)["type"])
	assert.NotContains(t, note["system"], "wa_id")
	assert.NotContains(t, raw[1].Value.UserIDUpdate[0], "wa_id")

	customer.WithUsername("ann.new")
	_, err = client.Send(t.Context(), chatapi.Username("ann.new"), chatapi.Text{Body: "by name"})
	require.NoError(t, err)
	assert.Equal(t, "by name", customer.LastReceived().Text)
	customer.WithUsername("ann.newer")
	_, err = client.Send(t.Context(), chatapi.Username("ann.new"), chatapi.Text{Body: "x"})
	assert.ErrorIs(t, err, chatapi.ErrRecipient, "the old username is gone")
	customer.Says("hi")
	assert.Equal(t, "ann.newer", events.last().(*chatapi.MessageEvent).From.Username)
}

// TestFromPhoneToAHiddenCustomer checks the echo of a message of the phone app.
func TestFromPhoneToAHiddenCustomer(t *testing.T) {
	api, _, changes := watched(t)
	customer := api.Customer("US.4242424242424242")
	api.FromPhone(customer.BSUID(), "typed on the phone")
	raw := changes()
	require.Len(t, raw, 2, "the echo and its status")
	assert.Equal(t, "smb_message_echoes", raw[0].Field)
	echo := raw[0].Value.MessageEchoes[0]
	assert.NotContains(t, echo, "to")
	assert.Equal(t, customer.BSUID(), echo["to_user_id"])
	assert.Equal(t, "typed on the phone", customer.LastReceived().Text)

	api.Customer(ann).HidesNumber()
	api.FromPhone(ann, "by number")
	assert.Equal(t, ann, changes()[0].Value.MessageEchoes[0]["to"], "the business knows the number that it wrote to")
}

// TestGroupMembers checks the statuses of each member, in both forms, and the events
// about members.
func TestGroupMembers(t *testing.T) {
	api, events, changes := watched(t)
	client := api.Client()
	ben, cleo := api.Customer(ann).Named("Ben"), api.Customer("12025550144").Named("Cleo")
	chat := api.Group("Friends", ben, cleo, nil)
	dan := api.Customer("12025550145").Named("Dan")
	dan.Joins(chat)
	dan.Joins(chat)
	raw := changes()
	require.Len(t, raw, 1, "joined once")
	assert.Equal(t, "group_participants_update", raw[0].Field)
	assert.Equal(t, "group_participants_add", raw[0].Value.Groups[0]["type"])
	assert.IsType(t, &chatapi.GroupEvent{}, events.last())

	dan.SaysIn(chat, "hi all")
	cleo.HidesNumber()
	ben.GoesOffline()
	changes()
	_, err := client.Send(t.Context(), chatapi.Chat(chat), chatapi.Text{Body: "hello all"})
	require.NoError(t, err)
	raw = changes()
	require.Len(t, raw, 3)
	assert.NotContains(t, raw[0].Value.Statuses[0], "recipient_participant_user_id", "sent to the group")
	assert.Equal(t, "group", raw[1].Value.Statuses[0]["recipient_type"])
	assert.NotContains(t, raw[1].Value.Statuses[0], "recipient_participant_id")
	assert.Equal(t, cleo.BSUID(), raw[1].Value.Statuses[0]["recipient_participant_user_id"])
	assert.Equal(t, "12025550145", raw[2].Value.Statuses[0]["recipient_participant_id"])
	status := events.last().(*chatapi.StatusEvent)
	assert.Equal(t, chat, status.Group)
	assert.Equal(t, dan.BSUID(), status.To.BSUID)

	ben.ComesOnline()
	raw = changes()
	require.Len(t, raw, 1)
	assert.Equal(t, ann, raw[0].Value.Statuses[0]["recipient_participant_id"])
	ben.Reads()
	ben.Reads()
	raw = changes()
	require.Len(t, raw, 1)
	assert.Equal(t, "read", raw[0].Value.Statuses[0]["status"])
	cleo.CannotBeReached("")
	dan.Leaves(chat)
	changes()
	_, err = client.Send(t.Context(), chatapi.Chat(chat), chatapi.Text{Body: "again"})
	require.NoError(t, err)
	var said []any
	for _, c := range changes() {
		said = append(said, c.Value.Statuses[0]["status"])
	}
	assert.Equal(t, []any{"sent", "delivered", "failed"}, said)
	assert.Len(t, api.GroupReceived(chat), 2)
	info, err := client.Groups.Get(t.Context(), chat[:len(chat)-5])
	require.NoError(t, err)
	assert.Contains(t, string(info.Raw), ann)
}

// TestNamesBelongToOneCustomer checks that no two customers have one name, in either
// spelling of a number and any case of a username, and that a dropped name is free.
func TestNamesBelongToOneCustomer(t *testing.T) {
	for own, other := range map[string]string{"551187654321": "5511987654321", "5215512345678": "525512345678", "541123456789": "5491123456789"} {
		api, r := recorded(t)
		first, second := api.Customer(own).Named("Ann"), api.Customer("US.4242424242424242").Named("Ben")
		second.ShowsNumber(other)
		second.ChangesNumber(other)
		assert.Equal(t, 2, strings.Count(r.text(), "it belongs to Ann"), "%s: another spelling", other)
		assert.Empty(t, second.Phone())

		first.HidesNumber()
		events := &listener{}
		api.Webhook("https://log.test/x", events)
		api.FromPhone(other, "typed on the phone")
		assert.Equal(t, own, events.last().(*chatapi.StatusEvent).To.Phone, "the business knows the number that it wrote to")
		require.NoError(t, api.Client().Users.Block(t.Context(), chatapi.Phone(other)))
		before := len(events.keys())
		first.Says("blocked")
		assert.Len(t, events.keys(), before, "blocked by the other spelling")

		first.ChangesNumber("12025550178")
		second.ShowsNumber(other)
		assert.Equal(t, other, second.Phone(), "the old number is free in either spelling")
		assert.Same(t, second, api.Customer(own))
	}
	api, r := recorded(t)
	first, second := api.Customer(ann).WithUsername("ann.example"), api.Customer("12025550144")
	second.WithUsername("@Ann.Example")
	assert.Contains(t, r.text(), `Ben cannot have the username "Ann.Example": it belongs to Ann`)
	first.WithUsername("")
	second.WithUsername("Ann.Example")
	first.WithUsername("other").WithUsername("").WithUsername("other")
	for name, customer := range map[string]*chatapitest.Customer{"ANN.example": second, "other": first} {
		customer.Says("hi")
		_, err := api.Client().Send(t.Context(), chatapi.Username(name), chatapi.Text{Body: name})
		require.NoError(t, err)
		assert.Equal(t, name, customer.LastReceived().Text)
	}
	assert.Len(t, r.failures, 1)
}
