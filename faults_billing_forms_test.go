package chatapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A wrong activity is named by its line as soon as it is read, and by its number
// where only the ledger can know that it is wrong.
func TestFaultC13AWrongActivityIsNamedByItsPlace(t *testing.T) {
	for _, tc := range []struct {
		old, text, field string
		kind             chatapi.ErrorKind
	}{
		{"inbound", "incoming", "Activity.Kind", chatapi.ErrInvalid},
		{"inbound", "", "Activity.Kind", chatapi.ErrInvalid},
		{`"at":"2026-11-10T12:00:00Z",`, "", "", chatapi.ErrNoTime},
		{"ABC1", "", "Activity.Channel", chatapi.ErrInvalid},

		{`"kind":"inbound",`, "", "Activity.Kind", chatapi.ErrInvalid},
		{"inbound", "Inbound", "Activity.Kind", chatapi.ErrInvalid},
		{`"2026-11-10T12:00:00Z"`, `"0001-01-01T00:00:00Z"`, "", chatapi.ErrNoTime},
		{"2026-11-10", "9999-11-10", "Activity.At", chatapi.ErrInvalid},
		{`"contact":"phone:12025550143"`, `"contact":{"phone":"12025550143"},"kind":"x"`, "Activity.Kind", chatapi.ErrInvalid}, // the slow decoder
	} {
		input := "\n" + activityLine + "\n" + strings.Replace(activityLine, tc.old, tc.text, 1) + "\n" + activityLine + "\n"
		got, faults := readActivities(strings.NewReader(input))
		assert.Len(t, got, 2, "the other lines are read: %s", tc.text)
		require.Len(t, faults, 1, tc.text)
		require.ErrorIs(t, faults[0], tc.kind, tc.text)
		assert.ErrorContains(t, faults[0], "in line 3", tc.text)
		e := chatapiError(faults[0])
		assert.Equal(t, tc.field, e.Field)
		assert.Equal(t, "ReadActivities", e.Op)
		assert.True(t, strings.HasPrefix(e.Sentence, "Line 3: "), e.Sentence)
		assert.NotEmpty(t, e.Advice)
	}
	for name, wrong := range map[string]func(*chatapi.Activity){
		"kind": func(a *chatapi.Activity) { a.Kind = "x" }, "channel": func(a *chatapi.Activity) { a.Channel = "ABC9" }, "time": func(a *chatapi.Activity) { a.At = time.Time{} },

		"nobody": func(a *chatapi.Activity) { a.Contact = chatapi.Contact{} }, "no id": func(a *chatapi.Activity) { a.Kind = chatapi.ActivityRead },
		"long": func(a *chatapi.Activity) { a.EntryPoint = chatapi.EntryPoint(strings.Repeat("x", 2000)) },
	} {
		for _, before := range []int{0, 2, 5000} {
			ledger := chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{abc}})
			bad := wrote(noon, customerA)
			wrong(&bad)
			err := ledger.Load(func(yield func(chatapi.Activity, error) bool) {
				for range before {
					if !yield(wrote(noon, customerA), nil) {
						return
					}
				}
				yield(bad, nil)
			})
			assert.ErrorContains(t, err, fmt.Sprintf("in activity %d", before+1), name)
			e := chatapiError(err)
			assert.Equal(t, "Ledger.Load", e.Op)
			assert.True(t, strings.HasPrefix(e.Sentence, "Activity "), e.Sentence)
			assert.Equal(t, before > 0, ledger.ServiceWindow(abc, annPhone).Open(noon), "the activities before are recorded")
		}
	}
	one := chatapi.NewLedger(chatapi.Account{}).Record(chatapi.Activity{Kind: "x", Channel: abc})
	assert.NotContains(t, one.Error(), "activity 1", "one activity has no number")
}

