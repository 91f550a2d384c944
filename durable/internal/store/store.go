// Package store is the border between durable and its databases: what durable asks
// of a database, and the rows that go over the border. It is internal, so that a
// minor release can change it; the stores are durable/sqlite and durable/postgres.
//
// A store keeps two kinds of tables. Those of accepting (delivery, inbox, seen) belong
// to the store alone, because databases differ in how they accept fast. Those of
// working (everything else) have the same columns in every store, and durable reads
// and writes them with the same SQL: placeholders $1, $2, …, instants as microseconds
// since 1970 in BIGINT, flags as 0 and 1, bytes as BLOB or BYTEA.
package store

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// ErrBusy means that another process holds the lock.
var ErrBusy = errors.New("another process holds the lock")

// ErrLost is the cause of the end of a lock's context: somebody else may have the lock.
var ErrLost = errors.New("the lock was lost with its connection to the database")

// SendLock begins the names of the locks that give the right to send for a channel.
const SendLock = "send "

// ErrDone means that the event was done before, so that nothing of it may be
// committed again.
var ErrDone = errors.New("the event is done already")

// ErrInTx means that a function inside Update, or inside View, called Update or View,
// which could wait for ever.
var ErrInTx = errors.New("durable: called inside a transaction of the same store; use the given Tx")

// ErrClosed means that the store was closed.
var ErrClosed = errors.New("the store is closed")

// ErrSchema is among the errors of Check if the schema does not fit the program.
var ErrSchema = errors.New("the schema does not fit this program")

// ErrFull means that too many deliveries wait to be stored.
var ErrFull = errors.New("the queue of deliveries that wait to be stored is full")

// ErrNoBefore means that nobody is told of changes in this transaction.
var ErrNoBefore = errors.New("durable: Tx.Changed: nobody is told of it: Desk.BeforeCommit was not called, or the transaction is only for reading or the caller's own")

// ErrLast means that the function of BeforeCommit noted a change.
var ErrLast = errors.New("durable: Tx.Changed: the function of BeforeCommit is the last one; it has all changes already")

// Down is an error of the database itself, such as a full disk: whatever was to be
// written, another time may succeed.
type Down struct {
	Err error

	// Broke means that the connection broke. A statement can be the reason, such as one for
	// which the server ran out of memory.
	Broke bool
}

func (d Down) Error() string { return d.Err.Error() }

// Unwrap returns the error of the database.
func (d Down) Unwrap() error { return d.Err }

// Halted is the error of MaySend that says why the store lets nothing be sent.
type Halted struct{ Reason string }

func (h Halted) Error() string { return h.Reason }

// IsDown reports whether an error says nothing about that which was to be written.
func IsDown(err error) bool {
	_, down := errors.AsType[Down](err)
	return down || errors.Is(err, ErrClosed)
}

// IsBroken reports whether the connection broke.
func IsBroken(err error) bool {
	down, ok := errors.AsType[Down](err)
	return ok && down.Broke
}

// Store is a database. All methods are safe for concurrent use. A method that writes
// has committed when it returns nil.
type Store interface {
	// Name is the kind of the store, such as "sqlite", for metrics and Health.
	Name() string

	// Shared reports whether other processes may work on the database at the same
	// time. Then durable looks for what they accepted or planned, and for what they
	// left when they died.
	Shared() bool

	// Check compares the schema with the one that this program needs. The error
	// names what to do. It is ErrSchema if this program cannot work on the schema, and
	// not a failure of the database. It changes nothing.
	Check(ctx context.Context) error

	// Report sets the function that is told how the store's own housekeeping went: its
	// error, or nil once it succeeds again. Only the newest one is called.
	Report(to func(err error))

	// Closed is closed when the store is.
	Closed() <-chan struct{}

	Work
	Inbox
}

// Skewed is a Store whose database has a clock of its own. Skew is how far that clock is
// ahead of the program's: durable goes by the database's clock, so that machines whose
// clocks differ agree on when something is due and how long ago it happened.
type Skewed interface {
	Skew() time.Duration
}

