package chatapi

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// tier is the price of the messages from..to of a month; to is 0 without end.
type tier struct {
	from, to int
	micros   int64
	source   priceSource
}

// cardReader gathers the prices of several files and currencies.
type cardReader struct {
	source func(string) priceSource
	all    map[string]*Rates
	tiers  map[tierPlace][]tier
}

// tierPlace is the list price that tiers belong to.
type tierPlace struct {
	currency string
	priceKey
	from ratecard.Day
}

// readCards reads cards of several currencies.
func readCards(source func(string) priceSource, files ...io.Reader) (map[string]*Rates, error) {
	c := &cardReader{source: source, all: map[string]*Rates{}, tiers: map[tierPlace][]tier{}}
	for i, file := range files {
		if err := c.read(file); err != nil {
			if len(files) > 1 {
				err = fmt.Errorf("file %d: %w", i+1, err)
			}
			return nil, unreadableCards(err)
		}
	}
	places := slices.SortedFunc(maps.Keys(c.tiers), func(a, b tierPlace) int {
		return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.market, b.market), cmp.Compare(a.category, b.category), cmp.Compare(a.from, b.from))
	})
	for _, place := range places {
		if err := c.attach(place, c.tiers[place]); err != nil {
			return nil, unreadableCards(err)
		}
	}
	for _, rates := range c.all {
		days := map[ratecard.Day]bool{}
		for _, prices := range rates.prices {
			slices.SortFunc(prices, func(a, b listed) int { return int(a.from - b.from) })
			for _, p := range prices {
				days[p.card] = true
			}
		}
		rates.cards = slices.Sorted(maps.Keys(days))
	}
	return c.all, nil
}

func unreadableCards(cause error) *Error {
	e := invalid("cards", "are unreadable: "+cause.Error())
	e.cause = cause
	return e
}

// cardColumns are what a header may name; the first five it must.
var cardColumns = []string{"market", "category", "currency", "price", "effective_from", "from_message", "to_message", "card", "source"}

func (c *cardReader) read(file io.Reader) error {
	in, err := openCSV(file)
	if err != nil {
		return err
	}
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty; its first line names the columns")
	}
	if err != nil {
		return err
	}
	column := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := column[name]; twice && slices.Contains(cardColumns, name) {
			return fmt.Errorf("line 1: column %s is there twice", name)
		}
		column[name] = i
	}
	for _, name := range cardColumns[:5] {
		if _, ok := column[name]; !ok {
			return fmt.Errorf("line 1: there is no column %s", name)
		}
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, csv.ErrFieldCount) {
			line, _ := in.FieldPos(0)
			return fmt.Errorf("line %d has %d columns, the first line has %d; a cell with a %q in it needs quotes", line, len(row), len(header), in.Comma)
		}
		if err != nil {
			return err
		}
		cell := func(name string) string {
			if i, ok := column[name]; ok {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		if name, err := c.add(cell); err != nil {
			line, col := in.FieldPos(column[name])
			return fmt.Errorf("line %d, column %d (%s): %w", line, col, name, err)
		}
	}
}

