package chatapi_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file has rules 1 to 8 and 12 of "Who is who" in docs/billing.md, written a
// second time. A comment that begins with "Reading" chooses where the rules leave a
// case open.

// naiveStamp is an instant. Told is false for an instant that was only observed.
type naiveStamp struct {
	at   time.Time
	told bool
}

// naiveStampOf returns the instant of a fact. An instant more than an hour after its
// observation, or before 2009, is not believed (rule 19).
func naiveStampOf(a *chatapi.Activity) naiveStamp {
	old := a.At.Year() < 2009 && a.Observed.Year() >= 2009
	if a.At.IsZero() || old || !a.Observed.IsZero() && a.At.After(a.Observed.Add(time.Hour)) {
		return naiveStamp{at: a.Observed}
	}
	return naiveStamp{a.At, true}
}

// earliest returns the instant of several facts: told outranks observed, then the
// earliest counts. It is false without facts.
func earliest(all []naiveStamp) (best naiveStamp, ok bool) {
	for i, s := range all {
		if i == 0 || s.told && !best.told || s.told == best.told && s.at.Before(best.at) {
			best = s
		}
	}
	return best, len(all) > 0
}

// naiveNames says who is whom on one channel. A name has its kind before a colon, as
// in "phone:12025550143".
type naiveNames struct {
	links   map[[2]string][]naiveStamp // of a name, to a BSUID or a number
	renames map[[2]string][]naiveStamp // of an old BSUID, to a new one (rule 7)
	held    map[naiveHeld][]naiveHold  // of numbers, for rule 12
	same    map[[2]string]bool         // numbers that one message gives
	named   map[string]bool            // the names that some fact gives
}

// naiveHeld says that a person held a number.
type naiveHeld struct{ number, person string }

// naiveHold is since when a person held a number or, for a former number, until when.
type naiveHold struct {
	naiveStamp
	former bool
}

// hold returns the hold of the link that counts (rule 3). Reading: of an identity
// event and a message at one instant, the event counts.
func hold(all []naiveHold) (best naiveHold) {
	var stamps []naiveStamp
	for _, h := range all {
		stamps = append(stamps, h.naiveStamp)
	}
	best.naiveStamp, _ = earliest(stamps)
	for _, h := range all {
		best.former = best.former || h.former && h.told == best.told && h.at.Equal(best.at)
	}
	return best
}

func naiveKind(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	return kind
}

var naiveBSUID = regexp.MustCompile(`^[A-Z]{2}\.\w+$`)

// naiveNamesOf returns the names that a contact gives (rule 1): BSUID, number, chat,
// username.
func naiveNamesOf(c chatapi.Contact) (all []string) {
	if c.BSUID != "" {
		all = append(all, "bsuid:"+c.BSUID)
	}
	if c.Phone != "" {
		all = append(all, "phone:"+c.Phone)
	}
	user, server, _ := strings.Cut(c.Chat, "@")
	switch {
	case c.Chat == "" || server == "g.us":
	case server == "c.us" || server == "s.whatsapp.net":
		all = append(all, "phone:"+user)
	case server == "lid" && naiveBSUID.MatchString(user):
		all = append(all, "bsuid:"+user)
	default:
		all = append(all, "chat:"+c.Chat)
	}
	if c.Username != "" {
		all = append(all, "username:"+c.Username)
	}
	return all
}

func naiveGroup(c chatapi.Contact) bool { return strings.HasSuffix(c.Chat, "@g.us") }

// naiveFirst returns the name that decides (rule 9): BSUID, number, chat, username;
// empty without a name. Reading: of several of a kind the greater text.
func naiveFirst(names []string) (first string) {
	order := []string{"username", "chat", "phone", "bsuid"}
	for _, name := range names {
		rank := func(name string) int { return slices.Index(order, naiveKind(name)) }
		if first == "" || rank(name) > rank(first) || rank(name) == rank(first) && name > first {
			first = name
		}
	}
	return first
}

// naiveSpellings are the numbers with two spellings: Brazil with and without the
// ninth digit, Mexico as 52 and 521, Argentina as 54 and 549.
var naiveSpellings = []struct {
	short, long *regexp.Regexp
	lengthen    string
	shorten     string
}{
	{regexp.MustCompile(`^(phone:55\d\d)([6-9]\d{7})$`), regexp.MustCompile(`^(phone:55\d\d)9([6-9]\d{7})$`), "${1}9${2}", "${1}${2}"},
	{regexp.MustCompile(`^(phone:52)(\d{10})$`), regexp.MustCompile(`^(phone:52)1(\d{10})$`), "${1}1${2}", "${1}${2}"},
	{regexp.MustCompile(`^(phone:54)([0-8]\d{9})$`), regexp.MustCompile(`^(phone:54)9(\d{10})$`), "${1}9${2}", "${1}${2}"},
}

