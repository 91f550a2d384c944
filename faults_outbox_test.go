package chatapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// stored returns a value as it comes back from an outbox.
func stored[T any](t *testing.T, value T) T {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	var back T
	require.NoError(t, json.Unmarshal(data, &back))
	return back
}

// An attempt can be stored before the send. The send under it carries it, and Resolve
// finds its message after the program was killed.
func TestFaultC15AttemptsAreStoredBeforeTheSend(t *testing.T) {
	for name, m := range map[string]chatapi.Message{
		"a text": chatapi.Text{Body: "hello"}, "buttons": chatapi.Buttons{Body: "hello", Buttons: yesOrNo},
		"a custom text": chatapi.Custom{Operation: "sendMessage", Body: json.RawMessage(`{"body":"hello"}`)},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{}
			client := losing(t, s)
			prepared, err := client.Prepare(ann, m)
			require.NoError(t, err, name)
			row := stored(t, prepared)
			attempt := stored(t, row.Attempt(time.Now()))
			s.add(1, 1, attempt.Started, "hello") // the message went out, and the program was killed
			_, err = client.SendPrepared(t.Context(), row, chatapi.UnderAttempt(attempt))
			require.ErrorIs(t, err, chatapi.ErrOutcomeUnknown, name)
			assert.Equal(t, attempt, *chatapiError(err).Attempt, name)
			resolution, err := client.Resolve(t.Context(), attempt)
			require.NoError(t, err, name)
			assert.Equal(t, chatapi.OutcomeAccepted, resolution.Outcome, name)
			assert.Equal(t, "wamid.1", resolution.ID, name)
		})
	}
}

// A stored attempt has the fingerprint of Send, an id of its own, and goes with its own
// message only.
func TestFaultC15AttemptsBelongToTheirMessage(t *testing.T) {
	client := answering(t, 200, `{"sent":true,"id":"wamid.1"}`)
	prepared, err := client.Prepare(ann, chatapi.Text{Body: "hello"})
	require.NoError(t, err)
	at := time.Unix(1_790_000_000, 0)
	attempt := prepared.Attempt(at)
	assert.Regexp(t, `^[0-9a-f]{32}$`, attempt.ID)
	assert.NotEqual(t, attempt.ID, prepared.Attempt(at).ID)
	assert.Equal(t, at, attempt.Started)
	sent, err := client.Send(t.Context(), ann, chatapi.Text{Body: "hello"})
	require.NoError(t, err)
	assert.Equal(t, sent.Attempt.Fingerprint, attempt.Fingerprint)
	receipt, err := client.SendPrepared(t.Context(), prepared, nil, chatapi.UnderAttempt(attempt))
	require.NoError(t, err)
	assert.Equal(t, attempt, receipt.Attempt)

	for name, change := range map[string]func(*chatapi.Attempt){
		"no id": func(a *chatapi.Attempt) { a.ID = "" }, "no time": func(a *chatapi.Attempt) { a.Started = time.Time{} },
		"another channel": func(a *chatapi.Attempt) { a.Channel = "ABC2" }, "another recipient": func(a *chatapi.Attempt) { a.To = chatapi.Phone("12025550144") },
		"another operation": func(a *chatapi.Attempt) { a.Operation = "sendFile" }, "another text": func(a *chatapi.Attempt) { a.Fingerprint = "body:0" },
	} {
		other := attempt
		change(&other)
		_, err := client.SendPrepared(t.Context(), prepared, chatapi.UnderAttempt(other))
		e := wrongField(t, err, chatapi.ErrInvalid, "attempt")
		assert.NotEmpty(t, e.Advice, name)
	}
	assert.Zero(t, (*chatapi.Prepared)(nil).Attempt(at))
}

