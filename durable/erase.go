package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// ErrSending is the error of [Desk.Erase] while a message to the person is on its way.
var ErrSending = errors.New("durable: a message to the person is being sent; call Erase again in a minute")

// Erased is what [Desk.Erase] removed, and what it could not.
type Erased struct {
	// Events is the number of events that were cut out of stored webhooks, Messages
	// that of outbox rows without a recipient and a text now, Letters that of dead
	// letters, and Facts that of billing facts under another name.
	Events, Messages, Letters, Facts int

	// Left says in sentences where the person may still be named.
	Left []string
}

// Erase removes a person from the store: texts, numbers and names in stored webhooks,
// messages, dead letters, windows and links of names. It finds the person under every
// name that is linked now, so give all names that you know. What a law or the next
// month needs stays without a name: the keys of messages and events as hashes, an
// opt-out as a keyed hash, and billing facts under a made-up number of the same
// country, so that open bills stay as they are. Messages that wait are canceled, without a call of [Outbox.OnChange].
//
// Erase reads all stored webhooks of the channel and all billing facts, some at a
// time, and may take minutes. It is done when it returns nil; after an error, or if the
// program ends, call it again with the same contact: the links of names go last. On
// SQLite the old texts are gone from the disk then. Erased.Left says what it cannot
// reach: backups, your own tables, snapshots of ledgers with closed months, and what
// PostgreSQL keeps for a while. [ErrSending] asks to wait. It calls no service.
// It is never repeated.
func (d *Desk) Erase(ctx context.Context, channel chatapi.ChannelID, who chatapi.Contact) (Erased, error) {
	done := Erased{}
	names := personNames(who)
	if len(names) == 0 {
		return done, errors.New("durable: Erase: the contact names nobody; set its Phone, BSUID, Chat or Username")
	}
	if err := namesSomebody("Erase", channel, names[0]); err != nil {
		return done, err
	}
	if store.InTx(ctx) {
		return done, ErrInTx
	}
	run := &eraser{Desk: d, channel: canonical(channel), done: &done}
	for _, step := range []func(context.Context) error{
		run.folded, func(ctx context.Context) error { return run.find(ctx, names) },
		run.checkSending, run.endEvents, run.cutBodies, run.renameFacts, run.dropSnapshots, run.renameLanes, run.clearRows,
		run.scrub,
	} {
		if err := step(ctx); err != nil {
			return done, fmt.Errorf("durable: Erase: %w", err)
		}
	}
	d.Inbox.parsed.clear()
	done.Left = append(done.Left, "Backups of the database and your own tables are not touched.",
		"What other people wrote about the person, and messages in which the person has no name of their own, stay.")
	return done, nil
}

// eraser is one run of Erase.
type eraser struct {
	*Desk
	channel string
	done    *Erased

	names []chatapi.Recipient // of the person, now
	keys  map[string]bool     // their keys
	key   []byte              // of the store
	stand chatapi.Contact     // the made-up person
}

// find collects the names that are the person's now.
func (r *eraser) find(ctx context.Context, given []chatapi.Recipient) error {
	return r.State.update(ctx, func(ctx context.Context, tx Tx) (err error) {
		r.names, r.keys = nil, map[string]bool{}
		for _, name := range given {
			around, err := peopleAround(ctx, tx, r.channel, name)
			if err != nil {
				return err
			}
			for _, other := range around.names {
				if key := nameKey(other); !r.keys[key] && around.isOwner(other, store.Time(0)) {
					r.keys[key] = true
					r.names = append(r.names, other)
				}
			}
		}
		if r.key, err = madeSecretIn(ctx, tx); err != nil {
			return err
		}
		slices.SortFunc(r.names, func(a, b chatapi.Recipient) int { return strings.Compare(a.Key(), b.Key()) })
		r.stand = r.madeUp()
		return nil
	})
}

// madeUp returns the person under which billing facts stay. A number keeps its first
// digits, which decide about the price, and has 15 digits, as no real one has; a BSUID
// keeps its country.
func (r *eraser) madeUp() chatapi.Contact {
	digits := digitsOf(r.key, r.channel+"\x00"+r.names[0].Key())
	for _, name := range r.names {
		if value := name.Value(); name.Kind() == chatapi.RecipientPhone && len(value) > 4 {
			kept := min(7, len(value)-4)
			return chatapi.Contact{Phone: value[:kept] + digits[:15-kept]}
		}
	}
	for _, name := range r.names {
		if country, _, ok := strings.Cut(name.Value(), "."); name.Kind() == chatapi.RecipientBSUID && ok {
			return chatapi.Contact{BSUID: country + "." + digits}
		}
	}
	return chatapi.Contact{Username: "erased" + digits}
}

