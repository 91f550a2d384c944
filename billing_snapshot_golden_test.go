package chatapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // has the accounts' zones on every machine

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The files of testdata/snapshots are ledgers as version 1 of the format keeps
// them, and beside each the answers that it restores to:
//
//	NAME-open.snapshot    every month is open
//	NAME-closed.snapshot  the first month is closed, and facts came late for it
//	NAME-open.golden      the answers of the restored ledger; of a closed one
//	NAME-closed.golden    also the answers once the second month is recorded
//
// Users keep such files, so a snapshot is never written anew: -update writes only
// the answers. A change of the answers changes bills that were already paid.

// keptLedger is one ledger of testdata/snapshots. It covers the end of a month,
// under one model or across a change of models.
type keptLedger struct {
	name     string
	month    chatapi.YearMonth
	accounts []chatapi.Account
}

const abc2 = chatapi.ChannelID("ABC2")

// keptLedgers returns the ledgers that testdata/snapshots holds.
func keptLedgers(t *testing.T) []keptLedger {
	t.Helper()
	zone := func(name string) *time.Location {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		return zone
	}
	euros, err := chatapi.EmbeddedRates("EUR")
	require.NoError(t, err)
	one := func(name string, year int, month time.Month, account chatapi.Account) keptLedger {
		m := chatapi.Month(year, month)
		account.ID = "waba1"
		k := keptLedger{name: name, month: m}
		account.Used = append(account.Used, chatapi.PriorUsage{Month: m, Units: 998}, chatapi.PriorUsage{Month: m, Number: abc, Units: 998},
			chatapi.PriorUsage{Month: k.next(), Units: 998}, chatapi.PriorUsage{Month: k.next(), Number: abc, Units: 998})
		k.accounts = []chatapi.Account{account}
		return k
	}
	may := chatapi.Month(2026, time.May)
	volume := func(units int) []chatapi.PriorUsage {
		return []chatapi.PriorUsage{{Month: may, Market: "North America", Category: chatapi.CategoryUtility, Units: units}}
	}
	return []keptLedger{
		one("nbp", 2021, time.November, chatapi.Account{}),
		one("cbp-2022", 2022, time.May, chatapi.Account{}),
		one("cbp-2022-first-delivered", 2022, time.May, chatapi.Account{Anchor: chatapi.AnchorFirstDelivered}),
		one("cbp-2023", 2023, time.August, chatapi.Account{}),
		one("cbp-2024", 2025, time.February, chatapi.Account{Timezone: zone("America/New_York")}),
		one("pmp-2025", 2026, time.May, chatapi.Account{Used: volume(79_998)}),
		one("pmp-2026", 2026, time.November, chatapi.Account{Timezone: zone("Asia/Kolkata")}),
		one("forced-cbp-2022", 2026, time.May, chatapi.Account{Model: chatapi.ModelCBP2022}),
		one("change-to-cbp-2022", 2022, time.January, chatapi.Account{}),
		one("change-to-cbp-2023", 2023, time.May, chatapi.Account{Timezone: zone("America/Sao_Paulo")}),
		one("change-to-cbp-2024", 2024, time.October, chatapi.Account{}),
		one("change-to-pmp-2025", 2025, time.June, chatapi.Account{}),
		one("change-to-pmp-2026", 2026, time.September, chatapi.Account{}),
		{"portfolio", may, []chatapi.Account{
			{ID: "waba1", Portfolio: "p1", Numbers: []chatapi.ChannelID{abc}, Timezone: zone("America/Sao_Paulo"), Used: volume(40_000)},
			{ID: "waba2", Portfolio: "p1", Numbers: []chatapi.ChannelID{abc2}, Timezone: zone("Asia/Kolkata"), Used: volume(39_998)},
			{ID: "waba3", Rates: euros},
		}},
	}
}

func (k keptLedger) next() chatapi.YearMonth {
	after := time.Date(k.month.Year, k.month.Month+1, 1, 0, 0, 0, 0, time.UTC)
	return chatapi.Month(after.Year(), after.Month())
}

func (k keptLedger) end() time.Time {
	zone := k.accounts[0].Timezone
	if zone == nil {
		zone = time.UTC
	}
	return time.Date(k.month.Year, k.month.Month+1, 1, 0, 0, 0, 0, zone)
}

// keptContacts are the contacts of every row, by their part in it.
var keptContacts = map[string]chatapi.Contact{
	"answered":       {Phone: "12025550140"},
	"brazil":         {BSUID: "BR.13491208655302741918"},
	"wrote long ago": {Phone: "12025550142"},
	"clicked":        {Phone: "12025550143"}, // an ad, on the last evening
	"crosses":        {Phone: "12025550144"}, // has a conversation over the month's end
	"entry point":    {Phone: "12025550145"}, // has a free entry point over the month's end
	"unanswered":     {Phone: "12025550146"},
	"not delivered":  {Phone: "12025550147"}, // before the next month
	"failed":         {Phone: "12025550148"},
	"page":           {Chat: "12025550149@c.us"},
	"group":          {Chat: "120363000000000001@g.us"},
	"username":       {Username: "ann.example"},
}

