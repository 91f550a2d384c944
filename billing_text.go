package chatapi

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const minuteForm = "2006-01-02 15:04"

// freeWords are the reasons in words.
var freeWords = map[FreeReason]string{
	FreeEntryPoint:      "came from an ad",
	FreeTier:            "free tier",
	FreeService:         "service is free",
	FreeCustomerService: "customer service",
	FreeCareWindow:      "within 24 hours of the customer's message",

	FreeOpenConversation: "joins an open conversation",
}

// String returns the bill as aligned text for people: one line for each
// conversation or message with its cost and the reason, then the sums. It holds
// phone numbers. Names and ids come from outside: what is not printable, such as a
// line break, an escape or a change of the direction of writing, is written as in
// Go source, and a text of more than 200 characters is cut.
func (b *Bill) String() string {
	if b == nil {
		return ""
	}
	var text strings.Builder
	_ = b.WriteText(&text) // a Builder never fails
	return text.String()
}

// WriteText writes the same as [Bill.String].
func (b *Bill) WriteText(w io.Writer) error {
	if b == nil || w == nil {
		return noBill("Bill.WriteText")
	}
	text := bufio.NewWriter(w) // keeps the first error, for Flush
	fmt.Fprintf(text, "Bill for %s", b.Month)
	if b.Closed {
		fmt.Fprint(text, ", closed")
	}
	fmt.Fprintln(text)
	switch {
	case len(b.Charges) > 0:
		fmt.Fprintln(text)
		b.table().write(text)
	case b.Closed:
		fmt.Fprint(text, "\nThe conversations and messages are on the bill that Close returned.\n")
	case b.Note != "":
		note := cell(b.Note)
		fmt.Fprintf(text, "\n%s%s.\n", strings.ToUpper(note[:1]), note[1:])
	default:
		fmt.Fprint(text, "\nNothing to charge.\n")
	}
	fmt.Fprintln(text)
	b.sums().write(text)
	if len(b.Late) > 0 {
		fmt.Fprint(text, "\nLate, not in the total\n\n")
		b.lateTable().write(text)
	}
	return text.Flush()
}

// table returns a line for each charge, with the account if there are several.
func (b *Bill) table() *table {
	several := slices.ContainsFunc(b.Charges, func(c Charge) bool { return c.Account != b.Charges[0].Account })
	t := &table{right: map[int]bool{}}
	head := []string{"Opened", "Number", "Customer", "Kind", "Cost", "Why"}
	if several {
		head = slices.Insert(head, 1, "Account")
	}
	t.right[len(head)-2] = true
	t.add(head...)
	t.more = func(yield func([]string) bool) {
		for i := range b.Charges {
			c := &b.Charges[i]
			cost := c.Amount.String()
			switch {
			case c.Free != "":
				cost = "free"
			case c.Missing:
				cost = "?"
			}
			row := []string{c.At.Format(minuteForm), string(c.Channel), c.Contact.String(), words(c.Category), cost, c.Why}
			if several {
				row = slices.Insert(row, 1, c.Account)
			}
			if !yield(row) {
				return
			}
		}
	}
	return t
}

// lateTable returns a line for each late message.
func (b *Bill) lateTable() *table {
	t := &table{}
	t.add("At", "Number", "Customer", "What", "Why")
	for _, one := range b.Late {
		t.add(one.At.Format(minuteForm), string(one.Channel), one.Contact.String(), string(one.Kind), one.Why)
	}
	return t
}

// sums returns the number of free units by reason, and of charged units by
// category.
func (b *Bill) sums() *table {
	t := &table{right: map[int]bool{1: true}}
	free, charged, missing := 0, 0, 0
	var reasons []FreeReason
	byReason := map[FreeReason]int{}
	for _, c := range b.Charges {
		switch {
		case c.Free != "":
			free++
			if byReason[c.Free] == 0 {
				reasons = append(reasons, c.Free)
			}
			byReason[c.Free]++
		case !c.Missing: // the gaps have these
			charged++
		}
	}
	var why []string
	for _, reason := range reasons {
		why = append(why, fmt.Sprintf("%s %s", freeWords[reason], grouped(byReason[reason])))
	}
	if len(b.Charges) > 0 || !b.Closed { // a closed bill has only sums
		t.add("Free", grouped(free), strings.Join(why, ", "))
		t.add("Charged", grouped(charged))
	}
	for _, gap := range b.Gaps {
		missing += gap.Units
	}
	if missing > 0 {
		t.add("No price", grouped(missing), "not in the total")
		for _, gap := range b.Gaps {
			t.add("", "", gap.Error()+" ("+grouped(gap.Units)+")")
		}
	}
	for _, total := range b.Totals {
		t.add("Total", total.Decimal(), total.Currency)
	}
	return t
}

