package chatapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// even returns perDay messages to a contact on each day, always at the same
// hours.
func even(month time.Time, days, perDay int, to chatapi.Contact, category string) (all []chatapi.Activity) {
	for day := range days {
		for i := range perDay {
			at := month.AddDate(0, 0, day).Add(time.Duration(i) * time.Minute)
			all = append(all, sent(fmt.Sprint(to.Phone, category, day, "-", i), at, to, category)...)
		}
	}
	return all
}

// If all days are alike, the forecast in the middle of the month equals the bill
// at its end. In two of the months the free tier ends, or a volume tier begins,
// after the forecast.
func TestAForecastOfAnEvenMonthIsItsBill(t *testing.T) {
	for name, test := range map[string]struct {
		month    time.Time
		used     chatapi.PriorUsage
		category string
	}{
		"free tier":   {instant("2026-11-01T00:00:00Z"), chatapi.PriorUsage{Number: abc, Units: 970}, ""},
		"volume tier": {instant("2026-06-01T00:00:00Z"), chatapi.PriorUsage{Market: "North America", Category: "utility", Units: 79_960}, "utility"},
		"neither":     {instant("2026-11-01T00:00:00Z"), chatapi.PriorUsage{}, "marketing"},
	} {
		t.Run(name, func(t *testing.T) {
			month := chatapi.Month(test.month.Year(), test.month.Month())
			test.used.Month = month
			account := chatapi.Account{ID: "waba1", Used: []chatapi.PriorUsage{test.used}}
			bill, err := newLedger(t, account, even(test.month, 30, 2, customerA, test.category)...).Bill(month)
			require.NoError(t, err)
			ledger := newLedger(t, account, even(test.month, 15, 2, customerA, test.category)...)
			forecast, err := ledger.Forecast(month, test.month.AddDate(0, 0, 15))
			require.NoError(t, err)
			assert.Equal(t, bill.Totals, forecast.Totals)
			assert.Equal(t, bill.Totals, forecast.Low, "all days are equally quiet")
			assert.Equal(t, bill.Totals, forecast.High, "all days are equally busy")
			sofar, err := ledger.Bill(month)
			require.NoError(t, err)
			assert.Equal(t, sofar.Totals, forecast.Spent)
			units := 0
			for _, c := range forecast.Costs {
				units += c.Units
			}
			assert.Equal(t, len(bill.Charges), units)
		})
	}
}

