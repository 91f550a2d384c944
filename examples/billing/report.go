package main

import (
	"cmp"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"words": words, "reason": reasonText, "plain": plain}).Parse(page))

// reportRows limits the charges listed on the page. The CSV has all of them.
const reportRows = 500

// report is the data of the page.
type report struct {
	Month    string
	Totals   []chatapi.Money
	Units    string
	Free     string
	Charged  string
	Missing  string
	Costs    []costChart
	Gauges   []gauge
	Reasons  []reason
	Gaps     []chatapi.Gap
	Volumes  []volume
	Charges  []chatapi.Charge
	Note     string // why there are no charges
	LeftOut  string
	Closed   bool
	Late     []chatapi.Late
	LateMore string
	Forecast *chatapi.Forecast
	Expected []expected
}

// volume is the number and cost of the messages charged at one volume tier.
type volume struct {
	Market, Category, From, Messages string
	Cost                             chatapi.Money
}

// expected is the forecast in one currency.
type expected struct {
	Total   chatapi.Money
	Between string
}

// costChart is the cost of each day by category, in one currency.
type costChart struct {
	Currency   string
	Categories []categoryCost
	Days       []dayCost
	Lines      []gridLine
	Width      int
}

type categoryCost struct {
	Name  string
	Class string
	Sum   chatapi.Money
}

type dayCost struct {
	Day   int
	Label bool
	X     string
	Mid   string
	Sum   chatapi.Money
	Costs []chatapi.Money // in the order of the categories
	Bars  []bar
}

type bar struct {
	X, Y, Width, Height, Class, Title string
}

type gridLine struct{ Y, Text string }

// gauge shows how much of a free tier is used.
type gauge struct {
	Name  string
	Used  string
	Of    string
	Width string
	Full  bool
}

// reason is a reason for free charges, with their number and share.
type reason struct {
	Text, Class, Count, Share, X, Width string
}

func writeReport(w io.Writer, result result) error {
	bill := result.Bill
	r := report{Month: bill.Month.String(), Note: "Nothing to charge", Totals: bill.Totals, Gaps: bill.Gaps, Closed: bill.Closed, Forecast: result.Forecast,
		Units: count(len(bill.Charges)), Charges: bill.Charges[:min(len(bill.Charges), reportRows)], Late: bill.Late[:min(len(bill.Late), reportRows)]}
	if n := len(bill.Late) - len(r.Late); n > 0 {
		r.LateMore = count(n)
	}
	if bill.Note != "" {
		r.Note = strings.ToUpper(bill.Note[:1]) + bill.Note[1:]
	}
	if f := result.Forecast; f != nil {
		for i, total := range f.Totals {
			e := expected{Total: total}
			if f.Low[i] != f.High[i] {
				e.Between = "between " + f.Low[i].Decimal() + " and " + f.High[i].Decimal()
			}
			r.Expected = append(r.Expected, e)
		}
	}
	if n := len(bill.Charges) - len(r.Charges); n > 0 {
		r.LeftOut = count(n)
	}
	free, missing := 0, 0
	for _, c := range bill.Charges {
		switch {
		case c.Free != "":
			free++
		case c.Missing:
			missing++
		}
	}
	r.Free, r.Charged = count(free), count(len(bill.Charges)-free-missing)
	if missing > 0 {
		r.Missing = count(missing)
	}
	for _, total := range bill.Totals {
		if total.Micros > 0 {
			r.Costs = append(r.Costs, costs(bill, total.Currency))
		}
	}
	r.Gauges, r.Volumes, r.Reasons = gauges(bill), volumes(bill), reasons(bill, free)
	return pageTemplate.Execute(w, r)
}

const (
	chartHeight = 220
	dayWidth    = 24
	axisWidth   = 64
)

// costs makes the chart of the costs in one currency.
func costs(bill *chatapi.Bill, currency string) costChart {
	sums := map[string]int64{}
	days := make([]map[string]int64, 32)
	for _, c := range bill.Charges {
		if c.Amount.Currency != currency || c.Amount.Micros == 0 {
			continue
		}
		day := c.At.Day()
		if days[day] == nil {
			days[day] = map[string]int64{}
		}
		days[day][c.Category] += c.Amount.Micros
		sums[c.Category] += c.Amount.Micros
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) })
	last := time.Date(bill.Month.Year, bill.Month.Month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	chart := costChart{Currency: currency, Width: axisWidth + last*dayWidth}
	for i, name := range names {
		chart.Categories = append(chart.Categories, categoryCost{words(name), class(i), chatapi.Money{Micros: sums[name], Currency: currency}})
	}
	var highest int64
	for _, day := range days {
		var sum int64
		for _, micros := range day {
			sum += micros
		}
		highest = max(highest, sum)
	}
	top := niceTop(highest)
	for i := range 5 {
		at := top / 4 * int64(i)
		chart.Lines = append(chart.Lines, gridLine{pixels(chartHeight - scale(at, top)), chatapi.Money{Micros: at}.Decimal()})
	}
	for day := 1; day <= last; day++ {
		x := float64(axisWidth + (day-1)*dayWidth)
		d := dayCost{Day: day, Label: day == 1 || day%5 == 0, X: pixels(x), Mid: pixels(x + dayWidth/2), Sum: chatapi.Money{Currency: currency}}
		y := float64(chartHeight)
		for i, name := range names {
			cost := chatapi.Money{Micros: days[day][name], Currency: currency}
			d.Costs = append(d.Costs, cost)
			d.Sum.Micros += cost.Micros
			if cost.Micros == 0 {
				continue
			}
			height := scale(cost.Micros, top)
			y -= height
			d.Bars = append(d.Bars, bar{pixels(x + 3), pixels(y), pixels(dayWidth - 6), pixels(height), class(i),
				fmt.Sprintf("%s %d, %s: %s", bill.Month.Month, day, words(name), cost)})
		}
		chart.Days = append(chart.Days, d)
	}
	return chart
}

