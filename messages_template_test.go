package chatapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestTimeToLive(t *testing.T) {
	for _, tc := range []struct {
		category string
		ttl      time.Duration
		want     int
	}{
		{"MARKETING", 12 * time.Hour, 43200}, {"marketing", 30 * 24 * time.Hour, 2592000},
		{"UTILITY", 30 * time.Second, 30}, {"UTILITY", 12 * time.Hour, 43200}, {"UTILITY", 30 * 24 * time.Hour, -1},
		{"AUTHENTICATION", 30 * time.Second, 30}, {"AUTHENTICATION", 15 * time.Minute, 900}, {"AUTHENTICATION", 30 * 24 * time.Hour, -1},
	} {
		p, err := offline(t).Prepare(ann, chatapi.Template{Name: "a", Language: "en", Category: tc.category, TTL: tc.ttl})
		require.NoError(t, err)
		var body struct{ MessageSendTtlSeconds int }
		require.NoError(t, json.Unmarshal(p.Body, &body))
		assert.Equal(t, tc.want, body.MessageSendTtlSeconds, "%s %v", tc.category, tc.ttl)
	}
}

func TestMoreTemplateValuesOnTheWire(t *testing.T) {
	m := chatapi.Template{Name: "a", Language: "en", OfferExpires: time.UnixMilli(1_790_000_000_123), Buttons: []chatapi.ButtonParam{
		chatapi.CatalogButton(0, "SKU-1"), chatapi.OrderDetailsButton(1, map[string]any{"reference_id": "order-0001"})}}
	p, err := offline(t).Prepare(ann, m)
	require.NoError(t, err)
	assert.JSONEq(t, `{"phone":"12025550143","template":"a","language":{"policy":"deterministic","code":"en"},"params":[
		{"type":"limited_time_offer","parameters":[{"type":"limited_time_offer","limited_time_offer":{"expiration_time_ms":1790000000123}}]},
		{"type":"button","sub_type":"catalog","index":0,"parameters":[{"type":"action","action":{"thumbnail_product_retailer_id":"SKU-1"}}]},
		{"type":"button","sub_type":"order_details","index":1,"parameters":[{"type":"action","action":{"order_details":{"reference_id":"order-0001"}}}]}]}`, string(p.Body))
}

func TestTemplateValuesOnTheWire(t *testing.T) {
	place := chatapi.Location{Latitude: 38.8977, Longitude: -77.0365, Name: "Demo point", Address: "1 Example Street"}
	for want, m := range map[string]chatapi.Template{
		`[{"type":"header","parameters":[{"type":"text","text":"1001"}]}]`:                          {Header: chatapi.HeaderText("1001")},
		`[{"type":"header","parameters":[{"type":"text","text":"1001","parameter_name":"order"}]}]`: {Header: chatapi.HeaderNamedText("order", "1001")},
		`[{"type":"header","parameters":[{"type":"video","video":{"id":"12"}}]}]`:                   {Header: chatapi.HeaderVideo(chatapi.MediaID("12", chatapi.TypeVideo))},
		`[{"type":"header","parameters":[{"type":"document","document":{"id":"12","filename":"a.pdf"}}]}]`: {
			Header: chatapi.HeaderDocument(chatapi.MediaID("12", chatapi.TypeDocument), "a.pdf")},
		`[{"type":"header","parameters":[{"type":"location","location":{"latitude":"38.8977","longitude":"-77.0365","name":"Demo point","address":"1 Example Street"}}]}]`: {
			Header: chatapi.HeaderLocation(place)},
		`[{"type":"body","parameters":[{"type":"text","text":"a","parameter_name":"x"},{"type":"text","text":"b","parameter_name":"y"}]}]`: {
			Body: chatapi.NamedParams(map[string]string{"y": "b", "x": "a"})},
		`[{"type":"body","parameters":[{"type":"currency","currency":{"fallback_value":"$10.50","currency_code":"USD","amount_1000":10500}},` +
			`{"type":"date_time","date_time":{"fallback_value":"1 October"}}]}]`: {
			Body: []chatapi.Param{chatapi.CurrencyParam("$10.50", "USD", 10500), chatapi.DateTimeParam("1 October")}},
		`[{"type":"button","sub_type":"quick_reply","index":0,"parameters":[{"type":"payload","payload":"yes"}]},` +
			`{"type":"button","sub_type":"copy_code","index":2,"parameters":[{"type":"coupon_code","coupon_code":"SPRING25"}]},` +
			`{"type":"button","sub_type":"flow","index":1,"parameters":[{"type":"action","action":{"flow_token":"tok","flow_action_data":{"day":"Monday"}}}]}]`: {
			Buttons: []chatapi.ButtonParam{chatapi.QuickReplyButton(0, "yes"), chatapi.CopyCodeButton(2, "SPRING25"), chatapi.FlowButton(1, "tok", map[string]any{"day": "Monday"})}},
		`null`: {},
	} {
		m.Name, m.Language = "a", "en"
		p, err := offline(t).Prepare(ann, m)
		require.NoError(t, err)
		var body struct{ Params json.RawMessage }
		require.NoError(t, json.Unmarshal(p.Body, &body))
		got := string(body.Params)
		if got == "" {
			got = "null"
		}
		assert.JSONEq(t, want, got)
	}
}
