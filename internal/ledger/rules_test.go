package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

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
