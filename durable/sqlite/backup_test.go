package sqlite_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// A copy that is made under load has what was done before it, fits together, and loses
// nothing: each event that was accepted before is either open in it or has its effect.
func TestBackupUnderLoad(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	require.NoError(t, sqlite.Update(ctx, s, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE effect (n INTEGER NOT NULL)")
		return err
	}))
	var stop atomic.Bool
	var accepted [8]atomic.Int64 // how many events of each worker
	var all sync.WaitGroup
	for worker := range accepted {
		all.Go(func() { work(t, s, worker, &accepted[worker], &stop) })
	}
	all.Go(func() { // more often than once a second, so that copies meet it
		for !stop.Load() {
			assert.NoError(t, s.Pass(ctx))
		}
	})
	defer all.Wait()
	defer stop.Store(true)
	for round := range 5 {
		var before [8]int64
		for worker := range accepted {
			before[worker] = accepted[worker].Load()
		}
		to := filepath.Join(t.TempDir(), "copy")
		require.NoError(t, sqlite.Backup(ctx, dir, to))
		checkCopy(t, to, before, round)
	}
}

// work accepts events of a lane, and does every second one with an effect.
func work(t *testing.T, s *sqlite.Store, worker int, accepted *atomic.Int64, stop *atomic.Bool) {
	ctx, lane := context.Background(), fmt.Sprint("lane ", worker)
	for i := 0; !stop.Load(); i++ {
		if _, err := s.Accept(ctx, delivery(lane, worker*1_000_000+i)); !assert.NoError(t, err) {
			return
		}
		accepted.Store(int64(i + 1))
		if i%2 == 0 {
			continue
		}
		open, err := s.Open(ctx, lane, 1)
		if !assert.NoError(t, err) || !assert.Len(t, open, 1) {
			return
		}
		err = s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO effect VALUES ($1)", int64(binary.BigEndian.Uint64(open[0].Key[:]))); err != nil {
				return err
			}
			return s.Done(ctx, tx, &open[0])
		})
		if !assert.NoError(t, err) {
			return
		}
	}
}

// checkCopy puts a copy in use.
func checkCopy(t *testing.T, dir string, before [8]int64, round int) {
	t.Helper()
	ctx := context.Background()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "accept.db"), filepath.Join(dir, "work.db")}, files)
	s, err := sqlite.Open(ctx, dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	seen := map[int]int{}
	rows, err := sqlite.DB(s).QueryContext(ctx, "SELECT n FROM effect")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var n int
		require.NoError(t, rows.Scan(&n))
		seen[n]++
	}
	require.NoError(t, rows.Err())
	for worker := range before {
		open, err := s.Open(ctx, fmt.Sprint("lane ", worker), 1_000_000)
		require.NoError(t, err)
		for _, n := range numbers(open) {
			seen[n]++
		}
		for i := range int(before[worker]) {
			require.Equal(t, 1, seen[worker*1_000_000+i], "event %d of worker %d in copy %d is open or has its effect", i, worker, round)
		}
	}
	for n, times := range seen {
		require.Equal(t, 1, times, "event %d", n)
	}
	require.ErrorContains(t, s.MaySend(ctx), "was restored from a backup of ")
}

// Whatever happens between the looks at the two files, the copy has each event open, or
// done with its effect.
func TestBackupBetweenLooks(t *testing.T) {
	ctx := context.Background()
	for name, between := range map[string]func(t *testing.T, s *sqlite.Store){
		"a new event is done": func(t *testing.T, s *sqlite.Store) {
			accept(t, s, "b", 2)
			require.NoError(t, done(ctx, s, events(t, s, "b")[0]))
		},
		"an old event is done and closed": func(t *testing.T, s *sqlite.Store) {
			require.NoError(t, done(ctx, s, events(t, s, "a")[0]))
			require.NoError(t, s.Pass(ctx))
		},
		"half a pass": func(t *testing.T, s *sqlite.Store) {
			require.NoError(t, done(ctx, s, events(t, s, "a")[0]))
			require.NoError(t, s.CloseAccepted(ctx))
			time.AfterFunc(snapshotSoon, func() { assert.NoError(t, s.Pass(ctx)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, to := t.TempDir(), t.TempDir()
			s := open(t, dir)
			accept(t, s, "a", 1)
			sqlite.BetweenLooks(func() { between(t, s) })
			require.NoError(t, sqlite.Backup(ctx, dir, to))
			copied := open(t, to)
			isDone := false
			require.NoError(t, copied.View(ctx, func(ctx context.Context, tx store.Tx) error {
				rows, err := tx.Query(ctx, "SELECT 1 FROM cursor WHERE name = 'pass' AND seq > 0")
				if err != nil {
					return err
				}
				isDone = rows.Next()
				return errors.Join(rows.Err(), rows.Close())
			}))
			want := []int{1}
			if isDone { // work.db knows that it is done
				want = []int{}
			}
			require.Equal(t, want, numbers(events(t, copied, "a")))
		})
	}
}

const snapshotSoon = 300 * time.Millisecond

func TestBackupRefuses(t *testing.T) {
	ctx, dir := t.Context(), made(t)
	to := t.TempDir()
	require.NoError(t, sqlite.Backup(ctx, dir, to))
	require.ErrorContains(t, sqlite.Backup(ctx, dir, to), "has a file accept.db already")
	require.ErrorContains(t, sqlite.Backup(ctx, dir, ""), "the name of a folder is empty")
	require.ErrorContains(t, sqlite.Backup(ctx, t.TempDir(), t.TempDir()), "has no work.db")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, sqlite.Backup(ctx, dir, filepath.Join(file, "below")), "is not a folder")
	over, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, sqlite.Backup(over, dir, t.TempDir()), context.Canceled)

	// A pair of which a pass of housekeeping is half done does not fit.
	edit(t, dir, "accept.db", "UPDATE cursor SET seq = seq + 1 WHERE name = 'pass'")
	require.ErrorContains(t, sqlite.Backup(ctx, dir, t.TempDir()), "did not fit each other")
}

// What a copy that was broken off leaves is no folder of a store, and the next one
// replaces it.
func TestBackupGoesOn(t *testing.T) {
	ctx, dir, to := t.Context(), made(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(to, "work.db.part"), []byte("half"), 0o600))
	require.NoError(t, sqlite.Backup(ctx, dir, to))
	require.NoError(t, os.Remove(filepath.Join(to, "work.db")))
	_, err := sqlite.Open(ctx, to)
	require.ErrorContains(t, err, "has accept.db but no work.db")
}
