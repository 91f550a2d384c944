package chatapi

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/identity"
	"github.com/chatapi-go/chatapi/internal/ledger"
)

// Link says that two names of one channel meant one person from an instant on. A
// name is a phone number, a BSUID, a chat or a username. [Activity.Links] and
// [LinksOf] return links, and [Identities] takes them. A Link is comparable, and
// its fields can be stored in a database.
type Link struct {
	// Holder stands for the person: the BSUID, or the phone number of a person
	// whose BSUID is not known. Name is another name of the person.
	Name   Recipient `json:"name"`
	Holder Recipient `json:"holder"`

	// At is the instant of the event that gave both names. Told is set if the
	// instant comes from the wire; otherwise it is the arrival of the event here.
	At   time.Time `json:"at"`
	Told bool      `json:"told,omitempty"`

	// Renamed is set if Name is a name of before, as in an [IdentityEvent]. Then
	// two BSUIDs are one person at all times, and a phone number passes to the
	// number that replaced it.
	Renamed bool `json:"renamed,omitempty"`
}

// Identities knows which names of one channel mean one person, and at which
// instant: a number can be hidden, passed to another person, or written in two
// ways. It keeps the links that [Identities.Add] gave it, and nothing else.
// docs/billing.md has its rules, under "Who is who"; a [Ledger] follows the same
// rules and needs no Identities.
//
// The zero value is ready for use, with no links. Order and repetition of links
// change nothing. To keep links in a database, read those of a person's names,
// and of the names that they name, into an Identities of their own. Several
// goroutines may read an Identities at a time, but nothing may be added
// meanwhile.
type Identities struct {
	links  map[linkKey]identity.Stamp
	byName map[Recipient][]linkKey
}

// linkKey is a link without its instant.
type linkKey struct {
	name, holder Recipient
	renamed      bool
}

// Add adds links. It passes over a link whose names are missing or equal, or of
// which one is a group, and a link of two BSUIDs without Renamed, which are two
// people.
func (i *Identities) Add(links ...Link) {
	for _, l := range links {
		name, ok := personName(l.Name)
		holder, too := personName(l.Holder)
		twoPeople := name.kind == RecipientBSUID && holder.kind == RecipientBSUID && !l.Renamed
		if !ok || !too || name == holder || twoPeople {
			continue
		}
		key := linkKey{name, holder, l.Renamed}
		if identity.Compare(identityName(holder), identityName(name)) > 0 && (!l.Renamed || name.kind != holder.kind) {
			key.name, key.holder = holder, name
		}
		stamp := identity.Stamp{At: linkNanos(l.At), Told: l.Told}
		if known, ok := i.links[key]; ok {
			i.links[key] = known.Merge(stamp)
			continue
		}
		if i.links == nil {
			i.links, i.byName = map[linkKey]identity.Stamp{}, map[Recipient][]linkKey{}
		}
		i.links[key] = stamp
		i.byName[key.name] = append(i.byName[key.name], key)
		i.byName[key.holder] = append(i.byName[key.holder], key)
	}
}

// Owner returns the name that stands for the person to whom a name belongs at an
// instant: the BSUID, else the phone number, the chat or the username. It is the
// same for all names of the person, so its [Recipient.Key] can name the person in
// a database. It changes when a link shows that two people are one. The zero time
// means the newest link. A name without links stands for itself; of the two
// spellings of a number (see [PhoneVariants]) the one that sorts last stands for
// both. A group, or the zero Recipient, is returned unchanged.
func (i *Identities) Owner(name Recipient, at time.Time) Recipient {
	name, ok := personName(name)
	if !ok {
		return name
	}
	c := i.around(name)
	return c.names[c.people().Owner(0, ownerNanos(at))]
}

