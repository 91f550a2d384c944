package chatapi_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestWindow(t *testing.T) {
	since := instant("2026-03-28T12:00:00Z") // clocks change during these 24 hours
	w := chatapi.WindowFrom(since)
	assert.Equal(t, since.Add(24*time.Hour), w.ExpiresAt)
	assert.False(t, w.Open(since.Add(-1)))
	assert.True(t, w.Open(since))
	assert.True(t, w.Open(w.ExpiresAt.Add(-1)))
	assert.False(t, w.Open(w.ExpiresAt))
	assert.Equal(t, time.Hour, w.Left(since.Add(23*time.Hour)))
	assert.Zero(t, w.Left(w.ExpiresAt))

	var never chatapi.Window
	assert.Equal(t, never, chatapi.WindowFrom(time.Time{}))
	assert.False(t, never.Open(since))
	assert.False(t, never.Open(time.Time{}))
}

func TestServiceWindowRollsWhateverTheOrder(t *testing.T) {
	first, last := instant("2026-11-02T10:00:00Z"), instant("2026-11-02T20:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, wrote(last, customerA), wrote(first, customerA), wrote(first, customerA))
	assert.Equal(t, chatapi.WindowFrom(last), ledger.ServiceWindow(abc, chatapi.Phone("+1 202 555 0143")))
	assert.Equal(t, chatapi.WindowFrom(last), ledger.ServiceWindow(abc, chatapi.Chat("12025550143@c.us")), "the chat and the number are the same person")
	assert.Zero(t, ledger.ServiceWindow(abc, chatapi.Phone("12025550144")))
	assert.Zero(t, ledger.ServiceWindow("ABC2", chatapi.Phone("12025550143")), "another number has a window of its own")
}

func TestRecordRefuses(t *testing.T) {
	at := instant("2022-03-10T10:00:00Z")
	good := chatapi.Activity{Kind: chatapi.ActivityOutbound, At: at, Channel: abc, Contact: customerA, MessageID: "m1"}
	require.NoError(t, chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{abc}}).Record(good))
	for _, c := range []struct {
		field string
		spoil func(*chatapi.Activity)
	}{
		{"Activity.Channel", func(a *chatapi.Activity) { a.Channel = "" }},
		{"Activity.Contact", func(a *chatapi.Activity) {
			a.Kind, a.MessageID, a.Contact = chatapi.ActivityInbound, "", chatapi.Contact{Name: "Ann"}
		}},
		{"Activity.Kind", func(a *chatapi.Activity) { a.Kind = "" }},
		{"Activity.Kind", func(a *chatapi.Activity) { a.Kind = "sent" }},
		{"Activity.MessageID", func(a *chatapi.Activity) { a.MessageID = "" }},
		{"Activity.At", func(a *chatapi.Activity) { a.At = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		ledger := chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{abc}})
		bad := good
		c.spoil(&bad)
		err := ledger.Record(bad)
		var e *chatapi.Error
		require.ErrorAs(t, err, &e, c.field)
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
		assert.Equal(t, c.field, e.Field)
	}
	timeless := good
	timeless.At = time.Time{}
	assert.ErrorIs(t, chatapi.NewLedger(chatapi.Account{}).Record(timeless), chatapi.ErrNoTime)

	var none *chatapi.Ledger
	for _, ledger := range []*chatapi.Ledger{none, {}} {
		assert.ErrorIs(t, ledger.Record(good), chatapi.ErrInvalid)
		assert.ErrorIs(t, ledger.RecordEvent(&chatapi.MessageEvent{}), chatapi.ErrInvalid)
		_, err := ledger.Bill(chatapi.Month(2022, time.March))
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
		_, err = ledger.Conversations(abc, chatapi.Phone("12025550143"))
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
		assert.Zero(t, ledger.ServiceWindow(abc, chatapi.Phone("12025550143")))
	}
	ledger := chatapi.NewLedger(chatapi.Account{})
	assert.ErrorIs(t, ledger.RecordEvent(nil), chatapi.ErrInvalid)
	assert.ErrorIs(t, ledger.RecordEvent((*chatapi.StatusEvent)(nil)), chatapi.ErrInvalid)
	assert.ErrorIs(t, ledger.RecordSend(nil, chatapi.Text{Body: "hi"}, at), chatapi.ErrInvalid)
	assert.ErrorIs(t, ledger.RecordSend(&chatapi.Receipt{Queued: true}, chatapi.Text{Body: "hi"}, at), chatapi.ErrInvalid)
	assert.ErrorIs(t, ledger.RecordSend(&chatapi.Receipt{ID: "m"}, nil, at), chatapi.ErrInvalid)
	assert.ErrorIs(t, ledger.Load(nil), chatapi.ErrInvalid)
	_, err := ledger.Bill(chatapi.Month(2022, 13))
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

