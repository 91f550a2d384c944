package chatapi

import (
	"math"
	"runtime"
	"slices"
	"sort"
	"sync"
)

// unit is one line that a fold yields: a conversation, a message billed by
// itself, or a free entry point window.
type unit struct {
	pair     *pair
	kind     unitKind
	rules    *rules
	category string
	message  []byte    // id of a message billed by itself
	report   *Reported // what a status said of the message that opened it
	opened   int64
	expires  int64      // of conversations and windows
	closed   int64      // by a free entry point; 0 if not
	free     FreeReason // as far as the pair alone decides; tiers come later
	seq      int        // order within the pair at equal instants
	carried  bool       // opened and billed in a closed month
	planned  bool       // by a message that is not recorded, for a quote
}

type unitKind uint8

const (
	unitConversation unitKind = iota
	unitMessage
	unitWindow
)

// openAt reports whether the conversation or window covers an instant.
func (u *unit) openAt(instant int64) bool {
	return u.kind != unitMessage && u.opened <= instant && instant < u.expires && (u.closed == 0 || instant < u.closed)
}

// fold turns the facts of one pair into units. The messages of the business act
// in order of their delivery, each under the rules in force at that instant.
// Folding goes on from where the last closed month ended.
func (l *Ledger) fold(p *pair, g *gathered) *walk {
	w := l.foldUntil(p, g, math.MaxInt64)
	for i := range w.units {
		w.units[i].seq = i
	}
	return w
}

// foldUntil folds what was delivered before an instant.
func (l *Ledger) foldUntil(p *pair, g *gathered, until int64) *walk {
	l.gather(p.thread, g)
	return l.foldGathered(p, g, until)
}

// foldGathered folds what was gathered.
func (l *Ledger) foldGathered(p *pair, g *gathered, until int64) *walk {
	g.inOrder()
	w := &walk{pair: p, inbounds: g.inbounds, covered: minNanos, closed: p.account.closedUntil}
	if c := l.carries[p.thread]; c != nil {
		w.covered, w.windows, w.units = c.covered, slices.Clone(c.windows), slices.Clone(c.units)
		for i := range w.units {
			w.units[i].pair = p
			w.live = append(w.live, i)
		}
	}
	for i, in := range w.inbounds {
		if in.entry != "" && in.marks&markSpent == 0 {
			w.clicks = append(w.clicks, i)
		}
		if in.at.nanos < w.closed {
			w.seen = i + 1
		}
	}
	for _, m := range g.acting {
		if m.delivered.nanos >= w.closed && m.delivered.nanos < until {
			w.deliver(m)
		}
	}
	return w
}

// walks folds the contacts of an account among some threads; yield must not keep
// what it is given but for the units.
func (l *Ledger) walks(a *account, from, to uint32, yield func(*walk, *gathered)) {
	var g gathered
	for thread := from; thread < to; thread++ {
		if l.channels[l.threads.at(thread).number].owner == a && (*l.heads.at(thread) != 0 || l.carries[thread] != nil) {
			yield(l.fold(l.pair(thread), &g), &g)
		}
	}
}

// inParts lets all processors work on n threads, each on a part of them, and
// returns in order what they found. Nothing may be recorded meanwhile.
func inParts[T any](n int, work func(from, to uint32) []T) []T {
	parts := min(runtime.GOMAXPROCS(0), n/fewThreads)
	if parts <= 1 {
		return work(0, uint32(n))
	}
	found := make([][]T, parts)
	var working sync.WaitGroup
	for i := range parts {
		working.Go(func() { found[i] = work(uint32(n*i/parts), uint32(n*(i+1)/parts)) })
	}
	working.Wait()
	return slices.Concat(found...)
}

// fewThreads are folded faster than a goroutine starts.
const fewThreads = 256

