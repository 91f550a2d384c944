package chatapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// What the status says is on the bill; what the rules say beside it.
func TestReconcile(t *testing.T) {
	at := instant("2026-02-10T10:00:00Z")
	february := chatapi.Month(2026, time.February)
	no, yes := false, true
	status := func(id string, to chatapi.Contact, p chatapi.StatusPricing) chatapi.Event {
		return &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: abc, Time: at.Add(2 * time.Second)}, MessageID: id, To: to, Status: chatapi.StatusDelivered, Pricing: &p}
	}
	ledger := newLedger(t, chatapi.Account{}, slices.Concat(sent("m1", at, customerA, "utility"), sent("m2", at, customerB, "utility"),
		sent("m3", at.Add(time.Hour), customerA, "marketing"), sent("m4", at.Add(time.Hour), customerB, "marketing"))...)
	for _, e := range []chatapi.Event{
		status("m1", customerA, chatapi.StatusPricing{Billable: &no, Model: "PMP", Category: "utility", Type: "free_customer_service"}),
		status("m2", customerB, chatapi.StatusPricing{Billable: &yes, Model: "PMP", Category: "marketing", Type: "regular"}),
		status("m3", customerA, chatapi.StatusPricing{Billable: &yes, Model: "PMP", Category: "marketing", Type: "regular"}),
		status("m4", customerB, chatapi.StatusPricing{Model: "PMP", Category: "marketing_lite", Type: "something_new"}),
	} {
		require.NoError(t, ledger.RecordEvent(e))
	}
	differences, err := ledger.Reconcile(february)
	require.NoError(t, err)
	require.Len(t, differences, 2)
	free, category := differences[0], differences[1]
	assert.Equal(t, "m1", free.Billed.MessageID)
	assert.Empty(t, free.Computed.Free)
	assert.Equal(t, chatapi.FreeCustomerService, free.Billed.Free)
	assert.Contains(t, free.Cause, "a message of the customer was not recorded")
	assert.Equal(t, "utility", category.Computed.Category)
	assert.Equal(t, "marketing", category.Billed.Category)
	assert.Greater(t, category.Billed.Amount.Micros, category.Computed.Amount.Micros)
	assert.Contains(t, category.Cause, "category was changed")

	bill, err := ledger.Bill(february)
	require.NoError(t, err)
	require.Len(t, bill.Charges, 4)
	assert.Equal(t, free.Billed, bill.Charges[0])
	assert.Contains(t, bill.Charges, category.Billed)
	assert.Empty(t, bill.Charges[3].Free, "words not known here decide nothing")

	_, err = ledger.Close(february)
	require.NoError(t, err)
	_, err = ledger.Reconcile(february)
	require.ErrorIs(t, err, chatapi.ErrInvalid)
}