func TestNewLedgerRefusesWrongAccounts(t *testing.T) {
	march := chatapi.Month(2022, time.March)
	for field, accounts := range map[string][]chatapi.Account{
		"Account[0].Model":            {{Model: "cbp-1999"}},
		"Account[0].Anchor":           {{Anchor: "first_read"}},
		"Account[1].Numbers":          {{}, {}},
		"Account[1].Numbers[0]":       {{Numbers: []chatapi.ChannelID{"A"}}, {Numbers: []chatapi.ChannelID{"A"}}},
		"Account[0].Numbers[1]":       {{Numbers: []chatapi.ChannelID{"A", ""}}},
		"Account[0].Used[0].Month":    {{Used: []chatapi.PriorUsage{{Units: 3}}}},
		"Account[0].Used[0].Units":    {{Used: []chatapi.PriorUsage{{Month: march, Units: -3}}}},
		"Account[0].Used[1].Market":   {{Used: []chatapi.PriorUsage{{Month: march}, {Month: march, Market: "Brasil", Category: "utility"}}}},
		"Account[0].Used[0].Market":   {{Used: []chatapi.PriorUsage{{Month: march, Category: "utility"}}}},
		"Account[0].Used[0].Category": {{Used: []chatapi.PriorUsage{{Month: march, Market: "Brazil"}}}},
		"Account[0].Used[0].Number":   {{Used: []chatapi.PriorUsage{{Month: march, Market: "Brazil", Category: "utility", Number: "A"}}}},
	} {
		ledger := chatapi.NewLedger(accounts[0], accounts[1:]...)
		err := ledger.Record(wrote(instant("2022-03-10T10:00:00Z"), customerA))
		var e *chatapi.Error
		require.ErrorAs(t, err, &e, field)
		assert.Equal(t, chatapi.ErrInvalid, e.Kind)
		assert.Equal(t, field, e.Field)
	}
}

