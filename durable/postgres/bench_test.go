package postgres_test

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/deskbench"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
)

const (
	benchCallers = 64
	benchRound   = 2048 // calls
	benchBody    = 600  // bytes, as a message has
)

// ratios runs the floors and ours in turn, and reports the medians of the floors' times
// to ours: how many times as fast ours is.
func ratios(b *testing.B, ours func() time.Duration, floors map[string]func() time.Duration) {
	all := map[string][]float64{}
	for b.Loop() {
		o := ours()
		for name, floor := range floors {
			all[name] = append(all[name], float64(floor())/float64(o))
		}
	}
	for name, list := range all {
		slices.Sort(list)
		b.ReportMetric(list[len(list)/2], name)
	}
}

// bare is a pool on which every call has a transaction of its own.
func bare(b *testing.B, address string, connections int32) *pgxpool.Pool {
	b.Helper()
	config, err := pgxpool.ParseConfig(address + "&search_path=chatapi,public")
	require.NoError(b, err)
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	return pool
}

// BenchmarkAccept compares Accept at 64 callers with the same rows in a transaction for
// each delivery: on two connections, as the store has, and on sixteen.
func BenchmarkAccept(b *testing.B) {
	ctx, address := context.Background(), database(b)
	s := open(b, address)
	var last atomic.Int64
	body := make([]byte, benchBody)
	floor := func(connections int32) func() time.Duration {
		pool := bare(b, address, connections)
		return func() time.Duration {
			return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
				e := delivery("lane", int(last.Add(1))).Events[0]
				return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
					rows := &pgx.Batch{}
					rows.Queue("INSERT INTO seen (khash) VALUES ($1) ON CONFLICT DO NOTHING", e.Key[:])
					rows.Queue(`WITH d AS (INSERT INTO delivery (id, channel, received, accepted, unreadable, body)
						VALUES (nextval('delivery_number'), 'ABC1', 1, 1, '', $1) RETURNING id),
						i AS (INSERT INTO inbox (seq, delivery, idx, khash, lane, accepted, open)
						SELECT nextval('inbox_number'), id, 0, $2, 'lane', 1, true FROM d RETURNING seq)
						INSERT INTO unfolded (seq) SELECT seq FROM i`, body, e.Key[:])
					return tx.SendBatch(ctx, rows).Close()
				})
			})
		}
	}
	ratios(b, func() time.Duration {
		return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
			d := delivery("lane", int(last.Add(1)))
			d.Body = body
			_, err := s.Accept(ctx, d)
			return err
		})
	}, map[string]func() time.Duration{"x-accept-two-alone": floor(2), "x-accept-sixteen-alone": floor(16)})
}

// BenchmarkUpdate compares Update at 64 callers with a transaction for each call: on one
// connection, as the store has, and on sixteen.
func BenchmarkUpdate(b *testing.B) {
	ctx, address := context.Background(), database(b)
	run(b, address, "CREATE TABLE my_row (n BIGINT PRIMARY KEY, body BYTEA NOT NULL)")
	s := open(b, address)
	var last atomic.Int64
	body := make([]byte, benchBody)
	const insert = "INSERT INTO my_row VALUES ($1, $2)"
	floor := func(connections int32) func() time.Duration {
		pool := bare(b, address, connections)
		return func() time.Duration {
			return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
				return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, insert, last.Add(1), body)
					return err
				})
			})
		}
	}
	ratios(b, func() time.Duration {
		return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
			return postgres.Update(ctx, s, func(ctx context.Context, tx durable.Tx) error {
				_, err := tx.Exec(ctx, insert, last.Add(1), body)
				return err
			})
		})
	}, map[string]func() time.Duration{"x-update-one-alone": floor(1), "x-update-sixteen-alone": floor(16)})
}

// BenchmarkLock measures a lock that is taken and given back, at 64 callers.
func BenchmarkLock(b *testing.B) {
	s := open(b, database(b))
	for b.Loop() {
		took := deskbench.Calls(b, benchCallers, benchRound, func(n int) error {
			_, unlock, err := s.Lock(context.Background(), store.SendLock+strconv.Itoa(n))
			if err == nil {
				unlock()
			}
			return err
		})
		b.ReportMetric(benchRound/took.Seconds(), "locks/s")
	}
}