// RecordSend takes a stored prepared message, and knows its category.
func TestFaultC15RecordSendTakesAPreparedMessage(t *testing.T) {
	client := answering(t, 200, `{"sent":true,"id":"wamid.1"}`)
	for category, m := range map[string]chatapi.Message{
		"UTILITY": chatapi.Template{Name: "order_update", Language: "en", Category: "UTILITY"},
		"":        chatapi.Template{Name: "order_update", Language: "en"},
		"text":    chatapi.Text{Body: "hello"},
	} {
		prepared, err := client.Prepare(ann, m)
		require.NoError(t, err)
		receipt, err := client.SendPrepared(t.Context(), prepared)
		require.NoError(t, err)
		bill := func(m chatapi.Message) string {
			ledger := newLedger(t, chatapi.Account{ID: "waba1"})
			require.NoError(t, ledger.RecordSend(receipt, m, instant("2026-05-04T10:00:00Z")))
			require.NoError(t, ledger.Record(chatapi.Activity{Kind: chatapi.ActivityDelivered, At: instant("2026-05-04T10:00:02Z"), Channel: "ABC1",
				Contact: chatapi.Contact{Phone: "12025550143"}, MessageID: receipt.ID}))
			bill, err := ledger.Bill(may2026)
			if err != nil {
				return err.Error() // a template of an unknown category has no price
			}
			return bill.String()
		}
		assert.Equal(t, bill(m), bill(stored(t, prepared)), category)
		assert.Equal(t, bill(m), bill(*prepared), category)
	}
	prepared, err := client.Prepare(ann, chatapi.Text{Body: "hello"})
	require.NoError(t, err)
	_, err = client.Send(t.Context(), ann, prepared)
	wrongField(t, err, chatapi.ErrInvalid, "message")
	_, err = client.Prepare(ann, *prepared)
	wrongField(t, err, chatapi.ErrInvalid, "message")
}

// Resolve says of one older match that it is one, and does not accept a message beside
// an undated one with the same text.
func TestFaultC14ResolveOfOlderAndUndatedMessages(t *testing.T) {
	for name, tc := range map[string]struct {
		fill    func(s *store, at time.Time)
		outcome chatapi.Outcome
		why     string
	}{
		"one older": {func(s *store, at time.Time) { s.add(1, 1, at.Add(-30*time.Second), "hello") }, chatapi.OutcomeUnknown, "one message with this text, from shortly before"},
		"two older": {func(s *store, at time.Time) {
			s.add(1, 1, at.Add(-30*time.Second), "hello")
			s.add(2, 1, at.Add(-20*time.Second), "hello")
		}, chatapi.OutcomeUnknown, "several messages with this text, all from shortly before"},
		"before and after": {func(s *store, at time.Time) { s.add(1, 1, at.Add(-30*time.Second), "hello"); s.add(2, 1, at, "hello") }, chatapi.OutcomeUnknown, "before and after the attempt began"},
		"undated, alone":   {func(s *store, at time.Time) { s.add(1, 1, at, "hello"); delete(s.rows[0], "time") }, chatapi.OutcomeUnknown, "without a time"},
		"undated beside a match": {func(s *store, at time.Time) {
			s.add(1, 1, at, "hello")
			s.add(2, 1, at, "hello")
			delete(s.rows[1], "time")
		}, chatapi.OutcomeUnknown, "without a time"},
		"undated, another text": {func(s *store, at time.Time) {
			s.add(1, 1, at, "hello")
			s.add(2, 1, at, "bye")
			delete(s.rows[1], "time")
		}, chatapi.OutcomeAccepted, "since the attempt"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{}
			client := losing(t, s)
			attempt := lost(t, client, ann, chatapi.Text{Body: "hello"})
			tc.fill(s, attempt.Started)
			time.Sleep(time.Hour)
			resolution, err := client.Resolve(t.Context(), attempt)
			require.NoError(t, err, name)
			assert.Equal(t, tc.outcome, resolution.Outcome, name)
			assert.Contains(t, resolution.Why, tc.why, name)
		})
	}
}

// An unknown group is one, whatever the code says of recipients; a nil client has the
// operation of its call.
func TestSentencesOfGroupsAndNilClients(t *testing.T) {
	for status, body := range map[int]string{200: `{"response":{"error":{"code":131041,"message":"Group unknown"}}}`, http.StatusNotFound: `{"error":"no"}`} {
		_, err := answering(t, status, body).Groups.Get(t.Context(), "120363000000000009")
		require.Error(t, err)
		assert.Equal(t, "There is no such group, or this channel is not a member of it.", chatapiError(err).Sentence)
	}
	connection, err := (*chatapi.Client)(nil).Connect(t.Context(), chatapi.ConnectOptions{})
	assert.Equal(t, "Connect", chatapiError(err).Op)
	assert.Equal(t, "Not connected: The program is not connected to this channel.", connection.String())
}
