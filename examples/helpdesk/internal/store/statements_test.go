package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// More queries than are kept are read by many at once, some of them while their statement is
// given up, and rows stay readable after that.
func TestQueriesOfAnyNumberAreRead(t *testing.T) {
	db, err := store.OpenSQLite(t.Context(), t.TempDir())
	require.NoError(t, err)
	open, err := db.Query(t.Context(), "SELECT 1 UNION ALL SELECT 2")
	require.NoError(t, err)
	var readers sync.WaitGroup
	for reader := range 4 {
		readers.Go(func() {
			for n := range 600 {
				number := n / (1 + reader%2) // of two readers the queries differ
				var got int
				found, err := db.Get(t.Context(), fmt.Sprintf("SELECT %d + $1", number), []any{reader}, &got)
				assert.NoError(t, err)
				assert.True(t, found)
				assert.Equal(t, number+reader, got)
			}
		})
	}
	readers.Wait()
	for want := 1; open.Next(); want++ {
		var got int
		require.NoError(t, open.Scan(&got))
		assert.Equal(t, want, got)
	}
	require.NoError(t, open.Err())
	require.NoError(t, open.Close())
	require.NoError(t, db.Close())
}
