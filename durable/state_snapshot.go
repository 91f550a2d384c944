package durable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	snapshotPart = 512 << 10 // bytes of a snapshot in one Update

	keepFacts = 400 * 24 * time.Hour
	carePause = 5 * time.Second
	careEvery = time.Hour
	careRows  = 500
)

// restore makes the ledger of a book from its newest snapshot, or an empty one.
func (s *State) restore(ctx context.Context, b *book) (*chatapi.Ledger, error) {
	in := &snapshotReader{state: s, ctx: ctx, account: b.name}
	found, err := in.open()
	if err != nil {
		return nil, err
	}
	if found {
		l, err := chatapi.RestoreLedger(in, b.accounts[0], b.accounts[1:]...)
		if err == nil {
			b.position, b.stored = in.activity, in.at
			return l, nil
		}
		if in.failed != nil || in.needed || !errors.Is(err, chatapi.ErrSnapshot) {
			return nil, errors.Join(err, in.failed)
		}
		s.log(ctx, "The snapshot of a ledger cannot be read; the ledger is made of its single facts, which takes longer.", err)
	}
	empty := chatapi.NewLedger(b.accounts[0], b.accounts[1:]...)
	// Loading nothing tells whether the accounts are right.
	return empty, empty.Load(func(func(chatapi.Activity, error) bool) {})
}

// snapshotReader reads the newest complete snapshot of some accounts.
type snapshotReader struct {
	state   *State
	ctx     context.Context
	account string

	number, activity, parts int64
	needed                  bool
	at                      time.Time

	part   int64
	body   []byte
	failed error // of the store
}

func (r *snapshotReader) open() (found bool, err error) {
	err = r.state.store.View(r.ctx, func(ctx context.Context, inner store.Tx) error {
		// Only the last part has the number of parts, so a snapshot that was not
		// written to its end is not found.
		rows, err := inner.Query(ctx, `SELECT number, activity, parts, needed, at FROM ledger_snapshot
			WHERE account = $1 AND parts > 0 ORDER BY number DESC LIMIT 1`, r.account)
		if err != nil {
			return err
		}
		return each(rows, func() error {
			var needed, at int64
			err := rows.Scan(&r.number, &r.activity, &r.parts, &needed, &at)
			found, r.needed, r.at = true, needed == 1, store.Time(at)
			return err
		})
	})
	return found, err
}

func (r *snapshotReader) Read(into []byte) (int, error) {
	for len(r.body) == 0 {
		if r.part == r.parts {
			return 0, io.EOF
		}
		r.part++
		if r.failed = r.readPart(); r.failed != nil {
			return 0, r.failed
		}
	}
	n := copy(into, r.body)
	r.body = r.body[n:]
	return n, nil
}

func (r *snapshotReader) readPart() error {
	found := false
	err := r.state.store.View(r.ctx, func(ctx context.Context, inner store.Tx) error {
		rows, err := inner.Query(ctx, "SELECT body FROM ledger_snapshot WHERE account = $1 AND number = $2 AND part = $3", r.account, r.number, r.part)
		if err != nil {
			return err
		}
		return each(rows, func() error { found = true; return rows.Scan(&r.body) })
	})
	if err == nil && !found {
		err = errors.New("the snapshot was replaced by a newer one while it was read; try again")
	}
	return err
}

// snapshot stores the ledger of a book, in slices, and removes older snapshots.
// needed says that it has more than the stored activities give.
func (s *State) snapshot(ctx context.Context, b *book, l *chatapi.Ledger, needed bool) error {
	ctx, unlock, err := s.store.Lock(ctx, "ledger "+b.name)
	if err != nil {
		return err
	}
	defer unlock()
	b.mu.Lock()
	position, facts, erased := b.position, b.facts, b.erased // the ledger may know more, which is loaded again
	b.mu.Unlock()
	if erased {
		return errors.New("the ledger has a person who was erased since; take a new one of State.Ledger")
	}
	var body bytes.Buffer
	if err := l.Snapshot(&body); err != nil {
		return err
	}
	now := s.clock.now()
	if err := s.storeSnapshot(ctx, b.name, position, body.Bytes(), needed, now); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored, b.facts = now, b.facts-facts
	return nil
}

