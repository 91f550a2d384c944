package chatapi_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Each scenario is cut in two at every place. A ledger restored in between gives
// the same bills, and the same facts give the same bytes.
func TestASnapshotMidwayChangesNothing(t *testing.T) {
	for _, s := range loadScenarios(t, "testdata/billing/scenarios.json") {
		account, activities := s.account(t, ""), s.activities()
		whole := newLedger(t, account, activities...)
		backwards := slices.Clone(activities)
		slices.Reverse(backwards)
		want := snapshotOf(t, whole)
		require.Equal(t, want, snapshotOf(t, newLedger(t, account, backwards...)), s.ID)
		for i := 0; i <= len(activities); i += 1 + len(activities)/20 {
			half := snapshotOf(t, newLedger(t, account, activities[:i]...))
			ledger, err := chatapi.RestoreLedger(iotest.HalfReader(bytes.NewReader(half)), account)
			require.NoError(t, err)
			for _, a := range activities[i:] {
				require.NoError(t, ledger.Record(a))
			}
			require.Equal(t, want, snapshotOf(t, ledger), s.ID)
			for _, bill := range bills(t, account, activities) {
				got, _ := ledger.Bill(bill.Month)
				require.Equal(t, bill, got, s.ID)
			}
		}
	}
}

func smallSnapshot(t *testing.T) []byte {
	t.Helper()
	click := wrote(instant("2022-03-10T10:00:00Z"), customerA)
	click.EntryPoint = chatapi.EntryPointAd
	return snapshotOf(t, newLedger(t, chatapi.Account{},
		append(sent("m1", instant("2022-03-10T11:00:00Z"), customerB, "utility"), click)...))
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	good := smallSnapshot(t)
	_, err := chatapi.RestoreLedger(bytes.NewReader(good), chatapi.Account{})
	require.NoError(t, err)
	refused := func(data []byte, what string) *chatapi.Error {
		ledger, err := chatapi.RestoreLedger(bytes.NewReader(data), chatapi.Account{})
		require.Nil(t, ledger)
		var e *chatapi.Error
		require.ErrorAs(t, err, &e, what)
		require.Equal(t, chatapi.ErrSnapshot, e.Kind)
		require.NotEmpty(t, e.Sentence)
		return e
	}
	for i := range good {
		refused(good[:i], "cut off")
		bad := slices.Clone(good)
		bad[i] ^= 0x10
		refused(bad, "one bit changed")
	}
	refused(append(slices.Clone(good), 0), "more bytes")
	newer := slices.Clone(good[:len(good)-sha256.Size])
	newer[len("chatapi ledger\n")] = 3
	sum := sha256.Sum256(newer)
	assert.Equal(t, "The ledger's snapshot has version 3, but only versions up to 2 can be read here.", refused(append(newer, sum[:]...), "newer").Sentence)
}

func TestRestoreRefuses(t *testing.T) {
	good := smallSnapshot(t)
	_, err := chatapi.RestoreLedger(bytes.NewReader(good), chatapi.Account{Numbers: []chatapi.ChannelID{"ABC2"}})
	require.ErrorIs(t, err, chatapi.ErrSnapshot)
	require.ErrorContains(t, err, `number "ABC1", which belongs to none of the accounts`)
	_, err = chatapi.RestoreLedger(bytes.NewReader(good), chatapi.Account{Model: "cbp-1999"})
	require.ErrorIs(t, err, chatapi.ErrInvalid)
	_, err = chatapi.RestoreLedger(nil, chatapi.Account{})
	require.ErrorIs(t, err, chatapi.ErrInvalid)
	broken := errors.New("disk gone")
	_, err = chatapi.RestoreLedger(iotest.ErrReader(broken), chatapi.Account{})
	require.ErrorIs(t, err, broken)

	var none *chatapi.Ledger
	require.ErrorIs(t, none.Snapshot(&bytes.Buffer{}), chatapi.ErrInvalid)
	require.ErrorIs(t, chatapi.NewLedger(chatapi.Account{}).Snapshot(nil), chatapi.ErrInvalid)
}

