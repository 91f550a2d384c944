package durable

import (
	"context"
	"log/slog"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Programs on one store wake each other through its engine. A wake-up says where to look
// and holds nothing, so that one that is lost costs the time until the next sweep.

// Lanes that wait, for each worker, before others are asked to help; and how many channels
// are woken at once.
const (
	fullLanes    = 4
	wakeChannels = 8
)

// elsewhere reports whether other programs are to handle what is accepted now. Without
// others a full program only loses by the detour.
func (i *Inbox) elsewhere() bool {
	return i.engine != nil && (i.leaves.Load() || i.others.Load() && i.lanes.Ready() > fullLanes*i.workers)
}

// wakeLanes wakes whoever is to work on lanes.
func (i *Inbox) wakeLanes(names ...string) {
	if !i.elsewhere() {
		for _, lane := range names {
			i.lanes.Wake(lane)
		}
		return
	}
	wakeups := make([]store.Wakeup, len(names))
	for n, lane := range names {
		wakeups[n] = store.Wakeup{Kind: store.WakeLane, Name: lane}
	}
	i.engine.Wake(0, wakeups...)
}

// seek finds out whether other programs work on the store.
func (i *Inbox) seek(ctx context.Context) {
	if i.engine == nil {
		return
	}
	_ = i.store.View(ctx, func(ctx context.Context, tx store.Tx) error {
		ids, err := texts(ctx, tx, "SELECT id FROM running LIMIT 2")
		if err == nil {
			i.others.Store(len(ids) > 1)
		}
		return err
	})
}

// leave leaves what has not begun to other programs.
func (d *Desk) leave() {
	if d.engine != nil {
		d.leaves.Store(true)
		d.Inbox.wakeLanes(d.Inbox.lanes.Waiting()...)
	}
}

// serve works on what other programs leave to this one, until ctx ends.
func (d *Desk) serve(ctx context.Context) error {
	workers := map[store.WakeKind]int{store.WakeChannel: wakeChannels}
	if d.Inbox.handler != nil {
		workers[store.WakeLane] = d.workers
	}
	for failures := 1; ctx.Err() == nil; failures++ {
		err := d.engine.Serve(ctx, workers, d.woken, d.logger)
		if err != nil && ctx.Err() == nil && d.logger != nil {
			d.logger.WarnContext(ctx, "durable: wake-ups of other programs wait for the store", slog.Any("error", err))
		}
		_ = pause(ctx, failures)
	}
	return nil
}

// woken looks where another program says that there may be work. It reports whether this
// one can do it.
func (d *Desk) woken(ctx context.Context, w store.Wakeup) bool {
	switch w.Kind {
	case store.WakeLane:
		d.State.wake()
		if d.Inbox.isAbsent(w.Name) {
			return false
		}
		if !d.Inbox.lanes.Knows(w.Name) && d.Inbox.waits(ctx, w.Name) {
			d.Inbox.start.left(w.Name)
		}
		d.Inbox.lanes.Do(ctx, w.Name)
		return !d.leaves.Load() && !d.Inbox.isAbsent(w.Name)
	case store.WakeChannel:
		if _, held := d.Outbox.held(w.Name); held {
			return false
		}
		return d.Outbox.wakeHere(w.Name)
	}
	return false
}
