package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

func run(t testing.TB, address string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for _, statement := range statements {
		_, err := conn.Exec(context.Background(), statement)
		require.NoError(t, err, statement)
	}
}

func TestMigrateAndOpen(t *testing.T) {
	server, ctx := pgtest.Shared(t), t.Context()
	address := server.URL(server.Database(t))
	_, err := postgres.Open(ctx, address)
	require.ErrorContains(t, err, `has no schema "chatapi" of this package; call postgres.Migrate first`)
	require.ErrorIs(t, err, store.ErrSchema)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { assert.NoError(t, postgres.Migrate(ctx, address)) })
	}
	all.Wait()
	s := open(t, address)
	require.NoError(t, s.Check(ctx))

	set := func(version, minReader string) error {
		run(t, address, "UPDATE chatapi.meta SET value = '"+version+"' WHERE name = 'version'",
			"UPDATE chatapi.meta SET value = '"+minReader+"' WHERE name = 'min_reader'")
		return s.Check(ctx)
	}
	require.NoError(t, set("2", "1"), "a newer schema on which this program may work")
	err = set("3", "2")
	require.ErrorIs(t, err, store.ErrSchema)
	require.ErrorContains(t, err, "was made by a newer release (schema 3); this one knows schema 1; update the program")
	require.ErrorContains(t, postgres.Migrate(ctx, address), "newer release")
	run(t, address, "DELETE FROM chatapi.meta")
	require.ErrorContains(t, s.Check(ctx), "belongs to another program")
	require.ErrorContains(t, postgres.Migrate(ctx, address), "belongs to another program")
}

// A program that has become too old for the schema stops with the sentence.
func TestTooOld(t *testing.T) {
	address := database(t)
	s := open(t, address)
	desk, err := durable.Open(t.Context(), s, chatapi.NewChannels())
	require.NoError(t, err)
	run(t, address, "UPDATE chatapi.meta SET value = '9' WHERE name IN ('version', 'min_reader')")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.ErrorContains(t, desk.Run(ctx), "update the program")
	require.NoError(t, ctx.Err(), "at once")
}

func TestOpenRefuses(t *testing.T) {
	ctx := t.Context()
	for want, opts := range map[string]postgres.Option{
		"Schema is": postgres.Schema(""), "Queue is": postgres.Queue(0, 1), "Connections is": postgres.Connections(0),
	} {
		_, err := postgres.Open(ctx, "postgres://127.0.0.1:1/x", opts)
		require.ErrorContains(t, err, want)
	}
	for _, name := range []string{"pg_mine", "information_schema", "$user"} {
		require.ErrorContains(t, postgres.Migrate(ctx, "postgres://127.0.0.1:1/x", postgres.Schema(name)), "a name that PostgreSQL keeps for itself")
	}
	_, err := postgres.Open(ctx, "postgres://127.0.0.1:1/x")
	require.ErrorContains(t, err, "cannot be reached")
	_, err = postgres.Open(ctx, "postgres://%")
	require.ErrorContains(t, err, "is not given as a URL")
	_, err = postgres.Open[*pgxpool.Pool](ctx, nil)
	require.ErrorContains(t, err, "the pool is nil")
}

// A user without the rights of a superuser, a pool of the user's, and two schemas.
func TestUsersPoolAndSchema(t *testing.T) {
	server, ctx := pgtest.Shared(t), t.Context()
	name := server.Database(t)
	server.Exec(t, "postgres", "DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN PASSWORD 'plain'", "GRANT CREATE ON DATABASE "+name+" TO plain")
	address, err := url.Parse(server.URL(name))
	require.NoError(t, err)
	address.User = url.UserPassword("plain", "plain")
	pool, err := pgxpool.New(ctx, address.String())
	require.NoError(t, err)
	defer pool.Close()
	for _, schema := range []string{"chatapi", `odd "name"`} {
		require.NoError(t, postgres.Migrate(ctx, pool, postgres.Schema(schema)))
	}
	first, err := postgres.Open(ctx, pool)
	require.NoError(t, err)
	defer first.Close()
	second, err := postgres.Open(ctx, pool, postgres.Schema(`odd "name"`))
	require.NoError(t, err)
	defer second.Close()
	for _, s := range []*postgres.Store{first, second} {
		_, unlock, err := s.Lock(ctx, "a")
		require.NoError(t, err, "locks belong to a schema")
		defer unlock()
		fresh, err := s.Accept(ctx, delivery("a", 1))
		require.NoError(t, err)
		require.Len(t, fresh, 1, "events belong to a schema")
	}
	address.User = url.UserPassword("plain", "wrong")
	_, err = postgres.Open(ctx, address.String())
	require.ErrorContains(t, err, "does not let this program in")
	server.Exec(t, name, "DROP OWNED BY plain CASCADE")
}

