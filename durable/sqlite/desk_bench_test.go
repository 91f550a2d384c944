package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/deskbench"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

func place() deskbench.Place {
	return deskbench.Place{
		New: func(b *testing.B) store.Store {
			s, err := sqlite.Open(b.Context(), b.TempDir())
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, s.Close()) })
			return s
		},
		// Calls that come at the same time would share a commit; those in turn do not.
		Alone: func(b *testing.B, s store.Store) func(do func(ctx context.Context, tx store.Tx) error) error {
			turn := make(chan struct{}, 1)
			return func(do func(ctx context.Context, tx store.Tx) error) error {
				turn <- struct{}{}
				defer func() { <-turn }()
				return s.Update(context.Background(), do)
			}
		},
		Fill: func(b *testing.B, s store.Store, from, to int) {
			number := fmt.Sprintf("WITH RECURSIVE n (i) AS (VALUES (%d) UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", from+1, to)
			now := fmt.Sprint(time.Now().UnixMicro())
			file := s.(*sqlite.Store)
			require.NoError(b, file.Bulk("accept.db",
				number+"INSERT INTO seen (khash) SELECT randomblob(16) FROM n",
				number+"INSERT INTO delivery (id, channel, received, accepted, unreadable, body) SELECT i, 'ABC100000001', "+now+", "+now+", '', randomblob(600) FROM n",
				number+"INSERT INTO inbox (seq, delivery, idx, khash, lane, accepted, open) SELECT i, i, 0, randomblob(16), 'ABC100000001 '||(i % 100000), "+now+", 0 FROM n"))
			require.NoError(b, file.Bulk("work.db", number+deskbench.FillOutbox("randomblob(16)", "randomblob(250)", now)+" FROM n",
				number+"INSERT INTO outbox_attempt SELECT i, 1, randomblob(250), "+now+", '', 'sent' FROM n",
				fmt.Sprintf("UPDATE cursor SET seq = %d WHERE name = 'folded'", to)))
		},
		Commits: func(s store.Store) int64 { return s.(*sqlite.Store).Commits() },
	}
}

func BenchmarkDeskAccept(b *testing.B)  { deskbench.Accept(b, place()) }
func BenchmarkDeskLatency(b *testing.B) { deskbench.Latency(b, place()) }
func BenchmarkDeskDrain(b *testing.B)   { deskbench.Drain(b, place()) }
func BenchmarkDeskOutbox(b *testing.B)  { deskbench.Outbox(b, place()) }
func BenchmarkDeskGrowth(b *testing.B)  { deskbench.Growth(b, place()) }
func BenchmarkDeskMemory(b *testing.B)  { deskbench.Memory(b, place()) }
func BenchmarkDeskCrowd(b *testing.B)   { deskbench.Crowd(b, place()) }
