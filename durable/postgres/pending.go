package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Pending returns what [Migrate] would do. It changes nothing, and is not retried.
func Pending[D Database](ctx context.Context, database D, opts ...Option) (durable.Migration, error) {
	m, err := pending(ctx, database, opts)
	if err != nil {
		return m, fmt.Errorf("durable/postgres: Pending: %w", explain(err))
	}
	return m, nil
}

func pending(ctx context.Context, database any, opts []Option) (p durable.Migration, err error) {
	o, err := newOptions(opts)
	if err != nil {
		return p, err
	}
	config, err := o.connections(database)
	if err != nil {
		return p, err
	}
	conn, err := dial(ctx, config)
	if err != nil {
		return p, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	m, err := queryMeta(ctx, conn, o.schema)
	if err != nil {
		return p, err
	}
	if m.there && m.version == 0 {
		return p, m.check(o.schema)
	}
	p = durable.Migration{Have: m.version, Want: store.Version, MinReader: m.minReader}
	for from := m.version; from < store.Version; from++ {
		p.Statements = append(p.Statements, o.statements(from, m.schema)...)
	}
	if p.TooOld() {
		return p, nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return p, err
	}
	defer pool.Close()
	river, err := o.pendingRiver(ctx, pool)
	p.Statements = append(p.Statements, river...)
	return p, err
}

// statements are those of a step. A schema that is there is not made, which needs a right
// even if it changes nothing.
func (o options) statements(from int, hasSchema bool) []string {
	schema := pgx.Identifier{o.schema}.Sanitize()
	all := []string{"SET LOCAL search_path = " + schema, "SET LOCAL statement_timeout = 0"}
	if from == 0 && !hasSchema {
		all = append(all, "CREATE SCHEMA "+schema)
	}
	if from == 0 {
		all = append(all, `CREATE TABLE meta (name TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL)`)
	}
	all = append(all, steps[from]()...)
	if from == 0 {
		all = append(all, "INSERT INTO meta SELECT unnest(ARRAY['system', 'timeline']), unnest(ARRAY[s, t]) FROM (SELECT "+
			serverColumns+") AS server (s, t)")
	}
	return append(all, fmt.Sprintf(`INSERT INTO meta VALUES ('version', '%d'), ('min_reader', '%d')
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, from+1, store.MinReader))
}
