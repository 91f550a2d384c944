package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/queue"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// writer is the one connection that writes to a file, and the goroutine that has it.
// Functions that come at the same time share a transaction, because what a commit costs
// is the wait for the disk.
type writer struct {
	file   string
	opened os.FileInfo
	queue  *queue.Queue[*work]
	limits

	// savepoints: the error of a function undoes its own writes alone. Without, it
	// undoes the group, and each function runs again in a transaction of its own.
	savepoints bool

	begun, ended string // the points of a commit

	commits atomic.Int64                 // so far
	before  atomic.Pointer[store.Before] // of BeforeCommit
	changes []any                        // since the transaction began

	// committed is called after a commit in which an event was marked as done.
	committed func()

	statements
	controls map[string]*sql.Stmt // apart, so that functions do not get at them
	own      bool                 // one of them is running

	group   []*job // taken and not answered yet; the last one may be running
	stopped chan struct{}
}

// work is what a job does.
type work struct {
	do     func(ctx context.Context, tx *tx) error
	marked bool // by Done
}

type job = queue.Job[*work]

func newJob(ctx context.Context, do func(ctx context.Context, tx *tx) error) *job {
	return queue.NewJob(ctx, &work{do: do})
}

// limits of a group; zero is none.
type limits struct {
	jobs, events, bytes int
	time                time.Duration
	linger              time.Duration
}

var background = context.Background()

// control runs a statement that begins or ends something.
func (w *writer) control(statement string) error {
	w.own = true
	defer func() { w.own = false }()
	s := w.controls[statement]
	if s == nil {
		var err error
		if s, err = w.conn.PrepareContext(background, statement); err != nil {
			return err
		}
		w.controls[statement] = s
	}
	_, err := s.ExecContext(background)
	return err
}

// open reports whether the transaction is still there: only then a second one cannot
// begin.
func (w *writer) open() bool {
	if w.control("BEGIN") != nil {
		return true
	}
	w.rollback()
	return false
}

// rollback has no error to report: SQLite may have rolled back by itself.
func (w *writer) rollback() { _ = w.control("ROLLBACK") }

// run commits groups until the queue is closed and empty.
func (w *writer) run() {
	returned := false
	defer func() {
		if returned {
			close(w.stopped)
			return
		}
		// A function ended the goroutine (runtime.Goexit, as require.NoError does).
		go w.revive()
	}()
	for j := w.queue.Next(); j != nil; j = w.queue.Next() {
		if w.linger > 0 {
			time.Sleep(w.linger)
		}
		w.commit(j)
	}
	returned = true
}

// revive goes on after a function that ended the goroutine.
func (w *writer) revive() {
	w.rollback()
	last := len(w.group) - 1
	w.group[last].Answer(errors.New("durable/sqlite: the function ended its goroutine (runtime.Goexit); nothing of it is stored"))
	w.queue.Again(w.group[:last])
	w.group = nil
	w.run()
}

// commit runs a job and those that wait with it, in one transaction.
func (w *writer) commit(j *job) {
	begun := time.Now()
	if err := w.control("BEGIN IMMEDIATE"); err != nil {
		w.rollback()
		j.Answer(explain(w.file, err))
		return
	}
	w.group, w.changes = w.group[:0], nil
	events, bytes := 0, 0
	fits := func(j *job) bool {
		return (w.events == 0 || events+j.Events <= w.events) && (w.bytes == 0 || bytes+j.Bytes <= w.bytes)
	}
	for ; j != nil; j = w.queue.More(fits) {
		w.group = append(w.group, j)
		events, bytes = events+j.Events, bytes+j.Bytes
		if !w.join(j) {
			w.alone()
			return
		}
		if len(w.group) == w.limits.jobs || w.time > 0 && time.Since(begun) > w.time {
			break
		}
	}
	if w.tell() != nil {
		w.alone()
		return
	}
	point.Reach(w.begun)
	err := w.end()
	if err != nil {
		w.rollback()
	}
	point.Reach(w.ended)
	w.answer(err)
}

// end commits, if the file is still the one that a program opens next: a file that was
// deleted takes everything until it is closed, and then is gone.
func (w *writer) end() error {
	now, err := os.Stat(w.file)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(w.opened, now) {
		return store.Down{Err: fmt.Errorf("%s was deleted or replaced while the program has it open; nothing was stored; "+
			"stop the program and put the folder back", w.file)}
	}
	w.commits.Add(1)
	return explain(w.file, w.control("COMMIT"))
}

// answer tells the outcome of a commit.
func (w *writer) answer(err error) {
	marked := false
	for i, j := range w.group {
		marked = marked || j.Work.marked
		j.Answer(err)
		w.group[i] = nil
	}
	w.group = w.group[:0]
	if err == nil && marked && w.committed != nil {
		w.committed()
	}
}

// join runs the newest job of the group. It reports whether the group is sound; a job
// that failed alone has left it.
func (w *writer) join(j *job) (sound bool) {
	if !w.savepoints {
		return w.call(j) == nil
	}
	if w.control("SAVEPOINT one") != nil {
		return false
	}
	err := w.call(j)
	if err == nil {
		return w.control("RELEASE one") == nil
	}
	if w.control("ROLLBACK TO one") != nil || w.control("RELEASE one") != nil {
		return false
	}
	w.group = w.group[:len(w.group)-1]
	j.Answer(err)
	return true
}

// alone gives up the group: each of its jobs runs again in a transaction of its own.
func (w *writer) alone() {
	w.rollback()
	group := slices.Clone(w.group)
	for i, j := range group {
		// The running one is the last, for revive.
		w.group, w.changes = append(append(w.group[:0], group[i+1:]...), j), nil
		err := explain(w.file, w.control("BEGIN IMMEDIATE"))
		if err == nil {
			err = w.call(j)
		}
		if err == nil {
			err = w.tell()
		}
		if err == nil {
			err = w.end()
		}
		if err != nil {
			w.rollback()
		}
		w.group = append(w.group[:0], j)
		w.answer(err)
	}
}

// call runs a job's function. A panic is its error.
func (w *writer) call(j *job) (err error) {
	t := &tx{w: w}
	defer t.end()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("durable/sqlite: the function panicked: %v\n%s", p, debug.Stack())
		}
	}()
	j.Work.marked = false
	if err = store.Call(func() error { return j.Work.do(j.Ctx, t) }); err == nil && t.upset {
		err = errUpset
	}
	if err == nil {
		w.changes = append(w.changes, t.changes...)
	}
	j.Work.marked = t.marked
	return err
}

// do waits until a function has run and what it wrote is committed.
func (w *writer) do(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.queue.Push(j); err != nil {
		return err
	}
	return j.Wait(ctx)
}

// stop ends the writer after what waits is committed.
func (w *writer) stop() {
	w.queue.Close()
	<-w.stopped
}

var _ store.Tx = (*tx)(nil)
