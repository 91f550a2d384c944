package durable

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Get returns the message of that key; nil, and no error, if there is none. It calls
// nothing but the store and is never repeated.
func (o *Outbox) Get(ctx context.Context, channel chatapi.ChannelID, key string) (*Queued, error) {
	name := canonical(channel)
	return o.view(ctx, "Outbox.Get", "o.channel = $1 AND o.khash = $2", name, keyHash(name, key))
}

// view returns one message.
func (o *Outbox) view(ctx context.Context, op, where string, args ...any) (q *Queued, err error) {
	if store.InTx(ctx) {
		return nil, wrong(op, ErrInTx)
	}
	o.askHalt(ctx)
	err = o.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		q, err = o.oneIn(ctx, NewTx(tx), where, args...)
		return err
	})
	if err != nil {
		return nil, wrong(op, err)
	}
	return q, nil
}

// QueueFilter chooses messages. Its zero value chooses all.
type QueueFilter struct {
	Channel chatapi.ChannelID // empty: every channel
	To      chatapi.Recipient // zero: everybody
	States  []SendState       // empty: every state
	After   int64             // only messages with a greater ID
}

// where returns the condition of a filter, and its arguments after the first, which is
// the greatest ID so far.
func (f QueueFilter) where() (string, []any) {
	where, args := "o.id > $1", []any(nil)
	if f.Channel != "" {
		args = append(args, canonical(f.Channel))
		where += fmt.Sprintf(" AND o.channel = $%d", len(args)+1)
	}
	if !f.To.IsZero() {
		args = append(args, chatOf(f.To))
		where += fmt.Sprintf(" AND o.chat = $%d", len(args)+1)
	}
	if len(f.States) > 0 {
		var numbers []string
		for _, state := range f.States {
			for n := rowPlanned; n <= rowLater; n++ { // in order, so that the same filter is the same text
				if stateNames[n] == state {
					numbers = append(numbers, fmt.Sprint(int(n)))
				}
			}
		}
		where += " AND o.state IN (" + strings.Join(append(numbers, "0"), ", ") + ")"
	}
	return where + " ORDER BY o.id LIMIT 100", args
}

// List yields the messages of a filter in the order in which they were planned. It
// reads them in pages, so a message that changes meanwhile is shown before or after
// its change. After an error it ends. It calls nothing but the store and is never repeated.
func (o *Outbox) List(ctx context.Context, f QueueFilter) iter.Seq2[*Queued, error] {
	return func(yield func(*Queued, error) bool) {
		const op = "Outbox.List"
		if store.InTx(ctx) {
			yield(nil, wrong(op, ErrInTx))
			return
		}
		where, args := f.where()
		o.askHalt(ctx)
		for after := f.After; ; {
			var page []*Queued
			err := o.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
				var err error
				page, err = o.manyIn(ctx, NewTx(tx), where, append([]any{after}, args...)...)
				return err
			})
			if err != nil {
				yield(nil, wrong(op, err))
				return
			}
			for _, q := range page {
				if after = q.ID; !yield(q, nil) {
					return
				}
			}
			if len(page) < 100 {
				return
			}
		}
	}
}

// Unknown yields the messages of which nobody knows whether they went out; those that
// the history has not settled after half an hour wait for a person and [Outbox.Settle].
// It calls nothing but the store and is never repeated.
func (o *Outbox) Unknown(ctx context.Context, f QueueFilter) iter.Seq2[*Queued, error] {
	f.States = []SendState{StateUnknown}
	return o.List(ctx, f)
}

// Sent reports whether that message id is one of a message of this outbox. A message that
// is being sent right now is not known yet; for an echo ask [Outbox.Wrote], which finds
// that one too. It calls nothing but the store and is never repeated.
func (o *Outbox) Sent(ctx context.Context, channel chatapi.ChannelID, messageID string) (found bool, err error) {
	err = o.read(ctx, "Outbox.Sent", func(ctx context.Context, tx Tx) error {
		found, err = sentIDIn(ctx, tx, canonical(channel), messageID)
		return err
	})
	return found, err
}

