package durable

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Failing is an event whose handler has failed and is called again. The chat waits
// meanwhile.
type Failing struct {
	ID      int64             // grows with the order of arrival
	Channel chatapi.ChannelID // in canonical spelling
	Chat    string            // the [chatapi.Recipient.Key] of the chat; "" for an event without one

	Attempts int
	Reason   string    // the last error; at most 2000 bytes
	Next     time.Time // when the handler is called again
}

const failingFrom = " FROM attempt WHERE attempts > 0 AND reason NOT IN ('', 'deferred', '" + notConnected + "', '" + endedInOrder + "')"

// The reasons of events that wait without having failed.
const (
	notConnected = "the channel is not connected"
	endedInOrder = "the program ended in order"
)

// Failing lists the events whose handlers have failed and are called again, in the order
// of their IDs; [Inbox.Dead] has those that are not called again. It reads pages, so the
// list may change meanwhile. After an error it ends. It calls nothing but the store and is
// never repeated.
func (i *Inbox) Failing(ctx context.Context) iter.Seq2[*Failing, error] {
	return func(yield func(*Failing, error) bool) {
		for after := int64(0); ; {
			events, err := i.failingPage(ctx, after)
			if err != nil {
				yield(nil, fmt.Errorf("durable: Failing: %w", err))
				return
			}
			for _, f := range events {
				if after = f.ID; !yield(f, nil) {
					return
				}
			}
			if len(events) < page {
				return
			}
		}
	}
}

func (i *Inbox) failingPage(ctx context.Context, after int64) (events []*Failing, err error) {
	err = i.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
		events = nil
		rows, err := NewTx(tx).Query(ctx, "SELECT seq, lane, attempts, reason, not_before"+failingFrom+
			" AND seq > $1 ORDER BY seq LIMIT "+strconv.Itoa(page), after)
		if err != nil {
			return err
		}
		return each(rows, func() error {
			f := &Failing{}
			lane, at := "", int64(0)
			err := rows.Scan(&f.ID, &lane, &f.Attempts, &f.Reason, &at)
			channel, chat, _ := strings.Cut(lane, " ")
			f.Channel, f.Chat, f.Next = chatapi.ChannelID(channel), chat, store.Time(at)
			events = append(events, f)
			return err
		})
	})
	return events, err
}

// failingIn reads what Health says of events whose handlers have failed.
func failingIn(ctx context.Context, tx Tx, h *Health) error {
	rows, err := tx.Query(ctx, "SELECT (SELECT count(*)"+failingFrom+"), attempts, reason"+failingFrom+" ORDER BY seq LIMIT 1")
	if err != nil {
		return err
	}
	h.Failing, h.FailingWhy, h.failed = 0, "", 0
	return each(rows, func() error { return rows.Scan(&h.Failing, &h.failed, &h.FailingWhy) })
}

// warnEvery is how often the first failures of events are logged: if the handler is
// broken, every event fails.
const warnEvery = time.Second

func (i *Inbox) warnFailed(ctx context.Context, e *store.Event) {
	now := i.clock.now()
	i.mu.Lock()
	soon := now.Sub(i.warned).Abs() < warnEvery
	if !soon {
		i.warned = now
	}
	i.mu.Unlock()
	if !soon {
		i.warn(ctx, "The handler failed for an event, and is called again; Inbox.Failing and HandledInfo.Err have the reason.",
			slog.Int64("id", e.Seq), slog.String("channel", e.Channel))
	}
}

// leave leaves a lane whose channel this program does not have to others, and reports
// whether it does. Until the channel is connected here, the handler is not called again.
func (i *Inbox) leave(lane, channel string) bool {
	if _, known := i.channels.Client(chatapi.ChannelID(channel)); known {
		return false
	}
	i.mu.Lock()
	i.absent[channel] = true
	i.mu.Unlock()
	if i.engine != nil {
		i.engine.Wake(0, store.Wakeup{Kind: store.WakeLane, Name: lane})
	}
	return true
}

// isAbsent reports whether the handler needs the lane's channel, and this program does not
// have it.
func (i *Inbox) isAbsent(lane string) bool {
	channel, _, _ := strings.Cut(lane, " ")
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.absent[channel] {
		return false
	}
	if _, known := i.channels.Client(chatapi.ChannelID(channel)); known {
		delete(i.absent, channel)
		return false
	}
	return true
}

// absentChannels returns the channels whose events wait for a client.
func (i *Inbox) absentChannels() (names []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for channel := range i.absent {
		if _, known := i.channels.Client(chatapi.ChannelID(channel)); !known {
			names = append(names, channel)
		}
	}
	return names
}
