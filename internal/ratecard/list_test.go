package ratecard

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const header = "market,category,currency,price,effective_from,from_message,to_message,card,source\n"

func TestReadGivesEachCurrencyAList(t *testing.T) {
	lists, err := Read(strings.NewReader(header +
		"Rest of Western and Northern Europe, Authentication-International ,USD,0.0325,2026-10-01,,,2026-07-01,my card\n" +
		"Brazil,utility,BRL,0.05,2026-10-01,0,1000,,list\n" +
		"Brazil,utility,BRL,0.04,2026-10-01,1001,,,tiers\n"))
	require.NoError(t, err)
	require.Len(t, lists, 2)
	assert.Equal(t, "USD", lists["USD"].Currency)
	price, ok := lists["USD"].Find("Rest of Western & Northern Europe", "authentication_international", EraMessage, 20261001)
	require.True(t, ok)
	assert.Equal(t, Price{From: 20261001, Card: 20260701, Micros: 32_500, Source: Source{Text: "my card"}}, price)

	price, ok = lists["BRL"].Find("Brazil", "utility", EraMessage, 20261231)
	require.True(t, ok)
	first, second := Tier{1, 1000, 50_000, Source{Text: "list"}}, Tier{1001, 0, 40_000, Source{Text: "tiers"}}
	assert.Equal(t, []Tier{first, second}, price.Tiers)
	for nth, want := range map[int]Tier{1: first, 1000: first, 1001: second, 1_000_000: second} {
		tier, volume := price.Tier(nth)
		assert.Equal(t, want, tier, nth)
		assert.Equal(t, nth > 1000, volume, nth)
	}
}

func TestReadNamesFileLineAndColumn(t *testing.T) {
	good := header + "Brazil,utility,USD,0.1,2026-10-01,,,,\n"
	_, err := Read(strings.NewReader(good), strings.NewReader(header+"Brazil,utility,USD,0.1,2026-10-01,x,,,\n"))
	assert.EqualError(t, err, `file 2: line 2, column 35 (from_message): "x" is no count of messages in plain digits`)
	_, err = Read(strings.NewReader(strings.Replace(good, "USD", strings.Repeat("é", 20), 1)))
	assert.EqualError(t, err, `line 2, column 16 (currency): "`+strings.Repeat("é", 16)+`…" is no ISO 4217 code, such as USD`)
	_, err = Read(iotest.ErrReader(io.ErrUnexpectedEOF))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = Read(io.MultiReader(strings.NewReader(good), iotest.ErrReader(io.ErrUnexpectedEOF)))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "a reader that breaks off is not at its end")
}

func TestFindStaysWithinTheEra(t *testing.T) {
	lists, err := Read(strings.NewReader("market,category,currency,price,effective_from,card\n" +
		"Brazil,business_initiated,USD,0.1,2022-02-01,\n" +
		"Brazil,marketing,USD,0.2,2023-06-01,\n" +
		"Brazil,marketing,USD,0.3,2024-07-01,2023-06-01\n" +
		"Brazil,marketing,USD,0.4,2025-07-01,\n" +
		"Brazil,utility,USD,0.6,2025-08-01,2025-10-01\n" +
		"India,marketing,USD,0.5,2023-12-01,\n" +
		"India,marketing,USD,0.5,2025-10-01,\n"))
	require.NoError(t, err)
	list := lists["USD"]
	for _, test := range []struct {
		category string
		in       Era
		day      Day
		want     int64
		outdated bool
	}{
		{"business_initiated", EraInitiated, 20220131, 0, false},
		{"business_initiated", EraInitiated, 20220201, 100_000, false},
		{"business_initiated", EraInitiated, 20260101, 100_000, false}, // as under a forced model
		{"business_initiated", EraConversation, 20230601, 0, false},
		{"marketing", EraInitiated, 20230531, 0, false},
		{"marketing", EraConversation, 20231130, 200_000, false},
		{"marketing", EraConversation, 20240630, 200_000, true},  // India has a newer card
		{"marketing", EraConversation, 20240701, 300_000, false}, // the day after that card
		{"marketing", EraConversation, 20260101, 300_000, false},
		{"marketing", EraMessage, 20250630, 0, false},
		{"marketing", EraMessage, 20250930, 400_000, false},
		{"marketing", EraMessage, 20251001, 400_000, true}, // India has a newer card
		{"utility", EraMessage, 20251001, 600_000, false},  // the newer card has this price
		{"service", EraMessage, 20251001, 0, false},
	} {
		price, ok := list.Find("Brazil", test.category, test.in, test.day)
		assert.Equal(t, test.want, price.Micros, "%+v", test)
		assert.Equal(t, test.want != 0, ok, "%+v", test)
		assert.Equal(t, test.outdated, ok && list.Outdated(price, test.in, test.day), "%+v", test)
	}
	_, ok := (*List)(nil).Find("Brazil", "marketing", EraMessage, 20251001)
	assert.False(t, ok)
}

func TestErasFollowEachOther(t *testing.T) {
	day := Day(20210101)
	for e := EraNotification; e <= EraMessage; e++ {
		assert.Equal(t, e, EraOf(day))
		if next := e.Next(); next != 0 {
			assert.Equal(t, e, EraOf(next-1))
			day = next
		}
	}
	assert.Equal(t, []Day{20220201, 20230601, 20250701, 0}, []Day{EraNotification.Next(), EraInitiated.Next(), EraConversation.Next(), EraMessage.Next()})
}

func TestEmbeddedListsAreThoseOfTheData(t *testing.T) {
	lists := Embedded()
	require.Len(t, lists, 3)
	for currency, cards := range map[string]int{"EUR": 2, "INR": 1, "USD": 9} {
		require.Contains(t, lists, currency)
		assert.Equal(t, currency, lists[currency].Currency)
		assert.Len(t, lists[currency].cards, cards, currency)
	}
	for at, prices := range lists["USD"].prices {
		for _, p := range prices {
			assert.NotEmpty(t, p.Source.Text, at)
			assert.NotEmpty(t, p.Source.Status, at)
		}
	}
}

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0.0325": 32_500, "-1.5": -1_500_000, "12": 12_000_000, "0.000001": 1, "999999999999.999999": 999_999_999_999_999_999,
	} {
		micros, ok := ParseAmount(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, micros, text)
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "1.0000001", "1234567890123", "1e3", "+1", "--1", "1.-5", "1,5", " 1", "1 ", "١"} {
		_, ok := ParseAmount(text)
		assert.False(t, ok, text)
	}
}
