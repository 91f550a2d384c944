package chatapi_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

var (
	nov2026 = chatapi.Month(2026, time.November)
	noon    = instant("2026-11-10T12:00:00Z")
	annID   = chatapi.Contact{BSUID: "US.1000000000000001"}
	annBoth = chatapi.Contact{Phone: "12025550143", BSUID: "US.1000000000000001"}
	groupID = "120363000000000001@g.us"
)

// fact returns an activity of November 2026, some minutes after noon.
func fact(kind chatapi.ActivityKind, minutes int, who chatapi.Contact, id, category string) chatapi.Activity {
	return chatapi.Activity{Kind: kind, At: noon.Add(time.Duration(minutes) * time.Minute), Channel: abc, Contact: who, MessageID: id, Category: category}
}

// rowsOf returns the charges of November 2026 in short.
func rowsOf(t *testing.T, ledger *chatapi.Ledger) (rows []string) {
	t.Helper()
	bill, err := ledger.Bill(nov2026)
	replied(t, bill != nil, err)
	for _, c := range bill.Charges {
		row := fmt.Sprint(c.Contact, " ", c.Category)
		switch {
		case c.Free != "":
			row += " free"
		case c.Missing:
			row += " ?"
		}
		rows = append(rows, row)
	}
	return rows
}

// bothWays returns the rows of activities in their order, and checks that they are
// the same backwards and after a restore.
func bothWays(t *testing.T, all ...chatapi.Activity) []string {
	t.Helper()
	forward := newLedger(t, chatapi.Account{}, all...)
	rows := rowsOf(t, forward)
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	assert.Equal(t, rows, rowsOf(t, newLedger(t, chatapi.Account{}, backwards...)), "backwards")
	assert.Equal(t, rows, rowsOf(t, restored(t, forward, chatapi.Account{})), "restored")
	return rows
}

// A message is billed by its send, whatever names its statuses have.
func TestFaultB1StatusesNameThePersonOtherwiseThanTheSend(t *testing.T) {
	for name, c := range map[string]struct{ to, status chatapi.Contact }{
		"to a BSUID, acked with both":              {annID, annBoth},
		"to a number, acked with the BSUID alone":  {chatapi.Contact{Phone: "12025550143"}, annID},
		"to a username, acked with both":           {chatapi.Contact{Username: "ann"}, annBoth},
		"to a BSUID, acked with the chat":          {annID, chatapi.Contact{Chat: "12025550143@c.us"}},
		"to a BSUID, acked in the form of servers": {annID, chatapi.Contact{Chat: "12025550143@s.whatsapp.net"}},
	} {
		rows := bothWays(t, fact(chatapi.ActivityOutbound, 0, c.to, "m1", "MARKETING"), fact(chatapi.ActivityDelivered, 1, c.status, "m1", ""))
		assert.Equal(t, []string{"+12025550143 marketing"}, rows, name)
	}
}

// Both spellings of a number are one person, and one message.
func TestFaultB2AcksSpellTheNumberInAnotherWay(t *testing.T) {
	for _, c := range [][2]string{{"5511987654321", "551187654321"}, {"525512345678", "5215512345678"}, {"541123456789", "5491123456789"}} {
		for _, c := range [][2]string{c, {c[1], c[0]}} {
			to, chat := chatapi.Contact{Phone: c[0]}, chatapi.Contact{Chat: c[1] + "@c.us"}
			rows := bothWays(t, fact(chatapi.ActivityOutbound, 0, to, "m1", "marketing"), fact(chatapi.ActivityDelivered, 1, chat, "m1", ""),
				fact(chatapi.ActivityRead, 2, chatapi.Contact{BSUID: "BR.5"}, "m1", ""))
			require.Len(t, rows, 1, c)
			assert.Contains(t, rows[0], "marketing", c)
			ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityInbound, 0, chat, "in", ""))
			assert.True(t, ledger.ServiceWindow(abc, chatapi.Phone(c[0])).Open(noon), "asked by the other spelling: %v", c)
		}
	}
}