// A wrong month, instant or snapshot is refused with what is wrong and what to do.
func TestFaultC14BillingSentencesThatLeadOn(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{}, wrote(noon, customerA))
	second := func(_ any, err error) error { return err }
	restore := func(text string) error {
		return second(chatapi.RestoreLedger(strings.NewReader(text), chatapi.Account{}))
	}
	offer := chatapi.Template{Name: "offer", Language: "en", Category: "marketing"}
	for _, tc := range []struct {
		err  error
		says string
	}{
		{second(ledger.Bill(chatapi.YearMonth{})), "is empty"},
		{second(ledger.Close(chatapi.YearMonth{})), "is empty"},
		{second(ledger.Bill(chatapi.Month(10, 2026))), "write Month(2026, 10)"},
		{second(ledger.Forecast(chatapi.Month(12, 1999), noon)), "write Month(1999, 12)"},
		{second(ledger.Quote(time.Time{}, abc, annPhone, offer)), "zero time"},
		{second(ledger.Forecast(nov2026, time.Time{})), "zero time"},
		{restore(""), "is empty"}, {restore("kind,at\n"), "not written by a ledger"},

		{second(ledger.Reconcile(chatapi.YearMonth{Year: 2026})), "has no month 0"},
		{second(ledger.QuoteAll(time.Time{}, abc, maps.All(map[chatapi.Recipient]chatapi.Message{annPhone: offer}))), "zero time"},
		{second(ledger.Quote(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), abc, annPhone, offer)), "in the year 9999"},
		{second(ledger.Forecast(nov2026, time.UnixMilli(1_794_312_000_000_000))), "seconds and milliseconds"},
		{restore("chatapi led"), "its end is missing"}, {restore("\x1f\x8b\x08"), "compressed"}, {restore(" "), "not written by a ledger"},
		{restore(string(snapshotOf(t, newLedger(t, chatapi.Account{ID: "other"})))), `made with account "other"`},
		{second(embedded().Price("marketing", "India", noon)), "changed places"},
		{second(embedded().Tiers("India", "marketing", time.Time{})), "zero time"},
		{second((*chatapi.Rates)(nil).Price("India", "marketing", noon)), "EmbeddedRates"},
	} {
		e := chatapiError(tc.err)
		require.NotNil(t, e, tc.says)
		assert.Contains(t, e.Error(), tc.says)
		assert.NotEmpty(t, e.Op, tc.says)
		assert.NotEmpty(t, e.Advice, e)
		assert.NotEmpty(t, e.Sentence, e)
	}
	assert.Equal(t, "Rates.Tiers", chatapiError(second(embedded().Tiers("Nowhere", "marketing", noon))).Op)
	broken := errors.New("disk gone")
	err := second(chatapi.RestoreLedger(io.MultiReader(strings.NewReader("chat"), &onceFailing{broken}), chatapi.Account{}))
	assert.ErrorIs(t, err, broken, "the reader's own error stays, also at the beginning")
}

type onceFailing struct{ err error }

func (r *onceFailing) Read([]byte) (int, error) {
	if r.err == nil {
		return 0, io.EOF
	}
	err := r.err
	r.err = nil // a reader may tell its error once
	return 0, err
}

// A day that is not in the calendar is refused, wherever a day is read.
func TestFaultE15DaysThatDoNotExist(t *testing.T) {
	const head = "market,category,currency,price,effective_from,card\n"
	for day, good := range map[string]bool{"2026-02-30": false, "2026-02-29": false, "2026-04-31": false, "2100-02-29": false, "2026-13-01": false, "0000-01-01": false,
		"2024-02-29": true, "2000-02-29": true, "2026-02-28": true, "2026-12-31": true} {
		for column, row := range map[string]string{"effective_from": day + ",", "card": "2026-12-31," + day} {
			_, err := chatapi.ReadRates(strings.NewReader(head + "Brazil,utility,BRL,0.05," + row + "\n"))
			if good {
				assert.NoError(t, err, day)
				continue
			}
			require.ErrorIs(t, err, chatapi.ErrInvalid, day)
			for _, part := range []string{"line 2", "(" + column + ")", day, "not in the calendar"} {
				assert.ErrorContains(t, err, part)
			}
			assert.NotEmpty(t, chatapiError(err).Advice)
		}
		rules := chatapi.PublishedRules("")[:1]
		err := chatapi.NewLedger(chatapi.Account{Rules: append(rules, chatapi.Rule{Since: day, Model: chatapi.ModelCBP2022})}).Snapshot(io.Discard)
		assert.Equal(t, good, err == nil, "a rule since %s: %v", day, err)
	}
}

// Units that no business has in a month are refused, alone and in sum.
func TestFaultE15UnitsThatOverflow(t *testing.T) {
	used := func(units ...int) error {
		for _, market := range []string{"", "Brazil"} {
			account := chatapi.Account{}
			for _, n := range units {
				one := chatapi.PriorUsage{Month: nov2026, Units: n, Market: market}
				if market != "" {
					one.Category = chatapi.CategoryUtility
				}
				account.Used = append(account.Used, one)
			}
			err := chatapi.NewLedger(account).Record(wrote(noon, customerA))
			if err != nil {
				e := wrongField(t, err, chatapi.ErrInvalid, fmt.Sprintf("Account[0].Used[%d].Units", len(units)-1))
				assert.NotEmpty(t, e.Advice)
				assert.NotEmpty(t, e.Sentence)
				return err
			}
		}
		return nil
	}
	for _, units := range [][]int{{math.MaxInt}, {math.MaxInt - 1}, {math.MinInt}, {1_000_000_001}, {1_000_000_000, 1}, {500_000_000, 500_000_000, 1}} {
		assert.Error(t, used(units...), units)
	}
	for _, units := range [][]int{{0}, {1_000_000_000}, {999_999_999, 1}} {
		assert.NoError(t, used(units...), units)
	}
	portfolio := chatapi.PriorUsage{Month: nov2026, Market: "Brazil", Category: "utility", Units: 600_000_000}
	err := chatapi.NewLedger(chatapi.Account{Portfolio: "p", Numbers: []chatapi.ChannelID{abc}, Used: []chatapi.PriorUsage{portfolio}},
		chatapi.Account{Portfolio: "p", Used: []chatapi.PriorUsage{portfolio}}).Record(wrote(noon, customerA))
	wrongField(t, err, chatapi.ErrInvalid, "Account[1].Used[0].Units")
}

