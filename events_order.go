package chatapi

import (
	"strconv"
	"strings"
	"time"
)

// This file holds what a customer sends about an order, and its exact sums.

// ReceivedOrder is a shopping cart that a customer sent.
type ReceivedOrder struct {
	CatalogID, Text string
	Items           []ReceivedItem
}

// ReceivedItem is one line of a cart.
type ReceivedItem struct {
	ProductID string

	// Quantity and Price are texts as they arrived, such as "2" and "19.99". Price
	// is for one piece. [ReceivedItem.UnitPrice] and [ReceivedItem.Total] read
	// them.
	Quantity, Price, Currency string
}

// UnitPrice returns the exact price of one piece. It reads exponents too: "1e3" is
// 1000. A price that Money cannot hold exactly, such as "33.333333333", is
// [ErrInvalid] with the field "Price"; a missing currency is it with "Currency".
func (i ReceivedItem) UnitPrice() (Money, error) {
	price, problem := i.unitPrice()
	if problem != nil {
		return Money{}, problem.in("ReceivedItem.UnitPrice", "")
	}
	return price, nil
}

// Total returns the price of all pieces of the line. Besides the errors of
// [ReceivedItem.UnitPrice], a Quantity that is no whole number above zero is
// [ErrInvalid] with the field "Quantity".
func (i ReceivedItem) Total() (Money, error) {
	total, problem := i.total()
	if problem != nil {
		return Money{}, problem.in("ReceivedItem.Total", "")
	}
	return total, nil
}

func (i ReceivedItem) unitPrice() (Money, *Error) {
	currency := strings.ToUpper(strings.TrimSpace(i.Currency))
	if !isCurrency(currency) {
		return Money{}, invalid("Currency", "is "+quote(i.Currency)+", which is no ISO 4217 code, such as USD")
	}
	micros, problem := exactMicros(i.Price)
	if problem != "" {
		return Money{}, invalid("Price", "is "+quote(i.Price)+", which "+problem)
	}
	return Money{micros, currency}, nil
}

func (i ReceivedItem) total() (Money, *Error) {
	price, problem := i.unitPrice()
	if problem != nil {
		return Money{}, problem
	}
	pieces, odd := exactMicros(i.Quantity)
	if odd != "" || pieces <= 0 || pieces%microsPerUnit != 0 {
		return Money{}, invalid("Quantity", "is "+quote(i.Quantity)+", which is no whole number above zero")
	}
	total, err := price.times(int(pieces / microsPerUnit))
	if err != nil {
		return Money{}, invalid("Price", "is "+quote(i.Price)+", which is too large for an exact sum")
	}
	return total, nil
}

// Total returns the exact price of the whole cart, which no format holds: the sum
// of its lines, without tax and shipping. A line that cannot be summed is
// [ErrInvalid], whose Field names it, such as "Items[2].Price". A cart in two
// currencies has no total. On nil, and for an empty cart, it returns the zero
// Money.
func (o *ReceivedOrder) Total() (Money, error) {
	const op = "ReceivedOrder.Total"
	var sum Money
	if o == nil {
		return sum, nil
	}
	for n, item := range o.Items {
		line, problem := item.total()
		if problem != nil {
			return Money{}, invalid(at("Items", n, problem.Field), problem.Reason).in(op, "")
		}
		next, err := sum.Add(line)
		if err != nil {
			return Money{}, invalid(at("Items", n, "Currency"), "is "+quote(item.Currency)+", but the lines before are in "+sum.Currency).in(op, "")
		}
		sum = next
	}
	return sum, nil
}

// ReceivedProduct is an item of a catalogue.
type ReceivedProduct struct {
	CatalogID, ProductID string
}

// PaymentReply says that a customer agreed to pay with a stored card. The
// business now charges the card (interactive type payment_method of Meta's page on
// one-click payments in Brazil, known since 2024, limited availability, medium
// confidence).
type PaymentReply struct {
	// Method is for instance "offsite_card_pay".
	Method string

	// ReferenceID is the id that [OrderDetails] gave the payment.
	ReferenceID string

	// CredentialID and LastFourDigits name the card.
	CredentialID, LastFourDigits string

	// Time is when the customer agreed.
	Time time.Time
}

// exactMicros reads a decimal number, with an exponent or without, as millionths. It
// returns the rest of the sentence "The price is …, which" if that is not possible
// to the last digit.
func exactMicros(text string) (micros int64, problem string) {
	const noNumber = "is no decimal number"
	text = strings.ToLower(strings.TrimSpace(text))
	mantissa, power, scaled := strings.Cut(text, "e")
	exponent := 0
	if scaled {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent < -99 || exponent > 99 {
			return 0, noNumber
		}
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = whole + fraction
	if !isDigits(digits) || len(digits) > 100 {
		return 0, noNumber
	}
	// The value is digits * 10^exponent once the point stands at the end.
	exponent += 6 - len(fraction)
	for exponent < 0 && strings.HasSuffix(digits, "0") {
		digits, exponent = digits[:len(digits)-1], exponent+1
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return 0, ""
	}
	if exponent < 0 {
		return 0, "has more than six digits after the point and so cannot be kept exactly"
	}
	if len(digits)+exponent > 18 {
		return 0, "is too large to be kept exactly"
	}
	micros, err := strconv.ParseInt(digits+strings.Repeat("0", exponent), 10, 64)
	if err != nil {
		return 0, noNumber
	}
	if negative {
		micros = -micros
	}
	return micros, ""
}
