package chatapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestFaultA5PriceInTheConversation(t *testing.T) {
	// The price of a status is read from the status, else from its conversation.
	const inside = `"conversation":{"id":"c","pricing":{"billable":true,"pricing_model":"PMP","category":"marketing"}}`
	for name, members := range map[string]string{
		"inside":          inside,
		"outside blank":   inside + `,"pricing":{"billable":false,"pricing_model":"","category":""}`,
		"no id":           `"conversation":{"pricing":{"billable":true,"pricing_model":"PMP","category":"marketing"}}`,
		"outside is null": `"pricing":null,` + inside,
	} {
		for _, e := range []*chatapi.StatusEvent{metaStatus(t, `"status":"sent","recipient_type":"group","recipient_id":"G1",`+members),
			one[*chatapi.StatusEvent](t, `{"statuses":[{"id":"m","status":"sent",`+members+`}]}`)} {
			require.NotNil(t, e.Pricing, name)
			assert.Equal(t, "PMP", e.Pricing.Model)
			assert.Equal(t, "marketing", e.Category)
			assert.True(t, *e.Pricing.Billable)
		}
	}
	e := metaStatus(t, `"status":"sent",`+inside+`,"pricing":{"category":"utility"}`)
	assert.Equal(t, "utility", e.Category, "the status's own price counts")
	e = metaStatus(t, `"status":"sent",`+inside+`,"cost":{"amount":0.02,"currency":"USD"}`)
	assert.Equal(t, int64(20_000), e.Pricing.Cost.Micros)
}

func TestFaultA6BlankSiblings(t *testing.T) {
	// The type decides which content a message has. Blank members, which forwarders
	// write for content that is not there, change nothing.
	for name, members := range map[string]string{
		"type first":   `"type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"b","title":"Yes"},"list_reply":{"id":"","title":""},"nfm_reply":null}`,
		"type last":    `"type":"interactive","interactive":{"nfm_reply":{"name":"","body":"","response_json":""},"list_reply":{},"button_reply":{"id":"b","title":"Yes"},"type":"button_reply"}`,
		"no type":      `"type":"interactive","interactive":{"list_reply":{"id":"","title":"","description":""},"button_reply":{"id":"b","title":"Yes"}}`,
		"wrong type":   `"type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":""},"button_reply":{"id":"b","title":"Yes"}}`,
		"no outer":     `"text":{"body":""},"image":{"id":"","voice":false},"interactive":{"button_reply":{"id":"b","title":"Yes"}},"order":{"product_items":[]}`,
		"zero members": `"type":"interactive","interactive":{"button_reply":{"id":"b","title":"Yes"}},"text":{"body":""},"context":{"forwarded":false,"referred_product":{"catalog_id":""}},"referral":{"source_id":""},"errors":[],"history_context":{"status":""}`,
	} {
		e := metaMessage(t, `"from":"12025550143",`+members)
		require.NotNil(t, e.Reply, name)
		assert.Equal(t, chatapi.Reply{ID: "b", Title: "Yes"}, *e.Reply, name)
		assert.Equal(t, "Yes", e.Text, name)
		assert.Nil(t, e.Flow, name)
		assert.Nil(t, e.Product, name)
		assert.Nil(t, e.Referral, name)
	}
	e := metaMessage(t, `"from":"12025550143","type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"name":"flow","body":"Sent","response_json":"{}"},"button_reply":{"id":"","title":""}}`)
	assert.Nil(t, e.Reply)
	assert.Equal(t, "flow", e.Flow.Name)
	assert.Equal(t, "x", metaMessage(t, `"from":"1","text":{"body":"x"},"image":{"id":""},"location":{"latitude":0}`).Text, "of a message without a type")
	assert.Equal(t, chatapi.Reply{ID: "b", Title: "Yes"},
		*normalized(t, `"type":"interactive","body":"Yes","chatId":"12025550143@c.us","meta":{"interactive":{"button_reply":{"id":"b","title":"Yes"},"list_reply":{"id":"","title":""}}}`).Reply)

	status := metaStatus(t, `"status":"sent","payment":{"reference_id":"","amount":{"value":0}},"pricing":{"billable":false,"pricing_model":"","category":""},"conversation":{"id":"","origin":{"type":""}}`)
	assert.Nil(t, status.Pricing, "it does not say that the message is free")
	assert.Nil(t, status.Conversation)
	assert.Empty(t, metaStatus(t, `"status":"sent","errors":[{"code":0,"title":"","error_data":{"details":""}}]`).Errors)
	events, err := chatapi.ParseWebhook([]byte(`{"entry":[],"statuses":null,"messages":[{"id":"m","fromMe":false,"body":"x"}]}`))
	require.NoError(t, err)
	require.Len(t, events, 1, "an empty envelope hides nothing")
}

