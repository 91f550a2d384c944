package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/queue"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Inspect opens a folder to read it, also while a program has it open: for
// [durable.Desk.Health] and the lists of a [durable.Desk] in another process. What would
// write fails with [ErrClosed]; do not call [durable.Desk.Run]. It changes no file, except
// that SQLite may make the ones that end in -shm and -wal. It calls nothing but the disk,
// and is not retried.
func Inspect(ctx context.Context, dir string) (*Store, error) {
	s, err := inspect(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("durable/sqlite: Inspect: %w", err)
	}
	return s, nil
}

func inspect(ctx context.Context, dir string) (_ *Store, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, closing: make(chan struct{})}
	defer func() {
		if err != nil {
			s.accept.abandon()
			s.work.abandon()
			if s.users != nil {
				s.users.Close()
			}
		}
	}()
	for _, one := range []struct {
		name string
		into **file
	}{{workName, &s.work}, {acceptName, &s.accept}} {
		switch there, _, err := look(ctx, dir, one.name); {
		case err != nil:
			return nil, err
		case !there:
			return nil, fmt.Errorf("the folder %s has no %s: %w", dir, one.name, os.ErrNotExist)
		}
		f := &file{path: filepath.Join(dir, one.name), writer: &writer{queue: queue.New[*work](0, 0)}}
		f.queue.Close()
		if f.readers, err = newReaders(f.path); err != nil {
			return nil, explain(f.path, err)
		}
		*one.into = f
	}
	if s.users, err = openReaders(s.work.path); err != nil {
		return nil, err
	}
	if err := s.compare(ctx); err != nil {
		return nil, err
	}
	m, err := queryMeta(ctx, s.work.readers.db, s.work.path)
	if err != nil {
		return nil, s.readError(s.work, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, lockName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, folderError(dir, err)
	}
	s.runs = lockRuns(string(text))
	s.setHalted(s.putBack(m))
	return s, nil
}

// Pending returns what [Migrate] would do to a folder. It changes nothing, also while a
// program has the folder open, and is not retried.
func Pending(ctx context.Context, dir string) (m durable.Migration, err error) {
	m.Want = store.Version
	for _, one := range []struct {
		name   string
		tables func() []string
		step   func(from int) []string
	}{
		{workName, workTables, func(from int) []string { return steps[from].work }},
		{acceptName, func() []string { return acceptTables }, func(from int) []string { return steps[from].accept }},
	} {
		there, have, err := look(ctx, dir, one.name)
		switch {
		case err != nil:
			return m, fmt.Errorf("durable/sqlite: Pending: %w", err)
		case !there:
			m.Statements = append(m.Statements, one.tables()...)
			m.Have = 0
			continue
		case one.name == workName || have.version < m.Have:
			m.Have, m.MinReader = have.version, have.minReader
		}
		for from := have.version; from < store.Version; from++ {
			m.Statements = append(m.Statements, one.step(from)...)
		}
	}
	return m, nil
}
