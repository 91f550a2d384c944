package identity_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/identity"
)

// The names of the tests, by index.
const (
	a = iota // BSUIDs
	b
	c
	p // phone numbers
	q
	r
	u // usernames
)

var names = []identity.Name{{Kind: identity.BSUID, Text: "US.1"}, {Kind: identity.BSUID, Text: "US.2"}, {Kind: identity.BSUID, Text: "US.3"},
	{Kind: identity.Phone, Text: "12025550143"}, {Kind: identity.Phone, Text: "12025550144"}, {Kind: identity.Phone, Text: "12025550145"},
	{Kind: identity.Username, Text: "ann"}}

func link(name, hub int32, at int64) identity.Link {
	return identity.Link{Name: name, Hub: hub, Stamp: identity.Stamp{At: at, Told: true}}
}

func renamed(name, hub int32, at int64) identity.Link {
	l := link(name, hub, at)
	l.Renamed = true
	return l
}

func seen(name, hub int32, at int64) identity.Link {
	l := link(name, hub, at)
	l.Told = false
	return l
}

func TestOwner(t *testing.T) {
	for name, x := range map[string]struct {
		links []identity.Link
		at    map[[2]int64]int32 // by name and instant
	}{
		"no links": {nil, map[[2]int64]int32{{a, 5}: a, {p, 5}: p, {u, 5}: u}},
		"before its first link a name belongs to the first": {[]identity.Link{link(p, a, 10), link(p, b, 20)},
			map[[2]int64]int32{{p, 0}: a, {p, 10}: a, {p, 19}: a, {p, 20}: b, {p, 99}: b}},
		"a number does not come back":              {[]identity.Link{link(p, a, 10), link(p, b, 20), link(p, a, 30)}, map[[2]int64]int32{{p, 15}: a, {p, 40}: b}},
		"told outranks observed":                   {[]identity.Link{seen(p, a, 1), link(p, a, 30), link(p, b, 20)}, map[[2]int64]int32{{p, 0}: b, {p, 25}: b, {p, 30}: a}},
		"at equal instants the greater BSUID wins": {[]identity.Link{link(p, b, 10), link(p, a, 10)}, map[[2]int64]int32{{p, 0}: b, {p, 10}: b}},
		"a chain of BSUIDs is one person":          {[]identity.Link{renamed(a, b, 10), renamed(c, b, 20)}, map[[2]int64]int32{{a, 0}: c, {b, 0}: c, {c, 99}: c}},
		"a circle too":                             {[]identity.Link{renamed(a, b, 10), renamed(b, a, 20), link(p, a, 5)}, map[[2]int64]int32{{a, 0}: b, {p, 0}: b}},
		"a spelling takes the links of the other":  {[]identity.Link{link(p, q, 0), link(q, a, 10), link(q, b, 20)}, map[[2]int64]int32{{p, 0}: a, {p, 20}: b, {q, 15}: a}},
		"a spelling keeps links of its own":        {[]identity.Link{link(p, q, 0), link(q, a, 10), link(p, b, 20)}, map[[2]int64]int32{{p, 0}: b, {q, 99}: a}},
		"spellings without links":                  {[]identity.Link{link(p, q, 0)}, map[[2]int64]int32{{p, 0}: q, {q, 0}: q}},
		"a number replaces another":                {[]identity.Link{renamed(p, q, 10), link(q, a, 20)}, map[[2]int64]int32{{p, 0}: a, {p, 99}: a, {q, 0}: a}},
		"numbers in a circle":                      {[]identity.Link{renamed(p, q, 10), renamed(q, r, 20), renamed(r, p, 30)}, map[[2]int64]int32{{p, 0}: r, {q, 99}: r, {r, 15}: r}},
		"a username by way of a number":            {[]identity.Link{link(u, p, 10), link(p, a, 20), link(u, q, 30)}, map[[2]int64]int32{{u, 0}: a, {u, 29}: a, {u, 30}: q}},
	} {
		people := identity.New(names, x.links)
		for of, want := range x.at {
			assert.Equal(t, want, people.Owner(int32(of[0]), of[1]), "%s: %v", name, of)
		}
	}
}

