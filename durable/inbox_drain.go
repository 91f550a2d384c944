package durable

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// The bounds of one turn of a lane. A lane with more waits for its next turn.
const (
	turnEvents = 64
	turnTime   = 250 * time.Millisecond
	busyPause  = 200 * time.Millisecond
)

var errDied = errors.New("the program ended each time while the event was handled")

// mark is what is known of an event beside that it is open.
type mark struct {
	attempts  int
	notBefore time.Time
	running   bool // the program ended while the event was handled
	stored    bool // there is a row of attempt
	deferred  bool
}

// drain works on a lane: first on dead letters that are to be tried again, then on open
// events in their order. It returns when to look at the lane again.
//
// The right to do so is the store's lock. After it is released the lane is looked at
// once more, because somebody else may have met the lock with a new event.
func (i *Inbox) drain(ctx context.Context, lane string) (again time.Time) {
	if i.handler == nil || lane == factsLane {
		return time.Time{}
	}
	if i.isAbsent(lane) {
		return i.clock.now().Add(heldPoll)
	}
	defer i.release(lane) // in case it had the turn to run alone and did not take it
	begin := time.Now()   // of the machine, since it only shares the workers
	for first := true; ; first = false {
		if !first {
			switch events, err := i.store.Open(ctx, lane, 1); {
			case err != nil:
				return i.failed(ctx, err)
			case len(events) == 0:
				return again
			case time.Since(begin) > turnTime || i.lanes.Ending():
				return i.clock.now()
			}
		}
		held, unlock, err := i.store.Lock(ctx, "lane "+lane)
		switch {
		case errors.Is(err, store.ErrBusy):
			i.start.left(lane) // if its holder dies
			return i.clock.now().Add(busyPause)
		case err != nil:
			return i.failed(ctx, err)
		}
		next, later, err := i.turn(held, lane)
		unlock()
		switch {
		case errors.Is(context.Cause(held), store.ErrLost) && ctx.Err() == nil:
			return i.clock.now().Add(busyPause)
		case err != nil:
			return i.failed(ctx, err)
		}
		i.inRow.Store(0)
		if again = later; next.wait {
			return earlier(next.at, later)
		}
		if !next.more && !i.store.Shared() { // a new event has woken the lane again
			return again
		}
	}
}

// failed notes a failure of the store and returns when to try again.
func (i *Inbox) failed(ctx context.Context, err error) time.Time {
	if ctx.Err() == nil {
		n := i.inRow.Add(1)
		if n&(n-1) == 0 { // not for each of the chats that meet it
			i.warn(ctx, "The inbox cannot use its database; it tries again, and its events wait.", slog.Any("error", err), slog.Int("failures", int(n)))
		}
		return i.clock.now().Add(min(100*time.Millisecond<<min(n, 10), 30*time.Second))
	}
	return time.Time{}
}

// turn works on a batch of a lane whose lock is held. later is when a dead letter is to
// be tried again; the lane does not wait for it. An error is the store's.
func (i *Inbox) turn(ctx context.Context, lane string) (after next, later time.Time, err error) {
	marks, replays, err := i.marks(ctx, lane)
	if err != nil {
		return next{}, time.Time{}, err
	}
	later, err = i.replay(ctx, replays)
	if err != nil {
		return next{}, time.Time{}, err
	}
	events, err := i.store.Open(ctx, lane, turnEvents)
	if err != nil {
		return next{}, time.Time{}, err
	}
	suspect := i.start.suspect(lane)
	begin := time.Now()
	for n := range events {
		if i.lanes.Ending() || time.Since(begin) > turnTime {
			return next{wait: true, at: i.clock.now()}, later, nil
		}
		e, m := &events[n], marks[events[n].Seq]
		if i.early(m) {
			return next{wait: true, at: m.notBefore}, later, nil
		}
		after, err := i.guarded(ctx, e, m, suspect && n == 0)
		if err != nil || after.wait {
			return after, later, err
		}
	}
	return next{more: len(events) == turnEvents}, later, nil
}

