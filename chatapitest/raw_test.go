package chatapitest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// rawHook carries out an act and returns its raw webhook and the id that act
// returned.
func rawHook(t *testing.T, api *chatapitest.API, act func() string) (body map[string]any, id string) {
	t.Helper()
	before := len(api.Delivered())
	id = act()
	api.Settle()
	for _, d := range api.Delivered()[before:] {
		if body == nil && strings.Contains(string(d.Body), `"entry"`) {
			require.NoError(t, json.Unmarshal(d.Body, &body))
		}
	}
	require.NotNil(t, body)
	return body, id
}

// rawAPI returns a fake that sends raw webhooks, and a customer.
func rawAPI(t *testing.T) (*chatapitest.API, *chatapitest.Customer) {
	t.Helper()
	api := chatapitest.New(t, chatapitest.At(time.Unix(1795000000, 0)))
	request(t, api, "POST", "settings", `{"rawHooks":true}`)
	api.Webhook("https://log.test/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return api, api.Customer(ann).Named("Pat Example")
}

// assertSubset checks that got has everything that want has.
func assertSubset(t *testing.T, want, got any, path string) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		for name, v := range want {
			object, _ := got.(map[string]any)
			assertSubset(t, v, object[name], path+"."+name)
		}
	case []any:
		list, _ := got.([]any)
		require.Len(t, list, len(want), path)
		for i, v := range want {
			assertSubset(t, v, list[i], fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		assert.Equal(t, want, got, path)
	}
}

// TestRawSamples compares raw webhooks with the contract's samples.
func TestRawSamples(t *testing.T) {
	api, customer := rawAPI(t)
	for name, act := range map[string]func() string{
		"webhook-raw-message.json": func() string { return customer.Says("Hello") },
		"webhook-raw-echo.json":    func() string { return api.FromPhone(ann, "Typed on the phone") },
	} {
		body, id := rawHook(t, api, act)
		var want any
		require.NoError(t, json.Unmarshal([]byte(sample(t, name, "wamid.SYNTHETIC0000000000000001", id, "wamid.SYNTHETIC0000000000000002", id)), &want))
		assertSubset(t, want, body, name)
	}
}

// TestRawContent checks the raw form of each kind of message and of a failed
// status.
func TestRawContent(t *testing.T) {
	api, customer := rawAPI(t)
	raw := func(list string, act func() string) (element map[string]any, id string) {
		body, id := rawHook(t, api, act)
		change := body["entry"].([]any)[0].(map[string]any)["changes"].([]any)[0].(map[string]any)
		return change["value"].(map[string]any)[list].([]any)[0].(map[string]any), id
	}
	message, _ := raw("messages", func() string {
		return customer.ClicksAd(chatapi.Referral{Headline: "Shoes"}, "how much?")
	})
	assert.Equal(t, "Shoes", message["referral"].(map[string]any)["headline"])
	message, _ = raw("messages", func() string {
		return customer.Sends(chatapitest.File{Name: "a.ogg", Type: chatapi.TypeVoice, Data: []byte("x")})
	})
	assert.Equal(t, true, message["audio"].(map[string]any)["voice"])
	message, _ = raw("messages", func() string { return customer.SharesLocation(38.5, -77) })
	assert.InDelta(t, 38.5, message["location"].(map[string]any)["latitude"], 0)
	message, quoted := raw("messages", func() string { return customer.Replies("wamid.X", "yes") })
	assert.Equal(t, "wamid.X", message["context"].(map[string]any)["id"])
	message, _ = raw("messages", func() string { return customer.Reacts(quoted, "👍") })
	assert.Equal(t, quoted, message["reaction"].(map[string]any)["message_id"])
	message, _ = raw("messages", func() string { return customer.SharesContact("Pat", "+12025550188") })
	assert.Equal(t, "contacts", message["type"])
	message, _ = raw("messages", customer.OpensChat)
	assert.Equal(t, "request_welcome", message["type"])

	customer.CannotBeReached("Message undeliverable.")
	status, _ := raw("statuses", func() string {
		receipt, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
		require.NoError(t, err)
		return receipt.ID
	})
	assert.Equal(t, "failed", status["status"])
	assert.Equal(t, ann, status["recipient_id"])
	assert.Equal(t, "1795000000", status["timestamp"])
}

// TestRawHooksSaySameAsNormalized checks that the two forms of an event, raw and
// normalized, have the same key, type and content.
func TestRawHooksSaySameAsNormalized(t *testing.T) {
	api := chatapitest.New(t)
	request(t, api, "POST", "settings", `{"rawHooks":true}`)
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	customer := api.Customer(ann).Named("Pat Example").WithUsername("pat")

	quoted := customer.Says("Hello")
	customer.Replies(quoted, "and again")
	customer.Reacts(quoted, "👍")
	customer.SharesLocation(38.5, -77)
	customer.SharesContact("Ben", "+12025550188")
	customer.ClicksAd(chatapi.Referral{Headline: "Shoes"}, "how much?")
	customer.OpensChat()
	api.FromPhone(ann, "Typed on the phone")
	client := api.Client()
	_, err := client.Send(context.Background(), customer.Recipient(), chatapi.Buttons{Body: "Which?", Buttons: []chatapi.Button{{ID: "a", Title: "A"}}})
	require.NoError(t, err)
	api.Settle()
	customer.Taps("A")
	customer.Reads()
	api.Settle()

	byKey := map[string][]chatapi.Event{}
	for _, e := range events.events {
		byKey[e.Key()] = append(byKey[e.Key()], e)
	}
	pairs := 0
	for key, forms := range byKey {
		if len(forms) < 2 {
			continue // an echo of the API's own send has no raw form
		}
		pairs++
		require.Len(t, forms, 2, key)
		assert.Equal(t, reflect.TypeOf(forms[0]), reflect.TypeOf(forms[1]), key)
		assert.Equal(t, content(forms[0]), content(forms[1]), key)
	}
	assert.GreaterOrEqual(t, pairs, 11)
	for _, e := range events.events {
		_, unknown := e.(*chatapi.UnknownEvent)
		assert.False(t, unknown, e.Info().Wire)
	}
}

// content returns the fields that both forms of an event have.
func content(e chatapi.Event) []any {
	switch e := e.(type) {
	case *chatapi.MessageEvent:
		return []any{e.From, e.Type, e.Chat, e.Text, e.QuotedID, e.Reply, e.Reaction, e.Referral, e.Location, e.Time}
	case *chatapi.EchoEvent:
		return []any{e.To.Phone, e.Type, e.Chat, e.Text, e.Time}
	case *chatapi.StatusEvent:
		return []any{e.Status, e.To.Phone, e.To.BSUID, e.To.Chat}
	}
	return nil
}
