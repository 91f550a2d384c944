package chatapitest_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// With rawHooks each event comes in two shapes, which say the same under one
// key.
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
	for key, shapes := range byKey {
		if len(shapes) < 2 {
			continue // what the API itself sent has no raw shape
		}
		pairs++
		require.Len(t, shapes, 2, key)
		assert.Equal(t, reflect.TypeOf(shapes[0]), reflect.TypeOf(shapes[1]), key)
		assert.Equal(t, said(shapes[0]), said(shapes[1]), key)
	}
	assert.GreaterOrEqual(t, pairs, 11)
	for _, e := range events.events {
		_, unknown := e.(*chatapi.UnknownEvent)
		assert.False(t, unknown, e.Info().Wire)
	}
}

// said is what both shapes of an event have to tell.
func said(e chatapi.Event) []any {
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
