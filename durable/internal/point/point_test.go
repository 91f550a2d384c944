package point_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/point"
)

func TestReach(t *testing.T) {
	point.Reach(point.SendAsked)
	var names []string
	point.Set(func(name string) { names = append(names, name) })
	point.Reach(point.SendAsked)
	point.Set(nil)
	point.Reach(point.SendReserved)
	assert.Equal(t, []string{point.SendAsked}, names)
}

func TestReachIsFree(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, func() { point.Reach(point.SendAsked) }))
}

// The table of the package's documentation has every point, in the order of All.
func TestTable(t *testing.T) {
	source, err := os.ReadFile("point.go")
	require.NoError(t, err)
	var table []string
	for line := range strings.Lines(string(source)) {
		if fields := strings.Fields(strings.TrimPrefix(line, "//\t")); strings.HasPrefix(line, "//\t") && fields[0] != "point" {
			table = append(table, fields[0])
		}
	}
	assert.Equal(t, point.All(), table)
}
