package chatapi

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Rates is a set of dated rate cards in one currency: what Meta, or whoever
// resells to you, charges per market and category, and since when. A bill takes
// each price from the card in force on the day in the account's time zone.
// Rates never change once made and are safe for concurrent use. Get them from
// [EmbeddedRates] or [ReadRates].
type Rates struct {
	currency string
	prices   map[priceKey][]listed // by effective day
	cards    []ratecard.Day        // days on which a card began
}

type priceKey struct{ market, category string }

// listed is one printed price.
type listed struct {
	from   ratecard.Day
	card   ratecard.Day // the card it was printed on; earlier than from for an announced change
	micros int64
	source priceSource
	tiers  []tier // marginal prices for many messages, by from; empty without
	banded bool   // read as the first of tiers
}

type priceSource struct{ status, text string }

// Price is one price of a rate card, and what it is worth.
type Price struct {
	Amount Money `json:"amount"`

	// Since is the day, in the account's time zone, from which the price
	// holds, as "2022-02-01".
	Since string `json:"since"`

	// Estimate is set when a newer card exists that does not have this price,
	// so that an older one stands in.
	Estimate bool `json:"estimate,omitempty"`

	// Tier is the first message of the month to which this price applies, where
	// it is that of a volume tier; 0 for the list price.
	Tier int `json:"tier,omitempty"`

	// Status tells how the price was found: "original", "copy", "derived",
	// with "partial" for cards of which only a part was found. It is empty for
	// cards of your own.
	Status string `json:"status,omitempty"`

	// Source is where the price was read.
	Source string `json:"source,omitempty"`
}

// The eras in which prices are comparable: between them the billing unit or the
// names of the categories changed, so no price is carried across.
type era int

const (
	eraNotification era = iota // per template, until 2022-01-31
	eraInitiated               // per conversation, by who began it
	eraConversation            // per conversation, by category
	eraMessage                 // per message
)

var eraStarts = []ratecard.Day{eraInitiated: 20220201, eraConversation: 20230601, eraMessage: 20250701}

// eraOf returns the era of a price: that of its category, where only one era
// has the category, else that of its day.
func eraOf(category string, day ratecard.Day) era {
	if category == CategoryUserInitiated || category == CategoryBusinessInitiated {
		return eraInitiated
	}
	for e := eraMessage; e > eraNotification; e-- {
		if day >= eraStarts[e] {
			return e
		}
	}
	return eraNotification
}

// EmbeddedRates returns the cards of Meta that this package carries in that
// currency, with their gaps: USD from 2022-02-01 on, EUR of 2022-02-01 and
// 2026-07-01, INR of 2025-10-01. Some are copies, some are derived from a
// reseller's prices; [Price.Status] says which. Another currency is [ErrInvalid]:
// prices are never converted, because each card is rounded on its own.
func EmbeddedRates(currency string) (*Rates, error) {
	all, err := embeddedRates()
	if err != nil {
		return nil, err
	}
	if rates, ok := all[currency]; ok {
		return rates, nil
	}
	have := strings.Join(slices.Sorted(maps.Keys(all)), ", ")
	return nil, invalid("currency", fmt.Sprintf("%q has no embedded cards, only %s have; give ReadRates your own", clip(currency, 16), have))
}

var embeddedRates = sync.OnceValues(func() (map[string]*Rates, error) {
	rows, err := csv.NewReader(strings.NewReader(ratecard.Sources)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("chatapi: embedded sources: %w", err)
	}
	sources := map[string]priceSource{}
	for _, row := range rows[1:] {
		sources[row[0]] = priceSource{status: row[1], text: row[2]}
	}
	return readCards(func(id string) priceSource { return sources[id] }, strings.NewReader(ratecard.Cards), strings.NewReader(ratecard.Tiers))
})

// ReadRates reads rate cards of your own from CSV with a header line, all rows
// in one currency. A comma or a semicolon separates the columns:
//
//	market, category  as in Meta's cards: "Rest of Western Europe", "authentication_international"
//	currency          ISO 4217, such as "BRL"
//	price             with a decimal point, at most six digits after it: "0.0068"
//	effective_from    the day in the account's time zone: "2026-10-01"
//	from_message      optional: the first message of a month that has this price, for a volume tier
//	to_message        optional: the last such message; empty in the last tier
//	card              optional: the day of the card that printed the price, if earlier
//	source            optional: for your records, see [Price.Source]
//
// Tiers may come as a file of their own, given as one more reader. They follow
// each other without a hole, and the first, from message 0 or 1 or without a
// from_message, is the list price. Other columns are passed over. The error is
// [ErrInvalid] and names line and column; a price given twice is one.
func ReadRates(cards io.Reader, more ...io.Reader) (*Rates, error) {
	files := append([]io.Reader{cards}, more...)
	if slices.Contains(files, nil) {
		return nil, invalid("cards", "are missing")
	}
	all, err := readCards(func(text string) priceSource { return priceSource{text: text} }, files...)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, invalid("cards", fmt.Sprintf("hold %d currencies; read each currency by itself", len(all)))
	}
	for _, rates := range all {
		return rates, nil
	}
	return nil, nil // unreachable: there is exactly one
}

