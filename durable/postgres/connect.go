package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	connectTime   = 10 * time.Second
	statementTime = time.Minute     // of a statement that has a transaction of its own
	groupTime     = 5 * time.Second // of one that shares it

	statements = 512 // that a connection keeps prepared
)

// idleTime ends the transaction of a program that is frozen. Nothing changes it but the
// kill tests, see shorten.
var idleTime = 90 * time.Second

// connections returns the settings of the store's own connections.
func (o options) connections(database any) (*pgxpool.Config, error) {
	var config *pgxpool.Config
	switch database := database.(type) {
	case string:
		if err := checkAddress(database); err != nil {
			return nil, err
		}
		var err error
		if config, err = pgxpool.ParseConfig(database); err != nil {
			if database != "" { // its text can quote the password
				err = errAddress
			}
			return nil, fmt.Errorf("the database is not given as a URL or as settings: %w", err)
		}
	case *pgxpool.Pool:
		if database == nil {
			return nil, errors.New("the pool is nil; make it with pgxpool.New")
		}
		config = database.Config()
	}
	config.MinConns, config.MinIdleConns = 0, 0
	// What a user does to a connection each time it is used, such as a search_path for each
	// of several customers, would change the store's tables and settings.
	config.PrepareConn, config.BeforeAcquire, config.AfterRelease = nil, nil, nil //nolint:staticcheck // the user may have set the old one
	if config.ConnConfig.StatementCacheCapacity < 1 {                             // as poolers need it
		config.ConnConfig.StatementCacheCapacity = statements
	}
	config.PingTimeout = connectTime
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if t := config.ConnConfig.ConnectTimeout; t <= 0 || t > connectTime {
		config.ConnConfig.ConnectTimeout = connectTime
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "chatapi"
	}
	users := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if users != nil {
			if err := users(ctx, conn); err != nil {
				return err
			}
		}
		return o.settle(ctx, conn)
	}
	return config, nil
}

var errAddress = errors.New("give a URL such as postgres://user@host/name or settings such as host=… dbname=…; " +
	"in a URL, a sign of the password that is no letter and no digit is written as % and two digits, such as %40 for @")

// checkAddress refuses a URL whose user or password has a sign that ends it, so that the
// rest would be taken for the host or the database, and be shown in errors.
func checkAddress(database string) error {
	rest, ok := strings.CutPrefix(database, "postgres://")
	if !ok {
		rest, ok = strings.CutPrefix(database, "postgresql://")
	}
	at := strings.LastIndex(rest, "@")
	if ok && at >= 0 && (strings.Count(rest, "@") > 1 || strings.ContainsAny(rest[:at], "/?#")) {
		return errors.New("the address of the database has an @, /, ? or # in the user or the password, which ends it; " +
			"write %40 for @, %2F for /, %3F for ? and %23 for #")
	}
	return nil
}

// dial makes a connection outside of the pools.
func dial(ctx context.Context, config *pgxpool.Config) (*pgx.Conn, error) {
	settings := config.ConnConfig.Copy()
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, settings); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, err
	}
	if err := config.AfterConnect(ctx, conn); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return conn, nil
}

var errPooler = errors.New("the address is that of a pooler in transaction or statement mode, such as PgBouncer, where a lock would be taken in one " +
	"session and given back in another, so that two programs could send at the same time; give the address of the server itself, or of a pooler in session mode")

// refusePooler refuses a pooler that gives one session of the server to several
// connections. It answers with a number of its own for the process, and two connections
// that are open at the same time have one process, or one of them has several.
func refusePooler(ctx context.Context, config *pgxpool.Config) error {
	config = config.Copy()
	config.AfterConnect = func(context.Context, *pgx.Conn) error { return nil }
	process := func(conn *pgx.Conn) (n uint32, err error) {
		result := conn.PgConn().ExecParams(ctx, "SELECT pg_backend_pid()::text", nil, nil, nil, nil).Read() // prepares nothing
		if result.Err != nil {
			return 0, result.Err
		}
		all, err := strconv.ParseUint(string(result.Rows[0][0]), 10, 32)
		return uint32(all), err
	}
	first, err := dial(ctx, config)
	if err != nil {
		return err
	}
	defer first.Close(context.WithoutCancel(ctx))
	one, err := process(first)
	if err != nil || one == first.PgConn().PID() {
		return err
	}
	second, err := dial(ctx, config)
	if err != nil {
		return err
	}
	defer second.Close(context.WithoutCancel(ctx))
	other, err := process(second)
	if err != nil {
		return err
	}
	again, err := process(first)
	if err == nil && (other == one || again != one) {
		err = errPooler
	}
	return err
}

// settle sets what the store needs on a new connection, and refuses a server that
// cannot keep what it acknowledges.
func (o options) settle(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var fsync, encoding string
	var standby bool
	var version int
	var ignored string
	err := conn.QueryRow(ctx, `SELECT current_setting('fsync'), current_setting('server_encoding'), pg_is_in_recovery(), current_setting('server_version_num')::int,
		concat(set_config('search_path', concat_ws(', ', $1::text, nullif(current_setting('search_path'), '')), false),
		set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
		set_config('idle_in_transaction_session_timeout', $2, false), set_config('statement_timeout', $3, false),
		set_config('lock_timeout', '0', false), set_config('client_encoding', 'UTF8', false),
		CASE WHEN current_setting('transaction_timeout', true) <> '' THEN set_config('transaction_timeout', '0', false) END,
		set_config('default_transaction_read_only', 'off', false), set_config('default_transaction_isolation', 'read committed', false),
		set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '5', false),
		set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '20000', false))`,
		pgx.Identifier{o.schema}.Sanitize(), milliseconds(idleTime), milliseconds(statementTime)).
		Scan(&fsync, &encoding, &standby, &version, &ignored)
	switch {
	case err != nil:
		return err
	case version < 150000:
		return fmt.Errorf("the PostgreSQL server has version %d.%d; it has to be 15 or newer", version/10000, version%10000)
	case fsync != "on":
		return errors.New("the PostgreSQL server has fsync = off, so a power failure loses what it has acknowledged; set fsync = on")
	case encoding != "UTF8":
		return fmt.Errorf("the database has the encoding %s, in which not every text of a chat can be stored; make it with ENCODING 'UTF8'", encoding)
	case standby:
		return errors.New("the PostgreSQL server is a standby, which only reads; give the address of the primary, or several with target_session_attrs=read-write")
	}
	return nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
