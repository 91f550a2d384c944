package ledger

import (
	"bytes"
	"cmp"
	"slices"
)

// groupOf returns the subject of a group. The window is the group's, and each
// member to whom a message was delivered counts by itself.
func (e *Engine) groupOf(thread uint32, room *Thread) *subject {
	room.reset()
	room.crowds = nil
	e.collect(thread, room)
	for _, f := range e.index.lent[thread] {
		room.facts = append(room.facts, *e.journal.at(f - 1))
	}
	slices.SortFunc(room.facts, e.compareFacts)
	for from := 0; from < len(room.facts); {
		if f := &room.facts[from]; f.Kind == Inbound {
			e.merge(room, f, 0)
			from++
			continue
		}
		to := from + 1
		for to < len(room.facts) && bytes.Equal(e.texts.text(room.facts[to].id), e.texts.text(room.facts[from].id)) {
			to++
		}
		e.readGroupMessage(room, from, to)
		from = to
	}
	e.sortMembers(room)
	return &subject{Pair: e.pair(thread), engine: e, facts: room, carry: e.carries[thread], lastIn: *e.lastIn.at(thread), group: true}
}

// readGroupMessage merges the facts of one message to a group: those without a
// member, and those of each member.
func (e *Engine) readGroupMessage(room *Thread, from, to int) {
	at, first := ownedAt(room.facts[from:to]), len(room.messages)
	for i := from; i < to; i++ {
		f := &room.facts[i]
		member := e.memberOf(room, f, at)
		k := slices.IndexFunc(room.messages[first:], func(m message) bool { return m.member == member })
		if k < 0 {
			k = len(room.messages) - first
			room.messages = append(room.messages, message{id: e.texts.text(f.id), member: member})
		}
		e.mergeFact(&room.messages[first+k], f)
	}
}

// memberOf returns the member of a group that a fact names, by the owner of the name
// at an instant; 0 if it names none.
func (e *Engine) memberOf(room *Thread, f *Fact, instant int64) int32 {
	if f.who&setBit == 0 {
		return 0
	}
	owner := e.ownerOf(e.sets.names(f.who, nil)[1], instant, room)
	member := int32(slices.Index(room.members, owner)) + 1
	if member == 0 {
		room.members = append(room.members, owner)
		member = int32(len(room.members))
	}
	return member
}

// ownedAt returns the instant at which a message goes to its owner: of its sending,
// or of its delivery or failure if no sending is known.
func ownedAt(facts []Fact) int64 {
	var sent, delivered, refused stamp
	for i := range facts {
		at := stamp{facts[i].At, facts[i].Rank}
		switch facts[i].Kind {
		case Inbound, Sent:
			sent = sent.merge(at)
		case Delivered:
			delivered = delivered.merge(at)
		default:
			refused = refused.merge(at)
		}
	}
	for _, at := range [...]stamp{sent, delivered} {
		if at.rank != RankUnknown {
			return at.nanos
		}
	}
	return refused.nanos
}

// sortMembers numbers the members by their names, and sorts the messages by id and
// member, so that the order of arrival does not matter.
func (e *Engine) sortMembers(room *Thread) {
	key := func(member uint32) string { return e.texts.key(*e.contacts.at(member)) }
	sorted := slices.SortedFunc(slices.Values(room.members), func(a, b uint32) int { return cmp.Compare(key(a), key(b)) })
	for i := range room.messages {
		if m := &room.messages[i]; m.member != 0 {
			m.member = int32(slices.Index(sorted, room.members[m.member-1])) + 1
		}
	}
	room.members = append(room.members[:0], sorted...)
	slices.SortStableFunc(room.messages, func(a, b message) int { return cmp.Or(bytes.Compare(a.id, b.id), cmp.Compare(a.member, b.member)) })
}

// combine returns the messages of a group as they act: one for each member. A
// message of which no status names a member is one message.
func (t *Thread) combine() []message {
	t.combined = t.combined[:0]
	for from := 0; from < len(t.messages); {
		to := from + 1
		for to < len(t.messages) && bytes.Equal(t.messages[to].id, t.messages[from].id) {
			to++
		}
		base := message{}
		if t.messages[from].member == 0 {
			base = t.messages[from]
			if from++; from == to {
				t.combined = append(t.combined, base)
			}
		}
		for ; from < to; from++ {
			m := t.messages[from]
			m.sent, m.category = m.sent.merge(base.sent), mergeCategory(m.category, base.category)
			m.marks |= base.marks
			if m.report == nil {
				m.report = base.report
			}
			t.combined = append(t.combined, m)
		}
	}
	return t.combined
}
