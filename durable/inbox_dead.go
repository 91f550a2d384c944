package durable

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Letter is a dead letter: an event whose handler failed too often. It is kept until it
// is replayed with success or discarded.
type Letter struct {
	// ID is for [Inbox.Replay] and [Inbox.Discard]. It grows with the order of arrival.
	ID int64

	Channel chatapi.ChannelID

	// Chat is the [chatapi.Recipient.Key] of the chat; "" for an event without one.
	Chat string

	// Key is [chatapi.Event.Key], in the spelling that the database takes; "" if the
	// event was not read.
	Key string

	Attempts       int
	Reason         string // the last error; at most 2000 bytes
	Accepted, Died time.Time

	// Replaying means that it waits to be tried again.
	Replaying bool

	inbox *Inbox
}

// Event reads the event of the letter. It is an error if this version of the SDK does
// not find the event in its body. It is never repeated.
func (l *Letter) Event(ctx context.Context) (chatapi.Event, error) {
	stored, err := l.inbox.store.Event(ctx, l.ID)
	if err == nil && stored == nil {
		err = errors.New("the letter is gone")
	}
	if err != nil {
		return nil, fmt.Errorf("durable: Letter.Event: %w", err)
	}
	events, _ := chatapi.ParseWebhook(stored.Body)
	for _, e := range events {
		if eventHash(stored.Channel, e.Key()) == stored.Key {
			labelEvent(e, stored.Channel, stored.Received)
			return e, nil
		}
	}
	return nil, fmt.Errorf("durable: Letter.Event: %w", errParser)
}

// DeadFilter selects dead letters. A zero field selects all.
type DeadFilter struct {
	Channel chatapi.ChannelID
	Chat    string // as in Letter
	After   int64  // letters with a larger ID
}

// page is how many rows of a list are read at once, and of ids in a statement.
const page = 100

// Dead lists dead letters in the order of their IDs. It reads pages, so the list may be
// changed meanwhile. After an error it ends. It calls nothing but the store and is never
// repeated.
func (i *Inbox) Dead(ctx context.Context, f DeadFilter) iter.Seq2[*Letter, error] {
	return func(yield func(*Letter, error) bool) {
		for after := f.After; ; {
			letters, err := i.deadPage(ctx, f, after)
			if err != nil {
				yield(nil, fmt.Errorf("durable: Dead: %w", err))
				return
			}
			for _, l := range letters {
				if after = l.ID; !yield(l, nil) {
					return
				}
			}
			if len(letters) < page {
				return
			}
		}
	}
}

func (i *Inbox) deadPage(ctx context.Context, f DeadFilter, after int64) (letters []*Letter, err error) {
	query := "SELECT seq, lane, channel, event_key, attempts, reason, accepted, died, replay FROM dead WHERE seq > $1"
	args := []any{after}
	if f.Channel != "" {
		args = append(args, canonical(f.Channel))
		query += " AND channel = $" + strconv.Itoa(len(args))
	}
	if f.Chat != "" {
		args = append(args, "% "+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(bounded(f.Chat, 150)))
		query += " AND lane LIKE $" + strconv.Itoa(len(args)) + ` ESCAPE '\'`
	}
	query += " ORDER BY seq LIMIT " + strconv.Itoa(page)
	err = i.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
		letters = nil
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			l := &Letter{inbox: i}
			var lane, channel string
			var accepted, died int64
			var replay int
			if err := rows.Scan(&l.ID, &lane, &channel, &l.Key, &l.Attempts, &l.Reason, &accepted, &died, &replay); err != nil {
				return err
			}
			l.Channel, l.Chat = chatapi.ChannelID(channel), strings.TrimPrefix(lane, channel+" ")
			l.Accepted, l.Died, l.Replaying = store.Time(accepted), store.Time(died), replay != 0
			letters = append(letters, l)
		}
		return rows.Err()
	})
	return letters, err
}

// Replay asks for one more attempt of each of the letters, before the open events of
// their chats. One that fails again stays a dead letter, and its chat does not wait for
// it. It returns how many letters there were, without those that wait already; without
// ids it does nothing. It calls nothing but the store and is never repeated.
func (i *Inbox) Replay(ctx context.Context, ids ...int64) (int, error) {
	lanes, err := i.changeDead(ctx, "UPDATE dead SET replay = 1 WHERE replay = 0 AND seq IN (%s) RETURNING lane", ids)
	if err != nil {
		return 0, fmt.Errorf("durable: Replay: %w", err)
	}
	i.wakeLanes(lanes...)
	return len(lanes), nil
}

// Discard removes dead letters for good. It returns how many there were, without one
// whose handler runs just now; without ids it does nothing. It calls nothing but the
// store and is never repeated.
func (i *Inbox) Discard(ctx context.Context, ids ...int64) (int, error) {
	lanes, err := i.changeDead(ctx, "DELETE FROM dead WHERE replay <> 2 AND seq IN (%s) RETURNING lane", ids)
	if err != nil {
		return 0, fmt.Errorf("durable: Discard: %w", err)
	}
	return len(lanes), nil
}