// hostileTexts are ids that would forge a line, colour a terminal or turn the
// direction of writing.
var hostileTexts = []string{"a\nTotal  0.00  USD", "a\r\nb", "a\x1b[31mred", "a\u202egpj", "a\u2066b\u2069", "a\u2028b", "a\u0085b", "a\x00b", "a\u200bb", "a\ufeffb", "a\xffb", "a\u061cb", "a\vb\fc\bd"}

// A bill keeps one line for each of its rows, whatever the ids in it are.
func TestFaultE15HostileIDsInABill(t *testing.T) {
	for _, text := range hostileTexts {
		at := instant("2026-11-10T10:00:00Z")
		bill := &chatapi.Bill{Month: nov2026, Note: "a" + text,
			Charges: []chatapi.Charge{{At: at, Account: text, Channel: chatapi.ChannelID(text), Contact: chatapi.Chat("c" + text), MessageID: text, Category: text, Market: text, Why: text},
				{At: at, Account: "b", Channel: abc, Free: chatapi.FreeReason(text), Why: "free"}},
			Gaps: []chatapi.Gap{{Market: text, Category: text, Currency: "USD", Day: "2026-11-10", Units: 1}},
			Late: []chatapi.Late{{At: at, Account: text, Channel: chatapi.ChannelID(text), Contact: chatapi.Chat("c" + text), Kind: chatapi.ActivityKind(text), Why: text}}}
		campaign := &chatapi.Campaign{Costs: []chatapi.Cost{{Market: text, Category: text, Units: 1}}, Gaps: bill.Gaps}
		forecast := &chatapi.Forecast{Month: nov2026, Costs: campaign.Costs, Gaps: bill.Gaps}
		for name, got := range map[string]string{"bill": bill.String(), "note": (&chatapi.Bill{Month: nov2026, Note: "a" + text}).String(),
			"campaign": campaign.String(), "forecast": forecast.String(), "gap": bill.Gaps[0].Error()} {
			assert.False(t, strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar }), "%s: %q", name, got)
			assert.NotContains(t, got, "\nTotal  0.00  USD", name)
		}
		lines := strings.Split(bill.String(), "\n")
		assert.Len(t, lines, 16, "%q", bill.String())
		var out bytes.Buffer
		require.NoError(t, bill.WriteCSV(&out))
		assert.Equal(t, 4, strings.Count(out.String(), "\n"), "%q", out.String())
		rows, err := csv.NewReader(&out).ReadAll()
		require.NoError(t, err)
		for _, row := range rows {
			for _, cell := range row {
				assert.False(t, strings.ContainsFunc(cell, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", cell)
			}
		}
		out.Reset()
		require.NoError(t, bill.WriteJSON(&out))
		assert.Equal(t, 1, strings.Count(out.String(), "\n"))
	}
	wide := &chatapi.Bill{Month: nov2026, Charges: []chatapi.Charge{{Channel: chatapi.ChannelID(strings.Repeat("x", 30_000)), Why: "a"}, {Channel: abc, Why: "b"}}}
	assert.Less(t, len(wide.String()), 2000, "an id does not make every line long")
	spaced := &chatapi.Bill{Month: nov2026, Charges: []chatapi.Charge{{Channel: "ABC1  +12025550199  utility  free", Why: "a"}}}
	assert.Contains(t, spaced.String(), "ABC1 +12025550199 utility free  ", "a text makes no columns")
	umlaut := &chatapi.Bill{Month: nov2026, Charges: []chatapi.Charge{{Channel: "Zoë's “shop” 日本", Why: "a \\ b"}}}
	assert.Contains(t, umlaut.String(), "Zoë's “shop” 日本")
	assert.Contains(t, umlaut.String(), `a \ b`)
}

