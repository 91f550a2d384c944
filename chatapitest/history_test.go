package chatapitest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestOnlyACustomersMessageIsMarkedAsRead: the business has nothing of its own
// to read.
func TestOnlyACustomersMessageIsMarkedAsRead(t *testing.T) {
	api := chatapitest.New(t)
	customer := api.Customer(ann)
	id := customer.Says("hi")
	client := api.Client()
	receipt, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
	require.NoError(t, err)
	assert.Error(t, client.Messages.MarkRead(t.Context(), receipt.ID, false))
	assert.False(t, customer.SeesRead(id))
	require.NoError(t, client.Messages.MarkRead(t.Context(), id, false))
	assert.True(t, customer.SeesRead(id))
}
