package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/queue"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Store is an opened folder, for [durable.Open]. It is safe for concurrent use. Its
// methods other than [Store.Close] are for package durable and may change.
type Store struct {
	dir          string
	lock         *os.File
	accept, work *file
	users        *sql.DB  // apart, so that rows that are left open hold up nobody else
	runs         []string // that the lock file names
	halted       atomic.Pointer[error]
	report       atomic.Pointer[func(error)]

	locks     sync.Map // names
	passing   sync.Mutex
	tidied    atomic.Int64 // where Tidy goes on
	dirty     chan struct{}
	keeper    sync.WaitGroup
	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

var _ durable.Store = (*Store)(nil)

// Option changes a [Store] in [Open]. A bad value is an error of Open.
type Option func(*options)

type options struct {
	deliveries, bytes int
	linger            time.Duration
}

// Queue bounds the deliveries that wait to be stored, and their bodies in bytes; 4,096
// and 64 MiB by default. A delivery that does not fit is refused with [ErrFull], and the
// service delivers it again. A body that is larger fits into an empty queue.
func Queue(deliveries, bytes int) Option {
	return func(o *options) { o.deliveries, o.bytes = deliveries, bytes }
}

// Linger makes a delivery wait for others, so that they share a commit; 0 by default,
// where those share one that came during the commit before. It is for disks that are
// slow to commit; at most a second.
func Linger(d time.Duration) Option { return func(o *options) { o.linger = d } }

func (o options) check() error {
	switch {
	case o.deliveries < 1 || o.bytes < 1:
		return fmt.Errorf("Queue is %d deliveries and %d bytes; both have to be at least 1", o.deliveries, o.bytes)
	case o.linger < 0 || o.linger > time.Second:
		return fmt.Errorf("Linger is %s; it has to be from 0 to 1s", o.linger)
	}
	return nil
}

// Open opens a folder, and makes it and its files if they do not exist. It takes the
// folder for this program until [Store.Close] or the end of the process. It changes no
// files of an older release: that is for [Migrate]. It refuses a folder that another
// program has open, two files that do not belong together, and files of a newer release
// that this one cannot work on. It calls nothing but the disk, and is not retried.
func Open(ctx context.Context, dir string, opts ...Option) (*Store, error) {
	o := options{deliveries: 4096, bytes: 64 << 20}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("durable/sqlite: Open: %w", err)
	}
	s, err := open(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("durable/sqlite: Open: %w", err)
	}
	return s, nil
}

// Migrate brings the files of a folder to the schema of this release, or makes them. No
// program may have the folder open. A file is either brought up completely or left as it
// is. It is never repeated, and calling it again is safe.
func Migrate(ctx context.Context, dir string) error {
	if err := migrate(ctx, dir); err != nil {
		return fmt.Errorf("durable/sqlite: Migrate: %w", err)
	}
	return nil
}

func open(ctx context.Context, dir string, o options) (_ *Store, err error) {
	dir, lock, runs, err := take(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock, runs: runs, dirty: make(chan struct{}, 1), closing: make(chan struct{})}
	defer func() {
		if err != nil {
			s.accept.abandon()
			s.work.abandon()
			lock.Close()
		}
	}()
	if err := create(ctx, dir); err != nil {
		return nil, err
	}
	if s.work, err = openFile(ctx, dir, workName); err != nil {
		return nil, err
	}
	if s.accept, err = openFile(ctx, dir, acceptName); err != nil {
		return nil, err
	}
	if err := s.compare(ctx); err != nil {
		return nil, err
	}
	if s.users, err = openReaders(s.work.path); err != nil {
		return nil, err
	}
	s.accept.start(queue.New[*work](o.deliveries, o.bytes), limits{events: 512, bytes: 1 << 20, linger: o.linger}, false)
	s.work.start(queue.New[*work](0, 0), limits{jobs: 64, time: 250 * time.Millisecond}, true)
	s.work.committed = s.wake
	s.accept.begun, s.accept.ended = point.AcceptBegun, point.AcceptCommitted
	s.work.begun, s.work.ended = point.WorkBegun, point.WorkCommitted
	if err := s.begin(ctx); err != nil {
		s.accept.stop()
		s.work.stop()
		return nil, err
	}
	s.keeper.Add(1)
	go s.keep()
	s.wake() // what the last program left to be closed
	return s, nil
}

// take makes the folder and locks it.
func take(dir string) (_ string, lock *os.File, runs []string, err error) {
	if dir == "" {
		return "", nil, nil, errors.New("the name of the folder is empty; give a folder for the program's data")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, nil, err
	}
	_, err = os.Stat(dir)
	fresh := errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, nil, folderError(dir, err)
	}
	if fresh {
		if err := syncFolder(filepath.Dir(dir)); err != nil {
			return "", nil, nil, folderError(dir, err)
		}
	}
	lock, runs, err = lockFolder(dir)
	return dir, lock, runs, err
}

