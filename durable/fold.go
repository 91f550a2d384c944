package durable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	foldBatch = 256      // events of one Update
	foldBytes = 32 << 20 // of bodies in one batch, about; fewer events follow after more

	// foldGather is the shortest time from one batch to the next. With a transaction for
	// each event, the fold would hold up the disk for those that wait for a commit.
	foldGather = 25 * time.Millisecond

	foldSweep = time.Second // where other processes accept too
	foldIdle  = time.Minute // else, since wake comes first

	foldPause    = time.Second     // after an error of the store
	foldLongest  = 5 * time.Second // a stop to advertising may be among what waits
	foldLockName = "fold"
)

// factsLane is the lane of events that are folded and never handed to the handler; see
// State.extra. It is no lane of a channel, because those contain a space.
const factsLane = "facts"

// run folds accepted events, and keeps ledgers up to date, until ctx ends. It returns
// nil then.
func (s *State) run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { // beside the fold, because a snapshot can take seconds
		for s.clock.wait(ctx, s.clock.now().Add(carePause), nil) == nil {
			s.care(ctx)
		}
	})
	pauses, failures := foldPause, 0
	for ctx.Err() == nil {
		began := s.clock.now()
		err := s.runLocked(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, store.ErrBusy): // another process folds
			pauses = foldSweep
		default:
			if s.clock.now().Sub(began) > foldLongest {
				pauses, failures = foldPause, 0 // it worked for a while
			}
			if failures++; failures&(failures-1) == 0 { // not for each of a night
				s.log(ctx, "Windows, statuses and bills are behind the events, because the database fails; it is tried again.", err, slog.Int("failures", failures))
			}
		}
		if s.clock.wait(ctx, s.clock.now().Add(pauses), nil) != nil {
			return nil
		}
		pauses = min(2*pauses, foldLongest)
	}
	return nil
}

// runLocked folds while no other process does, until ctx ends or the store fails.
func (s *State) runLocked(ctx context.Context) error {
	ctx, unlock, err := s.store.Lock(ctx, foldLockName)
	if err != nil {
		return err
	}
	defer unlock()
	for joined := s.clock.now(); ; {
		last := time.Now() // of the machine
		for more := true; more; {
			if more, err = s.foldSome(ctx); err != nil {
				return err
			}
		}
		if now := s.clock.now(); !s.inOrder && now.Sub(joined) >= foldSweep {
			if err := s.outbox.joinLate(ctx); err != nil {
				return err
			}
			joined = now
		}
		sweep := foldIdle
		if !s.inOrder {
			sweep = foldSweep
		}
		if err := s.clock.wait(ctx, s.clock.now().Add(sweep), s.news); err != nil {
			return err
		}
		pause := time.NewTimer(foldGather - time.Since(last))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// item is an event that waits to be folded. Parsed is nil for one that cannot be
// found in its body any more.
type item struct {
	row    store.Event
	parsed chatapi.Event
}

// foldSome folds a batch in one Update. It reports whether there may be more.
func (s *State) foldSome(ctx context.Context) (more bool, err error) {
	rows, err := s.store.Unfolded(ctx, s.limit)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	items := make([]item, len(rows))
	size := 0
	for i := range rows {
		items[i] = item{rows[i], s.find(ctx, &rows[i])}
		if i == 0 || rows[i].Delivery != rows[i-1].Delivery {
			size += len(rows[i].Body)
		}
	}
	more = len(rows) == s.limit
	err = s.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		if err := s.factsIn(ctx, inner, items); err != nil {
			return err
		}
		if err := s.tellOutbox(ctx, inner, items); err != nil {
			return err
		}
		if err := s.foldedIn(ctx, inner, rows); err != nil {
			return err
		}
		point.Reach(point.FoldBegun)
		return nil
	})
	if err == nil {
		point.Reach(point.FoldCommitted)
	}
	if errors.Is(err, store.ErrDone) { // by another process, while the lock was lost
		return true, nil
	}
	if err != nil && ctx.Err() == nil {
		s.log(ctx, "A group of events could not be read into windows, statuses and bills; each is tried alone.", err, slog.Int("events", len(rows)))
		err = s.foldAlone(ctx, items)
	}
	switch { // so that a few huge bodies do not fill the memory
	case size > foldBytes:
		s.limit = max(1, s.limit/4)
	case s.limit < foldBatch:
		s.limit *= 2
	}
	return more, err
}