// early reports whether an event waits for its next attempt. If that is much later than a
// failed attempt puts it, the clock was set back since, and the event does not wait for it.
func (i *Inbox) early(m mark) bool {
	left := m.notBefore.Sub(i.clock.now())
	return left > 0 && (m.deferred || left <= 2*max(i.retries.Delay(max(m.attempts, 1)), time.Minute))
}

// earlier returns the earlier of two instants; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// next is what becomes of a lane after an event. If it waits, it does so until at, or,
// with a zero time, until it is woken.
type next struct {
	wait bool
	at   time.Time
	more bool // there may be more events than the turn has read
}

// guarded works on an event. If the program may have died of it, its attempt is counted
// before the call, so that it becomes dead in the end; and if it was certainly running
// when the program died, no other such event begins at the same time, so that only the
// guilty one is counted again. After aloneTime the next one begins, so that events whose
// handlers take long do not hold up all others for long.
func (i *Inbox) guarded(ctx context.Context, e *store.Event, m mark, suspect bool) (next, error) {
	if !suspect && !m.running {
		return i.handle(ctx, e, m)
	}
	if m.running && !i.start.alone(e.Lane) {
		return next{wait: true}, nil
	}
	if m.running {
		defer i.release(e.Lane)
		defer time.AfterFunc(aloneTime, func() { i.release(e.Lane) }).Stop()
	}
	if m.attempts >= i.retries.Attempts {
		failed := i.bury(ctx, e, m, "", errDied.Error())
		return next{}, i.handled(ctx, e, nil, HandledDead, m.attempts, errDied, failed)
	}
	m.attempts++
	m.running, m.stored = true, true
	if err := i.writeMark(ctx, e, m, ""); err != nil {
		return next{}, err
	}
	return i.handle(ctx, e, m)
}

// marks reads what is known of the events of a lane, and the dead letters to try again.
func (i *Inbox) marks(ctx context.Context, lane string) (marks map[int64]mark, replays []replay, err error) {
	err = i.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT seq, attempts, not_before, running, CASE WHEN reason = 'deferred' THEN 1 ELSE 0 END, 0 FROM attempt WHERE lane = $1
			UNION ALL SELECT seq, attempts, 0, replay - 1, 0, 1 FROM dead WHERE lane = $1 AND replay > 0 ORDER BY 1`, lane)
		if err != nil {
			return err
		}
		defer rows.Close()
		marks, replays = nil, nil
		for rows.Next() {
			var seq, notBefore int64
			var attempts, running, deferred, again int
			if err := rows.Scan(&seq, &attempts, &notBefore, &running, &deferred, &again); err != nil {
				return err
			}
			if again == 1 {
				replays = append(replays, replay{seq: seq, attempts: attempts, died: running == 1})
				continue
			}
			if marks == nil {
				marks = map[int64]mark{}
			}
			marks[seq] = mark{attempts: attempts, notBefore: store.Time(notBefore), running: running == 1, stored: true, deferred: deferred == 1}
		}
		return rows.Err()
	})
	for n := range replays {
		replays[n].mark = marks[replays[n].seq]
	}
	return marks, replays, err
}

// writeMark stores what is known of an event.
func (i *Inbox) writeMark(ctx context.Context, e *store.Event, m mark, reason string) error {
	return i.store.Update(context.WithoutCancel(ctx), func(ctx context.Context, tx store.Tx) error {
		return putMark(ctx, tx, e, m, reason)
	})
}

func putMark(ctx context.Context, tx store.Tx, e *store.Event, m mark, reason string) error {
	running := 0
	if m.running {
		running = 1
	}
	_, err := tx.Exec(ctx, `INSERT INTO attempt (seq, lane, attempts, not_before, running, reason) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (seq) DO UPDATE SET attempts = excluded.attempts, not_before = excluded.not_before,
			running = excluded.running, reason = excluded.reason`,
		e.Seq, e.Lane, m.attempts, store.Micros(m.notBefore), running, spoken(reason, maxReason))
	return err
}

func (i *Inbox) warn(ctx context.Context, message string, attrs ...slog.Attr) {
	if i.logger != nil {
		i.logger.LogAttrs(ctx, slog.LevelWarn, message, attrs...)
	}
}
