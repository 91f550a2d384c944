package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	driver "modernc.org/sqlite"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	partSuffix    = ".part"
	snapshotTries = 50
	snapshotPause = 100 * time.Millisecond
)

// Backup copies both files of a folder as they are at one moment into another folder,
// which is made if it does not exist and may have none of the files. A program may have
// the folder open and work meanwhile: it waits for nothing, but the files beside the two
// that end in -wal grow until the copy is there. The copy is complete when Backup
// returns nil; after an error, files that end in .part may be left in to.
//
// [Open] knows such a copy again, and sends nothing on it until [Restored] is called. It
// reads the folder dir and writes the folder to, and calls nothing else. It is not
// retried. ctx ends it between two pieces.
func Backup(ctx context.Context, dir, to string) error {
	if err := backup(ctx, dir, to); err != nil {
		return fmt.Errorf("durable/sqlite: Backup: %w", err)
	}
	return nil
}

func backup(ctx context.Context, dir, to string) (err error) {
	if dir == "" || to == "" {
		return errors.New("the name of a folder is empty; give the folder of the data and one for the copy")
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return folderError(to, err)
	}
	for _, name := range []string{acceptName, workName} {
		if _, err := os.Stat(filepath.Join(to, name)); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the folder %s has a file %s already; give a folder of its own to each backup", to, name)
		}
	}
	pair, err := snapshots(ctx, dir)
	if err != nil {
		return err
	}
	defer pair.close()
	for _, one := range []*snapshot{pair.work, pair.accept} {
		if err := one.copyTo(ctx, filepath.Join(to, one.name+partSuffix)); err != nil {
			return explain(filepath.Join(to, one.name), err)
		}
	}
	if err := markBackup(ctx, to, pair.at); err != nil {
		return err
	}
	// Without work.db, Open refuses what is there.
	for _, name := range []string{acceptName, workName} {
		if err := finish(to, name); err != nil {
			return folderError(to, err)
		}
	}
	return nil
}

// snapshot is a connection that sees a file as it was at one moment.
type snapshot struct {
	name string
	db   *sql.DB
	conn *sql.Conn
	pass int64
}

type snapshotPair struct {
	work, accept *snapshot
	at           time.Time
}

func (p *snapshotPair) close() {
	for _, s := range []*snapshot{p.work, p.accept} {
		if s != nil {
			s.close()
		}
	}
}

func (s *snapshot) close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.db.Close()
}

// betweenLooks is called between the looks at the two files; only tests set it.
var betweenLooks = func() {}

// snapshots looks at both files such that they fit each other. work.db is looked at
// first, so that accept.db has every event that is done; and no pass of housekeeping may
// be between, which would close events that are not done in work.db yet.
func snapshots(ctx context.Context, dir string) (*snapshotPair, error) {
	for try := 1; ; try++ {
		p := &snapshotPair{at: time.Now()}
		var err error
		if p.work, err = openSnapshot(ctx, dir, workName); err == nil {
			betweenLooks()
			p.accept, err = openSnapshot(ctx, dir, acceptName)
		}
		if err == nil && p.work.pass == p.accept.pass {
			return p, nil
		}
		p.close()
		switch {
		case err != nil:
			return nil, err
		case try == snapshotTries:
			return nil, fmt.Errorf("%s and %s in %s did not fit each other in %d tries; try it again", acceptName, workName, dir, try)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(snapshotPause):
		}
	}
}

func openSnapshot(ctx context.Context, dir, name string) (s *snapshot, err error) {
	there, m, err := look(ctx, dir, name)
	switch {
	case err != nil:
		return nil, err
	case !there:
		return nil, fmt.Errorf("the folder %s has no %s", dir, name)
	case m.version > store.Version && m.minReader > store.Version:
		return nil, m.checkVersion(filepath.Join(dir, name))
	}
	path := filepath.Join(dir, name)
	s = &snapshot{name: name}
	if s.db, err = sql.Open("sqlite", source(path, reading)); err != nil {
		return nil, explain(path, err)
	}
	if s.conn, err = s.db.Conn(ctx); err == nil {
		if _, err = s.conn.ExecContext(ctx, "BEGIN"); err == nil {
			err = s.conn.QueryRowContext(ctx, "SELECT seq FROM cursor WHERE name = 'pass'").Scan(&s.pass)
		}
	}
	if err != nil {
		s.close()
		return nil, explain(path, err)
	}
	return s, nil
}

const backupPages = 2048 // of a piece

// copyTo copies the file as the snapshot sees it.
func (s *snapshot) copyTo(ctx context.Context, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.conn.Raw(func(conn any) error {
		from, ok := conn.(interface {
			NewBackup(name string) (*driver.Backup, error)
		})
		if !ok {
			return errors.New("this release of modernc.org/sqlite makes no backups; use the one that go.mod names")
		}
		b, err := from.NewBackup(source(to, url.Values{"_pragma": {"synchronous(2)"}}))
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if err = ctx.Err(); err == nil {
				more, err = b.Step(backupPages)
			}
		}
		return errors.Join(err, b.Finish())
	})
}

// markBackup notes in the copy that it is one.
func markBackup(ctx context.Context, to string, at time.Time) error {
	return withFile(ctx, to, workName+partSuffix, writing, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "INSERT INTO meta VALUES ('backup', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			strconv.FormatInt(store.Micros(at), 10))
		return err
	})
}

// finish puts a copy on the disk and gives it its name.
func finish(to, name string) error {
	part := filepath.Join(to, name+partSuffix)
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(part, filepath.Join(to, name))); err != nil {
		return err
	}
	return syncFolder(to)
}