// Events and sends become a bill. An acknowledgement in the normalized format has
// neither time nor category.
func TestEventsAndSendsBecomeABill(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1", Numbers: []chatapi.ChannelID{abc}, Model: chatapi.ModelCBP2022})
	now := instant("2022-03-10T10:00:00Z")
	info := func(at, received time.Time) chatapi.EventInfo {
		return chatapi.EventInfo{Channel: abc, Time: at, Received: received}
	}
	receipt := func(id string, to chatapi.Contact) *chatapi.Receipt {
		return &chatapi.Receipt{ID: id, Attempt: chatapi.Attempt{Channel: abc, To: to.Recipient(), Started: now.Add(time.Minute)}}
	}
	fromAd := &chatapi.MessageEvent{EventInfo: info(now, now), From: customerA, Content: chatapi.Content{ID: "in1", Referral: &chatapi.Referral{SourceType: "ad"}}}
	require.NoError(t, ledger.RecordEvent(fromAd))
	require.NoError(t, ledger.RecordSend(receipt("m1", customerA), chatapi.Text{Body: "hi"}, time.Time{}))
	require.NoError(t, ledger.RecordSend(receipt("m2", customerB), &chatapi.Template{Name: "order_ready", Language: "en"}, now))
	for _, e := range []chatapi.Event{
		&chatapi.StatusEvent{EventInfo: info(time.Time{}, now.Add(2*time.Minute)), MessageID: "m1", Status: chatapi.StatusSent, To: customerA},
		&chatapi.StatusEvent{EventInfo: info(time.Time{}, now.Add(3*time.Minute)), MessageID: "m1", Status: chatapi.StatusRead, To: customerA},
		&chatapi.StatusEvent{EventInfo: info(time.Time{}, now.Add(5*time.Minute)), MessageID: "m2", Status: chatapi.StatusDelivered, To: customerB, Category: "utility"},
		&chatapi.StatusEvent{EventInfo: info(time.Time{}, now.Add(5*time.Minute)), MessageID: "m3", Status: chatapi.StatusDeleted, To: customerB},
		&chatapi.EchoEvent{EventInfo: info(now.Add(time.Hour), now), To: customerB, Content: chatapi.Content{ID: "echo1"}},
		&chatapi.UnknownEvent{EventInfo: info(now, now)},
		fromAd,
	} {
		require.NoError(t, ledger.RecordEvent(e))
	}
	err := ledger.RecordEvent(&chatapi.StatusEvent{EventInfo: info(time.Time{}, time.Time{}), MessageID: "m1", Status: chatapi.StatusRead, To: customerA})
	require.ErrorIs(t, err, chatapi.ErrNoTime)

	bill, err := ledger.Bill(chatapi.Month(2022, time.March))
	require.NoError(t, err)
	require.Len(t, bill.Charges, 2)
	ad, template := bill.Charges[0], bill.Charges[1]
	assert.Equal(t, chatapi.FreeEntryPoint, ad.Free)
	assert.Equal(t, chatapi.CategoryReferral, ad.Category)
	assert.Equal(t, now.Add(3*time.Minute), ad.At)
	assert.Equal(t, chatapi.FreeTier, template.Free)
	assert.Equal(t, chatapi.CategoryBusinessInitiated, template.Category)

	conversations, err := ledger.Conversations(abc, customerA.Recipient())
	require.NoError(t, err)
	require.Len(t, conversations, 1)
	assert.Equal(t, bill.Conversations[0], conversations[0])
	assert.True(t, conversations[0].Open(now.Add(time.Hour)))
	assert.False(t, conversations[0].Open(now.Add(48*time.Hour)))
	assert.True(t, ledger.ServiceWindow(abc, customerA.Recipient()).Open(now.Add(23*time.Hour)))
}

func TestACallOpensTheServiceWindowAndAGroupHasItsOwn(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{})
	at := instant("2026-11-02T10:00:00Z")
	info := chatapi.EventInfo{Channel: abc, Time: at}
	require.NoError(t, ledger.RecordEvent(&chatapi.CallEvent{EventInfo: info, ID: "c1", Event: "connect", Direction: "USER_INITIATED", From: customerA}))
	require.NoError(t, ledger.RecordEvent(&chatapi.CallEvent{EventInfo: info, ID: "c2", Event: "connect", Direction: "BUSINESS_INITIATED", To: customerB, From: customerB}))
	group := "120363000000000001@g.us"
	require.NoError(t, ledger.RecordEvent(&chatapi.MessageEvent{EventInfo: info, From: customerB, Content: chatapi.Content{ID: "g1", Chat: group}}))
	assert.True(t, ledger.ServiceWindow(abc, customerA.Recipient()).Open(at))
	assert.False(t, ledger.ServiceWindow(abc, customerB.Recipient()).Open(at))
	assert.True(t, ledger.ServiceWindow(abc, chatapi.Chat(group)).Open(at))
}

// A forced model takes the last prices that have its categories. A market that
// split off since is looked up under its former name.
func TestAForcedModelPricesFromItsLastCards(t *testing.T) {
	used := []chatapi.PriorUsage{{Month: chatapi.Month(2026, time.November), Units: 1000}}
	romania := chatapi.Contact{Phone: "40212025550"}
	at := instant("2026-11-02T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{Model: chatapi.ModelCBP2022, Used: used},
		slices.Concat(sent("m1", at, customerA, "UTILITY"), sent("m2", at, romania, "marketing"))...)
	bill, err := ledger.Bill(chatapi.Month(2026, time.November))
	require.NoError(t, err)
	require.Len(t, bill.Charges, 2)
	assert.Equal(t, "North America", bill.Charges[0].Market)
	assert.Equal(t, "Rest of Central & Eastern Europe", bill.Charges[1].Market)
	for _, c := range bill.Charges {
		assert.Equal(t, chatapi.CategoryBusinessInitiated, c.Category)
		assert.Equal(t, "2022-02-01", c.Price.Since)
		assert.False(t, c.Price.Estimate)
		assert.Positive(t, c.Amount.Micros)
	}
}

