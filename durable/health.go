package durable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Health says whether a Desk works. It asks the store and nothing else.
type Health struct {
	// Ready means that the store answers and that Run is running.
	Ready bool

	// Sentence says to an operator what needs a person, each thing in a sentence; "" if
	// nothing does.
	Sentence string

	// Store is the kind of the store: "sqlite" or "postgres".
	Store string

	// Inbox is what waits for the handler, and Outbox what waits to be sent now or is on
	// its way. A message whose [At] has not come is not among them.
	Inbox, Outbox Depth

	// State is what the SDK itself has not read yet: statuses, windows, opt-outs and
	// facts for bills. Skipped is how many events, or parts of them, this program could
	// not put into the state; the log names each.
	State   Depth
	Skipped int

	// Dead is the number of dead letters, Unknown that of messages whose outcome is open,
	// of which ForPerson wait for a person.
	Dead, Unknown, ForPerson int

	// Failing is the number of events whose handlers have failed and are called again, and
	// FailingWhy the reason of the oldest one; see [Inbox.Failing].
	Failing    int
	FailingWhy string
	failed     int // its attempts

	// Channels are those with messages in Outbox, by their names.
	Channels []ChannelHealth

	// Stopped says why all sending is stopped, see [Outbox.StopSending]; empty if it is not.
	// A Desk that is stopped is ready all the same.
	Stopped string

	// Stuck names the chats whose handlers ignore the end of their context: the
	// channel, a blank, and the key of the recipient.
	Stuck []string

	// Halted says why the store lets nothing be sent on any channel, in a sentence: the
	// database was restored, or a server took over that may lack the newest commits. It
	// ends with sqlite.Restored or postgres.Restored; empty if the store has not halted.
	Halted string

	// Writing is for how long the function of [Work.InTx] has run that runs now, if that is
	// long: while it does, nobody else writes.
	Writing time.Duration

	// Housekeeping is the newest error of housekeeping, until it succeeds again.
	Housekeeping error
}

// ChannelHealth is what waits on a channel.
type ChannelHealth struct {
	Channel chatapi.ChannelID // in canonical spelling
	Outbox  Depth

	// Held is why nothing is sent on the channel at all, in a sentence; "" if it sends. A
	// program that does not have the channel says so after a minute, if no other one
	// sends; one with [AcceptOnly] never does.
	Held string
}

// Depth is how much waits, and since when the oldest of it has been waiting.
type Depth struct {
	Waiting int
	Oldest  time.Duration
}

// Health says whether the Desk works, and what waits. An error is the store's; Health is
// then what is known without it. It calls nothing but the store and is never repeated.
// With a long queue it takes a while, so ask every few seconds and not for each request.
func (d *Desk) Health(ctx context.Context) (Health, error) {
	h := Health{Store: d.store.Name(), Stuck: d.Inbox.stuckChats(), Skipped: int(d.State.skipped.Load()), Housekeeping: d.trouble.newest()}
	err := d.ask(ctx, &h)
	h.Ready = err == nil && d.running.Load()
	var chat string
	h.Writing, chat = d.Inbox.writing()
	h.Sentence = h.sentence(err, chat)
	if more := d.inboxSentence(&h); more != "" {
		h.Sentence = strings.TrimPrefix(h.Sentence+" "+more, " ")
	}
	if err != nil {
		return h, fmt.Errorf("durable: Health: %w", err)
	}
	return h, nil
}

// ask asks the store.
func (d *Desk) ask(ctx context.Context, h *Health) error {
	now := d.clock.now()
	open, oldest, err := d.store.Depth(ctx)
	if err != nil {
		return err
	}
	h.Inbox = depth(open, oldest, now)
	behind, oldest, err := d.store.Behind(ctx)
	if err != nil {
		return err
	}
	h.State = depth(behind, oldest, now)
	if d.Outbox.askHalt(ctx); ctx.Err() != nil {
		return ctx.Err()
	}
	h.Halted = d.Outbox.halt()
	err = d.store.View(ctx, func(ctx context.Context, inner store.Tx) error { return d.askIn(ctx, NewTx(inner), h, now) })
	for n := range h.Channels {
		h.Channels[n].Held = d.heldFor(ctx, &h.Channels[n])
	}
	return err
}

// heldFor says why nothing is sent on a channel. Where several programs work, one that does
// not have the channel knows less: one with AcceptOnly never sends, and another one may.
func (d *Desk) heldFor(ctx context.Context, c *ChannelHealth) string {
	why, _ := d.Outbox.held(string(c.Channel))
	if _, known := d.channels.Client(c.Channel); known || why == "" || !d.store.Shared() {
		return why
	}
	if d.acceptOnly || c.Outbox.Oldest <= late {
		return ""
	}
	_, unlock, err := d.store.Lock(ctx, store.SendLock+string(c.Channel))
	if errors.Is(err, store.ErrBusy) {
		return ""
	}
	if err == nil {
		unlock()
	}
	return why
}

// inboxSentence says why events wait for this program's handler.
func (d *Desk) inboxSentence(h *Health) string {
	if !d.running.Load() || d.acceptOnly || h.Inbox.Waiting == 0 {
		return ""
	}
	if d.Inbox.handler == nil {
		return "This program has no handler, so that events wait; call Inbox.Handle before Run."
	}
	if names := d.Inbox.absentChannels(); len(names) > 0 && (!d.store.Shared() || h.Inbox.Oldest > late) {
		slices.Sort(names)
		return "Channel " + names[0] + " is not connected, and the handler needs it for events that wait."
	}
	return ""
}

// failedOften is from how many attempts on an operator hears of an event that fails.
const failedOften = 3

