package chatapi_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// before returns a prior usage of a category in Argentina, whose tiers are known.
func before(units int) []chatapi.PriorUsage {
	return []chatapi.PriorUsage{{Month: may2026, Market: "Argentina", Category: chatapi.CategoryUtility, Units: units}}
}

// from returns a delivered utility template to Argentina from a number.
func from(channel chatapi.ChannelID, id string, at time.Time) []chatapi.Activity {
	all := sent(id, at, chatapi.Contact{Phone: "541155500001"}, chatapi.CategoryUtility)
	for i := range all {
		all[i].Channel = channel
	}
	return all
}

func prices(bill *chatapi.Bill) (all []string) {
	for _, c := range bill.Charges {
		all = append(all, fmt.Sprint(c.MessageID, " ", c.Amount.Decimal(), " ", c.Price.Tier))
	}
	return all
}

// The delivery times of all accounts of a portfolio decide which message is the
// nth. The order of recording does not matter.
func TestAPortfolioCountsItsVolumeTogether(t *testing.T) {
	at := instant("2026-05-04T10:00:00Z")
	activities := slices.Concat(from("A", "m1", at), from("B", "m2", at.Add(time.Minute)), from("C", "m3", at.Add(2*time.Minute)), from("A", "m4", at.Add(3*time.Minute)))
	want := []string{"m1 0.026 0", "m2 0.0247 100001", "m3 0.026 0", "m4 0.0247 100001"}
	for _, arrival := range arrivals(activities) {
		ledger := chatapi.NewLedger(
			chatapi.Account{ID: "a", Portfolio: "p", Numbers: []chatapi.ChannelID{"A"}, Used: before(60_000)},
			chatapi.Account{ID: "b", Portfolio: "p", Numbers: []chatapi.ChannelID{"B"}, Used: before(39_999)},
			chatapi.Account{ID: "c", Numbers: []chatapi.ChannelID{"C"}, Used: before(99_000)}) // belongs to no portfolio
		for _, a := range arrival {
			require.NoError(t, ledger.Record(a))
		}
		bill, err := ledger.Bill(may2026)
		require.NoError(t, err)
		require.Equal(t, want, prices(bill))
		require.Equal(t, "Argentina, price since 2026-04-01 (original), volume tier from message 100,001", bill.Charges[1].Why)
	}
}

// Each account counts a message into the month of its own zone. The first hours
// of June in Tokyo are still May in Lima.
func TestAPortfolioOverTimeZones(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	lima, err := time.LoadLocation("America/Lima")
	require.NoError(t, err)
	at := instant("2026-05-31T20:00:00Z")
	ledger := chatapi.NewLedger(
		chatapi.Account{ID: "tokyo", Portfolio: "p", Timezone: tokyo, Numbers: []chatapi.ChannelID{"A"}, Used: before(99_999)},
		chatapi.Account{ID: "lima", Portfolio: "p", Timezone: lima, Numbers: []chatapi.ChannelID{"B"}})
	for _, a := range slices.Concat(from("A", "june", at), from("B", "may1", at.Add(time.Minute)), from("B", "may2", at.Add(2*time.Minute))) {
		require.NoError(t, ledger.Record(a))
	}
	bill, err := ledger.Bill(may2026)
	require.NoError(t, err)
	assert.Equal(t, []string{"may1 0.026 0", "may2 0.0247 100001"}, prices(bill))
	bill, err = ledger.Bill(chatapi.Month(2026, time.June))
	require.NoError(t, err)
	assert.Equal(t, []string{"june 0.026 0"}, prices(bill))
}

// A closed month keeps its volume. A late message moves no other message into
// another tier.
func TestTheVolumeOfAClosedMonthStands(t *testing.T) {
	at := instant("2026-05-04T10:00:00Z")
	account := chatapi.Account{Numbers: []chatapi.ChannelID{"A"}, Used: before(99_999)}
	ledger := newLedger(t, account, slices.Concat(from("A", "m1", at), from("A", "m2", at.Add(time.Minute)))...)
	closed, err := ledger.Close(may2026)
	require.NoError(t, err)
	for _, a := range from("A", "m0", at.Add(-time.Minute)) {
		require.NoError(t, ledger.Record(a))
	}
	bill, err := ledger.Bill(may2026)
	require.NoError(t, err)
	assert.Equal(t, closed.Totals, bill.Totals)
	assert.Equal(t, "m0", bill.Late[0].MessageID)
}

