package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	// keepPause is between two passes, so that a busy lane is closed once a second and
	// not once an event.
	keepPause = time.Second

	// closeLanes is how many lanes are closed in a transaction, and tidyEvents how many
	// events Tidy looks at.
	closeLanes = 256
	tidyEvents = 512
)

// wake says that events are done, so that there is something to close.
func (s *Store) wake() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// keep closes in accept.db what work.db has done, until the store is closed.
func (s *Store) keep() {
	defer s.keeper.Done()
	timer := time.NewTimer(keepPause)
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.dirty:
		}
		timer.Reset(keepPause)
		select {
		case <-s.closing:
			return
		case <-timer.C:
		}
		err := s.pass(background)
		if err != nil {
			s.wake() // the disk may be full for a while
		}
		if report := s.report.Load(); report != nil && !errors.Is(err, ErrClosed) {
			(*report)(err)
		}
	}
}

// Report sets the function that is told how housekeeping went.
func (s *Store) Report(to func(err error)) { s.report.Store(&to) }

// Behind returns how many events were not folded, and when the oldest one was accepted.
func (s *Store) Behind(ctx context.Context) (events int, oldest time.Time, err error) {
	if s.closed() {
		return 0, time.Time{}, ErrClosed
	}
	var folded, accepted int64
	if _, err := s.work.row(ctx, "SELECT seq FROM cursor WHERE name = 'folded'", nil, &folded); err != nil {
		return 0, time.Time{}, s.readError(s.work, err)
	}
	_, err = s.accept.row(ctx, "SELECT count(*), coalesce(min(accepted), 0) FROM inbox WHERE seq > $1", []any{folded}, &events, &accepted)
	return events, store.Time(accepted), s.readError(s.accept, err)
}

// lane is a lane with the seq up to which it is done.
type lane struct {
	name string
	done int64
}

// pass closes what is done in all lanes.
func (s *Store) pass(ctx context.Context) error {
	s.passing.Lock() // the numbers of passes only rise
	defer s.passing.Unlock()
	after := ""
	for !s.closed() {
		lanes, err := s.doneLanes(ctx, after)
		if err != nil || len(lanes) == 0 {
			return err
		}
		if err := s.close(ctx, lanes); err != nil {
			return err
		}
		if len(lanes) < closeLanes {
			return nil
		}
		after = lanes[len(lanes)-1].name
	}
	return nil
}

func (s *Store) doneLanes(ctx context.Context, after string) ([]lane, error) {
	rows, err := s.work.readers.query(ctx, "SELECT lane, seq FROM progress WHERE lane > $1 ORDER BY lane LIMIT $2", after, closeLanes)
	if err != nil {
		return nil, s.readError(s.work, err)
	}
	defer rows.Close()
	var lanes []lane
	for rows.Next() {
		var l lane
		if err := rows.Scan(&l.name, &l.done); err != nil {
			return nil, s.readError(s.work, err)
		}
		lanes = append(lanes, l)
	}
	return lanes, s.readError(s.work, rows.Err())
}

// close closes lanes: first in accept.db, then it removes their progress. Killed in
// between, it does both again. The number of the pass is in both files, so that Open
// finds one that is older than the other.
func (s *Store) close(ctx context.Context, lanes []lane) error {
	var pass int64
	if _, err := s.work.row(ctx, "SELECT seq + 1 FROM cursor WHERE name = 'pass'", nil, &pass); err != nil {
		return s.readError(s.work, err)
	}
	if err := s.closeAccepted(ctx, pass, lanes); err != nil {
		return err
	}
	point.Reach(point.KeepBetween)
	if err := s.forgetProgress(ctx, pass, lanes); err != nil {
		return err
	}
	point.Reach(point.KeepEnded)
	return nil
}

const setPass = "UPDATE cursor SET seq = $1 WHERE name = 'pass'"

func (s *Store) closeAccepted(ctx context.Context, pass int64, lanes []lane) error {
	return s.accept.do(ctx, newJob(ctx, func(ctx context.Context, tx *tx) error {
		for _, l := range lanes {
			if _, err := tx.Exec(ctx, "UPDATE inbox SET open = 0 WHERE open = 1 AND lane = $1 AND seq <= $2", l.name, l.done); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, setPass, pass)
		return err
	}))
}

func (s *Store) forgetProgress(ctx context.Context, pass int64, lanes []lane) error {
	return s.work.do(ctx, newJob(ctx, func(ctx context.Context, tx *tx) error {
		for _, l := range lanes {
			if _, err := tx.Exec(ctx, "DELETE FROM progress WHERE lane = $1 AND seq = $2", l.name, l.done); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, setPass, pass)
		return err
	}))
}

