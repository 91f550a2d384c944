package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestFaultA12Usernames(t *testing.T) {
	// A username has no @, wherever a body writes one.
	text := `"messages":[{"id":"m","from_user_id":"US.1","type":"text","text":{"body":"x"}}]`
	for name, got := range map[string]string{
		"profile":    one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[{"user_id":"US.1","profile":{"username":"@ana"}}],`+text+`}`)).From.Username,
		"beside it":  one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[{"user_id":"US.1","username":" @ana"}],`+text+`}`)).From.Username,
		"normalized": normalized(t, `"type":"chat","body":"x","chatId":"US.1@lid","authorUserName":"@ana"`).From.Username,
		"ack":        one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"sent","userName":"@ana"}]}`).To.Username,
		"preference": one[*chatapi.PreferenceEvent](t, cloud("user_preferences", `{"user_preferences":[{"user_id":"US.1","username":"@ana"}]}`)).From.Username,
		"group":      one[*chatapi.GroupEvent](t, cloud("group_participants_update", `{"groups":[{"added_participants":[{"user_id":"US.1","username":"@ana"}]}]}`)).Added[0].Username,
		"business":   one[*chatapi.NumberEvent](t, cloud("business_username_update", `{"username":"@ana","status":"approved"}`)).Name,
		"system": one[*chatapi.MessageEvent](t, cloud("messages", `{"messages":[{"id":"m","from":"12025550143","type":"system",
			"system":{"type":"user_changed_number","wa_id":"12025550144","username":"@ana"}}]}`)).System.New.Username,
	} {
		assert.Equal(t, "ana", got, name)
	}
}

func TestFaultA13OldAndNewNumber(t *testing.T) {
	// From of a note about a new number or BSUID is the customer as before, and New
	// the customer from now on, in whichever members they stand.
	phone := func(number string) chatapi.Contact { return chatapi.Contact{Phone: number, Chat: number + "@c.us"} }
	bsuid := func(id string) chatapi.Contact { return chatapi.Contact{BSUID: id, Chat: id + "@lid"} }
	old, now := phone("12025550143"), phone("12025550144")
	for name, c := range map[string]struct {
		members  string
		from, to chatapi.Contact
	}{
		"from is old":      {`"from":"12025550143","system":{"type":"user_changed_number","wa_id":"12025550144"}`, old, now},
		"from is new":      {`"from":"12025550144","system":{"type":"customer_changed_number","customer":"12025550143","wa_id":"12025550144"}`, old, now},
		"new only in from": {`"from":"12025550144","system":{"type":"customer_changed_number","customer":"12025550143"}`, old, now},
		"on-premise":       {`"from":"12025550143","system":{"type":"user_changed_number","new_wa_id":"12025550144"}`, old, now},
		"another spelling": {`"from":"551187654321","system":{"type":"customer_changed_number","customer":"12025550143","wa_id":"5511987654321"}`, old, phone("5511987654321")},
		"no from":          {`"system":{"type":"customer_changed_number","customer":"12025550143","wa_id":"12025550144"}`, old, now},
		"in words only":    {`"system":{"type":"user_changed_user_id","user_id":"US.2","body":"User Ann changed from US.1 to US.2"}`, bsuid("US.1"), bsuid("US.2")},
		"numbers in words": {`"system":{"type":"user_changed_number","wa_id":"12025550144","body":"Ann from B changed from \u200e+1 (202) 555-0143 to +1 (202) 555-0144\u200e"}`, old, now},
		"other words":      {`"system":{"type":"user_changed_user_id","user_id":"US.2","body":"User Ann changed from US.1 to US.3"}`, chatapi.Contact{}, bsuid("US.2")},
		"new BSUID":        {`"from_user_id":"US.1","system":{"type":"user_changed_user_id","user_id":"US.2"}`, bsuid("US.1"), bsuid("US.2")},
		"identity":         {`"from":"12025550143","system":{"type":"customer_identity_changed","customer":"12025550143","identity":"h"}`, old, chatapi.Contact{}},
		"user":             {`"system":{"type":"user_identity_changed","user":"12025550143","identity":"h"}`, old, chatapi.Contact{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{cloud("messages", `{"messages":[{"id":"s","type":"system",`+c.members+`}]}`), `{"messages":[{"id":"s","timestamp":1,"type":"system",` + c.members + `}]}`} {
				e := one[*chatapi.MessageEvent](t, body)
				assert.Equal(t, c.from, e.From)
				assert.Equal(t, c.to, e.System.New)
				noWindow(t, chatapi.Phone("12025550144"), e)
			}
		})
	}
	e := one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[{"wa_id":"12025550144","user_id":"US.2","profile":{"name":"Ann"}}],"messages":[
		{"id":"s","from":"12025550144","type":"system","system":{"type":"customer_changed_number","customer":"12025550143","wa_id":"12025550144"}}]}`))
	assert.Equal(t, chatapi.Contact{Phone: "12025550144", Chat: "12025550144@c.us", BSUID: "US.2", Name: "Ann"}, e.System.New)
	assert.Equal(t, "Ann", e.From.Name)
}

