package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// All locks of a program belong to one session of the server, so that as many workers as
// wanted need one connection. Requests that come at the same time share a statement. The
// locks go with the session: when the program dies, when the network is cut, or when the
// program is frozen, since the server ends a session that was silent for silence. The
// program asks for something every beat, so that it learns of the end before others can
// have its locks, unless it was frozen; then it learns of it at once when it goes on.
// Nothing changes the first two but the kill tests, see shorten.
var (
	defaultSilence = 15 * time.Second
	defaultBeat    = 2 * time.Second
)

const (
	beatTime = 5 * time.Second // for an answer
	askMost  = 256             // requests in a statement
)

// locker has the session and its locks.
type locker struct {
	store *Store
	conn  *pgx.Conn // of run alone
	moved atomic.Bool
	skew  atomic.Int64 // how far the server's clock is ahead

	mu      sync.Mutex
	held    map[string]*hold // also those asked for
	asks    []*ask
	session int // counts the sessions
	asked   chan struct{}

	ended chan struct{}
}

// hold is a lock of this program.
type hold struct {
	session int                     // in which it was taken
	lose    context.CancelCauseFunc // nil until it was taken
}

// ask is a request to take a lock, or to give it back.
type ask struct {
	number  int64
	take    bool
	outcome chan error
	session int // set before the outcome
}

func newLocker(s *Store) *locker {
	return &locker{store: s, held: map[string]*hold{}, asked: make(chan struct{}, 1), ended: make(chan struct{})}
}

func (l *locker) open(ctx context.Context) error {
	err := l.connect(ctx)
	if err != nil {
		close(l.ended)
		return err
	}
	go l.run()
	return nil
}

func (l *locker) close() { <-l.ended }

// Lock takes a lock by name for this program.
func (s *Store) Lock(ctx context.Context, name string) (held context.Context, unlock func(), err error) {
	switch {
	case s.closed():
		return nil, nil, ErrClosed
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case strings.HasPrefix(name, store.SendLock):
		if err := s.locks.maySend(ctx); err != nil {
			return nil, nil, err
		}
	}
	return s.locks.lock(ctx, name)
}

func (l *locker) lock(ctx context.Context, name string) (context.Context, func(), error) {
	h, a := &hold{}, l.store.ask(name, true)
	l.mu.Lock()
	if l.held[name] != nil {
		l.mu.Unlock()
		return nil, nil, store.ErrBusy
	}
	l.held[name] = h
	l.mu.Unlock()
	l.push(a)
	select {
	case err := <-a.outcome:
		if err != nil {
			l.drop(name)
			return nil, nil, l.store.readError(err)
		}
	case <-l.ended:
		return nil, nil, ErrClosed
	case <-ctx.Done():
		go func() {
			select {
			case err := <-a.outcome:
				if err == nil {
					l.give(name)
				} else {
					l.drop(name)
				}
			case <-l.ended:
			}
		}()
		return nil, nil, ctx.Err()
	}
	held, lose := context.WithCancelCause(ctx)
	l.mu.Lock()
	h.session, h.lose = a.session, lose
	if a.session != l.session { // lost meanwhile
		lose(store.ErrLost)
	}
	l.mu.Unlock()
	return held, sync.OnceFunc(func() {
		l.give(name)
		lose(context.Canceled)
	}), nil
}

func (o options) ask(name string, take bool) *ask {
	return &ask{number: o.number(name), take: take, outcome: make(chan error, 1)}
}

func (l *locker) push(a *ask) {
	l.mu.Lock()
	l.asks = append(l.asks, a)
	l.mu.Unlock()
	select {
	case l.asked <- struct{}{}:
	default:
	}
}

// give gives a lock back. Until that is done, nobody in this program can take it.
func (l *locker) give(name string) {
	a := l.store.ask(name, false)
	l.push(a)
	select {
	case <-a.outcome: //nolint:errcheck // the lock is given back either way
	case <-l.ended:
	}
	l.drop(name)
}

