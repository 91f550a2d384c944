package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// stateFile keeps the state of a fake in a file.
type stateFile struct {
	path   string
	writes bool
	began  []byte      // what the file had at the start; nil if there was no file
	known  os.FileInfo // the file as this program last read or wrote it; nil if there was none

	mu    sync.Mutex // of saving
	saved uint64     // the number of changes that the file has
}

// openState reads the file, which need not exist, and checks that it can be written.
func openState(path string, writes bool) (*stateFile, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	s := &stateFile{path: path, writes: writes}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", path, cause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file; give the name of a file", path)
	default:
		if s.began, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", path, cause(err))
		}
		s.known = info
	}
	if !writes {
		return s, nil
	}
	file, err := temporary(path)
	if err != nil {
		return nil, err
	}
	file.Close()
	return s, os.Remove(file.Name())
}

// String returns the path, and that the file is new.
func (s *stateFile) String() string {
	switch {
	case !s.writes:
		return s.path + " (not changed, since -script only reads it)"
	case s.began == nil:
		return s.path + " (new)"
	}
	return s.path
}

// channels returns the ids of the channels in the file; none if it cannot be read, of
// which load tells.
func (s *stateFile) channels() (ids []chatapi.ChannelID) {
	var head struct {
		Channels []struct {
			ID chatapi.ChannelID `json:"id"`
		} `json:"channels"`
	}
	if json.Unmarshal(s.began, &head) == nil {
		for _, c := range head.Channels {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// beginning returns the state with which a script begins; nil if there is none.
func (s *stateFile) beginning() []byte {
	if s == nil {
		return nil
	}
	return s.began
}

// load gives the fake the state of the file.
func (s *stateFile) load(api *chatapitest.API) error {
	if s.began == nil {
		return nil
	}
	if err := api.Load(s.began); err != nil {
		return fmt.Errorf("-state %s: %s; the file stays as it is", s.path, plain(err))
	}
	if s.writes {
		s.began = []byte{} // it is not needed again
	}
	s.saved, _ = api.Changes()
	return nil
}

// keep saves the state whenever it has changed, until ctx ends: a few seconds after the
// change, and less often if saving takes long. A failure is told once.
func (s *stateFile) keep(ctx context.Context, api *chatapitest.API, problems *lines) {
	const least = 3 * time.Second
	pause, failed := least, false
	for {
		changes, changed := api.Changes()
		if changes == s.changes() {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		began := time.Now()
		err := s.save(api)
		if err != nil && !failed {
			problems.say("chatapi fake: %v", err)
		}
		failed = err != nil
		pause = max(least, 10*time.Since(began))
	}
}

func (s *stateFile) changes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved
}

// save writes the file, whole or not at all. If another program has changed the file, the
// state goes into a file beside it.
func (s *stateFile) save(api *chatapitest.API) error {
	if !s.writes {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changes, _ := api.Changes() // before State, so that what happens meanwhile is saved next time
	data, err := api.State()
	if err != nil {
		return fmt.Errorf("-state %s: %s", s.path, plain(err))
	}
	s.saved = changes
	if s.isChanged() {
		beside := s.path + ".new"
		if err := replace(beside, data); err != nil {
			return fmt.Errorf("-state: %w", err)
		}
		return fmt.Errorf("-state %s: another program has changed the file, so it stays as it is; the state of this fake is in %s", s.path, beside)
	}
	if err := replace(s.path, data); err != nil {
		return fmt.Errorf("-state: %w", err)
	}
	s.known, err = os.Stat(s.path)
	return err
}

// isChanged reports whether another program has written the file since this one has.
func (s *stateFile) isChanged() bool {
	info, err := os.Stat(s.path)
	if err != nil {
		return false // it was removed, or will fail to be written
	}
	return s.known == nil || !os.SameFile(s.known, info) || s.known.Size() != info.Size() || !s.known.ModTime().Equal(info.ModTime())
}

// plain returns the text of an error of the fake without the name of the Go function.
func plain(err error) string {
	return functionName.ReplaceAllString(err.Error(), "")
}

var functionName = regexp.MustCompile(`^chatapitest: (\w+: )?`)
