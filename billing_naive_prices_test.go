package chatapi_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// charge returns the rows of units.
func (n naive) charge(units []*naiveUnit) (charged, windows []string) {
	for _, u := range n.priced(units) {
		if u.Unit == "window" {
			windows = append(windows, u.String())
		} else {
			charged = append(charged, u.String())
		}
	}
	return charged, windows
}

// priced spends the free tiers and volume tiers on units.
func (n naive) priced(units []*naiveUnit) (all []naiveUnit) {
	for _, u := range units {
		all = append(all, *u)
	}
	slices.SortStableFunc(all, func(a, b naiveUnit) int { // by what is shown (rule 12)
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.Number, b.Number), cmp.Compare(a.shown, b.shown))
	})
	used, charges := map[string]int{}, map[string]int{}
	for i := range all {
		u := &all[i]
		month := u.OpenedAt.In(n.zone).Format("2006-01")
		if u.charged {
			u.FreeReason = ""
		} else if tier, reason := n.tier(u, month); tier != "" && n.used+used[tier] < 1000 {
			used[tier]++
			u.FreeReason = string(reason)
		}
		if u.Unit == "window" || u.FreeReason != "" {
			continue
		}
		u.Billable, u.Charges = true, 1
		market := naiveMarket(u.shown)
		volume := month + market + " " + u.Category
		charges[volume]++
		nth := charges[volume]
		if u.Category == chatapi.CategoryUtility && market == "North America" {
			nth += n.sent
		}
		u.Price = n.price(u, market, nth)
	}
	return all
}

// naiveMarkets has the countries of the histories, with the units before the comma in
// their prices.
var naiveMarkets = []struct{ phone, bsuid, market, units string }{
	{"phone:1", "bsuid:US.", "North America", "0"},
	{"phone:55", "bsuid:BR.", "Brazil", "1"},
	{"phone:52", "bsuid:MX.", "Mexico", "2"},
	{"phone:54", "bsuid:AR.", "Argentina", "3"},
}

// naiveMarket returns the market of a name; empty for a group, chat or username.
func naiveMarket(name string) string {
	for _, m := range naiveMarkets {
		if strings.HasPrefix(name, m.phone) || strings.HasPrefix(name, m.bsuid) {
			return m.market
		}
	}
	return ""
}

// tier returns a key of the free tier that covers a unit, and the reason of a unit
// that the tier makes free. The key is empty if no tier covers the unit.
func (n naive) tier(u *naiveUnit, month string) (key string, reason chatapi.FreeReason) {
	service := u.Category == chatapi.CategoryService
	switch {
	case u.FreeReason != "":
	case n.replaced:
		if u.Category == chatapi.CategoryUtility || u.Category == chatapi.CategoryMarketing {
			return month + string(u.Number), chatapi.FreeTier
		}
	case u.model == chatapi.ModelCBP2022, u.model == chatapi.ModelCBP2023 && service:
		return month, chatapi.FreeTier
	case u.model == chatapi.ModelPMP2026 && service:
		return month + string(u.Number), chatapi.FreeCustomerService
	}
	return "", ""
}

// naivePrices has for each model the day of its first price in naiveCards, the cents
// to which naiveCents adds the category, and whether there are volume tiers.
var naivePrices = map[chatapi.Model]struct {
	from  string
	first int
	tiers bool
}{
	chatapi.ModelNBP:     {from: "2021-01-01", first: 10},
	chatapi.ModelCBP2022: {from: "2022-02-01", first: 20},
	chatapi.ModelCBP2023: {from: "2023-06-01", first: 30},
	chatapi.ModelCBP2024: {from: "2023-06-01", first: 30},
	chatapi.ModelPMP2025: {from: "2025-07-01", first: 40, tiers: true},
	chatapi.ModelPMP2026: {from: "2025-07-01", first: 40, tiers: true},
}

var naiveCents = map[string]int{
	"marketing":          1,
	"utility":            2,
	"authentication":     3,
	"service":            4,
	"user_initiated":     1,
	"business_initiated": 2,
}

// price returns the price of the nth unit of the month; "0.00" means that no card
// has it.
func (n naive) price(u *naiveUnit, market string, nth int) string {
	prices := naivePrices[u.model]
	if u.OpenedAt.In(n.zone).Format(time.DateOnly) < prices.from || market == "" || naiveCents[u.Category] == 0 {
		return "0.00"
	}
	cents := prices.first + naiveCents[u.Category]
	if prices.tiers && u.Category != "marketing" {
		switch {
		case nth >= 5:
			cents += 20
		case nth >= 3:
			cents += 10
		}
	}
	for _, m := range naiveMarkets {
		if m.market == market {
			return fmt.Sprintf("%s.%d", m.units, cents)
		}
	}
	return "0.00"
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

// naiveRates has the same prices in the other markets, plus a whole number.
func naiveRates() string {
	head, cards, _ := strings.Cut(naiveCards, "\n")
	all := head + "\n"
	for _, m := range naiveMarkets {
		all += strings.ReplaceAll(strings.ReplaceAll(cards, "North America", m.market), "USD,0.", "USD,"+m.units+".")
	}
	return all
}
