package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// check compares what a store says of the lanes "a" (four events, two of them done) and
// "b" (two, both done).
func check(t *testing.T, s *sqlite.Store, finished []store.Event) {
	t.Helper()
	ctx := t.Context()
	require.Equal(t, []int{3, 4}, numbers(events(t, s, "a")))
	require.Empty(t, events(t, s, "b"))
	lanes, err := s.OpenLanes(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, lanes)
	open, _, err := s.Depth(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, open)
	for _, e := range finished {
		require.ErrorIs(t, done(ctx, s, e), store.ErrDone)
	}
	require.NoError(t, s.Check(ctx))
}

func TestHousekeeping(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir)
	accept(t, s, "a", 1, 2, 3, 4)
	accept(t, s, "b", 5, 6)
	finished := append(events(t, s, "a")[:2], events(t, s, "b")...)
	for _, e := range finished {
		require.NoError(t, done(ctx, s, e))
	}
	check(t, s, finished)
	check(t, open(t, copyFolder(t, dir)), finished)

	// Between the two files.
	require.NoError(t, s.CloseAccepted(ctx))
	check(t, s, finished)
	killed := open(t, copyFolder(t, dir))
	check(t, killed, finished)
	require.NoError(t, killed.Pass(ctx))
	check(t, killed, finished)

	require.NoError(t, s.Pass(ctx))
	check(t, s, finished)
	n, err := s.Rows(ctx, "work.db", "progress")
	require.NoError(t, err)
	require.Zero(t, n)
	killed = open(t, copyFolder(t, dir))
	check(t, killed, finished)
	require.NoError(t, done(ctx, killed, events(t, killed, "a")[0]))
	require.Equal(t, []int{4}, numbers(events(t, killed, "a")))
	require.NoError(t, killed.Pass(ctx))
	require.Equal(t, []int{4}, numbers(events(t, killed, "a")))

	// An event that is done between the two halves stays known.
	require.NoError(t, done(ctx, s, events(t, s, "a")[0]))
	last := events(t, s, "a")[0]
	require.NoError(t, s.PassAround(ctx, func() { require.NoError(t, done(ctx, s, last)) }))
	require.Empty(t, events(t, s, "a"))
	require.ErrorIs(t, done(ctx, s, last), store.ErrDone)
	require.NoError(t, s.Pass(ctx))
	require.Empty(t, events(t, s, "a"))
}

// The service repeats what was refused: an unreadable body is kept once.
func TestUnreadableBodyIsKeptOnce(t *testing.T) {
	ctx := t.Context()
	s := open(t, t.TempDir())
	for range 3 {
		_, err := s.Accept(ctx, &store.Delivery{Channel: "ABC1", Body: []byte("<html>"), Unreadable: "no JSON"})
		require.NoError(t, err)
	}
	_, err := s.Accept(ctx, &store.Delivery{Channel: "ABC2", Body: []byte("<html>"), Unreadable: "no JSON"})
	require.NoError(t, err)
	n, err := s.Rows(ctx, "accept.db", "delivery")
	require.NoError(t, err)
	require.Equal(t, 2, n)
}

// Housekeeping runs by itself, a second after an event is done, and at the start.
func TestHousekeepingByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, dir := t.Context(), t.TempDir()
		s := open(t, dir)
		rows := func(s *sqlite.Store) int {
			n, err := s.Rows(ctx, "work.db", "progress")
			require.NoError(t, err)
			return n
		}
		many := &store.Delivery{Channel: "ABC1", Body: []byte("{}")}
		for n := range 600 {
			many.Events = append(many.Events, delivery(fmt.Sprint("lane ", n), n).Events...)
		}
		_, err := s.Accept(ctx, many)
		require.NoError(t, err)
		all, err := s.Unfolded(ctx, 600)
		require.NoError(t, err)
		require.NoError(t, s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
			for i := range all {
				if err := s.Done(ctx, tx, &all[i]); err != nil {
					return err
				}
			}
			return nil
		}))
		require.Equal(t, 600, rows(s))
		copied := copyFolder(t, dir)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		require.Zero(t, rows(s))
		open, _, err := s.Depth(ctx)
		require.NoError(t, err)
		require.Zero(t, open)

		again, err := sqlite.Open(ctx, copied)
		require.NoError(t, err)
		require.Equal(t, 600, rows(again))
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		require.Zero(t, rows(again))
		require.NoError(t, again.Close())
	})
}

// A disk that refuses to write delays housekeeping, and nothing more.
func TestHousekeepingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, dir := t.Context(), t.TempDir()
		s := open(t, dir)
		accept(t, s, "a", 1, 2)
		require.NoError(t, done(ctx, s, events(t, s, "a")[0]))
		edit(t, dir, "accept.db", "CREATE TRIGGER refuse BEFORE UPDATE ON inbox BEGIN SELECT RAISE(ABORT, 'no'); END")
		time.Sleep(time.Minute)
		n, err := s.Rows(ctx, "work.db", "progress")
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, []int{2}, numbers(events(t, s, "a")))
		edit(t, dir, "accept.db", "DROP TRIGGER refuse")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		n, err = s.Rows(ctx, "work.db", "progress")
		require.NoError(t, err)
		require.Zero(t, n)
	})
}
