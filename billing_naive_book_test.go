package chatapi_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file has rules 9 to 11 and 13 to 19 of "Who is who" in docs/billing.md,
// written a second time.

// naiveBook is a ledger of one account. It keeps all activities.
type naiveBook struct {
	naive
	facts []chatapi.Activity
	old   []chatapi.Activity // of messages that a close has forgotten; only their links stay (rule 17)

	// After a close: the first instant after the closed months, the units on their
	// bills, and the marks that later facts cannot change.
	end     time.Time
	closed  []*naiveUnit
	late    []string
	settled map[string][]string     // names of members, by message; "" for a message without members
	frozen  map[string]naiveInbound // by message
	carries []naiveCarry
}

// naiveCarry is the part of one person that crosses the end of a closed month, under
// the person's key. Reading: a BSUID, if one was known then.
type naiveCarry struct {
	number  chatapi.ChannelID
	key     string
	units   []naiveUnit
	windows []naiveWindow
	last    time.Time // the customer's last message
}

// naivePerson is a person, or a group, on one number.
type naivePerson struct {
	number   chatapi.ChannelID
	key      string
	names    *naiveNames
	inbounds []naiveInbound
	messages []naiveMessage
	carries  []naiveCarry
}

// naiveNumber has the facts of one number: all of them, and those of each message.
type naiveNumber struct {
	facts    []chatapi.Activity
	messages map[string][]chatapi.Activity
}

// naiveNumbers sorts facts by number and message (rule 2).
func naiveNumbers(facts []chatapi.Activity) map[chatapi.ChannelID]naiveNumber {
	numbers := map[chatapi.ChannelID]naiveNumber{}
	for _, a := range facts {
		n := numbers[a.Channel]
		if n.messages == nil {
			n.messages = map[string][]chatapi.Activity{}
		}
		n.facts = append(n.facts, a)
		if a.Kind != chatapi.ActivityIdentity {
			id := "out " + a.MessageID
			switch {
			case a.Kind == chatapi.ActivityInbound && a.MessageID == "":
				id = fmt.Sprint("in ", naiveStampOf(&a), a.EntryPoint, naiveNamesOf(a.Contact), a.Contact.Chat)
			case a.Kind == chatapi.ActivityInbound:
				id = "in " + a.MessageID
			}
			n.messages[id] = append(n.messages[id], a)
		}
		numbers[a.Channel] = n
	}
	return numbers
}

// people forms the people of all numbers from the facts and carries so far.
func (b *naiveBook) people() (all []*naivePerson) {
	numbers, old := naiveNumbers(b.facts), naiveNumbers(b.old)
	for number := range old {
		if _, has := numbers[number]; !has { // a number may have carries alone
			numbers[number] = naiveNumber{}
		}
	}
	for number, n := range numbers {
		names := newNaiveNames()
		names.read(old[number])
		names.read(n)
		all = append(all, b.peopleOf(number, n.messages, names)...)
	}
	return all
}

func (b *naiveBook) peopleOf(number chatapi.ChannelID, messages map[string][]chatapi.Activity, names *naiveNames) (all []*naivePerson) {
	person := func(key string) *naivePerson {
		for _, p := range all {
			if p.key == key {
				return p
			}
		}
		all = append(all, &naivePerson{number: number, key: key, names: names})
		return all[len(all)-1]
	}
	for id, told := range messages {
		if strings.HasPrefix(id, "in ") {
			in := b.inbound(number, strings.TrimPrefix(id, "in "), told)
			if key := naiveOwner(names, told, in.at); key != "" {
				p := person(key)
				p.inbounds = append(p.inbounds, in)
			}
			continue
		}
		if all := naiveMessages(names, told); len(all) > 0 {
			if key := naiveOwner(names, told, all[0].sent); key != "" {
				p := person(key)
				p.messages = append(p.messages, all...)
			}
		}
	}
	for _, c := range b.carries {
		if c.number == number { // rule 13. Reading: the last instant of the month
			p := person(names.owner(c.key, b.end.Add(-1)))
			p.carries = append(p.carries, c)
		}
	}
	for _, p := range all {
		p.sort()
		b.mark(p)
	}
	return all
}

// naiveOwner returns the key of the person or group of a message (rules 9 and 15);
// empty if no fact names anybody (rule 10).
func naiveOwner(names *naiveNames, told []chatapi.Activity, at time.Time) string {
	for _, a := range told {
		if naiveGroup(a.Contact) {
			return "chat:" + a.Contact.Chat
		}
	}
	if first := naiveFirst(naiveNamesOfAll(told)); first != "" {
		return names.owner(first, at)
	}
	return ""
}

// inbound joins the facts of one message of the customer. A close fixed those of
// closed months.
func (b *naiveBook) inbound(number chatapi.ChannelID, key string, told []chatapi.Activity) (in naiveInbound) {
	in.id, in.key = told[0].MessageID, string(number)+" "+key
	if frozen, ok := b.frozen[in.key]; ok {
		return frozen
	}
	at, _ := earliest(naiveStampsOf(told))
	in.at = at.at
	for _, a := range told {
		in.entry = max(in.entry, a.EntryPoint)
	}
	return in
}

