package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	codes "modernc.org/sqlite/lib"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var (
	errEnded = errors.New("durable/sqlite: the function that was given this Tx has ended")
	errUpset = errors.New("durable/sqlite: an error of an earlier statement undid the whole transaction; the function has to return")
)

// tx is the transaction of a writer while one function has it.
type tx struct {
	w *writer

	mu     sync.Mutex // a function may leave a goroutine behind
	ended  bool
	upset  bool // the transaction was undone as a whole
	marked bool
	rows   []*txRows

	changes []any // of Changed
	last    bool  // it is that of BeforeCommit
}

// Exec runs a statement. The end of ctx is looked at before it only, because an
// interrupted statement would undo the writes of others.
func (t *tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.exec(ctx, query, args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insert inserts a row and returns its number.
func (t *tx) insert(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.exec(ctx, query, args)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (t *tx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ctx, err := t.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return nil, t.failed(err)
	}
	return result, nil
}

// Query runs a query.
func (t *tx) Query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ctx, err := t.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	rows := &txRows{t: t}
	if s.open {
		// The statement's rows are still being read; a second run would move them.
		rows.Rows, err = t.w.conn.QueryContext(ctx, query, args...)
	} else if rows.Rows, err = s.QueryContext(ctx, args...); err == nil {
		s.open, rows.of = true, s
	}
	if err != nil {
		return nil, t.failed(err)
	}
	t.rows = append(t.rows, rows)
	return rows, nil
}

func (t *tx) statement(ctx context.Context, query string) (*statement, context.Context, error) {
	switch {
	case t.ended:
		return nil, nil, errEnded
	case t.upset:
		return nil, nil, errUpset
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	}
	ctx = context.WithoutCancel(ctx)
	s, err := t.w.prepare(ctx, query)
	if err != nil {
		return nil, nil, explain(t.w.file, err)
	}
	return s, ctx, nil
}

// failed looks whether an error has undone the whole transaction, since every later
// statement would then be a commit of its own.
func (t *tx) failed(err error) error {
	if c := code(err); c != 0 && c != codes.SQLITE_AUTH && !t.w.open() {
		t.upset = true
	}
	return explain(t.w.file, err)
}

// end takes the transaction away from the function.
func (t *tx) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, r := range t.rows {
		r.close()
	}
	t.rows = nil
}

// txRows are rows that give their statement back.
type txRows struct {
	*sql.Rows
	t  *tx
	of *statement
}

// Next goes to the next row.
func (r *txRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	if err := r.Rows.Err(); err != nil {
		r.t.mu.Lock()
		defer r.t.mu.Unlock()
		if !r.t.ended {
			_ = r.t.failed(err)
		}
	}
	return false
}

// Close ends the reading.
func (r *txRows) Close() error {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	return r.close()
}

// Err returns the error that ended the reading early.
func (r *txRows) Err() error { return explain(r.t.w.file, r.Rows.Err()) }

func (r *txRows) close() error {
	err := r.Rows.Close()
	if r.of != nil {
		r.of.open, r.of = false, nil
	}
	return explain(r.t.w.file, err)
}

// one reads at most one row into the given places, and reports whether there was one.
func one(ctx context.Context, tx store.Tx, query string, args []any, into ...any) (found bool, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	if err := rows.Scan(into...); err != nil {
		return false, fmt.Errorf("read a row: %w", err)
	}
	return true, rows.Err()
}

// Try runs do in a savepoint.
func (t *tx) Try(_ context.Context, do func() error) error {
	before := t.changes
	if err := t.control("SAVEPOINT try"); err != nil {
		return err
	}
	err := do()
	if err != nil {
		t.changes = before
		if failed := t.control("ROLLBACK TO try"); failed != nil {
			return failed
		}
	}
	if failed := t.control("RELEASE try"); failed != nil {
		return failed
	}
	return err
}

// control begins or ends a savepoint. If that fails, the transaction is not sound.
func (t *tx) control(statement string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
		return errEnded
	case t.upset:
		return errUpset
	}
	if err := t.w.control(statement); err != nil {
		t.upset = true
		return explain(t.w.file, err)
	}
	return nil
}
