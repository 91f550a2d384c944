package chatapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// An error must not show the query of an address, which may hold a secret.
func TestRefusedAddressesShowNoQuery(t *testing.T) {
	for _, address := range []string{"shop.example.com/a?sig=s3cret", "ftp://shop.example.com/a?sig=s3cret", "https://shop.example.com/a b?sig=s3cret"} {
		_, err := offline(t).Prepare(ann, chatapi.LinkMessage{Body: "?", Label: "Open", URL: address})
		e := wrongField(t, err, chatapi.ErrInvalid, "URL")
		assert.NotContains(t, fmt.Sprintf("%v %+v %s", err, e, e.Sentence), "s3cret")
	}
}

func TestAddressesAtTheEdge(t *testing.T) {
	page := func(address string) error {
		_, err := offline(t).Prepare(ann, chatapi.LinkMessage{Body: "?", Label: "Open", URL: address})
		return err
	}
	const start = "https://shop.example.com/"
	assert.NoError(t, page(start+strings.Repeat("a", 8192-len(start))))
	wrongField(t, page(start+strings.Repeat("a", 8193-len(start))), chatapi.ErrInvalid, "URL")
	assert.NoError(t, page("HTTP://shop.example.com"))
	for _, address := range []string{"https://", "https:///a", "https://shop.example.com/\x7f", "https://shop.example.com/#\x7f", "DATA:text/html,hi", "mailto:shop@example.com", "https://shop.example.com/\xff"} {
		wrongField(t, page(address), chatapi.ErrInvalid, "URL")
	}
}

// An error in a part of a message keeps its kind and advice. Prepare reports the
// first problem.
func TestProblemsOfAPart(t *testing.T) {
	large := chatapi.HeaderImage(chatapi.MediaBytes("a.png", make([]byte, chatapi.MaxInlineMedia+1)))
	m := twoCards("Two", cardImage, "Card")
	m.Cards[1].Header, m.Cards[1].Label = large, ""
	_, err := offline(t).Prepare(ann, m)
	e := wrongField(t, err, chatapi.ErrTooLarge, "Cards[1].Header")
	assert.Contains(t, e.Advice, "MediaURL")

	_, err = offline(t).Prepare(ann, chatapi.List{})
	wrongField(t, err, chatapi.ErrInvalid, "Body")
	_, err = offline(t).Prepare(ann, chatapi.List{Body: "Pick"})
	wrongField(t, err, chatapi.ErrInvalid, "Label")
}

// Rare kinds of message pass at their limits.
func TestMoreLimitsAtTheEdge(t *testing.T) {
	cards := func(n int) (m chatapi.Carousel) {
		m.Body = runes(1024)
		for i := range n {
			m.Cards = append(m.Cards, chatapi.Card{Header: cardImage(i), Body: runes(160), Label: runes(20), URL: "https://shop.example.com"})
		}
		return m
	}
	replying := func(n int) chatapi.Carousel {
		m := cards(2)
		for i := range m.Cards {
			m.Cards[i].Label, m.Cards[i].URL = "", ""
			for j := range n {
				m.Cards[i].Replies = append(m.Cards[i].Replies, chatapi.Button{ID: fmt.Sprint(i, j) + runes(250), Title: runes(20)})
			}
		}
		return m
	}
	products := productList()
	products.Header, products.Body, products.Footer, products.Sections = runes(60), runes(1024), runes(60), twoSections(15, 15)
	order := oneMug()
	order.Reference = runes(35)
	flow := bookSlot()
	flow.Label, flow.Header, flow.Body, flow.Footer = runes(20), runes(60), runes(1024), runes(60)
	templateCards := springCards()
	for len(templateCards.Cards) < 10 {
		templateCards.Cards = append(templateCards.Cards, templateCards.Cards[0])
	}
	for name, m := range map[string]chatapi.Message{
		"ten cards":          cards(10),
		"three replies":      replying(3),
		"one reply":          replying(1),
		"thirty products":    products,
		"reference":          order,
		"flow":               flow,
		"ten template cards": templateCards,
		"address in SG":      chatapi.AddressRequest{Body: runes(1024), Country: "SG"},
		"address":            chatapi.AddressRequest{Body: "Address?"},
		"payment in SG":      chatapi.PaymentRequest{Region: "SG", Body: runes(1024)},
		"payment in BR":      chatapi.PaymentRequest{Region: "BR"},
		"the north pole":     chatapi.Location{Latitude: 90, Longitude: 180},
		"the south pole":     chatapi.Location{Latitude: -90, Longitude: -180},
		"sixteen characters": chatapi.Reaction{MessageID: "wamid.1", Emoji: runes(16)},
		"four spaces":        chatapi.Template{Name: "a", Language: "en", Body: chatapi.Params("a    b")},
		"the tenth button":   chatapi.Template{Name: "a", Language: "en", Buttons: []chatapi.ButtonParam{chatapi.URLButton(9, runes(2000))}},
		"a long value":       chatapi.Template{Name: "a", Language: "en", Body: chatapi.Params(runes(32768))},
		"lite, no category":  chatapi.Template{Name: "a", Language: "en", MarketingLite: true, ActivitySharing: true},
	} {
		_, err := offline(t).Prepare(indian, m)
		assert.NoError(t, err, name)
	}
	for name, m := range map[string]chatapi.Template{
		"MarketingLite": {Name: "a", Language: "en", Category: "UTILITY", ActivitySharing: true},
		"Buttons[0]":    {Name: "a", Language: "en", Buttons: []chatapi.ButtonParam{chatapi.URLButton(0, runes(2001))}},
	} {
		_, err := offline(t).Prepare(ann, m)
		wrongField(t, err, chatapi.ErrInvalid, name)
	}
}

// Prepare does not change the caller's values.
func TestPreparingLeavesTheMessageAlone(t *testing.T) {
	order := oneMug()
	order.Order.Subtotal.Offset = 0
	_, err := offline(t).Prepare(indian, order)
	require.NoError(t, err)
	assert.Zero(t, order.Order.Items[0].Amount.Offset)
	assert.Zero(t, order.Order.Subtotal.Offset)

	cards := chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{First: "Pat"}}}}
	_, err = offline(t).Prepare(ann, cards)
	require.NoError(t, err)
	assert.Equal(t, chatapi.ContactName{First: "Pat"}, cards.Cards[0].Name)
}
