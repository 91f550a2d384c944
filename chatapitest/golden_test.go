package chatapitest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// sample reads a recorded webhook and puts the fake's ids into it.
func sample(t *testing.T, name string, replace ...string) string {
	t.Helper()
	data, err := os.ReadFile("../testdata/contract/" + name)
	require.NoError(t, err)
	return strings.NewReplacer(replace...).Replace(string(data))
}

// TestGolden compares what the fake delivers with the samples of the contract.
func TestGolden(t *testing.T) {
	const first, second = "wamid.SYNTHETIC0000000000000001", "wamid.SYNTHETIC0000000000000002"
	at := time.Unix(1795000000, 0)
	for _, test := range []struct {
		sample string
		quirks []chatapitest.Quirk
		act    func(api *chatapitest.API, c *chatapitest.Customer, message string) (id, quoted string)
	}{
		{"webhook-message-text.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) {
			return c.Says("Hello"), ""
		}},
		{"webhook-message-text-int-flags.json", []chatapitest.Quirk{chatapitest.IntFlags}, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) {
			return c.Says("Hello"), ""
		}},
		{"webhook-message-image.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) {
			return c.Sends(chatapitest.File{URL: "https://media.example.com/in/1.jpg", Name: "1.jpg", Caption: "My receipt"}), ""
		}},
		{"webhook-message-document.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) {
			return c.Sends(chatapitest.File{URL: "https://media.example.com/in/2.pdf", Name: "contract.pdf"}), ""
		}},
		{"webhook-message-location.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) {
			return c.SharesLocation(38.8977, -77.0365), ""
		}},
		{"webhook-message-reaction.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, id string) (string, string) {
			return c.Reacts("", "👍"), id
		}},
		{"webhook-message-reply.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, id string) (string, string) {
			return c.Replies(id, "Yes"), id
		}},
		{"webhook-message-request-welcome.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) { return c.OpensChat(), "" }},
		{"webhook-message-interactive.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, id string) (string, string) {
			return c.Picks("b-1"), id
		}},
		{"webhook-message-button.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) {
			id := c.LastReceived().ID
			return c.Taps("Yes"), id
		}},
		{"webhook-message-group.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) {
			return c.SaysIn("120363000000000001@g.us", "Hello"), ""
		}},
		{"webhook-message-lid.json", nil, func(api *chatapitest.API, _ *chatapitest.Customer, _ string) (string, string) {
			return api.Customer("US.1000000000000001").Named("Pat Example").Says("Hello"), ""
		}},
		{"webhook-calls-connect.json", nil, func(_ *chatapitest.API, c *chatapitest.Customer, _ string) (string, string) { return c.Rings(), "" }},
	} {
		t.Run(test.sample, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := chatapitest.New(t, chatapitest.At(at), chatapitest.Quirks(test.quirks...))
				customer := api.Customer(ann).Named("Pat Example")
				customer.Says("hi")
				client := api.Client()
				_, err := client.Send(t.Context(), customer.Recipient(), chatapi.List{Body: "Where?", Label: "Places",
					Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: "b-1", Title: "North"}}}}})
				require.NoError(t, err)
				list := customer.LastReceived().ID
				if test.sample == "webhook-message-button.json" {
					request(t, api, "POST", "addTemplate", `{"name":"yes","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"?"},{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Yes"}]}]}`)
					request(t, api, "POST", "sendTemplate", `{"phone":"12025550143","template":"yes","language":{"code":"en"}}`)
				}
				api.Webhook("https://log.test/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				id, quoted := test.act(api, customer, list)
				delivered := api.Delivered()
				require.Len(t, delivered, 1)
				bsuid := customer.BSUID()
				if test.sample == "webhook-message-lid.json" {
					bsuid = "US.1000000000000001"
				}
				want := sample(t, test.sample, first, id, second, quoted, "wacid.SYNTHETIC0001", id, "US.1000000000000001", bsuid,
					`"Project"`, `"Group 120363000000000001"`)
				assert.JSONEq(t, want, string(delivered[0].Body))
			})
		})
	}
}

func TestGoldenSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.At(time.Unix(1795000000, 0)))
		customer := api.Customer(ann).Named("Pat Example")
		customer.Says("hi")
		api.Template("news", "en", "We ship today.")
		api.Webhook("https://log.test/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		client := api.Client()
		receipt, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "We ship today."})
		require.NoError(t, err)
		api.Settle()
		assert.JSONEq(t, sample(t, "webhook-message-outgoing-echo.json", "wamid.SYNTHETIC0000000000000001", receipt.ID), string(api.Delivered()[0].Body))

		receipt, err = client.Send(t.Context(), customer.Recipient(), chatapi.Template{Name: "news", Language: "en"})
		require.NoError(t, err)
		api.Settle()
		ids := []string{"wamid.SYNTHETIC0000000000000001", receipt.ID, "US.1000000000000001", customer.BSUID()}
		assert.JSONEq(t, sample(t, "webhook-ack-sent.json", ids...), string(api.Delivered()[4].Body))

		customer.CannotBeReached("User's number is part of an experiment")
		receipt, err = client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
		require.NoError(t, err)
		api.Settle()
		ids[1] = receipt.ID
		assert.JSONEq(t, sample(t, "webhook-ack-failed.json", ids...), string(api.Delivered()[len(api.Delivered())-1].Body))
		assert.NotEqual(t, receipt.ID, customer.LastReceived().ID)
	})
}

// TestRawHooks compares WhatsApp's own payloads with the contract's samples.
func TestRawHooks(t *testing.T) {
	api := chatapitest.New(t, chatapitest.At(time.Unix(1795000000, 0)))
	request(t, api, "POST", "settings", `{"rawHooks":true}`)
	api.Webhook("https://log.test/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	customer := api.Customer(ann).Named("Pat Example")
	raw := func(act func() string) (body map[string]any, id string) {
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
	value := func(body map[string]any, list string) map[string]any {
		change := body["entry"].([]any)[0].(map[string]any)["changes"].([]any)[0].(map[string]any)
		return change["value"].(map[string]any)[list].([]any)[0].(map[string]any)
	}
	// subset has the fake say at least what the sample says.
	var subset func(want, got any, path string)
	subset = func(want, got any, path string) {
		switch want := want.(type) {
		case map[string]any:
			for name, v := range want {
				object, _ := got.(map[string]any)
				subset(v, object[name], path+"."+name)
			}
		case []any:
			list, _ := got.([]any)
			require.Len(t, list, len(want), path)
			for i, v := range want {
				subset(v, list[i], fmt.Sprintf("%s[%d]", path, i))
			}
		default:
			assert.Equal(t, want, got, path)
		}
	}
	compare := func(name string, act func() string) {
		body, id := raw(act)
		var want any
		require.NoError(t, json.Unmarshal([]byte(sample(t, name, "wamid.SYNTHETIC0000000000000001", id, "wamid.SYNTHETIC0000000000000002", id)), &want))
		subset(want, body, name)
	}
	compare("webhook-raw-message.json", func() string { return customer.Says("Hello") })
	compare("webhook-raw-echo.json", func() string { return api.FromPhone(ann, "Typed on the phone") })

	message, _ := raw(func() string {
		return customer.ClicksAd(chatapi.Referral{Headline: "Shoes"}, "how much?")
	})
	assert.Equal(t, "Shoes", value(message, "messages")["referral"].(map[string]any)["headline"])
	message, _ = raw(func() string {
		return customer.Sends(chatapitest.File{Name: "a.ogg", Type: chatapi.TypeVoice, Data: []byte("x")})
	})
	assert.Equal(t, true, value(message, "messages")["audio"].(map[string]any)["voice"])
	message, _ = raw(func() string { return customer.SharesLocation(38.5, -77) })
	assert.InDelta(t, 38.5, value(message, "messages")["location"].(map[string]any)["latitude"], 0)
	message, quoted := raw(func() string { return customer.Replies("wamid.X", "yes") })
	assert.Equal(t, "wamid.X", value(message, "messages")["context"].(map[string]any)["id"])
	message, _ = raw(func() string { return customer.Reacts(quoted, "👍") })
	assert.Equal(t, quoted, value(message, "messages")["reaction"].(map[string]any)["message_id"])
	message, _ = raw(func() string { return customer.SharesContact("Pat", "+12025550188") })
	assert.Equal(t, "contacts", value(message, "messages")["type"])
	message, _ = raw(customer.OpensChat)
	assert.Equal(t, "request_welcome", value(message, "messages")["type"])

	customer.CannotBeReached("Message undeliverable.")
	status, _ := raw(func() string {
		receipt, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
		require.NoError(t, err)
		return receipt.ID
	})
	assert.Equal(t, "failed", value(status, "statuses")["status"])
	assert.Equal(t, ann, value(status, "statuses")["recipient_id"])
	assert.Equal(t, "1795000000", value(status, "statuses")["timestamp"])
}
