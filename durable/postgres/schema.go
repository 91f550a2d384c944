package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// acceptTables are what arrived. seen is kept for ever. The numbers are drawn apart, in
// the order of arrival, before the rows are written. unfolded has a row for each event
// that was not folded: a column of inbox would make those who fold and those who finish
// events change the same rows, and wait for each other in a circle.
var acceptTables = []string{
	`CREATE TABLE delivery (
		id BIGINT PRIMARY KEY, channel TEXT NOT NULL, received BIGINT NOT NULL, accepted BIGINT NOT NULL,
		unreadable TEXT NOT NULL, body BYTEA NOT NULL)`,
	`CREATE SEQUENCE delivery_number OWNED BY delivery.id`,
	`CREATE INDEX delivery_channel ON delivery (channel, id)`,
	`CREATE INDEX delivery_unreadable ON delivery (id) WHERE unreadable <> ''`,
	`CREATE TABLE inbox (
		seq BIGINT PRIMARY KEY, delivery BIGINT NOT NULL, idx INTEGER NOT NULL, khash BYTEA NOT NULL,
		lane TEXT NOT NULL, accepted BIGINT NOT NULL, open BOOLEAN NOT NULL)`,
	`CREATE SEQUENCE inbox_number OWNED BY inbox.seq`,
	`CREATE INDEX inbox_open ON inbox (lane, seq) INCLUDE (accepted) WHERE open`,
	`CREATE INDEX inbox_delivery ON inbox (delivery)`,
	`CREATE TABLE unfolded (seq BIGINT PRIMARY KEY) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`,
	`CREATE TABLE seen (khash BYTEA PRIMARY KEY)`,
}

// steps bring the schema from the version that is their index to the next.
var steps = []func() []string{
	func() []string {
		statements := append([]string{}, acceptTables...)
		statements = append(statements, store.Tables("BYTEA", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")...)
		for n, s := range statements {
			// Names are compared byte by byte, as Go does, whatever the database's language.
			statements[n] = strings.ReplaceAll(s, " TEXT", ` TEXT COLLATE "C"`)
		}
		return statements
	},
}

// meta is what a schema says of itself.
type meta struct {
	there, schema        bool // the table that says it, and its schema
	version, minReader   int
	system, timeline     string
	atSystem, atTimeline string // of the server that answered
}

// queryMeta reads it, and which server answers.
func queryMeta(ctx context.Context, conn interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}, schema string) (m meta, err error) {
	table := pgx.Identifier{schema, "meta"}.Sanitize()
	err = conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL, to_regnamespace($2) IS NOT NULL, "+serverColumns, table, pgx.Identifier{schema}.Sanitize()).
		Scan(&m.there, &m.schema, &m.atSystem, &m.atTimeline)
	if err != nil || !m.there {
		return m, err
	}
	rows, err := conn.Query(ctx, "SELECT name::text, value::text FROM "+table)
	if err != nil {
		return m, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return m, err
		}
		number, _ := strconv.Atoi(value)
		switch name {
		case "version":
			m.version = number
		case "min_reader":
			m.minReader = number
		case "system":
			m.system = value
		case "timeline":
			m.timeline = value
		}
	}
	return m, rows.Err()
}

// serverColumns tell which cluster answers, and how often it has failed over.
const serverColumns = `(SELECT system_identifier::text FROM pg_control_system()),
	substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)`

// moved reports whether the server is not the one that the schema was made on, or is one
// that took over, so that the newest commits may be missing.
func (m meta) moved() bool { return m.system != m.atSystem || m.timeline != m.atTimeline }

// check compares a schema with this program's.
func (m meta) check(schema string) error {
	problem := ""
	switch {
	case !m.there:
		problem = fmt.Sprintf("the database has no schema %q of this package; call postgres.Migrate first", schema)
	case m.version == 0:
		problem = fmt.Sprintf("the schema %q belongs to another program; give another with postgres.Schema", schema)
	case m.version > store.Version && m.minReader > store.Version:
		problem = fmt.Sprintf("the schema %q was made by a newer release (schema %d); this one knows schema %d; update the program",
			schema, m.version, store.Version)
	case m.version < store.Version:
		problem = fmt.Sprintf("the schema %q was made by an older release (schema %d instead of %d); call postgres.Migrate",
			schema, m.version, store.Version)
	default:
		return nil
	}
	return fmt.Errorf("%s: %w", problem, store.ErrSchema)
}

// compare checks that the schema fits this program.
func (s *Store) compare(ctx context.Context) error {
	m, err := queryMeta(ctx, s.read, s.schema)
	if err != nil {
		return explain(err)
	}
	if err := m.check(s.schema); err != nil {
		return err
	}
	return s.compareRiver(ctx)
}

// number returns the number of an advisory lock. Locks are a database's, so that the
// schema is a part of their names.
func (o options) number(name string) int64 {
	sum := sha256.Sum256([]byte("chatapi\x00" + o.schema + "\x00" + name))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

const migratePause = 200 * time.Millisecond

// migrate brings the schema to this release. A lock that waits would be a transaction
// that an index made CONCURRENTLY waits for, so the lock is tried again and again.
func migrate(ctx context.Context, o options, config *pgxpool.Config) error {
	if err := refusePooler(ctx, config); err != nil {
		return err
	}
	conn, err := dial(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for locked := false; !locked; {
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", o.number("migrate")).Scan(&locked); err != nil {
			return err
		}
		if !locked {
			select {
			case <-ctx.Done():
				return fmt.Errorf("another program migrates the schema %q: %w", o.schema, ctx.Err())
			case <-time.After(migratePause):
			}
		}
	}
	m, err := queryMeta(ctx, conn, o.schema)
	if err != nil {
		return err
	}
	if m.there && m.version == 0 {
		return m.check(o.schema)
	}
	for ; m.version < store.Version; m.version++ {
		if err := migrateStep(ctx, o, conn, m); err != nil {
			return fmt.Errorf("step %d was undone: %w", m.version+1, err)
		}
	}
	m.there = true
	if err := m.check(o.schema); err != nil {
		return err
	}
	return o.migrateRiver(ctx, config)
}

// migrateStep runs a step and notes the new version with it.
func migrateStep(ctx context.Context, o options, conn *pgx.Conn, m meta) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	for _, statement := range o.statements(m.version, m.schema) {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}
