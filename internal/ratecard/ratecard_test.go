package ratecard

import (
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
