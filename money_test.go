package chatapi_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestMoneyIsReadAndWrittenExactly(t *testing.T) {
	for text, micros := range map[string]int64{
		"0.0325": 32_500, "0.00": 0, "12": 12_000_000, "-0.0001": -100, "1.000001": 1_000_001, "007.5": 7_500_000,
		"999999999999.999999": 999_999_999_999_999_999,
	} {
		m, err := chatapi.ParseMoney(text, "USD")
		require.NoError(t, err, text)
		assert.Equal(t, chatapi.Money{Micros: micros, Currency: "USD"}, m, text)
		again, err := chatapi.ParseMoney(m.Decimal(), "USD")
		require.NoError(t, err)
		assert.Equal(t, m, again)
	}
	assert.Equal(t, "0.0325 USD", chatapi.Money{Micros: 32_500, Currency: "USD"}.String())
	assert.Equal(t, "-12.50 EUR", chatapi.Money{Micros: -12_500_000, Currency: "EUR"}.String())
	assert.Equal(t, "-9223372036854.775808", chatapi.Money{Micros: math.MinInt64}.String())
	assert.Equal(t, "0.00", chatapi.Money{}.String())
}

func TestMoneyThatCannotBeExactIsRefused(t *testing.T) {
	for _, text := range []string{"", ".5", "5.", "1e3", "1,5", "0.0000001", "+1", "--1", "1.-5", " 1", "1.2.3", "9999999999999", "NaN", "１"} {
		_, err := chatapi.ParseMoney(text, "USD")
		assert.ErrorIs(t, err, chatapi.ErrInvalid, text)
	}
	for _, currency := range []string{"", "usd", "US", "USDT", "U$D"} {
		_, err := chatapi.ParseMoney("1", currency)
		assert.ErrorIs(t, err, chatapi.ErrInvalid, currency)
	}
}

func TestMoneyAddsWithinOneCurrency(t *testing.T) {
	usd := func(micros int64) chatapi.Money { return chatapi.Money{Micros: micros, Currency: "USD"} }
	sum, err := usd(1).Add(usd(2))
	require.NoError(t, err)
	assert.Equal(t, usd(3), sum)
	sum, err = chatapi.Money{}.Add(usd(2))
	require.NoError(t, err)
	assert.Equal(t, usd(2), sum)

	_, err = usd(1).Add(chatapi.Money{Micros: 1, Currency: "EUR"})
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	_, err = usd(math.MaxInt64).Add(usd(1))
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	_, err = usd(math.MinInt64).Add(usd(-1))
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

func TestMoneyInJSON(t *testing.T) {
	type bill struct{ Total, None chatapi.Money }
	in := bill{Total: chatapi.Money{Micros: 69_300, Currency: "USD"}}
	data, err := json.Marshal(in)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Total":"0.0693 USD","None":"0.00"}`, string(data))
	var out bill
	require.NoError(t, json.Unmarshal(data, &out))
	assert.Equal(t, in, out)
	assert.Error(t, json.Unmarshal([]byte(`{"Total":"1 dollar"}`), &out))
}

func TestMoneyAtItsEdges(t *testing.T) {
	usd := func(micros int64) chatapi.Money { return chatapi.Money{Micros: micros, Currency: "USD"} }
	for _, test := range []struct{ a, b, sum int64 }{{math.MaxInt64 - 1, 1, math.MaxInt64}, {math.MinInt64 + 1, -1, math.MinInt64}, {math.MaxInt64, math.MinInt64, -1}} {
		sum, err := usd(test.a).Add(usd(test.b))
		require.NoError(t, err)
		assert.Equal(t, usd(test.sum), sum)
	}
	_, err := usd(0).Add(chatapi.Money{Micros: 1, Currency: "EUR"})
	assert.ErrorIs(t, err, chatapi.ErrInvalid, "zero dollars still have a currency")

	var m chatapi.Money
	for _, text := range []string{"", "5.00", "0", "0.000", " USD", "1.00  USD", "1.00 usd"} {
		assert.ErrorIs(t, m.UnmarshalText([]byte(text)), chatapi.ErrInvalid, text)
	}
	m = usd(1)
	require.NoError(t, m.UnmarshalText([]byte("0.00")))
	assert.Zero(t, m)
}
