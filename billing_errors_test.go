package chatapi_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Metrics and logs use operations as labels, so an operation is the name of the
// Go method.
func TestErrorsOfALedgerNameTheMethod(t *testing.T) {
	now, to := instant("2026-11-15T10:00:00Z"), chatapi.Phone("12025550143")
	no, early := chatapi.Month(2026, 13), chatapi.Month(2021, 11) // the first card is of 2022
	unpriced := func() *chatapi.Ledger {
		return newLedger(t, chatapi.Account{}, sent("m1", instant("2021-11-14T10:00:00Z"), customerA, "utility")...)
	}
	ledger, wrong := unpriced(), chatapi.NewLedger(chatapi.Account{Anchor: "x"})
	nothing, empty := chatapi.Activity{}, strings.NewReader("")
	uncategorized, template := chatapi.Template{Name: "t", Language: "en"}, chatapi.Template{Name: "t", Language: "en", Category: "utility"}
	load := func(yield func(chatapi.Activity, error) bool) { yield(nothing, nil) }
	second := func(_ any, err error) error { return err }
	noPrice := func(_ any, err error) error {
		assert.ErrorIs(t, err, chatapi.ErrNoPrice)
		return err
	}
	for want, failures := range map[string][]error{
		"NewLedger":            {wrong.Record(nothing), second(wrong.Bill(early))},
		"Ledger.Record":        {ledger.Record(nothing), new(chatapi.Ledger).Record(nothing)},
		"Ledger.Load":          {ledger.Load(nil), ledger.Load(load)},
		"Ledger.RecordEvent":   {ledger.RecordEvent(nil), ledger.RecordEvent(&chatapi.EchoEvent{})},
		"Ledger.RecordSend":    {ledger.RecordSend(nil, nil, now), ledger.RecordSend(&chatapi.Receipt{ID: "m"}, chatapi.Text{Body: "hi"}, now)},
		"Ledger.Conversations": {second(new(chatapi.Ledger).Conversations("A", to))},
		"Ledger.Bill":          {second(ledger.Bill(no)), noPrice(ledger.Bill(early))},
		"Ledger.Close":         {second(ledger.Close(no)), noPrice(unpriced().Close(early))},
		"Ledger.Quote": {second(ledger.Quote(now, "", to, nil)), second(ledger.Quote(now, "A", to, uncategorized)),
			noPrice(ledger.Quote(instant("2021-11-15T10:00:00Z"), "A", to, template))},
		"Ledger.QuoteAll": {second(ledger.QuoteAll(now, "A", nil)),
			second(ledger.QuoteAll(now, "A", maps.All(map[chatapi.Recipient]chatapi.Message{to: uncategorized})))},
		"Ledger.Forecast": {second(ledger.Forecast(no, now)), second(ledger.Forecast(chatapi.Month(2030, 1), now)),
			noPrice(ledger.Forecast(early, now))},
		"Ledger.Reconcile": {second(ledger.Reconcile(no))},
		"Ledger.Snapshot":  {ledger.Snapshot(nil)},
		"RestoreLedger": {second(chatapi.RestoreLedger(nil, chatapi.Account{})), second(chatapi.RestoreLedger(empty, chatapi.Account{})),
			second(chatapi.RestoreLedger(empty, chatapi.Account{Anchor: "x"}))},
	} {
		for _, err := range failures {
			e, ok := errors.AsType[*chatapi.Error](err)
			require.True(t, ok, "%s: %v", want, err)
			assert.Equal(t, want, e.Op, err)
		}
	}
}

// Load returns an error of the caller's sequence unchanged.
func TestLoadReturnsTheErrorOfTheSequence(t *testing.T) {
	own := &chatapi.Error{Op: "mine", Kind: chatapi.ErrMedia}
	err := chatapi.NewLedger(chatapi.Account{}).Load(func(yield func(chatapi.Activity, error) bool) { yield(chatapi.Activity{}, own) })
	assert.Same(t, own, err)
	assert.Equal(t, "mine", own.Op)
}

// A snapshot is damaged if its reader fails, even with an error of this package.
func TestRestoreKeepsTheErrorOfTheReaderAsACause(t *testing.T) {
	own := &chatapi.Error{Op: "mine", Kind: chatapi.ErrMedia}
	_, err := chatapi.RestoreLedger(iotest.ErrReader(own), chatapi.Account{})
	require.ErrorIs(t, err, chatapi.ErrSnapshot)
	require.ErrorIs(t, err, own)
	assert.Contains(t, err.Error(), "is damaged")
}
