package chatapi_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

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
	patterns := []string{"testdata/contract/webhook-*.json", "testdata/contract/raw/*.json", "testdata/webhooks/own/*.json"}
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
