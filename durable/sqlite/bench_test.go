package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/deskbench"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

const (
	benchCallers = 64
	benchRound   = 4096 // calls
	benchBody    = 600  // bytes, as a message has
)

// ratios runs floor and ours in turn, and reports the median of floor's time to ours:
// how many times as fast ours is.
func ratios(b *testing.B, name string, floor, ours func(round int) time.Duration) {
	var all []float64
	for round := 0; b.Loop(); round++ {
		f := floor(round)
		o := ours(round)
		all = append(all, float64(f)/float64(o))
	}
	slices.Sort(all)
	b.ReportMetric(all[len(all)/2], name)
}

// bareGroup writes bodies to the end of a file, and one sync for all that wait.
type bareGroup struct {
	file  *os.File
	queue chan bareWrite
}

type bareWrite struct {
	body []byte
	done chan error
}

func (g *bareGroup) run() {
	for w := range g.queue {
		group := []bareWrite{w}
		bytes := append([]byte(nil), w.body...)
		for more := true; more && len(group) < 512; {
			select {
			case w := <-g.queue:
				group, bytes = append(group, w), append(bytes, w.body...)
			default:
				more = false
			}
		}
		_, err := g.file.Write(bytes)
		if err == nil {
			err = g.file.Sync()
		}
		for _, w := range group {
			w.done <- err
		}
	}
}

// BenchmarkAccept compares Accept at 64 callers with a bare file to which they write
// and which is synced once a group.
func BenchmarkAccept(b *testing.B) {
	dir := b.TempDir()
	s, err := sqlite.Open(b.Context(), dir)
	require.NoError(b, err)
	defer s.Close()
	file, err := os.Create(filepath.Join(dir, "bare"))
	require.NoError(b, err)
	defer file.Close()
	bare := &bareGroup{file: file, queue: make(chan bareWrite, benchCallers)}
	go bare.run()
	defer close(bare.queue)
	body := make([]byte, benchBody)
	ratios(b, "x-durable-accept", func(int) time.Duration {
		return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
			w := bareWrite{body, make(chan error, 1)}
			bare.queue <- w
			return <-w.done
		})
	}, func(round int) time.Duration {
		return deskbench.Calls(b, benchCallers, benchRound, func(n int) error {
			d := delivery(fmt.Sprint("lane ", n%500), round*benchRound+n)
			d.Body = body
			_, err := s.Accept(b.Context(), d)
			return err
		})
	})
}

// BenchmarkUpdate compares Update at 64 callers with a transaction for each call, on the
// same settings.
func BenchmarkUpdate(b *testing.B) {
	ctx := b.Context()
	dir := b.TempDir()
	s, err := sqlite.Open(ctx, dir)
	require.NoError(b, err)
	defer s.Close()
	const table = "CREATE TABLE my_row (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB)"
	const insert = "INSERT INTO my_row (body) VALUES ($1)"
	require.NoError(b, sqlite.Update(ctx, s, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, table)
		return err
	}))
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "bare.db")+
		"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_pragma=cache_size(-65536)&_pragma=secure_delete(1)")
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, table)
	require.NoError(b, err)
	prepared, err := db.PrepareContext(ctx, insert)
	require.NoError(b, err)
	body := make([]byte, benchBody)
	ratios(b, "x-durable-update", func(int) time.Duration {
		return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := tx.StmtContext(ctx, prepared).ExecContext(ctx, body); err != nil {
				return err
			}
			return tx.Commit()
		})
	}, func(int) time.Duration {
		return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
			return sqlite.Update(ctx, s, func(ctx context.Context, tx durable.Tx) error {
				_, err := tx.Exec(ctx, insert, body)
				return err
			})
		})
	})
}