// naiveMessages joins the facts of one message of the business: a message for each
// member of a group, else one. There is none if it was not delivered. It is idle if the
// phone app sent it and no status calls it charged (rule 16).
func naiveMessages(names *naiveNames, told []chatapi.Activity) (all []naiveMessage) {
	m, app := naiveMessage{id: told[0].MessageID, names: []string{""}}, false
	var sent, delivered []chatapi.Activity
	reported := ""
	for _, a := range told {
		app = app || a.FromApp
		m.charged = m.charged || a.Reported.Type == "regular" || a.Reported.Billable == "true"
		category := strings.TrimPrefix(a.Category, "group_")
		switch a.Kind {
		case chatapi.ActivityOutbound:
			sent = append(sent, a)
			m.category = max(m.category, category)
		case chatapi.ActivityDelivered, chatapi.ActivityRead:
			delivered = append(delivered, a)
			if category != chatapi.CategoryService {
				reported = max(reported, category)
			}
		}
	}
	if m.category == "" {
		m.category = reported
	}
	first, ok := earliest(naiveStampsOf(delivered))
	if !ok {
		return nil
	}
	m.idle = app && !m.charged
	m.sent, m.delivered = first.at, first.at
	if at, ok := earliest(naiveStampsOf(sent)); ok {
		m.sent = at.at
	}
	group := slices.ContainsFunc(told, func(a chatapi.Activity) bool { return naiveGroup(a.Contact) })
	named := func(a chatapi.Activity) bool { return group && len(naiveNamesOf(a.Member)) > 0 }
	if !slices.ContainsFunc(told, named) {
		return []naiveMessage{m}
	}
	// Rule 15. Readings: any fact that names a member counts, whatever its kind; a
	// name of a member belongs to its owner at the message's sending; without a
	// known sending, each member's message was sent at its delivery.
	members := map[string][]chatapi.Activity{}
	for _, a := range delivered {
		if named(a) {
			member := names.owner(naiveFirst(naiveNamesOf(a.Member)), m.sent)
			members[member] = append(members[member], a)
		}
	}
	for member, facts := range members {
		at, _ := earliest(naiveStampsOf(facts))
		one := m
		one.member, one.delivered, one.names = member, at.at, nil
		for _, a := range facts {
			one.names = append(one.names, naiveFirst(naiveNamesOf(a.Member)))
		}
		if len(sent) == 0 {
			one.sent = at.at
		}
		all = append(all, one)
	}
	return all
}

// mark marks the messages that a closed month settled.
func (b *naiveBook) mark(p *naivePerson) {
	for i := range p.messages {
		m := &p.messages[i]
		for _, name := range b.settled[string(p.number)+" "+m.id] {
			m.settled = m.settled || name == "" || p.names.owner(name, m.sent) == m.member
		}
	}
}

// fold bills the messages of a person that are delivered before an instant, from
// where the last closed month ended.
func (b *naiveBook) fold(p *naivePerson, until time.Time) *naivePair {
	f := &naivePair{naive: b.naive, naivePerson: p, end: b.end}
	for _, c := range p.carries { // rule 14
		for _, u := range c.units {
			f.units = append(f.units, &u)
		}
		for _, w := range c.windows {
			f.windows = append(f.windows, &w)
		}
	}
	for _, m := range p.messages {
		if !m.settled && !m.idle && !m.delivered.Before(b.end) && m.delivered.Before(until) {
			f.acting = append(f.acting, m)
		}
	}
	f.bill()
	return f
}

var naiveForever = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// units returns the units of all bills.
func (b *naiveBook) units(people []*naivePerson) []*naiveUnit {
	all := slices.Clone(b.closed)
	for _, p := range people {
		all = append(all, b.fold(p, naiveForever).opened(b.end, naiveForever)...)
	}
	return all
}

// naiveFind returns the person that a name asks for (rule 11); nil without such a
// person.
func naiveFind(people []*naivePerson, number chatapi.ChannelID, name string) *naivePerson {
	for _, p := range people {
		key := name
		if !strings.HasSuffix(name, "@g.us") {
			key = p.names.owner(name, naiveForever)
		}
		if p.number == number && p.key == key {
			return p
		}
	}
	return nil
}

// conversations returns the conversations and free entry points of a person. Those of
// closed months are known while they are open at the month's end.
func (b *naiveBook) conversations(p *naivePerson) (all []chatapi.Conversation) {
	for _, u := range b.fold(p, naiveForever).units {
		if u.Unit == "message" || u.past {
			continue
		}
		c := chatapi.Conversation{Category: u.Category, OpenedAt: u.OpenedAt, ExpiresAt: *u.ExpiresAt}
		if u.ClosedAt != nil {
			c.ClosedAt = *u.ClosedAt
		}
		all = append(all, c)
	}
	return all
}

