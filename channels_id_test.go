package chatapi_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestCanonical(t *testing.T) {
	for id, want := range map[chatapi.ChannelID]chatapi.ChannelID{
		"ABC1": "ABC1", "abc1": "ABC1", "aBc1": "ABC1", " ABC1": "ABC1", "ABC1\n": "ABC1", "instanceABC1": "ABC1", "Instanceabc1": "ABC1",
		"100001": "100001", "instance100001": "100001", "instanceinstance1": "1", " instance 1 ": "1",
		"": "", " \t": "", "instance": "INSTANCE", " instance ": "INSTANCE", "instanc1": "INSTANC1", "abc-1_x": "ABC-1_X",
		"ABC 1": "ABC 1", "ABC1instance": "ABC1INSTANCE", "abcß1ſ": "ABCß1ſ", "ınstance1": "ıNSTANCE1", "a\xff": "A\xff",
	} {
		assert.Equal(t, want, id.Canonical(), "%q", id)
	}
	usual := chatapi.ChannelID("ABC100000001")
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = usual.Canonical() }))
}

// Canonical of a Canonical is itself. Two ids have the same Canonical exactly if the
// registry finds the same channel by them.
func TestCanonicalIsTheSpellingOfTheRegistry(t *testing.T) {
	channels := chatapi.NewChannels()
	clients := map[chatapi.ChannelID]*chatapi.Client{}
	for _, id := range []string{"ABC1", "100001", "bc1", "instance2"} {
		client, err := chatapi.New("https://api.test/"+id, opaqueToken)
		require.NoError(t, err)
		clients[client.ChannelID().Canonical()], err = channels.Put("https://api.test/"+id, opaqueToken)
		require.NoError(t, err)
	}
	require.Len(t, clients, 4)
	random := rand.New(rand.NewPCG(1, 12))
	parts := []string{"instance", "INSTANCE", "insta", " ", "\t", "A", "a", "bc1", "BC1", "100001", "2", "ß", "ı", "ſ", "\u00a0", "\xff"}
	found := 0
	for range 20000 {
		var text strings.Builder
		for range random.IntN(5) {
			text.WriteString(parts[random.IntN(len(parts))])
		}
		id := chatapi.ChannelID(text.String())
		canonical := id.Canonical()
		require.Equal(t, canonical, canonical.Canonical(), "%q", id)
		client, known := channels.Client(id)
		require.Same(t, clients[canonical], client, "%q", id)
		if known {
			found++
		}
	}
	assert.Greater(t, found, 1000)
}

// A stored message and its attempt may spell the channel in another way than the client.
func TestSpellingsOfAChannelAreNoOtherChannel(t *testing.T) {
	s := &store{}
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, networkEnd(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
		}
		return s.RoundTrip(r)
	}))
	require.NoError(t, err)
	for _, id := range []chatapi.ChannelID{"ABC1", "abc1", "instanceABC1", " ABC1"} {
		p, err := client.Prepare(ann, chatapi.Text{Body: "hello"})
		require.NoError(t, err)
		attempt := p.Attempt(time.Now())
		p.Channel = id
		receipt, err := client.SendPrepared(t.Context(), p, chatapi.UnderAttempt(attempt))
		require.NoError(t, err, "%q", id)
		assert.Equal(t, attempt, receipt.Attempt)
		attempt.Channel = id
		_, err = client.Resolve(t.Context(), attempt)
		require.NoError(t, err, "%q", id)
	}
	for _, id := range []chatapi.ChannelID{"ABC2", "ABC", "ABC11", "instance"} {
		p := prepared(id)
		_, err := client.SendPrepared(t.Context(), p)
		require.ErrorIs(t, err, chatapi.ErrWrongChannel, "%q", id)
		_, err = client.Resolve(t.Context(), p.Attempt(time.Now()))
		require.ErrorIs(t, err, chatapi.ErrWrongChannel, "%q", id)
	}
}

// A token and a webhook may spell the channel in another way than the address.
func TestSpellingsOfAChannelInTokensAndWebhooks(t *testing.T) {
	for _, id := range []string{"ABC1", "abc1", "instanceABC1", " ABC1 "} {
		_, err := chatapi.New("https://api.test/abc1", jwt(`{"instanceId":"`+id+`"}`))
		require.NoError(t, err, "%q", id)

		var got []chatapi.ChannelID
		var secretOf []chatapi.ChannelID
		handler := chatapi.NewWebhookHandler(chatapi.Once(func(_ context.Context, e chatapi.Event) error {
			got = append(got, e.Info().Channel)
			return nil
		}), chatapi.WebhookSecrets(func(_ context.Context, channel chatapi.ChannelID) []string {
			secretOf = append(secretOf, channel)
			return []string{"s3cret"}
		}))
		for _, named := range []string{id, "Abc1"} { // the second one is the same event
			body, err := json.Marshal(map[string]any{"instanceId": named, "ack": []any{map[string]any{"id": "c", "status": "read"}}})
			require.NoError(t, err)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hooks/aBC1/s3cret", strings.NewReader(string(body))))
			assert.Equal(t, http.StatusOK, w.Code, "%q", named)
		}
		assert.Len(t, got, 1, "%q", id)
		assert.Equal(t, []chatapi.ChannelID{"aBC1", "aBC1"}, secretOf)
	}
}

// Accounts and facts of a ledger may spell one channel in several ways.
func TestSpellingsOfAChannelInALedger(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{"instanceABC1"}})
	at := instant("2026-11-10T12:00:00Z")
	for i, id := range []chatapi.ChannelID{"ABC1", "abc1", " ABC1", "Instanceabc1"} {
		fact := wrote(at.Add(time.Duration(i)*time.Minute), customerA)
		fact.Channel = id
		require.NoError(t, ledger.Record(fact), "%q", id)
		window := ledger.ServiceWindow(id, chatapi.Phone(customerA.Phone))
		assert.Equal(t, fact.At.Add(24*time.Hour), window.ExpiresAt, "%q", id)
	}
	fact := wrote(at, customerA)
	fact.Channel = "ABC2"
	assert.ErrorIs(t, ledger.Record(fact), chatapi.ErrForeignChannel)
}
