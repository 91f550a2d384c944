package chatapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A utility conversation runs from the last card per conversation into the first
// per message: it keeps its price, and later utility templates ride it.
func TestAConversationCrossesAChangeOfCards(t *testing.T) {
	customer := chatapi.Contact{Phone: "5511990000001"}
	opened := instant("2025-06-30T20:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, slices.Concat(sent("m1", opened, customer, "utility"),
		sent("m2", opened.Add(10*time.Hour), customer, "utility"), sent("m3", opened.Add(10*time.Hour), customer, "marketing"),
		sent("m4", opened.Add(25*time.Hour), customer, "utility"))...)
	june, err := ledger.Bill(chatapi.Month(2025, time.June))
	require.NoError(t, err)
	require.Len(t, june.Charges, 1)
	assert.Equal(t, "2024-11-01", june.Charges[0].Price.Since)
	july, err := ledger.Bill(chatapi.Month(2025, time.July))
	require.NoError(t, err)
	require.Len(t, july.Charges, 2)
	assert.Equal(t, "m3", july.Charges[0].MessageID)
	assert.Equal(t, "m4", july.Charges[1].MessageID)
	for _, c := range july.Charges {
		assert.Equal(t, "2025-07-01", c.Price.Since)
	}

	closed, err := ledger.Close(chatapi.Month(2025, time.June))
	require.NoError(t, err)
	assert.Equal(t, june.Totals, closed.Totals)
	again, err := ledger.Bill(chatapi.Month(2025, time.July))
	require.NoError(t, err)
	assert.Equal(t, july.Charges, again.Charges, "the conversation of June is still open for m2")
}
