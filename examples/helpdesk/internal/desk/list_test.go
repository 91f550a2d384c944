package desk_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// subjects returns those of a list.
func subjects(rows []desk.RequestRow) []string {
	all := []string{}
	for _, row := range rows {
		all = append(all, row.Subject)
	}
	return all
}

// mixed is an office with requests of every kind; each is named by its subject.
func mixed(t *testing.T) (o *office, ids map[string]int64) {
	o = newOffice(t)
	hidden := o.newChannel("ABC100000002", "", o.support, false)
	ids = map[string]int64{}
	for n, r := range []struct {
		subject    string
		channel    int64
		department int64
		state      desk.State
		assignee   int64
	}{
		{"new", o.channel, o.sales, desk.StateNew, 0},
		{"mine", o.channel, o.sales, desk.StateOpen, o.max},
		{"waiting", o.channel, o.sales, desk.StateWaiting, o.ann},
		{"solved", o.channel, o.sales, desk.StateSolved, o.max},
		{"support", o.channel, o.support, desk.StateNew, 0},
		{"not displayed", hidden, o.support, desk.StateOpen, o.ann},
	} {
		_, chat := o.person(r.channel, fmt.Sprintf("Person %d", n), fmt.Sprintf("1202555010%d", n))
		ids[r.subject] = o.request(chat, r.department, r.state, r.subject)
		o.exec("UPDATE desk_request SET assignee = $1 WHERE id = $2", r.assignee, ids[r.subject])
	}
	o.exec("UPDATE desk_request SET failed = 1, unread = 2 WHERE subject = 'new'")
	o.exec("UPDATE desk_request SET undecided = 1 WHERE subject = 'solved'")
	return o, ids
}

func TestFiltersOfRequests(t *testing.T) {
	o, ids := mixed(t)
	o.exec("UPDATE desk_request SET merged_into = $1, state = 'solved' WHERE id = $1", o.request(1, o.sales, desk.StateSolved, "merged"))
	for name, c := range map[string]struct {
		agent  int64
		filter desk.Filter
		want   []string
	}{
		"unsolved of an administrator":   {o.boss, desk.Filter{}, []string{"not displayed", "support", "waiting", "mine", "new"}},
		"unsolved of a department":       {o.max, desk.Filter{}, []string{"waiting", "mine", "new"}},
		"unsolved of the other":          {o.eve, desk.Filter{}, []string{"not displayed", "support"}},
		"every state":                    {o.max, desk.Filter{State: desk.StateAny}, []string{"solved", "waiting", "mine", "new"}},
		"solved":                         {o.max, desk.Filter{State: desk.StateSolved}, []string{"solved"}},
		"waiting":                        {o.max, desk.Filter{State: desk.StateWaiting}, []string{"waiting"}},
		"mine":                           {o.max, desk.Filter{Box: desk.BoxMine}, []string{"mine"}},
		"mine, also solved":              {o.max, desk.Filter{Box: desk.BoxMine, State: desk.StateAny}, []string{"solved", "mine"}},
		"nobody's":                       {o.boss, desk.Filter{Box: desk.BoxUnassigned}, []string{"support", "new"}},
		"a colleague's":                  {o.max, desk.Filter{Assignee: o.ann}, []string{"waiting"}},
		"one department of both":         {o.ann, desk.Filter{Department: o.support}, []string{"not displayed", "support"}},
		"displayed":                      {o.eve, desk.Filter{Displayed: true}, []string{"support"}},
		"a channel":                      {o.boss, desk.Filter{Channel: o.channel, State: desk.StateNew}, []string{"support", "new"}},
		"not delivered":                  {o.boss, desk.Filter{NotDelivered: true}, []string{"new"}},
		"not delivered, of every state":  {o.boss, desk.Filter{NotDelivered: true, State: desk.StateAny}, []string{"solved", "new"}},
		"a state that does not exist":    {o.boss, desk.Filter{State: "x"}, []string{}},
		"the number of one's own":        {o.max, desk.Filter{Search: fmt.Sprintf("#%d", ids["mine"])}, []string{"mine"}},
		"the number of another's":        {o.max, desk.Filter{Search: fmt.Sprintf("#%d", ids["support"])}, []string{}},
		"a person":                       {o.boss, desk.Filter{Search: " PERSON 4"}, []string{"support"}},
		"a part of a number of a phone":  {o.boss, desk.Filter{Search: "+1 (202) 555-0104"}, []string{"support"}},
		"a subject of another's":         {o.max, desk.Filter{Search: "support"}, []string{}},
		"a sign of LIKE, which is text":  {o.max, desk.Filter{Search: "%"}, []string{}},
		"one character of LIKE, as text": {o.max, desk.Filter{Search: "m_ne"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, more, err := o.view(c.agent).Requests(t.Context(), c.filter)
			require.NoError(t, err)
			assert.Equal(t, c.want, subjects(rows))
			assert.False(t, more)
			n, err := o.view(c.agent).Count(t.Context(), c.filter)
			require.NoError(t, err)
			assert.Equal(t, len(c.want), n)
		})
	}
}

