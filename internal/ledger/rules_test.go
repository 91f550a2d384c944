package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/internal/ledger"
)

// The engine cannot import the root, so it has the words of the rules once more.
func TestWordsAreThoseOfTheRoot(t *testing.T) {
	words := map[string]string{
		ledger.ModelNBP:     string(chatapi.ModelNBP),
		ledger.ModelCBP2022: string(chatapi.ModelCBP2022),
		ledger.ModelCBP2023: string(chatapi.ModelCBP2023),
		ledger.ModelCBP2024: string(chatapi.ModelCBP2024),
		ledger.ModelPMP2025: string(chatapi.ModelPMP2025),
		ledger.ModelPMP2026: string(chatapi.ModelPMP2026),

		ledger.CategoryMarketing:                   chatapi.CategoryMarketing,
		ledger.CategoryUtility:                     chatapi.CategoryUtility,
		ledger.CategoryAuthentication:              chatapi.CategoryAuthentication,
		ledger.CategoryAuthenticationInternational: chatapi.CategoryAuthenticationInternational,
		ledger.CategoryService:                     chatapi.CategoryService,
		ledger.CategoryUserInitiated:               chatapi.CategoryUserInitiated,
		ledger.CategoryBusinessInitiated:           chatapi.CategoryBusinessInitiated,
		ledger.CategoryReferral:                    chatapi.CategoryReferral,
		ledger.CategorySession:                     chatapi.CategorySession,
		ledger.CategoryTemplate:                    chatapi.CategoryTemplate,

		ledger.FreeEntryPoint:      string(chatapi.FreeEntryPoint),
		ledger.FreeService:         string(chatapi.FreeService),
		ledger.FreeCustomerService: string(chatapi.FreeCustomerService),
		ledger.FreeCareWindow:      string(chatapi.FreeCareWindow),

		ledger.PhonePrefix: string(chatapi.RecipientPhone) + ":",
	}
	for engine, root := range words {
		assert.Equal(t, root, engine)
	}
}

func TestTheEraInForce(t *testing.T) {
	terms := ledger.Terms{Eras: []ledger.Era{{From: 100}, {From: 200}, {From: 300}}}
	for _, c := range []struct {
		instant int64
		want    int32
	}{
		{ledger.Never, 0}, {99, 0}, {100, 0}, {199, 0}, {200, 1}, {299, 1}, {300, 2}, {1000, 2},
	} {
		assert.Equal(t, c.want, terms.At(c.instant), c.instant)
	}
}
