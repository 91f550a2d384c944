package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi"
)

// billLines bounds the lines that a page shows. The CSV form has all of them.
const billLines = 100

// MonthPage is what a month costs all channels, and why.
type MonthPage struct {
	Month  chatapi.YearMonth
	Now    bool   // the month is not over
	Rules  string // what is billed and what is free, in sentences
	Bill   *chatapi.Bill
	Gauges []Gauge
	Days   []DailyCosts // one for each currency

	// Free, Charged and Missing are numbers of conversations or messages.
	Free, Charged, Missing int
	Reasons                []FreeCount // the most frequent first

	// ByConversation is set if conversations are billed. Conversations are then those of
	// the month; Lines are the charges of all months, the newest first. Both are cut.
	ByConversation bool
	Conversations  []ConversationRow
	Lines          []ChargeRow

	Gaps     []string // sentences about prices that nobody knows
	Expected []Expected
	Reported []ReportedRow // where the provider's word changed the bill
}

// Gauge is how much of a free tier is used.
type Gauge struct {
	Name     string
	Used, Of int
}

// FreeCount is the number of free conversations or messages with one reason.
type FreeCount struct {
	Reason string
	Count  int
}

// DailyCosts are the costs of each day of a month, in one currency.
type DailyCosts struct {
	Currency   string
	Categories []string        // in words
	Sums       []chatapi.Money // of each category
	Total      chatapi.Money
	Days       []DayCosts // from the first to the last
}

// DayCosts are the costs of a day.
type DayCosts struct {
	Day   int
	Costs []chatapi.Money // in the order of DailyCosts.Categories
	Sum   chatapi.Money
}

// ChargeRow is a conversation or a message on a bill.
type ChargeRow struct {
	At       time.Time
	Channel  string
	Person   string // the name, if it is known
	Number   string
	Category string
	Cost     string // an amount, "free" or "no price"
	Free     bool
	Missing  bool
	Why      string
}

// ConversationRow is a conversation on a bill; At is when it began.
type ConversationRow struct {
	ChargeRow
	By   string // who opened it
	Ends time.Time
}

// Expected is the forecast in one currency.
type Expected struct {
	Total   chatapi.Money
	Between string // the least and the greatest sum, if they differ
}

// ReportedRow is a conversation or a message about which the provider's status said
// something else than the rules.
type ReportedRow struct {
	ChargeRow        // as it is billed
	Computed  string // by the rules alone
	Cause     string
}

// Month returns the bill of a month as a page shows it. Only an administrator may see it.
func (v *View) Month(ctx context.Context, month chatapi.YearMonth) (*MonthPage, error) {
	if err := v.admin(); err != nil {
		return nil, err
	}
	ledger, err := v.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.Durable.State.Refresh(ctx, ledger); err != nil {
		return nil, err
	}
	p := &MonthPage{Month: month}
	if p.Bill, err = ledger.Bill(month); err != nil && !errors.Is(err, chatapi.ErrNoPrice) {
		return nil, err
	}
	now := v.Now().UTC()
	if p.Now = month == chatapi.Month(now.Year(), now.Month()); p.Now {
		if p.Expected, err = expected(ledger, month, now); err != nil {
			return nil, err
		}
	}
	names, err := v.billNames(ctx, p.Bill)
	if err != nil {
		return nil, err
	}
	rule := v.ruleOf(month)
	p.Rules, p.ByConversation = rulesInWords(rule), isByConversation(rule.Model)
	p.Gauges = gauges(rule, p.Bill, names)
	p.count(rule)
	p.Days = dailyCosts(p.Bill)
	p.addRows(names)
	for _, gap := range p.Bill.Gaps {
		p.Gaps = append(p.Gaps, fmt.Sprintf("%s %s not in the sum.", gapSentence(gap), counted(gap.Units, p.ByConversation)))
	}
	return p, p.addReported(ledger, names)
}

// counted returns a number of conversations or messages with its verb.
func counted(n int, conversations bool) string {
	noun := "message"
	if conversations {
		noun = "conversation"
	}
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%s %ss are", Thousands(n), noun)
}

