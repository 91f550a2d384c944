package main

import (
	"bufio"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// generate writes n made-up events of some months up to October 2026: customers who
// write and are answered, templates, some ads and failures, and repeated statuses.
// The same seed gives the same file.
func generate(w io.Writer, n, months int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0))
	out := bufio.NewWriterSize(w, 1<<20)
	g := &generator{out: out, left: n}
	// The product of two random numbers, below, makes a few customers write a lot.
	customers := max(1, n/10)
	first := time.Date(2026, time.November-time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	span := time.Date(2026, time.October, 31, 0, 0, 0, 0, time.UTC).Sub(first)
	// National numbers that begin with zeros, which nobody has.
	countries := []string{"1202000", "55000", "91000", "49000", "27000", "52000"}
	for thread := 0; g.left > 0; thread++ {
		customer := int(float64(customers) * random.Float64() * random.Float64())
		g.contact = countries[customer%len(countries)] + strconv.Itoa(1_000_000+customer)
		g.channel = "ABC" + strconv.Itoa(1+customer%3)
		at := first.Add(time.Duration(random.Int64N(int64(span)))).Truncate(time.Second)
		category := ""
		switch draw := random.IntN(10); {
		case draw < 4:
			entry := ""
			if draw == 0 && random.IntN(3) == 0 {
				entry = "ad"
			}
			g.line("inbound", at, "", "", entry)
			at = at.Add(time.Minute * time.Duration(1+random.IntN(90)))
		case draw < 7:
			category = "utility"
		case draw < 9:
			category = "marketing"
		default:
			category = "authentication"
		}
		id := "m" + strconv.Itoa(thread)
		g.line("outbound", at, id, category, "")
		if random.IntN(40) == 0 {
			g.line("failed", at.Add(time.Second), id, "", "")
			continue
		}
		delivered := at.Add(time.Second * time.Duration(1+random.IntN(600)))
		g.line("delivered", delivered, id, "", "")
		if random.IntN(3) > 0 {
			g.line("read", delivered.Add(time.Minute), id, "", "")
		}
		if random.IntN(20) == 0 {
			g.line("delivered", delivered, id, "", "")
		}
	}
	return out.Flush()
}

type generator struct {
	out              *bufio.Writer
	text             []byte
	left             int
	channel, contact string
}

// line writes one event, unless all have been written.
func (g *generator) line(kind string, at time.Time, message, category, entry string) {
	if g.left--; g.left < 0 {
		return
	}
	b := append(g.text[:0], `{"kind":"`...)
	b = append(b, kind...)
	b = append(b, `","at":"`...)
	b = at.AppendFormat(b, time.RFC3339)
	for _, member := range [][2]string{{"channel", g.channel}, {"contact", "phone:" + g.contact}, {"message", message},
		{"category", category}, {"entry_point", entry}} {
		if member[1] != "" {
			b = append(b, `","`...)
			b = append(b, member[0]...)
			b = append(b, `":"`...)
			b = append(b, member[1]...)
		}
	}
	g.text = append(b, "\"}\n"...)
	_, _ = g.out.Write(g.text) // Flush returns the error
}
