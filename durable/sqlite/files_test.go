package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// edit changes a file of a folder that no program has open.
func edit(t *testing.T, dir, name, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, name))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// made returns a folder that was used and closed.
func made(t *testing.T) string {
	dir := t.TempDir()
	s := open(t, dir)
	accept(t, s, "a", 1, 2)
	require.NoError(t, done(t.Context(), s, events(t, s, "a")[0]))
	require.NoError(t, s.Close())
	return dir
}

func TestOpenRefuses(t *testing.T) {
	cases := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		want    string
	}{
		{"no database", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "accept.db"), []byte("a text that is long enough to be a header of a file, and then some more of it, and more"), 0o600))
		}, "accept.db is not a database of this package"},
		{"damaged", func(t *testing.T, dir string) {
			body, err := os.ReadFile(filepath.Join(dir, "work.db"))
			require.NoError(t, err)
			for i := 100; i < 4096; i++ {
				body[i] = 0xff
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "work.db"), body, 0o600))
		}, "work.db is damaged"},
		{"another program's", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "work.db")))
			edit(t, dir, "work.db", "CREATE TABLE meta (a)")
		}, "work.db belongs to another program"},
		{"exchanged", func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(filepath.Join(dir, "work.db"), filepath.Join(dir, "x")))
			require.NoError(t, os.Rename(filepath.Join(dir, "accept.db"), filepath.Join(dir, "work.db")))
			require.NoError(t, os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, "accept.db")))
		}, "was renamed"},
		{"no accept.db", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "accept.db"))) }, "has work.db but no accept.db"},
		{"no work.db", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "work.db"))) }, "has accept.db but no work.db"},
		{"a folder for a file", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "work.db")))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "work.db"), 0o700))
		}, "work.db is a folder"},
		{"a pair that differs", func(t *testing.T, dir string) { copyFile(t, made(t), dir, "accept.db") }, "do not belong together"},
		{"newer", func(t *testing.T, dir string) {
			edit(t, dir, "work.db", "UPDATE meta SET value = '99' WHERE name IN ('version', 'min_reader')")
		}, "work.db was made by a newer release (schema 99)"},
		{"older", func(t *testing.T, dir string) {
			edit(t, dir, "accept.db", "UPDATE meta SET value = '0' WHERE name = 'version'")
		}, "then call sqlite.Migrate"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := made(t)
			c.prepare(t, dir)
			_, err := sqlite.Open(t.Context(), dir)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "durable/sqlite: Open: ")
			// The lock is free again, so that the mended folder can be opened.
			_, err = sqlite.Open(t.Context(), dir)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestOpenRefusesFolders(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	_, err := sqlite.Open(t.Context(), name)
	require.ErrorContains(t, err, name+" is not a folder")
	_, err = sqlite.Open(t.Context(), filepath.Join(name, "below"))
	require.ErrorContains(t, err, "is not a folder")
	_, err = sqlite.Open(t.Context(), "")
	require.ErrorContains(t, err, "the name of the folder is empty")
	_, err = sqlite.Open(t.Context(), dir, sqlite.Queue(0, 1))
	require.ErrorContains(t, err, "Queue is 0 deliveries")
	_, err = sqlite.Open(t.Context(), dir, sqlite.Linger(time.Minute))
	require.ErrorContains(t, err, "Linger is 1m0s")
	s := open(t, dir)
	for range 2 {
		_, err = sqlite.Open(t.Context(), dir)
		require.ErrorContains(t, err, "the folder "+dir+" is in use by another program or by another store of this program")
		require.ErrorContains(t, sqlite.Migrate(t.Context(), dir), "is in use")
	}
	require.NoError(t, s.Check(t.Context()))
}