// walk is the state of a fold.
type walk struct {
	pair     *pair
	inbounds []inbound
	clicks   []int // of inbounds: entry points that no message has settled yet
	units    []unit
	late     []unit // those that open in a closed month
	live     []int  // of units: conversations and windows that may still be open
	closed   int64  // the end of the last closed month
	acting   *message

	// Of Chat API's anchor: how many inbounds have been looked at, the windows
	// they started, and the end of everything opened or started so far.
	seen    int
	windows []anchored
	covered int64
}

// anchored is a window of 24 hours from a customer's message under Chat API's
// anchor. It becomes a conversation when the business answers.
type anchored struct {
	start    int64
	answered bool
	void     bool // another conversation took its place
	billed   bool // its conversation is on the bill of a closed month
}

func (a anchored) covers(instant int64) bool {
	return a.start <= instant && instant < a.start+int64(day24)
}

// deliver lets one delivered message act.
func (w *walk) deliver(m *message) {
	w.acting = m
	now, rules := m.delivered.nanos, w.pair.account.timeline.at(m.delivered.nanos)
	w.startWindows(now)
	w.live = slices.DeleteFunc(w.live, func(i int) bool { return !w.units[i].openAt(now) })
	entry := w.settle(m, rules)
	switch rules.Model {
	case ModelNBP:
		w.notification(m, rules)
	case ModelCBP2022:
		w.initiated(m, rules, entry)
	case ModelCBP2023, ModelCBP2024:
		w.conversation(m, rules, entry)
	default:
		w.perMessage(m, rules, entry)
	}
}

// settle spends every click that the message comes after, and reports whether
// one of them was answered in time, by the instant of sending.
func (w *walk) settle(m *message, r *rules) (entry bool) {
	sent := m.sentAt()
	w.clicks = slices.DeleteFunc(w.clicks, func(i int) bool {
		click := &w.inbounds[i]
		if click.at.nanos > sent {
			return false
		}
		if sent < click.at.nanos+int64(day24) && slices.Contains(r.EntryPoints, click.entry) {
			entry = true
		}
		return true
	})
	return entry && r.EntryPointLength > 0
}

// reply reports whether the service window was open when the message was sent.
// A customer's message at that very instant counts.
func (w *walk) reply(m *message) bool { return m.sentAt() < w.serviceEnd(m.sentAt()) }

// serviceEnd returns when the last service window that began up to the instant
// ends.
func (w *walk) serviceEnd(instant int64) int64 {
	i := sort.Search(len(w.inbounds), func(i int) bool { return w.inbounds[i].at.nanos > instant })
	if i == 0 {
		return minNanos
	}
	return w.inbounds[i-1].at.nanos + int64(day24)
}

// notification bills under the model until 2022-01-31.
func (w *walk) notification(m *message, r *rules) {
	category, free := m.template(), FreeReason("")
	if category == "" {
		category, free = CategorySession, FreeCareWindow
	} else if w.reply(m) {
		free = FreeCareWindow
	}
	w.add(unit{kind: unitMessage, rules: r, category: category, message: m.id, opened: m.delivered.nanos, free: free})
}

// initiated bills under the model of 2022: one open conversation at most, and
// every message rides it.
func (w *walk) initiated(m *message, r *rules, entry bool) {
	now := m.delivered.nanos
	if w.open(now, "") {
		return
	}
	answers := w.windowAt(m.sentAt())
	switch {
	case entry:
		if answers != nil && !answers.answered {
			answers.void = true
		}
		w.openEntry(now, r)
		return
	case answers != nil && answers.answered:
		return // one more answer, delivered after the conversation ended
	case answers != nil:
		answers.answered = true
		w.add(unit{rules: r, category: CategoryUserInitiated, opened: answers.start, expires: answers.start + int64(day24), carried: answers.billed})
		return
	}
	category := CategoryBusinessInitiated
	if w.reply(m) {
		category = CategoryUserInitiated
	}
	w.openConversation(now, r, category)
}

