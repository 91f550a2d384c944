package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// ErrClosed is the error of every method after [Store.Close].
var ErrClosed = store.ErrClosed

// ErrFull means that more deliveries wait to be stored than [Queue] allows.
var ErrFull = store.ErrFull

// code returns SQLite's primary code of an error, 0 if it has none.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// explain says what to do about an error of a file.
func explain(file string, err error) error {
	if err == nil {
		return nil
	}
	switch code(err) {
	case codes.SQLITE_FULL, codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_CANTOPEN, codes.SQLITE_IOERR,
		codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return store.Down{Err: advise(file, err)}
	}
	return advise(file, err)
}

// advise puts the advice into the text of an error.
func advise(file string, err error) error {
	switch code(err) {
	case codes.SQLITE_FULL:
		return fmt.Errorf("the disk of %s is full; nothing was stored; make room, the program goes on by itself: %w", file, err)
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_CANTOPEN:
		return fmt.Errorf("%s cannot be written; the program's user needs the right to write the file and its folder: %w", file, err)
	case codes.SQLITE_NOTADB:
		return fmt.Errorf("%s is not a database of this package; give another folder, or restore the folder from a backup: %w", file, err)
	case codes.SQLITE_CORRUPT:
		return fmt.Errorf("%s is damaged; stop the program and restore the folder from a backup: %w", file, err)
	case codes.SQLITE_IOERR:
		return fmt.Errorf("the disk refused to read or write %s; look at the system's log: %w", file, err)
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("another program has %s open and keeps it locked; a tool that reads it may do so only briefly: %w", file, err)
	case codes.SQLITE_AUTH:
		return fmt.Errorf("the statement is not allowed here: the store begins and ends the transaction, and its settings are fixed: %w", err)
	}
	return err
}

// folderError says what to do about a folder that cannot be used.
func folderError(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the folder %s cannot be written; give the program's user the right to write it, or another folder: %w", dir, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("the disk of the folder %s is full; make room first: %w", dir, err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is not a folder; give the name of a folder: %w", dir, err)
	}
	return fmt.Errorf("the folder %s cannot be used: %w", dir, err)
}
