package chatapi

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
)

// billColumns is the header of the CSV form. New columns go to the end.
var billColumns = []string{"opened", "account", "channel", "contact", "message", "category", "market", "model",
	"currency", "amount", "free", "missing", "price_since", "tier", "estimate", "status", "why", "late"}

// WriteCSV writes the charges as CSV, one line for each conversation or message,
// free ones too, after a header line:
//
//	opened, account, channel, contact, message, category, market, model,
//	currency, amount, free, missing, price_since, tier, estimate, status, why, late
//
// opened is RFC 3339 in the account's time zone. contact is "phone:12025550143",
// as [Recipient.MarshalText] has it. amount is exact, with a decimal point, and
// empty where missing is true: a price that no card has is not zero. Sum amount
// only within one currency. What came in late follows, with late true and the
// kind of activity as category, but no amount: it is not on the bill. A cell that a spreadsheet could take for a formula
// begins with an apostrophe.
func (b *Bill) WriteCSV(w io.Writer) error {
	if b == nil || w == nil {
		return invalid("Bill", "or its writer is nil")
	}
	out := csv.NewWriter(w)
	_ = out.Write(billColumns) // Error, below, tells
	for _, c := range b.Charges {
		contact, _ := c.Contact.MarshalText() // never fails
		amount, tier := c.Amount.Decimal(), ""
		if c.Missing {
			amount = ""
		}
		if c.Price.Tier > 0 {
			tier = strconv.Itoa(c.Price.Tier)
		}
		row := []string{c.At.Format(time.RFC3339), c.Account, string(c.Channel), string(contact), c.MessageID, c.Category, c.Market,
			string(c.Model), c.Amount.Currency, amount, string(c.Free), strconv.FormatBool(c.Missing), c.Price.Since, tier,
			strconv.FormatBool(c.Price.Estimate), c.Price.Status, c.Why, "false"}
		writeHarmless(out, row)
	}
	for _, one := range b.Late {
		contact, _ := one.Contact.MarshalText()
		writeHarmless(out, []string{one.At.Format(time.RFC3339), one.Account, string(one.Channel), string(contact), one.MessageID, string(one.Kind), "",
			"", "", "", "", "false", "", "", "false", "", one.Why, "true"})
	}
	out.Flush()
	return out.Error()
}

func writeHarmless(out *csv.Writer, row []string) {
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	_ = out.Write(row)
}

// harmless keeps a spreadsheet from running a cell as a formula (OWASP, CSV
// injection).
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}

// WriteJSON writes the bill as one JSON object on a line, which json.Unmarshal
// reads back into a Bill. The names of its members are stable: month ("2026-10"),
// conversations, charges, totals, gaps and what the fields of their types say.
// Amounts are exact texts such as "0.0325 USD"; contacts are texts such as
// "phone:12025550143".
func (b *Bill) WriteJSON(w io.Writer) error {
	if b == nil || w == nil {
		return invalid("Bill", "or its writer is nil")
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(b)
}

// MarshalText returns the month as "2026-10"; empty for the zero YearMonth.
func (m YearMonth) MarshalText() ([]byte, error) {
	if m == (YearMonth{}) {
		return []byte{}, nil
	}
	return []byte(time.Date(m.Year, m.Month, 1, 0, 0, 0, 0, time.UTC).Format("2006-01")), nil
}

// UnmarshalText reads "2026-10"; another text is [ErrInvalid].
func (m *YearMonth) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*m = YearMonth{}
		return nil
	}
	t, err := time.Parse("2006-01", string(text))
	if err != nil {
		return invalid("month", quote(string(text))+" is not of the form 2026-10")
	}
	*m = Month(t.Year(), t.Month())
	return nil
}