// Currency returns the currency of all prices.
func (r *Rates) Currency() string {
	if r == nil {
		return ""
	}
	return r.currency
}

// Price returns the price of one conversation or message in that market and
// category on the calendar day of t in t's own location: the latest price that
// began on or before it. It never reaches across 2022-02-01, 2023-06-01 or
// 2025-07-01, when the billing unit or the categories changed, nor to another
// market. Without a price the error is [ErrNoPrice], a [*Gap] by errors.As.
func (r *Rates) Price(market, category string, t time.Time) (Price, error) {
	day := dayOf(t)
	category = normalCategory(category)
	if price, ok := r.find(market, category, eraOf("", day), day); ok {
		return price, nil
	}
	return Price{}, noPrice("Price", []*Gap{{Market: market, Category: category, Currency: r.Currency(), Day: day.String()}})
}

// Tier is the price of some of a month's messages: each message pays that of
// the tier it falls into.
type Tier struct {
	// From and To are the first and the last message of the tier, counting the
	// charged messages of the month in that market and category. To is 0 in the
	// last tier, which has no end.
	From, To int

	Amount Money
}

// Tiers returns the volume tiers of that market and category, beginning with
// the list price, under the same rules as [Rates.Price]. Meta counts the charged
// messages of a business portfolio. Without known tiers there is one, the list
// price. Tiers belong to the list price that they were printed with: a newer
// list price has none until its own are known. Embedded are those of
// 2026-04-01 in USD.
func (r *Rates) Tiers(market, category string, t time.Time) ([]Tier, error) {
	if _, err := r.Price(market, category, t); err != nil {
		return nil, err
	}
	category = normalCategory(category)
	day := dayOf(t)
	p, _ := r.listed(market, category, eraOf("", day), day)
	if len(p.tiers) == 0 {
		return []Tier{{From: 1, Amount: Money{p.micros, r.currency}}}, nil
	}
	tiers := make([]Tier, len(p.tiers))
	for i, t := range p.tiers {
		tiers[i] = Tier{From: t.from, To: t.to, Amount: Money{t.micros, r.currency}}
	}
	return tiers, nil
}

// find looks for the latest list price of that era on or before day.
func (r *Rates) find(market, category string, in era, day ratecard.Day) (Price, bool) {
	return r.findNth(market, category, in, day, 1)
}

// findNth is find for the nth charged message of the month, which may fall into
// a volume tier.
func (r *Rates) findNth(market, category string, in era, day ratecard.Day, nth int) (Price, bool) {
	p, ok := r.listed(market, category, in, day)
	if !ok {
		return Price{}, false
	}
	newer := slices.ContainsFunc(r.cards, func(card ratecard.Day) bool {
		return card > p.card && card > p.from && card <= day && eraOf("", card) == in
	})
	price := Price{Amount: Money{p.micros, r.currency}, Since: p.from.String(), Estimate: newer,
		Status: p.source.status, Source: p.source.text}
	for _, t := range p.tiers {
		if t.from > 1 && t.from <= nth {
			price.Amount.Micros, price.Tier = t.micros, t.from
			price.Status, price.Source = t.source.status, t.source.text
		}
	}
	return price, true
}

func (r *Rates) listed(market, category string, in era, day ratecard.Day) (listed, bool) {
	if r == nil {
		return listed{}, false
	}
	prices := r.prices[priceKey{market, category}]
	for i := len(prices) - 1; i >= 0; i-- {
		if p := prices[i]; p.from <= day && eraOf(category, p.from) == in {
			return p, true
		}
	}
	return listed{}, false
}

// Gap is a price that no card has. It is an error that errors.Is matches with
// [ErrNoPrice].
type Gap struct {
	// Account is the account whose bill has the gap; empty for [Rates.Price].
	Account string `json:"account,omitempty"`

	Market   string `json:"market"`
	Category string `json:"category"`
	Currency string `json:"currency"`

	// Day is the first day of the bill on which the price is missing, in the
	// account's time zone, as "2022-03-10".
	Day string `json:"day"`

	// Units is the number of conversations or messages on the bill that could
	// not be priced.
	Units int `json:"units"`
}

// Error names market, category, currency and day.
func (g *Gap) Error() string {
	market := g.Market
	if market == "" {
		market = "an unknown market"
	}
	return fmt.Sprintf("no %s price for %s in %s on %s", g.Currency, g.Category, market, g.Day)
}

// Is reports whether target is [ErrNoPrice].
func (g *Gap) Is(target error) bool { return target == ErrNoPrice }

// noPrice is the error for prices that are missing; there is at least one gap.
func noPrice(op string, gaps []*Gap) *Error {
	causes := make([]error, len(gaps))
	for i, gap := range gaps {
		causes[i] = gap
	}
	reason := gaps[0].Error()
	if len(gaps) > 1 {
		reason += fmt.Sprintf(", and %d more", len(gaps)-1)
	}
	return &Error{Op: op, Kind: ErrNoPrice, Reason: reason, Retry: RetryFix, cause: errors.Join(causes...),
		Sentence: "The rate cards have " + reason + ".",
		Advice:   "give the account Rates that have it, made with ReadRates"}
}
