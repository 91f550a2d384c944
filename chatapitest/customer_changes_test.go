package chatapitest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestEditsAndDeletes(t *testing.T) {
	api, events, _ := watched(t)
	customer := api.Customer(ann)
	first, second := customer.Says("one"), customer.Says("two")
	edit := customer.Edits("", "three")
	e, ok := events.last().(*chatapi.MessageEvent)
	require.True(t, ok)
	assert.Equal(t, edit, e.ID)
	assert.Equal(t, chatapi.TypeEdit, e.Type)
	assert.Equal(t, second, e.OriginalID, "the newest text")
	assert.Equal(t, "three", e.Text)
	assert.Equal(t, ann, e.From.Phone)

	customer.Edits(first, "four")
	assert.Equal(t, first, events.last().(*chatapi.MessageEvent).OriginalID)
	revoke := customer.Deletes("")
	e = events.last().(*chatapi.MessageEvent)
	assert.Equal(t, revoke, e.ID)
	assert.Equal(t, chatapi.TypeRevoke, e.Type)
	assert.Equal(t, second, e.OriginalID)
	customer.Deletes("")
	assert.Equal(t, first, events.last().(*chatapi.MessageEvent).OriginalID, "the newest one that is left")
}

// TestEditOpensNoWindow checks that the window begins with the message, not with its
// edit.
func TestEditOpensNoWindow(t *testing.T) {
	api, _, _ := watched(t)
	customer := api.Customer(ann)
	customer.Says("hi")
	api.Advance(10 * time.Minute)
	customer.Edits("", "hello")
	api.Advance(24*time.Hour - 5*time.Minute)
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
	assert.ErrorIs(t, err, chatapi.ErrWindowClosed)
}

func TestImpossibleChanges(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(api *chatapitest.API, c *chatapitest.Customer, said string)
		want string
	}{
		"an edit of nothing": {func(api *chatapitest.API, _ *chatapitest.Customer, _ string) {
			api.Customer("12025550144").Edits("", "x")
		}, "Ben cannot edit the message: there is none"},
		"another's message": {func(api *chatapitest.API, _ *chatapitest.Customer, said string) {
			api.Customer("12025550144").Edits(said, "x")
		}, "it is no message of theirs"},
		"an edit of a photo": {func(_ *chatapitest.API, c *chatapitest.Customer, _ string) {
			c.Edits(c.Sends(chatapitest.File{Name: "a.jpg"}), "x")
		}, "not of a kind that can be changed"},
		"an edit after an hour": {func(api *chatapitest.API, c *chatapitest.Customer, _ string) {
			api.Advance(time.Hour)
			c.Edits("", "x")
		}, "it is older than 15m0s"},
		"deleted after a week": {func(api *chatapitest.API, c *chatapitest.Customer, _ string) {
			api.Advance(168 * time.Hour)
			c.Deletes("")
		}, "it is older than 60h0m0s"},
		"an edit of a deleted":   {func(_ *chatapitest.API, c *chatapitest.Customer, said string) { c.Deletes(said); c.Edits(said, "x") }, "it is deleted"},
		"a flow that never came": {func(_ *chatapitest.API, c *chatapitest.Customer, _ string) { c.Submits(nil) }, "no message has one"},
		"answers without JSON": {func(_ *chatapitest.API, c *chatapitest.Customer, _ string) {
			sendFlow(c, t)
			c.Submits(map[string]any{"x": t.Name})
		}, "cannot submit the flow: json:"},
		"an empty cart":       {func(_ *chatapitest.API, c *chatapitest.Customer, _ string) { c.Orders("x") }, "order nothing"},
		"a call that is over": {func(_ *chatapitest.API, c *chatapitest.Customer, _ string) { c.Rings(); c.HangsUp(""); c.HangsUp("") }, "there is no such call"},
		"somebody else's call": {func(api *chatapitest.API, c *chatapitest.Customer, _ string) {
			api.Customer("12025550144").HangsUp(c.Rings())
		}, "there is no such call"},
	} {
		t.Run(name, func(t *testing.T) {
			api, r := recorded(t)
			request(t, api, "POST", "settings", `{"rawHooks":true}`)
			flowOf = api
			customer := api.Customer(ann)
			said := customer.Says("hi")
			test.do(api, customer, said)
			assert.Contains(t, r.text(), test.want)
		})
	}
	t.Run("rawHooks off", func(t *testing.T) {
		api, r := recorded(t)
		customer := api.Customer(ann)
		customer.Edits(customer.Says("hi"), "x")
		customer.Deletes("")
		customer.Orders("", chatapi.ReceivedItem{ProductID: "KETTLE-01"})
		assert.Len(t, r.failures, 3)
		assert.Contains(t, r.text(), "Ann cannot delete: the setting rawHooks is off")
	})
}

