package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// An event has the same key in every format.
func TestParseWebhookSameKey(t *testing.T) {
	for name, c := range map[string]struct{ key, normalized, raw string }{
		"message": {"message/wamid.A",
			`{"instanceId":"ABC1","messages":[{"id":"wamid.A","type":"chat","body":"hi","fromMe":false,"author":"12025550143@c.us","chatId":"12025550143@c.us"}]}`,
			cloud("messages", `{"messages":[{"id":"wamid.A","from":"12025550143","type":"text","text":{"body":"hi"}}]}`)},
		"echo": {"message/wamid.B",
			`{"messages":[{"id":"wamid.B","type":"chat","body":"hi","fromMe":true,"chatId":"12025550143@c.us"}]}`,
			cloud("smb_message_echoes", `{"message_echoes":[{"id":"wamid.B","from":"12025550100","to":"12025550143","type":"text","text":{"body":"hi"}}]}`)},
		"status": {"status/wamid.C/delivered",
			`{"ack":[{"id":"wamid.C","status":"delivered","chatId":"12025550143@c.us"}]}`,
			cloud("messages", `{"statuses":[{"id":"wamid.C","status":"delivered","recipient_id":"12025550143","timestamp":"1790000001"}]}`)},
		"a read one of before 2024": {"status/wamid.C/read",
			`{"ack":[{"id":"wamid.C","status":"viewed"}]}`, `{"statuses":[{"id":"wamid.C","status":"read"}]}`},
		"a group's status": {"status/wamid.E/sent",
			`{"ack":[{"id":"wamid.E","status":"sent","chatId":"120363000000000001@g.us"}]}`,
			cloud("messages", `{"statuses":[{"id":"wamid.E","status":"sent","recipient_type":"group","recipient_id":"120363000000000001"}]}`)},
		"call": {"call/wacid.D/connect",
			`{"type":"calls","calls":[{"id":"wacid.D","event":"connect"}]}`, cloud("calls", `{"calls":[{"id":"wacid.D","event":"connect"}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{c.normalized, c.raw} {
				events, err := chatapi.ParseWebhook([]byte(body))
				require.NoError(t, err)
				require.Len(t, events, 1)
				assert.Equal(t, c.key, events[0].Key())
			}
		})
	}
}

// A sender is found in the list of contacts by number or BSUID, never by position.
func TestParseWebhookContactsByID(t *testing.T) {
	e := one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[
		{"wa_id":"12025550111","profile":{"name":"Ann"}},
		{"wa_id":"12025550122","user_id":"US.2","parent_user_id":"US.ENT.2","profile":{"name":"Ben","username":"ben"}}],
		"messages":[{"id":"m","from_user_id":"US.2","type":"text","text":{"body":"hi"}}]}`))
	assert.Equal(t, chatapi.Contact{Phone: "12025550122", Chat: "12025550122@c.us", BSUID: "US.2", ParentBSUID: "US.ENT.2", Username: "ben", Name: "Ben"}, e.From)

	e = one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[{"wa_id":"12025550111","profile":{"name":"Ann"}}],
		"messages":[{"id":"m","from":"12025550133","type":"text","text":{"body":"hi"}}]}`))
	assert.Empty(t, e.From.Name, "the only contact is another person")

	e = one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[{"wa_id":"12025550111","user_id":"US.9","profile":{"name":"Ann"}}],
		"messages":[{"id":"m","from":"12025550111","from_user_id":"US.1","type":"text","text":{"body":"hi"}}]}`))
	assert.Empty(t, e.From.Name, "the number now belongs to another person")
}

// A contact keeps its key when the number is hidden. An event announces a new
// key.
func TestContactKey(t *testing.T) {
	shown := chatapi.Contact{Phone: "12025550143", BSUID: "US.1", Name: "Ann"}
	hidden := chatapi.Contact{BSUID: "US.1"}
	assert.Equal(t, shown.Key(), hidden.Key())
	assert.True(t, shown.Same(hidden))
	assert.Equal(t, shown, shown.Merge(hidden))
	assert.Equal(t, chatapi.Contact{Phone: "12025550143"}.Key(), chatapi.Contact{Chat: "12025550143@c.us"}.Key())
	assert.False(t, shown.Same(chatapi.Contact{Phone: "12025550143", BSUID: "US.2"}), "numbers are given to other people")
	assert.Empty(t, chatapi.Contact{}.Key())

	e := one[*chatapi.IdentityEvent](t, cloud("user_id_update", `{"user_id_update":[{"wa_id":"12025550144","user_id":{"previous":"US.1","current":"US.2"}}]}`))
	assert.True(t, shown.Same(e.Old))
	assert.Equal(t, "12025550144", shown.Merge(e.New).Phone)
	assert.Equal(t, "US.2", shown.Merge(e.New).BSUID)
}

