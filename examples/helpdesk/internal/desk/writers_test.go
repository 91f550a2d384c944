package desk_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// writersTime is for how long eight programs write; HELPDESK_WRITERS makes it longer.
func writersTime(t *testing.T) time.Duration {
	text := os.Getenv("HELPDESK_WRITERS")
	if text == "" {
		return 10 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// Eight programs write to the same people and requests on PostgreSQL at once. None waits for
// another in a circle, no message is lost or doubled, and the journal has no gap.
func TestEightWritersAtOnce(t *testing.T) {
	const writers, people = 8, 30
	address := database(t)
	o := officeOn(t, postgres(t, address))
	for n := range people {
		o.applies(says(n, chatapi.Contact{Phone: fmt.Sprintf("12025550%03d", n), Name: "P"}, fmt.Sprint("first ", n), "hello"))
	}
	ctx, until := t.Context(), time.Now().Add(writersTime(t))
	deadlocks := o.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
	var written atomic.Int64
	var running sync.WaitGroup
	for w := range writers {
		other := officeOf(t, o, address)
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			// Several at once, so that a transaction has the functions of many.
			var inner sync.WaitGroup
			for range 4 {
				seed := random.Uint64()
				inner.Go(func() {
					mine := rand.New(rand.NewPCG(seed, 2))
					for n := 0; time.Now().Before(until); n++ {
						who := mine.IntN(people)
						c := chatapi.Contact{Phone: fmt.Sprintf("12025550%03d", who), Name: fmt.Sprint("P", n%3)}
						id := fmt.Sprint(w, "/", seed, "/", n)
						if !assert.NoError(t, other.Apply(ctx, says(100+n, c, id, "more"))) {
							return
						}
						assert.NoError(t, other.Apply(ctx, reacts(100+n, c, id+"r", fmt.Sprint("first ", mine.IntN(people)), "👍")))
						v := &desk.View{Desk: other.Desk, Agent: o.max, Admin: true}
						assert.NoError(t, v.AddNote(ctx, int64(1+mine.IntN(people)), "note"))
						written.Add(1)
					}
				})
			}
			inner.Wait()
		})
	}
	running.Wait()
	sum := people + written.Load()
	assert.Equal(t, sum, o.number("SELECT count(*) FROM desk_message WHERE direction = 'in'"))
	assert.EqualValues(t, people, o.number("SELECT count(*) FROM desk_request"))
	assert.Equal(t, o.number("SELECT n FROM desk_counter"), o.number("SELECT count(*) FROM desk_change"))
	t.Logf("%d messages and as many reactions and notes", sum)
	assert.Eventually(t, func() bool { // the server counts a moment later
		return o.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'") <= 1
	}, 10*time.Second, 100*time.Millisecond)
	time.Sleep(1500 * time.Millisecond)
	assert.Equal(t, deadlocks, o.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "40P01")
}

// officeOf returns another program's hold of an office.
func officeOf(t *testing.T, o *office, address string) *office {
	t.Helper()
	other := deskOn(t, postgres(t, address))
	other.sales, other.support, other.channel, other.max = o.sales, o.support, o.channel, o.max
	return other
}
