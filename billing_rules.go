package chatapi

import (
	"fmt"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Model is a dated set of billing rules. An [Account] with an empty Model takes
// for each message the model in force on its day.
type Model string

// The models, by the day on which each came into force in the account's time
// zone.
const (
	ModelNBP     Model = "nbp"      // until 2022-01-31: templates outside the service window
	ModelCBP2022 Model = "cbp-2022" // 2022-02-01: conversations, by who began them
	ModelCBP2023 Model = "cbp-2023" // 2023-06-01: conversations, by category
	ModelCBP2024 Model = "cbp-2024" // 2024-11-01: the same, service free
	ModelPMP2025 Model = "pmp-2025" // 2025-07-01: template messages
	ModelPMP2026 Model = "pmp-2026" // 2026-10-01: all messages
)

// Anchor is the start of the 24 hours of a conversation under [ModelCBP2022], the
// only model in which Chat API and Meta differ.
type Anchor string

// The anchors. A conversation that the business begins runs from its first
// delivered message under both.
const (
	// AnchorFirstInbound is Chat API's published rule and the default: from the
	// first message of the customer, once the business answers it.
	AnchorFirstInbound Anchor = "first_inbound"

	// AnchorFirstDelivered is Meta's rule: from the first message of the
	// business that reaches the phone.
	AnchorFirstDelivered Anchor = "first_delivered"
)

// FreeReason says why a conversation or message costs nothing. It is the word of
// Meta's statuses, if they have a word for the reason.
type FreeReason string

// The reasons.
const (
	FreeEntryPoint      FreeReason = "free_entry_point"      // the customer came from an ad
	FreeTier            FreeReason = "free_tier"             // within the month's free number
	FreeService         FreeReason = "free_service"          // service conversations since 2024-11-01
	FreeCustomerService FreeReason = "free_customer_service" // per message: in the service window or the number's free ones
	FreeCareWindow      FreeReason = "care_window"           // until 2022-01-31: within 24 hours of the customer's message

	// FreeOpenConversation means that the message joins an open conversation.
	// Only quotes have this reason; bills have no line for such a message.
	FreeOpenConversation FreeReason = "open_conversation"
)

// Scope says who shares a free tier.
type Scope string

// The scopes.
const (
	ScopeAccount Scope = "account" // all numbers of the account
	ScopeNumber  Scope = "number"  // each number has its own
)

// Rule is one dated row of the billing rules: the model that is in force from a
// day on, and its free entry points and free tier. [PublishedRules] returns the
// published rules, and docs/billing.md says how sure each of them is. To correct a
// rule, or to add a future one, change that list and give it to [Account.Rules].
type Rule struct {
	// Since is the day on which the rule comes into force, at 00:00 in the
	// account's time zone, as "2026-10-01". Only the first rule may leave it
	// empty; it holds for the time before its day too.
	Since string

	// Model decides whether messages or conversations are billed, and which
	// kinds.
	Model Model

	// EntryPoints are the free entry points. After the delivery of an answer to
	// one, everything is free for EntryPointLength, which is at most a year. Both
	// are empty where no entry point is free, as under [ModelNBP].
	EntryPoints      []EntryPoint
	EntryPointLength time.Duration

	// Free is the number of conversations or messages of a month that cost
	// nothing, in order of opening or delivery; 0 means no free tier. Scope says
	// who shares them; an empty Scope is [ScopeAccount].
	Free  int
	Scope Scope

	// Categories are the categories in the free tier, such as [CategoryService].
	// An empty list means every category.
	Categories []string
}

// PublishedRules returns the rules as they were published, in order of time. The
// list is yours to change. The anchor says who published them: Chat API for
// [AnchorFirstInbound] or an empty anchor, with only ads as free entry points in
// the model of 2022; Meta for [AnchorFirstDelivered], who counts the button of a
// Facebook page too.
func PublishedRules(anchor Anchor) []Rule {
	pages := func() []EntryPoint { return []EntryPoint{EntryPointAd, EntryPointPageCTA} }
	of2022 := pages
	if anchor != AnchorFirstDelivered {
		of2022 = func() []EntryPoint { return []EntryPoint{EntryPointAd} }
	}
	return []Rule{
		{Model: ModelNBP},
		{Since: "2022-02-01", Model: ModelCBP2022, EntryPoints: of2022(), EntryPointLength: day24, Free: 1000, Scope: ScopeAccount},
		{Since: "2023-03-01", Model: ModelCBP2022, EntryPoints: of2022(), EntryPointLength: 3 * day24, Free: 1000, Scope: ScopeAccount},
		{Since: "2023-06-01", Model: ModelCBP2023, EntryPoints: pages(), EntryPointLength: 3 * day24,
			Free: 1000, Scope: ScopeAccount, Categories: []string{CategoryService}},
		{Since: "2024-11-01", Model: ModelCBP2024, EntryPoints: pages(), EntryPointLength: 3 * day24},
		{Since: "2025-07-01", Model: ModelPMP2025, EntryPoints: pages(), EntryPointLength: 3 * day24},
		{Since: "2026-10-01", Model: ModelPMP2026, EntryPoints: pages(), EntryPointLength: 3 * day24,
			Free: 1000, Scope: ScopeNumber, Categories: []string{CategoryService}},
	}
}

// modelEras are the known models, each with the era of its prices.
var modelEras = map[Model]ratecard.Era{ModelNBP: ratecard.EraNotification, ModelCBP2022: ratecard.EraInitiated, ModelCBP2023: ratecard.EraConversation,
	ModelCBP2024: ratecard.EraConversation, ModelPMP2025: ratecard.EraMessage, ModelPMP2026: ratecard.EraMessage}

// rules is a checked [Rule] in one account's time zone.
type rules struct {
	Rule
	from int64        // Unix nanoseconds
	era  ratecard.Era // the era of its prices
}

// covers reports whether the free tier takes units of that category.
func (r *rules) covers(category string) bool {
	return r.Free > 0 && (len(r.Categories) == 0 || slices.Contains(r.Categories, category))
}

// reason returns the word of Meta's statuses for the free tier.
func (r *rules) reason(category string) FreeReason {
	if r.Model == ModelPMP2026 && category == CategoryService {
		return FreeCustomerService
	}
	return FreeTier
}

// newRules checks the rules and sorts them by the instant at which each comes
// into force in the account's time zone. Of a forced model it returns only the
// rules of that model.
func newRules(all []Rule, forced Model, zone *time.Location) ([]rules, *Error) {
	if _, known := modelEras[forced]; !known && forced != "" {
		return nil, invalid("Model", fmt.Sprintf("%q is unknown; write one such as cbp-2022, or leave it empty for the model of each date", clip(string(forced), 32)))
	}
	var list []rules
	var last ratecard.Day
	for i, r := range all {
		field := func(name string) string { return fmt.Sprintf("Rules[%d].%s", i, name) }
		var day ratecard.Day
		if r.Since != "" || i > 0 {
			var err error
			if day, err = ratecard.ParseDay(r.Since); err != nil {
				return nil, invalid(field("Since"), err.Error())
			}
			if day <= last {
				return nil, invalid(field("Since"), "is not after that of the rule before; put the rules in order of time")
			}
		}
		last = day
		if name, problem := r.check(); problem != "" {
			return nil, invalid(field(name), problem)
		}
		if forced != "" && r.Model != forced {
			continue
		}
		r.EntryPoints, r.Categories = slices.Clone(r.EntryPoints), slices.Clone(r.Categories)
		for k, category := range r.Categories {
			r.Categories[k] = ratecard.Category(category)
		}
		for k, point := range r.EntryPoints {
			r.EntryPoints[k] = EntryPoint(ratecard.Category(string(point)))
		}
		slices.Sort(r.EntryPoints)
		slices.Sort(r.Categories)
		start := int64(ledger.Never)
		if len(list) > 0 {
			start = time.Date(int(day/10000), time.Month(day/100%100), int(day%100), 0, 0, 0, 0, zone).UnixNano()
		}
		list = append(list, rules{r, start, modelEras[r.Model]})
	}
	if len(list) == 0 {
		return nil, invalid("Model", fmt.Sprintf("is %s, which none of the rules has; add such a rule, or leave the model empty", forced))
	}
	return list, nil
}

// newTerms returns the part of the rules that the engine needs.
func newTerms(anchor Anchor, all []rules) *ledger.Terms {
	terms := &ledger.Terms{Anchored: anchor == AnchorFirstInbound, Eras: make([]ledger.Era, len(all)), ClosedUntil: ledger.Never}
	for i, r := range all {
		points := make([]string, len(r.EntryPoints))
		for k, point := range r.EntryPoints {
			points[k] = string(point)
		}
		terms.Eras[i] = ledger.Era{From: r.from, Model: string(r.Model), EntryPoints: points, EntryPointLength: int64(r.EntryPointLength)}
	}
	return terms
}

// rulesAt returns the rules in force at an instant.
func (a *account) rulesAt(instant int64) *rules { return &a.rules[a.terms.At(instant)] }

// check returns the first field that is wrong, and its problem.
func (r *Rule) check() (field, problem string) {
	_, known := modelEras[r.Model]
	switch {
	case !known:
		return "Model", fmt.Sprintf("%q is unknown; write one such as pmp-2026", clip(string(r.Model), 32))
	case r.EntryPointLength < 0 || r.EntryPointLength > 365*day24:
		return "EntryPointLength", "is not between 0 and a year; write it as hours, such as 72*time.Hour"
	case r.EntryPointLength == 0 && len(r.EntryPoints) > 0:
		return "EntryPointLength", "is missing, but there are entry points; set both, or neither"
	case r.EntryPointLength > 0 && len(r.EntryPoints) == 0:
		return "EntryPoints", "are missing, but there is a length; set both, or neither"
	case r.EntryPointLength > 0 && r.Model == ModelNBP:
		return "EntryPointLength", "is not 0, but nbp knows no free entry point; leave it out"
	case slices.Contains(r.EntryPoints, ""):
		return "EntryPoints", "has an empty one; leave it out"
	case r.Free < 0:
		return "Free", "is negative; write 0 for no free tier"
	case r.Scope != "" && r.Scope != ScopeAccount && r.Scope != ScopeNumber:
		return "Scope", fmt.Sprintf("%q is neither account nor number; use ScopeAccount or ScopeNumber", clip(string(r.Scope), 32))
	case slices.Contains(r.Categories, ""):
		return "Categories", "has an empty one; leave it out"
	}
	return "", ""
}
