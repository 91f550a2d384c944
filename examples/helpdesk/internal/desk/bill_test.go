package desk_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

var updateBills = flag.Bool("update-bills", false, "write the golden files of bills anew")

const (
	sales     chatapi.ChannelID = "ABC100000001"
	support   chatapi.ChannelID = "ABC100000002"
	bobsPhone                   = "12025550143"
)

// now is the clock of the desks of these tests.
var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// costDesk is a desk with two channels, and an administrator and an agent of the second
// one's department who look at it.
type costDesk struct {
	t      *testing.T
	desk   *desk.Desk
	ledger *chatapi.Ledger
	admin  *desk.View
	agent  *desk.View
	sent   int
}

func newCostDesk(t *testing.T, model chatapi.Model, channels *chatapi.Channels) *costDesk {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	clock := func() time.Time { return now }
	durableDesk, err := durable.Open(t.Context(), db.Durable, channels)
	require.NoError(t, err)
	key, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	c := &costDesk{t: t, desk: desk.New(desk.Config{DB: db, Durable: durableDesk, Channels: channels, Key: key, Now: clock,
		Log: slog.New(slog.DiscardHandler), Files: t.TempDir(), URL: "http://localhost:8400", Model: model})}
	c.write("INSERT INTO desk_department (id, name, folded) VALUES (1, 'Sales', 'sales'), (2, 'Support', 'support')")
	c.write("INSERT INTO desk_agent (id, email, folded, name, admin, created) VALUES (1, 'ann@shop.test', 'ann@shop.test', 'Ann', 1, 1), (2, 'max@shop.test', 'max@shop.test', 'Max', 0, 1)")
	c.write("INSERT INTO desk_agent_department (agent, department) VALUES (2, 2)")
	c.write(`INSERT INTO desk_channel (id, channel, department, name, phone, api_url, token, state) VALUES
		(1, 'ABC100000001', 1, 'Sales, Boston', '+1 202 555 0100', '', $1, 'connected'), (2, 'ABC100000002', 2, 'Support', '+1 202 555 0101', '', $1, 'connected')`, []byte{})
	c.ledger, err = c.desk.Ledger(t.Context())
	require.NoError(t, err)
	c.admin, c.agent = c.view(1), c.view(2)
	return c
}

func (c *costDesk) view(agent int64) *desk.View {
	c.t.Helper()
	v, err := c.desk.For(c.t.Context(), agent)
	require.NoError(c.t, err)
	return v
}

func (c *costDesk) write(statement string, args ...any) {
	c.t.Helper()
	require.NoError(c.t, c.desk.DB.Update(c.t.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	}))
}

// writes records a message of a customer.
func (c *costDesk) writes(channel chatapi.ChannelID, phone string, at time.Time, entry chatapi.EntryPoint) {
	c.t.Helper()
	c.sent++
	require.NoError(c.t, c.ledger.Record(chatapi.Activity{Kind: chatapi.ActivityInbound, At: at, Channel: channel, Contact: chatapi.Contact{Phone: phone},
		MessageID: fmt.Sprint("in", c.sent), EntryPoint: entry}))
}

// answers records a message of the business that is delivered a second later.
func (c *costDesk) answers(channel chatapi.ChannelID, phone string, at time.Time, category string) {
	c.t.Helper()
	c.sent++
	a := chatapi.Activity{Kind: chatapi.ActivityOutbound, At: at, Channel: channel, Contact: chatapi.Contact{Phone: phone},
		MessageID: fmt.Sprint("out", c.sent), Category: category}
	require.NoError(c.t, c.ledger.Record(a))
	a.Kind, a.At = chatapi.ActivityDelivered, at.Add(time.Second)
	require.NoError(c.t, c.ledger.Record(a))
}

func (c *costDesk) month() *desk.MonthPage {
	c.t.Helper()
	p, err := c.admin.Month(c.t.Context(), chatapi.Month(2026, time.November))
	require.NoError(c.t, err)
	return p
}

func day(n, hour int) time.Time { return time.Date(2026, 11, n, hour, 0, 0, 0, time.UTC) }

// rowsOf returns the rows of a person as "category cost".
func rowsOf(p *desk.MonthPage, number string) (all []string) {
	for _, row := range p.Lines {
		if row.Number == number {
			all = append(all, row.Category+" "+row.Cost)
		}
	}
	return all
}

