package conformance_test

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/chatapi-go/chatapi"
)

// The histories lie around every change of rules.

var cutovers = []string{"2022-02-01", "2022-10-01", "2023-03-01", "2023-06-01", "2024-11-01", "2025-07-01", "2026-10-01", "2026-11-01"}

// past is a drawn history and the account that pays for it. In some, number B has
// its own account in the same portfolio.
type past struct {
	account    chatapi.Account
	more       []chatapi.Account
	boundary   time.Time // the first instant of a month in the account's zone
	activities []chatapi.Activity
}

func drawPast(t *rapid.T) past {
	zone := time.FixedZone("test", 3600*rapid.IntRange(-11, 13).Draw(t, "zone"))
	var p past
	var err error
	p.boundary, err = time.ParseInLocation(time.DateOnly, rapid.SampledFrom(cutovers).Draw(t, "boundary"), zone)
	require.NoError(t, err)
	p.account = chatapi.Account{ID: "waba1", Timezone: zone,
		Anchor: rapid.SampledFrom([]chatapi.Anchor{chatapi.AnchorFirstInbound, chatapi.AnchorFirstDelivered}).Draw(t, "anchor"),
		Model: rapid.SampledFrom([]chatapi.Model{"", "", "", chatapi.ModelNBP, chatapi.ModelCBP2022, chatapi.ModelCBP2023,
			chatapi.ModelCBP2024, chatapi.ModelPMP2025, chatapi.ModelPMP2026}).Draw(t, "model")}
	for _, month := range p.months() {
		for _, number := range []chatapi.ChannelID{"", "A", "B"} {
			p.account.Used = append(p.account.Used, chatapi.PriorUsage{Month: month, Number: number, Units: 998})
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "cards") > 0 {
		rates, err := chatapi.ReadRates(strings.NewReader(tieredCards()))
		require.NoError(t, err)
		p.account.Rates = rates
	}
	if rapid.Bool().Draw(t, "volume before") {
		for _, month := range p.months() {
			p.account.Used = append(p.account.Used, chatapi.PriorUsage{Month: month, Market: "North America", Category: "utility", Units: 1})
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "rules") == 0 {
		p.account.Rules = chatapi.PublishedRules(p.account.Anchor)
		for i := range p.account.Rules {
			if r := &p.account.Rules[i]; r.Model != chatapi.ModelNBP {
				r.EntryPoints, r.EntryPointLength = []chatapi.EntryPoint{chatapi.EntryPointPageCTA}, 30*time.Hour
				r.Free, r.Scope, r.Categories = 1000, chatapi.ScopeNumber, []string{"utility", "service"}
			}
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "accounts") == 0 {
		p.account.Portfolio = "p"
		second := p.account
		second.ID, second.Numbers = "waba2", []chatapi.ChannelID{"B"}
		p.more = []chatapi.Account{second}
	}
	grid := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(0, 27).Draw(t, "step"))*6*time.Hour + time.Duration(rapid.IntRange(-1, 1).Draw(t, "nudge"))
	})
	for i := range rapid.IntRange(1, 12).Draw(t, "count") {
		a := chatapi.Activity{Channel: rapid.SampledFrom([]chatapi.ChannelID{"A", "A", "B"}).Draw(t, "number"), MessageID: "m" + strconv.Itoa(i),
			Contact: chatapi.Contact{Phone: rapid.SampledFrom([]string{"12025550143", "12025550143", "541155500001"}).Draw(t, "contact")},
			At:      p.boundary.Add(-72 * time.Hour).Add(grid.Draw(t, "at"))}
		if rapid.IntRange(0, 4).Draw(t, "side") < 2 {
			a.Kind = chatapi.ActivityInbound
			a.EntryPoint = rapid.SampledFrom([]chatapi.EntryPoint{"", "", chatapi.EntryPointAd, chatapi.EntryPointPageCTA}).Draw(t, "entry")
			p.activities = append(p.activities, a)
			continue
		}
		a.Kind = chatapi.ActivityOutbound
		a.Category = rapid.SampledFrom([]string{"", "", "utility", "marketing"}).Draw(t, "category")
		p.activities = append(p.activities, a)
		a.Category = ""
		for range rapid.IntRange(0, 2).Draw(t, "statuses") {
			a.Kind = rapid.SampledFrom([]chatapi.ActivityKind{chatapi.ActivityDelivered, chatapi.ActivityDelivered, chatapi.ActivityRead, chatapi.ActivityFailed}).Draw(t, "status")
			a.At = a.At.Add(max(0, grid.Draw(t, "delay")/4))
			p.activities = append(p.activities, a)
		}
	}
	return p
}

