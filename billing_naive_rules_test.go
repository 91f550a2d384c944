package chatapi_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// ruleCase is a small history with the answers that a rule of "Who is who" in
// docs/billing.md demands.
//
// A fact is "kind instant names id", with times of 2026 in UTC and names joined by
// commas: +number, BSUID, @username, chat. Then come words: cat=, entry=, member=,
// former=, seen= (the observation), says= (the price type of a status), B (the
// channel, else A) and app. "close" closes October.
//
// A row is "message contact category amount", or "contact category opening amount" of a
// conversation. Free rows have the reason in place of the amount. Open has the
// customer's last message by name; names whose window never opened are left out.
type ruleCase struct {
	rule  int
	title string
	model chatapi.Model // empty: messages are billed

	anchor chatapi.Anchor // empty: Meta's
	facts  string
	rows   string
	open   string
	late   string
}

var ruleRow = regexp.MustCompile(`^(\S+) (\S*) (\S+) (\S+) (\S+) opened (\S+) expires .* billable \S+ charges \d "(.*)" "(.*)"$`)

// brief returns a row in the form of the cases.
func brief(t *testing.T, row string) string {
	t.Helper()
	m := ruleRow.FindStringSubmatch(row)
	require.NotNil(t, m, row)
	opened, err := time.Parse(time.RFC3339Nano, m[6])
	require.NoError(t, err)
	amount := m[7] + m[8]
	if m[1] == "message" {
		return strings.Join([]string{m[2], m[3], m[5], amount}, " ")
	}
	return strings.Join([]string{m[3], m[5], opened.Format("01-02T15:04"), amount}, " ")
}

func ruleInstant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04", text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04", "2026-"+text)
	}
	require.NoError(t, err)
	return at
}

func ruleContact(names string) (c chatapi.Contact) {
	for name := range strings.SplitSeq(names, ",") {
		switch {
		case name == "-":
		case name[0] == '+':
			c.Phone = name[1:]
		case name[0] == '@':
			c.Username = name[1:]
		case strings.Contains(name, "@"):
			c.Chat = name
		case strings.Contains(name, ".ENT."):
			c.ParentBSUID = name
		default:
			c.BSUID = name
		}
	}
	return c
}

// ruleFact reads a fact of a case.
func ruleFact(t *testing.T, line string) chatapi.Activity {
	t.Helper()
	words := strings.Fields(line)
	a := chatapi.Activity{Kind: chatapi.ActivityKind(words[0]), At: ruleInstant(t, words[1]), Contact: ruleContact(words[2]), Channel: "A"}
	for _, word := range words[3:] {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "cat":
			a.Category = value
		case "entry":
			a.EntryPoint = chatapi.EntryPoint(value)
		case "member":
			a.Member = ruleContact(value)
		case "former":
			a.Former = ruleContact(value)
		case "seen":
			a.Observed = ruleInstant(t, value)
		case "says":
			a.Reported.Type = value
		case "observed":
			a.At, a.Observed = time.Time{}, a.At
		case "app":
			a.FromApp = true
		case "B":
			a.Channel = "B"
		default:
			a.MessageID = word
		}
	}
	return a
}

func ruleLines(text string) (all []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func (c ruleCase) history(t *testing.T) *drawnHistory {
	t.Helper()
	h := &drawnHistory{closeAt: -1, month: chatapi.Month(2026, time.October), restoreAt: -1}
	for i, line := range ruleLines(c.facts) {
		if line == "close" {
			h.closeAt = i
			continue
		}
		h.activities = append(h.activities, ruleFact(t, line))
	}
	return h
}

// check compares answers with those of the case.
func (c ruleCase) check(t *testing.T, got answers) {
	t.Helper()
	var rows, open, late []string
	for _, row := range slices.Concat(got.units, got.windows) {
		rows = append(rows, brief(t, row))
	}
	for _, row := range got.open {
		number, rest, _ := strings.Cut(row, " ")
		name, last, _ := strings.Cut(rest, " ")
		if last == "closed" {
			continue
		}
		at, err := time.Parse("2006-01-02 15:04:05 -0700 MST", last)
		require.NoError(t, err)
		open = append(open, strings.TrimPrefix(number+" ", "A ")+naiveShow(name)+" "+at.Format("01-02T15:04"))
	}
	for _, row := range got.late {
		words := strings.Fields(row) // number, contact, kind, id, day and hour
		late = append(late, fmt.Sprintf("%s %s %s", words[2], words[3], words[1]))
	}
	require.ElementsMatch(t, ruleLines(c.rows), rows)
	require.ElementsMatch(t, ruleLines(c.open), open)
	require.ElementsMatch(t, ruleLines(c.late), late)
}

func (c ruleCase) naive() naive {
	return naive{zone: time.UTC, model: c.model, anchor: cmp.Or(c.anchor, chatapi.AnchorFirstDelivered), used: 1000}
}

func (c ruleCase) name() string { return fmt.Sprintf("rule %d: %s", c.rule, c.title) }

// The model is checked by cases whose answers were typed from the rules.
func TestTheModelFollowsTheRulesOfWhoIsWho(t *testing.T) {
	for _, c := range ruleCases() {
		t.Run(c.name(), func(t *testing.T) {
			h := c.history(t)
			c.check(t, h.byModel(c.naive()))
			if h.closeAt < 0 { // the order changes nothing
				slices.Reverse(h.activities)
				c.check(t, h.byModel(c.naive()))
			}
		})
	}
}

// The ledger gives the same answers, in any order and from JSON too.
func TestTheLedgerFollowsTheRulesOfWhoIsWho(t *testing.T) {
	rates, err := chatapi.ReadRates(strings.NewReader(naiveRates()))
	require.NoError(t, err)
	for _, c := range ruleCases() {
		t.Run(c.name(), func(t *testing.T) {
			around := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
			h := c.history(t)
			c.check(t, h.byLedger(t, c.naive(), rates, around))
			c.check(t, h.fromJSON(t).byLedger(t, c.naive(), rates, around))
			if h.closeAt < 0 {
				slices.Reverse(h.activities)
				c.check(t, h.byLedger(t, c.naive(), rates, around))
			}
		})
	}
}
