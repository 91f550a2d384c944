package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// facts are what events say about people and bills, collected before they are written
// with few statements.
type facts struct {
	windows map[person]time.Time
	opts    []preference
	links   map[linkKey]chatapi.Link
	named   []chatapi.Activity // of messages, whose recipient the outbox may know by another name
	lines   bytes.Buffer       // the activities as JSON lines
}

type person struct{ channel, name string }

type linkKey struct {
	channel, name, holder string
	renamed               bool
}

// preference is whether a person wants marketing, under each name that was given.
type preference struct {
	channel string
	names   []chatapi.Recipient
	stopped bool
	at      time.Time
}

func newFacts() *facts {
	return &facts{windows: map[person]time.Time{}, links: map[linkKey]chatapi.Link{}}
}

// event collects the facts of an event.
func (f *facts) event(channel string, e chatapi.Event) {
	for _, a := range chatapi.ActivitiesOf(e) { // their channel is the event's
		f.activity(a)
	}
	info := e.Info()
	at := instantOf(info.Time, info.Received)
	switch e := e.(type) {
	case *chatapi.PreferenceEvent:
		// "Stop" counts for every category, because a message too few is the smaller
		// mistake; "resume" only for the category that it names.
		switch marketing := e.Category == "" || strings.HasPrefix(strings.ToLower(e.Category), "marketing"); {
		case strings.EqualFold(e.Value, "stop"):
			f.preference(channel, personNames(e.From), true, at)
		case strings.EqualFold(e.Value, "resume") && marketing:
			f.preference(channel, personNames(e.From), false, at)
		}
	case *chatapi.StatusEvent:
		for _, reason := range e.Errors {
			if reason.Kind == chatapi.ErrOptedOut {
				f.preference(channel, personNames(e.To), true, at)
			}
		}
	}
}

func (f *facts) preference(channel string, names []chatapi.Recipient, stopped bool, at time.Time) {
	if len(names) > 0 {
		f.opts = append(f.opts, preference{channel, names, stopped, at})
	}
}

// activity collects an activity: its line, its window and its links.
func (f *facts) activity(a chatapi.Activity) {
	channel := canonical(a.Channel)
	a.Channel = chatapi.ChannelID(channel)
	line, err := json.Marshal(a)
	if err != nil {
		return // a year that JSON cannot write; nothing can bill it
	}
	f.lines.Write(line)
	f.lines.WriteByte('\n')
	if key := nameKey(nameOf(a.Contact.Key())); a.Kind == chatapi.ActivityInbound && key != "" {
		who := person{channel, key}
		if at := instantOf(a.At, a.Observed); at.After(f.windows[who]) {
			f.windows[who] = at
		}
	}
	f.link(channel, a.Links())
	if a.MessageID != "" && a.Kind != chatapi.ActivityInbound && len(personNames(a.Contact)) > 0 {
		f.named = append(f.named, a)
	}
}

// instantOf returns the instant that counts, by the rules of a ledger: the observed
// one if the wire has none, or one that is more than an hour ahead.
func instantOf(at, observed time.Time) time.Time {
	if at.IsZero() || !observed.IsZero() && at.Sub(observed) > time.Hour {
		return observed
	}
	return at
}

func (f *facts) link(channel string, links []chatapi.Link) {
	for _, l := range links {
		key := linkKey{channel, nameKey(l.Name), nameKey(l.Holder), l.Renamed}
		if key.name == "" || key.holder == "" {
			continue
		}
		known, ok := f.links[key]
		if !ok || l.Told && !known.Told || l.Told == known.Told && l.At.Before(known.At) {
			f.links[key] = l
		}
	}
}

// write stores the facts. Facts that are known change nothing, except that the
// activities stand twice, which a ledger ignores.
func (f *facts) write(ctx context.Context, tx Tx, now time.Time) error {
	if err := f.linkByMessage(ctx, tx); err != nil {
		return err
	}
	for who, at := range f.windows {
		if _, err := tx.Exec(ctx, `INSERT INTO service_window (channel, person, since) VALUES ($1, $2, $3)
			ON CONFLICT (channel, person) DO UPDATE SET since = excluded.since WHERE excluded.since > service_window.since`,
			who.channel, who.name, store.Micros(at)); err != nil {
			return err
		}
	}
	for key, l := range f.links {
		if _, err := tx.Exec(ctx, `INSERT INTO alias (channel, name, holder, renamed, told, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (channel, name, holder, renamed) DO UPDATE SET told = excluded.told, at = excluded.at
			WHERE excluded.told > alias.told OR excluded.told = alias.told AND excluded.at < alias.at`,
			key.channel, key.name, key.holder, flag(key.renamed), flag(l.Told), store.Micros(l.At)); err != nil {
			return err
		}
	}
	if err := f.writePreferences(ctx, tx); err != nil || f.lines.Len() == 0 {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO activity (at, body) VALUES ($1, $2)", store.Micros(now), f.lines.Bytes())
	return err
}

func (f *facts) writePreferences(ctx context.Context, tx Tx) error {
	if len(f.opts) == 0 {
		return nil
	}
	key, err := madeSecretIn(ctx, tx)
	if err != nil {
		return err
	}
	for _, opt := range f.opts {
		for _, name := range opt.names {
			if _, err := tx.Exec(ctx, `INSERT INTO opt_out (channel, person, stopped, at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (channel, person) DO UPDATE SET stopped = excluded.stopped, at = excluded.at
				WHERE excluded.at > opt_out.at OR excluded.at = opt_out.at AND excluded.stopped > opt_out.stopped`,
				opt.channel, personHash(key, opt.channel, name), flag(opt.stopped), store.Micros(opt.at)); err != nil {
				return err
			}
		}
	}
	return nil
}

// linkByMessage links the names that a status or an echo gives with the one to which
// the outbox sent the message: a person who hides the number is told by the BSUID
// alone in the statuses of messages to the number.
func (f *facts) linkByMessage(ctx context.Context, tx Tx) error {
	for _, a := range f.named {
		var chat string
		rows, err := tx.Query(ctx, "SELECT chat FROM outbox WHERE channel = $1 AND message_id = $2 AND message_id <> ''",
			canonical(a.Channel), spoken(a.MessageID, longestKey))
		if err != nil {
			return err
		}
		if err := each(rows, func() error { return rows.Scan(&chat) }); err != nil {
			return err
		}
		sentTo := nameOf(chat)
		if chat == "" || sentTo.IsZero() || sentTo.IsGroup() {
			continue
		}
		if both := a.Contact.Merge(contactOf(sentTo)); both != a.Contact {
			a.Kind, a.Contact = chatapi.ActivityOutbound, both
			f.link(canonical(a.Channel), a.Links())
		}
	}
	return nil
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}
