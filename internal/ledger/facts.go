package ledger

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"time"
)

// The facts of one thread are a set that does not remember in which order, or how
// often, its members arrived: every merge below is commutative, associative and
// idempotent. That makes a bill the same for every order of events.

// Instants are Unix nanoseconds. The years are those that fit whole.
const (
	Never   = math.MinInt64 // before every instant
	MinYear = 1679
	MaxYear = 2261
)

// day is the length of the service window and of a conversation.
const day = int64(24 * time.Hour)

// stamp is an instant and how well it is known.
type stamp struct {
	nanos int64
	rank  Rank
}

// Rank says how well an instant is known.
type Rank uint8

// The ranks, the better known later.
const (
	RankUnknown  Rank = iota // there is no instant
	RankObserved             // when the fact arrived here
	RankTold                 // what the wire says
)

// merge keeps the better known, and of equals the earlier instant.
func (s stamp) merge(t stamp) stamp {
	if t.rank > s.rank || t.rank == s.rank && t.nanos < s.nanos {
		return t
	}
	return s
}

// Fact is one entry of the journal: what one activity said.
type Fact struct {
	At     int64
	id     textRef
	prev   uint32 // the thread's fact before, 1-based, or 0
	word   uint32 // the category, or the entry point of a customer's message
	report uint32 // what the status reported, 1-based, or 0
	Kind   Kind
	Rank   Rank // of At
	marks  marks
}

// Kind is the kind of a fact.
type Kind uint8

// The kinds. A snapshot does not hold them.
const (
	Inbound Kind = iota // a customer's message
	Sent
	Delivered // or read
	Failed
)

// marks are set on the facts that compaction keeps, and on planned messages.
type marks uint8

const (
	markSettled marks = 1 << iota // acted in a closed month: it stands, whatever else comes
	markSpent                     // its entry point was settled in a closed month
	markPlanned                   // not recorded, but part of a plan
)

// Report is what Meta's status says about billing, word by word as the root's
// type Reported has it.
type Report struct {
	Conversation string
	Origin       string
	ExpiresAt    time.Time
	Model        string
	Billable     string
	Category     string
	Type         string
}

// merge keeps what either says. Of two that disagree it keeps the later in order,
// only so that the order of arrival does not matter.
func (r Report) merge(o Report) Report {
	if o.ExpiresAt.After(r.ExpiresAt) {
		r.ExpiresAt = o.ExpiresAt
	}
	return Report{max(r.Conversation, o.Conversation), max(r.Origin, o.Origin), r.ExpiresAt, max(r.Model, o.Model),
		max(r.Billable, o.Billable), max(r.Category, o.Category), max(r.Type, o.Type)}
}

// inbound is a message of the customer.
type inbound struct {
	id    []byte
	at    stamp
	entry string // the entry point
	marks marks
}

// merge puts two facts of one message together. What a closed month settled
// stands.
func (in *inbound) merge(other inbound) {
	switch {
	case in.marks&markSettled > other.marks&markSettled:
		return
	case in.marks&markSettled < other.marks&markSettled:
		*in = other
		return
	}
	in.at = in.at.merge(other.at)
	in.entry = max(in.entry, other.entry)
	in.marks |= other.marks
}

// compareInbound orders by id. Messages without an id are told apart by instant
// and entry point.
func compareInbound(a, b *inbound) int {
	if c := bytes.Compare(a.id, b.id); c != 0 || len(a.id) > 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry))
}

// message is a message of the business, put together from its sending and its
// statuses.
type message struct {
	id        []byte
	sent      stamp
	delivered stamp
	refused   stamp  // when it failed
	category  string // as sent; empty is free-form
	reported  string // as a status said
	report    *Report
	marks     marks
}

// sentAt is when the message was sent; its delivery stands in where the sending is
// not recorded.
func (m *message) sentAt() int64 {
	if m.sent.rank == RankUnknown {
		return m.delivered.nanos
	}
	return m.sent.nanos
}

// lastKnown is the instant of the latest news of the message.
func (m *message) lastKnown() int64 {
	switch {
	case m.delivered.rank != RankUnknown:
		return m.delivered.nanos
	case m.sent.rank != RankUnknown:
		return m.sent.nanos
	}
	return m.refused.nanos
}

