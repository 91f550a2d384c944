package chatapi_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// drawnQuote asks what a message would cost. It is sent to one name of a customer,
// who is the owner of the name at that instant (rule 11).
type drawnQuote struct {
	now      time.Time
	number   chatapi.ChannelID
	name     string
	category string
}

// drawQuote draws a quote after the closed months, for some name of the history.
func (h *drawnHistory) drawQuote(d *historyDraw, around time.Time) {
	var names []string
	for _, name := range h.names() {
		if !strings.HasSuffix(name, "@g.us") { // has no market
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	h.quote = drawnQuote{d.grid(around.Add(6*time.Hour), 28), d.channel(), names[d.IntN(len(names))], d.pick("", "utility", "marketing", "authentication")}
	if d.got[kindClose] && around.Day() != 1 {
		h.quote.now = h.quote.now.AddDate(0, 1, 0)
	}
}

// quoted returns by how many cents the bills of the model grow; false if charges
// without a price are added, of one market and category.
func (b *naiveBook) quoted(q drawnQuote) (cents int, ok bool) {
	a := chatapi.Activity{Kind: chatapi.ActivityOutbound, At: q.now, Channel: q.number, MessageID: "quote", Category: q.category}
	kind, value, _ := strings.Cut(q.name, ":")
	switch kind {
	case "phone":
		a.Contact.Phone = value
	case "bsuid":
		a.Contact.BSUID = value
	case "username":
		a.Contact.Username = value
	default:
		a.Contact.Chat = value
	}
	then := *b
	then.facts = append(slices.Clone(b.facts), a)
	a.Kind, a.Category = chatapi.ActivityDelivered, ""
	then.facts = append(then.facts, a)
	before, gaps := b.cents()
	after, gapsThen := then.cents()
	for gap, units := range gapsThen {
		if units > gaps[gap] {
			return 0, false
		}
	}
	return after - before, true
}

// cents returns the sum of the bills, and the number of charges without a price by
// market and category.
func (b *naiveBook) cents() (sum int, gaps map[string]int) {
	gaps = map[string]int{}
	for _, u := range b.priced(b.units(b.people())) {
		if u.Billable {
			cents, err := strconv.Atoi(strings.ReplaceAll(u.Price, ".", ""))
			if err != nil || cents == 0 {
				gaps[naiveMarket(u.shown)+" "+u.Category]++
			}
			sum += cents
		}
	}
	return sum, gaps
}

func (q drawnQuote) answer(cents int) string {
	return fmt.Sprintf("%q to %s %s at %s costs %d cents", q.category, q.number, q.name, q.now.UTC().Format(time.RFC3339Nano), cents)
}

const notPriced = "not priced"

// askModel returns the answer of the model to the history's quote.
func (h *drawnHistory) askModel(b *naiveBook) string {
	if h.quote.name == "" {
		return notPriced
	}
	cents, ok := b.quoted(h.quote)
	if !ok {
		return notPriced
	}
	return h.quote.answer(cents)
}

// askLedger returns the answer of a ledger to the history's quote.
func (h *drawnHistory) askLedger(t *testing.T, ledger *chatapi.Ledger) string {
	t.Helper()
	q := h.quote
	if q.name == "" {
		return notPriced
	}
	var m chatapi.Message = chatapi.Text{Body: "Hi"}
	if q.category != "" {
		m = chatapi.Template{Name: "offer", Language: "en", Category: q.category}
	}
	charge, err := ledger.Quote(q.now, q.number, naiveRecipient(q.name), m)
	if errors.Is(err, chatapi.ErrNoPrice) {
		return notPriced
	}
	require.NoError(t, err, "%s\n%+v", h, q)
	amount, err := strconv.ParseFloat(charge.Amount.Decimal(), 64)
	require.NoError(t, err)
	return q.answer(int(math.Round(amount * 100)))
}