func (s *State) storeSnapshot(ctx context.Context, account string, position int64, body []byte, needed bool, now time.Time) error {
	var number, before int64
	err := s.store.View(ctx, func(ctx context.Context, inner store.Tx) error {
		rows, err := inner.Query(ctx, `SELECT COALESCE(MAX(number), 0), COALESCE(MAX(CASE WHEN parts > 0 THEN needed ELSE 0 END), 0)
			FROM ledger_snapshot WHERE account = $1`, account)
		if err != nil {
			return err
		}
		return each(rows, func() error { return rows.Scan(&number, &before) })
	})
	if err != nil {
		return err
	}
	number, needed = number+1, needed || before == 1
	parts := (len(body) + snapshotPart - 1) / snapshotPart
	for part := range parts {
		total, piece := 0, body[part*snapshotPart:min(len(body), (part+1)*snapshotPart)]
		if part == parts-1 {
			total = parts
		}
		if _, err := s.exec(ctx, `INSERT INTO ledger_snapshot (account, number, part, parts, activity, needed, at, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			account, number, int64(part+1), int64(total), position, flag(needed), store.Micros(now), piece); err != nil {
			return err
		}
	}
	return s.dropSnapshots(ctx, "account = $1 AND number < $2", account, number)
}

// dropSnapshots removes parts of snapshots that match, some at a time.
func (s *State) dropSnapshots(ctx context.Context, where string, args ...any) error {
	for {
		n, err := s.exec(ctx, fmt.Sprintf(`DELETE FROM ledger_snapshot WHERE (account, number, part) IN
			(SELECT account, number, part FROM ledger_snapshot WHERE %s ORDER BY account, number, part LIMIT 8)`, where), args...)
		if err != nil || n == 0 {
			return err
		}
	}
}

// exec runs one statement in an Update of its own.
func (s *State) exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = s.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		n, err = inner.Exec(ctx, query, args...)
		return err
	})
	return n, err
}

// care keeps ledgers up to date, writes snapshots that are due, and removes what is
// too old. Its errors wait for the next round, since none of it is urgent.
func (s *State) care(ctx context.Context) {
	now := s.clock.now()
	for b, l := range s.kept() {
		err := s.refresh(ctx, b, l)
		if err == nil && b.isDue(now) {
			err = s.snapshot(ctx, b, l, false)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrBusy) {
			s.log(ctx, "A ledger is behind the store, because the database fails; it is tried again.", err)
		}
	}
	if now.Sub(s.tidied) < careEvery {
		return
	}
	s.tidied = now
	if err := s.tidy(ctx, now.Add(-keepFacts)); err != nil && ctx.Err() == nil {
		s.log(ctx, "Old facts for bills cannot be removed, because the database fails; it is tried again.", err)
	}
}

// isDue reports whether a snapshot is due.
func (b *book) isDue(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stored.IsZero() {
		b.stored = now // the first snapshot waits as long as any
	}
	age := now.Sub(b.stored)
	return !b.erased && (b.facts >= snapshotFacts && age >= snapshotPause || b.facts > 0 && age >= snapshotAge)
}

// oldFactsQuery removes some old activities that all snapshots have.
const oldFactsQuery = `DELETE FROM activity WHERE id IN (SELECT id FROM activity WHERE at < $1
	AND NOT EXISTS (SELECT 1 FROM ledger_snapshot WHERE parts > 0 AND ledger_snapshot.activity < activity.id) ORDER BY at LIMIT $2)`

// tidy removes snapshots, and activities that all other snapshots have, from before an
// instant.
func (s *State) tidy(ctx context.Context, before time.Time) error {
	if err := s.dropSnapshots(ctx, "at < $1", store.Micros(before)); err != nil {
		return err
	}
	for marked := false; ; {
		var n int64
		err := s.store.Update(ctx, func(ctx context.Context, inner store.Tx) (err error) {
			n, err = inner.Exec(ctx, oldFactsQuery, store.Micros(before), int64(careRows))
			if err != nil || n == 0 || marked {
				return err
			}
			// From now on the snapshots have more than the activities.
			_, err = inner.Exec(ctx, "UPDATE ledger_snapshot SET needed = 1 WHERE needed = 0 AND parts > 0")
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		marked = true
	}
}
