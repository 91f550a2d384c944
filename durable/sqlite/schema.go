package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// The numbers by which SQLite's header names the program of a file.
const (
	acceptApplication = 0x43484131 // CHA1
	workApplication   = 0x43484132 // CHA2
)

const metaTable = `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`

// acceptTables are what arrived. seen is kept for ever; AUTOINCREMENT keeps a seq from
// being given again once its event is gone, which progress would swallow.
var acceptTables = []string{
	metaTable,
	`CREATE TABLE delivery (
		id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, received INTEGER NOT NULL,
		accepted INTEGER NOT NULL, unreadable TEXT NOT NULL, body BLOB NOT NULL)`, // body last: the others are read without it
	`CREATE INDEX delivery_unreadable ON delivery (accepted) WHERE unreadable <> ''`,
	`CREATE TABLE inbox (
		seq INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, idx INTEGER NOT NULL,
		khash BLOB NOT NULL, lane TEXT NOT NULL, accepted INTEGER NOT NULL, open INTEGER NOT NULL)`,
	`CREATE INDEX inbox_open ON inbox (lane, seq) WHERE open = 1`,
	`CREATE INDEX inbox_delivery ON inbox (delivery)`,
	`CREATE TABLE seen (khash BLOB PRIMARY KEY) WITHOUT ROWID`,
	`CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID`,
	`INSERT INTO cursor VALUES ('pass', 0)`,
}

// workTables are the store's own tables beside those of package store. The row of
// progress says up to which seq a lane is done; it goes when accept.db says so too. The
// cursor "folded" is for Unfolded, and "pass" counts how often housekeeping closed events
// (see Store.close).
func workTables() []string {
	return append([]string{
		metaTable,
		`CREATE TABLE progress (lane TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID`,
		`CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID`,
		`INSERT INTO cursor VALUES ('folded', 0), ('pass', 0)`,
	}, store.Tables("BLOB", "INTEGER PRIMARY KEY AUTOINCREMENT")...)
}

// steps bring the files from a version to the next, by the version that they have.
var steps = map[int]struct{ accept, work []string }{}

// create makes the files of a folder that has none.
func create(ctx context.Context, dir string) error {
	work, m, err := look(ctx, dir, workName)
	if err != nil {
		return err
	}
	accept, _, err := look(ctx, dir, acceptName)
	if err != nil {
		return err
	}
	// work.db comes first and says at last that both are there, so that a program
	// that is killed in between can go on where it stopped.
	switch {
	case work && m.complete && accept:
		return nil
	case work && m.complete:
		return fmt.Errorf("the folder %s has %s but no %s; restore both from one backup", dir, workName, acceptName)
	case !work && accept:
		return fmt.Errorf("the folder %s has %s but no %s; restore both from one backup", dir, acceptName, workName)
	case !work:
		m.id = rand.Text()
		if err := createFile(ctx, dir, workName, workApplication, m.id, workTables()); err != nil {
			return err
		}
	}
	if !accept {
		if err := createFile(ctx, dir, acceptName, acceptApplication, m.id, acceptTables); err != nil {
			return err
		}
	}
	return withFile(ctx, dir, workName, writing, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "INSERT INTO meta VALUES ('complete', '1') ON CONFLICT DO NOTHING")
		return err
	})
}

// look reads what a file says of itself, without changing it, since it may be another
// program's. A file that a killed program had only begun to make is not there.
func look(ctx context.Context, dir, name string) (there bool, m meta, err error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, m, nil
	case err != nil:
		return false, m, folderError(dir, err)
	case info.IsDir():
		return false, m, fmt.Errorf("%s is a folder; it has to be a file of this package", path)
	}
	err = withFile(ctx, dir, name, reading, func(db *sql.DB) error {
		var tables int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil || tables == 0 {
			return err
		}
		there = true
		m, err = queryMeta(ctx, db, path)
		return err
	})
	return there, m, err
}

func createFile(ctx context.Context, dir, name string, application int, id string, tables []string) error {
	return withFile(ctx, dir, name, writing, func(db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		statements := append([]string{"PRAGMA application_id = " + strconv.Itoa(application)}, tables...)
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO meta VALUES ('id', $1), ('version', $2), ('min_reader', $3)",
			id, strconv.Itoa(store.Version), strconv.Itoa(store.MinReader))
		if err != nil {
			return err
		}
		return tx.Commit()
	})
}

// withFile opens a file for one piece of work.
func withFile(ctx context.Context, dir, name string, how url.Values, do func(*sql.DB) error) error {
	path := filepath.Join(dir, name)
	db, err := sql.Open("sqlite", source(path, how))
	if err != nil {
		return explain(path, err)
	}
	db.SetMaxOpenConns(1)
	return explain(path, errors.Join(do(db), db.Close()))
}

