// Command chatapi-postgres looks after the schema of a store of durable/postgres: it
// shows what waits, migrates, and says that a backup was put back.
//
//	CHATAPI_DATABASE=postgres://… go run github.com/chatapi-go/chatapi/durable/postgres/cmd/chatapi-postgres status
//
// Without arguments it lists its commands and their exit codes. The variables PGHOST and
// so on count too. It prints no password.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/command"
	"github.com/chatapi-go/chatapi/durable/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := postgresCommand(os.Getenv).Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func postgresCommand(env func(string) string) command.Command {
	c := &secrets{env: env}
	return command.Command{Name: "chatapi-postgres", About: "Looks after the schema of a store of durable/postgres.", Flags: c.flags, Hide: c.hide}
}

// secrets knows what must not be printed.
type secrets struct {
	env     func(string) string
	address string
	hidden  []string
}

func (c *secrets) flags(f *flag.FlagSet) func() (command.Store, error) {
	address := f.String("database", "", "`URL` or settings of the database; other users of the machine can see it, so better give it in CHATAPI_DATABASE")
	schema := f.String("schema", "chatapi", "`name` of the schema")
	return func() (command.Store, error) {
		c.address = cmp.Or(*address, c.env("CHATAPI_DATABASE"))
		if c.address == "" && !c.hasSettings() {
			return command.Store{}, errors.New("no database is given; set CHATAPI_DATABASE to its URL, or PGHOST and so on")
		}
		config, err := pgx.ParseConfig(c.address)
		if err != nil { // its text can quote the password
			return command.Store{}, errors.New("the database is given neither as a URL such as postgres://user@host/name nor as settings such as host=… dbname=…")
		}
		for _, password := range []string{config.Password, c.env("PGPASSWORD")} {
			if password != "" {
				c.hidden = append(c.hidden, password)
			}
		}
		if strings.Contains(config.Host+config.Database, "@") { // a part of the password
			config.Host, config.Database = "…", "…"
		}
		place := fmt.Sprintf("%s@%s:%d/%s, schema %s", config.User, config.Host, config.Port, config.Database, *schema)
		return c.store(c.address, place, postgres.Schema(*schema)), nil
	}
}

// hasSettings reports whether the environment says which database it is.
func (c *secrets) hasSettings() bool {
	for _, name := range []string{"PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"} {
		if c.env(name) != "" {
			return true
		}
	}
	return false
}

func (c *secrets) store(address, place string, schema postgres.Option) command.Store {
	open := func(ctx context.Context) (*postgres.Store, error) {
		return postgres.Open(ctx, address, schema, postgres.Connections(2))
	}
	return command.Store{
		Place:   place,
		Pending: func(ctx context.Context) (durable.Migration, error) { return postgres.Pending(ctx, address, schema) },
		Migrate: func(ctx context.Context) error { return postgres.Migrate(ctx, address, schema) },
		Open: func(ctx context.Context) (durable.Store, func() error, error) {
			s, err := open(ctx)
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		},
		Restored: func(ctx context.Context, before time.Time) (n int64, err error) {
			s, err := open(ctx)
			if err != nil {
				return 0, err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			return postgres.Restored(ctx, s, before)
		},
	}
}

// hide removes passwords from a text.
func (c *secrets) hide(text string) string {
	if c.address != "" {
		text = strings.ReplaceAll(text, c.address, "the database")
	}
	for _, password := range c.hidden {
		text = strings.ReplaceAll(text, password, "xxxxx")
	}
	return text
}
