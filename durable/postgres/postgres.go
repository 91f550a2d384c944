package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/queue"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Store is an opened schema of a database, for [durable.Open]. It is safe for concurrent
// use. Its methods other than [Store.Close] are for package durable and may change.
type Store struct {
	options
	config      *pgxpool.Config
	write, read *pgxpool.Pool
	accepts     *queue.Queue[*acceptance]
	updates     *queue.Queue[update]
	taking      sync.Mutex // held by an acceptor that takes deliveries and draws their numbers
	keeping     sync.Mutex // held by housekeeping, so that it has one connection
	locks       *locker
	river       *inserter // of jobs
	waker       *waker
	before      atomic.Pointer[store.Before] // of BeforeCommit
	tidied      atomic.Int64                 // where Tidy goes on

	writers   sync.WaitGroup
	closing   chan struct{}
	closeOnce sync.Once
}

var (
	_ durable.Store = (*Store)(nil)
	_ store.Engine  = (*Store)(nil)
)

// Database is how a database is given: as a URL or a list of settings, see
// [pgxpool.ParseConfig], or as a pool, whose settings the store takes over for
// connections of its own. The settings PGHOST and so on count too.
type Database interface {
	string | *pgxpool.Pool
}

// Option changes a [Store] in [Open] and [Migrate]. A bad value is an error of both.
type Option func(*options)

type options struct {
	schema            string
	deliveries, bytes int
	readers           int
	synchronous       bool
	silence, beat     time.Duration // of the session of the locks
	ahead             time.Duration // of the program's clock in a test
}

func newOptions(opts []Option) (o options, err error) {
	o = options{schema: "chatapi", deliveries: 4096, bytes: 64 << 20, readers: 8, silence: defaultSilence, beat: defaultBeat}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	switch {
	case o.schema == "" || len(o.schema) > 63 || clean(o.schema) != o.schema:
		err = fmt.Errorf("Schema is %q; it has to be a name of at most 63 bytes", o.schema)
	case strings.HasPrefix(o.schema, "pg_") || o.schema == "information_schema" || o.schema == "$user":
		err = fmt.Errorf("Schema is %q, a name that PostgreSQL keeps for itself; give another", o.schema)
	case o.deliveries < 1 || o.bytes < 1:
		err = fmt.Errorf("Queue is %d deliveries and %d bytes; both have to be at least 1", o.deliveries, o.bytes)
	case o.readers < 1 || o.readers > 1000:
		err = fmt.Errorf("Connections is %d; it has to be from 1 to 1000", o.readers)
	}
	return o, err
}

// Schema names the schema of the tables, "chatapi" by default. Two schemas of one
// database have nothing to do with each other.
func Schema(name string) Option { return func(o *options) { o.schema = name } }

// Queue bounds the deliveries that wait to be stored, and their bodies in bytes; 4,096
// and 64 MiB by default. A delivery that does not fit is refused with [ErrFull], and the
// service delivers it again. A body that is larger fits into an empty queue.
func Queue(deliveries, bytes int) Option {
	return func(o *options) { o.deliveries, o.bytes = deliveries, bytes }
}

// Connections bounds the connections that read, 8 by default. The store has five more, and
// up to five of River while a desk runs.
func Connections(n int) Option { return func(o *options) { o.readers = n } }

// SynchronousReplica says that a server that takes over after a failure has every
// commit of the one before, because synchronous_standby_names is set. Without it a store
// halts after a failover, so that nothing is sent, until [Restored] is called.
func SynchronousReplica() Option { return func(o *options) { o.synchronous = true } }

// Open connects to a database whose schema [Migrate] has made. It changes nothing, and
// refuses a schema of an older release, or of a newer one that this program cannot work
// on, and a server with fsync = off or that is a standby. It is not retried.
func Open[D Database](ctx context.Context, database D, opts ...Option) (*Store, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, fmt.Errorf("durable/postgres: Open: %w", err)
	}
	config, err := o.connections(database)
	if err != nil {
		return nil, fmt.Errorf("durable/postgres: Open: %w", err)
	}
	s := &Store{options: o, config: config, closing: make(chan struct{})}
	if err := s.open(ctx); err != nil {
		s.abandon()
		return nil, fmt.Errorf("durable/postgres: Open: %w", err)
	}
	return s, nil
}

// Migrate makes the schema, and River's beside it, or brings both to those of this
// release, step by step, each in a transaction of its own. Other programs may work
// meanwhile if the release notes say so. Several calls at a time wait for each other until
// ctx ends. It is never repeated, and calling it again is safe.
func Migrate[D Database](ctx context.Context, database D, opts ...Option) error {
	o, err := newOptions(opts)
	if err == nil {
		var config *pgxpool.Config
		if config, err = o.connections(database); err == nil {
			err = migrate(ctx, o, config)
		}
	}
	if err != nil {
		return fmt.Errorf("durable/postgres: Migrate: %w", explain(err))
	}
	return nil
}

