package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

// A program that does not have the channel of what it accepts leaves it to another one,
// and counts no attempt.
func TestProgramWithoutTheChannel(t *testing.T) {
	const chats = 9
	address := database(t)
	api, channels := desktest.Service(t, chats)
	with := desktest.Open(t, named(t, address, "with"), channels, answer)
	without := desktest.Open(t, named(t, address, "without"), chatapi.NewChannels(), answer)
	begin := time.Now()
	for n := range chats {
		without.Accept(desktest.Message(fmt.Sprint(n), n, "x"))
	}
	require.Eventually(t, func() bool { return len(desktest.Texts(api)) == chats }, time.Minute, 5*time.Millisecond)
	assert.Less(t, time.Since(begin), 40*time.Second)
	for f, err := range with.Inbox.Failing(t.Context()) {
		require.NoError(t, err)
		t.Errorf("%s counts %d attempts", f.Chat, f.Attempts)
	}
	assert.NotContains(t, without.Log(), "The handler failed")
}

// A program without the channel does not say that its messages wait, since another one
// may send them.
func TestHealthOfAProgramWithoutTheChannel(t *testing.T) {
	ctx, address := t.Context(), database(t)
	_, channels := desktest.Service(t, 1)
	planner, err := durable.Open(ctx, open(t, address), channels)
	require.NoError(t, err)
	q, err := planner.Outbox.Send(ctx, desktest.Channel, "k", desktest.To(0), chatapi.Text{Body: "x"})
	require.NoError(t, err)
	health := func(opts ...durable.Option) durable.Health {
		desk, err := durable.Open(ctx, open(t, address), chatapi.NewChannels(), opts...)
		require.NoError(t, err)
		h, err := desk.Health(ctx)
		require.NoError(t, err)
		require.Len(t, h.Channels, 1)
		return h
	}
	assert.Empty(t, health().Sentence)
	assert.Empty(t, health(durable.AcceptOnly()).Sentence)
	run(t, address, fmt.Sprintf("UPDATE chatapi.outbox SET planned = planned - 600000000 WHERE id = %d", q.ID))
	assert.Empty(t, health(durable.AcceptOnly()).Channels[0].Held)
	assert.Contains(t, health().Sentence, "is not connected. Its messages wait (1).", "nobody sends")
	_, unlock, err := open(t, address).Lock(ctx, store.SendLock+string(desktest.Channel))
	require.NoError(t, err)
	defer unlock()
	assert.Empty(t, health().Sentence, "somebody sends")
}

// A part of the password does not become the host, and is in no error.
func TestAddressWithAnUnescapedPassword(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://app:left@RIGHT77@127.0.0.1:1/desk":            "write %40 for @",
		"postgresql://app:left/RIGHT77@127.0.0.1:1/desk":          "%2F for /",
		"postgres://app:1/RIGHT77@127.0.0.1:1/desk":               "%2F for /",
		"postgres://app:left?RIGHT77@127.0.0.1:1/desk":            "%3F for ?",
		"postgres://app:left#RIGHT77@127.0.0.1:1/desk":            "%23 for #",
		"postgres://app:left%RIGHT77@127.0.0.1:1/desk":            "give a URL such as",
		"host=127.0.0.1 port=1 user=app password='left RIGHT77":   "give a URL such as",
		"postgres://app:left%40RIGHT77@127.0.0.1:1/desk?a=b@host": "write %40 for @",
	} {
		_, err := postgres.Open(t.Context(), address)
		require.ErrorContains(t, err, want, address)
		assert.NotContains(t, err.Error(), "RIGHT77", address)
		err = postgres.Migrate(t.Context(), address)
		require.ErrorContains(t, err, want, address)
		assert.NotContains(t, err.Error(), "RIGHT77", address)
	}
}

// Errors of the user's own tables say something of these, and not of the store's.
func TestErrorsOfOwnTables(t *testing.T) {
	server, ctx := pgtest.Shared(t), t.Context()
	name := server.Database(t)
	require.NoError(t, postgres.Migrate(ctx, server.URL(name)))
	server.Exec(t, name, "DROP ROLE IF EXISTS note_app", "CREATE ROLE note_app LOGIN PASSWORD 'app'", "CREATE TABLE public.note (id INT)",
		"GRANT USAGE ON SCHEMA chatapi, chatapi_river TO note_app", "GRANT SELECT ON chatapi.meta, chatapi_river.river_migration TO note_app")
	defer server.Exec(t, name, "DROP OWNED BY note_app CASCADE")
	do := func(s *postgres.Store, statement string) error {
		return s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
	}
	err := do(open(t, server.URL(name)), "INSERT INTO nowhere VALUES (1)")
	require.ErrorContains(t, err, "give a table of your own with its schema, such as public.note")
	address, err := url.Parse(server.URL(name))
	require.NoError(t, err)
	address.User = url.UserPassword("note_app", "app")
	s := open(t, address.String())
	err = do(s, "INSERT INTO public.note VALUES (1)")
	require.ErrorContains(t, err, "permission denied for table note")
	require.NotContains(t, err.Error(), "postgres.Migrate needs")
	require.ErrorContains(t, do(s, "DELETE FROM opt_out"), "postgres.Migrate needs")
}

// A program that has lost its locks says so.
func TestLostLocksAreLogged(t *testing.T) {
	address := database(t)
	b := desktest.Open(t, named(t, address, "first"), chatapi.NewChannels(), nil)
	require.Eventually(t, func() bool { return ask[int](t, address, "SELECT count(*) FROM chatapi.running") == 1 }, time.Minute, 5*time.Millisecond)
	end(t, address, "first")
	require.Eventually(t, func() bool { return strings.Contains(b.Log(), "The program lost its locks") }, time.Minute, 5*time.Millisecond)
}
