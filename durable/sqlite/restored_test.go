package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// How files come to a folder, and whether Open notices that they are of another time.
func TestPutBack(t *testing.T) {
	ctx := t.Context()
	used := func(t *testing.T) (now, then string) {
		now = t.TempDir()
		s := open(t, now)
		accept(t, s, "a", 1)
		then = copyAll(t, now)
		require.NoError(t, s.Close())
		require.NoError(t, open(t, now).Close())
		return now, then
	}
	for name, c := range map[string]struct {
		folder func(t *testing.T) string
		want   string
	}{
		"a new folder":    {func(t *testing.T) string { return t.TempDir() }, ""},
		"started again":   {func(t *testing.T) string { now, _ := used(t); return now }, ""},
		"killed":          {func(t *testing.T) string { _, then := used(t); return then }, ""},
		"moved":           {func(t *testing.T) string { now, _ := used(t); return copyAll(t, now) }, ""},
		"migrated before": {func(t *testing.T) string { now, _ := used(t); require.NoError(t, sqlite.Migrate(ctx, now)); return now }, ""},
		"older files beside the lock file": {func(t *testing.T) string {
			now, then := used(t)
			for _, name := range []string{"accept.db", "accept.db-wal", "work.db", "work.db-wal"} {
				copyFile(t, then, now, name)
			}
			return now
		}, "are not those that the last program left there"},
		"without the lock file": {func(t *testing.T) string {
			now, _ := used(t)
			require.NoError(t, os.Remove(filepath.Join(now, "chatapi.lock")))
			return now
		}, "are not those that the last program left there"},
		"a backup": {func(t *testing.T) string {
			now, _ := used(t)
			to := t.TempDir()
			require.NoError(t, sqlite.Backup(ctx, now, to))
			return to
		}, "was restored from a backup of "},
	} {
		t.Run(name, func(t *testing.T) {
			checkPutBack(t, c.folder(t), c.want)
		})
	}
	_, err := sqlite.Restored(ctx, nil, time.Now())
	require.ErrorContains(t, err, "the store is nil or the instant is zero")
}

// checkPutBack checks that a folder sends nothing until somebody says so, or, without a
// reason, that it sends.
func checkPutBack(t *testing.T, dir, want string) {
	t.Helper()
	ctx := t.Context()
	for range 2 { // the second start says the same
		s, err := sqlite.Open(ctx, dir)
		require.NoError(t, err)
		_, unlock, err := s.Lock(ctx, store.SendLock+"ABC1")
		if want == "" {
			require.NoError(t, err)
			unlock()
		} else {
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "nothing is sent until sqlite.Restored is called")
		}
		_, unlock, err = s.Lock(ctx, "lane ABC1 a")
		require.NoError(t, err, "events are handled")
		unlock()
		require.NoError(t, s.Close())
	}
	s := open(t, dir)
	_, err := sqlite.Restored(ctx, s, time.Now())
	require.NoError(t, err)
	require.NoError(t, s.MaySend(ctx))
	require.NoError(t, s.Close())
	require.NoError(t, open(t, dir).MaySend(ctx), "also after the next start")
}

// A program may be killed while it begins a run: either name in the lock file fits.
func TestKilledBetweenTheNames(t *testing.T) {
	ctx, dir := t.Context(), made(t)
	path := filepath.Join(dir, "chatapi.lock")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, runs := range []string{" NEXT\n", "\nrest of a longer text"} {
		require.NoError(t, os.WriteFile(path, []byte(string(text[:len(text)-1])+runs), 0o600))
		s, err := sqlite.Open(ctx, dir)
		require.NoError(t, err)
		require.NoError(t, s.MaySend(ctx))
		require.NoError(t, s.Close())
		text, err = os.ReadFile(path)
		require.NoError(t, err)
	}
}

func TestInspect(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	_, err := sqlite.Inspect(ctx, dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	s := open(t, dir)
	accept(t, s, "a", 1, 2)
	require.NoError(t, done(ctx, s, events(t, s, "a")[0]))
	look := func() *sqlite.Store {
		other, err := sqlite.Inspect(ctx, dir)
		require.NoError(t, err)
		return other
	}
	other := look()
	n, oldest, err := other.Depth(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.WithinDuration(t, time.Now(), oldest, time.Minute)
	n, _, err = other.Behind(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, other.MaySend(ctx))
	_, err = other.Accept(ctx, delivery("a", 3))
	require.ErrorIs(t, err, sqlite.ErrClosed)
	require.ErrorIs(t, other.Update(ctx, nil), sqlite.ErrClosed)
	require.NoError(t, other.Close())
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "chatapi.lock")))
	other = look()
	require.Error(t, other.MaySend(ctx))
	require.NoError(t, other.Close())
	edit(t, dir, "work.db", "UPDATE meta SET value = '99' WHERE name IN ('version', 'min_reader')")
	_, err = sqlite.Inspect(ctx, dir)
	require.ErrorContains(t, err, "newer release")
}

func TestPending(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	m, err := sqlite.Pending(ctx, dir)
	require.NoError(t, err)
	require.True(t, m.Pending())
	require.Zero(t, m.Have)
	require.Equal(t, store.Version, m.Want)
	require.Greater(t, len(m.Statements), 20)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files, "it changes nothing")
	require.NoError(t, sqlite.Migrate(ctx, dir))
	m, err = sqlite.Pending(ctx, dir)
	require.NoError(t, err)
	require.False(t, m.Pending())
	require.False(t, m.TooOld())
	require.Empty(t, m.Statements)
	for _, name := range []string{"accept.db", "work.db"} {
		edit(t, dir, name, "UPDATE meta SET value = '99' WHERE name IN ('version', 'min_reader')")
	}
	m, err = sqlite.Pending(ctx, dir)
	require.NoError(t, err)
	require.True(t, m.TooOld())
}

// Housekeeping that fails is told, and so is that it works again.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	told := make(chan error, 100)
	s.Report(func(err error) { told <- err })
	accept(t, s, "a", 1)
	var first store.Event
	for range 4 { // each reading connection is open before the file is gone
		first = events(t, s, "a")[0]
	}
	file := filepath.Join(dir, "accept.db")
	require.NoError(t, os.Rename(file, file+"x")) // the writer refuses a file that was replaced
	require.NoError(t, done(t.Context(), s, first))
	require.ErrorContains(t, <-told, "was deleted or replaced")
	require.NoError(t, os.Rename(file+"x", file))
	for err := range told {
		if err == nil {
			break
		}
	}
}

// A store that is closed leaves no file open, so that the files may be replaced.
func TestCloseLeavesNothing(t *testing.T) {
	dir := made(t)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	require.Equal(t, []string{"accept.db", "chatapi.lock", "work.db"}, names)
}

// copyAll copies a folder as a killed program leaves it, with its lock file.
func copyAll(t *testing.T, dir string) string {
	t.Helper()
	to := copyFolder(t, dir)
	copyFile(t, dir, to, "chatapi.lock")
	return to
}
