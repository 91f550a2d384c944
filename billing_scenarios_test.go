package chatapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// scenario is one case of testdata/billing/scenarios.json. An unknown member
// fails the test.
type scenario struct {
	ID         string          `json:"id"`
	Rule       string          `json:"rule"`
	Why        string          `json:"why"`
	Confidence string          `json:"confidence"`
	Model      chatapi.Model   `json:"model"`
	Timezone   string          `json:"waba_timezone"`
	Events     []scenarioEvent `json:"events"`

	Expect        []scenarioRow  `json:"expect"`
	ExpectSeed    *[]scenarioRow `json:"expect_seed"`
	ExpectWindows *[]scenarioRow `json:"expect_windows"`

	Prior   []scenarioPrior `json:"prior_usage"`
	Options struct {
		FEPHours int `json:"fep_hours"`
	} `json:"options"`
	Pricing *struct {
		Market   string `json:"market"`
		Currency string `json:"currency"`
		Card     string `json:"rate_card"`
		Tiers    string `json:"volume_tiers"`
		Total    string `json:"total"`
	} `json:"pricing"`
}

type scenarioPrior struct {
	Scope    string            `json:"scope"`
	Month    string            `json:"month"`
	Used     int               `json:"used"`
	Number   chatapi.ChannelID `json:"number"`
	Market   string            `json:"market"`
	Category string            `json:"category"`
}

type scenarioEvent struct {
	At         time.Time            `json:"at"`
	Observed   time.Time            `json:"observed_at"`
	Kind       chatapi.ActivityKind `json:"kind"`
	Contact    string               `json:"contact"`
	Number     chatapi.ChannelID    `json:"number"`
	Message    string               `json:"message"`
	Category   string               `json:"template_category"`
	EntryPoint *struct {
		Source chatapi.EntryPoint `json:"source"`
	} `json:"entry_point"`
}

// scenarioRow is one expected conversation, message or window.
type scenarioRow struct {
	Unit       string            `json:"unit"`
	Message    string            `json:"message"`
	Contact    string            `json:"contact"`
	Number     chatapi.ChannelID `json:"number"`
	Category   string            `json:"category"`
	OpenedAt   time.Time         `json:"opened_at"`
	ExpiresAt  *time.Time        `json:"expires_at"`
	ClosedAt   *time.Time        `json:"closed_at"`
	Billable   bool              `json:"billable"`
	Charges    int               `json:"charges"`
	FreeReason string            `json:"free_reason"`
	Price      string            `json:"price"`
}

// String writes instants in UTC, so that rows with different zones compare as
// equal.
func (r scenarioRow) String() string {
	instant := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%s %s %s %s %s opened %s expires %s closed %s billable %v charges %d %q %q", r.Unit, r.Message, r.Contact, r.Number,
		r.Category, instant(&r.OpenedAt), instant(r.ExpiresAt), instant(r.ClosedAt), r.Billable, r.Charges, r.FreeReason, r.Price)
}

func loadScenarios(t testing.TB, path string) []scenario {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var file struct {
		Schema    string     `json:"schema"`
		Scenarios []scenario `json:"scenarios"`
	}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	require.NoError(t, in.Decode(&file))
	require.Equal(t, "waba-billing-scenario/1", file.Schema)
	require.NotEmpty(t, file.Scenarios)
	return file.Scenarios
}

func (s scenario) account(t *testing.T, anchor chatapi.Anchor) chatapi.Account {
	t.Helper()
	zone, err := time.LoadLocation(s.Timezone)
	require.NoError(t, err)
	account := chatapi.Account{ID: "waba1", Portfolio: "portfolio1", Timezone: zone, Anchor: anchor}
	if s.Model != "auto" {
		account.Model = s.Model
	}
	if s.Options.FEPHours > 0 {
		account.Rules = chatapi.PublishedRules(anchor)
		for i := range account.Rules {
			if account.Rules[i].EntryPointLength > 0 {
				account.Rules[i].EntryPointLength = time.Duration(s.Options.FEPHours) * time.Hour
			}
		}
	}
	if s.Pricing != nil {
		account.Rates, err = chatapi.EmbeddedRates(s.Pricing.Currency)
		require.NoError(t, err)
	}
	for _, prior := range s.Prior {
		account.Used = append(account.Used, prior.usage(t))
	}
	return account
}

