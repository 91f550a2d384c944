package ratecard

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
)

// Read reads rate cards and volume tiers from CSV files and returns the lists by
// currency. The doc comment of chatapi.ReadRates has the columns. The error names
// the line and the column, and the file if there are several.
func Read(files ...io.Reader) (map[string]*List, error) {
	return read(func(text string) Source { return Source{Text: text} }, files...)
}

// reader gathers the prices of several files and currencies.
type reader struct {
	source func(string) Source
	lists  map[string]*List
	tiers  map[tierPlace][]Tier
}

// tierPlace identifies the list price of tiers.
type tierPlace struct {
	currency string
	place
	from Day
}

func (a tierPlace) compare(b tierPlace) int {
	return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.market, b.market),
		cmp.Compare(a.category, b.category), cmp.Compare(a.from, b.from))
}

// read reads the files. The source function explains the text of a source column.
func read(source func(string) Source, files ...io.Reader) (map[string]*List, error) {
	r := &reader{source: source, lists: map[string]*List{}, tiers: map[tierPlace][]Tier{}}
	for i, file := range files {
		if err := r.file(file); err != nil {
			if len(files) > 1 {
				err = fmt.Errorf("file %d: %w", i+1, err)
			}
			return nil, err
		}
	}
	for _, place := range slices.SortedFunc(maps.Keys(r.tiers), tierPlace.compare) {
		if err := r.attach(place, r.tiers[place]); err != nil {
			return nil, err
		}
	}
	for _, list := range r.lists {
		days := map[Day]bool{}
		for _, prices := range list.prices {
			slices.SortFunc(prices, func(a, b Price) int { return cmp.Compare(a.From, b.From) })
			for _, p := range prices {
				days[p.Card] = true
			}
		}
		list.cards = slices.Sorted(maps.Keys(days))
	}
	return r.lists, nil
}

// columns are the allowed names in a header. The first five are required.
var columns = []string{"market", "category", "currency", "price", "effective_from", "from_message", "to_message", "card", "source"}

// file adds the prices of one file.
func (r *reader) file(file io.Reader) error {
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
		if _, twice := column[name]; twice && slices.Contains(columns, name) {
			return fmt.Errorf("line 1: column %s is there twice", name)
		}
		column[name] = i
	}
	for _, name := range columns[:5] {
		if _, ok := column[name]; !ok {
			return fmt.Errorf("line 1: the column %s is missing; name the columns %s", name, strings.Join(columns[:5], ", "))
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
		if name, err := r.add(cell); err != nil {
			line, col := in.FieldPos(column[name])
			return fmt.Errorf("line %d, column %d (%s): %w", line, col, name, err)
		}
	}
}

