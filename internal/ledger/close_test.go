package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

func TestCompactKeepsWhatStillMatters(t *testing.T) {
	end := 100 * day
	e, terms := newEngine(ledger.ModelCBP2023)
	enter(t, e, ledger.Inbound, day, "old", "")
	deliver(t, e, end-hour, "open", ledger.CategoryUtility)      // the conversation is still open
	enter(t, e, ledger.Sent, end-hour, "late", "marketing")      // delivered after the end
	deliver(t, e, end-3*day, "ended", ledger.CategoryMarketing)  // the conversation is over
	enter(t, e, ledger.Sent, end-32*day, "forgotten", "service") // WhatsApp has given up delivery
	e.Compact([]int64{end})

	assert.Equal(t, end, terms.ClosedUntil)
	assert.Equal(t, day, lastInbound(e))
	f := fold(e)
	require.Len(t, f.Units, 1)
	assert.True(t, f.Units[0].Carried)
	assert.Equal(t, ledger.CategoryUtility, f.Units[0].Category)
	assert.Empty(t, f.LateFacts())

	deliver(t, e, end+1, "joins", ledger.CategoryUtility)
	enter(t, e, ledger.Delivered, end+2, "late", "")
	enter(t, e, ledger.Delivered, end+3, "forgotten", "") // counts as free-form, since its sending is forgotten
	enter(t, e, ledger.Delivered, end-hour, "open", "")   // the same status again
	f = fold(e)
	require.Len(t, f.Units, 2)
	assert.Equal(t, ledger.CategoryMarketing, f.Units[1].Category)
	assert.Equal(t, end+2, f.Units[1].Opened)
	assert.Empty(t, f.LateFacts())
}

func TestLateFacts(t *testing.T) {
	end := 100 * day
	e, _ := newEngine(ledger.ModelCBP2022)
	enter(t, e, ledger.Inbound, end-hour, "in", "")
	e.Compact([]int64{end})
	enter(t, e, ledger.Inbound, end-2*hour, "late in", "")
	deliver(t, e, end-3*hour, "late", ledger.CategoryUtility)
	deliver(t, e, end+hour, "answer", "") // answers the message of the closed month
	late := fold(e).LateFacts()
	for i := range late {
		assert.Equal(t, customer, late[i].Pair.Contact)
		late[i].Pair = nil
	}
	assert.Equal(t, []ledger.LateFact{
		{ID: []byte("late in"), Kind: ledger.Inbound, At: end - 2*hour},
		{ID: []byte("late"), Kind: ledger.Delivered, At: end - 3*hour},
		{ID: []byte("answer"), Kind: ledger.Delivered, At: end - hour, Opened: ledger.CategoryUserInitiated},
	}, late)
	assert.Len(t, e.Until(fold(e), end).LateFacts(), 2, "the answer is a further late fact")
}
