package tape_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/require"
)

// The personal data of the recordings. The numbers are among those that Ofcom and the
// Bundesnetzagentur keep for fiction.
const (
	token      = "t0kenOfTheRealChannel99"
	hookSecret = "h00kS3cretOfTheProgram"
	zoltan     = "447700900123"
	maria      = "4930231257890"
	zoltanName = "Zoltan Kowalski"
	mariaName  = "María Ñáñez"
	email      = "zoltan.kowalski@post.example.org"
	ibanNumber = "DE89370400440532013000"
	cardNumber = "4111111111111111"
	street     = "Baker Street 221b"
)

// personal is everything that must not be on a tape of these people.
var personal = []string{token, hookSecret, zoltan, maria, zoltanName, "Kowalski", "Zoltan", mariaName, "Ñáñez", email, ibanNumber, cardNumber, street,
	"0532013000", "07700 900123", "+44 7700 900123", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111", "4111-1111-1111-1111"}

// spellings returns the four ways in which software spells a value: as it is, in base64 at each
// of three places, with the escapes of URLs, and with those of JSON.
func spellings(value string) (all []string) {
	all = append(all, value, strings.ToLower(value), url.QueryEscape(value), url.PathEscape(value))
	var percent, escaped, upper strings.Builder
	for _, b := range []byte(value) {
		fmt.Fprintf(&percent, "%%%02X", b)
	}
	for _, r := range value {
		fmt.Fprintf(&escaped, `\u%04x`, r)
		fmt.Fprintf(&upper, `\u%04X`, r)
	}
	asJSON, _ := json.Marshal(value)
	all = append(all, percent.String(), strings.ToLower(percent.String()), escaped.String(), upper.String(), strings.Trim(string(asJSON), `"`))
	for before, unsure := range [...]int{0, 2, 3} {
		whole := append(make([]byte, before), value...)
		for _, alphabet := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if code := alphabet.EncodeToString(whole)[unsure : len(whole)*8/6]; len(value) >= 6 {
				all = append(all, code)
			}
		}
	}
	return all
}

// requireAbsent fails if data holds one of the values in any spelling.
func requireAbsent(t *testing.T, data []byte, values ...string) {
	t.Helper()
	data = bytes.ToLower(data)
	for _, value := range values {
		for _, spelled := range spellings(value) {
			if at := bytes.Index(data, bytes.ToLower([]byte(spelled))); at >= 0 {
				t.Fatalf("%q is still there, as %q: …%s…", value, spelled, data[max(0, at-80):min(len(data), at+80)])
			}
		}
	}
}

// newBot returns the program under test: a bot that greets by name, repeats the text, offers
// buttons, and answers a tap.
func newBot(client *chatapi.Client) func(context.Context, chatapi.Event) error {
	return func(ctx context.Context, e chatapi.Event) error {
		m, ok := e.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		to := m.From.Recipient()
		if m.Type == chatapi.TypeInteractive {
			_, err := client.Send(ctx, to, chatapi.Text{Body: "You chose " + m.Reply.ID})
			return err
		}
		if _, err := client.Send(ctx, to, chatapi.Text{Body: "Hello " + m.From.Name + ", you wrote: " + m.Text}, chatapi.ReplyTo(m.ID)); err != nil {
			return err
		}
		_, err := client.Send(ctx, to, chatapi.Buttons{Body: "Which size?", Buttons: []chatapi.Button{{ID: "S", Title: "Small"}, {ID: "L", Title: "Large"}}})
		return err
	}
}

// record records a conversation of two people with the bot, over real connections.
func record(t *testing.T, opts ...tape.Option) (*tape.Recorder, []byte) {
	t.Helper()
	api := chatapitest.New(t, chatapitest.Token(token), chatapitest.At(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)))
	apiURL, err := api.Listen()
	require.NoError(t, err)
	rec := tape.NewRecorder(opts...)
	network := &http.Transport{}
	t.Cleanup(network.CloseIdleConnections)
	client, err := chatapi.New(apiURL, token, chatapi.WithHTTPClient(&http.Client{Transport: rec.Transport(network)}))
	require.NoError(t, err)
	handler := chatapi.NewWebhookHandler(newBot(client), chatapi.WebhookSecret(hookSecret))
	server := httptest.NewServer(rec.Handler(handler))
	t.Cleanup(server.Close)
	err = client.Webhooks.Set(t.Context(), server.URL+"/hooks/"+hookSecret)
	require.NoError(t, err)

	ann := api.Customer(zoltan).Named(zoltanName)
	ben := api.Customer(maria).Named(mariaName)
	ann.Says("order please, my number is +44 7700 900123 or 07700 900123")
	api.Advance(90 * time.Second)
	ann.Taps("Large")
	ben.Says("I am " + mariaName + ", pay from DE89 3704 0044 0532 0130 00 or card 4111 1111 1111 1111, mail " + email + ", I live in " + street)
	ben.Says("encoded: " + base64.StdEncoding.EncodeToString([]byte("<"+email+">")) + " " + base64.StdEncoding.EncodeToString([]byte("tel "+maria)) + " " + url.QueryEscape(ibanNumber+" "+mariaName) + ` \u005aoltan Kowalski`)
	require.NoError(t, api.Err())
	raw, _ := json.Marshal(api.Calls())
	return rec, append(raw, fmt.Sprint(api.Delivered())...)
}
