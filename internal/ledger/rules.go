package ledger

// The words of the rules. They are the same in the root, since cards, activities
// and snapshots contain them.
const (
	ModelNBP     = "nbp"
	ModelCBP2022 = "cbp-2022"
	ModelCBP2023 = "cbp-2023"
	ModelCBP2024 = "cbp-2024"
	ModelPMP2025 = "pmp-2025"
	ModelPMP2026 = "pmp-2026"

	CategoryMarketing                   = "marketing"
	CategoryUtility                     = "utility"
	CategoryAuthentication              = "authentication"
	CategoryAuthenticationInternational = "authentication_international"
	CategoryService                     = "service"
	CategoryUserInitiated               = "user_initiated"
	CategoryBusinessInitiated           = "business_initiated"
	CategoryReferral                    = "referral_conversion"
	CategorySession                     = "session"
	CategoryTemplate                    = "template"

	FreeEntryPoint      = "free_entry_point"
	FreeService         = "free_service"
	FreeCustomerService = "free_customer_service"
	FreeCareWindow      = "care_window"
)

// Terms are the rules of one account. The root makes and reads them;
// [Engine.Compact] moves ClosedUntil.
type Terms struct {
	// Anchored says that a conversation of [ModelCBP2022] begins with the
	// customer's first message, as in Chat API's rule. Otherwise it begins with
	// the first delivery.
	Anchored bool

	// Eras are in order of time, at least one. The first era holds before its
	// instant too.
	Eras []Era

	// ClosedUntil is the end of the last closed month; [Never] if no month is
	// closed.
	ClosedUntil int64
}

// Era is the rules in force from an instant on.
type Era struct {
	From  int64 // Unix nanoseconds
	Model string

	// EntryPoints are the free entry points. EntryPointLength is the time for
	// which an answered entry point makes everything free, in nanoseconds.
	EntryPoints      []string
	EntryPointLength int64
}

// At returns the index of the era in force at an instant.
func (t *Terms) At(instant int64) int32 {
	i := len(t.Eras) - 1
	for i > 0 && t.Eras[i].From > instant {
		i--
	}
	return int32(i)
}