func TestFaultA7PartnerEventsNameTheAccount(t *testing.T) {
	// WABA is the customer's account also in an event that was sent to a partner's
	// portfolio; the portfolio and the other members of waba_info have fields.
	event := func(value string) *chatapi.AccountEvent {
		return one[*chatapi.AccountEvent](t, cloud("account_update", value))
	}
	e := event(`{"event":"PARTNER_APP_INSTALLED","waba_info":{"waba_id":"W1","owner_business_id":"O1","partner_app_id":"A1","solution_id":"S1","solution_partner_business_ids":["1",2]}}`)
	assert.Equal(t, "W1", e.WABA)
	assert.Equal(t, &chatapi.PartnerAccount{BusinessID: "1", OwnerBusinessID: "O1", AppID: "A1", SolutionID: "S1", SolutionBusinessIDs: []string{"1", "2"}}, e.Partner)
	e = event(`{"waba_info":{"ad_account_linked":7,"waba_id":980198427658004},"event":"AD_ACCOUNT_LINKED"}`)
	assert.Equal(t, "980198427658004", e.WABA)
	assert.Equal(t, &chatapi.PartnerAccount{BusinessID: "1", AdAccountID: "7"}, e.Partner)
	e = event(`{"event":"ACCOUNT_DELETED","waba_info":{"waba_id":""}}`)
	assert.Equal(t, "1", e.WABA)
	assert.Nil(t, e.Partner)
	e = event(`{"event":"PARTNER_ADDED","waba_info":{"waba_id":"1","owner_business_id":"O1"}}`)
	assert.Equal(t, "1", e.WABA)
	assert.Equal(t, &chatapi.PartnerAccount{OwnerBusinessID: "O1"}, e.Partner, "the entry is the account's own")

	unknown := one[chatapi.Event](t, cloud("partner_solutions", `{"event":"SOLUTION_CREATED","solution_id":"S1"}`))
	assert.Empty(t, unknown.Info().WABA, "the entry is the portfolio's")
	unknown = one[chatapi.Event](t, cloud("hologram", `{"waba_info":{"waba_id":"W1"}}`))
	assert.Equal(t, "W1", unknown.Info().WABA)
}

// arranged returns a JSON value with the members of its objects in another order.
func arranged(t *testing.T, v []byte, arrange func([]string)) []byte {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		return v
	}
	_, err := d.ReadToken()
	require.NoError(t, err)
	var parts []string
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		part := ""
		if kind == '{' {
			name, err := d.ReadValue()
			require.NoError(t, err)
			part = string(name) + ":"
		}
		inner, err := d.ReadValue()
		require.NoError(t, err)
		parts = append(parts, part+string(arranged(t, bytes.Clone(inner), arrange)))
	}
	if kind == '[' {
		return []byte("[" + strings.Join(parts, ",") + "]")
	}
	arrange(parts)
	return []byte("{" + strings.Join(parts, ",") + "}")
}

// facts returns the events as sorted texts without their bytes: members in any
// order give equal facts.
func facts(t *testing.T, events []chatapi.Event) (all []string) {
	t.Helper()
	for _, e := range events {
		data, err := json.Marshal(e)
		require.NoError(t, err)
		var v any
		require.NoError(t, json.Unmarshal(data, &v))
		data, err = json.Marshal(plainFacts(v))
		require.NoError(t, err)
		key := e.Key()
		if strings.Contains(key, "/sha256:") {
			key = ""
		}
		all = append(all, strings.Join([]string{key, string(data)}, " "))
	}
	slices.Sort(all)
	return all
}

// plainFacts removes the bytes of events, and reads texts that are JSON.
func plainFacts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "Raw")
		for name, inner := range v {
			v[name] = plainFacts(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = plainFacts(inner)
		}
	case string:
		var inner any
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
			return inner
		}
	}
	return v
}