// expected returns the forecast of the month that is under way.
func expected(ledger *chatapi.Ledger, month chatapi.YearMonth, now time.Time) ([]Expected, error) {
	f, err := ledger.Forecast(month, now)
	if err != nil && !errors.Is(err, chatapi.ErrNoPrice) {
		return nil, err
	}
	var all []Expected
	for i, total := range f.Totals {
		e := Expected{Total: total}
		if f.Low[i] != f.High[i] {
			e.Between = "between " + f.Low[i].Decimal() + " and " + f.High[i].Decimal()
		}
		all = append(all, e)
	}
	return all, nil
}

// ruleOf returns the billing rule of a month. The models change on the first of a month.
func (d *Desk) ruleOf(month chatapi.YearMonth) chatapi.Rule {
	rules := chatapi.PublishedRules("")
	day := time.Date(month.Year, month.Month, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	var last chatapi.Rule
	for _, rule := range rules {
		if d.Model != "" && rule.Model == d.Model || d.Model == "" && rule.Since <= day {
			last = rule
		}
	}
	return last
}

func isByConversation(m chatapi.Model) bool {
	return m == chatapi.ModelCBP2022 || m == chatapi.ModelCBP2023 || m == chatapi.ModelCBP2024
}

// rulesInWords says what a model bills.
func rulesInWords(rule chatapi.Rule) string {
	switch rule.Model {
	case chatapi.ModelCBP2022:
		return "Rules of 2022: conversations of 24 hours are billed. A conversation with a customer who wrote begins with the customer's first message, " +
			"and one that the business opens begins with its first delivered message; neither is ever prolonged. The first " + Thousands(rule.Free) +
			" of a month are free, shared by all numbers. Who comes from a click-to-WhatsApp ad is free; a plain button is not."
	case chatapi.ModelPMP2026:
		return "Rules since 1 October 2026: every delivered message is billed, template or not. The first " + Thousands(rule.Free) +
			" service messages of a month and number are free. After the answer to a click-to-WhatsApp ad everything is free for " +
			fmt.Sprintf("%.0f", rule.EntryPointLength.Hours()) + " hours; a plain button is not."
	case chatapi.ModelPMP2025:
		return "Rules of July 2025: every delivered template is billed, but for utility templates within the service window."
	}
	return "The bill is made by the rules of the model " + string(rule.Model) + "."
}

// gauges returns the used part of each free tier: that of the account, or of each number.
func gauges(rule chatapi.Rule, bill *chatapi.Bill, names *billNames) []Gauge {
	if rule.Free == 0 {
		return nil
	}
	used := map[chatapi.ChannelID]int{}
	all := 0
	for i := range bill.Charges { // by pointer, as there may be many
		if c := &bill.Charges[i]; c.Free == chatapi.FreeTier || c.Free == chatapi.FreeCustomerService {
			used[c.Channel]++
			all++
		}
	}
	if rule.Scope != chatapi.ScopeNumber {
		return []Gauge{{"All numbers together", all, rule.Free}}
	}
	var each []Gauge
	for _, channel := range names.order {
		each = append(each, Gauge{names.numbers[channel], used[channel], rule.Free})
		delete(used, channel)
	}
	for _, channel := range sortedKeys(used) { // channels that were removed
		each = append(each, Gauge{string(channel), used[channel], rule.Free})
	}
	return each
}

// count counts the charges by what they cost and why.
func (p *MonthPage) count(rule chatapi.Rule) {
	counts := map[string]int{}
	for i := range p.Bill.Charges {
		switch c := &p.Bill.Charges[i]; {
		case c.Free != "":
			p.Free++
			counts[freeWords(c.Free, rule)]++
		case c.Missing:
			p.Missing++
		default:
			p.Charged++
		}
	}
	for _, reason := range sortedKeys(counts) {
		p.Reasons = append(p.Reasons, FreeCount{reason, counts[reason]})
	}
	slices.SortStableFunc(p.Reasons, func(a, b FreeCount) int { return b.Count - a.Count })
}

// freeWords says why something is free.
func freeWords(why chatapi.FreeReason, rule chatapi.Rule) string {
	switch {
	case why == chatapi.FreeEntryPoint:
		return "came from an ad"
	case why == chatapi.FreeTier, why == chatapi.FreeCustomerService && rule.Free > 0:
		return "among the first " + Thousands(rule.Free) + " of the month"
	case why == chatapi.FreeCareWindow, why == chatapi.FreeCustomerService:
		return "within the service window"
	}
	return words(string(why))
}