// flowOf is the fake whose channel sendFlow uses.
var flowOf *chatapitest.API

// sendFlow sends a flow to a customer.
func sendFlow(c *chatapitest.Customer, t *testing.T) {
	t.Helper()
	_, err := flowOf.Client().Send(t.Context(), c.Recipient(), chatapi.Flow{Body: "Form", ID: "1", Token: "tok", Label: "Open", Screen: "A"})
	require.NoError(t, err)
}

func TestOrders(t *testing.T) {
	api, events, _ := watched(t)
	customer := api.Customer(ann)
	customer.Orders("leave it at the door", chatapi.ReceivedItem{ProductID: "KETTLE-01", Quantity: "2", Price: "19.99", Currency: "EUR"}, chatapi.ReceivedItem{ProductID: "LID-02"})
	e, ok := events.last().(*chatapi.MessageEvent)
	require.True(t, ok)
	require.NotNil(t, e.Order)
	assert.Equal(t, "leave it at the door", e.Order.Text)
	require.Len(t, e.Order.Items, 2)
	assert.Equal(t, chatapi.ReceivedItem{ProductID: "KETTLE-01", Quantity: "2", Price: "19.99", Currency: "EUR"}, e.Order.Items[0])
	assert.Equal(t, "1.00", e.Order.Items[1].Price)
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "Thank you"})
	assert.NoError(t, err, "an order opens the window")
}

func TestSubmits(t *testing.T) {
	api, events, _ := watched(t)
	customer := api.Customer(ann)
	customer.Says("hi")
	flowOf = api
	sendFlow(customer, t)
	api.Settle()
	customer.Submits(map[string]any{"size": "L"})
	for _, e := range seen[*chatapi.MessageEvent](events)[2:] { // in both forms
		require.NotNil(t, e.Flow)
		assert.JSONEq(t, `{"size":"L","flow_token":"tok"}`, e.Flow.Response)
		assert.Equal(t, customer.LastReceived().ID, e.QuotedID)
	}
}

func TestHangsUp(t *testing.T) {
	api, events, _ := watched(t)
	customer := api.Customer(ann)
	request(t, api, "POST", "callingSettings", `{"calling":{"status":"ENABLED"}}`)
	missed, answered := customer.Rings(), customer.Rings()
	status, body := request(t, api, "POST", "initiateCall", `{"messaging_product":"whatsapp","action":"accept","call_id":"`+answered+`","session":{"sdp_type":"answer","sdp":"v=0"}}`)
	require.Equal(t, 200, status, body)
	api.Advance(90 * time.Second)
	customer.HangsUp("")
	e, ok := events.last().(*chatapi.CallEvent)
	require.True(t, ok)
	assert.Equal(t, answered, e.ID)
	assert.Equal(t, "COMPLETED", e.Status)
	assert.Equal(t, 90*time.Second, e.Duration)
	customer.HangsUp(missed)
	assert.Equal(t, "FAILED", events.last().(*chatapi.CallEvent).Status)
}
