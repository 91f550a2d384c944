package chatapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// losing returns a client that loses every send, and whose history is the store.
func losing(t *testing.T, s *store) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, networkEnd(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return nil, errors.New("the line is dead")
		}
		return s.RoundTrip(r)
	}))
	require.NoError(t, err)
	return client
}

// lost sends a message whose reply never comes, and returns the attempt.
func lost(t *testing.T, client *chatapi.Client, to chatapi.Recipient, m chatapi.Message) chatapi.Attempt {
	t.Helper()
	_, err := client.Send(t.Context(), to, m)
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
	require.NotNil(t, e.Attempt)
	return *e.Attempt
}

// These messages are at the edges of the time range, or resemble the message of
// the attempt.
func TestResolveAtItsEdges(t *testing.T) {
	text := func(body string) chatapi.Message { return chatapi.Text{Body: body} }
	template := chatapi.Template{Name: "a", Language: "en"}
	for _, tc := range []struct {
		name    string
		message chatapi.Message
		stored  func(s *store, started time.Time)
		wait    time.Duration
		outcome chatapi.Outcome
	}{
		{"the history says the second in which it began", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "hello") }, 0, chatapi.OutcomeAccepted},
		{"nothing after 59 seconds", text("hello"), func(*store, time.Time) {}, 59 * time.Second, chatapi.OutcomeUnknown},
		{"10 minutes after", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at.Add(10*time.Minute), "hello") }, time.Hour, chatapi.OutcomeAccepted},
		{"more than 10 minutes after", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at.Add(10*time.Minute+time.Second), "hello") }, time.Hour, chatapi.OutcomeNotFound},
		{"2 minutes before", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at.Add(-2*time.Minute), "hello") }, time.Hour, chatapi.OutcomeUnknown},
		{"more than 2 minutes before", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at.Add(-2*time.Minute-time.Second), "hello") }, time.Hour, chatapi.OutcomeNotFound},
		{"before and after", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at.Add(-time.Minute), "hello"); s.add(2, 1, at, "hello") }, time.Hour, chatapi.OutcomeUnknown},
		{"without its spaces", text(" hello\n"), func(s *store, at time.Time) { s.add(1, 1, at, "hello") }, 0, chatapi.OutcomeAccepted},
		{"in capitals", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "Hello") }, time.Hour, chatapi.OutcomeNotFound},
		{"buttons by their body", chatapi.Buttons{Body: "Confirm?", Buttons: yesOrNo}, func(s *store, at time.Time) { s.add(1, 1, at, "Confirm?") }, 0, chatapi.OutcomeAccepted},
		{"a list by its body", chatapi.List{Body: "Pick", Label: "Open", Sections: []chatapi.Section{{Rows: rows("a", 1)}}},
			func(s *store, at time.Time) { s.add(1, 1, at, "Pick") }, 0, chatapi.OutcomeAccepted},
		{"a file without a caption", chatapi.File{Media: chatapi.MediaURL("https://shop.example.com/slip.pdf")},
			func(s *store, at time.Time) { s.addFile(1, at, "") }, time.Hour, chatapi.OutcomeUnknown},
		{"a template, and the customer wrote", template, func(s *store, at time.Time) { s.add(1, 0, at, "hi") }, time.Hour, chatapi.OutcomeNotFound},
		{"a text beside a file with the same text", text("hello"), func(s *store, at time.Time) { s.addFile(1, at, "hello"); s.add(2, 1, at, "hello") }, 0, chatapi.OutcomeAccepted},
		{"without an id", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "hello"); delete(s.rows[0], "id") }, time.Hour, chatapi.OutcomeUnknown},
		{"the text, at no time", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "hello"); delete(s.rows[0], "time") }, time.Hour, chatapi.OutcomeUnknown},
		{"another text, at no time", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "bye"); delete(s.rows[0], "time") }, time.Hour, chatapi.OutcomeUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(700 * time.Millisecond) // the history rounds to whole seconds
				s := &store{}
				client := losing(t, s)
				attempt := lost(t, client, ann, tc.message)
				tc.stored(s, attempt.Started.Truncate(time.Second))
				time.Sleep(tc.wait)
				resolution, err := client.Resolve(t.Context(), attempt)
				require.NoError(t, err)
				assert.Equal(t, tc.outcome, resolution.Outcome, resolution.Why)
				assert.Equal(t, tc.outcome == chatapi.OutcomeAccepted, resolution.ID != "")
			})
		})
	}
}

