package ledger

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

const benchContacts, benchBlock = 1_000_000, 400_000

// state is what a prototype keeps that knows neither facts nor duplicates.
type state struct {
	lastIn, opened, expires int64
	units                   int32
	category                uint32
	_                       [16]byte // a free entry point, free units and a month, which it would have too
}

func (s *state) step(at int64, in bool) {
	if in {
		s.lastIn = at
		return
	}
	if at >= s.expires {
		s.opened, s.expires = at, at+day
		s.units++
		if at >= s.lastIn+day {
			s.category = 1
		}
	}
}

// Linking a fact to its contact and appending it to the journal, as Enter does,
// beside a slice of states by interned contact. The contacts are a million, chosen
// at random, so that caches don't help. Each round begins with an empty journal.
func BenchmarkBillingInterned(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	dense, ids := make([]state, benchContacts), make([]uint32, benchBlock)
	e := New([]*Terms{{Eras: make([]Era, 1)}})
	for i := range benchContacts {
		e.intern("A", 0, Contact(1_000_000_000+i), "")
	}
	batch := make([]Entry, enterBatch)
	timed := func(work func()) float64 {
		start := time.Now()
		work()
		return float64(time.Since(start))
	}
	var ratios []float64
	for b.Loop() {
		b.StopTimer()
		for i := range ids {
			ids[i] = random.Uint32N(benchContacts)
		}
		e.journal = chunks[Fact]{}
		for i := range uint32(benchContacts) {
			*e.heads.at(i) = 0
		}
		runtime.GC()
		b.StartTimer()
		floor := timed(func() {
			for i, id := range ids {
				dense[id].step(int64(i), i%3 == 0)
			}
		})
		ratios = append(ratios, timed(func() {
			for i, id := range ids {
				in := &batch[i%enterBatch]
				in.thread, in.At, in.Kind = id, int64(i), Kind(i%3)
				if i%enterBatch == enterBatch-1 {
					e.noteAll(batch)
				}
			}
		})/floor)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-billing-interned")
}
