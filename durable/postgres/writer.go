package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/queue"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// update is a function that waits for its turn in a transaction.
type update func(ctx context.Context, tx store.Tx) error

// updater commits functions. Those that come at the same time share a transaction,
// because what a commit costs is the wait for the disk and the network.
type updater struct {
	*Store
	conn    *pgxpool.Conn
	owed    []string             // what begins the savepoint of the next job, with its first statement
	group   []*queue.Job[update] // taken and not answered yet; the last one may be running
	changes []any                // since the transaction began
	marks   []int64              // of events that the group has done
	marked  bool                 // the last job has done an event
	again   []*queue.Job[update] // have failed, and run again alone
}

// The bounds of a group of functions.
const (
	groupJobs  = 64
	groupSlice = 250 * time.Millisecond
)

var (
	nextSavepoint = []string{"RELEASE one", "SAVEPOINT one"}

	beginGroup = []string{"BEGIN", fmt.Sprintf("SET LOCAL statement_timeout = %d", groupTime.Milliseconds()), "SAVEPOINT one"}
	errAborted = errors.New("durable/postgres: a statement of the function failed, which undoes the whole function; it has to return the error")
	errEnding  = errors.New("durable/postgres: the function ended the transaction, which is the store's; what others wrote in it runs again")
)

// run commits groups until the queue is closed and empty.
func (u *updater) run() {
	returned := false
	defer func() {
		if returned {
			u.writers.Done()
			return
		}
		// A function ended the goroutine (runtime.Goexit, as require.NoError does).
		go u.revive()
	}()
	for j := u.updates.Next(); j != nil; j = u.updates.Next() {
		u.group = append(u.group[:0], j)
		u.commit()
	}
	returned = true
}

// revive goes on after a function that ended the goroutine.
func (u *updater) revive() {
	u.release()
	last := len(u.group) - 1
	u.group[last].Answer(errors.New("durable/postgres: the function ended its goroutine (runtime.Goexit); nothing of it is stored"))
	u.updates.Again(append(u.group[:last], u.again...))
	u.group, u.again = nil, nil
	u.run()
}

// take gets a connection.
func (u *updater) take() error {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	var err error
	u.conn, err = u.write.Acquire(ctx)
	return err
}

// begin begins a transaction, on another connection if one has broken since it was used.
func (u *updater) begin(statements string) (err error) {
	u.changes, u.marks = nil, nil
	for range tries {
		u.release()
		if err = u.take(); err != nil {
			return err
		}
		if err = u.control(statements); !broken(err) {
			return err
		}
	}
	u.release()
	return err
}

// release gives it back. The pool closes one with an open transaction.
func (u *updater) release() {
	if u.conn != nil {
		u.conn.Release()
		u.conn = nil
	}
}

func (u *updater) control(statements string) error {
	return control(context.Background(), u.conn.Conn(), statements)
}

// end commits. done is false if an event was done before, so that nothing was committed.
func (u *updater) end() (done bool, err error) {
	begun := u.status() != 'I' // else no statement was run
	if !begun && len(u.marks) == 0 {
		return true, nil
	}
	point.Reach(point.WorkBegun)
	if len(u.marks) == 0 {
		done, err = true, u.control("COMMIT")
	} else {
		done, err = u.markAndCommit(begun)
	}
	point.Reach(point.WorkCommitted)
	if broken(err) {
		err = fmt.Errorf("durable/postgres: it is not known whether the commit was made: %w", err)
	}
	return done, err
}

// markEvents marks events as done, and fails if one is done already.
const markEvents = `WITH m AS (UPDATE inbox SET open = false WHERE seq = ANY($1) AND open RETURNING seq)
	SELECT 1 / CASE WHEN count(*) = $2 THEN 1 ELSE 0 END FROM m`

