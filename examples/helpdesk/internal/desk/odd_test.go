package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// A time that is far ahead would keep its chat above all others for ever, and its window open.
func TestTimesThatHaveNotCome(t *testing.T) {
	o := newOffice(t)
	far := says(0, robert, "w1", "from the future")
	far.Time = morning.AddDate(3000, 0, 0)
	past := chatapi.Content{ID: "h1", Type: chatapi.TypeText, Text: "history of the future"}
	o.applies(far, says(60, robert, "w2", "a clock that is a minute ahead"), &chatapi.HistoryEvent{EventInfo: at(0), Threads: []chatapi.HistoryThread{{Contact: eve,
		Messages: []chatapi.HistoryMessage{{Content: past, Time: far.Time, From: eve}}}}})
	assert.Equal(t, morning.Add(time.Minute).UnixMicro(), o.number("SELECT max(at) FROM desk_message"))
	assert.Equal(t, morning.Add(time.Minute).UnixMicro(), o.number("SELECT max(last) FROM desk_request"))
	assert.Equal(t, morning.Add(24*time.Hour+time.Minute).UnixMicro(), o.number("SELECT max(closes) FROM desk_chat"))
}

// Whoever cannot be answered can be read.
func TestPersonsThatCannotBeAnswered(t *testing.T) {
	o := newOffice(t)
	o.applies(says(0, chatapi.Contact{Chat: "7"}, "w1", "Who am I?"))
	v := o.view(o.max)
	rows, _, err := v.Requests(t.Context(), desk.Filter{})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	thread, err := v.Thread(t.Context(), rows[0].ID, 0)
	require.NoError(t, err)
	assert.Equal(t, "Who am I?", thread.Messages[0].Body)
	c, err := v.Composer(t.Context(), rows[0].ID)
	require.NoError(t, err)
	assert.Equal(t, desk.ComposerNone, c.State)
	assert.Contains(t, c.Why, "cannot be answered")
	_, err = v.Send(t.Context(), desk.Composition{Request: rows[0].ID, Key: c.Key, Text: "Hello"})
	assert.Contains(t, refused(t, err).Sentence, "cannot be answered")
	assert.NoError(t, v.Typing(t.Context(), rows[0].ID))
	require.NoError(t, v.AddNote(t.Context(), rows[0].ID, "Who is that?"))
	require.NoError(t, o.view(o.boss).Erase(t.Context(), contactOf(t, v, rows[0].ID)))
}

func contactOf(t *testing.T, v *desk.View, request int64) int64 {
	t.Helper()
	r, err := v.Request(t.Context(), request)
	require.NoError(t, err)
	return r.Contact
}
