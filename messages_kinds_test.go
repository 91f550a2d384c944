package chatapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file tests the kinds that few businesses use. It also checks that the
// fake, which reads the contract independently, accepts every kind.

const namespace = "00000000_0000_4000_8000_000000000001"

var indian = chatapi.Phone("910000000001")

// twoCards returns a carousel with two cards, each of which opens a page.
func twoCards(body string, header func(i int) chatapi.Header, text string) chatapi.Carousel {
	m := chatapi.Carousel{Body: body}
	for i := 1; i <= 2; i++ {
		m.Cards = append(m.Cards, chatapi.Card{Header: header(i), Body: fmt.Sprint(text, " ", i), Label: "Open",
			URL: fmt.Sprint("https://shop.example.com/p", i)})
	}
	return m
}

func cardImage(i int) chatapi.Header {
	return chatapi.HeaderImage(chatapi.MediaURL(fmt.Sprint("https://files.example.com/c", i, ".jpg")))
}

func cardProduct(i int) chatapi.Header {
	return chatapi.HeaderProduct("100000000000011", fmt.Sprint("SKU-", i))
}

func repliesUnderProducts() chatapi.Carousel {
	return chatapi.Carousel{Body: "Two products", Cards: []chatapi.Card{
		{Header: cardProduct(1), Replies: []chatapi.Button{{ID: "buy-1", Title: "Buy"}}},
		{Header: cardProduct(2), Replies: []chatapi.Button{{ID: "buy-2", Title: "Buy"}}},
	}}
}

func productList() chatapi.ProductList {
	return chatapi.ProductList{Catalog: "100000000000011", Header: "Spring", Body: "New items",
		Sections: []chatapi.ProductSection{{Title: "Shoes", Products: []string{"SKU-1", "SKU-2"}}}}
}

func bookSlot() chatapi.Flow {
	return chatapi.Flow{ID: "100000000000021", Token: "tok-0001", Label: "Book", Body: "Book a slot", Screen: "START", Data: map[string]any{"day": "Monday"}}
}

func oneMug() chatapi.OrderDetails {
	return chatapi.OrderDetails{Template: chatapi.Template{Name: "order_details_demo", Namespace: namespace, Language: "en"},
		Reference: "order-0001", Currency: "INR", Order: chatapi.Order{Status: "pending",
			Items:    []chatapi.OrderItem{{Product: "SKU-1", Name: "Mug", Quantity: 1, Amount: chatapi.OrderAmount{Value: 25000}}},
			Subtotal: chatapi.OrderAmount{Value: 25000, Offset: 100}}}
}

func springCards() chatapi.Template {
	return chatapi.Template{Name: "spring_cards", Namespace: namespace, Language: "en",
		Cards: []chatapi.TemplateCard{{Header: cardImage(1)}, {Header: cardImage(2)}}}
}

func TestMoreRequestsAreTheContracts(t *testing.T) {
	for file, tc := range map[string]struct {
		to      chatapi.Recipient
		op      string
		message chatapi.Message
	}{
		"send-sticker":          {ann, "sendSticker", chatapi.Sticker{Media: chatapi.MediaURL("https://files.example.com/wave.webp")}},
		"send-cta-url":          {ann, "sendCtaUrl", chatapi.LinkMessage{Body: "Track the parcel", Label: "Track", URL: "https://shop.example.com/t/1001"}},
		"send-location-request": {ann, "sendLocationRequest", chatapi.LocationRequest{Body: "Where should the courier go?"}},
		"send-address":          {indian, "sendAddressMessage", chatapi.AddressRequest{Body: "Delivery address, please", Country: "IN"}},
		"send-product":          {ann, "sendProduct", chatapi.Product{Catalog: "100000000000011", ID: "SKU-1", Body: "In stock"}},
		"send-product-list":     {ann, "sendProduct", productList()},
		"send-flow":             {ann, "sendFlow", bookSlot()},
		"send-carousel":         {ann, "sendCarousel", twoCards("Two offers", cardImage, "Card")},

		"send-carousel-cards-product":  {ann, "sendCarousel", twoCards("Two products", cardProduct, "Product")},
		"send-carousel-params-product": {annsChat, "sendCarousel", repliesUnderProducts()},
		"send-order-details":           {indian, "sendOrderDetails", oneMug()},
		"send-payment":                 {indian, "sendPaymentRequest", chatapi.PaymentRequest{Region: "IN", Body: "Pay for order 0001"}},
		"send-template-carousel":       {ann, "sendTemplate", springCards()},
		"send-template-mmlite": {ann, "sendTemplate", chatapi.Template{Name: "spring_sale", Namespace: namespace, Language: "en", Category: "MARKETING",
			MarketingLite: true, ActivitySharing: true, TTL: 12 * time.Hour}},
	} {
		t.Run(file, func(t *testing.T) {
			assert.Equal(t, tc.op, likeContract(t, file, tc.to, tc.message).Operation)
		})
	}
}

