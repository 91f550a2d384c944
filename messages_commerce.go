package chatapi

import "fmt"

// Product is a message with one product of a catalogue. It needs an open
// service window.
type Product struct {
	// Catalog is the catalogue's id. ID is the product's id in the catalogue
	// ("retailer id").
	Catalog, ID string

	// Body is up to 1024 characters, Footer up to 60; both optional.
	Body, Footer string
}

type productAction struct {
	Catalog  string           `json:"catalog_id"`
	Product  string           `json:"product_retailer_id,omitempty"`
	Sections []productSection `json:"sections,omitempty"`
}

type productSection struct {
	Title string        `json:"title,omitempty"`
	Items []productItem `json:"product_items"`
}

type productItem struct {
	ID string `json:"product_retailer_id"`
}

// productBody is the request of a Product or a ProductList.
type productBody struct {
	Header string        `json:"header,omitempty"`
	Body   string        `json:"body,omitempty"`
	Footer string        `json:"footer,omitempty"`
	Action productAction `json:"action"`
}

func (m Product) encode() (encoded, error) {
	var c checker
	c.require(m.Catalog != "", "Catalog", "is empty; copy its id from Meta's Commerce Manager")
	c.require(isWord(m.Catalog), "Catalog", "is "+quote(m.Catalog)+", which is not a catalogue id; copy it from Meta's Commerce Manager")
	c.text("ID", m.ID, 512)
	c.optional("Body", m.Body, maxBody)
	c.optional("Footer", m.Footer, 60)
	return encoded{operation: "sendProduct",
		body: productBody{Body: m.Body, Footer: m.Footer, Action: productAction{Catalog: m.Catalog, Product: m.ID}}}, c.err()
}

// ProductList is a message with products of a catalogue to choose from. It
// needs an open service window.
type ProductList struct {
	// Catalog is the catalogue's id.
	Catalog string

	// Header is 1 to 60 characters, Body 1 to 1024, Footer up to 60.
	Header, Body, Footer string

	// Sections are 1 to 10, with 1 to 30 products over all of them together
	// (Meta's limits; inferred).
	Sections []ProductSection
}

// ProductSection is a group of products in a [ProductList].
type ProductSection struct {
	// Title is up to 24 characters. It is required if there is more than one
	// section.
	Title string

	// Products are the ids of the products ("retailer ids").
	Products []string
}

func (m ProductList) encode() (encoded, error) {
	var c checker
	c.require(m.Catalog != "", "Catalog", "is empty; copy its id from Meta's Commerce Manager")
	c.require(isWord(m.Catalog), "Catalog", "is "+quote(m.Catalog)+", which is not a catalogue id; copy it from Meta's Commerce Manager")
	c.text("Header", m.Header, 60)
	c.text("Body", m.Body, maxBody)
	c.optional("Footer", m.Footer, 60)
	c.count("Sections", len(m.Sections), 1, 10, "sections")
	body := productBody{Header: m.Header, Body: m.Body, Footer: m.Footer, Action: productAction{Catalog: m.Catalog}}
	total := 0
	for i, s := range m.Sections {
		title, products := at("Sections", i, "Title"), at("Sections", i, "Products")
		if len(m.Sections) > 1 {
			c.text(title, s.Title, 24)
		}
		c.optional(title, s.Title, 24)
		c.count(products, len(s.Products), 1, 30, "products")
		if total += len(s.Products); total > 30 {
			c.fail(products, fmt.Sprintf("bring the list to %d products, but at most 30 are allowed over all sections; leave some out", total))
		}
		section := productSection{Title: s.Title}
		for j, id := range s.Products {
			c.text(at(products, j, ""), id, 512)
			section.Items = append(section.Items, productItem{id})
		}
		body.Action.Sections = append(body.Action.Sections, section)
	}
	return encoded{operation: "sendProduct", body: body}, c.err()
}

// OrderDetails is an order that the customer can pay. It is sent by an approved
// template with an ORDER_DETAILS button, works only in India and needs no open
// service window. The service adds the button's value itself. It takes no
// [ReplyTo].
type OrderDetails struct {
	// Template is the approved template. Its Namespace is required; its TTL,
	// MarketingLite and ActivitySharing must not be set.
	Template Template

	// Reference is your own id of the order, up to 35 characters (Meta's
	// limit; inferred).
	Reference string

	// Currency is three letters, such as "INR".
	Currency string

	Order Order

	// PaymentSettings is Meta's object of that name, sent unchanged.
	PaymentSettings map[string]any
}

// Order holds the items and the sums of an [OrderDetails].
type Order struct {
	// Status is "pending" for a new order.
	Status string `json:"status,omitempty"`

	// Items are 1 to 999.
	Items []OrderItem `json:"items"`

	// Subtotal is the sum of the items. Tax and Shipping are added to it,
	// Discount is subtracted.
	Subtotal OrderAmount `json:"subtotal,omitzero"`
	Tax      OrderAmount `json:"tax,omitzero"`
	Shipping OrderAmount `json:"shipping,omitzero"`
	Discount OrderAmount `json:"discount,omitzero"`
}