// months returns the months that the history can touch.
func (p past) months() (all []chatapi.YearMonth) {
	for k := -1; k <= 1; k++ {
		m := p.boundary.AddDate(0, k, 0)
		all = append(all, chatapi.Month(m.Year(), m.Month()))
	}
	return all
}

// ledger returns a ledger with the activities. A message of somebody else is in the
// first month, since an empty ledger closes nothing.
func (p past) ledger(t *rapid.T, activities []chatapi.Activity) *chatapi.Ledger {
	l := chatapi.NewLedger(p.account, p.more...)
	record(t, l, []chatapi.Activity{{Kind: chatapi.ActivityInbound, At: p.boundary.Add(-time.Second), Channel: "A",
		Contact: chatapi.Contact{Phone: "12025550199"}, MessageID: "somebody else's"}})
	record(t, l, activities)
	return l
}

func record(t *rapid.T, l *chatapi.Ledger, activities []chatapi.Activity) {
	for _, a := range activities {
		require.NoError(t, l.Record(a))
	}
}

// priced ignores the error of missing prices, since the bill has them.
func priced(t *rapid.T, bill *chatapi.Bill, err error) *chatapi.Bill {
	if err != nil && !errors.Is(err, chatapi.ErrNoPrice) {
		require.NoError(t, err)
	}
	require.NotNil(t, bill)
	return bill
}

func (p past) bills(t *rapid.T, l *chatapi.Ledger) (all []*chatapi.Bill) {
	for _, month := range p.months() {
		bill, err := l.Bill(month)
		all = append(all, priced(t, bill, err))
	}
	return all
}

func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPast(t)
		again := rapid.SliceOf(rapid.SampledFrom(p.activities)).Draw(t, "repeated")
		shuffled := rapid.Permutation(slices.Concat(p.activities, again)).Draw(t, "arrival")
		require.Equal(t, p.bills(t, p.ledger(t, p.activities)), p.bills(t, p.ledger(t, shuffled)))
	})
}

func TestTwoLedgersAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPast(t)
		p.account.Used, p.more = nil, nil // two ledgers cannot share a free tier, so its end must be far away
		var parts [2][]chatapi.Activity
		for _, a := range p.activities {
			i := 0
			if a.Contact.Phone == "541155500001" {
				i = 1
			}
			parts[i] = append(parts[i], a)
		}
		spans := func(bills ...*chatapi.Bill) (all []chatapi.Conversation) {
			for _, b := range bills {
				for _, c := range b.Conversations {
					c.Charge.Why = "" // the reason has the count of the free tier
					all = append(all, c)
				}
			}
			return all
		}
		whole := spans(p.bills(t, p.ledger(t, p.activities))...)
		added := spans(slices.Concat(p.bills(t, p.ledger(t, parts[0])), p.bills(t, p.ledger(t, parts[1])))...)
		require.ElementsMatch(t, whole, added)
	})
}

func TestASnapshotMidwayGivesTheSameBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPast(t)
		at := rapid.IntRange(0, len(p.activities)).Draw(t, "cut")
		first := p.ledger(t, p.activities[:at])
		if rapid.Bool().Draw(t, "close") {
			bill, err := first.Close(p.months()[0])
			priced(t, bill, err)
		}
		var snapshot bytes.Buffer
		require.NoError(t, first.Snapshot(&snapshot))
		size := snapshot.Len()
		second, err := chatapi.RestoreLedger(&snapshot, p.account, p.more...)
		require.NoError(t, err)
		record(t, first, p.activities[at:])
		record(t, second, p.activities[at:])
		require.Equal(t, p.bills(t, first), p.bills(t, second), "snapshot of %d bytes", size)
	})
}