// activities returns the activities before the month's end, the late ones for the
// month, and those after its end.
func (k keptLedger) activities() (before, late, after []chatapi.Activity) {
	end := k.end()
	in := func(hours float64, who string, entry chatapi.EntryPoint) chatapi.Activity {
		a := wrote(end.Add(time.Duration(hours*float64(time.Hour))), keptContacts[who])
		a.MessageID, a.EntryPoint = fmt.Sprint(who, " wrote ", hours), entry
		return a
	}
	out := func(hours float64, who, category string) []chatapi.Activity {
		return sent(fmt.Sprint(who, " got ", hours), end.Add(time.Duration(hours*float64(time.Hour))), keptContacts[who], category)
	}
	reported := out(-240, "brazil", "marketing")
	reported[1].Reported = chatapi.Reported{Conversation: "c1", Origin: "marketing", ExpiresAt: end.Add(-216 * time.Hour).Truncate(time.Minute),
		Model: "PMP", Billable: "true", Category: "marketing", Type: "regular"}
	free := out(-46, "answered", "utility")
	free[1].Reported = chatapi.Reported{Billable: "false", Type: "free_customer_service", Category: "utility"}
	observed := out(-200, "username", "utility")
	observed[1].At, observed[1].Observed = time.Time{}, observed[1].At.Add(time.Minute)
	delayed := out(-72, "not delivered", "utility")
	delayed[1].At = end.Add(48 * time.Hour)
	again := out(-1, "crosses", "") // delivered after its conversation ended
	again[1].At = end.Add(20 * time.Hour)
	refused := out(-30, "failed", "marketing")
	refused[1].Kind, refused[1].Category = chatapi.ActivityFailed, "marketing"
	told := out(-29, "failed", "")
	failure := told[1]
	failure.Kind, failure.Category = chatapi.ActivityFailed, "utility"
	other := out(-20, "answered", "utility")
	for i := range other {
		other[i].Channel = abc2
	}
	otherBefore, third := slices.Clone(other), out(-19, "answered", "utility")
	for i := range otherBefore {
		otherBefore[i].MessageID, otherBefore[i].At = "other number first", otherBefore[i].At.Add(-24*time.Hour)
		third[i].Channel = "ABC3"
	}
	all := slices.Concat([]chatapi.Activity{in(-48, "answered", ""), in(-37*24, "wrote long ago", ""), in(-2, "clicked", chatapi.EntryPointAd),
		in(-10, "crosses", ""), in(-30, "entry point", chatapi.EntryPointAd), in(-3, "unanswered", ""), in(-24, "page", chatapi.EntryPointPageCTA), failure},
		out(-47, "answered", ""), free, out(-45, "answered", "marketing"), out(-1.5, "answered", "utility"),
		reported, out(-239, "brazil", "utility"), out(-100, "brazil", "authentication"), out(-99, "brazil", "authentication-international"),
		out(-9, "crosses", ""), again, out(-0.5, "crosses", "utility"), out(-29, "entry point", ""), out(-5, "entry point", "marketing"),
		delayed, refused, told, out(-23, "page", ""), out(-12, "group", "utility"), observed, otherBefore, other, third,
		out(1, "clicked", ""), out(2, "clicked", "utility"), out(6, "crosses", "utility"), out(12, "entry point", "marketing"),
		out(4, "unanswered", ""), out(5, "answered", "utility"), out(8, "brazil", "marketing"), []chatapi.Activity{in(30, "page", "")}, out(31, "page", ""))
	for _, a := range all {
		if a.At.Before(end) {
			before = append(before, a)
		} else {
			after = append(after, a)
		}
	}
	late = append(out(-150, "answered", "marketing"), in(-26, "brazil", ""))
	return before, late, after
}

func recordAll(t *testing.T, ledger *chatapi.Ledger, parts ...[]chatapi.Activity) {
	t.Helper()
	for _, a := range slices.Concat(parts...) {
		require.NoError(t, ledger.Record(a))
	}
}