// markAndCommit marks the events of a group in one statement, in one round trip with the
// commit, which the server passes over if the statement fails.
func (u *updater) markAndCommit(begun bool) (done bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(markEvents, u.marks, len(u.marks))
	if begun {
		batch.Queue("COMMIT")
	}
	results := u.conn.Conn().SendBatch(ctx, batch)
	_, err = results.Exec()
	done = err == nil || broken(err)
	if err == nil && begun {
		_, err = results.Exec()
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	return done, err
}

// commit runs the first job of the group and those that wait with it, in one
// transaction.
func (u *updater) commit() {
	begun := time.Now()
	if u.changes, u.marks = nil, nil; u.conn == nil {
		if err := u.take(); err != nil {
			u.answer(err)
			return
		}
	}
	defer u.release()
	u.owed = beginGroup
	for {
		stays, sound := u.join()
		if !sound {
			u.alone()
			return
		}
		if len(u.group) >= groupJobs || time.Since(begun) > groupSlice {
			break
		}
		j := u.updates.More(nil)
		if j == nil {
			break
		}
		u.group = append(u.group, j)
		if stays && u.owed == nil {
			u.owed = nextSavepoint
		}
	}
	if u.tell() != nil {
		u.alone()
		return
	}
	done, err := u.end()
	if !done || passes(err) {
		u.alone()
		return
	}
	u.answer(err)
	if len(u.again) > 0 {
		u.alone()
	}
}

// answer tells the outcome of a commit.
func (u *updater) answer(err error) {
	for i, j := range u.group {
		j.Answer(explain(err))
		u.group[i] = nil
	}
	u.group = u.group[:0]
}

// join runs the newest job of the group, whose savepoint is there. It reports whether the
// job stays in the group, or has failed alone, and whether the group is sound.
func (u *updater) join() (stays, isSound bool) {
	j := u.group[len(u.group)-1]
	sound, err := u.call(j, true)
	switch {
	case !sound:
		return false, false
	case err == nil:
		return true, true
	case u.owed != nil: // it has run no statement
		u.fail(j, err)
		return false, true
	}
	// A deadlock, a conflict or a timeout is run again, as is all if the transaction is gone.
	if passes(err) || code(err) == codeCanceled || u.status() == 'I' || u.conn.Conn().IsClosed() {
		return false, false
	}
	if u.control("ROLLBACK TO one") != nil {
		return false, false
	}
	u.fail(j, err)
	return false, true
}

// fail takes the newest job out of the group. If it has done an event, that may have been
// done before, and its error come of that. It would learn of it alone.
func (u *updater) fail(j *queue.Job[update], err error) {
	u.group = u.group[:len(u.group)-1]
	if u.marked {
		u.again = append(u.again, j)
		return
	}
	j.Answer(explain(err))
}

// status is 'T' in a transaction, 'E' in one that failed, and 'I' outside.
func (u *updater) status() byte { return u.conn.Conn().PgConn().TxStatus() }

// alone gives up the group: each of its jobs runs again in a transaction of its own.
func (u *updater) alone() {
	group := slices.Concat(u.group, u.again)
	u.again = nil
	for i, j := range group {
		// The running one is the last, for revive.
		u.group = append(append(u.group[:0], group[i+1:]...), j)
		err := u.single(j)
		for try := 1; try < tries && passes(err); try++ {
			err = u.single(j)
		}
		if u.group = append(u.group[:0], j); u.conn == nil { // nobody answers, so the others do not wait for it either
			u.group = append(u.group, group[i+1:]...)
			u.answer(err)
			return
		}
		u.answer(err)
	}
}

// single runs a job in a transaction of its own.
func (u *updater) single(j *queue.Job[update]) error {
	if err := u.begin("BEGIN"); err != nil {
		return err
	}
	u.owed = nil
	_, err := u.call(j, false)
	if err == nil {
		err = u.tell()
	}
	if err == nil {
		_, err = u.end()
	} else if !u.conn.Conn().IsClosed() {
		_ = u.control("ROLLBACK")
	}
	return err
}

// call runs a job's function. A panic is its error.
func (u *updater) call(j *queue.Job[update], grouped bool) (isSound bool, err error) {
	t := &tx{conn: u.conn.Conn(), store: u.Store, writes: true, owed: u.owed, group: grouped}
	defer func() {
		u.owed, isSound = t.end()
		u.marked = len(t.marks) > 0
	}()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("durable/postgres: the function panicked: %v\n%s", p, debug.Stack())
		}
	}()
	err = store.Call(func() error { return j.Work(j.Ctx, t) })
	switch {
	case t.upset != nil && (err == nil || passes(t.upset)): // it kept the error to itself
		return true, t.upset
	case err == nil && u.status() == 'E':
		return true, errAborted
	case err == nil && u.status() == 'I' && !t.owes():
		return true, errEnding
	case err == nil:
		u.changes, u.marks = append(u.changes, t.changes...), append(u.marks, t.marks...)
	}
	return true, err
}

var _ store.Tx = (*tx)(nil)

// inTransaction runs do in a transaction for housekeeping, again if it meets that of others.
func (s *Store) inTransaction(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) (err error) {
	if s.closed() {
		return ErrClosed
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	for range tries {
		if err = pgx.BeginFunc(ctx, s.write, func(tx pgx.Tx) error { return do(ctx, tx) }); !passes(err) {
			break
		}
	}
	return s.readError(err)
}
