//go:build unix

package harness

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is what a run has shown.
type Report struct {
	Store  string
	Rounds int

	Accepted, Lost, Doubled, Disordered, SentTwice, Unknown, Settled int

	Hits                                 map[string]int
	Points                               []string
	Random, Frozen, Sent, Copies, Person int
	Rate                                 float64 // events in a second while a worker ran
	Longest                              time.Duration

	Repeated int      // of SentTwice, those that a recipient has more than once
	syncs    string   // what the database says of its syncs
	longest  string   // the event that took so long
	examples []string // of what is wrong
}

// note notes an example of what is wrong.
func (r *Report) note(count *int, format string, args ...any) {
	if *count++; *count <= 5 {
		r.examples = append(r.examples, fmt.Sprintf(format, args...))
	}
}

// Faults says what is wrong; nil if nothing is.
func (r *Report) Faults() []string {
	faults := slices.Clone(r.examples)
	for _, count := range []struct {
		n    int
		name string
	}{{r.Lost, "lost"}, {r.Doubled, "doubled"}, {r.Disordered, "disordered"}, {r.SentTwice, "sent twice"}, {r.Unknown - r.Settled, "not settled"}} {
		if count.n != 0 {
			faults = append(faults, fmt.Sprint(count.n, " ", count.name))
		}
	}
	for _, name := range r.Points {
		if r.Rounds >= len(r.Points) && r.Hits[name] == 0 {
			faults = append(faults, "nothing died at "+name)
		}
	}
	return faults
}

// Print writes the report. Its last line has a fixed form.
func (r *Report) Print(w io.Writer) {
	for _, name := range r.Points {
		fmt.Fprintf(w, "crash: point %-25s %d\n", name, r.Hits[name])
	}
	if r.syncs != "" {
		fmt.Fprintf(w, "crash: %s\n", r.syncs)
	}
	fmt.Fprintf(w, "crash: random moments %d, of them after a freeze %d\n", r.Random, r.Frozen)
	fmt.Fprintf(w, "crash: events/s %.0f, delivered again on purpose %d, messages sent %d, settled by a person %d\n", r.Rate, r.Copies, r.Sent, r.Person)
	fmt.Fprintf(w, "crash: longest from accept to effect %s (%s)\n", r.Longest.Round(time.Millisecond), r.longest)
	for _, fault := range r.Faults() {
		fmt.Fprintf(w, "crash: WRONG: %s\n", fault)
	}
	fmt.Fprintf(w, "crash: store %s rounds %d accepted %d lost %d doubled %d disordered %d sent-twice %d unknown %d settled %d\n",
		r.Store, r.Rounds, r.Accepted, r.Lost, r.Doubled, r.Disordered, r.SentTwice, r.Unknown, r.Settled)
}

