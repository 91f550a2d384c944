package chatapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Each body of a corpus has exactly the events that its index names, with the
// same words. CHATAPI_CORPUS names a second folder to check.
func TestParseWebhookCorpus(t *testing.T) {
	indexes := []string{"testdata/contract/raw-index.json"}
	if folder := os.Getenv("CHATAPI_CORPUS"); folder != "" {
		indexes = append(indexes, filepath.Join(folder, "index.json"))
	}
	for _, index := range indexes {
		var files []corpusFile
		require.NoError(t, json.Unmarshal(readFile(t, index), &files))
		require.NotEmpty(t, files)
		for _, file := range files {
			t.Run(file.File, func(t *testing.T) {
				file.check(t, readFile(t, filepath.Join(filepath.Dir(index), file.File)))
			})
		}
	}
}

type corpusFile struct {
	File, Format, Expect string
	Meta                 struct {
		Instance string `json:"instance_id"`
	}
	Events []map[string]any
}

func (f corpusFile) check(t *testing.T, body []byte) {
	t.Helper()
	events, err := chatapi.ParseWebhook(body)
	require.NoError(t, err)
	keys := map[string]bool{}
	var found []map[string]any
	for _, e := range events {
		assert.Equal(t, chatapi.ChannelID(f.Meta.Instance), e.Info().Channel)
		assert.True(t, bytes.Contains(body, e.Info().Raw))
		assert.NotEmpty(t, e.Info().Wire)
		keys[e.Key()] = true
		found = append(found, indexed(e, f.Format)...)
	}
	assert.NotContains(t, keys, "")
	if f.Expect == "foreign_object" {
		return
	}
	for _, want := range f.Events {
		at := -1
		var why string
		for i, got := range found {
			if got == nil || got["kind"] != want["kind"] {
				continue
			}
			if why = differs(want, got); why == "" {
				at = i
				break
			}
		}
		if assert.GreaterOrEqual(t, at, 0, "not found: %v\n%s", want, why) {
			found[at] = nil
		}
	}
	for _, extra := range found {
		if extra["kind"] == "error" && f.Events[0]["kind"] == "call" {
			continue // the index has an error of a call with the call
		}
		assert.Nil(t, extra, "the index has no such event")
	}
}

// differs returns the first member of want that is different in got.
func differs(want, got map[string]any) string {
	for name, value := range want {
		switch name {
		case "timestamp_raw", "self", "progress":
			continue
		case "field":
			if want["kind"] != "group" && flat(value) != flat(got[name]) {
				return fmt.Sprintf("field: want %q, got %q", value, got[name])
			}
		case "phone":
			if strings.TrimPrefix(flat(value), "+") != flat(got[name]) {
				return fmt.Sprintf("phone: want %q, got %q", value, got[name])
			}
		case "from":
			if text := flat(value); text != flat(got["from"]) && text != flat(got["from_user_id"]) {
				return fmt.Sprintf("from: want %q, got %q", text, got["from"])
			}
		case "timestamp":
			if millis, ok := value.(float64); ok && millis > 1e11 {
				value = math.Trunc(millis / 1000)
			}
			if flat(value) != flat(got[name]) {
				return fmt.Sprintf("timestamp: want %s, got %s", flat(value), flat(got[name]))
			}
		case "errors", "error":
			if list, ok := value.([]any); ok && len(list) > 0 {
				value = list[0]
			}
			object, ok := value.(map[string]any)
			if !ok { // the error is a text without a code
				object = map[string]any{"title": value}
			}
			for _, part := range []string{"code", "title", "details"} {
				if w := flat(object[part]); w != "" && w != flat(got["error."+part]) {
					return fmt.Sprintf("%s.%s: want %q, got %q", name, part, w, flat(got["error."+part]))
				}
			}
		default:
			if object, ok := value.(map[string]any); ok {
				for part, w := range object {
					if name+"."+part == "system.customer" || name+"."+part == "system.user" {
						part = "old"
					}
					if got, ok := got[name+"."+part]; !ok || w != nil && flat(w) != flat(got) {
						return fmt.Sprintf("%s.%s: want %q, got %q", name, part, flat(w), flat(got))
					}
				}
				continue
			}
			if _, ok := got[name]; !ok || flat(value) != flat(got[name]) {
				return fmt.Sprintf("%s: want %q, got %q", name, flat(value), flat(got[name]))
			}
		}
	}
	return ""
}

