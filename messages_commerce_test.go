package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestOnlyPhonesPay(t *testing.T) {
	for _, to := range []chatapi.Recipient{annsChat, chatapi.BSUID("US.1000000000000001"), chatapi.BSUIDAsPhone("US.1000000000000001"), chatapi.Username("a")} {
		_, err := offline(t).Prepare(to, chatapi.PaymentRequest{Region: "IN"})
		wrongField(t, err, chatapi.ErrInvalid, "recipient")
	}
	for _, m := range []chatapi.Message{chatapi.PaymentRequest{Region: "IN"}, oneMug()} {
		_, err := offline(t).Prepare(indian, m, chatapi.ReplyTo("wamid.1"))
		wrongField(t, err, chatapi.ErrInvalid, "ReplyTo")
	}
}

func TestCardsAreCheckedAndShown(t *testing.T) {
	require.NoError(t, spring().Check(springMessage()))
	preview, err := spring().Preview(springMessage())
	require.NoError(t, err)
	assert.Equal(t, "Hello Ann.\ncard 1:\n[image] https://files.example.com/c1.jpg\nOnly $1.\n[Buy] https://shop.example.com/p1\n"+
		"card 2:\n[image] https://files.example.com/c2.jpg\nOnly $2.\n[Buy] https://shop.example.com/p2", preview.String())

	for field, change := range map[string]func(*chatapi.Template){
		"Cards":           func(m *chatapi.Template) { m.Cards = append(m.Cards, m.Cards[0]) },
		"Cards[1].Header": func(m *chatapi.Template) { m.Cards[1].Header = cardProduct(1) },
		"Cards[0].Body":   func(m *chatapi.Template) { m.Cards[0].Body = nil },
		"Cards[0].Buttons[0]": func(m *chatapi.Template) {
			m.Cards[0].Buttons = []chatapi.ButtonParam{chatapi.QuickReplyButton(0, "a")}
		},
		"OfferExpires": func(m *chatapi.Template) { m.OfferExpires = time.Time{} },
	} {
		m := springMessage()
		change(&m)
		wrongField(t, spring().Check(m), chatapi.ErrTemplate, field)
	}
	plain := spring()
	plain.Components = plain.Components[:1]
	m := springMessage()
	m.Cards = nil
	wrongField(t, plain.Check(m), chatapi.ErrTemplate, "OfferExpires")
	m = springMessage()
	m.OfferExpires = time.Time{}
	wrongField(t, plain.Check(m), chatapi.ErrTemplate, "Cards")
}
