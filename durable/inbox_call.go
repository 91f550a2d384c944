package durable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/lanes"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// maxReason is how many bytes of an error are kept.
const maxReason = 2000

// commitTries is how often the effects of a handler are committed before its attempt
// counts as failed.
const commitTries = 4

var errParser = errors.New("the parser has changed: the body of the event's delivery has no event with its key any more; " +
	"replay the letter with a version of the SDK that reads it")

// handle calls the handler for an open event and stores what came of it. An error is the
// store's.
func (i *Inbox) handle(ctx context.Context, e *store.Event, m mark) (next, error) {
	event, err := i.find(ctx, e)
	switch {
	case errors.Is(err, errParser):
		return next{}, i.handled(ctx, e, nil, HandledDead, m.attempts, err, i.bury(ctx, e, m, "", err.Error()))
	case err != nil:
		return next{}, err
	}
	w := &Work{Attempt: max(m.attempts, 0) + 1, Accepted: e.Accepted, inbox: i, event: e, key: event.Key(), first: !m.stored}
	if m.running { // counted already
		w.Attempt = m.attempts
	}
	var after next
	called, err := i.call(ctx, event, w, func(ctx context.Context, err error) error {
		after, err = i.fail(ctx, e, m, w, err)
		return err
	})
	if called {
		return after, err
	}
	point.Reach(point.HandlerReturned)
	w.ended = i.clock.now()
	switch err := i.commit(ctx, w, doneOpen, m.stored); {
	case i.breaks(e.Seq, w, err):
		return i.fail(ctx, e, m, w, fmt.Errorf("the connection to the database broke each time while a function of InTx wrote: %w", err))
	case store.IsDown(err) && !m.running: // such as a full disk, which says nothing of the handler
		return next{}, err
	case err != nil:
		return i.fail(ctx, e, m, w, err)
	}
	return next{}, i.handled(ctx, e, w, HandledDone, w.Attempt, nil, nil)
}

// breaksMost is how often the connection to the database may break while functions of one
// event write, before that is the event's fault: a failed attempt. A database that is
// killed by a statement would be killed for ever otherwise, and the chat would wait.
const breaksMost = 3

// breaks counts the outcome of a commit, and reports whether the event is to blame.
func (i *Inbox) breaks(seq int64, w *Work, err error) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(w.writes) == 0 || !store.IsBroken(err) {
		delete(i.broke, seq)
		return false
	}
	i.broke[seq]++
	return i.broke[seq] > breaksMost
}

// handled tells the hooks what became of an event, unless that could not be stored. w is
// nil if the handler was not called; why is the error of the handler.
func (i *Inbox) handled(ctx context.Context, e *store.Event, w *Work, outcome HandledOutcome, attempt int, why, failed error) error {
	if failed != nil || len(i.hooks) == 0 {
		return failed
	}
	info := HandledInfo{Channel: chatapi.ChannelID(e.Channel), Attempt: attempt, Outcome: outcome, Err: why}
	if w != nil {
		info.Key = w.key
		if w.ended.IsZero() {
			w.ended = i.clock.now()
		}
		info.Lag, info.Duration, info.First, info.Replay = w.began.Sub(w.Accepted), w.ended.Sub(w.began), w.first, w.replay
	}
	told(ctx, i.parts, handledHook, info)
	return nil
}