// With your own cards, conversations can have volume tiers too. The price of a
// customer's conversation then depends on the other customers.
func TestConversationsKnowTheirVolumeTier(t *testing.T) {
	rates, err := chatapi.ReadRates(bytes.NewReader([]byte(`market,category,currency,price,effective_from,from_message,to_message
Argentina,marketing,USD,0.05,2024-11-01,1,1
Argentina,marketing,USD,0.04,2024-11-01,2,
`)))
	require.NoError(t, err)
	at := instant("2025-02-04T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{Rates: rates}, slices.Concat(sent("m1", at, chatapi.Contact{Phone: "541155500001"}, "marketing"),
		sent("m2", at.Add(time.Hour), chatapi.Contact{Phone: "541155500002"}, "marketing"))...)
	conversations, err := ledger.Conversations(abc, chatapi.Phone("541155500002"))
	require.NoError(t, err)
	require.Len(t, conversations, 1)
	assert.Equal(t, "0.04", conversations[0].Charge.Amount.Decimal())
}

// Rules can have a longer entry point, other entry points or another free tier.
func TestRulesCanBeReplaced(t *testing.T) {
	click := wrote(instant("2026-11-02T10:00:00Z"), customerA)
	click.EntryPoint = chatapi.EntryPointPost
	activities := slices.Concat([]chatapi.Activity{click}, sent("m1", click.At.Add(time.Hour), customerA, "utility"),
		sent("m2", click.At.Add(100*time.Hour), customerA, "marketing"), sent("m3", click.At.Add(300*time.Hour), customerA, "utility"),
		sent("m4", click.At.Add(301*time.Hour), customerA, "utility"))
	month := chatapi.Month(2026, time.November)
	reasons := func(account chatapi.Account) (all []string) {
		bill, err := newLedger(t, account, activities...).Bill(month)
		require.NoError(t, err)
		for _, c := range bill.Charges {
			all = append(all, string(c.Free))
		}
		return all
	}
	assert.Equal(t, []string{"", "", "", ""}, reasons(chatapi.Account{}))
	assert.Equal(t, []string{"", "", "", ""}, reasons(chatapi.Account{Rules: chatapi.PublishedRules("")}))

	rules := append(chatapi.PublishedRules(""), chatapi.Rule{Since: "2026-11-01", Model: chatapi.ModelPMP2026,
		EntryPoints: []chatapi.EntryPoint{chatapi.EntryPointPost}, EntryPointLength: 7 * 24 * time.Hour,
		Free: 1, Categories: []string{"UTILITY"}})
	assert.Equal(t, []string{"free_entry_point", "free_entry_point", "free_tier", ""}, reasons(chatapi.Account{Rules: rules}))

	rules[len(rules)-1].Since = "2026-12-01"
	assert.Equal(t, []string{"", "", "", ""}, reasons(chatapi.Account{Rules: rules}), "the rule is not in force yet")
}

func TestPublishedRulesAreACopy(t *testing.T) {
	rules := chatapi.PublishedRules("")
	for _, r := range rules {
		if len(r.EntryPoints) > 0 {
			r.EntryPoints[0] = "mine"
		}
	}
	assert.Equal(t, []chatapi.EntryPoint{chatapi.EntryPointAd}, chatapi.PublishedRules("")[1].EntryPoints)
	assert.Equal(t, []chatapi.EntryPoint{chatapi.EntryPointAd, chatapi.EntryPointPageCTA}, chatapi.PublishedRules(chatapi.AnchorFirstDelivered)[1].EntryPoints)
}

