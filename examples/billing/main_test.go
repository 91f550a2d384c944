package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// billing runs the program and returns its output.
func billing(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, log bytes.Buffer
	err = run(args, strings.NewReader(stdin), &out, &log)
	return out.String(), log.String(), err
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

const events = `{"kind":"inbound","at":"2026-10-03T09:58:00Z","channel":"<b>&1","contact":"phone:12025550143","entry_point":"ad"}
{"kind":"outbound","at":"2026-10-03T10:00:00Z","channel":"<b>&1","contact":"phone:12025550143","message":"m1"}
{"kind":"delivered","at":"2026-10-03T10:00:02Z","channel":"<b>&1","contact":"phone:12025550143","message":"m1"}
{"kind":"outbound","at":"2026-10-12T10:00:00Z","channel":"<b>&1","contact":"phone:12025550144","message":"m2","category":"utility"}
{"kind":"delivered","at":"2026-10-12T10:00:02Z","channel":"<b>&1","contact":"phone:12025550144","message":"m2"}
{"kind":"outbound","at":"2026-10-12T11:00:00Z","channel":"<b>&1","contact":"phone:12025550144","message":"m3"}
{"kind":"delivered","at":"2026-10-12T11:00:02Z","channel":"<b>&1","contact":"phone:12025550144","message":"m3"}
`

func TestEveryFormOfTheBill(t *testing.T) {
	dir := t.TempDir()
	name := func(file string) string { return filepath.Join(dir, file) }
	require.NoError(t, os.WriteFile(name("events.jsonl"), []byte(events), 0o600))
	out, log, err := billing(t, "", "-html", name("b.html"), "-csv", name("b.csv"), "-json", name("b.json"), name("events.jsonl"))
	require.NoError(t, err)
	assert.Empty(t, log, "no progress for a short input without a terminal")
	assert.Contains(t, out, "Bill for October 2026")
	assert.Contains(t, out, "Total    0.0034  USD")

	rows, err := csv.NewReader(strings.NewReader(read(t, name("b.csv")))).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 4)
	var bill chatapi.Bill
	require.NoError(t, json.Unmarshal([]byte(read(t, name("b.json"))), &bill))
	assert.Equal(t, out, bill.String()+"\nFree tier of number <b>&1: 1 of 1,000\n")

	fromStdin, _, err := billing(t, events, "-")
	require.NoError(t, err)
	assert.Equal(t, out, fromStdin)

	page := read(t, name("b.html"))
	for _, part := range []string{"<title>WhatsApp bill for October 2026</title>", "Cost by day and category, USD", "October 12, utility: 0.0034 USD",
		"number &lt;b&gt;&amp;1: 1 of 1,000", "came from an ad 50.0 %", "customer service 50.0 %", "The numbers as a table"} {
		assert.Contains(t, page, part)
	}
	assert.NotContains(t, page, "<b>&1", "text from the file is escaped")
	assert.NotContains(t, page, "://", "the page loads nothing")
	assert.Equal(t, 2+1, strings.Count(page, `role="img"`))
	assert.Equal(t, 3, strings.Count(page, `<tr><td class="t">`))
	wellFormed(t, page)
}

// wellFormed checks that every element of the page is closed.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	in := xml.NewDecoder(strings.NewReader(page))
	in.Strict, in.AutoClose, in.Entity = false, []string{"meta"}, xml.HTMLEntity
	open := 0
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token.(type) {
		case xml.StartElement:
			open++
		case xml.EndElement:
			open--
		}
	}
	assert.Zero(t, open)
}

func TestMissingPricesAreListedInEveryForm(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "b.html")
	gap := strings.ReplaceAll(events, "phone:12025550144", "chat:120363@g.us")
	out, _, err := billing(t, gap, "-summary", "-html", name, "-")
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	assert.Equal(t, "Bill for October 2026: 3 conversations and messages\nTotal 0.00 USD\n"+
		"Not in the total: no USD price for utility in an unknown market on 2026-10-12 (1)\n"+
		"\nFree tier of number <b>&1: 1 of 1,000\n", out)
	page := read(t, name)
	assert.Contains(t, page, "Not in the total")
	assert.Contains(t, page, "Without a price")
}

func TestLinesThatCannotBeRead(t *testing.T) {
	bad := "{\n" + events + `{"kind":"inbound","channel":"ABC1","contact":"phone:12025550143"}` + "\n"
	_, _, err := billing(t, bad, "-")
	require.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.ErrorContains(t, err, "line 1")

	out, log, err := billing(t, bad+strings.Repeat("x\n", 30), "-continue", "-")
	require.NoError(t, err)
	assert.Contains(t, out, "Total    0.0034  USD")
	assert.Contains(t, log, "skipped: chatapi: ReadActivities: activities are unreadable: line 1: ")
	assert.Contains(t, log, "has neither At nor Observed, in line 9; ", "an activity without an instant")
	assert.Contains(t, log, "skipped: 32 lines in all")
}