func TestFiltersThatNameWhatAnAgentDoesNotSee(t *testing.T) {
	o, ids := mixed(t)
	_, _, err := o.view(o.max).Requests(t.Context(), desk.Filter{Department: o.support})
	require.ErrorIs(t, err, desk.ErrNotFound)
	_, _, err = o.view(o.max).Requests(t.Context(), desk.Filter{Before: "1.x"})
	require.ErrorIs(t, err, desk.ErrNotFound)
	_, err = o.view(o.max).Row(t.Context(), ids["support"])
	require.ErrorIs(t, err, desk.ErrNotFound)
	nobody := o.view(o.agent("Nobody", false))
	rows, _, err := nobody.Requests(t.Context(), desk.Filter{State: desk.StateAny})
	require.NoError(t, err)
	assert.Empty(t, rows)
}

func TestCountsOfBoxes(t *testing.T) {
	o, _ := mixed(t)
	for name, c := range map[string]struct {
		agent     int64
		displayed bool
		want      desk.Counts
	}{
		"administrator":           {o.boss, false, desk.Counts{All: 5, Unassigned: 2, Unread: 1}},
		"administrator, in inbox": {o.boss, true, desk.Counts{All: 4, Unassigned: 2, Unread: 1}},
		"a department":            {o.max, true, desk.Counts{All: 3, Mine: 1, Unassigned: 1, Unread: 1}},
		"the other":               {o.eve, false, desk.Counts{All: 2, Unassigned: 1}},
		"the other, in the inbox": {o.eve, true, desk.Counts{All: 1, Unassigned: 1}},
		"both":                    {o.ann, false, desk.Counts{All: 5, Mine: 2, Unassigned: 2, Unread: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			counts, err := o.view(c.agent).Counts(t.Context(), c.displayed)
			require.NoError(t, err)
			assert.Equal(t, c.want, counts)
		})
	}
}

func TestPagesOfRequests(t *testing.T) {
	o := newOffice(t)
	for n := range 7 {
		_, chat := o.person(o.channel, "", fmt.Sprintf("1202555011%d", n))
		o.request(chat, o.sales, desk.StateOpen, fmt.Sprint(n))
	}
	o.exec("UPDATE desk_request SET last = 5") // the number decides between equal times
	f := desk.Filter{Limit: 3}
	var pages [][]string
	for more := true; more; {
		var rows []desk.RequestRow
		var err error
		rows, more, err = o.view(o.max).Requests(t.Context(), f)
		require.NoError(t, err)
		pages = append(pages, subjects(rows))
		f.Before = rows[len(rows)-1].Cursor
	}
	assert.Equal(t, [][]string{{"6", "5", "4"}, {"3", "2", "1"}, {"0"}}, pages)
}

func TestRowOfARequest(t *testing.T) {
	o := newOffice(t)
	contact, chat := o.person(o.channel, "Bob Sample", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "Where is it?")
	o.exec("UPDATE desk_request SET assignee = $1, unread = 2, waits = 7 WHERE id = $2", o.ann, id)
	o.exec("UPDATE desk_chat SET closes = 9")
	require.NoError(t, o.view(o.max).SaveDraft(t.Context(), chat, "Soon", false))
	row, err := o.view(o.max).Row(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, desk.Name{ID: o.channel, Name: "Sales, Boston"}, row.Channel)
	assert.Equal(t, desk.Name{ID: o.ann, Name: "Ann"}, row.Assignee)
	assert.Equal(t, "Bob Sample", row.Person)
	assert.Equal(t, store.Time(7), row.Waits)
	assert.Equal(t, store.Time(9), row.Closes)
	assert.True(t, row.Draft)
	assert.Equal(t, 2, row.Unread)

	ofAnother, err := o.view(o.ann).Row(t.Context(), id)
	require.NoError(t, err)
	assert.False(t, ofAnother.Draft, "a draft is its agent's")

	o.exec("UPDATE desk_contact SET name = '' WHERE id = $1", contact)
	row, err = o.view(o.max).Row(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "+12025550143", row.Person)
}
