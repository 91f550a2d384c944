package ledger

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// The facts of one thread form a set that does not depend on the order or the
// repetition of arrivals: every merge below is commutative, associative and
// idempotent. So every order of events gives the same bill.

// Instants are Unix nanoseconds. MinYear and MaxYear are the first and last whole
// years that fit.
const (
	Never   = math.MinInt64 // before every instant
	MinYear = 1679
	MaxYear = 2261
)

// day is the length of the service window and of a conversation.
const day = int64(24 * time.Hour)

// stamp is an instant and its rank.
type stamp struct {
	nanos int64
	rank  Rank
}

// Rank says how sure an instant is.
type Rank uint8

// The ranks. A later rank is surer.
const (
	RankUnknown  Rank = iota // no instant
	RankObserved             // the arrival of the fact
	RankTold                 // the time on the wire
)

// merge keeps the instant of higher rank, and of equal ranks the earlier instant.
func (s stamp) merge(t stamp) stamp {
	if t.rank > s.rank || t.rank == s.rank && t.nanos < s.nanos {
		return t
	}
	return s
}

// Fact is one entry of the journal, from one activity.
type Fact struct {
	At     int64
	id     textRef
	prev   uint32 // the previous fact of the thread, 1-based, or 0
	word   uint32 // the category, or a customer's entry point
	report uint32 // the status's report, 1-based, or 0
	who    uint32 // the names that the fact gives; see setBit
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
	Identity // new names of a person; it becomes links and is no fact of a thread
)

// marks are set on the facts that compaction keeps, and on planned messages.
type marks uint8

const (
	markSettled marks = 1 << iota // acted in a closed month, and never acts again
	markSpent                     // its entry point was settled in a closed month
	markPlanned                   // part of a plan, not recorded
	markApp                       // written in the business's phone app
)

// MarkApp marks the fact as of a message that the business wrote in its phone app.
func (f *Fact) MarkApp() { f.marks |= markApp }

// Report is the billing part of a status, with the words of the root's type
// Reported.
type Report struct {
	Conversation string
	Origin       string
	ExpiresAt    time.Time
	Model        string
	Billable     string
	Category     string
	Type         string
}

// merge keeps the fields of both reports. If a field differs, merge keeps the
// text that sorts last, so that the order of arrival does not matter.
func (r Report) merge(o Report) Report {
	if o.ExpiresAt.After(r.ExpiresAt) {
		r.ExpiresAt = o.ExpiresAt
	}
	return Report{max(r.Conversation, o.Conversation), max(r.Origin, o.Origin), r.ExpiresAt, max(r.Model, o.Model),
		max(r.Billable, o.Billable), max(r.Category, o.Category), max(r.Type, o.Type)}
}

// charged reports whether the status says that the message costs something.
func (r *Report) charged() bool {
	switch {
	case r == nil:
		return false
	case r.Type == "regular":
		return true
	}
	return !strings.HasPrefix(r.Type, "free_") && r.Billable == "true"
}

// inbound is a message of the customer.
type inbound struct {
	id    []byte
	at    stamp
	entry string // the entry point
	marks marks
	names int32 // which names its facts give; see [Thread.namesOf]
}

// merge joins two facts of one message. A fact settled in a closed month wins.
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

// compareInbound sorts by id. Messages without an id differ by instant and entry
// point.
func compareInbound(a, b *inbound) int {
	if c := bytes.Compare(a.id, b.id); c != 0 || len(a.id) > 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry))
}

// message is a message of the business, merged from its sending and its statuses.
type message struct {
	id        []byte
	sent      stamp
	delivered stamp
	refused   stamp  // the failure
	category  string // of the send; empty for a free-form message
	reported  string // of a status
	report    *Report
	marks     marks
	names     int32 // which names its facts give; see [Thread.namesOf]
	member    int32 // the member of a group: a name of the thread, 1-based, or 0
}

// sentAt returns when the message was sent. If no sending is recorded, it returns
// the delivery.
func (m *message) sentAt() int64 {
	if m.sent.rank == RankUnknown {
		return m.delivered.nanos
	}
	return m.sent.nanos
}

// lastKnown returns the instant of the latest fact of the message.
func (m *message) lastKnown() int64 {
	switch {
	case m.delivered.rank != RankUnknown:
		return m.delivered.nanos
	case m.sent.rank != RankUnknown:
		return m.sent.nanos
	}
	return m.refused.nanos
}

// template returns the template's category, and "" for a free-form message. If
// the send has no category, it takes that of the status.
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

// mergeCategory keeps the more precise category. Of two other categories it keeps
// the one that sorts last, so that the order of arrival does not matter.
func mergeCategory(a, b string) string {
	switch {
	case a == "" || a == CategoryTemplate && b != "":
		return b
	case b == "" || b == CategoryTemplate:
		return a
	}
	return max(a, b)
}