func TestMoreWrongMessagesNameTheField(t *testing.T) {
	carousel := func(change func(*chatapi.Carousel)) chatapi.Carousel {
		m := twoCards("Two", cardImage, "Card")
		change(&m)
		return m
	}
	replies := func(change func(*chatapi.Carousel)) chatapi.Carousel {
		m := repliesUnderProducts()
		change(&m)
		return m
	}
	products := func(change func(*chatapi.ProductList)) chatapi.ProductList {
		m := productList()
		change(&m)
		return m
	}
	flow := func(change func(*chatapi.Flow)) chatapi.Flow {
		m := bookSlot()
		change(&m)
		return m
	}
	order := func(change func(*chatapi.OrderDetails)) chatapi.OrderDetails {
		m := oneMug()
		change(&m)
		return m
	}
	address := func(change func(*chatapi.AddressRequest)) chatapi.AddressRequest {
		m := chatapi.AddressRequest{Body: "Address?"}
		change(&m)
		return m
	}
	tmpl := func(change func(*chatapi.Template)) chatapi.Template {
		m := springCards()
		change(&m)
		return m
	}
	ttl := func(category string, d time.Duration) chatapi.Template {
		return chatapi.Template{Name: "a", Language: "en", Category: category, TTL: d}
	}
	cta := chatapi.LinkMessage{Body: "?", Label: "Open", URL: "https://shop.example.com"}
	for name, tc := range map[string]struct {
		field   string
		message chatapi.Message
	}{
		"sticker without media":  {"Media", chatapi.Sticker{}},
		"sticker of bytes":       {"Media", chatapi.Sticker{Media: chatapi.MediaBytes("a.webp", []byte("RIFF"))}},
		"sticker of an image":    {"Media", chatapi.Sticker{Media: chatapi.MediaID("12", chatapi.TypeImage)}},
		"page without body":      {"Body", chatapi.LinkMessage{Label: "Open", URL: cta.URL}},
		"page without label":     {"Label", chatapi.LinkMessage{Body: "?", URL: cta.URL}},
		"page with long label":   {"Label", chatapi.LinkMessage{Body: "?", Label: runes(21), URL: cta.URL}},
		"page with long footer":  {"Footer", chatapi.LinkMessage{Body: "?", Label: "Open", URL: cta.URL, Footer: runes(61)}},
		"page without URL":       {"URL", chatapi.LinkMessage{Body: "?", Label: "Open"}},
		"page of script":         {"URL", chatapi.LinkMessage{Body: "?", Label: "Open", URL: "javascript:alert(1)"}},
		"page under a product":   {"Header", chatapi.LinkMessage{Header: cardProduct(1), Body: "?", Label: "Open", URL: cta.URL}},
		"where":                  {"Body", chatapi.LocationRequest{}},
		"where, at length":       {"Body", chatapi.LocationRequest{Body: runes(1025)}},
		"address without body":   {"Body", chatapi.AddressRequest{}},
		"address in the US":      {"Country", address(func(m *chatapi.AddressRequest) { m.Country = "US" })},
		"address without id":     {"Saved[0].ID", address(func(m *chatapi.AddressRequest) { m.Saved = []chatapi.SavedAddress{{}} })},
		"address without values": {"Saved[0].Values", address(func(m *chatapi.AddressRequest) { m.Saved = []chatapi.SavedAddress{{ID: "a"}} })},
		"address twice": {"Saved[1].ID", address(func(m *chatapi.AddressRequest) {
			v := map[string]string{"city": "Pune"}
			m.Saved = []chatapi.SavedAddress{{ID: "a", Values: v}, {ID: "a", Values: v}}
		})},

		"product sans catalog":     {"Catalog", chatapi.Product{ID: "SKU-1"}},
		"product sans id":          {"ID", chatapi.Product{Catalog: "1"}},
		"products sans catalog":    {"Catalog", products(func(m *chatapi.ProductList) { m.Catalog = "" })},
		"products sans header":     {"Header", products(func(m *chatapi.ProductList) { m.Header = "" })},
		"products sans body":       {"Body", products(func(m *chatapi.ProductList) { m.Body = "" })},
		"products sans sections":   {"Sections", products(func(m *chatapi.ProductList) { m.Sections = nil })},
		"section without products": {"Sections[0].Products", products(func(m *chatapi.ProductList) { m.Sections[0].Products = nil })},
		"product with empty id":    {"Sections[0].Products[1]", products(func(m *chatapi.ProductList) { m.Sections[0].Products[1] = "" })},
		"31 products":              {"Sections[1].Products", products(func(m *chatapi.ProductList) { m.Sections = twoSections(1, 30) })},
		"untitled":                 {"Sections[0].Title", products(func(m *chatapi.ProductList) { m.Sections = twoSections(1, 1); m.Sections[0].Title = "" })},

		"flow sans id":           {"ID", flow(func(m *chatapi.Flow) { m.ID = "" })},
		"flow sans token":        {"Token", flow(func(m *chatapi.Flow) { m.Token = "" })},
		"flow sans label":        {"Label", flow(func(m *chatapi.Flow) { m.Label = "" })},
		"flow sans body":         {"Body", flow(func(m *chatapi.Flow) { m.Body = "" })},
		"flow sans screen":       {"Data", flow(func(m *chatapi.Flow) { m.Screen = "" })},
		"flow with a Go channel": {"Data", flow(func(m *chatapi.Flow) { m.Data["c"] = make(chan int) })},

		"carousel sans body": {"Body", carousel(func(m *chatapi.Carousel) { m.Body = "" })},
		"carousel of one":    {"Cards", carousel(func(m *chatapi.Carousel) { m.Cards = m.Cards[:1] })},
		"carousel of eleven": {"Cards", carousel(func(m *chatapi.Carousel) { m.Cards = make([]chatapi.Card, 11) })},
		"card sans header":   {"Cards[1].Header", carousel(func(m *chatapi.Carousel) { m.Cards[1].Header = chatapi.Header{} })},
		"card under text":    {"Cards[0].Header", carousel(func(m *chatapi.Carousel) { m.Cards[0].Header = chatapi.HeaderText("A") })},
		"card under bytes": {"Cards[0].Header", carousel(func(m *chatapi.Carousel) {
			m.Cards[0].Header = chatapi.HeaderImage(chatapi.MediaBytes("", []byte("a")))
		})},
		"cards of two kinds":     {"Cards[1].Header", carousel(func(m *chatapi.Carousel) { m.Cards[1].Header = cardProduct(1) })},
		"card with long body":    {"Cards[1].Body", carousel(func(m *chatapi.Carousel) { m.Cards[1].Body = runes(161) })},
		"card sans URL":          {"Cards[1].URL", carousel(func(m *chatapi.Carousel) { m.Cards[1].URL = "" })},
		"card sans label":        {"Cards[1].Label", carousel(func(m *chatapi.Carousel) { m.Cards[1].Label = "" })},
		"card with both":         {"Cards[1].Replies", carousel(func(m *chatapi.Carousel) { m.Cards[1].Replies = yesOrNo })},
		"cards with one of each": {"Cards[1]", replies(func(m *chatapi.Carousel) { m.Cards[1] = twoCards("", cardProduct, "").Cards[1] })},
		"four replies":           {"Cards[0].Replies", replies(func(m *chatapi.Carousel) { m.Cards[0].Replies = make([]chatapi.Button, 4) })},
		"reply sans title":       {"Cards[0].Replies[0].Title", replies(func(m *chatapi.Carousel) { m.Cards[0].Replies[0].Title = "" })},
		"same reply":             {"Cards[1].Replies[0].ID", replies(func(m *chatapi.Carousel) { m.Cards[1].Replies[0].ID = "buy-1" })},
		"header without catalog": {"Cards[0].Header", replies(func(m *chatapi.Carousel) { m.Cards[0].Header = chatapi.HeaderProduct("", "") })},

		"order sans template":   {"Template.Name", order(func(m *chatapi.OrderDetails) { m.Template.Name = "" })},
		"order sans namespace":  {"Template.Namespace", order(func(m *chatapi.OrderDetails) { m.Template.Namespace = "" })},
		"order with TTL":        {"Template", order(func(m *chatapi.OrderDetails) { m.Template.TTL, m.Template.Category = time.Hour, "UTILITY" })},
		"order reference":       {"Reference", order(func(m *chatapi.OrderDetails) { m.Reference = runes(36) })},
		"order currency":        {"Currency", order(func(m *chatapi.OrderDetails) { m.Currency = "rs" })},
		"order without items":   {"Order.Items", order(func(m *chatapi.OrderDetails) { m.Order.Items = nil })},
		"item without name":     {"Order.Items[0].Name", order(func(m *chatapi.OrderDetails) { m.Order.Items[0].Name = "" })},
		"item of quantity zero": {"Order.Items[0].Quantity", order(func(m *chatapi.OrderDetails) { m.Order.Items[0].Quantity = 0 })},
		"order for free":        {"Order.Items[0].Amount", order(func(m *chatapi.OrderDetails) { m.Order.Items[0].Amount.Value = 0 })},
		"negative tax":          {"Order.Tax", order(func(m *chatapi.OrderDetails) { m.Order.Tax.Value = -1 })},
		"payment of functions":  {"PaymentSettings", order(func(m *chatapi.OrderDetails) { m.PaymentSettings = map[string]any{"f": func() {}} })},
		"payment in the US":     {"Region", chatapi.PaymentRequest{Region: "US"}},
		"payment action":        {"Action", chatapi.PaymentRequest{Region: "IN", Action: map[string]any{"f": func() {}}}},
		"payment interactive":   {"Interactive", chatapi.PaymentRequest{Region: "IN", Interactive: map[string]any{"f": func() {}}}},

		"template of one card":       {"Cards", tmpl(func(m *chatapi.Template) { m.Cards = m.Cards[:1] })},
		"template card value":        {"Cards[1].Body[0]", tmpl(func(m *chatapi.Template) { m.Cards[1].Body = chatapi.Params("a\tb") })},
		"template card button":       {"Cards[0].Buttons[0]", tmpl(func(m *chatapi.Template) { m.Cards[0].Buttons = []chatapi.ButtonParam{chatapi.URLButton(0, "")} })},
		"offer of long ago":          {"OfferExpires", tmpl(func(m *chatapi.Template) { m.OfferExpires = time.Unix(-1, 0) })},
		"catalog sans product":       {"Buttons[0]", tmpl(func(m *chatapi.Template) { m.Buttons = []chatapi.ButtonParam{chatapi.CatalogButton(0, "")} })},
		"order button without order": {"Buttons[0]", tmpl(func(m *chatapi.Template) { m.Buttons = []chatapi.ButtonParam{chatapi.OrderDetailsButton(0, nil)} })},
		"TTL without category":       {"Category", ttl("", time.Hour)},
		"TTL of half a second":       {"TTL", ttl("UTILITY", 30*time.Second+time.Millisecond)},
		"negative TTL":               {"TTL", ttl("UTILITY", -time.Second)},
		"short marketing TTL":        {"TTL", ttl("MARKETING", 12*time.Hour-time.Second)},
		"long marketing TTL":         {"TTL", ttl("MARKETING", 30*24*time.Hour+time.Second)},
		"short utility TTL":          {"TTL", ttl("UTILITY", 29*time.Second)},
		"long utility TTL":           {"TTL", ttl("UTILITY", 12*time.Hour+time.Second)},
		"long authentication TTL":    {"TTL", ttl("AUTHENTICATION", 15*time.Minute+time.Second)},
		"utility on marketing path":  {"MarketingLite", chatapi.Template{Name: "a", Language: "en", Category: "UTILITY", MarketingLite: true}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := offline(t).Prepare(indian, tc.message)
			wrongField(t, err, chatapi.ErrInvalid, tc.field)
		})
	}
}

