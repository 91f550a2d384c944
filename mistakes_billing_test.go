package chatapi_test

import (
	"bytes"
	"maps"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// activityLine is a good line for ReadActivities.
const activityLine = `{"kind":"inbound","at":"2026-11-10T12:00:00Z","channel":"ABC1","contact":"phone:12025550143"}`

// lines returns JSON lines, each the good line with one text replaced.
func lines(replace ...string) *strings.Reader {
	text := activityLine + "\n"
	for i := 0; i < len(replace); i += 2 {
		text += strings.Replace(activityLine, replace[i], replace[i+1], 1) + "\n"
	}
	return strings.NewReader(text)
}

// card returns a rate card with one price.
func card(row string) *strings.Reader {
	return strings.NewReader("market,category,currency,price,effective_from\n" + row + "\n")
}

func billingMistakes(m *mistakes) {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1", Numbers: []chatapi.ChannelID{"ABC1"}})
	good := wrote(noon, customerA)
	with := func(change func(*chatapi.Activity)) chatapi.Activity {
		a := good
		change(&a)
		return a
	}
	m.fails(ledger.Record(chatapi.Activity{}))
	m.fails(ledger.Record(with(func(a *chatapi.Activity) { a.Kind = "incoming" })))
	m.fails(ledger.Record(with(func(a *chatapi.Activity) { a.Channel = "ABC9" })))
	m.fails(ledger.Record(with(func(a *chatapi.Activity) { a.At = time.Time{} })))
	m.fails(ledger.Record(with(func(a *chatapi.Activity) { a.At = time.UnixMilli(1_794_312_000_000_000) })))
	m.fails(ledger.Record(with(func(a *chatapi.Activity) { a.Contact = chatapi.Contact{} })))
	m.fails(ledger.Record(with(func(a *chatapi.Activity) { a.Kind = chatapi.ActivityDelivered })))
	m.fails((*chatapi.Ledger)(nil).Record(good))
	m.fails(ledger.Load(nil))
	m.fails(first(chatapi.ReadActivities(nil)))
	m.fails(ledger.Load(chatapi.ReadActivities(strings.NewReader("kind,at,channel,contact"))))
	m.fails(ledger.Load(chatapi.ReadActivities(lines(`"kind"`, `"type"`))))
	m.fails(ledger.Load(chatapi.ReadActivities(lines("inbound", "incoming"))))
	m.fails(ledger.Load(chatapi.ReadActivities(lines(`"at"`, `"observed"`))))
	m.fails(ledger.Load(chatapi.ReadActivities(lines(`"at":"2026-11-10T12:00:00Z",`, ""))))
	m.fails(ledger.Load(chatapi.ReadActivities(lines("ABC1", ""))))
	m.fails(ledger.Load(chatapi.ReadActivities(lines("ABC1", "ABC9"))))
	m.fails(ledger.RecordEvent(&chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: "ABC1"}, MessageID: "m1", Status: chatapi.StatusSent}))
	m.fails(ledger.RecordEvent(&chatapi.StatusEvent{MessageID: "m1", Status: chatapi.StatusSent}))
	m.fails(ledger.RecordSend(nil, greeting, noon))
	m.try(ledger.Bill(chatapi.YearMonth{}))
	m.try(ledger.Bill(chatapi.Month(10, 2026)))
	m.try(ledger.Bill(chatapi.Month(2026, 13)))
	m.try(ledger.Bill(chatapi.Month(26, time.October)))
	m.try(ledger.Close(chatapi.Month(2036, time.January)))
	m.fails((*chatapi.Bill)(nil).WriteCSV(&bytes.Buffer{}))
	m.try(chatapi.EmbeddedRates("usd"))
	m.try(chatapi.EmbeddedRates("BRL"))
	m.try(chatapi.ReadRates(nil))
	m.try(chatapi.ReadRates(blank()))
	m.try(chatapi.ReadRates(strings.NewReader("country,category,currency,price,effective_from\n")))
	m.try(chatapi.ReadRates(card("Brazil,utility,BRL,\"0,05\",2026-01-01")))
	m.try(chatapi.ReadRates(card("Brazil,utility,BRL,0.05,2026-02-30")))
	m.try(chatapi.ReadRates(card("Brazil,utility,BRL,0.05,01.02.2026")))
	m.try(chatapi.ReadRates(card("Brazil,utility,BRL,0.05,2026-01-01\nBrazil,utility,USD,0.01,2026-01-01")))
	m.try(embedded().Price("utility", "Brazil", noon))
	m.try(embedded().Price("Brazil", "utility", time.Time{}))
}