// call calls the handler and reports whether it failed. Then it has called fail with
// the handler's error, at the latest when the time of the handler was over: a handler
// that ignores this keeps its worker and its lane, but can commit nothing.
func (i *Inbox) call(ctx context.Context, event chatapi.Event, w *Work, fail func(context.Context, error) error) (failed bool, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, i.retries.Timeout, errTimeout)
	defer cancel()
	w.began = i.clock.now()
	recorded := make(chan error, 1)
	stop := context.AfterFunc(limited, func() {
		why := endOf(limited)
		w.seal(why)
		i.setStuck(w.event.Lane, 1)
		err := fail(ctx, why)
		i.release(w.event.Lane) // else others that run alone would wait for it
		recorded <- err
	})
	point.Reach(point.HandlerBefore)
	own := apart(func() error { return i.handler(limited, event, w) })
	w.seal(errReturned)
	if !stop() {
		err := <-recorded
		i.setStuck(w.event.Lane, -1)
		return true, err
	}
	if end := endOf(limited); own != nil && end != nil && (!errors.Is(end, errTimeout) || errors.Is(own, context.DeadlineExceeded)) {
		own = end // it returned just when its context ended, whose own error says less
	}
	if own != nil || !w.deferred().IsZero() {
		return true, fail(ctx, own)
	}
	return false, nil
}

// endOf returns why the context of a handler ended; nil if it did not.
func endOf(ctx context.Context) error {
	why := context.Cause(ctx)
	switch {
	case errors.Is(why, lanes.ErrDrained):
		return errDraining
	case errors.Is(why, store.ErrLost):
		return errLost
	}
	return why
}

// protect returns the panic of a function as its error.
func protect(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return do()
}

// apart is protect for a function of the user's, in a goroutine of its own: one that ends
// its goroutine (runtime.Goexit) would end the worker and keep its lane.
func apart(do func() error) error {
	err := errGoexit
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = protect(do)
	}()
	<-ended
	return err
}

// setStuck counts handlers of a chat whose time is over.
func (i *Inbox) setStuck(lane string, n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stuck[lane] += n; i.stuck[lane] <= 0 {
		delete(i.stuck, lane)
	}
}

// fail stores a failed or deferred attempt of an open event.
func (i *Inbox) fail(ctx context.Context, e *store.Event, m mark, w *Work, err error) (next, error) {
	counted := m.running
	m.running, m.stored = false, true
	switch {
	case errors.Is(err, errDraining): // a start finds the event again
		if counted { // an end in order is no attempt
			m.attempts--
			return next{wait: true}, i.writeMark(ctx, e, m, endedInOrder)
		}
		return next{wait: true}, nil
	case errors.Is(err, errLost): // another process may work on it already
		return next{wait: true, at: i.clock.now().Add(busyPause)}, nil
	case errors.Is(err, store.ErrDone):
		return next{}, nil
	case errors.Is(err, ErrNotConnected) && i.leave(e.Lane, e.Channel): // another program has the channel, or this one will
		if counted {
			m.attempts--
			return next{wait: true, at: i.clock.now().Add(heldPoll)}, i.writeMark(ctx, e, m, notConnected)
		}
		return next{wait: true, at: i.clock.now().Add(heldPoll)}, nil
	case !w.deferred().IsZero() && !errors.Is(err, errTimeout):
		if counted {
			m.attempts--
		}
		m.notBefore = w.deferred()
		failed := i.insist(ctx, func() error { return i.writeMark(ctx, e, m, "deferred") })
		return next{wait: true, at: m.notBefore}, i.handled(ctx, e, w, HandledDeferred, w.Attempt, nil, failed)
	}
	if !counted {
		m.attempts++
	}
	if errors.Is(err, ErrDead) || m.attempts >= i.retries.Attempts {
		failed := i.insist(ctx, func() error { return i.bury(ctx, e, m, w.key, err.Error()) })
		return next{}, i.handled(ctx, e, w, HandledDead, m.attempts, err, failed)
	}
	if m.attempts == 1 {
		i.warnFailed(ctx, e)
	}
	m.notBefore = i.clock.now().Add(max(i.retries.Delay(m.attempts), 0))
	failed := i.insist(ctx, func() error { return i.writeMark(ctx, e, m, err.Error()) })
	return next{wait: true, at: m.notBefore}, i.handled(ctx, e, w, HandledRetry, w.Attempt, err, failed)
}

