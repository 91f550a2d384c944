package desk_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// other is somebody who has got the number of bobToo.
var other = chatapi.Contact{Phone: "12025550143", BSUID: "US.2000000000000002", Name: "Mallory"}

// counts are the numbers of people, chats and unsolved requests.
func (o *office) counts() [3]int64 {
	return [3]int64{o.number("SELECT count(*) FROM desk_contact"), o.number("SELECT count(*) FROM desk_chat"),
		o.number("SELECT count(*) FROM desk_request WHERE state <> 'solved'")}
}

// chatOf returns the chat of a message.
func (o *office) chatOf(wamid string) int64 {
	return o.number("SELECT chat FROM desk_message WHERE wamid = $1", wamid)
}

func TestWhoIsOnePerson(t *testing.T) {
	known := func(c chatapi.Contact, waba string) chatapi.Event {
		e := says(9, c, "known", "x")
		e.WABA = waba
		return e
	}
	brazil := func(phone string) chatapi.Contact { return chatapi.Contact{Phone: phone, Name: "Ana"} }
	cases := map[string]struct {
		events []chatapi.Event
		want   [3]int64 // people, chats, requests
	}{
		"a number":                             {[]chatapi.Event{says(0, robert, "w1", "a"), says(1, robert, "w2", "b")}, [3]int64{1, 1, 1}},
		"two numbers":                          {[]chatapi.Event{says(0, robert, "w1", "a"), says(1, eve, "w2", "b")}, [3]int64{2, 2, 2}},
		"a number in both spellings":           {[]chatapi.Event{says(0, brazil("5511987654321"), "w1", "a"), says(1, brazil("551187654321"), "w2", "b")}, [3]int64{1, 1, 1}},
		"a number that is hidden later":        {[]chatapi.Event{says(0, bobToo, "w1", "a"), says(1, hidden, "w2", "b")}, [3]int64{1, 1, 1}},
		"a number that is shown later":         {[]chatapi.Event{says(0, hidden, "w1", "a"), says(1, bobToo, "w2", "b")}, [3]int64{1, 1, 1}},
		"two names that one event joins":       {[]chatapi.Event{says(0, robert, "w1", "a"), says(1, hidden, "w2", "b"), says(2, bobToo, "w3", "c")}, [3]int64{1, 1, 1}},
		"a number that passed to another":      {[]chatapi.Event{says(0, bobToo, "w1", "a"), says(1, other, "w2", "b"), says(2, robert, "w3", "c")}, [3]int64{2, 2, 2}},
		"a late message of before it passed":   {[]chatapi.Event{says(0, bobToo, "w1", "a"), says(7200, other, "w2", "b"), says(1, bobToo, "w3", "c"), says(7300, robert, "w4", "d")}, [3]int64{2, 2, 2}},
		"a new number, whose old one is known": {[]chatapi.Event{says(0, robert, "w1", "a"), changes(1, robert, "12025550149"), says(2, chatapi.Contact{Phone: "12025550149"}, "w2", "b")}, [3]int64{1, 1, 1}},
		"somebody with the old number":         {[]chatapi.Event{says(0, robert, "w1", "a"), changes(1, robert, "12025550149"), says(2, robert, "w2", "b")}, [3]int64{2, 2, 2}},
		"a new id":                             {[]chatapi.Event{says(0, bobToo, "w1", "a"), &chatapi.IdentityEvent{EventInfo: at(1), Old: bobToo, New: other}, says(2, other, "w2", "b")}, [3]int64{1, 1, 1}},
		"a username, which anybody can take":   {[]chatapi.Event{says(0, chatapi.Contact{Phone: "12025550143", Username: "b"}, "w1", "a"), says(1, chatapi.Contact{Phone: "12025550144", Username: "b"}, "w2", "b")}, [3]int64{2, 2, 2}},
		"a parent id":                          {[]chatapi.Event{says(0, chatapi.Contact{BSUID: "US.1", ParentBSUID: "US.ENT.1"}, "w1", "a"), says(1, chatapi.Contact{Phone: "12025550143", ParentBSUID: "US.ENT.1"}, "w2", "b")}, [3]int64{1, 1, 1}},
		"an account that is named later":       {[]chatapi.Event{says(0, hidden, "w1", "a"), known(hidden, "100"), says(20, hidden, "w2", "b")}, [3]int64{1, 1, 1}},
	}
	onBoth(t, func(t *testing.T, open func(t testing.TB) *office) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				o := open(t)
				o.applies(c.events...)
				assert.Equal(t, c.want, o.counts())
			})
		}
	})
}

// changes is the note that a person has a new number.
func changes(seconds int, who chatapi.Contact, number string) chatapi.Event {
	return does(seconds, who, chatapi.Content{ID: "note", Type: chatapi.TypeSystem, System: &chatapi.SystemNotice{Type: "user_changed_number", New: chatapi.Contact{Phone: number}}})
}

// The chats of two names become one, with all that belongs to them.
func TestChatsOfOnePersonBecomeOne(t *testing.T) { onBoth(t, chatsOfOnePersonBecomeOne) }

