package ledger

import (
	"errors"
	"math"
	"slices"
)

// Engine keeps the facts of all accounts of a ledger. Make it with [New].
type Engine struct {
	store
	terms   []*Terms
	carries map[uint32]*carry // the open parts of compacted threads
	links   links
	rings   rings
	index   index
	latest  int64 // the latest instant of a fact
}

// New returns an empty engine. An index in terms names each account.
func New(terms []*Terms) Engine {
	return Engine{store: newStore(), terms: terms, carries: map[uint32]*carry{}, index: newIndex(), latest: Never}
}

// Threads returns the number of threads. Their numbers begin at 0.
func (e *Engine) Threads() int { return e.contacts.n }

// Latest returns the latest instant of a fact; [Never] if nothing is recorded.
func (e *Engine) Latest() int64 { return e.latest }

// Entry is a checked activity on its way into the journal. The caller fills the
// exported fields, including those of Fact.
type Entry struct {
	Fact
	Number  string
	Account int32 // index of the account that pays
	Contact Contact
	Text    string // the key of Contact, as of [ContactOf]; the text of no contact is empty
	Extra   *Extra // nil for nearly every entry
	ID      string // the message id
	Word    string // the category, or a customer's entry point
	Report  *Report

	number, thread uint32
	head           uint32 // the latest fact of the thread, 1-based, or 0
	hash           uint64
	slot           slot
}

// Extra is the rest of an entry that gives several names.
type Extra struct {
	More  []Name     // further names that the fact gives; of a group the member's
	Links []NameLink // of an identity activity
}

// OneMore returns the rest of an entry with one further name.
func OneMore(name Name) *Extra {
	x := &struct {
		Extra
		name [1]Name
	}{name: [1]Name{name}}
	x.More = x.name[:]
	return &x.Extra
}

// ErrFull is the error of an engine that cannot take more facts.
var ErrFull = errors.New("ledger: the journal is full")

// enterBatch is the number of entries that fit into a processor's cache.
const enterBatch = 256

// Enter appends activities to the journal. If the journal has too little room,
// Enter returns [ErrFull] and appends no activity.
//
// With random contacts among a million, an entry costs little but waiting for
// memory. So Enter goes through a batch several times, and each pass asks at once
// for the memory of all entries.
func (e *Engine) Enter(batch []Entry) error {
	if e.journal.n+len(batch) >= math.MaxUint32 || e.contacts.n+len(batch)*namesPerEntry >= setBit {
		return ErrFull
	}
	for part := range slices.Chunk(batch, enterBatch) {
		e.threadsOf(part)
		for i := range part { // this loop, too, does little but wait
			part[i].head = *e.heads.at(part[i].thread)
		}
		for i := range part {
			e.prepare(&part[i])
		}
		e.noteAll(part)
	}
	return nil
}

// namesPerEntry is the largest number of names in an entry.
const namesPerEntry = 16

// prepare gives an entry its names and texts. The thread of an entry that adds
// nothing is [noThread] from then on.
func (e *Engine) prepare(in *Entry) {
	if in.Kind == Identity {
		e.rename(in)
		e.latest = max(e.latest, in.At)
		in.thread = noThread
		return
	}
	in.who = in.thread
	if in.Extra != nil && len(in.Extra.More) > 0 {
		var room [4]uint32
		in.who = e.sets.of(e.threadsFor(in, append(room[:0], in.thread), in.Extra.More))
	}
	e.latest = max(e.latest, in.At) // of a repeat too, since the order must not matter
	if e.knows(in) {
		in.thread = noThread
		return
	}
	in.id, in.word = e.texts.add(in.ID), e.words.id(in.Word)
	if in.Report != nil {
		in.report = e.reports.add(in.Report) + 1
	}
}

// A fact that comes again costs nothing that stays, if it is among the last few
// of its thread and not far back in the journal. Looking further back would make
// every record wait for memory.
const repeatsBack, repeatsNear = 8, 1 << 14

// knows reports whether a near fact of the thread says all that an entry says.
func (e *Engine) knows(in *Entry) bool {
	oldest := uint32(max(0, e.journal.n-repeatsNear))
	i := in.head
	for range repeatsBack {
		if i <= oldest {
			return false
		}
		f := e.journal.at(i - 1)
		if f.Kind == in.Kind && f.who == in.who && e.covers(f, in) {
			return true
		}
		i = f.prev
	}
	return false
}

// covers reports whether a fact of the same kind and names says all that an entry
// says.
func (e *Engine) covers(f *Fact, in *Entry) bool {
	switch {
	case in.Kind == Inbound && in.ID == "" && (f.At != in.At || f.Rank != in.Rank):
		return false
	case f.Rank < in.Rank || f.Rank == in.Rank && f.At > in.At || in.marks&^f.marks != 0:
		return false
	case e.words.word(f.word) != in.Word || string(e.texts.text(f.id)) != in.ID:
		return false
	case in.Report == nil:
		return true
	}
	return f.report != 0 && e.reports.at(f.report-1).merge(*in.Report) == *e.reports.at(f.report - 1)
}

// noteAll appends the facts of entries whose threads are known. First it links
// them, in a loop so short that a processor waits for many threads at a time.
func (s *store) noteAll(batch []Entry) {
	last := uint32(s.journal.n)
	for i := range batch {
		e := &batch[i]
		if e.thread == noThread {
			continue
		}
		head := s.heads.at(e.thread)
		last++
		e.prev, *head = *head, last
	}
	for i := range batch {
		if batch[i].thread != noThread {
			s.journal.add(&batch[i].Fact)
		}
	}
}

// note appends one fact to the journal.
func (s *store) note(who uint32, f Fact) {
	head := s.heads.at(s.sets.threadOf(who))
	f.who = who
	f.prev, *head = *head, uint32(s.journal.n)+1
	s.journal.add(&f)
}

// noteInbound appends a merged message of the customer, when its thread is
// compacted or restored. The number who is that of its names.
func (s *store) noteInbound(who uint32, in *inbound) {
	s.note(who, Fact{At: in.at.nanos, Rank: in.at.rank, Kind: Inbound, id: s.texts.add(string(in.id)), word: s.words.id(in.entry), marks: in.marks})
}

// noteMessage appends a merged message of the business as one fact for its
// sending and one for each status.
func (s *store) noteMessage(who uint32, m *message) {
	f := Fact{id: s.texts.add(string(m.id)), marks: m.marks}
	if m.report != nil {
		f.report = s.reports.add(m.report) + 1
	}
	reported := s.words.id(m.reported)
	for _, part := range []struct {
		kind Kind
		at   stamp
		word uint32
	}{
		{Sent, m.sent, s.words.id(m.category)},
		{Delivered, m.delivered, reported},
		{Failed, m.refused, reported},
	} {
		if part.at.rank != RankUnknown {
			f.Kind, f.At, f.Rank, f.word = part.kind, part.at.nanos, part.at.rank, part.word
			s.note(who, f)
			f.report = 0
		}
	}
}