func TestNoEvents(t *testing.T) {
	_, _, err := billing(t, "", "-")
	assert.ErrorContains(t, err, "-month must name")
	name := filepath.Join(t.TempDir(), "b.html")
	out, _, err := billing(t, "", "-month", "2026-10", "-html", name, "-")
	require.NoError(t, err)
	assert.Contains(t, out, "Nothing recorded yet.")
	assert.Contains(t, read(t, name), "Nothing recorded yet.")
	wellFormed(t, read(t, name))
}

func TestOptions(t *testing.T) {
	for problem, args := range map[string][]string{
		"one file":      {},
		"-generate":     {"-generate", "-1"},
		"from 1 to 120": {"-generate", "10", "-months", "0"},
		"-close":        {"-close", "-1h", "-"},
		"-now":          {"-forecast", "-now", "today", "-"},
		"-forecast":     {"-forecast", "-now", "2026-09-01T00:00:00Z", "-"},
		"-timezone":     {"-timezone", "Atlantis", "-"},
		"-month":        {"-month", "October", "-"},
		"JPY":           {"-currency", "JPY", "-"},
		"no-such-file":  {"no-such-file"},
		"no-such-cards": {"-rates", "no-such-cards", "-"},
		"Model":         {"-model", "x", "-"},
	} {
		_, _, err := billing(t, events, args...)
		assert.ErrorContains(t, err, problem)
	}
	_, usage, err := billing(t, "", "-h")
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, usage, "-generate")

	cards := filepath.Join(t.TempDir(), "cards.csv")
	require.NoError(t, os.WriteFile(cards, []byte("market;category;currency;price;effective_from\nNorth America;utility;CAD;0.01;2026-10-01\n"), 0o600))
	out, _, err := billing(t, events, "-rates", cards, "-summary", "-")
	require.NoError(t, err)
	assert.Contains(t, out, "Total 0.01 CAD")
}

func TestAMadeUpFileIsTheSameEachTimeAndCanBeBilled(t *testing.T) {
	const n = 3000
	file, _, err := billing(t, "", "-generate", fmt.Sprint(n))
	require.NoError(t, err)
	again, _, err := billing(t, "", "-generate", fmt.Sprint(n))
	require.NoError(t, err)
	assert.Equal(t, file, again)
	months, _, err := billing(t, "", "-generate", fmt.Sprint(n), "-months", "3")
	require.NoError(t, err)
	assert.Equal(t, n, strings.Count(months, "\n"))
	for _, month := range []string{"2026-08-", "2026-09-", "2026-10-"} {
		assert.Contains(t, months, `"at":"`+month)
	}
	other, _, err := billing(t, "", "-generate", fmt.Sprint(n), "-seed", "2")
	require.NoError(t, err)
	assert.NotEqual(t, file, other)
	assert.Equal(t, n, strings.Count(file, "\n"))
	name := filepath.Join(t.TempDir(), "b.html")
	_, _, err = billing(t, file, "-summary", "-html", name, "-")
	require.NoError(t, err)
	assert.Contains(t, read(t, name), "more, which the CSV and JSON forms have")
	wellFormed(t, read(t, name))
}

func TestProgressWithoutATerminalIsALineNowAndThen(t *testing.T) {
	var log bytes.Buffer
	p := newProgress(&log, 4<<20)
	p.add(1 << 20)
	assert.Empty(t, log.String())
	p.said, p.start = p.said.Add(-sayEvery), p.start.Add(-2*sayEvery)
	p.add(1 << 20)
	assert.Equal(t, "read 2 of 4 MB\n", log.String())
	p.done(12)
	assert.Contains(t, log.String(), "12 events in 20")
}

// A month is closed while events still come in. Its bill keeps its charges, and
// later events are listed in every form.
func TestClosedMonthsKeepTheirBillAndListWhatIsLate(t *testing.T) {
	dir := t.TempDir()
	name := func(file string) string { return filepath.Join(dir, file) }
	later := events + `{"kind":"inbound","at":"2026-11-05T10:00:00Z","channel":"<b>&1","contact":"phone:12025550143"}
{"kind":"delivered","at":"2026-10-13T10:00:02Z","observed_at":"2026-11-05T11:00:00Z","channel":"<b>&1","contact":"phone:12025550144","message":"m4"}
`
	out, _, err := billing(t, later, "-month", "2026-10", "-close", "72h", "-html", name("b.html"), "-csv", name("b.csv"), "-json", name("b.json"), "-")
	require.NoError(t, err)
	for _, part := range []string{"Bill for October 2026, closed\n", "utility  0.0034 USD", "Total    0.0034  USD", "Late, not in the total", "2026-10-13 10:00"} {
		assert.Contains(t, out, part)
	}
	var bill chatapi.Bill
	require.NoError(t, json.Unmarshal([]byte(read(t, name("b.json"))), &bill))
	assert.True(t, bill.Closed)
	require.Len(t, bill.Late, 1)
	assert.Equal(t, "m4", bill.Late[0].MessageID)
	assert.Len(t, bill.Charges, 3)
	assert.Equal(t, 5, strings.Count(read(t, name("b.csv")), "\n"), "header, three charges, one late")
	page := read(t, name("b.html"))
	assert.Contains(t, page, "<h1>WhatsApp bill for October 2026, closed</h1>")
	assert.Contains(t, page, `<h2 id="late">Late, not in the total</h2>`)
	wellFormed(t, page)

	out, _, err = billing(t, later, "-month", "2026-10", "-close", "72h", "-summary", "-")
	require.NoError(t, err)
	assert.Contains(t, out, "Bill for October 2026, closed: 3 conversations and messages\nTotal 0.0034 USD\nLate, not in the total: 1\n")
}

