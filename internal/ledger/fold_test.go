package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

const (
	hour     = int64(time.Hour)
	day      = 24 * hour
	number   = "ABC1"
	customer = "phone:12025550143"
)

// newEngine returns an engine with one account and one era.
func newEngine(model string) (*ledger.Engine, *ledger.Terms) {
	terms := &ledger.Terms{Anchored: true, ClosedUntil: ledger.Never,
		Eras: []ledger.Era{{From: ledger.Never, Model: model, EntryPoints: []string{"ad"}, EntryPointLength: 3 * day}}}
	e := ledger.New([]*ledger.Terms{terms})
	return &e, terms
}

// enter enters a fact of the customer's thread.
func enter(t *testing.T, e *ledger.Engine, kind ledger.Kind, at int64, id, word string) {
	t.Helper()
	contact, text := ledger.ContactOf(customer)
	entry := ledger.Entry{Number: number, Contact: contact, Text: text, ID: id, Word: word}
	entry.Kind, entry.At, entry.Rank = kind, at, ledger.RankTold
	require.NoError(t, e.Enter([]ledger.Entry{entry}))
}

// deliver enters a message as sent and delivered at the same instant.
func deliver(t *testing.T, e *ledger.Engine, at int64, id, category string) {
	t.Helper()
	enter(t, e, ledger.Sent, at, id, category)
	enter(t, e, ledger.Delivered, at, id, "")
}

func lastInbound(e *ledger.Engine) int64 { return e.LastInbound(number, ledger.NameOf(customer)) }

// fold folds the only thread.
func fold(e *ledger.Engine) *ledger.Fold { return e.Fold(0, new(ledger.Thread)) }

func TestTakeLeavesOutOtherTimes(t *testing.T) {
	e, _ := newEngine(ledger.ModelPMP2026)
	for i, id := range []string{"m0", "m1", "m2", "m3"} {
		deliver(t, e, int64(i)*day, id, ledger.CategoryUtility)
	}
	f := fold(e)
	require.Len(t, f.Units, 4)
	taken := f.Take(day, 3*day)
	require.Len(t, taken, 2)
	assert.Equal(t, "m1", string(taken[0].Message))
	assert.Equal(t, "m2", string(taken[1].Message))
	assert.Equal(t, []int{1, 2}, []int{taken[0].Seq, taken[1].Seq})
	assert.Equal(t, &ledger.Pair{Number: number, Contact: customer}, taken[0].Pair)
	assert.Empty(t, f.Units)
}

func TestLastInboundAndServiceEnd(t *testing.T) {
	e, _ := newEngine(ledger.ModelPMP2026)
	deliver(t, e, hour, "m1", "")
	assert.Equal(t, int64(ledger.Never), lastInbound(e))
	assert.Equal(t, int64(ledger.Never), fold(e).ServiceEnd(hour))
	enter(t, e, ledger.Inbound, 3*hour, "in2", "")
	enter(t, e, ledger.Inbound, 2*hour, "in1", "")
	assert.Equal(t, 3*hour, lastInbound(e))
	assert.Equal(t, 2*hour+day, fold(e).ServiceEnd(3*hour-1))
	assert.Equal(t, 3*hour+day, fold(e).ServiceEnd(3*hour))
}

func TestPlan(t *testing.T) {
	planned := []ledger.Planned{{Contact: customer, Category: ledger.CategoryUtility}}
	for name, c := range map[string]struct {
		at      int64
		n       int // planned messages
		with    int
		without int
		same    int
	}{
		"a new conversation":      {2 * day, 1, 2, 1, 1},
		"joins the open one":      {day + hour, 1, 1, 1, 1},
		"the second joins too":    {2 * day, 2, 2, 1, 1},
		"before the recorded one": {hour * 12, 1, 1, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEngine(ledger.ModelCBP2023)
			deliver(t, e, day, "m1", ledger.CategoryUtility)
			all := append(planned, planned...)[:c.n]
			var room ledger.Thread
			for range 2 { // planning does not record, so the second plan is the same
				plan := e.Plan(0, number, all, c.at, &room)
				assert.Len(t, plan.With.Units, c.with)
				assert.Len(t, plan.Without, c.without)
				assert.Equal(t, c.same, plan.Same)
				assert.True(t, plan.With.Pair.Recorded())
				for i := range plan.With.Units {
					assert.Equal(t, i >= plan.Same, plan.With.Units[i].Planned)
				}
			}
		})
	}
	t.Run("nobody knows the contact", func(t *testing.T) {
		e, _ := newEngine(ledger.ModelCBP2023)
		plan := e.Plan(0, number, planned, day, new(ledger.Thread))
		assert.Len(t, plan.With.Units, 1)
		assert.Empty(t, plan.Without)
		assert.False(t, plan.With.Pair.Recorded())
		assert.Zero(t, e.Threads())
	})
}