// digitsOf returns 16 digits that nobody can read a text out of without the key.
func digitsOf(key []byte, text string) string {
	var b strings.Builder
	for _, c := range personHash(key, text, chatapi.Recipient{})[:16] {
		b.WriteByte('0' + byte(c)%10)
	}
	return b.String()
}

// is reports whether a contact has one of the person's names.
func (r *eraser) is(c chatapi.Contact) bool {
	return slices.ContainsFunc(personNames(c), func(name chatapi.Recipient) bool { return r.keys[nameKey(name)] })
}

// keyArgs returns the placeholders and arguments of "channel = $1 AND … IN".
func (r *eraser) keyArgs(prefix string) (in string, args []any) {
	args = []any{r.channel}
	for _, name := range r.names {
		args = append(args, prefix+nameKey(name))
	}
	return placeholders(2, len(r.names)), args
}

// folded folds what was accepted until now, or waits for the one who does: an opt-out and
// a billing fact outlive their webhook only in the state.
func (r *eraser) folded(ctx context.Context) error {
	began := r.clock.now()
	for {
		behind, err := r.store.Unfolded(ctx, 1)
		if err != nil || len(behind) == 0 || behind[0].Accepted.After(began) {
			return err
		}
		switch held, unlock, err := r.store.Lock(ctx, foldLockName); {
		case err == nil:
			_, err = r.State.foldSome(held)
			if unlock(); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrBusy):
			return err
		default:
			if err := pause(ctx, 1); err != nil {
				return err
			}
		}
	}
}

// checkSending refuses while a sender has a message to the person in its hands.
func (r *eraser) checkSending(ctx context.Context) error {
	in, args := r.keyArgs("")
	return r.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id FROM outbox WHERE channel = $1 AND chat IN "+in+" AND state IN (2, 3) LIMIT 1", args...)
		if err != nil {
			return err
		}
		return each(rows, func() error { return ErrSending })
	})
}

// endEvents marks the open events of the person's chats as done, since their texts go.
func (r *eraser) endEvents(ctx context.Context) error {
	for _, name := range r.names {
		for {
			events, err := r.store.Open(ctx, r.lane(name), foldBatch)
			if err != nil {
				return err
			}
			if len(events) == 0 {
				break
			}
			err = r.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
				for i := range events {
					if err := r.store.Done(ctx, tx, &events[i]); err != nil && !errors.Is(err, store.ErrDone) {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *eraser) lane(name chatapi.Recipient) string {
	return r.channel + " " + bounded(nameKey(name), 150)
}

// renameLanes puts a hash in the place of the person's lanes.
func (r *eraser) renameLanes(ctx context.Context) error {
	for _, name := range r.names {
		if err := r.store.RenameLane(ctx, r.lane(name), r.channel+" erased:"+personHash(r.key, r.channel, name)); err != nil {
			return err
		}
	}
	return nil
}

// renameFacts puts the made-up person into the stored activities.
func (r *eraser) renameFacts(ctx context.Context) error {
	for after := int64(0); ; {
		bodies := map[int64][]byte{}
		more := false
		err := r.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
			rows, err := tx.Query(ctx, "SELECT id, body FROM activity WHERE id > $1 ORDER BY id LIMIT $2", after, int64(loadRows))
			if err != nil {
				return err
			}
			return each(rows, func() error {
				var body []byte
				if err := rows.Scan(&after, &body); err != nil {
					return err
				}
				more = true
				if r.mentions(body) {
					bodies[after] = bytes.Clone(body)
				}
				return nil
			})
		})
		if err != nil || !more {
			return err
		}
		for id, body := range bodies {
			renamed, n := r.renameLines(body)
			if n == 0 {
				continue
			}
			if _, err := r.State.exec(ctx, "UPDATE activity SET body = $1 WHERE id = $2", renamed, id); err != nil {
				return err
			}
			r.done.Facts += n
		}
	}
}

// mentions reports whether a text has a name of the person in it.
func (r *eraser) mentions(text []byte) bool {
	return slices.ContainsFunc(r.names, func(name chatapi.Recipient) bool { return bytes.Contains(text, []byte(name.Value())) })
}

func (r *eraser) renameLines(body []byte) (renamed []byte, n int) {
	for line := range bytes.Lines(body) {
		var a chatapi.Activity
		if !r.mentions(line) || json.Unmarshal(line, &a) != nil || string(a.Channel) != r.channel || !r.rename(&a) {
			renamed = append(renamed, line...)
			continue
		}
		n++
		if a.Kind == "" {
			continue
		}
		if line, err := json.Marshal(a); err == nil {
			renamed = append(append(renamed, line...), '\n')
		}
	}
	return renamed, n
}

// rename puts the made-up person into an activity, and a hash in the place of a message
// id, which can hold the number. A link between names of the person goes: its Kind is
// "" then.
func (r *eraser) rename(a *chatapi.Activity) bool {
	found := false
	for _, c := range []*chatapi.Contact{&a.Contact, &a.Member, &a.Former} {
		if r.is(*c) {
			*c, found = r.stand, true
		}
	}
	if found && a.MessageID != "" {
		a.MessageID = "erased/" + digitsOf(r.key, r.channel+"\x00"+a.MessageID)
	}
	if a.Kind == chatapi.ActivityIdentity && a.Contact == a.Former {
		a.Kind = ""
	}
	return found
}

// dropSnapshots removes the snapshots that can be made again of the activities. The
// ledgers of this process that still have the person write none any more.
func (r *eraser) dropSnapshots(ctx context.Context) error {
	if r.done.Facts == 0 {
		return nil
	}
	kept := map[string]bool{}
	err := r.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT DISTINCT account FROM ledger_snapshot WHERE needed = 1 AND parts > 0")
		if err != nil {
			return err
		}
		return each(rows, func() error {
			var account string
			err := rows.Scan(&account)
			kept[account] = true
			return err
		})
	})
	if err != nil {
		return err
	}
	for b := range r.State.kept() {
		if !kept[b.name] {
			b.mu.Lock()
			b.erased = true
			b.mu.Unlock()
			r.done.Left = append(r.done.Left, "A ledger in memory has the person until the program takes a new one of State.Ledger.")
		}
	}
	if len(kept) > 0 {
		r.done.Left = append(r.done.Left, "A ledger with closed months has the person in its snapshot; a ledger cannot forget a person.")
	}
	return r.State.dropSnapshots(ctx, "account NOT IN (SELECT account FROM ledger_snapshot WHERE needed = 1 AND parts > 0)")
}

