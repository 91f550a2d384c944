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
}

// New returns an empty engine. An index in terms names each account.
func New(terms []*Terms) Engine {
	return Engine{store: newStore(), terms: terms, carries: map[uint32]*carry{}}
}

// Threads returns the number of threads. Their numbers begin at 0.
func (e *Engine) Threads() int { return e.threads.n }

// Entry is a checked activity on its way into the journal. The caller fills the
// exported fields, including those of Fact.
type Entry struct {
	Fact
	Number  string
	Account int32 // index of the account that pays
	Contact Contact
	Text    string // the key of Contact, as of [ContactOf]
	ID      string // the message id
	Word    string // the category, or a customer's entry point
	Report  *Report

	number, thread uint32
	hash           uint64
	slot           slot
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
	if e.journal.n+len(batch) >= math.MaxUint32 {
		return ErrFull
	}
	for part := range slices.Chunk(batch, enterBatch) {
		e.threadsOf(part)
		for i := range part {
			in := &part[i]
			in.id, in.word = e.texts.add(in.ID), e.words.id(in.Word)
			if in.Report != nil {
				in.report = e.reports.add(in.Report) + 1
			}
		}
		e.noteAll(part)
	}
	return nil
}

// noteAll appends the facts of entries whose threads are known. First it links
// them, in a loop so short that a processor waits for many threads at a time.
func (s *store) noteAll(batch []Entry) {
	last := uint32(s.journal.n)
	for i := range batch {
		e := &batch[i]
		head := s.heads.at(e.thread)
		last++
		e.prev, *head = *head, last
	}
	for i := range batch {
		s.journal.add(&batch[i].Fact)
	}
}

// note appends one fact to the journal.
func (s *store) note(thread uint32, f Fact) {
	head := s.heads.at(thread)
	f.prev, *head = *head, uint32(s.journal.n)+1
	s.journal.add(&f)
}

// noteInbound appends a merged message of the customer, when its thread is
// compacted or restored.
func (s *store) noteInbound(thread uint32, in *inbound) {
	s.note(thread, Fact{At: in.at.nanos, Rank: in.at.rank, Kind: Inbound, id: s.texts.add(string(in.id)), word: s.words.id(in.entry), marks: in.marks})
}

// noteMessage appends a merged message of the business as one fact for its
// sending and one for each status.
func (s *store) noteMessage(thread uint32, m *message) {
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
			s.note(thread, f)
			f.report = 0
		}
	}
}
