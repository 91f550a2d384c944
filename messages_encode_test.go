package chatapi_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A request without an example in the contract has exactly these members.
func TestRequestsInFull(t *testing.T) {
	page := "https://shop.example.com"
	orderWith := func(change func(*chatapi.Order)) chatapi.OrderDetails {
		m := oneMug()
		change(&m.Order)
		return m
	}
	replying := repliesUnderProducts()
	replying.Cards[0].Replies = append(replying.Cards[0].Replies, chatapi.Button{ID: "ask-1", Title: "Ask"})
	replying.Cards[1].Body = "The second"
	for name, tc := range map[string]struct {
		message chatapi.Message
		want    string // without the recipient
	}{
		"a flow whose endpoint decides": {chatapi.Flow{ID: "21", Token: "tok-1", Label: "Book", Body: "Book a slot", Draft: true},
			`{"body":"Book a slot","flowId":"21","flowToken":"tok-1","flowCta":"Book","flowAction":"data_exchange","mode":"draft"}`},
		"a flow with a screen alone": {chatapi.Flow{ID: "21", Token: "tok-1", Label: "Book", Header: "H", Body: "B", Footer: "F", Screen: "START"},
			`{"header":"H","body":"B","footer":"F","flowId":"21","flowToken":"tok-1","flowCta":"Book","flowAction":"navigate","flowActionPayload":{"screen":"START"},"mode":"published"}`},
		"an address, filled in": {chatapi.AddressRequest{Body: "Address?", Country: "SG", Values: map[string]string{"city": "Singapore"},
			Saved:  []chatapi.SavedAddress{{ID: "home", Values: map[string]string{"city": "Singapore"}}},
			Errors: map[string]string{"sg_post_code": "is missing"}},
			`{"body":"Address?","country":"SG","values":{"city":"Singapore"},"saved_addresses":[{"id":"home","value":{"city":"Singapore"}}],"validation_errors":{"sg_post_code":"is missing"}}`},
		"a list with everything": {chatapi.List{Body: "Pick", Label: "Open", Header: "H", Footer: "F", Sections: []chatapi.Section{{Title: "S", Rows: []chatapi.Row{{ID: "1", Title: "T", Description: "D"}}}}},
			`{"body":"Pick","buttonText":"Open","action":"Open","header":"H","title":"H","footer":"F","sections":[{"title":"S","rows":[{"id":"1","title":"T","description":"D"}]}]}`},
		"a page under a header": {chatapi.LinkMessage{Header: chatapi.HeaderText("H"), Body: "B", Footer: "F", Label: "Open", URL: page},
			`{"header":{"type":"text","text":"H"},"body":"B","footer":"F","displayText":"Open","url":"` + page + `"}`},
		"cards without a text": {chatapi.Carousel{Body: "B", Cards: []chatapi.Card{{Header: cardProduct(1), Label: "Open", URL: page}, {Header: cardProduct(2), Body: "2", Label: "Open", URL: page}}},
			`{"body":"B","cards":[
				{"header":{"type":"product","product":{"catalog_id":"100000000000011","product_retailer_id":"SKU-1"}},"type":"cta_url","action":{"name":"cta_url","parameters":{"url":"` + page + `","display_text":"Open"}}},
				{"header":{"type":"product","product":{"catalog_id":"100000000000011","product_retailer_id":"SKU-2"}},"body":{"text":"2"},"type":"cta_url","action":{"name":"cta_url","parameters":{"url":"` + page + `","display_text":"Open"}}}]}`},
		"cards with replies": {replying,
			`{"body":"Two products","params":[{"type":"CAROUSEL","cards":[
				{"card_index":0,"components":[{"type":"header","parameters":[{"type":"product","product":{"catalog_id":"100000000000011","product_retailer_id":"SKU-1"}}]},
					{"type":"button","sub_type":"quick_reply","index":0,"parameters":[{"id":"buy-1","text":"Buy"}]},
					{"type":"button","sub_type":"quick_reply","index":1,"parameters":[{"id":"ask-1","text":"Ask"}]}]},
				{"card_index":1,"components":[{"type":"header","parameters":[{"type":"product","product":{"catalog_id":"100000000000011","product_retailer_id":"SKU-2"}}]},
					{"type":"body","parameters":[{"type":"text","text":"The second"}]},
					{"type":"button","sub_type":"quick_reply","index":0,"parameters":[{"id":"buy-2","text":"Buy"}]}]}]}]}`},
		"an order with sums": {orderWith(func(o *chatapi.Order) {
			o.Items[0].Quantity, o.Subtotal = 2, chatapi.OrderAmount{Value: 50000}
			o.Tax, o.Shipping, o.Discount = chatapi.OrderAmount{Value: 100, Description: "GST"}, chatapi.OrderAmount{Value: 200}, chatapi.OrderAmount{Value: 3000, Offset: 1000}
		}), `{"template":"order_details_demo","namespace":"` + namespace + `","language":{"policy":"deterministic","code":"en"},"referenceId":"order-0001","currency":"INR",
			"order":{"status":"pending","items":[{"retailer_id":"SKU-1","name":"Mug","quantity":2,"amount":{"value":25000,"offset":100}}],"subtotal":{"value":50000,"offset":100},
				"tax":{"value":100,"offset":100,"description":"GST"},"shipping":{"value":200,"offset":100},"discount":{"value":3000,"offset":1000}}}`},
		"a tiny latitude":     {chatapi.Location{Latitude: 1e-7, Longitude: math.Copysign(0, -1), Name: "A"}, `{"lat":"0.0000001","lng":"0","name":"A"}`},
		"a name from parts":   {contact(chatapi.ContactName{Prefix: "Dr", First: "Pat", Middle: "Q", Last: "Example", Suffix: "Jr"}), `{"contacts":[{"name":{"formatted_name":"Dr Pat Q Example Jr","first_name":"Pat","middle_name":"Q","last_name":"Example","prefix":"Dr","suffix":"Jr"}}]}`},
		"a name as a whole":   {contact(chatapi.ContactName{Formatted: "Pat Example"}), `{"contacts":[{"name":{"formatted_name":"Pat Example","first_name":"Pat Example"}}]}`},
		"a name of its own":   {contact(chatapi.ContactName{Formatted: "P. Example", Last: "Example"}), `{"contacts":[{"name":{"formatted_name":"P. Example","last_name":"Example"}}]}`},
		"a file by two names": {chatapi.File{Media: chatapi.MediaURL("https://files.example.com/a.pdf"), Name: " b.pdf "}, `{"body":"https://files.example.com/a.pdf","filename":"b.pdf"}`},
		"an uploaded file":    {chatapi.File{Media: chatapi.MediaID("77", chatapi.TypeDocument), Caption: "C"}, `{"mediaId":"77","mediaType":"document","caption":"C"}`},
		"an uploaded sticker": {chatapi.Sticker{Media: chatapi.MediaID("77", chatapi.TypeSticker)}, `{"mediaId":"77"}`},
		"a template with values of every kind": {chatapi.Template{Name: "a", Language: "en", Header: chatapi.HeaderNamedText("who", "Ann"),
			Body:    []chatapi.Param{{Name: "n", Text: "1"}, named("c", chatapi.CurrencyParam("$10.50", "USD", 10500)), named("d", chatapi.DateTimeParam("Monday"))},
			Buttons: []chatapi.ButtonParam{chatapi.QuickReplyButton(0, "yes"), chatapi.CopyCodeButton(1, "SAVE"), chatapi.FlowButton(2, "tok-1", nil)}},
			`{"template":"a","language":{"policy":"deterministic","code":"en"},"params":[
				{"type":"header","parameters":[{"type":"text","text":"Ann","parameter_name":"who"}]},
				{"type":"body","parameters":[{"parameter_name":"n","type":"text","text":"1"},
					{"parameter_name":"c","type":"currency","currency":{"fallback_value":"$10.50","currency_code":"USD","amount_1000":10500}},
					{"parameter_name":"d","type":"date_time","date_time":{"fallback_value":"Monday"}}]},
				{"type":"button","sub_type":"quick_reply","index":0,"parameters":[{"type":"payload","payload":"yes"}]},
				{"type":"button","sub_type":"copy_code","index":1,"parameters":[{"type":"coupon_code","coupon_code":"SAVE"}]},
				{"type":"button","sub_type":"flow","index":2,"parameters":[{"type":"action","action":{"flow_token":"tok-1"}}]}]}`},
		"a template with a place": {chatapi.Template{Name: "a", Language: "en", Header: chatapi.HeaderLocation(chatapi.Location{Latitude: 38.8977, Longitude: -77, Name: "Demo"})},
			`{"template":"a","language":{"policy":"deterministic","code":"en"},"params":[{"type":"header","parameters":[{"type":"location","location":{"latitude":"38.8977","longitude":"-77","name":"Demo"}}]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := offline(t).Prepare(indian, tc.message)
			require.NoError(t, err)
			assert.JSONEq(t, `{"phone":"910000000001",`+tc.want[1:], string(p.Body))
		})
	}
}

func contact(name chatapi.ContactName) chatapi.Contacts {
	return chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: name}}}
}

func named(name string, p chatapi.Param) chatapi.Param {
	p.Name = name
	return p
}

// The category is not part of the request, but quotes and bills need it.
func TestPreparedKeepsTheCategory(t *testing.T) {
	order := oneMug()
	order.Template.Category = "UTILITY"
	for _, m := range []chatapi.Message{order, chatapi.Template{Name: "a", Language: "en", Category: "UTILITY"}} {
		p, err := offline(t).Prepare(indian, m)
		require.NoError(t, err)
		assert.Equal(t, "UTILITY", p.Category)
		assert.Equal(t, 1, p.Version)
		assert.Equal(t, chatapi.ChannelID("ABC100000001"), p.Channel)
		assert.Equal(t, indian, p.To)
		assert.NotContains(t, string(p.Body), "UTILITY")
	}
}