func TestSettings(t *testing.T) {
	address := database(t)
	run(t, address, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
		EXECUTE format('ALTER DATABASE %I SET lock_timeout = 1', current_database());
		EXECUTE format('ALTER DATABASE %I SET client_encoding = LATIN1', current_database());
		EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`)
	s := open(t, address)
	want := map[string]string{"synchronous_commit": "on", "idle_in_transaction_session_timeout": "90s", "tcp_keepalives_idle": "5",
		"tcp_user_timeout": "20000", "lock_timeout": "0", "client_encoding": "UTF8", "search_path": `chatapi, "$user", public`, "statement_timeout": "5s"}
	check := func(ctx context.Context, tx store.Tx) error {
		for name, value := range want {
			rows, err := tx.Query(ctx, "SELECT current_setting($1)", name)
			if err != nil {
				return err
			}
			got := ""
			require.True(t, rows.Next())
			require.NoError(t, rows.Scan(&got))
			require.Equal(t, strings.ReplaceAll(value, `"chatapi"`, "chatapi"), strings.ReplaceAll(got, `"chatapi"`, "chatapi"), name)
		}
		return nil
	}
	require.NoError(t, s.Update(t.Context(), check))
	want["statement_timeout"] = "1min"
	require.NoError(t, s.View(t.Context(), check))
}

// A server that took over sends nothing until a person says since when it may not know.
func TestRestored(t *testing.T) {
	ctx, address := t.Context(), database(t)
	run(t, address, "UPDATE chatapi.meta SET value = '0000002A' WHERE name = 'timeline'")
	s := open(t, address)
	_, _, err := s.Lock(ctx, store.SendLock+"ABC1")
	require.ErrorContains(t, err, "nothing is sent until postgres.Restored is called")
	_, unlock, err := s.Lock(ctx, "lane ABC1 a")
	require.NoError(t, err, "events are handled")
	unlock()
	at := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	require.NoError(t, s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		for n, planned := range []time.Time{at.Add(-time.Hour), at.Add(time.Hour)} {
			_, err := tx.Exec(ctx, `INSERT INTO outbox (channel, khash, key, chat, prio, campaign, version, prepared, fell_back, state, claim, claimed,
				planned, not_before, until, attempts, reserved, looked, message_id, status, status_at, reason)
				VALUES ('ABC1', $1, $2, '', 0, '', 1, '', 0, 1, '', 0, $3, 0, 0, 0, 0, 0, '', '', 0, '')`, []byte{byte(n)}, "k", store.Micros(planned))
			if err != nil {
				return err
			}
		}
		return nil
	}))
	n, err := postgres.Restored(ctx, s, at)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	_, unlock, err = s.Lock(ctx, store.SendLock+"ABC1")
	require.NoError(t, err)
	unlock()
	_, err = postgres.Restored(ctx, s, time.Time{})
	require.Error(t, err)

	run(t, address, "UPDATE chatapi.meta SET value = '0000002A' WHERE name = 'timeline'")
	_, unlock, err = open(t, address, postgres.SynchronousReplica()).Lock(ctx, store.SendLock+"ABC1")
	require.NoError(t, err)
	unlock()
}

// What Migrate would do is known before, and nothing is changed by asking.
func TestPending(t *testing.T) {
	server, ctx := pgtest.Shared(t), t.Context()
	address := server.URL(server.Database(t))
	for range 2 {
		m, err := postgres.Pending(ctx, address)
		require.NoError(t, err)
		require.True(t, m.Pending())
		require.Zero(t, m.Have)
		require.Greater(t, len(m.Statements), 20)
	}
	require.NoError(t, postgres.Migrate(ctx, address))
	m, err := postgres.Pending(ctx, address)
	require.NoError(t, err)
	require.Equal(t, durable.Migration{Have: store.Version, Want: store.Version, MinReader: store.MinReader}, m)
	run(t, address, "DROP SCHEMA chatapi_river CASCADE")
	m, err = postgres.Pending(ctx, address)
	require.NoError(t, err)
	require.True(t, m.Pending())
	require.Equal(t, "CREATE SCHEMA chatapi_river", m.Statements[0])
	require.NoError(t, postgres.Migrate(ctx, address))
	run(t, address, "UPDATE chatapi.meta SET value = '99' WHERE name IN ('version', 'min_reader')")
	m, err = postgres.Pending(ctx, address)
	require.NoError(t, err)
	require.True(t, m.TooOld())
	run(t, address, "DELETE FROM chatapi.meta")
	_, err = postgres.Pending(ctx, address)
	require.ErrorContains(t, err, "belongs to another program")
	_, err = postgres.Pending(ctx, "postgres://127.0.0.1:1/x")
	require.ErrorContains(t, err, "cannot be reached")
}

// Health says why a server that took over sends nothing.
func TestHealthOfAnotherServer(t *testing.T) {
	ctx, address := t.Context(), database(t)
	run(t, address, "UPDATE chatapi.meta SET value = '0000002A' WHERE name = 'timeline'")
	s := open(t, address)
	desk, err := durable.Open(ctx, s, chatapi.NewChannels())
	require.NoError(t, err)
	h, err := desk.Health(ctx)
	require.NoError(t, err)
	require.Contains(t, h.Halted, "took over from another one")
	require.Contains(t, h.Sentence, "Nothing is sent: the PostgreSQL server took over from another one")
	_, err = postgres.Restored(ctx, s, time.Now())
	require.NoError(t, err)
	h, err = desk.Health(ctx)
	require.NoError(t, err)
	require.Empty(t, h.Halted)
	require.Empty(t, h.Sentence)
}

// The rights that docs/durable.md gives to a role that does not migrate are enough.
func TestRights(t *testing.T) {
	server, ctx := pgtest.Shared(t), t.Context()
	name := server.Database(t)
	require.NoError(t, postgres.Migrate(ctx, server.URL(name)))
	server.Exec(t, name, "DROP ROLE IF EXISTS app", "CREATE ROLE app LOGIN PASSWORD 'app'", "GRANT USAGE ON SCHEMA chatapi, chatapi_river TO app",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chatapi, chatapi_river TO app",
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA chatapi, chatapi_river TO app")
	defer server.Exec(t, name, "DROP OWNED BY app CASCADE")
	address, err := url.Parse(server.URL(name))
	require.NoError(t, err)
	address.User = url.UserPassword("app", "app")
	s := open(t, address.String())
	for n := range 2 {
		d := delivery("a", n)
		d.Elsewhere = true
		fresh, err := s.Accept(ctx, d)
		require.NoError(t, err)
		require.Len(t, fresh, 1)
	}
	require.Equal(t, 1, ask[int](t, server.URL(name), "SELECT count(*) FROM chatapi_river.river_job"))
	events, err := s.Unfolded(ctx, 10)
	require.NoError(t, err)
	require.NoError(t, s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := s.Folded(ctx, tx, events); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO activity (at, body) VALUES (1, '')") // draws a number
		return errors.Join(err, s.Done(ctx, tx, &events[0]))
	}))
	require.NoError(t, s.Rewrite(ctx, events[1].Delivery, []byte("x")))
	require.NoError(t, s.RenameLane(ctx, "a", "b"))
	_, err = s.Tidy(ctx, time.Now())
	require.NoError(t, err)
	_, err = postgres.Restored(ctx, s, time.Now())
	require.NoError(t, err)
	desk, err := durable.Open(ctx, s, chatapi.NewChannels())
	require.NoError(t, err)
	h, err := desk.Health(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, h.Inbox.Waiting)
	m, err := postgres.Pending(ctx, address.String())
	require.NoError(t, err)
	require.False(t, m.Pending())
}
