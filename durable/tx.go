package durable

import (
	"context"
	"errors"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// ErrInTx is the error of a call that would wait for a transaction inside a
// transaction, which would wait for ever: inside a function of [Work.InTx] or of the
// store's Update, use the given [Tx] and the methods that take one. A function that gives
// another context than its own gets the error after a second.
var ErrInTx = store.ErrInTx

// Store is an opened database: what sqlite.Open and postgres.Open return. Other
// packages cannot make one.
type Store interface{ store.Store }

// Tx is a transaction of the store, or a part of one that is undone alone. It takes
// the database's own SQL with placeholders $1, $2, …. A Tx is not safe for concurrent
// use and ends with the function that it was given to.
type Tx struct{ inner store.Tx }

// Rows are the rows of [Tx.Query]. Close them, and read Err after the last row.
type Rows interface {
	// Next goes to the next row, the first one at first; false after the last one.
	Next() bool

	// Scan copies the columns of the row into the values that the pointers point to.
	Scan(into ...any) error

	// Err returns the error that ended the rows early.
	Err() error

	// Close ends the rows. It may be called again.
	Close() error
}

// NewTx is for the packages of the stores.
func NewTx(inner store.Tx) Tx { return Tx{inner} }

// Exec runs a statement and returns the number of rows that it changed.
// It is never repeated.
func (tx Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if tx.inner == nil {
		return 0, errors.New("durable: the Tx is the zero value; take the one that the function is given")
	}
	return tx.inner.Exec(ctx, query, args...)
}

// Changed notes a change for the function of [Desk.BeforeCommit], which gets it as the
// last thing before the transaction commits. A change goes with its function's writes:
// what is undone is not told. It is an error where nobody would be told: without a
// BeforeCommit, in a transaction that only reads, in one of the caller's own, and inside
// the function of BeforeCommit.
func (tx Tx) Changed(change any) error {
	if tx.inner == nil {
		return errors.New("durable: the Tx is the zero value; take the one that the function is given")
	}
	return tx.inner.Changed(change)
}

// Query runs a query. It is never repeated.
func (tx Tx) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	if tx.inner == nil {
		return nil, errors.New("durable: the Tx is the zero value; take the one that the function is given")
	}
	return tx.inner.Query(ctx, query, args...)
}