// foldAlone folds each event in an Update of its own. An event that fails twice, with a
// pause after the first failure of all, is passed over, part by part, so that it holds
// nothing up.
func (s *State) foldAlone(ctx context.Context, items []item) error {
	parts := []func(context.Context, store.Tx, []item) error{s.factsIn, s.tellOutbox}
	paused := false // once is enough: a fault of the program would fail with every event
	for i := range items {
		one := items[i : i+1]
		for _, part := range parts {
			do := func(ctx context.Context, inner store.Tx) error { return part(ctx, inner, one) }
			err := s.store.Update(ctx, do)
			if err == nil {
				continue
			}
			if !paused && s.clock.wait(ctx, s.clock.now().Add(foldPause), nil) != nil {
				return ctx.Err()
			}
			paused = true
			if err = s.store.Update(ctx, do); store.IsDown(err) {
				return err // the mark is smaller, and may find room on a full disk
			}
			if err != nil && ctx.Err() == nil {
				s.pass(ctx, &one[0].row, err)
			}
		}
		// The mark is a write: if the store is what fails, this fails too.
		err := s.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
			return s.foldedIn(ctx, inner, []store.Event{one[0].row})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// foldedIn marks events as folded, and those that are for the state alone as done.
func (s *State) foldedIn(ctx context.Context, inner store.Tx, rows []store.Event) error {
	for i := range rows {
		if rows[i].Lane != factsLane {
			continue
		}
		if err := s.store.Done(ctx, inner, &rows[i]); err != nil && !errors.Is(err, store.ErrDone) {
			return err
		}
	}
	return s.store.Folded(ctx, inner, rows)
}

// factsIn writes the facts of events.
func (s *State) factsIn(ctx context.Context, inner store.Tx, items []item) error {
	found := newFacts()
	for i := range items {
		if items[i].parsed != nil {
			found.event(items[i].row.Channel, items[i].parsed)
		}
	}
	return found.write(ctx, NewTx(inner), s.clock.now())
}

// tellOutbox gives statuses and echoes to the outbox.
func (s *State) tellOutbox(ctx context.Context, inner store.Tx, items []item) error {
	for i := range items {
		var err error
		switch e := items[i].parsed.(type) {
		case *chatapi.StatusEvent:
			err = s.outbox.statusIn(ctx, NewTx(inner), items[i].row.Channel, e)
		case *chatapi.EchoEvent:
			err = s.outbox.echoIn(ctx, NewTx(inner), items[i].row.Channel, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// find returns the event of a row; nil, with a log entry, if its body has it no more.
func (s *State) find(ctx context.Context, row *store.Event) chatapi.Event {
	parsed, err := s.cache.of(row)
	if err == nil {
		if e := parsed[row.Key]; e != nil {
			return e
		}
		err = errors.New("the parser has changed: no event of the body has this key")
	}
	s.pass(ctx, row, err)
	return nil
}

// pass notes that an event, or a part of it, is not in the state.
func (s *State) pass(ctx context.Context, row *store.Event, err error) {
	s.skipped.Add(1)
	s.log(ctx, "An event is left out of windows, statuses and bills, because it cannot be read.", err, slog.Int64("seq", row.Seq), slog.String("channel", row.Channel))
}

func (s *State) log(ctx context.Context, text string, err error, attrs ...slog.Attr) {
	if s.logger != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, text, append(attrs, slog.String("error", err.Error()))...)
	}
}

// extra returns the events of a delivery that were known already, but maybe in the
// service's form, which says less: WhatsApp's own form of an event names prices and
// BSUIDs besides, and both forms have one key. The inbox accepts them in factsLane, which
// is folded and never handled. fresh are the indexes of the events that were new.
func (s *State) extra(channel string, events []chatapi.Event, fresh []int) (all []store.Arrival) {
	for i, e := range events {
		if len(fresh) > 0 && fresh[0] == i {
			fresh = fresh[1:]
			continue
		}
		if e.Info().PhoneNumberID != "" && len(chatapi.ActivitiesOf(e)) > 0 {
			all = append(all, store.Arrival{Key: factsKey(channel, e), Lane: factsLane, Index: i})
		}
	}
	return all
}

// factsKey names WhatsApp's own form of an event.
func factsKey(channel string, e chatapi.Event) [16]byte {
	return eventHash(channel, "facts/"+e.Key())
}

const (
	cachedBytes  = 8 << 20
	cachedBodies = 64
)

// bodies keeps the events of the newest bodies, because the events of one body come
// in several batches.
type bodies struct {
	parsed map[int64]map[[16]byte]chatapi.Event
	order  []int64
	sizes  []int
	size   int
}

// of returns the events of the body of a row by their keys.
func (b *bodies) of(row *store.Event) (map[[16]byte]chatapi.Event, error) {
	if found := b.parsed[row.Delivery]; found != nil {
		return found, nil
	}
	found, err := parseBody(row)
	if err != nil {
		return nil, err
	}
	if b.parsed == nil {
		b.parsed = map[int64]map[[16]byte]chatapi.Event{}
	}
	b.parsed[row.Delivery] = found
	b.order, b.sizes, b.size = append(b.order, row.Delivery), append(b.sizes, len(row.Body)), b.size+len(row.Body)
	for len(b.order) > 1 && (b.size > cachedBytes || len(b.order) > cachedBodies) {
		delete(b.parsed, b.order[0])
		b.size -= b.sizes[0]
		b.order, b.sizes = b.order[1:], b.sizes[1:]
	}
	return found, nil
}

// parseBody reads the body of a row. A panic of the parser is an error.
func parseBody(row *store.Event) (found map[[16]byte]chatapi.Event, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the parser panicked: %v", v)
		}
	}()
	events, err := chatapi.ParseWebhook(row.Body)
	if err != nil && len(events) == 0 {
		return nil, err
	}
	found = map[[16]byte]chatapi.Event{}
	for _, e := range events {
		labelEvent(e, row.Channel, row.Received)
		keys := [][16]byte{eventHash(row.Channel, e.Key())}
		if e.Info().PhoneNumberID != "" {
			keys = append(keys, factsKey(row.Channel, e))
		}
		for _, key := range keys {
			if found[key] == nil { // of two equal ones the first was accepted
				found[key] = e
			}
		}
	}
	return found, nil
}
