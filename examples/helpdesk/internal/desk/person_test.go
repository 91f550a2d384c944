package desk_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func TestRenameAPerson(t *testing.T) {
	o := newOffice(t)
	contact, chat := o.person(o.channel, "Bob", "12025550143")
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	v := o.view(o.max)
	find := func(text string) int {
		n, err := v.Count(t.Context(), desk.Filter{Search: text})
		require.NoError(t, err)
		return n
	}
	for range 2 {
		require.NoError(t, v.RenameContact(t.Context(), contact, " Doctor BOB "))
	}
	row, err := v.Row(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "Doctor BOB", row.Person)
	assert.Equal(t, 1, find("doctor"))
	assert.Equal(t, 1, find("bob"))
	assert.Equal(t, fmt.Sprintf(`%d renamed contact contact %d: "" "Doctor BOB"`, o.max, contact), o.audited())
	assert.EqualValues(t, 1, o.number("SELECT count(*) FROM desk_audit"))
	assert.Contains(t, o.changes(0), desk.Change{Kind: desk.ChangedRequest, Department: o.sales, Object: id})
	require.NoError(t, v.RenameContact(t.Context(), contact, ""))
	row, err = v.Row(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "Bob", row.Person)
	assert.Zero(t, find("doctor"))
	refuses(t, v.RenameContact(t.Context(), contact, strings.Repeat("x", 81)), "The name is too long. Shorten it to 80 characters.")
	require.ErrorIs(t, v.RenameContact(t.Context(), 0, "x"), desk.ErrNotFound, "a group is no person")
}

func TestMergePeopleByHand(t *testing.T) {
	o := newOffice(t)
	second := o.newChannel("ABC100000002", "", o.support, false)
	bob, chat := o.person(o.channel, "Bob Sample", "12025550143")
	robert, other := o.person(second, "Robert", "12025550144")
	a, b := o.request(chat, o.sales, desk.StateOpen, "a"), o.request(other, o.sales, desk.StateOpen, "b")
	v := o.view(o.max)
	for range 2 {
		require.NoError(t, v.MergeContacts(t.Context(), bob, robert))
	}
	assert.Equal(t, fmt.Sprintf(`%d merged contact contact %d: "" "contact %d"`, o.max, robert, bob), o.audited())
	for id, elsewhere := range map[int64]int64{a: b, b: a} {
		r, err := v.Request(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, "Bob Sample", r.Person)
		assert.Equal(t, bob, r.Contact)
		assert.Equal(t, []desk.Name{{ID: robert, Name: "Robert"}}, r.Joined)
		assert.Equal(t, elsewhere, r.Elsewhere[0].ID)
		assert.Len(t, r.Identities, 2)
	}
	assert.Equal(t, robert, o.number("SELECT contact FROM desk_chat WHERE id = $1", other), "a chat stays where its messages came from")
	rows, _, err := v.Requests(t.Context(), desk.Filter{Search: "bob sample"})
	require.NoError(t, err)
	assert.Equal(t, []string{"b", "a"}, subjects(rows))
	require.NoError(t, v.RenameContact(t.Context(), robert, "Bobby"), "the person has one name")
	row, err := v.Row(t.Context(), a)
	require.NoError(t, err)
	assert.Equal(t, "Bobby", row.Person)

	third, chat3 := o.person(second, "Rob", "12025550145")
	o.request(chat3, o.sales, desk.StateOpen, "c")
	refuses(t, v.MergeContacts(t.Context(), third, bob), "Contacts are merged into this person already. Separate them first, or merge the other person into this one.")
	refuses(t, v.MergeContacts(t.Context(), third, third), "A person cannot be merged with itself.")
	for range 2 {
		require.NoError(t, v.UnmergeContact(t.Context(), robert))
	}
	row, err = v.Row(t.Context(), b)
	require.NoError(t, err)
	assert.Equal(t, "Robert", row.Person)
	assert.Equal(t, fmt.Sprintf(`%d separated contact contact %d: "contact %d" ""`, o.max, robert, bob), o.audited())
}

