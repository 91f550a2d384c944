package chatapitest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// book is a business that keeps a ledger and the links of names. It reads the service's
// own form, WhatsApp's, or both.
type book struct {
	*chatapitest.API
	t      *testing.T
	client *chatapi.Client
	ledger *chatapi.Ledger
	links  []chatapi.Link
}

func newBook(t *testing.T, own, raw bool) *book {
	noon := time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)
	b := &book{API: chatapitest.New(t, chatapitest.At(noon)), t: t}
	b.client = b.Client()
	b.ledger = chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{b.client.ChannelID()}})
	require.NoError(t, b.client.Settings.Update(t.Context(), chatapi.SettingsPatch{RawHooks: &raw}))
	handler := chatapi.NewWebhookHandler(func(_ context.Context, ev chatapi.Event) error {
		ev.Info().Received = b.Now()
		b.links = append(b.links, chatapi.LinksOf(ev)...)
		return b.ledger.RecordEvent(ev)
	}, chatapi.WebhookSecret("s3cret"), channelOf(b.client))
	b.Webhook(hookURL, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if isOwn := bytes.Contains(body, []byte(`"instanceId"`)); err != nil || isOwn && !own {
			return // as if it had not come
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	}))
	return b
}

// send sends to the customer and records it, once the webhooks are handled.
func (b *book) send(to chatapi.Recipient, m chatapi.Message) {
	b.t.Helper()
	receipt, err := b.client.Send(b.t.Context(), to, m)
	require.NoError(b.t, err)
	b.Settle()
	require.NoError(b.t, b.ledger.RecordSend(receipt, m, b.Now()))
}

// run is the whole story. It returns all names of the customer, those that follow the
// change of the number last.
func (b *book) run() (before, after []chatapi.Recipient, group string) {
	b.Template("offer", "en", "Hello {{1}}.")
	customer := b.API.Customer(ann).WithUsername("ann.example")
	first := customer.BSUID()
	customer.Says("hi")
	b.Advance(25 * time.Hour)
	customer.HidesNumber()
	b.send(chatapi.BSUID(first), chatapi.Template{Name: "offer", Language: "en", Category: "MARKETING", Body: chatapi.Params("Ann")})
	b.Advance(time.Hour)
	customer.ChangesNumber("12025550177")
	b.Advance(time.Hour)
	customer.ShowsNumber()
	customer.Says("it is me")
	b.Advance(time.Hour)
	b.send(chatapi.Username("ann.example"), chatapi.Text{Body: "Hello again"})
	b.FromPhone("12025550177", "typed on the phone")
	group = b.Group("Friends", customer, b.API.Customer("12025550144"))
	customer.SaysIn(group, "hi all")
	b.send(chatapi.Chat(group), chatapi.Text{Body: "hello all"})
	customer.Reads()
	return []chatapi.Recipient{chatapi.Phone(ann), chatapi.Chat(ann + "@c.us"), chatapi.BSUID(first)},
		[]chatapi.Recipient{chatapi.Phone("12025550177"), chatapi.BSUID(customer.BSUID()), chatapi.Username("ann.example")}, group
}

// TestFlowOfOnePerson checks that windows, bill and Identities agree on who is whom,
// whichever form the business reads. The service's own form tells nothing of a change
// of the number, so there the person is two; nor does it tell the phone app apart.
func TestFlowOfOnePerson(t *testing.T) {
	for name, c := range map[string]struct{ own, raw bool }{"own": {own: true}, "both": {true, true}, "raw": {raw: true}} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, c.own, c.raw)
			before, after, group := b.run()
			var ids, reversed chatapi.Identities
			ids.Add(b.links...)
			slices.Reverse(b.links)
			reversed.Add(b.links...)
			person := after[1]
			if !c.raw {
				b.isOne(&ids, before, before[2], "2026-11-16T12:00:00Z")
			} else {
				after = append(after, before...)
			}
			b.isOne(&ids, after, person, "2026-11-17T15:00:00Z")
			b.isOne(&reversed, after, person, "2026-11-17T15:00:00Z")
			b.isOne(&ids, []chatapi.Recipient{chatapi.Chat(group)}, chatapi.Chat(group), "2026-11-17T16:00:00Z")

			bill, err := b.ledger.Bill(chatapi.Month(2026, time.November))
			require.NoError(t, err)
			assert.Equal(t, "[0.025 USD]", fmt.Sprint(bill.Totals))
			billed := map[string]int{}
			for _, charge := range bill.Charges {
				billed[charge.Category+" "+charge.Contact.Value()]++
			}
			want := map[string]int{"marketing " + ann: 1, "service 12025550177": 2, "service 12025550144": 1}
			if !c.raw {
				want["service 12025550177"]++ // what the business typed in its phone app
			}
			assert.Equal(t, want, billed)
		})
	}
}

// isOne checks that all names mean one person, with one service window.
func (b *book) isOne(ids *chatapi.Identities, names []chatapi.Recipient, person chatapi.Recipient, until string) {
	b.t.Helper()
	for _, name := range names {
		assert.Equal(b.t, person, ids.Owner(name, time.Time{}), "the owner of %v", name)
		window := b.ledger.ServiceWindow(b.client.ChannelID(), name)
		assert.Equal(b.t, until, window.ExpiresAt.UTC().Format(time.RFC3339), "the window of %v", name)
	}
}
