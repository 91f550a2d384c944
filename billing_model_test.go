package chatapi_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The model check compares the ledger with the rules of docs/billing.md written a
// second time (billing_naive_test.go). Both have to agree on random small
// histories.

// With CHATAPI_HISTORIES=1000000 this test checks a million histories instead of
// 10,000.
func TestTheLedgerAgreesWithTheProse(t *testing.T) {
	count := 10_000
	if raceDetector { // which makes them four times as slow
		count = 2_500
	}
	agree(t, count, historyKinds)
}

// A contact of one name needs no rule of "Who is who".
func TestTheLedgerAgreesWithTheProseOnContactsOfOneName(t *testing.T) {
	agree(t, 2_000, []historyKind{kindClose, kindRestore})
}

// agree compares the ledger with the model on histories of some kinds. It prints how
// many histories have each kind, and fails if few do.
func agree(t *testing.T, count int, kinds []historyKind) {
	t.Helper()
	if text := os.Getenv("CHATAPI_HISTORIES"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	check := newModelCheck(t)
	drawn := map[historyKind]int{}
	var mu sync.Mutex
	t.Run("histories", func(t *testing.T) { // waits for all parts
		const parts = 4
		for part := range parts {
			t.Run(strconv.Itoa(part), func(t *testing.T) {
				t.Parallel()
				for i := part; i < count; i += parts {
					h := check.history(t, i, kinds)
					mu.Lock()
					for kind, has := range h.kinds {
						drawn[kind] += b2i(has)
					}
					mu.Unlock()
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	for _, kind := range kinds {
		t.Logf("%-10s in %7d of %d histories", kind, drawn[kind], count)
		require.GreaterOrEqual(t, drawn[kind]*20, count, "%s is in less than 5 %% of the histories", kind)
	}
}

// modelCheck has the time zones and prices of the histories.
type modelCheck struct {
	zones []*time.Location
	rates *chatapi.Rates
}

func newModelCheck(t *testing.T) (c modelCheck) {
	t.Helper()
	var err error
	c.rates, err = chatapi.ReadRates(strings.NewReader(naiveRates()))
	require.NoError(t, err)
	for _, name := range []string{"UTC", "America/New_York", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		c.zones = append(c.zones, zone)
	}
	return c
}

// history draws a history and checks it. The ledger records it as it was drawn, and
// some histories also shuffled and repeated, or from JSON.
func (c modelCheck) history(t *testing.T, i int, kinds []historyKind) *drawnHistory {
	t.Helper()
	r := rand.New(rand.NewPCG(5, uint64(i)))
	n, around := drawNaive(t, r, c.zones)
	drawn := drawHistory(r, around, kinds)
	forms := []*drawnHistory{drawn}
	switch i / 4 % 4 {
	case 0, 1:
		forms = append(forms, drawn.inOtherOrder(r))
	case 2:
		forms = append(forms, drawn.fromJSON(t))
	}
	want := drawn.byModel(n)
	for k, h := range forms {
		ledger := func(h *drawnHistory) answers { return h.byLedger(t, n, c.rates, around) }
		if !want.equal(ledger(h)) {
			differ(t, h, n, ledger, fmt.Sprintf("history %d, form %d, of %+v", i, k, n))
		}
	}
	return drawn
}

// drawNaive draws the rules of an account, and the start of a day on which rules
// changed.
func drawNaive(t *testing.T, r *rand.Rand, zones []*time.Location) (n naive, around time.Time) {
	t.Helper()
	days := []string{"2022-02-01", "2022-10-01", "2023-03-01", "2023-06-01", "2024-03-01", "2024-11-01", "2025-04-01", "2025-07-01", "2026-01-01", "2026-10-01", "2026-11-10"}
	models := []chatapi.Model{"", "", "", chatapi.ModelNBP, chatapi.ModelCBP2022, chatapi.ModelCBP2023, chatapi.ModelCBP2024, chatapi.ModelPMP2025, chatapi.ModelPMP2026}
	anchors := []chatapi.Anchor{chatapi.AnchorFirstInbound, chatapi.AnchorFirstDelivered}
	n = naive{zone: zones[r.IntN(len(zones))], model: models[r.IntN(len(models))], used: 998,
		anchor: anchors[r.IntN(len(anchors))], sent: r.IntN(3), replaced: r.IntN(4) == 0}
	around, err := time.ParseInLocation(time.DateOnly, days[r.IntN(len(days))], n.zone)
	require.NoError(t, err)
	return n, around
}

// answers are the answers of a ledger about a history, sorted.
type answers struct {
	units, windows, late, open, talks []string

	quote string
}

func (a answers) equal(b answers) bool {
	return slices.Equal(a.units, b.units) && slices.Equal(a.windows, b.windows) && slices.Equal(a.late, b.late) &&
		slices.Equal(a.open, b.open) && slices.Equal(a.talks, b.talks) && a.quote == b.quote
}

// differ fails with a history that is as small as can be found by leaving activities
// out, and with both answers.
func differ(t *testing.T, h *drawnHistory, n naive, ledger func(*drawnHistory) answers, as string) {
	t.Helper()
	for i := 0; i < len(h.activities); i++ {
		if less := h.without(i); !less.byModel(n).equal(ledger(less)) {
			h, i = less, -1
		}
	}
	t.Logf("%s, made smaller:\n%s", as, h)
	require.Equal(t, h.byModel(n), ledger(h), as)
}

func (a answers) sorted() answers {
	for _, all := range [][]string{a.units, a.windows, a.late, a.open, a.talks} {
		slices.Sort(all)
	}
	return a
}

// ask adds the answers about one name of a customer.
func (a *answers) ask(number chatapi.ChannelID, name string, last time.Time, all []chatapi.Conversation) {
	if last.IsZero() {
		a.open = append(a.open, fmt.Sprintf("%s %s closed", number, name))
	} else {
		a.open = append(a.open, fmt.Sprintf("%s %s %s", number, name, last.UTC()))
	}
	for _, c := range all {
		a.talks = append(a.talks, fmt.Sprintf("%s %s %s from %s to %s, closed %s", number, name, c.Category, c.OpenedAt.UTC(), c.ExpiresAt.UTC(),
			c.ClosedAt.UTC()))
	}
}

// byModel returns the answers of the model.
func (h *drawnHistory) byModel(n naive) (a answers) {
	book := naiveBook{naive: n, facts: h.activities}
	if h.closeAt >= 0 {
		book.facts = slices.Clone(h.activities[:h.closeAt])
		book.close(time.Date(h.month.Year, h.month.Month+1, 1, 0, 0, 0, 0, n.zone))
		book.facts = append(book.facts, h.activities[h.closeAt:]...)
	}
	people := book.people()
	a.units, a.windows = book.charge(book.units(people))
	a.late = book.lateRows(people)
	for _, number := range naiveChannels {
		for _, name := range h.names() {
			if p := naiveFind(people, number, name); p != nil {
				a.ask(number, name, p.last(naiveForever), book.conversations(p))
			} else {
				a.ask(number, name, time.Time{}, nil)
			}
		}
	}
	a.quote = h.askModel(&book)
	return a.sorted()
}

var naiveChannels = []chatapi.ChannelID{"A", "B"}

// account returns an account with the rules of a model for three months.
func (n naive) account(rates *chatapi.Rates, around time.Time) (account chatapi.Account, months []chatapi.YearMonth) {
	account = chatapi.Account{Timezone: n.zone, Model: n.model, Anchor: n.anchor, Rates: rates}
	if n.replaced {
		account.Rules = naiveRules(n.anchor)
	}
	for k := -1; k <= 1; k++ {
		m := around.AddDate(0, k, 0)
		month := chatapi.Month(m.Year(), m.Month())
		months = append(months, month)
		for _, number := range append(naiveChannels, "") {
			account.Used = append(account.Used, chatapi.PriorUsage{Month: month, Number: number, Units: n.used})
		}
		account.Used = append(account.Used, chatapi.PriorUsage{Month: month, Market: "North America", Category: "utility", Units: n.sent})
	}
	return account, months
}

// byLedger returns the answers of a ledger.
func (h *drawnHistory) byLedger(t *testing.T, n naive, rates *chatapi.Rates, around time.Time) (a answers) {
	t.Helper()
	account, months := n.account(rates, around)
	ledger := chatapi.NewLedger(account)
	bills := map[chatapi.YearMonth]*chatapi.Bill{}
	billed := func(bill *chatapi.Bill, err error) {
		t.Helper()
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrNoPrice)
		}
		bills[bill.Month] = bill
	}
	for i, activity := range h.activities {
		if i == h.restoreAt {
			ledger = restored(t, ledger, account)
		}
		if i == h.closeAt {
			for _, month := range months[:slices.Index(months, h.month)] {
				billed(ledger.Bill(month))
			}
			billed(ledger.Close(h.month))
		}
		require.NoError(t, ledger.Record(activity), "%+v", activity)
	}
	var all []*chatapi.Bill
	for _, month := range months {
		bill, err := ledger.Bill(month)
		if closed := bills[month]; closed != nil {
			require.Equal(t, closed.Totals, bill.Totals, "a closed month stays as it was")
		} else {
			billed(bill, err)
		}
		for _, late := range bill.Late {
			a.late = append(a.late, fmt.Sprint(late.Channel, " ", late.Contact, " ", late.Kind, " ", late.MessageID, " ", late.At.UTC()))
		}
		all = append(all, bills[month])
	}
	a.units, a.windows = scenarioRows(all, true)
	for _, number := range naiveChannels {
		for _, name := range h.names() {
			talks, err := ledger.Conversations(number, naiveRecipient(name))
			if err != nil {
				require.ErrorIs(t, err, chatapi.ErrNoPrice)
			}
			a.ask(number, name, ledger.ServiceWindow(number, naiveRecipient(name)).Since, talks)
		}
	}
	a.quote = h.askLedger(t, ledger)
	return a.sorted()
}

// naiveRecipient returns the recipient with a name of the model.
func naiveRecipient(name string) chatapi.Recipient {
	kind, value, _ := strings.Cut(name, ":")
	switch kind {
	case "phone":
		return chatapi.Phone(value)
	case "bsuid":
		return chatapi.BSUID(value)
	case "username":
		return chatapi.Username(value)
	}
	return chatapi.Chat(value)
}

// naiveRules returns the replaced rules in the form of an account.
func naiveRules(anchor chatapi.Anchor) []chatapi.Rule {
	rules := chatapi.PublishedRules(anchor)
	for i := range rules {
		r := &rules[i]
		r.Free, r.Scope, r.Categories = 1000, chatapi.ScopeNumber, []string{"marketing", "utility"}
		if r.Model != chatapi.ModelNBP {
			r.EntryPoints, r.EntryPointLength = []chatapi.EntryPoint{chatapi.EntryPointPost}, 30*time.Hour
		}
	}
	return rules
}
