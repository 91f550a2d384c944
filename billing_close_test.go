package chatapi_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

var (
	may2022  = chatapi.Month(2022, time.May)
	june2022 = chatapi.Month(2022, time.June)
)

func closeMonth(t *testing.T, ledger *chatapi.Ledger, month chatapi.YearMonth) *chatapi.Bill {
	t.Helper()
	bill, err := ledger.Close(month)
	require.NoError(t, err)
	return bill
}

func billOf(t *testing.T, ledger *chatapi.Ledger, month chatapi.YearMonth) *chatapi.Bill {
	t.Helper()
	bill, err := ledger.Bill(month)
	require.NoError(t, err)
	return bill
}

// An answer is recorded before the close and delivered after it. The bill of May
// has the conversation, so a second answer is neither charged nor late.
func TestAConversationBilledInAClosedMonthIsBilledOnce(t *testing.T) {
	answer := sent("m1", instant("2022-05-31T23:00:00Z"), customerA, "")
	answer[1].At = instant("2022-06-01T01:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, append(answer, wrote(instant("2022-05-31T22:00:00Z"), customerA))...)
	require.Len(t, closeMonth(t, ledger, may2022).Charges, 1)
	again := restored(t, ledger, chatapi.Account{})
	for name, l := range map[string]*chatapi.Ledger{"closed": ledger, "restored": again} {
		for _, a := range sent("m2", instant("2022-06-01T02:00:00Z"), customerA, "") {
			require.NoError(t, l.Record(a))
		}
		assert.Empty(t, billOf(t, l, may2022).Late, name)
		assert.Empty(t, billOf(t, l, june2022).Charges, name)
	}
}

// After May is closed, a status says that the answer was delivered earlier. A
// second answer, delivered after June is closed too, does not open the
// conversation again.
func TestAConversationBilledInAClosedMonthIsBilledOnceOverTwoCloses(t *testing.T) {
	answer := sent("m1", instant("2022-05-31T23:00:00Z"), customerA, "")
	answer[1].At = instant("2022-06-01T01:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, append(answer, wrote(instant("2022-05-31T22:00:00Z"), customerA))...)
	require.Len(t, closeMonth(t, ledger, may2022).Charges, 1)
	answer[1].At = instant("2022-05-31T23:30:00Z")
	require.NoError(t, ledger.Record(answer[1]))
	require.Empty(t, closeMonth(t, ledger, june2022).Charges)
	late := billOf(t, ledger, may2022).Late

	second := sent("m2", instant("2022-05-31T23:45:00Z"), customerA, "")
	second[1].At = instant("2022-07-01T01:00:00Z")
	for _, a := range second {
		require.NoError(t, ledger.Record(a))
	}
	assert.Equal(t, late, billOf(t, ledger, may2022).Late)
	assert.Empty(t, billOf(t, ledger, chatapi.Month(2022, time.July)).Charges)
}

// The ledger keeps the latest message of a customer, although it drops facts of
// that age.
func TestAnOldServiceWindowOutlivesCloseAndRestore(t *testing.T) {
	at := instant("2022-04-10T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, wrote(at, customerA), wrote(at.Add(-time.Hour), customerA))
	want := chatapi.WindowFrom(at)
	for _, month := range []chatapi.YearMonth{may2022, june2022} {
		closeMonth(t, ledger, month)
		assert.Equal(t, want, ledger.ServiceWindow(abc, customerA.Recipient()), month)
		ledger = restored(t, ledger, chatapi.Account{})
		assert.Equal(t, want, ledger.ServiceWindow(abc, customerA.Recipient()), month)
	}
}

func TestAnAdClickIsAnsweredAfterItsMonthWasClosed(t *testing.T) {
	click := wrote(instant("2022-05-31T22:00:00Z"), customerA)
	click.EntryPoint = chatapi.EntryPointAd
	ledger := newLedger(t, chatapi.Account{}, click)
	closeMonth(t, ledger, may2022)
	for _, l := range []*chatapi.Ledger{restored(t, ledger, chatapi.Account{}), ledger} {
		for _, a := range sent("m1", instant("2022-06-01T09:00:00Z"), customerA, "") {
			require.NoError(t, l.Record(a))
		}
		june := billOf(t, l, june2022)
		require.Len(t, june.Charges, 1)
		assert.Equal(t, chatapi.FreeEntryPoint, june.Charges[0].Free)
		assert.Empty(t, billOf(t, l, may2022).Late)
	}
}

func TestConversationsSayThatTheirMonthIsClosed(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, sent("m1", instant("2022-05-31T22:00:00Z"), customerA, "utility")...)
	closeMonth(t, ledger, may2022)
	for name, l := range map[string]*chatapi.Ledger{"closed": ledger, "restored": restored(t, ledger, chatapi.Account{})} {
		found, err := l.Conversations(abc, customerA.Recipient())
		require.NoError(t, err)
		require.Len(t, found, 1)
		assert.Equal(t, "on the bill of May 2022, which is closed", found[0].Charge.Why, name)
		assert.True(t, found[0].Open(instant("2022-06-01T12:00:00Z")), name)
	}
}

// Each history leaves something open at the end of May. The bill of June is the
// same without a close, after a close, and after a restore.
func TestClosingAMonthChangesNothingOfTheNext(t *testing.T) {
	end := instant("2022-06-01T00:00:00Z")
	late := func(a []chatapi.Activity, after time.Duration) []chatapi.Activity {
		a[1].At = a[0].At.Add(after)
		return a
	}
	for name, history := range map[string][]chatapi.Activity{
		"a message within the open conversation starts no window of its own": slices.Concat(sent("m1", end.Add(-4*time.Hour), customerA, "utility"),
			[]chatapi.Activity{wrote(end.Add(10*time.Hour), customerA)}, sent("m2", end.Add(21*time.Hour), customerA, "")),
		"an answered window stays a conversation": slices.Concat([]chatapi.Activity{wrote(end.Add(-10*time.Hour), customerA)},
			sent("m1", end.Add(-9*time.Hour), customerA, ""), late(sent("m2", end.Add(-time.Hour), customerA, ""), 20*time.Hour)),
		"a window that a conversation replaced stays replaced": slices.Concat([]chatapi.Activity{wrote(end.Add(-10*time.Hour), customerA)},
			late(sent("m1", end.Add(-30*time.Hour), customerA, "utility"), 21*time.Hour), late(sent("m2", end.Add(13*time.Hour), customerA, ""), 3*time.Hour)),
		"a message is delivered after four weeks": late(sent("m1", end.Add(-48*time.Hour), customerA, "utility"), 28*24*time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			open := newLedger(t, chatapi.Account{}, history...)
			want := billOf(t, open, june2022)
			closed := newLedger(t, chatapi.Account{}, history...)
			closeMonth(t, closed, may2022)
			half := chatapi.NewLedger(chatapi.Account{})
			for _, a := range history {
				if a.At.Before(end) {
					require.NoError(t, half.Record(a))
				}
			}
			closeMonth(t, half, may2022)
			half = restored(t, half, chatapi.Account{})
			for _, a := range history { // the known activities come again
				require.NoError(t, half.Record(a))
			}
			conversations, err := closed.Conversations(abc, customerA.Recipient())
			require.NoError(t, err)
			for name, l := range map[string]*chatapi.Ledger{"closed": closed, "restored": restored(t, closed, chatapi.Account{}), "restored midway": half} {
				assert.Equal(t, want, billOf(t, l, june2022), name)
				assert.Empty(t, billOf(t, l, may2022).Late, name)
				got, err := l.Conversations(abc, customerA.Recipient())
				require.NoError(t, err)
				assert.Equal(t, conversations, got, name)
			}
		})
	}
}

// Only the send has the category, so the ledger keeps the send as long as
// WhatsApp may deliver the message.
func TestASendIsRememberedUntilItIsDelivered(t *testing.T) {
	message := sent("m1", instant("2026-05-30T10:00:00Z"), customerA, "marketing")
	message[1].At = instant("2026-06-27T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, message[0])
	closeMonth(t, ledger, may2026)
	for name, l := range map[string]*chatapi.Ledger{"restored": restored(t, ledger, chatapi.Account{}), "closed": ledger} {
		require.NoError(t, l.Record(message[1]))
		june := billOf(t, l, chatapi.Month(2026, time.June))
		require.Len(t, june.Charges, 1, name)
		assert.Equal(t, chatapi.CategoryMarketing, june.Charges[0].Category, name)
	}
}

// The ledger keeps the facts of the last 31 days before the end of the closed
// month. A fact at the first instant of these days is not late when its webhook
// comes again.
func TestARepeatOfTheOldestKeptFactIsNotLate(t *testing.T) {
	kept := instant("2022-06-01T00:00:00Z").AddDate(0, 0, -31)
	message := sent("m1", kept.Add(-2*time.Second), customerB, "utility")
	answer := wrote(kept, customerA)
	ledger := newLedger(t, chatapi.Account{}, append(message, answer)...)
	closeMonth(t, ledger, may2022)
	ledger = restored(t, ledger, chatapi.Account{})
	for _, a := range append(message, answer) {
		require.NoError(t, ledger.Record(a))
	}
	assert.Empty(t, billOf(t, ledger, may2022).Late)
}

// The account's rules make a free entry point longer than the ledger keeps facts.
func TestALongEntryPointOutlivesSeveralCloses(t *testing.T) {
	rules := chatapi.PublishedRules("")
	rules[1].EntryPointLength, rules[2].EntryPointLength = 300*24*time.Hour, 300*24*time.Hour
	account := chatapi.Account{Rules: rules}
	click := wrote(instant("2022-05-02T10:00:00Z"), customerA)
	click.EntryPoint = chatapi.EntryPointAd
	ledger := newLedger(t, account, append(sent("m1", click.At.Add(time.Hour), customerA, ""), click)...)
	for month := time.May; month <= time.September; month++ {
		closeMonth(t, ledger, chatapi.Month(2022, month))
		ledger = restored(t, ledger, account)
	}
	for _, a := range sent("m2", instant("2022-10-03T10:00:00Z"), customerA, "") {
		require.NoError(t, ledger.Record(a))
	}
	assert.Empty(t, billOf(t, ledger, chatapi.Month(2022, time.October)).Charges, "the message joins the free conversation of May")
}

// A quote folds a planned answer into a conversation that a closed month left
// open. The ledger must not keep that answer.
func TestAQuoteLeavesWhatAClosedMonthLeftOpen(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, wrote(instant("2022-05-31T22:00:00Z"), customerA))
	closeMonth(t, ledger, may2022)
	before := snapshotOf(t, ledger)
	_, err := ledger.Quote(instant("2022-06-01T01:00:00Z"), abc, customerA.Recipient(), hello)
	require.NoError(t, err)
	assert.Equal(t, before, snapshotOf(t, ledger))
}

// A caller may change the bill that it got.
func TestAClosedBillIsTheCallersOwn(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, sent("m1", instant("2022-05-10T10:00:00Z"), customerA, "utility")...)
	closeMonth(t, ledger, may2022)
	bill := billOf(t, ledger, may2022)
	require.Zero(t, bill.Totals[0].Micros)
	bill.Totals[0].Micros = 1
	assert.Zero(t, billOf(t, ledger, may2022).Totals[0].Micros)
}

