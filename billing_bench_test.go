package chatapi

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// BenchmarkBillingStep compares the ledger with a prototype: a map from contacts
// to small states, without facts and without a check for duplicates. The
// activities pick their contacts at random from a million, so that caches don't
// help. A benchmark of internal/ledger compares the engine with a slice of
// states.

const benchContacts, benchBlock = 1_000_000, 400_000

type protoState struct {
	lastIn, opened, expires int64
	units                   int32
	category                uint32
	_                       [16]byte // stands for the free entry point, the free units and the month of a whole prototype
}

func (s *protoState) step(at int64, in bool) {
	if in {
		s.lastIn = at
		return
	}
	if at >= s.expires {
		s.opened, s.expires = at, at+int64(day24)
		s.units++
		if at >= s.lastIn+int64(day24) {
			s.category = 1
		}
	}
}

func benchActivities(random *rand.Rand) []Activity {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	all := make([]Activity, benchBlock)
	kinds := []ActivityKind{ActivityInbound, ActivityOutbound, ActivityDelivered}
	for i := range all {
		contact := random.Uint32N(benchContacts)
		all[i] = Activity{Kind: kinds[i%3], At: start.Add(time.Duration(i) * time.Second), Channel: "A",
			Contact: Contact{Phone: benchPhone(contact)}, MessageID: fmt.Sprintf("wamid.%016X", random.Uint64())}
	}
	return all
}

func benchPhone(id uint32) string { return fmt.Sprintf("1202%07d", id) }

// benchLedger returns a ledger that knows the contacts and has no facts.
func benchLedger(b *testing.B) *Ledger {
	b.Helper()
	l := NewLedger(Account{})
	for i := range uint32(benchContacts) {
		a := Activity{Kind: ActivityInbound, At: time.Unix(0, 0), Channel: "A", Contact: Contact{Phone: benchPhone(i)}}
		if err := l.Record(a); err != nil {
			b.Fatal(err)
		}
	}
	forget(l)
	return l
}

