package durable

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// begin starts what a step found to do.
func (s *sender) begin(work *sending, found *step) {
	began := time.Now() // for the clock that no jump changes
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active += len(found.rows)
	for _, r := range found.rows {
		s.hands[r.chat] = r.id
		t := &try{sender: s, work: work, client: found.client, row: r, claim: found.claim, at: found.at, began: began, done: make(chan struct{})}
		go func() {
			defer s.end(0, r)
			v := t.send()
			if (v.state == rowSent && t.sent(v) || v.state != rowSent && t.commit(v)) && !v.none {
				t.tell(v)
			}
		}()
	}
	for _, r := range found.looks {
		if s.looking[r.id] {
			continue
		}
		s.looking[r.id] = true
		s.active++
		go func() {
			defer s.end(r.id, nil)
			s.look(work, found.client, r)
		}()
	}
}

// end notes that a send, or the look for a message, has ended.
func (s *sender) end(looked int64, r *row) {
	s.mu.Lock()
	delete(s.looking, looked)
	if r != nil {
		delete(s.aside, r.id)
	}
	if r != nil && s.hands[r.chat] == r.id { // the chat's next message may be there already
		delete(s.hands, r.chat)
	}
	s.active--
	s.ended++
	s.mu.Unlock()
	s.stir()
}

// try is one attempt at a message that was claimed or picked.
type try struct {
	*sender
	work   *sending
	client *chatapi.Client
	row    *row
	claim  string    // of the step that took it
	at     time.Time // of the claim, by the Desk's clock
	began  time.Time // of the claim, by the process's clock

	message  *chatapi.Prepared
	fellBack int

	stage    atomic.Int32  // of the hook
	done     chan struct{} // closed when the hook has returned
	reserved bool          // the attempt is stored
	refusal  error         // of the hook
	paced    time.Duration // the wait for the pace
	pair     time.Duration // the part of it that was for the recipient
	tooFast  time.Duration // until the recipient's turn, if that comes after the deadline
}

// The stages of the hook: the write was asked for, or the program ended before.
const (
	stageAsked = 1 + iota
	stageEnded
)

// The reasons of the hook to refuse a write.
var (
	errTaken    = errors.New("the message was canceled, or another process took it")
	errSlow     = errors.New("too much time has passed since the message was claimed, or the right to send was lost")
	errLate     = errors.New("the time until which it was to be sent has passed")
	errOptedOut = errors.New("the person wants no marketing")
	errEnding   = errors.New("the program ends")
	errStopped  = errors.New("all sending is stopped")
	errBehind   = errors.New("events that were accepted are not folded yet")
)

// send sends the message, unless something forbids that, and says what follows.
func (t *try) send() verdict {
	if err := t.choose(); err != nil {
		return t.unread(err)
	}
	if t.message == nil {
		return verdict{state: rowFailed, why: "The stored message cannot be read."}
	}
	switch until, why, err := t.quiet(); {
	case err != nil:
		return t.unread(err)
	case !until.IsZero():
		return verdict{state: rowLater, until: until, why: why, free: true}
	}
	ctx, cancel := context.WithTimeout(t.work.hard, sendLife)
	defer cancel()
	stop := context.AfterFunc(t.work.ctx, func() {
		if t.stage.CompareAndSwap(0, stageEnded) {
			cancel()
		}
	})
	defer stop()
	point.Reach(point.SendPace)
	receipt, err := t.client.SendPrepared(turn{ctx, t}, t.message, chatapi.OneWrite(), chatapi.BeforeWrite(t.beforeWrite), chatapi.OnWait(t.waits))
	if t.stage.Load() == stageAsked {
		<-t.done // a hook that the call no longer waited for
	}
	if err == nil {
		point.Reach(point.SendReplied)
		t.accepted()
		return verdict{state: rowSent, receipt: receipt}
	}
	return t.judge(err)
}

