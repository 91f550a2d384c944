package chatapi

import (
	"slices"
	"time"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Model is a dated set of billing rules. The empty Model of an [Account] takes
// for each message the one in force on its day.
type Model string

// The models, by the day on which each came into force in the account's time
// zone.
const (
	ModelNBP     Model = "nbp"      // until 2022-01-31: templates outside the care window
	ModelCBP2022 Model = "cbp-2022" // 2022-02-01: conversations, by who began them
	ModelCBP2023 Model = "cbp-2023" // 2023-06-01: conversations, by category
	ModelCBP2024 Model = "cbp-2024" // 2024-11-01: the same, service free
	ModelPMP2025 Model = "pmp-2025" // 2025-07-01: template messages
	ModelPMP2026 Model = "pmp-2026" // 2026-10-01: all messages
)

// Anchor says from where the 24 hours of a conversation run under
// [ModelCBP2022], the one model where Chat API and Meta differ.
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

// FreeReason says why a conversation or message costs nothing. The words are
// those of Meta's statuses where it has one.
type FreeReason string

// The reasons.
const (
	FreeEntryPoint      FreeReason = "free_entry_point"      // the customer came from an ad
	FreeTier            FreeReason = "free_tier"             // within the month's free number
	FreeService         FreeReason = "free_service"          // service conversations since 2024-11-01
	FreeCustomerService FreeReason = "free_customer_service" // per message: in the service window or the number's free ones
	FreeCareWindow      FreeReason = "care_window"           // until 2022-01-31: within 24 hours of the customer's message
)

// scope is what shares a free tier.
type scope int

const (
	perAccount scope = iota // all numbers of the account
	perNumber
)

// rules are one dated row of the models. What the rows say is documented in
// docs/billing.md, with the confidence of each.
type rules struct {
	model Model
	from  ratecard.Day
	era   era

	// entry is how long a free entry point lasts, 0 where there is none;
	// sources are the entry points that qualify.
	entry   time.Duration
	sources []EntryPoint

	// free is the number of conversations or messages per month that cost
	// nothing, shared by the scope, for the categories (all if empty).
	free       int
	scope      scope
	categories []string
	reason     FreeReason
}

var (
	adsOnly     = []EntryPoint{EntryPointAd}
	adsAndPages = []EntryPoint{EntryPointAd, EntryPointPageCTA}
	serviceOnly = []string{CategoryService}
)

// published are the models by date. Chat API's anchor narrows the sources of
// the 2022 model to ads.
var published = []rules{
	{model: ModelNBP, from: 0, era: eraNotification},
	{model: ModelCBP2022, from: 20220201, era: eraInitiated, entry: day24, sources: adsAndPages,
		free: 1000, scope: perAccount, reason: FreeTier},
	{model: ModelCBP2022, from: 20230301, era: eraInitiated, entry: 3 * day24, sources: adsAndPages,
		free: 1000, scope: perAccount, reason: FreeTier},
	{model: ModelCBP2023, from: 20230601, era: eraConversation, entry: 3 * day24, sources: adsAndPages,
		free: 1000, scope: perAccount, categories: serviceOnly, reason: FreeTier},
	{model: ModelCBP2024, from: 20241101, era: eraConversation, entry: 3 * day24, sources: adsAndPages},
	{model: ModelPMP2025, from: 20250701, era: eraMessage, entry: 3 * day24, sources: adsAndPages},
	{model: ModelPMP2026, from: 20261001, era: eraMessage, entry: 3 * day24, sources: adsAndPages,
		free: 1000, scope: perNumber, categories: serviceOnly, reason: FreeCustomerService},
}

// covers reports whether the free tier takes units of that category.
func (r *rules) covers(category string) bool {
	return r.free > 0 && (len(r.categories) == 0 || slices.Contains(r.categories, category))
}

// timeline is the rules of one account by the instant at which each comes into
// force in its time zone.
type timeline []dated

type dated struct {
	from int64 // Unix nanoseconds
	rules
}

// newTimeline lays the published rules, or those of the one forced model, out
// in the account's time zone. It is empty for an unknown model.
func newTimeline(forced Model, anchor Anchor, zone *time.Location) timeline {
	var t timeline
	for _, r := range published {
		if forced != "" && r.model != forced {
			continue
		}
		if r.model == ModelCBP2022 && anchor == AnchorFirstInbound {
			r.sources = adsOnly
		}
		start := int64(minNanos)
		if len(t) > 0 {
			day := r.from
			start = time.Date(int(day/10000), time.Month(day/100%100), int(day%100), 0, 0, 0, 0, zone).UnixNano()
		}
		t = append(t, dated{start, r})
	}
	return t
}

// at returns the rules in force at an instant. A forced model holds before its
// day too, with its first rules.
func (t timeline) at(instant int64) *rules {
	i := len(t) - 1
	for i > 0 && t[i].from > instant {
		i--
	}
	return &t[i].rules
}
