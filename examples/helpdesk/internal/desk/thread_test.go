package desk_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// bodies returns the texts of messages.
func bodies(t *desk.Thread) []string {
	all := []string{}
	for _, m := range t.Messages {
		all = append(all, m.Body)
	}
	return all
}

func TestThreadHasTheChatAsFarAsItIsVisible(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	old := o.request(chat, o.sales, desk.StateSolved, "old")
	theirs := o.request(chat, o.support, desk.StateSolved, "theirs")
	now := o.request(chat, o.sales, desk.StateOpen, "now")
	o.message(old, desk.In, "first")
	o.message(theirs, desk.In, "second")
	o.message(theirs, desk.Note, "third")
	newest := o.message(now, desk.In, "fourth")
	o.exec("INSERT INTO desk_message (channel, chat, direction, body, origin, at) VALUES ($1, $2, 'in', 'imported', 'history', 1)", o.channel, chat)

	thread, err := o.view(o.max).Thread(t.Context(), now, 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"imported", "first", "fourth"}, bodies(thread))
	assert.False(t, thread.Older)
	seq, err := o.LastChange(t.Context())
	require.NoError(t, err)
	assert.Equal(t, seq, thread.Seq)

	thread, err = o.view(o.ann).Thread(t.Context(), old, 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"imported", "first", "second", "third", "fourth"}, bodies(thread))
	assert.GreaterOrEqual(t, thread.LastSeen, newest)
	_, err = o.view(o.eve).Thread(t.Context(), now, 0)
	require.ErrorIs(t, err, desk.ErrNotFound)
}

func TestOlderPagesOfAThread(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "many")
	theirs := o.request(chat, o.support, desk.StateSolved, "theirs")
	hidden := o.message(theirs, desk.In, "hidden")
	for n := range 130 {
		o.message(id, desk.In, strconv.Itoa(n))
	}
	o.exec("UPDATE desk_message SET at = at - at % 5000000") // the number decides between equal times
	var all []string
	before := int64(0)
	for older := true; older; {
		thread, err := o.view(o.max).Thread(t.Context(), id, before)
		require.NoError(t, err)
		all = append(bodies(thread), all...)
		before, older = thread.Messages[0].ID, thread.Older
	}
	require.Len(t, all, 130)
	for n, body := range all {
		assert.Equal(t, strconv.Itoa(n), body)
	}
	_, err := o.view(o.max).Thread(t.Context(), id, hidden)
	require.ErrorIs(t, err, desk.ErrNotFound, "a page before what one does not see")
}

func TestMessageWithAllThatOtherTablesHave(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	asked := o.message(id, desk.In, "Where is it?")
	answer := o.message(id, desk.Out, "It left")
	o.exec(`UPDATE desk_message SET quoted = 'wamid.1', agent = $1, payload = '{"buttons":["Track"],"raw":"{}"}', edited = 5, deleted = 6, status = 'failed', status_at = 7,
		sentence = 'No.', advice = 'Do.', retry = 'fix', again = 9 WHERE id = $2`, o.ann, answer)
	o.exec("INSERT INTO desk_reaction (message, author, emoji, at) VALUES ($1, 'phone:12025550143', 'A', 1), ($1, '', 'B', 2)", answer)
	o.exec("INSERT INTO desk_edit (message, at, body) VALUES ($1, 2, 'It will leave'), ($1, 1, 'It leaves')", answer)
	o.exec("INSERT INTO desk_media (message, state, type, size, name, why) VALUES ($1, 'refused', 'image/png', 3, 'a.png', 'Too large.')", answer)

	m, err := o.view(o.ann).Message(t.Context(), answer)
	require.NoError(t, err)
	at := morning.Add(2 * time.Second)
	micro := func(n int64) time.Time { return time.UnixMicro(n).UTC() }
	assert.Equal(t, &desk.Message{ID: answer, Request: id, Direction: desk.Out, Wamid: "wamid.2", Kind: "text", Body: "It left", At: at, Author: "Ann", Agent: o.ann, Mine: true,
		Quoted: &desk.Quote{ID: asked, Text: "Where is it?"}, Reactions: []desk.Reaction{{Emoji: "A"}, {Emoji: "B", Own: true}},
		Media: &desk.MediaRow{State: "refused", Type: "image/png", Size: 3, Name: "a.png", Why: "Too large."}, Extra: desk.Extra{Buttons: []string{"Track"}},
		Edits:  []desk.Edit{{At: micro(1), Body: "It leaves"}, {At: micro(2), Body: "It will leave"}},
		Edited: micro(5), Deleted: micro(6), Status: desk.Failed, StatusAt: micro(7), Sentence: "No.", Advice: "Do.", Retry: "fix", Again: 9}, m)

	m, err = o.view(o.boss).Message(t.Context(), answer)
	require.NoError(t, err)
	assert.Equal(t, "{}", m.Extra.Raw, "what the service wrote is for administrators")
	assert.False(t, m.Mine)
}

