package chatapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The bill follows the status, and Reconcile shows the charge by the rules beside
// it.
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
	assert.Empty(t, bill.Charges[3].Free, "unknown words decide nothing")

	_, err = ledger.Close(february)
	require.NoError(t, err)
	_, err = ledger.Reconcile(february)
	require.ErrorIs(t, err, chatapi.ErrInvalid)
}

// Two statuses of one message may have different fields. The ledger keeps all of
// them, and the later of two ends of a conversation.
func TestStatusesInEitherOrderReportTheSame(t *testing.T) {
	at := instant("2022-03-10T10:00:00Z")
	end := at.Add(24 * time.Hour)
	all := sent("m1", at, customerA, "")
	failed := all[1]
	failed.Kind, failed.Category = chatapi.ActivityFailed, "utility"
	all[0].Reported = chatapi.Reported{Conversation: "c1", ExpiresAt: end.Add(time.Minute), Origin: "business_initiated"}
	all[1].Reported = chatapi.Reported{Conversation: "c1", ExpiresAt: end, Model: "CBP", Billable: "false"}
	all = append(all, failed)
	want := snapshotOf(t, newLedger(t, chatapi.Account{}, all...))
	for _, arrival := range arrivals(all) {
		ledger := newLedger(t, chatapi.Account{Used: []chatapi.PriorUsage{{Month: chatapi.Month(2022, time.March), Units: 1000}}}, arrival...)
		require.Equal(t, want, snapshotOf(t, ledger))
		differences, err := ledger.Reconcile(chatapi.Month(2022, time.March))
		require.NoError(t, err)
		require.Len(t, differences, 1)
		assert.Equal(t, chatapi.Reported{Conversation: "c1", ExpiresAt: end.Add(time.Minute), Origin: "business_initiated", Model: "CBP", Billable: "false"},
			differences[0].Reported)
	}
}

// A failed or read status can name the category that the delivered status leaves
// out.
func TestTheCategoryIsThatOfWhicheverStatusNamesIt(t *testing.T) {
	at := instant("2026-05-04T10:00:00Z")
	for _, kind := range []chatapi.ActivityKind{chatapi.ActivityFailed, chatapi.ActivityRead} {
		all := sent("m1", at, customerA, "")
		named := all[1]
		named.Kind, named.At, named.Category = kind, named.At.Add(time.Second), "utility"
		for _, arrival := range arrivals(append(all, named)) {
			bill, err := newLedger(t, chatapi.Account{}, arrival...).Bill(may2026)
			require.NoError(t, err)
			require.Len(t, bill.Charges, 1)
			require.Equal(t, "utility", bill.Charges[0].Category, kind)
		}
	}
}

// The status decides, even if the message is free by the rules.
func TestAStatusThatChargesOverrulesAReasonToBeFree(t *testing.T) {
	at := instant("2026-05-04T10:00:00Z")
	message := sent("m1", at, customerA, "utility")
	message[1].Reported = chatapi.Reported{Type: "regular", Category: "utility"}
	ledger := newLedger(t, chatapi.Account{}, append(message, wrote(at.Add(-time.Hour), customerA))...)
	bill, err := ledger.Bill(may2026)
	require.NoError(t, err)
	require.Len(t, bill.Charges, 1)
	assert.Empty(t, bill.Charges[0].Free)
	assert.Equal(t, "0.0034 USD", bill.Totals[0].String())
	differences, err := ledger.Reconcile(may2026)
	require.NoError(t, err)
	require.Len(t, differences, 1)
	assert.Equal(t, chatapi.FreeCustomerService, differences[0].Computed.Free)
}

// The origin decides the category of a conversation, and the category that of a
// message. The model of 2021 had no categories in statuses.
func TestWhichWordOfAStatusDecides(t *testing.T) {
	for at, test := range map[string]struct {
		reported chatapi.Reported
		category string
	}{
		"2025-02-04T10:00:00Z": {chatapi.Reported{Model: "CBP", Origin: "marketing", Category: "authentication"}, "marketing"},
		"2026-05-04T10:00:00Z": {chatapi.Reported{Model: "PMP", Origin: "marketing", Category: "authentication"}, "authentication"},
		"2021-11-04T10:00:00Z": {chatapi.Reported{Model: "NBP", Origin: "business_initiated", Category: "marketing"}, "utility"},
	} {
		message := sent("m1", instant(at), customerA, "utility")
		message[1].Reported = test.reported
		bill, err := newLedger(t, chatapi.Account{}, message...).Bill(chatapi.Month(instant(at).Year(), instant(at).Month()))
		replied(t, bill != nil, err)
		require.Len(t, bill.Charges, 1)
		assert.Equal(t, test.category, bill.Charges[0].Category, at)
	}
}

// An echo does not name the category of its template; the send does.
func TestATemplatesOwnCategoryIsKept(t *testing.T) {
	all := sent("m1", instant("2026-05-04T10:00:00Z"), customerA, "marketing")
	echo := all[0]
	echo.Category = chatapi.CategoryTemplate
	for _, arrival := range arrivals(append(all, echo)) {
		bill, err := newLedger(t, chatapi.Account{}, arrival...).Bill(may2026)
		require.NoError(t, err)
		require.Len(t, bill.Charges, 1)
		require.Equal(t, chatapi.CategoryMarketing, bill.Charges[0].Category)
	}
}