// answers returns the ledger's answers about both months, one on each line.
func (k keptLedger) answers(t *testing.T, ledger *chatapi.Ledger) []byte {
	t.Helper()
	var out bytes.Buffer
	say := func(title string, answer any, err error) {
		line, jsonErr := json.Marshal(answer)
		require.NoError(t, jsonErr)
		fmt.Fprintf(&out, "%s: %s\n", title, line)
		switch {
		case errors.Is(err, chatapi.ErrNoPrice):
			fmt.Fprintf(&out, "%s: no price\n", title)
		case errors.Is(err, chatapi.ErrInvalid):
			fmt.Fprintf(&out, "%s: refused\n", title)
		default:
			require.NoError(t, err)
		}
	}
	now := k.end().Add(6 * time.Hour)
	for _, month := range []chatapi.YearMonth{k.month, k.next()} {
		bill, err := ledger.Bill(month)
		require.NotNil(t, bill, err)
		say(month.String(), struct {
			Closed bool
			Totals []chatapi.Money
		}{bill.Closed, bill.Totals}, err)
		for _, c := range bill.Charges {
			say("  charge", keptCharge(c), nil)
		}
		for _, gap := range bill.Gaps {
			say("  gap", gap, nil)
		}
		for _, late := range bill.Late {
			say("  late", late, nil)
		}
		differences, err := ledger.Reconcile(month)
		say("  differences", len(differences), err)
	}
	for _, who := range slices.Sorted(maps.Keys(keptContacts)) {
		to := keptContacts[who].Recipient()
		for _, channel := range []chatapi.ChannelID{abc, abc2} {
			if window := ledger.ServiceWindow(channel, to); window != (chatapi.Window{}) {
				say(fmt.Sprint(who, " at ", channel), window.Since.Format(time.RFC3339)+" to "+window.ExpiresAt.Format(time.RFC3339), nil)
			}
			found, err := ledger.Conversations(channel, to)
			for _, c := range found {
				say(fmt.Sprint(who, " at ", channel), keptConversation(c), nil)
			}
			if err != nil {
				say("  conversations", len(found), err)
			}
		}
		for _, m := range []chatapi.Message{hello, template(chatapi.CategoryUtility)} {
			charge, err := ledger.Quote(now, abc, to, m)
			say(who+", quote", fmt.Sprint(charge.Category, " ", charge.Amount, " ", charge.Free, " ", charge.Why), err)
		}
	}
	campaign, err := ledger.QuoteAll(now, abc, func(yield func(chatapi.Recipient, chatapi.Message) bool) {
		for _, who := range slices.Sorted(maps.Keys(keptContacts)) {
			if !yield(keptContacts[who].Recipient(), template(chatapi.CategoryMarketing)) {
				return
			}
		}
	})
	say("campaign", campaign, err)
	forecast, err := ledger.Forecast(k.next(), now.Add(48*time.Hour))
	say("forecast", forecast, err)
	return out.Bytes()
}

// keptCharge writes a charge on one line, without the source of its price.
func keptCharge(c chatapi.Charge) string {
	line := fmt.Sprint(c.Account, " ", c.Channel, " ", c.Contact.Key(), " ", c.MessageID, ", ", c.Category, ", ", c.Market, ", ", c.Model, " ", c.At.Format(time.RFC3339Nano),
		": ", c.Amount, " ", c.Free, ", ", c.Why)
	if c.Missing {
		line += ", missing"
	}
	if p := c.Price; p != (chatapi.Price{}) {
		line += fmt.Sprint(", price ", p.Amount, " ", p.Since, " ", p.Estimate, " ", p.Tier, " ", p.Status)
	}
	return line
}

func keptConversation(c chatapi.Conversation) string {
	line := fmt.Sprint(c.Category, " ", c.Model, " from ", c.OpenedAt.Format(time.RFC3339), " to ", c.ExpiresAt.Format(time.RFC3339))
	if !c.ClosedAt.IsZero() {
		line += ", closed " + c.ClosedAt.Format(time.RFC3339)
	}
	return line + ", at " + keptCharge(c.Charge)
}

func TestSnapshotsOfVersion1RestoreToTheSameAnswers(t *testing.T) {
	const dir = "testdata/snapshots"
	names := map[string]bool{}
	for _, kept := range keptLedgers(t) {
		for _, state := range []string{"open", "closed"} {
			file := filepath.Join(dir, kept.name+"-"+state)
			names[filepath.Base(file)] = true
			t.Run(filepath.Base(file), func(t *testing.T) {
				got := kept.restored(t, readFile(t, file+".snapshot"), state)
				if *update {
					require.NoError(t, os.WriteFile(file+".golden", got, 0o644))
				}
				want := readFile(t, file+".golden")
				require.Equal(t, strings.Split(string(want), "\n"), strings.Split(string(got), "\n"))
			})
		}
	}
	files, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	require.Len(t, files, 2*len(names))
	for _, file := range files {
		require.True(t, names[strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))], "no row has the file %s", file)
	}
}

// restored returns the answers of a restored ledger. If a month is closed, it
// adds the answers after the next month is recorded.
func (k keptLedger) restored(t *testing.T, snapshot []byte, state string) []byte {
	t.Helper()
	ledger, err := chatapi.RestoreLedger(bytes.NewReader(snapshot), k.accounts[0], k.accounts[1:]...)
	require.NoError(t, err)
	got := k.answers(t, ledger)
	again, err := chatapi.RestoreLedger(bytes.NewReader(snapshotOf(t, ledger)), k.accounts[0], k.accounts[1:]...)
	require.NoError(t, err)
	require.Equal(t, got, k.answers(t, again), "the snapshot of today's version gives the same answers")
	if state == "closed" {
		_, _, after := k.activities()
		recordAll(t, ledger, after)
		if ledger.ServiceWindow(abc, chatapi.BSUID("US.1000000000000001")) != (chatapi.Window{}) { // a ledger of version 2
			_, linked := k.linkedActivities()
			recordAll(t, ledger, linked)
		}
		got = append(append(got, "\nOnce the next month is recorded\n"...), k.answers(t, ledger)...)
	}
	return got
}
