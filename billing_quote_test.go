package chatapi_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func template(category string) *chatapi.Template {
	return &chatapi.Template{Name: "order_ready", Language: "en", Category: category}
}

var (
	hello     = chatapi.Text{Body: "hi"}
	annPhone  = chatapi.Phone("12025550143")
	brazilian = chatapi.Phone("5511990000001")
)

// Each row is one reason for a cost, or for no cost, under one model.
func TestAQuoteSaysWhy(t *testing.T) {
	day := func(text string) time.Time { return instant(text + "T10:00:00Z") }
	ad := func(at time.Time) chatapi.Activity {
		click := wrote(at, customerA)
		click.EntryPoint = chatapi.EntryPointAd
		return click
	}
	used := func(year int, month time.Month, number chatapi.ChannelID, units int) []chatapi.PriorUsage {
		return []chatapi.PriorUsage{{Month: chatapi.Month(year, month), Number: number, Units: units}}
	}
	for name, test := range map[string]struct {
		account chatapi.Account
		past    []chatapi.Activity
		now     time.Time
		to      chatapi.Recipient
		message chatapi.Message
		cost    string
		free    chatapi.FreeReason
		why     string
	}{
		"2021, in the care window": {chatapi.Account{}, []chatapi.Activity{wrote(day("2021-11-02"), customerA)}, day("2021-11-02").Add(time.Hour), annPhone, template("UTILITY"),
			"0.00 USD", chatapi.FreeCareWindow, "service window open until 2021-11-03 10:00"},
		"2022, free tier": {chatapi.Account{Used: used(2022, time.March, "", 587)}, []chatapi.Activity{wrote(day("2022-03-02"), customerA)}, day("2022-03-02").Add(time.Hour), annPhone, hello,
			"0.00 USD", chatapi.FreeTier, "new user initiated conversation in North America, free tier: number 588 of 1,000 this month, 412 left"},
		"2022, used up": {chatapi.Account{Used: used(2022, time.March, "", 1000)}, nil, day("2022-03-02"), brazilian, template(""),
			"0.05 USD", "", "new business initiated conversation in Brazil, price since 2022-02-01 (derived)"},
		"2022, in Chat API's conversation": {chatapi.Account{}, slices.Concat([]chatapi.Activity{wrote(day("2022-03-02"), customerA)}, sent("m1", day("2022-03-02").Add(time.Hour), customerA, "")),
			day("2022-03-02").Add(2 * time.Hour), annPhone, hello, "0.00 USD", chatapi.FreeOpenConversation, "joins the open user initiated conversation, until 2022-03-03 10:00"},
		"2023, ad answered": {chatapi.Account{}, []chatapi.Activity{ad(day("2023-07-03"))}, day("2023-07-03").Add(time.Hour), annPhone, hello,
			"0.00 USD", chatapi.FreeEntryPoint, "free entry point until 2023-07-06 11:00"},
		"2023, within the free entry point": {chatapi.Account{}, append(sent("m1", day("2023-07-03").Add(time.Hour), customerA, ""), ad(day("2023-07-03"))), day("2023-07-04"), annPhone, template("MARKETING"),
			"0.00 USD", chatapi.FreeEntryPoint, "free entry point until 2023-07-06 11:00"},
		"2024, service": {chatapi.Account{}, []chatapi.Activity{wrote(day("2024-11-05"), customerA)}, day("2024-11-05").Add(time.Hour), annPhone, hello,
			"0.00 USD", chatapi.FreeService, "service is free"},
		"2024, another category": {chatapi.Account{}, sent("m1", day("2024-11-05"), customerA, "utility"), day("2024-11-05").Add(time.Hour), annPhone, template("MARKETING"),
			"0.025 USD", "", "new marketing conversation in North America, price since 2024-11-01 (copy)"},
		"2025, utility in the window": {chatapi.Account{}, []chatapi.Activity{wrote(day("2025-11-05"), customerA)}, day("2025-11-05").Add(time.Hour), annPhone, template("UTILITY"),
			"0.00 USD", chatapi.FreeCustomerService, "service window open until 2025-11-06 10:00"},
		"2025, window closed": {chatapi.Account{}, nil, day("2025-11-05"), annPhone, hello,
			"0.00 USD", chatapi.FreeCustomerService, "free-form messages are free; the service window is closed, so WhatsApp refuses it"},
		"2026, volume tier": {chatapi.Account{Used: []chatapi.PriorUsage{{Month: may2026, Market: "Brazil", Category: "utility", Units: 250_309}}}, nil, day("2026-05-05"), brazilian, template("UTILITY"),
			"0.0065 USD", "", "utility template to Brazil, price since 2026-04-01 (original), volume tier from message 250,001, number 250,310 this month"},
		"2026, the number's last free one": {chatapi.Account{Used: used(2026, time.November, abc, 999)}, []chatapi.Activity{wrote(day("2026-11-05"), customerA)}, day("2026-11-05").Add(time.Hour), annPhone, hello,
			"0.00 USD", chatapi.FreeCustomerService, "service message to North America, free tier: number 1,000 of 1,000 this month, 0 left"},
		"2026, service": {chatapi.Account{Used: used(2026, time.November, abc, 1000)}, []chatapi.Activity{wrote(day("2026-11-05"), customerA)}, day("2026-11-05").Add(time.Hour), annPhone, hello,
			"0.0034 USD", "", "service message to North America, price since 2026-10-01 (copy)"},
		"2026, in the zone of the account": {chatapi.Account{Timezone: time.FixedZone("", 3600)}, []chatapi.Activity{ad(day("2026-11-05"))}, day("2026-11-05").Add(time.Hour), annPhone, template("MARKETING"),
			"0.00 USD", chatapi.FreeEntryPoint, "free entry point until 2026-11-08 12:00; WhatsApp delivers no marketing messages to numbers of the United States since 2025-04-01"},
	} {
		t.Run(name, func(t *testing.T) {
			ledger := newLedger(t, test.account, test.past...)
			quote, err := ledger.Quote(test.now, abc, test.to, test.message)
			require.NoError(t, err)
			assert.Equal(t, test.cost, quote.Amount.String())
			assert.Equal(t, test.free, quote.Free)
			assert.Equal(t, test.why, quote.Why)
			assert.Equal(t, test.to, quote.Contact)
		})
	}
}