// Wrote reports whether an echo is of a message of this outbox, so that a bot knows
// whether a colleague has written elsewhere and it should be silent. It is, if the outbox
// has its id, or, since an echo can come before the answer that names the id, if a message
// to that recipient with the same text was written to the network within the minute before
// the echo and has no id yet. It calls nothing but the store and is never repeated.
func (o *Outbox) Wrote(ctx context.Context, e *chatapi.EchoEvent) (found bool, err error) {
	const op = "Outbox.Wrote"
	if e == nil {
		return false, wrong(op, errors.New("the event is nil"))
	}
	err = o.read(ctx, op, func(ctx context.Context, tx Tx) error {
		channel, news := canonical(e.Channel), o.newsOf(e)
		if found, err = sentIDIn(ctx, tx, channel, e.ID); err != nil || found || e.FromApp {
			return err
		}
		open, err := o.unaccounted(ctx, tx, channel, echoNames(e))
		for n := 0; n < len(open) && err == nil && !found; n++ {
			if news.at-open[n].reserved <= echoSpan.Microseconds() {
				found, err = o.fits(ctx, tx, open[n], &news)
			}
		}
		return err
	})
	return found, err
}

// echoSpan is how long after a message was written its echo is taken for its own, though
// the id is not known.
const echoSpan = time.Minute

func sentIDIn(ctx context.Context, tx Tx, channel, messageID string) (bool, error) {
	ids, err := scanInts(tx.Query(ctx, `SELECT id FROM outbox WHERE channel = $1 AND message_id = $2 AND message_id <> ''
		UNION ALL SELECT outbox FROM outbox_attempt WHERE message_id = $2 AND message_id <> '' LIMIT 1`, channel, messageID))
	return len(ids) > 0, err
}

// read reads in a view.
func (o *Outbox) read(ctx context.Context, op string, do func(ctx context.Context, tx Tx) error) error {
	err := ErrInTx
	if !store.InTx(ctx) {
		err = o.store.View(ctx, func(ctx context.Context, tx store.Tx) error { return do(ctx, NewTx(tx)) })
	}
	if err != nil {
		return wrong(op, err)
	}
	return nil
}

// Cancel takes back a message that has not been written to the network, and reports
// whether it could. It cannot once the message is reserved, sent or finished.
// It calls nothing but the store and is never repeated.
func (o *Outbox) Cancel(ctx context.Context, channel chatapi.ChannelID, key string) (bool, error) {
	name := canonical(channel)
	changed, err := o.change(ctx, "Outbox.Cancel", `UPDATE outbox SET state = 8, claim = '', reason = 'It was canceled.'
		WHERE channel = $1 AND khash = $2 AND state IN (1, 2, 9) RETURNING id`, name, keyHash(name, key))
	o.wake(name)
	return changed, err
}

// change runs an UPDATE that returns the ids of what it changed, and reports the change
// of each. It returns whether there was one.
func (o *Outbox) change(ctx context.Context, op, update string, args ...any) (bool, error) {
	if store.InTx(ctx) {
		return false, wrong(op, ErrInTx)
	}
	var ids []int64
	err := o.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		tx := NewTx(inner)
		var err error
		if ids, err = scanInts(tx.Query(ctx, update, args...)); err != nil {
			return err
		}
		return o.changedIn(ctx, tx, ids...)
	})
	if err != nil {
		return false, wrong(op, err)
	}
	return len(ids) > 0, nil
}

var errNotUnknown = errors.New("the message is not unknown any more; get it again")

