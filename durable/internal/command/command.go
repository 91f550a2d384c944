// Package command is what the commands of the stores have in common: migrations, a look
// at what waits, and what follows a backup.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
)

// The exit codes.
const (
	ExitWell    = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitMigrate = 3 // check and plan: the schema has to be migrated
	ExitTooOld  = 4 // check and plan: the program is too old for the schema
	ExitPerson  = 5 // status: something needs a person
)

// Store is a database for the command.
type Store struct {
	Place    string // without a password
	Pending  func(ctx context.Context) (durable.Migration, error)
	Migrate  func(ctx context.Context) error
	Open     func(ctx context.Context) (s durable.Store, closed func() error, err error) // to read
	Restored func(ctx context.Context, before time.Time) (messages int64, err error)
	Backup   func(ctx context.Context, to string) error // nil: the database has its own
}

// Command is a command for a kind of database.
type Command struct {
	Name, About string

	// Flags adds the flags that say which database it is, and returns what opens it once
	// they are read.
	Flags func(f *flag.FlagSet) func() (Store, error)
	Hide  func(text string) string // removes passwords; nil: there are none
	Saves bool                     // has Backup
}

var errUsage = errors.New("wrong arguments")

// Run runs the command and returns its exit code. What failed is written to problems.
func (c Command) Run(ctx context.Context, args []string, out, problems io.Writer) int {
	f := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	f.SetOutput(problems)
	f.Usage = func() { c.usage(f) }
	open := c.Flags(f)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return ExitWell
	case err != nil:
		return ExitUsage
	}
	s, err := open()
	code := ExitUsage
	if err == nil {
		code, err = c.do(ctx, s, f.Args(), out)
	}
	switch {
	case errors.Is(err, errUsage):
		if err != errUsage { //nolint:errorlint // it says more
			fmt.Fprintf(problems, "%s: %s\n\n", c.Name, err)
		}
		f.Usage()
		return ExitUsage
	case err != nil:
		text := err.Error()
		if c.Hide != nil {
			text = c.Hide(text)
		}
		fmt.Fprintf(problems, "%s: %s\n", c.Name, text)
	}
	return code
}

func (c Command) usage(f *flag.FlagSet) {
	backup := ""
	if c.Saves {
		backup = `
  backup FOLDER    copies the data into another folder, also while the program runs`
	}
	fmt.Fprintf(f.Output(), `%s

Usage: %s [flags] command

  status           shows what waits; exit code %d if something needs a person
  check            compares the schema with this release; exit code %d if it has to be
                   migrated, %d if this release is too old for it
  plan             prints the statements that migrate would run; exit codes like check
  migrate          makes the schema, or brings it to this release; safe to repeat%s
  restored TIME    says that a backup was put back: every message planned before TIME and
                   not finished waits for a person then, and programs send again; TIME is
                   such as 2026-11-28T15:04:05Z, or "nothing-lost"

A command that fails has the exit code %d, wrong arguments have %d.

Flags:
`, c.About, c.Name, ExitPerson, ExitMigrate, ExitTooOld, backup, ExitFailed, ExitUsage)
	f.PrintDefaults()
}

func (c Command) do(ctx context.Context, s Store, args []string, out io.Writer) (int, error) {
	if len(args) == 0 {
		return ExitUsage, errUsage
	}
	word, args := args[0], args[1:]
	wanted := map[string]int{"status": 0, "check": 0, "plan": 0, "migrate": 0, "restored": 1}
	if s.Backup != nil {
		wanted["backup"] = 1
	}
	switch n, known := wanted[word]; {
	case !known:
		return ExitUsage, fmt.Errorf("%w: there is no command %q", errUsage, word)
	case n != len(args):
		return ExitUsage, fmt.Errorf("%w: the command %s takes %d more, not %d", errUsage, word, n, len(args))
	}
	switch word {
	case "status":
		return status(ctx, s, out)
	case "check", "plan":
		return compare(ctx, s, word == "plan", out)
	case "migrate":
		return migrate(ctx, s, out)
	case "backup":
		if err := s.Backup(ctx, args[0]); err != nil {
			return ExitFailed, err
		}
		fmt.Fprintf(out, "%s: copied to %s\n", s.Place, args[0])
		return ExitWell, nil
	}
	before := time.Unix(0, 1000) // before every message
	if args[0] != "nothing-lost" {
		var err error
		if before, err = time.Parse(time.RFC3339, args[0]); err != nil {
			return ExitUsage, fmt.Errorf("%q is no time such as 2026-11-28T15:04:05Z", args[0])
		}
	}
	n, err := s.Restored(ctx, before)
	if err != nil {
		return ExitFailed, err
	}
	fmt.Fprintf(out, "%s: %d messages wait for a person; programs send again\n", s.Place, n)
	return ExitWell, nil
}

