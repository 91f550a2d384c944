package durable

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// refusedWait is the pause before a message is tried again whose send did not come as
// far as the network.
const refusedWait = 10 * time.Second

// behindWait is the pause before the service window is looked up again, if events that
// may open it were not read yet.
const behindWait = time.Second

// behindLooks is how often it is looked up before that pause, a tenth of it apart, and
// foldMargin how far the clocks of machines that accept may differ.
const behindLooks, foldMargin = 4, 2 * time.Second

// verdict is what follows for a message after an attempt.
type verdict struct {
	state    rowState // rowSent, rowUnknown, rowFailed, rowSkipped, or rowPlanned and rowLater for another attempt
	receipt  *chatapi.Receipt
	err      *chatapi.Error
	why      string
	wait     time.Duration // before another attempt
	until    time.Time     // instead of wait
	free     bool          // it holds back no other message
	template bool          // the next attempt sends the template of IfClosed
	quiet    bool          // nothing happened that OnChange has to hear of
	none     bool          // it was no attempt, of which hooks hear nothing
}

// judge returns what follows from an error of a send.
func (t *try) judge(err error) verdict {
	e := asError(err)
	switch {
	case errors.Is(t.refusal, errTaken):
		return verdict{}
	case errors.Is(t.refusal, errLate):
		return verdict{state: rowSkipped, why: whyLate}
	case errors.Is(t.refusal, errOptedOut):
		return verdict{state: rowSkipped, why: "The person wants no marketing messages."}
	case errors.Is(t.refusal, errSlow), errors.Is(t.refusal, errStopped), t.stage.Load() == stageEnded:
		return verdict{state: rowPlanned, quiet: true}
	case t.refusal != nil:
		t.report("An attempt could not be stored before the write, so nothing was sent; it is tried again.", "channel", t.channel, "error", t.refusal)
		return verdict{state: rowLater, wait: time.Second, quiet: true}
	case e == nil:
		return verdict{state: rowUnknown, why: err.Error()}
	case e.Kind == chatapi.ErrOutcomeUnknown, e.Retry == chatapi.RetryUnknown, e.Kind == chatapi.ErrCanceled && e.Sent:
		t.lostAnswer(e)
		return verdict{state: rowUnknown, why: "the service did not answer", err: e}
	case !t.reserved:
		return t.judgeUnasked(e)
	case e.Kind == chatapi.ErrCanceled: // the time of the send was over, or the program ended, before a byte was written
		return verdict{state: rowPlanned, quiet: true}
	}
	return t.judgeRefusal(e)
}

// judgeUnasked returns what follows if the send failed before it came to the network.
// The message was checked when it was planned, so the channel's client is at fault.
func (t *try) judgeUnasked(e *chatapi.Error) verdict {
	switch {
	case e.Kind == chatapi.ErrCanceled && t.tooFast > 0:
		return verdict{state: rowLater, wait: min(t.tooFast, longestPause), why: "The recipient gets messages too fast", quiet: true}
	case e.Kind == chatapi.ErrCanceled: // the pace would take longer than a claim lives
		t.alone()
		return verdict{state: rowLater, wait: refusedWait, why: "The channel gets messages too fast", quiet: true}
	case e.Field == "prepared message":
		return verdict{state: rowFailed, why: sentence(e), err: e}
	}
	t.refuse(e)
	return verdict{state: rowPlanned, why: sentence(e), err: e}
}

// judgeRefusal returns what follows if the service, or the network, refused.
func (t *try) judgeRefusal(e *chatapi.Error) verdict {
	scope := e.Scope()
	if e.HTTPStatus != 0 {
		t.answered()
	}
	switch {
	case e.Kind == chatapi.ErrWindowClosed && len(t.row.fallback) > 0 && t.fellBack == 0:
		return verdict{state: rowPlanned, template: true, why: whyFellBack, err: e}
	case scope == chatapi.StopChannel || scope == chatapi.StopAccount:
		t.refuse(e)
		return verdict{state: rowPlanned, why: sentence(e), err: e}
	case e.Retry == chatapi.RetryBackoff && t.row.attempts+1 < t.retries.Attempts:
		return verdict{state: rowLater, wait: max(e.RetryAfter, t.retries.Delay(t.row.attempts+1)), why: sentence(e), err: e}
	}
	return verdict{state: rowFailed, why: sentence(e), err: e}
}

