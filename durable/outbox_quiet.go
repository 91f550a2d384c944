package durable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// QuietHours are the hours of a recipient's day in which messages wait; see [Quiet].
type QuietHours struct {
	// From and To are times of the recipient's day in whole minutes, such as 21*time.Hour
	// and 8*time.Hour. From is quiet and To is not. If From is the later one, the hours go
	// over midnight.
	From, To time.Duration

	// Timezones are the time zones of recipients by the beginning of their number, such as
	// "49" or "1202", or of their BSUID, such as "DE."; the longest that fits counts.
	Timezones map[string]*time.Location

	// Timezone is that of everybody else, of groups and of usernames; nil is UTC.
	Timezone *time.Location

	// Answers lets answers wait too.
	Answers bool
}

// Quiet lets the message wait for the end of the recipient's quiet hours. They are looked
// at when the message's turn has come, and the message holds back no later one. It may go
// out up to half a minute after the quiet hours have begun, if it waited for the pace
// then. If [Until] comes first, the message is skipped.
//
// An answer does not wait, unless QuietHours.Answers is set: a message of priority 0 that
// is no template, to somebody whose service window is open. Who writes at night is awake
// and expects one. A template is sent at once to nobody in the quiet hours, also in an
// open window, because it is news and no answer. A free-form message that waited for
// longer than the window is open is refused, so give [IfClosed] too.
//
// Time zones are stored by their names, so give those of [time.LoadLocation]: another
// one, such as [time.Local], is an error of [Outbox.Send]. A program that does not know a
// stored name, since its machine has no database of time zones, lets the message wait,
// and Queued.Why says so; import time/tzdata there.
func Quiet(h QuietHours) SendOption { return func(o *sendOptions) { o.quiet = &h } }

// quiet is QuietHours of one recipient, as the table has them. Without a zone there are
// none.
type quiet struct {
	from, to int64 // in minutes after midnight
	zone     string
	answers  int
}

const day = 24 * time.Hour

// of returns the quiet hours of a recipient.
func (h *QuietHours) of(to chatapi.Recipient) (q quiet, err error) {
	for name, at := range map[string]time.Duration{"From": h.From, "To": h.To} {
		if at < 0 || at >= day || at%time.Minute != 0 {
			return q, fmt.Errorf("Quiet: %s is %v; it has to be a time of day in whole minutes, from 0 to 23h59m", name, at)
		}
	}
	if h.From == h.To {
		return q, errors.New("Quiet: From and To are equal, so that no message would ever be sent")
	}
	zone, fits := h.Timezone, -1
	kind, name, _ := strings.Cut(to.Key(), ":") // that of a number is also that of its chat
	known := kind == string(chatapi.RecipientPhone) || kind == string(chatapi.RecipientBSUID)
	for beginning, z := range h.Timezones {
		if known && len(beginning) > fits && strings.HasPrefix(name, beginning) {
			zone, fits = z, len(beginning)
		}
	}
	if zone == nil {
		zone = time.UTC
	}
	if _, err := loadZone(zone.String()); err != nil {
		return q, fmt.Errorf("Quiet: the time zone %q has no name that every machine knows; take one of time.LoadLocation, "+
			"such as \"America/New_York\"", zone)
	}
	q = quiet{from: int64(h.From / time.Minute), to: int64(h.To / time.Minute), zone: zone.String()}
	if h.Answers {
		q.answers = 1
	}
	return q, nil
}

func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("the zone is that of this machine")
	}
	return time.LoadLocation(name)
}

// end returns when the quiet hours end in which an instant is; zero if it is in none.
func (q quiet) end(now time.Time, zone *time.Location) time.Time {
	local := now.In(zone)
	minute := int64(local.Hour()*60 + local.Minute())
	inside := minute >= q.from && minute < q.to
	if q.from > q.to {
		inside = minute >= q.from || minute < q.to
	}
	if !inside {
		return time.Time{}
	}
	left := (q.to - minute + 24*60) % (24 * 60)
	end := now.Truncate(time.Minute).Add(time.Duration(left) * time.Minute)
	// Clocks may be put on or back in between. What comes earlier is looked at again then.
	for n := range 2 {
		if byCalendar := time.Date(local.Year(), local.Month(), local.Day()+n, 0, int(q.to), 0, 0, zone); byCalendar.After(now) && byCalendar.Before(end) {
			end = byCalendar
		}
	}
	return end
}

// zonePause is the pause before a time zone that is not known is looked up again.
const zonePause = 5 * time.Minute

// quiet returns until when the message waits, and why; zero if it may go now. A message
// that was accepted and not yet folded may have opened the service window, so the fold
// has to come first.
func (t *try) quiet() (until time.Time, why string, err error) {
	hours, now := t.row.quiet, t.clock.now()
	if hours.zone == "" {
		return time.Time{}, "", nil
	}
	zone, err := loadZone(hours.zone)
	if err != nil {
		why = "The quiet hours of the recipient are in the time zone " + hours.zone + ", which this machine does not know; " +
			"install its database of time zones, or import time/tzdata."
		return now.Add(zonePause), why, nil //nolint:nilerr // why has it
	}
	end := hours.end(now, zone)
	if end.IsZero() {
		return time.Time{}, "", nil
	}
	if t.row.prio == 0 && hours.answers == 0 && t.message.Operation != templateOperation {
		closed, err := t.closed()
		if err != nil || !closed {
			return time.Time{}, "", err
		}
	}
	local := end.In(zone)
	return end, fmt.Sprintf("It waits for the end of the recipient's quiet hours at %s in %s, which is %s UTC.",
		local.Format("15:04"), hours.zone, end.UTC().Format(time.DateTime)), nil
}

// whyStopped returns why nothing is sent at all; "" if messages are sent.
func whyStopped(ctx context.Context, tx Tx) (why string, err error) {
	rows, err := tx.Query(ctx, "SELECT value FROM meta WHERE name = 'stopped'")
	if err != nil {
		return "", err
	}
	err = each(rows, func() error { return rows.Scan(&why) })
	return why, err
}

// StopSending stops all sending of all programs on the store until [Outbox.StartSending]
// is called, also after a restart. Messages are planned all the same and wait;
// Queued.Why and Health.Stopped say why. A message that is reserved already, which are at
// most the few on the way of each channel, still goes out. Calling it again replaces
// why, which may be empty. It calls nothing but the store and is never repeated.
func (o *Outbox) StopSending(ctx context.Context, why string) error {
	sentence := "All sending is stopped."
	if why = strings.TrimSpace(why); why != "" {
		sentence = spoken("All sending is stopped: "+strings.TrimSuffix(why, ".")+".", 1000)
	}
	return o.changeStopped(ctx, "Outbox.StopSending", `INSERT INTO meta (name, value) VALUES ('stopped', $1)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, sentence)
}

// StartSending ends [Outbox.StopSending]. This program goes on at once, others within
// some seconds. It is no error if nothing was stopped. It calls nothing but the store and
// is never repeated.
func (o *Outbox) StartSending(ctx context.Context) error {
	const op = "Outbox.StartSending"
	if err := o.changeStopped(ctx, op, "DELETE FROM meta WHERE name = 'stopped'"); err != nil {
		return err
	}
	if err := o.sweep(ctx); err != nil {
		o.report("The channels are not woken; their messages go out within a minute.", "error", err)
	}
	return nil
}

func (o *Outbox) changeStopped(ctx context.Context, op, statement string, args ...any) error {
	if store.InTx(ctx) {
		return wrong(op, ErrInTx)
	}
	err := o.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	})
	if err != nil {
		return wrong(op, err)
	}
	return nil
}