// OrderItem is one line of an [Order].
type OrderItem struct {
	// Product is the product's id ("retailer id").
	Product string `json:"retailer_id,omitempty"`
	Name    string `json:"name"`

	// Quantity is the number of pieces, Amount the price of one piece. Both
	// are more than 0.
	Quantity int         `json:"quantity"`
	Amount   OrderAmount `json:"amount"`
}

// OrderAmount is an amount of money as a whole number: Value 50000 with Offset
// 100 is 500.00.
type OrderAmount struct {
	Value int64 `json:"value"`

	// Offset is the divisor of Value; 0 means 100.
	Offset int64 `json:"offset"`

	Description string `json:"description,omitempty"`
}

// complete returns the amount with its default offset; the zero amount stays
// zero.
func (a OrderAmount) complete() OrderAmount {
	if a != (OrderAmount{}) && a.Offset == 0 {
		a.Offset = 100
	}
	return a
}

func (m OrderDetails) encode() (encoded, error) {
	var c checker
	var template checker
	m.Template.check(&template)
	c.failIn("Template", template)
	c.require(m.Template.Namespace != "", "Template.Namespace", "is empty; TemplateInfo.Namespace holds it")
	c.require(m.Template.TTL == 0 && !m.Template.MarketingLite && !m.Template.ActivitySharing, "Template",
		"has marketing options, which an order does not take; leave out TTL, MarketingLite and ActivitySharing")
	c.optional("Reference", m.Reference, 35)
	c.require(m.Currency == "" || isCurrency(m.Currency), "Currency", "is "+quote(m.Currency)+", but must be three capital letters; write it as INR")
	order := m.Order
	c.count("Order.Items", len(order.Items), 1, 999, "items")
	order.Items = make([]OrderItem, len(m.Order.Items))
	for i, item := range m.Order.Items {
		place := at("Order.Items", i, "")
		c.text(place+".Name", item.Name, 1000)
		c.require(item.Quantity > 0, place+".Quantity", fmt.Sprintf("is %d, but must be more than 0; leave out items that are not ordered", item.Quantity))
		c.require(item.Amount.Value > 0, place+".Amount", fmt.Sprintf("is %d, but must be more than 0; give the price of one piece as a whole number", item.Amount.Value))
		item.Amount = item.Amount.complete()
		order.Items[i] = item
	}
	for _, sum := range []struct {
		name   string
		amount *OrderAmount
	}{{"Subtotal", &order.Subtotal}, {"Tax", &order.Tax}, {"Shipping", &order.Shipping}, {"Discount", &order.Discount}} {
		c.require(sum.amount.Value >= 0 && sum.amount.Offset >= 0, "Order."+sum.name, "is negative; give the amount without a sign")
		*sum.amount = sum.amount.complete()
	}
	c.json("PaymentSettings", m.PaymentSettings)
	return encoded{operation: "sendOrderDetails", category: m.Template.Category, noReply: true, body: struct {
		templateBody
		Reference       string         `json:"referenceId,omitempty"`
		Currency        string         `json:"currency,omitempty"`
		Order           Order          `json:"order"`
		PaymentSettings map[string]any `json:"paymentSettings,omitempty"`
	}{m.Template.body(), m.Reference, m.Currency, order, m.PaymentSettings}}, c.err()
}

// PaymentRequest is a request for a payment in India, Singapore or Brazil. The
// service calls it a beta and documents none of its parts, so they are sent
// unchanged. The recipient must be a phone number. It takes no [ReplyTo].
type PaymentRequest struct {
	// Region is "IN", "SG" or "BR", in any letter case.
	Region string

	// Body is up to 1024 characters.
	Body string

	// Interactive and Action are Meta's objects of these names.
	Interactive, Action map[string]any
}

func (m PaymentRequest) encode() (encoded, error) {
	var c checker
	m.Region = upper(m.Region)
	c.require(m.Region == "IN" || m.Region == "SG" || m.Region == "BR", "Region", "is "+quote(m.Region)+", but must be IN, SG or BR; WhatsApp takes payments in India, Singapore and Brazil only")
	c.optional("Body", m.Body, maxBody)
	c.json("Interactive", m.Interactive)
	c.json("Action", m.Action)
	return encoded{operation: "sendPaymentRequest", noReply: true, phoneOnly: true, body: struct {
		Region      string         `json:"region"`
		Body        string         `json:"body,omitempty"`
		Interactive map[string]any `json:"interactive,omitempty"`
		Action      map[string]any `json:"action,omitempty"`
	}{m.Region, m.Body, m.Interactive, m.Action}}, c.err()
}

