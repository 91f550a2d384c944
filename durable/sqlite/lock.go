package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const lockName = "chatapi.lock"

// lockFolder takes the folder for this program, until the file is closed or the
// process ends. The file stays behind, because removing it would let two programs lock
// two files of one name. runs are those that the text of the file names, see newRun.
func lockFolder(dir string) (_ *os.File, runs []string, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, folderError(dir, err)
	}
	free, err := lockFile(f)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("the folder %s cannot be locked; it has to be on a local disk: %w", dir, err)
	}
	text := make([]byte, 200)
	n, _ := f.ReadAt(text, 0)
	if !free {
		f.Close()
		return nil, nil, fmt.Errorf("the folder %s is in use by another program%s; stop it first, or give this one a folder of its own",
			dir, processText(string(text[:n])))
	}
	runs = lockRuns(string(text[:n]))
	if err := writeLock(f, runs); err != nil {
		f.Close()
		return nil, nil, folderError(dir, err)
	}
	return f, runs, nil
}

// processText names the process whose number stands in the lock file.
func processText(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	number, err := strconv.Atoi(strings.TrimSpace(line))
	switch {
	case err != nil:
		return ""
	case number == os.Getpid():
		return " or by another store of this program (process " + strconv.Itoa(number) + ")"
	}
	return " (process " + strconv.Itoa(number) + ")"
}
