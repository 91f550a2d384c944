package chatapi

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Money is an exact amount: millionths of a unit of one currency. It is never a
// float, so sums come out to the last digit. The zero Money is nothing in no
// currency.
type Money struct {
	// Micros is the amount in millionths: 32_500 is 0.0325.
	Micros int64

	// Currency is the ISO 4217 code, such as "USD".
	Currency string
}

const microsPerUnit = 1_000_000

// ParseMoney reads a decimal amount such as "0.0325" exactly. More than six
// digits after the point, an exponent or an amount beyond nine million million
// is refused with [ErrInvalid], because it could not be kept exactly.
func ParseMoney(amount, currency string) (Money, error) {
	if !isCurrency(currency) {
		return Money{}, invalid("currency", fmt.Sprintf("%q is no ISO 4217 code, such as USD", clip(currency, 16)))
	}
	micros, ok := ratecard.ParseAmount(amount)
	if !ok {
		return Money{}, invalid("amount", fmt.Sprintf("%q is no decimal amount with at most six digits after the point", clip(amount, 32)))
	}
	return Money{micros, currency}, nil
}

func isCurrency(code string) bool { return ratecard.IsCurrency(code) }

// Decimal returns the amount alone, exact, with two to six digits after the
// point: "0.0325", "12.00". [ParseMoney] reads it back.
func (m Money) Decimal() string {
	sign, magnitude := "", uint64(m.Micros) // undone below for negative amounts
	if m.Micros < 0 {
		sign, magnitude = "-", -magnitude
	}
	fraction := fmt.Sprintf("%06d", magnitude%microsPerUnit)
	for len(fraction) > 2 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	return sign + strconv.FormatUint(magnitude/microsPerUnit, 10) + "." + fraction
}

// String returns the amount and its currency: "0.0325 USD".
func (m Money) String() string {
	if m.Currency == "" {
		return m.Decimal()
	}
	return m.Decimal() + " " + m.Currency
}

// Add returns the sum. Two currencies are never added, and a sum that does not
// fit is not cut: both are [ErrInvalid]. The zero Money adds to anything.
func (m Money) Add(n Money) (Money, error) {
	switch {
	case m == Money{}:
		return n, nil
	case n == Money{}:
		return m, nil
	case m.Currency != n.Currency:
		return Money{}, invalid("currency", fmt.Sprintf("%s cannot be added to %s", n.Currency, m.Currency))
	case n.Micros > 0 && m.Micros > math.MaxInt64-n.Micros, n.Micros < 0 && m.Micros < math.MinInt64-n.Micros:
		return Money{}, invalid("amount", "is too large for an exact sum")
	}
	return Money{m.Micros + n.Micros, m.Currency}, nil
}

// times returns n times the amount, or the error of [Money.Add].
func (m Money) times(n int) (Money, error) {
	high, low := bits.Mul64(uint64(m.Micros), uint64(n))
	if m.Micros < 0 || n < 0 || high > 0 || low > math.MaxInt64 {
		return Money{}, invalid("amount", "is too large for an exact sum")
	}
	return Money{int64(low), m.Currency}, nil
}

// IsZero reports whether the amount is nothing, in any currency.
func (m Money) IsZero() bool { return m.Micros == 0 }

// MarshalText returns the same text as [Money.String], so money is readable and
// exact in JSON.
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "0.0325 USD"; "0.00" alone is the zero Money.
func (m *Money) UnmarshalText(text []byte) error {
	amount, currency, found := strings.Cut(string(text), " ")
	if !found && amount == (Money{}).Decimal() {
		*m = Money{}
		return nil
	}
	parsed, err := ParseMoney(amount, currency)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}
