package chatapitest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// chatOf returns the chat with that name.
func chatOf(t *testing.T, api *chatapitest.API, name string) chatapitest.Chat {
	t.Helper()
	for _, chat := range api.Chats() {
		if chat.Name == name {
			return chat
		}
	}
	require.Fail(t, "no chat", name)
	return chatapitest.Chat{}
}

// TestActsAreChanges checks, for each act, that a change is announced and that the chats
// that it concerns have another revision.
func TestActsAreChanges(t *testing.T) {
	for _, act := range chatapitest.Acts() {
		t.Run(act.Name, func(t *testing.T) {
			api, _ := ready(t)
			switch act.Name {
			case "answers", "passes":
				api.Standby(true)
			case "disables webhook":
				api.Webhook(closedURL, nil)
			}
			args, who, key := performances[act.Name], "", ""
			if act.Actor == chatapitest.ActorCustomer {
				who = ann
			}
			if who != "" || args["to"] != "" {
				key = chatOf(t, api, "Ann").Key
			}
			group := args["group"]
			before, next := api.Changes()
			_, err := api.Perform(act.Name, who, args)
			require.NoError(t, err)
			select {
			case <-next:
			default:
				assert.Fail(t, "no change was announced")
			}
			after, _ := api.Changes()
			assert.Greater(t, after, before)
			for _, chat := range api.Chats() {
				// A text in a group is in the chat of the group alone, but its author acts.
				if chat.Key == key || chat.Name == group {
					assert.Greater(t, chat.Revision, before, "the chat %s", chat.Name)
				}
			}
		})
	}
}

// TestChatMessages checks how a phone shows each kind of message.
func TestChatMessages(t *testing.T) {
	api, _ := ready(t)
	customer := api.Customer(ann)
	key := chatOf(t, api, "Ann").Key
	byID := func(id string) chatapitest.ChatMessage {
		m, ok := api.Message(id)
		require.True(t, ok, id)
		return m
	}
	all := api.ChatMessages(key, -1)
	require.Len(t, all, 4)
	assert.Equal(t, chatapitest.ActorCustomer, all[0].From)
	assert.Equal(t, "first", all[0].Text)
	assert.Equal(t, []int{1, 2, 3, 4}, []int{all[0].Number, all[1].Number, all[2].Number, all[3].Number})
	buttons := all[1]
	assert.Equal(t, chatapitest.ActorChannel, buttons.From)
	assert.Equal(t, chatapi.StatusDelivered, buttons.Status)
	assert.Equal(t, chatapitest.TapAnswers, buttons.Buttons[0].Tap())
	assert.Equal(t, "Sizes", all[2].Label)
	assert.Equal(t, chatapitest.TapFlow, all[3].Buttons[0].Tap())

	customer.Reacts(buttons.ID, "👍")
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Reaction{MessageID: all[0].ID, Emoji: "🎉"})
	require.NoError(t, err)
	assert.Equal(t, []chatapitest.ChatReaction{{Emoji: "👍", Author: key}}, byID(buttons.ID).Reactions)
	assert.Equal(t, []chatapitest.ChatReaction{{Emoji: "🎉"}}, byID(all[0].ID).Reactions)
	customer.Reacts(buttons.ID, "")
	assert.Empty(t, byID(buttons.ID).Reactions)
	assert.Len(t, api.ChatMessages(key, -1), 4, "a reaction is no message")

	customer.Edits(all[0].ID, "second")
	assert.Equal(t, "second", byID(all[0].ID).Text)
	assert.True(t, byID(all[0].ID).Edited)
	customer.Deletes(all[0].ID)
	assert.True(t, byID(all[0].ID).Deleted)

	file := byID(customer.Sends(chatapitest.File{Name: "cat.jpg", Caption: "my cat", Data: []byte("jpeg")}))
	assert.Equal(t, "my cat", file.Text)
	assert.Equal(t, "jpeg", string(file.File.Data))
	assert.Equal(t, "cat.jpg", file.File.Name)
	assert.Equal(t, "52.5;-13.25", byID(customer.SharesLocation(52.5, -13.25)).Location)
	assert.Equal(t, &chatapitest.ChatContact{Name: "Pat", Number: "12025550188"}, byID(customer.SharesContact("Pat", "12025550188")).Contact)
	assert.Equal(t, "Shoes", byID(customer.ClicksAd(chatapi.Referral{Headline: "Shoes"}, "how much?")).Ad)
	assert.JSONEq(t, `{"size":"L","flow_token":"tok"}`, byID(customer.Submits(map[string]any{"size": "L"})).Answers)
	assert.Equal(t, "2 × KETTLE at 1.00 USD", byID(customer.Orders("", chatapi.ReceivedItem{ProductID: "KETTLE", Quantity: "2"})).Order)
	assert.Equal(t, chatapitest.ActorPhone, byID(api.FromPhone(ann, "from the phone")).From)
	customer.Reads()
	assert.Equal(t, chatapi.StatusRead, byID(buttons.ID).Status)
}

