package ledger

import (
	"math"
	"runtime"
	"slices"
	"sort"
	"sync"
)

// Unit is one row of a fold: a conversation, a message billed by itself, or a
// free entry point window.
type Unit struct {
	Pair     *Pair
	Era      int32 // index of the era whose rules decided
	Kind     UnitKind
	Carried  bool // opened and billed in a closed month
	Planned  bool // opened by a planned message
	Category string
	Message  []byte  // the id of a message billed by itself
	Report   *Report // the report of the message that opened the unit; may be nil
	Opened   int64
	Expires  int64  // the end of a conversation or window
	Closed   int64  // when a free entry point closed it, or 0
	Free     string // the reason without regard to free tiers, which come later
	Seq      int    // the order of units with the same instant
}

// UnitKind is the kind of a unit.
type UnitKind uint8

// The kinds. A snapshot holds their numbers.
const (
	UnitConversation UnitKind = iota
	UnitMessage
	UnitWindow
)

// OpenAt reports whether the conversation or window covers an instant.
func (u *Unit) OpenAt(instant int64) bool {
	return u.Kind != UnitMessage && u.Opened <= instant && instant < u.Expires && (u.Closed == 0 || instant < u.Closed)
}

// sameAs reports whether two units of a thread are the same. A free entry point
// that closes a unit does not change its cost.
func (u *Unit) sameAs(v *Unit) bool {
	return u.Kind == v.Kind && u.Category == v.Category && u.Opened == v.Opened && u.Expires == v.Expires && u.Free == v.Free &&
		u.Carried == v.Carried && u.Planned == v.Planned && string(u.Message) == string(v.Message) &&
		(u.Report == v.Report || u.Report != nil && v.Report != nil && *u.Report == *v.Report)
}

// Fold is a walk through the facts of one thread, in order of delivery, and the
// units that it yields.
type Fold struct {
	Pair  *Pair
	Units []Unit

	subject *subject

	terms  *Terms
	facts  *Thread
	clicks []int  // indexes of facts.inbounds: entry points that no message has settled yet
	late   []Unit // units that open in a closed month
	live   []int  // indexes of Units: conversations and windows that may still be open

	acting *message // the message that acts now, under this era
	era    int32

	// Under Chat API's anchor: the number of inbounds that startWindows has seen,
	// their windows, and the end of all windows and units so far.
	seen    int
	windows []anchored
	covered int64
}

// anchored is a window of 24 hours from a customer's message under Chat API's
// anchor. It becomes a conversation when the business answers.
type anchored struct {
	start    int64
	answered bool
	void     bool // another conversation replaced the window
	billed   bool // its conversation is on the bill of a closed month
}

func (a anchored) covers(instant int64) bool { return a.start <= instant && instant < a.start+day }

// Fold turns the facts of a thread that hangs together with no other into units.
// The messages of the business act in order of their delivery, each under the
// rules in force at that instant. Folding goes on from where the last closed month
// ended.
func (e *Engine) Fold(thread uint32, room *Thread) *Fold {
	return e.fold(e.single(thread, room), math.MaxInt64)
}

// Until folds the same facts again, with the messages delivered before an instant.
// It uses the room of f, so f is no more to be used but for its units.
func (e *Engine) Until(f *Fold, instant int64) *Fold { return e.fold(f.subject, instant) }

// fold folds the facts of a subject.
func (e *Engine) fold(s *subject, until int64) *Fold {
	facts := s.facts
	facts.inOrder()
	f := &Fold{Pair: s.Pair, subject: s, terms: e.terms[s.Account], facts: facts, covered: Never}
	closed := f.terms.ClosedUntil
	if c := s.carry; c != nil {
		f.covered, f.windows, f.Units = c.covered, slices.Clone(c.windows), slices.Clone(c.units)
		for i := range f.Units {
			f.Units[i].Pair = s.shownAt(f.Units[i].Opened)
			f.live = append(f.live, i)
		}
	}
	for i := range facts.inbounds {
		in := &facts.inbounds[i]
		if in.entry != "" && in.marks&markSpent == 0 {
			f.clicks = append(f.clicks, i)
		}
		if in.at.nanos < closed {
			f.seen = i + 1
		}
	}
	for _, m := range facts.acting {
		if m.delivered.nanos >= closed && m.delivered.nanos < until {
			f.deliver(m)
		}
	}
	for i := range f.Units {
		f.Units[i].Seq = i
	}
	return f
}

