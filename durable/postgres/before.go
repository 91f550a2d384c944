package postgres

import (
	"context"

	"github.com/chatapi-go/chatapi/durable/internal/queue"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// BeforeCommit sets the function that ends a transaction in which something was told to
// Tx.Changed. Programs set it with durable.Desk.BeforeCommit.
func (s *Store) BeforeCommit(do store.Before) {
	if do == nil {
		s.before.Store(nil)
		return
	}
	s.before.Store(&do)
}

// ForUpdate locks rows, since other programs work on the same database.
func (t *tx) ForUpdate() string { return " FOR UPDATE" }

// Changed notes a change for the function of BeforeCommit.
func (t *tx) Changed(change any) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
		return errEnded
	case t.last:
		return store.ErrLast
	case !t.writes || t.inside != "" || t.store.before.Load() == nil: // a View, or a transaction of the caller's own
		return store.ErrNoBefore
	}
	t.changes = append(t.changes, change)
	return nil
}

// tell calls the function of BeforeCommit for what was changed since the transaction
// began. Its error undoes the transaction.
func (u *updater) tell() error {
	changes, do := u.changes, u.before.Load()
	u.changes = nil
	if len(changes) == 0 || do == nil {
		return nil
	}
	_, err := u.call(queue.NewJob[update](context.Background(), func(ctx context.Context, inner store.Tx) error {
		if t, ok := inner.(*tx); ok {
			t.last = true
		}
		return (*do)(ctx, inner, changes)
	}), false)
	return err
}