// twoSections returns two sections with a and b products.
func twoSections(a, b int) []chatapi.ProductSection {
	products := strings.Split(strings.Repeat("SKU,", 30)+"SKU", ",")
	return []chatapi.ProductSection{{Title: "A", Products: products[:a]}, {Title: "B", Products: products[:b]}}
}

// spring returns an approved template with an offer and a carousel.
func spring() *chatapi.TemplateInfo {
	card := func() []chatapi.Component {
		return []chatapi.Component{
			{Type: chatapi.ComponentHeader, Format: chatapi.FormatImage},
			{Type: chatapi.ComponentBody, Text: "Only {{1}}."},
			{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{{Type: chatapi.ButtonTypeURL, Text: "Buy", URL: "https://shop.example.com/{{1}}"}}},
		}
	}
	return &chatapi.TemplateInfo{Name: "spring_cards", Language: "en", Status: chatapi.TemplateApproved, Components: []chatapi.Component{
		{Type: chatapi.ComponentBody, Text: "Hello {{1}}."},
		{Type: chatapi.ComponentOffer, Extra: map[string]json.RawMessage{"limited_time_offer": json.RawMessage(`{"text":"Now!","has_expiration":true}`)}},
		{Type: chatapi.ComponentCarousel, Cards: [][]chatapi.Component{card(), card()}},
	}}
}

