package durable

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// sendSlots is how many messages of a channel are in flight at most, each to another
// recipient. Those that wait for their recipients' pace are not among them, up to
// asideMost: they hold no turn of the channel, and must hold up nobody else.
const sendSlots, asideMost = 64, 1024

// The spans of a send. Nothing changes them but the kill tests, see shorten.
var (
	// claimLife is how long after its claim a message may be written to the network.
	claimLife = 30 * time.Second

	// sendLife is how long after its claim a send ends, whatever it waits for.
	sendLife = 2 * claimLife

	// reservedLife is how long after its reservation a message that nobody finished is
	// unknown: its send has ended by then, in whichever process it was.
	reservedLife = sendLife + 15*time.Second

	// sweepEvery is how often the sender looks for channels of which it was not told.
	sweepEvery = time.Minute
)

const (
	// sweepOften is that in a store where other processes plan messages, and busyPoll how
	// often it then asks for the right to send that another process has.
	sweepOften, busyPoll = 5 * time.Second, 500 * time.Millisecond

	// heldPoll is how often the health of a channel with waiting messages is looked at,
	// and blockedPoll how often messages are that wait for another of their chat.
	heldPoll, blockedPoll = 2 * time.Second, 5 * time.Second

	// probeEvery is how often one message is tried on a channel that needs a token or is
	// blocked, since only a call can show that it is not any more.
	probeEvery = 5 * time.Minute

	// longestTrouble is the longest pause after failures of the store.
	longestTrouble = 30 * time.Second

	// longestPause is the longest pause of a channel that the service refuses for now.
	longestPause = time.Minute
)

// sending is the work of one run of an Outbox.
type sending struct {
	ctx  context.Context // ends when nothing new may begin
	hard context.Context // ends when what has begun has to end
	all  sync.WaitGroup
}

// run sends until ctx ends, then finishes what it has begun.
func (o *Outbox) run(ctx context.Context) error {
	hard, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	work := &sending{ctx: ctx, hard: hard}
	o.mu.Lock()
	o.work = work
	o.mu.Unlock()
	every := sweepEvery
	if o.store.Shared() {
		every = sweepOften
	}
	for failures := 1; ctx.Err() == nil; failures++ {
		if err := o.sweep(ctx); err != nil && ctx.Err() == nil {
			o.report(whyStore, "error", err)
			_ = pause(ctx, failures)
			continue
		}
		failures = 0
		_ = o.clock.wait(ctx, o.clock.now().Add(every), nil)
	}
	o.mu.Lock()
	o.work = nil // no sender begins any more, of which the wait would not know
	o.mu.Unlock()
	done := make(chan struct{})
	go func() {
		work.all.Wait()
		close(done)
	}()
	drain := time.NewTimer(o.drain)
	defer drain.Stop()
	select {
	case <-done:
		return nil
	case <-drain.C:
	}
	channels := o.busy()
	stop()
	<-done
	return fmt.Errorf("sends of channel %s did not end within %v and were broken off; they are unknown until they are resolved",
		strings.Join(channels, ", "), o.drain)
}

// busy returns the channels that have a sender.
func (o *Outbox) busy() (names []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name := range o.senders {
		names = append(names, name)
	}
	return names
}

// sweep wakes every channel with messages that are not finished.
func (o *Outbox) sweep(ctx context.Context) error {
	for after := ""; ctx.Err() == nil; {
		var page []string
		err := o.store.View(ctx, func(ctx context.Context, inner store.Tx) (err error) {
			page, err = o.channelsIn(ctx, NewTx(inner), after)
			return err
		})
		if err != nil {
			return err
		}
		for _, channel := range page {
			o.wake(channel)
			after = channel
		}
		if len(page) < sweepPage {
			return nil
		}
	}
	return nil
}

const sweepPage = 64