// Resolve returns the id of the matching message, not that of another one in the
// chat.
func TestResolveNamesTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		client := losing(t, s)
		attempt := lost(t, client, ann, chatapi.Text{Body: "hello"})
		s.add(1, 0, attempt.Started, "hello")
		s.add(2, 1, attempt.Started, "bye")
		s.add(3, 1, attempt.Started, "hello")
		resolution, err := client.Resolve(t.Context(), attempt)
		require.NoError(t, err)
		assert.Equal(t, "wamid.3", resolution.ID)
	})
}

// Resolve reads the recipient's chat from 2 minutes before the attempt to 10
// minutes after.
func TestResolveLooksInTheRecipientsChat(t *testing.T) {
	for chat, to := range map[string]chatapi.Recipient{
		"12025550143@c.us":        ann,
		"12025550144@c.us":        chatapi.Chat("12025550144@c.us"),
		"120363000000000001@g.us": chatapi.Chat("120363000000000001@g.us"),
		"US.1000000000000001@lid": chatapi.BSUID("US.1000000000000001"),
		"US.1000000000000002@lid": chatapi.BSUIDAsPhone("US.1000000000000002"),
		"":                        chatapi.Username("ann"),
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{}
			client := losing(t, s)
			attempt := lost(t, client, to, chatapi.Text{Body: "hello"})
			resolution, err := client.Resolve(t.Context(), attempt)
			require.NoError(t, err)
			assert.Equal(t, chatapi.OutcomeUnknown, resolution.Outcome)
			if chat == "" {
				assert.Empty(t, s.seen, "a recipient without a chat needs no request")
				return
			}
			require.Len(t, s.seen, 1)
			query, err := url.ParseQuery(s.seen[0])
			require.NoError(t, err)
			assert.Equal(t, chat, query.Get("chatId"))
			assert.Equal(t, fmt.Sprint(attempt.Started.Unix()-120), query.Get("min_time"))
			assert.Equal(t, fmt.Sprint(attempt.Started.Unix()+600), query.Get("max_time"))
		})
	}
}

// Resolve refuses an attempt of another channel without a request.
func TestResolveAsksForItsOwnChannelOnly(t *testing.T) {
	s := &store{}
	client := losing(t, s)
	for name, tc := range map[string]struct {
		attempt chatapi.Attempt
		kind    chatapi.ErrorKind
	}{
		"another channel": {chatapi.Attempt{Channel: "ABC2", To: ann, Started: time.Now()}, chatapi.ErrWrongChannel},
		"no channel":      {chatapi.Attempt{To: ann, Started: time.Now()}, chatapi.ErrWrongChannel},
		"no time":         {chatapi.Attempt{Channel: "ABC1", To: ann}, chatapi.ErrInvalid},
	} {
		resolution, err := client.Resolve(t.Context(), tc.attempt)
		e := wrongField(t, err, tc.kind, "attempt")
		assert.Equal(t, "Resolve", e.Op, name)
		assert.Equal(t, chatapi.OutcomeUnknown, resolution.Outcome, name)
		assert.NotEmpty(t, resolution.Why, name)
	}
	assert.Empty(t, s.seen)
}

// If reading the history fails, the outcome stays unknown, whatever was read
// before.
func TestResolveOfAHistoryThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{fail: func(look int) *http.Response {
			if look == 1 {
				return nil
			}
			return reply(403, "Channel subscription is blocked")
		}}
		client := losing(t, s)
		attempt := lost(t, client, ann, chatapi.Text{Body: "hello"})
		for i := 1; i <= 100; i++ { // a full page makes Resolve read another one
			s.add(i, i%2, attempt.Started, "bye")
		}
		s.rows[0]["body"], s.rows[0]["fromMe"] = "hello", 1
		time.Sleep(time.Hour)
		resolution, err := client.Resolve(t.Context(), attempt)
		require.ErrorIs(t, err, chatapi.ErrBlocked)
		assert.Equal(t, chatapi.OutcomeUnknown, resolution.Outcome)
		assert.Empty(t, resolution.ID)
	})
}

