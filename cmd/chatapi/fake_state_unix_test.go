//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The fake says at once that it will not be able to save.
func TestFolderThatCannotBeWritten(t *testing.T) {
	dir, err := os.MkdirTemp("", "chatapi") //nolint:usetesting // another user may look into its parents, unlike those of t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	folder, program := filepath.Join(dir, "readonly"), filepath.Join(dir, "chatapi")
	require.NoError(t, os.Mkdir(folder, 0o555))
	path := filepath.Join(folder, "demo.json")
	c := chatapiCommand(t.Context(), "fake", "-listen", "127.0.0.1:0", "-state", path)
	binary, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, binary, 0o755)) // another user runs it
	c.Path = program
	if os.Getuid() == 0 { // for whom nothing is read-only
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := c.CombinedOutput()
	assert.Equal(t, exitFailed, exitCode(t, err))
	assert.Equal(t, "chatapi fake: -state: the folder of "+path+" cannot be written: permission denied; give a file in a folder that this user may change\n", string(out))
}