// unread returns what follows if the service window could not be looked up.
func (t *try) unread(err error) verdict {
	if errors.Is(err, errBehind) {
		return verdict{state: rowLater, wait: behindWait, why: "Messages that have just arrived are read first", quiet: true, none: true}
	}
	return verdict{state: rowLater, wait: refusedWait, why: "The store could not be read", err: asError(err)}
}

// turn is the context of a send. Until the write is asked for, its deadline is a little
// before the claim is too old, so that the pace refuses at once a turn that comes later.
// It would be given to a write that is then refused, and be lost to every other message.
type turn struct {
	context.Context
	*try
}

// Deadline is that of the wait for the turn, then that of the send.
func (t turn) Deadline() (time.Time, bool) {
	if t.stage.Load() == 0 {
		return t.began.Add(claimLife - claimLife/6), true
	}
	return t.Context.Deadline()
}

// choose reads the message, or the template of IfClosed if the window is closed.
func (t *try) choose() error {
	t.message, _ = readPrepared(t.row.body())
	t.fellBack = t.row.fellBack
	if t.message != nil && len(t.row.fallback) > 0 && t.fellBack == 0 {
		closed, err := t.closed()
		if err != nil {
			return err
		}
		if closed {
			t.fellBack = 1
			t.message, _ = readPrepared(t.row.fallback)
		}
	}
	if t.message != nil {
		t.message.Channel = t.client.ChannelID() // the same channel, maybe in another spelling
	}
	return nil
}

// closed reports whether the service window of the recipient is closed. A message that
// was accepted and not yet folded may have opened it, so everything has to be folded that
// was accepted before the first look. What arrives later is not waited for: the statuses
// of a campaign would hold up the rest of it.
func (t *try) closed() (closed bool, err error) {
	for look := 1; ; look++ {
		window, err := t.window()
		if err != nil || window.Open(t.clock.now()) {
			t.folded(true)
			return false, err
		}
		behind, err := t.store.Unfolded(t.work.hard, 1)
		if err != nil {
			return true, err
		}
		caughtUp := len(behind) == 0
		if !caughtUp {
			caughtUp = behind[0].Accepted.After(t.folded(false))
		}
		switch {
		case caughtUp:
			t.folded(true)
			window, err = t.window() // what was folded since may have opened it
			return !window.Open(t.clock.now()), err
		case look == behindLooks:
			return true, errBehind
		}
		if err := t.clock.wait(t.work.hard, t.clock.now().Add(behindWait/10), nil); err != nil {
			return true, err
		}
	}
}

func (t *try) window() (window chatapi.Window, err error) {
	err = t.store.View(t.work.hard, func(ctx context.Context, tx store.Tx) (err error) {
		window, err = t.state.windowIn(ctx, NewTx(tx), t.channel, t.message.To)
		return err
	})
	return window, err
}

// folded returns the acceptance up to which events have to be folded for the message: that
// of its first attempt, with a margin where several machines accept. done forgets it.
func (t *try) folded(done bool) (until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, known := t.behind[t.row.id]
	switch {
	case done:
		delete(t.behind, t.row.id)
	case !known:
		until = t.clock.now()
		if t.store.Shared() {
			until = until.Add(foldMargin)
		}
		t.behind[t.row.id] = until
	}
	return until
}

// beforeWrite stores the attempt directly before the message is written to the network,
// or forbids that.
func (t *try) beforeWrite(ctx context.Context, attempt chatapi.Attempt) error {
	if !t.stage.CompareAndSwap(0, stageAsked) {
		return errEnding
	}
	defer close(t.done)
	point.Reach(point.SendAsked)
	attempt.Started = attempt.Started.Add(t.skew()) // any machine compares it with its history
	t.pace()
	t.refusal = t.allowed()
	if t.refusal == nil {
		// The commit cannot be broken off, so that its result is known.
		t.refusal = t.reservations.do(&reservation{t, context.WithoutCancel(ctx), encodeAttempt(attempt), store.Micros(t.clock.now()),
			func(ctx context.Context, tx Tx) error { return t.reserveIn(ctx, tx, attempt) }}, t.reserve)
		t.reserved = t.refusal == nil
	}
	if t.refusal == nil {
		point.Reach(point.SendReserved)
		t.refusal = t.allowed() // the commit may have taken long
	}
	return t.refusal
}