// compare prints how the schema and this release fit.
func compare(ctx context.Context, s Store, statements bool, out io.Writer) (int, error) {
	m, err := s.Pending(ctx)
	if err != nil {
		return ExitFailed, err
	}
	code := say(out, s.Place, m)
	if statements {
		for _, statement := range m.Statements {
			fmt.Fprintf(out, "%s;\n", strings.TrimRight(strings.TrimSpace(statement), ";"))
		}
	}
	return code, nil
}

func say(out io.Writer, place string, m durable.Migration) int {
	switch {
	case m.TooOld():
		fmt.Fprintf(out, "%s: schema %d, which needs a program with schema %d or newer; this one has %d: update it\n", place, m.Have, m.MinReader, m.Want)
		return ExitTooOld
	case m.Have == 0:
		fmt.Fprintf(out, "%s: no schema; migrate makes schema %d in %d statements\n", place, m.Want, len(m.Statements))
		return ExitMigrate
	case m.Pending():
		fmt.Fprintf(out, "%s: schema %d; migrate brings it to %d in %d statements\n", place, m.Have, m.Want, len(m.Statements))
		return ExitMigrate
	case m.Have > m.Want:
		fmt.Fprintf(out, "%s: schema %d, made by a newer release; this one has %d and may work on it\n", place, m.Have, m.Want)
		return ExitWell
	}
	fmt.Fprintf(out, "%s: schema %d, that of this release\n", place, m.Have)
	return ExitWell
}

func migrate(ctx context.Context, s Store, out io.Writer) (int, error) {
	m, err := s.Pending(ctx)
	if err != nil {
		return ExitFailed, err
	}
	if err := s.Migrate(ctx); err != nil {
		return ExitFailed, err
	}
	if m.Pending() {
		fmt.Fprintf(out, "%s: migrated from schema %d to %d\n", s.Place, m.Have, m.Want)
		return ExitWell, nil
	}
	return say(out, s.Place, m), nil
}

// status prints what waits.
func status(ctx context.Context, s Store, out io.Writer) (_ int, err error) {
	opened, closed, err := s.Open(ctx)
	if err != nil {
		return ExitFailed, err
	}
	defer func() { err = errors.Join(err, closed()) }()
	desk, err := durable.Open(ctx, opened, chatapi.NewChannels())
	if err != nil {
		return ExitFailed, err
	}
	h, err := desk.Health(ctx)
	if err != nil {
		return ExitFailed, err
	}
	fmt.Fprintf(out, "%s\n", s.Place)
	depth := func(name string, d durable.Depth) {
		fmt.Fprintf(out, "%-28s %8d", name, d.Waiting)
		if d.Waiting > 0 {
			fmt.Fprintf(out, "   the oldest for %s", d.Oldest.Round(time.Second))
		}
		fmt.Fprintln(out)
	}
	depth("events for the handler", h.Inbox)
	depth("events for the state", h.State)
	depth("messages to send", h.Outbox)
	for _, c := range h.Channels {
		depth("  "+string(c.Channel), c.Outbox)
	}
	fmt.Fprintf(out, "%-28s %8d\n", "dead letters", h.Dead)
	fmt.Fprintf(out, "%-28s %8d   of which %d wait for a person\n", "messages of unknown outcome", h.Unknown, h.ForPerson)
	if h.Halted != "" {
		fmt.Fprintln(out, h.Halted)
	}
	if h.Stopped != "" {
		fmt.Fprintln(out, h.Stopped)
	}
	if h.Dead > 0 || h.ForPerson > 0 || h.Halted != "" {
		return ExitPerson, nil
	}
	return ExitWell, nil
}
