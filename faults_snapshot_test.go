package chatapi_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/internal/ledger"
)

// hostileSnapshot is a kind of snapshot that has one part many times. Its sum is
// right, as that of a snapshot which somebody made.
type hostileSnapshot struct {
	name string
	head func(*ledger.Encoder)
	part func(w *ledger.Encoder, i int)
	tail func(*ledger.Encoder)
}

// sized returns a snapshot of at least that many bytes.
func (s hostileSnapshot) sized(t *testing.T, size int) []byte {
	t.Helper()
	count := func(n int) []byte {
		var out bytes.Buffer
		w := ledger.NewEncoder(&out)
		w.Uint(1) // an account without a closed month
		w.Text("")
		w.Int(ledger.Never)
		w.Text("")
		s.head(w)
		w.Uint(uint64(n))
		for i := range n {
			s.part(w, i)
			w.Flush()
		}
		s.tail(w)
		require.NoError(t, w.Close())
		return out.Bytes()
	}
	one := len(count(10_000)) / 10_000
	return count(size / max(1, one))
}

func uints(all ...uint64) func(*ledger.Encoder) {
	return func(w *ledger.Encoder) {
		for _, n := range all {
			w.Uint(n)
		}
	}
}

// hostileSnapshots are the lists of a snapshot, each with the shortest elements.
func hostileSnapshots() []hostileSnapshot {
	month := func(w *ledger.Encoder, lists ...uint64) {
		w.Uint(1)
		w.Int(2026)
		w.Int(10)
		uints(lists...)(w)
	}
	zeros := func(n int) func(*ledger.Encoder, int) {
		return func(w *ledger.Encoder, _ int) { uints(make([]uint64, n)...)(w) }
	}
	end := uints(0, 0, 0, 0) // closed months, facts, links, and the latest instant
	facts := func(w *ledger.Encoder) {
		uints(0, 1)(w)
		w.Text("ABC1")
		w.Uint(1)
		w.Text("phone:12025550143")
		w.Int(ledger.Never)
	}
	carried := func(w *ledger.Encoder) { facts(w); uints(0, 0, 1, 0)(w) }
	return []hostileSnapshot{
		{"totals of a closed month", func(w *ledger.Encoder) { month(w) }, zeros(2), uints(0, 0, 0, 0, 0, 0)},
		{"gaps of a closed month", func(w *ledger.Encoder) { month(w, 0) }, zeros(6), uints(0, 0, 0, 0, 0)},
		{"late facts of a closed month", func(w *ledger.Encoder) { month(w, 0, 0) }, zeros(7), end},
		{"carried windows", carried, zeros(2), end},
		{"carried conversations", func(w *ledger.Encoder) { carried(w); w.Uint(0) }, zeros(6), uints(0, 0, 0)},
		{"messages of a customer", facts, func(w *ledger.Encoder, i int) {
			w.Text("")
			w.Uint(uint64(ledger.RankTold))
			w.Int(int64(i))
			w.Text("")
			w.Uint(0)
		}, uints(0, 0, 0, 0, 0)},
		{"messages of the business", func(w *ledger.Encoder) { facts(w); w.Uint(0) }, func(w *ledger.Encoder, i int) {
			w.Text(string([]byte{byte(i >> 16), byte(i >> 8), byte(i)}))
			uints(uint64(ledger.RankTold), 0, uint64(ledger.RankTold), 0, uint64(ledger.RankTold), 0, 0, 0, 0, 0)(w)
		}, uints(0, 0, 0, 0)},
	}
}

// Reading a snapshot of any shape takes at most 60 bytes of memory for each of its
// bytes, or 64 MiB, and time that grows with its length.
func TestASnapshotOfAnyShapeIsBounded(t *testing.T) {
	for _, s := range hostileSnapshots() {
		restore := func(snapshot []byte) {
			_, _ = chatapi.RestoreLedger(bytes.NewReader(snapshot), chatapi.Account{})
		}
		if raceDetector { // looks for races only
			restore(s.sized(t, 64<<10))
			continue
		}
		small, large := s.sized(t, 1<<19), s.sized(t, 1<<21)
		for _, snapshot := range [][]byte{small, s.sized(t, 64<<20/60), large} {
			took := allocated(func() { restore(snapshot) })
			assert.LessOrEqual(t, took, uint64(max(60*len(snapshot), 64<<20)), "%s: the bytes that %d bytes take", s.name, len(snapshot))
		}
		short, long := time.Hour, time.Hour
		for round := 0; round < 10 && (round == 0 || long >= 8*short); round++ {
			short, long = min(short, timeTaken(restore, small, 4)/4), min(long, timeTaken(restore, large, 1))
		}
		assert.Less(t, long, 8*short, "%s: four times the size takes eight times as long", s.name)
	}
}

// A shape whose elements take more than the bound is refused, and what a ledger
// writes is read whatever its length.
func TestASnapshotThatTakesTooMuchIsRefused(t *testing.T) {
	for _, s := range hostileSnapshots() {
		_, err := chatapi.RestoreLedger(bytes.NewReader(s.sized(t, 1<<12)), chatapi.Account{})
		assert.NoError(t, err, "%s: a short one is read", s.name)
		if s.name != "late facts of a closed month" {
			continue
		}
		_, err = chatapi.RestoreLedger(bytes.NewReader(s.sized(t, 1<<22)), chatapi.Account{})
		require.ErrorIs(t, err, chatapi.ErrSnapshot)
		assert.ErrorContains(t, err, "more than 60 bytes of memory for each of its bytes")
	}
	account := chatapi.Account{ID: "waba1"}
	big := chatapi.NewLedger(account)
	require.NoError(t, big.Load(func(yield func(chatapi.Activity, error) bool) {
		for i := range 50_000 {
			a := wrote(noon.Add(time.Duration(i)*time.Second), customerA)
			if !yield(a, nil) {
				return
			}
		}
	}))
	_, err := big.Close(nov2026)
	require.NoError(t, err)
	assert.Equal(t, snapshotOf(t, big), snapshotOf(t, restored(t, big, account)))
}

// A wrong count of elements costs no memory, wherever the snapshot ends.
func TestACountWithoutElementsCostsNothing(t *testing.T) {
	for _, s := range hostileSnapshots() {
		var out bytes.Buffer
		w := ledger.NewEncoder(&out)
		w.Uint(1)
		w.Text("")
		w.Int(ledger.Never)
		w.Text("")
		s.head(w)
		w.Uint(1 << 62)
		require.NoError(t, w.Close())
		var err error
		took := allocated(func() { _, err = chatapi.RestoreLedger(io.LimitReader(&out, int64(out.Len())), chatapi.Account{}) })
		require.ErrorIs(t, err, chatapi.ErrSnapshot, s.name)
		assert.Less(t, took, uint64(1<<20), s.name)
	}
}
