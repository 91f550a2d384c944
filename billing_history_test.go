package chatapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// This file draws small histories. Their instants lie on a coarse grid, so that many
// coincide or hit a boundary.

// historyKind is something that a history may have beside plain messages with
// contacts of one number.
type historyKind string

const (
	kindLinks    historyKind = "links"     // an activity gives a number and a BSUID
	kindLate     historyKind = "late link" // it is recorded after other facts of its names
	kindSpelling historyKind = "spelling"  // a number in both spellings
	kindRename   historyKind = "rename"    // an identity activity
	kindRecycled historyKind = "recycled"  // a number that passes to another BSUID
	kindUsername historyKind = "username"  // a send to a username
	kindGroup    historyKind = "group"     // a group with members
	kindNameless historyKind = "nameless"  // a fact without a contact
	kindApp      historyKind = "app"       // a message from the phone app
	kindClock    historyKind = "clock"     // an instant long after its observation
	kindClose    historyKind = "close"     // a month is closed midway
	kindRestore  historyKind = "restore"   // the ledger is stored and restored midway
)

var historyKinds = []historyKind{kindLinks, kindLate, kindSpelling, kindRename, kindRecycled, kindUsername, kindGroup, kindNameless, kindApp,
	kindClock, kindClose, kindRestore}

// drawnHistory is a history in the order of its recording. Before the activity closeAt
// the month is closed, and before restoreAt the ledger is restored; -1 is never.
type drawnHistory struct {
	activities []chatapi.Activity
	kinds      map[historyKind]bool // that it has
	closeAt    int
	month      chatapi.YearMonth
	restoreAt  int
	quote      drawnQuote
}

// names returns all names in the history and their other spellings.
func (h *drawnHistory) names() []string {
	all := map[string]bool{}
	for _, a := range h.activities {
		for _, c := range []chatapi.Contact{a.Contact, a.Member, a.Former} {
			for _, name := range naiveNamesOf(c) {
				all[name] = true
				if other := naiveOther(name); other != "" {
					all[other] = true
				}
			}
			if naiveGroup(c) {
				all["chat:"+c.Chat] = true
			}
		}
	}
	return slices.Collect(maps.Keys(all))
}

// inOtherOrder returns the history with the activities of each part shuffled and some
// of them repeated.
func (h *drawnHistory) inOtherOrder(r *rand.Rand) *drawnHistory {
	other := &drawnHistory{kinds: h.kinds, closeAt: -1, month: h.month, restoreAt: -1, quote: h.quote}
	part := func(all []chatapi.Activity) {
		from := len(other.activities)
		for _, a := range all {
			for range 1 + r.IntN(2)*r.IntN(2) {
				other.activities = append(other.activities, a)
			}
		}
		mixed := other.activities[from:]
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	}
	if h.closeAt >= 0 {
		part(h.activities[:h.closeAt])
		other.closeAt = len(other.activities)
	}
	part(h.activities[max(0, h.closeAt):])
	if h.restoreAt >= 0 && len(other.activities) > 0 {
		other.restoreAt = r.IntN(len(other.activities))
	}
	return other
}

// fromJSON returns the history with its activities written and read.
func (h *drawnHistory) fromJSON(t *testing.T) *drawnHistory {
	t.Helper()
	read := *h
	read.activities = make([]chatapi.Activity, len(h.activities))
	for i, a := range h.activities {
		line, err := json.Marshal(a)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(line, &read.activities[i]), "%s", line)
	}
	return &read
}

// without returns the history without an activity.
func (h *drawnHistory) without(i int) *drawnHistory {
	less := *h
	less.activities = slices.Delete(slices.Clone(h.activities), i, i+1)
	if less.closeAt > i {
		less.closeAt--
	}
	if less.restoreAt > i {
		less.restoreAt--
	}
	if from := firstNamed(less.activities); from < 0 || from >= less.closeAt || less.closeAt == len(less.activities) {
		less.closeAt = -1
	}
	return &less
}

// firstNamed returns the index of the first activity that counts for somebody; -1
// without one. Close refuses a ledger without any.
func firstNamed(all []chatapi.Activity) int {
	return slices.IndexFunc(all, func(a chatapi.Activity) bool {
		return a.Kind != chatapi.ActivityIdentity && a.Contact != chatapi.Contact{}
	})
}

