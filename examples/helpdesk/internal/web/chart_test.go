package web

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAmountsHaveEquallyManyDecimals(t *testing.T) {
	assert.Equal(t, []string{"0.000", "0.005", "0.010", "0.015", "0.020"}, amounts(5_000))
	assert.Equal(t, []string{"0.00", "1.00", "2.00", "3.00", "4.00"}, amounts(1_000_000))
	assert.Equal(t, []string{"0.0000", "0.0025", "0.0050", "0.0075", "0.0100"}, amounts(2_500))
}
