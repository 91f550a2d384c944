package postgres

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var errEnded = errors.New("durable/postgres: the function that was given this Tx has ended")

// tx is a transaction while one function has it.
type tx struct {
	conn   *pgx.Conn
	store  *Store
	writes bool

	owed    []string // what begins the transaction, or a savepoint, with the first statement
	unsound bool     // that failed, so that nobody knows what a rollback would undo

	inside, outside string // what sets the search_path for a statement in a user's transaction, and resets it

	mu    sync.Mutex // a function may leave a goroutine behind
	ended bool
	upset error // of a statement that failed, until the savepoint around it was undone
	rows  []*rows

	changes []any   // of Changed
	group   bool    // the events that it has done are marked with those of others, before the commit
	marks   []int64 // their numbers
	last    bool    // it is that of BeforeCommit
}

// Exec runs a statement.
func (t *tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := t.run(ctx, query, args)
	if err != nil {
		return 0, err
	}
	return r.changed, nil
}

// Query runs a query, and reads its rows to the end, because a connection does one thing
// at a time.
func (t *tx) Query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	r, err := t.run(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// run runs a statement. If the transaction writes, the end of ctx is looked at before it
// only, because an interrupted statement closes the connection and undoes the writes of
// others.
func (t *tx) run(ctx context.Context, query string, args []any) (*rows, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
		return nil, errEnded
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case isControl(query):
		return nil, fmt.Errorf("the statement is not allowed here: the store begins and ends the transaction, and its settings are fixed: %.20q", query)
	}
	if t.writes {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if t.inside != "" {
		if err := control(ctx, t.conn, t.inside); err != nil {
			return nil, explain(err)
		}
	}
	r, err := t.ask(ctx, query, cleaned(args))
	if err != nil {
		if t.upset == nil || passes(err) {
			t.upset = err
		}
		return nil, explain(err)
	}
	if t.outside != "" {
		return r, explain(control(ctx, t.conn, t.outside))
	}
	t.rows = append(t.rows, r)
	return r, nil
}

// ask runs a statement, in one round trip with what is owed.
func (t *tx) ask(ctx context.Context, query string, args []any) (r *rows, err error) {
	if len(t.owed) == 0 {
		return t.read(t.conn.Query(ctx, query, args...))
	}
	batch := &pgx.Batch{}
	for _, statement := range t.owed {
		batch.Queue(statement)
	}
	batch.Queue(query, args...)
	results := t.conn.SendBatch(ctx, batch)
	for range t.owed {
		if _, err = results.Exec(); err != nil {
			t.unsound = true
			break
		}
	}
	t.owed = nil
	if err == nil {
		r, err = t.read(results.Query())
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	return r, err
}

// read reads rows to their end.
func (t *tx) read(from pgx.Rows, err error) (*rows, error) {
	if err != nil {
		return nil, err
	}
	defer from.Close()
	r := &rows{t: t, types: t.conn.TypeMap()}
	for from.Next() {
		if r.fields == nil {
			r.fields = append([]pgconn.FieldDescription{}, from.FieldDescriptions()...)
		}
		raw := from.RawValues()
		size := 0
		for _, value := range raw {
			size += len(value)
		}
		row, bytes := make([][]byte, len(raw)), make([]byte, 0, size)
		for n, value := range raw {
			if value != nil {
				bytes = append(bytes, value...)
				row[n] = bytes[len(bytes)-len(value) : len(bytes) : len(bytes)]
			}
		}
		r.values = append(r.values, row)
	}
	r.changed = from.CommandTag().RowsAffected()
	return r, from.Err()
}

// Try runs do in a savepoint.
func (t *tx) Try(ctx context.Context, do func() error) error {
	if !t.writes {
		return do()
	}
	before, marked := t.changes, t.marks
	if err := t.control("SAVEPOINT try"); err != nil {
		return err
	}
	err := do()
	if err == nil && t.failed() != nil {
		err = t.failed()
	}
	statements := "RELEASE try"
	if err != nil {
		t.changes, t.marks = before, marked
		statements = "ROLLBACK TO try; RELEASE try"
	}
	if failed := t.control(statements); failed != nil {
		return failed
	}
	if err == nil || t.failed() == nil || passes(t.failed()) { // a deadlock undoes more
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.upset = nil
	return err
}

// owes reports whether no statement has run.
func (t *tx) owes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.owed) > 0
}

func (t *tx) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.upset
}

