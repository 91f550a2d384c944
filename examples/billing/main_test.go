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
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// billing runs the program.
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
	assert.Empty(t, log, "no terminal, short input: no progress")
	assert.Contains(t, out, "Bill for October 2026")
	assert.Contains(t, out, "Total    0.0034  USD")

	rows, err := csv.NewReader(strings.NewReader(read(t, name("b.csv")))).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 4)
	var bill chatapi.Bill
	require.NoError(t, json.Unmarshal([]byte(read(t, name("b.json"))), &bill))
	assert.Equal(t, out, bill.String())

	fromStdin, _, err := billing(t, events, "-")
	require.NoError(t, err)
	assert.Equal(t, out, fromStdin)

	page := read(t, name("b.html"))
	for _, part := range []string{"<title>WhatsApp bill for October 2026</title>", "Cost by day and category, USD", "October 12, utility: 0.0034 USD",
		"number &lt;b&gt;&amp;1: 1 of 1,000", "came from an ad 50.0 %", "customer service 50.0 %", "The numbers as a table"} {
		assert.Contains(t, page, part)
	}
	assert.NotContains(t, page, "<b>&1", "what comes from the file is escaped")
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
		"Not in the total: no USD price for utility in an unknown market on 2026-10-12 (1)\n", out)
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
	assert.Contains(t, log, "passed over: chatapi: activities are unreadable: line 1: ")
	assert.Contains(t, log, "passed over: event 8: ", "an activity without an instant")
	assert.Contains(t, log, "passed over: 32 lines in all")
}

func TestNoEvents(t *testing.T) {
	_, _, err := billing(t, "", "-")
	assert.ErrorContains(t, err, "-month has to say")
	name := filepath.Join(t.TempDir(), "b.html")
	out, _, err := billing(t, "", "-month", "2026-10", "-html", name, "-")
	require.NoError(t, err)
	assert.Contains(t, out, "Nothing to charge.")
	assert.Contains(t, read(t, name), "Nothing to charge.")
	wellFormed(t, read(t, name))
}

func TestOptions(t *testing.T) {
	for problem, args := range map[string][]string{
		"one file":      {},
		"a count":       {"-generate", "-1"},
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
