package postgres_test

import (
	"fmt"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of pgtest
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/internal/storetest"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(desktest.ProgramStore); address != "" {
		program(address)
		return
	}
	pgtest.Main(m)
}

// database makes a database with the schema, and returns its address.
func database(t testing.TB) string {
	t.Helper()
	server := pgtest.Shared(t)
	url := server.URL(server.Database(t))
	require.NoError(t, postgres.Migrate(t.Context(), url))
	return url
}

func open(t testing.TB, url string, opts ...postgres.Option) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// cases makes a schema for each case of a test, which is faster than a database.
func cases(t *testing.T) storetest.Fresh {
	address, n := database(t), 0
	return func(t *testing.T) func() (store.Store, func() error) {
		n++
		schema := postgres.Schema(fmt.Sprint("case ", n))
		require.NoError(t, postgres.Migrate(t.Context(), address, schema))
		return func() (store.Store, func() error) {
			s, err := postgres.Open(t.Context(), address, schema)
			require.NoError(t, err)
			return s, s.Close
		}
	}
}

func TestStore(t *testing.T) { storetest.Run(t, cases(t)) }

func TestDesk(t *testing.T) { desktest.Run(t, cases(t)) }

func address(t testing.TB, s *postgres.Store) string {
	t.Helper()
	return s.Address()
}