// A foreign file is not changed by the look at it.
func TestForeignFileStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	edit(t, dir, "work.db", "CREATE TABLE people (name TEXT)")
	before, err := os.ReadFile(filepath.Join(dir, "work.db"))
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), dir)
	require.ErrorContains(t, err, "belongs to another program")
	after, err := os.ReadFile(filepath.Join(dir, "work.db"))
	require.NoError(t, err)
	require.Equal(t, before, after)
	_, err = os.Stat(filepath.Join(dir, "accept.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A program may be killed while it makes the files.
func TestOpenGoesOnWithNewFiles(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"an empty work.db": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "work.db"), nil, 0o600))
		},
		"a work.db of no tables": func(t *testing.T, dir string) { edit(t, dir, "work.db", "PRAGMA journal_mode = WAL") },
		"work.db alone": func(t *testing.T, dir string) {
			require.NoError(t, sqlite.Migrate(t.Context(), dir))
			require.NoError(t, os.Remove(filepath.Join(dir, "accept.db")))
			edit(t, dir, "work.db", "DELETE FROM meta WHERE name = 'complete'")
		},
		"both": func(t *testing.T, dir string) {
			require.NoError(t, sqlite.Migrate(t.Context(), dir))
			edit(t, dir, "work.db", "DELETE FROM meta WHERE name = 'complete'")
		},
		"migrated": func(t *testing.T, dir string) {
			require.NoError(t, sqlite.Migrate(t.Context(), dir))
			require.NoError(t, sqlite.Migrate(t.Context(), dir))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			prepare(t, dir)
			s := open(t, dir)
			accept(t, s, "a", 1)
			require.NoError(t, s.Close())
			require.Len(t, events(t, open(t, dir), "a"), 1)
		})
	}
}

func TestNewerSchemaThatAllowsIt(t *testing.T) {
	dir := made(t)
	for _, name := range []string{"accept.db", "work.db"} {
		edit(t, dir, name, "UPDATE meta SET value = '99' WHERE name = 'version'")
	}
	require.Equal(t, []int{2}, numbers(events(t, open(t, dir), "a")))
}

func TestMigrateNeedsAWay(t *testing.T) {
	dir := made(t)
	edit(t, dir, "work.db", "UPDATE meta SET value = '0' WHERE name = 'version'")
	require.ErrorContains(t, sqlite.Migrate(t.Context(), dir), "cannot bring to")
}

// The files come from different backups.
func TestFilesOfDifferentAges(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := open(t, dir)
	accept(t, s, "a", 1, 2, 3, 4)
	step := func() {
		require.NoError(t, done(ctx, s, events(t, s, "a")[0]))
		require.NoError(t, s.Pass(ctx))
	}
	step()
	before := copyFolder(t, dir)
	step()
	step()
	accept(t, s, "b", 5)
	require.NoError(t, done(ctx, s, events(t, s, "b")[0]))
	after := copyFolder(t, dir)

	mixed := func(workOf, acceptOf string) string {
		to := t.TempDir()
		for _, suffix := range []string{"", "-wal"} {
			copyFile(t, workOf, to, "work.db"+suffix)
			copyFile(t, acceptOf, to, "accept.db"+suffix)
		}
		return to
	}
	_, err := sqlite.Open(ctx, mixed(before, after))
	require.ErrorContains(t, err, "work.db in")
	require.ErrorContains(t, err, "is older than accept.db")
	_, err = sqlite.Open(ctx, mixed(after, before))
	require.ErrorContains(t, err, "accept.db in")
	require.ErrorContains(t, err, "is older than work.db")
	require.Equal(t, []int{4}, numbers(events(t, open(t, mixed(after, after)), "a")))
	require.Equal(t, []int{2, 3, 4}, numbers(events(t, open(t, mixed(before, before)), "a")))
}

func TestSettings(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a folder? with #100% odd & names", "below"))
	for _, name := range []string{"accept.db", "work.db"} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000", "cache_size": "-65536", "secure_delete": "1",
			"foreign_keys": "1", "wal_autocheckpoint": "16000", "query_only": "0",
		} {
			got, err := s.Setting(name, pragma)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s of %s", pragma, name)
		}
	}
	var only int
	require.NoError(t, sqlite.DB(s).QueryRowContext(t.Context(), "PRAGMA query_only").Scan(&only))
	require.Equal(t, 1, only)
	for _, statement := range []string{"DELETE FROM opt_out", "PRAGMA query_only = 0; DELETE FROM opt_out"} {
		_, err := sqlite.DB(s).ExecContext(t.Context(), statement)
		require.Error(t, err, statement)
	}
	require.NotZero(t, store.Version)
}
