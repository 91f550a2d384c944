package chatapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// metaMessage returns the event of a message with the given members.
func metaMessage(t *testing.T, members string) *chatapi.MessageEvent {
	t.Helper()
	return one[*chatapi.MessageEvent](t, cloud("messages", `{"messages":[{"id":"m",`+members+`}]}`))
}

// A message from the business's own number is an echo only if it names its
// recipient: a person may write to their own number.
func TestParseWebhookOwnNumberWithoutRecipient(t *testing.T) {
	e := one[*chatapi.MessageEvent](t, cloud("messages", `{"metadata":{"display_phone_number":"+1 202-555-0100"},
		"messages":[{"id":"m","from":"12025550100","type":"text","text":{"body":"x"}}]}`))
	assert.Equal(t, "12025550100", e.From.Phone)
}

// An edit may hold another edit, up to four levels.
func TestParseWebhookNestedEdits(t *testing.T) {
	const edits = 7
	e := metaMessage(t, `"from":"12025550143",`+strings.Repeat(`"type":"edit","edit":{"original_message_id":"o","message":{`, edits)+
		`"type":"text","text":{"body":"x"}`+strings.Repeat(`}}`, edits))
	depth := 0
	for c := e.Edit; c != nil; c = c.Edit {
		depth++
	}
	assert.Equal(t, 4, depth)
}

func TestParseWebhookReferralOfTheMessageWins(t *testing.T) {
	const own, inContext = `"referral":{"source_id":"outer"}`, `"context":{"id":"q","referral":{"source_id":"inner"}}`
	for _, members := range []string{own + "," + inContext, inContext + "," + own} {
		e := metaMessage(t, `"from":"12025550143","type":"text","text":{"body":"x"},`+members)
		require.NotNil(t, e.Referral)
		assert.Equal(t, "outer", e.Referral.SourceID)
	}
	e := metaMessage(t, `"from":"12025550143","type":"text","text":{"body":"x"},`+inContext)
	require.NotNil(t, e.Referral)
	assert.Equal(t, "inner", e.Referral.SourceID)
}

// If the number's member holds a BSUID too, the BSUID in its own member wins, in
// either order.
func TestParseWebhookBSUIDInPlaceOfANumber(t *testing.T) {
	const text = `,"type":"text","text":{"body":"x"}`
	for members, want := range map[string]string{
		`"from":"US.1"`:                          "US.1",
		`"from":"US.1","from_user_id":""`:        "US.1",
		`"from":"US.1","from_user_id":"US.2"`:    "US.2",
		`"from_user_id":"US.2","from":"US.1"`:    "US.2",
		`"from_user_id":"US.2","from_bsuid":""`:  "US.2",
		`"from_bsuid":"US.2","from":" US.1"`:     "US.2",
		`"from_user_id":"US.2","from":"\tUS.1 "`: "US.2",
	} {
		e := metaMessage(t, members+text)
		assert.Equal(t, chatapi.Contact{BSUID: want, Chat: want + "@lid"}, e.From, members)
	}
	e := one[*chatapi.EchoEvent](t, cloud("smb_message_echoes", `{"message_echoes":[{"id":"m","to":"US.1","to_user_id":"US.2"`+text+`}]}`))
	assert.Equal(t, "US.2", e.To.BSUID)
}

func TestParseWebhookEchoHasNoName(t *testing.T) {
	e := one[*chatapi.EchoEvent](t, cloud("smb_message_echoes", `{"contacts":[{"wa_id":"12025550143","user_id":"US.1","profile":{"name":"Shop"}}],
		"message_echoes":[{"id":"m","from":"12025550100","to":"12025550143","type":"text","text":{"body":"x"}}]}`))
	assert.Equal(t, chatapi.Contact{Phone: "12025550143", Chat: "12025550143@c.us", BSUID: "US.1"}, e.To)
}

// Without a type, the first member that holds content is the type.
func TestParseWebhookMessageWithoutAType(t *testing.T) {
	e := metaMessage(t, `"from":"12025550143","image":{"id":"7"},"text":{"body":"x"}`)
	assert.Equal(t, chatapi.TypeImage, e.Type)
	assert.Equal(t, "message.image", e.Wire)
	require.NotNil(t, e.Media)
	assert.Equal(t, "7", e.Media.ID)
}

func TestParseWebhookTextBesideAnotherType(t *testing.T) {
	e := metaMessage(t, `"from":"12025550143","type":"hologram","text":{"body":"hi"},"hologram":{}`)
	assert.Equal(t, chatapi.TypeOther, e.Type)
	assert.Equal(t, "hi", e.Text)
}

// "from" names the sender of a system note. If it is missing, the note itself names
// the customer.
func TestParseWebhookSenderOfANote(t *testing.T) {
	const note = `"type":"system","system":{"type":"user_changed_number","customer":"12025550111","wa_id":"12025550144"}`
	assert.Equal(t, "12025550143", metaMessage(t, `"from":"12025550143",`+note).From.Phone)
	assert.Equal(t, "12025550111", metaMessage(t, note).From.Phone)
}

func TestParseWebhookContext(t *testing.T) {
	said := func(members string) chatapi.Content {
		return metaMessage(t, `"from":"12025550143","type":"text","text":{"body":"x"},`+members).Content
	}
	for _, context := range []string{`"frequently_forwarded":true,"forwarded":false`, `"forwarded":false,"frequently_forwarded":true`} {
		c := said(`"context":{` + context + `}`)
		assert.True(t, c.Forwarded, context)
		assert.True(t, c.FrequentlyForwarded, context)
	}
	c := said(`"context":{"forwarded":true,"frequently_forwarded":false}`)
	assert.True(t, c.Forwarded)
	assert.False(t, c.FrequentlyForwarded)

	for _, members := range []string{`"group_id":"G1","context":{"group_id":"G2"}`, `"context":{"group_id":"G2"},"group_id":"G1"`} {
		assert.Equal(t, "G1@g.us", said(members).Chat, "the chat is the message's own group")
	}
	assert.Equal(t, "G2@g.us", said(`"context":{"group_id":"G2"}`).Chat)
}

func TestParseWebhookErrorsOfAnInteractiveMessage(t *testing.T) {
	titles := func(members string) (all []string) {
		for _, e := range metaMessage(t, `"from":"12025550143","type":"interactive",`+members).Errors {
			all = append(all, e.Title)
		}
		return all
	}
	assert.Equal(t, []string{"outer"}, titles(`"errors":[{"title":"outer"}],"interactive":{}`))
	assert.Equal(t, []string{"outer"}, titles(`"errors":[{"title":"outer"}],"interactive":{"errors":[{"title":"inner"}]}`))
	assert.Equal(t, []string{"inner"}, titles(`"interactive":{"errors":[{"title":"inner"}]}`))
}