// A message of the business and a note of WhatsApp wake no bot and open no
// service window.
func TestParseWebhookNotTheCustomer(t *testing.T) {
	one[*chatapi.EchoEvent](t, cloud("smb_message_echoes", `{"messages":[{"id":"e","from":"12025550100","to":"12025550143","type":"text","text":{"body":"x"}}]}`))
	one[*chatapi.EchoEvent](t, cloud("messages", `{"metadata":{"display_phone_number":"+1 202-555-0100"},"messages":[{"id":"e","from":"12025550100","to":"12025550143","type":"text","text":{"body":"x"}}]}`))
	one[*chatapi.HistoryEvent](t, cloud("history", `{"history":[{"threads":[{"id":"12025550143","messages":[{"id":"h","from":"12025550143","type":"text","text":{"body":"x"}}]}]}]}`))

	note := one[*chatapi.MessageEvent](t, cloud("messages", `{"messages":[{"id":"s","from":"12025550143","timestamp":"1790000000","type":"system","system":{"type":"user_changed_number","wa_id":"12025550144","body":"moved"}}]}`))
	assert.Equal(t, "12025550144", note.System.New.Phone)
	note.Channel = "ABC1"
	ledger := chatapi.NewLedger(chatapi.Account{ID: "a", Numbers: []chatapi.ChannelID{"ABC1"}})
	require.NoError(t, ledger.RecordEvent(note))
	assert.True(t, ledger.ServiceWindow("ABC1", chatapi.Phone("12025550143")).ExpiresAt.IsZero())
}

// A bad element is reported with its path, and its siblings are read.
func TestParseWebhookCloudBadElements(t *testing.T) {
	events, err := chatapi.ParseWebhook([]byte(`{"entry":[5,{"changes":{}},{"changes":[7,{"field":"messages","value":[]},
		{"field":"messages","value":{"messages":[{"id":{}},{"id":"ok","from":"12025550143"}],"statuses":"x","hologram":[1]}}]}]}`))
	var bad *chatapi.ParseError
	require.ErrorAs(t, err, &bad)
	var paths []string
	for _, element := range bad.Elements {
		paths = append(paths, element.Path)
	}
	assert.Equal(t, []string{"entry[0]", "entry[1].changes", "entry[2].changes[0]", "entry[2].changes[1].value",
		"entry[2].changes[2].value.messages[0]", "entry[2].changes[2].value.statuses"}, paths)
	require.Len(t, events, 3)
	assert.Equal(t, []string{"id: want a text, got an object"}, events[0].Info().Problems)
	assert.Equal(t, "message/ok", events[1].Key())
	assert.Equal(t, "value.hologram", events[2].Info().Wire, "an unknown array beside known ones is kept")
}

// A scalar of an odd type does not lose its element. Display has a text for every
// kind.
func TestParseWebhookOddities(t *testing.T) {
	message := func(inner string) *chatapi.MessageEvent {
		return one[*chatapi.MessageEvent](t, cloud("messages", `{"messages":[{"id":"m","from":12025550143,`+inner+`}]}`))
	}
	e := message(`"timestamp":"soon","type":"text","text":{"body":"hi"}`)
	assert.True(t, e.Time.IsZero())
	assert.Equal(t, "12025550143", e.From.Phone)
	for inner, shown := range map[string]string{
		`"type":"text","text":{"body":"hi"}`:                            "hi",
		`"type":"image"`:                                                "[image]",
		`"type":"document","document":{"id":1,"filename":"a.pdf"}`:      "[document a.pdf]",
		`"type":"location","location":{"latitude":"1.5","longitude":2}`: "[location 1.5, 2]",
		`"type":"contacts","contacts":[{"name":{"formatted_name":"Ben"},"phones":[{"wa_id":12025550122}]}]`: "[contact Ben]",
		`"type":"order","order":{"product_items":[{"quantity":2,"item_price":"9.5"}]}`:                      "[order of 1 items]",
		`"type":"unsupported","errors":[{"code":131051,"title":"Message type unknown"}]`:                    "[unsupported: Message type unknown]",
		`"type":"edit","edit":{"original_message_id":"o","message":{"type":"text","text":{"body":"new"}}}`:  "new",
		`"type":"hologram","hologram":{}`: "[other]",
		`"type":"interactive"`:            "[interactive]",
	} {
		assert.Equal(t, shown, message(inner).Display(), inner)
	}
	permission := message(`"type":"interactive","interactive":{"type":"call_permission_reply","call_permission_reply":{"response":"accept","expiration_timestamp":1790000000}}`)
	assert.Equal(t, time.Unix(1790000000, 0).UTC(), permission.Permission.Expires)
	flow := message(`"type":"interactive","interactive":{"nfm_reply":{"name":"flow","response_json":"{broken"}}`)
	assert.Equal(t, "{broken", flow.Flow.Response)
	assert.Nil(t, flow.Flow.JSON)
}

// A status in a group belongs to the member that it names.
func TestParseWebhookGroupStatus(t *testing.T) {
	status := func(member string) *chatapi.StatusEvent {
		return one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":[{"id":"m","status":"read","recipient_type":"group","recipient_id":"G1","recipient_participant_id":"`+member+`"}]}`))
	}
	ann, ben := status("12025550111"), status("12025550122")
	assert.Equal(t, "G1@g.us", ann.Group)
	assert.NotEqual(t, ann.Key(), ben.Key())
}
