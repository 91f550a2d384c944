package desk_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// refuses asserts that an act was refused with a sentence.
func refuses(t *testing.T, err error, sentence string) {
	t.Helper()
	var refused *desk.Refused
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, sentence, refused.Sentence)
}

// changes returns what was written into the journal after a number.
func (o *office) changes(after int64) []desk.Change {
	o.t.Helper()
	all, err := o.Changes(o.t.Context(), after, 100)
	require.NoError(o.t, err)
	for n := range all {
		all[n].Seq = 0
	}
	return all
}

// audited returns the newest row of the audit.
func (o *office) audited() string {
	o.t.Helper()
	var agent int64
	var act, object, before, after string
	_, err := o.DB.Get(o.t.Context(), "SELECT agent, act, object, before, after FROM desk_audit ORDER BY id DESC LIMIT 1", nil, &agent, &act, &object, &before, &after)
	require.NoError(o.t, err)
	return fmt.Sprintf("%d %s %s: %q %q", agent, act, object, before, after)
}

func TestTakeARequest(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateNew, "x")
	for range 2 { // pressing twice changes nothing
		require.NoError(t, o.view(o.max).Take(t.Context(), id))
	}
	row, err := o.view(o.ann).Row(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, desk.Name{ID: o.max, Name: "Max"}, row.Assignee)
	assert.Equal(t, desk.StateOpen, row.State)
	assert.Equal(t, []desk.Change{{Kind: desk.ChangedRequest, Department: o.sales, Object: id}}, o.changes(0))
	assert.Equal(t, fmt.Sprintf(`%d took request request %d: "" "Max"`, o.max, id), o.audited())
	refuses(t, o.view(o.ann).Take(t.Context(), id),
		fmt.Sprintf("Max has taken request #%d. Read on there, or assign it to yourself if you have agreed on that.", id))
}

func TestTwoAgentsTakeOneRequest(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateNew, "x")
	done := make(chan error)
	for _, v := range []*desk.View{o.view(o.max), o.view(o.ann), o.view(o.boss)} {
		go func() { done <- v.Take(t.Context(), id) }()
	}
	taken := 0
	for range 3 {
		if err := <-done; err == nil {
			taken++
		} else {
			assert.ErrorContains(t, err, "has taken request")
		}
	}
	assert.Equal(t, 1, taken)
}

func TestAssignARequest(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateNew, "x")
	v := o.view(o.max)
	require.NoError(t, v.Assign(t.Context(), id, o.ann))
	assert.Equal(t, fmt.Sprintf(`%d assigned request request %d: "" "Ann"`, o.max, id), o.audited())
	refuses(t, v.Assign(t.Context(), id, o.eve), "Eve does not work in the request's department. Choose somebody else, or move the request first.")
	o.exec("UPDATE desk_agent SET active = 0 WHERE id = $1", o.boss)
	refuses(t, v.Assign(t.Context(), id, o.boss), "Boss does not work in the request's department. Choose somebody else, or move the request first.")
	refuses(t, v.Assign(t.Context(), id, 999), "This agent does not work in the request's department. Choose somebody else, or move the request first.")
	require.NoError(t, v.Assign(t.Context(), id, 0))
	row, err := v.Row(t.Context(), id)
	require.NoError(t, err)
	assert.Zero(t, row.Assignee)
	assert.Equal(t, desk.StateOpen, row.State)
}

func TestMoveARequest(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	older := o.request(chat, o.sales, desk.StateSolved, "older")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	v := o.view(o.max)
	for name, c := range map[string]struct{ before, after int64 }{
		"of nobody":                              {0, 0},
		"of one who does not work there":         {o.max, 0},
		"of one who works in both":               {o.ann, o.ann},
		"of an administrator, who works in each": {o.boss, o.boss},
	} {
		t.Run(name, func(t *testing.T) {
			o.exec("UPDATE desk_request SET department = $1, assignee = $2 WHERE id = $3", o.sales, c.before, id)
			seq, err := o.LastChange(t.Context())
			require.NoError(t, err)
			require.NoError(t, v.Move(t.Context(), id, o.support))
			assert.Equal(t, c.after, o.number("SELECT assignee FROM desk_request WHERE id = $1", id))
			assert.Equal(t, []desk.Change{
				{Kind: desk.ChangedLost, Department: o.sales, Object: id},
				{Kind: desk.ChangedRequest, Department: o.support, Object: id},
				{Kind: desk.ChangedRequest, Department: o.sales, Object: older},
			}, o.changes(seq))
			assert.Equal(t, fmt.Sprintf(`%d moved request request %d: "Sales" "Support"`, o.max, id), o.audited())
			_, err = v.Row(t.Context(), id)
			require.ErrorIs(t, err, desk.ErrNotFound)
		})
	}
	refuses(t, v.Move(t.Context(), older, 99), "This department does not exist any more. Choose another one.")
	require.NoError(t, v.Move(t.Context(), older, o.sales), "where it is")
}

func TestStateOfARequest(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateNew, "x")
	o.message(id, desk.In, "x")
	v := o.view(o.max)
	for _, state := range []desk.State{desk.StateWaiting, desk.StateOpen, desk.StateSolved, desk.StateSolved, desk.StateOpen} {
		require.NoError(t, v.SetState(t.Context(), id, state))
		row, err := v.Request(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, state, row.State)
		assert.Equal(t, state == desk.StateSolved, !row.Solved.IsZero())
	}
	assert.Equal(t, fmt.Sprintf(`%d changed state of request request %d: "solved" "open"`, o.max, id), o.audited())
	assert.EqualValues(t, 4, o.number("SELECT count(*) FROM desk_audit"), "one for each change")
	refuses(t, v.SetState(t.Context(), id, "lost"), "A request can be made open, waiting or solved.")
	refuses(t, v.SetState(t.Context(), id, desk.StateNew), "A request can be made open, waiting or solved.")
}

func TestOnlyOneRequestOfAChatIsUnsolved(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	old := o.request(chat, o.sales, desk.StateSolved, "old")
	id := o.request(chat, o.support, desk.StateOpen, "x")
	refuses(t, o.view(o.max).SetState(t.Context(), old, desk.StateOpen),
		"Another department works on a newer request of this chat. Ask it to move that one to you.")
	refuses(t, o.view(o.ann).SetState(t.Context(), old, desk.StateOpen),
		fmt.Sprintf("Request #%d of this chat is not solved yet. Answer there, or merge #%d into it.", id, old))
}