// goldenBodies returns the bodies of the contract, and those of the corpus that
// CHATAPI_CORPUS names.
func goldenBodies(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	patterns := []string{"testdata/contract/webhook-*.json", "testdata/contract/raw/*.json", "testdata/webhooks/*.json"}
	if folder := os.Getenv("CHATAPI_CORPUS"); folder != "" {
		patterns = append(patterns, filepath.Join(folder, "*-*.json"))
	}
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			all[name] = readFile(t, name)
		}
	}
	return all
}

func TestFaultA10AnyOrderOfMembers(t *testing.T) {
	// The order of an object's members changes nothing.
	random := rand.New(rand.NewPCG(10, 1))
	for name, body := range goldenBodies(t) {
		events, err := chatapi.ParseWebhook(body)
		require.NoError(t, err, name)
		if slices.ContainsFunc(events, func(e chatapi.Event) bool { return e.Info().Lenient }) {
			continue // of a name given twice the last value counts
		}
		want := facts(t, events)
		for range 4 {
			again, err := chatapi.ParseWebhook(arranged(t, body, func(parts []string) {
				slices.Reverse(parts)
			}))
			require.NoError(t, err, name)
			require.Equal(t, want, facts(t, again), "%s reversed", name)
			again, err = chatapi.ParseWebhook(arranged(t, body, func(parts []string) {
				random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			}))
			require.NoError(t, err, name)
			require.Equal(t, want, facts(t, again), "%s shuffled", name)
		}
	}
}

// Bodies with two members for one field, which no golden body has.
func TestFaultA10TwoMembersForOneField(t *testing.T) {
	for _, body := range []string{
		cloud("business_capability_update", `{"max_daily_conversation_per_phone":1,"max_daily_conversations_per_business":"TIER_2K","max_phone_numbers_per_business":3,"max_phone_numbers_per_waba":4}`),
		cloud("message_template_status_update", `{"event":"REJECTED","reason":"NONE","rejection_info":{"reason":"words","recommendation":"a"},"other_info":{"title":"T","description":"d"}}`),
		cloud("message_template_status_update", `{"event":"PAUSED","reason":"X","other_info":{"title":"FIRST_PAUSE"},"category_update_timestamp":5,"disable_info":{"disable_date":6}}`),
		cloud("template_category_update", `{"new_category":"A","message_template_category":"B","previous_category":"C"}`),
		cloud("phone_number_quality_update", `{"event":"A","decision":"B","status":"C","username":"d","requested_verified_name":"e","current_limit":"","max_daily_conversations_per_business":"f"}`),
		cloud("account_alerts", `{"entity_type":"A","entity_id":1,"alert_info":{"entity_type":"B","alert_type":"C","alert_description":"d"},"alert_description":"e","type":"f","event":"","ban_info":{"waba_ban_state":"g"},"violation_info":{"violation_type":"h"}}`),
		cloud("security", `{"display_phone_number":"1","phone_number":"2","event":"E","timestamp":5}`),
		cloud("messages", `{"contacts":[{"user_id":"US.1","username":"a","profile":{"username":"b","name":"n"}}],"messages":[
			{"id":"1","from":"US.3","from_bsuid":"US.2","from_user_id":"US.1","type":"image","image":{"id":"i","url":"https://a.example","link":"https://b.example","caption":""},"text":{"body":"t"}},
			{"id":"2","from":"1","video":{"id":"v"},"audio":{"id":"a"},"text":{"body":"t"}},
			{"id":"3","from":"1","type":"button","button":{"text":"a","title":"b","payload":"p","id":"q"}},
			{"id":"4","from":"1","type":"interactive","interactive":{"list_reply":{"id":"l"},"button_reply":{"id":"b"}}},
			{"id":"5","from":"1","type":"system","system":{"wa_id":"2","new_wa_id":"3","user":"4","customer":"5","type":"customer_changed_number"}},
			{"id":"6","from":"1","type":"text","text":{"body":"x"},"referral":{"source_id":"s","image_url":"https://a.example","video_url":"https://b.example"}}]}`),
		cloud("messages", `{"statuses":[{"id":"1","status":"failed","recipient_id":"1","message":{"recipient_id":"2"},"recipient_parent_user_id":"US.ENT.1","parent_recipient_user_id":"US.ENT.2","parent_user_id":"US.ENT.3",
			"pricing":{"category":"a","cost":{"amount":1,"currency":"USD"}},"conversation":{"id":"c","pricing":{"category":"b"}},"cost":{"amount":2,"currency":"USD"},
			"errors":[{"code":1,"error_code":2,"title":"t","message":"m","details":"d","error_data":{"details":"e"}}]},
			{"id":"2","status":"sent","recipient_type":"group","recipient_id":"G","recipient_participant_id":"1","participant_recipient_id":"2"}]}`),
		cloud("calls", `{"calls":[{"id":"c","event":"connect","to":"1","recipient_id":"2","to_user_id":"US.1","recipient_user_id":"US.2","from":"US.3","from_user_id":"US.4"}]}`),
		cloud("standby", `{"contacts":[{"wa_id":"1","profile":{"name":"n"}}],"messages":[{"id":"1","from":"1","type":"text","text":{"body":"x"}}],"standby":{"message_echoes":[{"id":"2","message":{"to":"1","recipient":"US.1","type":"text","text":{"body":"y"}}}]}}`),
		`{"messages":[{"id":"m","type":"interactive","body":"x","fromMe":false,"meta":{"id":"a"},"metadata":{"id":"b"},"chatId":"1@c.us","author":"2@c.us","authorBsuid":"US.1"}],
			"ack":[{"id":"a","status":"failed","error":"one","errors":["two"],"time":1,"timestamp":2}]}`,
	} {
		events, err := chatapi.ParseWebhook([]byte(body))
		require.NoError(t, err)
		again, err := chatapi.ParseWebhook(arranged(t, []byte(body), slices.Reverse))
		require.NoError(t, err)
		assert.Equal(t, facts(t, events), facts(t, again), body)
	}
	e := one[*chatapi.AccountEvent](t, cloud("business_capability_update", `{"max_daily_conversations_per_business":"TIER_2K","max_daily_conversation_per_phone":1}`))
	assert.Equal(t, "TIER_2K", e.DailyLimit)
}

