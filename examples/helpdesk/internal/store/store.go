// Package store keeps the helpdesk's tables in the database of package durable, so that a
// change of both is one transaction. Their names begin with "desk_".
//
// One text of SQL serves SQLite and PostgreSQL: placeholders are $1, $2, …, a parameter
// whose type PostgreSQL cannot infer is written cast($1 AS …), truth is 0 or 1, and times
// are microseconds, see [Micros].
package store

import (
	"context"
	"database/sql"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/durable"
)

// DB is the helpdesk's database. It is safe for concurrent use.
type DB struct {
	// Durable is the store for durable.Open.
	Durable durable.Store

	read   *sql.DB
	kept   *statements // compiled ones; nil where the driver keeps them
	update func(ctx context.Context, do func(ctx context.Context, tx durable.Tx) error) error
	lock   string // a statement
	close  func() error
}

// Update commits what do writes, together with what others write at the same time. do may
// run more than once and commits once; it calls nothing but tx.
func (db *DB) Update(ctx context.Context, do func(ctx context.Context, tx durable.Tx) error) error {
	return db.update(ctx, func(ctx context.Context, tx durable.Tx) error {
		if err := db.Lock(ctx, tx); err != nil {
			return err
		}
		return do(ctx, tx)
	})
}

// Lock begins the writes of a function that durable calls. Functions of several programs,
// each with many rows in one transaction, would wait for each other's rows otherwise.
// [DB.Update] does so itself.
func (db *DB) Lock(ctx context.Context, tx durable.Tx) error {
	if db.lock == "" {
		return nil
	}
	_, err := tx.Exec(ctx, db.lock)
	return err
}

// Query reads what is committed. Close the rows.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if db.kept == nil {
		return db.read.QueryContext(ctx, query, args...)
	}
	return db.kept.query(ctx, query, args)
}

// Get reads one row into pointers. It reports whether there was one.
func (db *DB) Get(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	rows, err := db.Query(ctx, query, args...)
	return first(rows, err, into)
}

// Close closes the database. The desk on it has to have ended.
func (db *DB) Close() error { return db.close() }

// Get reads one row of a transaction into pointers, as [DB.Get].
func Get(ctx context.Context, tx durable.Tx, query string, args []any, into ...any) (found bool, err error) {
	rows, err := tx.Query(ctx, query, args...)
	return first(rows, err, into)
}

// first reads the first row into pointers, and closes rows.
func first(rows Rows, err error, into []any) (found bool, _ error) {
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	return true, rows.Scan(into...)
}

// Rows is what [DB.Query] and [durable.Tx] return.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
	Close() error
}

// All reads every row with scan, which gives the pointers of a new T, and closes rows.
func All[T any](rows Rows, err error, fields func(*T) []any) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var one T
		if err := rows.Scan(fields(&one)...); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// Micros returns a time as the tables have it; 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time returns the time of a column; the zero time for 0.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Bit returns truth as the tables have it.
func Bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Text returns a text that both databases keep: valid UTF-8 without the character NUL.
func Text(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

// Fold returns a text as it is compared and searched: without regard to case.
func Fold(s string) string { return strings.ToLower(Text(s)) }
