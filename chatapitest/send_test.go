package chatapitest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		customer := api.Customer(ann)
		send := func() (int, string) {
			return request(t, api, "POST", "sendMessage", `{"phone":"12025550143","body":"x"}`)
		}
		status, body := send()
		assert.Equal(t, 200, status)
		assert.JSONEq(t, `{"sent":false,"message":"Dialog window is closed"}`, body, "nobody wrote yet")

		customer.Says("hi")
		time.Sleep(24*time.Hour - time.Second)
		_, body = send()
		assert.Contains(t, body, `"sent":true`)

		time.Sleep(time.Second)
		_, body = send()
		assert.Contains(t, body, "Dialog window is closed", "24 hours after the customer's message, whatever the business wrote")

		customer.Says("still here?")
		api.Advance(25 * time.Hour)
		_, body = send()
		assert.Contains(t, body, "Dialog window is closed", "Advance counts as time")
		customer.Reads()
		_, body = send()
		assert.Contains(t, body, "Dialog window is closed", "reading opens nothing")
	})
}

func TestAcceptedSend(t *testing.T) {
	api := chatapitest.New(t, chatapitest.At(time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)))
	customer := api.Customer(ann)
	customer.Says("hi")
	status, body := request(t, api, "POST", "sendMessage", `{"chatId":"12025550143@c.us","body":"hello"}`)
	require.Equal(t, 200, status)
	got := customer.LastReceived()
	assert.JSONEq(t, `{"sent":true,"id":"`+got.ID+`","message":"Sent to 12025550143@c.us","description":"Message has been sent to the provider"}`, body)
	assert.True(t, strings.HasPrefix(got.ID, "wamid.FAKE"))
	assert.Equal(t, "hello", got.Text)

	_, body = request(t, api, "GET", "messages?limit=10", "")
	var page struct{ Messages []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	require.Len(t, page.Messages, 2)
	assert.EqualValues(t, 2, page.Messages[1]["messageNumber"])
	assert.EqualValues(t, 1, page.Messages[1]["fromMe"])
	assert.EqualValues(t, 0, page.Messages[0]["fromMe"])
	assert.Equal(t, got.ID, page.Messages[1]["id"])
	assert.InDelta(t, api.Now().Unix(), page.Messages[1]["time"], 5)
	assert.Equal(t, 2026, api.Now().Year())
}

// BenchmarkSend measures a send with its three webhooks: the cost of the fake in a
// test.
func BenchmarkSend(b *testing.B) {
	api := chatapitest.New(b)
	api.Customer(ann).Says("hi")
	api.Webhook("https://log.test/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.ReportAllocs()
	for b.Loop() {
		r, _ := http.NewRequestWithContext(b.Context(), "POST", api.URL+"/sendMessage?token="+api.Token, strings.NewReader(`{"phone":"12025550143","body":"x"}`))
		resp, err := api.Transport.RoundTrip(r)
		if err != nil || resp.StatusCode != 200 {
			b.Fatal(err)
		}
		resp.Body.Close()
		api.Settle()
	}
}

// TestReplyQuirks checks that the SDK understands every form of the answer to a
// send.
func TestReplyQuirks(t *testing.T) {
	for _, quirk := range []chatapitest.Quirk{"", chatapitest.Refuse400, chatapitest.TextSent, chatapitest.NoID} {
		api := chatapitest.New(t, chatapitest.Quirks(quirk))
		client := api.Client()
		_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
		assert.ErrorIs(t, err, chatapi.ErrWindowClosed, quirk)
		_, err = client.Send(t.Context(), chatapi.Phone(ann), chatapi.Template{Name: "nothing", Language: "en"})
		assert.ErrorIs(t, err, chatapi.ErrTemplate, quirk)
		api.Customer(ann).Says("hi")
		receipt, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
		require.NoError(t, err, quirk)
		assert.Equal(t, quirk == chatapitest.NoID, receipt.ID == "")
	}
	api := chatapitest.New(t, chatapitest.Quirks(chatapitest.CommaWebhooks))
	client := api.Client()
	require.NoError(t, client.Webhooks.Add(t.Context(), "https://a.test/x"))
	require.NoError(t, client.Webhooks.Add(t.Context(), "https://b.test/y"))
	list, err := client.Webhooks.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 2)
}
