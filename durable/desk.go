package durable

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/lanes"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Desk is the inbox, the outbox and the state of one store, with its channels. It is
// safe for concurrent use.
type Desk struct {
	Inbox  *Inbox
	Outbox *Outbox
	State  *State

	*parts
	began, running atomic.Bool // Run
}

// parts is what inbox, outbox and state share.
type parts struct {
	store    Store
	engine   store.Engine // nil if the store has none
	channels *chatapi.Channels
	options
	hooks   []Hooks
	trouble troubles

	leaves atomic.Bool          // other programs are to do what comes now
	others atomic.Bool          // other programs work on the store
	skew   func() time.Duration // of the database's clock
}

// Open makes a Desk on a store (sqlite.Open or postgres.Open) and the channels whose
// clients send. It compares the store's schema with the one that this program needs,
// and changes nothing. Nothing works before [Desk.Run]; [Inbox.Accept] and
// [Outbox.Send] store already. It is never repeated.
func Open(ctx context.Context, s Store, channels *chatapi.Channels, opts ...Option) (*Desk, error) {
	p := &parts{store: s, channels: channels, options: defaults(), skew: func() time.Duration { return 0 }}
	switch {
	case s == nil:
		return nil, errors.New("durable: Open: the store is nil; make it with sqlite.Open or postgres.Open")
	case channels == nil:
		return nil, errors.New("durable: Open: the channels are nil; make them with chatapi.NewChannels")
	}
	for _, opt := range opts {
		if opt != nil {
			opt(&p.options)
		}
	}
	p.clock.jumps = new(lanes.Jumps)
	p.engine, _ = s.(store.Engine)
	p.leaves.Store(p.acceptOnly)
	p.follow()
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("durable: Open: %w", err)
	}
	if p.acceptOnly && p.engine == nil {
		return nil, errors.New("durable: Open: AcceptOnly needs a store of many programs, such as that of package postgres; nobody else works in a folder")
	}
	if err := s.Check(ctx); err != nil {
		return nil, fmt.Errorf("durable: Open: %w", err)
	}
	d := &Desk{parts: p}
	d.State = newState(p)
	d.Outbox = newOutbox(p, d.State)
	d.State.outbox = d.Outbox
	d.Inbox = newInbox(p, d.Outbox)
	return d, nil
}

// BeforeCommit sets a function that writes the last statements of each transaction in
// which something was told to [Tx.Changed]: in [Work.InTx], in the function of
// [Outbox.OnChange], and in the Update of the store. Functions that share a transaction
// share one call, with the changes of all of them, in their order. So a row that every
// change has to touch, such as a counter, is locked once for many and only for the moment
// of the commit; taken earlier, it would let two programs wait for each other. On
// PostgreSQL the order of the counter is the order of the commits then.
//
//	desk.BeforeCommit(func(ctx context.Context, tx durable.Tx, changes []any) error {
//		last, err := bump(ctx, tx, len(changes)) // UPDATE counter SET n = n + $1 RETURNING n
//		if err != nil {
//			return err
//		}
//		for i, c := range changes {
//			number := last - int64(len(changes)-1-i)
//			… INSERT INTO change (number, chat) VALUES ($1, $2)
//		}
//		return nil
//	})
//
// do writes with the given Tx only and may run more than once; what it writes commits
// once. Its error, or panic, undoes the transaction; then each function runs again in a
// transaction of its own, and an error that stays is that of its Update, or an error of
// the store for a handler, whose attempt fails in the end. Set it before [Desk.Run], once
// for a store; a second BeforeCommit replaces the first, and nil ends it.
func (d *Desk) BeforeCommit(do func(ctx context.Context, tx Tx, changes []any) error) {
	if do == nil {
		d.store.BeforeCommit(nil)
		return
	}
	d.store.BeforeCommit(func(ctx context.Context, tx store.Tx, changes []any) error { return do(ctx, NewTx(tx), changes) })
}

// follow lets the clock be that of the database, where that has its own.
func (p *parts) follow() {
	database, ok := p.store.(store.Skewed)
	if own := p.clock.now; ok && own != nil {
		p.clock.now = func() time.Time { return own().Add(database.Skew()) }
		p.skew = database.Skew
	}
}

// check returns what is wrong with the options.
func (o *options) check() error {
	switch {
	case o.workers < 1:
		return fmt.Errorf("Workers is %d; it has to be at least 1", o.workers)
	case o.retries.Attempts < 1:
		return fmt.Errorf("Retries has %d attempts; it has to be at least 1", o.retries.Attempts)
	case o.retries.Timeout < 0 || o.keep.Bodies < 0 || o.keep.Sent < 0 || o.drain < 0:
		return errors.New("a duration is negative")
	case o.unknown < ResolveThenAsk || o.unknown > ResolveThenSkip:
		return fmt.Errorf("UnknownPolicy is %d; use one of its constants", o.unknown)
	case o.clock.now == nil:
		return errors.New("the function of Clock is nil")
	}
	return nil
}