func TestFaultA11WhyATemplateIsPaused(t *testing.T) {
	// Reason is the code that Meta gives, wherever it stands; a word for "none" is
	// no reason.
	event := func(members string) *chatapi.TemplateEvent {
		return one[*chatapi.TemplateEvent](t, cloud("message_template_status_update", `{`+members+`}`))
	}
	for members, want := range map[string]string{
		`"event":"PAUSED","reason":"NONE","other_info":{"title":"FIRST_PAUSE","description":"d"}`: "FIRST_PAUSE",
		`"event":"PAUSED","other_info":{"title":"SECOND_PAUSE"},"reason":null`:                    "SECOND_PAUSE",
		`"event":"paused","reason":"None","other_info":{"title":"RATE_LIMITING_PAUSE"}`:           "RATE_LIMITING_PAUSE",
		`"event":"APPROVED","reason":"None"`:                                                      "",
		`"event":"APPROVED","reason":" none "`:                                                    "",
		`"event":"APPROVED","reason":"null"`:                                                      "",
		`"event":"REJECTED","rejection_info":{"reason":"INVALID"},"reason":"NONE"`:                "INVALID",
		`"event":"REJECTED","reason":"INVALID_FORMAT","other_info":{"title":"T"}`:                 "INVALID_FORMAT",
		`"event":"PAUSED","reason":"LOW_QUALITY","other_info":{"title":"NONE"}`:                   "LOW_QUALITY",
		`"event":"LOCKED","other_info":{"title":"LOCKED_BY_REVIEW"}`:                              "LOCKED_BY_REVIEW",
		`"event":"DISABLED","reason":"NONE","other_info":{"title":"DISABLED"},"disable_info":{}`:  "DISABLED",
	} {
		assert.Equal(t, want, event(members).Reason, members)
	}
	for word, status := range map[string]chatapi.TemplateStatus{"REINSTATED": chatapi.TemplateReinstated, "flagged": chatapi.TemplateFlagged,
		"UNARCHIVED": chatapi.TemplateUnarchived, "unlocked": chatapi.TemplateUnlocked} {
		assert.Equal(t, status, event(`"event":"`+word+`"`).Status)
	}
	name := one[*chatapi.NumberEvent](t, cloud("phone_number_name_update", `{"decision":"APPROVED","rejection_reason":"NONE"}`))
	assert.Empty(t, name.Reason)
}

