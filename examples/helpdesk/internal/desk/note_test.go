package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func TestNotes(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	o.message(id, desk.In, "Where is it?")
	o.now = morning.Add(time.Hour)
	v := o.view(o.max)
	require.NoError(t, v.SaveDraft(t.Context(), chat, "Called", true))
	require.NoError(t, v.SaveDraft(t.Context(), chat, "Dear Bob", false))
	require.NoError(t, v.AddNote(t.Context(), id, " Called HER\x00 \n"))
	thread, err := v.Thread(t.Context(), id, 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"Where is it?", "Called HER\uFFFD"}, bodies(thread))
	note := thread.Messages[1]
	assert.Equal(t, desk.Note, note.Direction)
	assert.Equal(t, "Max", note.Author)
	row, err := v.Row(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "Where is it?", row.Preview, "a note is no news of the customer")
	assert.Equal(t, 1, row.Unread, "and no answer")
	rows, _, err := v.Requests(t.Context(), desk.Filter{Search: "called her"})
	require.NoError(t, err)
	assert.Len(t, rows, 1)
	draft, err := v.Draft(t.Context(), chat, true)
	require.NoError(t, err)
	assert.Empty(t, draft)
	draft, err = v.Draft(t.Context(), chat, false)
	require.NoError(t, err)
	assert.Equal(t, "Dear Bob", draft)
	refuses(t, v.AddNote(t.Context(), id, " \n"), "The note is empty. Write what your colleagues should know.")
	refuses(t, v.AddNote(t.Context(), id, strings.Repeat("é", 10_001)), "The note is too long. Shorten it to 10,000 characters.")
}

func TestDrafts(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	v := o.view(o.max)
	for n, text := range []string{"Dear", "Dear Bob", "", " ", "Dear Bob,\n"} {
		require.NoError(t, v.SaveDraft(t.Context(), chat, text, false))
		draft, err := v.Draft(t.Context(), chat, false)
		require.NoError(t, err)
		assert.Equal(t, strings.TrimLeft(text, " "), draft)
		assert.Len(t, o.changes(0), []int{1, 1, 2, 2, 3}[n], "lists show whether there is one")
	}
	assert.Equal(t, desk.Change{Kind: desk.ChangedRequest, Department: o.sales, Object: id}, o.changes(0)[0])
	draft, err := o.view(o.ann).Draft(t.Context(), chat, false)
	require.NoError(t, err)
	assert.Empty(t, draft, "a draft is its agent's")
	refuses(t, v.SaveDraft(t.Context(), chat, strings.Repeat("x", 64<<10+1), false), "The text is too long to be kept. Shorten it.")
	_, err = o.view(o.eve).Draft(t.Context(), chat, false)
	require.ErrorIs(t, err, desk.ErrNotFound)
}

func TestCannedReplies(t *testing.T) {
	o := newOffice(t)
	name := func(id int64) desk.Name { return desk.Name{ID: id} }
	max, boss := o.view(o.max), o.view(o.boss)
	ofAll, err := boss.SaveCanned(t.Context(), desk.Canned{Short: "bye", Body: "Good bye!"})
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf(`%d saved canned reply canned reply %d: "" "bye"`, o.boss, ofAll), o.audited())
	hello, err := max.SaveCanned(t.Context(), desk.Canned{Short: " /Hello ", Body: " Hello! ", Department: name(o.sales)})
	require.NoError(t, err)
	_, err = o.view(o.eve).SaveCanned(t.Context(), desk.Canned{Short: "hello", Body: "Hi!", Department: name(o.support)})
	require.NoError(t, err, "another department may use the name")
	_, err = max.SaveCanned(t.Context(), desk.Canned{ID: hello, Short: "Hello", Body: "Hello you!", Department: name(o.sales)})
	require.NoError(t, err)

	for department, v := range map[int64]*desk.View{0: max, o.sales: boss} {
		all, err := v.Canned(t.Context(), department)
		require.NoError(t, err)
		assert.Equal(t, []desk.Canned{{ID: ofAll, Short: "bye", Body: "Good bye!"},
			{ID: hello, Short: "Hello", Body: "Hello you!", Department: desk.Name{ID: o.sales, Name: "Sales"}}}, all)
	}
	for sentence, c := range map[string]desk.Canned{
		"There is a reply /HELLO already. Choose another name, or change that one.": {Short: "HELLO", Body: "x", Department: name(o.sales)},
		"Give it a short name of one word, such as hello.":                          {Short: "two words", Body: "x", Department: name(o.sales)},
		"The short name is too long. Shorten it to 40 characters.":                  {Short: strings.Repeat("x", 41), Body: "x", Department: name(o.sales)},
		"The text is empty. Write what is to be sent.":                              {Short: "x", Body: " ", Department: name(o.sales)},
		"The text is too long. WhatsApp takes 4,096 characters.":                    {Short: "x", Body: strings.Repeat("x", 4097), Department: name(o.sales)},
	} {
		_, err := max.SaveCanned(t.Context(), c)
		refuses(t, err, sentence)
	}
	require.ErrorIs(t, max.RemoveCanned(t.Context(), ofAll), desk.ErrAdmin)
	require.NoError(t, max.RemoveCanned(t.Context(), hello))
	require.ErrorIs(t, max.RemoveCanned(t.Context(), hello), desk.ErrNotFound)
	assert.Equal(t, fmt.Sprintf(`%d removed canned reply canned reply %d: "Hello" ""`, o.max, hello), o.audited())
}
