package chatapi

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Rates is a set of dated rate cards in one currency: what Meta, or whoever
// resells to you, charges per market and category, and since when. A bill takes
// each price from the card in force on the day in the account's time zone.
// Rates never change once made and are safe for concurrent use. Get them from
// [EmbeddedRates] or [ReadRates].
type Rates struct{ list *ratecard.List }

// priceKey names the units that share a volume.
type priceKey struct{ market, category string }

// Price is one price of a rate card, and its quality.
type Price struct {
	Amount Money `json:"amount"`

	// Since is the day, in the account's time zone, from which the price
	// holds, as "2022-02-01".
	Since string `json:"since"`

	// Estimate is set if a newer card lacks this price, so that an older card
	// stands in.
	Estimate bool `json:"estimate,omitempty"`

	// Tier is the first message of the month with this price, if the price is
	// that of a volume tier; 0 for the list price.
	Tier int `json:"tier,omitempty"`

	// Status says how the price was found: "original", "copy", "derived", with
	// "partial" for cards of which only a part was found. It is empty for cards
	// of your own.
	Status string `json:"status,omitempty"`

	// Source is where the price was read.
	Source string `json:"source,omitempty"`
}

// EmbeddedRates returns the cards of Meta that this package carries in that
// currency, with their gaps: USD from 2022-02-01 on, EUR of 2022-02-01 and
// 2026-07-01, INR of 2025-10-01. Some are copies, some are derived from a
// reseller's prices; [Price.Status] says which. Another currency is [ErrInvalid]:
// prices are never converted, because each card is rounded on its own.
func EmbeddedRates(currency string) (*Rates, error) {
	lists := ratecard.Embedded()
	if list, ok := lists[currency]; ok {
		return &Rates{list}, nil
	}
	if upper := strings.ToUpper(strings.TrimSpace(currency)); lists[upper] != nil {
		return nil, invalid("currency", fmt.Sprintf("%q is not in capitals; write %s", clip(currency, 16), upper)).in("EmbeddedRates", "")
	}
	have := strings.Join(slices.Sorted(maps.Keys(lists)), ", ")
	e := invalid("currency", fmt.Sprintf("%q has no embedded cards, only %s have; give ReadRates your own", clip(currency, 16), have))
	return nil, e.in("EmbeddedRates", "")
}

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
// from_message, is the list price. ReadRates ignores other columns. The error is
// [ErrInvalid] and names line and column; a price given twice is an error, too.
func ReadRates(cards io.Reader, more ...io.Reader) (*Rates, error) {
	refuse := func(problem string, cause error) (*Rates, error) {
		e := invalid("cards", problem)
		if e.Advice == "" {
			e.Advice = "a file has a first line with market, category, currency, price and effective_from, and a price on each other line"
		}
		e.cause = cause
		return nil, e.in("ReadRates", "")
	}
	files := append([]io.Reader{cards}, more...)
	if slices.Contains(files, nil) {
		return refuse("are missing; give a CSV file, or another reader", nil)
	}
	byCurrency, err := ratecard.Read(files...)
	if err != nil {
		return refuse("are unreadable: "+err.Error(), err)
	}
	lists := slices.Collect(maps.Values(byCurrency))
	if len(lists) != 1 {
		return refuse(fmt.Sprintf("hold %d currencies; read each currency by itself", len(lists)), nil)
	}
	return &Rates{lists[0]}, nil
}

// Currency returns the currency of all prices.
func (r *Rates) Currency() string {
	if r == nil || r.list == nil {
		return ""
	}
	return r.list.Currency
}

// Price returns the price of one conversation or message in that market and
// category on the calendar day of t in t's own location: the latest price that
// began on or before it. It never reaches across 2022-02-01, 2023-06-01 or
// 2025-07-01, when the billing unit or the categories changed, nor to another
// market. Without a price the error is [ErrNoPrice], a [*Gap] by errors.As.
func (r *Rates) Price(market, category string, t time.Time) (Price, error) {
	day, given := dayOf(t), category
	category = ratecard.Category(category)
	if price, ok := r.find(market, category, ratecard.EraOf(day), day, 1); ok {
		return price, nil
	}
	e := noPrice("Rates.Price", []*Gap{{Market: market, Category: category, Currency: r.Currency(), Day: day.String()}})
	switch {
	case r == nil || r.list == nil:
		e.Advice = "get the rates from EmbeddedRates or ReadRates, and check their error"
	case t.IsZero():
		e.Advice = "the time is the zero time: give the day of the message, such as time.Now()"
	case ratecard.IsMarket(given) && !ratecard.IsMarket(market):
		e.Advice = "market and category have changed places: write the market first"
	}
	return Price{}, e
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
		return nil, ledgerError("Rates.Tiers", err)
	}
	day := dayOf(t)
	p, _ := r.list.Find(market, ratecard.Category(category), ratecard.EraOf(day), day)
	if len(p.Tiers) == 0 {
		return []Tier{{From: 1, Amount: Money{p.Micros, r.list.Currency}}}, nil
	}
	tiers := make([]Tier, len(p.Tiers))
	for i, t := range p.Tiers {
		tiers[i] = Tier{From: t.From, To: t.To, Amount: Money{t.Micros, r.list.Currency}}
	}
	return tiers, nil
}

// find returns the latest price of that era which began on or before day. It
// takes the volume tier of the nth charged message of the month.
func (r *Rates) find(market, category string, in ratecard.Era, day ratecard.Day, nth int) (Price, bool) {
	if r == nil {
		return Price{}, false
	}
	p, ok := r.list.Find(market, category, in, day)
	if !ok {
		return Price{}, false
	}
	price := Price{Amount: Money{p.Micros, r.list.Currency}, Since: p.From.String(), Estimate: r.list.Outdated(p, in, day),
		Status: p.Source.Status, Source: p.Source.Text}
	if t, ok := p.Tier(nth); ok {
		price.Amount.Micros, price.Tier = t.Micros, t.From
		price.Status, price.Source = t.Source.Status, t.Source.Text
	}
	return price, true
}

// Gap is a price that no card has. It is an error that errors.Is matches with
// [ErrNoPrice].
type Gap struct {
	// Account is the account whose bill has the gap; empty for [Rates.Price].
	Account string `json:"account,omitempty"`

	Market   string `json:"market"`
	Category string `json:"category"`
	Currency string `json:"currency"`

	// Day is the first day on which the bill misses the price, in the account's
	// time zone, as "2022-03-10".
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
	return fmt.Sprintf("no %s price for %s in %s on %s", visible(g.Currency), visible(g.Category), visible(market), visible(g.Day))
}

// Is reports whether target is [ErrNoPrice].
func (g *Gap) Is(target error) bool { return target == ErrNoPrice }

// noPrice returns the error for missing prices, of which there is at least one.
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
