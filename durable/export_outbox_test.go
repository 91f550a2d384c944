package durable

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// RunOutbox runs the outbox of a desk alone.
func RunOutbox(ctx context.Context, d *Desk) error {
	if d.clock.changed != nil {
		go d.clock.jumps.Follow(ctx, d.clock.changed)
	}
	return d.Outbox.run(ctx)
}

// WakeSender says that a message of a channel may be due.
func WakeSender(d *Desk, channel string) { d.Outbox.wake(channel) }

// Senders is how many channels have a sender.
func Senders(d *Desk) int { return len(d.Outbox.busy()) }

// FoldStatus and FoldEcho do what the fold does with an event.
func FoldStatus(ctx context.Context, d *Desk, e *chatapi.StatusEvent) error {
	return d.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		return d.Outbox.statusIn(ctx, NewTx(tx), canonical(e.Channel), e)
	})
}

func FoldEcho(ctx context.Context, d *Desk, e *chatapi.EchoEvent) error {
	return d.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		return d.Outbox.echoIn(ctx, NewTx(tx), canonical(e.Channel), e)
	})
}

// ReserveTwice reserves the first planned message of a channel twice in one group.
func ReserveTwice(ctx context.Context, d *Desk, channel string) (outcomes []error, err error) {
	s := &sender{Outbox: d.Outbox, channel: channel, claims: rand.Text(), right: ctx}
	var rows []*row
	err = d.store.View(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		rows, err = scanRows(tx.Query(ctx, "SELECT "+rowColumns+" FROM outbox WHERE channel = $1 AND state = 1 ORDER BY id LIMIT 1", channel))
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []*reservation
	for range 2 {
		t := &try{sender: s, row: rows[0], claim: s.newClaim(), at: d.clock.now(), began: time.Now()}
		if t.message, err = readPrepared(rows[0].body()); err != nil {
			return nil, err
		}
		all = append(all, &reservation{t, ctx, []byte("{}"), store.Micros(t.at),
			func(ctx context.Context, tx Tx) error { return t.reserveIn(ctx, tx, chatapi.Attempt{}) }})
	}
	return s.reserve(all), nil
}

// TidyOutbox runs one round of the outbox's housekeeping.
func TidyOutbox(ctx context.Context, d *Desk) error {
	for after := (tidied{}); ; {
		next, more, err := d.Outbox.tidy(ctx, after)
		if err != nil || !more {
			return err
		}
		after = next
	}
}

// OutboxQueries are the queries of a sender and of housekeeping, for a look at their plans.
var OutboxQueries = []string{claimQuery(2), pickQuery(2), headsQuery, chatsQuery, sentAllQuery(1), reserveAllQuery(1), promoteQuery, lateQuery, orphanQuery, looksQuery, nextQuery, tidyQuery, earlyQuery, oldFactsQuery}

// QuietEnd returns when the quiet hours end in which an instant is.
func QuietEnd(t interface{ Fatal(...any) }, h QuietHours, at time.Time) time.Time {
	q, err := h.of(chatapi.Phone("12025550143"))
	if err != nil {
		t.Fatal(err)
	}
	return q.end(at, h.Timezone)
}

// FoundInHistory tells a sender that the history has an unknown message under an id.
func FoundInHistory(ctx context.Context, d *Desk, q *Queued, messageID string) error {
	s := &sender{Outbox: d.Outbox, channel: string(q.Channel)}
	return d.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		found := chatapi.Resolution{Outcome: chatapi.OutcomeAccepted, ID: messageID}
		return s.lookedIn(ctx, NewTx(tx), &row{id: q.ID, attempts: q.Attempts}, found, nil)
	})
}
