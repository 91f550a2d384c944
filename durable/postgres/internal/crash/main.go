//go:build unix

// Command crash is the kill test of package durable/internal/crash/harness on a store of
// package postgres: two programs work on one database, the clock of one of them is 15
// minutes ahead, a third one only accepts, and they and the server are killed. It starts a
// server of its own.
//
//	go run ./internal/crash -rounds 200
package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of Opened.DB, and of pgtest

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/crash/harness"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

func main() { os.Exit(harness.Main(plug)) }

var plug = &harness.Plug{Name: "postgres", Open: open, Workers: 2, Acceptors: 1, Points: points(), Start: start}

// The deaths of the server.
const (
	deathSession   = "server-session"   // one of its processes is killed
	deathImmediate = "server-immediate" // it is stopped as pg_ctl stop -m immediate does
	deathKilled    = "server-killed"    // its first process is killed
)

// points are those of the workers, without those between the two files of SQLite, those
// of a program that only accepts, and the deaths of River's leader and of the server.
func points() []string {
	ours := slices.DeleteFunc(point.All(), func(name string) bool { return name == point.KeepBetween || name == point.KeepEnded })
	ours = append(append(ours, harness.AcceptorPoints()...), harness.LeaderKilled, harness.LeaderFrozen)
	return append(ours, deathSession, deathImmediate, deathKilled)
}

const database = "postgres"

// start starts a server with the tables of a desk.
func start(ctx context.Context) (*harness.Server, error) {
	s, err := pgtest.New()
	if err != nil {
		return nil, err
	}
	address := s.URL(database)
	if err := postgres.Migrate(ctx, address); err != nil {
		s.Close()
		return nil, err
	}
	return &harness.Server{Address: address, Close: s.Close, Leader: func(ctx context.Context) (int, error) { return leader(ctx, address) }, Deaths: map[string]func(context.Context) error{
		deathSession: func(ctx context.Context) error { return s.KillSession(ctx, application) },
		deathImmediate: func(context.Context) error {
			s.Stop(true)
			return s.Start()
		},
		deathKilled: func(context.Context) error {
			s.Kill()
			return s.Start()
		},
	}}, nil
}

// leader returns the process of the program that leads River, of which the name of its
// client has the number.
func leader(ctx context.Context, address string) (process int, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	var client string
	err = conn.QueryRow(ctx, "SELECT leader_id FROM "+schema+"_river.river_leader WHERE expires_at > now()").Scan(&client)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	parts := strings.Split(client, "_")
	if len(parts) < 3 {
		return 0, fmt.Errorf("the client of River has the name %q, without a process", client)
	}
	return strconv.Atoi(parts[len(parts)-2])
}

const (
	application = "chatapi" // as package postgres names its sessions
	schema      = "chatapi"
)

// open opens the store, and a second way to the same tables.
func open(ctx context.Context, at harness.Place) (*harness.Opened, error) {
	s, err := openStore(ctx, at)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", at.Address+"&search_path="+schema)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	update := func(ctx context.Context, do func(ctx context.Context, tx durable.Tx) error) error {
		return postgres.Update(ctx, s, do)
	}
	return &harness.Opened{Store: s, Update: update, DB: db, Serial: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		Sync:  func(ctx context.Context) error { return synchronous(ctx, s) },
		Syncs: func(ctx context.Context) (string, error) { return syncs(ctx, s, db) },
		Close: func() error { return errors.Join(db.Close(), s.Close()) }}, nil
}

// openStore opens the store, with the deliberate fault if it is asked for.
func openStore(ctx context.Context, at harness.Place) (*postgres.Store, error) {
	if at.Break != harness.BreakSync {
		return postgres.Open(ctx, at.Address)
	}
	config, err := pgxpool.ParseConfig(at.Address)
	if err != nil {
		return nil, err
	}
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return offConn{conn}, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return postgres.Open(ctx, pool)
}

// offConn lets the store, which sets synchronous_commit on each connection, set it to off.
type offConn struct{ net.Conn }

func (c offConn) Write(b []byte) (int, error) {
	return c.Conn.Write(bytes.ReplaceAll(b, []byte("ELSE 'on' END"), []byte("ELSE 'off'END")))
}

// synchronous reads the settings on the connection that writes.
func synchronous(ctx context.Context, s *postgres.Store) error {
	return s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')")
		if err != nil {
			return err
		}
		defer rows.Close()
		var fsync, commit, pages string
		if rows.Next() {
			if err := rows.Scan(&fsync, &commit, &pages); err != nil {
				return err
			}
		}
		if fsync != "on" || commit != "on" || pages != "on" {
			return fmt.Errorf("fsync is %s, synchronous_commit is %s, full_page_writes is %s; each has to be on, else a commit may be lost", fsync, commit, pages)
		}
		return rows.Err()
	})
}

// commits is how many commits are compared with syncs.
const commits = 20

// syncs commits one write after the other and counts the syncs of the log meanwhile. A
// commit that is on the disk when it is acknowledged needs one of its own.
func syncs(ctx context.Context, s *postgres.Store, db *sql.DB) (string, error) {
	write := func(statement string) error {
		return s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_stat_force_next_flush()"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, statement)
			return err
		})
	}
	if err := write("CREATE TABLE IF NOT EXISTS crash_syncs (n BIGINT NOT NULL)"); err != nil {
		return "", err
	}
	before, err := counted(ctx, db)
	if err != nil {
		return "", err
	}
	for range commits {
		if err := write("INSERT INTO crash_syncs VALUES (1)"); err != nil {
			return "", err
		}
	}
	after, err := counted(ctx, db)
	if err != nil {
		return "", err
	}
	if after-before < commits {
		return "", fmt.Errorf("%d commits made %d syncs of the log; a commit may be acknowledged before it is on the disk", commits, after-before)
	}
	return fmt.Sprintf("fsync on, synchronous_commit on; %d commits made %d syncs of the log", commits, after-before), nil
}

// counted returns how many syncs of the log the server has counted.
func counted(ctx context.Context, db *sql.DB) (n int64, err error) {
	var version int
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return 0, err
	}
	query := "SELECT wal_sync FROM pg_stat_wal"
	if version >= 180000 {
		query = "SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'"
	}
	return n, db.QueryRowContext(ctx, query).Scan(&n)
}