// Thread holds the merged facts of one person or group. A caller that reads many
// of them passes the same Thread each time, to use its memory again.
type Thread struct {
	facts    []Fact
	inbounds []inbound  // sorted by id, instant and entry point; after inOrder by instant
	messages []message  // sorted by id
	acting   []*message // delivered and not settled, in order of delivery

	names    [][]uint32 // sets of names that facts of one message give together
	twins    []inbound  // facts of inbounds that have names or an instant for a link which were lost in the merge
	members  []uint32   // the members of a group, by the names that stand for them
	combined []message  // the messages of a group, one for each member
	crowds   map[uint32]*crowd
}

// namesOf returns the names that the facts of a message give: the set with that
// number, or the thread alone.
func (t *Thread) namesOf(set int32, thread uint32) []uint32 {
	if set == 0 {
		return []uint32{thread}
	}
	return t.names[set-1]
}

func (t *Thread) reset() {
	t.facts, t.inbounds, t.messages, t.names, t.members = t.facts[:0], t.inbounds[:0], t.messages[:0], t.names[:0], t.members[:0]
	t.twins = t.twins[:0]
}

// keepTwin keeps one of two facts of a message that are about to be merged, if a link
// would be lost with it: it gives other names, or it is not settled and its instant
// outranks that of the settled one.
func (t *Thread) keepTwin(a, b inbound) {
	settled, loser := a, b
	if b.marks&markSettled > a.marks&markSettled {
		settled, loser = b, a
	}
	outranked := settled.marks&markSettled > loser.marks&markSettled && settled.at.merge(loser.at) != settled.at
	if !outranked && (len(a.id) > 0 || slices.Equal(t.namesOf(a.names, 0), t.namesOf(b.names, 0))) {
		return
	}
	if n := len(t.twins); n > 0 && compareInbound(&t.twins[n-1], &loser) == 0 && t.twins[n-1].names == loser.names &&
		t.twins[n-1].marks&markSettled == loser.marks&markSettled {
		t.twins[n-1].merge(loser)
		return
	}
	t.twins = append(t.twins, loser)
}

// sortedTwins returns the twins in the order of inbounds.
func (t *Thread) sortedTwins() []inbound {
	slices.SortStableFunc(t.twins, func(a, b inbound) int { return compareInbound(&a, &b) })
	return t.twins
}

// collect appends the facts of a thread's chain.
func (s *store) collect(thread uint32, t *Thread) {
	for i := *s.heads.at(thread); i != 0; {
		f := s.journal.at(i - 1)
		t.facts = append(t.facts, *f)
		i = f.prev
	}
}

// compareFacts puts the customer's messages first, and the facts of one message
// side by side.
func (s *store) compareFacts(a, b Fact) int {
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
}

// gather collects a thread's facts into t.
func (s *store) gather(thread uint32, t *Thread) {
	t.reset()
	s.collect(thread, t)
	slices.SortFunc(t.facts, s.compareFacts)
	for i := range t.facts {
		s.merge(t, &t.facts[i], 0)
	}
}

// merge merges a fact into the messages of t. The facts come in their order.
func (s *store) merge(t *Thread, f *Fact, names int32) {
	id := s.texts.text(f.id)
	if f.Kind == Inbound {
		in := inbound{id, stamp{f.At, f.Rank}, s.words.word(f.word), f.marks, names}
		if n := len(t.inbounds); n > 0 && compareInbound(&t.inbounds[n-1], &in) == 0 {
			t.keepTwin(t.inbounds[n-1], in)
			t.inbounds[n-1].merge(in)
		} else {
			t.inbounds = append(t.inbounds, in)
		}
		return
	}
	if n := len(t.messages); n == 0 || !bytes.Equal(t.messages[n-1].id, id) {
		t.messages = append(t.messages, message{id: id, names: names})
	}
	s.mergeFact(&t.messages[len(t.messages)-1], f)
}

// mergeFact merges a fact into its message.
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
// messages of the business by delivery, sending and id. A message of the phone app
// does not act, unless a status says that it is charged.
func (t *Thread) inOrder() {
	slices.SortFunc(t.inbounds, func(a, b inbound) int {
		return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry), bytes.Compare(a.id, b.id))
	})
	all := t.messages
	if len(t.members) > 0 {
		all = t.combine()
	}
	t.acting = t.acting[:0]
	for i := range all {
		m := &all[i]
		if m.delivered.rank != RankUnknown && m.marks&markSettled == 0 && (m.marks&markApp == 0 || m.report.charged()) {
			t.acting = append(t.acting, m)
		}
	}
	slices.SortFunc(t.acting, func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.delivered.nanos, b.delivered.nanos), cmp.Compare(a.sentAt(), b.sentAt()), bytes.Compare(a.id, b.id), cmp.Compare(a.member, b.member))
	})
}