// Work is the database of working. Its tables are the same in every store.
type Work interface {
	// Update commits what do writes, together with what others write at the same
	// time; each is in a savepoint of its own, so that an error of do undoes only its
	// own writes and is returned. do may run more than once, but commits once. Its ctx
	// carries the values of the caller's and never ends, because an interrupted
	// statement would undo the writes of others; it is marked, see InTx. A panic of do
	// is returned as an error. A ctx that ends gives up the wait for do's turn; once do
	// has begun, its outcome is waited for. Inside Update or View the error is ErrInTx.
	Update(ctx context.Context, do func(ctx context.Context, tx Tx) error) error

	// BeforeCommit sets the function that is called once for each transaction of Update
	// in which something was told to Tx.Changed, as its last statements; nil sets none.
	// It gets the changes of all functions that share the transaction. An error undoes
	// the transaction, and each function runs again in one of its own, so that an error
	// that stays is the error of its Update.
	BeforeCommit(do Before)

	// View runs do on a consistent state, without writing. Its ctx is marked like that
	// of Update. Inside Update or View the error is ErrInTx.
	View(ctx context.Context, do func(ctx context.Context, tx Tx) error) error

	// MaySend returns nil, or Halted if nothing may be sent: the database was restored, or
	// a server answers that may lack the newest commits. Lock refuses the locks of SendLock
	// with the same error. Another error is that of the database.
	MaySend(ctx context.Context) error

	// Lock takes a lock by name, for this process or, in a database of many
	// machines, for all. The lock goes with the process. The error is ErrBusy if
	// somebody else has it. held is ctx, which also ends, with the cause ErrLost, when
	// the database took the lock away, as when its connection broke. Call unlock once.
	Lock(ctx context.Context, name string) (held context.Context, unlock func(), err error)
}

// Inbox is what arrived.
type Inbox interface {
	// Accept stores a delivery and returns once it is on the disk. fresh are the
	// indexes in d.Events of those that were not known. A delivery all of whose
	// events are known leaves nothing. It waits for its turn no longer than ctx, and
	// returns ErrFull at once if too many wait.
	Accept(ctx context.Context, d *Delivery) (fresh []int, err error)

	// Open returns the events of a lane that are neither done nor dead, in their
	// order, at most limit of them. They are without their bodies, since a body may have
	// thousands of events, each in another lane; Event returns one with its body.
	Open(ctx context.Context, lane string, limit int) ([]Event, error)

	// Event returns an event that was accepted, done or not; nil if it is gone.
	Event(ctx context.Context, seq int64) (*Event, error)

	// Unreadable returns deliveries of which the body, or an element of it, was not
	// read, in the order of their ids, after the given id, at most limit of them.
	Unreadable(ctx context.Context, after int64, limit int) ([]Unread, error)

	// Done marks an event as done, inside Update. It returns ErrDone if it was
	// marked before. The events of a lane are marked in their order; whether an event
	// that was left out counts as done with the next one is up to the store.
	Done(ctx context.Context, tx Tx, e *Event) error

	// OpenLanes returns lanes with open events, in the order of their names, after
	// the given name, at most limit of them. Lanes with a dead letter to be tried
	// again are not among them unless they have an open event.
	OpenLanes(ctx context.Context, after string, limit int) ([]string, error)

	// Unfolded returns events in the order of their seq that Folded was not called
	// with, at most limit of them.
	Unfolded(ctx context.Context, limit int) ([]Event, error)

	// Behind returns how many events Folded was not called with, and the acceptance of the
	// oldest one; zero if there is none.
	Behind(ctx context.Context) (events int, oldest time.Time, err error)

	// Folded marks events as folded, inside Update. They are what Unfolded returned, or
	// the first of them.
	Folded(ctx context.Context, tx Tx, events []Event) error

	// Bodies returns deliveries of a channel whose bodies are kept, in the order of
	// their ids, after the given id, at most limit of them.
	Bodies(ctx context.Context, channel string, after int64, limit int) ([]Kept, error)

	// Rewrite replaces the body of a delivery, to erase a person.
	Rewrite(ctx context.Context, delivery int64, body []byte) error

	// RenameLane gives the events of a lane, all of which are done, another lane, to
	// erase a person after whom it is called.
	RenameLane(ctx context.Context, lane, to string) error

	// Scrub removes the bytes of what was replaced or removed from the files of the
	// database, after a person was erased. left says in a sentence where they stay; it is
	// empty if they are gone.
	Scrub(ctx context.Context) (left string, err error)

	// Depth returns how many events are open, and the acceptance of the oldest one;
	// zero if there is none.
	Depth(ctx context.Context) (open int, oldest time.Time, err error)

	// Tidy does a bounded piece of housekeeping: it removes bodies and events that
	// were accepted before the given instants and are done, folded and not dead. It
	// reports whether there is more to do.
	Tidy(ctx context.Context, bodies time.Time) (more bool, err error)
}

