package durable

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Work collects what is committed when the handler returns nil, together with the mark
// "done" of its event: all of it or nothing. It is safe for concurrent use, until the
// handler returns or its time is over.
type Work struct {
	// Attempt counts the calls for this event that failed, and this one, from 1.
	// [Work.Defer] is not counted.
	Attempt int

	// Accepted is when the event was stored.
	Accepted time.Time

	inbox *Inbox
	event *store.Event
	key   string // of the event

	replay       bool      // the event is a dead letter
	first        bool      // the handler was not called for the event before
	began, ended time.Time // of the handler's call, for hooks

	mu     sync.Mutex
	sealed error
	plans  []plan
	writes []func(ctx context.Context, tx Tx) error
	until  time.Time // of Defer
}

// plan is a message of Send.
type plan struct {
	message *planned
	queued  *Queued
}

var (
	errReturned    = errors.New("the handler has returned, and what it did is committed or dropped")
	errTimeoutInTx = errors.New("the functions of InTx took longer than RetryPolicy.Timeout allows")
	errTimeout     = errors.New("the handler took longer than RetryPolicy.Timeout allows")
	errLost        = errors.New("the connection to the database broke, so that another process may handle the event")
	errGoexit      = errors.New("the function ended its goroutine (runtime.Goexit, as require.NoError does) instead of returning an error")
	errDraining    = errors.New("the program ends, and DrainTimeout is over")
)

// Send plans a message that answers the event: [Outbox] sends it after the commit, and
// the same event plans it once, however often the handler runs. A message that is wrong
// is an error at once. The key is "event/", the event's key, and the number of the call
// in this handler, from 1; so a handler that runs again should plan its messages in the
// same order.
//
// The Queued has its ID from the commit on: functions of [Work.InTx] see it. Send calls
// nothing and stores nothing itself.
func (w *Work) Send(to chatapi.Recipient, m chatapi.Message, opts ...SendOption) (*Queued, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed != nil {
		return nil, fmt.Errorf("durable: Work.Send: the message is not planned: %w", w.sealed)
	}
	channel := chatapi.ChannelID(w.event.Channel)
	key := "event/" + w.key + "/" + strconv.Itoa(len(w.plans)+1)
	message, err := w.inbox.outbox.prepare(channel, key, to, m, opts)
	if err != nil {
		return nil, fmt.Errorf("durable: Work.Send: %w", err)
	}
	queued := &Queued{Channel: channel, Key: key, To: to, State: StatePlanned, Planned: w.now()}
	w.plans = append(w.plans, plan{message, queued})
	return queued, nil
}

// InTx adds writes to the transaction of the event. do runs after the handler has
// returned nil, so the handler does not read what it writes. It may run more than once
// and commits once. Its error, or panic, undoes the whole transaction and counts as the
// handler's. Its context ends after [RetryPolicy].Timeout; a do that ignores that keeps
// everybody else from writing, and [Health] says so. Inside do, use tx and the methods that take one: others are [ErrInTx].
// [Tx.Changed] tells the function of [Desk.BeforeCommit] what do changes. The error of
// InTx says that the handler has returned or its time is over.
func (w *Work) InTx(do func(ctx context.Context, tx Tx) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.sealed != nil:
		return fmt.Errorf("durable: Work.InTx: the writes are dropped: %w", w.sealed)
	case do == nil:
		return errors.New("durable: Work.InTx: the function is nil")
	}
	w.writes = append(w.writes, do)
	return nil
}

// Defer asks for the event again at a time, whatever the handler returns. That is no
// failed attempt. Nothing of the Work is committed, and the chat waits. A time that has
// come is in a second.
func (w *Work) Defer(until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed != nil {
		return
	}
	if soon := w.now().Add(time.Second); until.Before(soon) {
		until = soon
	}
	w.until = until
}

// deferred returns the time of Defer; zero if it was not called.
func (w *Work) deferred() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.until
}

// now is the time of the desk's clock; that of the machine for a Work of a test.
func (w *Work) now() time.Time {
	if w.inbox == nil {
		return time.Now()
	}
	return w.inbox.clock.now()
}

// seal ends the Work for a reason. What was collected stays readable.
func (w *Work) seal(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed == nil {
		w.sealed = why
	}
}

// commit does inside a transaction what the handler asked for. own is the error of a
// function of InTx, which is the handler's fault and not the store's.
func (w *Work) commit(ctx context.Context, tx Tx) (own, err error) {
	for _, p := range w.plans {
		stored, err := w.inbox.outbox.planIn(ctx, tx, p.message)
		if err != nil {
			return nil, fmt.Errorf("plan message %s: %w", p.queued.Key, err)
		}
		*p.queued = *stored
	}
	if len(w.writes) == 0 {
		return nil, nil
	}
	defer w.inbox.writes(w.event.Lane)()
	ctx, cancel := context.WithTimeoutCause(ctx, w.inbox.retries.Timeout, errTimeoutInTx)
	defer cancel()
	for _, write := range w.writes {
		err := apart(func() error { return write(ctx, tx) })
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		if err != nil {
			return err, err
		}
	}
	return nil, nil
}

// inTx is the functions of InTx that run; those of one event at a time do.
type inTx struct {
	lane  string
	since time.Time // of the machine
}

// longWrite is how long functions of InTx may run before Health names them.
const longWrite = 5 * time.Second

// writes notes that functions of InTx run, until ended is called.
func (i *Inbox) writes(lane string) (ended func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.written = inTx{lane, time.Now()}
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.written = inTx{}
	}
}

// writing returns for how long functions of InTx have run, and of which chat; 0 if that is
// not long.
func (i *Inbox) writing() (span time.Duration, chat string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.written.lane == "" || time.Since(i.written.since) < longWrite {
		return 0, ""
	}
	return time.Since(i.written.since), i.written.lane
}