func TestMonthByMessages(t *testing.T) {
	c := newCostDesk(t, "", chatapi.NewChannels())
	for range 1000 { // of the first number; the second has a tier of its own
		c.answers(sales, bobsPhone, day(2, 10), "")
	}
	c.writes(sales, "12025550150", day(3, 9), chatapi.EntryPointAd)
	c.writes(sales, "12025550151", day(3, 9), chatapi.EntryPointButton)
	for _, phone := range []string{"12025550150", "12025550151"} {
		c.answers(sales, phone, day(3, 10), "")
		c.answers(sales, phone, day(5, 10), "") // 48 hours after the first answer
	}
	c.answers(sales, "12025550150", day(6, 11), "") // after the 72 hours
	c.answers(support, bobsPhone, day(4, 10), "")
	c.answers(support, bobsPhone, day(4, 11), "utility")

	p := c.month()
	assert.False(t, p.ByConversation)
	assert.Empty(t, p.Conversations)
	assert.Contains(t, p.Rules, "The first 1,000 service messages of a month and number are free.")
	assert.Equal(t, []desk.Gauge{{Name: "Sales, Boston +1 202 555 0100", Used: 1000, Of: 1000}, {Name: "Support +1 202 555 0101", Used: 1, Of: 1000}}, p.Gauges)
	assert.Equal(t, []desk.FreeCount{{Reason: "among the first 1,000 of the month", Count: 1001}, {Reason: "came from an ad", Count: 2}}, p.Reasons)
	assert.Equal(t, []string{"service 0.0034 USD", "service free", "service free"}, rowsOf(p, "+12025550150"), "the newest first")
	assert.Equal(t, []string{"service 0.0034 USD", "service 0.0034 USD"}, rowsOf(p, "+12025550151"), "a plain button is not free")
	assert.Equal(t, 4, p.Charged)
	assert.Len(t, p.Lines, 100, "the CSV form has the rest")
	sameSums(t, p)
	require.Len(t, p.Expected, 1)
	assert.NotEmpty(t, p.Expected[0].Between)

	sentence, err := c.quote(c.admin, chatapi.Text{Body: "hi"})
	require.NoError(t, err)
	assert.Equal(t, "0.0034 USD: service message to North America, price since 2026-10-01 (copy); the service window is closed, so WhatsApp refuses it.", sentence)
}

func TestMonthByConversations(t *testing.T) {
	c := newCostDesk(t, chatapi.ModelCBP2022, chatapi.NewChannels())
	for n := range 999 { // of both numbers
		channel := []chatapi.ChannelID{sales, support}[n%2]
		c.writes(channel, fmt.Sprint(12025560000+n), day(2, 9), "")
		c.answers(channel, fmt.Sprint(12025560000+n), day(2, 10), "")
	}
	c.writes(sales, bobsPhone, day(3, 9), "")
	c.writes(sales, bobsPhone, day(3, 18), "") // prolongs nothing
	c.answers(sales, bobsPhone, day(3, 19), "")
	c.answers(sales, bobsPhone, day(4, 8), "") // hour 23
	c.writes(sales, bobsPhone, day(4, 9), "")  // hour 24
	c.answers(sales, bobsPhone, day(4, 10), "")
	c.writes(sales, "12025550150", day(5, 9), chatapi.EntryPointAd)
	c.writes(support, "12025550151", day(5, 9), chatapi.EntryPointButton)
	c.answers(sales, "12025550150", day(5, 10), "")
	c.answers(support, "12025550151", day(5, 10), "")
	c.answers(sales, "12025550152", day(6, 10), "utility")
	c.write("INSERT INTO desk_contact (id, name, own_name, created) VALUES (1, 'Bobby', 'Bob Sample', 1)")
	c.write("INSERT INTO desk_chat (id, channel, contact, answer) VALUES (1, 1, 1, 'phone:12025550143')")
	c.write("INSERT INTO desk_chat_key (channel, key, chat) VALUES (1, 'phone:12025550143', 1)")

	p := c.month()
	assert.True(t, p.ByConversation)
	assert.Contains(t, p.Rules, "shared by all numbers")
	assert.Equal(t, []desk.Gauge{{Name: "All numbers together", Used: 1000, Of: 1000}}, p.Gauges)
	assert.Equal(t, []desk.FreeCount{{Reason: "among the first 1,000 of the month", Count: 1000}, {Reason: "came from an ad", Count: 1}}, p.Reasons)
	type row struct {
		person, by, cost string
		began, ends      time.Time
	}
	var last []row
	for _, r := range p.Conversations[:5] {
		last = append(last, row{r.Person, r.By, r.Cost, r.At, r.Ends})
	}
	assert.Equal(t, []row{
		{"", "the business", "0.0147 USD", day(6, 10).Add(time.Second), day(7, 10).Add(time.Second)},
		{"", "the customer, from an ad", "free", day(5, 10).Add(time.Second), day(8, 10).Add(time.Second)},
		{"", "the customer", "0.0088 USD", day(5, 9), day(6, 9)},
		{"Bob Sample", "the customer", "0.0088 USD", day(4, 9), day(5, 9)},
		{"Bob Sample", "the customer", "free", day(3, 9), day(4, 9)},
	}, last)
	assert.Equal(t, "number 1,000 of 1,000 free this month", p.Conversations[4].Why)
	sameSums(t, p)
}