// clearRows clears the tables of working. The links go last and with them what the
// person is found by.
func (r *eraser) clearRows(ctx context.Context) error {
	in, args := r.keyArgs("")
	_, laneArgs := r.keyArgs(r.channel + " ")
	return r.State.update(ctx, func(ctx context.Context, tx Tx) error {
		letters, err := tx.Exec(ctx, "DELETE FROM dead WHERE channel = $1 AND lane IN "+in, laneArgs...)
		if err != nil {
			return err
		}
		r.done.Letters = int(letters)
		// No lane is a channel alone; the statement needs its first argument.
		if _, err := tx.Exec(ctx, "DELETE FROM attempt WHERE lane <> $1 AND lane IN "+in, laneArgs...); err != nil {
			return err
		}
		chats := "channel = $1 AND chat IN " + in
		for _, statement := range []string{
			"UPDATE outbox_attempt SET attempt = '', message_id = '', result = '' WHERE outbox IN (SELECT id FROM outbox WHERE " + chats + ")",
			"DELETE FROM early_status WHERE channel = $1 AND message_id IN (SELECT message_id FROM outbox WHERE " + chats + ")",
			"DELETE FROM early_status WHERE " + chats,
			"UPDATE outbox SET state = 8 WHERE state IN (1, 9) AND " + chats, // canceled
			"UPDATE outbox SET state = 7 WHERE state = 5 AND " + chats,       // skipped, since nobody can look it up any more
			"DELETE FROM service_window WHERE channel = $1 AND person IN " + in,
		} {
			if _, err := tx.Exec(ctx, statement, args...); err != nil {
				return err
			}
		}
		messages, err := tx.Exec(ctx, "UPDATE outbox SET key = '', chat = '', prepared = '', fallback = NULL, message_id = '', reason = '', failure = NULL WHERE "+chats, args...)
		if err != nil {
			return err
		}
		r.done.Messages = int(messages)
		if err := r.spreadOptOut(ctx, tx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM alias WHERE channel = $1 AND (name IN "+in+" OR holder IN "+in+")", args...)
		return err
	})
}

// spreadOptOut notes an opt-out under every name, because the links go.
func (r *eraser) spreadOptOut(ctx context.Context, tx Tx) error {
	out, err := r.State.optedOutIn(ctx, tx, r.channel, r.names[0])
	if err != nil || !out {
		return err
	}
	found := newFacts()
	found.preference(r.channel, r.names, true, r.clock.now())
	return found.writePreferences(ctx, tx)
}

// scrub removes the old bytes of what the steps before have replaced.
func (r *eraser) scrub(ctx context.Context) error {
	left, err := r.store.Scrub(ctx)
	if left != "" {
		r.done.Left = append(r.done.Left, left)
	}
	return err
}