func (l *locker) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, name)
}

// run asks the server until the store is closed.
func (l *locker) run() {
	defer close(l.ended)
	ticker := time.NewTicker(l.store.beat)
	defer ticker.Stop()
	for {
		select {
		case <-l.store.closing:
			l.lost(ErrClosed)
			return
		case <-l.asked:
		case <-ticker.C:
			l.measure()
		}
		for more := true; more; {
			more = l.round()
		}
	}
}

// measure compares the server's clock with the program's. An error is met again by the
// next request.
func (l *locker) measure() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), beatTime)
	defer cancel()
	var server time.Time
	before := time.Now()
	if l.conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&server) == nil {
		l.skew.Store(int64(server.Sub(before.Add(time.Since(before) / 2).Round(0))))
	}
}

// Skew is how far the server's clock is ahead of the program's; 0 below a second, which
// the look at it may take.
func (s *Store) Skew() time.Duration {
	skew := time.Duration(s.locks.skew.Load()) - s.ahead
	if skew.Abs() < time.Second {
		return 0
	}
	return skew
}

// round sends what was asked for in one statement.
func (l *locker) round() (more bool) {
	l.mu.Lock()
	asks := l.asks
	if len(asks) > askMost {
		asks = asks[:askMost]
	}
	l.asks = l.asks[len(asks):]
	more = len(l.asks) > 0
	session := l.session
	l.mu.Unlock()

	got, err := l.send(asks)
	if err != nil {
		l.lost(err)
	}
	for n, a := range asks {
		a.session = session
		switch {
		case !a.take: // gone with the session, if not given back
			a.outcome <- nil
		case err != nil:
			a.outcome <- err
		case !got[n]:
			a.outcome <- store.ErrBusy
		default:
			a.outcome <- nil
		}
	}
	return more
}

// send asks for nothing too, to learn whether the session is there.
func (l *locker) send(asks []*ask) (got []bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), beatTime)
	defer cancel()
	if l.conn == nil {
		if err := l.connect(ctx); err != nil || len(asks) == 0 {
			return make([]bool, len(asks)), err
		}
	}
	numbers, take := make([]int64, len(asks)), make([]bool, len(asks))
	for n, a := range asks {
		numbers[n], take[n] = a.number, a.take
	}
	rows, err := l.conn.Query(ctx, `SELECT CASE WHEN a.take THEN pg_try_advisory_lock(a.number) ELSE pg_advisory_unlock(a.number) END
		FROM unnest($1::bigint[], $2::bool[]) WITH ORDINALITY AS a (number, take, place) ORDER BY a.place`, numbers, take)
	if err != nil {
		return nil, err
	}
	got, err = pgx.CollectRows(rows, pgx.RowTo[bool])
	if err == nil && len(got) != len(asks) {
		err = errors.New("durable/postgres: the server answered for another number of locks")
	}
	return got, err
}

// lost ends the session, and tells all who have a lock in it.
func (l *locker) lost(err error) {
	if l.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = l.conn.Close(ctx)
		l.conn = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held {
		if h.lose != nil && h.session == l.session {
			h.lose(store.ErrLost)
		}
	}
	l.session++
	if errors.Is(err, ErrClosed) {
		for _, a := range l.asks {
			a.outcome <- ErrClosed
		}
		l.asks = nil
	}
}

// connect makes the session, and looks whether the server is still the same.
func (l *locker) connect(ctx context.Context) error {
	conn, err := dial(ctx, l.store.config)
	if err != nil {
		return err
	}
	if err = control(ctx, conn, "SET idle_session_timeout = "+milliseconds(l.store.silence)); err == nil {
		err = l.look(ctx, conn)
	}
	if err != nil {
		_ = conn.Close(ctx)
		return err
	}
	l.conn = conn
	l.measure()
	return nil
}
