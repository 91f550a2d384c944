package chatapi

import (
	"cmp"
	"math"
	"slices"
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

// inbound is a message of the customer.
type inbound struct {
	id    string
	at    stamp
	entry EntryPoint
}

// message is a message of the business, put together from its sending and its
// statuses.
type message struct {
	id        string
	sent      stamp
	delivered stamp
	failed    bool
	category  string // as sent: "" is free-form
	reported  string // as a status said
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

// pair is the facts of one number and contact, and what was folded from them.
type pair struct {
	account *account
	channel ChannelID
	contact Recipient
	key     string // contact.Key()

	inbounds []inbound // by id, then instant and entry point
	messages []message // by id

	units []unit
	stale bool // units are not up to date
}

func compareInbound(a, b inbound) int {
	if c := cmp.Compare(a.id, b.id); c != 0 || a.id != "" {
		return c
	}
	return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry))
}

func (p *pair) addInbound(in inbound) {
	i, found := slices.BinarySearchFunc(p.inbounds, in, compareInbound)
	if !found {
		p.inbounds = slices.Insert(p.inbounds, i, in)
	} else {
		old := &p.inbounds[i]
		old.at = old.at.merge(in.at)
		old.entry = max(old.entry, in.entry)
	}
	p.stale = true
}

// lastInbound returns the customer's latest message.
func (p *pair) lastInbound() (int64, bool) {
	if len(p.inbounds) == 0 {
		return 0, false
	}
	last := slices.MaxFunc(p.inbounds, func(a, b inbound) int { return cmp.Compare(a.at.nanos, b.at.nanos) })
	return last.at.nanos, true
}

// addMessage merges what an activity says about a message.
func (p *pair) addMessage(kind ActivityKind, id string, at stamp, category string) {
	i, found := slices.BinarySearchFunc(p.messages, id, func(m message, id string) int { return cmp.Compare(m.id, id) })
	if !found {
		p.messages = slices.Insert(p.messages, i, message{id: id})
	}
	m := &p.messages[i]
	switch kind {
	case ActivityOutbound:
		m.sent = m.sent.merge(at)
		m.category = mergeCategory(m.category, category)
	case ActivityDelivered, ActivityRead:
		m.delivered = m.delivered.merge(at)
		m.reported = mergeCategory(m.reported, category)
	case ActivityFailed:
		m.failed = true
		m.reported = mergeCategory(m.reported, category)
	}
	p.stale = true
}

// inOrder returns the customer's messages by instant and the delivered
// messages of the business by delivery, then sending, then id.
func (p *pair) inOrder() ([]inbound, []*message) {
	inbounds := slices.Clone(p.inbounds)
	slices.SortFunc(inbounds, func(a, b inbound) int {
		return cmp.Or(cmp.Compare(a.at.nanos, b.at.nanos), cmp.Compare(a.entry, b.entry), cmp.Compare(a.id, b.id))
	})
	messages := make([]*message, 0, len(p.messages))
	for i := range p.messages {
		if p.messages[i].delivered.rank != unknown {
			messages = append(messages, &p.messages[i])
		}
	}
	slices.SortFunc(messages, func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.delivered.nanos, b.delivered.nanos), cmp.Compare(a.sentAt(), b.sentAt()), cmp.Compare(a.id, b.id))
	})
	return inbounds, messages
}
