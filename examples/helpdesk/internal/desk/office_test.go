package desk_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// morning is when the tests of requests begin.
var morning = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// office is a desk whose rows a test writes itself, with two departments, a displayed
// channel of the first one, and four agents: an administrator, one for each department, and
// one for both.
type office struct {
	*desk.Desk
	t        testing.TB
	channels *chatapi.Channels
	now      time.Time

	sales, support     int64
	channel            int64
	boss               int64
	max, eve, ann      int64 // of sales, of support, of both
	messages, requests int   // counts for times and texts
}

// elsewhere is the database of new offices while a test runs once more on PostgreSQL.
var elsewhere *store.DB

func newOffice(t testing.TB) *office {
	t.Helper()
	if elsewhere != nil {
		clear(t, elsewhere)
		return officeOn(t, elsewhere)
	}
	db, err := store.OpenSQLite(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return officeOn(t, db)
}

// officeOn makes an office in a database that has none.
func officeOn(t testing.TB, db *store.DB) *office {
	t.Helper()
	o := deskOn(t, db)
	o.sales, o.support = o.department("Sales"), o.department("Support")
	o.channel = o.newChannel("ABC100000001", "Sales, Boston", o.sales, true)
	o.boss = o.agent("Boss", true)
	o.max, o.eve, o.ann = o.agent("Max", false, o.sales), o.agent("Eve", false, o.support), o.agent("Ann", false, o.sales, o.support)
	return o
}

// deskOn returns a desk on a database.
func deskOn(t testing.TB, db *store.DB) *office {
	t.Helper()
	o := &office{t: t, channels: chatapi.NewChannels(), now: morning}
	durableDesk, err := durable.Open(t.Context(), db.Durable, o.channels)
	require.NoError(t, err)
	key, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	o.Desk = desk.New(desk.Config{DB: db, Durable: durableDesk, Channels: o.channels, Key: key, Now: func() time.Time { return o.now },
		Log: slog.New(slog.DiscardHandler), Files: t.TempDir(), URL: "http://localhost:8400"})
	return o
}

// view returns the desk as an agent sees it.
func (o *office) view(agent int64) *desk.View {
	o.t.Helper()
	v, err := o.For(o.t.Context(), agent)
	require.NoError(o.t, err)
	return v
}

// insert writes a row and returns its id, if its table has one.
func (o *office) insert(query string, args ...any) (id int64) {
	o.t.Helper()
	require.NoError(o.t, o.DB.Update(o.t.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := store.Get(ctx, tx, query+" RETURNING id", args, &id)
		return err
	}))
	return id
}

func (o *office) exec(query string, args ...any) {
	o.t.Helper()
	require.NoError(o.t, o.DB.Update(o.t.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}))
}

// number reads a number from the database.
func (o *office) number(query string, args ...any) (n int64) {
	o.t.Helper()
	_, err := o.DB.Get(o.t.Context(), query, args, &n)
	require.NoError(o.t, err)
	return n
}

func (o *office) department(name string) int64 {
	return o.insert("INSERT INTO desk_department (name, folded) VALUES ($1, $2)", name, store.Fold(name))
}

func (o *office) agent(name string, admin bool, departments ...int64) int64 {
	id := o.insert("INSERT INTO desk_agent (email, folded, name, admin, created) VALUES ($1, $1, $2, $3, 1)", store.Fold(name)+"@example.com", name, store.Bit(admin))
	for _, department := range departments {
		o.exec("INSERT INTO desk_agent_department (agent, department) VALUES ($1, $2)", id, department)
	}
	return id
}

func (o *office) newChannel(id, name string, department int64, displayed bool) int64 {
	return o.insert("INSERT INTO desk_channel (channel, department, name, api_url, token, state, displayed) VALUES ($1, $2, $3, 'https://api.example.com', $4, 'connected', $5)",
		id, department, name, []byte{1}, store.Bit(displayed))
}

// person writes a contact with a number, and its chat on a channel.
func (o *office) person(channel int64, name, phone string) (contact, chat int64) {
	contact = o.insert("INSERT INTO desk_contact (name, folded, created) VALUES ($1, $2, 1)", name, store.Fold(name))
	o.exec("INSERT INTO desk_identity (scope, kind, value, contact) VALUES ('', 'phone', $1, $2)", phone, contact)
	return contact, o.chat(channel, contact, phone)
}

func (o *office) chat(channel, contact int64, phone string) int64 {
	chat := o.insert("INSERT INTO desk_chat (channel, contact, answer) VALUES ($1, $2, $3)", channel, contact, "phone:"+phone)
	o.exec("INSERT INTO desk_chat_key (channel, key, chat) VALUES ($1, $2, $3)", channel, "phone:"+phone, chat)
	return chat
}

// request writes a request whose newest message came a minute after that of the one before.
func (o *office) request(chat, department int64, state desk.State, subject string) int64 {
	o.requests++
	at := morning.Add(time.Duration(o.requests) * time.Minute).UnixMicro()
	return o.insert(`INSERT INTO desk_request (channel, chat, department, state, subject, folded, preview, opened, last)
		SELECT h.channel, h.id, $2, $3, $4, $5 || ' ' || coalesce(c.folded, '') || ' ' || h.answer, $4, $6, $6
		FROM desk_chat h LEFT JOIN desk_contact c ON c.id = h.contact WHERE h.id = $1`, chat, department, string(state), subject, store.Fold(subject), at)
}

// message writes a message of a request, a second after the one before.
func (o *office) message(request int64, direction desk.Direction, text string) int64 {
	o.messages++
	return o.insert(`INSERT INTO desk_message (channel, chat, request, direction, wamid, kind, body, folded, at)
		SELECT channel, chat, id, $2, $3, 'text', $4, $5, $6 FROM desk_request WHERE id = $1`, request, string(direction),
		fmt.Sprintf("wamid.%d", o.messages), text, store.Fold(text), morning.Add(time.Duration(o.messages)*time.Second).UnixMicro())
}
