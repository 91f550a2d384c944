package desk_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of pgtest
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onBoth runs a test on both databases. open makes an office in an empty one.
func onBoth(t *testing.T, test func(t *testing.T, open func(t testing.TB) *office)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newOffice) })
	t.Run("postgres", func(t *testing.T) {
		db := postgres(t, database(t))
		test(t, func(t testing.TB) *office {
			t.Helper()
			clear(t, db)
			return officeOn(t, db)
		})
	})
}

// database makes a database on the tests' own server, and returns its address.
func database(t *testing.T) string {
	t.Helper()
	server := pgtest.Shared(t)
	return server.URL(server.Database(t))
}

func postgres(t *testing.T, address string) *store.DB {
	t.Helper()
	db, err := store.OpenPostgres(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// clear removes all rows of the helpdesk.
func clear(t testing.TB, db *store.DB) {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE tablename LIKE 'desk\\_%' AND tablename <> 'desk_schema'")
	tables, err := store.All(rows, err, func(name *string) []any { return []any{name} })
	require.NoError(t, err)
	require.NoError(t, db.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
		if _, err := tx.Exec(ctx, "TRUNCATE "+strings.Join(tables, ", ")+" RESTART IDENTITY"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO desk_counter (name, n) VALUES ('change', 0)")
		return err
	}))
}

// Each webhook of the repository's test data has its rows, twice the same.
func TestWebhooksOfTheContract(t *testing.T) {
	var events []chatapi.Event
	require.NoError(t, filepath.WalkDir("../../../../testdata/contract", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" || strings.HasSuffix(path, "index.json") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var sample struct{ Body json.RawMessage } // of those that have a frame
		if json.Unmarshal(body, &sample) == nil && sample.Body != nil {
			body = sample.Body
		}
		found, _ := chatapi.ParseWebhook(body)
		events = append(events, found...)
		return nil
	}))
	require.Greater(t, len(events), 200)
	onBoth(t, func(t *testing.T, open func(t testing.TB) *office) {
		o := open(t)
		var lines []string
		for range 2 {
			for _, e := range events {
				e.Info().Channel = "ABC100000001"
				if to, ok := e.(interface{ AnswerTo() chatapi.Recipient }); ok && to.AnswerTo().IsZero() {
					continue
				}
				require.NoError(t, o.Apply(t.Context(), e), "%s: %s", e.Key(), e.Info().Raw)
			}
			if lines == nil {
				lines = o.messageLines()
			}
		}
		assert.Len(t, o.messageLines(), len(lines))
		assert.Greater(t, len(lines), 50)
	})
}
