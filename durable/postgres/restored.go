package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var errMoved = store.Halted{Reason: "the PostgreSQL server took over from another one, or was restored, so that the newest commits may be missing, " +
	"and a message that was sent may look as if it were not; nothing is sent until postgres.Restored is called with an instant before " +
	"which messages may have been sent; a server with a synchronous replica needs the option postgres.SynchronousReplica instead"}

// look compares the server with the one that the schema knows.
func (l *locker) look(ctx context.Context, conn *pgx.Conn) error {
	m, err := queryMeta(ctx, conn, l.store.schema)
	if err != nil {
		return err
	}
	moved := m.there && m.moved()
	if moved && l.store.synchronous {
		if _, err := conn.Exec(ctx, settled); err != nil {
			return err
		}
		moved = false
	}
	l.moved.Store(moved)
	return nil
}

// settled notes that the server that answers is the right one.
const settled = `UPDATE meta SET value = CASE name WHEN 'system' THEN s ELSE t END
	FROM (SELECT ` + serverColumns + `) AS server (s, t) WHERE name IN ('system', 'timeline')`

// MaySend returns why nothing may be sent.
func (s *Store) MaySend(ctx context.Context) error {
	if s.closed() {
		return ErrClosed
	}
	return s.locks.maySend(ctx)
}

// maySend looks again whether Restored was called, if it has to be.
func (l *locker) maySend(ctx context.Context) error {
	if !l.moved.Load() {
		return nil
	}
	m, err := queryMeta(ctx, l.store.read, l.store.schema)
	switch {
	case err != nil:
		return l.store.readError(err)
	case m.moved():
		return errMoved
	}
	l.moved.Store(false)
	return nil
}

// Restored says that the database was restored from a backup, or that a server took over
// that may lack the newest commits. Every message that was planned before an instant and
// is not finished becomes unknown, since it may have been sent by what was lost: see
// [durable.Outbox.Unknown] and [durable.Outbox.Settle]. A message that waits for a time
// more than twenty minutes after the instant, such as that of [durable.At], stays planned.
// Give the instant since when nothing was sent any more, which is not ahead of the
// server's clock; it returns how many messages there were. Programs send
// again afterwards. It is never repeated, and calling it again is safe.
func Restored(ctx context.Context, s *Store, before time.Time) (messages int64, err error) {
	if s == nil || before.IsZero() {
		return 0, errors.New("durable/postgres: Restored: the store is nil or the instant is zero")
	}
	if err := store.CheckInstant(before, time.Now().Add(s.Skew())); err != nil {
		return 0, fmt.Errorf("durable/postgres: Restored: %w", err)
	}
	err = s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		if messages, err = store.Doubt(ctx, tx, before); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, settled)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("durable/postgres: Restored: %w", err)
	}
	return messages, nil
}

// InTx returns a transaction of the caller's own for [durable.Outbox.SendIn]: the message
// is planned if and when the caller commits. Programs learn of it within five seconds.
// The transaction has to be one of the database of s; it stays the caller's, and so
// does its search_path. It is never repeated.
func InTx(ctx context.Context, s *Store, own pgx.Tx) (durable.Tx, error) {
	if s == nil || own == nil {
		return durable.Tx{}, errors.New("durable/postgres: InTx: the store or the transaction is nil")
	}
	var path string
	if err := own.QueryRow(ctx, "SELECT quote_literal(current_setting('search_path'))").Scan(&path); err != nil {
		return durable.Tx{}, fmt.Errorf("durable/postgres: InTx: %w", explain(err))
	}
	return durable.NewTx(&tx{conn: own.Conn(), store: s, writes: true,
		inside:  "SET LOCAL search_path = " + pgx.Identifier{s.schema}.Sanitize(),
		outside: "SELECT set_config('search_path', " + path + ", true)",
	}), nil
}