// TestChatOfFailure checks a message that does not arrive, and that a state keeps what
// phones show.
func TestChatOfFailure(t *testing.T) {
	api, _ := ready(t)
	customer, key := api.Customer(ann), chatOf(t, api, "Ann").Key
	customer.Sends(chatapitest.File{Name: "cat.jpg", Caption: "my cat", Data: []byte("jpeg")})
	customer.Reacts("", "👍")
	customer.Edits("", "second")
	customer.CannotBeReached("gone")
	receipt, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "hello?"})
	require.NoError(t, err)
	failed, ok := api.Message(receipt.ID)
	require.True(t, ok)
	assert.Equal(t, chatapi.StatusFailed, failed.Status)
	assert.Equal(t, "gone", failed.Failure)
	assert.Equal(t, "hello?", failed.Text)
	assert.Equal(t, failed, api.ChatMessages(ann, 1)[0], "the customer is named by the number, too")

	state, err := api.State()
	require.NoError(t, err)
	again := chatapitest.New(t)
	require.NoError(t, again.Load(state))
	before, after := api.ChatMessages(key, -1), again.ChatMessages(key, -1)
	require.Len(t, after, len(before))
	for i := range after {
		assert.WithinDuration(t, before[i].At, after[i].At, 0)
		after[i].At, after[i].Body, after[i].Operation = before[i].At, before[i].Body, before[i].Operation // JSON is indented anew
		if after[i].File != nil {
			after[i].File.URL = before[i].File.URL // another host
		}
		assert.Equal(t, before[i], after[i], "a state keeps what phones show")
	}
}

// TestChats checks what a chat says of its customer.
func TestChats(t *testing.T) {
	api, _ := ready(t)
	customer := api.Customer(ann)
	chat := chatOf(t, api, "Ann")
	assert.True(t, chat.Open)
	assert.Equal(t, ann, chat.Phone)
	assert.False(t, chat.Answered)
	assert.NotEmpty(t, chat.Call, "it rings")
	customer.HidesNumber()
	customer.GoesOffline()
	customer.CannotBeReached("gone")
	api.Advance(25 * time.Hour)
	hidden := chatOf(t, api, "Ann")
	assert.Equal(t, chat.Key, hidden.Key)
	assert.Equal(t, customer.BSUID()+"@lid", hidden.ID)
	assert.Empty(t, hidden.Phone)
	assert.Equal(t, ann, hidden.Number)
	assert.True(t, hidden.Offline)
	assert.Equal(t, "gone", hidden.Unreachable)
	assert.False(t, hidden.Open)
	assert.Equal(t, chat.WindowEnds.Unix(), hidden.WindowEnds.Unix())
	friends := chatOf(t, api, "Friends")
	assert.Equal(t, []string{chat.Key}, friends.Members)
	customer.SaysIn("Friends", "x")
	for _, name := range []string{"c9", "c0", "cx", "g1", "nobody", "", "@c.us"} {
		assert.Nil(t, api.ChatMessages(name, 10), name)
	}
}

