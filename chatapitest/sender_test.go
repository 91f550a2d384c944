package chatapitest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

var _ chatapi.Sender = (*chatapitest.RecordingSender)(nil)

func TestRecordingSender(t *testing.T) {
	var sender chatapitest.RecordingSender
	to := chatapi.Phone(ann)
	receipt, err := sender.Send(t.Context(), to, chatapi.Text{Body: "one"}, chatapi.ReplyTo("wamid.X"), chatapi.SendKey("k"))
	require.NoError(t, err)
	assert.Equal(t, "wamid.RECORDED0001", receipt.ID)
	require.Len(t, sender.Sent(), 1)
	sent := sender.Sent()[0]
	assert.Equal(t, chatapi.Text{Body: "one"}, sent.Message)
	assert.Equal(t, to, sent.To)
	assert.Equal(t, chatapi.SendOptions{QuotedID: "wamid.X", Key: "k"}, sent.Options)
	assert.Equal(t, receipt, sent.Receipt)

	_, err = sender.Send(t.Context(), to, chatapi.Text{})
	require.ErrorIs(t, err, chatapi.ErrInvalid, "as a client refuses it")
	_, err = sender.Send(t.Context(), to, nil)
	require.ErrorIs(t, err, chatapi.ErrInvalid)

	boom := errors.New("boom")
	sender.Fail(boom, nil, chatapi.ErrWindowClosed)
	for _, want := range []error{boom, nil, chatapi.ErrWindowClosed, nil} {
		_, err := sender.Send(t.Context(), to, chatapi.Text{Body: "x"})
		assert.ErrorIs(t, err, want)
	}
	assert.Len(t, sender.Sent(), 3)
	assert.Len(t, sender.Refused(), 4)
	assert.Equal(t, boom, sender.Refused()[2].Err)
}

func TestRecordingSenderBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sender chatapitest.RecordingSender
		unblock := sender.Block()
		var sends sync.WaitGroup
		for range 10 {
			sends.Go(func() {
				_, err := sender.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
				assert.NoError(t, err)
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := sender.Send(ctx, chatapi.Phone(ann), chatapi.Text{Body: "x"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Empty(t, sender.Sent())
		unblock()
		unblock()
		sends.Wait()
		assert.Len(t, sender.Sent(), 10)
	})
}
