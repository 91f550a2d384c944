//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// A file that was deleted would take what nobody finds again.
func TestFilesThatGo(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"deleted": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+".old") },
		"replaced": func(dir string) error {
			for _, file := range []string{"accept.db", "work.db"} {
				if err := os.Rename(filepath.Join(dir, file), filepath.Join(dir, file+".old")); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			s := users(t, dir, "")
			require.NoError(t, change(dir))
			_, err := s.Accept(t.Context(), delivery("a", 1))
			require.ErrorContains(t, err, "accept.db was deleted or replaced")
			require.ErrorContains(t, sqlite.Update(t.Context(), s, write("a")), "work.db was deleted or replaced")
			require.True(t, store.IsDown(err))
		})
	}
}