// One goroutine commits what Update was called with: two would be faster by a third, but
// they could wait for each other in a circle, which the server breaks after a second only.
const (
	acceptors = 2
	updaters  = 1
)

func (s *Store) open(ctx context.Context) (err error) {
	if err := refusePooler(ctx, s.config); err != nil {
		return explain(err)
	}
	if s.write, err = s.pool(ctx, acceptors+updaters+1); err != nil {
		return explain(err)
	}
	if s.read, err = s.pool(ctx, s.readers); err != nil {
		return explain(err)
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	if s.river, err = s.inserter(); err != nil {
		return err
	}
	s.locks = newLocker(s)
	if err := s.locks.open(ctx); err != nil {
		return explain(err)
	}
	s.accepts = queue.New[*acceptance](s.deliveries, s.bytes)
	s.updates = queue.New[update](0, 0)
	for range acceptors {
		s.writers.Go(s.acceptAll)
	}
	s.waker = newWaker(s)
	s.writers.Go(s.waker.run)
	w := &updater{Store: s}
	s.writers.Add(1)
	go w.run()
	return nil
}

func (s *Store) pool(ctx context.Context, connections int) (*pgxpool.Pool, error) {
	config := s.config.Copy()
	config.MaxConns = int32(connections)
	return pgxpool.NewWithConfig(ctx, config)
}

// abandon closes what open has opened.
func (s *Store) abandon() {
	if s.locks != nil {
		s.locks.close()
	}
	for _, pool := range []*pgxpool.Pool{s.write, s.read} {
		if pool != nil {
			pool.Close()
		}
	}
}

// Close waits until what was accepted and what [Update] was called with is committed,
// then closes the store's connections, and gives its locks free. Every later call of a
// method is [ErrClosed], and so is one that comes at the same time and is too late.
// Calling it again does nothing. Its error is always nil.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.accepts.Close()
		s.updates.Close()
		s.writers.Wait()
		s.abandon()
	})
	return nil
}

func (s *Store) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// Name is "postgres".
func (s *Store) Name() string { return "postgres" }

// Shared is true: other programs may work on the database.
func (s *Store) Shared() bool { return true }

// Check compares the schema with this program.
func (s *Store) Check(ctx context.Context) error {
	if s.closed() {
		return ErrClosed
	}
	return s.readError(s.compare(ctx))
}

// Update commits what do writes, together with what others write at the same time; an
// error or a panic of do undoes only its own writes and is returned. It returns when the
// commit is on the disk. do may run more than once, but commits once; its context never
// ends, because an interrupted statement would undo the writes of others. In a
// transaction with others a statement has 5 s; the function then runs again alone, where
// it has a minute. Inside Update, and inside a function of [durable.Work.InTx], it is
// [durable.ErrInTx]. A ctx that ends gives up the wait for do's turn. Deadlocks and
// conflicts are retried; after another error nothing is. If the connection broke
// during the commit, nobody knows whether it was made, and the error says so.
func Update(ctx context.Context, s *Store, do func(ctx context.Context, tx durable.Tx) error) error {
	if s == nil || do == nil {
		return errors.New("durable/postgres: Update: the store or the function is nil")
	}
	return s.Update(ctx, func(ctx context.Context, tx store.Tx) error { return do(ctx, durable.NewTx(tx)) })
}

// Update runs do in a transaction.
func (s *Store) Update(ctx context.Context, do func(ctx context.Context, tx store.Tx) error) error {
	if store.InTx(ctx) {
		return store.ErrInTx
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j := queue.NewJob[update](ctx, do)
	if err := s.updates.Push(j); err != nil {
		return err
	}
	return j.Wait(ctx)
}

// View runs do on one state of the database.
func (s *Store) View(ctx context.Context, do func(ctx context.Context, tx store.Tx) error) error {
	if store.InTx(ctx) {
		return store.ErrInTx
	}
	if s.closed() {
		return ErrClosed
	}
	conn, err := s.read.Acquire(ctx)
	if err != nil {
		return s.readError(err)
	}
	defer conn.Release()
	t := &tx{conn: conn.Conn(), store: s, owed: []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}}
	err = do(store.MarkTx(ctx), t)
	if owed, _ := t.end(); owed != nil || conn.Conn().IsClosed() {
		return s.readError(err)
	}
	if failed := control(context.WithoutCancel(ctx), conn.Conn(), "ROLLBACK"); err == nil {
		err = failed
	}
	return s.readError(err)
}

// control runs statements that begin or end something, in one round trip. They have
// no arguments.
func control(ctx context.Context, conn *pgx.Conn, statements string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := conn.PgConn().Exec(ctx, statements).ReadAll()
	return err
}

// patience is how long one statement is waited for. The server ends it before that.
const patience = statementTime + 15*time.Second

// readError explains an error of a reader.
func (s *Store) readError(err error) error {
	if err != nil && s.closed() {
		return ErrClosed
	}
	return explain(err)
}

// Closed is closed when the store is.
func (s *Store) Closed() <-chan struct{} { return s.closing }
