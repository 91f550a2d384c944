package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var loadCases = []namedCase{
	{"load/accepting and working at once", loadBoth},
	{"load/closing while others write", loadClose},
}

const (
	loadLanes  = 5
	loadEvents = 25 // of a lane
)

// loadBoth accepts each event twice at the same time and lets two workers finish each
// lane, so that every event has to be done exactly once, in order.
func loadBoth(d *database) {
	ctx := d.ctx()
	var failed atomic.Pointer[error]
	fail := func(err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	var all sync.WaitGroup
	for n := range loadLanes {
		lane := fmt.Sprintf("lane %d", n)
		for range 2 {
			all.Go(func() {
				for i := range loadEvents {
					_, err := d.Accept(ctx, delivery(lane, n*1000+i))
					fail(err)
				}
			})
			all.Go(func() {
				for i := 0; i < loadEvents && failed.Load() == nil; {
					events, err := d.Open(ctx, lane, 5)
					fail(err)
					for _, e := range events {
						if err := d.work(ctx, e); !errors.Is(err, store.ErrDone) {
							fail(err)
						}
						i = numbers([]store.Event{e})[0]%1000 + 1
					}
					_, err = d.OpenLanes(ctx, "", 3)
					fail(err)
					if len(events) == 0 && len(d.people(lane)) == loadEvents {
						return
					}
				}
			})
		}
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		require.NoError(d.t, *err)
	}
	for n := range loadLanes {
		lane := fmt.Sprintf("lane %d", n)
		require.Empty(d.t, d.events(lane))
		require.Len(d.t, d.people(lane), loadEvents)
	}
	open, _, err := d.Depth(ctx)
	require.NoError(d.t, err)
	require.Zero(d.t, open)
}

// work finishes an event, with a row whose key would be there twice if it were done
// twice, and which needs the row of the event before.
func (d *database) work(ctx context.Context, e store.Event) error {
	n := numbers([]store.Event{e})[0] % 1000
	return d.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := d.Done(ctx, tx, &e); err != nil {
			return err
		}
		people, err := peopleIn(ctx, tx, e.Lane)
		if err != nil {
			return err
		}
		if len(people) != n {
			return fmt.Errorf("event %d of %s comes after %d others", n, e.Lane, len(people))
		}
		_, err = tx.Exec(ctx, insert, e.Lane, fmt.Sprintf("%04d", n), n)
		return err
	})
}

// loadClose closes the store under load: what was acknowledged is there afterwards, and
// nothing else.
func loadClose(d *database) {
	ctx := d.ctx()
	var events, rows sync.Map
	var acknowledged atomic.Int64
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				if _, err := d.Accept(ctx, delivery("a", n*100000+i)); err != nil {
					return
				}
				events.Store(n*100000+i, true)
				acknowledged.Add(1)
			}
		})
		all.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprint(n, " ", i)
				if err := d.Update(ctx, func(ctx context.Context, tx store.Tx) error {
					_, err := tx.Exec(ctx, insert, "close", name, 0)
					return err
				}); err != nil {
					return
				}
				rows.Store(name, true)
				acknowledged.Add(1)
			}
		})
	}
	for acknowledged.Load() < 100 {
		_, _, err := d.Depth(ctx)
		require.NoError(d.t, err)
	}
	d.stop()
	all.Wait()
	d.start()
	for _, n := range numbers(d.events("a")) {
		_, ok := events.LoadAndDelete(n)
		require.True(d.t, ok, "event %d was refused, but is there", n)
	}
	events.Range(func(n, _ any) bool { require.Fail(d.t, "lost", "event %v", n); return false })
	for _, name := range d.people("close") {
		_, ok := rows.LoadAndDelete(name)
		require.True(d.t, ok, "row %s was refused, but is there", name)
	}
	rows.Range(func(name, _ any) bool { require.Fail(d.t, "lost", "row %v", name); return false })
}