// refuse pauses the channel after an error that concerns all of its messages. The
// errors of sends that ran at the same time count once.
func (s *sender) refuse(e *chatapi.Error) {
	now := s.clock.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	pause := e.RetryAfter
	if !now.Before(s.pauseTo) {
		s.failures++
		pause = max(pause, min(longestPause, time.Second<<min(s.failures-1, 10)))
	}
	if e.Kind == chatapi.ErrBlocked {
		pause = max(pause, probeEvery)
	}
	if to := now.Add(pause); to.After(s.pauseTo) {
		s.pauseTo, s.pauseWhy = to, sentence(e)
	}
	s.slots = 1
}

// lostAnswer pauses the channel after the second answer in a row that was lost: every
// message that goes into a service that does not answer may need a person. One alone is
// an accident of a connection, and a pause would cost the others a second.
func (s *sender) lostAnswer(e *chatapi.Error) {
	s.mu.Lock()
	s.lostInRow++
	pause := s.lostInRow > 1
	s.mu.Unlock()
	if pause {
		s.refuse(e)
	}
}

// answered notes that the service answers.
func (s *sender) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostInRow = 0
}

// alone lets one message at a time wait for the pace, until adapt sees that it is fast.
func (s *sender) alone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots = 1
}

// accepted notes that the channel works.
func (s *sender) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostInRow = 0
	if !s.clock.now().Before(s.pauseTo) {
		s.failures, s.pauseWhy = 0, ""
	}
}

// storeWait is the pause after the store has failed that many times before.
func storeWait(failures int) time.Duration {
	return min(time.Second<<min(failures, 10), longestTrouble)
}

// commit writes the verdict on the attempt. It goes on until it succeeds or the program
// ends; then the message is unknown at the next start, and done is false.
func (t *try) commit(v verdict) (done bool) {
	if v.state == 0 {
		return false
	}
	for failures := 0; ; failures++ {
		err := t.store.Update(context.WithoutCancel(t.work.hard), func(ctx context.Context, tx store.Tx) error {
			return t.verdictIn(ctx, NewTx(tx), v)
		})
		if err == nil {
			point.Reach(point.SendCommitted)
			return true
		}
		t.reportStore(t.work, err)
		if t.clock.wait(t.work.hard, t.clock.now().Add(storeWait(failures)), nil) != nil {
			return false
		}
	}
}

// verdictIn writes the verdict if the message still is this attempt's: claimed or reserved
// by it or, where no write was asked for, as it was picked.
func (t *try) verdictIn(ctx context.Context, tx Tx, v verdict) error {
	s, id, picked := t.sender, t.row.id, t.row.state
	if v.state == rowSent {
		picked = 0
	}
	rows, err := holdRows(ctx, tx, `id = $1 AND (claim = $2 AND state IN (2, 3, 5) OR state = 1 AND state = $3 AND attempts = $4)`,
		id, t.claim, int(picked), t.row.attempts)
	if err != nil || len(rows) == 0 {
		return err
	}
	r, now := rows[0], s.clock.now()
	switch v.state {
	case rowSent:
		return s.sentIn(ctx, tx, r, v.receipt.ID, now)
	case rowUnknown:
		if r.state == rowUnknown {
			return nil
		}
		return s.unknownIn(ctx, tx, r, v.why)
	case rowFailed, rowSkipped:
		return s.failIn(ctx, tx, r, v.state, v.why, v.err)
	}
	notBefore, claimed, fellBack := store.Micros(v.until), r.claimed, r.fellBack
	if v.wait > 0 {
		notBefore = store.Micros(now.Add(v.wait))
	}
	switch {
	case v.free:
		claimed = 0
	case claimed == 0: // it was picked
		claimed = store.Micros(now)
	}
	if v.template {
		fellBack = 1
	}
	if _, err := tx.Exec(ctx, `UPDATE outbox SET state = $2, claim = '', not_before = $3, fell_back = $4, reason = $5, claimed = $6 WHERE id = $1`,
		id, int(v.state), notBefore, fellBack, spoken(v.why, 1000), claimed); err != nil {
		return err
	}
	if r.state == rowReserved {
		result := "nothing was written"
		if v.err != nil {
			result = string(v.err.Kind)
		}
		if err := s.attemptIn(ctx, tx, r, result); err != nil {
			return err
		}
	}
	if v.quiet {
		return nil
	}
	return s.changedIn(ctx, tx, id)
}