func TestForecastAndVolumeTiers(t *testing.T) {
	dir := t.TempDir()
	name := func(file string) string { return filepath.Join(dir, file) }
	cards := "market,category,currency,price,effective_from,from_message,to_message\n" +
		"North America,utility,USD,0.05,2026-10-01,1,1\nNorth America,utility,USD,0.04,2026-10-01,2,\n"
	require.NoError(t, os.WriteFile(name("cards.csv"), []byte(cards), 0o600))
	more := events + `{"kind":"outbound","at":"2026-10-14T12:00:00Z","channel":"<b>&1","contact":"phone:12025550145","message":"m9","category":"utility"}
{"kind":"delivered","at":"2026-10-14T12:00:00Z","channel":"<b>&1","contact":"phone:12025550145","message":"m9"}
`
	out, _, err := billing(t, more, "-rates", name("cards.csv"), "-forecast", "-now", "2026-10-16T12:00:00Z", "-html", name("b.html"), "-json", name("b.json"), "-")
	require.NoError(t, err)
	assert.Contains(t, out, "Volume tier of utility in North America from message 2 on: 1, 0.04 USD\n")
	assert.Contains(t, out, "Forecast for October 2026, from what was recorded until 2026-10-16 12:00\n")
	assert.Contains(t, out, "Month                      0.17 USD", "half the month is over, and two more messages are expected")
	var both struct {
		chatapi.Bill
		Forecast chatapi.Forecast `json:"forecast"`
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, name("b.json"))), &both))
	assert.Equal(t, "0.17 USD", both.Forecast.Totals[0].String())
	assert.Equal(t, "0.09 USD", both.Totals[0].String())
	page := read(t, name("b.html"))
	for _, part := range []string{"Expected for the month", "Forecast for the whole month", "Volume tiers reached"} {
		assert.Contains(t, page, part)
	}
	wellFormed(t, page)
}

// BenchmarkReplay makes up ten million events of a million customers and five
// months and bills them as text. The limit is 20 seconds on two processors.
func BenchmarkReplay(b *testing.B) {
	var seconds []float64
	for b.Loop() {
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(generate(writer, 10_000_000, 5, 1)) }()
		start := time.Now()
		if err := run([]string{"-"}, reader, io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
		seconds = append(seconds, time.Since(start).Seconds())
	}
	slices.Sort(seconds)
	b.ReportMetric(seconds[len(seconds)/2], "x-replay-seconds")
}

// Ids that come from outside forge no line, cell or tag in any form.
func TestHostileIDsInEveryForm(t *testing.T) {
	dir := t.TempDir()
	name := func(file string) string { return filepath.Join(dir, file) }
	hostile := `a\nTotal 0.00;=1+1\u202e\u001b[31m<b>`
	file := `{"kind":"outbound","at":"2026-10-12T10:00:00Z","channel":"` + hostile + `","contact":"phone:12025550143","message":"` + hostile + `","category":"` + hostile + `"}` + "\n" +
		`{"kind":"delivered","at":"2026-10-12T10:00:02Z","channel":"` + hostile + `","contact":"phone:12025550143","message":"` + hostile + `"}` + "\n"
	out, _, err := billing(t, file, "-html", name("b.html"), "-csv", name("b.csv"), "-")
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	page := read(t, name("b.html"))
	wellFormed(t, page)
	for form, text := range map[string]string{"text": out, "csv": read(t, name("b.csv")), "html": page} {
		assert.NotContains(t, text, "\nTotal 0.00;", form)
		assert.NotContains(t, text, "\u202e", form)
		assert.NotContains(t, text, "\x1b", form)
	}
	assert.NotContains(t, page, "[31m<b>")
	rows, err := csv.NewReader(strings.NewReader(read(t, name("b.csv")))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for _, cell := range rows[1] {
		assert.NotContains(t, cell, ";=")
	}
}

// The chart of the largest amounts has an end.
func TestTheChartOfTheLargestAmounts(t *testing.T) {
	for _, micros := range []int64{1, 400, 401, 1e18, 4e18, 8e18 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		assert.GreaterOrEqual(t, niceTop(micros), micros)
	}
}
