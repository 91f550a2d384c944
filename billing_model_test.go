package chatapi_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The model check writes the rules of docs/billing.md a second time, plainly and
// slowly, and shares no code with the ledger. Both have to agree on random small
// histories.

// naive bills one account by the rules of docs/billing.md.
type naive struct {
	zone   *time.Location
	model  chatapi.Model // empty for the model in force
	anchor chatapi.Anchor
	used   int // units used before of each free tier, in each month
	sent   int // utility templates to North America charged before, in each month

	// replaced says that the account has rules of its own: posts are free entry
	// points for 30 hours, and under every model each number has 1,000 free
	// utility and marketing units.
	replaced bool
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

// naiveCards has one price for each era and category. Where messages are billed,
// all categories but marketing have tiers from message 3 and message 5.
const naiveCards = `market,category,currency,price,effective_from,from_message,to_message
North America,marketing,USD,0.11,2021-01-01,,
North America,utility,USD,0.12,2021-01-01,,
North America,authentication,USD,0.13,2021-01-01,,
North America,user_initiated,USD,0.21,2022-02-01,,
North America,business_initiated,USD,0.22,2022-02-01,,
North America,marketing,USD,0.31,2023-06-01,,
North America,utility,USD,0.32,2023-06-01,,
North America,authentication,USD,0.33,2023-06-01,,
North America,service,USD,0.34,2023-06-01,,
North America,marketing,USD,0.41,2025-07-01,,
North America,utility,USD,0.42,2025-07-01,1,2
North America,utility,USD,0.52,2025-07-01,3,4
North America,utility,USD,0.62,2025-07-01,5,
North America,authentication,USD,0.43,2025-07-01,1,2
North America,authentication,USD,0.53,2025-07-01,3,4
North America,authentication,USD,0.63,2025-07-01,5,
North America,service,USD,0.44,2025-07-01,1,2
North America,service,USD,0.54,2025-07-01,3,4
North America,service,USD,0.64,2025-07-01,5,
`

// price returns the price of the nth unit of the month; "0.00" means that no card
// has it.
func (n naive) price(u *naiveUnit, nth int) string {
	first, from := map[chatapi.Model]int{chatapi.ModelNBP: 10, chatapi.ModelCBP2022: 20, chatapi.ModelCBP2023: 30, chatapi.ModelCBP2024: 30,
		chatapi.ModelPMP2025: 40, chatapi.ModelPMP2026: 40}[u.model], map[chatapi.Model]string{chatapi.ModelNBP: "2021-01-01", chatapi.ModelCBP2022: "2022-02-01",
		chatapi.ModelCBP2023: "2023-06-01", chatapi.ModelCBP2024: "2023-06-01", chatapi.ModelPMP2025: "2025-07-01", chatapi.ModelPMP2026: "2025-07-01"}[u.model]
	cents := first + map[string]int{"marketing": 1, "utility": 2, "authentication": 3, "service": 4, "user_initiated": 1, "business_initiated": 2}[u.Category]
	switch {
	case u.OpenedAt.In(n.zone).Format(time.DateOnly) < from:
		return "0.00"
	case first < 40 || u.Category == "marketing" || nth < 3:
	case nth < 5:
		cents += 10
	default:
		cents += 20
	}
	return fmt.Sprintf("0.%d", cents)
}

type naiveMessage struct {
	id, category    string
	sent, delivered time.Time
}

type naiveInbound struct {
	at    time.Time
	entry chatapi.EntryPoint
}

// naiveUnit is a row with its model, which decides its free tier.
type naiveUnit struct {
	scenarioRow
	model chatapi.Model
}

const naiveDay = 24 * time.Hour

func naiveLess(a, b time.Time) int { return a.Compare(b) }

// earliest returns the earliest instant that the wire gives for a fact. If the
// wire gives no instant, earliest returns the earliest observation.
func earliest(all []chatapi.Activity) (t time.Time, ok bool) {
	var told, seen []time.Time
	for _, a := range all {
		if a.At.IsZero() {
			seen = append(seen, a.Observed)
		} else {
			told = append(told, a.At)
		}
	}
	switch {
	case len(told) > 0:
		return slices.MinFunc(told, naiveLess), true
	case len(seen) > 0:
		return slices.MinFunc(seen, naiveLess), true
	}
	return time.Time{}, false
}

func (n naive) modelOn(t time.Time) chatapi.Model {
	if n.model != "" {
		return n.model
	}
	switch day := t.In(n.zone).Format(time.DateOnly); {
	case day < "2022-02-01":
		return chatapi.ModelNBP
	case day < "2023-06-01":
		return chatapi.ModelCBP2022
	case day < "2024-11-01":
		return chatapi.ModelCBP2023
	case day < "2025-07-01":
		return chatapi.ModelCBP2024
	case day < "2026-10-01":
		return chatapi.ModelPMP2025
	}
	return chatapi.ModelPMP2026
}

func (n naive) entryLength(t time.Time) time.Duration {
	if n.replaced {
		return 30 * time.Hour
	}
	if n.modelOn(t) == chatapi.ModelCBP2022 && t.In(n.zone).Format(time.DateOnly) < "2023-03-01" {
		return naiveDay
	}
	return 3 * naiveDay
}

func (n naive) qualifies(model chatapi.Model, entry chatapi.EntryPoint) bool {
	switch {
	case model == chatapi.ModelNBP:
		return false
	case n.replaced:
		return entry == chatapi.EntryPointPost
	case entry == chatapi.EntryPointAd:
		return true
	}
	return entry == chatapi.EntryPointPageCTA && (model != chatapi.ModelCBP2022 || n.anchor == chatapi.AnchorFirstDelivered)
}

func within(t, start time.Time, length time.Duration) bool {
	return !t.Before(start) && t.Before(start.Add(length))
}

// facts joins the activities of one number and contact into messages.
func (n naive) facts(all []chatapi.Activity) (inbounds []naiveInbound, messages []naiveMessage) {
	byID := map[string][]chatapi.Activity{}
	ids := []string{}
	for _, a := range all {
		id := a.MessageID
		if a.Kind == chatapi.ActivityInbound {
			id = "in " + id
		}
		if byID[id] == nil {
			ids = append(ids, id)
		}
		byID[id] = append(byID[id], a)
	}
	for _, id := range ids {
		var sent, delivered []chatapi.Activity
		m := naiveMessage{id: id}
		var in naiveInbound
		for _, a := range byID[id] {
			switch a.Kind {
			case chatapi.ActivityInbound:
				in.entry = a.EntryPoint
			case chatapi.ActivityOutbound:
				sent = append(sent, a)
				m.category = a.Category
			case chatapi.ActivityDelivered, chatapi.ActivityRead:
				delivered = append(delivered, a)
			}
		}
		if byID[id][0].Kind == chatapi.ActivityInbound {
			in.at, _ = earliest(byID[id])
			inbounds = append(inbounds, in)
			continue
		}
		var ok bool
		if m.delivered, ok = earliest(delivered); !ok {
			continue
		}
		if m.sent, ok = earliest(sent); !ok {
			m.sent = m.delivered
		}
		messages = append(messages, m)
	}
	slices.SortFunc(inbounds, func(a, b naiveInbound) int { return a.at.Compare(b.at) })
	slices.SortFunc(messages, func(a, b naiveMessage) int {
		return cmp.Or(a.delivered.Compare(b.delivered), a.sent.Compare(b.sent), cmp.Compare(a.id, b.id))
	})
	return inbounds, messages
}

// naiveWindow is a window under Chat API's anchor.
type naiveWindow struct {
	start          time.Time
	answered, void bool
}

// pair returns the units of one number and contact.
func (n naive) pair(number chatapi.ChannelID, contact string, all []chatapi.Activity) (units []*naiveUnit) {
	inbounds, messages := n.facts(all)
	var windows []*naiveWindow
	looked := 0
	for i, m := range messages {
		now, model := m.delivered, n.modelOn(m.delivered)

		// Open the windows of the customer's messages up to now.
		for ; n.anchor == chatapi.AnchorFirstInbound && looked < len(inbounds) && !inbounds[looked].at.After(now); looked++ {
			at := inbounds[looked].at
			covered := n.modelOn(at) != chatapi.ModelCBP2022
			for _, w := range windows {
				covered = covered || within(at, w.start, naiveDay)
			}
			for _, u := range units {
				covered = covered || u.ExpiresAt != nil && !at.Before(u.OpenedAt) && at.Before(*u.ExpiresAt)
			}
			if !covered {
				windows = append(windows, &naiveWindow{start: at})
			}
		}

		reply, entry := false, false
		for _, in := range inbounds {
			reply = reply || within(m.sent, in.at, naiveDay)
			settledBefore := false
			for _, earlier := range messages[:i] {
				settledBefore = settledBefore || !earlier.sent.Before(in.at)
			}
			entry = entry || !settledBefore && within(m.sent, in.at, naiveDay) && n.qualifies(model, in.entry)
		}
		open := func(category string) (found []*naiveUnit) {
			for _, u := range units {
				if u.ExpiresAt != nil && !now.Before(u.OpenedAt) && now.Before(*u.ExpiresAt) && (u.ClosedAt == nil || now.Before(*u.ClosedAt)) &&
					(category == "" || u.Category == category) {
					found = append(found, u)
				}
			}
			return found
		}
		add := func(unit, category string, opened time.Time, length time.Duration, free chatapi.FreeReason) {
			u := &naiveUnit{scenarioRow{Unit: unit, Contact: contact, Number: number, Category: category, OpenedAt: opened, FreeReason: string(free)}, model}
			if unit == "message" {
				u.Message = m.id
			} else {
				end := opened.Add(length)
				u.ExpiresAt = &end
				for _, w := range windows {
					w.void = w.void || !w.answered && within(opened, w.start, naiveDay)
				}
			}
			units = append(units, u)
		}
		switch model {
		case chatapi.ModelNBP:
			category, free := m.category, chatapi.FreeReason("")
			if category == "" {
				category = chatapi.CategorySession
			}
			if m.category == "" || reply {
				free = chatapi.FreeCareWindow
			}
			add("message", category, now, 0, free)
		case chatapi.ModelCBP2022:
			var answers *naiveWindow
			for _, w := range windows {
				if !w.void && within(m.sent, w.start, naiveDay) {
					answers = w
				}
			}
			switch {
			case len(open("")) > 0:
			case entry:
				if answers != nil && !answers.answered {
					answers.void = true
				}
				add("conversation", chatapi.CategoryReferral, now, n.entryLength(now), chatapi.FreeEntryPoint)
			case answers != nil && answers.answered:
			case answers != nil:
				answers.answered = true
				add("conversation", chatapi.CategoryUserInitiated, answers.start, naiveDay, "")
			case reply:
				add("conversation", chatapi.CategoryUserInitiated, now, naiveDay, "")
			default:
				add("conversation", chatapi.CategoryBusinessInitiated, now, naiveDay, "")
			}
		case chatapi.ModelCBP2023, chatapi.ModelCBP2024:
			free := chatapi.FreeReason("")
			if model == chatapi.ModelCBP2024 && m.category == "" {
				free = chatapi.FreeService
			}
			switch {
			case len(open(chatapi.CategoryReferral)) > 0:
			case entry:
				for _, u := range open("") {
					u.ClosedAt = &now
				}
				add("conversation", chatapi.CategoryReferral, now, n.entryLength(now), chatapi.FreeEntryPoint)
			case m.category != "" && len(open(m.category)) == 0:
				add("conversation", m.category, now, naiveDay, "")
			case m.category == "" && len(open("")) == 0:
				add("conversation", chatapi.CategoryService, now, naiveDay, free)
			}
		default:
			inEntry := len(open(chatapi.CategoryReferral)) > 0
			rides := m.category == chatapi.CategoryUtility && len(open(chatapi.CategoryUtility)) > 0
			if entry && !inEntry {
				add("window", chatapi.CategoryReferral, now, n.entryLength(now), chatapi.FreeEntryPoint)
				inEntry = true
			}
			category, free := m.category, chatapi.FreeReason("")
			if category == "" {
				category = chatapi.CategoryService
			}
			if model == chatapi.ModelPMP2025 && (m.category == "" || m.category == chatapi.CategoryUtility && reply) {
				free = chatapi.FreeCustomerService
			}
			if inEntry {
				free = chatapi.FreeEntryPoint
			}
			if !rides {
				add("message", category, now, 0, free)
			}
		}
	}
	return units
}

// rows bills every number and contact, and spends the free tiers and volume
// tiers.
func (n naive) rows(activities []chatapi.Activity) (charged, windows []string) {
	byPair := map[string][]chatapi.Activity{}
	for _, a := range activities {
		key := string(a.Channel) + " " + a.Contact.Phone
		byPair[key] = append(byPair[key], a)
	}
	var units []*naiveUnit
	for _, all := range byPair {
		units = append(units, n.pair(all[0].Channel, "+"+all[0].Contact.Phone, all)...)
	}
	slices.SortStableFunc(units, func(a, b *naiveUnit) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Contact, b.Contact))
	})
	used, charges := map[string]int{}, map[string]int{}
	for _, u := range units {
		month := u.OpenedAt.In(n.zone).Format("2006-01")
		tier, reason := "", chatapi.FreeTier
		switch {
		case u.FreeReason != "":
		case n.replaced:
			if u.Category == chatapi.CategoryUtility || u.Category == chatapi.CategoryMarketing {
				tier = month + string(u.Number)
			}
		case u.model == chatapi.ModelCBP2022, u.model == chatapi.ModelCBP2023 && u.Category == chatapi.CategoryService:
			tier = month
		case u.model == chatapi.ModelPMP2026 && u.Category == chatapi.CategoryService:
			tier, reason = month+string(u.Number), chatapi.FreeCustomerService
		}
		if tier != "" && n.used+used[tier] < 1000 {
			used[tier]++
			u.FreeReason = string(reason)
		}
		if u.Unit == "window" {
			windows = append(windows, u.String())
			continue
		}
		if u.FreeReason == "" {
			u.Billable, u.Charges = true, 1
			volume := month + u.Category
			charges[volume]++
			nth := charges[volume]
			if u.Category == chatapi.CategoryUtility {
				nth += n.sent
			}
			u.Price = n.price(u, nth)
		}
		charged = append(charged, u.String())
	}
	return charged, windows
}