func springMessage() chatapi.Template {
	m := spring().Use("Ann")
	m.OfferExpires = time.Unix(1_790_000_000, 0)
	for i := 1; i <= 2; i++ {
		m.Cards = append(m.Cards, chatapi.TemplateCard{Header: cardImage(i), Body: chatapi.Params(fmt.Sprint("$", i)),
			Buttons: []chatapi.ButtonParam{chatapi.URLButton(0, fmt.Sprint("p", i))}})
	}
	return m
}

// TestTheFakeTakesEveryKind sends every kind to the fake, which checks requests
// by its own strict reading of the contract.
func TestTheFakeTakesEveryKind(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	var id string
	for _, person := range []chatapi.Recipient{ann, indian} {
		api.Customer(person.Value()).Says("Hello")
	}
	receipt, err := client.Send(t.Context(), ann, chatapi.Text{Body: "Hello"})
	require.NoError(t, err)
	id = receipt.ID

	for i, d := range []chatapi.TemplateDraft{
		draft(),
		{Name: "order_details_demo", Category: "UTILITY", Language: "en", Components: []chatapi.Component{
			{Type: chatapi.ComponentBody, Text: "Your order."},
			{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{{Type: chatapi.ButtonTypeOrderDetails, Text: "Pay"}}}}},
		{Name: "spring_cards", Category: "MARKETING", Language: "en", Components: spring().Components},
	} {
		for j := range d.Components { // the service leaves the examples of an approved template out
			fillExamples(&d.Components[j])
		}
		_, err := client.Templates.Create(t.Context(), d)
		require.NoError(t, err, "draft %d", i)
	}
	api.Advance(time.Hour)
	got := func(name string) *chatapi.TemplateInfo {
		info, err := client.Templates.WaitApproved(t.Context(), name, "en")
		require.NoError(t, err)
		return info
	}
	order := oneMug()
	order.Template = got("order_details_demo").Use()
	cards := springMessage()
	cards.Namespace = got("spring_cards").Namespace
	require.NoError(t, got("spring_cards").Check(cards))
	cards.Category, cards.MarketingLite, cards.TTL = "MARKETING", true, 24*time.Hour

	link := chatapi.MediaURL("https://files.example.com/a.pdf")
	for _, tc := range []struct {
		to chatapi.Recipient
		m  chatapi.Message
	}{
		{ann, chatapi.Text{Body: "Hello"}},
		{annsChat, chatapi.File{Media: link, Caption: "Invoice"}},
		{ann, chatapi.File{Media: chatapi.MediaBytes("dot.png", []byte("\x89PNG\r\n\x1a\n"))}},
		{ann, chatapi.Sticker{Media: chatapi.MediaURL("https://files.example.com/wave.webp")}},
		{ann, chatapi.Location{Latitude: 38.8977, Longitude: -77.0365, Name: "Demo point"}},
		{ann, chatapi.LocationRequest{Body: "Where?"}},
		{ann, chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{Formatted: "Pat Example"}}}}},
		{ann, chatapi.Buttons{Header: chatapi.HeaderImage(chatapi.MediaURL("https://files.example.com/a.jpg")), Body: "?", Buttons: yesOrNo}},
		{ann, chatapi.List{Header: "Shop", Body: "?", Label: "Open", Sections: []chatapi.Section{{Rows: rows("a", 10)}}}},
		{ann, chatapi.LinkMessage{Header: chatapi.HeaderText("Shop"), Body: "?", Label: "Open", URL: "https://shop.example.com"}},
		{ann, chatapi.Reaction{MessageID: id, Emoji: "👍"}},
		{ann, chatapi.Product{Catalog: "100000000000011", ID: "SKU-1"}},
		{ann, productList()},
		{ann, bookSlot()},
		{ann, chatapi.Flow{ID: "21", Token: "t", Label: "Book", Body: "?", Draft: true}},
		{ann, twoCards("Two offers", cardImage, "Card")},
		{ann, repliesUnderProducts()},
		{indian, chatapi.AddressRequest{Body: "Address?", Values: map[string]string{"city": "Pune"}, Errors: map[string]string{"city": "?"},
			Saved: []chatapi.SavedAddress{{ID: "a", Values: map[string]string{"city": "Pune"}}}}},
		{indian, chatapi.PaymentRequest{Region: "IN", Body: "Pay"}},
		{indian, order},
		{ann, got("order_update").Use("1001", "Ann", "1001", "1001")},
		{ann, cards},
		{ann, chatapi.Custom{Operation: "sendMessage", Body: json.RawMessage(`{"body":"Hello"}`)}},
	} {
		receipt, err := client.Send(t.Context(), tc.to, tc.m)
		if assert.NoError(t, err, "%T", tc.m) {
			assert.NotEmpty(t, receipt.ID, "%T", tc.m)
		}
	}
}

// fillExamples adds an example for each variable.
func fillExamples(c *chatapi.Component) {
	if strings.Contains(c.Text, "{{1}}") && c.Example == nil {
		c.Example = []string{"Ann"}
	}
	for i := range c.Buttons {
		if strings.Contains(c.Buttons[i].URL, "{{1}}") {
			c.Buttons[i].Example = "p1"
		}
	}
	for i := range c.Cards {
		for j := range c.Cards[i] {
			fillExamples(&c.Cards[i][j])
		}
	}
}