func TestSeen(t *testing.T) {
	for name, c := range map[string]struct {
		before func(s *shift)
		marks  int
		unread int
	}{
		"the assignee":             {func(s *shift) { s.exec("UPDATE desk_request SET assignee = $1", s.max) }, 1, 0},
		"in an unassigned request": {func(*shift) {}, 1, 1},
		"a colleague": {func(s *shift) {
			s.exec("UPDATE desk_request SET assignee = $1", s.agent("Zoe", false, s.sales))
		}, 0, 1},
		"with the channel's switch off": {func(s *shift) { s.exec("UPDATE desk_channel SET marks_read = 0") }, 0, 1},
		"on a paused channel":           {func(s *shift) { s.exec("UPDATE desk_channel SET state = 'paused'") }, 0, 1},
		"without an answer of the service": {func(s *shift) {
			s.api.Fail(chatapitest.Fault{Operation: "readMessage", Times: -1})
		}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := work(t)
				s.api.Customer("12025550143").Says("Hello")
				s.settle()
				c.before(s)
				v := s.view(s.max)
				for range 2 { // the second time there is nothing new
					require.NoError(t, v.Seen(t.Context(), 1, 1))
				}
				marks := 0
				for _, call := range s.api.Calls().Of("readMessage") {
					if call.Status == http.StatusOK {
						marks++
					}
				}
				assert.Equal(t, c.marks, marks)
				row, err := v.Row(t.Context(), 1)
				require.NoError(t, err)
				assert.Equal(t, c.unread, row.Unread)
			})
		})
	}
}

func TestBlockAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		bob := s.api.Customer("12025550143")
		bob.Says("Hello")
		s.settle()
		contact, v := s.number("SELECT contact FROM desk_chat"), s.view(s.max)
		blocked := func() bool {
			r, err := v.Request(t.Context(), 1)
			require.NoError(t, err)
			return r.Blocked
		}
		require.NoError(t, v.Block(t.Context(), contact, true))
		assert.True(t, blocked())
		assert.Equal(t, fmt.Sprintf(`%d blocked contact contact %d: "" ""`, s.max, contact), s.audited())
		list, err := s.api.Client().Users.ListBlocked(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "12025550143", list[0].Phone)
		require.NoError(t, v.Block(t.Context(), contact, false))
		assert.False(t, blocked())

		s.api.Fail(chatapitest.Fault{Operation: "blockUser", Status: 400, Body: `{"error":"no"}`})
		err = v.Block(t.Context(), contact, true)
		var refused *desk.Refused
		require.ErrorAs(t, err, &refused)
		assert.Contains(t, refused.Sentence, "Sales, Boston: ")
		assert.False(t, blocked())
		s.exec("DELETE FROM desk_chat_key")
		refuses(t, v.Block(t.Context(), contact, true), "WhatsApp blocks people by their number, and this person hides it.")
	})
}

// everything returns all texts of the helpdesk's tables.
func (o *office) everything() string {
	o.t.Helper()
	var all strings.Builder
	for _, column := range []string{"contact.name", "contact.own_name", "contact.folded", "identity.value", "chat.answer", "chat.title", "chat_key.key", "request.subject",
		"request.folded", "request.preview", "message.body", "message.folded", "message.payload", "message.author", "message.composed", "edit.body", "reaction.author",
		"media.name", "media.source", "draft.body", "audit.before", "audit.after"} {
		table, name, _ := strings.Cut(column, ".")
		rows, err := o.DB.Query(o.t.Context(), "SELECT "+name+" FROM desk_"+table)
		require.NoError(o.t, err)
		for rows.Next() {
			var text string
			require.NoError(o.t, rows.Scan(&text))
			fmt.Fprintf(&all, "%s: %s\n", column, text)
		}
		require.NoError(o.t, rows.Close())
	}
	return all.String()
}

func TestEraseAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		boss := s.view(s.agent("Boss", true))
		bob, zoe := s.api.Customer("12025550143").Named("Bob Sample"), s.api.Customer("12025550144").Named("Zoe")
		both, his := chatapitest.File{Name: "a.txt", Type: chatapi.TypeDocument, MIMEType: "text/plain", Data: []byte("of both")},
			chatapitest.File{Name: "sample.txt", Type: chatapi.TypeDocument, MIMEType: "text/plain", Data: []byte("of Bob")}
		bob.Says("Hello from Sample")
		bob.Sends(both)
		bob.Sends(his)
		zoe.Sends(both)
		s.settle()
		s.sends(1, "k1", "Dear Sample")
		bob.Reacts(s.thread(1)[3].Wamid, "A")
		s.settle()
		contact, v := s.number("SELECT contact FROM desk_chat WHERE id = 1"), s.view(s.max)
		require.NoError(t, v.AddNote(t.Context(), 1, "Sample called"))
		require.NoError(t, v.SaveDraft(t.Context(), 1, "Sample!", false))
		require.NoError(t, v.RenameContact(t.Context(), contact, "Doctor Sample"))
		require.Contains(t, strings.ToLower(s.everything()), "sample")
		require.ErrorIs(t, v.Erase(t.Context(), contact), desk.ErrAdmin)

		for range 2 { // it may be called again
			require.NoError(t, boss.Erase(t.Context(), contact))
		}
		assert.NotContains(t, strings.ToLower(s.everything()), "sample")
		assert.NotContains(t, s.everything(), "12025550143")
		files, err := os.ReadDir(s.files)
		require.NoError(t, err)
		assert.Len(t, files, 1, "what another person has sent too stays")
		row, err := v.Row(t.Context(), 1)
		require.NoError(t, err)
		assert.Equal(t, "Erased person", row.Person)
		assert.Equal(t, desk.StateSolved, row.State)
		r, err := v.Request(t.Context(), 1)
		require.NoError(t, err)
		assert.Equal(t, "The person was erased.", r.Why)
		assert.EqualValues(t, 1, s.number("SELECT count(*) FROM desk_message WHERE chat <> 1"), "others' messages stay")

		bob.Says("Hello again")
		s.settle()
		rows, _, err := v.Requests(t.Context(), desk.Filter{Search: "again"})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		assert.NotEqual(t, int64(1), rows[0].Chat)
	})
}

func TestEraseRows(t *testing.T) {
	o := newOffice(t)
	contact, chat := o.person(o.channel, "Bob Sample", "12025550143")
	o.exec("INSERT INTO desk_chat_key (channel, key, chat) VALUES ($1, 'phone:12025550144', $2)", o.channel, chat)
	id := o.request(chat, o.sales, desk.StateOpen, "x")
	said := o.message(id, desk.In, "of Bob")
	_, other := o.person(o.channel, "Zoe", "12025550199")
	kept := o.message(o.request(other, o.sales, desk.StateOpen, "y"), desk.In, "of Zoe")
	for _, message := range []int64{said, kept} {
		o.exec("INSERT INTO desk_reaction (message, author, emoji, at) VALUES ($1, 'phone:12025550144', 'A', 1)", message)
		o.exec("INSERT INTO desk_edit (message, at, body) VALUES ($1, 1, 'x')", message)
		o.exec("INSERT INTO desk_media (message, state) VALUES ($1, 'failed')", message)
	}
	require.NoError(t, o.view(o.max).RenameContact(t.Context(), contact, "Bobby"))
	require.NoError(t, o.view(o.boss).Erase(t.Context(), contact))
	assert.NotContains(t, o.everything(), "Bob")
	assert.NotContains(t, o.everything(), "1202555014")
	for table, n := range map[string]int64{"message": 1, "edit": 1, "media": 1, "reaction": 0, "request": 2, "identity": 1, "chat_key": 1} {
		assert.Equal(t, n, o.number("SELECT count(*) FROM desk_"+table), table)
	}
	assert.Equal(t, fmt.Sprintf(`%d erased contact contact %d: "" "Backups, groups, and what other people wrote may still name the person."`, o.boss, contact), o.audited())
}