// Two attempts at one message have the same fingerprint. Another operation, text
// or recipient has another fingerprint.
func TestFingerprints(t *testing.T) {
	client := answering(t, 200, `{"sent":true,"id":"wamid.1"}`)
	fingerprint := func(operation, body string) string {
		receipt, err := client.SendPrepared(t.Context(), &chatapi.Prepared{Channel: "ABC1", To: ann, Operation: operation, Body: json.RawMessage(body)})
		require.NoError(t, err)
		return receipt.Attempt.Fingerprint
	}
	first := fingerprint("sendMessage", `{"phone":"12025550143","body":"hello"}`)
	assert.Equal(t, first, fingerprint("sendMessage", `{"phone":"12025550143","body":"hello"}`))
	assert.Regexp(t, `^body:[0-9a-f]{32} text:[0-9a-f]{32}$`, first)
	assert.NotContains(t, first, "hello")
	assert.NotEqual(t, first, fingerprint("sendMessage", `{"phone":"12025550144","body":"hello"}`))
	assert.NotEqual(t, first, fingerprint("sendMessage", `{"phone":"12025550143","body":"hello."}`))
	assert.NotEqual(t, first, fingerprint("sendButton", `{"phone":"12025550143","body":"hello"}`))
	reaction := fingerprint("sendReaction", `{"phone":"12025550143","body":"👍","quotedMsgId":"wamid.1"}`)
	assert.Regexp(t, `^body:[0-9a-f]{32}$`, reaction, "the history shows no text of a reaction")
	assert.NotEqual(t, reaction, fingerprint("sendPoll", `{"phone":"12025550143","body":"👍","quotedMsgId":"wamid.1"}`))
}

// Send takes the text from the message, SendPrepared from the body. Both give the
// same fingerprint.
func TestFingerprintsOfSendAndSendPrepared(t *testing.T) {
	client := answering(t, 200, `{"sent":true,"id":"wamid.1"}`)
	odd := " <b>a</b> & \"b\"\n\u2028 ё👍 "
	link := chatapi.MediaURL("https://shop.example.com/a.jpg")
	custom := func(operation, body string) chatapi.Custom {
		return chatapi.Custom{Operation: operation, Body: json.RawMessage(body)}
	}
	for name, tc := range map[string]struct {
		message chatapi.Message
		text    bool
	}{
		"a text":                  {chatapi.Text{Body: odd}, true},
		"a pointer to a text":     {&chatapi.Text{Body: odd}, true},
		"a file with a caption":   {chatapi.File{Media: link, Caption: odd}, true},
		"a file with a blank":     {chatapi.File{Media: link, Caption: " "}, true},
		"a file without a text":   {chatapi.File{Media: link}, false},
		"buttons":                 {chatapi.Buttons{Body: odd, Buttons: []chatapi.Button{{ID: "1", Title: "One"}}}, true},
		"a list":                  {chatapi.List{Body: odd, Label: "Open", Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: "1", Title: "One"}}}}}, true},
		"a page":                  {chatapi.LinkMessage{Body: odd, Label: "Open", URL: "https://shop.example.com"}, false},
		"a place":                 {chatapi.Location{Latitude: 1}, false},
		"a custom text":           {custom("sendMessage", ` {"x": [1], "body": "a\u0026b <\/b>\u2028"} `), true},
		"a custom file":           {custom("sendFile", `{"body":"https://shop.example.com/a.jpg","caption":"c"}`), true},
		"a custom without a text": {custom("sendMessage", `{"body":{"a":1}}`), false},
		"another custom":          {custom("sendPoll", `{"body":"a"}`), false},
	} {
		sent, err := client.Send(t.Context(), ann, tc.message)
		require.NoError(t, err, name)
		prepared, err := client.Prepare(ann, tc.message)
		require.NoError(t, err, name)
		again, err := client.SendPrepared(t.Context(), prepared)
		require.NoError(t, err, name)
		assert.Equal(t, again.Attempt.Fingerprint, sent.Attempt.Fingerprint, name)
		assert.Equal(t, tc.text, strings.Contains(sent.Attempt.Fingerprint, " text:"), name)
	}
}
