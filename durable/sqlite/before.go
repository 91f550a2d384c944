package sqlite

import (
	"context"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// BeforeCommit sets the function that ends a transaction in which something was told to
// Tx.Changed. Programs set it with durable.Desk.BeforeCommit.
func (s *Store) BeforeCommit(do store.Before) {
	if do == nil {
		s.work.before.Store(nil)
		return
	}
	s.work.before.Store(&do)
}

// ForUpdate is empty, since a file has one writer.
func (t *tx) ForUpdate() string { return "" }

// Changed notes a change for the function of BeforeCommit.
func (t *tx) Changed(change any) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
		return errEnded
	case t.upset:
		return errUpset
	case t.last:
		return store.ErrLast
	case t.w.before.Load() == nil:
		return store.ErrNoBefore
	}
	t.changes = append(t.changes, change)
	return nil
}

// Changed refuses: nothing changes in a View.
func (*readTx) Changed(any) error { return store.ErrNoBefore }

// tell calls the function of BeforeCommit for what was changed since the transaction
// began. Its error undoes the transaction.
func (w *writer) tell() error {
	changes, do := w.changes, w.before.Load()
	w.changes = nil
	if len(changes) == 0 || do == nil {
		return nil
	}
	return w.call(newJob(background, func(ctx context.Context, tx *tx) error {
		tx.last = true
		return (*do)(ctx, tx, changes)
	}))
}
