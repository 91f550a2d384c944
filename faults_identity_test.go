package chatapi_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Every text is bounded when it is recorded, so a snapshot of what was recorded can
// always be written and read.
func TestFaultE6EveryTextIsBounded(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	good := fact(chatapi.ActivityDelivered, 0, customerA, "m1", "utility")
	for field, spoil := range map[string]func(*chatapi.Activity){
		"Activity.EntryPoint":            func(a *chatapi.Activity) { a.Kind, a.EntryPoint = chatapi.ActivityInbound, chatapi.EntryPoint(long) },
		"Activity.Category":              func(a *chatapi.Activity) { a.Category = long },
		"Activity.Channel":               func(a *chatapi.Activity) { a.Channel = chatapi.ChannelID(long) },
		"Activity.MessageID":             func(a *chatapi.Activity) { a.MessageID = long },
		"Activity.Contact":               func(a *chatapi.Activity) { a.Contact.Username = long },
		"Activity.Member":                func(a *chatapi.Activity) { a.Contact, a.Member.BSUID = chatapi.Contact{Chat: groupID}, "US."+long },
		"Activity.Former":                func(a *chatapi.Activity) { a.Kind, a.Former.Phone = chatapi.ActivityIdentity, long },
		"Activity.Reported.Conversation": func(a *chatapi.Activity) { a.Reported.Conversation = long },
		"Activity.Reported.Origin":       func(a *chatapi.Activity) { a.Reported.Origin = long },
		"Activity.Reported.Model":        func(a *chatapi.Activity) { a.Reported.Model = long },
		"Activity.Reported.Billable":     func(a *chatapi.Activity) { a.Reported.Billable = long },
		"Activity.Reported.Category":     func(a *chatapi.Activity) { a.Reported.Category = long },
		"Activity.Reported.Type":         func(a *chatapi.Activity) { a.Reported.Type = long },
	} {
		ledger := newLedger(t, chatapi.Account{}, good)
		want := snapshotOf(t, ledger)
		bad := good
		spoil(&bad)
		wrongField(t, ledger.Record(bad), chatapi.ErrInvalid, field)
		assert.Equal(t, want, snapshotOf(t, ledger), "%s: nothing is lost, and nothing came in", field)
		restored(t, ledger, chatapi.Account{})
	}
	wrongField(t, chatapi.NewLedger(chatapi.Account{ID: long}).Record(good), chatapi.ErrInvalid, "Account[0].ID")
	wrongField(t, chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{chatapi.ChannelID(long)}}).Record(good), chatapi.ErrInvalid, "Account[0].Numbers[0]")

	// The longest texts that Record takes go through a close and a restore.
	longest := good
	longest.MessageID, longest.Category = strings.Repeat("m", 1<<16), strings.Repeat("c", 1<<10)
	longest.Contact = chatapi.Contact{Username: strings.Repeat("u", 16_000), Chat: strings.Repeat("c", 16_000) + "@x", BSUID: "US." + strings.Repeat("1", 16_000)}
	ledger := newLedger(t, chatapi.Account{}, longest)
	_, err := ledger.Close(nov2026)
	replied(t, true, err)
	restored(t, ledger, chatapi.Account{})
}

// A status that comes again costs nothing that stays.
func TestFaultE16RepeatsCostNothingThatStays(t *testing.T) {
	const repeats = 50_000
	reported := fact(chatapi.ActivityDelivered, 0, annBoth, "m1", "utility")
	reported.Reported = chatapi.Reported{Category: "utility", Type: "regular"}
	group := fact(chatapi.ActivityDelivered, 0, chatapi.Contact{Chat: groupID}, "m1", "utility")
	group.Member = annBoth
	ack := fact(chatapi.ActivityDelivered, 0, customerA, "m1", "")
	ack.At, ack.Observed = time.Time{}, noon
	for name, repeat := range map[string]func(i int) chatapi.Activity{
		"one status":           func(int) chatapi.Activity { return fact(chatapi.ActivityDelivered, 0, customerA, "m1", "utility") },
		"with a report":        func(int) chatapi.Activity { return reported },
		"of a group":           func(int) chatapi.Activity { return group },
		"without a name":       func(int) chatapi.Activity { return fact(chatapi.ActivityRead, 0, chatapi.Contact{}, "m1", "") },
		"a customer's message": func(int) chatapi.Activity { return fact(chatapi.ActivityInbound, 0, customerA, "", "") },
		"the states in turn": func(i int) chatapi.Activity {
			return fact([]chatapi.ActivityKind{"outbound", "delivered", "read", "failed"}[i%4], i%4, customerA, "m1", "")
		},
		"acks without a time": func(i int) chatapi.Activity {
			a := ack
			a.Observed = noon.Add(time.Duration(i) * time.Second)
			return a
		},
		"a new BSUID each time": func(int) chatapi.Activity {
			a := fact(chatapi.ActivityIdentity, 0, annBoth, "", "")
			a.Former = chatapi.Contact{BSUID: "US.2"}
			return a
		},
	} {
		ledger := chatapi.NewLedger(chatapi.Account{})
		for i := range 1000 {
			require.NoError(t, ledger.Record(repeat(i)))
		}
		before := heapInUse()
		for i := range repeats {
			require.NoError(t, ledger.Record(repeat(i)))
		}
		assert.Less(t, heapInUse()-before, float64(256<<10), name)
		ledger.ServiceWindow(abc, annPhone)
		runtime.KeepAlive(ledger)
	}
}

func heapInUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// One function says whether two contacts are one, with what is known.
func TestFaultC17IdentitiesSayWhetherTwoContactsAreOne(t *testing.T) {
	phone := chatapi.Contact{Phone: "12025550143"}
	require.NotEqual(t, annBoth.Key(), phone.Key(), "the message has another key than the echo")
	message := &chatapi.MessageEvent{EventInfo: chatapi.EventInfo{Channel: abc, Time: noon}, From: annBoth, Content: chatapi.Content{ID: "in1"}}
	renamed := &chatapi.IdentityEvent{EventInfo: chatapi.EventInfo{Channel: abc, Time: noon.Add(time.Hour)}, Old: annID, New: chatapi.Contact{BSUID: "US.2", Phone: "12025550144"}}
	var known chatapi.Identities
	assert.True(t, known.Same(annBoth, phone), "their own names say so")
	assert.False(t, known.Same(annID, phone))
	known.Add(chatapi.LinksOf(message)...)
	assert.True(t, known.Same(annID, phone))
	assert.True(t, known.Same(annID, chatapi.Contact{Chat: "12025550143@s.whatsapp.net"}))
	assert.False(t, known.Same(annID, chatapi.Contact{BSUID: "US.2"}))
	known.Add(chatapi.LinksOf(renamed)...)
	assert.True(t, known.Same(phone, chatapi.Contact{Phone: "12025550144"}))
	assert.True(t, known.Same(chatapi.Contact{Phone: "5511987654321"}, chatapi.Contact{Phone: "551187654321"}), "two spellings")
	assert.False(t, known.Same(chatapi.Contact{}, chatapi.Contact{}))

	passed := fact(chatapi.ActivityInbound, 600, chatapi.Contact{Phone: "12025550143", BSUID: "US.3"}, "in2", "")
	known.Add(passed.Links()...)
	assert.False(t, known.Same(annID, phone), "the number passed to somebody else")
	assert.True(t, known.Same(chatapi.Contact{BSUID: "US.3"}, phone))
	assert.Equal(t, chatapi.BSUID("US.2"), known.Owner(chatapi.Phone("12025550143"), noon))
	assert.Equal(t, chatapi.BSUID("US.3"), known.Owner(chatapi.Phone("+1 202 555 0143"), time.Time{}))
	assert.Equal(t, chatapi.Chat(groupID), known.Owner(chatapi.Chat(groupID), noon))
	assert.Zero(t, known.Owner(chatapi.Recipient{}, noon))
}

// Order and repetition of links change nothing.
func TestIdentitiesAreTheSameInAnyOrder(t *testing.T) {
	for round := range 500 {
		r := rand.New(rand.NewPCG(11, uint64(round)))
		var links []chatapi.Link
		for _, a := range linkedHistory(r, noon) {
			links = append(links, a.Links()...)
		}
		var first, second chatapi.Identities
		first.Add(links...)
		again := append(links, links...)
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		for _, l := range again {
			second.Add(l)
		}
		for range 20 {
			a, b, at := drawnContact(r), drawnContact(r), noon.Add(time.Duration(r.IntN(200))*time.Hour)
			require.Equal(t, first.Same(a, b), second.Same(a, b), "round %d", round)
			require.Equal(t, first.Same(a, b), first.Same(b, a), "round %d", round)
			owner := first.Owner(a.Recipient(), at)
			require.Equal(t, owner, second.Owner(a.Recipient(), at), "round %d", round)
			require.Equal(t, owner, first.Owner(owner, at), "round %d: an owner is its own", round)
		}
	}
}

// Contacts with equal keys are the same, whatever the spelling of their names.
func TestFaultC20SpellingsOfOneContactAreTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b chatapi.Contact
		want bool
	}{
		{chatapi.Contact{Phone: "12025550143"}, chatapi.Contact{Chat: "12025550143@c.us"}, true},
		{chatapi.Contact{Phone: "12025550143"}, chatapi.Contact{Chat: "12025550143@s.whatsapp.net"}, true},
		{chatapi.Contact{BSUID: "US.1"}, chatapi.Contact{Chat: "US.1@lid"}, true},
		{chatapi.Contact{BSUID: "US.1@lid"}, chatapi.Contact{BSUID: "US.1"}, true},
		{chatapi.Contact{Phone: "+1 (202) 555-0143"}, chatapi.Contact{Phone: "12025550143"}, true},
		{chatapi.Contact{Phone: "+12025550143"}, chatapi.Contact{Chat: "12025550143@c.us"}, true},
		{chatapi.Contact{Username: "@ann"}, chatapi.Contact{Username: "ann"}, true},
		{chatapi.Contact{Phone: "12025550143"}, chatapi.Contact{Chat: "12025550144@c.us"}, false},
		{chatapi.Contact{BSUID: "US.1"}, chatapi.Contact{Chat: "US.2@lid"}, false},
		{chatapi.Contact{BSUID: "US.1", Phone: "12025550143"}, chatapi.Contact{Chat: "US.2@lid", Phone: "12025550143"}, false},
		{chatapi.Contact{Username: "ann"}, chatapi.Contact{Username: "bob"}, false},
		{chatapi.Contact{Chat: groupID}, chatapi.Contact{Chat: groupID}, true},
	} {
		assert.Equal(t, c.want, c.a.Same(c.b), "%v and %v", c.a, c.b)
		assert.Equal(t, c.want, c.b.Same(c.a), "%v and %v", c.b, c.a)
		if c.a.Key() == c.b.Key() {
			assert.True(t, c.a.Same(c.b), "equal keys: %v and %v", c.a, c.b)
		}
	}
	assert.Equal(t, "phone:12025550143", chatapi.Contact{Chat: "12025550143@s.whatsapp.net"}.Key())
	var out bytes.Buffer
	require.NoError(t, newLedger(t, chatapi.Account{}, fact(chatapi.ActivityInbound, 0, chatapi.Contact{Chat: "12025550143@s.whatsapp.net"}, "", "")).Snapshot(&out))
	assert.Contains(t, out.String(), "phone:12025550143")
}