func TestShown(t *testing.T) {
	for name, x := range map[string]struct {
		links []identity.Link
		owner int32
		at    map[int64]int32
	}{
		"the number":                              {[]identity.Link{link(p, a, 10)}, a, map[int64]int32{0: p, 10: p}},
		"the latest of several":                   {[]identity.Link{link(p, a, 10), link(q, a, 20)}, a, map[int64]int32{0: p, 15: p, 20: q}},
		"the BSUID once it passed":                {[]identity.Link{link(p, a, 10), link(p, b, 20)}, a, map[int64]int32{15: p, 20: a}},
		"the new number after a change":           {[]identity.Link{link(p, a, 5), renamed(p, b, 20), renamed(a, b, 20), link(q, b, 20)}, b, map[int64]int32{10: p, 20: q}},
		"the new number, without BSUID":           {[]identity.Link{renamed(q, p, 20)}, p, map[int64]int32{0: q, 19: q, 20: p}},
		"a number given up, though told again":    {[]identity.Link{renamed(q, b, 20), link(p, b, 20), link(q, b, 30)}, b, map[int64]int32{10: q, 20: p, 40: p}},
		"a number given up, if no other is known": {[]identity.Link{renamed(p, a, 20)}, a, map[int64]int32{10: p, 40: p}},
		"a new number that is linked later":       {[]identity.Link{renamed(p, q, 20), link(q, a, 40)}, a, map[int64]int32{10: p, 30: q, 50: q}},
		"the BSUID of then":                       {[]identity.Link{renamed(b, a, 20), renamed(a, c, 30)}, c, map[int64]int32{10: b, 20: a, 30: c}},
		"a username alone":                        {nil, u, map[int64]int32{0: u}},
		"the number of a username":                {[]identity.Link{link(u, p, 10)}, p, map[int64]int32{0: p}},
		"no username beside a BSUID":              {[]identity.Link{link(u, a, 10)}, a, map[int64]int32{10: a}},
	} {
		people := identity.New(names, x.links)
		for at, want := range x.at {
			assert.Equal(t, want, people.Shown(x.owner, at), "%s at %d", name, at)
		}
	}
}

// Order and repetition change nothing, and an owner owns itself.
func TestAnyOrderGivesTheSamePeople(t *testing.T) {
	for round := range 3000 {
		random := rand.New(rand.NewPCG(3, uint64(round)))
		var links []identity.Link
		for range random.IntN(8) {
			name, hub := int32(random.IntN(len(names))), int32(random.IntN(len(names)))
			if identity.Compare(names[hub], names[name]) > 0 {
				name, hub = hub, name
			}
			links = append(links, identity.Link{Name: name, Hub: hub, Renamed: random.IntN(3) == 0 || hub < p && name < p,
				Stamp: identity.Stamp{At: int64(random.IntN(5)), Told: random.IntN(3) > 0}})
		}
		again := append(links, links...)
		random.Shuffle(len(again), func(i, k int) { again[i], again[k] = again[k], again[i] })
		first, second := identity.New(names, links), identity.New(names, again)
		for name := range int32(len(names)) {
			for at := range int64(6) {
				owner := first.Owner(name, at)
				require.Equal(t, owner, second.Owner(name, at), "round %d", round)
				require.Equal(t, owner, first.Owner(owner, at), "round %d", round)
				require.Equal(t, first.Shown(owner, at), second.Shown(owner, at), "round %d", round)
				require.Equal(t, owner, first.Owner(first.Shown(owner, at), at), "round %d: what is shown is theirs", round)
			}
		}
	}
}

func TestOtherSpelling(t *testing.T) {
	for one, other := range map[string]string{"551187654321": "5511987654321", "525512345678": "5215512345678", "541123456789": "5491123456789"} {
		assert.Equal(t, other, identity.OtherSpelling(one))
		assert.Equal(t, one, identity.OtherSpelling(other))
	}
	for _, single := range []string{"", "12025550143", "551133334444", "5511933334444", "4915112345678", "56912345678"} {
		assert.Empty(t, identity.OtherSpelling(single), single)
	}
}