func TestWhatCameLateIsInTheAccountsZoneAfterARestore(t *testing.T) {
	zone := time.FixedZone("here", -3*60*60)
	account := chatapi.Account{Timezone: zone}
	ledger := newLedger(t, account, sent("m1", instant("2022-05-10T10:00:00Z"), customerA, "utility")...)
	closeMonth(t, ledger, may2022)
	for _, a := range sent("late", instant("2022-05-11T01:00:00Z"), customerA, "utility") {
		require.NoError(t, ledger.Record(a))
	}
	closeMonth(t, ledger, june2022) // moves the late message into the closed bill of May
	want := billOf(t, ledger, may2022).Late
	require.Len(t, want, 1)
	assert.Equal(t, "2022-05-10 22:00", want[0].At.Format("2006-01-02 15:04"))
	got := billOf(t, restored(t, ledger, account), may2022).Late
	assert.Equal(t, want, got)
}

// The rules of a month after the last closed one may change.
func TestRulesFromTheFirstOpenInstantMayChange(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, sent("m1", instant("2026-09-10T10:00:00Z"), customerA, "utility")...)
	closeMonth(t, ledger, chatapi.Month(2026, time.September))
	rules := chatapi.PublishedRules("")
	last := &rules[len(rules)-1]
	require.Equal(t, "2026-10-01", last.Since)
	last.EntryPointLength = 7 * 24 * time.Hour
	restored(t, ledger, chatapi.Account{Rules: rules})
	_, err := chatapi.RestoreLedger(bytes.NewReader(snapshotOf(t, ledger)), chatapi.Account{Rules: rules[:1]})
	assert.ErrorIs(t, err, chatapi.ErrSnapshot, "the rules of the closed month may not change")
}

