package ledger

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFullJournalTakesNothing(t *testing.T) {
	e := New([]*Terms{{Eras: make([]Era, 1), ClosedUntil: Never}})
	entry := Entry{Fact: Fact{At: 1, Kind: Inbound, Rank: RankTold}, Number: "A", Contact: Phone("12025550143")}
	e.journal.n = math.MaxUint32 - 1
	require.ErrorIs(t, e.Enter([]Entry{entry}), ErrFull)
	assert.Zero(t, e.Threads())
	e.journal.n = 0
	require.NoError(t, e.Enter([]Entry{entry}))
	assert.Equal(t, 1, e.Threads())
}

// A look-up tells phone numbers, other contacts and business numbers apart, also
// after the table of threads has grown.
func TestThreadsAreFoundAgain(t *testing.T) {
	e := New([]*Terms{{Eras: make([]Era, 1)}})
	numbers, threads := []string{"A", "B"}, map[uint32]bool{}
	keys := []string{"chat:x@g.us", "chat:y@g.us", "bsuid:US.1"}
	for i := range 1000 {
		keys = append(keys, fmt.Sprintf("phone:1202555%04d", i))
	}
	for round := range 2 {
		for _, number := range numbers {
			for _, key := range keys {
				contact, text := ContactOf(key)
				found, ok := e.Find(number, contact, text)
				require.Equal(t, round == 1, ok, key)
				thread := e.intern(number, 0, contact, text)
				if ok {
					require.Equal(t, thread, found, key)
				}
				threads[thread] = true
				require.Equal(t, &Pair{Thread: thread, Number: number, Contact: key}, e.pair(thread))
			}
		}
	}
	assert.Len(t, threads, len(numbers)*len(keys))
	assert.Equal(t, len(threads), e.Threads())
	first := slot{contact: *e.contacts.at(0), number: *e.owners.at(0)}
	assert.True(t, e.fits(&first, 0, 0, keys[0]))
	assert.False(t, e.fits(&first, 1, 0, keys[0]), "the slot belongs to another number")
	assert.False(t, e.fits(&first, 0, 0, keys[1]))
	_, ok := e.Find("C", Phone("12025550000"), "")
	assert.False(t, ok)
}