// Conversations of one contact and category don't overlap. Neither do free entry
// points.
func TestWindowsNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPast(t)
		type key struct {
			channel  chatapi.ChannelID
			contact  chatapi.Recipient
			category string
		}
		end := map[key]time.Time{}
		for _, bill := range p.bills(t, p.ledger(t, p.activities)) {
			for _, c := range bill.Conversations {
				k := key{c.Channel, c.Contact, c.Category}
				if c.Model == chatapi.ModelCBP2022 {
					k.category = "" // this model has only one conversation at a time
				}
				require.False(t, c.OpenedAt.Before(end[k]), "%v overlaps one until %v", c, end[k])
				end[k] = c.ExpiresAt
				if !c.ClosedAt.IsZero() {
					end[k] = c.ClosedAt
				}
			}
		}
	})
}

// A closed month keeps its bill. The next month has the same bill as without the
// close, since the ledger keeps the conversations that reach into it.
func TestAClosedMonthStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPast(t)
		month := p.months()[0]
		split := p.boundary.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "closed after")) * 6 * time.Hour)
		var before, after []chatapi.Activity
		for _, a := range p.activities {
			if a.At.Before(split) {
				before = append(before, a)
			} else {
				after = append(after, a)
			}
		}
		open := p.ledger(t, p.activities)
		ledger := p.ledger(t, before)
		bill, err := ledger.Close(month)
		closed := priced(t, bill, err)
		bill, err = ledger.Bill(month)
		require.Empty(t, priced(t, bill, err).Late, "no fact is late yet")
		record(t, ledger, after)
		record(t, ledger, before) // a known fact is not late

		bill, err = ledger.Bill(month)
		now := priced(t, bill, err)
		require.True(t, now.Closed)
		require.Empty(t, now.Charges)
		require.Equal(t, closed.Totals, now.Totals)
		require.Equal(t, closed.Gaps, now.Gaps)
		whole := p.bills(t, open)
		if len(now.Late) == 0 {
			require.Equal(t, whole[0].Charges, closed.Charges)
		}
		bill, err = ledger.Bill(p.months()[1])
		next := priced(t, bill, err)
		require.Equal(t, whole[1].Charges, next.Charges)
		require.Equal(t, whole[1].Conversations, next.Conversations)

		again, err := ledger.Close(month)
		require.Equal(t, now, priced(t, again, err), "closing again changes nothing")
	})
}

// A fact that comes too late for a closed month is listed once, and changes no
// total.
func TestLateComersAreListed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPast(t)
		month := p.months()[0]
		at := rapid.IntRange(0, len(p.activities)).Draw(t, "cut")
		ledger := p.ledger(t, p.activities[:at])
		bill, err := ledger.Close(month)
		closed := priced(t, bill, err)
		late := rapid.Permutation(slices.Concat(p.activities[at:], p.activities)).Draw(t, "arrival")
		record(t, ledger, late)
		bill, err = ledger.Bill(month)
		now := priced(t, bill, err)
		require.Equal(t, closed.Totals, now.Totals)
		listed := map[string]int{}
		for _, one := range now.Late {
			listed[one.MessageID]++
		}
		for id, n := range listed {
			require.Equal(t, 1, n, id)
		}
		known := map[string]bool{}
		for _, a := range p.activities[:at] {
			known[a.MessageID] = true
		}
		for _, a := range p.activities[at:] {
			if a.Kind == chatapi.ActivityInbound && a.At.Before(p.boundary) && !known[a.MessageID] {
				require.Contains(t, listed, a.MessageID)
			}
		}
		bill, err = ledger.Close(p.months()[1])
		priced(t, bill, err)
		bill, err = ledger.Bill(month)
		require.Equal(t, now, priced(t, bill, err), "closing the next month keeps the list")
	})
}
