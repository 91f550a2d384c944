package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// closeToOthers lets only the program's own user read what people wrote, also in a folder
// that others may read. Files that SQLite makes beside a database get its rights.
func closeToOthers(dir string) error {
	for _, database := range []string{"accept.db", "work.db"} {
		for _, beside := range []string{"", "-wal", "-shm"} { // the two that a killed program has left
			if err := os.Chmod(filepath.Join(dir, database+beside), 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("others on this machine may read the messages: %w", err)
			}
		}
	}
	return nil
}

// OpenSQLite opens the database in a folder, and makes or migrates the tables of both.
func OpenSQLite(ctx context.Context, dir string) (*DB, error) {
	if err := sqlite.Migrate(ctx, dir); err != nil {
		return nil, err
	}
	if err := closeToOthers(dir); err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	db := &DB{Durable: s, read: sqlite.DB(s), close: s.Close,
		update: func(ctx context.Context, do func(ctx context.Context, tx durable.Tx) error) error {
			return sqlite.Update(ctx, s, do)
		}}
	db.kept = &statements{db: db.read, compiled: map[string]*statement{}}
	kind := dialect{id: "INTEGER PRIMARY KEY AUTOINCREMENT", bytes: "BLOB"}
	if err := db.migrate(ctx, kind); err != nil {
		return nil, closed(db, err)
	}
	return db, nil
}
