package durable

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// State answers from the store, in any process, what the SDK's own bookkeeping knows:
// service windows, opt-outs, the names of people, and ledgers. [Desk.Run] folds each
// accepted event into it, before and independent of the user's [Handler], so a
// customer's "stop" counts also while a handler fails. State calls no service. It is
// safe for concurrent use.
type State struct {
	*parts
	outbox *Outbox // set by Open, since the outbox is made after the state

	news    chan struct{} // of wake
	cache   bodies        // of the fold
	limit   int           // events of the next batch
	skipped atomic.Int64
	inOrder bool      // activities are committed in the order of their ids
	tidied  time.Time // by care

	mu    sync.Mutex // guards books
	books []*book
}

func newState(p *parts) *State {
	return &State{parts: p, news: make(chan struct{}, 1), limit: foldBatch, inOrder: !p.store.Shared()}
}

// Window returns the service window of a person or a group. Every name of the person
// finds it: the number in either spelling, the BSUID, the chat or the username; see
// [chatapi.Identities]. A customer's message or call opens it, also while another
// agent holds the chat; a system note and imported history do not. A person who never
// wrote has the zero Window. It calls no service. It is never repeated.
func (s *State) Window(ctx context.Context, channel chatapi.ChannelID, who chatapi.Recipient) (w chatapi.Window, err error) {
	err = s.view(ctx, "Window", channel, who, func(ctx context.Context, tx Tx) error {
		w, err = s.windowIn(ctx, tx, canonical(channel), who)
		return err
	})
	return w, err
}

// OptedOut reports whether a person wants no marketing messages: by a
// [*chatapi.PreferenceEvent], by a status that failed with [chatapi.ErrOptedOut], or
// by [State.OptOut]. Of several the newest counts. Every name of the person finds it,
// as in [State.Window]. It calls no service. It is never repeated.
func (s *State) OptedOut(ctx context.Context, channel chatapi.ChannelID, who chatapi.Recipient) (out bool, err error) {
	err = s.view(ctx, "OptedOut", channel, who, func(ctx context.Context, tx Tx) error {
		out, err = s.optedOutIn(ctx, tx, canonical(channel), who)
		return err
	})
	return out, err
}

// OptOut notes that a person wants no marketing messages from now on, or wants them
// again if out is false. Use it for what a customer says in other ways than
// WhatsApp's own, such as the word STOP. It is kept as a keyed hash, which
// [Desk.Erase] leaves. It calls no service. It is never repeated.
func (s *State) OptOut(ctx context.Context, channel chatapi.ChannelID, who chatapi.Recipient, out bool) error {
	if err := namesSomebody("OptOut", channel, who); err != nil {
		return err
	}
	if store.InTx(ctx) {
		return ErrInTx
	}
	found := newFacts()
	found.preference(canonical(channel), []chatapi.Recipient{who}, out, s.clock.now())
	return s.update(ctx, found.writePreferences)
}

// update commits what do writes.
func (s *State) update(ctx context.Context, do func(ctx context.Context, tx Tx) error) error {
	return s.store.Update(ctx, func(ctx context.Context, inner store.Tx) error { return do(ctx, NewTx(inner)) })
}

// view checks the arguments and reads.
func (s *State) view(ctx context.Context, op string, channel chatapi.ChannelID, who chatapi.Recipient, do func(ctx context.Context, tx Tx) error) error {
	if err := namesSomebody(op, channel, who); err != nil {
		return err
	}
	return s.store.View(ctx, func(ctx context.Context, inner store.Tx) error { return do(ctx, NewTx(inner)) })
}

func namesSomebody(op string, channel chatapi.ChannelID, who chatapi.Recipient) error {
	switch {
	case canonical(channel) == "":
		return fmt.Errorf("durable: %s: the channel is missing; give its id, such as ABC100000001", op)
	case who.IsZero():
		return fmt.Errorf("durable: %s: the recipient names nobody; make one with chatapi.Phone, BSUID, Chat or Username", op)
	}
	return nil
}