const (
	waitingQuery = `SELECT channel, count(*), min(planned) FROM outbox
		WHERE state IN (1, 2, 3, 5, 9) AND (state IN (1, 2, 3) OR state = 9 AND claimed > 0) GROUP BY channel ORDER BY channel`
	doubtQuery = `SELECT (SELECT count(*) FROM dead), count(*), count(CASE WHEN not_before = 0 THEN 1 END) FROM outbox WHERE state = 5`
)

// askIn reads what durable keeps itself.
func (d *Desk) askIn(ctx context.Context, tx Tx, h *Health, now time.Time) error {
	h.Channels = nil
	rows, err := tx.Query(ctx, waitingQuery)
	if err != nil {
		return err
	}
	all, oldest := 0, int64(0)
	err = each(rows, func() error {
		var channel string
		var waiting int
		var planned int64
		if err := rows.Scan(&channel, &waiting, &planned); err != nil {
			return err
		}
		h.Channels = append(h.Channels, ChannelHealth{Channel: chatapi.ChannelID(channel), Outbox: depth(waiting, store.Time(planned), now)})
		if all += waiting; oldest == 0 || planned < oldest {
			oldest = planned
		}
		return nil
	})
	if err != nil {
		return err
	}
	h.Outbox = depth(all, store.Time(oldest), now)
	if rows, err = tx.Query(ctx, doubtQuery); err != nil {
		return err
	}
	if err := each(rows, func() error { return rows.Scan(&h.Dead, &h.Unknown, &h.ForPerson) }); err != nil {
		return err
	}
	if err := failingIn(ctx, tx, h); err != nil {
		return err
	}
	h.Stopped, err = whyStopped(ctx, tx)
	return err
}

func depth(n int, oldest, now time.Time) Depth {
	if n == 0 || oldest.IsZero() {
		return Depth{Waiting: n}
	}
	return Depth{Waiting: n, Oldest: max(now.Sub(oldest), 0)}
}

// late is how old something may be that nobody has to wait for long.
const late = time.Minute

// sentence says what needs a person. failed is the store's error.
func (h *Health) sentence(failed error, writing string) string {
	var all []string
	say := func(needed bool, text string, args ...any) {
		if needed {
			all = append(all, fmt.Sprintf(text, args...))
		}
	}
	say(failed != nil, "The store does not answer, so webhooks are refused and come again, and nothing is sent: %v.", failed)
	say(h.Writing > 0, "A handler's transaction has held the writer of the database for %s, that of chat %q, so that nothing else is written; "+
		"end the program if that goes on.", h.Writing.Round(time.Second), writing)
	say(h.Halted != "", "%s", h.Halted)
	say(h.Stopped != "", "%s", h.Stopped)
	held := 0
	for _, c := range h.Channels {
		if c.Held != "" {
			if held++; held <= 3 {
				say(true, "%s Its messages wait (%d).", c.Held, c.Outbox.Waiting)
			}
		}
	}
	say(held > 3, "Nothing is sent on %d more channels.", held-3)
	say(h.ForPerson > 0, "Nobody knows of %s whether %s sent; list them with Outbox.Unknown and answer with Outbox.Settle.",
		counted(h.ForPerson, "message"), were(h.ForPerson))
	say(h.Dead > 0, "%s failed for good; list them with Inbox.Dead, then replay or discard them.", counted(h.Dead, "event"))
	say(h.failed >= failedOften || h.Failing > 0 && h.Inbox.Oldest > late, "The handler has failed for %s and is called again; the oldest failed %d times, at last with: %s.",
		counted(h.Failing, "event"), h.failed, strings.TrimSuffix(oneLine(h.FailingWhy), "."))
	say(len(h.Stuck) > 0, "Handlers of %s ignore the end of their time, such as that of %q; end the program to get rid of them.",
		counted(len(h.Stuck), "chat"), first(h.Stuck))
	say(h.Inbox.Oldest > late, "An event waits for its handler for %s; %s open.", h.Inbox.Oldest.Round(time.Second), counted(h.Inbox.Waiting, "event")+" "+are(h.Inbox.Waiting))
	say(h.State.Oldest > late, "Statuses, windows and opt-outs are %s behind; %s not read.", h.State.Oldest.Round(time.Second), counted(h.State.Waiting, "event")+" "+are(h.State.Waiting))
	say(h.Skipped > 0, "%s not in the state, since this program could not read or store them; the log names each.", counted(h.Skipped, "event")+" "+are(h.Skipped))
	say(h.Housekeeping != nil, "Old data is not removed: %v.", h.Housekeeping)
	return strings.Join(all, " ")
}

// oneLine returns the beginning of a reason, which may have a stack.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return spoken(text, 300)
}

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func were(n int) string {
	if n == 1 {
		return "it was"
	}
	return "they were"
}

// stuckChats returns the chats whose handlers ignore the end of their context.
func (i *Inbox) stuckChats() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	chats := make([]string, 0, len(i.stuck))
	for lane := range i.stuck {
		chats = append(chats, lane)
	}
	slices.Sort(chats)
	return chats
}

// troubles are the newest errors of housekeeping: of durable's own, and of the store's.
type troubles struct {
	mu         sync.Mutex
	own, store error
}

func (t *troubles) newest() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.own, t.store)
}

// note notes the outcome of a piece of housekeeping, and logs its failure: the first one,
// and each that differs from the one before.
func (d *Desk) note(of *error, err error) {
	d.trouble.mu.Lock()
	before := *of
	*of = err
	d.trouble.mu.Unlock()
	if err != nil && d.logger != nil && (before == nil || before.Error() != err.Error()) {
		d.logger.Warn("durable: housekeeping waits for the store", slog.Any("error", err))
	}
}
