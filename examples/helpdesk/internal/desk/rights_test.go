package desk_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// secret is a word that only the department of support may read.
const secret = "xyzzy"

// shared is an office with one chat that has a request in each department: that of support
// has the secret wherever it can be.
type shared struct {
	*office
	chat, contact  int64
	sales, support int64 // requests
	quoting        int64 // a message of sales that quotes one of support
	message, note  int64 // of support
}

func newShared(t *testing.T) *shared {
	o := newOffice(t)
	s := &shared{office: o}
	s.contact, s.chat = o.person(o.channel, "Bob", "12025550143")
	s.sales = o.request(s.chat, o.sales, desk.StateSolved, "order")
	s.support = o.request(s.chat, o.support, desk.StateOpen, "about "+secret)
	s.message, s.note = o.message(s.support, desk.In, "the "+secret), o.message(s.support, desk.Note, secret+"!")
	s.quoting = o.message(s.sales, desk.In, "what of this?")
	o.exec("UPDATE desk_message SET quoted = 'wamid.1' WHERE id = $1", s.quoting)
	o.exec("INSERT INTO desk_media (message, state, name, why) VALUES ($1, 'ready', $2, $2)", s.message, secret+".png")
	o.exec("INSERT INTO desk_edit (message, at, body) VALUES ($1, 1, $2)", s.message, "old "+secret)
	o.exec("UPDATE desk_message SET payload = $1, author = $2 WHERE id = $3", `{"footer":"`+secret+`"}`, secret, s.message)
	o.exec("INSERT INTO desk_draft (chat, agent, body, at) VALUES ($1, $2, $3, 1)", s.chat, o.eve, secret+"?")
	o.exec("INSERT INTO desk_canned (short, folded, body, department) VALUES ('x', 'x', $1, $2)", secret, o.support)
	return s
}

// reads returns what every reading method says to an agent, as a text, for every number
// that an object has.
func (s *shared) reads(t *testing.T, agent int64) string {
	v, ctx := s.view(agent), t.Context()
	var all strings.Builder
	add := func(answer any, err error) {
		if err != nil {
			require.ErrorIs(t, err, desk.ErrNotFound)
			all.WriteString(err.Error())
			return
		}
		text, err := json.Marshal(answer)
		require.NoError(t, err)
		all.Write(append(text, '\n'))
	}
	for _, f := range []desk.Filter{{}, {State: desk.StateAny}, {Displayed: true}, {Search: secret, State: desk.StateAny}, {Box: desk.BoxUnassigned},
		{Department: s.office.support}, {Channel: s.channel, State: desk.StateOpen}} {
		rows, _, err := v.Requests(ctx, f)
		add(rows, err)
		n, err := v.Count(ctx, f)
		add(n, err)
	}
	counts, err := v.Counts(ctx, false)
	add(counts, err)
	for id := range int64(12) {
		row, err := v.Row(ctx, id)
		add(row, err)
		request, err := v.Request(ctx, id)
		add(request, err)
		thread, err := v.Thread(ctx, id, 0)
		add(thread, err)
		thread, err = v.Thread(ctx, s.sales, id+1)
		add(thread, err)
		message, err := v.Message(ctx, id)
		add(message, err)
		for _, note := range []bool{false, true} {
			draft, err := v.Draft(ctx, id, note)
			add(draft, err)
		}
		canned, err := v.Canned(ctx, id)
		add(canned, err)
	}
	return all.String()
}

func TestSecretsOfAnotherDepartment(t *testing.T) {
	s := newShared(t)
	assert.NotContains(t, s.reads(t, s.max), secret)
	assert.Contains(t, s.reads(t, s.eve), secret)
	assert.Contains(t, s.reads(t, s.boss), secret)
	rows, _, err := s.view(s.max).Requests(t.Context(), desk.Filter{Search: secret, State: desk.StateAny})
	require.NoError(t, err)
	assert.Empty(t, rows, "a hit would say that the word is there")
	counts, err := s.view(s.max).Counts(t.Context(), false)
	require.NoError(t, err)
	assert.Zero(t, counts)
	m, err := s.view(s.max).Message(t.Context(), s.quoting)
	require.NoError(t, err)
	assert.Equal(t, &desk.Quote{Text: "a message with another department"}, m.Quoted)

	require.NoError(t, s.view(s.ann).Move(t.Context(), s.support, s.office.sales))
	s.exec("DELETE FROM desk_canned")
	assert.NotContains(t, s.reads(t, s.eve), secret, "the department has lost the request, and Eve's own draft with it")
	assert.Contains(t, s.reads(t, s.max), secret)
	require.NoError(t, s.view(s.max).Move(t.Context(), s.support, s.office.support))
	assert.NotContains(t, s.reads(t, s.max), secret)
	assert.Contains(t, s.reads(t, s.eve), secret)
}