// String returns the campaign as aligned text for people: the messages by market,
// category and cost, then the sums.
func (c *Campaign) String() string {
	if c == nil {
		return ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Messages: %s\n\n", grouped(c.Messages))
	t := costTable(c.Costs)
	for _, gap := range c.Gaps {
		t.add("No price", "", grouped(gap.Units), "?", gap.Error())
	}
	for _, total := range c.Totals {
		t.add("Total", "", "", total.String())
	}
	t.write(&text)
	return text.String()
}

// String returns the forecast as aligned text for people: the expected units of
// the month, then the cost so far and at the end.
func (f *Forecast) String() string {
	if f == nil {
		return ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Forecast for %s, from what was recorded until %s\n\n", f.Month, f.Now.Format(minuteForm))
	t := costTable(f.Costs)
	for _, gap := range f.Gaps {
		t.add("No price", "", grouped(gap.Units), "?", gap.Error())
	}
	for i, total := range f.Totals {
		t.add("So far", "", "", f.Spent[i].String())
		between := ""
		if f.Low[i] != f.High[i] {
			between = "between " + f.Low[i].Decimal() + " and " + f.High[i].Decimal()
		}
		t.add("Month", "", "", total.String(), between)
	}
	t.write(&text)
	return text.String()
}

// costTable returns a line for each cost that is charged or free.
func costTable(costs []Cost) *table {
	t := &table{right: map[int]bool{2: true, 3: true}}
	for _, c := range costs {
		market := cmp.Or(c.Market, "unknown market")
		switch {
		case c.Missing: // the gaps list these
		case c.Free != "":
			t.add(market, words(c.Category), grouped(c.Units), "free", freeWords[c.Free])
		default:
			t.add(market, words(c.Category), grouped(c.Units), c.Amount.String())
		}
	}
	return t
}

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
// kind of activity as category, but no amount: it is not on the bill. Where a
// spreadsheet could take a cell, or a part after a semicolon, for a formula, an
// apostrophe stands before it. What is not printable is written as in Go source.
func (b *Bill) WriteCSV(w io.Writer) error {
	if b == nil || w == nil {
		return noBill("Bill.WriteCSV")
	}
	out := csv.NewWriter(w)
	_ = out.Write(billColumns) // out keeps the error
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
		row[i] = harmless(visible(cell))
	}
	_ = out.Write(row)
}

// formulaSigns begin a formula in some spreadsheet.
const formulaSigns = "=+-@＝＋－＠"

// harmless keeps a spreadsheet from running a cell, or a part of it, as a formula
// (OWASP, CSV injection). Where lists are written with semicolons or bars, a
// spreadsheet takes these for the ends of cells.
func harmless(cell string) string {
	if !strings.ContainsAny(cell, formulaSigns) {
		return cell
	}
	var safe strings.Builder
	begins := true // a cell, with nothing but spaces and quotation marks so far
	for _, r := range cell {
		if begins && strings.ContainsRune(formulaSigns, r) {
			safe.WriteByte('\'')
		}
		safe.WriteRune(r)
		begins = strings.ContainsRune(";|,", r) || begins && strings.ContainsRune(" \"'", r)
	}
	return safe.String()
}

// WriteJSON writes the bill as one JSON object on a line, which json.Unmarshal
// reads back into a Bill. The names of its members are stable: month ("2026-10"),
// conversations, charges, totals, gaps and what the fields of their types say.
// Amounts are exact texts such as "0.0325 USD"; contacts are texts such as
// "phone:12025550143".
func (b *Bill) WriteJSON(w io.Writer) error {
	if b == nil || w == nil {
		return noBill("Bill.WriteJSON")
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(b)
}

// noBill is the error of a nil bill or a nil writer.
func noBill(op string) *Error {
	return invalid("Bill", "or its writer is nil; Ledger.Bill returns a nil bill with an error other than ErrNoPrice").in(op, "")
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
		return invalid("month", quote(string(text))+" is not of the form 2026-10; write the year and the month in digits")
	}
	*m = Month(t.Year(), t.Month())
	return nil
}

// words turns a category into words.
func words(category string) string { return visible(strings.ReplaceAll(category, "_", " ")) }

// visible returns a text with what is not printable written as in Go source: line
// breaks, escapes of terminals, and signs that change the direction of writing.
func visible(text string) string {
	printable := true
	for i := range len(text) {
		printable = printable && ' ' <= text[i] && text[i] <= '~'
	}
	if printable || utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// longestCell is the longest text of a cell, in characters: a table is as wide as
// its widest cells.
const longestCell = 200

// cell returns a text for a line or a table: visible, without the two spaces that
// stand between columns, and not too long.
func cell(text string) string {
	text = visible(text)
	if strings.Contains(text, "  ") {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
	}
	return clip(text, longestCell)
}

// grouped writes a count with separated thousands: 1,000.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// table is text in columns as wide as their widest cell.
type table struct {
	rows  [][]string
	more  iter.Seq[[]string] // further rows, made anew by each call; may be nil
	right map[int]bool       // columns set to the right
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) all(yield func([]string) bool) {
	for _, row := range t.rows {
		if !yield(row) {
			return
		}
	}
	if t.more != nil {
		t.more(yield)
	}
}

// write measures the columns, then writes line by line. The writer keeps its error.
func (t *table) write(w io.Writer) {
	var widths []int
	for row := range t.all {
		for i, text := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell(text)))
		}
	}
	for row := range t.all {
		var line strings.Builder
		for i, text := range row {
			text = cell(text)
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i > 0 {
				line.WriteString("  ")
			}
			if t.right[i] {
				line.WriteString(pad + text)
			} else {
				line.WriteString(text + pad)
			}
		}
		_, _ = io.WriteString(w, strings.TrimRight(line.String(), " ")+"\n")
	}
}