// template returns the template's category, and "" for a free-form message. It
// asks the status where the sender did not name the category.
func (m *message) template() string {
	if m.category != "" && m.category != CategoryTemplate {
		return m.category
	}
	switch m.reported {
	case CategoryMarketing, CategoryUtility, CategoryAuthentication, CategoryAuthenticationInternational:
		return m.reported
	}
	return m.category
}

// mergeCategory keeps the category that says more. Of two that disagree it keeps
// the later in the alphabet, only so that the order of arrival does not matter.
func mergeCategory(a, b string) string {
	switch {
	case a == "" || a == CategoryTemplate && b != "":
		return b
	case b == "" || b == CategoryTemplate:
		return a
	}
	return max(a, b)
}

// Thread is the facts of one thread, put together. A caller that reads many
// threads gives the same Thread each time, whose room is then used again.
type Thread struct {
	facts    []Fact
	inbounds []inbound  // by id, then instant and entry point; by instant after inOrder
	messages []message  // by id
	acting   []*message // delivered and not settled, in order of delivery
}

// gather collects a thread's facts into t.
func (s *store) gather(thread uint32, t *Thread) {
	t.facts, t.inbounds, t.messages = t.facts[:0], t.inbounds[:0], t.messages[:0]
	for i := *s.heads.at(thread); i != 0; {
		f := s.journal.at(i - 1)
		t.facts = append(t.facts, *f)
		i = f.prev
	}
	slices.SortFunc(t.facts, func(a, b Fact) int {
		inA, inB := a.Kind == Inbound, b.Kind == Inbound
		switch {
		case inA != inB && inA:
			return -1
		case inA != inB:
			return 1
		}
		if c := bytes.Compare(s.texts.text(a.id), s.texts.text(b.id)); c != 0 || !inA || a.id != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(s.words.word(a.word), s.words.word(b.word)))
	})
	for i := range t.facts {
		f := &t.facts[i]
		if f.Kind == Inbound {
			in := inbound{s.texts.text(f.id), stamp{f.At, f.Rank}, s.words.word(f.word), f.marks}
			if n := len(t.inbounds); n > 0 && compareInbound(&t.inbounds[n-1], &in) == 0 {
				t.inbounds[n-1].merge(in)
			} else {
				t.inbounds = append(t.inbounds, in)
			}
			continue
		}
		id := s.texts.text(f.id)
		if n := len(t.messages); n == 0 || !bytes.Equal(t.messages[n-1].id, id) {
			t.messages = append(t.messages, message{id: id})
		}
		s.mergeFact(&t.messages[len(t.messages)-1], f)
	}
}

// mergeFact puts a fact into the message that it is about.
func (s *store) mergeFact(m *message, f *Fact) {
	at := stamp{f.At, f.Rank}
	m.marks |= f.marks
	switch f.Kind {
	case Sent:
		m.sent = m.sent.merge(at)
		m.category = mergeCategory(m.category, s.words.word(f.word))
	case Delivered:
		m.delivered = m.delivered.merge(at)
		m.reported = mergeCategory(m.reported, s.words.word(f.word))
	case Failed:
		m.refused = m.refused.merge(at)
		m.reported = mergeCategory(m.reported, s.words.word(f.word))
	}
	if f.report != 0 {
		r := *s.reports.at(f.report - 1)
		if m.report != nil {
			r = m.report.merge(r)
		}
		m.report = &r
	}
}

// inOrder sorts for a fold: the customer's messages by instant, and the delivered
// messages of the business by delivery, then sending, then id.
func (t *Thread) inOrder() {
	slices.SortFunc(t.inbounds, func(a, b inbound) int {
		return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry), bytes.Compare(a.id, b.id))
	})
	t.acting = t.acting[:0]
	for i := range t.messages {
		if m := &t.messages[i]; m.delivered.rank != RankUnknown && m.marks&markSettled == 0 {
			t.acting = append(t.acting, m)
		}
	}
	slices.SortFunc(t.acting, func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.delivered.nanos, b.delivered.nanos), cmp.Compare(a.sentAt(), b.sentAt()), bytes.Compare(a.id, b.id))
	})
}

// LastInbound returns the instant of the customer's latest message; [Never] if
// none was recorded.
func (e *Engine) LastInbound(thread uint32) int64 {
	var t Thread
	e.gather(thread, &t)
	last := *e.lastIn.at(thread)
	for _, in := range t.inbounds {
		last = max(last, in.at.nanos)
	}
	return last
}