// naiveOther returns the other spelling of a number; empty if it has only one.
func naiveOther(name string) string {
	if !strings.HasPrefix(name, "phone:5") {
		return ""
	}
	for _, s := range naiveSpellings {
		switch {
		case s.short.MatchString(name):
			return s.short.ReplaceAllString(name, s.lengthen)
		case s.long.MatchString(name):
			return s.long.ReplaceAllString(name, s.shorten)
		}
	}
	return ""
}

func newNaiveNames() *naiveNames {
	return &naiveNames{map[[2]string][]naiveStamp{}, map[[2]string][]naiveStamp{}, map[naiveHeld][]naiveHold{}, map[[2]string]bool{}, map[string]bool{}}
}

// read reads the links in the facts of a number.
func (n *naiveNames) read(of naiveNumber) {
	for i := range of.facts {
		a := &of.facts[i]
		names, at := naiveNamesOf(a.Contact), naiveStampOf(a)
		for _, name := range slices.Concat(names, naiveNamesOf(a.Member), naiveNamesOf(a.Former)) {
			n.named[name] = true
		}
		if a.Kind == chatapi.ActivityIdentity {
			n.rename(names, naiveNamesOf(a.Former), at)
			n.link(names, at)
		}
		n.link(naiveNamesOf(a.Member), at)
	}
	for _, told := range of.messages {
		if slices.ContainsFunc(told, func(a chatapi.Activity) bool { return naiveGroup(a.Contact) }) {
			continue
		}
		// Rule 4. Readings: all facts of a message are read as one activity; its
		// earliest instant is that of all its facts, nameless ones too, and told
		// outranks observed.
		at, _ := earliest(naiveStampsOf(told))
		n.link(naiveNamesOfAll(told), at)
	}
}

func naiveStampsOf(facts []chatapi.Activity) (all []naiveStamp) {
	for i := range facts {
		all = append(all, naiveStampOf(&facts[i]))
	}
	return all
}

func naiveNamesOfAll(facts []chatapi.Activity) (all []string) {
	for _, a := range facts {
		all = append(all, naiveNamesOf(a.Contact)...)
	}
	return all
}

// link links the names of one person (rule 3). Readings: of several BSUIDs the greater
// text is taken; without a BSUID, several numbers are spellings of one, and other names
// are linked to the greater text; without a BSUID and a number there is no link.
func (n *naiveNames) link(names []string, at naiveStamp) {
	target := naiveFirst(names)
	for _, name := range names {
		switch kind := naiveKind(target); {
		case name == target || kind != "bsuid" && kind != "phone" || naiveKind(name) == "bsuid":
		case kind == "phone" && naiveKind(name) == "phone":
			n.same[[2]string{name, target}] = true
		default:
			n.add(name, target, at, false)
		}
	}
}

// add adds a link. Reading: two spellings of one number say nothing to each other.
func (n *naiveNames) add(name, target string, at naiveStamp, former bool) {
	if naiveOther(name) == target {
		return
	}
	pair := [2]string{name, target}
	n.links[pair] = append(n.links[pair], at)
	if naiveKind(name) == "phone" {
		h := naiveHeld{name, target}
		n.held[h] = append(n.held[h], naiveHold{at, former})
	}
}

// rename adds the links of an identity event (rule 7). Reading: if the event gives
// no current BSUID, the old one is the current one; without any BSUID, the old number
// is linked to the new one.
func (n *naiveNames) rename(current, former []string, at naiveStamp) {
	target := naiveFirst(current)
	if old := naiveFirst(former); naiveKind(old) == "bsuid" && naiveKind(target) != "bsuid" {
		n.link(append(slices.Clone(current), old), at)
		target = old
	}
	if naiveKind(target) == "phone" {
		h := naiveHeld{number: target, person: target}
		n.held[h] = append(n.held[h], naiveHold{at, false})
	}
	for _, old := range former {
		switch kind := naiveKind(old); {
		case old == target || naiveKind(target) != "bsuid" && naiveKind(target) != "phone":
		case kind == "bsuid":
			n.renames[[2]string{old, target}] = append(n.renames[[2]string{old, target}], at)
		case kind == "phone", kind == "chat":
			n.add(old, target, at, true)
		}
	}
}

// naiveAt is a value from an instant on.
type naiveAt struct {
	value string
	at    time.Time
}

