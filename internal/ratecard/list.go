package ratecard

import (
	_ "embed" // the data files
	"encoding/csv"
	"slices"
	"strings"
	"sync"
)

//go:embed cards.csv
var cardsCSV string

//go:embed tiers.csv
var tiersCSV string

//go:embed sources.csv
var sourcesCSV string

// List has the prices of all cards in one currency. It never changes after
// reading. A nil List has no prices.
type List struct {
	Currency string

	prices map[place][]Price // sorted by From
	cards  []Day             // the first days of cards
}

type place struct{ market, category string }

// Price is one printed price.
type Price struct {
	From   Day // the first day of the price
	Card   Day // the day of its card; before From if announced early
	Micros int64
	Source Source
	Tiers  []Tier // sorted by From, without holes, beginning with the list price; empty if unknown

	banded bool // read as the first tier
}

// Source is the place where a price was read, and its status.
type Source struct{ Status, Text string }

// Tier is the price of the messages From to To of a month. The last tier has no
// end and a To of 0.
type Tier struct {
	From, To int
	Micros   int64
	Source   Source
}

// Era is a time of comparable prices. Between eras the billing unit or the
// categories changed, so a price holds only in its era.
type Era int

// The eras.
const (
	EraNotification Era = iota // per template, until 2022-01-31
	EraInitiated               // per conversation, by who began it
	EraConversation            // per conversation, by category
	EraMessage                 // per message
)

var eraStarts = [...]Day{EraInitiated: 20220201, EraConversation: 20230601, EraMessage: 20250701}

// EraOf returns the era of a day.
func EraOf(day Day) Era {
	for e := EraMessage; e > EraNotification; e-- {
		if day >= eraStarts[e] {
			return e
		}
	}
	return EraNotification
}

// Next returns the first day of the era after e, or 0 after the last era.
func (e Era) Next() Day {
	if e < EraNotification || e >= EraMessage {
		return 0
	}
	return eraStarts[e+1]
}

// eraOf returns the era of a price. Two categories exist in only one era; for
// other categories the day decides.
func eraOf(category string, day Day) Era {
	if category == "user_initiated" || category == "business_initiated" {
		return EraInitiated
	}
	return EraOf(day)
}

// Find returns the latest price of an era that began on or before day.
func (l *List) Find(market, category string, in Era, day Day) (Price, bool) {
	if l == nil {
		return Price{}, false
	}
	prices := l.prices[place{market, category}]
	for i := len(prices) - 1; i >= 0; i-- {
		if p := &prices[i]; p.From <= day && eraOf(category, p.From) == in {
			return *p, true
		}
	}
	return Price{}, false
}

// Outdated reports whether a newer card of the era was in force on day and lacks
// the price p.
func (l *List) Outdated(p Price, in Era, day Day) bool {
	return slices.ContainsFunc(l.cards, func(card Day) bool {
		return card > p.Card && card > p.From && card <= day && EraOf(card) == in
	})
}

// Tier returns the volume tier of the nth charged message of a month. It returns
// false if the message pays the list price.
func (p *Price) Tier(nth int) (Tier, bool) {
	for _, t := range slices.Backward(p.Tiers) {
		if t.From <= nth {
			return t, t.From > 1
		}
	}
	return Tier{}, false
}

// Embedded returns the embedded lists by currency.
func Embedded() map[string]*List { return embedded() }

var embedded = sync.OnceValue(func() map[string]*List {
	rows, err := csv.NewReader(strings.NewReader(sourcesCSV)).ReadAll()
	if err != nil {
		panic("ratecard: sources.csv: " + err.Error()) // cannot happen with the tested file
	}
	sources := map[string]Source{}
	for _, row := range rows[1:] {
		sources[row[0]] = Source{Status: row[1], Text: row[2]}
	}
	lists, err := read(func(id string) Source { return sources[id] }, strings.NewReader(cardsCSV), strings.NewReader(tiersCSV))
	if err != nil {
		panic("ratecard: " + err.Error()) // cannot happen with the tested files
	}
	return lists
})
