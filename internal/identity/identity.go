// Package identity decides which names of one channel belong to one person, and
// at which instant. It knows names by an index, and has no state of its own: its
// user collects the names and links that hang together, and asks [New] about them.
// The rules are in docs/billing.md, under "Who is who".
package identity

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// Kind is the kind of a name. A person is known by the first kind of the list
// that a fact gives.
type Kind uint8

// The kinds of names.
const (
	BSUID Kind = iota
	Phone
	Chat
	Username
)

// Name is a name of a person. Text is a phone number in digits, a BSUID, a chat
// id or a username.
type Name struct {
	Kind Kind
	Text string
}

// Compare puts the name that stands for others first: the lesser kind, and of one
// kind the text that sorts last.
func Compare(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(b.Text, a.Text))
}

// Link says that Name and Hub, which are indexes of names, meant one person from
// an instant on. Hub comes before Name in the order of [Compare].
//
// A link of two BSUIDs makes them one person at all times. A link of two phone
// numbers makes them spellings of one number, unless Renamed is set.
type Link struct {
	Name, Hub int32
	Stamp
	Renamed bool // Name was replaced: it is a name of before
}

// Stamp is an instant in Unix nanoseconds. Told says that it comes from the wire;
// otherwise it is the arrival of the fact.
type Stamp struct {
	At   int64
	Told bool
}

// Merge keeps the told instant, and of two equal sorts the earlier one.
func (s Stamp) Merge(t Stamp) Stamp {
	if t.Told && !s.Told || t.Told == s.Told && t.At < s.At {
		return t
	}
	return s
}

// People knows who is whom among names. It does not change.
type People struct {
	names []Name
	root  []int32 // by name: of a BSUID or a phone number, the first of those that are one
	links []Link  // dated links by Name, instant and strength of Hub
	first []int32 // by name: the index of its first link

	changes []Link // of BSUIDs, each pair once

	// taken are the links of all spellings of a number, for a spelling without
	// links of its own.
	taken map[int32][]Link
}

// New returns the people with those names and links.
func New(names []Name, links []Link) *People {
	p := &People{names: names, root: make([]int32, len(names)), first: make([]int32, len(names)+1)}
	for i := range p.root {
		p.root[i] = int32(i)
	}
	for _, l := range links {
		switch {
		case l.Name == l.Hub:
		case names[l.Name].Kind == names[l.Hub].Kind && (names[l.Name].Kind == BSUID || !l.Renamed):
			p.unite(l.Name, l.Hub)
			if l.Renamed && names[l.Name].Kind == BSUID {
				p.changes = append(p.changes, l)
			}
		default:
			p.links = append(p.links, l)
		}
	}
	for i := range p.root {
		p.root[i] = p.find(int32(i))
	}
	p.sortLinks()
	return p
}

// find returns the root of a name, and shortens the way to it.
func (p *People) find(name int32) int32 {
	for p.root[name] != name {
		p.root[name] = p.root[p.root[name]]
		name = p.root[name]
	}
	return name
}

func (p *People) unite(a, b int32) {
	if a, b = p.find(a), p.find(b); Compare(p.names[a], p.names[b]) > 0 {
		a, b = b, a
	}
	p.root[b] = a
}

// oncePerPair keeps the best instant for each pair of names. Of equal instants, the
// link of a name that was replaced counts.
func oncePerPair(links []Link) []Link {
	slices.SortFunc(links, func(a, b Link) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Hub, b.Hub)) })
	pairs := links[:0]
	for _, l := range links {
		if n := len(pairs); n > 0 && pairs[n-1].Name == l.Name && pairs[n-1].Hub == l.Hub {
			known := &pairs[n-1]
			switch best := known.Merge(l.Stamp); {
			case known.Stamp == l.Stamp:
				known.Renamed = known.Renamed || l.Renamed
			case best != known.Stamp:
				*known = l
			}
			continue
		}
		pairs = append(pairs, l)
	}
	return pairs
}

// sortLinks sorts the dated links, and keeps one instant for each pair.
func (p *People) sortLinks() {
	p.links, p.changes = oncePerPair(p.links), oncePerPair(p.changes)
	slices.SortFunc(p.links, func(a, b Link) int { return cmp.Or(cmp.Compare(a.Name, b.Name), p.compareLinks(a, b)) })
	for i := range p.links {
		p.first[p.links[i].Name+1]++
	}
	for i := range p.names {
		p.first[i+1] += p.first[i]
	}
	for i := range p.names {
		root := p.root[i]
		if own := p.own(int32(i)); len(own) > 0 && p.names[i].Kind == Phone {
			if p.taken == nil {
				p.taken = map[int32][]Link{}
			}
			p.taken[root] = append(p.taken[root], own...)
		}
	}
	for _, all := range p.taken {
		slices.SortFunc(all, p.compareLinks)
	}
}

// compareLinks sorts by instant. Of equal instants, the link that wins comes last.
func (p *People) compareLinks(a, b Link) int {
	return cmp.Or(cmp.Compare(a.At, b.At), Compare(p.names[b.Hub], p.names[a.Hub]))
}

// own returns the dated links of a name.
func (p *People) own(name int32) []Link { return p.links[p.first[name]:p.first[name+1]] }

