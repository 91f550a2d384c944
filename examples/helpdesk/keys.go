package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// openKey reads the key of a database, or makes it for one that has no tokens yet. With
// rotate it seals all tokens with a new key; old is the one of before then.
//
// A change of keys writes the new key beside the old one, seals, and then renames. A
// program that was killed between goes on from there at the next start.
func openKey(ctx context.Context, db *store.DB, path string, rotate bool) (key, old *seal.Key, err error) {
	key, err = seal.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = firstKey(ctx, db, path)
		return key, nil, err
	}
	if err != nil {
		return nil, nil, err
	}
	next := path + ".new"
	if err := desk.CheckKey(ctx, db, key); err != nil {
		newer, readErr := seal.Read(next)
		if readErr != nil || desk.CheckKey(ctx, db, newer) != nil {
			return nil, nil, fmt.Errorf("the key in %s does not open the tokens in the database: %w; put the right key back, or give it with -key", path, err)
		}
		return newer, key, os.Rename(next, path)
	}
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if !rotate {
		return key, nil, nil
	}
	newer, err := seal.Make(next)
	if err != nil {
		return nil, nil, err
	}
	if err := desk.Reseal(ctx, db, key, newer); err != nil {
		return nil, nil, err
	}
	return newer, key, os.Rename(next, path)
}

func firstKey(ctx context.Context, db *store.DB, path string) (*seal.Key, error) {
	sealed, err := desk.HasSealed(ctx, db)
	if err != nil {
		return nil, err
	}
	if sealed {
		return nil, fmt.Errorf("the database holds sealed tokens, and their key is not in %s: put the key file back, or give it with -key", path)
	}
	key, err := seal.Make(path)
	if err != nil {
		return nil, fmt.Errorf("the key cannot be kept: %w; give a file that can be written with -key", err)
	}
	return key, nil
}