func embedded() *chatapi.Rates {
	rates, err := chatapi.EmbeddedRates("USD")
	if err != nil {
		panic(err)
	}
	return rates
}

func quoteMistakes(m *mistakes) {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1", Numbers: []chatapi.ChannelID{"ABC1"}})
	m.try(ledger.Close(nov2026))
	if err := ledger.Record(wrote(noon, customerA)); err != nil {
		panic(err)
	}
	offer := chatapi.Template{Name: "offer", Language: "en", Category: "marketing"}
	closed := chatapi.NewLedger(chatapi.Account{})
	if err := closed.Record(wrote(noon, customerA)); err != nil {
		panic(err)
	}
	if _, err := closed.Close(nov2026); err != nil {
		panic(err)
	}
	m.try(ledger.Close(chatapi.Month(2027, time.January)))
	m.try(closed.Reconcile(nov2026))
	m.try(ledger.Quote(time.Time{}, "ABC1", ann, offer))
	m.try(ledger.Quote(noon, "", ann, offer))
	m.try(ledger.Quote(noon, "ABC9", ann, offer))
	m.try(ledger.Quote(noon, "12025550143", ann, offer))
	m.try(ledger.Quote(noon, "ABC1", chatapi.Recipient{}, offer))
	m.try(ledger.Quote(noon, "ABC1", chatapi.Phone("001 202 555 0143"), offer))
	m.try(ledger.QuoteAll(noon, "ABC1", maps.All(map[chatapi.Recipient]chatapi.Message{chatapi.Phone("n/a"): offer})))
	m.try(ledger.Quote(noon, "ABC1", ann, chatapi.Template{Name: "offer", Language: "en"}))
	m.try(ledger.Quote(noon, "ABC1", chatapi.Chat("120363000000000001@g.us"), offer))
	m.try(closed.Quote(noon, "ABC1", ann, offer))
	m.try(ledger.QuoteAll(noon, "ABC1", nil))
	m.try(ledger.Forecast(nov2026, time.Time{}))
	m.try(ledger.Forecast(chatapi.Month(2026, time.December), noon))
	m.fails(ledger.Snapshot(nil))
	m.try(chatapi.RestoreLedger(nil, chatapi.Account{}))
	m.try(chatapi.RestoreLedger(blank(), chatapi.Account{}))
	m.try(chatapi.RestoreLedger(strings.NewReader(`{"month":"2026-11"}`), chatapi.Account{}))
	m.try(chatapi.RestoreLedger(strings.NewReader("\x1f\x8b\x08\x00"), chatapi.Account{}))
	m.try(chatapi.RestoreLedger(bytes.NewReader(snapshotOf(m.t, ledger)[:30]), chatapi.Account{ID: "waba1"}))
	m.try(chatapi.RestoreLedger(bytes.NewReader(snapshotOf(m.t, ledger)), chatapi.Account{ID: "waba2"}))
	m.try(chatapi.RestoreLedger(bytes.NewReader(snapshotOf(m.t, ledger)), chatapi.Account{ID: "waba1", Numbers: []chatapi.ChannelID{"ABC2"}}))
	m.fails(chatapi.NewLedger(chatapi.Account{Model: "cbp"}).Snapshot(&bytes.Buffer{}))
	m.fails(chatapi.NewLedger(chatapi.Account{Used: []chatapi.PriorUsage{{Units: 800}}}).Snapshot(&bytes.Buffer{}))
}
