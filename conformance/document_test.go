package conformance_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
)

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// The fake serves exactly the operations of the document.
func TestFakeServesTheDocument(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for _, op := range document().Operations() {
		want[op.ID] = op.Method + " " + pathParameter.ReplaceAllString(op.Path, "{}")
	}
	require.Len(t, want, 66)
	served := 0
	for _, op := range chatapitest.Operations() {
		got[op.ID] = op.Method + " " + pathParameter.ReplaceAllString(op.Path, "{}")
		if got[op.ID] == want[op.ID] {
			served++
		}
	}
	assert.Equal(t, want, got)
	t.Logf("the fake serves %d of %d operations", served, len(want))
}
