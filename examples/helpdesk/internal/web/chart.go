package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// chart is a drawing of the costs of each day, stacked by category, in one currency. Its
// numbers are those of the table below it.
type chart struct {
	desk.DailyCosts
	Legend []series
	Lines  []gridLine
	Bars   []bar
	Days   []dayLabel
	Width  int
}

// series is a category of a chart, with the class that gives its colour.
type series struct {
	Name, Class string
	Sum         chatapi.Money
}

type gridLine struct{ Y, Text string }

type dayLabel struct {
	X   string
	Day int
}

type bar struct{ X, Y, Width, Height, Class, Title string }

// The sizes of a chart, in units of its own.
const (
	chartHeight = 200
	dayWidth    = 26
	axisWidth   = 62
)

// chartOf draws the costs of a month.
func chartOf(d desk.DailyCosts, month chatapi.YearMonth) chart {
	c := chart{DailyCosts: d, Width: axisWidth + len(d.Days)*dayWidth}
	for i, name := range d.Categories {
		c.Legend = append(c.Legend, series{name, class(i), d.Sums[i]})
	}
	most := int64(1)
	for _, day := range d.Days {
		most = max(most, day.Sum.Micros)
	}
	top := roundTop(most)
	texts := amounts(top / 4)
	for quarter, text := range texts {
		c.Lines = append(c.Lines, gridLine{pixels(chartHeight - scale(top/4*int64(quarter), top)), text})
	}
	for i, day := range d.Days {
		x, y := float64(axisWidth+i*dayWidth), float64(chartHeight)
		if day.Day == 1 || day.Day%5 == 0 {
			c.Days = append(c.Days, dayLabel{pixels(x + dayWidth/2), day.Day})
		}
		for n, cost := range day.Costs {
			if cost.Micros == 0 {
				continue
			}
			height := scale(cost.Micros, top)
			y -= height
			c.Bars = append(c.Bars, bar{pixels(x + 3), pixels(y), pixels(dayWidth - 6), pixels(height), class(n),
				fmt.Sprintf("%d %s, %s: %s", day.Day, month.Month, d.Categories[n], cost)})
		}
	}
	return c
}

// amounts returns the first five multiples of a step, with equally many decimals.
func amounts(step int64) (texts []string) {
	for n := range int64(5) {
		texts = append(texts, chatapi.Money{Micros: step * n}.Decimal())
	}
	longest := slices.MaxFunc(texts, func(a, b string) int { return cmp.Compare(decimals(a), decimals(b)) })
	for n, text := range texts {
		texts[n] = text + strings.Repeat("0", decimals(longest)-decimals(text))
	}
	return texts
}

func decimals(amount string) int { return len(amount) - strings.IndexByte(amount, '.') }

// roundTop returns the least round amount that is at least micros. Its quarters, at the
// lines of the grid, are round too.
func roundTop(micros int64) int64 {
	for unit := int64(100); unit < math.MaxInt64/360; unit *= 10 {
		for _, n := range []int64{4, 8, 12, 16, 20, 24, 28, 32, 36} {
			if n*unit >= micros {
				return n * unit
			}
		}
	}
	return math.MaxInt64
}

func scale(micros, top int64) float64 { return float64(micros) / float64(top) * chartHeight }

func pixels(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// class returns the class of a series, which gives its colour. There are six.
func class(n int) string { return fmt.Sprintf("c%d", n%6) }

// gauge is a bar that shows how much of a free tier is used.
type gauge struct {
	desk.Gauge
	Width, Class, Words string
}

const gaugeWidth = 600

func gaugeOf(g desk.Gauge) gauge {
	share := float64(min(g.Used, g.Of)) / float64(g.Of)
	one := gauge{Gauge: g, Width: pixels(share * gaugeWidth), Class: "c1", Words: desk.Thousands(g.Used) + " of " + desk.Thousands(g.Of)}
	switch {
	case g.Used >= g.Of:
		one.Class, one.Words = "full", one.Words+", used up: the next ones are charged"
	case share > 0.8:
		one.Class, one.Words = "full", one.Words+", "+desk.Thousands(g.Of-g.Used)+" left"
	}
	return one
}
