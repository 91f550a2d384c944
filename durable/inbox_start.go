package durable

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// The scan for lanes with open events: it is made at the start, page by page as the
// workers keep up, and again now and then in case a wake was lost.
const (
	scanPage  = 256
	scanAhead = 1024 // lanes that wait for a worker
	scanPause = 20 * time.Millisecond
	scanEvery = 15 * time.Minute
	scanOften = 5 * time.Second // in a store that other processes work on too
	scanAge   = 3 * time.Second // younger events are left to the process that accepted them
	endTime   = 5 * time.Second // to note a clean end
	aloneTime = 5 * time.Second // after which the next event that runs alone may begin
)

// startScan is what the start found out about the end of the program before, and what a
// process finds out about the ends of others.
type startScan struct {
	shared  bool // other processes work on the store
	mu      sync.Mutex
	unclean bool
	ended   bool                // the scan has seen all lanes
	lanes   map[string]struct{} // whose first event may have been running at the end
	running string              // the lane whose event runs alone, or may as soon as it is woken
	waiting []string
}

// suspect reports, once for a lane, whether its first event may have been running when
// the program died.
func (s *startScan) suspect(lane string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.lanes[lane]
	delete(s.lanes, lane)
	return found || s.unclean && !s.ended
}

// found notes lanes that were there at the start.
func (s *startScan) found(lanes []string, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended || ended
	if !s.unclean && !s.shared {
		return
	}
	s.note(lanes...)
}

// left notes a lane whose first event another process may have left when it died.
func (s *startScan) left(lane string) {
	if !s.shared {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(lane)
}

func (s *startScan) note(lanes ...string) {
	if s.lanes == nil {
		s.lanes = map[string]struct{}{}
	}
	for _, lane := range lanes {
		s.lanes[lane] = struct{}{}
	}
}

// alone reports whether an event of the lane may run alone now. If not, the lane gets its
// turn later, and release wakes it.
func (s *startScan) alone(lane string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == "" {
		s.running = lane
	}
	if s.running != lane && !slices.Contains(s.waiting, lane) {
		s.waiting = append(s.waiting, lane)
	}
	return s.running == lane
}

// pass gives the turn of a lane, if it has it, to the one that waits longest, and returns
// that; "" if none does. To wake all of them would cost a read of each for every event.
func (s *startScan) pass(lane string) (next string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != lane {
		return ""
	}
	if s.running = ""; len(s.waiting) > 0 {
		s.running, s.waiting = s.waiting[0], s.waiting[1:]
	}
	return s.running
}

// release says that no event of a lane runs alone, or is about to. The next one comes
// before all lanes that wait for a worker: it is behind others that run alone already.
func (i *Inbox) release(lane string) {
	if next := i.start.pass(lane); next != "" {
		i.lanes.WakeFirst(next)
	}
}

// run works on events until ctx ends, then finishes what it has begun.
func (i *Inbox) run(ctx context.Context) error {
	if i.handler == nil {
		i.warn(ctx, "The inbox has no handler, so its events are kept and wait; call Inbox.Handle before Run.")
	}
	id := rand.Text()
	leave, err := i.stay(ctx, id)
	if err != nil {
		return nil // ctx has ended before anything began
	}
	defer leave()
	var lanes []string
	err = i.retry(ctx, func() (err error) {
		lanes, err = i.begin(ctx, id)
		return err
	})
	if err != nil {
		return nil // ctx has ended before anything began
	}
	for _, lane := range lanes {
		i.lanes.Wake(lane)
	}
	var scan sync.WaitGroup
	scan.Go(func() { i.scan(ctx) })
	left := i.lanes.Run(ctx, i.options.drain)
	scan.Wait()
	if waiting := i.lanes.Waiting(); i.engine != nil && len(waiting) > 0 {
		i.wakeLanes(waiting...)
	}
	if len(left) > 0 {
		return fmt.Errorf("the handlers of %d chats did not end within %s, such as that of %q; "+
			"their events come again at the next start", len(left), i.options.drain, left[0])
	}
	i.end(ctx, id)
	return nil
}

// begin notes that the program runs. It returns the lanes whose events were certainly
// running when the program before died, those with the fewest attempts first: the
// guilty one has the most in the end.
func (i *Inbox) begin(ctx context.Context, id string) (lanes []string, err error) {
	died, err := i.died(ctx, id)
	if err != nil {
		return nil, err
	}
	err = i.store.Update(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		for _, program := range died {
			if _, err := tx.Exec(ctx, "DELETE FROM running WHERE id = $1", program); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "INSERT INTO running (id, since) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", id, store.Micros(i.clock.now())); err != nil {
			return err
		}
		lanes, err = texts(ctx, tx, "SELECT lane FROM attempt WHERE running = 1 ORDER BY attempts, seq LIMIT 1000")
		return err
	})
	i.start.mu.Lock()
	i.start.unclean = len(died) > 0
	i.start.mu.Unlock()
	return lanes, err
}

