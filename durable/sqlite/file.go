package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite"

	"github.com/chatapi-go/chatapi/durable/internal/queue"
)

const (
	acceptName = "accept.db"
	workName   = "work.db"
)

// file is a database with the one connection that writes to it and those that read.
type file struct {
	path string
	one  *sql.DB // the writer's connection
	*writer
	readers *readers
}

// The settings of a connection. A cache of 2 MB, SQLite's default, halves the rate of
// accepting at six million keys. The log is moved into the file at 16,000 pages, 64 MB:
// at SQLite's 1,000 that happens 16 times as often and takes half as long each time, and
// the keys, which are all over the file, are written to it one by one.
var (
	settings = url.Values{
		"_busy_timeout": {"5000"},
		"_defensive":    {"1"},
		"_dqs":          {"0"},
		"_time_format":  {"sqlite"},
		"_timezone":     {"UTC"},
	}
	writing = url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"1"},
		"_pragma": {
			"cache_size(-65536)", "secure_delete(1)", "wal_autocheckpoint(16000)",
			"journal_size_limit(67108864)", "temp_store(2)",
		},
	}
	scrubbing = url.Values{"_synchronous": {"FULL"}, "_busy_timeout": {"100"}}
	reading   = url.Values{"mode": {"ro"}, "_query_only": {"1"}}
)

// source returns the name of a file with settings, as the driver wants it.
func source(path string, more url.Values) string {
	values := url.Values{}
	for _, some := range []url.Values{settings, more} {
		for key, value := range some {
			values[key] = value
		}
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return (&url.URL{Scheme: "file", Path: path, OmitHost: true, RawQuery: values.Encode()}).String()
}

// openFile opens a file that is there.
func openFile(ctx context.Context, dir, name string) (f *file, err error) {
	f = &file{path: filepath.Join(dir, name)}
	defer func() {
		if err != nil {
			f.abandon()
			f, err = nil, explain(filepath.Join(dir, name), err)
		}
	}()
	if f.one, err = sql.Open("sqlite", source(f.path, writing)); err != nil {
		return f, err
	}
	f.one.SetMaxOpenConns(1)
	conn, err := f.one.Conn(ctx)
	if err != nil {
		return f, err
	}
	f.writer = &writer{file: f.path, statements: statements{conn: conn}, controls: map[string]*sql.Stmt{}, stopped: make(chan struct{})}
	if err = checkSettings(ctx, conn); err != nil {
		return f, err
	}
	if f.opened, err = os.Stat(f.path); err != nil {
		return f, err
	}
	if err = conn.Raw(f.writer.guard); err != nil {
		return f, err
	}
	if f.readers, err = newReaders(f.path); err != nil {
		return f, err
	}
	return f, f.readers.db.PingContext(ctx)
}

func openReaders(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", source(path, reading))
	if err == nil {
		db.SetMaxOpenConns(maxReaders)
		db.SetMaxIdleConns(maxReaders)
	}
	return db, err
}

// checkSettings reads back what the promise "on the disk" stands on.
func checkSettings(ctx context.Context, conn *sql.Conn) error {
	var mode string
	var sync int
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return err
	}
	if mode != "wal" || sync != 2 {
		return fmt.Errorf("SQLite did not take the settings journal_mode WAL and synchronous FULL; it has %s and %d", mode, sync)
	}
	return nil
}

// guard keeps functions from beginning and ending transactions, since they share theirs
// with others, and from changing the connection.
func (w *writer) guard(conn any) error {
	authorizer, ok := conn.(driver.AuthorizerRegisterer)
	if !ok {
		return errors.New("this release of modernc.org/sqlite has no authorizer; use the one that go.mod names")
	}
	return authorizer.RegisterAuthorizer(func(action driver.AuthorizerActionCode, name, value, _, _ string) driver.AuthorizerReturnCode {
		switch action {
		case driver.AuthTransaction, driver.AuthSavepoint, driver.AuthAttach, driver.AuthDetach:
			if !w.own {
				return driver.AuthorizerDeny
			}
		case driver.AuthPragma:
			if !w.own && value != "" && !strings.HasSuffix(name, "_info") && !strings.HasSuffix(name, "_list") {
				return driver.AuthorizerDeny
			}
		}
		return driver.AuthorizerOK
	})
}

// start begins to commit what waits in the queue.
func (f *file) start(q *queue.Queue[*work], l limits, savepoints bool) {
	f.queue, f.limits, f.savepoints = q, l, savepoints
	go f.run()
}

// close commits what waits, moves the log into the file and closes it.
func (f *file) close() error {
	f.stop()
	errs := []error{f.readers.close()}
	f.own = true
	var busy, log, moved int
	errs = append(errs, f.conn.QueryRowContext(background, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved))
	f.finalize()
	errs = append(errs, f.conn.Close(), f.one.Close())
	return explain(f.path, errors.Join(errs...))
}

// finalize ends the compiled statements.
func (w *writer) finalize() {
	w.statements.close()
	for _, s := range w.controls {
		s.Close()
	}
}

// abandon closes a file that Open could not use.
func (f *file) abandon() {
	if f == nil {
		return
	}
	if f.readers != nil {
		f.readers.close()
	}
	if f.writer != nil && f.conn != nil {
		f.finalize()
		f.conn.Close()
	}
	if f.one != nil {
		f.one.Close()
	}
}

// row reads one row with a reader.
func (f *file) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	return f.readers.row(ctx, query, args, into...)
}