// insist repeats a write of the store until it succeeds or ctx ends, since the handler
// has run and its attempt has to be counted.
func (i *Inbox) insist(ctx context.Context, write func() error) error {
	for failures := 1; ; failures++ {
		err := write()
		if err == nil || errors.Is(err, store.ErrDone) {
			return nil
		}
		i.warn(ctx, "What came of an event cannot be stored; it is tried again, and the event's chat waits.", slog.Any("error", err))
		if pause(ctx, failures) != nil {
			return err
		}
	}
}

// bury makes an open event a dead letter.
func (i *Inbox) bury(ctx context.Context, e *store.Event, m mark, key, reason string) error {
	err := i.store.Update(context.WithoutCancel(ctx), func(ctx context.Context, tx store.Tx) error {
		if err := i.store.Done(ctx, tx, e); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO dead (seq, lane, channel, event_key, attempts, reason, accepted, died, replay)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`, e.Seq, e.Lane, e.Channel, spoken(key, maxReason), m.attempts,
			spoken(reason, maxReason), store.Micros(e.Accepted), store.Micros(i.clock.now())); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM attempt WHERE seq = $1", e.Seq)
		return err
	})
	if errors.Is(err, store.ErrDone) {
		return nil
	}
	if err == nil {
		i.warn(ctx, "An event is a dead letter now, and waits for a person; see Inbox.Dead, Replay and Discard.", slog.Int64("id", e.Seq), slog.String("channel", e.Channel), slog.Int("attempts", m.attempts))
	}
	return err
}

// doneOpen marks an open event as done inside a transaction.
func doneOpen(ctx context.Context, i *Inbox, tx store.Tx, e *store.Event) error {
	return i.store.Done(ctx, tx, e)
}

// commit commits what a handler asked for, with the mark that its event is done. An
// error of the store is tried again, so that the handler need not run again.
func (i *Inbox) commit(ctx context.Context, w *Work, done func(context.Context, *Inbox, store.Tx, *store.Event) error, marked bool) error {
	var own error
	update := func(ctx context.Context, tx store.Tx) (err error) {
		own = nil
		if err := done(ctx, i, tx, w.event); err != nil {
			return err
		}
		if marked {
			if _, err := tx.Exec(ctx, "DELETE FROM attempt WHERE seq = $1", w.event.Seq); err != nil {
				return err
			}
		}
		own, err = w.commit(ctx, NewTx(tx))
		return err
	}
	for try := 1; ; try++ {
		err := i.store.Update(context.WithoutCancel(ctx), update)
		if own != nil {
			return own
		}
		if err == nil || errors.Is(err, store.ErrDone) {
			break
		}
		i.warn(ctx, "What a handler did could not be committed; it is tried again.", slog.Any("error", err))
		if try == commitTries || pause(ctx, try) != nil {
			return fmt.Errorf("the store did not commit what the handler did: %w", err)
		}
	}
	point.Reach(point.HandlerCommitted)
	if len(w.plans) > 0 {
		i.outbox.wake(w.event.Channel)
	}
	return nil
}

// find returns the event of a row: from the bodies that were parsed, else from its own.
// The error is errParser if the body has it no longer, else the store's.
func (i *Inbox) find(ctx context.Context, row *store.Event) (chatapi.Event, error) {
	if e := i.parsed.take(row.Key); e != nil {
		return e, nil
	}
	stored, err := i.store.Event(ctx, row.Seq)
	switch {
	case err != nil:
		return nil, err
	case stored == nil:
		return nil, errParser
	}
	events, _ := chatapi.ParseWebhook(stored.Body) // the error names other elements
	group := i.parsed.group(len(stored.Body), len(events))
	for _, e := range events {
		labelEvent(e, row.Channel, row.Received)
	}
	if n := row.Index; n < len(events) && eventHash(row.Channel, events[n].Key()) == row.Key {
		group.add(row.Key, events[n])
	}
	for _, e := range events {
		group.add(eventHash(row.Channel, e.Key()), e)
	}
	found := group.events[row.Key]
	if found == nil {
		return nil, errParser
	}
	delete(group.events, row.Key)
	i.parsed.put(group, true)
	return found, nil
}
