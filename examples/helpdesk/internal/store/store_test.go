package store_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

func TestMigrationAndTexts(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second time nothing is to do
		db, err := store.OpenSQLite(t.Context(), dir)
		require.NoError(t, err)
		require.NoError(t, db.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO desk_setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
				"hello", store.Text("a\x00b\xff"))
			return err
		}))
		var value string
		found, err := db.Get(t.Context(), "SELECT value FROM desk_setting WHERE name = $1", []any{"hello"}, &value)
		require.NoError(t, err)
		assert.True(t, found)
		assert.Equal(t, "a\uFFFDb\uFFFD", value)
		found, err = db.Get(t.Context(), "SELECT value FROM desk_setting WHERE name = $1", []any{"nobody"}, &value)
		require.NoError(t, err)
		assert.False(t, found)
		files, err := filepath.Glob(filepath.Join(dir, "*.db*"))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(files), 4, "with those that SQLite makes")
		for _, file := range files {
			info, err := os.Stat(file)
			require.NoError(t, err)
			if runtime.GOOS != "windows" {
				assert.EqualValues(t, 0o600, info.Mode().Perm(), "others may read %s", file)
			}
		}
		require.NoError(t, db.Close())
	}
}