// openCSV skips a byte order mark and looks in the first line for the separator.
func openCSV(file io.Reader) (*csv.Reader, error) {
	text := bufio.NewReader(file)
	start, err := text.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(start) == "\ufeff" {
		_, _ = text.Discard(len(start)) // they are in the buffer
	}
	first, err := text.Peek(text.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	first, _, _ = bytes.Cut(first, []byte{'\n'})
	in := csv.NewReader(text)
	if bytes.Count(first, []byte{';'}) > bytes.Count(first, []byte{','}) {
		in.Comma = ';'
	}
	in.ReuseRecord = true
	return in, nil
}

// add takes one row. With an error it returns the column at fault.
func (c *cardReader) add(cell func(string) string) (string, error) {
	key := priceKey{strings.ReplaceAll(cell("market"), " and ", " & "), normalCategory(cell("category"))}
	if key.market == "" {
		return "market", errors.New("is empty")
	}
	if key.category == "" {
		return "category", errors.New("is empty")
	}
	currency, amount := cell("currency"), cell("price")
	if !isCurrency(currency) {
		return "currency", fmt.Errorf("%q is no ISO 4217 code, such as USD", clip(currency, 16))
	}
	price, err := ParseMoney(amount, currency)
	switch {
	case err != nil && strings.Contains(amount, ","):
		return "price", fmt.Errorf("%q has a decimal comma; write it with a decimal point, as %q",
			clip(amount, 32), clip(strings.ReplaceAll(amount, ",", "."), 32))
	case err != nil:
		return "price", fmt.Errorf("%q is no decimal amount with at most six digits after the point", clip(amount, 32))
	case price.Micros < 0:
		return "price", errors.New("is negative")
	}
	from, err := ratecard.ParseDay(cell("effective_from"))
	if err != nil {
		return "effective_from", err
	}
	card := from
	if text := cell("card"); text != "" {
		if card, err = ratecard.ParseDay(text); err != nil {
			return "card", err
		}
	}
	band := tier{micros: price.Micros, source: c.source(strings.Clone(cell("source")))}
	if band.from, err = ordinal(cell("from_message")); err != nil {
		return "from_message", err
	}
	if band.to, err = ordinal(cell("to_message")); err != nil {
		return "to_message", err
	}
	if band.to != 0 && band.to < band.from {
		return "to_message", fmt.Errorf("%d is before from_message %d", band.to, band.from)
	}
	key = priceKey{strings.Clone(key.market), strings.Clone(key.category)}
	banded := cell("from_message") != "" || band.to != 0
	if banded {
		band.from = max(band.from, 1) // Meta counts from 0, people from 1
		place := tierPlace{strings.Clone(currency), key, from}
		c.tiers[place] = append(c.tiers[place], band)
		if band.from > 1 {
			return "", nil
		}
	}
	return "price", c.list(strings.Clone(currency), key, listed{from: from, card: card, micros: price.Micros, source: band.source}, banded)
}

// list enters a list price. That of a first tier repeats the card's.
func (c *cardReader) list(currency string, key priceKey, p listed, banded bool) error {
	rates := c.all[currency]
	if rates == nil {
		rates = &Rates{currency: currency, prices: map[priceKey][]listed{}}
		c.all[currency] = rates
	}
	for i, other := range rates.prices[key] {
		switch {
		case other.from != p.from:
		case other.micros != p.micros, banded == other.banded:
			return fmt.Errorf("%s in %s has two prices from %s on", key.category, key.market, p.from)
		default:
			if !banded {
				rates.prices[key][i] = p
			}
			return nil
		}
	}
	p.banded = banded
	rates.prices[key] = append(rates.prices[key], p)
	return nil
}

// ordinal reads a count of messages; empty is 0.
func ordinal(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 48)
	if err != nil {
		return 0, fmt.Errorf("%q is no count of messages in plain digits", clip(text, 32))
	}
	return int(n), nil
}

// attach gives tiers to their list price, if they leave no hole.
func (c *cardReader) attach(place tierPlace, tiers []tier) error {
	where := fmt.Sprintf("the volume tiers of %s in %s from %s on", place.category, place.market, place.from)
	slices.SortFunc(tiers, func(a, b tier) int { return cmp.Compare(a.from, b.from) })
	for i := range tiers {
		last := i == len(tiers)-1
		switch {
		case last && tiers[i].to != 0:
			return fmt.Errorf("%s end at message %d; the last to_message is empty", where, tiers[i].to)
		case last:
		case tiers[i].to == 0:
			tiers[i].to = tiers[i+1].from - 1
		case tiers[i].to != tiers[i+1].from-1:
			return fmt.Errorf("%s go to message %d, but the next begins at %d", where, tiers[i].to, tiers[i+1].from)
		}
		if !last && tiers[i].from == tiers[i+1].from {
			return fmt.Errorf("%s have two that begin at message %d", where, tiers[i].from)
		}
	}
	var prices []listed
	if rates := c.all[place.currency]; rates != nil {
		prices = rates.prices[place.priceKey]
	}
	for i := range prices {
		if p := &prices[i]; p.from == place.from {
			if tiers[0].from > 1 {
				tiers = slices.Insert(tiers, 0, tier{1, tiers[0].from - 1, p.micros, p.source})
			}
			p.tiers = tiers
			return nil
		}
	}
	return fmt.Errorf("%s have no list price", where)
}
