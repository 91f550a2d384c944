// Package ratecard reads rate cards and finds prices in them. It also holds
// WhatsApp's own cards, as far as they could be found, and knows which phone
// number belongs to which pricing market on which day.
//
// The data was collected on 2026-11-23 from public pages. cards.csv has every
// price: the card that printed it and the id of its source. tiers.csv has every
// known volume tier. sources.csv gives the text and the status of each source:
// original (a byte copy of Meta's file), copy (printed by a third party), derived
// (computed from a reseller's price), partial (some markets only). If a card
// lacks a market or a category, the price was not found; it is not free.
package ratecard

import (
	_ "embed" // the data files
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed markets.csv
var marketsCSV string

// Day is a calendar day as the number yyyymmdd, which sorts as days do. 0 means
// no day.
type Day int32

// ParseDay reads "2006-01-02". The day has to be in the calendar.
func ParseDay(text string) (Day, error) {
	if len(text) != 10 || text[4] != '-' || text[7] != '-' {
		return 0, fmt.Errorf("%q is not of the form 2006-01-02; write year, month and day with hyphens", clip(text, 32))
	}
	var parts [3]int
	for i, part := range strings.Split(text, "-") {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || i > 2 {
			return 0, fmt.Errorf("%q is not of the form 2006-01-02; write year, month and day with hyphens", clip(text, 32))
		}
		parts[i] = int(n)
	}
	if parts[0] == 0 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 || parts[2] > daysOf(parts[0], parts[1]) {
		return 0, fmt.Errorf("%q is not in the calendar; write a day of that month", text)
	}
	return DayOf(parts[0], parts[1], parts[2]), nil
}

// daysOf returns the number of days of a month.
func daysOf(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// DayOf returns the day with that date.
func DayOf(year, month, day int) Day { return Day(year*10000 + month*100 + day) }

// String returns the day as "2006-01-02".
func (d Day) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100)
}

// span is the days on which a prefix or country belongs to a market. It excludes
// to; a to of 0 means no end.
type span struct {
	market   string
	from, to Day
}

type markets struct {
	names     map[string]bool
	byPrefix  map[string][]span
	byCountry map[string][]span
	longest   int
}

var loadMarkets = sync.OnceValue(func() markets {
	m := markets{names: map[string]bool{Other: true}, byPrefix: map[string][]span{}, byCountry: map[string][]span{}}
	rows, err := csv.NewReader(strings.NewReader(marketsCSV)).ReadAll()
	if err != nil {
		panic("ratecard: markets.csv: " + err.Error()) // cannot happen with the tested file
	}
	for _, row := range rows[1:] {
		s := span{market: row[2], from: mustDay(row[3]), to: mustDay(row[4])}
		m.byPrefix[row[1]] = append(m.byPrefix[row[1]], s)
		m.byCountry[row[0]] = append(m.byCountry[row[0]], s)
		m.names[s.market] = true
		m.longest = max(m.longest, len(row[1]))
	}
	return m
})

func mustDay(text string) Day {
	if text == "" {
		return 0
	}
	d, err := ParseDay(text)
	if err != nil {
		panic("ratecard: markets.csv: " + err.Error())
	}
	return d
}

// Other is the market of every number that no other market claims.
const Other = "Other"

// IsMarket reports whether a market has that name on any day.
func IsMarket(name string) bool { return loadMarkets().names[name] }

// MarketOfPhone returns the market of a phone number on a day: that of the
// longest matching prefix, or Other. The number is in digits, country code first.
func MarketOfPhone(digits string, day Day) string {
	m := loadMarkets()
	for n := min(len(digits), m.longest); n > 0; n-- {
		if market := on(m.byPrefix[digits[:n]], day); market != "" {
			return market
		}
	}
	return Other
}

// MarketOfCountry returns the market of a two-letter country on a day, or Other.
// All prefixes of a country are in one market.
func MarketOfCountry(iso2 string, day Day) string {
	if market := on(loadMarkets().byCountry[strings.ToUpper(iso2)], day); market != "" {
		return market
	}
	return Other
}

func on(spans []span, day Day) string {
	for _, s := range spans {
		if day >= s.from && (s.to == 0 || day < s.to) {
			return s.market
		}
	}
	return ""
}