func TestAMissingPriceIsListedAndNeverZero(t *testing.T) {
	used := []chatapi.PriorUsage{{Month: chatapi.Month(2022, time.March), Units: 1000}}
	qatar, group := chatapi.Contact{Phone: "97444441234"}, chatapi.Contact{Chat: "120363000000000001@g.us"}
	at := instant("2022-03-10T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{ID: "waba1", Used: used}, slices.Concat(
		sent("m1", at, qatar, "utility"), sent("m2", at.Add(48*time.Hour), qatar, "utility"), sent("m3", at, customerA, "utility"), sent("m4", at, group, "utility"))...)
	bill, err := ledger.Bill(chatapi.Month(2022, time.March))
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	for _, part := range []string{"business_initiated", "Rest of Middle East", "USD", "2022-03-10"} {
		assert.ErrorContains(t, errors.Unwrap(err), part)
	}
	require.NotNil(t, bill)
	assert.ElementsMatch(t, []chatapi.Gap{
		{Account: "waba1", Market: "Rest of Middle East", Category: "business_initiated", Currency: "USD", Day: "2022-03-10", Units: 2},
		{Account: "waba1", Category: "business_initiated", Currency: "USD", Day: "2022-03-10", Units: 1},
	}, bill.Gaps)
	assert.Len(t, bill.Charges, 4)
	missing := 0
	for _, c := range bill.Charges {
		if c.Missing {
			missing++
			assert.Empty(t, c.Free)
		} else {
			assert.Equal(t, []chatapi.Money{c.Amount}, bill.Totals)
		}
	}
	assert.Equal(t, 3, missing)
	assert.Contains(t, bill.String(), "no USD price for business_initiated in an unknown market")
}

func TestAccountsHaveTheirOwnZonesTiersAndCurrencies(t *testing.T) {
	eur, err := chatapi.EmbeddedRates("EUR")
	require.NoError(t, err)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	month := chatapi.Month(2022, time.April)
	used := []chatapi.PriorUsage{{Month: month, Units: 1000}}
	ledger := chatapi.NewLedger(
		chatapi.Account{ID: "eu", Numbers: []chatapi.ChannelID{"E1"}, Timezone: berlin, Rates: eur, Used: used},
		chatapi.Account{ID: "us", Numbers: []chatapi.ChannelID{"U1"}, Used: used},
		chatapi.Account{ID: "rest"})
	at := instant("2022-03-31T23:00:00Z") // already April in Berlin
	for _, channel := range []chatapi.ChannelID{"E1", "U1", "X1"} {
		for _, a := range sent("m-"+string(channel), at, chatapi.Contact{Phone: "5511990000001"}, "utility") {
			a.Channel = channel
			require.NoError(t, ledger.Record(a))
			a.At, a.MessageID = a.At.Add(30*time.Hour), a.MessageID+"-again"
			require.NoError(t, ledger.Record(a))
		}
	}
	bill, err := ledger.Bill(month)
	require.NoError(t, err)
	assert.Equal(t, []chatapi.Money{{Micros: 2 * 41_400, Currency: "EUR"}, {Micros: 50_000, Currency: "USD"}}, bill.Totals)
	text := bill.String()
	assert.Contains(t, text, "Account")
	assert.Contains(t, text, "0.0828  EUR")
}