func TestWrongRulesAreRefused(t *testing.T) {
	for field, rules := range map[string][]chatapi.Rule{
		"Rules[0].Model":            {{}},
		"Rules[0].Since":            {{Since: "1 October", Model: chatapi.ModelPMP2026}},
		"Rules[1].Since":            {{Model: chatapi.ModelPMP2025}, {Model: chatapi.ModelPMP2026}},
		"Rules[2].Since":            {{Model: chatapi.ModelNBP}, {Since: "2026-10-01", Model: chatapi.ModelPMP2026}, {Since: "2026-10-01", Model: chatapi.ModelPMP2026}},
		"Rules[0].EntryPointLength": {{Model: chatapi.ModelPMP2026, EntryPoints: []chatapi.EntryPoint{"ad"}, EntryPointLength: -time.Hour}},
		"Rules[0].EntryPoints":      {{Model: chatapi.ModelPMP2026, EntryPointLength: time.Hour}},
		"Rules[0].Free":             {{Model: chatapi.ModelPMP2026, Free: -1}},
		"Rules[0].Scope":            {{Model: chatapi.ModelPMP2026, Free: 1, Scope: "planet"}},
		"Rules[0].Categories":       {{Model: chatapi.ModelPMP2026, Free: 1, Categories: []string{""}}},
		"Model":                     {{Model: chatapi.ModelCBP2023}}, // the account forces another model
	} {
		account := chatapi.Account{Rules: rules}
		if field == "Model" {
			account.Model = chatapi.ModelPMP2026
		}
		_, err := chatapi.NewLedger(account).Bill(may2026)
		var e *chatapi.Error
		require.ErrorAs(t, err, &e, field)
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
		assert.Equal(t, "Account[0]."+field, e.Field)
	}
}

// Restore refuses other rules for closed months, since their bills stand. Open
// months follow whatever rules the account has.
func TestASnapshotNoticesOtherRulesForClosedMonths(t *testing.T) {
	at := instant("2026-10-04T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{ID: "waba1"}, sent("m1", at, customerA, "utility")...)
	longer := chatapi.PublishedRules("")
	longer[len(longer)-1].EntryPointLength = 7 * 24 * time.Hour
	added := append(chatapi.PublishedRules(""), chatapi.Rule{Since: "2027-01-01", Model: chatapi.ModelPMP2026})
	restore := func(account chatapi.Account) error {
		account.ID = "waba1"
		_, err := chatapi.RestoreLedger(bytes.NewReader(snapshotOf(t, ledger)), account)
		return err
	}
	require.NoError(t, restore(chatapi.Account{Rules: longer}))
	_, err := ledger.Close(chatapi.Month(2026, time.October))
	require.NoError(t, err)
	require.NoError(t, restore(chatapi.Account{}))
	require.NoError(t, restore(chatapi.Account{Rules: added}), "a future rule may be added")
	for _, account := range []chatapi.Account{{Rules: longer}, {Model: chatapi.ModelCBP2022}, {Anchor: chatapi.AnchorFirstDelivered}} {
		err := restore(account)
		require.ErrorIs(t, err, chatapi.ErrSnapshot)
		var e *chatapi.Error
		require.ErrorAs(t, err, &e)
		assert.Contains(t, e.Sentence, `other rules for account "waba1"`)
	}
}

// A status decides what counts into the volume. A message that Meta calls free
// does not count, and a message that Meta bills under another category counts
// there.
func TestTheVolumeFollowsWhatStatusesReport(t *testing.T) {
	at := instant("2026-05-04T10:00:00Z")
	free, moved := from("A", "m1", at), from("A", "m2", at.Add(time.Minute))
	free[1].Reported = chatapi.Reported{Type: "free_entry_point"}
	moved[1].Reported = chatapi.Reported{Type: "regular", Category: "marketing"}
	ledger := newLedger(t, chatapi.Account{Used: before(99_999)}, slices.Concat(free, moved,
		from("A", "m3", at.Add(2*time.Minute)), from("A", "m4", at.Add(3*time.Minute)))...)
	bill, err := ledger.Bill(may2026)
	require.NoError(t, err)
	assert.Equal(t, []string{"m1 0.00 0", "m2 0.0618 0", "m3 0.026 0", "m4 0.0247 100001"}, prices(bill))
}
