// Command chatapi-sqlite looks after the folder of a store of durable/sqlite: it shows
// what waits, migrates, copies, and says that a copy was put back.
//
//	go run github.com/chatapi-go/chatapi/durable/sqlite/cmd/chatapi-sqlite -data folder status
//
// Without arguments it lists its commands and their exit codes. The commands status,
// check, plan and backup work also while a program has the folder open.
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/command"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := sqliteCommand().Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func sqliteCommand() command.Command {
	return command.Command{Name: "chatapi-sqlite", About: "Looks after the folder of a store of durable/sqlite.", Saves: true, Flags: flags}
}

func flags(f *flag.FlagSet) func() (command.Store, error) {
	dir := f.String("data", "", "`folder` of the program's data")
	return func() (command.Store, error) {
		if *dir == "" {
			return command.Store{}, errors.New("-data is missing; give the folder of the program's data")
		}
		return command.Store{
			Place:   *dir,
			Pending: func(ctx context.Context) (durable.Migration, error) { return sqlite.Pending(ctx, *dir) },
			Migrate: func(ctx context.Context) error { return sqlite.Migrate(ctx, *dir) },
			Open: func(ctx context.Context) (durable.Store, func() error, error) {
				s, err := sqlite.Inspect(ctx, *dir)
				if err != nil {
					return nil, nil, err
				}
				return s, s.Close, nil
			},
			Restored: func(ctx context.Context, before time.Time) (n int64, err error) {
				s, err := sqlite.Open(ctx, *dir)
				if err != nil {
					return 0, err
				}
				defer func() { err = errors.Join(err, s.Close()) }()
				return sqlite.Restored(ctx, s, before)
			},
			Backup: func(ctx context.Context, to string) error { return sqlite.Backup(ctx, *dir, to) },
		}, nil
	}
}