// changeDead runs a statement for letters, all or none, and returns their lanes.
func (i *Inbox) changeDead(ctx context.Context, statement string, ids []int64) (lanes []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = i.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		lanes = nil
		for from := 0; from < len(ids); from += page {
			var marks []string
			var args []any
			for n, id := range ids[from:min(from+page, len(ids))] {
				marks, args = append(marks, "$"+strconv.Itoa(n+1)), append(args, id)
			}
			list := strings.Join(marks, ", ")
			if _, err := tx.Exec(ctx, "DELETE FROM attempt WHERE seq IN (SELECT seq FROM dead WHERE replay <> 2 AND seq IN ("+list+"))", args...); err != nil {
				return err // of a replay that was deferred
			}
			some, err := texts(ctx, tx, fmt.Sprintf(statement, list), args...)
			if err != nil {
				return err
			}
			lanes = append(lanes, some...)
		}
		return nil
	})
	return lanes, err
}

// replayLanes returns lanes with dead letters to try again.
func (i *Inbox) replayLanes(ctx context.Context, after string) (lanes []string, err error) {
	err = i.store.View(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		lanes, err = texts(ctx, tx, "SELECT DISTINCT lane FROM dead WHERE replay > 0 AND lane > $1 ORDER BY lane LIMIT "+strconv.Itoa(scanPage), after)
		return err
	})
	return lanes, err
}

// replay is a dead letter to try again.
type replay struct {
	seq      int64
	attempts int
	mark     mark // of Defer
	died     bool // the program that tried it ended, or the lane would not be free
}

// replay tries dead letters of a lane again. It returns when a deferred one is due.
func (i *Inbox) replay(ctx context.Context, letters []replay) (later time.Time, err error) {
	for _, l := range letters {
		if l.died {
			if _, err := i.settle(ctx, l, 2, 0, "the program ended while the event was tried again"); err != nil {
				return time.Time{}, err
			}
			continue
		}
		if l.mark.notBefore.After(i.clock.now()) {
			later = earlier(l.mark.notBefore, later)
			continue
		}
		if i.lanes.Ending() {
			return i.clock.now(), nil
		}
		at, err := i.replayOne(ctx, l)
		if err != nil {
			return time.Time{}, err
		}
		later = earlier(at, later)
	}
	return later, nil
}

// replayOne tries a dead letter again. That it runs is stored first, so that a letter of
// which the program dies is not tried at every start.
func (i *Inbox) replayOne(ctx context.Context, l replay) (later time.Time, err error) {
	e, err := i.store.Event(ctx, l.seq)
	if err != nil {
		return time.Time{}, err
	}
	l.attempts++
	claimed, err := i.settle(ctx, l, 1, 2, "being tried again")
	if err != nil || !claimed {
		return time.Time{}, err
	}
	var event chatapi.Event
	if err = errParser; e != nil {
		event, err = i.find(ctx, e)
	}
	switch {
	case errors.Is(err, errParser):
		_, err := i.settle(ctx, l, 2, 0, errParser.Error())
		return time.Time{}, err
	case err != nil:
		l.attempts--
		_, _ = i.settle(context.WithoutCancel(ctx), l, 2, 1, "")
		return time.Time{}, err
	}
	w := &Work{Attempt: l.attempts, Accepted: e.Accepted, inbox: i, event: e, key: event.Key(), replay: true}
	fail := func(ctx context.Context, err error) error {
		later, err = i.failReplay(ctx, l, w, err)
		return err
	}
	if failed, err := i.call(ctx, event, w, fail); failed {
		return later, err
	}
	if err := i.commit(ctx, w, doneReplay, l.mark.stored); err != nil {
		return later, fail(ctx, err)
	}
	return time.Time{}, i.handled(ctx, e, w, HandledDone, w.Attempt, nil, nil)
}

// failReplay stores a failed or deferred attempt of a dead letter.
func (i *Inbox) failReplay(ctx context.Context, l replay, w *Work, err error) (later time.Time, _ error) {
	until := w.deferred()
	if errors.Is(err, errDraining) || errors.Is(err, errLost) {
		return time.Time{}, nil // who has the lane next puts it back
	}
	if until.IsZero() || errors.Is(err, errTimeout) {
		failed := i.insist(ctx, func() error {
			_, failed := i.settle(ctx, l, 2, 0, err.Error())
			return failed
		})
		return time.Time{}, i.handled(ctx, w.event, w, HandledDead, w.Attempt, err, failed)
	}
	l.attempts--
	failed := i.insist(ctx, func() error {
		m := mark{attempts: l.attempts, notBefore: until, stored: true}
		if err := i.writeMark(ctx, w.event, m, "deferred"); err != nil {
			return err
		}
		_, err := i.settle(ctx, l, 2, 1, "deferred")
		return err
	})
	return until, i.handled(ctx, w.event, w, HandledDeferred, w.Attempt, nil, failed)
}

// settle moves a dead letter from one state of its replay to another.
func (i *Inbox) settle(ctx context.Context, l replay, from, to int, reason string) (changed bool, err error) {
	err = i.store.Update(context.WithoutCancel(ctx), func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE dead SET replay = $1, attempts = $2, reason = $3 WHERE seq = $4 AND replay = $5",
			to, l.attempts, spoken(reason, maxReason), l.seq, from)
		if changed = n > 0; err != nil || to != 0 {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM attempt WHERE seq = $1", l.seq) // of Defer
		return err
	})
	return changed, err
}

// doneReplay removes a dead letter that was replayed.
func doneReplay(ctx context.Context, _ *Inbox, tx store.Tx, e *store.Event) error {
	n, err := tx.Exec(ctx, "DELETE FROM dead WHERE seq = $1 AND replay = 2", e.Seq)
	if err == nil && n == 0 {
		err = store.ErrDone
	}
	return err
}