// forget compacts the ledger at an instant after all its facts.
func forget(l *Ledger) {
	l.engine.Compact([]int64{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()})
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// Each round begins with an empty journal, without garbage, and with a heap that
// has already grown, as after the first closed month: the prototype does not
// allocate either.
func BenchmarkBillingStep(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	byKey := make(map[string]*protoState, benchContacts)
	for i := range uint32(benchContacts) {
		byKey[benchPhone(i)] = &protoState{}
	}
	ledger := benchLedger(b)
	ratios := map[string][]float64{}
	against := func(floor float64, name string, work func()) {
		b.StopTimer()
		forget(ledger)
		runtime.GC()
		b.StartTimer()
		ratios[name] = append(ratios[name], timed(work)/floor)
	}
	for b.Loop() {
		b.StopTimer()
		all := benchActivities(random)
		runtime.GC()
		b.StartTimer()
		floor := timed(func() {
			for i := range all {
				byKey[all[i].Contact.Phone].step(all[i].At.UnixNano(), all[i].Kind == ActivityInbound)
			}
		})
		load := func() {
			if err := ledger.Load(each(all)); err != nil {
				b.Fatal(err)
			}
		}
		against(floor, "x-billing-string", load)
		procs := runtime.GOMAXPROCS(1)
		against(floor, "x-billing-string-one", load)
		runtime.GOMAXPROCS(procs)
		against(floor, "x-billing-record", func() {
			for i := range all {
				if err := ledger.Record(all[i]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, all := range ratios {
		b.ReportMetric(median(all), name)
	}
}

func timed(work func()) float64 {
	start := time.Now()
	work()
	return float64(time.Since(start))
}

func each(all []Activity) iter.Seq2[Activity, error] {
	return func(yield func(Activity, error) bool) {
		for i := range all {
			if !yield(all[i], nil) {
				return
			}
		}
	}
}

func heapInUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func BenchmarkBillingMemory(b *testing.B) {
	october := time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)
	const contacts = 200_000
	for b.Loop() {
		before := heapInUse()
		ledger := NewLedger(Account{})
		for i := range uint32(contacts) {
			a := Activity{Kind: ActivityInbound, At: october, Channel: "A", Contact: Contact{Phone: benchPhone(i)}, MessageID: fmt.Sprintf("wamid.%016X", i)}
			for _, kind := range []ActivityKind{ActivityInbound, ActivityOutbound, ActivityDelivered} {
				if a.Kind = kind; kind == ActivityOutbound {
					a.MessageID += "B"
				}
				if err := ledger.Record(a); err != nil {
					b.Fatal(err)
				}
			}
		}
		open := heapInUse() - before
		for _, month := range []time.Month{time.October, time.November} {
			if _, err := ledger.Close(Month(2026, month)); err != nil {
				b.Fatal(err)
			}
		}
		folded := heapInUse() - before
		runtime.KeepAlive(ledger)
		b.ReportMetric(folded/contacts, "x-billing-memory")
		b.ReportMetric((open-folded)/(3*contacts), "x-billing-fact-memory")
	}
}

// linkedContact returns the contact of a customer who does not hide the number.
func linkedContact(id uint32) Contact {
	return Contact{Phone: benchPhone(id), BSUID: fmt.Sprintf("US.%020d", uint64(id)*7919)}
}

// BenchmarkBillingLinkedMemory is the memory of a person with a number, a BSUID and
// their link, once the months are folded. Sends name the number alone.
func BenchmarkBillingLinkedMemory(b *testing.B) {
	october := time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)
	const contacts = 200_000
	for b.Loop() {
		before := heapInUse()
		ledger := NewLedger(Account{})
		for i := range uint32(contacts) {
			both, id := linkedContact(i), fmt.Sprintf("wamid.%016X", i)
			for _, a := range []Activity{
				{Kind: ActivityInbound, At: october, Channel: "A", Contact: both, MessageID: id},
				{Kind: ActivityOutbound, At: october, Channel: "A", Contact: Contact{Phone: both.Phone}, MessageID: id + "B"},
				{Kind: ActivityDelivered, At: october, Channel: "A", Contact: both, MessageID: id + "B"},
			} {
				if err := ledger.Record(a); err != nil {
					b.Fatal(err)
				}
			}
		}
		for _, month := range []time.Month{time.October, time.November} {
			if _, err := ledger.Close(Month(2026, month)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((heapInUse()-before)/contacts, "x-billing-linked-memory")
		runtime.KeepAlive(ledger)
	}
}

// BenchmarkBillingLoadLinked compares Load of messages that all name a number and a
// BSUID with the floor of BenchmarkBillingStep.
func BenchmarkBillingLoadLinked(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	byKey := make(map[string]*protoState, benchContacts)
	for i := range uint32(benchContacts) {
		byKey[benchPhone(i)] = &protoState{}
	}
	ledger := benchLedger(b)
	var ratios []float64
	for b.Loop() {
		b.StopTimer()
		all := benchActivities(random)
		for i := range all {
			all[i].Contact.BSUID = "US.1000" + all[i].Contact.Phone
		}
		forget(ledger)
		runtime.GC()
		b.StartTimer()
		floor := timed(func() {
			for i := range all {
				byKey[all[i].Contact.Phone].step(all[i].At.UnixNano(), all[i].Kind == ActivityInbound)
			}
		})
		ratios = append(ratios, timed(func() {
			if err := ledger.Load(each(all)); err != nil {
				b.Fatal(err)
			}
		})/floor)
	}
	b.ReportMetric(median(ratios), "x-billing-load-linked")
}

// BenchmarkQuoteAll compares a quote for a campaign to 100,000 people with the
// bill of the same messages. The quote must not be slower.
func BenchmarkQuoteAll(b *testing.B) {
	const recipients = 100_000
	now := time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
	empty, full := NewLedger(Account{}), NewLedger(Account{})
	for i := range uint32(recipients) {
		for _, kind := range []ActivityKind{ActivityOutbound, ActivityDelivered} {
			if err := full.Record(Activity{Kind: kind, At: now, Channel: "A", Contact: Contact{Phone: benchPhone(i)}, MessageID: fmt.Sprintf("wamid.%016X", i)}); err != nil {
				b.Fatal(err)
			}
		}
	}
	var ratios, single []float64
	for b.Loop() {
		start := time.Now()
		if _, err := full.Bill(Month(2026, time.November)); err != nil {
			b.Fatal(err)
		}
		floor := time.Since(start)
		start = time.Now()
		if _, err := full.Quote(now.Add(time.Hour), "A", Phone(benchPhone(1)), Text{Body: "hi"}); err != nil { // the free tier decides the cost
			b.Fatal(err)
		}
		single = append(single, float64(time.Since(start))/float64(floor))
		start = time.Now()
		_, err := empty.QuoteAll(now, "A", func(yield func(Recipient, Message) bool) {
			for i := range uint32(recipients) {
				if !yield(Phone(benchPhone(i)), Text{Body: "hi"}) {
					return
				}
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		ratios = append(ratios, float64(time.Since(start))/float64(floor))
	}
	b.ReportMetric(median(ratios), "x-quote-all")
	b.ReportMetric(median(single), "x-quote-tier")
}