// openCSV skips a byte order mark and takes the separator from the first line.
func openCSV(file io.Reader) (*csv.Reader, error) {
	text := bufio.NewReader(file)
	start, err := text.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(start) == "\ufeff" {
		_, _ = text.Discard(len(start)) // cannot fail, since the buffer has these bytes
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

// add adds the price of one row. With an error it returns the column at fault.
func (r *reader) add(cell func(string) string) (string, error) {
	at := place{strings.ReplaceAll(cell("market"), " and ", " & "), Category(cell("category"))}
	if at.market == "" {
		return "market", errors.New("is empty")
	}
	if at.category == "" {
		return "category", errors.New("is empty")
	}
	currency, amount := cell("currency"), cell("price")
	if !IsCurrency(currency) {
		return "currency", fmt.Errorf("%q is no ISO 4217 code, such as USD", clip(currency, 16))
	}
	micros, ok := ParseAmount(amount)
	switch {
	case !ok && strings.Contains(amount, ","):
		return "price", fmt.Errorf("%q has a decimal comma; write it with a decimal point, as %q",
			clip(amount, 32), clip(strings.ReplaceAll(amount, ",", "."), 32))
	case !ok:
		return "price", fmt.Errorf("%q is no decimal amount with at most six digits after the point", clip(amount, 32))
	case micros < 0:
		return "price", errors.New("is negative")
	}
	from, err := ParseDay(cell("effective_from"))
	if err != nil {
		return "effective_from", err
	}
	card := from
	if text := cell("card"); text != "" {
		if card, err = ParseDay(text); err != nil {
			return "card", err
		}
	}
	band := Tier{Micros: micros, Source: r.source(strings.Clone(cell("source")))}
	if band.From, err = ordinal(cell("from_message")); err != nil {
		return "from_message", err
	}
	if band.To, err = ordinal(cell("to_message")); err != nil {
		return "to_message", err
	}
	if band.To != 0 && band.To < band.From {
		return "to_message", fmt.Errorf("%d is before from_message %d", band.To, band.From)
	}
	at = place{strings.Clone(at.market), strings.Clone(at.category)}
	banded := cell("from_message") != "" || band.To != 0
	if banded {
		band.From = max(band.From, 1) // Meta counts from 0, a Tier from 1
		list := tierPlace{strings.Clone(currency), at, from}
		r.tiers[list] = append(r.tiers[list], band)
		if band.From > 1 {
			return "", nil
		}
	}
	return "price", r.enter(strings.Clone(currency), at, Price{From: from, Card: card, Micros: micros, Source: band.Source, banded: banded})
}

// enter adds a list price. A card and the first of its tiers may state the same
// price.
func (r *reader) enter(currency string, at place, p Price) error {
	list := r.lists[currency]
	if list == nil {
		list = &List{Currency: currency, prices: map[place][]Price{}}
		r.lists[currency] = list
	}
	for i, other := range list.prices[at] {
		switch {
		case other.From != p.From:
		case other.Micros != p.Micros, p.banded == other.banded:
			return fmt.Errorf("%s in %s has two prices from %s on", at.category, at.market, p.From)
		default:
			if !p.banded {
				list.prices[at][i] = p
			}
			return nil
		}
	}
	list.prices[at] = append(list.prices[at], p)
	return nil
}

// ordinal reads the number of a message; an empty text is 0.
func ordinal(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, min(48, strconv.IntSize-1))
	if err != nil {
		return 0, fmt.Errorf("%q is no count of messages in plain digits", clip(text, 32))
	}
	return int(n), nil
}

// attach adds tiers to their list price. It refuses tiers that leave a hole.
func (r *reader) attach(place tierPlace, tiers []Tier) error {
	where := fmt.Sprintf("the volume tiers of %s in %s from %s on", place.category, place.market, place.from)
	slices.SortFunc(tiers, func(a, b Tier) int { return cmp.Compare(a.From, b.From) })
	for i := range tiers {
		last := i == len(tiers)-1
		switch {
		case last && tiers[i].To != 0:
			return fmt.Errorf("%s end at message %d; the last to_message is empty", where, tiers[i].To)
		case last:
		case tiers[i].To == 0:
			tiers[i].To = tiers[i+1].From - 1
		case tiers[i].To != tiers[i+1].From-1:
			return fmt.Errorf("%s go to message %d, but the next begins at %d", where, tiers[i].To, tiers[i+1].From)
		}
		if !last && tiers[i].From == tiers[i+1].From {
			return fmt.Errorf("%s have two that begin at message %d", where, tiers[i].From)
		}
	}
	var prices []Price
	if list := r.lists[place.currency]; list != nil {
		prices = list.prices[place.place]
	}
	for i := range prices {
		if p := &prices[i]; p.From == place.from {
			if tiers[0].From > 1 {
				tiers = slices.Insert(tiers, 0, Tier{1, tiers[0].From - 1, p.Micros, p.Source})
			}
			p.Tiers = tiers
			return nil
		}
	}
	return fmt.Errorf("%s have no list price", where)
}

// ParseAmount reads a decimal amount such as "0.0325" as millionths, exactly. It
// refuses more than six digits after the point, more than twelve before it, and
// an exponent.
func ParseAmount(text string) (micros int64, ok bool) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if whole == "" || pointed && fraction == "" || len(fraction) > 6 || len(whole) > 12 {
		return 0, false
	}
	for _, r := range whole + fraction + strings.Repeat("0", 6-len(fraction)) {
		if r < '0' || r > '9' {
			return 0, false
		}
		micros = micros*10 + int64(r-'0') // at most 18 digits, which fit
	}
	if negative {
		micros = -micros
	}
	return micros, true
}

// IsCurrency reports whether code has the form of an ISO 4217 code, such as "USD".
func IsCurrency(code string) bool {
	if len(code) != 3 {
		return false
	}
	for _, r := range code {
		if r < 'A' || r > 'Z' {
			return false
		}
	}
	return true
}

// Category returns a category as rate cards write it. Webhooks write
// authentication-international with a hyphen; templates use capitals.
func Category(text string) string {
	switch text {
	case "", "marketing", "utility", "authentication", "service": // nearly every text is one of these
		return text
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return '_'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(text)))
}

// clip shortens a text for an error.
func clip(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit]) + "…"
}
