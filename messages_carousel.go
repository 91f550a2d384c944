package chatapi

// Carousel is a text above two to ten cards to swipe through. All cards have
// the same kind of button: one that opens a page, or ones to reply with. It
// needs an open service window. A carousel that is an approved template is
// [Template.Cards].
type Carousel struct {
	// Body is 1 to 1024 characters.
	Body string

	Cards []Card
}

// Card is one card of a [Carousel].
type Card struct {
	// Header is an image, a video or a product.
	Header Header

	// Body is optional text, up to 160 characters (Meta's limit; inferred).
	Body string

	// Label and URL are the button that opens a page: a label of 1 to 20
	// characters.
	Label, URL string

	// Replies are one to three buttons to reply with, in place of Label and
	// URL.
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
		c.that((len(card.Replies) > 0) == (len(m.Cards[0].Replies) > 0), place, "has other buttons than the first card; all cards open a page, or all reply")
		c.that(card.Header.kind == m.Cards[0].Header.kind, place+".Header", "is of another kind than that of the first card")
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
		var inner checker
		card.Header.check(&inner)
		c.within(place, inner)
	default:
		c.fail(place+".Header", "must be an image, a video or a product")
	}
	c.optional(place+".Body", card.Body, 160)
	if len(card.Replies) == 0 {
		c.text(place+".Label", card.Label, 20)
		c.url(place+".URL", card.URL)
		return
	}
	c.that(card.Label == "" && card.URL == "", place+".Replies", "do not go with a URL on the same card")
	c.count(place+".Replies", len(card.Replies), 1, 3, "buttons")
	for i, b := range card.Replies {
		c.text(at(place+".Replies", i, "ID"), b.ID, 256)
		c.text(at(place+".Replies", i, "Title"), b.Title, 20)
	}
}

// withPages is the form with cards (contract: mcp and cli), which says how a
// card opens a page.
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

// withReplies is the form with params (contract: sdk-2026), the one that says
// how a card replies.
func (m Carousel) withReplies() any {
	cards := make([]cardParts, len(m.Cards))
	for i, c := range m.Cards {
		parts := []component{{Type: "header", Parameters: []map[string]any{c.Header.object()}}}
		if c.Body != "" {
			parts = append(parts, component{Type: "body", Parameters: []map[string]any{{"type": "text", "text": c.Body}}})
		}
		for j, b := range c.Replies {
			parts = append(parts, component{Type: "button", SubType: buttonQuickReply, Index: &j,
				Parameters: []map[string]any{{"id": b.ID, "text": b.Title}}})
		}
		cards[i] = cardParts{i, parts}
	}
	return struct {
		Body   string      `json:"body"`
		Params []component `json:"params"`
	}{m.Body, []component{{Type: "CAROUSEL", Cards: cards}}}
}