// usage returns the prior usage. It checks that the usage has exactly the members
// of its scope.
func (p scenarioPrior) usage(t *testing.T) chatapi.PriorUsage {
	t.Helper()
	month, err := time.Parse("2006-01", p.Month)
	require.NoError(t, err)
	of := map[string]scenarioPrior{"waba": {}, "number": {Number: p.Number}, "portfolio": {Market: p.Market, Category: p.Category}}
	want, known := of[p.Scope]
	require.True(t, known, "scope %q", p.Scope)
	require.Equal(t, want, scenarioPrior{Number: p.Number, Market: p.Market, Category: p.Category}, "scope %q", p.Scope)
	require.Equal(t, p.Scope == "number", p.Number != "")
	require.Equal(t, p.Scope == "portfolio", p.Market != "" && p.Category != "")
	return chatapi.PriorUsage{Month: chatapi.Month(month.Year(), month.Month()), Number: p.Number, Market: p.Market, Category: p.Category, Units: p.Used}
}

func (s scenario) activities() []chatapi.Activity {
	var all []chatapi.Activity
	for _, e := range s.Events {
		a := chatapi.Activity{Kind: e.Kind, At: e.At, Observed: e.Observed, Channel: e.Number, Contact: chatapi.Contact{Phone: e.Contact},
			MessageID: e.Message, Category: e.Category}
		if e.EntryPoint != nil {
			a.EntryPoint = e.EntryPoint.Source
		}
		all = append(all, a)
	}
	return all
}

// scenarioRows writes bills in the form of the scenarios.
func scenarioRows(all []*chatapi.Bill, priced bool) (units, windows []string) {
	for _, bill := range all {
		spans := map[string]chatapi.Conversation{}
		for _, c := range bill.Conversations {
			spans[fmt.Sprint(c.Channel, c.Contact, c.Category, c.OpenedAt.UnixNano())] = c
			if c.Model == chatapi.ModelPMP2025 || c.Model == chatapi.ModelPMP2026 {
				windows = append(windows, scenarioRow{Unit: "window", Contact: c.Contact.String(), Number: c.Channel, Category: c.Category,
					OpenedAt: c.OpenedAt, ExpiresAt: &c.ExpiresAt, FreeReason: string(c.Charge.Free)}.String())
			}
		}
		for _, c := range bill.Charges {
			r := scenarioRow{Unit: "message", Message: c.MessageID, Contact: c.Contact.String(), Number: c.Channel, Category: c.Category,
				OpenedAt: c.At, Billable: c.Free == "", FreeReason: string(c.Free)}
			if c.MessageID == "" {
				span := spans[fmt.Sprint(c.Channel, c.Contact, c.Category, c.At.UnixNano())]
				r.Unit, r.ExpiresAt = "conversation", &span.ExpiresAt
				if !span.ClosedAt.IsZero() {
					r.ClosedAt = &span.ClosedAt
				}
			}
			if r.Billable {
				r.Charges = 1
			}
			if r.Billable && priced {
				r.Price = c.Amount.Decimal()
			}
			units = append(units, r.String())
		}
	}
	return units, windows
}

// Each scenario runs under both anchors. Its events arrive in order, backwards,
// doubled and shuffled, and always give the same rows. CHATAPI_SCENARIOS=FILE
// adds the scenarios of a file.
func TestScenarios(t *testing.T) {
	all := slices.Concat(loadScenarios(t, "testdata/billing/scenarios.json"), loadScenarios(t, "testdata/billing/tiers.json"))
	if path := os.Getenv("CHATAPI_SCENARIOS"); path != "" {
		all = append(all, loadScenarios(t, path)...)
	}
	for _, s := range all {
		t.Run(s.ID, func(t *testing.T) {
			require.Contains(t, []string{"solid", "vendor-only", "interpretation"}, s.Confidence)
			require.NotEmpty(t, s.Why)
			s.check(t, chatapi.AnchorFirstDelivered, s.Expect)
			if s.ExpectSeed != nil {
				s.check(t, "", *s.ExpectSeed)
			}
		})
	}
}