// died returns the programs that did not end in order. One that still runs holds the
// lock of its name.
func (i *Inbox) died(ctx context.Context, id string) (died []string, err error) {
	var programs []string
	err = i.store.View(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		programs, err = texts(ctx, tx, "SELECT id FROM running WHERE id <> $1", id)
		return err
	})
	for _, program := range programs {
		_, unlock, err := i.store.Lock(ctx, programLock+program)
		switch {
		case err == nil:
			unlock()
			died = append(died, program)
		case !errors.Is(err, store.ErrBusy):
			return nil, err
		}
	}
	return died, err
}

const programLock = "program "

// stay shows other processes that this one runs, until leave is called.
func (i *Inbox) stay(ctx context.Context, id string) (leave func(), err error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var held context.Context
	var unlock func()
	lock := func(ctx context.Context) error {
		return i.retry(ctx, func() (err error) {
			held, unlock, err = i.store.Lock(work, programLock+id)
			return err
		})
	}
	if err := lock(ctx); err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for err := error(nil); err == nil; err = lock(work) { // again when it was lost
			<-held.Done()
			if errors.Is(context.Cause(held), store.ErrLost) && work.Err() == nil {
				i.warn(work, "The program lost its locks, since its connection to the database broke or it was frozen; "+
					"other programs may have gone on with its events and messages.")
			}
			unlock()
		}
	}()
	return func() { cancel(); <-ended }, nil
}

// end notes that nothing was running at the end.
func (i *Inbox) end(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	err := i.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM running WHERE id = $1", id)
		return err
	})
	if err != nil {
		i.warn(ctx, "The end of the program could not be noted, so the next start takes it for a crash, and counts attempts before it calls the handler.", slog.Any("error", err))
	}
}

// scan wakes lanes with open events and with dead letters to try again.
func (i *Inbox) scan(ctx context.Context) {
	for again := false; ; again = true {
		pages := []func(after string) ([]string, error){
			func(after string) ([]string, error) { return i.replayLanes(ctx, after) },
			func(after string) ([]string, error) { return i.store.OpenLanes(ctx, after, scanPage) },
		}
		for _, page := range pages {
			for after, more := "", true; more; {
				var lanes []string
				if i.retry(ctx, func() (err error) { lanes, err = page(after); return err }) != nil {
					return
				}
				if !again {
					i.start.found(lanes, false)
				}
				for _, lane := range lanes {
					if after = lane; !again || !i.lanes.Knows(lane) && i.waits(ctx, lane) {
						i.start.left(lane)
						i.lanes.Wake(lane)
					}
				}
				if more = len(lanes) == scanPage; more && !i.keepUp(ctx) {
					return
				}
			}
		}
		i.start.found(nil, true)
		i.seek(ctx)
		every := scanEvery
		if i.store.Shared() {
			every = scanOften
		}
		if i.clock.wait(ctx, i.clock.now().Add(every), nil) != nil {
			return
		}
	}
}

// waits reports whether a lane may wait for a process that died. The process that accepted
// an event works on it at once, so its youngest lanes are not touched.
func (i *Inbox) waits(ctx context.Context, lane string) bool {
	if !i.store.Shared() {
		return true
	}
	events, err := i.store.Open(ctx, lane, 1)
	return err == nil && (len(events) == 0 || i.clock.now().Sub(events[0].Accepted) >= scanAge)
}

// keepUp waits until few lanes wait for a worker.
func (i *Inbox) keepUp(ctx context.Context) bool {
	ticker := time.NewTicker(scanPause)
	defer ticker.Stop()
	for i.lanes.Ready() > scanAhead {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return ctx.Err() == nil
}

// retry repeats a call of the store until it succeeds or ctx ends.
func (i *Inbox) retry(ctx context.Context, do func() error) error {
	for failures := 1; ; failures++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			i.warn(ctx, "The inbox cannot use its database; it tries again, and its events wait.", slog.Any("error", err))
		}
		if err := pause(ctx, failures); err != nil {
			return err
		}
	}
}

// texts returns the rows of a query with one column.
func texts(ctx context.Context, tx store.Tx, query string, args ...any) (all []string, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}
