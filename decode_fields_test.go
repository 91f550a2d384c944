package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestParseWebhookTemplateReasons(t *testing.T) {
	event := func(members string) *chatapi.TemplateEvent {
		return one[*chatapi.TemplateEvent](t, cloud("message_template_status_update", `{"event":"rejected",`+members+`}`))
	}
	e := event(`"reason":"SCAM","rejection_info":{"reason":"words","recommendation":"advice"},"other_info":{"description":"other"}`)
	assert.Equal(t, "SCAM", e.Reason)
	assert.Equal(t, "advice", e.Advice)
	e = event(`"reason":"NONE","rejection_info":{"reason":"words"},"other_info":{"description":"other"}`)
	assert.Equal(t, "words", e.Reason)
	assert.Equal(t, "other", e.Advice)
}

// An announced category is the new category, and the present one is the old
// category.
func TestParseWebhookTemplateCategoryToCome(t *testing.T) {
	e := one[*chatapi.TemplateEvent](t, cloud("template_category_update", `{"new_category":"UTILITY","correct_category":"MARKETING"}`))
	assert.Equal(t, "UTILITY", e.OldCategory)
	assert.Equal(t, "MARKETING", e.Category)
	e = one[*chatapi.TemplateEvent](t, cloud("template_category_update",
		`{"previous_category":"AUTHENTICATION","new_category":"UTILITY","correct_category":"MARKETING"}`))
	assert.Equal(t, "AUTHENTICATION", e.OldCategory)
}

func TestParseWebhookNumberLimit(t *testing.T) {
	const current, business = `"current_limit":"TIER_1K"`, `"max_daily_conversations_per_business":"TIER_10K"`
	for members, want := range map[string]string{current + "," + business: "TIER_1K", business + "," + current: "TIER_1K", business: "TIER_10K"} {
		e := one[*chatapi.NumberEvent](t, cloud("phone_number_quality_update", `{`+members+`}`))
		assert.Equal(t, want, e.Limit, members)
	}
}

// An account event has its own time, or that of its entry if it has none.
func TestParseWebhookAccountTime(t *testing.T) {
	const value = `{"event":"PIN_CHANGED","timestamp":1780000000}`
	e := one[*chatapi.AccountEvent](t, cloud("security", `{"event":"PIN_CHANGED"}`))
	assert.Equal(t, time.Unix(1790000000, 0).UTC(), e.Time)
	e = one[*chatapi.AccountEvent](t, cloud("security", value))
	assert.Equal(t, time.Unix(1780000000, 0).UTC(), e.Time)
	e = one[*chatapi.AccountEvent](t, `{"entry":[{"changes":[{"field":"security","value":`+value+`}]}]}`)
	assert.Equal(t, time.Unix(1780000000, 0).UTC(), e.Time)
}

func TestParseWebhookIdentityOldAndNew(t *testing.T) {
	e := one[*chatapi.IdentityEvent](t, cloud("user_id_update", `{"contacts":[{"user_id":"US.2","profile":{"name":"Ann"}}],"user_id_update":[{
		"user_id":{"previous":"US.1","current":"US.2"},"parent_user_id":{"previous":"US.ENT.1","current":"US.ENT.2"},"timestamp":"1780000000"}]}`))
	assert.Equal(t, chatapi.Contact{BSUID: "US.1", ParentBSUID: "US.ENT.1", Chat: "US.1@lid"}, e.Old)
	assert.Equal(t, chatapi.Contact{BSUID: "US.2", ParentBSUID: "US.ENT.2", Chat: "US.2@lid", Name: "Ann"}, e.New)
	assert.Equal(t, time.Unix(1780000000, 0).UTC(), e.Time, "the event has its own time, not that of the entry")
}

// The business sent an old message if the history says so or the sender is the
// business's number. An unknown sender is not the business.
func TestParseWebhookHistoryDirection(t *testing.T) {
	outgoing := func(metadata, message string) bool {
		e := one[*chatapi.HistoryEvent](t, cloud("history", `{`+metadata+`"history":[{"threads":[{"id":"12025550143","messages":[{"id":"h",`+message+`}]}]}]}`))
		require.Len(t, e.Threads, 1)
		require.Len(t, e.Threads[0].Messages, 1)
		assert.Equal(t, "12025550143@c.us", e.Threads[0].Messages[0].Chat)
		return e.Threads[0].Messages[0].Outgoing
	}
	const number = `"metadata":{"display_phone_number":"+1 202-555-0100"},`
	assert.True(t, outgoing(number, `"from":"12025550100"`))
	assert.False(t, outgoing(number, `"from":"12025550143"`))
	assert.True(t, outgoing(number, `"from":"12025550143","history_context":{"from_me":true}`))
	assert.False(t, outgoing("", `"type":"text"`))
}

func TestParseWebhookAddressBookName(t *testing.T) {
	for contact, want := range map[string]string{`"full_name":"Ann Example","first_name":"Ann"`: "Ann Example", `"full_name":"","first_name":"Ann"`: "Ann"} {
		e := one[*chatapi.AppStateEvent](t, cloud("smb_app_state_sync", `{"state_sync":[{"type":"contact","action":"add","contact":{`+contact+`}}]}`))
		assert.Equal(t, want, e.Contact.Name)
	}
}