// String returns the history in the form of the cases of the rules.
func (h *drawnHistory) String() string {
	var all strings.Builder
	for i := range h.activities {
		a := &h.activities[i]
		if i == h.closeAt {
			fmt.Fprintf(&all, "close %s\n", h.month)
		}
		if i == h.restoreAt {
			fmt.Fprintln(&all, "restore")
		}
		fmt.Fprintf(&all, "%-9s", a.Kind)
		for _, part := range []struct {
			name string
			text string
			show bool
		}{
			{"", a.At.UTC().Format(time.RFC3339Nano), !a.At.IsZero()},
			{"seen=", a.Observed.UTC().Format(time.RFC3339Nano), !a.Observed.IsZero()},
			{"", string(a.Channel), true},
			{"", strings.Join(naiveNamesOf(a.Contact), ","), true},
			{"", a.Contact.Chat, a.Contact.Chat != ""},
			{"member=", strings.Join(naiveNamesOf(a.Member), ","), a.Member != chatapi.Contact{}},
			{"former=", strings.Join(naiveNamesOf(a.Former), ","), a.Former != chatapi.Contact{}},
			{"", a.MessageID, true},
			{"cat=", a.Category, a.Category != ""},
			{"entry=", string(a.EntryPoint), a.EntryPoint != ""},
			{"says=", a.Reported.Type + a.Reported.Billable, !a.Reported.IsZero()},
			{"", "app", a.FromApp},
		} {
			if part.show {
				fmt.Fprint(&all, " ", part.name, part.text)
			}
		}
		fmt.Fprintln(&all)
	}
	return all.String()
}

// historyDraw draws one history.
type historyDraw struct {
	*rand.Rand
	start  time.Time
	wanted map[historyKind]bool
	got    map[historyKind]bool
	people []*drawnPerson
	all    []chatapi.Activity
	nextID int
}

// drawHistory draws a history around a day. Each of the kinds is in about a quarter of
// the histories.
func drawHistory(r *rand.Rand, around time.Time, kinds []historyKind) *drawnHistory {
	d := &historyDraw{Rand: r, start: around.Add(-3 * naiveDay), wanted: map[historyKind]bool{}, got: map[historyKind]bool{}}
	for _, kind := range kinds {
		d.wanted[kind] = r.IntN(4) == 0
	}
	d.cast()
	for range 1 + r.IntN(12) {
		d.message(d.people[max(0, r.IntN(4)-1)%len(d.people)])
	}
	if d.wanted[kindRename] {
		d.rename(d.people[0])
	}
	if d.wanted[kindRecycled] {
		d.recycle()
	}
	if d.wanted[kindGroup] {
		for range 1 + r.IntN(4) {
			d.group()
		}
	}
	r.Shuffle(len(d.all), func(i, j int) { d.all[i], d.all[j] = d.all[j], d.all[i] })
	return d.history(around)
}

// history puts the activities in the order of recording.
func (d *historyDraw) history(around time.Time) *drawnHistory {
	if d.wanted[kindLate] {
		slices.SortStableFunc(d.all, func(a, b chatapi.Activity) int { return b2i(links(a)) - b2i(links(b)) })
	}
	h := &drawnHistory{activities: d.all, kinds: d.got, closeAt: -1, restoreAt: -1}
	h.drawClose(d, around)
	h.drawQuote(d, around)
	if d.wanted[kindRestore] && len(d.all) > 0 {
		h.restoreAt, d.got[kindRestore] = d.IntN(len(d.all)), true
	}
	named := map[string]bool{}
	for _, a := range d.all {
		names := naiveNamesOf(a.Contact)
		d.got[kindLinks] = d.got[kindLinks] || len(names) > 1 && naiveKind(names[0]) == "bsuid" && naiveKind(names[1]) == "phone"
		for _, name := range names {
			d.got[kindLate] = d.got[kindLate] || len(names) > 1 && named[name] != named[names[0]]
			named[name] = true
		}
	}
	return h
}

// drawClose draws the month that is closed, and when. Close refuses months far ahead
// of the recorded facts, so some fact comes before it.
func (h *drawnHistory) drawClose(d *historyDraw, around time.Time) {
	from := 1 + firstNamed(d.all)
	if !d.wanted[kindClose] || from == 0 || from == len(d.all) {
		return
	}
	h.closeAt, d.got[kindClose] = from+d.IntN(len(d.all)-from), true
	month := around
	if around.Day() == 1 {
		month = around.AddDate(0, -1, 0)
	}
	h.month = chatapi.Month(month.Year(), month.Month())
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// links reports whether an activity links names.
func links(a chatapi.Activity) bool {
	return len(naiveNamesOf(a.Contact)) > 1 || len(naiveNamesOf(a.Former)) > 0
}

// grid returns an instant on the grid. Some are a nanosecond off.
func (d *historyDraw) grid(from time.Time, steps int) time.Time {
	return from.Add(time.Duration(d.IntN(steps)) * 6 * time.Hour).Add(time.Duration(d.IntN(3)-1) * time.Duration(d.IntN(2)))
}

func (d *historyDraw) pick(words ...string) string { return words[d.IntN(len(words))] }

func (d *historyDraw) channel() chatapi.ChannelID { return chatapi.ChannelID(d.pick("A", "A", "B")) }

func (d *historyDraw) id() string {
	d.nextID++
	return "m" + strconv.Itoa(d.nextID)
}

// record adds an activity, some without the wire's time, some twice, and some with a
// clock that is wrong.
func (d *historyDraw) record(a chatapi.Activity) {
	switch d.IntN(16) {
	case 0, 1: // the wire gave no time
		a.At, a.Observed = time.Time{}, a.At
	case 2, 3, 4, 5, 6:
		if !d.wanted[kindClock] {
			break
		}
		d.got[kindClock] = true
		switch d.IntN(3) {
		case 0:
			a.At, a.Observed = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), a.At
		case 1: // just believed
			a.Observed = a.At.Add(-time.Hour)
		case 2: // just not believed
			a.Observed = a.At.Add(-time.Hour - 1)
		}
	}
	d.all = append(d.all, a)
	if d.IntN(6) == 0 {
		d.all = append(d.all, a)
	}
}

