package chatapi

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// The facts of one number and contact. They are kept as a set that does not
// remember in which order, or how often, its members arrived: every merge below
// is commutative, associative and idempotent. That is what makes a bill the same
// for every order of events.

// Instants are Unix nanoseconds, which reach from 1678 to 2262.
const (
	minNanos = math.MinInt64
	maxYear  = 2261
	minYear  = 1679
)

// stamp is an instant and how well it is known.
type stamp struct {
	nanos int64
	rank  stampRank
}

type stampRank uint8

const (
	unknown  stampRank = iota
	observed           // when it arrived here
	told               // what the event says
)

// merge keeps the better known, and of equals the earlier instant.
func (s stamp) merge(t stamp) stamp {
	if t.rank > s.rank || t.rank == s.rank && t.nanos < s.nanos {
		return t
	}
	return s
}

// stampOf returns the activity's instant; its rank is unknown if there is none.
func stampOf(at, seen time.Time) stamp {
	switch {
	case !at.IsZero():
		return stamp{at.UnixNano(), told}
	case !seen.IsZero():
		return stamp{seen.UnixNano(), observed}
	}
	return stamp{}
}

// fact is one entry of the journal: what one activity said.
type fact struct {
	at     int64
	id     textRef
	prev   uint32 // the thread's fact before, 1-based; 0 is none
	word   uint32 // category, or entry point of a customer's message
	report uint32 // what the status reported, 1-based; 0 is nothing
	kind   factKind
	rank   stampRank
	marks  factMarks
}

type factKind uint8

const (
	factInbound factKind = iota
	factSent
	factDelivered // or read
	factFailed
)

// factMarks are set when a month is closed, on the facts that are kept; and
// markPlanned on a message that is not recorded, for a quote.
type factMarks uint8

const (
	markSettled factMarks = 1 << iota // acted in a closed month: it stands, whatever else comes
	markSpent                         // its entry point was settled there
	markPlanned
)

// inbound is a message of the customer.
type inbound struct {
	id    []byte
	at    stamp
	entry EntryPoint
	marks factMarks
}

// message is a message of the business, put together from its sending and its
// statuses.
type message struct {
	id        []byte
	sent      stamp
	delivered stamp
	refused   stamp  // when it failed
	category  string // as sent: "" is free-form
	reported  string // as a status said
	report    *Reported
	marks     factMarks
}

// sentAt is when the message was sent; a delivery without its sending stands in
// for it.
func (m *message) sentAt() int64 {
	if m.sent.rank == unknown {
		return m.delivered.nanos
	}
	return m.sent.nanos
}

// template returns the template's category, and "" for a free-form message. A
// status tells it where the sender did not.
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

// mergeCategory keeps the one that says more; of two that disagree, the later
// in the alphabet, only so that the order of arrival does not matter.
func mergeCategory(a, b string) string {
	switch {
	case a == "" || a == CategoryTemplate && b != "":
		return b
	case b == "" || b == CategoryTemplate:
		return a
	}
	return max(a, b)
}

// pair is one number and contact, as bills name them.
type pair struct {
	account *account
	channel ChannelID
	contact Recipient
	key     string // contact.Key()
	thread  uint32
}

func (l *store) pair(thread uint32) *pair {
	t := l.threads.at(thread)
	number, key := l.channels[t.number], l.contactText(t.contact)
	return &pair{account: number.owner, channel: number.id, contact: recipientOf(key), key: key, thread: thread}
}

// recipientOf returns the recipient with that [Recipient.Key]. Of the spellings
// of one contact a bill shows always this one, whichever came first.
func recipientOf(key string) Recipient {
	kind, value, _ := strings.Cut(key, ":")
	return Recipient{RecipientKind(kind), value}
}

// note appends a fact to the journal.
func (l *store) note(thread uint32, f fact) {
	head := l.heads.at(thread)
	f.prev, *head = *head, uint32(l.journal.n)+1
	l.journal.add(&f)
}

// noteAll appends the facts of entries whose threads are known. First it links
// them, in a loop so short that a processor waits for many threads at a time.
func (l *store) noteAll(batch []entry) {
	last := uint32(l.journal.n)
	for i := range batch {
		e := &batch[i]
		head := l.heads.at(e.thread)
		last++
		e.fact.prev, *head = *head, last
	}
	for i := range batch {
		l.journal.add(&batch[i].fact)
	}
}

func compareInbound(a, b *inbound) int {
	if c := bytes.Compare(a.id, b.id); c != 0 || len(a.id) > 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry))
}