// A customer whose number and BSUID came together is found by both, before and
// after the number was hidden.
func TestFaultB3WindowsAndQuotesLookThroughLinks(t *testing.T) {
	names := []chatapi.Recipient{chatapi.Phone("12025550143"), chatapi.BSUID(annID.BSUID), chatapi.Chat("12025550143@c.us"), chatapi.Chat(annID.BSUID + "@lid"),
		chatapi.BSUIDAsPhone(annID.BSUID)}
	for name, messages := range map[string][]chatapi.Activity{
		"both in one message": {fact(chatapi.ActivityInbound, 0, annBoth, "in1", "")},
		"hidden on day 2": {fact(chatapi.ActivityInbound, -1500, annBoth, "in1", ""),
			fact(chatapi.ActivityInbound, 0, annID, "in2", "")},
		"linked afterwards": {fact(chatapi.ActivityInbound, 0, annID, "in1", ""), fact(chatapi.ActivityDelivered, 90, annBoth, "m1", "")},
	} {
		ledger := newLedger(t, chatapi.Account{}, messages...)
		for _, who := range names {
			assert.Equal(t, noon, ledger.ServiceWindow(abc, who).Since, "%s: %s", name, who)
			charge, err := ledger.Quote(noon.Add(time.Hour), abc, who, hello)
			require.NoError(t, err)
			assert.Equal(t, "+12025550143", charge.Contact.String(), "%s: %s", name, who)
			assert.NotContains(t, charge.Why, "closed", name)
		}
	}
	click := fact(chatapi.ActivityInbound, 0, annID, "in1", "")
	click.EntryPoint = chatapi.EntryPointAd
	rows := bothWays(t, fact(chatapi.ActivityInbound, -3000, annBoth, "in0", ""), click,
		fact(chatapi.ActivityOutbound, 5, chatapi.Contact{Phone: "12025550143"}, "m1", ""), fact(chatapi.ActivityDelivered, 6, chatapi.Contact{Phone: "12025550143"}, "m1", ""))
	assert.Equal(t, []string{"+12025550143 service free"}, rows)
	ledger := newLedger(t, chatapi.Account{}, click, fact(chatapi.ActivityOutbound, 5, annBoth, "m1", ""), fact(chatapi.ActivityDelivered, 6, annBoth, "m1", ""))
	for _, who := range names {
		found, err := ledger.Conversations(abc, who)
		require.NoError(t, err)
		require.Len(t, found, 1, who)
		assert.Equal(t, chatapi.CategoryReferral, found[0].Category)
	}
	campaign, err := ledger.QuoteAll(noon.Add(96*time.Hour), abc, func(yield func(chatapi.Recipient, chatapi.Message) bool) {
		_ = yield(names[0], hello) && yield(names[1], hello)
	})
	require.NoError(t, err)
	assert.Equal(t, 2, campaign.Messages)
}

// A fact without names does nothing until a fact of the same message has one. The
// handler never sees an error.
func TestFaultB4FactsWithoutNamesWaitForOne(t *testing.T) {
	nobody := chatapi.Contact{}
	rows := bothWays(t, fact(chatapi.ActivityOutbound, 0, annID, "m1", "marketing"), fact(chatapi.ActivityDelivered, 1, nobody, "m1", ""))
	assert.Equal(t, []string{"US.1000000000000001 marketing"}, rows)
	assert.Empty(t, bothWays(t, fact(chatapi.ActivityOutbound, 0, nobody, "m1", "marketing"), fact(chatapi.ActivityDelivered, 1, nobody, "m1", "")))
	rows = bothWays(t, fact(chatapi.ActivityOutbound, 0, nobody, "m1", "utility"), fact(chatapi.ActivityDelivered, 1, nobody, "m1", ""),
		fact(chatapi.ActivityRead, 2, annBoth, "m1", ""))
	assert.Equal(t, []string{"+12025550143 utility"}, rows)
	assert.Equal(t, []string{"+12025550144 utility"}, bothWays(t, fact(chatapi.ActivityOutbound, 0, customerB, "m1", "utility"),
		fact(chatapi.ActivityInbound, 0, nobody, "m1", ""), fact(chatapi.ActivityDelivered, 1, nobody, "m1", "")), "a customer's message may have the same id")

	ledger := chatapi.NewLedger(chatapi.Account{})
	info := chatapi.EventInfo{Channel: abc, Time: noon, Received: noon}
	for _, e := range []chatapi.Event{
		&chatapi.StatusEvent{EventInfo: info, MessageID: "m1", Status: chatapi.StatusDelivered},
		&chatapi.StatusEvent{EventInfo: info, Status: chatapi.StatusDelivered},
		&chatapi.EchoEvent{EventInfo: info, Content: chatapi.Content{ID: "e1"}},
		&chatapi.EchoEvent{EventInfo: info},
		&chatapi.MessageEvent{EventInfo: info, Content: chatapi.Content{ID: "in1"}},
		&chatapi.MessageEvent{EventInfo: info},
		&chatapi.CallEvent{EventInfo: info, Event: "connect", Direction: "USER_INITIATED"},
		&chatapi.CallEvent{EventInfo: info, ID: "c1", Event: "connect", Direction: "USER_INITIATED"},
		&chatapi.IdentityEvent{EventInfo: info},
	} {
		require.NoError(t, ledger.RecordEvent(e))
	}
	assert.Empty(t, rowsOf(t, ledger))
	require.NoError(t, ledger.RecordEvent(&chatapi.MessageEvent{EventInfo: info, From: customerA, Content: chatapi.Content{ID: "in1"}}))
	assert.True(t, ledger.ServiceWindow(abc, annPhone).Open(noon))
}