// message adds a customer's message, or a message of the business with its statuses.
func (d *historyDraw) message(p *drawnPerson) {
	a := chatapi.Activity{Channel: d.channel(), At: d.grid(d.start, 28), MessageID: d.id()}
	sent := a.At
	if d.IntN(5) < 2 {
		a.Kind, a.EntryPoint = chatapi.ActivityInbound, chatapi.EntryPoint(d.pick("", "", "ad", "page_cta", "post"))
		a.Contact = d.contact(p, sent, true)
		if d.IntN(10) == 0 {
			a.MessageID = ""
		}
		d.record(a)
		if a.MessageID != "" && d.linking() && d.IntN(4) == 0 { // the same message told again, by another name
			a.Contact = d.nameless(d.contact(p, sent, true))
			d.record(a)
		}
		return
	}
	a.Kind, a.Category = chatapi.ActivityOutbound, d.pick("", "", "utility", "marketing", "authentication")
	a.FromApp = d.wanted[kindApp] && d.IntN(2) == 0
	if a.FromApp || d.IntN(10) > 0 {
		a.Contact = d.nameless(d.contact(p, sent, false))
		d.got[kindApp] = d.got[kindApp] || a.FromApp
		d.record(a)
	}
	charged := a.FromApp && d.IntN(3) == 0
	a.Category, a.FromApp = "", false
	for range d.IntN(4) {
		a.Kind = chatapi.ActivityKind(d.pick("delivered", "delivered", "read", "failed"))
		if a.At = d.grid(sent, 6+14*d.IntN(2)); a.At.Before(sent) {
			a.At = sent
		}
		a.Contact = d.nameless(d.contact(p, sent, true))
		a.Reported = chatapi.Reported{}
		if charged && d.IntN(2) == 0 {
			a.Reported.Type = d.pick("regular", "")
			a.Reported.Billable = map[string]string{"": "true"}[a.Reported.Type]
		}
		d.record(a)
	}
}

// nameless leaves the names out of some facts.
func (d *historyDraw) nameless(c chatapi.Contact) chatapi.Contact {
	if d.wanted[kindNameless] && d.IntN(3) == 0 {
		d.got[kindNameless] = true
		return chatapi.Contact{}
	}
	return c
}

// group adds a message to or from a group, with the statuses of its members.
func (d *historyDraw) group() {
	d.got[kindGroup] = true
	// Their instants are no instants of messages to one person, since the rules do not
	// say which of two such charges of a member comes first.
	a := chatapi.Activity{Channel: d.channel(), Contact: chatapi.Contact{Chat: "120363000000000001@g.us"}, At: d.grid(d.start, 28).Add(7 * time.Minute),
		MessageID: d.id()}
	member := func() chatapi.Contact { return d.contact(d.people[d.IntN(len(d.people))], a.At, true) }
	if d.IntN(4) == 0 {
		a.Kind, a.Member = chatapi.ActivityInbound, member()
		d.record(a)
		return
	}
	sent := a.At
	a.Kind, a.Category = chatapi.ActivityOutbound, d.pick("", "utility", "marketing", "group_utility", "group_marketing")
	d.record(a)
	a.Category = ""
	members := d.IntN(4) > 0
	for range 1 + d.IntN(6) {
		a.Kind = chatapi.ActivityKind(d.pick("delivered", "delivered", "read", "failed"))
		if a.At = d.grid(sent, 6); a.At.Before(sent) {
			a.At = sent
		}
		a.Member = chatapi.Contact{}
		if members && d.IntN(5) > 0 {
			a.Member = member()
		}
		a.Contact = d.nameless(chatapi.Contact{Chat: "120363000000000001@g.us"})
		d.record(a)
	}
}