func (s scenario) check(t *testing.T, anchor chatapi.Anchor, want []scenarioRow) {
	t.Helper()
	account, activities := s.account(t, anchor), s.activities()
	for _, arrival := range arrivals(activities) {
		all := bills(t, account, arrival)
		units, windows := scenarioRows(all, s.Pricing != nil)
		require.ElementsMatch(t, texts(want), units, "%s, anchor %q", s.Rule, anchor)
		if s.ExpectWindows != nil {
			require.ElementsMatch(t, texts(*s.ExpectWindows), windows)
		}
		if s.Pricing == nil {
			continue
		}
		var total chatapi.Money
		for _, bill := range all {
			require.Len(t, bill.Totals, 1)
			var err error
			total, err = total.Add(bill.Totals[0])
			require.NoError(t, err)
			for _, c := range bill.Charges {
				assert.Equal(t, s.Pricing.Market, c.Market)
				if c.Free == "" {
					assert.Contains(t, s.Pricing.Card, c.Amount.Currency)
					assert.GreaterOrEqual(t, c.Price.Since, s.Pricing.Card[:len(time.DateOnly)], "the price is from the named card")
				}
				if c.Price.Tier > 0 {
					assert.NotEmpty(t, s.Pricing.Tiers, "only a scenario with volume tiers has a tier price")
				}
			}
		}
		wantTotal, err := chatapi.ParseMoney(s.Pricing.Total, s.Pricing.Currency)
		require.NoError(t, err)
		require.Equal(t, wantTotal, total)
	}
}

// The ledger takes each event or refuses it with a reason. The bill does not
// depend on the order of the events.
func FuzzScenario(f *testing.F) {
	for _, s := range slices.Concat(loadScenarios(f, "testdata/billing/scenarios.json"), loadScenarios(f, "testdata/billing/tiers.json")) {
		events, err := json.Marshal(s.Events)
		require.NoError(f, err)
		f.Add(events, string(s.Model), s.ExpectSeed != nil, 0)
	}
	f.Fuzz(func(t *testing.T, data []byte, model string, chatAPI bool, offset int) {
		var s scenario
		if json.Unmarshal(data, &s.Events) != nil || len(s.Events) > 64 {
			return
		}
		account := chatapi.Account{ID: "waba1", Timezone: time.FixedZone("", offset%(14*3600)), Anchor: chatapi.AnchorFirstDelivered}
		if chatAPI {
			account.Anchor = chatapi.AnchorFirstInbound
		}
		if model != "auto" {
			account.Model = chatapi.Model(model)
		}
		taken := func(activities []chatapi.Activity) *chatapi.Ledger {
			ledger := chatapi.NewLedger(account)
			for _, a := range activities {
				if err := ledger.Record(a); err != nil {
					require.True(t, errors.Is(err, chatapi.ErrInvalid) || errors.Is(err, chatapi.ErrNoTime), "%v", err)
				}
			}
			return ledger
		}
		activities := s.activities()
		backwards := slices.Clone(activities)
		slices.Reverse(backwards)
		one, other := taken(activities), taken(backwards)
		for _, a := range activities {
			month := chatapi.Month(a.At.In(account.Timezone).Year(), a.At.In(account.Timezone).Month())
			bill, err := one.Bill(month)
			replied(t, bill != nil, err)
			again, _ := other.Bill(month)
			require.Equal(t, bill, again)
			_, err = one.Quote(a.At, a.Channel, a.Contact.Recipient(), chatapi.Text{Body: "hi"})
			replied(t, true, err)
		}
	})
}