// Nothing changes the spans but the kill tests, see shorten.
var (
	// firstLook is when an unknown message is first looked for in the history, and
	// lastLook after when it is left to a person.
	firstLook, secondLook, laterLooks = 70 * time.Second, 10 * time.Minute, 5 * time.Minute
	lastLook                          = 30 * time.Minute
)

// resolve looks for a message in the history. A template is in it with other texts, so
// that a template that is not found may be there. A message that another row has already
// is not this one, although the texts are equal.
func (o *Outbox) resolve(ctx context.Context, client *chatapi.Client, attempt *chatapi.Attempt) (chatapi.Resolution, error) {
	found, err := client.Resolve(ctx, *attempt)
	if err == nil && found.Outcome == chatapi.OutcomeNotFound && attempt.Operation == templateOperation {
		found = chatapi.Resolution{Outcome: chatapi.OutcomeUnknown, Why: "the history does not tell one template from another"}
	}
	if err != nil || found.Outcome != chatapi.OutcomeAccepted {
		return found, err
	}
	known, err := o.Sent(ctx, attempt.Channel, found.ID)
	if err != nil || known {
		found = chatapi.Resolution{Outcome: chatapi.OutcomeUnknown, Why: whyAnothers}
	}
	return found, err
}

const whyAnothers = "the history has the text only in another message of this outbox"

var errAnothers = errors.New(whyAnothers)

// anothersIn reports whether a message of the history is another one of the outbox, or may
// be: it was sent while the history was read, and its id is there already or about to come.
func (o *Outbox) anothersIn(ctx context.Context, tx Tx, r *row, messageID string) (bool, error) {
	known, err := sentIDIn(ctx, tx, r.channel, messageID)
	if known || err != nil {
		return known, err
	}
	open, err := o.unaccounted(ctx, tx, r.channel, []string{r.chat})
	return slices.ContainsFunc(open, func(other *row) bool {
		return other.id != r.id && other.state == rowReserved && bytes.Equal(other.body(), r.body())
	}), err
}

// nowhere reports that the history does not have a message, whatever the clock was that
// its attempt was stored by: it looks from twenty minutes before the attempt until now.
// After six hours that would be too many looks, and a person has to tell.
func (o *Outbox) nowhere(ctx context.Context, client *chatapi.Client, attempt chatapi.Attempt) (chatapi.Resolution, error) {
	const span = 10 * time.Minute // of one look
	now := o.clock.now()
	if now.Sub(attempt.Started) > 6*time.Hour {
		return chatapi.Resolution{Outcome: chatapi.OutcomeUnknown, Why: "the history does not have it, and it was hours ago"}, nil
	}
	for attempt.Started = attempt.Started.Add(-2 * span); ; attempt.Started = attempt.Started.Add(span) {
		if last := now.Add(-span); attempt.Started.After(last) {
			attempt.Started = last // a later look would be too young to tell
		}
		found, err := o.resolve(ctx, client, &attempt)
		if err != nil || found.Outcome != chatapi.OutcomeNotFound {
			found.Outcome = chatapi.OutcomeUnknown
			return found, err
		}
		if !attempt.Started.Add(span).Before(now) {
			return found, nil
		}
	}
}

