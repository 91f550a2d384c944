package chatapitest

import (
	"cmp"
	"fmt"
	"strings"
)

// This file reads the sends of products, carousels, flows, addresses and payments.

func readProduct(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	action := r.body.object("action")
	if !action.has("product_retailer_id") && s.received.Header == "" {
		bad := refuse("header is required for a product list")
		return s, &bad
	}
	if a.quirks.has(NoCatalog) {
		bad := a.notSent("Parameter value is not valid", 131009, "No catalog is linked.")
		return s, &bad
	}
	if id := action.text("product_retailer_id"); id != "" {
		s.received.Rows = append(s.received.Rows, Row{ID: id, Title: id})
	}
	for _, v := range action.list("sections") {
		section := asObject(v)
		for _, v := range section.list("product_items") {
			id := asObject(v).text("product_retailer_id")
			s.received.Rows = append(s.received.Rows, Row{ID: id, Title: id, Section: section.text("title")})
		}
	}
	return s, nil
}

func readCarousel(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	cards := r.body.list("cards")
	for _, v := range r.body.list("params") {
		p := asObject(v)
		switch strings.ToLower(p.text("type")) {
		case "carousel":
			if len(cards) == 0 { // the vendor's command line sends both, with the same cards
				cards = p.list("cards")
			}
		case "body":
			for _, v := range p.list("parameters") {
				s.body = cmp.Or(s.body, asObject(v).text("text"))
			}
		}
	}
	s.received.Text = s.body
	switch {
	case len(cards) < 2 || len(cards) > 10:
		bad := refuse("a carousel has 2 to 10 cards, not %d", len(cards))
		return s, &bad
	case s.body == "":
		bad := refuse("body is required, or a body component in params")
		return s, &bad
	}
	for i, v := range cards {
		card := asObject(v)
		title := card.object("body").text("text")
		s.received.Rows = append(s.received.Rows, Row{ID: fmt.Sprint(i), Title: title, Section: "card"})
		if p := card.object("action").object("parameters"); p != nil {
			s.received.Buttons = append(s.received.Buttons, Button{Title: p.text("display_text"), URL: p.text("url")})
		}
		for _, v := range card.list("components") {
			component := asObject(v)
			if strings.ToLower(component.text("type")) != "button" {
				continue
			}
			parameters := component.list("parameters")
			if one := component.object("parameters"); one != nil {
				parameters = []any{one}
			}
			for _, v := range parameters {
				p := asObject(v)
				s.received.Buttons = append(s.received.Buttons, Button{ID: p.text("id"), Title: p.text("text"), URL: p.text("url"), kind: "button_reply"})
			}
		}
	}
	return s, nil
}

func readFlow(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	b := r.body
	payload := b.object("flowActionPayload")
	screen := cmp.Or(payload.text("screen"), b.text("flowActionScreen"))
	if b.text("flowAction") != "data_exchange" && b.has("flowAction") && screen == "" {
		bad := refuse("flowActionPayload.screen is required for navigate")
		return s, &bad
	}
	if data := payload["data"]; data != nil && len(asObject(data)) == 0 {
		bad := refuse("flowActionPayload.data must not be empty")
		return s, &bad
	}
	s.received.Buttons = []Button{{ID: b.text("flowId"), Title: b.text("flowCta"), kind: "flow", payload: b.text("flowToken")}}
	return s, nil
}

// countries has the countries of address and payment messages, each with the
// prefix of its phone numbers.
var countries = map[string]string{"IN": "91", "SG": "65", "BR": "55"}

func readAddress(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	country := cmp.Or(r.body.text("country"), "IN")
	if r.to.customer == nil || !strings.HasPrefix(r.to.customer.phone, countries[country]) {
		bad := a.notSent("Unsupported Interactive Message type", 0, "")
		return s, &bad
	}
	return s, nil
}

func readPayment(a *API, r *request) (outgoing, *answer) {
	s, _ := plain("interactive")(a, r)
	if !strings.HasPrefix(r.to.customer.phone, countries[r.body.text("region")]) {
		bad := a.notSent("Unsupported Interactive Message type", 0, "")
		return s, &bad
	}
	return s, nil
}

func readOrderDetails(a *API, r *request) (outgoing, *answer) {
	s, refused := readTemplate(a, r)
	if refused != nil {
		return s, refused
	}
	t := a.template(r.body.text("template"), r.body.object("language").text("code"))
	for _, b := range t.buttons() {
		if strings.EqualFold(b.text("type"), "ORDER_DETAILS") {
			return s, nil
		}
	}
	bad := a.notSent("Template parameter format mismatch", 132012, "The template has no ORDER_DETAILS button.")
	return s, &bad
}
