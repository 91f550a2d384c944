package chatapi_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The model check compares the ledger with the rules of docs/billing.md written a
// second time (billing_naive_test.go). Both have to agree on random small
// histories.

// With CHATAPI_HISTORIES=1000000 this test checks a million histories instead of
// 20,000.
func TestTheLedgerAgreesWithTheProse(t *testing.T) {
	count := 20_000
	if text := os.Getenv("CHATAPI_HISTORIES"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	rates, err := chatapi.ReadRates(strings.NewReader(naiveCards))
	require.NoError(t, err)
	var zones []*time.Location
	for _, name := range []string{"UTC", "America/New_York", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		zones = append(zones, zone)
	}
	for i := range count {
		r := rand.New(rand.NewPCG(5, uint64(i)))
		n, around := drawNaive(t, r, zones)
		activities := smallHistory(r, around)
		wantUnits, wantWindows := n.rows(activities)
		units, windows := ledgerRows(t, n, rates, around, activities)
		slices.Sort(units)
		slices.Sort(windows)
		slices.Sort(wantUnits)
		slices.Sort(wantWindows)
		if !slices.Equal(wantUnits, units) || !slices.Equal(wantWindows, windows) {
			for _, a := range activities {
				t.Logf("%+v", a)
			}
			require.Equal(t, wantUnits, units, "history %d of %+v", i, n)
			require.Equal(t, wantWindows, windows, "history %d of %+v", i, n)
		}
	}
}

// drawNaive draws the rules of an account, and the start of a day on which rules
// changed.
func drawNaive(t *testing.T, r *rand.Rand, zones []*time.Location) (n naive, around time.Time) {
	t.Helper()
	days := []string{"2022-02-01", "2022-10-01", "2023-03-01", "2023-06-01", "2024-03-01", "2024-11-01", "2025-04-01", "2025-07-01", "2026-01-01", "2026-10-01", "2026-11-10"}
	models := []chatapi.Model{"", "", "", chatapi.ModelNBP, chatapi.ModelCBP2022, chatapi.ModelCBP2023, chatapi.ModelCBP2024, chatapi.ModelPMP2025, chatapi.ModelPMP2026}
	anchors := []chatapi.Anchor{chatapi.AnchorFirstInbound, chatapi.AnchorFirstDelivered}
	n = naive{zone: zones[r.IntN(len(zones))], model: models[r.IntN(len(models))], used: 998,
		anchor: anchors[r.IntN(len(anchors))], sent: r.IntN(3), replaced: r.IntN(4) == 0}
	around, err := time.ParseInLocation(time.DateOnly, days[r.IntN(len(days))], n.zone)
	require.NoError(t, err)
	return n, around
}

// ledgerRows returns the rows of a ledger's bills for three months.
func ledgerRows(t *testing.T, n naive, rates *chatapi.Rates, around time.Time, activities []chatapi.Activity) (units, windows []string) {
	t.Helper()
	account := chatapi.Account{Timezone: n.zone, Model: n.model, Anchor: n.anchor, Rates: rates}
	if n.replaced {
		account.Rules = naiveRules(n.anchor)
	}
	var months []chatapi.YearMonth
	for k := -1; k <= 1; k++ {
		m := around.AddDate(0, k, 0)
		month := chatapi.Month(m.Year(), m.Month())
		months = append(months, month)
		for _, number := range []chatapi.ChannelID{"", "A", "B"} {
			account.Used = append(account.Used, chatapi.PriorUsage{Month: month, Number: number, Units: n.used})
		}
		account.Used = append(account.Used, chatapi.PriorUsage{Month: month, Market: "North America", Category: "utility", Units: n.sent})
	}
	ledger := chatapi.NewLedger(account)
	for _, a := range activities {
		require.NoError(t, ledger.Record(a))
	}
	var all []*chatapi.Bill
	for _, month := range months {
		bill, err := ledger.Bill(month)
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrNoPrice)
		}
		all = append(all, bill)
	}
	return scenarioRows(all, true)
}

// naiveCards has one price for each era and category. Where messages are billed,
// all categories but marketing have tiers from message 3 and message 5.
const naiveCards = `market,category,currency,price,effective_from,from_message,to_message
North America,marketing,USD,0.11,2021-01-01,,
North America,utility,USD,0.12,2021-01-01,,
North America,authentication,USD,0.13,2021-01-01,,
North America,user_initiated,USD,0.21,2022-02-01,,
North America,business_initiated,USD,0.22,2022-02-01,,
North America,marketing,USD,0.31,2023-06-01,,
North America,utility,USD,0.32,2023-06-01,,
North America,authentication,USD,0.33,2023-06-01,,
North America,service,USD,0.34,2023-06-01,,
North America,marketing,USD,0.41,2025-07-01,,
North America,utility,USD,0.42,2025-07-01,1,2
North America,utility,USD,0.52,2025-07-01,3,4
North America,utility,USD,0.62,2025-07-01,5,
North America,authentication,USD,0.43,2025-07-01,1,2
North America,authentication,USD,0.53,2025-07-01,3,4
North America,authentication,USD,0.63,2025-07-01,5,
North America,service,USD,0.44,2025-07-01,1,2
North America,service,USD,0.54,2025-07-01,3,4
North America,service,USD,0.64,2025-07-01,5,
`

// naiveRules returns the replaced rules in the form of an account.
func naiveRules(anchor chatapi.Anchor) []chatapi.Rule {
	rules := chatapi.PublishedRules(anchor)
	for i := range rules {
		r := &rules[i]
		r.Free, r.Scope, r.Categories = 1000, chatapi.ScopeNumber, []string{"marketing", "utility"}
		if r.Model != chatapi.ModelNBP {
			r.EntryPoints, r.EntryPointLength = []chatapi.EntryPoint{chatapi.EntryPointPost}, 30*time.Hour
		}
	}
	return rules
}

// smallHistory draws a small history around a day on which the rules changed. Its
// instants lie on a coarse grid, so that many coincide or hit a boundary.
func smallHistory(r *rand.Rand, around time.Time) (all []chatapi.Activity) {
	grid := func(from time.Time, steps int) time.Time {
		return from.Add(time.Duration(r.IntN(steps)) * 6 * time.Hour).Add(time.Duration(r.IntN(3)-1) * time.Duration(r.IntN(2)))
	}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	record := func(a chatapi.Activity) {
		if r.IntN(8) == 0 { // the wire gave no time
			a.At, a.Observed = time.Time{}, a.At
		}
		all = append(all, a)
		if r.IntN(6) == 0 {
			all = append(all, a)
		}
	}
	start := around.Add(-3 * naiveDay)
	for i := range 1 + r.IntN(12) {
		a := chatapi.Activity{Channel: chatapi.ChannelID(pick("A", "A", "B")), Contact: chatapi.Contact{Phone: pick("12025550143", "12025550143", "12025550144")},
			At: grid(start, 28), MessageID: "m" + strconv.Itoa(i)}
		if r.IntN(5) < 2 {
			a.Kind, a.EntryPoint = chatapi.ActivityInbound, chatapi.EntryPoint(pick("", "", "ad", "page_cta", "post"))
			record(a)
			continue
		}
		a.Kind, a.Category = chatapi.ActivityOutbound, pick("", "", "utility", "marketing", "authentication")
		if r.IntN(10) > 0 {
			record(a)
		}
		a.Category = ""
		sent := a.At
		for range r.IntN(4) {
			a.Kind = chatapi.ActivityKind(pick("delivered", "delivered", "read", "failed"))
			if a.At = grid(sent, 6+14*r.IntN(2)); a.At.Before(sent) {
				a.At = sent
			}
			record(a)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
