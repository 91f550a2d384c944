package durable_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// The same tests run on PostgreSQL, see durable/postgres.
func TestDeskOnSQLite(t *testing.T) {
	desktest.Run(t, func(t *testing.T) func() (store.Store, func() error) {
		dir := t.TempDir()
		return func() (store.Store, func() error) {
			s, err := sqlite.Open(context.Background(), dir)
			require.NoError(t, err)
			return s, s.Close
		}
	})
}

// In a folder nobody else would work on what a program accepts.
func TestAcceptOnlyNeedsOthers(t *testing.T) {
	s, err := sqlite.Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	defer s.Close()
	_, err = durable.Open(context.Background(), s, chatapi.NewChannels(), durable.AcceptOnly())
	require.ErrorContains(t, err, "AcceptOnly needs a store of many programs")
}