// sameSums fails the test unless the days, the categories and the bill have the same sum,
// and each day has that of its charges.
func sameSums(t *testing.T, p *desk.MonthPage) {
	t.Helper()
	require.Len(t, p.Days, 1)
	days, categories, charges := int64(0), int64(0), map[int]int64{}
	for _, c := range p.Bill.Charges {
		charges[c.At.Day()] += c.Amount.Micros
	}
	for _, d := range p.Days[0].Days {
		days += d.Sum.Micros
		assert.Equal(t, charges[d.Day], d.Sum.Micros, "day %d", d.Day)
	}
	for _, sum := range p.Days[0].Sums {
		categories += sum.Micros
	}
	require.Len(t, p.Bill.Totals, 1)
	assert.Equal(t, p.Bill.Totals[0].Micros, days)
	assert.Equal(t, p.Bill.Totals[0].Micros, categories)
	assert.Len(t, p.Days[0].Days, 30)
}

func TestMonthInOtherForms(t *testing.T) {
	c := newCostDesk(t, "", chatapi.NewChannels())
	c.writes(sales, bobsPhone, day(2, 9), "")
	c.answers(sales, bobsPhone, day(2, 10), "")
	c.answers(sales, "12025550150", day(3, 10), "authentication_international") // no card has it
	c.answers(support, "12025550151", day(4, 10), "utility")
	p := c.month()
	assert.Equal(t, []string{"No price in USD is known for authentication international in North America since 2026-11-03. 1 message is not in the sum."}, p.Gaps)
	assert.Equal(t, 1, p.Missing)
	var csv bytes.Buffer
	require.NoError(t, p.Bill.WriteCSV(&csv))
	golden := filepath.Join("testdata", "bill.csv")
	if *updateBills {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, csv.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), csv.String())
}

func TestMonthThatTheProviderReportedOtherwise(t *testing.T) {
	c := newCostDesk(t, "", chatapi.NewChannels())
	c.answers(sales, bobsPhone, day(2, 10), "utility")
	a := chatapi.Activity{Kind: chatapi.ActivityDelivered, At: day(2, 10).Add(time.Second), Channel: sales, Contact: chatapi.Contact{Phone: bobsPhone},
		MessageID: fmt.Sprint("out", c.sent), Reported: chatapi.Reported{Category: "marketing", Type: "regular"}}
	require.NoError(t, c.ledger.Record(a))
	p := c.month()
	require.Len(t, p.Reported, 1)
	assert.Equal(t, "marketing", p.Reported[0].Category)
	assert.Equal(t, "utility, 0.0034 USD", p.Reported[0].Computed)
	assert.Contains(t, p.Reported[0].Cause, "category was changed by Meta")
}

func TestMonthIsForAdministrators(t *testing.T) {
	c := newCostDesk(t, "", chatapi.NewChannels())
	_, err := c.agent.Month(t.Context(), chatapi.Month(2026, time.November))
	require.ErrorIs(t, err, desk.ErrAdmin)
	p := c.month()
	assert.Empty(t, p.Days)
	assert.Equal(t, "nothing recorded yet", p.Bill.Note)
}

// quote asks for the price of a message to Bob, in a request with the department Sales.
func (c *costDesk) quote(v *desk.View, m chatapi.Message) (string, error) {
	c.t.Helper()
	c.write("INSERT INTO desk_chat (id, channel, answer) VALUES (7, 1, $1) ON CONFLICT (id) DO NOTHING", "phone:"+bobsPhone)
	c.write("INSERT INTO desk_request (id, chat, channel, department, state, opened, last) VALUES (7, 7, 1, 1, 'new', 1, 1) ON CONFLICT (id) DO NOTHING")
	return v.Quote(c.t.Context(), 7, m)
}

func TestQuote(t *testing.T) {
	c := newCostDesk(t, "", chatapi.NewChannels())
	c.writes(sales, bobsPhone, now.Add(-time.Hour), "")
	for range 411 {
		c.answers(sales, bobsPhone, now.Add(-time.Minute), "")
	}
	for name, one := range map[string]struct {
		message  chatapi.Message
		sentence string
	}{
		"free":     {chatapi.Text{Body: "hi"}, "Free: service message to North America, free tier: number 412 of 1,000 this month, 588 left."},
		"template": {chatapi.Template{Name: "order", Language: "en", Category: "UTILITY"}, "0.0034 USD: utility template to North America, price since 2026-10-01 (copy)."},
		"gap": {chatapi.Template{Name: "code", Language: "en", Category: "AUTHENTICATION_INTERNATIONAL"},
			"No price in USD is known for authentication international in North America since 2026-11-28."},
		"no category": {chatapi.Template{Name: "order", Language: "en"}, "No price can be given: the category is empty, but the price of a template goes by it."},
	} {
		t.Run(name, func(t *testing.T) {
			sentence, err := c.quote(c.admin, one.message)
			require.NoError(t, err)
			assert.Equal(t, one.sentence, sentence)
		})
	}
	_, err := c.quote(c.agent, chatapi.Text{Body: "hi"})
	require.ErrorIs(t, err, desk.ErrNotFound, "another department's")
}
