package desk_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// states returns the state, the assignee and the number of messages of a request.
func (o *office) states(id int64) string {
	o.t.Helper()
	var state string
	var assignee, messages int64
	_, err := o.DB.Get(o.t.Context(), "SELECT state, assignee, (SELECT count(*) FROM desk_message m WHERE m.request = r.id) FROM desk_request r WHERE id = $1",
		[]any{id}, &state, &assignee, &messages)
	require.NoError(o.t, err)
	return fmt.Sprintf("%s %d %d", state, assignee, messages)
}

func TestMergeRequestsAndUndo(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	older := o.request(chat, o.sales, desk.StateSolved, "older")
	newer := o.request(chat, o.sales, desk.StateOpen, "newer")
	o.message(older, desk.In, "first")
	o.message(newer, desk.Note, "second")
	o.message(newer, desk.In, "third")
	o.exec("UPDATE desk_request SET assignee = $1 WHERE id = $2", o.ann, newer)
	v := o.view(o.max)
	for range 2 { // pressing twice changes nothing
		require.NoError(t, v.MergeRequests(t.Context(), older, newer))
	}
	assert.Equal(t, fmt.Sprintf("open %d 3", o.ann), o.states(older), "the work goes on there")
	assert.Equal(t, fmt.Sprintf("solved %d 0", o.ann), o.states(newer))
	assert.Equal(t, fmt.Sprintf(`%d merged request request %d: "" "request %d"`, o.max, newer, older), o.audited())
	rows, _, err := v.Requests(t.Context(), desk.Filter{State: desk.StateAny})
	require.NoError(t, err)
	assert.Equal(t, []string{"older"}, subjects(rows))
	assert.Equal(t, "third", rows[0].Preview)
	assert.Equal(t, 2, rows[0].Unread)
	merged, err := v.Row(t.Context(), newer)
	require.NoError(t, err)
	assert.Equal(t, older, merged.MergedInto)
	sentence := fmt.Sprintf("Request #%d was merged into #%d. Open that one.", newer, older)
	refuses(t, v.Take(t.Context(), newer), sentence)
	refuses(t, v.Assign(t.Context(), newer, o.max), sentence)
	refuses(t, v.Move(t.Context(), newer, o.support), sentence)
	refuses(t, v.SetState(t.Context(), newer, desk.StateOpen), sentence)
	refuses(t, v.AddNote(t.Context(), newer, "x"), sentence)

	for range 2 {
		require.NoError(t, v.UnmergeRequest(t.Context(), newer))
	}
	assert.Equal(t, "solved "+fmt.Sprint(o.ann)+" 1", o.states(older))
	assert.Equal(t, "open "+fmt.Sprint(o.ann)+" 2", o.states(newer))
	assert.Equal(t, fmt.Sprintf(`%d separated request request %d: "request %d" ""`, o.max, newer, older), o.audited())
	row, err := v.Row(t.Context(), newer)
	require.NoError(t, err)
	assert.Equal(t, "third", row.Preview)
	assert.Zero(t, o.number("SELECT count(*) FROM desk_message WHERE request_before <> 0"))
}

func TestSeparatedRequestStaysSolvedIfWorkHasGoneOn(t *testing.T) {
	for name, c := range map[string]struct {
		since func(o *office, older int64)
		older string
		newer string
	}{
		"nothing came":     {func(*office, int64) {}, "solved 0 1", "open 0 1"},
		"a message came":   {func(o *office, older int64) { o.message(older, desk.In, "since") }, "open 0 2", "solved 0 0"},
		"it was solved":    {func(o *office, older int64) { o.exec("UPDATE desk_request SET state = 'solved'") }, "solved 0 1", "solved 0 1"},
		"it began to wait": {func(o *office, older int64) { o.exec("UPDATE desk_request SET state = 'waiting' WHERE id = $1", older) }, "solved 0 1", "waiting 0 1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			_, chat := o.person(o.channel, "Bob", "12025550143")
			older, newer := o.request(chat, o.sales, desk.StateSolved, "older"), o.request(chat, o.sales, desk.StateOpen, "newer")
			o.message(older, desk.In, "first")
			o.message(newer, desk.In, "second")
			v := o.view(o.max)
			require.NoError(t, v.MergeRequests(t.Context(), older, newer))
			c.since(o, older)
			require.NoError(t, v.UnmergeRequest(t.Context(), newer))
			if name == "a message came" {
				c.newer = "solved 0 1"
			}
			assert.Equal(t, c.older, o.states(older))
			assert.Equal(t, c.newer, o.states(newer))
		})
	}
}

func TestRequestsMergedOneAfterTheOther(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	var ids []int64
	for n := range 3 {
		ids = append(ids, o.request(chat, o.sales, desk.StateSolved, fmt.Sprint(n)))
		o.message(ids[n], desk.In, fmt.Sprint(n))
	}
	v := o.view(o.max)
	require.NoError(t, v.MergeRequests(t.Context(), ids[1], ids[0]))
	require.NoError(t, v.MergeRequests(t.Context(), ids[2], ids[1]))
	assert.Equal(t, "solved 0 3", o.states(ids[2]))
	require.NoError(t, v.UnmergeRequest(t.Context(), ids[1]))
	assert.Equal(t, "solved 0 2", o.states(ids[1]), "with what had been merged into it")
	require.NoError(t, v.MergeRequests(t.Context(), ids[2], ids[1]))
	require.NoError(t, v.UnmergeRequest(t.Context(), ids[0]))
	for id, want := range map[int64]string{ids[0]: "solved 0 1", ids[1]: "solved 0 0", ids[2]: "solved 0 2"} {
		assert.Equal(t, want, o.states(id))
	}
}

func TestRequestsThatCannotBeMerged(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	_, other := o.person(o.channel, "Zoe", "12025550144")
	a, b := o.request(chat, o.sales, desk.StateOpen, "a"), o.request(other, o.sales, desk.StateOpen, "b")
	v := o.view(o.ann)
	refuses(t, v.MergeRequests(t.Context(), a, b),
		fmt.Sprintf("Requests #%d and #%d are of different chats. Only requests of one chat can be merged, since an answer goes to the chat.", a, b))
	refuses(t, v.MergeRequests(t.Context(), a, a), "A request cannot be merged into itself.")

	c := o.request(chat, o.sales, desk.StateSolved, "c")
	require.NoError(t, v.MergeRequests(t.Context(), a, c))
	d := o.request(chat, o.sales, desk.StateSolved, "d")
	refuses(t, v.MergeRequests(t.Context(), c, d), fmt.Sprintf("Request #%d was merged into #%d. Open that one.", c, a))
	require.NoError(t, v.Move(t.Context(), a, o.support))
	refuses(t, o.view(o.max).UnmergeRequest(t.Context(), c),
		fmt.Sprintf("Another department works on request #%d, which has the messages now. Ask it to separate them.", a))
}

func TestMergedRequestTakesWhatAgentsHaveSeen(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	older, newer := o.request(chat, o.sales, desk.StateSolved, "older"), o.request(chat, o.sales, desk.StateOpen, "newer")
	read := o.message(newer, desk.In, "read")
	o.exec("UPDATE desk_request SET assignee = $1", o.max)
	v := o.view(o.max)
	require.NoError(t, v.Seen(t.Context(), newer, read))
	require.NoError(t, v.MergeRequests(t.Context(), older, newer))
	row, err := v.Row(t.Context(), older)
	require.NoError(t, err)
	assert.Zero(t, row.Unread)
}