func TestQuotes(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	theirs := o.request(chat, o.support, desk.StateSolved, "theirs")
	_, other := o.person(o.channel, "Zoe", "12025550144")
	elsewhere := o.request(other, o.sales, desk.StateOpen, "elsewhere")
	answer, picture, late := o.message(id, desk.Out, "It left"), o.message(id, desk.In, ""), o.message(id, desk.In, "")
	o.exec("UPDATE desk_message SET kind = 'image' WHERE id = $1", picture)
	o.exec("UPDATE desk_message SET placeholder = 1 WHERE id = $1", late)
	ofAnn := o.message(id, desk.Out, "It comes")
	o.exec("UPDATE desk_message SET agent = $1 WHERE id = $2", o.ann, ofAnn)
	o.message(theirs, desk.In, "secret")
	o.message(elsewhere, desk.In, "of Zoe")
	for wamid, want := range map[string]desk.Quote{
		"wamid.1":  {ID: answer, Author: "the business", Text: "It left"},
		"wamid.2":  {ID: picture, Text: "(photo)"},
		"wamid.3":  {ID: late, Text: "an earlier message"},
		"wamid.4":  {ID: ofAnn, Author: "Ann", Text: "It comes"},
		"wamid.5":  {Text: "a message with another department"},
		"wamid.6":  {Text: "an earlier message"},
		"wamid.99": {Text: "an earlier message"},
	} {
		quoting := o.message(id, desk.In, "this one")
		o.exec("UPDATE desk_message SET quoted = $1 WHERE id = $2", wamid, quoting)
		m, err := o.view(o.max).Message(t.Context(), quoting)
		require.NoError(t, err)
		assert.Equal(t, &want, m.Quoted, wamid)
	}
}

func TestNamesInAGroup(t *testing.T) {
	o := newOffice(t)
	o.person(o.channel, "Bob", "12025550143")
	group := o.insert("INSERT INTO desk_chat (channel, answer, title) VALUES ($1, 'chat:1203@g.us', 'Builders')", o.channel)
	id := o.request(group, o.sales, desk.StateOpen, "x")
	said := o.message(id, desk.In, "Hello")
	o.exec("UPDATE desk_message SET author = 'Zoe' WHERE id = $1", said)
	for n, author := range []string{"phone:12025550143", "phone:12025550199"} {
		o.exec("INSERT INTO desk_reaction (message, author, emoji, at) VALUES ($1, $2, 'A', $3)", said, author, n)
	}
	m, err := o.view(o.max).Message(t.Context(), said)
	require.NoError(t, err)
	assert.Equal(t, "Zoe", m.Author)
	assert.Equal(t, []desk.Reaction{{Emoji: "A", By: "Bob"}, {Emoji: "A", By: "+12025550199"}}, m.Reactions)
	r, err := o.view(o.max).Request(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "Builders", r.Person)
	assert.Empty(t, r.Identities)
}

func TestMessageOfNoRequestBelongsToItsChat(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	o.request(chat, o.sales, desk.StateOpen, "x")
	id := o.insert("INSERT INTO desk_message (channel, chat, direction, body, origin, at) VALUES ($1, $2, 'in', 'imported', 'history', 1)", o.channel, chat)
	_, err := o.view(o.max).Message(t.Context(), id)
	require.NoError(t, err)
	_, err = o.view(o.eve).Message(t.Context(), id)
	require.ErrorIs(t, err, desk.ErrNotFound)
	_, err = o.view(o.max).Message(t.Context(), 999)
	require.ErrorIs(t, err, desk.ErrNotFound)
}