// The spelling that arrives first does not decide how bills show a contact.
func TestAContactIsShownTheSameWhicheverSpellingCameFirst(t *testing.T) {
	at := instant("2022-03-10T10:00:00Z")
	chat := chatapi.Contact{Chat: "12025550143@c.us"}
	both := slices.Concat(sent("m1", at, customerA, "utility"), sent("m2", at.Add(48*time.Hour), chat, "utility"))
	backwards := slices.Clone(both)
	slices.Reverse(backwards)
	a, err := newLedger(t, chatapi.Account{}, both...).Bill(chatapi.Month(2022, time.March))
	require.NoError(t, err)
	b, err := newLedger(t, chatapi.Account{}, backwards...).Bill(chatapi.Month(2022, time.March))
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.Equal(t, customerA.Recipient(), b.Charges[0].Contact)
}

// A ledger that can be restored answers every call. Its snapshot restores to the
// same snapshot.
func FuzzRestoreLedger(f *testing.F) {
	account := chatapi.Account{ID: "waba1", Used: []chatapi.PriorUsage{{Month: chatapi.Month(2022, time.March), Units: 999}}}
	for _, month := range []chatapi.YearMonth{{}, chatapi.Month(2022, time.February), chatapi.Month(2022, time.March)} {
		ledger := chatapi.NewLedger(account)
		click := wrote(instant("2022-03-31T10:00:00Z"), customerA)
		click.EntryPoint = chatapi.EntryPointAd
		reported := sent("m3", instant("2022-03-31T22:00:00Z"), customerB, "utility")
		reported[1].Reported = chatapi.Reported{Origin: "utility", Billable: "true", Model: "CBP", ExpiresAt: instant("2022-04-01T22:00:00Z")}
		for _, a := range slices.Concat([]chatapi.Activity{click}, sent("m1", instant("2022-03-31T12:00:00Z"), customerA, ""), reported) {
			require.NoError(f, ledger.Record(a))
		}
		if month.Year > 0 {
			_, _ = ledger.Close(month)
			for _, a := range sent("late", instant("2022-03-02T12:00:00Z"), customerA, "utility") {
				require.NoError(f, ledger.Record(a))
			}
		}
		var out bytes.Buffer
		require.NoError(f, ledger.Snapshot(&out))
		f.Add(out.Bytes()[:out.Len()-sha256.Size], true)
		f.Add(out.Bytes(), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		if sign { // without a checksum, Restore refuses nearly every input
			sum := sha256.Sum256(data)
			data = append(slices.Clone(data), sum[:]...)
		}
		ledger, err := chatapi.RestoreLedger(bytes.NewReader(data), account)
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrSnapshot)
			return
		}
		again := snapshotOf(t, ledger)
		second, err := chatapi.RestoreLedger(bytes.NewReader(again), account)
		require.NoError(t, err)
		require.Equal(t, again, snapshotOf(t, second))

		now := instant("2022-04-01T11:00:00Z")
		for _, month := range []time.Month{time.March, time.April} {
			bill, err := ledger.Bill(chatapi.Month(2022, month))
			replied(t, bill != nil, err)
			forecast, err := ledger.Forecast(chatapi.Month(2022, month), now)
			replied(t, forecast != nil, err)
			_, err = ledger.Reconcile(chatapi.Month(2022, month))
			replied(t, true, err)
		}
		_, err = ledger.Quote(now, abc, customerA.Recipient(), chatapi.Text{Body: "hi"})
		replied(t, true, err)
		_, err = ledger.Conversations(abc, customerA.Recipient())
		replied(t, true, err)
		_, err = ledger.Close(chatapi.Month(2022, time.April))
		replied(t, true, err)
		require.NotEmpty(t, snapshotOf(t, ledger))
	})
}

// Restore refuses a contact that comes twice, even with the right checksum.
func TestASnapshotWithAContactTwiceIsRefused(t *testing.T) {
	empty := snapshotOf(t, chatapi.NewLedger(chatapi.Account{}))
	good := snapshotOf(t, newLedger(t, chatapi.Account{}, wrote(instant("2022-03-10T10:00:00Z"), customerA)))
	good = good[:len(good)-sha256.Size]
	end := bytes.LastIndex(good, []byte{0, 0}) // the end of the contacts, and no links; then comes the latest instant
	head := empty[:bytes.LastIndex(empty[:len(empty)-sha256.Size], []byte{0, 0})]
	contact := good[len(head):end]
	for times, refused := range map[int]bool{1: false, 2: true} {
		data := slices.Concat(head, bytes.Repeat(contact, times), good[end:])
		sum := sha256.Sum256(data)
		_, err := chatapi.RestoreLedger(bytes.NewReader(append(data, sum[:]...)), chatapi.Account{})
		require.Equal(t, refused, errors.Is(err, chatapi.ErrSnapshot), "%d times: %v", times, err)
	}
}