// The sum so far leaves out facts after now. Once the month is over, the forecast
// is the bill, whether the month is closed or open.
func TestAForecastOfAMonthThatIsOver(t *testing.T) {
	start, end := instant("2026-11-01T00:00:00Z"), instant("2026-12-01T00:00:00Z")
	month := chatapi.Month(2026, time.November)
	ledger := newLedger(t, chatapi.Account{}, append(even(start, 30, 1, customerA, "marketing"), sent("late", end.Add(time.Hour), customerB, "marketing")...)...)
	bill, err := ledger.Bill(month)
	require.NoError(t, err)
	early, err := ledger.Forecast(month, start.AddDate(0, 0, 10))
	require.NoError(t, err)
	assert.Equal(t, bill.Totals, early.Totals)
	assert.Equal(t, "0.25 USD", early.Spent[0].String())
	for range 2 {
		forecast, err := ledger.Forecast(month, end)
		require.NoError(t, err)
		for _, sums := range [][]chatapi.Money{forecast.Spent, forecast.Low, forecast.Totals, forecast.High} {
			assert.Equal(t, bill.Totals, sums)
		}
		_, err = ledger.Close(month)
		require.NoError(t, err)
	}

	_, err = ledger.Forecast(chatapi.Month(2027, time.January), end)
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.Equal(t, "now", e.Field)
	_, err = ledger.Forecast(chatapi.Month(2027, 13), end)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

func TestForecastText(t *testing.T) {
	start := instant("2026-11-01T00:00:00Z")
	month := chatapi.Month(2026, time.November)
	ledger := newLedger(t, chatapi.Account{ID: "waba1"}, append(append(append(
		even(start, 1, 4, customerA, "marketing"),
		even(start.AddDate(0, 0, 1), 1, 2, customerB, "marketing")...),
		even(start.AddDate(0, 0, 2), 1, 3, customerB, "")...),
		even(start, 3, 1, chatapi.Contact{Chat: "120363000000000001@g.us"}, "utility")...)...)
	forecast, err := ledger.Forecast(month, start.AddDate(0, 0, 3))
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	assert.Equal(t, `Forecast for November 2026, from what was recorded until 2026-11-04 00:00

North America  marketing  60  1.50 USD
North America  service    30      free  customer service
No price                  30         ?  no USD price for utility in an unknown market on 2026-11-01
So far                        0.15 USD
Month                         1.50 USD  between 1.175 and 1.85
`, forecast.String())
}

// The markets share the rest of the free tier in proportion to their messages.
func TestAForecastSharesTheFreeTier(t *testing.T) {
	start := instant("2026-11-01T00:00:00Z")
	month := chatapi.Month(2026, time.November)
	account := chatapi.Account{Used: []chatapi.PriorUsage{{Month: month, Number: abc, Units: 900}}}
	ledger := newLedger(t, account, append(even(start, 10, 2, customerA, ""), even(start, 10, 4, chatapi.Contact{Phone: "5511990000001"}, "")...)...)
	forecast, err := ledger.Forecast(month, start.AddDate(0, 0, 10))
	require.NoError(t, err)
	free := map[string]int{}
	for _, c := range forecast.Costs {
		if c.Free != "" {
			free[c.Market] += c.Units
		}
	}
	assert.Equal(t, map[string]int{"North America": 20 + 13, "Brazil": 40 + 27}, free, "the 40 free messages left are shared as 1 to 2")
}

// The forecast counts less than an hour as an hour. A message delivered at now is
// not spent yet.
func TestAForecastOfTheFirstMinutes(t *testing.T) {
	start := instant("2026-11-01T00:00:00Z")
	month := chatapi.Month(2026, time.November)
	ledger := newLedger(t, chatapi.Account{}, sent("m1", start.Add(time.Minute), customerA, "marketing")...)
	// One message was delivered; one more follows for each whole hour left of the
	// 720.
	for minutes, units := range map[int]int{10: 1 + 720, 59: 1 + 719} {
		forecast, err := ledger.Forecast(month, start.Add(time.Duration(minutes)*time.Minute))
		require.NoError(t, err)
		require.Len(t, forecast.Costs, 1)
		assert.Equal(t, units, forecast.Costs[0].Units, minutes)
		assert.Equal(t, int64(units)*25_000, forecast.Totals[0].Micros, minutes)
		assert.Equal(t, forecast.Totals, forecast.High, minutes)
	}
	delivered := start.Add(time.Minute + 2*time.Second)
	for now, want := range map[time.Time]string{delivered: "0.00 USD", delivered.Add(1): "0.025 USD"} {
		forecast, err := ledger.Forecast(month, now)
		require.NoError(t, err)
		assert.Equal(t, want, forecast.Spent[0].String())
	}
}

// Messages after a free entry point take nothing from the free tier.
func TestAForecastLeavesTheFreeTierToThoseThatTakeIt(t *testing.T) {
	start := instant("2026-11-01T00:00:00Z")
	month := chatapi.Month(2026, time.November)
	click := wrote(start, customerB)
	click.EntryPoint = chatapi.EntryPointAd
	account := chatapi.Account{Used: []chatapi.PriorUsage{{Month: month, Number: abc, Units: 900}}}
	ledger := newLedger(t, account, append(append(even(start, 10, 6, customerA, ""), even(start.Add(time.Hour), 3, 2, customerB, "")...), click)...)
	forecast, err := ledger.Forecast(month, start.AddDate(0, 0, 10))
	require.NoError(t, err)
	units := map[chatapi.FreeReason]int{}
	for _, c := range forecast.Costs {
		units[c.Free] += c.Units
	}
	assert.Equal(t, map[chatapi.FreeReason]int{"": 80, chatapi.FreeCustomerService: 100, chatapi.FreeEntryPoint: 6 + 12}, units)
}