// windowIn returns the service window of a person.
func (s *State) windowIn(ctx context.Context, tx Tx, channel string, to chatapi.Recipient) (chatapi.Window, error) {
	around, err := peopleAround(ctx, tx, channel, to)
	if err != nil {
		return chatapi.Window{}, err
	}
	var last time.Time
	err = around.eachRow(ctx, tx, "SELECT person, since, 0 FROM service_window WHERE channel = $1 AND person IN ", channel, nameKey,
		func(name chatapi.Recipient, at time.Time, _ bool) {
			if at.After(last) && around.isOwner(name, at) {
				last = at
			}
		})
	return chatapi.WindowFrom(last), err
}

// optedOutIn reports whether a person wants no marketing.
func (s *State) optedOutIn(ctx context.Context, tx Tx, channel string, to chatapi.Recipient) (bool, error) {
	key, err := secretIn(ctx, tx)
	if err != nil || key == nil { // without a key nobody ever opted out
		return false, err
	}
	around, err := peopleAround(ctx, tx, channel, to)
	if err != nil {
		return false, err
	}
	var newest time.Time
	out := false
	hashed := func(name chatapi.Recipient) string { return personHash(key, channel, name) }
	err = around.eachRow(ctx, tx, "SELECT person, at, stopped FROM opt_out WHERE channel = $1 AND person IN ", channel, hashed,
		func(name chatapi.Recipient, at time.Time, stopped bool) {
			if at.Before(newest) || !around.isOwner(name, at) {
				return
			}
			out = stopped || out && at.Equal(newest)
			newest = at
		})
	return out, err
}

// recordIn stores facts for the ledger, and the links of their names.
func (s *State) recordIn(ctx context.Context, tx Tx, activities ...chatapi.Activity) error {
	found := newFacts()
	for _, a := range activities {
		found.activity(a)
	}
	return found.write(ctx, tx, s.clock.now())
}

// contactOf returns the contact with only that name.
func contactOf(r chatapi.Recipient) chatapi.Contact {
	switch r.Kind() {
	case chatapi.RecipientPhone:
		return chatapi.Contact{Phone: r.Value()}
	case chatapi.RecipientBSUID:
		return chatapi.Contact{BSUID: r.Value()}
	case chatapi.RecipientUsername:
		return chatapi.Contact{Username: r.Value()}
	}
	return chatapi.Contact{Chat: r.Value()}
}

// wake says that events were accepted, or that facts were committed with recordIn.
func (s *State) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// secretIn returns the key under which the store hashes names that it has to keep
// after an erasure; nil if it has none yet.
func secretIn(ctx context.Context, tx Tx) (key []byte, err error) {
	rows, err := tx.Query(ctx, "SELECT value FROM secret WHERE name = 'names'")
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error { return rows.Scan(&key) })
	return key, err
}

// madeSecretIn returns that key, and makes it if there is none. It is not kept in
// memory, because the transaction that makes it may be undone.
func madeSecretIn(ctx context.Context, tx Tx) ([]byte, error) {
	if key, err := secretIn(ctx, tx); err != nil || key != nil {
		return key, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	if _, err := tx.Exec(ctx, "INSERT INTO secret (name, value) VALUES ('names', $1) ON CONFLICT (name) DO NOTHING", fresh); err != nil {
		return nil, err
	}
	return secretIn(ctx, tx)
}

// personHash is a name that cannot be read back without the store's key.
func personHash(key []byte, channel string, name chatapi.Recipient) string {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(channel + "\x00" + name.Key()))
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// each calls do for each row, closes the rows, and returns the first error.
func each(rows Rows, do func() error) error {
	for rows.Next() {
		if err := do(); err != nil {
			_ = rows.Close()
			return err
		}
	}
	if err := rows.Err(); err != nil {
		_ = rows.Close()
		return err
	}
	return rows.Close()
}