// acts are all that change something, on the request of support and what belongs to it.
func (s *shared) acts(v *desk.View) map[string]func(context.Context) error {
	_, otherChat := s.person(s.channel, "Zoe", "12025550144")
	s.office.request(otherChat, s.office.support, desk.StateOpen, "of Zoe")
	zoe := s.number("SELECT max(id) FROM desk_contact")
	canned := s.number("SELECT id FROM desk_canned")
	return map[string]func(context.Context) error{
		"Take":             func(ctx context.Context) error { return v.Take(ctx, s.support) },
		"Assign":           func(ctx context.Context) error { return v.Assign(ctx, s.support, s.max) },
		"Move":             func(ctx context.Context) error { return v.Move(ctx, s.support, s.office.sales) },
		"SetState":         func(ctx context.Context) error { return v.SetState(ctx, s.support, desk.StateSolved) },
		"MergeRequests":    func(ctx context.Context) error { return v.MergeRequests(ctx, s.sales, s.support) },
		"merge into it":    func(ctx context.Context) error { return v.MergeRequests(ctx, s.support, s.sales) },
		"UnmergeRequest":   func(ctx context.Context) error { return v.UnmergeRequest(ctx, s.support) },
		"AddNote":          func(ctx context.Context) error { return v.AddNote(ctx, s.support, "x") },
		"SaveDraft":        func(ctx context.Context) error { return v.SaveDraft(ctx, otherChat, "x", false) },
		"Seen":             func(ctx context.Context) error { return v.Seen(ctx, s.support, s.message) },
		"Seen of another":  func(ctx context.Context) error { return v.Seen(ctx, s.sales, s.message) },
		"RenameContact":    func(ctx context.Context) error { return v.RenameContact(ctx, zoe, "x") },
		"MergeContacts":    func(ctx context.Context) error { return v.MergeContacts(ctx, s.contact, zoe) },
		"UnmergeContact":   func(ctx context.Context) error { return v.UnmergeContact(ctx, zoe) },
		"Block":            func(ctx context.Context) error { return v.Block(ctx, zoe, true) },
		"Erase":            func(ctx context.Context) error { return v.Erase(ctx, s.contact) },
		"RemoveCanned":     func(ctx context.Context) error { return v.RemoveCanned(ctx, canned) },
		"SaveCanned":       func(ctx context.Context) error { return s.saveCanned(ctx, v, canned, s.office.sales) },
		"SaveCanned there": func(ctx context.Context) error { return s.saveCanned(ctx, v, 0, s.office.support) },
		"SaveCanned all":   func(ctx context.Context) error { return s.saveCanned(ctx, v, 0, 0) },
	}
}

func (s *shared) saveCanned(ctx context.Context, v *desk.View, id, department int64) error {
	_, err := v.SaveCanned(ctx, desk.Canned{ID: id, Short: "y", Body: "z", Department: desk.Name{ID: department}})
	return err
}

func TestActsOnWhatAnAgentDoesNotSee(t *testing.T) {
	s := newShared(t)
	for name, act := range s.acts(s.view(s.max)) {
		before := s.number("SELECT n FROM desk_counter") + s.number("SELECT count(*) FROM desk_audit")
		err := act(t.Context())
		assert.True(t, errors.Is(err, desk.ErrNotFound) || errors.Is(err, desk.ErrAdmin), "%s: %v", name, err)
		assert.Equal(t, before, s.number("SELECT n FROM desk_counter")+s.number("SELECT count(*) FROM desk_audit"), name)
	}
}