// Closing May after June must not open June again.
func TestClosingAnEarlierMonthKeepsTheLaterOneClosed(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, append(sent("m1", instant("2022-05-10T10:00:00Z"), customerA, "utility"),
		sent("m2", instant("2022-06-10T10:00:00Z"), customerA, "utility")...)...)
	want := closeMonth(t, ledger, june2022).Totals
	closeMonth(t, ledger, may2022)
	for _, a := range sent("late", instant("2022-06-20T10:00:00Z"), customerB, "utility") {
		require.NoError(t, ledger.Record(a))
	}
	june := billOf(t, ledger, june2022)
	assert.True(t, june.Closed)
	assert.Equal(t, want, june.Totals)
	require.Len(t, june.Late, 1)
	assert.Equal(t, "late", june.Late[0].MessageID)
	_, err := ledger.Quote(instant("2022-06-20T10:00:00Z"), abc, annPhone, hello)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

// An answer in June makes a message of May late. The bill of May lists that
// message once, also after June is closed.
func TestWhatAnAnswerMakesLateIsListedOnce(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, wrote(instant("2022-05-31T22:00:00Z"), customerA))
	closeMonth(t, ledger, may2022)
	for _, a := range sent("m1", instant("2022-06-01T01:00:00Z"), customerA, "") {
		require.NoError(t, ledger.Record(a))
	}
	require.Len(t, billOf(t, ledger, may2022).Late, 1)
	closeMonth(t, ledger, june2022)
	require.Len(t, billOf(t, ledger, may2022).Late, 1)
}