// Settle is a person's answer about an unknown message. If it went out, it becomes sent,
// with the message id if the person knows it. If it did not, it becomes failed and stays
// so; to send it once more, call [Outbox.Again] instead, which says both in one
// transaction. The error says so if the message was settled meanwhile. It calls nothing
// but the store and is never repeated.
func (o *Outbox) Settle(ctx context.Context, q *Queued, went bool, messageID string) error {
	const op = "Outbox.Settle"
	if q == nil {
		return wrong(op, errors.New("the message is nil"))
	}
	if went {
		return o.settleSent(ctx, op, q, messageID, false)
	}
	changed, err := o.change(ctx, op, `UPDATE outbox SET state = 6, not_before = 0, reason = 'A person said that it did not go out.'
		WHERE id = $1 AND state = 5 AND attempts = $2 RETURNING id`, q.ID, q.Attempts)
	if err == nil && !changed {
		err = wrong(op, errNotUnknown)
	}
	o.wake(canonical(q.Channel))
	return err
}

// settleSent makes an unknown message a sent one. An id that was looked up may be
// another message's by now, a person's is not asked about.
func (o *Outbox) settleSent(ctx context.Context, op string, q *Queued, messageID string, lookedUp bool) error {
	if store.InTx(ctx) {
		return wrong(op, ErrInTx)
	}
	channel := ""
	err := o.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		tx := NewTx(inner)
		all, err := holdRows(ctx, tx, "id = $1 AND state = 5 AND attempts = $2", q.ID, q.Attempts)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return errNotUnknown
		}
		channel = all[0].channel
		if lookedUp {
			another, err := o.anothersIn(ctx, tx, all[0], messageID)
			if err != nil {
				return err
			}
			if another {
				return errAnothers
			}
		}
		return o.sentIn(ctx, tx, all[0], messageID, store.Time(all[0].reserved))
	})
	if err != nil {
		return wrong(op, err)
	}
	o.wake(channel)
	return nil
}

// Again plans a message anew that failed, was skipped, or is unknown and, as a person
// knows, did not go out: for that one it is the answer of [Outbox.Settle] and the plan in
// one transaction. Its next attempt is due at once, and a time of [Until] that has passed
// holds no longer; its quiet hours do. It reports whether it could: not for a message that
// is planned, on its way, sent or canceled, or older than [Keep].Sent, nor for one that
// was tried again since q was read. So two people who look at the same failure send it
// once. It calls nothing but the store and is
// never repeated; the message itself is sent at most once for each time that it is planned.
func (o *Outbox) Again(ctx context.Context, q *Queued) (planned bool, err error) {
	const op = "Outbox.Again"
	switch {
	case q == nil:
		return false, wrong(op, errors.New("the message is nil"))
	case store.InTx(ctx):
		return false, wrong(op, ErrInTx)
	}
	err = o.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		planned, err = o.againIn(ctx, NewTx(inner), q)
		return err
	})
	if err != nil {
		return false, wrong(op, err)
	}
	o.wake(canonical(q.Channel))
	return planned, nil
}

// againIn plans a message anew. The id stays with the attempt, so that an echo or a late
// status of it is no news.
func (o *Outbox) againIn(ctx context.Context, tx Tx, q *Queued) (planned bool, err error) {
	id := q.ID
	rows, err := holdRows(ctx, tx, "id = $1 AND state IN (5, 6, 7) AND version > 0 AND attempts = $2", id, q.Attempts)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	r := rows[0]
	if r.state == rowUnknown {
		if err := o.attemptIn(ctx, tx, r, "a person said that it did not go out"); err != nil {
			return false, err
		}
	}
	if r.messageID != "" {
		if _, err := tx.Exec(ctx, `UPDATE outbox_attempt SET message_id = $3, result = CASE WHEN result = '' THEN 'sent' ELSE result END
			WHERE outbox = $1 AND number = $2`, id, r.attempts, r.messageID); err != nil {
			return false, err
		}
	}
	changed, err := tx.Exec(ctx, `UPDATE outbox SET state = 1, claim = '', claimed = 0, not_before = 0,
		until = CASE WHEN until <= $2 THEN 0 ELSE until END, looked = 0, message_id = '', status = '', status_at = 0, reason = '', failure = NULL
		WHERE id = $1 AND state IN (5, 6, 7)`, id, store.Micros(o.clock.now()))
	if err != nil || changed == 0 {
		return false, err
	}
	return true, o.changedIn(ctx, tx, id)
}

