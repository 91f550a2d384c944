package conformance_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/chatapi-go/chatapi"
)

// A quote says how much the bill grows.

// tieredCards returns prices of every era, all different. Where messages are
// billed, they have small volume tiers.
func tieredCards() string {
	var cards strings.Builder
	cards.WriteString("market,category,currency,price,effective_from,from_message,to_message\n")
	price := 1000
	row := func(market, category, day, from, to string) {
		price++
		fmt.Fprintf(&cards, "%s,%s,USD,0.%06d,%s,%s,%s\n", market, category, price, day, from, to)
	}
	for _, market := range []string{"North America", "Argentina"} {
		for day, categories := range map[string]string{"2021-01-01": "marketing utility", "2022-02-01": "user_initiated business_initiated",
			"2023-06-01": "marketing utility service", "2025-07-01": "marketing utility", "2026-10-01": "marketing utility service"} {
			for category := range strings.FieldsSeq(categories) {
				if day < "2025" || category == "marketing" {
					row(market, category, day, "", "")
					continue
				}
				row(market, category, day, "1", "2")
				row(market, category, day, "3", "4")
				row(market, category, day, "5", "")
			}
		}
	}
	return cards.String()
}

// drawQuoted draws a past and the instant of a quote, which may lie before some
// activities.
func drawQuoted(t *rapid.T) (past, time.Time) {
	p := drawPast(t)
	step := time.Duration(rapid.IntRange(-12, 30).Draw(t, "now"))*6*time.Hour + time.Duration(rapid.IntRange(-1, 1).Draw(t, "nudge"))
	return p, p.boundary.Add(step)
}

type recipientMessage struct {
	to      string
	message chatapi.Message
}

func drawMessage(t *rapid.T) recipientMessage {
	m := recipientMessage{to: rapid.SampledFrom([]string{"12025550143", "541155500001", "541155500002", "12025550145"}).Draw(t, "to"), message: chatapi.Text{Body: "hi"}}
	if category := rapid.SampledFrom([]string{"", "UTILITY", "MARKETING"}).Draw(t, "category"); category != "" {
		m.message = &chatapi.Template{Name: "t", Language: "en", Category: category}
	}
	return m
}

// sum returns the cost of all months, and the number of missing prices.
func (p past) sum(t *rapid.T, l *chatapi.Ledger) (sum chatapi.Money, gaps int) {
	for _, bill := range p.bills(t, l) {
		require.Len(t, bill.Totals, 1)
		var err error
		sum, err = sum.Add(bill.Totals[0])
		require.NoError(t, err)
		for _, gap := range bill.Gaps {
			gaps += gap.Units
		}
	}
	return sum, gaps
}

// deliver records a message as sent and delivered at an instant. Its id sorts
// after those of the past.
func deliver(t *rapid.T, l *chatapi.Ledger, channel chatapi.ChannelID, m recipientMessage, i int, at time.Time) {
	id := fmt.Sprintf("~%06d", i)
	if _, ok := m.message.(chatapi.Text); ok {
		record(t, l, []chatapi.Activity{{Kind: chatapi.ActivityOutbound, At: at, Channel: channel, Contact: chatapi.Contact{Phone: m.to}, MessageID: id}})
	} else {
		receipt := &chatapi.Receipt{ID: id, Attempt: chatapi.Attempt{Channel: channel, To: chatapi.Phone(m.to)}}
		require.NoError(t, l.RecordSend(receipt, m.message, at))
	}
	record(t, l, []chatapi.Activity{{Kind: chatapi.ActivityDelivered, At: at, Channel: channel, Contact: chatapi.Contact{Phone: m.to}, MessageID: id}})
}

func TestAQuoteIsWhatTheBillGrowsBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now := drawQuoted(t)
		ledger := p.ledger(t, p.activities)
		if rapid.IntRange(0, 3).Draw(t, "close") == 0 && !now.Before(p.boundary) {
			bill, err := ledger.Close(p.months()[0])
			priced(t, bill, err)
		}
		before, gapsBefore := p.sum(t, ledger)
		m := drawMessage(t)
		quote, err := ledger.Quote(now, "A", chatapi.Phone(m.to), m.message)
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrNoPrice)
		}
		require.NotEmpty(t, quote.Why)
		again, gapsAgain := p.sum(t, ledger)
		require.Equal(t, before, again, "a quote changes nothing")
		require.Equal(t, gapsBefore, gapsAgain)

		deliver(t, ledger, "A", m, 0, now)
		after, gapsAfter := p.sum(t, ledger)
		require.Equal(t, after.Micros-before.Micros, quote.Amount.Micros, "%+v", quote)
		if !now.Before(latest(p.activities)) { // an earlier message may close another gap
			require.Equal(t, gapsAfter > gapsBefore, err != nil, "%+v", quote)
		}
		if quote.Free != "" {
			require.Zero(t, quote.Amount.Micros)
		}
	})
}

func TestACampaignIsWhatTheBillGrowsBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now := drawQuoted(t)
		ledger := p.ledger(t, p.activities)
		before, gapsBefore := p.sum(t, ledger)
		all := rapid.SliceOfN(rapid.Custom(drawMessage), 0, 8).Draw(t, "campaign")
		campaign, err := ledger.QuoteAll(now, "A", pairs(all))
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrNoPrice)
		}
		require.Equal(t, len(all), campaign.Messages)
		again, _ := p.sum(t, ledger)
		require.Equal(t, before, again, "a quote changes nothing")

		for i, m := range all {
			deliver(t, ledger, "A", m, i, now)
		}
		after, gapsAfter := p.sum(t, ledger)
		require.Len(t, campaign.Totals, 1)
		require.Equal(t, after.Micros-before.Micros, campaign.Totals[0].Micros, "%+v", campaign)
		gaps, units, micros := 0, 0, int64(0)
		for _, gap := range campaign.Gaps {
			gaps += gap.Units
		}
		for _, c := range campaign.Costs {
			units += c.Units
			micros += c.Amount.Micros
		}
		require.Equal(t, campaign.Totals[0].Micros, micros, "the costs add up")
		if !now.Before(latest(p.activities)) {
			require.Equal(t, gapsAfter-gapsBefore, gaps)
			require.Equal(t, len(all), units, "every message has its reason: %+v", campaign)
		}
		if len(all) == 1 {
			quote, _ := ledger.Quote(now, "B", chatapi.Phone(all[0].to), all[0].message)
			campaign, _ := ledger.QuoteAll(now, "B", pairs(all))
			require.Equal(t, campaign.Totals[0].Micros, quote.Amount.Micros)
		}
	})
}

func latest(all []chatapi.Activity) (last time.Time) {
	for _, a := range all {
		if a.At.After(last) {
			last = a.At
		}
	}
	return last
}

func pairs(all []recipientMessage) iter.Seq2[chatapi.Recipient, chatapi.Message] {
	return func(yield func(chatapi.Recipient, chatapi.Message) bool) {
		for _, m := range all {
			if !yield(chatapi.Phone(m.to), m.message) {
				return
			}
		}
	}
}

// At the end of the month, the forecast equals the bill.
func TestAForecastEndsInTheBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now := drawQuoted(t)
		ledger := p.ledger(t, p.activities)
		for _, month := range p.months() {
			bill, err := ledger.Bill(month)
			whole := priced(t, bill, err)
			end := time.Date(month.Year, month.Month+1, 1, 0, 0, 0, 0, p.account.Timezone)
			forecast, forecastErr := ledger.Forecast(month, end)
			require.Equal(t, err != nil, errors.Is(forecastErr, chatapi.ErrNoPrice))
			require.Equal(t, whole.Totals, forecast.Totals)
			require.Len(t, forecast.Gaps, len(whole.Gaps))

			if now.Before(end.AddDate(0, -1, 0)) || now.After(end) {
				continue
			}
			forecast, err = ledger.Forecast(month, now)
			if err != nil {
				require.ErrorIs(t, err, chatapi.ErrNoPrice)
			}
			spent := chatapi.Money{Currency: "USD"}
			for _, c := range whole.Charges {
				if c.At.Before(now) {
					spent.Micros += c.Amount.Micros
				}
			}
			require.Equal(t, []chatapi.Money{spent}, forecast.Spent)
			require.GreaterOrEqual(t, forecast.Totals[0].Micros, spent.Micros)
			require.GreaterOrEqual(t, forecast.Low[0].Micros, spent.Micros)
			micros := int64(0)
			for _, c := range forecast.Costs {
				micros += c.Amount.Micros
			}
			require.Equal(t, forecast.Totals[0].Micros, micros, "the costs add up")
		}
	})
}