// meta is what a file says of itself.
type meta struct {
	id                 string
	version, minReader int
	complete           bool
	run                string // see newRun
	backup             int64  // when the file was copied by Backup
}

func queryMeta(ctx context.Context, db *sql.DB, path string) (m meta, err error) {
	want := acceptApplication
	if filepath.Base(path) == workName {
		want = workApplication
	}
	var application int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return m, err
	}
	if application != want {
		return m, fmt.Errorf("%s belongs to another program, or was renamed; give this one a folder of its own", path)
	}
	rows, err := db.QueryContext(ctx, "SELECT name, value FROM meta")
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
		case "id":
			m.id = value
		case "version":
			m.version = number
		case "min_reader":
			m.minReader = number
		case "complete":
			m.complete = number == 1
		case "run":
			m.run = value
		case "backup":
			m.backup, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return m, rows.Err()
}

// checkVersion compares a file's schema with this program's.
func (m meta) checkVersion(path string) error {
	switch {
	case m.version > store.Version && m.minReader > store.Version:
		return fmt.Errorf("%s was made by a newer release (schema %d); this one knows schema %d; update the program",
			path, m.version, store.Version)
	case m.version < store.Version:
		return fmt.Errorf("%s was made by an older release (schema %d instead of %d); make a backup, then call sqlite.Migrate",
			path, m.version, store.Version)
	}
	return nil
}

// compare checks that the files fit this program and each other.
func (s *Store) compare(ctx context.Context) error {
	accept, err := queryMeta(ctx, s.accept.readers.db, s.accept.path)
	if err != nil {
		return s.readError(s.accept, err)
	}
	work, err := queryMeta(ctx, s.work.readers.db, s.work.path)
	if err != nil {
		return s.readError(s.work, err)
	}
	if err := errors.Join(accept.checkVersion(s.accept.path), work.checkVersion(s.work.path)); err != nil {
		return err
	}
	if accept.id != work.id {
		return fmt.Errorf("%s and %s in %s do not belong together; restore both from one backup", acceptName, workName, s.dir)
	}
	return s.comparePositions(ctx)
}

// comparePositions finds files of different ages: what is done or folded was accepted,
// and a pass of housekeeping is counted in accept.db first, then in work.db.
func (s *Store) comparePositions(ctx context.Context) error {
	var before, passed, done, accepted, after int64
	const acceptPass = "SELECT seq FROM cursor WHERE name = 'pass'"
	_, err := s.accept.row(ctx, acceptPass, nil, &before)
	if err == nil {
		_, err = s.work.row(ctx, `SELECT (SELECT seq FROM cursor WHERE name = 'pass'),
			max((SELECT coalesce(max(seq), 0) FROM progress), (SELECT seq FROM cursor WHERE name = 'folded'))`, nil, &passed, &done)
	}
	if err == nil {
		_, err = s.accept.row(ctx, `SELECT (`+acceptPass+`),
			coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'inbox'), 0)`, nil, &after, &accepted)
	}
	switch {
	case err != nil:
		return s.readError(s.accept, err)
	case done > accepted || passed > after:
		return fmt.Errorf("%s in %s is older than %s, which has done events that it does not have; restore both from one backup",
			acceptName, s.dir, workName)
	case before > passed+1:
		return fmt.Errorf("%s in %s is older than %s, where events are closed that it has not done; restore both from one backup",
			workName, s.dir, acceptName)
	}
	return nil
}

// migrate is Migrate.
func migrate(ctx context.Context, dir string) error {
	dir, lock, _, err := take(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := create(ctx, dir); err != nil {
		return err
	}
	for _, name := range []string{acceptName, workName} {
		_, m, err := look(ctx, dir, name)
		if err != nil {
			return err
		}
		for ; m.version < store.Version; m.version++ {
			step, ok := steps[m.version]
			if !ok {
				return fmt.Errorf("%s has schema %d, which this release cannot bring to %d; use the release before it first",
					filepath.Join(dir, name), m.version, store.Version)
			}
			statements := step.work
			if name == acceptName {
				statements = step.accept
			}
			if err := migrateFile(ctx, dir, name, m.version+1, statements); err != nil {
				return err
			}
		}
		if err := m.checkVersion(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// migrateFile runs the statements of a step and notes the new version with them.
func migrateFile(ctx context.Context, dir, name string, version int, statements []string) error {
	return withFile(ctx, dir, name, writing, func(db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO meta VALUES ('version', $1), ('min_reader', $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, strconv.Itoa(version), strconv.Itoa(store.MinReader))
		if err != nil {
			return err
		}
		return tx.Commit()
	})
}