// Resolve looks for an unknown message in the channel's history at once and returns the
// message as it is then. One without an Attempt, which sqlite.Restored or
// postgres.Restored made unknown before it was ever tried, cannot be looked for, and is
// returned as it is. It is retried as [chatapi.Client.Resolve] is, whose error it
// returns. If the history has the message, it is sent; Queued.Why says what the look
// showed otherwise.
func (o *Outbox) Resolve(ctx context.Context, q *Queued) (*Queued, error) {
	const op = "Outbox.Resolve"
	if q == nil {
		return nil, wrong(op, errors.New("the message is nil"))
	}
	now, err := o.view(ctx, op, "o.id = $1", q.ID)
	switch {
	case err != nil:
		return nil, err
	case now == nil:
		return nil, wrong(op, errors.New("the message is gone"))
	case now.State != StateUnknown || now.Attempt == nil:
		return now, nil
	}
	client, known := o.channels.Client(now.Channel)
	if !known {
		return nil, wrong(op, ErrNotConnected)
	}
	found, err := o.resolve(ctx, client, now.Attempt)
	if err != nil {
		return nil, wrong(op, err)
	}
	if found.Outcome == chatapi.OutcomeAccepted {
		err := o.settleSent(ctx, op, now, found.ID, true)
		switch {
		case errors.Is(err, errAnothers):
			found.Why = whyAnothers
		case err != nil && !errors.Is(err, errNotUnknown):
			return nil, err
		default:
			return o.view(ctx, op, "o.id = $1", q.ID)
		}
	}
	if _, err := o.change(ctx, op, "UPDATE outbox SET reason = $2 WHERE id = $1 AND state = 5 RETURNING id",
		q.ID, whyUnknown(found.Why)); err != nil {
		return nil, err
	}
	return o.view(ctx, op, "o.id = $1", q.ID)
}

// whyUnknown returns the sentence of a message whose outcome a look did not tell.
func whyUnknown(why string) string {
	return spoken("It is not known whether the message went out: "+strings.TrimSuffix(why, ".")+".", 1000)
}

// whyWaiting says why a planned message waits.
func (o *Outbox) whyWaiting(q *Queued, state rowState, retry bool, stopped string) string {
	now := o.clock.now()
	if why := o.halt(); why != "" {
		return why
	}
	if stopped != "" {
		return stopped
	}
	if why, held := o.held(string(q.Channel)); held && !o.acceptOnly {
		return why
	}
	switch {
	case retry && q.NotBefore.After(now) && q.Why != "":
		return strings.TrimSuffix(q.Why, ".") + "; it is tried again at " + q.NotBefore.UTC().Format(time.TimeOnly) + " UTC."
	case state == rowLater && q.NotBefore.After(now) && q.Why != "": // its quiet hours
		return q.Why
	case state == rowLater && q.NotBefore.After(now):
		return "It is to be sent at " + q.NotBefore.UTC().Format(time.DateTime) + " UTC."
	}
	if why := o.paused(string(q.Channel), chatOf(q.To), now); why != "" {
		return why
	}
	return "It waits for its turn."
}

// held says why nothing is sent on a channel at all.
func (o *Outbox) held(channel string) (why string, held bool) {
	id := chatapi.ChannelID(channel)
	if _, known := o.channels.Client(id); !known {
		return "Channel " + channel + " is not connected.", true
	}
	switch o.channels.Health(id).State {
	case chatapi.HealthNeedsToken:
		return "Channel " + channel + " needs a new token.", true
	case chatapi.HealthBlocked:
		return "Channel " + channel + " is blocked: " + o.channels.Health(id).Reason, true
	}
	return "", false
}