// naiveInForce returns the latest value not after t, or before all of them the first
// one (rule 5). At equal instants the greater text wins.
func naiveInForce(all []naiveAt, t time.Time) (value string, ok bool) {
	slices.SortFunc(all, func(a, b naiveAt) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.value, b.value)) })
	for i, v := range all {
		if i == 0 || !v.at.After(t) || v.at.Equal(all[0].at) {
			value = v.value
		}
	}
	return value, len(all) > 0
}

// linked returns the target of a name's link in force at t (rule 5), or that of its
// other spellings (rule 6). Reading: links of its own are links from the number to a
// person, not links of a username or a chat to the number; at equal instants a BSUID
// wins over a number.
func (n *naiveNames) linked(name string, t time.Time) (target string, ok bool) {
	for _, spellings := range [][]string{{name}, n.spellings(name)} {
		var all []naiveAt
		for pair, stamps := range n.links {
			if slices.Contains(spellings, pair[0]) {
				at, _ := earliest(stamps)
				all = append(all, naiveAt{strings.Replace(pair[1], "bsuid:", "~bsuid:", 1), at.at}) // sorts after a number
			}
		}
		if target, ok = naiveInForce(all, t); ok {
			return strings.TrimPrefix(target, "~"), true
		}
	}
	return "", false
}

// spellings returns all spellings of a name that facts give, and the name itself.
// Reading: two numbers that one message gives are spellings of one number too.
func (n *naiveNames) spellings(name string) []string {
	all := []string{name}
	for i := 0; i < len(all); i++ {
		found := []string{naiveOther(all[i])}
		for pair := range n.same {
			if k := slices.Index(pair[:], all[i]); k >= 0 {
				found = append(found, pair[1-k])
			}
		}
		for _, other := range found {
			if n.named[other] && !slices.Contains(all, other) {
				all = append(all, other)
			}
		}
	}
	return all
}

// owner returns the key of the person who has the name at t. The key is a BSUID, or
// else a number, a chat or a username. Reading: numbers that were changed in a circle
// are one person.
func (n *naiveNames) owner(name string, t time.Time) string {
	if other := naiveOther(name); !n.named[name] && n.named[other] {
		name = other
	}
	var path []string
	for !slices.Contains(path, name) {
		path = append(path, name)
		if naiveKind(name) == "bsuid" {
			return slices.Max(n.chain(name))
		}
		target, ok := n.linked(name, t)
		if !ok {
			return slices.Max(n.spellings(name))
		}
		name = target
	}
	return slices.Max(path[slices.Index(path, name):])
}

// chain returns all BSUIDs of the person with that BSUID (rules 7 and 8).
func (n *naiveNames) chain(bsuid string) []string {
	all := []string{bsuid}
	for i := 0; i < len(all); i++ {
		for pair := range n.renames {
			for k := range pair {
				if pair[k] == all[i] && !slices.Contains(all, pair[1-k]) {
					all = append(all, pair[1-k])
				}
			}
		}
	}
	return all
}

// shown returns the name of a person on bills of an instant (rule 12): the number
// held at t, else BSUID, chat, username. Readings: a former number was held until it
// was changed; among several numbers the one linked latest before t is shown, else the
// one linked first after t, else the one given up last; of spellings without links the
// greater text.
func (n *naiveNames) shown(person string, t time.Time) string {
	var past, future, former []naiveAt
	for h, all := range n.held {
		at := hold(all)
		v := naiveAt{h.number, at.at}
		switch {
		case n.owner(h.number, t) != person || n.owner(h.person, t) != person:
		case at.former && !at.at.After(t):
			former = append(former, v)
		case at.at.After(t) && at.former:
			future = append(future, naiveAt{"~" + h.number, at.at}) // before the new number
		case at.at.After(t):
			future = append(future, v)
		default:
			past = append(past, v)
		}
	}
	for _, all := range [][]naiveAt{past, future, former} {
		if number, ok := naiveInForce(all, t); ok {
			return strings.TrimPrefix(number, "~")
		}
	}
	if naiveKind(person) == "bsuid" {
		return n.bsuidAt(person, t)
	}
	return person
}

// bsuidAt returns the BSUID that a person had at t. Reading: it is the new one of the
// latest identity event not after t, or before all events the old one of the first.
func (n *naiveNames) bsuidAt(person string, t time.Time) string {
	chain := n.chain(person)
	var news, olds []naiveAt
	for pair, stamps := range n.renames {
		if at, _ := earliest(stamps); slices.Contains(chain, pair[0]) {
			olds = append(olds, naiveAt{pair[0], at.at})
			if !at.at.After(t) {
				news = append(news, naiveAt{pair[1], at.at})
			}
		}
	}
	if bsuid, ok := naiveInForce(news, t); ok {
		return bsuid
	}
	if bsuid, ok := naiveInForce(olds, time.Time{}); ok {
		return bsuid
	}
	return person
}
