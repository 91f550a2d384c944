package chatapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The path of a bad change does not depend on the changes before it.
func TestParseWebhookPathAfterAGoodChange(t *testing.T) {
	events, err := chatapi.ParseWebhook([]byte(`{"entry":[{"changes":[
		{"field":"messages","value":{"statuses":[{"id":"a","status":"sent"}]}},"text"]}]}`))
	assert.Len(t, events, 1)
	var bad *chatapi.ParseError
	require.ErrorAs(t, err, &bad)
	require.Len(t, bad.Elements, 1)
	assert.Equal(t, "entry[0].changes[1]", bad.Elements[0].Path)
}

// The number and the people of one change or entry do not reach another one.
func TestParseWebhookPartsOfABodyAreApart(t *testing.T) {
	const first = `"metadata":{"display_phone_number":"12025550100","phone_number_id":"N1"},
		"contacts":[{"wa_id":"12025550143","profile":{"name":"Ann"}}],"statuses":[{"id":"a","status":"sent"}]`
	const second = `"messages":[{"id":"b","from":"12025550143","type":"text","text":{"body":"x"}}]`
	for name, body := range map[string]string{
		"changes": `{"entry":[{"id":"1","changes":[{"field":"messages","value":{` + first + `}},{"field":"messages","value":{` + second + `}}]}]}`,
		"entries": `{"entry":[{"id":"1","changes":[{"field":"messages","value":{` + first + `}}]},
			{"id":"1","changes":[{"field":"messages","value":{` + second + `}}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			events, err := chatapi.ParseWebhook([]byte(body))
			require.NoError(t, err)
			require.Len(t, events, 2)
			assert.Equal(t, "N1", events[0].Info().PhoneNumberID)
			assert.Empty(t, events[1].Info().PhoneNumberID)
			assert.Equal(t, "1", events[1].Info().WABA)
			assert.Empty(t, events[1].(*chatapi.MessageEvent).From.Name)
		})
	}
	t.Run("the body's root", func(t *testing.T) {
		events, err := chatapi.ParseWebhook([]byte(`{"type":"calls","entry":[{"id":"1","changes":[{"field":"calls","value":{
			"calls":[{"id":"c1","event":"connect"}]}}]}],"calls":[{"id":"c2","event":"connect"}]}`))
		require.NoError(t, err)
		require.Len(t, events, 2)
		assert.Equal(t, "1", events[0].Info().WABA)
		assert.Empty(t, events[1].Info().WABA)
	})
}

// In a long list of contacts, the BSUID names the person, even if another entry
// has their number.
func TestParseWebhookContactOfALongList(t *testing.T) {
	contacts := []string{`{"wa_id":"12025550143","user_id":"US.9","profile":{"name":"Ben"}}`, `{"user_id":"US.1","profile":{"name":"Ann"}}`}
	for i := range 70 {
		contacts = append(contacts, fmt.Sprintf(`{"user_id":"US.1%02d"}`, i))
	}
	e := one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[`+strings.Join(contacts, ",")+`],
		"messages":[{"id":"m","from":"12025550143","from_user_id":"US.1","type":"text","text":{"body":"x"}}]}`))
	assert.Equal(t, "Ann", e.From.Name)
}