// channelsIn returns channels with messages that are not finished, after the given one.
// It asks for one at a time, because a database looks each up in the index, but would
// read all rows for a list.
func (o *Outbox) channelsIn(ctx context.Context, tx Tx, after string) (page []string, err error) {
	for len(page) < sweepPage {
		next := ""
		for _, query := range []string{
			"SELECT channel FROM outbox WHERE state IN (1, 2, 3, 5, 9) AND channel > $1 ORDER BY channel LIMIT 1",
			"SELECT channel FROM outbox_notice WHERE channel > $1 ORDER BY channel LIMIT 1",
		} {
			rows, err := tx.Query(ctx, query, after)
			if err != nil {
				return nil, err
			}
			err = each(rows, func() error {
				var channel string
				err := rows.Scan(&channel)
				if next == "" || channel < next {
					next = channel
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		if next == "" {
			return page, nil
		}
		page, after = append(page, next), next
	}
	return page, nil
}

// wake says that a message of the channel may be due. Call it after the commit.
func (o *Outbox) wake(channel string) { o.wakeAt(channel, time.Time{}) }

// wakeAt is wake for a message that is due later. If nothing is sent here, another
// program is woken then.
func (o *Outbox) wakeAt(channel string, at time.Time) {
	if channel == "" || o.wakeHere(channel) || o.engine == nil {
		return
	}
	var after time.Duration
	if !at.IsZero() {
		after = at.Sub(o.clock.now())
	}
	o.engine.Wake(after, store.Wakeup{Kind: store.WakeChannel, Name: channel})
}

// wakeHere wakes the channel's sender in this program, if messages are sent here.
func (o *Outbox) wakeHere(channel string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.work == nil || o.work.ctx.Err() != nil {
		return false
	}
	s := o.senders[channel]
	if s == nil {
		s = &sender{Outbox: o, channel: channel, poke: make(chan struct{}, 1), slots: firstSlots, adapted: time.Now(),
			looking: map[int64]bool{}, hands: map[string]int64{}, aside: map[int64]time.Time{}, behind: map[int64]time.Time{}}
		o.senders[channel] = s
		o.work.all.Add(1)
		go s.run(o.work)
	}
	s.woken = true
	s.stir()
	return true
}

// wakeAfterCommit is wake for a caller whose transaction has not ended. A sender's
// claim waits for that where a database has one writer; else the second look finds the
// message.
func (o *Outbox) wakeAfterCommit(channel string) {
	o.wake(channel)
	time.AfterFunc(250*time.Millisecond, func() { o.wake(channel) })
}

// firstSlots is how many messages a sender begins with, and leastSlots how many it
// claims at once at the slowest pace; see sender.adapt. With more than one, those that
// give their turns back at the same time would lose some.
const firstSlots, leastSlots = 8, 1

// sender sends the messages of one channel.
type sender struct {
	*Outbox
	channel string
	claims  string          // begins the claims of this turn, see otherTurn
	steps   int             // of the turn
	right   context.Context // to send; ends when the lock is lost
	poke    chan struct{}   // something has happened
	woken   bool            // a message may be due; under Outbox.mu

	mu        sync.Mutex
	active    int           // sends and look-ups that run
	ended     int           // sends that ended since the last claim
	slots     int           // how many sends may run
	passed    int           // sends that came to the network since adapted
	waited    time.Duration // how long they waited for the pace, together
	adapted   time.Time
	failures  int  // refusals in a row that concern the channel
	lostInRow int  // answers that were lost, with none between them
	stopped   bool // all sending is
	pauseTo   time.Time
	pauseWhy  string
	looking   map[int64]bool      // the messages that are looked for in the history
	hands     map[string]int64    // the messages that are being sent, by their chats
	aside     map[int64]time.Time // until when messages in hands wait for their recipients' pace
	behind    map[int64]time.Time // see try.folded

	reservations group[*reservation]
	receipts     group[*received]

	// Of the sender's goroutine alone.
	heldSince, probed, chores time.Time
	afterChat                 string // where a claim for other chats goes on
	troubles                  int    // failures of the store in a row
	lost                      bool   // a step failed, so that rows may be claimed that nobody sends
}

func (s *sender) stir() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// run works until nothing waits on the channel, or the work ends.
func (s *sender) run(work *sending) {
	defer work.all.Done()
	for {
		again := s.turn(work)
		s.Outbox.mu.Lock()
		if work.ctx.Err() != nil || again.IsZero() && !s.woken {
			delete(s.senders, s.channel)
			s.Outbox.mu.Unlock()
			return
		}
		s.Outbox.mu.Unlock()
		_ = s.clock.wait(work.ctx, again, s.poke)
	}
}

// turn sends what is due, under the lock of the channel. It returns when something may
// be due again; zero if nothing waits.
func (s *sender) turn(work *sending) time.Time {
	right, unlock, err := s.store.Lock(work.ctx, store.SendLock+s.channel)
	s.noteHalt(err)
	_, halted := errors.AsType[store.Halted](err)
	switch {
	case errors.Is(err, store.ErrBusy):
		return s.clock.now().Add(busyPoll)
	case halted:
		return s.trouble()
	case err != nil && work.ctx.Err() == nil:
		s.report("The right to send for a channel cannot be taken; it is tried again, and its messages wait.", "channel", s.channel, "error", err)
		fallthrough
	case err != nil:
		return s.trouble()
	}
	defer unlock()
	s.claims, s.right, s.lost = rand.Text(), right, false
	back := true // claims of a process that died, and of a step whose commit is not known
	var next time.Time
	for {
		ending := right.Err() != nil
		if !ending && !s.lost && s.ready(next) {
			step, err := s.step(work, back)
			if err != nil {
				s.reportStore(work, err)
				s.lost, next = true, s.trouble()
			} else {
				s.troubles, back, next = 0, false, step.next
				s.begin(work, step)
			}
		}
		switch idle, ended := s.idle(); {
		case idle && ending: // a lock that was lost is asked for again
			return s.clock.now().Add(busyPoll)
		case idle && (s.lost || !ended && !s.isWoken() && !s.due(next)):
			return next
		case ending:
			<-s.poke // the sends that run end within sendLife
		default:
			_ = s.clock.wait(right, next, s.poke)
		}
	}
}

const whyStore = "The outbox cannot use its database; it tries again, and its messages wait."

func (s *sender) reportStore(work *sending, err error) {
	if work.ctx.Err() == nil {
		s.report(whyStore, "channel", s.channel, "error", err)
	}
}

// trouble counts a failure of the store and returns when to try again: after 2 s, 4 s, …
// up to half a minute.
func (s *sender) trouble() time.Time {
	s.troubles++
	return s.clock.now().Add(min(heldPoll<<min(s.troubles-1, 10), longestTrouble))
}

func (s *sender) due(next time.Time) bool { return !next.IsZero() && !next.After(s.clock.now()) }

// ready reports whether a step is worth its transaction: something may be due, or a
// good part of the slots has become free.
func (s *sender) ready(next time.Time) bool {
	woken := s.isWoken() || s.due(next)
	s.mu.Lock()
	defer s.mu.Unlock()
	return woken || s.taken() == 0 || s.ended*2 >= s.slots
}

// taken returns how many slots are taken. Call it under s.mu.
func (s *sender) taken() int { return s.active - min(len(s.aside), asideMost) }

func (s *sender) isWoken() bool {
	s.Outbox.mu.Lock()
	defer s.Outbox.mu.Unlock()
	return s.woken
}

// idle reports whether nothing runs, and whether something has ended that the last step
// may not have seen.
func (s *sender) idle() (idle, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active == 0, s.ended > 0
}

// room returns how many messages may be claimed now.
func (s *sender) room() (room int, client *chatapi.Client) {
	client, known := s.channels.Client(chatapi.ChannelID(s.channel))
	now := s.clock.now()
	if !known || s.lost {
		return 0, client
	}
	_, held := s.held(s.channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	probe := false
	switch {
	case !held:
		s.heldSince = time.Time{}
	case s.heldSince.IsZero():
		s.heldSince, s.probed = now, now
	default:
		probe = now.Sub(s.probed) >= probeEvery && s.active == 0
	}
	switch {
	case held && !probe, now.Before(s.pauseTo):
		return 0, client
	case probe:
		s.probed = now
		return 1, client
	}
	return max(0, s.slots-s.taken()), client
}

// adapt fits the slots to the pace of the channel, about a second of it, so that an
// urgent message is not behind many that were claimed before. Call it under s.mu.
func (s *sender) adapt() {
	s.ended = 0
	elapsed := time.Since(s.adapted)
	if s.passed == 0 || elapsed < time.Second && s.passed < s.slots {
		return
	}
	switch mean := s.waited / time.Duration(s.passed); {
	case mean < 250*time.Millisecond:
		s.slots = min(sendSlots, s.slots*2)
	case mean > 500*time.Millisecond && elapsed >= time.Second:
		s.slots = min(sendSlots, max(leastSlots, 1+int(float64(s.passed)/elapsed.Seconds())))
	}
	s.passed, s.waited, s.adapted = 0, 0, time.Now()
}

// paused says why a channel is paused by the service's refusals, or a chat by its pace.
func (o *Outbox) paused(channel, chat string, now time.Time) string {
	o.mu.Lock()
	s := o.senders[channel]
	o.mu.Unlock()
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Before(s.pauseTo) {
		if until := s.aside[s.hands[chat]]; until.After(now) {
			return "Its recipient gets messages as fast as the pace allows; the chat goes on at " + until.UTC().Format(time.TimeOnly) + " UTC."
		}
		return ""
	}
	return strings.TrimSuffix(s.pauseWhy, ".") + "; the channel goes on at " + s.pauseTo.UTC().Format(time.TimeOnly) + " UTC."
}