func TestBillText(t *testing.T) {
	march := chatapi.Month(2022, time.March)
	start := instant("2022-03-10T10:00:00Z")
	click := wrote(start, customerA)
	click.EntryPoint = chatapi.EntryPointAd
	ledger := newLedger(t, chatapi.Account{ID: "waba1", Used: []chatapi.PriorUsage{{Month: march, Units: 998}}}, slices.Concat(
		[]chatapi.Activity{click}, sent("m1", start.Add(time.Minute), customerA, ""),
		[]chatapi.Activity{wrote(start.Add(time.Hour), customerB)}, sent("m2", start.Add(2*time.Hour), customerB, ""),
		[]chatapi.Activity{wrote(start.Add(30*time.Hour), customerA)}, sent("m3", start.Add(31*time.Hour), customerA, ""),
		sent("m4", start.Add(70*time.Hour), customerB, "marketing"),
		sent("m5", start.Add(71*time.Hour), chatapi.Contact{Phone: "97444441234"}, "marketing"))...)
	bill, err := ledger.Bill(march)
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	assert.Equal(t, `Bill for March 2022

Opened            Number  Customer      Kind                       Cost  Why
2022-03-10 10:01  ABC1    +12025550143  referral conversion        free  came from an ad, free until 2022-03-11 10:01
2022-03-10 11:00  ABC1    +12025550144  user initiated             free  number 999 of 1,000 free this month
2022-03-11 16:00  ABC1    +12025550143  user initiated             free  number 1,000 of 1,000 free this month
2022-03-13 08:00  ABC1    +12025550144  business initiated   0.0147 USD  North America, price since 2022-02-01 (derived)
2022-03-13 09:00  ABC1    +97444441234  business initiated            ?  the price is missing: Rest of Middle East

Free           3  came from an ad 1, free tier 2
Charged        1
No price       1  not in the total
                  no USD price for business_initiated in Rest of Middle East on 2022-03-13 (1)
Total     0.0147  USD
`, bill.String())

	empty, err := ledger.Bill(chatapi.Month(2022, time.May))
	require.NoError(t, err)
	assert.Equal(t, "Bill for May 2022\n\nNothing recorded yet.\n\nFree        0\nCharged     0\nTotal    0.00  USD\n", empty.String())
	var none *chatapi.Bill
	assert.Empty(t, none.String())
	assert.ErrorIs(t, none.WriteText(nil), chatapi.ErrInvalid)
	assert.ErrorIs(t, bill.WriteText(failingWriter{}), errWriter)
}

func TestALedgerIsSafeForConcurrentUse(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1"})
	start := instant("2022-03-10T10:00:00Z")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 50 {
				contact := chatapi.Contact{Phone: fmt.Sprintf("120255501%02d", j)}
				at := start.Add(time.Duration(i) * time.Minute)
				for _, a := range append(sent(fmt.Sprint(i, "-", j), at, contact, ""), wrote(at, contact)) {
					assert.NoError(t, ledger.Record(a))
				}
				ledger.ServiceWindow(abc, contact.Recipient())
				if j%25 == 0 {
					_, err := ledger.Bill(chatapi.Month(2022, time.March))
					assert.NoError(t, err)
				}
			}
		})
	}
	group.Wait()
	bill, err := ledger.Bill(chatapi.Month(2022, time.March))
	require.NoError(t, err)
	assert.Len(t, bill.Conversations, 50)
}

// history returns a random history of a few customers, small and dense.
func history(random *rand.Rand) []chatapi.Activity {
	start := instant("2023-02-26T00:00:00Z") // the length of free entry points changes in these days
	contacts := []chatapi.Contact{customerA, customerB}
	channels := []chatapi.ChannelID{abc, "ABC2"}
	entries := []chatapi.EntryPoint{"", "", chatapi.EntryPointAd, chatapi.EntryPointPageCTA, chatapi.EntryPointPost}
	categories := []string{"", "", chatapi.CategoryUtility, chatapi.CategoryMarketing}
	var all []chatapi.Activity
	for i := range 2 + random.IntN(14) {
		a := chatapi.Activity{Channel: channels[random.IntN(2)], Contact: contacts[random.IntN(2)],
			At: start.Add(time.Duration(random.IntN(7*24)) * time.Hour)}
		if random.IntN(2) == 0 {
			a.Kind, a.EntryPoint = chatapi.ActivityInbound, entries[random.IntN(len(entries))]
			all = append(all, a)
			continue
		}
		a.Kind, a.MessageID, a.Category = chatapi.ActivityOutbound, fmt.Sprint("m", i), categories[random.IntN(len(categories))]
		all = append(all, a)
		for range random.IntN(3) {
			status := a
			status.Kind = []chatapi.ActivityKind{chatapi.ActivityDelivered, chatapi.ActivityRead, chatapi.ActivityFailed}[random.IntN(3)]
			status.Category = ""
			status.At = a.At.Add(time.Duration(random.IntN(40)) * time.Hour)
			all = append(all, status)
		}
	}
	return all
}