// Close waits until what was accepted and what Update was called with is on the disk,
// then gives the folder free. Every later call of a method is [ErrClosed], and so is
// one that comes at the same time and is too late. End the rows and transactions of [DB]
// before. Calling Close again does nothing.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.keeper.Wait()
		if s.lock == nil { // of Inspect
			s.closeErr = errors.Join(s.users.Close(), s.accept.readers.close(), s.work.readers.close())
			return
		}
		s.closeErr = errors.Join(s.users.Close(), s.accept.close(), s.work.close(), s.lock.Close())
		if s.closeErr != nil {
			s.closeErr = fmt.Errorf("durable/sqlite: Close: %w", s.closeErr)
		}
	})
	return s.closeErr
}

// Update commits what do writes to work.db, together with what others write at the same
// time; an error or a panic of do undoes only its own writes and is returned. It returns
// when the commit is on the disk. do may run more than once, but commits once; its
// context never ends, because an interrupted statement would undo the writes of others.
// Inside Update, and inside a function of [durable.Work.InTx], it is
// [durable.ErrInTx]. A ctx that ends gives up the wait for do's turn. Nothing is retried
// after an error of the disk, and nothing of the group is stored then. do sees the writes
// of others of the group: an error that it returns because of one of them stands, even if
// that write is not stored in the end.
func Update(ctx context.Context, s *Store, do func(ctx context.Context, tx durable.Tx) error) error {
	if s == nil || do == nil {
		return errors.New("durable/sqlite: Update: the store or the function is nil")
	}
	return s.Update(ctx, func(ctx context.Context, tx store.Tx) error { return do(ctx, durable.NewTx(tx)) })
}

// DB returns connections that read work.db: the tables of your own and, without a
// promise that they stay, those of the desk. Each read sees a consistent state, and none
// waits for a writer. Writing is refused; see [Update]. Do not keep rows or transactions
// open for long, because the log beside work.db grows meanwhile. There are at most 4 of
// them at once. The store closes it.
func DB(s *Store) *sql.DB { return s.users }

// Name is "sqlite".
func (s *Store) Name() string { return "sqlite" }

// Shared is false: the folder belongs to one program.
func (s *Store) Shared() bool { return false }

// Check compares the files with each other and with this program.
func (s *Store) Check(ctx context.Context) error {
	if s.closed() {
		return ErrClosed
	}
	return s.compare(ctx)
}

// Update runs do in a transaction of work.db.
func (s *Store) Update(ctx context.Context, do func(ctx context.Context, tx store.Tx) error) error {
	if store.InTx(ctx) {
		return store.ErrInTx
	}
	return s.work.do(ctx, newJob(ctx, func(ctx context.Context, tx *tx) error { return do(ctx, tx) }))
}

// View runs do on a state of work.db.
func (s *Store) View(ctx context.Context, do func(ctx context.Context, tx store.Tx) error) error {
	if store.InTx(ctx) {
		return store.ErrInTx
	}
	return s.view(ctx, func(ctx context.Context, tx *readTx) error { return do(ctx, tx) })
}

func (s *Store) view(ctx context.Context, do func(ctx context.Context, tx *readTx) error) error {
	if s.closed() {
		return ErrClosed
	}
	began := false
	err := s.work.readers.transaction(ctx, func(ctx context.Context, one *reader) error {
		began = true
		tx := &readTx{file: s.work.path, reader: one}
		defer tx.end()
		return do(store.MarkTx(ctx), tx)
	})
	if !began {
		return s.readError(s.work, err)
	}
	return err
}

// Lock takes a lock by name for a part of this program; the folder's lock keeps others
// out.
func (s *Store) Lock(ctx context.Context, name string) (held context.Context, unlock func(), err error) {
	switch {
	case s.closed():
		return nil, nil, ErrClosed
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case strings.HasPrefix(name, store.SendLock):
		if err := s.MaySend(ctx); err != nil {
			return nil, nil, err
		}
	}
	if _, taken := s.locks.LoadOrStore(name, true); taken {
		return nil, nil, store.ErrBusy
	}
	return ctx, sync.OnceFunc(func() { s.locks.Delete(name) }), nil
}

func (s *Store) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// readError explains an error of a reader.
func (s *Store) readError(f *file, err error) error {
	if err != nil && s.closed() {
		return ErrClosed
	}
	return explain(f.path, err)
}

// Closed is closed when the store is.
func (s *Store) Closed() <-chan struct{} { return s.closing }
