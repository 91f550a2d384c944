package postgres_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

// pooler is a server in front of a PostgreSQL server that gives its sessions to
// connections: one to all of them, from one transaction to the next, or each its own.
type pooler struct {
	t       *testing.T
	address string // of the server
	shared  bool
	session *pgproto3.Frontend
	turn    sync.Mutex
	count   atomic.Uint32
}

// pool starts a pooler, and returns the address that programs use.
func pool(t *testing.T, address string, shared bool) string {
	t.Helper()
	p := &pooler{t: t, address: address, shared: shared}
	if shared {
		p.session = p.connect()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	at, err := url.Parse(address)
	require.NoError(t, err)
	at.Host = listener.Addr().String()
	return at.String()
}

func (p *pooler) connect() *pgproto3.Frontend {
	conn, err := pgconn.Connect(context.Background(), p.address)
	if !assert.NoError(p.t, err) {
		return nil
	}
	taken, err := conn.Hijack()
	assert.NoError(p.t, err)
	p.t.Cleanup(func() { _ = taken.Conn.Close() })
	return taken.Frontend
}

func (p *pooler) serve(client net.Conn) {
	defer client.Close()
	backend := pgproto3.NewBackend(client, client)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	server := p.session
	if !p.shared {
		server = p.connect()
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	for _, setting := range [][2]string{{"server_version", "15.0"}, {"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}} {
		backend.Send(&pgproto3.ParameterStatus{Name: setting[0], Value: setting[1]})
	}
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1<<30 + p.count.Add(1), SecretKey: []byte("1234")})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for backend.Flush() == nil {
		message, err := backend.Receive()
		if err != nil {
			return
		}
		if _, ends := message.(*pgproto3.Terminate); ends {
			return
		}
		p.turn.Lock()
		err = exchange(backend, server, message)
		p.turn.Unlock()
		if err != nil {
			return
		}
	}
}

// exchange sends what a connection says until the server has answered it, and is outside
// of a transaction.
func exchange(backend *pgproto3.Backend, server *pgproto3.Frontend, message pgproto3.FrontendMessage) (err error) {
	for {
		server.Send(message)
		switch message.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			if err := server.Flush(); err != nil {
				return err
			}
			for ready := false; !ready; {
				reply, err := server.Receive()
				if err != nil {
					return err
				}
				backend.Send(reply)
				if state, ok := reply.(*pgproto3.ReadyForQuery); ok {
					if ready = true; state.TxStatus == 'I' {
						return nil
					}
				}
			}
			if err := backend.Flush(); err != nil {
				return err
			}
		}
		if message, err = backend.Receive(); err != nil {
			return err
		}
	}
}

// A pooler that gives one session to several connections is refused, since two programs
// would have each other's locks. One that does not is none of our business.
func TestPooler(t *testing.T) {
	address := database(t)
	through := pool(t, address, true)
	_, err := postgres.Open(t.Context(), through)
	require.ErrorContains(t, err, "a pooler in transaction or statement mode")
	require.ErrorContains(t, postgres.Migrate(t.Context(), through), "a pooler in transaction or statement mode")

	s := open(t, pool(t, address, false))
	fresh, err := s.Accept(t.Context(), delivery("a", 1))
	require.NoError(t, err)
	require.Len(t, fresh, 1)
}