// conversation bills under the models of 2023 and 2024: a template opens a
// conversation of its category unless one is open, a free-form message one of
// service unless any is.
func (w *walk) conversation(m *message, r *rules, entry bool) {
	now := m.delivered.nanos
	switch template := m.template(); {
	case w.open(now, CategoryReferral):
	case entry:
		for _, i := range w.live {
			w.units[i].closed = now
		}
		w.openEntry(now, r)
	case template != "" && !w.open(now, template):
		w.openConversation(now, r, template)
	case template == "" && !w.open(now, ""):
		w.openConversation(now, r, CategoryService)
		if r.Model == ModelCBP2024 {
			w.units[len(w.units)-1].free = FreeService
		}
	}
}

// perMessage bills under the models since 2025-07-01.
func (w *walk) perMessage(m *message, r *rules, entry bool) {
	now, category := m.delivered.nanos, m.template()
	inEntry := w.open(now, CategoryReferral)
	if entry && !inEntry {
		w.add(unit{kind: unitWindow, rules: r, category: CategoryReferral, opened: now, expires: now + int64(r.EntryPointLength), free: FreeEntryPoint})
		inEntry = true
	}
	u := unit{kind: unitMessage, rules: r, category: category, message: m.id, opened: now}
	switch {
	case category == CategoryUtility && w.open(now, CategoryUtility):
		return // rides a conversation from before 2025-07-01
	case category == "":
		u.category = CategoryService
		if r.Model == ModelPMP2025 {
			u.free = FreeCustomerService
		}
	case category == CategoryUtility && r.Model == ModelPMP2025 && w.reply(m):
		u.free = FreeCustomerService
	}
	if inEntry {
		u.free = FreeEntryPoint
	}
	w.add(u)
}

// open reports whether a conversation or window of that category, or of any if
// it is empty, is open.
func (w *walk) open(now int64, category string) bool {
	return slices.ContainsFunc(w.live, func(i int) bool {
		u := &w.units[i]
		return u.openAt(now) && (category == "" || u.category == category)
	})
}

func (w *walk) openConversation(now int64, r *rules, category string) {
	w.add(unit{rules: r, category: category, opened: now, expires: now + int64(day24)})
}

// openEntry opens the conversation of a free entry point.
func (w *walk) openEntry(now int64, r *rules) {
	w.add(unit{rules: r, category: CategoryReferral, opened: now, expires: now + int64(r.EntryPointLength), free: FreeEntryPoint})
}

// add appends a unit. What it covers, no window of Chat API's anchor may cover
// as well: an unanswered one that it begins in gives way.
func (w *walk) add(u unit) {
	u.pair, u.report, u.planned = w.pair, w.acting.report, w.acting.marks&markPlanned != 0
	if u.opened < w.closed && !u.carried {
		u.carried, u.message = true, w.acting.id
		w.late = append(w.late, u)
	}
	w.units = append(w.units, u)
	if u.kind == unitMessage {
		return
	}
	w.live = append(w.live, len(w.units)-1)
	w.covered = max(w.covered, u.expires)
	for i := range w.windows {
		if a := &w.windows[i]; !a.answered && a.covers(u.opened) {
			a.void = true
		}
	}
}

// startWindows starts the windows of Chat API's anchor up to an instant: at each
// message of the customer that nothing earlier covers.
func (w *walk) startWindows(until int64) {
	if w.pair.account.anchor != AnchorFirstInbound {
		return
	}
	for ; w.seen < len(w.inbounds) && w.inbounds[w.seen].at.nanos <= until; w.seen++ {
		at := w.inbounds[w.seen].at.nanos
		if at >= w.covered && w.pair.account.timeline.at(at).Model == ModelCBP2022 {
			w.windows = append(w.windows, anchored{start: at})
			w.covered = at + int64(day24)
		}
	}
}

// windowAt returns the window of Chat API's anchor that covers the instant, nil
// if there is none or another conversation has taken its place.
func (w *walk) windowAt(instant int64) *anchored {
	for i := len(w.windows) - 1; i >= 0; i-- {
		if a := &w.windows[i]; a.covers(instant) && !a.void {
			return a
		}
	}
	return nil
}
