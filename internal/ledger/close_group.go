package ledger

import (
	"bytes"
	"cmp"
	"slices"
)

// keepGroup keeps the facts of a group. They stay apart, since each gives names of
// its own. The marks are those of the kept messages to the group's window, by id.
func (c *compaction) keepGroup(f *Fold, inbounds map[string]marks, kept int64) {
	t, thread, next := f.facts, f.Pair.Thread, 0
	for from := 0; from < len(t.facts); {
		to := from + 1
		for to < len(t.facts) && t.facts[to].Kind == Inbound == (t.facts[from].Kind == Inbound) && c.sameID(&t.facts[from], &t.facts[to]) {
			to++
		}
		facts := t.facts[from:to]
		from = to
		if facts[0].Kind == Inbound {
			if set, ok := inbounds[string(c.texts.text(facts[0].id))]; ok {
				c.keepGroupInbound(thread, facts, set)
			}
			continue
		}
		first := next
		for next < len(t.messages) && bytes.Equal(t.messages[next].id, t.messages[first].id) {
			next++
		}
		c.keepGroupMessage(t, thread, facts, t.messages[first:next], kept)
	}
}

func (s *store) sameID(a, b *Fact) bool { return bytes.Equal(s.texts.text(a.id), s.texts.text(b.id)) }

// keepGroupInbound keeps the facts of one message to a group's window.
func (c *compaction) keepGroupInbound(thread uint32, facts []Fact, set marks) {
	settled := slices.ContainsFunc(facts, func(f Fact) bool { return f.marks&markSettled != 0 })
	for i := range facts {
		if !settled || facts[i].marks&markSettled != 0 {
			facts[i].marks |= set
		} else {
			facts[i].marks = 0
		}
	}
	facts = slices.DeleteFunc(facts, func(f Fact) bool { return f.marks != set })
	c.keepParts(thread, facts)
}

// keepGroupMessage keeps the facts of one message of the business, which are those
// of its messages to the members.
func (c *compaction) keepGroupMessage(t *Thread, thread uint32, facts []Fact, messages []message, kept int64) {
	at, stays := ownedAt(facts), false
	for i := range messages {
		stays = stays || messages[i].lastKnown() >= kept
	}
	if !stays {
		return
	}
	for i := range facts {
		member := c.memberOf(t, &facts[i], at)
		k := slices.IndexFunc(messages, func(m message) bool { return m.member == member })
		counts := member != 0 || len(messages) == 1 // without a member, it counts if no status names one
		if m := &messages[k]; counts && facts[i].Kind == Delivered && m.delivered.rank != RankUnknown && m.delivered.nanos < c.end {
			facts[i].marks |= markSettled
		}
	}
	c.keepParts(thread, facts)
}

// keepParts enters the facts of one message of a group: those that give the same
// names as one.
func (c *compaction) keepParts(thread uint32, facts []Fact) {
	slices.SortStableFunc(facts, func(a, b Fact) int { return cmp.Compare(a.who, b.who) })
	var room Thread
	for i := range facts {
		c.merge(&room, &facts[i], 0)
		if i+1 < len(facts) && facts[i+1].who == facts[i].who {
			continue
		}
		names := c.sets.names(facts[i].who, nil)
		names[0] = thread // the fact may not name the group
		who := c.next.sets.of(names)
		for k := range room.inbounds {
			c.next.noteInbound(who, &room.inbounds[k])
		}
		for k := range room.messages {
			c.next.noteMessage(who, &room.messages[k])
		}
		room.reset()
	}
}
