package conformance_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chatapi-go/chatapi/chatapitest"
)

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// The fake serves every operation of the document, under its method and path,
// and none besides.
func TestFakeServesTheDocument(t *testing.T) {
	text, err := os.ReadFile("testdata/openapi.yaml")
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	require.NoError(t, yaml.Unmarshal(text, &document))
	want, got := map[string]string{}, map[string]string{}
	for path, members := range document.Paths {
		for method, node := range members {
			var op struct {
				ID string `yaml:"operationId"`
			}
			if node.Kind != yaml.MappingNode || node.Decode(&op) != nil || op.ID == "" {
				continue // parameters shared by the path
			}
			want[op.ID] = method + " " + pathParameter.ReplaceAllString(path, "{}")
		}
	}
	require.Len(t, want, 66)
	served := 0
	for _, op := range chatapitest.Operations() {
		got[op.ID] = strings.ToLower(op.Method) + " " + pathParameter.ReplaceAllString(op.Path, "{}")
		if got[op.ID] == want[op.ID] {
			served++
		}
	}
	assert.Equal(t, want, got)
	t.Logf("the fake serves %d of %d operations", served, len(want))
}
