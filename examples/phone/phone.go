// Package phone reads phone numbers as the people of one country type them: with or
// without the country code. It shows how to put a library that knows the numbering
// plans in front of chatapi.Phone; copy it into your program. The SDK itself does not
// depend on the library, which adds about 3 MB to a program.
package phone

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/chatapi-go/chatapi"
)

// Recipient returns the recipient with the phone number in a text. country is the
// country of numbers without a country code, such as "US" or "DE" (ISO 3166); if it is
// empty, the text has to begin with a plus. Links that chatapi.Phone reads, such as
// "https://wa.me/12025550143", have a country code always. The error says why the text
// is not a number of the country, or not a possible number at all.
func Recipient(text, country string) (chatapi.Recipient, error) {
	if strings.Contains(strings.ToLower(text), "wa.me/") || strings.Contains(text, "phone=") {
		text = "+" + chatapi.Phone(text).Value()
	}
	number, err := phonenumbers.Parse(text, strings.ToUpper(country))
	switch {
	case err != nil:
		return chatapi.Recipient{}, fmt.Errorf("phone: %.40q is not a phone number: %w", text, err)
	case !phonenumbers.IsValidNumber(number):
		return chatapi.Recipient{}, fmt.Errorf("phone: %.40q is not a number of %s; write it with a plus and the country code",
			text, countryOf(number, country))
	}
	return chatapi.ParseRecipient(phonenumbers.Format(number, phonenumbers.E164))
}

// countryOf names the country whose numbering plan a number was compared with.
func countryOf(number *phonenumbers.PhoneNumber, country string) string {
	if region := phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode())); region != "" && region != phonenumbers.UNKNOWN_REGION {
		return region
	}
	return strings.ToUpper(country)
}
