package desk_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// Whatever the order in which events come, and however often, the thread is the same.
func TestOrderOfEventsChangesNothing(t *testing.T) { onBoth(t, orderOfEventsChangesNothing) }

func orderOfEventsChangesNothing(t *testing.T, open func(t testing.TB) *office) {
	failed := chatapi.StatusError{Sentence: "The number is not on WhatsApp."}
	events := []chatapi.Event{
		says(0, robert, "w1", "first"), edits(2, "e1", "w1", "second"), edits(4, "e2", "w1", "third"),
		reacts(5, robert, "r1", "w2", "👍"), reacts(6, robert, "r2", "w2", "👎"), reacts(7, robert, "r3", "w1", "😀"), reacts(8, robert, "r4", "w1", ""),
		answers(3, "w2", "an answer"), reports(3, "w2", chatapi.StatusSent), reports(4, "w2", chatapi.StatusFailed, failed),
		reports(5, "w2", chatapi.StatusDelivered), reports(9, "w2", chatapi.StatusRead),
		says(10, robert, "w3", "gone"), revokes(11, "d1", "w3"),
	}
	want := []string{
		`0 in text "third" was first, second`,
		`3 out text "an answer" by a colleague, by phone read 👎 by phone:12025550143`,
		`10 in text "gone" deleted 11`}
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		o := open(t)
		o.applies(events...)
		require.Equal(t, want, o.messageLines())
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		assert.EqualValues(t, 1, o.number("SELECT count(*) FROM desk_chat"))
	}
}

// Imported history moves nothing that agents work with, and tells one change for a chat.
func TestHistoryMovesNothing(t *testing.T) { onBoth(t, historyMovesNothing) }

func historyMovesNothing(t *testing.T, open func(t testing.TB) *office) {
	o := open(t)
	o.applies(says(0, robert, "w1", "hi"))
	request, err := o.view(o.max).Row(t.Context(), 1)
	require.NoError(t, err)
	before, err := o.LastChange(t.Context())
	require.NoError(t, err)
	old := chatapi.HistoryThread{Contact: robert}
	for n := range 50 {
		old.Messages = append(old.Messages, chatapi.HistoryMessage{Content: chatapi.Content{ID: "h" + string(rune('A'+n)), Type: chatapi.TypeText, Text: "old"},
			Time: morning.Add(-time.Duration(n+1) * time.Hour), From: robert})
	}
	stranger := chatapi.HistoryThread{Contact: eve, Messages: []chatapi.HistoryMessage{{Content: chatapi.Content{ID: "s1", Type: chatapi.TypeText, Text: "x"}, Time: morning.Add(-time.Hour)}}}
	o.applies(&chatapi.HistoryEvent{EventInfo: at(3), Threads: []chatapi.HistoryThread{old, stranger}})
	changes, err := o.Changes(t.Context(), before, 100)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	assert.Equal(t, desk.Change{Seq: before + 1, Kind: desk.ChangedRequest, Department: o.sales, Object: 1}, changes[0])
	after, err := o.view(o.max).Row(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, request, after)
	assert.Equal(t, [3]int64{2, 2, 1}, o.counts())
	thread, err := o.view(o.max).Thread(t.Context(), 1, 0)
	require.NoError(t, err)
	assert.Len(t, thread.Messages, 51)
	assert.Equal(t, "hi", thread.Messages[50].Body, "history is sorted by its time")

	o.applies(says(60, eve, "w2", "hello"))
	assert.Equal(t, `request Sales new "hello" "hello" unread 1 waits 60 last 60 closes 86460 phone:12025550144`, o.requestLines()[1])
}

// A file of the history comes in an event of its own.
func TestFileOfHistory(t *testing.T) { onBoth(t, fileOfHistory) }

func fileOfHistory(t *testing.T, open func(t testing.TB) *office) {
	o := open(t)
	part := func(m chatapi.HistoryMessage) chatapi.Event {
		m.ID, m.Time, m.From = "h1", morning.Add(-time.Hour), robert
		return &chatapi.HistoryEvent{EventInfo: at(3), Threads: []chatapi.HistoryThread{{Contact: robert, Messages: []chatapi.HistoryMessage{m}}}}
	}
	o.applies(part(chatapi.HistoryMessage{Content: chatapi.Content{Type: chatapi.TypeOther}, WireType: "media_placeholder"}))
	require.Equal(t, []string{`-3600 in unsupported "" history {"why":"The file comes later."} in no request`}, o.rows())
	o.applies(part(chatapi.HistoryMessage{Content: chatapi.Content{Type: chatapi.TypeImage, Text: "us", Media: &chatapi.ReceivedMedia{ID: "1"}}, WireType: "image"}))
	require.Equal(t, []string{`-3600 in image "us" history file fetching in no request`}, o.rows())
}

func TestWhichRequestAMessageBelongsTo(t *testing.T) { onBoth(t, whichRequestAMessageBelongsTo) }