// waits notes a wait for the pace. While it is for the recipient, others may go.
func (t *try) waits(w chatapi.WaitInfo) {
	pair := w.Reason == chatapi.WaitPair
	if last, _ := (turn{t.work.hard, t}).Deadline(); pair && time.Until(last) < w.Duration {
		t.tooFast = w.Duration
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !pair {
		delete(t.aside, t.row.id)
		return
	}
	t.pair = w.Duration
	t.aside[t.row.id] = t.clock.now().Add(w.Duration)
	t.ended++
	t.stir()
}

// pace notes how long the message waited for the pace.
func (t *try) pace() {
	t.paced = time.Since(t.began)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.aside, t.row.id)
	t.passed++
	t.waited += max(0, t.paced-t.pair)
}

// tell tells the hooks how the attempt ended.
func (t *try) tell(v verdict) {
	info := TriedInfo{Channel: chatapi.ChannelID(t.channel), State: stateNames[v.state], Waited: t.paced, Written: t.reserved && t.refusal == nil}
	if v.err != nil {
		info.Kind = v.err.Kind
	}
	if info.Duration = time.Since(t.began) - t.paced; t.paced == 0 {
		info.Waited, info.Duration = info.Duration, 0 // it did not come further
	}
	told(t.work.hard, t.parts, triedHook, info)
}

// allowed says what forbids the write. Both clocks count: one stands still while the
// machine sleeps, the other can be set.
func (t *try) allowed() error {
	now := t.clock.now()
	age := now.Round(0).Sub(t.at.Round(0))
	switch {
	case age > claimLife || age < -claimLife || time.Since(t.began) > claimLife, errors.Is(context.Cause(t.right), store.ErrLost):
		return errSlow
	case t.row.until > 0 && store.Micros(now) >= t.row.until:
		return errLate
	}
	return nil
}

// mayReserve is the condition under which a message may become a reserved one; $1 is the
// claim. The statement for one message has it, and that for several. They also ask whether
// it had as many attempts when it was picked.
const mayReserve = "(state = 1 OR state = 2 AND outbox.claim = $1) AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'stopped')"

// reserveIn makes the message a reserved one.
func (t *try) reserveIn(ctx context.Context, tx Tx, attempt chatapi.Attempt) error {
	if err := t.allowed(); err != nil {
		return err
	}
	if isMarketing(t.message) {
		out, err := t.state.optedOutIn(ctx, tx, t.channel, t.message.To)
		switch {
		case err != nil:
			return err
		case out:
			return errOptedOut
		}
	}
	number := t.row.attempts + 1
	changed, err := tx.Exec(ctx, `UPDATE outbox SET state = 3, claim = $1, attempts = $3, reserved = $4, fell_back = $5, looked = 0
		WHERE id = $2 AND attempts + 1 = $3 AND `+mayReserve, t.claim, t.row.id, number, store.Micros(t.clock.now()), t.fellBack)
	switch {
	case err != nil:
		return err
	case changed == 0:
		if stopped, err := whyStopped(ctx, tx); err != nil || stopped != "" {
			return errors.Join(errStopped, err)
		}
		return errTaken
	}
	_, err = tx.Exec(ctx, `INSERT INTO outbox_attempt (outbox, number, attempt, at, message_id, result) VALUES ($1, $2, $3, $4, '', '')`,
		t.row.id, number, encodeAttempt(attempt), store.Micros(t.clock.now()))
	return err
}
