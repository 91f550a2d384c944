package durable

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"
	"weak"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	loadRows  = 1024    // rows of activities in one View, at most
	loadBytes = 4 << 20 // of them, about

	snapshotFacts = 50_000 // facts after which a new snapshot is written
	snapshotPause = 10 * time.Minute
	snapshotAge   = 6 * time.Hour // if there are any

	// lateCommits is how long a transaction of another process can take between
	// drawing the id of its activities and committing them.
	lateCommits = time.Minute
)

// book is a ledger that is kept up to date.
type book struct {
	ledger   weak.Pointer[chatapi.Ledger]
	name     string
	numbers  map[string]bool // nil for all channels
	accounts []chatapi.Account

	mu       sync.Mutex
	position int64     // the newest row up to which the ledger has all
	stored   time.Time // when the newest snapshot was
	facts    int       // since then
	erased   bool      // the ledger has a person who was erased
}

// Ledger returns a ledger of the accounts with every fact that was folded, from the
// newest snapshot and the activities after it. While [Desk.Run] runs, the ledger
// follows the store within five seconds, and snapshots are written now and then; so call
// Ledger once at the start and keep the result. [State.Refresh] brings it up to date at
// once. Quotes and bills are calls of the ledger, which ask the store nothing.
//
// Facts of channels that are in no account are passed over. Close months with
// [State.CloseMonth]. A snapshot belongs to the IDs of its accounts; with other
// accounts the ledger is made of the activities, which are kept for 400 days. The
// error is that of [chatapi.RestoreLedger] for a snapshot that cannot be read, or for
// wrong accounts, or the store's. It calls no service. It is never repeated.
func (s *State) Ledger(ctx context.Context, account chatapi.Account, more ...chatapi.Account) (*chatapi.Ledger, error) {
	accounts := append([]chatapi.Account{account}, more...)
	b := &book{name: accountsName(accounts), numbers: numbersOf(accounts), accounts: accounts}
	ledger, err := s.restore(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("durable: Ledger: %w", err)
	}
	b.ledger = weak.Make(ledger)
	if err := s.refresh(ctx, b, ledger); err != nil {
		return nil, fmt.Errorf("durable: Ledger: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books = append(s.books, b)
	return ledger, nil
}

// Refresh brings a ledger of [State.Ledger] up to date with what is folded now. It
// calls no service. It is never repeated.
func (s *State) Refresh(ctx context.Context, l *chatapi.Ledger) error {
	b, err := s.bookOf(l)
	if err != nil {
		return fmt.Errorf("durable: Refresh: %w", err)
	}
	return s.refresh(ctx, b, l)
}

// Position returns the number of the newest stored activity that a ledger of
// [State.Ledger] has; 0 for one without any, and for another ledger.
func (s *State) Position(l *chatapi.Ledger) int64 {
	b, err := s.bookOf(l)
	if err != nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.position
}

// SnapshotLedger brings a ledger of [State.Ledger] up to date and stores a snapshot of
// it, so that the next start is quick. [Desk.Run] does so by itself after 50,000
// facts, at most every ten minutes, and after six hours with new facts. It calls no
// service. It is never repeated.
func (s *State) SnapshotLedger(ctx context.Context, l *chatapi.Ledger) error {
	b, err := s.bookOf(l)
	if err == nil {
		err = s.refresh(ctx, b, l)
	}
	if err == nil {
		err = s.snapshot(ctx, b, l, false)
	}
	if err != nil {
		return fmt.Errorf("durable: SnapshotLedger: %w", err)
	}
	return nil
}

// CloseMonth brings a ledger of [State.Ledger] up to date, closes a month in it (see
// [chatapi.Ledger.Close]) and stores a snapshot before it returns the bill, so that the
// month stays closed after a restart. A missing price is [chatapi.ErrNoPrice] together
// with the bill, as from Close, and the month is closed. After another error it may be
// closed in this process only: call CloseMonth again. It calls no service.
// It is never repeated.
func (s *State) CloseMonth(ctx context.Context, l *chatapi.Ledger, month chatapi.YearMonth) (*chatapi.Bill, error) {
	b, err := s.bookOf(l)
	if err == nil {
		err = s.refresh(ctx, b, l)
	}
	if err != nil {
		return nil, fmt.Errorf("durable: CloseMonth: %w", err)
	}
	bill, missing := l.Close(month)
	if missing != nil && !errors.Is(missing, chatapi.ErrNoPrice) {
		return bill, missing
	}
	if err := s.snapshot(ctx, b, l, true); err != nil {
		return bill, fmt.Errorf("durable: CloseMonth: the month is closed, but the snapshot was not stored; call it again: %w", err)
	}
	return bill, missing
}

// bookOf returns the book of a ledger, and forgets ledgers that nobody uses.
func (s *State) bookOf(l *chatapi.Ledger) (*book, error) {
	for b, known := range s.kept() {
		if known == l && l != nil {
			return b, nil
		}
	}
	return nil, errors.New("the ledger is not one of State.Ledger of this Desk; make it there")
}

// kept returns the books whose ledgers are in use.
func (s *State) kept() map[*book]*chatapi.Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[*book]*chatapi.Ledger{}
	books := s.books[:0]
	for _, b := range s.books {
		if l := b.ledger.Value(); l != nil {
			all[b] = l
			books = append(books, b)
		}
	}
	clear(s.books[len(books):])
	s.books = books
	return all
}

// accountsName names the accounts of a snapshot.
func accountsName(accounts []chatapi.Account) string {
	sum := sha256.New()
	for _, a := range accounts {
		fmt.Fprintf(sum, "%q\n", a.ID)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// numbersOf returns the channels of the accounts; nil if one of them takes all others.
func numbersOf(accounts []chatapi.Account) map[string]bool {
	numbers := map[string]bool{}
	for _, a := range accounts {
		if len(a.Numbers) == 0 {
			return nil
		}
		for _, number := range a.Numbers {
			numbers[canonical(number)] = true
		}
	}
	return numbers
}

// refresh loads the activities after the position of a book.
func (s *State) refresh(ctx context.Context, b *book, l *chatapi.Ledger) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	in := &activityReader{state: s, ctx: ctx, after: b.position, settled: b.position}
	next, stop := iter.Pull2(chatapi.ReadActivities(in))
	defer stop()
	for {
		bad, err := s.load(ctx, b, l, next)
		if err != nil {
			return err
		}
		if bad == nil {
			break
		}
		s.log(ctx, "A stored fact does not fit the ledger, and is left out of the bill.", bad)
	}
	b.position, b.facts = in.settled, b.facts+in.facts
	return nil
}

// load gives activities to a ledger. bad is the refusal of one activity; the next call
// goes on behind it.
func (s *State) load(ctx context.Context, b *book, l *chatapi.Ledger, next func() (chatapi.Activity, error, bool)) (bad, failed error) {
	bad = l.Load(func(yield func(chatapi.Activity, error) bool) {
		for {
			a, err, ok := next()
			unread, isLine := errors.AsType[*chatapi.Error](err)
			switch {
			case !ok:
				return
			case isLine:
				s.log(ctx, "A stored fact cannot be read, and is left out of the bill.", unread)
				continue
			case err != nil:
				failed = err
			case b.numbers != nil && !b.numbers[string(a.Channel)]:
				continue
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
	})
	return bad, failed
}

// activityReader reads the stored activities as JSON lines, in slices.
type activityReader struct {
	state   *State
	ctx     context.Context
	after   int64
	settled int64 // no row up to this one can still appear
	open    bool  // a row was seen that is newer
	facts   int   // of the settled rows
	buffer  bytes.Buffer
}

func (r *activityReader) Read(into []byte) (int, error) {
	if r.buffer.Len() == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	return r.buffer.Read(into) // io.EOF if there was nothing more
}

// fill reads the next slice.
func (r *activityReader) fill() error {
	r.buffer.Reset()
	now := r.state.clock.now()
	return r.state.store.View(r.ctx, func(ctx context.Context, inner store.Tx) error {
		rows, err := inner.Query(ctx, "SELECT id, at, body FROM activity WHERE id > $1 ORDER BY id LIMIT $2", r.after, int64(loadRows))
		if err != nil {
			return err
		}
		defer rows.Close()
		for r.buffer.Len() < loadBytes && rows.Next() {
			var at int64
			var body []byte
			if err := rows.Scan(&r.after, &at, &body); err != nil {
				return err
			}
			r.buffer.Write(body)
			if !r.state.inOrder && now.Sub(store.Time(at)) < lateCommits {
				r.open = true
			}
			if !r.open {
				r.settled = r.after
				r.facts += bytes.Count(body, []byte{'\n'})
			}
		}
		return rows.Err()
	})
}