// Engine is a store that wakes other programs. It holds no data: a wake-up may be lost,
// come twice or late, because every program looks for what waits now and then.
type Engine interface {
	// Wake says, after a while, that there may be work. It does not wait for the
	// database. All that Accept was given with Elsewhere set is woken by Accept.
	Wake(after time.Duration, wakeups ...Wakeup)

	// Serve calls work for the wake-ups of all programs until ctx ends, for each kind
	// as many at once as workers says; it takes none of a kind that is not there. work
	// returns when it has looked, or when its ctx ends; false leaves the wake-up to
	// another program. An error is that of the database; call Serve again. A log
	// that is nil reports nothing.
	Serve(ctx context.Context, workers map[WakeKind]int, work func(context.Context, Wakeup) bool, log *slog.Logger) error
}

// Wakeup says where there may be work.
type Wakeup struct {
	Kind WakeKind
	Name string
}

// WakeKind is the kind of a Wakeup.
type WakeKind int

// The kinds.
const (
	WakeLane    WakeKind = iota // Name is a lane with open events, or with dead letters to try again
	WakeChannel                 // Name is a channel with messages to send
)

// Tx is a transaction, or a savepoint in one. It is not safe for concurrent use and
// ends with the function that was given it.
type Tx interface {
	// Exec runs a statement and returns the number of rows that it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)

	// Query runs a query. The caller closes the rows, and reads Err after the last.
	Query(ctx context.Context, query string, args ...any) (Rows, error)

	// Try runs do in a savepoint: its error undoes what do wrote, and is returned. The
	// transaction goes on.
	Try(ctx context.Context, do func() error) error

	// ForUpdate is the end of a SELECT by which no other program changes the rows that it
	// finds before the transaction ends. It is "" where nobody else can.
	ForUpdate() string

	// Changed notes a change for BeforeCommit. It goes with the writes of its function
	// or savepoint. The error is ErrNoBefore or ErrLast.
	Changed(change any) error
}

// Before is a function of BeforeCommit.
type Before func(ctx context.Context, tx Tx, changes []any) error

// Rows are the rows of a query.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
	Close() error
}

// Delivery is a webhook request to store.
type Delivery struct {
	Channel    string // canonical
	Received   time.Time
	Accepted   time.Time // when it is stored; the zero time stands for the system's clock
	Body       []byte
	Unreadable string // why the body, or an element of it, was not read; "" if all was
	Events     []Arrival
	Elsewhere  bool // a store that is an Engine wakes other programs for the events
}

// Unread is a delivery of which something was not read.
type Unread struct {
	ID       int64
	Channel  string
	Received time.Time
	Why      string
	Body     []byte
}

// Kept is the body of a delivery that was stored.
type Kept struct {
	ID   int64
	Body []byte
}

// Arrival is one event of a delivery.
type Arrival struct {
	Key   [16]byte // a hash of channel and key
	Lane  string   // events of one lane are handled in order, one at a time
	Index int      // in the events of the body
}

// Event is a stored event.
type Event struct {
	Seq      int64
	Delivery int64
	Arrival
	Channel  string
	Received time.Time
	Accepted time.Time
	Body     []byte // of its delivery; shared by the events of a delivery, not to be changed
}

type inTx struct{}

// MarkTx returns a context for a function that runs inside Update.
func MarkTx(ctx context.Context) context.Context { return context.WithValue(ctx, inTx{}, true) }

// InTx reports whether ctx is that of a function inside Update or View, which must not
// wait for another one.
func InTx(ctx context.Context) bool { return ctx.Value(inTx{}) != nil }

// Micros returns an instant as the tables have it; 0 for the zero time.
func Micros(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMicro()
}

// Time returns the instant of Micros.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