// look looks for an unknown message in the history, and settles it if it can.
func (s *sender) look(work *sending, client *chatapi.Client, r *row) {
	q, err := s.view(work.hard, "look", "o.id = $1", r.id)
	if err != nil || q == nil {
		return // the next step finds it again
	}
	found := chatapi.Resolution{Outcome: chatapi.OutcomeUnknown, Why: "no attempt is stored"}
	if q.Attempt != nil && client != nil {
		attempt := *q.Attempt
		attempt.Channel = client.ChannelID()
		ctx, cancel := context.WithTimeout(work.ctx, claimLife)
		found, err = s.resolve(ctx, client, &attempt)
		if err == nil && found.Outcome == chatapi.OutcomeNotFound && s.unknown == ResolveThenResend {
			found, err = s.nowhere(ctx, client, attempt)
		}
		cancel()
	}
	if work.ctx.Err() != nil {
		return
	}
	if err := s.store.Update(work.hard, func(ctx context.Context, tx store.Tx) error {
		return s.lookedIn(ctx, NewTx(tx), r, found, err)
	}); err != nil {
		s.reportStore(work, err)
	}
}

// lookedIn writes what a look into the history told.
func (s *sender) lookedIn(ctx context.Context, tx Tx, r *row, found chatapi.Resolution, failed error) error {
	rows, err := holdRows(ctx, tx, "id = $1 AND state = 5 AND attempts = $2", r.id, r.attempts)
	if err != nil || len(rows) == 0 {
		return err
	}
	r = rows[0]
	now := store.Micros(s.clock.now())
	age := time.Duration(now-r.reserved) * time.Microsecond
	if found.Outcome == chatapi.OutcomeAccepted {
		another, err := s.anothersIn(ctx, tx, r, found.ID)
		if err != nil {
			return err
		}
		if another {
			found = chatapi.Resolution{Outcome: chatapi.OutcomeUnknown, Why: whyAnothers}
		}
	}
	why := found.Why
	switch {
	case found.Outcome == chatapi.OutcomeAccepted:
		point.Reach(point.LookBegun)
		return s.sentIn(ctx, tx, r, found.ID, store.Time(r.reserved))
	case failed != nil:
		why = strings.TrimSuffix(sentence(failed), ".")
	case found.Outcome == chatapi.OutcomeNotFound:
		r.looked++
	}
	if s.unknown == ResolveThenResend && found.Outcome == chatapi.OutcomeNotFound && failed == nil && age >= secondLook && r.looked >= 2 {
		if _, err := tx.Exec(ctx, `UPDATE outbox SET state = 1, claim = '', not_before = 0, looked = 0,
			reason = 'The history does not have it, so it is sent again.' WHERE id = $1`, r.id); err != nil {
			return err
		}
		return s.changedIn(ctx, tx, r.id)
	}
	last := age >= lastLook || errors.Is(failed, chatapi.ErrHistoryOff) || failed == nil && age >= secondLook && s.unknown != ResolveThenResend
	next := int64(0)
	switch {
	case last && s.unknown == ResolveThenSkip:
		return s.failIn(ctx, tx, r, rowSkipped, "It was given up, because "+strings.ToLower(whyUnknown(why)[:1])+whyUnknown(why)[1:], nil)
	case last:
		s.report("Nobody knows whether a message went out; a person has to settle it with Outbox.Settle.", "channel", r.channel, "message", r.id)
	case age < secondLook:
		next = r.reserved + secondLook.Microseconds()
	default:
		next = now + laterLooks.Microseconds()
	}
	if _, err := tx.Exec(ctx, "UPDATE outbox SET looked = $2, not_before = $3, reason = $4 WHERE id = $1", r.id, r.looked, next, whyUnknown(why)); err != nil {
		return err
	}
	return s.changedIn(ctx, tx, r.id)
}
