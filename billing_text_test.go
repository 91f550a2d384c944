package chatapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// mixedBill returns a bill with two currencies, a free message, a missing price,
// and cells that a spreadsheet would run as formulas.
func mixedBill(t *testing.T) *chatapi.Bill {
	t.Helper()
	inr, err := chatapi.EmbeddedRates("INR")
	require.NoError(t, err)
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	ledger := chatapi.NewLedger(
		chatapi.Account{ID: "=in", Numbers: []chatapi.ChannelID{"I1"}, Timezone: kolkata, Rates: inr},
		chatapi.Account{ID: "us"})
	at := instant("2025-11-30T18:30:00Z") // December in India
	for _, a := range slices.Concat(
		sent("@m1", at, chatapi.Contact{Phone: "919876543210"}, "marketing"),
		sent("m2", at, chatapi.Contact{Phone: "5511990000001"}, "utility"),
		sent("m3", at.Add(24*time.Hour), chatapi.Contact{Phone: "5511990000001"}, "utility"),
		sent("m4", at.Add(25*time.Hour), chatapi.Contact{Chat: "120363@g.us"}, "marketing"),
		[]chatapi.Activity{wrote(at.Add(48*time.Hour), chatapi.Contact{Phone: "5511990000001"})},
		sent("m5", at.Add(49*time.Hour), chatapi.Contact{Phone: "5511990000001"}, ""),
	) {
		if a.MessageID == "@m1" {
			a.Channel = "I1"
		}
		require.NoError(t, ledger.Record(a))
	}
	bill, err := ledger.Bill(chatapi.Month(2025, time.December))
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	return bill
}

func TestBillAsCSV(t *testing.T) {
	bill := mixedBill(t)
	var out bytes.Buffer
	require.NoError(t, bill.WriteCSV(&out))
	assert.Equal(t, `opened,account,channel,contact,message,category,market,model,currency,amount,free,missing,price_since,tier,estimate,status,why,late
2025-12-01T00:00:02+05:30,'=in,I1,phone:919876543210,'@m1,marketing,India,pmp-2025,INR,0.7846,,false,2025-10-01,,false,copy,"India, price since 2025-10-01 (copy)",false
2025-12-01T18:30:02Z,us,ABC1,phone:5511990000001,m3,utility,Brazil,pmp-2025,USD,0.0068,,false,2025-10-01,,false,copy,"Brazil, price since 2025-10-01 (copy)",false
2025-12-01T19:30:02Z,us,ABC1,chat:120363@g.us,m4,marketing,,pmp-2025,USD,,,true,,,false,,the price is missing: unknown market,false
2025-12-02T19:30:02Z,us,ABC1,phone:5511990000001,m5,service,Brazil,pmp-2025,USD,0.00,free_customer_service,false,,,false,,customer service,false
`, out.String())

	// The amounts add up to the totals of their currencies.
	rows, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	sums := map[string]chatapi.Money{}
	for _, row := range rows[1:] {
		if row[9] == "" {
			continue
		}
		amount, err := chatapi.ParseMoney(row[9], row[8])
		require.NoError(t, err)
		sums[row[8]], err = sums[row[8]].Add(amount)
		require.NoError(t, err)
	}
	require.Len(t, bill.Totals, 2)
	for _, total := range bill.Totals {
		assert.Equal(t, total, sums[total.Currency])
	}
}