// check compares the store with the journal and with what the customers have.
func (d *driver) check(ctx context.Context) (_ *Report, err error) {
	opened, err := d.plug.Open(ctx, d.place())
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	r := &Report{Store: d.plug.Name, Rounds: d.Rounds, Accepted: len(d.journal.accepted), Hits: d.hits, Points: d.Points,
		Random: d.random, Frozen: d.frozen, Copies: d.journal.copies, Person: int(d.person.Load()),
		Rate: d.measured}
	for _, check := range []func(context.Context, *Report, *Opened) error{d.checkRest, d.checkEffects, d.checkCalls, d.checkMessages, checkSyncs} {
		if err := check(ctx, r, opened); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// checkSyncs compares commits with syncs.
func checkSyncs(ctx context.Context, r *Report, opened *Opened) error {
	if opened.Syncs == nil {
		return nil
	}
	var err error
	if r.syncs, err = opened.Syncs(ctx); err != nil {
		r.examples = append(r.examples, err.Error())
	}
	return nil
}

// effect is a row that a handler has left.
type effect struct {
	key, text string
	at        int64
}

// checkEffects finds events without an effect, with two, and chats out of order.
func (d *driver) checkEffects(ctx context.Context, r *Report, opened *Opened) error {
	effects, err := all(ctx, opened.DB, "SELECT event_key, event_text, at FROM crash_effects ORDER BY n", func(rows *sql.Rows, e *effect) error {
		return rows.Scan(&e.key, &e.text, &e.at)
	})
	if err != nil {
		return err
	}
	times, newest := map[string]int{}, map[string]int{}
	for _, e := range effects {
		accepted, known := d.journal.accepted[e.key]
		switch times[e.key]++; {
		case times[e.key] > 1:
			r.note(&r.Doubled, "event %s has %d effects", e.key, times[e.key])
			continue
		case !known:
			r.note(&r.Doubled, "event %s has an effect and was never accepted", e.key)
			continue
		}
		if took := time.UnixMicro(e.at).Sub(accepted.at); took > r.Longest {
			r.Longest, r.longest = took, fmt.Sprintf("%s, accepted %s", e.key, accepted.at.Format("15:04:05.000"))
		}
		var chat string
		var n int
		if _, err := fmt.Sscan(e.text, &chat, &n); err != nil || !strings.Contains(chat, "-") {
			continue // an echo or a status, which the load does not deliver in order
		}
		if n < newest[chat] {
			r.note(&r.Disordered, "event %d of chat %s came after %d", n, chat, newest[chat])
		}
		newest[chat] = max(newest[chat], n)
	}
	for key := range d.journal.accepted {
		if times[key] == 0 {
			r.note(&r.Lost, "event %s was accepted and has no effect", key)
		}
	}
	return nil
}

// planned is a row of the outbox.
type planned struct {
	id, at                int64 // at is when it was planned, in microseconds
	channel, key          string
	state                 int
	messageID             string
	changed, changedState string // what OnChange was told
	unknown               bool
}

// The states of the table that are final.
const (
	stateSent     = 4
	stateCanceled = 8
)

// checkMessages finds messages that were not sent, or twice, or out of order.
func (d *driver) checkMessages(ctx context.Context, r *Report, opened *Opened) error {
	rows, err := all(ctx, opened.DB, `SELECT o.id, o.planned, o.channel, o.key, o.state, o.message_id, COALESCE(c.state, ''), COALESCE(c.message_id, ''), COALESCE(c.unknown, 0)
		FROM outbox o LEFT JOIN crash_changes c ON c.id = o.id ORDER BY o.id`, func(rows *sql.Rows, p *planned) error {
		return rows.Scan(&p.id, &p.at, &p.channel, &p.key, &p.state, &p.messageID, &p.changedState, &p.changed, &p.unknown)
	})
	if err != nil {
		return err
	}
	received := d.service.received()
	byText, present := map[string]*planned{}, map[string]bool{}
	for n := range rows {
		p := &rows[n]
		text := d.journal.text(p.channel, p.key)
		byText[text], present[p.channel+" "+p.key] = p, true
		got := received[text]
		r.checkMessage(p, text, got, d.journal.canceled[p.channel+" "+p.key])
		if len(got) > 1 {
			if err := r.explain(ctx, opened, p, got); err != nil {
				return err
			}
		}
	}
	for name := range d.journal.planned {
		if !present[name] {
			r.note(&r.Lost, "message %s was planned and is not in the store", name)
		}
	}
	for key, a := range d.journal.accepted {
		if a.message && !present[a.channel+" "+answerKey(key)] {
			r.note(&r.Lost, "the answer to event %s is not in the store", key)
		}
	}
	for text := range received {
		if byText[text] == nil {
			r.note(&r.SentTwice, "%q was sent and is not in the store", text)
		}
	}
	slack := time.Duration(0)
	if d.plug.Workers > 1 {
		slack = commitLife
	}
	r.checkOrder(byText, received, slack)
	return nil
}

// attempted is a row of an attempt.
type attempted struct {
	number    int
	at        int64
	messageID string
	result    string
}

// explain adds to the examples how a message came to be sent twice.
func (r *Report) explain(ctx context.Context, opened *Opened, p *planned, got []sent) error {
	attempts, err := all(ctx, opened.DB, "SELECT number, at, message_id, result FROM outbox_attempt WHERE outbox = "+fmt.Sprint(p.id)+" ORDER BY number",
		func(rows *sql.Rows, a *attempted) error { return rows.Scan(&a.number, &a.at, &a.messageID, &a.result) })
	if err != nil || len(r.examples) > 10 {
		return err
	}
	for _, a := range attempts {
		r.examples = append(r.examples, fmt.Sprintf("  attempt %d of message %d was stored at %s; its result is %q", a.number, p.id, time.UnixMicro(a.at).Format("15:04:05.000"), a.result))
	}
	for _, s := range got {
		r.examples = append(r.examples, fmt.Sprintf("  %s came at %s", s.id, s.at.Format("15:04:05.000")))
	}
	return nil
}

// checkMessage compares one message with what its recipient has.
func (r *Report) checkMessage(p *planned, text string, got []sent, toldCanceled bool) {
	right := false
	switch {
	case len(got) > 1:
		r.note(&r.SentTwice, "%q was sent %d times, first at %s, then at %s; it was unknown: %t", text, len(got),
			got[0].at.Format("15:04:05.000"), got[1].at.Format("15:04:05.000"), p.unknown)
		r.Repeated++
	case p.state == stateCanceled && len(got) > 0, toldCanceled && len(got) > 0:
		r.note(&r.SentTwice, "%q was canceled and sent", text)
	case toldCanceled && p.state != stateCanceled:
		r.note(&r.SentTwice, "%q was canceled and is in state %d", text, p.state)
	case p.state == stateCanceled:
		right = true
	case p.state != stateSent:
		r.note(&r.Lost, "%q is in state %d at the end, and its recipient has it %d times", text, p.state, len(got))
	case len(got) == 0:
		r.note(&r.Lost, "%q is noted as sent, and nobody has it", text)
	case p.messageID != got[0].id:
		r.note(&r.Lost, "%q is noted as sent with the id %q, and has the id %q", text, p.messageID, got[0].id)
	case p.changedState != "sent" || p.changed != p.messageID:
		r.note(&r.Lost, "%q was sent, and OnChange was last told that it is %q with the id %q", text, p.changedState, p.changed)
	default:
		right = true
		r.Sent++
	}
	if p.unknown {
		r.Unknown++
		if right {
			r.Settled++
		}
	}
}

// commitLife is longer than the time from the plan of a message to its commit, in a program
// that may be frozen between.
const commitLife = 10 * time.Second

// checkOrder finds chats in which messages overtook each other. One that was unknown does
// not hold back those after it for ever, so it is left out. Two programs that plan for a
// chat at the same time may commit in either order, whatever the numbers of the rows. So
// with several programs only a message counts that was planned by slack before another one
// was sent, which is on the disk by then.
func (r *Report) checkOrder(byText map[string]*planned, received map[string][]sent, slack time.Duration) {
	type place struct {
		position int
		at       time.Time
		row      *planned
	}
	chats := map[string][]place{}
	for text, got := range received {
		if p := byText[text]; p != nil && !p.unknown && len(got) == 1 {
			chat := got[0].channel + " " + got[0].phone
			chats[chat] = append(chats[chat], place{got[0].position, got[0].at, p})
		}
	}
	for chat, places := range chats {
		slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.position, b.position) })
		for n := 1; n < len(places); n++ {
			late, early := places[n].row, places[n-1]
			if late.id < early.row.id && (slack == 0 || time.UnixMicro(late.at).Add(slack).Before(early.at)) {
				r.note(&r.Disordered, "in chat %s message %s was sent after %s", chat, late.key, early.row.key)
			}
		}
	}
}