// Folds folds the people and groups of an account among some threads. Call
// [Engine.Index] before. The function must not keep a fold beyond its call, but may
// keep what [Fold.Take] returns.
func (e *Engine) Folds(account int32, from, to uint32, yield func(*Fold)) {
	var room Thread
	for thread := from; thread < to; thread++ {
		if e.accountOf(thread) == account {
			e.subjects(thread, &room, func(s *subject) { yield(e.fold(s, math.MaxInt64)) })
		}
	}
}

// InParts lets all processors work on n threads, each on a part of them, and
// returns what they found, in order. Nothing may be entered meanwhile.
func InParts[T any](n int, work func(from, to uint32) []T) []T {
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

// Take removes from the fold the units opened between two instants, the second
// excluded, and returns them in a slice of their own. It leaves out those of
// closed months. Units of no use to the caller are lost.
func (f *Fold) Take(start, end int64) []Unit {
	taken := slices.DeleteFunc(f.Units, func(u Unit) bool { return u.Carried || u.Opened < start || u.Opened >= end })
	f.Units = nil
	return slices.Clone(taken)
}

// deliver applies the rules to one delivered message.
func (f *Fold) deliver(m *message) {
	now := m.delivered.nanos
	f.acting, f.era = m, f.terms.At(now)
	era := &f.terms.Eras[f.era]
	f.startWindows(now)
	f.live = slices.DeleteFunc(f.live, func(i int) bool { return !f.Units[i].OpenAt(now) })
	entry := f.settle(m, era)
	switch era.Model {
	case ModelNBP:
		f.notification(m)
	case ModelCBP2022:
		f.initiated(m, era, entry)
	case ModelCBP2023, ModelCBP2024:
		f.conversation(m, era, entry)
	default:
		f.perMessage(m, era, entry)
	}
}

// settle settles every click before the message. It reports whether the message
// answers such a click in time. The instant of sending counts.
func (f *Fold) settle(m *message, era *Era) (entry bool) {
	sent := m.sentAt()
	f.clicks = slices.DeleteFunc(f.clicks, func(i int) bool {
		click := &f.facts.inbounds[i]
		if click.at.nanos > sent {
			return false
		}
		if sent < click.at.nanos+day && slices.Contains(era.EntryPoints, click.entry) {
			entry = true
		}
		return true
	})
	return entry && era.EntryPointLength > 0
}

// replies reports whether the service window was open when the message was sent.
// A customer's message at that very instant counts.
func (f *Fold) replies(m *message) bool { return m.sentAt() < f.ServiceEnd(m.sentAt()) }

// ServiceEnd returns the end of the last service window that began at or before
// an instant; [Never] without such a window.
func (f *Fold) ServiceEnd(instant int64) int64 {
	inbounds := f.facts.inbounds
	i := sort.Search(len(inbounds), func(i int) bool { return inbounds[i].at.nanos > instant })
	if i == 0 {
		return Never
	}
	return inbounds[i-1].at.nanos + day
}

// notification bills under the model until 2022-01-31.
func (f *Fold) notification(m *message) {
	category, free := m.template(), ""
	if category == "" {
		category, free = CategorySession, FreeCareWindow
	} else if f.replies(m) {
		free = FreeCareWindow
	}
	f.add(Unit{Kind: UnitMessage, Category: category, Message: m.id, Opened: m.delivered.nanos, Free: free})
}

// initiated bills under the model of 2022: at most one conversation is open, and
// every message joins it.
func (f *Fold) initiated(m *message, era *Era, entry bool) {
	now := m.delivered.nanos
	if f.Open(now, "") {
		return
	}
	answers := f.windowAt(m.sentAt())
	switch {
	case entry:
		if answers != nil && !answers.answered {
			answers.void = true
		}
		f.openEntry(now, era)
		return
	case answers != nil && answers.answered:
		return // a further answer, delivered after the conversation ended
	case answers != nil:
		answers.answered = true
		f.add(Unit{Category: CategoryUserInitiated, Opened: answers.start, Expires: answers.start + day, Carried: answers.billed})
		return
	}
	category := CategoryBusinessInitiated
	if f.replies(m) {
		category = CategoryUserInitiated
	}
	f.openConversation(now, category)
}

// conversation bills under the models of 2023 and 2024. A template opens a
// conversation of its category unless one is open; a free-form message opens a
// conversation of service unless any is open.
func (f *Fold) conversation(m *message, era *Era, entry bool) {
	now := m.delivered.nanos
	switch template := m.template(); {
	case f.Open(now, CategoryReferral):
	case entry:
		for _, i := range f.live {
			f.Units[i].Closed = now
		}
		f.openEntry(now, era)
	case template != "" && !f.Open(now, template):
		f.openConversation(now, template)
	case template == "" && !f.Open(now, ""):
		f.openConversation(now, CategoryService)
		if era.Model == ModelCBP2024 {
			f.Units[len(f.Units)-1].Free = FreeService
		}
	}
}

// perMessage bills under the models since 2025-07-01.
func (f *Fold) perMessage(m *message, era *Era, entry bool) {
	now, category := m.delivered.nanos, m.template()
	inEntry := f.Open(now, CategoryReferral)
	if entry && !inEntry {
		f.add(Unit{Kind: UnitWindow, Category: CategoryReferral, Opened: now, Expires: now + era.EntryPointLength, Free: FreeEntryPoint})
		inEntry = true
	}
	u := Unit{Kind: UnitMessage, Category: category, Message: m.id, Opened: now}
	switch {
	case category == CategoryUtility && f.Open(now, CategoryUtility):
		return // it joins a conversation from before 2025-07-01
	case category == "":
		u.Category = CategoryService
		if era.Model == ModelPMP2025 {
			u.Free = FreeCustomerService
		}
	case category == CategoryUtility && era.Model == ModelPMP2025 && f.replies(m):
		u.Free = FreeCustomerService
	}
	if inEntry {
		u.Free = FreeEntryPoint
	}
	f.add(u)
}

// Open reports whether a conversation or window of that category is open. An
// empty category means any.
func (f *Fold) Open(now int64, category string) bool {
	return slices.ContainsFunc(f.live, func(i int) bool {
		u := &f.Units[i]
		return u.OpenAt(now) && (category == "" || u.Category == category)
	})
}

func (f *Fold) openConversation(now int64, category string) {
	f.add(Unit{Category: category, Opened: now, Expires: now + day})
}

// openEntry opens the conversation of a free entry point.
func (f *Fold) openEntry(now int64, era *Era) {
	f.add(Unit{Category: CategoryReferral, Opened: now, Expires: now + era.EntryPointLength, Free: FreeEntryPoint})
}

// add appends a unit of the acting message. If the unit opens in an unanswered
// window of Chat API's anchor, it replaces the window, since the two may not
// overlap.
func (f *Fold) add(u Unit) {
	u.Pair, u.Era, u.Report, u.Planned = f.pairOf(f.acting, u.Opened), f.era, f.acting.report, f.acting.marks&markPlanned != 0
	if u.Opened < f.terms.ClosedUntil && !u.Carried {
		u.Carried, u.Message = true, f.acting.id
		f.late = append(f.late, u)
	}
	f.Units = append(f.Units, u)
	if u.Kind == UnitMessage {
		return
	}
	f.live = append(f.live, len(f.Units)-1)
	f.covered = max(f.covered, u.Expires)
	for i := range f.windows {
		if a := &f.windows[i]; !a.answered && a.covers(u.Opened) {
			a.void = true
		}
	}
}

// pairOf returns the pair of a message as it is shown at an instant.
func (f *Fold) pairOf(m *message, instant int64) *Pair {
	if m.member != 0 {
		return f.subject.member(m, instant)
	}
	return f.subject.shownAt(instant)
}

// startWindows starts the windows of Chat API's anchor up to an instant. A
// message of the customer starts a window unless an earlier window or unit covers
// it.
func (f *Fold) startWindows(until int64) {
	if !f.terms.Anchored {
		return
	}
	inbounds := f.facts.inbounds
	for ; f.seen < len(inbounds) && inbounds[f.seen].at.nanos <= until; f.seen++ {
		at := inbounds[f.seen].at.nanos
		if at >= f.covered && f.terms.Eras[f.terms.At(at)].Model == ModelCBP2022 {
			f.windows = append(f.windows, anchored{start: at})
			f.covered = at + day
		}
	}
}

// windowAt returns the first window of Chat API's anchor at an instant; there can be
// several after a close, if two names turn out to be one person. It returns nil if
// there is no window, or if a conversation replaced it.
func (f *Fold) windowAt(instant int64) *anchored {
	for i := range f.windows {
		if a := &f.windows[i]; a.covers(instant) && !a.void {
			return a
		}
	}
	return nil
}
