package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	codes "modernc.org/sqlite/lib"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// statements are those that a connection has compiled.
type statements struct {
	conn     *sql.Conn
	compiled map[string]*statement
}

type statement struct {
	*sql.Stmt
	open bool // its rows are being read
}

const maxStatements = 256

// prepare returns the compiled statement.
func (s *statements) prepare(ctx context.Context, query string) (*statement, error) {
	if one := s.compiled[query]; one != nil {
		return one, nil
	}
	compiled, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(s.compiled) >= maxStatements {
		s.forget()
	}
	one := &statement{Stmt: compiled}
	if s.compiled == nil {
		s.compiled = map[string]*statement{}
	}
	s.compiled[query] = one
	return one, nil
}

// close ends all. SQLite keeps a connection open, with its files, that has a compiled
// statement, and database/sql ends only those that are not bound to a connection.
func (s *statements) close() {
	for _, one := range s.compiled {
		one.Close()
	}
	s.compiled = nil
}

// forget gives up one compiled statement, whichever it is.
func (s *statements) forget() {
	for query, one := range s.compiled {
		if !one.open {
			one.Close()
			delete(s.compiled, query)
			return
		}
	}
}

// readers are the connections that read a file. Each keeps the statements that it has
// compiled, which takes longer than most of them run. A transaction compiles on its own
// connection, so it never waits for a second one.
type readers struct {
	db   *sql.DB
	free chan *reader
	gone chan struct{} // closed by close

	mu sync.Mutex // held to give a reader back, and to close
}

// reader is a connection that reads.
type reader struct{ statements }

// maxReaders is how many read a file at once. Each keeps up to 2 MB of it.
const maxReaders = 4

func newReaders(path string) (*readers, error) {
	db, err := openReaders(path)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxReaders + 1) // one is for what is not compiled
	r := &readers{db: db, free: make(chan *reader, maxReaders), gone: make(chan struct{})}
	for range maxReaders {
		r.free <- &reader{}
	}
	return r, nil
}

// take waits for a connection. Give it back.
func (r *readers) take(ctx context.Context) (*reader, error) {
	var one *reader
	select {
	case one = <-r.free:
	default:
		select {
		case one = <-r.free:
		case <-r.gone:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if one.conn != nil {
		return one, nil
	}
	conn, err := r.db.Conn(ctx)
	if err != nil {
		r.give(one)
		return nil, err
	}
	one.conn = conn
	return one, nil
}

func (r *readers) give(one *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.gone:
		one.close()
	default:
		r.free <- one
	}
}

// close closes the connections that nobody has; the others are closed when they are
// given back.
func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.gone)
	for len(r.free) > 0 {
		(<-r.free).close()
	}
	return r.db.Close()
}

func (r *reader) close() {
	if r.conn != nil {
		r.statements.close()
		r.conn.Close()
	}
}

// row reads one row.
func (r *readers) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	err = r.do(ctx, func(ctx context.Context, one *reader) error {
		found, err = one.row(ctx, query, args, into...)
		return err
	})
	return found, err
}

// do runs a function with a connection.
func (r *readers) do(ctx context.Context, do func(ctx context.Context, one *reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	one, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.give(one)
	return do(ctx, one)
}

// query runs a query on a connection that is given back when the rows are closed.
func (r *readers) query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	one, err := r.take(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := one.query(ctx, query, args...)
	if err != nil {
		r.give(one)
		return nil, err
	}
	return &ownRows{rows, sync.OnceFunc(func() { r.give(one) })}, nil
}

// ownRows are rows that have their connection to themselves.
type ownRows struct {
	*sql.Rows
	give func()
}

// Close ends the reading.
func (r *ownRows) Close() error {
	defer r.give()
	return r.Rows.Close()
}

// query runs a query. Its rows have to be closed before it is run again.
func (r *reader) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := r.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (r *reader) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	rows, err := r.query(ctx, query, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	return true, rows.Scan(into...)
}

// control begins or ends a transaction.
func (r *reader) control(statement string) error {
	s, err := r.prepare(background, statement)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(background)
	return err
}

// transaction runs a function on one state of the file.
func (r *readers) transaction(ctx context.Context, do func(ctx context.Context, one *reader) error) error {
	return r.do(ctx, func(ctx context.Context, one *reader) error {
		if err := one.control("BEGIN"); err != nil {
			return err
		}
		defer func() { _ = one.control("ROLLBACK") }()
		return do(ctx, one)
	})
}

// readTx is a transaction of a reader while one function has it.
type readTx struct {
	file string
	*reader

	mu    sync.Mutex // a function may leave a goroutine behind
	ended bool
	rows  []*readRows
}

// Exec runs a statement, which must not write.
func (t *readTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return 0, errEnded
	}
	result, err := t.conn.ExecContext(ctx, query, args...)
	if err != nil {
		if code(err) == codes.SQLITE_READONLY {
			return 0, fmt.Errorf("a View cannot write; use Update: %w", err)
		}
		return 0, explain(t.file, err)
	}
	return result.RowsAffected()
}

// Query runs a query.
func (t *readTx) Query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, errEnded
	}
	s, err := t.prepare(ctx, query)
	if err != nil {
		return nil, explain(t.file, err)
	}
	rows := &readRows{t: t}
	if s.open {
		// The statement's rows are still being read; a second run would move them.
		rows.Rows, err = t.conn.QueryContext(ctx, query, args...)
	} else if rows.Rows, err = s.QueryContext(ctx, args...); err == nil {
		s.open, rows.of = true, s
	}
	if err != nil {
		return nil, explain(t.file, err)
	}
	t.rows = append(t.rows, rows)
	return rows, nil
}

// ForUpdate is empty, since nothing is written.
func (t *readTx) ForUpdate() string { return "" }

// Try runs do, which cannot write.
func (t *readTx) Try(_ context.Context, do func() error) error { return do() }

// end takes the transaction away from the function.
func (t *readTx) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, r := range t.rows {
		_ = r.close()
	}
	t.rows = nil
}

// readRows are rows that give their statement back.
type readRows struct {
	*sql.Rows
	t  *readTx
	of *statement
}

// Close ends the reading.
func (r *readRows) Close() error {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	return r.close()
}

func (r *readRows) close() error {
	err := r.Rows.Close()
	if r.of != nil {
		r.of.open, r.of = false, nil
	}
	return err
}

var _ store.Tx = (*readTx)(nil)