func TestFaultA14OwnPhone(t *testing.T) {
	// Every event has the business's number in digits, if its change names one.
	for name, c := range map[string]struct{ field, members string }{
		"message": {"messages", `"messages":[{"id":"m","from":"12025550143","type":"text","text":{"body":"x"}}]`},
		"status":  {"messages", `"statuses":[{"id":"m","status":"sent"}]`},
		"call":    {"calls", `"calls":[{"id":"c","event":"connect"}]`},
		"echo":    {"smb_message_echoes", `"message_echoes":[{"id":"m","to":"12025550143","type":"text","text":{"body":"x"}}]`},
		"group":   {"group_settings_update", `"groups":[{"group_id":"G1"}]`},
		"unknown": {"hologram", `"messages":[{}]`},
	} {
		events, err := chatapi.ParseWebhook([]byte(cloud(c.field, `{`+c.members+`,`+ownNumber+`"x":1}`)))
		require.NoError(t, err)
		require.Len(t, events, 1)
		assert.Equal(t, "12025550100", events[0].Info().OwnPhone, name)
		assert.Equal(t, "N1", events[0].Info().PhoneNumberID, name)
	}
	assert.Empty(t, normalized(t, `"type":"chat","body":"x","chatId":"12025550143@c.us"`).OwnPhone, "the service's own format does not say")
}

func TestFaultA19ReplyTo(t *testing.T) {
	// ReplyTo is where an answer goes: the group of a message in a group, else the
	// person.
	group, person := chatapi.Chat("120363000000000001@g.us"), chatapi.Phone("12025550143")
	const sender, inGroup = `"id":"m","from":"12025550143",`, `"group_id":"120363000000000001",`
	for name, c := range map[string]struct {
		event interface{ ReplyTo() chatapi.Recipient }
		want  chatapi.Recipient
	}{
		"person":          {metaMessage(t, `"from":"12025550143","type":"text","text":{"body":"x"}`), person},
		"group":           {metaMessage(t, `"from":"12025550143",`+inGroup+`"type":"text","text":{"body":"x"}`), group},
		"reaction":        {metaMessage(t, `"from":"12025550143",`+inGroup+`"type":"reaction","reaction":{"message_id":"q","emoji":"x"}`), group},
		"hidden number":   {metaMessage(t, `"from_user_id":"US.1","type":"text","text":{"body":"x"}`), chatapi.BSUID("US.1")},
		"normalized":      {normalized(t, `"type":"chat","body":"x","author":"12025550143@c.us","chatId":"120363000000000001@g.us"`), group},
		"normalized, one": {normalized(t, `"type":"chat","body":"x","chatId":"12025550143@c.us"`), person},
		"no author":       {normalized(t, `"type":"chat","body":"x","chatId":"120363000000000001@g.us"`), group},
		"on-premise":      {one[*chatapi.MessageEvent](t, `{"messages":[{`+sender+inGroup+`"type":"text","text":{"body":"x"}}]}`), group},
		"echo":            {one[*chatapi.EchoEvent](t, `{"messages":[{"id":"e","fromMe":true,"chatId":"120363000000000001@g.us"}]}`), group},
		"status":          {metaStatus(t, `"status":"read","recipient_type":"group","recipient_id":"120363000000000001","recipient_participant_id":"12025550143"`), group},
		"ack":             {one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"sent","chatId":"12025550143@c.us"}]}`), person},
		"group event":     {one[*chatapi.GroupEvent](t, cloud("group_lifecycle_update", `{"groups":[{"group_id":"120363000000000001","type":"group_create"}]}`)), group},
		"their call":      {one[*chatapi.CallEvent](t, cloud("calls", `{"calls":[{"id":"c","from":"12025550143","to":"12025550100","direction":"USER_INITIATED"}]}`)), person},
		"our call":        {one[*chatapi.CallEvent](t, cloud("calls", `{"calls":[{"id":"c","from":"12025550100","to":"12025550143","direction":"business_initiated"}]}`)), person},
		"a call":          {one[*chatapi.CallEvent](t, cloud("calls", `{`+ownNumber+`"calls":[{"id":"c","from":"12025550100","to":"12025550143"}]}`)), person},
		"call status":     {one[*chatapi.CallEvent](t, cloud("calls", `{"statuses":[{"id":"c","status":"RINGING","recipient_id":"12025550143"}]}`)), person},
		"nobody":          {one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","fromMe":false}]}`), chatapi.Recipient{}},
	} {
		assert.Equal(t, c.want, c.event.ReplyTo(), name)
	}
}

func TestFaultA21ContactsInAnotherSpelling(t *testing.T) {
	// A person is found among the contacts in any spelling of the number, and keeps
	// the one of the message; another BSUID is another person.
	person := func(wa, members, message string) chatapi.Contact {
		return one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[{"wa_id":"`+wa+`",`+members+`}],"messages":[{"id":"m",`+message+`,"type":"text","text":{"body":"x"}}]}`)).From
	}
	const ann = `"user_id":"BR.1","profile":{"name":"Ann"}`
	for from, wa := range map[string]string{"551187654321": "5511987654321", "5511987654321": "551187654321", "5215512345678": "525512345678", "541123456789": "5491123456789"} {
		assert.Equal(t, chatapi.Contact{Phone: from, Chat: from + "@c.us", BSUID: "BR.1", Name: "Ann"}, person(wa, ann, `"from":"`+from+`"`))
	}
	assert.Empty(t, person("5511987654321", ann, `"from":"551187654321","from_user_id":"BR.2"`).Name)
	assert.Empty(t, person("551132654321", ann, `"from":"5511932654321"`).Name, "a landline has one spelling")
	assert.Empty(t, person("12025550143", ann, `"from":"2025550143"`).Name)

	status := one[*chatapi.StatusEvent](t, cloud("messages", `{"contacts":[{"wa_id":"5511987654321",`+ann+`}],"statuses":[{"id":"m","status":"sent","recipient_id":"551187654321"}]}`))
	assert.Equal(t, "BR.1", status.To.BSUID)
	call := one[*chatapi.CallEvent](t, cloud("calls", `{"contacts":[{"wa_id":"5511987654321",`+ann+`}],"statuses":[{"id":"c","status":"RINGING","recipient_id":"551187654321"}]}`))
	assert.Equal(t, "Ann", call.To.Name, "the progress of a call is completed too")
}