func whichRequestAMessageBelongsTo(t *testing.T, open func(t testing.TB) *office) {
	for name, c := range map[string]struct {
		reopens, solved, at int // hours, seconds after the morning
		want                []string
	}{
		"soon after it was solved":   {72, 60, 3600, []string{`open "one"`}},
		"at the end of the time":     {72, 60, 60 + 72*3600 - 1, []string{`open "one"`}},
		"after the time":             {72, 60, 60 + 72*3600, []string{`solved "one"`, `new "two"`}},
		"in a department without it": {0, 60, 61, []string{`solved "one"`, `new "two"`}},
		"written before the end":     {1, 60, 30, []string{`open "one"`}},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.exec("UPDATE desk_department SET reopens = $1", c.reopens)
			o.applies(says(0, robert, "w1", "one"))
			o.exec("UPDATE desk_request SET state = 'solved', assignee = $1, solved = $2", o.eve, morning.Add(time.Duration(c.solved)*time.Second).UnixMicro())
			o.now = morning.Add(time.Duration(c.at) * time.Second)
			o.applies(reacts(c.at, robert, "r", "w1", "👍"), reports(c.at, "w0", chatapi.StatusRead))
			assert.EqualValues(t, 1, o.number("SELECT count(*) FROM desk_request WHERE state = 'solved'"), "a reaction opens nothing")
			o.applies(says(c.at, robert, "w2", "two"))
			var states []string
			for _, line := range o.requestLines() {
				var state, subject string
				state, subject = word(line, 2), word(line, 3)
				states = append(states, state+" "+subject)
			}
			assert.Equal(t, c.want, states)
			assert.Zero(t, o.number("SELECT count(*) FROM desk_request WHERE state <> 'solved' AND assignee <> 0"), "Eve does not work in Sales")
		})
	}
	o := open(t)
	o.applies(says(0, robert, "w1", "one"))
	o.exec("UPDATE desk_request SET state = 'waiting', assignee = $1", o.max)
	o.applies(says(5, robert, "w2", "two"))
	assert.Equal(t, o.max, o.number("SELECT assignee FROM desk_request WHERE state = 'open'"))
}

// queued plans a message of the desk, as the composer does.
func (o *office) queued(request int64, key, text string) {
	o.insert(`INSERT INTO desk_message (channel, chat, request, direction, outbox_key, kind, body, at, status, agent)
		SELECT channel, chat, id, 'out', $2, 'text', $3, $4, 'queued', $5 FROM desk_request WHERE id = $1`, request, key, text, morning.Add(time.Minute).UnixMicro(), o.max)
}

func TestOutcomes(t *testing.T) { onBoth(t, outcomes) }

func outcomes(t *testing.T, open func(t testing.TB) *office) {
	closed := &chatapi.Error{Kind: chatapi.ErrWindowClosed, Retry: chatapi.RetryTemplate, Sentence: "The window has closed.", Advice: "send a template"}
	for name, c := range map[string]struct {
		queued  durable.Queued
		message string
		request string
	}{
		"waits":     {durable.Queued{State: durable.StatePlanned, Why: "It goes out at 10:40."}, "queued It goes out at 10:40.", "unread 0 waits - last 60 closes 86400"},
		"sent":      {durable.Queued{State: durable.StateSent, MessageID: "w9"}, "sent", "unread 0 waits - last 60 closes 86400"},
		"read":      {durable.Queued{State: durable.StateSent, MessageID: "w9", Status: chatapi.StatusRead}, "read", "unread 0 waits - last 60 closes 86400"},
		"unknown":   {durable.Queued{State: durable.StateUnknown, Why: "Nobody knows."}, "unknown Nobody knows.", "unread 0 waits - last 60 closes 86400 failed 0 undecided 1"},
		"canceled":  {durable.Queued{State: durable.StateCanceled}, "canceled", "unread 1 waits 0 last 60 closes 86400"},
		"skipped":   {durable.Queued{State: durable.StateSkipped, Why: "It was too late."}, "failed It was too late.", "unread 1 waits 0 last 60 closes 86400 failed 1 undecided 0"},
		"refused":   {durable.Queued{State: durable.StateFailed, Why: "x", Err: closed}, "failed The window has closed.", "unread 1 waits 0 last 60 closes 70 failed 1 undecided 0"},
		"not found": {durable.Queued{State: durable.StateFailed, Key: "nobody's"}, "queued", "unread 0 waits - last 60 closes 86400"},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.applies(says(0, robert, "w1", "hi"))
			o.queued(1, "k1", "answer")
			o.exec("UPDATE desk_request SET last = $1, unread = 0, waits = 0", morning.Add(time.Minute).UnixMicro())
			c.queued.Channel = "ABC100000001"
			if c.queued.Key == "" {
				c.queued.Key = "k1"
			}
			c.queued.Attempt = &chatapi.Attempt{Started: morning.Add(70 * time.Second)}
			require.NoError(t, o.Outcome(t.Context(), &c.queued))
			lines := o.messageLines()
			assert.Equal(t, `60 out text "answer" `+c.message, lines[1])
			assert.Contains(t, o.requestLines()[0], c.request+" phone")
		})
	}
}

// What came for the id of a message before the outbox knew it goes to the message.
func TestOutcomeTakesOverWhatCameEarly(t *testing.T) { onBoth(t, outcomeTakesOverWhatCameEarly) }

func outcomeTakesOverWhatCameEarly(t *testing.T, open func(t testing.TB) *office) {
	o := open(t)
	o.applies(says(0, robert, "w1", "hi"))
	o.queued(1, "k1", "answer")
	o.applies(reports(61, "w9", chatapi.StatusDelivered))
	assert.EqualValues(t, 2, o.number("SELECT count(*) FROM desk_message"), "the outbox keeps the status")
	o.applies(reacts(62, robert, "r1", "w9", "👍"))
	assert.EqualValues(t, 3, o.number("SELECT count(*) FROM desk_message"))
	require.NoError(t, o.Outcome(t.Context(), &durable.Queued{Channel: "ABC100000001", Key: "k1", State: durable.StateSent, MessageID: "w9", Status: chatapi.StatusDelivered}))
	assert.Equal(t, []string{`0 in text "hi"`, `60 out text "answer" delivered 👍 by phone:12025550143`}, o.messageLines())
	o.applies(reports(63, "w9", chatapi.StatusRead))
	assert.Equal(t, `60 out text "answer" delivered 👍 by phone:12025550143`, o.messageLines()[1], "the outbox says it")
}

// word returns a word of a line.
func word(line string, n int) string { return strings.Fields(line)[n] }