// niceTop returns the least round amount that is at least micros. Its quarters, at
// the grid lines, are round too.
func niceTop(micros int64) int64 {
	for unit := int64(100); ; unit *= 10 {
		for _, n := range []int64{4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 32, 36} {
			if n > math.MaxInt64/unit {
				return math.MaxInt64
			}
			if n*unit >= micros {
				return n * unit
			}
		}
	}
}

func scale(micros, top int64) float64 { return float64(micros) / float64(top) * chartHeight }

func pixels(f float64) string { return fmt.Sprintf("%.1f", f) }

// class returns the class of the nth series, which sets its colour. There are six.
func class(n int) string { return fmt.Sprintf("c%d", n%6) }

// gauges returns the used part of each free tier: of each account and, since
// October 2026, of each number.
func gauges(bill *chatapi.Bill) []gauge {
	rules := map[chatapi.Model]chatapi.Rule{}
	for _, rule := range chatapi.PublishedRules("") {
		rules[rule.Model] = rule
	}
	type tier struct {
		name string
		of   int
	}
	used := map[tier]int{}
	for i := range bill.Charges { // by pointer, as there may be millions
		c := &bill.Charges[i]
		if c.Free != chatapi.FreeTier && c.Free != chatapi.FreeCustomerService {
			continue
		}
		rule := rules[c.Model]
		if rule.Free == 0 {
			continue
		}
		name := cmp.Or(c.Account, "account")
		if rule.Scope == chatapi.ScopeNumber {
			name = "number " + string(c.Channel)
		}
		used[tier{name, rule.Free}]++
	}
	var all []gauge
	for _, t := range slices.SortedFunc(maps.Keys(used), func(a, b tier) int { return cmp.Compare(a.name, b.name) }) {
		n := used[t]
		all = append(all, gauge{t.name, count(n), count(t.of), pixels(float64(min(n, t.of)) / float64(t.of) * 600), n >= t.of})
	}
	return all
}

// volumes returns the messages and costs of each volume tier below the list price.
func volumes(bill *chatapi.Bill) []volume {
	type tier struct {
		market, category, currency string
		from                       int
	}
	messages, cost := map[tier]int{}, map[tier]int64{}
	for i := range bill.Charges {
		if c := &bill.Charges[i]; c.Price.Tier > 0 {
			t := tier{c.Market, c.Category, c.Amount.Currency, c.Price.Tier}
			messages[t]++
			cost[t] += c.Amount.Micros
		}
	}
	var all []volume
	for _, t := range slices.SortedFunc(maps.Keys(messages), func(a, b tier) int {
		return cmp.Or(cmp.Compare(a.market, b.market), cmp.Compare(a.category, b.category), cmp.Compare(a.from, b.from), cmp.Compare(a.currency, b.currency))
	}) {
		all = append(all, volume{t.market, words(t.category), count(t.from), count(messages[t]), chatapi.Money{Micros: cost[t], Currency: t.currency}})
	}
	return all
}

var reasonWords = map[chatapi.FreeReason]string{
	chatapi.FreeEntryPoint:      "came from an ad",
	chatapi.FreeTier:            "free tier",
	chatapi.FreeService:         "service is free",
	chatapi.FreeCustomerService: "customer service",
	chatapi.FreeCareWindow:      "within 24 hours of the customer's message",
}

func reasonText(why chatapi.FreeReason) string { return cmp.Or(reasonWords[why], string(why)) }

// reasons returns the reasons of the free charges, the most frequent first.
func reasons(bill *chatapi.Bill, free int) []reason {
	counts := map[chatapi.FreeReason]int{}
	for _, c := range bill.Charges {
		if c.Free != "" {
			counts[c.Free]++
		}
	}
	var all []reason
	x := 0.0
	for i, why := range slices.SortedFunc(maps.Keys(counts), func(a, b chatapi.FreeReason) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		width := float64(counts[why]) / float64(free) * 600
		all = append(all, reason{reasonText(why), class(i), count(counts[why]), fmt.Sprintf("%.1f %%", width/6), pixels(x), pixels(width)})
		x += width
	}
	return all
}

func words(category string) string { return plain(strings.ReplaceAll(category, "_", " ")) }

// plain returns a text with what is not printable, such as a change of the direction
// of writing, as in Go source. Ids and names come from outside.
func plain(value any) string {
	text := fmt.Sprint(value)
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

// count formats a number with commas between thousands.
func count(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