func TestPanelOfARequest(t *testing.T) {
	o := newOffice(t)
	phone := "12025550143"
	contact, chat := o.person(o.channel, "Bob Sample", phone)
	second := o.newChannel("ABC100000002", "", o.support, false)
	twin, twins := o.person(second, "Bob Sample", "12025550144")
	onSecond := o.chat(second, contact, phone)
	earlier := o.request(chat, o.sales, desk.StateSolved, "earlier")
	hidden := o.request(chat, o.support, desk.StateSolved, "hidden")
	id := o.request(chat, o.sales, desk.StateOpen, "now")
	elsewhere := o.request(onSecond, o.sales, desk.StateOpen, "elsewhere")
	merged := o.request(chat, o.sales, desk.StateSolved, "merged")
	o.exec("UPDATE desk_request SET merged_into = $1 WHERE id = $2", id, merged)
	o.request(twins, o.support, desk.StateOpen, "of the twin")
	for range 3 {
		o.message(hidden, desk.In, "x")
	}
	o.message(hidden, desk.Note, "not counted")
	o.exec("UPDATE desk_chat SET ad = 'Sale' WHERE id = $1", chat)
	o.exec("UPDATE desk_contact SET own_name = 'Bob S.', blocked = 1 WHERE id = $1", contact)

	r, err := o.view(o.max).Request(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, contact, r.Contact)
	assert.Equal(t, "Bob S.", r.Person)
	assert.Equal(t, "Bob Sample", r.Profile)
	assert.Equal(t, []desk.Identity{{Kind: "phone", Value: phone}}, r.Identities)
	assert.Equal(t, "Sale", r.Ad)
	assert.True(t, r.Blocked)
	assert.False(t, r.OptedOut)
	assert.Equal(t, []string{"earlier"}, subjects(r.Earlier))
	assert.Equal(t, earlier, r.Mergeable[0].ID)
	assert.Equal(t, []string{"merged"}, subjects(r.Merged))
	assert.Equal(t, elsewhere, r.Elsewhere[0].ID)
	assert.Len(t, r.Elsewhere, 1)
	assert.Equal(t, []desk.HiddenMessages{{Department: "Support", Messages: 3}}, r.Hidden)
	assert.Empty(t, r.Same, "the twin's request belongs to the other department")
	assert.Equal(t, "The channel is not connected.", r.Why)
	assert.False(t, r.Sendable)

	r, err = o.view(o.ann).Request(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, []desk.Name{{ID: twin, Name: "Bob Sample"}}, r.Same)
	assert.Empty(t, r.Hidden)
	assert.Equal(t, []string{"hidden", "earlier"}, subjects(r.Earlier))
}

func TestWhyNothingCanBeSent(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	for state, want := range map[string]string{
		"paused":     "The channel is paused. An administrator can let it send again in the Channel settings.",
		"removed":    "The channel was removed from the helpdesk.",
		"connecting": "The channel is not connected yet.",
		"connected":  "",
	} {
		_, err := o.channels.Put("https://api.example.com/ABC100000001", "a1b2c3d4e5f6a7b8c9d0")
		require.NoError(t, err)
		o.exec("UPDATE desk_channel SET state = $1", state)
		r, err := o.view(o.max).Request(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, want, r.Why, state)
		assert.Equal(t, want == "", r.Sendable, state)
		assert.Equal(t, want == "", r.Live, state)
	}
	o.exec("UPDATE desk_channel SET marks_read = 0, state = 'connected'")
	r, err := o.view(o.max).Request(t.Context(), id)
	require.NoError(t, err)
	assert.False(t, r.Live, fmt.Sprint(r.Why))
}

func TestOptedOut(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	require.NoError(t, o.Durable.State.OptOut(t.Context(), "ABC100000001", chatapi.Phone("12025550143"), true))
	r, err := o.view(o.max).Request(t.Context(), id)
	require.NoError(t, err)
	assert.True(t, r.OptedOut)
}