// gathered is what is known of one thread, put together from its facts.
type gathered struct {
	facts    []fact
	inbounds []inbound  // by id, then instant and entry point; by instant once inOrder
	messages []message  // by id
	acting   []*message // delivered and not settled, in order of delivery
}

// gather collects a thread's facts into g, whose room is used again.
func (l *store) gather(thread uint32, g *gathered) {
	g.facts, g.inbounds, g.messages = g.facts[:0], g.inbounds[:0], g.messages[:0]
	for i := *l.heads.at(thread); i != 0; {
		f := l.journal.at(i - 1)
		g.facts = append(g.facts, *f)
		i = f.prev
	}
	slices.SortFunc(g.facts, func(a, b fact) int {
		inA, inB := a.kind == factInbound, b.kind == factInbound
		switch {
		case inA != inB && inA:
			return -1
		case inA != inB:
			return 1
		}
		if c := bytes.Compare(l.texts.text(a.id), l.texts.text(b.id)); c != 0 || !inA || a.id != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(l.words.word(a.word), l.words.word(b.word)))
	})
	for i := range g.facts {
		f := &g.facts[i]
		if f.kind == factInbound {
			in := inbound{l.texts.text(f.id), stamp{f.at, f.rank}, EntryPoint(l.words.word(f.word)), f.marks}
			if n := len(g.inbounds); n > 0 && compareInbound(&g.inbounds[n-1], &in) == 0 {
				g.inbounds[n-1].merge(in)
			} else {
				g.inbounds = append(g.inbounds, in)
			}
			continue
		}
		id := l.texts.text(f.id)
		if n := len(g.messages); n == 0 || !bytes.Equal(g.messages[n-1].id, id) {
			g.messages = append(g.messages, message{id: id})
		}
		l.mergeFact(&g.messages[len(g.messages)-1], f)
	}
}

// merge puts two facts of one inbound message together. What a closed month
// settled stands.
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

// mergeFact puts what a fact says into its message.
func (l *store) mergeFact(m *message, f *fact) {
	at := stamp{f.at, f.rank}
	m.marks |= f.marks
	switch f.kind {
	case factSent:
		m.sent = m.sent.merge(at)
		m.category = mergeCategory(m.category, l.words.word(f.word))
	case factDelivered:
		m.delivered = m.delivered.merge(at)
		m.reported = mergeCategory(m.reported, l.words.word(f.word))
	case factFailed:
		m.refused = m.refused.merge(at)
		m.reported = mergeCategory(m.reported, l.words.word(f.word))
	}
	if f.report != 0 {
		r := *l.reports.at(f.report - 1)
		if m.report != nil {
			r = m.report.merge(r)
		}
		m.report = &r
	}
}

// inOrder sorts what a fold uses: the customer's messages by instant, and the
// delivered messages of the business by delivery, then sending, then id.
func (g *gathered) inOrder() {
	slices.SortFunc(g.inbounds, func(a, b inbound) int {
		return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry), bytes.Compare(a.id, b.id))
	})
	g.acting = g.acting[:0]
	for i := range g.messages {
		if m := &g.messages[i]; m.delivered.rank != unknown && m.marks&markSettled == 0 {
			g.acting = append(g.acting, m)
		}
	}
	slices.SortFunc(g.acting, func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.delivered.nanos, b.delivered.nanos), cmp.Compare(a.sentAt(), b.sentAt()), bytes.Compare(a.id, b.id))
	})
}

// noteInbound and noteMessage record facts that were put together, where a month
// was closed or a snapshot is restored.
func (l *store) noteInbound(thread uint32, in *inbound) {
	l.note(thread, fact{at: in.at.nanos, rank: in.at.rank, kind: factInbound, id: l.texts.add(string(in.id)), word: l.words.id(string(in.entry)), marks: in.marks})
}

func (l *store) noteMessage(thread uint32, m *message) {
	f := fact{id: l.texts.add(string(m.id)), marks: m.marks}
	if m.report != nil {
		f.report = l.reports.add(m.report) + 1
	}
	reported := l.words.id(m.reported)
	for _, said := range []struct {
		is   bool
		kind factKind
		at   stamp
		word uint32
	}{
		{m.sent.rank != unknown, factSent, m.sent, l.words.id(m.category)},
		{m.delivered.rank != unknown, factDelivered, m.delivered, reported},
		{m.refused.rank != unknown, factFailed, m.refused, reported},
	} {
		if said.is {
			f.kind, f.at, f.rank, f.word = said.kind, said.at.nanos, said.at.rank, said.word
			l.note(thread, f)
			f.report = 0
		}
	}
}
