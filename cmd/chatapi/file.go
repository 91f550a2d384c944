package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replace writes a file whole or not at all: into a temporary file beside it, which gets
// the name once it is on the disk. A file that was there keeps its mode.
func replace(path string, data []byte) (err error) {
	file, err := temporary(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
			err = fmt.Errorf("%s could not be written: %w", path, cause(err))
		}
	}()
	if info, err := os.Stat(path); err == nil {
		if err := file.Chmod(info.Mode().Perm()); err != nil {
			return err
		}
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // the name is on the disk, where a folder can be synced
		_ = dir.Sync()
		dir.Close()
	}
	return nil
}

// temporary makes a file beside that of the path.
func temporary(path string) (*os.File, error) {
	dir, name := filepath.Split(path)
	file, err := os.CreateTemp(filepath.Clean(dir), "."+name+".*")
	if err != nil {
		return nil, fmt.Errorf("the folder of %s cannot be written: %w; give a file in a folder that this user may change", path, cause(err))
	}
	return file, nil
}

// cause returns the reason of an error of the system, without the path.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