// checkRest finds what is still there although everything is finished.
func (d *driver) checkRest(ctx context.Context, r *Report, opened *Opened) error {
	if !d.drained {
		r.note(&r.Lost, "the last workers finished nothing more for %s: %d events, %d events to fold, %d messages, %d unknown", drainWait, d.left.Events, d.left.Unfolded, d.left.Messages, len(d.left.Unknown))
	}
	for more := true; more; { // an attempt that was counted too late goes with its event
		var err error
		if more, err = opened.Store.Tidy(ctx, time.Now().Add(time.Hour)); err != nil {
			return err
		}
	}
	open, _, err := opened.Store.Depth(ctx)
	if err != nil {
		return err
	}
	unfolded, err := opened.Store.Unfolded(ctx, 10)
	if err != nil {
		return err
	}
	left := map[string]int{"open events": open, "events that are not folded": len(unfolded)}
	for name, query := range map[string]string{
		"dead letters":      "SELECT count(*) FROM dead",
		"counted attempts":  "SELECT count(*) FROM attempt",
		"calls of OnChange": "SELECT count(*) FROM outbox_notice",
		"programs that run": "SELECT count(*) FROM running",
		"claimed messages":  "SELECT count(*) FROM outbox WHERE state IN (2, 3)",
		"attempts without result": `SELECT count(*) FROM outbox_attempt WHERE result = ''
			AND NOT EXISTS (SELECT 1 FROM outbox WHERE id = outbox AND state = 4 AND attempts = number)`, // that it was sent, its message says
	} {
		var n int
		if err := opened.DB.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return err
		}
		left[name] = n
	}
	for name, n := range left {
		if n > 0 {
			r.note(&r.Lost, "%d %s are left", n, name)
		}
	}
	return nil
}

// all reads the rows of a query.
func all[T any](ctx context.Context, db *sql.DB, query string, scan func(*sql.Rows, *T) error) (list []T, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row T
		if err := scan(rows, &row); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// cutAnswer returns the key of the event that a message answers.
func cutAnswer(key string) (event string, ok bool) {
	event, ok = strings.CutPrefix(key, "event/")
	return strings.TrimSuffix(event, "/1"), ok
}