// old is an event that may be removed.
type old struct{ seq, delivery int64 }

// Tidy removes some of the events that were accepted before an instant and are closed,
// folded and not dead, and the deliveries that have none left. Their keys stay in seen.
func (s *Store) Tidy(ctx context.Context, before time.Time) (more bool, err error) {
	if s.closed() {
		return false, ErrClosed
	}
	if err := s.pass(ctx); err != nil {
		return false, err
	}
	events, more, err := s.oldEvents(ctx, store.Micros(before))
	if err != nil {
		return false, err
	}
	unread, err := s.oldUnread(ctx, store.Micros(before))
	if err != nil {
		return false, err
	}
	if len(events)+len(unread) > 0 {
		err = s.accept.do(ctx, newJob(ctx, func(ctx context.Context, tx *tx) error { return remove(ctx, tx, events, unread) }))
		point.Reach(point.TidyEnded)
	}
	if err != nil {
		s.tidied.Store(0)
		return false, err
	}
	return more || len(unread) == tidyEvents, nil
}

// oldEvents goes on through the inbox where the last call stopped, and begins anew after
// the end: then letters that were dead may have been discarded.
func (s *Store) oldEvents(ctx context.Context, before int64) (events []old, more bool, err error) {
	var folded int64
	if _, err := s.work.row(ctx, "SELECT seq FROM cursor WHERE name = 'folded'", nil, &folded); err != nil {
		return nil, false, s.readError(s.work, err)
	}
	rows, err := s.accept.readers.query(ctx, `SELECT seq, delivery, open = 0 AND accepted < $1, accepted < $1 FROM inbox
		WHERE seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`, before, s.tidied.Load(), folded, tidyEvents)
	if err != nil {
		return nil, false, s.readError(s.accept, err)
	}
	defer rows.Close()
	seen, aged := 0, 0
	var last int64
	for rows.Next() {
		var e old
		var removable, isOld int
		if err := rows.Scan(&e.seq, &e.delivery, &removable, &isOld); err != nil {
			return nil, false, s.readError(s.accept, err)
		}
		seen, aged, last = seen+1, aged+isOld, e.seq
		if removable == 1 {
			events = append(events, e)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, false, s.readError(s.accept, err)
	}
	// Events are about in the order of their acceptance: after a piece without an old
	// one there is none.
	more = seen == tidyEvents && aged > 0
	if !more {
		last = 0
	}
	s.tidied.Store(last)
	events, err = s.withoutDead(ctx, events)
	return events, more, err
}

// withoutDead leaves out the dead letters. An event that accept.db has closed became a
// dead letter before that, if at all.
func (s *Store) withoutDead(ctx context.Context, events []old) ([]old, error) {
	if len(events) == 0 {
		return nil, nil
	}
	rows, err := s.work.readers.query(ctx, "SELECT seq FROM dead WHERE seq >= $1 AND seq <= $2",
		events[0].seq, events[len(events)-1].seq)
	if err != nil {
		return nil, s.readError(s.work, err)
	}
	defer rows.Close()
	dead := map[int64]bool{}
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, s.readError(s.work, err)
		}
		dead[seq] = true
	}
	kept := events[:0]
	for _, e := range events {
		if !dead[e.seq] {
			kept = append(kept, e)
		}
	}
	return kept, s.readError(s.work, rows.Err())
}

// oldUnread returns old deliveries that could not be read and have no events.
func (s *Store) oldUnread(ctx context.Context, before int64) (ids []int64, err error) {
	rows, err := s.accept.readers.query(ctx, `SELECT id FROM delivery d WHERE unreadable <> '' AND accepted < $1
		AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.delivery = d.id) LIMIT $2`, before, tidyEvents)
	if err != nil {
		return nil, s.readError(s.accept, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, s.readError(s.accept, err)
		}
		ids = append(ids, id)
	}
	return ids, s.readError(s.accept, rows.Err())
}

func remove(ctx context.Context, tx *tx, events []old, unread []int64) error {
	for i, e := range events {
		if _, err := tx.Exec(ctx, "DELETE FROM inbox WHERE seq = $1", e.seq); err != nil {
			return err
		}
		if i+1 == len(events) || events[i+1].delivery != e.delivery {
			unread = append(unread, e.delivery)
		}
	}
	for _, id := range unread {
		_, err := tx.Exec(ctx, "DELETE FROM delivery WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM inbox WHERE delivery = $1)", id)
		if err != nil {
			return err
		}
	}
	point.Reach(point.TidyBegun)
	return nil
}