// last returns the customer's last message before an instant. Reading: the service
// window of a closed month is carried as rule 13 says, and the messages that are still
// known go to their owners by rule 9.
func (p *naivePerson) last(until time.Time) (last time.Time) {
	for _, c := range p.carries {
		if c.last.After(last) {
			last = c.last
		}
	}
	for _, in := range p.inbounds {
		if in.at.After(last) && in.at.Before(until) {
			last = in.at
		}
	}
	return last
}

// lateRows returns the late facts of closed months (rule 13).
func (b *naiveBook) lateRows(people []*naivePerson) []string {
	all := slices.Clone(b.late)
	for _, p := range people {
		all = append(all, b.lateOf(p, naiveForever)...)
	}
	return all
}

func (b *naiveBook) lateOf(p *naivePerson, until time.Time) (all []string) {
	row := func(kind chatapi.ActivityKind, who, id string, at time.Time) {
		all = append(all, fmt.Sprint(p.number, " ", naiveShow(p.names.shown(who, at)), " ", kind, " ", id, " ", at.UTC()))
	}
	for _, in := range p.inbounds {
		if in.at.Before(b.end) && !in.settled {
			row(chatapi.ActivityInbound, p.key, in.id, in.at)
		}
	}
	for _, m := range p.messages {
		if m.delivered.Before(b.end) && !m.settled && !m.idle {
			row(chatapi.ActivityDelivered, cmp.Or(m.member, p.key), m.id, m.delivered)
		}
	}
	for _, u := range b.fold(p, until).late {
		row(chatapi.ActivityDelivered, u.who, u.acting, u.OpenedAt)
	}
	return all
}

// close closes all months before an instant.
func (b *naiveBook) close(end time.Time) {
	if !end.After(b.end) {
		return
	}
	all := b.people()
	var carries []naiveCarry
	if b.settled == nil {
		b.settled, b.frozen = map[string][]string{}, map[string]naiveInbound{}
	}
	settled, frozen := maps.Clone(b.settled), maps.Clone(b.frozen)
	for _, p := range all {
		whole, part := b.fold(p, naiveForever), b.fold(p, end)
		b.closed = append(b.closed, whole.opened(b.end, end)...)
		b.late = append(b.late, b.lateOf(p, end)...)
		carries = append(carries, part.carry(whole, end))
		for _, in := range p.inbounds {
			if in.at.Before(end) {
				in.spent, in.settled = in.spent || part.spent(in, part.acting), true
				frozen[in.key] = in
			}
		}
		for _, m := range p.messages {
			if m.delivered.Before(end) {
				id := string(p.number) + " " + m.id
				settled[id] = append(settled[id], m.names...)
			}
		}
	}
	b.end, b.carries, b.settled, b.frozen = end, carries, settled, frozen
	b.forget(end.Add(-31 * naiveDay))
}

// forget forgets the messages whose latest instant is before kept.
func (b *naiveBook) forget(kept time.Time) {
	var stay []chatapi.Activity
	for number, n := range naiveNumbers(b.facts) {
		for id, told := range n.messages {
			if naiveLastKnown(told).Before(kept) {
				b.old = append(b.old, told...)
				direction, id, _ := strings.Cut(id, " ")
				delete(map[string]map[string][]string{"out": b.settled}[direction], string(number)+" "+id)
				delete(map[string]map[string]naiveInbound{"in": b.frozen}[direction], string(number)+" "+id)
			} else {
				stay = append(stay, told...)
			}
		}
	}
	for _, a := range b.facts {
		if a.Kind == chatapi.ActivityIdentity {
			stay = append(stay, a)
		}
	}
	b.facts = stay
}

// naiveLastKnown returns the instant of the customer's message, or of delivery, else
// of sending, else of failure.
func naiveLastKnown(told []chatapi.Activity) time.Time {
	for _, kinds := range [][]chatapi.ActivityKind{{chatapi.ActivityInbound}, {chatapi.ActivityDelivered, chatapi.ActivityRead},
		{chatapi.ActivityOutbound}} {
		var some []naiveStamp
		for i := range told {
			if slices.Contains(kinds, told[i].Kind) {
				some = append(some, naiveStampOf(&told[i]))
			}
		}
		if at, ok := earliest(some); ok {
			return at.at
		}
	}
	at, _ := earliest(naiveStampsOf(told))
	return at.at
}

// carry returns what crosses the end of the months that are closed.
func (p *naivePair) carry(whole *naivePair, end time.Time) naiveCarry {
	p.startWindows(end.Add(-1))
	c := naiveCarry{number: p.number, key: p.key, last: p.last(end)}
	for _, u := range p.units {
		u.carried, u.past = true, !u.openAt(end)
		c.units = append(c.units, *u)
	}
	for _, w := range p.windows {
		w.billed = w.billed || slices.ContainsFunc(whole.windows, func(v *naiveWindow) bool { return v.start.Equal(w.start) && v.answered })
		c.windows = append(c.windows, *w)
	}
	return c
}