// Under Chat API's anchor, a conversation opens at the customer's message. A late
// answer therefore counts before a later conversation, and takes its place in the
// free tier.
func TestAQuoteCountsWhatOthersThenCost(t *testing.T) {
	start := instant("2022-03-10T10:00:00Z")
	past := append(sent("m1", start.Add(time.Hour), chatapi.Contact{Phone: "5511990000001"}, "utility"), wrote(start, customerA))
	account := chatapi.Account{Used: []chatapi.PriorUsage{{Month: chatapi.Month(2022, time.March), Units: 999}}}
	quote, err := newLedger(t, account, past...).Quote(start.Add(2*time.Hour), abc, annPhone, hello)
	require.NoError(t, err)
	assert.Equal(t, "0.05 USD", quote.Amount.String())
	assert.Empty(t, quote.Free)
	assert.Equal(t, "new user initiated conversation in North America, free tier: number 1,000 of 1,000 this month, 0 left; "+
		"with what others of the month then cost instead: 0.05 USD", quote.Why)
}

func TestQuoteRefuses(t *testing.T) {
	now := instant("2026-11-05T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{Numbers: []chatapi.ChannelID{abc}})
	for field, ask := range map[string]func() error{
		"channel":  func() error { _, err := ledger.Quote(now, "", annPhone, hello); return err },
		"channel ": func() error { _, err := ledger.Quote(now, "ABC9", annPhone, hello); return err },
		"now": func() error {
			_, err := ledger.Quote(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), abc, annPhone, hello)
			return err
		},
		"Recipient": func() error { _, err := ledger.Quote(now, abc, chatapi.Recipient{}, hello); return err },
		"Category":  func() error { _, err := ledger.Quote(now, abc, annPhone, template("")); return err },
		"Name": func() error {
			_, err := ledger.Quote(now, abc, annPhone, &chatapi.Template{Category: "UTILITY"})
			return err
		},
		"messages": func() error { _, err := ledger.QuoteAll(now, abc, nil); return err },
		"messages[0].Category": func() error {
			_, err := ledger.QuoteAll(now, abc, maps.All(map[chatapi.Recipient]chatapi.Message{annPhone: template("")}))
			return err
		},
	} {
		err := ask()
		var e *chatapi.Error
		require.ErrorAs(t, err, &e, field)
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
		assert.Equal(t, strings.TrimSpace(field), e.Field)
	}
	_, err := ledger.Quote(now, abc, annPhone, template(""))
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.Contains(t, e.Advice, "set Template.Category")

	require.NoError(t, ledger.Record(wrote(now, customerB)))
	_, err = ledger.Close(chatapi.Month(2026, time.November))
	require.NoError(t, err)
	_, err = ledger.Quote(now, abc, annPhone, hello)
	assert.ErrorContains(t, err, "closed")
	var none *chatapi.Ledger
	_, err = none.Quote(now, abc, annPhone, hello)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

func TestAQuoteWithoutAPrice(t *testing.T) {
	ledger := newLedger(t, chatapi.Account{ID: "waba1"})
	quote, err := ledger.Quote(instant("2026-11-05T10:00:00Z"), abc, brazilian, template("AUTHENTICATION-INTERNATIONAL"))
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	var gap *chatapi.Gap
	require.ErrorAs(t, err, &gap)
	assert.Equal(t, chatapi.Gap{Account: "waba1", Market: "Brazil", Category: "authentication_international", Currency: "USD", Day: "2026-11-05", Units: 1}, *gap)
	assert.True(t, quote.Missing)
	assert.Zero(t, quote.Amount.Micros)
	assert.Equal(t, "authentication international template to Brazil, the price is missing", quote.Why)
}

// A campaign uses up the number's free messages and the volume tier. Separate
// quotes would all start from the same place.
func TestACampaignSpendsTheTiers(t *testing.T) {
	now := instant("2026-11-05T10:00:00Z")
	account := chatapi.Account{Used: []chatapi.PriorUsage{{Month: chatapi.Month(2026, time.November), Number: abc, Units: 998}}}
	ledger := newLedger(t, account)
	campaign, err := ledger.QuoteAll(now, abc, toNumbers(100_000, hello))
	require.NoError(t, err)
	assert.Equal(t, []chatapi.Cost{
		{Market: "North America", Category: "service", Units: 99_998, Amount: chatapi.Money{Micros: 99_998 * 3_400, Currency: "USD"}},
		{Market: "North America", Category: "service", Free: chatapi.FreeCustomerService, Units: 2, Amount: chatapi.Money{Currency: "USD"}},
	}, campaign.Costs)
	assert.Equal(t, "Messages: 100,000\n\n"+
		"North America  service  99,998  339.9932 USD\n"+
		"North America  service       2          free  customer service\n"+
		"Total                           339.9932 USD\n", campaign.String())

	account.Used = []chatapi.PriorUsage{{Month: may2026, Market: "North America", Category: "utility", Units: 79_995}}
	campaign, err = newLedger(t, account).QuoteAll(instant("2026-05-05T10:00:00Z"), abc, toNumbers(10, template("UTILITY")))
	require.NoError(t, err)
	assert.Equal(t, "0.033 USD", campaign.Totals[0].String(), "five messages at 0.0034 and five at 0.0032")
}

// toNumbers yields the message for n people in North America.
func toNumbers(n int, m chatapi.Message) iter.Seq2[chatapi.Recipient, chatapi.Message] {
	return func(yield func(chatapi.Recipient, chatapi.Message) bool) {
		for i := range n {
			if !yield(chatapi.Phone(fmt.Sprintf("1202%07d", 5550000+i)), m) {
				return
			}
		}
	}
}

// Under the conversation models, a second message to the same person joins the
// conversation of the first message.
func TestTheSameRecipientTwiceJoins(t *testing.T) {
	now := instant("2024-11-05T10:00:00Z")
	campaign, err := newLedger(t, chatapi.Account{}).QuoteAll(now, abc, func(yield func(chatapi.Recipient, chatapi.Message) bool) {
		_ = yield(annPhone, template("MARKETING")) && yield(brazilian, template("MARKETING")) && yield(chatapi.Chat("12025550143@c.us"), template("MARKETING"))
	})
	require.NoError(t, err)
	assert.Equal(t, "Messages: 3\n\n"+
		"Brazil         marketing  1  0.0625 USD\n"+
		"North America  marketing  1   0.025 USD\n"+
		"North America             1        free  joins an open conversation\n"+
		"Total                        0.0875 USD\n", campaign.String())
}

// A quoted message and a recorded one are delivered at the same instant. The
// quoted message counts first, because its contact does. It takes the last free
// place, so that the recorded message has to pay.
func TestAQuoteAtTheInstantOfARecordedMessage(t *testing.T) {
	now := instant("2026-11-10T10:00:00Z")
	account := chatapi.Account{Used: []chatapi.PriorUsage{{Month: chatapi.Month(2026, time.November), Number: abc, Units: 999}}}
	recorded := sent("m1", now.Add(-2*time.Second), chatapi.Contact{BSUID: "BR.13491208655302741918"}, "")
	for _, test := range []struct {
		to   chatapi.Recipient
		cost string
	}{{chatapi.BSUID("BR.03491208655302741918"), "0.0068 USD"}, {annPhone, "0.0034 USD"}} {
		quote, err := newLedger(t, account, recorded...).Quote(now, abc, test.to, hello)
		require.NoError(t, err)
		assert.Equal(t, test.cost, quote.Amount.String())
	}
	first := sent("m1", now.Add(-2*time.Second), chatapi.Contact{Phone: "12025550149"}, "")
	quote, err := newLedger(t, account, first...).Quote(now, abc, annPhone, template("MARKETING"))
	require.NoError(t, err)
	assert.Equal(t, "0.025 USD", quote.Amount.String(), "marketing is not in the free tier")

	brazil := sent("m1", now.Add(-2*time.Second), chatapi.Contact{Phone: "5511990000001"}, "")
	quote, err = newLedger(t, account, brazil...).Quote(now, abc, annPhone, hello)
	require.NoError(t, err)
	assert.Equal(t, "0.0068 USD", quote.Amount.String(), "the message to Brazil has to pay")
}

// A price that the bill already misses is not a gap of the quote.
func TestAQuoteDoesNotRepeatOldGaps(t *testing.T) {
	at := instant("2026-05-04T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, sent("m1", at, chatapi.Contact{Chat: "120363000000000001@g.us"}, "utility")...)
	_, err := ledger.Bill(may2026)
	require.ErrorIs(t, err, chatapi.ErrNoPrice)
	quote, err := ledger.Quote(at.Add(time.Hour), abc, annPhone, template("UTILITY")) // has volume tiers, so Quote reads the whole month
	require.NoError(t, err)
	assert.Equal(t, "0.0034 USD", quote.Amount.String())
	campaign, err := ledger.QuoteAll(at.Add(time.Hour), abc, toNumbers(2, template("UTILITY")))
	require.NoError(t, err)
	assert.Empty(t, campaign.Gaps)
}

// Quote accepts the first instant after a closed month, and refuses the last
// instant of that month.
func TestAQuoteAtTheEndOfAClosedMonth(t *testing.T) {
	end := instant("2026-06-01T00:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, sent("m1", end.Add(-time.Hour), customerA, "marketing")...)
	_, err := ledger.Close(may2026)
	require.NoError(t, err)
	_, err = ledger.Quote(end, abc, annPhone, hello)
	require.NoError(t, err)
	_, err = ledger.Quote(end.Add(-1), abc, annPhone, hello)
	require.ErrorIs(t, err, chatapi.ErrInvalid)
}

// Under Chat API's anchor, an answer in June opens a conversation in May. Each
// conversation takes from the free tier of its own month.
func TestACampaignOverAMonthsEnd(t *testing.T) {
	account := chatapi.Account{Used: []chatapi.PriorUsage{{Month: chatapi.Month(2022, time.May), Units: 1000}}}
	ledger := newLedger(t, account, wrote(instant("2022-05-31T22:00:00Z"), customerA))
	campaign, err := ledger.QuoteAll(instant("2022-06-01T01:00:00Z"), abc, func(yield func(chatapi.Recipient, chatapi.Message) bool) {
		_ = yield(customerA.Recipient(), hello) && yield(customerB.Recipient(), hello)
	})
	require.NoError(t, err)
	free := map[string]chatapi.FreeReason{}
	for _, c := range campaign.Costs {
		free[c.Category] = c.Free
	}
	assert.Equal(t, map[string]chatapi.FreeReason{chatapi.CategoryUserInitiated: "", chatapi.CategoryBusinessInitiated: chatapi.FreeTier}, free)
}

// The rule changes within the month. A message that was charged under the old
// rule took nothing from the free tier.
func TestAQuoteAfterARuleChangedWithinTheMonth(t *testing.T) {
	rule := chatapi.Rule{Model: chatapi.ModelPMP2026, Free: 1, Scope: chatapi.ScopeNumber, Categories: []string{chatapi.CategoryService}}
	more := rule
	more.Since, more.Free = "2026-11-15", 3
	ledger := newLedger(t, chatapi.Account{Rules: []chatapi.Rule{rule, more}}, append(sent("m1", instant("2026-11-10T10:00:00Z"), customerA, ""),
		sent("m2", instant("2026-11-11T10:00:00Z"), customerA, "")...)...)
	quote, err := ledger.Quote(instant("2026-11-20T10:00:00Z"), abc, annPhone, hello)
	require.NoError(t, err)
	assert.Contains(t, quote.Why, "number 2 of 3 this month, 1 left")
}

// The service window is closed at its last instant.
func TestAQuoteAtTheEndOfTheServiceWindow(t *testing.T) {
	at := instant("2026-05-04T10:00:00Z")
	ledger := newLedger(t, chatapi.Account{}, wrote(at, customerA))
	for now, closed := range map[time.Time]bool{at.Add(24*time.Hour - 1): false, at.Add(24 * time.Hour): true} {
		quote, err := ledger.Quote(now, abc, annPhone, hello)
		require.NoError(t, err)
		assert.Equal(t, closed, strings.Contains(quote.Why, "the service window is closed"), quote.Why)
	}
}