// No cell of a CSV file is a formula, whatever separator a spreadsheet expects.
func TestFaultE15CellsThatAreFormulas(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "a;=1+1": "a;'=1+1", "a; =1": "a; '=1",

		`a;"=1"`: `a;"'=1"`, " =1": " '=1", "a|-1": "a|'-1", "a,@x": "a,'@x", "＝1": "'＝1", "a;b;+c": "a;b;'+c", `"=1`: `"'=1`, ";=1": ";'=1", "a;;-1": "a;;'-1",
		"a;b": "a;b", "a=b": "a=b", "wamid.A==": "wamid.A==", "m-1": "m-1", "\t=1": `\t=1`, "a\n=1": `a\n=1`,
	} {
		at := instant("2026-11-10T10:00:00Z")
		bill := &chatapi.Bill{Month: nov2026, Charges: []chatapi.Charge{{At: at, Account: text, Channel: chatapi.ChannelID(text), MessageID: text, Category: text, Market: text, Why: text}},
			Late: []chatapi.Late{{At: at, Account: text, Channel: chatapi.ChannelID(text), MessageID: text, Kind: chatapi.ActivityKind(text), Why: text}}}
		var out bytes.Buffer
		require.NoError(t, bill.WriteCSV(&out))
		rows, err := csv.NewReader(&out).ReadAll()
		require.NoError(t, err)
		for _, column := range []int{1, 2, 4, 5, 16} {
			for _, row := range rows[1:] {
				assert.Equal(t, want, row[column], "%q in column %s", text, rows[0][column])
			}
		}
		assert.Equal(t, want, rows[1][6])
	}
}

// A quote to a group is a gap under every model, because the price depends on the
// members; what was quoted before is not counted into a bill.
func TestAQuoteToAGroupIsAGap(t *testing.T) {
	group := chatapi.Chat(groupID)
	for at, categories := range map[string][2]string{"2021-11-10T10:00:00Z": {"session", "marketing"}, "2022-05-10T10:00:00Z": {"service", "marketing"},
		"2025-09-10T10:00:00Z": {"service", "marketing"}, "2026-11-10T10:00:00Z": {"service", "marketing"}} {
		now := instant(at)
		in := wrote(now.Add(-time.Hour), chatapi.Contact{Chat: groupID})
		sentTo := sent("g1", now.Add(-time.Minute), chatapi.Contact{Chat: groupID}, "utility")
		for name, ledger := range map[string]*chatapi.Ledger{"nothing known": newLedger(t, chatapi.Account{ID: "waba1"}), "open": newLedger(t, chatapi.Account{ID: "waba1"}, append(sentTo, in)...)} {
			for i, m := range []chatapi.Message{chatapi.Text{Body: "hi"}, chatapi.Template{Name: "t", Language: "en", Category: "group_marketing"}} {
				charge, err := ledger.Quote(now, abc, group, m)
				gap, ok := errors.AsType[*chatapi.Gap](err)
				require.True(t, ok, "%s %s: %v", at, name, err)
				require.ErrorIs(t, err, chatapi.ErrNoPrice)
				assert.Equal(t, &chatapi.Gap{Account: "waba1", Category: categories[i], Currency: "USD", Day: at[:10], Units: 1}, gap)
				assert.Equal(t, "The price of a message to a group depends on the members to whom it is delivered.", chatapiError(err).Sentence)
				assert.True(t, charge.Missing)
				assert.Zero(t, charge.Amount.Micros)
				assert.Equal(t, group, charge.Contact)
				assert.Contains(t, charge.Why, "depends on the members")
				assert.Equal(t, i == 0 && name == "nothing known", strings.Contains(charge.Why, "service window is closed"), charge.Why)
			}
		}
	}
	// among others, and beside another gap
	ledger, offer := newLedger(t, chatapi.Account{ID: "waba1"}), chatapi.Template{Name: "t", Language: "en", Category: "utility"}
	all := map[chatapi.Recipient]chatapi.Message{group: offer, chatapi.Chat("120363000000000002@g.us"): chatapi.Text{Body: "hi"}, chatapi.Phone("5511987654321"): offer}
	campaign, err := ledger.QuoteAll(noon, abc, maps.All(all))
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	assert.Equal(t, []chatapi.Money{{Micros: 6800, Currency: "USD"}}, campaign.Totals)
	require.Len(t, campaign.Gaps, 2)
	assert.NotContains(t, chatapiError(err).Sentence, "lack")
	all[chatapi.Username("ann")] = offer
	campaign, err = ledger.QuoteAll(noon, abc, maps.All(all))
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	require.Len(t, campaign.Gaps, 2, "one for each category")
	assert.Contains(t, chatapiError(err).Sentence, "lack other prices too")
	text, err := json.Marshal(campaign)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"missing":true`)
}