// smallHistory draws a small history around a day on which the rules changed. Its
// instants lie on a coarse grid, so that many coincide or hit a boundary.
func smallHistory(r *rand.Rand, around time.Time) (all []chatapi.Activity) {
	grid := func(from time.Time, steps int) time.Time {
		return from.Add(time.Duration(r.IntN(steps)) * 6 * time.Hour).Add(time.Duration(r.IntN(3)-1) * time.Duration(r.IntN(2)))
	}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	record := func(a chatapi.Activity) {
		if r.IntN(8) == 0 { // the wire gave no time
			a.At, a.Observed = time.Time{}, a.At
		}
		all = append(all, a)
		if r.IntN(6) == 0 {
			all = append(all, a)
		}
	}
	start := around.Add(-3 * naiveDay)
	for i := range 1 + r.IntN(12) {
		a := chatapi.Activity{Channel: chatapi.ChannelID(pick("A", "A", "B")), Contact: chatapi.Contact{Phone: pick("12025550143", "12025550143", "12025550144")},
			At: grid(start, 28), MessageID: "m" + strconv.Itoa(i)}
		if r.IntN(5) < 2 {
			a.Kind, a.EntryPoint = chatapi.ActivityInbound, chatapi.EntryPoint(pick("", "", "ad", "page_cta", "post"))
			record(a)
			continue
		}
		a.Kind, a.Category = chatapi.ActivityOutbound, pick("", "", "utility", "marketing", "authentication")
		if r.IntN(10) > 0 {
			record(a)
		}
		a.Category = ""
		sent := a.At
		for range r.IntN(4) {
			a.Kind = chatapi.ActivityKind(pick("delivered", "delivered", "read", "failed"))
			if a.At = grid(sent, 6+14*r.IntN(2)); a.At.Before(sent) {
				a.At = sent
			}
			record(a)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// With CHATAPI_HISTORIES=1000000 this test checks a million histories instead of
// 20,000.
func TestTheLedgerAgreesWithTheProse(t *testing.T) {
	count := 20_000
	if text := os.Getenv("CHATAPI_HISTORIES"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	rates, err := chatapi.ReadRates(strings.NewReader(naiveCards))
	require.NoError(t, err)
	var zones []*time.Location
	for _, name := range []string{"UTC", "America/New_York", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		zones = append(zones, zone)
	}
	days := []string{"2022-02-01", "2022-10-01", "2023-03-01", "2023-06-01", "2024-03-01", "2024-11-01", "2025-04-01", "2025-07-01", "2026-01-01", "2026-10-01", "2026-11-10"}
	models := []chatapi.Model{"", "", "", chatapi.ModelNBP, chatapi.ModelCBP2022, chatapi.ModelCBP2023, chatapi.ModelCBP2024, chatapi.ModelPMP2025, chatapi.ModelPMP2026}
	for i := range count {
		r := rand.New(rand.NewPCG(5, uint64(i)))
		n := naive{zone: zones[r.IntN(len(zones))], model: models[r.IntN(len(models))], used: 998,
			anchor: []chatapi.Anchor{chatapi.AnchorFirstInbound, chatapi.AnchorFirstDelivered}[r.IntN(2)], sent: r.IntN(3), replaced: r.IntN(4) == 0}
		around, err := time.ParseInLocation(time.DateOnly, days[r.IntN(len(days))], n.zone)
		require.NoError(t, err)
		account := chatapi.Account{Timezone: n.zone, Model: n.model, Anchor: n.anchor, Rates: rates}
		if n.replaced {
			account.Rules = naiveRules(n.anchor)
		}
		activities := smallHistory(r, around)
		wantUnits, wantWindows := n.rows(activities)

		var months []chatapi.YearMonth
		for k := -1; k <= 1; k++ {
			m := around.AddDate(0, k, 0)
			month := chatapi.Month(m.Year(), m.Month())
			months = append(months, month)
			for _, number := range []chatapi.ChannelID{"", "A", "B"} {
				account.Used = append(account.Used, chatapi.PriorUsage{Month: month, Number: number, Units: n.used})
			}
			account.Used = append(account.Used, chatapi.PriorUsage{Month: month, Market: "North America", Category: "utility", Units: n.sent})
		}
		ledger := chatapi.NewLedger(account)
		for _, a := range activities {
			require.NoError(t, ledger.Record(a))
		}
		var all []*chatapi.Bill
		for _, month := range months {
			bill, err := ledger.Bill(month)
			if err != nil {
				require.ErrorIs(t, err, chatapi.ErrNoPrice)
			}
			all = append(all, bill)
		}
		units, windows := scenarioRows(all, true)
		slices.Sort(units)
		slices.Sort(windows)
		slices.Sort(wantUnits)
		slices.Sort(wantWindows)
		if !slices.Equal(wantUnits, units) || !slices.Equal(wantWindows, windows) {
			for _, a := range activities {
				t.Logf("%+v", a)
			}
			require.Equal(t, wantUnits, units, "history %d of %+v", i, n)
			require.Equal(t, wantWindows, windows, "history %d of %+v", i, n)
		}
	}
}