// flat writes a value as text, so that numbers compare equal to texts, and spaces
// don't count.
func flat(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return strings.Join(v, ";")
	case []any:
		var all []string
		for _, element := range v {
			if object, ok := element.(map[string]any); ok {
				element = fmt.Sprint(object["id"], object["message_ids"])
			}
			all = append(all, flat(element))
		}
		return strings.Join(all, ";")
	case bool:
		return fmt.Sprint(v)
	case map[string]any:
		return flat(v["amount"]) + " " + flat(v["currency"])
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// indexed writes an event as an index does.
func indexed(e chatapi.Event, format string) []map[string]any {
	info := e.Info()
	out := map[string]any{}
	if !info.Time.IsZero() {
		out["timestamp"] = info.Time.Unix()
	}
	_, kind, _ := strings.Cut(info.Wire, ".")
	reasons := func(list []chatapi.StatusError) {
		if len(list) > 0 {
			out["error.code"], out["error.title"], out["error.details"] = list[0].Code, list[0].Title, list[0].Details
		}
	}
	raw := map[string]any{}
	_ = json.Unmarshal(info.Raw, &raw)
	switch e := e.(type) {
	case *chatapi.MessageEvent:
		out["kind"], out["type"], out["direction"] = "message", kind, "in"
		out["from"], out["from_user_id"], out["from_parent_user_id"] = e.From.Phone, e.From.BSUID, e.From.ParentBSUID
		out["bsuid"], out["sender_name"], out["author"] = e.From.BSUID, e.From.Name, e.From.Chat
		said(out, e.Content)
		reasons(e.Content.Errors)
		if e.System != nil && raw["from"] != nil {
			out["from"] = raw["from"] // which is the new number in some notes, and From is the old one
		}
		out["system.old"] = e.From.Phone
		if old, ok := raw["system"].(map[string]any); ok && old["customer"] != nil {
			out["system.old"] = old["customer"] // the index prefers system.customer to "from"
		}
	case *chatapi.EchoEvent:
		out["kind"], out["type"], out["direction"] = "echo", kind, "out"
		if format == "norm" {
			out["kind"] = "message"
		}
		out["to"], out["to_user_id"] = e.To.Phone, e.To.BSUID
		// The index names the sender, which the event leaves out: the sender is
		// the business.
		out["from"], out["sender_name"], out["author"] = raw["from"], raw["senderName"], raw["author"]
		said(out, e.Content)
	case *chatapi.StatusEvent:
		out["kind"], out["id"], out["status"], out["opaque"] = "status", e.MessageID, kind, e.CallbackData
		out["recipient"], out["recipient_user_id"], out["status_type"] = e.To.Phone, e.To.BSUID, raw["type"]
		out["chat_id"], out["phone"], out["bsuid"] = e.To.Chat, e.To.Phone, e.To.BSUID
		if e.To.Phone == "" {
			out["recipient"] = e.To.BSUID
		}
		if format == "norm" {
			out["kind"] = "ack"
		}
		if e.Group != "" {
			out["recipient"], out["recipient_type"] = strings.TrimSuffix(e.Group, "@g.us"), "group"
		}
		if c := e.Conversation; c != nil {
			out["conversation.id"], out["conversation.origin"] = c.ID, c.Origin
			out["conversation.expiration"] = nil
			if !c.ExpiresAt.IsZero() {
				out["conversation.expiration"] = c.ExpiresAt.Unix()
			}
		}
		if p := e.Pricing; p != nil {
			out["pricing.pricing_model"], out["pricing.category"], out["pricing.type"] = p.Model, p.Category, p.Type
			if p.Billable != nil {
				out["pricing.billable"] = *p.Billable
			}
			if p.Cost != nil {
				out["pricing.cost"] = map[string]any{"amount": float64(p.Cost.Micros) / 1e6, "currency": p.Cost.Currency}
			}
		}
		reasons(e.Errors)
	case *chatapi.PaymentEvent:
		out["kind"], out["id"], out["status"], out["status_type"] = "status", e.MessageID, e.Status, "payment"
		out["recipient"] = e.From.Phone
	case *chatapi.CallEvent:
		out["kind"], out["id"], out["event"], out["status"], out["opaque"] = "call", e.ID, e.Event, e.Status, e.CallbackData
		out["from"], out["to"], out["direction"], out["sdp_type"], out["duration"] = e.From.Phone, e.To.Phone, e.Direction, e.SDPType, e.Duration.Seconds()
		if e.Event == "" {
			out["kind"], out["recipient"], out["status_type"] = "call_status", e.To.Phone, raw["type"]
		}
	case *chatapi.TemplateEvent:
		out["kind"], out["field"] = "field", kind
		out["event"], out["template_id"], out["template_name"] = string(e.Status), e.ID, e.Name
		if e.Kind == "category" {
			out["event"] = e.Category
		}
	case *chatapi.NumberEvent:
		out["kind"], out["field"], out["event"], out["phone"] = "field", kind, e.Event, e.Phone
	case *chatapi.AccountEvent:
		out["kind"], out["field"], out["event"], out["phone"] = "field", e.Kind, e.Event, e.Phone
	case *chatapi.FlowEvent:
		out["kind"], out["field"], out["event"], out["flow_id"] = "field", kind, e.Event, e.FlowID
	case *chatapi.GroupEvent:
		out["kind"], out["type"], out["group_id"] = "group", e.Kind, e.ID
	case *chatapi.PreferenceEvent:
		out["kind"], out["wa_id"], out["category"], out["value"] = "user_preference", e.From.Phone, e.Category, e.Value
	case *chatapi.IdentityEvent:
		out["kind"], out["wa_id"], out["previous"], out["current"] = "user_id_update", e.New.Phone, e.Old.BSUID, e.New.BSUID
	case *chatapi.AppStateEvent:
		out["kind"], out["type"], out["action"], out["phone"], out["name"] = "state_sync", e.Type, e.Action, e.Contact.Phone, e.Contact.Name
	case *chatapi.HistoryEvent:
		out["kind"], out["phase"], out["chunk_order"] = "history", e.Phase, e.Chunk
		var threads []string
		for _, thread := range e.Threads {
			var ids []string
			for _, m := range thread.Messages {
				ids = append(ids, m.ID)
			}
			threads = append(threads, fmt.Sprint(thread.Contact.Phone, ids))
		}
		out["threads"] = threads
		reasons(e.Errors)
	case *chatapi.ErrorEvent:
		out["kind"] = "error"
		reasons(e.Errors)
	case *chatapi.UnknownEvent:
		out["kind"], out["field"] = "field", kind
		if value, ok := raw["value"].(map[string]any); ok {
			out["event"] = value["event"]
		}
		switch {
		case raw["chatUpdate"] != nil:
			chat, _ := raw["chatUpdate"].([]any)[0].(map[string]any)["new"].(map[string]any)
			out["kind"], out["chat_id"] = "chat_update", chat["id"]
		case raw["previous_status"] != nil:
			out["kind"], out["status"] = "instance_status", raw["status"]
		}
	}
	return []map[string]any{out}
}

func said(out map[string]any, c chatapi.Content) {
	out["id"], out["text"], out["chat_id"], out["quoted_id"], out["original_id"] = c.ID, c.Text, c.Chat, c.QuotedID, c.OriginalID
	out["context.id"], out["context.from"] = c.QuotedID, c.QuotedFrom
	if c.Forwarded {
		out["context.forwarded"] = true
	}
	if c.FrequentlyForwarded {
		out["context.frequently_forwarded"] = true
	}
	if c.Product != nil {
		out["context.referred_product"] = c.Product.ProductID
	}
	out["group_id"] = strings.TrimSuffix(c.Chat, "@g.us")
	if m := c.Media; m != nil {
		out["media_url"], out["media.id"], out["media.url"], out["media.mime_type"] = m.URL, m.ID, m.URL, m.MIMEType
		out["media.sha256"], out["media.filename"], out["media.animated"] = m.SHA256, m.Name, m.Animated
		out["media.voice"] = c.Type == chatapi.TypeVoice
	}
	if r := c.Reply; r != nil {
		out["payload"], out["description"] = r.ID, r.Description
		out["subtype"] = "button_reply"
		if r.List {
			out["subtype"] = "list_reply"
		}
	}
	if f := c.Flow; f != nil {
		out["subtype"], out["flow_name"], out["response_json"] = "nfm_reply", f.Name, f.Response
	}
	if p := c.Permission; p != nil {
		out["subtype"], out["call_permission.response"] = "call_permission_reply", p.Response
		out["call_permission.response_source"], out["call_permission.is_permanent"] = p.Source, p.Permanent
		if !p.Expires.IsZero() {
			out["call_permission.expiration_timestamp"] = p.Expires.Unix()
		}
	}
	if s := c.System; s != nil {
		out["subtype"], out["system.wa_id"], out["system.new_wa_id"], out["system.user_id"] = s.Type, s.New.Phone, s.New.Phone, s.New.BSUID
		out["system.parent_user_id"], out["system.identity"] = s.New.ParentBSUID, s.Identity
	}
	if c.Unsupported != "" {
		out["subtype"] = c.Unsupported
	}
	if r := c.Reaction; r != nil {
		out["reacted_to"] = r.MessageID
	}
	if l := c.Location; l != nil {
		out["location.latitude"], out["location.longitude"] = l.Latitude, l.Longitude
		out["location.name"], out["location.address"], out["location.url"] = l.Name, l.Address, l.URL
	}
	if o := c.Order; o != nil {
		out["order.catalog_id"], out["order.items"] = o.CatalogID, len(o.Items)
	}
	if r := c.Referral; r != nil {
		out["referral.source_type"], out["referral.source_id"], out["referral.source_url"] = r.SourceType, r.SourceID, r.SourceURL
		out["referral.ctwa_clid"], out["referral.headline"], out["referral.media_type"] = r.ClickID, r.Headline, r.MediaType
	}
	var names, phones []string
	for _, card := range c.Cards {
		names = append(names, card.Name.Formatted)
		for _, phone := range card.Phones {
			number := phone.WhatsAppID
			if number == "" {
				number = phone.Number
			}
			phones = append(phones, number)
		}
	}
	out["contact_names"], out["contact_phones"] = names, phones
}
