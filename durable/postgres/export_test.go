package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Frozen makes the program silent on its session of locks, which the server ends soon.
func Frozen() Option { return func(o *options) { o.silence, o.beat = 300*time.Millisecond, time.Hour } }

// Silent sets after which silence the server ends the session of the locks.
func Silent(silence time.Duration) Option {
	return func(o *options) { o.silence, o.beat = silence, silence/8 }
}

// Ahead is for a program whose clock is ahead of that of the server.
func Ahead(by time.Duration) Option { return func(o *options) { o.ahead = by } }

// Address is that of the store's database.
func (s *Store) Address() string { return s.config.ConnString() }

// Own is a transaction on a connection of the caller's that finds the store's tables by itself.
func Own(s *Store, own pgx.Tx) store.Tx { return &tx{conn: own.Conn(), store: s, writes: true} }

// InsertLaneJobs inserts jobs, as accepting events elsewhere does.
func (s *Store) InsertLaneJobs(ctx context.Context, tx pgx.Tx, seq int64, lanes ...string) error {
	jobs := make([]job, len(lanes))
	for n, lane := range lanes {
		jobs[n] = s.laneJob(lane, seq)
	}
	return s.insertJobs(ctx, tx, jobs)
}

// WorkerConfig is River's configuration.
func (s *Store) WorkerConfig() *river.Config {
	return s.workerConfig(&serving{Store: s}, map[store.WakeKind]int{store.WakeLane: 1}, nil)
}

// RiverSchema is the schema of River's tables beside a schema.
func RiverSchema(schema string) string { return options{schema: schema}.riverSchema() }

// BreakSavepoints lets the statement fail that ends the savepoint of the function before,
// in a transaction of several, until mend is called. No store may be open meanwhile.
func BreakSavepoints() (mend func()) {
	right := nextSavepoint
	nextSavepoint = []string{"RELEASE none", "SAVEPOINT one"}
	return func() { nextSavepoint = right }
}
