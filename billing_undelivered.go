package chatapi

import (
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// marketingStops are the countries to whose people WhatsApp delivers no marketing
// messages, by the first day (Meta's per-user limits; medium, September 2026). A
// phone number belongs to a country by its area code.
var marketingStops = []struct {
	from    ratecard.Day
	country string // as BSUIDs begin
	has     func(digits string) bool
}{
	{20250401, "US", isUSNumber},
}

// undelivered reports whether WhatsApp delivers no marketing message to the
// contact on a day.
func undelivered(category string, to Recipient, day ratecard.Day) bool {
	if category != CategoryMarketing {
		return false
	}
	digits, isPhone := strings.CutPrefix(to.Key(), string(RecipientPhone)+":")
	for _, stop := range marketingStops {
		if day < stop.from {
			continue
		}
		if isPhone && stop.has(digits) || to.Kind() == RecipientBSUID && strings.HasPrefix(strings.ToUpper(to.value), stop.country+".") {
			return true
		}
	}
	return false
}

// isUSNumber reports whether a number has +1 and an area code of the United
// States: not of Canada, of the Caribbean, of an island that Meta counts by itself,
// or of no place. The lists are those of the numbering plan of 2026.
func isUSNumber(digits string) bool {
	if len(digits) != 11 || digits[0] != '1' || digits[1] < '2' || digits[4] < '2' {
		return false
	}
	area := digits[1:4]
	return !slices.Contains(canadianAreas, area) && !slices.Contains(otherAreas, area)
}

var canadianAreas = []string{
	"204", "226", "236", "249", "250", "257", "263", "289", "306", "343", "354", "365", "367", "368", "382", "387", "403", "416", "418", "428", "431",
	"437", "438", "450", "460", "468", "474", "506", "514", "519", "537", "548", "568", "579", "581", "584", "587", "600", "604", "613", "622",
	"633", "639", "644", "647", "655", "672", "677", "683", "688", "705", "709", "742", "753", "778", "780", "782", "807", "819", "825", "851", "867", "871", "873", "879", "902",
	"905", "942",
}

// otherAreas are the Caribbean, the islands of the United States that have markets of
// their own, and codes without a place.
var otherAreas = []string{
	"242", "246", "264", "268", "284", "340", "345", "441", "473", "649", "658", "664", "670", "671", "684", "721", "758", "767", "784", "787",
	"809", "829", "849", "868", "869", "876", "939",
	"211", "311", "411", "511", "611", "711", "811", "911", "500", "521", "522", "523", "524", "525", "526", "527", "528", "529", "533", "544",
	"555", "566", "577", "588", "700", "710", "800", "822", "833", "844", "855", "866", "877", "880", "881", "882", "883", "884", "885", "886",
	"887", "888", "889", "900",
}