func TestFaultA15ScalarsThatAreObjects(t *testing.T) {
	// A member that is an object or array instead of a scalar costs the event that
	// field alone: the event says so, and so does the ParseError.
	for body, want := range map[string]string{
		`{"messages":[{"id":"m","type":{},"body":"x","fromMe":false,"chatId":"12025550143@c.us"}]}`:                                      "type",
		`{"messages":[{"id":"m","type":"chat","body":{},"fromMe":false,"chatId":"12025550143@c.us"}]}`:                                   "body",
		`{"messages":[{"id":"m","type":"chat","body":"x","fromMe":false,"time":{},"chatId":"12025550143@c.us"}]}`:                        "time",
		`{"messages":[{"id":"m","body":"x","fromMe":false,"messageNumber":[],"author":"12025550143@c.us"}]}`:                             "messageNumber",
		`{"ack":[{"id":"m","status":"sent","category":{}}]}`:                                                                             "category",
		`{"ack":[{"id":"m","status":"sent","errors":[{"title":[]}]}]}`:                                                                   "errors.title",
		`{"statuses":[{"id":"m","status":"sent","timestamp":[]}]}`:                                                                       "timestamp",
		`{"messages":[{"id":"m","from":"12025550143","timestamp":{},"type":"text","text":{"body":"x"}}]}`:                                "timestamp",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":{},"text":{"body":"x"}}]}`):                                          "type",
		cloud("messages", `{"messages":[{"id":"m","from":{},"type":"text","text":{"body":"x"}}]}`):                                       "from",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"text","text":{"body":{}}}]}`):                                       "text.body",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"text","text":["x"]}]}`):                                             "text",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"image","image":{"id":{},"url":"u"}}]}`):                             "image.id",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"button","button":{"payload":[]}}]}`):                                "button.payload",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"interactive","interactive":{"type":[],"list_reply":{"id":"a"}}}]}`): "interactive.type",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"edit","edit":{"message":{"type":"text","text":{"body":[]}}}}]}`):    "edit.message.text.body",
		cloud("messages", `{"messages":[{"id":"m","from":"1","type":"text","text":{"body":"x"},"context":{"id":{}}}]}`):                  "context.id",
		cloud("messages", `{"statuses":[{"id":"m","status":"sent","pricing":{"category":{}}}]}`):                                         "pricing.category",
		cloud("messages", `{"statuses":[{"id":"m","status":"sent","conversation":{"expiration_timestamp":{}}}]}`):                        "conversation.expiration_timestamp",
		cloud("messages", `{"errors":[{"code":{},"title":"t"}]}`):                                                                        "code",
		cloud("calls", `{"calls":[{"id":"c","event":"connect","duration":{}}]}`):                                                         "duration",
		cloud("history", `{"history":[{"threads":[{"id":"1","messages":[{"id":"m","text":{"body":[]}}]}]}]}`):                            "threads.messages.text.body",
		cloud("history", `{"history":[{"metadata":{"phase":[]},"threads":[{"id":"1","messages":[]}]}]}`):                                 "metadata.phase",
		cloud("smb_app_state_sync", `{"state_sync":[{"type":"contact","contact":{"phone_number":{}}}]}`):                                 "contact.phone_number",
		cloud("user_preferences", `{"user_preferences":[{"value":{}}]}`):                                                                 "value",
		cloud("group_lifecycle_update", `{"groups":[{"type":{},"group_id":"G"}]}`):                                                       "type",
		cloud("account_update", `{"event":{},"phone_number":"1"}`):                                                                       "event",
		cloud("message_template_status_update", `{"event":"PAUSED","reason":[]}`):                                                        "reason",
		cloud("messaging_handovers", `{"type":"control_passed","timestamp":{},"control_passed":{}}`):                                     "timestamp",
	} {
		events, err := chatapi.ParseWebhook([]byte(body))
		require.Len(t, events, 1, body)
		_, unknown := events[0].(*chatapi.UnknownEvent)
		assert.False(t, unknown, body)
		require.Len(t, events[0].Info().Problems, 1, body)
		assert.True(t, strings.HasPrefix(events[0].Info().Problems[0], want+": want a text, got an "), "%s: %q", body, events[0].Info().Problems)
		bad, ok := errors.AsType[*chatapi.ParseError](err)
		require.True(t, ok, body)
		require.Len(t, bad.Elements, 1, body)
		assert.True(t, bad.Elements[0].Partial, body)
		assert.Equal(t, events[0].Info().Problems[0], bad.Elements[0].Err.Error())

		h := newHook(nil)
		assert.Equal(t, 200, h.post(body).Code)
		assert.Len(t, h.keys, 1, "the handler delivers it")
		require.Len(t, h.errors, 1, "and reports it")
		assert.ErrorAs(t, h.errors[0], &bad)
	}
}

