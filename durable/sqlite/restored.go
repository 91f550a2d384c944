package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// A run is what a program does between Open and the next Open. Its random name is in
// work.db and in the lock file, which no backup has. So files that were put back are not
// those that the last run left, whoever copied them.

// lockText returns the text of the lock file: the process, and the runs one of which
// work.db names.
func lockText(runs []string) []byte {
	return []byte(strconv.Itoa(os.Getpid()) + "\n" + strings.Join(runs, " ") + "\n")
}

// lockRuns returns the runs of the text.
func lockRuns(text string) []string {
	lines := strings.Split(text, "\n")
	if len(lines) < 2 {
		return nil
	}
	return strings.Fields(lines[1])
}

// writeLock replaces the text of the lock file. The old one is never gone before the new
// one is there.
func writeLock(f *os.File, runs []string) error {
	text := lockText(runs)
	if _, err := f.WriteAt(text, 0); err != nil {
		return err
	}
	return errors.Join(f.Truncate(int64(len(text))), f.Sync())
}

// begin begins a run, unless the files were put back.
func (s *Store) begin(ctx context.Context) error {
	m, err := queryMeta(ctx, s.work.readers.db, s.work.path)
	if err != nil {
		return s.readError(s.work, err)
	}
	if s.setHalted(s.putBack(m)); s.MaySend(ctx) == nil {
		_ = s.newRun(ctx, nil) // on a full disk the run before goes on
	}
	return nil
}

// putBack returns how one sees that the files are those of another time; nil if they are
// not.
func (s *Store) putBack(m meta) error {
	switch {
	case m.backup != 0:
		return halted("the folder %s was restored from a backup of %s, so that a message that was sent since may look as if it were not; %s",
			s.dir, store.Time(m.backup).Format(time.DateTime), callRestored)
	case m.run != "" && !slices.Contains(s.runs, m.run):
		return halted("the files in %s are not those that the last program left there, but copies, so that a message that was sent since "+
			"they were made may look as if it were not; %s", s.dir, callRestored)
	}
	return nil
}

func halted(text string, args ...any) error { return store.Halted{Reason: fmt.Sprintf(text, args...)} }

const callRestored = "nothing is sent until sqlite.Restored is called with the instant since when nothing was sent"

// newRun begins a run together with what do writes. Killed in between, the lock file
// has the name of the run that work.db has.
func (s *Store) newRun(ctx context.Context, do func(ctx context.Context, tx store.Tx) error) error {
	run := rand.Text()
	runs := append(slices.Clone(s.runs), run)
	if err := writeLock(s.lock, runs); err != nil {
		return folderError(s.dir, err)
	}
	s.runs = runs
	err := s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		if do != nil {
			if err := do(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM meta WHERE name = 'backup'"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO meta VALUES ('run', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", run)
		return err
	})
	if err != nil {
		return err
	}
	if err := writeLock(s.lock, []string{run}); err == nil {
		s.runs = []string{run}
	}
	return nil
}

func (s *Store) setHalted(err error) { s.halted.Store(&err) }

// MaySend returns why nothing may be sent.
func (s *Store) MaySend(context.Context) error {
	if err := s.halted.Load(); err != nil {
		return *err
	}
	return nil
}

// Restored says that the folder was put back from a backup. Every message that was
// planned before an instant and is not finished becomes unknown, since it may have been
// sent by what was lost: see [durable.Outbox.Unknown] and [durable.Outbox.Settle]. Give
// the instant since when nothing was sent any more, such as when the program before
// ended. Give time.Unix(0, 1) if nothing was lost, as when the folder was moved: no
// message becomes unknown then. It returns how many messages there were. A message that
// waits for a time more than twenty minutes after the instant, such as that of
// [durable.At], stays planned. An instant ahead of the machine's clock is an error.
//
// Open notices a folder of [Backup], and files that were copied without the lock file or
// put beside another one's; until Restored is called it sends nothing on such a folder,
// while events are accepted and handled. A disk that was put back as a whole looks like
// the original: call Restored then before [durable.Desk.Run]. A message that was planned
// after the backup is gone, and so is its key. It calls nothing but the disk, is not
// retried, and is safe to repeat.
func Restored(ctx context.Context, s *Store, before time.Time) (messages int64, err error) {
	if s == nil || before.IsZero() {
		return 0, errors.New("durable/sqlite: Restored: the store is nil or the instant is zero")
	}
	if err := store.CheckInstant(before, time.Now()); err != nil {
		return 0, fmt.Errorf("durable/sqlite: Restored: %w", err)
	}
	s.passing.Lock() // one at a time
	defer s.passing.Unlock()
	err = s.newRun(ctx, func(ctx context.Context, tx store.Tx) error {
		messages, err = store.Doubt(ctx, tx, before)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("durable/sqlite: Restored: %w", err)
	}
	s.halted.Store(nil)
	return messages, nil
}