// What a user's pool does to a connection before each use does nothing to the store's own:
// here it looks at the tables of one customer, which have the names of the store's. And
// settings for a pooler do not keep the store from preparing its statements.
func TestPoolOfAUserWithSeveralCustomers(t *testing.T) {
	ctx, address := t.Context(), database(t)
	run(t, address, "CREATE SCHEMA tenant", "CREATE TABLE tenant.inbox (LIKE chatapi.inbox)", "CREATE TABLE tenant.meta (LIKE chatapi.meta)")
	config, err := pgxpool.ParseConfig(address + "&statement_cache_capacity=0")
	require.NoError(t, err)
	config.PrepareConn = func(ctx context.Context, c *pgx.Conn) (bool, error) {
		_, err := c.Exec(ctx, "SET search_path TO tenant")
		return true, err
	}
	asked := 0
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { asked++; return nil } // as for passwords that change
	users, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	defer users.Close()
	s, err := postgres.Open(ctx, users)
	require.NoError(t, err)
	defer s.Close()
	for n := range 3 {
		fresh, err := s.Accept(ctx, delivery("a", n))
		require.NoError(t, err)
		require.Len(t, fresh, 1)
	}
	require.Zero(t, ask[int](t, address, "SELECT count(*) FROM tenant.inbox"))
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return errors.New("no password today") }
	broken, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	defer broken.Close()
	require.ErrorContains(t, postgres.Migrate(ctx, broken), "no password today", "Migrate asks for the password too")
	_, err = postgres.Pending(ctx, broken)
	require.ErrorContains(t, err, "no password today")
}

// A database that cannot keep every text is refused: a handler's error with such a text
// could not be stored, and its chat would wait for ever.
func TestEncoding(t *testing.T) {
	server := pgtest.Shared(t)
	server.Exec(t, "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
	defer server.Exec(t, "postgres", "DROP DATABASE latin WITH (FORCE)")
	for _, err := range []error{postgres.Migrate(t.Context(), server.URL("latin")), func() error { _, err := postgres.Open(t.Context(), server.URL("latin")); return err }()} {
		require.ErrorContains(t, err, "the database has the encoding LATIN1")
	}
}

// A role may migrate schemas that are its own, also without CREATE on the database.
func TestRoleWithoutCreate(t *testing.T) {
	server, ctx := pgtest.Shared(t), t.Context()
	name := server.Database(t)
	server.Exec(t, name, "DROP ROLE IF EXISTS narrow", "CREATE ROLE narrow LOGIN PASSWORD 'narrow'")
	defer server.Exec(t, name, "DROP OWNED BY narrow CASCADE")
	address, err := url.Parse(server.URL(name))
	require.NoError(t, err)
	address.User = url.UserPassword("narrow", "narrow")
	require.ErrorContains(t, postgres.Migrate(ctx, address.String()), "needs CREATE on the database, or both schemas as its own")
	server.Exec(t, name, "CREATE SCHEMA chatapi AUTHORIZATION narrow", "CREATE SCHEMA chatapi_river AUTHORIZATION narrow")
	pending, err := postgres.Pending(ctx, address.String())
	require.NoError(t, err)
	require.NotContains(t, pending.Statements, "CREATE SCHEMA \"chatapi\"")
	require.NoError(t, postgres.Migrate(ctx, address.String()))
	fresh, err := open(t, address.String()).Accept(ctx, delivery("a", 1))
	require.NoError(t, err)
	require.Len(t, fresh, 1)
}

// A handler's statement ends its connection each time, as one does for which the server
// runs out of memory. A few times that may be an accident; then it is a failed attempt, and
// the event becomes a dead letter. The others of its chat go on.
func TestStatementThatBreaksTheConnection(t *testing.T) {
	b := desktest.Open(t, open(t, database(t)), chatapi.NewChannels(), func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		if e.Key() != "message/bad" {
			return desktest.Effect(ctx, e, w)
		}
		return w.InTx(func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		})
	}, durable.Retries(durable.RetryPolicy{Attempts: 2, Delay: func(int) time.Duration { return time.Millisecond }}))
	b.Accept(desktest.Message("bad", 0, "x"), desktest.Message("good", 0, "x"), desktest.Message("other", 1, "x"))
	b.Empty()
	assert.Equal(t, []string{"good"}, desktest.Effects(t, b.Store, desktest.Phone(0)))
	assert.Equal(t, []string{"other"}, desktest.Effects(t, b.Store, desktest.Phone(1)))
	letters := 0
	for l, err := range b.Inbox.Dead(t.Context(), durable.DeadFilter{}) {
		require.NoError(t, err)
		assert.Contains(t, l.Reason, "the connection to the database broke each time while a function of InTx wrote")
		letters++
	}
	assert.Equal(t, 1, letters)
}
