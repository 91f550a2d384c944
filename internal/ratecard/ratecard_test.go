package ratecard

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMarketIsThatOfTheLongestPrefixOnThatDay(t *testing.T) {
	for _, test := range []struct {
		digits string
		day    Day
		want   string
	}{
		{"12025550143", 20220301, "North America"},
		{"12425550143", 20220301, "Other"},                 // Bahamas, not North America
		{"18095550143", 20220301, "Rest of Latin America"}, // Dominican Republic
		{"79005550143", 20220301, "Russia"},
		{"77005550143", 20220301, "Other"}, // Kazakhstan before it had a price
		{"77005550143", 20261001, "Kazakhstan"},
		{"48221234567", 20260630, "Rest of Central & Eastern Europe"},
		{"48221234567", 20260701, "Poland"},
		{"999", 20260701, "Other"},
		{"", 20260701, "Other"},
	} {
		assert.Equal(t, test.want, MarketOfPhone(test.digits, test.day), "%s on %s", test.digits, test.day)
	}
	assert.Equal(t, "North America", MarketOfCountry("us", 20260701))
	assert.Equal(t, "Other", MarketOfCountry("ZZ", 20260701))
}

func TestOneSpanHoldsOnEachDay(t *testing.T) {
	m := loadMarkets()
	require.NotEmpty(t, m.byPrefix)
	for prefix, spans := range m.byPrefix {
		for _, day := range []Day{20210101, 20220201, 20250930, 20251001, 20260630, 20260701, 20260930, 20261001, 20270101} {
			names := map[string]bool{}
			for _, s := range spans {
				if day >= s.from && (s.to == 0 || day < s.to) {
					names[s.market] = true
				}
			}
			assert.Len(t, names, 1, "+%s on %s", prefix, day)
		}
	}
}

// The embedded data was compared cell by cell with its sources. These sums notice
// later changes.
func TestTheDataIsAsItWasAudited(t *testing.T) {
	rowsOf := func(text string) [][]string {
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err)
		return rows[1:]
	}
	status := map[string]string{}
	for _, row := range rowsOf(sourcesCSV) {
		status[row[0]] = row[1]
		assert.NotEmpty(t, row[2])
	}
	sum := func(text string, day, source int) (map[string]int, map[string]int) {
		rows, tenThousandths := map[string]int{}, map[string]int{}
		for _, row := range rowsOf(text) {
			digits := strings.Replace(row[3], ".", "", 1)
			require.Len(t, strings.Split(row[3], ".")[1], 4, row)
			n, err := strconv.Atoi(digits)
			require.NoError(t, err)
			name := row[day] + " " + row[2]
			rows[name]++
			tenThousandths[name] += n
			assert.Contains(t, status, row[source])
		}
		return rows, tenThousandths
	}
	rows, prices := sum(cardsCSV, 5, 6)
	assert.Equal(t, map[string]int{"2022-02-01 EUR": 64, "2022-02-01 USD": 58, "2023-06-01 USD": 51, "2024-11-01 USD": 130, "2025-07-01 USD": 52, "2025-10-01 INR": 105, "2025-10-01 USD": 105, "2026-01-01 USD": 105, "2026-04-01 USD": 105, "2026-07-01 EUR": 123, "2026-07-01 USD": 39, "2026-10-01 USD": 188}, rows)
	assert.Equal(t, map[string]int{"2022-02-01 EUR": 24998, "2022-02-01 USD": 26999, "2023-06-01 USD": 23398, "2024-11-01 USD": 37758, "2025-07-01 USD": 21128, "2025-10-01 INR": 2619316, "2025-10-01 USD": 35701, "2026-01-01 USD": 34698, "2026-04-01 USD": 34772, "2026-07-01 EUR": 34435, "2026-07-01 USD": 13189, "2026-10-01 USD": 53637}, prices)
	rows, prices = sum(tiersCSV, 4, 7)
	assert.Equal(t, map[string]int{"2026-04-01 USD": 438}, rows)
	assert.Equal(t, map[string]int{"2026-04-01 USD": 83127}, prices)
}

// A linear search through all rows finds the same market.
func TestMarketAgreesWithALinearSearch(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(marketsCSV)).ReadAll()
	require.NoError(t, err)
	naive := func(digits, day string) string {
		market, longest := Other, 0
		for _, row := range rows[1:] {
			if strings.HasPrefix(digits, row[1]) && len(row[1]) > longest && row[3] <= day && (row[4] == "" || day < row[4]) {
				market, longest = row[2], len(row[1])
			}
		}
		return market
	}
	for _, day := range []string{"2021-06-01", "2022-02-01", "2026-06-30", "2026-07-01", "2026-09-30", "2026-10-01", "2027-01-01"} {
		on, err := ParseDay(day)
		require.NoError(t, err)
		for n := range 10_000 { // four digits cover all but a few prefixes
			digits := fmt.Sprintf("%04d5550143", n)
			if got, want := MarketOfPhone(digits, on), naive(digits, day); got != want {
				t.Fatalf("+%s on %s: %q, a linear search says %q", digits, day, got, want)
			}
		}
	}
	for _, row := range rows[1:] {
		digits := row[1] + "0"
		assert.Equal(t, naive(digits, "2026-10-01"), MarketOfPhone(digits, 20261001), digits)
	}
}

func TestParseDay(t *testing.T) {
	d, err := ParseDay("2026-10-01")
	require.NoError(t, err)
	assert.Equal(t, DayOf(2026, 10, 1), d)
	assert.Equal(t, "2026-10-01", d.String())
	for _, bad := range []string{"", "2026-10", "2026-10-01T", "2026-13-01", "2026-00-10", "2026-10-32", "2026/10/01", "+026-10-01", "-026-10-01"} {
		_, err := ParseDay(bad)
		assert.Error(t, err, bad)
	}
}