// An old chat or an old message that is no object is told, and its siblings stay.
func TestFaultA15OldChatsThatAreNoObjects(t *testing.T) {
	events, err := chatapi.ParseWebhook([]byte(cloud("history", `{"history":[{"threads":[5,{"id":"12025550143","messages":["x",{"id":"m"}]}]}]}`)))
	require.Len(t, events, 1)
	e := events[0].(*chatapi.HistoryEvent)
	require.Len(t, e.Threads, 1)
	require.Len(t, e.Threads[0].Messages, 1)
	assert.Equal(t, []string{"threads: want an object, got a number", "threads.messages: want an object, got a text"}, e.Problems)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

// No scalar of a golden body that becomes an object costs an event.
func TestFaultA15NoEventIsLost(t *testing.T) {
	for name, body := range goldenBodies(t) {
		events, err := chatapi.ParseWebhook(body)
		require.NoError(t, err)
		d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		for {
			token, err := d.ReadToken()
			if err != nil {
				break
			}
			inside, n := d.StackIndex(d.StackDepth())
			if k := token.Kind(); k == '{' || k == '}' || k == '[' || k == ']' || inside == '[' || inside == '{' && n%2 == 1 {
				continue // no value of a member
			}
			end := int(d.InputOffset())
			start := end - len(token.String())
			if token.Kind() == '"' {
				start = bytes.LastIndexByte(body[:end-1], '"')
				for start > 0 && body[start-1] == '\\' {
					start = bytes.LastIndexByte(body[:start], '"')
				}
			}
			for _, odd := range []string{`{}`, `[[1]]`} {
				again, _ := chatapi.ParseWebhook(slices.Concat(body[:start], []byte(odd), body[end:]))
				require.GreaterOrEqual(t, len(again), len(events), "%s: %s for %s", name, odd, body[start:end])
			}
		}
	}
}

func TestFaultA18PartsOfTheEnvelope(t *testing.T) {
	// A body that is only a part of WhatsApp's envelope, or stands in the envelope of
	// a forwarder, has the same events as the whole one.
	const value = `"messaging_product":"whatsapp",` + ownNumber + `"contacts":[{"wa_id":"12025550143","profile":{"name":"Ann"}}],
		"messages":[{"id":"m","from":"12025550143","timestamp":"1790000001","type":"text","text":{"body":"x"}}]`
	for name, c := range map[string]struct{ body, waba, path string }{
		"value":           {`{` + value + `,"field":"messages"}`, "", "messages[1]"},
		"value, channel":  {`{"instanceId":"ABC1",` + value + `}`, "", "messages[1]"},
		"change":          {`{"field":"messages","value":{` + value + `}}`, "", "value.messages[1]"},
		"bare change":     {`{"value":{` + value + `}}`, "", "value.messages[1]"},
		"entry":           {`{"id":"1","changes":[{"field":"messages","value":{` + value + `}}]}`, "1", "changes[0].value.messages[1]"},
		"in a body":       {`{"headers":{"host":"x"},"body":` + cloud("messages", `{`+value+`}`) + `}`, "1", "body.entry[0].changes[0].value.messages[1]"},
		"value in body":   {`{"headers":{},"body":{` + value + `}}`, "", "body.messages[1]"},
		"value, no data":  {`{"field":"messages","contacts":[{"wa_id":"12025550143","profile":{"name":"Ann"}}],` + ownNumber + `"messages":[{"id":"m","from":"12025550143","text":{"body":"x"}}]}`, "", "messages[1]"},
		"in a payload":    {`{"payload":` + cloud("messages", `{`+value+`}`) + `}`, "1", "payload.entry[0].changes[0].value.messages[1]"},
		"entry is change": {`{"entry":[{"id":"1","field":"messages","value":{` + value + `}}]}`, "1", "entry[0].changes[0].value.messages[1]"},
		"partner event":   {`{"id":"e","event":"messages","data":{"id":"1",` + value + `}}`, "1", "data.messages[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			e := one[*chatapi.MessageEvent](t, c.body)
			assert.Equal(t, "x", e.Text)
			assert.Equal(t, "Ann", e.From.Name)
			assert.Equal(t, []string{"N1", "12025550100", c.waba}, []string{e.PhoneNumberID, e.OwnPhone, e.WABA})
			_, err := chatapi.ParseWebhook([]byte(strings.Replace(c.body, `"text":{"body":"x"}}]`, `"text":{"body":"x"}},5]`, 1)))
			var bad *chatapi.ParseError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, c.path, bad.Elements[0].Path)
		})
	}
	for _, body := range []string{
		`{"history":[{"errors":[{"code":2593109}]}]}`,
		`{"field":"history","messaging_product":"whatsapp",` + ownNumber + `"history":[{"errors":[{"code":2593109}]}]}`,
		`{"id":"e","event":"history","data":{"messaging_product":"whatsapp","errors":[{"code":2593109}]}}`,
	} {
		assert.Equal(t, 2593109, one[*chatapi.HistoryEvent](t, body).Errors[0].Code, body)
	}
	one[*chatapi.HistoryEvent](t, `{"field":"history","messages":[{"id":"m","from":"1","type":"text","text":{"body":"x"}}]}`)
	one[*chatapi.StandbyEvent](t, `{"field":"standby","messaging_product":"whatsapp","messages":[{"id":"m","from":"1","type":"text","text":{"body":"x"}}]}`)
	one[*chatapi.EchoEvent](t, `{`+ownNumber+`"message_echoes":[{"id":"m","to":"12025550143","type":"text","text":{"body":"x"}}]}`)
	one[*chatapi.AccountEvent](t, `{"field":"account_update","value":{"event":"ACCOUNT_DELETED"}}`)
	one[*chatapi.UnknownEvent](t, `{"body":{"hello":"world"},"headers":{}}`)
	events, err := chatapi.ParseWebhook([]byte(`{` + value + `,"ack":[{"id":"a","status":"sent"}]}`))
	require.NoError(t, err)
	assert.Len(t, events, 2)
}

