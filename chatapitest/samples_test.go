package chatapitest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// customerSamples has, for each webhook sample of a customer's act, that act. It
// gets the id of a list that the customer has received, and returns the ids of its
// own message and of the quoted one.
var customerSamples = []struct {
	sample string
	quirks []chatapitest.Quirk
	act    func(api *chatapitest.API, c *chatapitest.Customer, list string) (id, quoted string)
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
}

// TestCustomerSamples compares the webhooks of customers' acts with the samples of
// the contract.
func TestCustomerSamples(t *testing.T) {
	const first, second = "wamid.SYNTHETIC0000000000000001", "wamid.SYNTHETIC0000000000000002"
	at := time.Unix(1795000000, 0)
	for _, test := range customerSamples {
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

// TestSendSamples compares the webhooks of sends with the samples of the contract. The
// sample of a failed status has no category, as with the quirk BareFailures.
func TestSendSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.At(time.Unix(1795000000, 0)), chatapitest.Quirks(chatapitest.BareFailures))
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
