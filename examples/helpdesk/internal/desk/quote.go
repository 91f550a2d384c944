package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// book is the account book of the helpdesk.
type book struct {
	mu     sync.Mutex
	ledger *chatapi.Ledger
}

// Ledger returns the ledger of every channel, which follows the database while the durable
// desk runs. The first call reads what was recorded, so a program calls it at its start.
//
// The channels are one account, since the helpdesk is that of one business. The account
// names no numbers, so that a channel that is added later belongs to it too.
func (d *Desk) Ledger(ctx context.Context) (*chatapi.Ledger, error) {
	d.book.mu.Lock()
	defer d.book.mu.Unlock()
	if d.book.ledger != nil {
		return d.book.ledger, nil
	}
	ledger, err := d.Durable.State.Ledger(ctx, chatapi.Account{ID: "helpdesk", Model: d.Model})
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	d.book.ledger = ledger
	return ledger, nil
}

// Quote returns in a sentence what a message to the customer of a request would cost now,
// and why. It asks the ledger, which may lack what happened in the last seconds.
func (v *View) Quote(ctx context.Context, request int64, m chatapi.Message) (string, error) {
	var channel, answer string
	found, err := v.DB.Get(ctx, `SELECT n.channel, c.answer FROM desk_request r JOIN desk_chat c ON c.id = r.chat
		JOIN desk_channel n ON n.id = c.channel WHERE r.id = $1 AND `+v.visible("r.department"), []any{request}, &channel, &answer)
	if err != nil {
		return "", err
	}
	if !found {
		return "", ErrNotFound
	}
	to, err := chatapi.ParseRecipient(answer)
	if err != nil {
		return "", err
	}
	ledger, err := v.Ledger(ctx)
	if err != nil {
		return "", err
	}
	charge, err := ledger.Quote(v.Now(), chatapi.ChannelID(channel), to, m)
	return quoteSentence(charge, err)
}

// quoteSentence returns the sentence of a quote.
func quoteSentence(c chatapi.Charge, err error) (string, error) {
	var gap *chatapi.Gap
	var complaint *chatapi.Error
	switch {
	case err == nil && c.Free != "":
		return "Free: " + c.Why + ".", nil
	case err == nil:
		return c.Amount.String() + ": " + c.Why + ".", nil
	case errors.As(err, &gap) && gap.Market == "":
		return "No price is known: " + lower(sentenceOf(err)), nil
	case errors.As(err, &gap):
		return gapSentence(*gap), nil
	case errors.Is(err, chatapi.ErrInvalid) && errors.As(err, &complaint):
		return "No price can be given: " + lower(sentenceOf(err)), nil
	}
	return "", err
}

// gapSentence says which price is missing.
func gapSentence(gap chatapi.Gap) string {
	return fmt.Sprintf("No price in %s is known for %s in %s since %s.", gap.Currency, words(gap.Category), market(gap.Market), gap.Day)
}

// sentenceOf returns what an error of the SDK says to people.
func sentenceOf(err error) string {
	var e *chatapi.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Sentence != "" {
		return e.Sentence
	}
	return strings.TrimSpace(e.Field+" "+e.Reason) + "."
}

// AdviceSentence returns the SDK's advice, which is a phrase, as a sentence.
func AdviceSentence(advice string) string {
	first, size := utf8.DecodeRuneInString(advice)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + strings.TrimRight(advice[size:], ".") + "."
}

func lower(sentence string) string {
	if sentence == "" {
		return ""
	}
	return strings.ToLower(sentence[:1]) + sentence[1:]
}

// words returns a category as words.
func words(category string) string { return strings.ReplaceAll(store.Text(category), "_", " ") }

func market(name string) string {
	if name == "" {
		return "an unknown market"
	}
	return name
}
