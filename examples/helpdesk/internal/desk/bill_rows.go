package desk

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// billNames are the names by which a bill calls channels and people.
type billNames struct {
	order    []chatapi.ChannelID // of the channels that are connected, by name
	channels map[chatapi.ChannelID]string
	numbers  map[chatapi.ChannelID]string // name and phone number
	people   map[personKey]string
}

type personKey struct {
	channel chatapi.ChannelID
	key     string
}

// billNames reads the names for the rows of a bill that a page shows.
func (d *Desk) billNames(ctx context.Context, bill *chatapi.Bill) (*billNames, error) {
	n := &billNames{channels: map[chatapi.ChannelID]string{}, numbers: map[chatapi.ChannelID]string{}, people: map[personKey]string{}}
	type channel struct{ id, name, phone, state string }
	rows, err := d.DB.Query(ctx, "SELECT channel, name, phone, state FROM desk_channel ORDER BY name, channel")
	all, err := store.All(rows, err, func(c *channel) []any { return []any{&c.id, &c.name, &c.phone, &c.state} })
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		id := chatapi.ChannelID(c.id)
		n.channels[id] = cmp.Or(c.name, c.phone, c.id)
		n.numbers[id] = cmp.Or(strings.TrimSpace(c.name+" "+c.phone), c.id)
		if c.state != "removed" {
			n.order = append(n.order, id)
		}
	}
	return n, d.readPeople(ctx, n, peopleOf(bill))
}

// peopleOf returns the keys of the people in the rows that a page shows.
func peopleOf(bill *chatapi.Bill) []any {
	keys := map[string]bool{}
	for _, c := range newest(bill.Charges) {
		keys[c.Contact.Key()] = true
	}
	for _, c := range newest(bill.Conversations) {
		keys[c.Contact.Key()] = true
	}
	var all []any
	for _, key := range sortedKeys(keys) {
		all = append(all, key)
	}
	return all
}

func (d *Desk) readPeople(ctx context.Context, n *billNames, keys []any) error {
	if len(keys) == 0 {
		return nil
	}
	type person struct{ channel, key, name string }
	marks := make([]string, len(keys))
	for i := range keys {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	rows, err := d.DB.Query(ctx, `SELECT n.channel, k.key, CASE WHEN p.own_name = '' THEN p.name ELSE p.own_name END
		FROM desk_channel n CROSS JOIN desk_chat_key k JOIN desk_chat c ON c.id = k.chat JOIN desk_contact p ON p.id = c.contact
		WHERE k.channel = n.id AND k.key IN (`+strings.Join(marks, ", ")+")", keys...) // by the channel and the key, not by all keys
	all, err := store.All(rows, err, func(p *person) []any { return []any{&p.channel, &p.key, &p.name} })
	for _, p := range all {
		n.people[personKey{chatapi.ChannelID(p.channel), p.key}] = p.name
	}
	return err
}

// newest returns the last rows, of which a page shows no more.
func newest[T any](all []T) []T { return all[max(0, len(all)-billLines):] }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// addRows adds the rows that the page lists, the newest first.
func (p *MonthPage) addRows(names *billNames) {
	for _, c := range slices.Backward(newest(p.Bill.Charges)) {
		p.Lines = append(p.Lines, names.row(c))
	}
	if !p.ByConversation {
		return
	}
	for _, c := range slices.Backward(newest(p.Bill.Conversations)) {
		row := ConversationRow{ChargeRow: names.row(c.Charge), By: "the business", Ends: c.ExpiresAt}
		row.At = c.OpenedAt
		switch c.Category {
		case chatapi.CategoryUserInitiated, chatapi.CategoryService:
			row.By = "the customer"
		case chatapi.CategoryReferral:
			row.By = "the customer, from an ad"
		}
		if !c.ClosedAt.IsZero() {
			row.Ends = c.ClosedAt
		}
		p.Conversations = append(p.Conversations, row)
	}
}

// row returns a charge as a page shows it.
func (n *billNames) row(c chatapi.Charge) ChargeRow {
	row := ChargeRow{At: c.At, Channel: cmp.Or(n.channels[c.Channel], string(c.Channel)), Person: n.people[personKey{c.Channel, c.Contact.Key()}],
		Number: c.Contact.String(), Category: words(c.Category), Cost: c.Amount.String(), Free: c.Free != "", Missing: c.Missing, Why: c.Why}
	switch {
	case row.Free:
		row.Cost = "free"
	case row.Missing:
		row.Cost = "no price"
	}
	return row
}

// addReported adds the rows where a status of the provider changed the bill.
func (p *MonthPage) addReported(ledger *chatapi.Ledger, names *billNames) error {
	if p.Bill.Closed {
		return nil // nothing is left to compare
	}
	all, err := ledger.Reconcile(p.Month)
	if err != nil && !errors.Is(err, chatapi.ErrNoPrice) {
		return err
	}
	for _, d := range newest(all) {
		computed := names.row(d.Computed)
		p.Reported = append(p.Reported, ReportedRow{ChargeRow: names.row(d.Billed), Computed: computed.Category + ", " + computed.Cost, Cause: d.Cause})
	}
	return nil
}

// dailyCosts returns the costs by day and category, for each currency with any.
func dailyCosts(bill *chatapi.Bill) []DailyCosts {
	var all []DailyCosts
	for _, total := range bill.Totals {
		if total.Micros > 0 && len(bill.Charges) > 0 {
			all = append(all, costsIn(bill, total))
		}
	}
	return all
}

// costsIn returns the costs in the currency of a sum.
func costsIn(bill *chatapi.Bill, total chatapi.Money) DailyCosts {
	type cell struct {
		day      int
		category string
	}
	cells, sums := map[cell]int64{}, map[string]int64{}
	for i := range bill.Charges {
		if c := &bill.Charges[i]; c.Amount.Currency == total.Currency && c.Amount.Micros > 0 {
			category := words(c.Category)
			cells[cell{c.At.Day(), category}] += c.Amount.Micros
			sums[category] += c.Amount.Micros
		}
	}
	money := func(micros int64) chatapi.Money { return chatapi.Money{Micros: micros, Currency: total.Currency} }
	d := DailyCosts{Currency: total.Currency, Categories: sortedKeys(sums), Total: total}
	slices.SortStableFunc(d.Categories, func(a, b string) int { return cmp.Compare(sums[b], sums[a]) })
	for _, category := range d.Categories {
		d.Sums = append(d.Sums, money(sums[category]))
	}
	for day := 1; day <= daysOf(bill.Month); day++ {
		one := DayCosts{Day: day, Sum: money(0)}
		for _, category := range d.Categories {
			cost := money(cells[cell{day, category}])
			one.Costs = append(one.Costs, cost)
			one.Sum.Micros += cost.Micros
		}
		d.Days = append(d.Days, one)
	}
	return d
}

func daysOf(month chatapi.YearMonth) int {
	return time.Date(month.Year, month.Month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Thousands returns a number with commas between the thousands.
func Thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
