package ledger

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

const benchContacts, benchBlock = 1_000_000, 400_000

// state is the state of a contact in a prototype that keeps no facts and does not
// check for duplicates.
type state struct {
	lastIn, opened, expires int64
	units                   int32
	category                uint32
	_                       [16]byte // stands for the free entry point, the free units and the month of a whole prototype
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

// BenchmarkBillingInterned compares the work of Enter, which links a fact to its
// contact and appends it to the journal, with a slice of states by contact. It
// picks the contacts at random from a million, so that caches don't help. Each
// round begins with an empty journal.
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
