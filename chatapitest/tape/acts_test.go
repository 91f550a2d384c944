package tape_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// collector is a program that keeps the kinds of the events that it gets, and answers each
// message.
func collector(client *chatapi.Client, got *[]string) http.Handler {
	return chatapi.NewDeliveryHandler(func(ctx context.Context, d *chatapi.Delivery) error {
		*got = append(*got, kinds(d.Body)...)
		for _, e := range d.Events {
			m, ok := e.(*chatapi.MessageEvent)
			if !ok || m.Type == chatapi.TypeRequestWelcome || m.Raw != nil && bytes.Contains(m.Raw, []byte("timestamp")) {
				continue // of the two forms of a message, one is answered
			}
			if _, err := client.Send(ctx, m.AnswerTo(), chatapi.Location{Latitude: 51.5237, Longitude: -0.1585, Name: street}); err != nil {
				return err
			}
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"))
}

// Everything that customers do is recorded in both forms of webhooks, without anything personal,
// and played as the same events.
func TestEveryAct(t *testing.T) {
	for _, opts := range [][]tape.Option{{tape.KeepTexts(), tape.Secrets(street)}, {tape.Secrets(street)}} {
		var recorded, played []string
		var made *tape.Tape
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Token(token))
			api.Template("order_ready", "en", "Hello {{1}}, your order is ready.")
			rec := tape.NewRecorder(opts...)
			client := api.Client(chatapi.WithHTTPClient(&http.Client{Transport: rec.Transport(api.Transport)}))
			require.NoError(t, client.Settings.Update(t.Context(), chatapi.SettingsPatch{RawHooks: new(true)}))
			api.Webhook("https://bot.test/s3cret", rec.Handler(collector(client, &recorded)))
			act(t, api, client)
			var err error
			made, err = rec.Tape()
			require.NoError(t, err)
			var out bytes.Buffer
			_, err = made.WriteTo(&out)
			require.NoError(t, err)
			requireAbsent(t, out.Bytes(), append(slices.Clone(personal), "zoltan.k", "GB.1000447700900123", "51.5237")...)
		})
		made.Entries = slices.DeleteFunc(made.Entries, func(e tape.Entry) bool { // the program makes the others
			return e.Call != nil && e.Call.Path != "sendLocation"
		})
		synctest.Test(t, func(t *testing.T) {
			p := made.Play(t)
			p.Webhook("https://bot.test/s3cret", collector(p.Client(), &played))
			p.Run()
		})
		assert.Equal(t, recorded, played)
		assert.Greater(t, len(recorded), 80)
	}
}

// act lets people do all that they can.
func act(t *testing.T, api *chatapitest.API, client *chatapi.Client) {
	t.Helper()
	ann := api.Customer(zoltan).Named(zoltanName).WithUsername("zoltan.k")
	ben := api.Customer(maria).Named(mariaName)
	ann.OpensChat()
	first := ann.Says("hi from " + zoltan)
	ann.Replies(first, "my IBAN is DE89 3704 0044 0532 0130 00")
	ann.Sends(chatapitest.File{Name: "Kowalski.pdf", Caption: street})
	ann.Sends(chatapitest.File{Type: chatapi.TypeVoice, Data: []byte("OggS")})
	ann.SharesLocation(51.5237, -0.1585)
	ann.SharesContact(mariaName, "+"+maria)
	ann.Reacts("", "👍🏽")
	ann.ClicksAd(chatapi.Referral{Headline: "For " + zoltanName}, "tell me more")
	ann.Rings()
	_, err := client.Send(t.Context(), ann.Recipient(), chatapi.List{Body: "Which?", Label: "Choose", Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: "1", Title: "One"}, {ID: "2", Title: "Two"}}}}})
	require.NoError(t, err)
	api.Settle()
	ann.Picks("2")
	_, err = client.Send(t.Context(), ann.Recipient(), chatapi.Template{Name: "order_ready", Language: "en", Body: chatapi.Params(zoltanName)})
	require.NoError(t, err)
	_, err = client.Send(t.Context(), ben.Recipient(), chatapi.Text{Body: "closed for " + mariaName})
	require.ErrorIs(t, err, chatapi.ErrWindowClosed)
	api.Settle()
	ann.Reads()
	ann.HidesNumber()
	ann.Says("who am I?")
	ann.ShowsNumber()
	ann.ChangesNumber("447700900987")
	ann.Says("new number 07700 900987")
	ben.SaysIn("120363000000000077@g.us", "hello, I am "+mariaName)
	api.FromPhone(maria, "María, this is "+street)
	_, err = client.Templates.Get(t.Context(), "order_ready", "en")
	require.NoError(t, err)
}