// linksOf returns the dated links of a name, or those of its other spellings.
func (p *People) linksOf(name int32) []Link {
	if own := p.own(name); len(own) > 0 || p.names[name].Kind != Phone {
		return own
	}
	return p.taken[p.root[name]]
}

// at returns the link that holds at an instant: the latest that is not after it,
// else the first. There is at least one link.
func at(links []Link, instant int64) Link {
	after := func(t int64) int { return sort.Search(len(links), func(i int) bool { return links[i].At > t }) }
	i := after(instant)
	if i == 0 {
		i = after(links[0].At)
	}
	return links[i-1]
}

// Owner returns the name that stands for the person to whom a name belongs at an
// instant: a BSUID if the person has one. It is the same for all names that the
// person has at that instant.
func (p *People) Owner(name int32, instant int64) int32 {
	for range len(p.names) + 1 {
		next, done := p.step(name, instant)
		if done {
			return next
		}
		name = next
	}
	best := name // a circle of renamed numbers: its first name stands for all
	for next, _ := p.step(name, instant); next != name; next, _ = p.step(next, instant) {
		if Compare(p.names[next], p.names[best]) < 0 {
			best = next
		}
	}
	return best
}

// step follows one link of a name. It reports whether the end is reached.
func (p *People) step(name int32, instant int64) (next int32, done bool) {
	if p.names[name].Kind == BSUID {
		return p.root[name], true
	}
	links := p.linksOf(name)
	if len(links) == 0 {
		return p.root[name], true
	}
	return at(links, instant).Hub, false
}

// Shown returns the name of a person that is shown at an instant: the phone number
// that the person has then, and the latest linked of several; else the BSUID of
// then, the chat or the username.
func (p *People) Shown(owner int32, instant int64) int32 {
	best := held{name: -1}
	for i := range p.links {
		l := &p.links[i]
		if p.names[l.Name].Kind == Phone {
			best = p.better(best, p.heldAt(l.Name, l, instant), owner, l.Hub, instant)
		}
		if l.Renamed && p.names[l.Hub].Kind == Phone { // it takes the place of another from then on
			now := *l
			now.Renamed = false
			best = p.better(best, p.heldAt(l.Hub, &now, instant), owner, l.Hub, instant)
		}
	}
	switch {
	case best.name >= 0:
		return best.name
	case p.names[owner].Kind == BSUID:
		return p.bsuidAt(owner, instant)
	}
	return owner
}

// held says how well a number or BSUID of a person is suited to be shown. In each
// field, less is better.
type held struct {
	class  int   // 0: held at the instant; 1: held later; 2: given up
	from   int64 // the latest is best, and of those held later the first
	former int
	name   int32
}

func (p *People) heldAt(number int32, l *Link, instant int64) held {
	switch {
	case l.At > instant && l.Renamed: // of one event, the number that it replaced
		return held{1, l.At, 0, number}
	case l.At > instant:
		return held{1, l.At, 1, number}
	case l.Renamed:
		return held{2, -l.At, 0, number}
	}
	return held{0, -l.At, 0, number}
}

// better returns the better of two numbers, if the second and its hub belong to
// the owner.
func (p *People) better(best, next held, owner, hub int32, instant int64) held {
	if !p.isBetter(next, best) || p.Owner(next.name, instant) != owner || p.Owner(hub, instant) != owner {
		return best
	}
	return next
}

func (p *People) isBetter(next, best held) bool {
	return best.name < 0 || cmp.Or(cmp.Compare(next.class, best.class), cmp.Compare(next.from, best.from), cmp.Compare(next.former, best.former),
		Compare(p.names[next.name], p.names[best.name])) < 0
}

// bsuidAt returns the BSUID that a person had at an instant: the new one of the
// latest change not after it, else the old one of the first change.
func (p *People) bsuidAt(owner int32, instant int64) int32 {
	best := held{name: -1}
	for _, l := range p.changes {
		next := held{0, -l.At, 0, l.Hub}
		if l.At > instant {
			next = held{1, l.At, 0, l.Name}
		}
		if p.root[l.Name] == owner && p.isBetter(next, best) {
			best = next
		}
	}
	if best.name < 0 {
		return owner
	}
	return best.name
}

// OtherSpelling returns the other spelling of a phone number in digits: in Brazil
// with or without the ninth digit, in Mexico as 52 or 521, in Argentina as 54 or
// 549. It returns "" for a number with one spelling.
func OtherSpelling(digits string) string {
	if len(digits) < 12 || len(digits) > 13 || digits[0] != '5' {
		return ""
	}
	country, rest := digits[:2], digits[2:]
	switch {
	case country == "55" && len(rest) == 10 && rest[2] >= '6': // area, then a mobile number of eight digits
		return "55" + rest[:2] + "9" + rest[2:]
	case country == "55" && len(rest) == 11 && rest[2] == '9' && rest[3] >= '6':
		return "55" + rest[:2] + rest[3:]
	case country == "52" && len(rest) == 10:
		return "521" + rest
	case country == "52" && len(rest) == 11 && rest[0] == '1':
		return "52" + rest[1:]
	case country == "54" && len(rest) == 10 && rest[0] != '9':
		return "549" + rest
	case country == "54" && len(rest) == 11 && rest[0] == '9':
		return "54" + rest[1:]
	}
	return ""
}
