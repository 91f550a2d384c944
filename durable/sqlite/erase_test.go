package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// What was replaced is in no file after Scrub, also while others write. While somebody
// reads, it stays in the log, and Scrub says so.
func TestScrub(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := t.Context()
	d := delivery("a", 1)
	d.Body = []byte("a text of a person")
	_, err := s.Accept(ctx, d)
	require.NoError(t, err)
	where := func() (names []string) {
		for _, name := range []string{"accept.db", "accept.db-wal"} {
			file, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			if bytes.Contains(file, d.Body) {
				names = append(names, name)
			}
		}
		return names
	}
	require.NoError(t, s.Rewrite(ctx, events(t, s, "a")[0].Delivery, []byte("{}")))
	require.Equal(t, []string{"accept.db-wal"}, where())

	over, stop := context.WithCancel(ctx)
	var writers sync.WaitGroup
	written, begun := 0, make(chan struct{})
	writers.Go(func() {
		begin := sync.OnceFunc(func() { close(begun) })
		defer begin() // also if no write succeeds
		for over.Err() == nil {
			if err := s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
				written++
				_, err := tx.Exec(ctx, "INSERT INTO secret (name, value) VALUES ($1, '')", fmt.Sprint(written))
				return err
			}); err != nil {
				t.Error(err)
				return
			}
			begin()
		}
	})
	<-begun
	left, err := s.Scrub(ctx)
	stop()
	writers.Wait()
	require.NoError(t, err)
	require.Empty(t, left)
	require.Empty(t, where())

	rows, err := sqlite.DB(s).QueryContext(ctx, "SELECT name FROM secret")
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.NoError(t, s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM secret")
		return err
	}))
	left, err = s.Scrub(ctx)
	require.NoError(t, err)
	require.Contains(t, left, "somebody worked on the database all the time")
	require.NoError(t, rows.Close())
	left, err = s.Scrub(ctx)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, s.Close())
	_, err = s.Scrub(ctx)
	require.ErrorIs(t, err, sqlite.ErrClosed)
}
