package chatapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

// Difference is a conversation or message about which Meta's status and the rules
// disagree. The bill follows the status.
type Difference struct {
	Computed Charge // by the rules alone
	Billed   Charge // on the bill
	Reported Reported

	// Cause is the likely cause in words.
	Cause string
}

// Reconcile lists the conversations and messages of the month for which a status
// changed the bill: another category, or charged instead of free, or free instead
// of charged. Use it to find out which events or configuration the ledger lacks.
// Reconcile before [Ledger.Close]: a closed month has nothing left to compare and
// is [ErrInvalid].
func (l *Ledger) Reconcile(month YearMonth) ([]Difference, error) {
	const op = "Ledger.Reconcile"
	if err := l.usableFor(month); err != nil {
		return nil, ledgerError(op, err)
	}
	l.lock()
	defer l.mu.Unlock()
	var all []Difference
	for _, a := range l.accounts {
		if a.terms.ClosedUntil >= a.monthEnd(month) {
			return nil, ledgerError(op, invalid("month", "is closed, so nothing is left to compare; reconcile a month before Ledger.Close"))
		}
	}
	units := slices.DeleteFunc(l.units(month, nil), func(u *ledger.Unit) bool { return u.Kind == ledger.UnitWindow }) // a window has no charge of its own
	computed, billed := l.newMeter(month), l.newMeter(month)
	computed.ignore = true
	computed.all(units)
	billed.all(units)
	for i, u := range units {
		c, b := computed.charges[i], billed.charges[i]
		if u.Report != nil && (c.Category != b.Category || (c.Free == "") != (b.Free == "")) {
			all = append(all, Difference{c, b, Reported(*u.Report), likelyCause(c, b)})
		}
	}
	return all, nil
}

func likelyCause(computed, billed Charge) string {
	free := cmp.Or(computed.Free, billed.Free)
	switch {
	case (computed.Free == "") == (billed.Free == ""):
		return "the template's category was changed by Meta, or the send named another"
	case computed.Free == "" && free == FreeEntryPoint:
		return "the customer's click on the ad, or the answer to it, was not recorded"
	case computed.Free == "" && (free == FreeCareWindow || free == FreeCustomerService):
		return "a message of the customer was not recorded, or the free ones of the month are counted too high"
	case computed.Free == "":
		return "the free ones of the month are counted too high: Account.Used may be wrong"
	case free == FreeEntryPoint:
		return "Meta did not accept the entry point as free, or it ended earlier"
	case free == FreeTier:
		return "the free ones of the month were used up by sends that were not recorded: set Account.Used"
	}
	return "Meta does not count it as within the service window or the free ones of the month"
}

// verdict is the decision of a status about a unit.
type verdict struct {
	category string
	free     FreeReason
	charged  bool
}

// verdict reads the report about the message that opened the unit. An unknown
// word decides nothing.
func (u unit) verdict() (v verdict) {
	r := u.Report
	if r == nil {
		return verdict{}
	}
	word := cmp.Or(r.Category, r.Origin)
	if u.Kind == ledger.UnitConversation {
		word = cmp.Or(r.Origin, r.Category)
	}
	switch category := billedCategory(word); category {
	case CategoryMarketing, CategoryUtility, CategoryAuthentication, CategoryAuthenticationInternational, CategoryService,
		CategoryUserInitiated, CategoryBusinessInitiated:
		v.category = category
	case CategoryReferral:
		if u.Kind == ledger.UnitConversation {
			v.category = category
		}
	}
	switch kind := strings.Replace(r.Type, "free_group_", "free_", 1); {
	case kind == "regular":
		v.charged = true
	case kind == string(FreeCustomerService), kind == string(FreeEntryPoint):
		v.free = FreeReason(kind)
	case r.Billable == "true":
		v.charged = true
	case r.Billable == "false":
		v.free = u.freeReason(v.category)
	}
	if strings.EqualFold(r.Model, "NBP") && v.category != "" {
		v.category = "" // templates of that time had no category of their own
	}
	return v
}

// freeReason returns the reason for a unit that a status only calls not billable.
func (u unit) freeReason(category string) FreeReason {
	switch {
	case u.Free != "":
		return FreeReason(u.Free)
	case category == CategoryReferral:
		return FreeEntryPoint
	case u.rules.Model == ModelNBP:
		return FreeCareWindow
	case u.rules.Model == ModelCBP2024:
		return FreeService
	case u.rules.Model == ModelPMP2025 || u.rules.Model == ModelPMP2026:
		return FreeCustomerService
	}
	return FreeTier
}