func chatsOfOnePersonBecomeOne(t *testing.T, open func(t testing.TB) *office) {
	o := open(t)
	o.applies(says(0, robert, "w1", "by number"), says(5, hidden, "w2", "hidden"))
	require.Equal(t, [3]int64{2, 2, 2}, o.counts())
	first, second := o.chatOf("w1"), o.chatOf("w2")
	o.exec("INSERT INTO desk_draft (chat, agent, body, at) VALUES ($1, $3, 'older', 1), ($2, $3, 'newer', 2), ($2, $4, 'another', 1)", first, second, o.max, o.ann)
	o.exec("UPDATE desk_request SET assignee = $1, state = 'open' WHERE chat = $2", o.max, second)
	o.exec("INSERT INTO desk_seen (request, agent, message) SELECT request, $1, id FROM desk_message WHERE wamid = 'w2'", o.max)
	o.exec("UPDATE desk_contact SET own_name = 'Uncle Bob', blocked = 1 WHERE id = (SELECT contact FROM desk_chat WHERE id = $1)", second)

	o.applies(says(9, bobToo, "w3", "both"))
	assert.Equal(t, [3]int64{1, 1, 1}, o.counts())
	chat := o.chatOf("w1")
	assert.Equal(t, []int64{chat, chat}, []int64{o.chatOf("w2"), o.chatOf("w3")})
	assert.Equal(t, []string{
		`request Sales open "by number" "both" unread 1 waits 0 last 9 closes 86409 phone:12025550143`,
		`request Sales solved "hidden" "" unread 0 waits - last 5 closes 86409 phone:12025550143`,
		`0 in text "by number"`, `5 in text "hidden"`, `9 in text "both"`}, o.rows())
	text, err := o.view(o.max).Draft(t.Context(), chat, false)
	require.NoError(t, err)
	assert.Equal(t, "newer", text)
	text, err = o.view(o.ann).Draft(t.Context(), chat, false)
	require.NoError(t, err)
	assert.Equal(t, "another", text)
	assert.Equal(t, o.max, o.number("SELECT assignee FROM desk_request WHERE state <> 'solved'"))
	assert.EqualValues(t, 1, o.number("SELECT count(*) FROM desk_contact WHERE own_name = 'Uncle Bob' AND blocked = 1"))
	assert.EqualValues(t, 2, o.number("SELECT count(*) FROM desk_chat_key WHERE chat = $1", chat))

	row, err := o.view(o.max).Row(t.Context(), o.number("SELECT id FROM desk_request WHERE state = 'solved'"))
	require.NoError(t, err)
	require.NoError(t, o.view(o.max).UnmergeRequest(t.Context(), row.ID), "the requests can be separated again")
}

// A request of another department is not merged, since rights follow the request.
func TestJoinedChatsDoNotShowOtherDepartments(t *testing.T) {
	onBoth(t, joinedChatsDoNotShowOtherDepartments)
}

func joinedChatsDoNotShowOtherDepartments(t *testing.T, open func(t testing.TB) *office) {
	o := open(t)
	o.applies(says(0, robert, "w1", "sales"), says(5, hidden, "w2", "secret"))
	o.exec("UPDATE desk_request SET department = $1 WHERE subject = 'secret'", o.support)
	o.applies(says(9, bobToo, "w3", "both"))
	assert.Equal(t, [3]int64{1, 1, 1}, o.counts())
	thread, err := o.view(o.max).Thread(t.Context(), o.number("SELECT id FROM desk_request WHERE subject = 'sales'"), 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"sales", "both"}, texts(thread.Messages))
	rows, _, err := o.view(o.eve).Requests(t.Context(), desk.Filter{State: desk.StateAny})
	require.NoError(t, err)
	assert.Equal(t, []string{"secret"}, subjects(rows))
}

func texts(messages []desk.Message) (all []string) {
	for _, m := range messages {
		all = append(all, m.Body)
	}
	return all
}

// A reply goes where the newest message came from, also after a merge by hand.
func TestAnswersGoWhereTheMessageCameFrom(t *testing.T) { onBoth(t, answersGoWhereTheMessageCameFrom) }

func answersGoWhereTheMessageCameFrom(t *testing.T, open func(t testing.TB) *office) {
	o := open(t)
	answer := func(wamid string) string {
		var key string
		_, err := o.DB.Get(t.Context(), "SELECT answer FROM desk_chat WHERE id = $1", []any{o.chatOf(wamid)}, &key)
		require.NoError(t, err)
		return key
	}
	o.applies(says(0, bobToo, "w1", "a"))
	assert.Equal(t, "phone:12025550143", answer("w1"))
	o.applies(says(5, hidden, "w2", "b"), says(3, bobToo, "w3", "late"))
	assert.Equal(t, "bsuid:US.1000000000000001", answer("w1"))
	o.applies(says(6, eve, "w4", "c"))
	o.exec("UPDATE desk_contact SET merged_into = $1 WHERE id = $2", o.number("SELECT contact FROM desk_chat WHERE id = $1", o.chatOf("w1")),
		o.number("SELECT contact FROM desk_chat WHERE id = $1", o.chatOf("w4")))
	o.applies(says(7, eve, "w5", "d"), says(8, hidden, "w6", "e"))
	assert.NotEqual(t, o.chatOf("w1"), o.chatOf("w5"))
	assert.Equal(t, o.chatOf("w1"), o.chatOf("w6"))
	assert.Equal(t, "phone:12025550144", answer("w5"))
	chat, err := o.ChatWith(t.Context(), o.channel, chatapi.Phone("+1 202 555 0144"))
	require.NoError(t, err)
	assert.Equal(t, o.chatOf("w4"), chat)
}