// Same reports whether two contacts are one person now, by the links and by the
// names that each contact has itself. It is false if a contact has no name.
func (i *Identities) Same(a, b Contact) bool {
	first, second := a.personNames(), b.personNames()
	if len(first) == 0 || len(second) == 0 {
		return false
	}
	c := i.around(append(slices.Clone(first), second...)...)
	for _, names := range [][]Recipient{first, second} {
		for _, l := range linksAmong(names, Link{}) {
			c.links = append(c.links, identity.Link{Name: c.index[l.Name], Hub: c.index[l.Holder], Stamp: identity.Stamp{At: ledger.Never}})
		}
	}
	people := c.people()
	return people.Owner(c.index[first[0]], math.MaxInt64) == people.Owner(c.index[second[0]], math.MaxInt64)
}

// circle is the names that hang together with some names, and their links.
type circle struct {
	names []Recipient
	index map[Recipient]int32
	links []identity.Link
}

// around returns the circle of names. The first of them has the index 0.
func (i *Identities) around(names ...Recipient) *circle {
	c := &circle{index: map[Recipient]int32{}}
	for _, name := range names {
		c.indexOf(name)
	}
	seen := map[linkKey]bool{}
	for n := 0; n < len(c.names); n++ {
		name := c.names[n]
		for _, key := range i.byName[name] {
			if !seen[key] {
				seen[key] = true
				c.links = append(c.links, identity.Link{Name: c.indexOf(key.name), Hub: c.indexOf(key.holder), Stamp: i.links[key], Renamed: key.renamed})
			}
		}
		if name.kind == RecipientPhone {
			for _, other := range PhoneVariants(name.value) {
				c.links = append(c.links, identity.Link{Name: int32(n), Hub: c.indexOf(Recipient{RecipientPhone, other})})
			}
		}
	}
	return c
}

func (c *circle) indexOf(name Recipient) int32 {
	n, ok := c.index[name]
	if !ok {
		n = int32(len(c.names))
		c.index[name], c.names = n, append(c.names, name)
	}
	return n
}

func (c *circle) people() *identity.People {
	names := make([]identity.Name, len(c.names))
	for n, name := range c.names {
		names[n] = identityName(name)
	}
	return identity.New(names, c.links)
}

// LinksOf returns the links that an event gives, such as that of the number and
// the BSUID of a customer's message; nil if it gives none. Facts of one message
// that come in several events, as a send to a number and its status with a BSUID,
// link names too: only their holder knows that they belong together, by the
// message's id.
func LinksOf(e Event) (all []Link) {
	activities, err := activitiesOf(e)
	if err != nil {
		return nil
	}
	for i := range activities {
		all = append(all, activities[i].Links()...)
	}
	return all
}

// Links returns the links of the names that the activity gives: of the customer,
// or of the member of a group; nil if it gives fewer than two names or no instant.
func (a Activity) Links() []Link {
	at, told := a.instant()
	if at.IsZero() {
		return nil
	}
	shared := Link{At: at, Told: told}
	person, member := a.Contact.personNames(), a.Member.personNames()
	if a.Contact.group() != "" {
		person = nil
	}
	if a.Kind == ActivityIdentity {
		return renames(a.Former.personNames(), person, shared)
	}
	return append(linksAmong(person, shared), linksAmong(member, shared)...)
}

// renames returns the links of a person with names of before and of now.
func renames(former, current []Recipient, shared Link) []Link {
	all := linksAmong(current, shared)
	if len(current) == 0 || len(former) == 0 {
		return all
	}
	holder := current[0]
	shared.Renamed = true
	for _, name := range former {
		switch {
		case name.kind == RecipientUsername || slices.Contains(current, name):
		case name.kind == RecipientBSUID && holder.kind != RecipientBSUID: // the BSUID stays
			all = append(all, Link{Name: holder, Holder: name, At: shared.At, Told: shared.Told})
			holder = name
		default:
			l := shared
			l.Name, l.Holder = name, holder
			all = append(all, l)
		}
	}
	return all
}

// linksAmong returns the links of names that one fact gives, in the order of
// personNames. Their instant is that of shared.
func linksAmong(names []Recipient, shared Link) (all []Link) {
	for n := 1; n < len(names); n++ {
		if names[n].kind != RecipientBSUID { // two BSUIDs are two people
			l := shared
			l.Name, l.Holder = names[n], names[0]
			all = append(all, l)
		}
	}
	return all
}

