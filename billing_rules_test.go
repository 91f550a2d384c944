package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/internal/ledger"
)

// TestTheEngineHasTheSameWords compares the words of rules, snapshots and bills
// with those of the engine. The engine cannot import the root, so it declares
// them again.
func TestTheEngineHasTheSameWords(t *testing.T) {
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