// control begins or ends a savepoint.
func (t *tx) control(statements string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errEnded
	}
	err := control(context.Background(), t.conn, strings.Join(append(t.owed, statements), "; "))
	if err != nil {
		t.upset, t.unsound = err, len(t.owed) > 0
	}
	t.owed = nil
	return explain(err)
}

// end takes the transaction away from the function. It returns what is owed still, and
// whether a rollback to the savepoint would undo what this function wrote, and no more.
func (t *tx) end() (owed []string, isSound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, r := range t.rows {
		r.values, r.at = nil, 0
	}
	t.rows = nil
	return t.owed, !t.unsound
}

// isControl reports whether a statement begins or ends a transaction, or changes the
// settings of the connection.
func isControl(query string) bool {
	query = strings.TrimSpace(query)
	for { // comments before the first word
		rest, line := strings.CutPrefix(query, "--")
		if line {
			_, query, _ = strings.Cut(rest, "\n")
		} else if rest, block := strings.CutPrefix(query, "/*"); block {
			_, query, _ = strings.Cut(rest, "*/")
		} else {
			break
		}
		query = strings.TrimSpace(query)
	}
	end := strings.IndexFunc(query, func(r rune) bool { return (r|0x20 < 'a' || r|0x20 > 'z') })
	if end < 0 {
		end = len(query)
	}
	switch strings.ToUpper(query[:end]) {
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE", "SET", "RESET", "DISCARD":
		return true
	}
	return false
}

// cleaned returns arguments whose texts PostgreSQL takes.
func cleaned(args []any) []any {
	var changed []any
	for n, arg := range args {
		text, ok := arg.(string)
		if v := reflect.ValueOf(arg); !ok && v.Kind() == reflect.String {
			text, ok = v.String(), true
		}
		if !ok {
			continue
		}
		if better := clean(text); better != text {
			if changed == nil {
				changed = append([]any{}, args...)
			}
			changed[n] = better
		}
	}
	if changed == nil {
		return args
	}
	return changed
}

// rows are rows that were read.
type rows struct {
	t       *tx
	types   *pgtype.Map
	fields  []pgconn.FieldDescription
	values  [][][]byte
	at      int // of the next row
	changed int64
}

// Next goes to the next row.
func (r *rows) Next() bool {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	if r.at >= len(r.values) {
		r.values, r.at = nil, 0
		return false
	}
	r.at++
	return true
}

// Scan reads the row.
func (r *rows) Scan(into ...any) error {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	switch {
	case r.at == 0 || r.at > len(r.values):
		return errors.New("durable/postgres: there is no row to read; call Next before Scan")
	case len(into) != len(r.fields):
		return fmt.Errorf("durable/postgres: the row has %d columns, and Scan got %d places", len(r.fields), len(into))
	}
	for n, value := range r.values[r.at-1] {
		if into[n] == nil {
			continue
		}
		if err := r.column(n, value, into[n]); err != nil {
			return fmt.Errorf("read column %s: %w", r.fields[n].Name, err)
		}
	}
	return nil
}

// column reads a column. A number 0 or 1 can be read as a truth, as on SQLite, which has no
// other.
func (r *rows) column(n int, value []byte, into any) error {
	field := r.fields[n]
	truth, ok := into.(*bool)
	if !ok || field.DataTypeOID == pgtype.BoolOID {
		return r.types.Scan(field.DataTypeOID, field.Format, value, into)
	}
	var number int64
	err := r.types.Scan(field.DataTypeOID, field.Format, value, &number)
	if err == nil && number != 0 && number != 1 {
		err = fmt.Errorf("%d is neither 0 nor 1", number)
	}
	*truth = number == 1
	return err
}

// Err is nil: what failed has failed in Query.
func (r *rows) Err() error { return nil }

// Close gives the memory of the rows free.
func (r *rows) Close() error {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	r.values, r.at = nil, 0
	return nil
}