// Any order of the activities gives the same bill. A customer never has two
// conversations at a time.
func TestAnyOrderGivesTheSameConversationsAndNoneOverlap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 4000 {
		activities := history(random)
		for _, anchor := range []chatapi.Anchor{chatapi.AnchorFirstInbound, chatapi.AnchorFirstDelivered} {
			account := chatapi.Account{ID: "waba1", Timezone: time.UTC, Anchor: anchor, Model: chatapi.ModelCBP2022,
				Used: []chatapi.PriorUsage{{Month: chatapi.Month(2023, time.February), Units: 998}}}
			want := bills(t, account, activities)
			shuffled := slices.Concat(activities, activities)
			random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if !assert.Equal(t, want, bills(t, account, shuffled), "round %d, anchor %s", round, anchor) {
				t.Log(activities)
				return
			}
			if !noOverlap(t, want) {
				t.Log(round, anchor, activities)
				return
			}
		}
	}
}

func noOverlap(t *testing.T, all []*chatapi.Bill) bool {
	t.Helper()
	last := map[string]chatapi.Conversation{}
	ok := true
	for _, bill := range all {
		for _, c := range bill.Conversations {
			key := string(c.Channel) + c.Contact.Key()
			if before, found := last[key]; found {
				ok = assert.False(t, c.OpenedAt.Before(before.ExpiresAt), "%v overlaps %v", c, before) && ok
			}
			last[key] = c
		}
	}
	return ok
}

// A template is sent before the customer writes and delivered after. Its
// conversation opens inside the customer's window, so an answer can no longer
// open that window: two conversations never overlap (docs/billing.md, Chat API's
// rule 5).
func TestALateDeliveryTakesTheWindowsPlace(t *testing.T) {
	wroteAt := instant("2022-03-10T10:00:00Z")
	template := sent("m1", wroteAt.Add(-time.Minute), customerA, "utility")
	template[1].At = wroteAt.Add(time.Minute)
	answer := sent("m2", wroteAt.Add(24*time.Hour-time.Minute), customerA, "")
	answer[1].At = wroteAt.Add(24*time.Hour + 2*time.Minute)

	ledger := chatapi.NewLedger(chatapi.Account{})
	require.NoError(t, ledger.Load(func(yield func(chatapi.Activity, error) bool) {
		for _, a := range slices.Concat(template, []chatapi.Activity{wrote(wroteAt, customerA)}, answer) {
			if !yield(a, nil) {
				return
			}
		}
	}))
	conversations, err := ledger.Conversations(abc, customerA.Recipient())
	require.NoError(t, err)
	require.Len(t, conversations, 2)
	assert.Equal(t, chatapi.CategoryBusinessInitiated, conversations[0].Category)
	assert.Equal(t, template[1].At, conversations[0].OpenedAt)
	assert.Equal(t, chatapi.CategoryUserInitiated, conversations[1].Category)
	assert.Equal(t, answer[1].At, conversations[1].OpenedAt)

	broken := errors.New("broken table")
	assert.ErrorIs(t, ledger.Load(func(yield func(chatapi.Activity, error) bool) { yield(chatapi.Activity{}, broken) }), broken)
	assert.ErrorIs(t, ledger.Load(func(yield func(chatapi.Activity, error) bool) { yield(chatapi.Activity{}, nil) }), chatapi.ErrInvalid)
}

// An answered ad closes the open conversation. At that instant the conversation
// is closed.
func TestAConversationIsOpenUntilAFreeEntryPointClosesIt(t *testing.T) {
	at := instant("2023-08-10T10:00:00Z")
	click := wrote(at.Add(time.Hour), customerA)
	click.EntryPoint = chatapi.EntryPointAd
	ledger := newLedger(t, chatapi.Account{}, slices.Concat(sent("m1", at, customerA, "utility"), sent("m2", at.Add(2*time.Hour), customerA, ""), []chatapi.Activity{click})...)
	found, err := ledger.Conversations(abc, customerA.Recipient())
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	require.Len(t, found, 2)
	utility, entry := found[0], found[1]
	require.Equal(t, entry.OpenedAt, utility.ClosedAt)
	assert.True(t, utility.Open(utility.ClosedAt.Add(-1)))
	assert.False(t, utility.Open(utility.ClosedAt))
	assert.True(t, entry.Open(entry.OpenedAt))
	assert.False(t, entry.Open(entry.OpenedAt.Add(-1)))
	assert.False(t, entry.Open(entry.ExpiresAt))
}
