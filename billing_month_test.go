package chatapi_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A utility conversation is open when Meta begins to bill messages. It keeps its
// price, and later utility templates join it.
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
	assert.Equal(t, july.Charges, again.Charges, "m2 joins the conversation of June")
}

// In Asunción, clocks went from 00:00 to 01:00 on 2023-10-01, so that month began
// without a midnight.
func TestAMonthThatBeginsWithoutMidnight(t *testing.T) {
	zone, err := time.LoadLocation("America/Asuncion")
	require.NoError(t, err)
	ledger := newLedger(t, chatapi.Account{Timezone: zone, Model: chatapi.ModelPMP2025},
		append(sent("september", instant("2023-10-01T03:59:57Z"), customerA, "utility"), sent("october", instant("2023-10-01T03:59:58Z"), customerA, "utility")...)...)
	for month, id := range map[time.Month]string{time.September: "september", time.October: "october"} {
		bill, err := ledger.Bill(chatapi.Month(2023, month))
		require.True(t, err == nil || errors.Is(err, chatapi.ErrNoPrice), err)
		require.Len(t, bill.Charges, 1)
		require.Equal(t, id, bill.Charges[0].MessageID)
		require.Equal(t, month, bill.Charges[0].At.Month())
	}
}