// TestChatOfManyMessages checks the ends of a long chat.
func TestChatOfManyMessages(t *testing.T) {
	api := chatapitest.New(t)
	customer := api.Customer(ann)
	for i := range 30 {
		customer.Says(strings.Repeat("x", i+1))
	}
	last := api.ChatMessages("c1", 10)
	require.Len(t, last, 10)
	assert.Equal(t, 21, last[0].Number)
	assert.Len(t, api.ChatMessages("c1", 99), 30)
	assert.Empty(t, api.ChatMessages("c1", 0))
	from := api.ChatMessagesFrom("c1", 29, 10)
	require.Len(t, from, 2)
	assert.Equal(t, 29, from[0].Number)
	assert.Len(t, api.ChatMessagesFrom("c1", -5, 3), 3)
	assert.Empty(t, api.ChatMessagesFrom("c1", 99, 3))
}

// TestChatReadingIsCheap checks that reading the end of a chat costs the same however long
// the chat is, and that a list of chats does not read messages.
func TestChatReadingIsCheap(t *testing.T) {
	costs := func(messages int) (last, one, chats float64) {
		api := chatapitest.New(t)
		customer, id := api.Customer(ann), ""
		for range messages {
			id = customer.Says("hi")
		}
		return testing.AllocsPerRun(20, func() { api.ChatMessages("c1", 20) }),
			testing.AllocsPerRun(20, func() { api.Message(id) }),
			testing.AllocsPerRun(20, func() { api.Chats() })
	}
	shortLast, shortOne, shortChats := costs(50)
	longLast, longOne, longChats := costs(3000)
	assert.InDelta(t, shortLast, longLast, 3)
	assert.InDelta(t, shortOne, longOne, 1)
	assert.InDelta(t, shortChats, longChats, 1)
}

// TestInfo checks what a channel says of itself, and the lists of calls and deliveries.
func TestInfo(t *testing.T) {
	api := chatapitest.New(t, chatapitest.AllowUndelivered())
	api.Webhook("https://nowhere.test/hooks", nil)
	api.Fail(chatapitest.Fault{Operation: "me"})
	api.Misdeliver(chatapitest.Misdelivery{Late: time.Hour, Times: 2})
	api.SetQuirk(chatapitest.NoEchoes, true)
	api.SetSetting("rawHooks", true)
	api.Customer(ann).Says("hi")
	api.Heal()
	api.Settle()
	info := api.Info()
	assert.Equal(t, []chatapitest.Quirk{chatapitest.NoEchoes}, info.Quirks)
	assert.True(t, info.Settings["rawHooks"])
	require.Len(t, info.Webhooks, 1)
	assert.Equal(t, 2, info.Webhooks[0].Failed, "the message in both forms")
	assert.Contains(t, info.Webhooks[0].Problem, "no handler")
	assert.Empty(t, info.Faults, "healed")

	api.Fail(chatapitest.Fault{Operation: "me"})
	assert.Len(t, api.Info().Faults, 1)
	_, err := api.Client(chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1})).Profile.Get(t.Context())
	require.Error(t, err)
	assert.Empty(t, api.Info().Faults, "it is spent")
	calls, next := api.CallsFrom(-1, 10)
	assert.Len(t, calls, 1)
	assert.Equal(t, 1, next)
	calls[0].Path = "changed"
	assert.Equal(t, "me", api.Calls()[0].Path, "the list is a copy")
	calls, next = api.CallsFrom(1, 10)
	assert.Empty(t, calls)
	assert.Equal(t, 1, next)
	deliveries, next := api.DeliveriesFrom(1, 10)
	assert.Len(t, deliveries, 1)
	assert.Equal(t, 2, next)
	assert.NotZero(t, deliveries[0].At)
}

// TestTemplatesOfPages checks the list of templates.
func TestTemplatesOfPages(t *testing.T) {
	api := chatapitest.New(t, chatapitest.ApproveAfter(time.Hour))
	api.Template("hello", "en", "Hello {{1}}")
	api.Reject("hello", "en", "INVALID_FORMAT")
	all := api.Templates()
	require.Len(t, all, 1)
	assert.Equal(t, "REJECTED", all[0].Status)
	assert.Equal(t, "INVALID_FORMAT", all[0].Reason)
	assert.Equal(t, "Hello {{1}}", all[0].Body)
	assert.Nil(t, api.FlowJSON("1"))
}

