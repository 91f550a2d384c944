package phone_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/phone"
)

func ExampleRecipient() {
	for _, text := range []string{"(202) 555-0143", "2025550143", "+44 (0)7400 123456", "https://wa.me/12025550143"} {
		to, err := phone.Recipient(text, "US")
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(to)
	}
	_, err := phone.Recipient("5550143", "US")
	fmt.Println(err)
	// Output:
	// +12025550143
	// +12025550143
	// +447400123456
	// +12025550143
	// phone: "5550143" is not a number of US; write it with a plus and the country code
}

// A number without a country code is read in the plan of the given country.
func TestFaultC10NumbersWithoutACountryCode(t *testing.T) {
	for _, tc := range []struct{ text, country, want string }{
		{"030 901820", "DE", "+4930901820"},
		{"07400 123456", "gb", "+447400123456"},
		{"(11) 98765-4321", "BR", "+5511987654321"},
		{"98765 43210", "IN", "+919876543210"},
		{"tel:+1-202-555-0143", "", "+12025550143"},
		{"+20 2 25550143", "US", "+20225550143"}, // complete, so it stays in Egypt
	} {
		got, err := phone.Recipient(tc.text, tc.country)
		require.NoError(t, err, tc.text)
		assert.Equal(t, tc.want, got.String(), tc.text)
	}
	for _, tc := range []struct{ text, country string }{{"2025550143", ""}, {"12", "US"}, {"hello", "US"}, {"", "DE"}, {"+999 123", "US"}} {
		got, err := phone.Recipient(tc.text, tc.country)
		assert.True(t, got.IsZero(), tc.text)
		assert.Error(t, err, tc.text)
	}
}
