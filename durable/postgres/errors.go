package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// ErrClosed is the error of every method after [Store.Close].
var ErrClosed = store.ErrClosed

// ErrFull means that more deliveries wait to be stored than [Queue] allows.
var ErrFull = store.ErrFull

// The codes of PostgreSQL's errors.
const (
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeCachedPlan    = "0A000" // also of what is not supported
	codeCanceled      = "57014" // by a timeout
	codeReadOnly      = "25006"
	codeAborted       = "25P02"
)

// code returns the server's code of an error, "" if it has none.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// passes reports whether the same statements may succeed if they run again at once.
func passes(err error) bool {
	switch code(err) {
	case codeSerialization, codeDeadlock:
		return true
	case codeCachedPlan:
		return strings.Contains(err.Error(), "cached plan")
	}
	return false
}

// broken reports whether an error is that of the connection or of the whole server, and
// not of a statement.
func broken(err error) bool {
	c := code(err)
	switch {
	case err == nil:
		return false
	case c == "":
		return true
	}
	return strings.HasPrefix(c, "08") || strings.HasPrefix(c, "57P") || strings.HasPrefix(c, "53") || strings.HasPrefix(c, "58")
}

// explain says what to do about an error of the database, and marks one of the server
// itself, after which the same statement may succeed another time.
func explain(err error) error {
	if _, done := errors.AsType[advised](err); done || err == nil {
		return err
	}
	better := advise(err)
	if better != err { //nolint:errorlint // advise has changed it
		better = advised{better}
	}
	if c := code(err); c == "" && !isNetwork(err) || c != "" && !broken(err) {
		return better
	}
	return store.Down{Err: better, Broke: code(err) == "" || strings.HasPrefix(code(err), "57P") || strings.HasPrefix(code(err), "08")}
}

// advised is an error that has its advice, since errors of statements come back as those
// of functions.
type advised struct{ error }

func (a advised) Unwrap() error { return a.error }

// advise puts the advice into the text of an error.
func advise(err error) error {
	c := code(err)
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, store.ErrClosed):
		return err
	case c == "53100":
		return fmt.Errorf("the disk of the PostgreSQL server is full; nothing was stored; make room, the program goes on by itself: %w", err)
	case c == "53300":
		return fmt.Errorf("the PostgreSQL server has no connection left; raise max_connections, or lower Connections or the pools of other programs: %w", err)
	case strings.HasPrefix(c, "57P"), strings.HasPrefix(c, "08"):
		return fmt.Errorf("the PostgreSQL server stops, starts, or broke the connection off; see that it runs: %w", err)
	case strings.HasPrefix(c, "28"):
		return fmt.Errorf("the PostgreSQL server does not let this program in; look at the user, the password and pg_hba.conf: %w", err)
	case c == "3D000":
		return fmt.Errorf("the database does not exist; make it with CREATE DATABASE, then call postgres.Migrate: %w", err)
	case c == "42P01" && !concernsStore(err):
		return fmt.Errorf("the store's connections look for tables in its own schema first; give a table of your own with its schema, such as public.note: %w", err)
	case c == "42501" && !concernsStore(err):
		return err
	case c == "42501":
		return fmt.Errorf("the database user lacks a right; postgres.Migrate needs CREATE on the database, or both schemas as its own, and the program all rights on the tables of both its schemas: %w", err)
	case c == codeReadOnly:
		return fmt.Errorf("the transaction only reads; use Update to write: %w", err)
	case c == codeCanceled:
		return fmt.Errorf("the statement took too long and was undone; look for a missing index or a lock that somebody holds: %w", err)
	case c == codeAborted:
		return fmt.Errorf("an earlier statement of the function failed, so that PostgreSQL refuses the rest; return its error: %w", err)
	case c == "" && isNetwork(err):
		return fmt.Errorf("the PostgreSQL server cannot be reached, or broke the connection off; see that it runs, and that the network lets the program through: %w", err)
	}
	return err
}

// concernsStore reports whether the server means something of the store, and not a table
// of the user's, by the name in the server's text.
func concernsStore(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true
	}
	name, ok := strings.CutPrefix(e.Message, "permission denied for table ")
	if !ok {
		name, ok = strings.CutPrefix(e.Message, "relation ")
	}
	name, _, _ = strings.Cut(strings.Trim(name, `"`), `"`)
	return !ok || strings.HasPrefix(name, "river_") || slices.Contains(storeTables, name)
}

// storeTables are the tables of the store's schema, beside River's.
var storeTables = []string{"meta", "delivery", "inbox", "unfolded", "seen", "attempt", "running", "dead", "outbox", "outbox_attempt",
	"outbox_notice", "early_status", "service_window", "opt_out", "secret", "alias", "activity", "ledger_snapshot"}

func isNetwork(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, store.ErrClosed) {
		return false
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return pgconn.Timeout(err) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "unexpected EOF")
}

// clean returns a text that PostgreSQL keeps.
func clean(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

const (
	escape = "\x01" // begins a name that is not kept as it is
	digits = "0123456789abcdef"
)

// kept returns a name as the tables have it: every name is another one there.
func kept(name string) string {
	if clean(name) == name && !strings.HasPrefix(name, escape) {
		return name
	}
	b := make([]byte, 1, 1+2*len(name))
	b[0] = escape[0]
	for n := range len(name) {
		b = append(b, digits[name[n]>>4], digits[name[n]&15])
	}
	return string(b)
}

// given returns the name of kept.
func given(text string) string {
	hex, ok := strings.CutPrefix(text, escape)
	if !ok || len(hex)%2 != 0 {
		return text
	}
	b := make([]byte, 0, len(hex)/2)
	for n := 0; n < len(hex); n += 2 {
		b = append(b, byte(strings.IndexByte(digits, hex[n])<<4|strings.IndexByte(digits, hex[n+1])))
	}
	return string(b)
}
