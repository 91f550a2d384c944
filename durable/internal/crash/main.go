//go:build unix

// Command crash kills a program that runs on package durable, again and again and at
// every named point, and checks that nothing was lost, doubled, disordered or sent
// twice. It is a command of the tests:
//
//	go run ./internal/crash -rounds 200
//
// Package harness says how it works and what it cannot show. This is the one for a store
// of package sqlite.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/crash/harness"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

func main() { os.Exit(harness.Main(plug)) }

var plug = &harness.Plug{Name: "sqlite", Open: open, Workers: 1, Points: point.All()}

// open opens the store in a folder.
func open(ctx context.Context, at harness.Place) (*harness.Opened, error) {
	s, err := sqlite.Open(ctx, at.Dir)
	if err != nil {
		return nil, err
	}
	update := func(ctx context.Context, do func(ctx context.Context, tx durable.Tx) error) error {
		return sqlite.Update(ctx, s, do)
	}
	return &harness.Opened{Store: s, Update: update, DB: sqlite.DB(s), Serial: "INTEGER PRIMARY KEY AUTOINCREMENT", Close: s.Close,
		Sync: func(ctx context.Context) error {
			return s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
				level, err := number(ctx, tx, "PRAGMA synchronous")
				if err == nil && level < 2 {
					err = fmt.Errorf("PRAGMA synchronous is %d and not 2 (FULL): a commit may be lost with the power, which a kill does not show", level)
				}
				return err
			})
		}}, nil
}

// number runs a query for one number.
func number(ctx context.Context, tx store.Tx, query string) (n int64, err error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&n)
	}
	if err != nil {
		return 0, err
	}
	return n, rows.Err()
}