// Carousel is a text above two to ten cards to swipe through. All cards have
// the same kind of buttons: one that opens a web page, or some to reply with.
// It needs an open service window. For a carousel in an approved template, use
// [Template.Cards].
type Carousel struct {
	// Body is 1 to 1024 characters.
	Body string

	// Cards are 2 to 10. Their headers are all of one kind, and so are their
	// buttons.
	Cards []Card
}

// Card is one card of a [Carousel].
type Card struct {
	// Header is an image, a video or a product.
	Header Header

	// Body is optional text, up to 160 characters (Meta's limit; inferred).
	Body string

	// Label is the text of the button that opens a web page, 1 to 20
	// characters; URL is the address of the page.
	Label, URL string

	// Replies are 1 to 3 reply buttons, instead of Label and URL. Their ids
	// are unique in the message.
	Replies []Button
}

func (m Carousel) encode() (encoded, error) {
	var c checker
	c.text("Body", m.Body, maxBody)
	c.count("Cards", len(m.Cards), 2, 10, "cards")
	ids := unique{}
	for i, card := range m.Cards {
		place := at("Cards", i, "")
		card.check(&c, place)
		c.require((len(card.Replies) > 0) == (len(m.Cards[0].Replies) > 0), place, "has other buttons than the first card; let all cards open a page, or all reply")
		c.require(card.Header.kind == m.Cards[0].Header.kind, place+".Header", "is of another kind than that of the first card; use one kind of header for all cards")
		for j, b := range card.Replies {
			ids.add(&c, at(place+".Replies", j, "ID"), b.ID)
		}
	}
	if err := c.err(); err != nil {
		return encoded{}, err
	}
	if len(m.Cards[0].Replies) > 0 {
		return encoded{operation: "sendCarousel", body: m.withReplies()}, nil
	}
	return encoded{operation: "sendCarousel", body: m.withPages()}, nil
}

func (card Card) check(c *checker, place string) {
	switch card.Header.kind {
	case headerImage, headerVideo, headerProduct:
		var header checker
		card.Header.check(&header)
		c.failIn(place, header)
	default:
		c.fail(place+".Header", "must be an image, a video or a product; use HeaderImage, HeaderVideo or HeaderProduct")
	}
	c.optional(place+".Body", card.Body, 160)
	if len(card.Replies) == 0 {
		c.text(place+".Label", card.Label, 20)
		c.url(place+".URL", card.URL)
		return
	}
	c.require(card.Label == "" && card.URL == "", place+".Replies", "do not go with a page on the same card; leave out Label and URL, or the Replies")
	c.count(place+".Replies", len(card.Replies), 1, 3, "buttons")
	for i, b := range card.Replies {
		c.text(at(place+".Replies", i, "ID"), b.ID, 256)
		c.text(at(place+".Replies", i, "Title"), b.Title, 20)
	}
}

// withPages returns the request for cards that open a page, in the form of the
// contract's sources mcp and cli. The other form does not say how a card opens a
// page.
func (m Carousel) withPages() any {
	type text struct {
		Text string `json:"text"`
	}
	type parameters struct {
		URL         string `json:"url"`
		DisplayText string `json:"display_text"`
	}
	type action struct {
		Name       string     `json:"name"`
		Parameters parameters `json:"parameters"`
	}
	type card struct {
		Header map[string]any `json:"header"`
		Body   text           `json:"body,omitzero"`
		Type   string         `json:"type"`
		Action action         `json:"action"`
	}
	cards := make([]card, len(m.Cards))
	for i, c := range m.Cards {
		cards[i] = card{c.Header.object(), text{c.Body}, "cta_url", action{"cta_url", parameters{c.URL, c.Label}}}
	}
	return struct {
		Body  string `json:"body"`
		Cards []card `json:"cards"`
	}{m.Body, cards}
}

// withReplies returns the request for cards with reply buttons, in the form of
// the contract's source sdk-2026. The other form does not say how a card
// replies.
func (m Carousel) withReplies() any {
	cards := make([]cardComponents, len(m.Cards))
	for i, c := range m.Cards {
		parts := []component{{Type: "header", Parameters: []map[string]any{c.Header.object()}}}
		if c.Body != "" {
			parts = append(parts, component{Type: "body", Parameters: []map[string]any{{"type": "text", "text": c.Body}}})
		}
		for j, b := range c.Replies {
			parts = append(parts, component{Type: "button", SubType: buttonQuickReply, Index: &j,
				Parameters: []map[string]any{{"id": b.ID, "text": b.Title}}})
		}
		cards[i] = cardComponents{i, parts}
	}
	return struct {
		Body   string      `json:"body"`
		Params []component `json:"params"`
	}{m.Body, []component{{Type: "CAROUSEL", Cards: cards}}}
}
