package chatapi

import (
	"cmp"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the transaction of a payment's status.

const maxNotes = 64 // of a payment; providers allow fifteen

// readTransaction reads the amounts of a payment and its transaction.
func (e *PaymentEvent) readTransaction(payment, transaction wire.Value) {
	currency := memberText(payment, "currency")
	e.Amount = offsetMoney(payment.Get("amount"), currency)
	currency = cmp.Or(memberText(transaction, "currency"), currency)
	e.PaymentTransaction = PaymentTransaction{
		Provider:          memberText(transaction, "type"),
		TransactionStatus: memberText(transaction, "status"),
		Charged:           offsetMoney(transaction.Get("amount"), currency),
		Created:           transaction.Get("created_timestamp").Time(),
		Updated:           transaction.Get("updated_timestamp").Time(),
		ErrorCode:         memberText(transaction.Get("error"), "code"),
		ErrorReason:       memberText(transaction.Get("error"), "reason"),
		Receipt:           memberText(payment, "receipt"),
	}
	method := transaction.Get("method")
	e.Method = cmp.Or(memberText(method, "type"), memberText(transaction, "method"), e.Method)
	for list := transaction.Get("refunds").List(); list.Next(); {
		v := list.Value
		e.Refunds = append(e.Refunds, PaymentRefund{ID: memberText(v, "id"), Status: memberText(v, "status"), Speed: memberText(v, "speed_processed"),
			Amount:  offsetMoney(v.Get("amount"), cmp.Or(memberText(v, "currency"), currency)),
			Created: v.Get("created_timestamp").Time(), Updated: v.Get("updated_timestamp").Time()})
	}
	for _, notes := range [...]wire.Value{payment.Get("notes"), transaction.Get("notes")} {
		for m := notes.Object(); m.Next() && len(e.Notes) < maxNotes; {
			text, err := m.Value.Text()
			if err != nil {
				continue
			}
			if e.Notes == nil {
				e.Notes = map[string]string{}
			}
			e.Notes[m.Key()] = text
		}
	}
}

// offsetMoney reads an amount such as {"value":1999,"offset":100}, which is 19.99. It
// returns nil if the amount is not readable.
func offsetMoney(v wire.Value, currency string) *Money {
	value, okValue := v.Get("value").Int()
	offset, okOffset := v.Get("offset").Int()
	if !okValue || !okOffset || offset <= 0 || microsPerUnit%offset != 0 || !isCurrency(currency) || value < 0 || value >= 1<<40 {
		return nil
	}
	return &Money{value * (microsPerUnit / offset), currency}
}
