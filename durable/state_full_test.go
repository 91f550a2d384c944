package durable_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// fullTx has no room for billing facts, only for what is smaller.
type fullTx struct{ store.Tx }

func (f fullTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if strings.HasPrefix(query, "INSERT INTO activity") {
		return 0, store.Down{Err: errors.New("the disk is full")}
	}
	return f.Tx.Exec(ctx, query, args...)
}

func TestADiskThatIsNearlyFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		var full atomic.Bool
		full.Store(true)
		s.wrap = func(inner durable.Store) durable.Store {
			return &failingState{Store: inner, update: func(do func(context.Context, store.Tx) error) func(context.Context, store.Tx) error {
				return func(ctx context.Context, tx store.Tx) error {
					if full.Load() {
						tx = fullTx{tx}
					}
					return do(ctx, tx)
				}
			}}
		}
		s.restart()
		s.deliver(wireMessage("m1", ann, "", time.Now()))
		require.ErrorContains(t, durable.Fold(t.Context(), s.Desk), "the disk is full")
		full.Store(false)
		s.fold()
		assert.NotZero(t, s.window(chatapi.Phone(ann)))
		assert.Zero(t, durable.Skipped(s.Desk))
	})
}