// TestSetupNames checks the sentences about what the acts of the setup cannot do.
func TestSetupNames(t *testing.T) {
	for name, test := range map[string]struct {
		act  string
		args map[string]string
		want string
	}{
		"a channel twice":    {"adds channel", map[string]string{"channel": "ABC100000001"}, "has a channel"},
		"a wrong channel":    {"adds channel", map[string]string{"channel": "a b"}, "must be 1 to 64"},
		"a wrong number":     {"adds channel", map[string]string{"channel": "B", "phone": "12"}, "must be 6 to 15 digits"},
		"a member unknown":   {"makes group", map[string]string{"subject": "x", "members": "Zed"}, `nobody is called "Zed"`},
		"a long subject":     {"makes group", map[string]string{"subject": strings.Repeat("x", 10_000)}, "the subject has 10000 signs"},
		"a template's name":  {"adds template", map[string]string{"template": "Hello!", "language": "en", "body": "x"}, "small letters"},
		"a language":         {"adds template", map[string]string{"template": "hello", "language": "english", "body": "x"}, "no language code"},
		"a long template":    {"adds template", map[string]string{"template": "hello", "language": "en", "body": strings.Repeat("x", 2000)}, "longer than 1024"},
		"a setting":          {"sets setting", map[string]string{"setting": "rawHook"}, `did you mean "rawHooks"?`},
		"on or off":          {"sets setting", map[string]string{"setting": "rawHooks", "on": "maybe"}, "neither on nor off"},
		"a quirk":            {"sets quirk", map[string]string{"quirk": "no echos"}, `did you mean "no echoes"?`},
		"another machine":    {"adds webhook", map[string]string{"address": "https://example.com/"}, "does not lead to this machine"},
		"no address":         {"adds webhook", map[string]string{"address": "hooks"}, `"hooks"`},
		"an unknown webhook": {"disables webhook", map[string]string{"address": "http://127.0.0.1/x"}, "is not in the list"},
		"no misdelivery":     {"misdelivers", nil, "set Twice, Behind or Late"},
		"twice what":         {"misdelivers", map[string]string{"twice": "yes"}, `write "twice" or nothing`},
		"skip below zero":    {"fails", map[string]string{"operation": "sendMessage", "skip": "-1"}, "skip must not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			api := chatapitest.New(t)
			_, err := api.Perform(test.act, "", test.args)
			require.ErrorContains(t, err, test.want)
			assert.Less(t, len(err.Error()), 400, "a sentence")
			assert.NoError(t, api.Err())
		})
	}
}

// TestFaultsOfPages checks the faults that only the table's newer arguments can say.
func TestFaultsOfPages(t *testing.T) {
	api := chatapitest.New(t)
	fails := func(args map[string]string) {
		t.Helper()
		args["operation"] = "sendMessage"
		_, err := api.Perform("fails", "", args)
		require.NoError(t, err)
	}
	fails(map[string]string{"how": "undelivered", "body": "Marketing limit", "skip": "2"})
	fails(map[string]string{"how": "queued", "to": ann})
	fails(map[string]string{"how": "slow", "delay": "3s"})
	fails(map[string]string{"how": "502", "body": chatapitest.HTMLPage})
	faults := api.Info().Faults
	require.Len(t, faults, 4)
	assert.Equal(t, "Marketing limit", faults[0].Undelivered)
	assert.Equal(t, 2, faults[0].Skip)
	assert.True(t, faults[1].Queued)
	assert.False(t, faults[1].To.IsZero())
	assert.Equal(t, 3*time.Second, faults[2].Delay)
	assert.Equal(t, chatapitest.HTMLPage, faults[3].Body)
	script := api.Transcript()
	again := chatapitest.New(t)
	again.Script(t, script)
	assert.Len(t, again.Info().Faults, 3, "all but that to one customer")
}
