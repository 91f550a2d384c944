package sqlite

import (
	"context"
	"fmt"
)

// CloseAccepted does the first half of a pass of housekeeping, after which a program may
// be killed.
func (s *Store) CloseAccepted(ctx context.Context) error {
	_, _, err := s.closeSome(ctx)
	return err
}

// PassAround does a pass, and something between its halves.
func (s *Store) PassAround(ctx context.Context, between func()) error {
	pass, lanes, err := s.closeSome(ctx)
	if err != nil {
		return err
	}
	between()
	return s.forgetProgress(ctx, pass, lanes)
}

func (s *Store) closeSome(ctx context.Context) (pass int64, lanes []lane, err error) {
	if lanes, err = s.doneLanes(ctx, ""); err != nil {
		return 0, nil, err
	}
	if _, err := s.work.row(ctx, "SELECT seq + 1 FROM cursor WHERE name = 'pass'", nil, &pass); err != nil {
		return 0, nil, err
	}
	return pass, lanes, s.closeAccepted(ctx, pass, lanes)
}

// Pass does a pass of housekeeping.
func (s *Store) Pass(ctx context.Context) error { return s.pass(ctx) }

// Pragma runs a pragma with a writer's connection, such as the one that makes a disk
// full.
func (s *Store) Pragma(name, pragma string) error {
	f := s.work
	if name == acceptName {
		f = s.accept
	}
	return f.do(background, newJob(background, func(ctx context.Context, tx *tx) error {
		tx.w.own = true
		defer func() { tx.w.own = false }()
		_, err := tx.w.conn.ExecContext(ctx, "PRAGMA "+pragma)
		return err
	}))
}

// Setting reads a pragma of a writer's connection.
func (s *Store) Setting(name, pragma string) (value string, err error) {
	f := s.work
	if name == acceptName {
		f = s.accept
	}
	err = f.do(background, newJob(background, func(ctx context.Context, tx *tx) error {
		tx.w.own = true
		defer func() { tx.w.own = false }()
		var v any
		err := tx.w.conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&v)
		value = fmt.Sprint(v)
		return err
	}))
	return value, err
}

// Rows counts the rows of a table of a file.
func (s *Store) Rows(ctx context.Context, name, table string) (n int, err error) {
	f := s.work
	if name == acceptName {
		f = s.accept
	}
	_, err = f.row(ctx, "SELECT count(*) FROM "+table, nil, &n)
	return n, err
}

// Commits is how many commits of work.db there were, each with its wait for the disk.
func (s *Store) Commits() int64 { return s.work.commits.Load() }

// Bulk runs statements on a file, with the writer's connection.
func (s *Store) Bulk(name string, statements ...string) error {
	f := s.work
	if name == acceptName {
		f = s.accept
	}
	return f.do(background, newJob(background, func(ctx context.Context, tx *tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}))
}

// BetweenLooks lets Backup call a function between its looks at the two files, once.
func BetweenLooks(do func()) {
	betweenLooks = func() {
		betweenLooks = func() {}
		do()
	}
}
