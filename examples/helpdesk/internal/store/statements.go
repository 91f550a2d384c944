package store

import (
	"context"
	"database/sql"
	"sync"
)

// mostStatements is how many queries are kept compiled. Some have numbers in their text, so
// that there is no end of them.
const mostStatements = 256

// statements keep queries compiled: SQLite takes about as long to compile most of them as to
// run them, and a page has twenty.
type statements struct {
	db *sql.DB

	mu       sync.Mutex
	compiled map[string]*statement
}

type statement struct {
	*sql.Stmt
	users   int
	dropped bool // the last user closes it
}

// query runs a query. Its rows hold the statement by themselves.
func (s *statements) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	one, err := s.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer s.give(one)
	return one.QueryContext(ctx, args...)
}

func (s *statements) take(ctx context.Context, query string) (*statement, error) {
	s.mu.Lock()
	one := s.compiled[query]
	if one != nil {
		one.users++
	}
	s.mu.Unlock()
	if one != nil {
		return one, nil
	}
	stmt, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	one = &statement{Stmt: stmt, users: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.compiled[query] != nil { // somebody else was quicker
		one.dropped = true
		return one, nil
	}
	if len(s.compiled) >= mostStatements {
		s.drop()
	}
	s.compiled[query] = one
	return one, nil
}

// drop gives up a statement, whichever it is. The caller holds mu.
func (s *statements) drop() {
	for query, one := range s.compiled {
		delete(s.compiled, query)
		one.dropped = true
		if one.users == 0 {
			one.Close()
		}
		return
	}
}

func (s *statements) give(one *statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.users--; one.dropped && one.users == 0 {
		one.Close()
	}
}
