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
}

type priceSource struct{ status, text string }

// Price is one price of a rate card, and what it is worth.
type Price struct {
	Amount Money

	// Since is the day, in the account's time zone, from which the price
	// holds, as "2022-02-01".
	Since string

	// Estimate is set when a newer card exists that does not have this price,
	// so that an older one stands in.
	Estimate bool

	// Status tells how the price was found: "original", "copy", "derived",
	// with "partial" for cards of which only a part was found. It is empty for
	// cards of your own.
	Status string

	// Source is where the price was read.
	Source string
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
	return readCards(strings.NewReader(ratecard.Cards), func(id string) priceSource { return sources[id] })
})

// ReadRates reads rate cards of your own from CSV with a header line. Needed
// columns are market, category, currency, price and effective_from
// ("2026-10-01", a day in the account's time zone); source may be given, and
// card where a price was printed on a card that began earlier. Markets and
// categories are written as in Meta's cards ("Rest of Western Europe",
// "authentication_international"). All rows are in one currency. The error is
// [ErrInvalid] and names the line; a price given twice is one.
func ReadRates(r io.Reader) (*Rates, error) {
	if r == nil {
		return nil, invalid("cards", "are missing")
	}
	all, err := readCards(r, func(text string) priceSource { return priceSource{text: text} })
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

// readCards reads cards of several currencies.
func readCards(r io.Reader, source func(string) priceSource) (map[string]*Rates, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return nil, unreadableCards(err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))] = i
	}
	for _, name := range []string{"market", "category", "currency", "price", "effective_from"} {
		if _, ok := column[name]; !ok {
			return nil, invalid("cards", "have no column "+name)
		}
	}
	all := map[string]*Rates{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadableCards(err)
		}
		cell := func(name string) string {
			if i, ok := column[name]; ok {
				return strings.Clone(strings.TrimSpace(row[i]))
			}
			return ""
		}
		if err := addPrice(all, cell, source); err != nil {
			line, _ := in.FieldPos(0)
			return nil, unreadableCards(fmt.Errorf("line %d: %w", line, err))
		}
	}
	for _, rates := range all {
		rates.finish()
	}
	return all, nil
}

func addPrice(all map[string]*Rates, cell func(string) string, source func(string) priceSource) error {
	price, err := ParseMoney(cell("price"), cell("currency"))
	if err != nil {
		return err
	}
	if price.Micros < 0 {
		return invalid("price", "is negative")
	}
	from, err := ratecard.ParseDay(cell("effective_from"))
	if err != nil {
		return err
	}
	card := from
	if text := cell("card"); text != "" {
		if card, err = ratecard.ParseDay(text); err != nil {
			return err
		}
	}
	key := priceKey{strings.ReplaceAll(cell("market"), " and ", " & "), normalCategory(cell("category"))}
	if key.market == "" || key.category == "" {
		return errors.New("market or category is empty")
	}
	rates := all[price.Currency]
	if rates == nil {
		rates = &Rates{currency: price.Currency, prices: map[priceKey][]listed{}}
		all[price.Currency] = rates
	}
	for _, other := range rates.prices[key] {
		if other.from == from {
			return fmt.Errorf("%s in %s has two prices from %s on", key.category, key.market, from)
		}
	}
	rates.prices[key] = append(rates.prices[key], listed{from, card, price.Micros, source(cell("source"))})
	return nil
}

func unreadableCards(cause error) *Error {
	e := invalid("cards", "are unreadable: "+cause.Error())
	e.cause = cause
	return e
}

// finish orders what was read.
func (r *Rates) finish() {
	days := map[ratecard.Day]bool{}
	for _, prices := range r.prices {
		slices.SortFunc(prices, func(a, b listed) int { return int(a.from - b.from) })
		for _, p := range prices {
			days[p.card] = true
		}
	}
	r.cards = slices.Sorted(maps.Keys(days))
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
	day := ratecard.DayOf(t.Year(), int(t.Month()), t.Day())
	category = normalCategory(category)
	if price, ok := r.find(market, category, eraOf("", day), day); ok {
		return price, nil
	}
	return Price{}, noPrice("Price", []*Gap{{Market: market, Category: category, Currency: r.Currency(), Day: day.String()}})
}

// find looks for the latest price of that era on or before day.
func (r *Rates) find(market, category string, in era, day ratecard.Day) (Price, bool) {
	if r == nil {
		return Price{}, false
	}
	prices := r.prices[priceKey{market, category}]
	for i := len(prices) - 1; i >= 0; i-- {
		p := prices[i]
		if p.from > day || eraOf(category, p.from) != in {
			continue
		}
		newer := slices.ContainsFunc(r.cards, func(card ratecard.Day) bool {
			return card > p.card && card > p.from && card <= day && eraOf("", card) == in
		})
		return Price{Amount: Money{p.micros, r.currency}, Since: p.from.String(), Estimate: newer,
			Status: p.source.status, Source: p.source.text}, true
	}
	return Price{}, false
}

// Gap is a price that no card has. It is an error that errors.Is matches with
// [ErrNoPrice].
type Gap struct {
	// Account is the account whose bill has the gap; empty for [Rates.Price].
	Account string

	Market   string
	Category string
	Currency string

	// Day is the first day of the bill on which the price is missing, in the
	// account's time zone, as "2022-03-10".
	Day string

	// Units is the number of conversations or messages on the bill that could
	// not be priced.
	Units int
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