func TestFaultA18PlacesWithoutCoordinates(t *testing.T) {
	// A place without readable coordinates keeps its name, address and link.
	place := func(location string) *chatapi.ReceivedLocation {
		e := metaMessage(t, `"from":"12025550143","type":"location","location":`+location)
		if e.Location != nil && e.Location.NoCoordinates {
			assert.NotContains(t, e.Display(), "0, 0")
		}
		return e.Location
	}
	assert.Equal(t, &chatapi.ReceivedLocation{Name: "Cafe", Address: "Main St 1", NoCoordinates: true}, place(`{"name":"Cafe","address":"Main St 1"}`))
	assert.Equal(t, &chatapi.ReceivedLocation{Name: "Cafe", NoCoordinates: true}, place(`{"name":"Cafe","latitude":91,"longitude":5}`))
	assert.Equal(t, &chatapi.ReceivedLocation{URL: "https://maps.example", NoCoordinates: true}, place(`{"url":"https://maps.example","latitude":null,"longitude":null}`))
	assert.Nil(t, place(`{}`))
	assert.Equal(t, &chatapi.ReceivedLocation{Latitude: 1.5, Longitude: -2, Name: "Cafe"}, place(`{"latitude":"1.5","longitude":-2,"name":"Cafe"}`))
	assert.Equal(t, "Cafe", one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","from":"1","type":"location","location":{"name":"Cafe"}}]}`).Location.Name)
	assert.Equal(t, "Cafe", normalized(t, `"type":"location","body":{"name":"Cafe"},"chatId":"1@c.us"`).Location.Name)
}

func TestFaultA22ListsOfOne(t *testing.T) {
	// One object where a list belongs is a list of one.
	const message = `{"id":"m","from":"12025550143","type":"text","text":{"body":"x"}}`
	for name, body := range map[string]string{
		"messages":     cloud("messages", `{"messages":`+message+`}`),
		"entry":        `{"entry":{"id":"1","changes":[{"field":"messages","value":{"messages":[` + message + `]}}]}}`,
		"changes":      `{"entry":[{"id":"1","changes":{"field":"messages","value":{"messages":[` + message + `]}}}]}`,
		"all of them":  `{"entry":{"changes":{"value":{"messages":` + message + `}}}}`,
		"on-premise":   `{"messages":` + message + `}`,
		"normalized":   `{"messages":{"id":"m","type":"chat","body":"x","fromMe":false,"chatId":"12025550143@c.us"}}`,
		"n8n":          `{"headers":{},"body":{"entry":{"changes":{"value":{"messages":` + message + `}}}}}`,
		"with contact": cloud("messages", `{"contacts":{"wa_id":"12025550143"},"messages":`+message+`}`),
	} {
		assert.Equal(t, "12025550143", one[*chatapi.MessageEvent](t, body).From.Phone, name)
	}
	one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":{"id":"m","status":"sent"}}`))
	one[*chatapi.StatusEvent](t, `{"statuses":{"id":"m","status":"sent"}}`)
	one[*chatapi.CallEvent](t, `{"type":"calls","calls":{"id":"c","event":"connect"}}`)
	one[*chatapi.ErrorEvent](t, cloud("messages", `{"errors":{"code":131000}}`))
	one[*chatapi.AppStateEvent](t, cloud("smb_app_state_sync", `{"state_sync":{"type":"contact","contact":{"full_name":"Ann"}}}`))
	group := one[*chatapi.GroupEvent](t, cloud("group_participants_update", `{"groups":{"group_id":"G","added_participants":{"wa_id":"12025550143"}}}`))
	assert.Len(t, group.Added, 1)
	assert.Len(t, metaMessage(t, `"from":"1","type":"contacts","contacts":{"name":{"formatted_name":"Ben"}}`).Cards, 1)
	assert.Len(t, metaMessage(t, `"from":"1","type":"order","order":{"product_items":{"quantity":1}}`).Order.Items, 1)
}

func TestFaultA23TextsWithoutTheirObject(t *testing.T) {
	// Content that is a text instead of an object is read, and so is a time in ISO
	// 8601. An unreadable time is told.
	assert.Equal(t, "oi", metaMessage(t, `"from":"1","type":"text","text":"oi"`).Text)
	assert.Equal(t, "oi", metaMessage(t, `"from":"1","text":"oi"`).Text)
	assert.Equal(t, "oi", one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","from":"1","type":"text","text":"oi"}]}`).Text)
	assert.Equal(t, "oi", metaMessage(t, `"from":"1","type":"edit","edit":{"message":{"type":"text","text":"oi"}}`).Edit.Text)
	assert.Equal(t, "Yes", metaMessage(t, `"from":"1","type":"button","button":"Yes"`).Reply.Title)
	assert.Equal(t, "+", metaMessage(t, `"from":"1","type":"reaction","reaction":"+"`).Reaction.Emoji)
	assert.Equal(t, "https://a.example/i.jpg", metaMessage(t, `"from":"1","type":"image","image":"https://a.example/i.jpg"`).Media.URL)
	assert.Equal(t, 38.5, metaMessage(t, `"from":"1","type":"location","location":"38.5;-77"`).Location.Latitude)
	assert.Equal(t, "moved", metaMessage(t, `"from":"1","type":"system","system":"moved"`).Text)

	at := time.Unix(1790000000, 0).UTC()
	for _, text := range []string{`"2026-09-21T14:13:20Z"`, `"2026-09-21T16:13:20+02:00"`, `"2026-09-21T14:13:20.000+0000"`} {
		assert.Equal(t, at, metaMessage(t, `"from":"1","timestamp":`+text).Time, text)
		assert.Equal(t, at, metaStatus(t, `"status":"sent","timestamp":`+text).Time, text)
		assert.Equal(t, at, normalized(t, `"body":"x","chatId":"1@c.us","time":`+text).Time, text)
		assert.Equal(t, at, one[*chatapi.AccountEvent](t, cloud("security", `{"timestamp":`+text+`}`)).Time, text)
	}
	for _, text := range []string{`"soon"`, `-1`, `"2026-09-21T14:13:20"`} {
		for _, info := range []*chatapi.EventInfo{metaMessage(t, `"from":"1","timestamp":`+text).Info(), metaStatus(t, `"status":"sent","timestamp":`+text).Info(),
			normalized(t, `"body":"x","chatId":"1@c.us","time":`+text).Info(), one[*chatapi.CallEvent](t, cloud("calls", `{"calls":[{"id":"c","timestamp":`+text+`}]}`)).Info()} {
			assert.True(t, info.Time.IsZero(), text)
			require.Len(t, info.Problems, 1, text)
			assert.Contains(t, info.Problems[0], "want Unix seconds")
		}
	}
	assert.Empty(t, metaMessage(t, `"from":"1","timestamp":""`).Problems)
}