// personNames returns the names of a person, in one spelling each: BSUID, phone
// number, chat, username. Of two phone numbers the one that sorts last comes first.
func (c *Contact) personNames() []Recipient {
	var room [4]Recipient
	all := room[:0]
	for _, r := range [...]Recipient{{RecipientBSUID, c.BSUID}, {RecipientPhone, c.Phone}, {RecipientChat, c.Chat}, {RecipientUsername, c.Username}} {
		if r.value == "" {
			continue
		}
		if name, ok := personName(r); ok && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return nil
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Recipient) int { return identity.Compare(identityName(a), identityName(b)) })
	return all
}

// group returns the chat id of a group, and "" for a person.
func (c *Contact) group() string {
	if strings.HasSuffix(c.Chat, suffixGroup) {
		return strings.TrimSpace(c.Chat)
	}
	return ""
}

// personName returns a recipient in the spelling that all links use. It is false
// for a group and for the zero Recipient.
func personName(r Recipient) (Recipient, bool) {
	if r.value == "" {
		return Recipient{}, false
	}
	switch r.kind {
	case RecipientPhone:
		if !isDigits(r.value) {
			r = Phone(r.value)
		}
	case RecipientBSUID, recipientBSUIDAsPhone:
		r = BSUID(r.value)
	case RecipientUsername:
		r = Username(r.value)
	case RecipientChat:
		if r = Chat(r.value); r.kind != RecipientChat {
			break
		}
		for _, suffix := range [...]string{suffixPerson, suffixDevice} {
			if digits, ok := strings.CutSuffix(r.value, suffix); ok && isPhone(digits) {
				return Recipient{RecipientPhone, digits}, true
			}
		}
	}
	return r, r.value != "" && !r.IsGroup()
}

// identityName returns a name of personName for the rules.
func identityName(r Recipient) identity.Name {
	kind := identity.Username
	switch r.kind {
	case RecipientBSUID:
		kind = identity.BSUID
	case RecipientPhone:
		kind = identity.Phone
	case RecipientChat:
		kind = identity.Chat
	}
	return identity.Name{Kind: kind, Text: r.value}
}

// linkNanos returns an instant in Unix nanoseconds, within the years that fit.
func linkNanos(at time.Time) int64 {
	switch second := at.Unix(); {
	case second < firstSecond:
		return math.MinInt64 + 1
	case second >= afterLast:
		return math.MaxInt64
	}
	return at.UnixNano()
}

// ownerNanos is linkNanos, but the zero time is the newest instant.
func ownerNanos(at time.Time) int64 {
	if at.IsZero() {
		return math.MaxInt64
	}
	return linkNanos(at)
}

// Same reports whether both contacts are certainly one person, whatever the
// spelling of their names: "+1 202 555 0143" and "12025550143@c.us" are one phone
// number. If both have a BSUID, it compares these; else the phone numbers, if both
// have one; else the chats, else the keys (see [Contact.Key]). Two BSUIDs with one
// number are two people, because a number can pass to another person. Same knows
// nothing but the two contacts: [Identities.Same] knows what other events said; see
// the example of [Identities].
func (c Contact) Same(other Contact) bool {
	a, b := c.personNames(), other.personNames()
	for _, kind := range [...]RecipientKind{RecipientBSUID, RecipientPhone} {
		in := func(r Recipient) bool { return r.kind == kind }
		if slices.ContainsFunc(a, in) && slices.ContainsFunc(b, in) {
			return slices.ContainsFunc(a, func(r Recipient) bool { return in(r) && slices.Contains(b, r) })
		}
	}
	if chat := strings.TrimSpace(c.Chat); chat != "" && chat == strings.TrimSpace(other.Chat) {
		return true
	}
	key := c.Key()
	return key != "" && key == other.Key()
}
