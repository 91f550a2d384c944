package sqlite

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A test that runs as root cannot be refused by the disk.
func TestFolderErrors(t *testing.T) {
	for cause, want := range map[error]string{
		fs.ErrPermission: "the folder /data cannot be written; give",
		syscall.EROFS:    "the folder /data cannot be written; give",
		syscall.ENOSPC:   "the disk of the folder /data is full",
		syscall.ENOTDIR:  "/data is not a folder",
		syscall.EIO:      "the folder /data cannot be used",
	} {
		err := folderError("/data", fmt.Errorf("open: %w", cause))
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, err, cause)
	}
}
