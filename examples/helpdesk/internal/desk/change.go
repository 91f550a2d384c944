package desk

import (
	"context"
	"fmt"
	"sync"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// ChangeKind says what Change.Object is.
type ChangeKind string

// The kinds of changes.
const (
	ChangedRequest  ChangeKind = "request"  // the request or anything that its page shows
	ChangedLost     ChangeKind = "lost"     // a request that left the department
	ChangedChannel  ChangeKind = "channel"  // a channel, for every page that shows channels
	ChangedTemplate ChangeKind = "template" // the templates of a channel
	ChangedAgent    ChangeKind = "agent"    // an agent's rights: its streams end
	ChangedDecide   ChangeKind = "decide"   // the number of things to decide
)

// Change is a line of the journal by which pages stay current.
type Change struct {
	Seq        int64
	Kind       ChangeKind
	Department int64 // whose agents may learn of it; 0 for all
	Object     int64
}

// number gives changes their numbers, in the last statements before the commit.
func (d *Desk) number(ctx context.Context, tx durable.Tx, changes []any) error {
	var last int64
	found, err := store.Get(ctx, tx, "UPDATE desk_counter SET n = n + $1 WHERE name = 'change' RETURNING n", []any{len(changes)}, &last)
	if err != nil || !found {
		return fmt.Errorf("number changes: %w (counter found: %t)", err, found)
	}
	at := store.Micros(d.Now())
	for i, c := range changes {
		c := c.(Change)
		_, err := tx.Exec(ctx, "INSERT INTO desk_change (seq, at, kind, department, object) VALUES ($1, $2, $3, $4, $5)",
			last-int64(len(changes)-1-i), at, string(c.Kind), c.Department, c.Object)
		if err != nil {
			return fmt.Errorf("note change: %w", err)
		}
	}
	d.wake.all()
	return nil
}

// Changes returns the changes after a number, in order, at most limit.
func (d *Desk) Changes(ctx context.Context, after int64, limit int) ([]Change, error) {
	rows, err := d.DB.Query(ctx, "SELECT seq, kind, department, object FROM desk_change WHERE seq > $1 ORDER BY seq LIMIT $2", after, limit)
	return store.All(rows, err, func(c *Change) []any { return []any{&c.Seq, &c.Kind, &c.Department, &c.Object} })
}

// LastChange returns the number of the newest change.
func (d *Desk) LastChange(ctx context.Context) (seq int64, err error) {
	_, err = d.DB.Get(ctx, "SELECT n FROM desk_counter WHERE name = 'change'", nil, &seq)
	return seq, err
}

// wakes wakes those who wait for changes.
type wakes struct {
	mu      sync.Mutex
	waiting []chan<- struct{}
}

// Wake lets a channel, of which one element is buffered, receive when there may be changes.
// It may be woken a moment before the commit, so a reader that finds nothing looks again.
func (d *Desk) Wake(c chan<- struct{}) {
	d.wake.mu.Lock()
	defer d.wake.mu.Unlock()
	d.wake.waiting = append(d.wake.waiting, c)
}

func (w *wakes) all() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