// A nameless fact is forgotten with the facts of its age: 31 days before the end of
// the last closed month.
func TestFaultB4ANamelessFactIsForgottenInTheEnd(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityDelivered, 0, chatapi.Contact{}, "m1", "marketing"),
		fact(chatapi.ActivityDelivered, 26*24*60, chatapi.Contact{}, "m2", "marketing"), wrote(noon.Add(26*24*time.Hour), customerB))
	_, err := ledger.Close(nov2026)
	replied(t, true, err)
	_, err = ledger.Close(chatapi.Month(2026, time.December))
	replied(t, true, err)
	_, err = ledger.Close(chatapi.Month(2027, time.January))
	replied(t, true, err)
	again := restored(t, ledger, chatapi.Account{})
	for _, l := range []*chatapi.Ledger{ledger, again} {
		for _, id := range []string{"m1", "m2"} {
			require.NoError(t, l.Record(chatapi.Activity{Kind: chatapi.ActivityOutbound, At: noon, Channel: abc, Contact: customerA, MessageID: id}))
		}
		bill, err := l.Bill(nov2026)
		replied(t, bill != nil, err)
		assert.Empty(t, bill.Charges)
	}
}

// The channel that is in no account is a kind of error of its own.
func TestFaultB5AForeignChannelIsAKindOfItsOwn(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{abc}})
	info := chatapi.EventInfo{Channel: "ABC9", Time: noon}
	for _, e := range []chatapi.Event{
		&chatapi.MessageEvent{EventInfo: info, From: customerA, Content: chatapi.Content{ID: "in1"}},
		&chatapi.StatusEvent{EventInfo: info, To: customerA, MessageID: "m1", Status: chatapi.StatusDelivered},
		&chatapi.EchoEvent{EventInfo: info, To: customerA},
		&chatapi.CallEvent{EventInfo: info, ID: "c1", Event: "connect", Direction: "USER_INITIATED", From: customerA},
		&chatapi.MessageEvent{EventInfo: chatapi.EventInfo{Time: noon}, From: customerA, Content: chatapi.Content{ID: "in1"}},
	} {
		err := ledger.RecordEvent(e)
		require.ErrorIs(t, err, chatapi.ErrForeignChannel)
		assert.NotErrorIs(t, err, chatapi.ErrInvalid)
		wrongField(t, err, chatapi.ErrForeignChannel, "Activity.Channel")
	}
	foreign := fact(chatapi.ActivityInbound, 0, customerA, "in1", "")
	foreign.Channel = "ABC9"
	require.ErrorIs(t, ledger.Record(foreign), chatapi.ErrForeignChannel)
	require.ErrorIs(t, ledger.Load(values([]chatapi.Activity{foreign}, nil)), chatapi.ErrForeignChannel)
	require.NoError(t, ledger.RecordEvent(&chatapi.UnknownEvent{EventInfo: info}), "an event without effect")
}

// A message to a group costs once for each member to whom it was delivered, at the
// member's price.
func TestFaultB6AGroupPaysForEachMember(t *testing.T) {
	group := chatapi.Contact{Chat: groupID}
	to := func(kind chatapi.ActivityKind, minutes int, member chatapi.Contact, id string) chatapi.Activity {
		a := fact(kind, minutes, group, id, "group_marketing")
		a.Member = member
		return a
	}
	brazil, india := chatapi.Contact{Phone: "5511987654321"}, chatapi.Contact{Phone: "919876543210"}
	rows := bothWays(t, fact(chatapi.ActivityOutbound, 0, group, "m1", "marketing"), to("delivered", 1, brazil, "m1"), to("delivered", 2, annBoth, "m1"),
		to("read", 3, annID, "m1"), to("delivered", 4, india, "m1"), to("delivered", 5, chatapi.Contact{}, "m1"),
		to("read", 6, chatapi.Contact{Phone: "551187654321"}, "m1"))
	assert.Equal(t, []string{"+5511987654321 marketing", "+12025550143 marketing", "+919876543210 marketing"}, rows)
	rows = bothWays(t, fact(chatapi.ActivityOutbound, 0, group, "m1", "marketing"), to("delivered", 1, chatapi.Contact{}, "m1"))
	assert.Equal(t, []string{groupID + " marketing ?"}, rows, "no status names a member")
	assert.Empty(t, bothWays(t, fact(chatapi.ActivityOutbound, 0, group, "m1", "marketing"), to("failed", 1, brazil, "m1"), to("delivered", 1, chatapi.Contact{}, "m1")))

	ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityOutbound, 0, group, "m1", "utility"), to("delivered", 1, brazil, "m1"), to("delivered", 2, annID, "m1"))
	bill := billOf(t, ledger, nov2026)
	require.Len(t, bill.Charges, 2)
	assert.Equal(t, []string{"Brazil", "North America"}, []string{bill.Charges[0].Market, bill.Charges[1].Market})
	assert.Equal(t, chatapi.Chat(groupID), bill.Charges[0].Group)
	_, err := ledger.Close(nov2026)
	require.NoError(t, err)
	late := fact(chatapi.ActivityDelivered, 22*24*60, group, "m1", "")
	late.Member = india
	require.NoError(t, ledger.Record(late))
	for _, l := range []*chatapi.Ledger{ledger, restored(t, ledger, chatapi.Account{})} {
		december := billOf(t, l, chatapi.Month(2026, time.December))
		require.Len(t, december.Charges, 1)
		assert.Equal(t, "utility", december.Charges[0].Category)
		assert.Equal(t, "India", december.Charges[0].Market)
		assert.Empty(t, billOf(t, l, nov2026).Late)
	}
}
