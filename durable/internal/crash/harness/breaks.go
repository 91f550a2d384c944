//go:build unix

package harness

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// The deliberate faults of a worker. With each of them the check has to fail.
const (
	BreakAnswer  = "answer-before-commit"      // the 200 is written before the delivery is stored
	BreakReserve = "send-before-reservation"   // the hook before the write stores nothing
	BreakGuard   = "reservation-without-state" // the reservation does not ask whether the message still is claimed
	BreakDone    = "done-unchecked"            // the effects of an event are committed although it is done
	BreakLane    = "two-workers-for-a-chat"    // the lanes are not locked; in a store of one process, the events of a chat are in two lanes
	BreakSync    = "commits-not-synced"        // commits are acknowledged before they are in the log; only a server that dies shows this
)

// Breaks are the deliberate faults.
func Breaks() []string {
	return []string{BreakAnswer, BreakReserve, BreakGuard, BreakDone, BreakLane, BreakSync}
}

// lostCommits is how many of a thousand commits are reported as failed, as if the
// connection to the database had been lost before its answer. For BreakDone, which shows
// only then, it is lostForDone.
const lostCommits, lostForDone = 5, 100

var errLost = errors.New("the answer of the database was lost (made up by the kill test)")

// brokenStore is a store with a deliberate fault, or with none. It also loses the answers to
// some commits.
type brokenStore struct {
	store.Store
	fault string
	turn  atomic.Int64
}

// sharedStore is a brokenStore that many programs share: it has what a desk asks such a
// store for, which the embedded interface of brokenStore hides.
type sharedStore struct {
	*brokenStore
	store.Engine
	store.Skewed
}

// breakStore returns a store with a fault.
func breakStore(s store.Store, fault string) durable.Store {
	broken := &brokenStore{Store: s, fault: fault}
	if !s.Shared() {
		return broken
	}
	return &sharedStore{broken, s.(store.Engine), s.(store.Skewed)}
}

func (s *brokenStore) Accept(ctx context.Context, d *store.Delivery) ([]int, error) {
	if s.fault == BreakLane && !s.Shared() {
		for n := range d.Events {
			d.Events[n].Lane += [2]string{"/a", "/b"}[s.turn.Add(1)%2]
		}
	}
	return s.Store.Accept(ctx, d)
}

func (s *brokenStore) Lock(ctx context.Context, name string) (context.Context, func(), error) {
	if s.fault == BreakLane && s.Shared() && strings.HasPrefix(name, "lane ") {
		return ctx, func() {}, nil
	}
	return s.Store.Lock(ctx, name)
}

func (s *brokenStore) Update(ctx context.Context, do func(ctx context.Context, tx store.Tx) error) error {
	var marked bool
	err := s.Store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		broken := &brokenTx{Tx: tx, fault: s.fault}
		err := do(ctx, broken)
		marked = broken.marked
		return err
	})
	lost := lostCommits
	if s.fault == BreakDone && marked {
		lost = lostForDone
	}
	if err == nil && rand.IntN(1000) < lost {
		return errLost
	}
	return err
}

func (s *brokenStore) Done(ctx context.Context, tx store.Tx, e *store.Event) error {
	broken := tx.(*brokenTx)
	broken.marked = true
	err := s.Store.Done(ctx, broken.Tx, e)
	if s.fault == BreakDone && errors.Is(err, store.ErrDone) {
		return nil
	}
	return err
}

func (s *brokenStore) Folded(ctx context.Context, tx store.Tx, events []store.Event) error {
	return s.Store.Folded(ctx, tx.(*brokenTx).Tx, events)
}

// brokenTx changes the statements of the reservation.
type brokenTx struct {
	store.Tx
	fault  string
	marked bool // an event is done in it
}

const (
	reservation = "UPDATE outbox SET state = 3"
	attempt     = "INSERT INTO outbox_attempt"
	guard       = "AND (state = 1 OR state = 2 AND outbox.claim = $1)"
)

// Query refuses the reservation of several messages, so that each is reserved alone, by Exec.
func (t *brokenTx) Query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	if (t.fault == BreakReserve || t.fault == BreakGuard) && strings.Contains(query, reservation) {
		return nil, errors.New("made up by the kill test")
	}
	return t.Tx.Query(ctx, query, args...)
}

func (t *brokenTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	reserves := strings.HasPrefix(query, reservation)
	switch {
	case t.fault == BreakReserve && (reserves || strings.HasPrefix(query, attempt)):
		return 1, nil
	case t.fault == BreakGuard && reserves && !strings.Contains(query, guard):
		return 0, errors.New("the reservation has another condition now; change the kill test")
	case t.fault == BreakGuard && reserves:
		query = strings.Replace(query, guard, "AND $1 <> ''", 1)
	}
	return t.Tx.Exec(ctx, query, args...)
}