func TestBillAsJSONComesBackWhole(t *testing.T) {
	bill := mixedBill(t)
	var out bytes.Buffer
	require.NoError(t, bill.WriteJSON(&out))
	var again chatapi.Bill
	require.NoError(t, json.Unmarshal(out.Bytes(), &again))
	var second bytes.Buffer
	require.NoError(t, again.WriteJSON(&second))
	assert.Equal(t, out.String(), second.String())
	assert.Equal(t, bill.Totals, again.Totals)
	assert.Equal(t, bill.Gaps, again.Gaps)
	assert.Equal(t, bill.String(), again.String())

	var members struct {
		Month   string           `json:"month"`
		Charges []map[string]any `json:"charges"`
		Totals  []string         `json:"totals"`
		Gaps    []map[string]any `json:"gaps"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &members))
	assert.Equal(t, "2025-12", members.Month)
	assert.Equal(t, []string{"0.7846 INR", "0.0068 USD"}, members.Totals)
	assert.Equal(t, map[string]any{"account": "=in", "channel": "I1", "contact": "phone:919876543210", "message": "@m1", "category": "marketing",
		"market": "India", "model": "pmp-2025", "at": "2025-12-01T00:00:02+05:30", "amount": "0.7846 INR",
		"price": map[string]any{"amount": "0.7846 INR", "since": "2025-10-01", "status": "copy", "source": bill.Charges[0].Price.Source},
		"why":   "India, price since 2025-10-01 (copy)"}, members.Charges[0])
	assert.Equal(t, []map[string]any{{"account": "us", "market": "", "category": "marketing", "currency": "USD", "day": "2025-12-01", "units": 1.0}}, members.Gaps)
}

func TestBillFormsRefuseAndReport(t *testing.T) {
	var none *chatapi.Bill
	for name, write := range map[string]func(*chatapi.Bill) error{
		"csv":  func(b *chatapi.Bill) error { return b.WriteCSV(failingWriter{}) },
		"json": func(b *chatapi.Bill) error { return b.WriteJSON(failingWriter{}) },
	} {
		assert.ErrorIs(t, write(none), chatapi.ErrInvalid, name)
		assert.ErrorIs(t, write(&chatapi.Bill{}), errWriter, name)
	}
	for _, text := range []string{"2026", "2026-13", "October 2026"} {
		var m chatapi.YearMonth
		assert.ErrorIs(t, m.UnmarshalText([]byte(text)), chatapi.ErrInvalid, text)
	}
	var zero chatapi.YearMonth
	text, err := zero.MarshalText()
	require.NoError(t, err)
	require.NoError(t, zero.UnmarshalText(text))
	assert.Zero(t, zero)
}

// A conversation keeps the price of the day on which it opened, and a message
// that of the day of its delivery. Messages in a utility conversation that is
// still open when messages begin to be billed are free.
func TestAcrossAChangeOfCards(t *testing.T) {
	brazil := chatapi.Contact{Phone: "5511990000001"}
	prices := func(month chatapi.YearMonth, account chatapi.Account, activities ...chatapi.Activity) []string {
		bill, err := newLedger(t, account, activities...).Bill(month)
		require.NoError(t, err)
		var all []string
		for _, c := range bill.Charges {
			all = append(all, c.Category+" "+c.Amount.String()+" since "+c.Price.Since)
		}
		return all
	}
	own, err := chatapi.ReadRates(strings.NewReader("market,category,currency,price,effective_from\n" +
		"Brazil,utility,BRL,0.05,2025-01-01\nBrazil,utility,BRL,0.07,2025-06-16\nBrazil,utility,BRL,0.04,2025-07-01\n"))
	require.NoError(t, err)
	before := instant("2025-06-15T23:00:00Z")
	assert.Equal(t, []string{"utility 0.05 BRL since 2025-01-01", "utility 0.07 BRL since 2025-06-16"},
		prices(chatapi.Month(2025, time.June), chatapi.Account{Rates: own}, slices.Concat(
			sent("m1", before, brazil, "utility"), sent("m2", before.Add(20*time.Hour), brazil, "utility"), // joins the conversation
			sent("m3", before.Add(30*time.Hour), brazil, "utility"))...))

	straddle := slices.Concat(
		sent("m1", instant("2025-06-30T20:00:00Z"), brazil, "utility"),
		sent("m2", instant("2025-07-01T19:00:00Z"), brazil, "utility"), // free, because the conversation is open
		sent("m3", instant("2025-07-01T21:00:00Z"), brazil, "utility"))
	assert.Equal(t, []string{"utility 0.07 BRL since 2025-06-16"}, prices(chatapi.Month(2025, time.June), chatapi.Account{Rates: own}, straddle...))
	assert.Equal(t, []string{"utility 0.04 BRL since 2025-07-01"}, prices(chatapi.Month(2025, time.July), chatapi.Account{Rates: own}, straddle...))

	// The price for marketing to Saudi Arabia rose on 2026-04-01, at midnight of
	// the account.
	riyadh := time.FixedZone("+03", 3*3600)
	saudi := chatapi.Contact{Phone: "966501234567"}
	midnight := slices.Concat(sent("m1", instant("2026-03-31T20:59:57Z"), saudi, "marketing"), sent("m2", instant("2026-03-31T20:59:58Z"), saudi, "marketing"))
	march := prices(chatapi.Month(2026, time.March), chatapi.Account{Timezone: riyadh}, midnight...)
	april := prices(chatapi.Month(2026, time.April), chatapi.Account{Timezone: riyadh}, midnight...)
	assert.Equal(t, []string{"marketing 0.0455 USD since 2026-01-01"}, march)
	assert.Equal(t, []string{"marketing 0.0501 USD since 2026-04-01"}, april)
}

// A closed bill says that it is closed, and lists late messages in every form.
func TestAClosedBillInEveryForm(t *testing.T) {
	at := instant("2026-10-03T10:00:00Z")
	october := chatapi.Month(2026, time.October)
	ledger := newLedger(t, chatapi.Account{ID: "waba1"}, sent("m1", at, customerA, "utility")...)
	_, err := ledger.Close(october)
	require.NoError(t, err)
	for _, a := range sent("m2", at.Add(time.Hour), customerB, "utility") {
		require.NoError(t, ledger.Record(a))
	}
	bill, err := ledger.Bill(october)
	require.NoError(t, err)
	assert.Equal(t, `Bill for October 2026, closed

The conversations and messages are on the bill that Close returned.

Total  0.0034  USD

Late, not in the total

At                Number  Customer      What       Why
2026-10-03 11:00  ABC1    +12025550144  delivered  recorded after the month was closed
`, bill.String())
	var out bytes.Buffer
	require.NoError(t, bill.WriteCSV(&out))
	rows, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	assert.Equal(t, []string{"2026-10-03T11:00:02Z", "waba1", "ABC1", "phone:12025550144", "m2", "delivered"}, rows[1][:6])
	assert.Empty(t, rows[1][9], "a late message has no amount")
	assert.Equal(t, "true", rows[1][len(rows[1])-1])
	out.Reset()
	require.NoError(t, bill.WriteJSON(&out))
	var read chatapi.Bill
	require.NoError(t, json.Unmarshal(out.Bytes(), &read))
	assert.Equal(t, bill.String(), read.String())
	assert.True(t, read.Closed)
}
