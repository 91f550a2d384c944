package chatapitest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/chatapi-go/chatapi"
)

// This file has the acts of customers who buy and fill in forms.

// catalogID is the catalogue of the channel.
const catalogID = "100000000000011"

// Orders sends a cart with a note, which may be empty. A product with an empty Quantity
// is ordered once, and one with an empty Price costs 1.00 USD. Like each message, an
// order opens the service window.
//
// The service's own format has no orders, so the setting rawHooks must be on; otherwise
// the test fails, as it does for an order without products, a product without an id, a
// quantity that is no whole number above zero, and a price that is no number.
func (c *Customer) Orders(note string, items ...chatapi.ReceivedItem) string {
	return c.told(c.order(note, items))
}

func (c *Customer) order(note string, items []chatapi.ReceivedItem) (string, error) {
	if !c.valid() {
		return "", nil
	}
	if err := c.api.needsRaw("order"); err != nil {
		return "", c.cannot("%w", err)
	}
	if len(items) == 0 {
		return "", c.cannot("order nothing: name a product")
	}
	list, line := []any{}, ""
	for _, item := range items {
		item.Quantity, item.Price = cmp.Or(item.Quantity, "1"), cmp.Or(item.Price, "1.00")
		item.Currency = cmp.Or(item.Currency, "USD")
		quantity, err := strconv.Atoi(item.Quantity)
		_, notPrice := strconv.ParseFloat(item.Price, 64)
		switch {
		case item.ProductID == "":
			return "", c.cannot("order a product without an id")
		case err != nil || quantity < 1:
			return "", c.cannot("order %q pieces of %q: the quantity must be a whole number above zero", short(item.Quantity), short(item.ProductID))
		case notPrice != nil || !json.Valid([]byte(item.Price)):
			return "", c.cannot("order %q at %q: the price must be a number", short(item.ProductID), short(item.Price))
		}
		list = append(list, object{"product_retailer_id": item.ProductID, "quantity": quantity,
			"item_price": json.Number(item.Price), "currency": item.Currency})
		line = joined(line, item.Quantity+" "+item.ProductID)
	}
	order := object{"catalog_id": catalogID, "product_items": list}
	if note != "" {
		order["text"] = note
	}
	return c.writes(incoming{typ: "order", body: &note, meta: object{"order": order}, act: "orders", args: []string{line, note}}), nil
}

// joined adds a part to a list in words.
func joined(list, part string) string {
	if list == "" {
		return part
	}
	return list + ", " + part
}

// Submits fills in and submits the newest flow that the customer has received. The
// answers are those of its screens; the token of the flow is added as "flow_token". The
// test fails if the customer has received no flow, or if an answer cannot be written as
// JSON.
//
// The service does not document the place of the answers in a normalized webhook. The
// fake assumes meta.interactive, as Meta nests them.
func (c *Customer) Submits(answers map[string]any) string { return c.told(c.submit(answers)) }

func (c *Customer) submit(answers map[string]any) (string, error) {
	if !c.valid() {
		return "", nil
	}
	for _, r := range slices.Backward(c.Received()) {
		i := slices.IndexFunc(r.Buttons, func(b Button) bool { return b.kind == "flow" })
		if i < 0 {
			continue
		}
		line, err := json.Marshal(answers)
		if err != nil {
			return "", c.cannot("submit the flow: %w", err)
		}
		all := object{}
		maps.Copy(all, answers)
		if token := r.Buttons[i].payload; token != "" {
			all["flow_token"] = token
		}
		body := "Sent"
		return c.writes(incoming{typ: "interactive", body: &body, quoted: r.ID, act: "submits", args: []string{string(line)},
			meta: object{"interactive": object{"type": "nfm_reply", "nfm_reply": object{
				"name": "flow", "body": body, "response_json": string(reply(200, all).body)}}}}), nil
	}
	return "", c.cannot("submit a flow: no message has one")
}
