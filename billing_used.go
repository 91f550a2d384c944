package chatapi

import (
	"fmt"

	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// mostUsed is the largest number of units of one kind in a month. Counts that go on
// from there still fit into 32 bits.
const mostUsed = 1_000_000_000

// addUsed adds units, and reports whether the sum is small enough.
func addUsed(sum, units int) (int, bool) {
	if sum > mostUsed-units {
		return sum, false
	}
	return sum + units, true
}

// check returns the first field that is wrong, and its problem.
func (u PriorUsage) check() (field, problem string) {
	if e, ok := u.Month.check().(*Error); ok {
		return "Month", e.Reason + "; " + e.Advice
	}
	switch {
	case u.Units < 0:
		return "Units", "is negative; give the number of units that were used"
	case u.Units > mostUsed:
		return "Units", "is more than " + grouped(mostUsed) + "; check the number"
	case u.Market == "" && u.Category == "":
		return "", ""
	case u.Number != "":
		return "Number", "is given together with a market, but volume is not counted by number; leave one of them out"
	case u.Market == "":
		return "Market", "is missing beside the category; give both, or neither"
	case u.Category == "":
		return "Category", "is missing beside the market; give both, or neither"
	case !ratecard.IsMarket(u.Market):
		return "Market", fmt.Sprintf("%q is not on the rate cards; write a market such as \"North America\"", clip(u.Market, 64))
	}
	return "", ""
}
