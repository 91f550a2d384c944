package durable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// The reservations of parallel sends go into few statements, and so do their receipts:
// what comes while a commit waits for the disk is the next group. A group that fails is
// given up, and each of it is written alone, by the statements of one message.

// group collects items for a function that writes several at once.
type group[T any] struct {
	mu      sync.Mutex
	waiting []*grouped[T]
	running bool
}

type grouped[T any] struct {
	item    T
	outcome chan error
}

// do waits until write was called with the item, and returns its outcome.
func (g *group[T]) do(item T, write func(items []T) []error) error {
	one := &grouped[T]{item, make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, one)
	if !g.running {
		g.running = true
		go g.run(write)
	}
	g.mu.Unlock()
	return <-one.outcome
}

func (g *group[T]) run(write func(items []T) []error) {
	for {
		g.mu.Lock()
		all := g.waiting
		g.waiting = nil
		g.running = len(all) > 0
		g.mu.Unlock()
		if len(all) == 0 {
			return
		}
		items := make([]T, len(all))
		for n, one := range all {
			items[n] = one.item
		}
		for n, err := range write(items) {
			all[n].outcome <- err
		}
	}
}

// reservation is an attempt that is to be stored before its write.
type reservation struct {
	*try
	ctx     context.Context
	attempt []byte
	instant int64 // by the desk's clock

	one func(ctx context.Context, tx Tx) error // the same for this message alone
}

// reserve commits reservations.
func (s *sender) reserve(all []*reservation) []error {
	outcomes := make([]error, len(all))
	return s.together(all[0].ctx, outcomes, func(ctx context.Context, tx Tx) error {
		clear(outcomes)
		return s.reserveAllIn(ctx, tx, all, outcomes)
	}, func(n int, ctx context.Context, tx Tx) error { return all[n].one(ctx, tx) })
}

// together commits what write writes for all. If a statement fails, each is written alone,
// at the same time as the others. outcomes has those that write has set.
func (s *sender) together(ctx context.Context, outcomes []error, write func(ctx context.Context, tx Tx) error,
	alone func(n int, ctx context.Context, tx Tx) error) []error {
	var failed error
	err := s.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		failed = write(ctx, NewTx(inner))
		return failed
	})
	if err == nil {
		return outcomes
	}
	var each sync.WaitGroup
	for n := range outcomes {
		if outcomes[n] = err; failed != nil {
			each.Go(func() {
				outcomes[n] = s.store.Update(ctx, func(ctx context.Context, inner store.Tx) error { return alone(n, ctx, NewTx(inner)) })
			})
		}
	}
	each.Wait()
	return outcomes
}

// reserveAllIn does for several messages what reserveIn does for one. To that it leaves
// those that a statement for several does not take, such as one that was canceled.
func (s *sender) reserveAllIn(ctx context.Context, tx Tx, all []*reservation, outcomes []error) error {
	byID := make(map[int64]*reservation, len(all))
	var values, attempts [][]any
	for _, r := range all {
		if r.allowed() == nil && !isMarketing(r.message) && byID[r.row.id] == nil {
			byID[r.row.id] = r
			values = append(values, []any{r.row.id, r.row.attempts + 1, r.instant, r.fellBack, r.claim})
		}
	}
	stored, now := map[int64]bool{}, store.Micros(s.clock.now())
	for some := range chunks(values) {
		ids, err := scanInts(tx.Query(ctx, reserveAllQuery(len(some)), flat(nil, some)...))
		if err != nil {
			return err
		}
		for _, id := range ids {
			r := byID[id]
			stored[id] = true
			attempts = append(attempts, []any{id, r.row.attempts + 1, r.attempt, now})
		}
	}
	left := int64(len(attempts))
	for some := range chunks(attempts) {
		added, err := tx.Exec(ctx, attemptAllQuery(len(some)), flat(nil, some)...)
		if err != nil {
			return err
		}
		left -= added
	}
	if left != 0 {
		return errors.New("an attempt of that number is stored already")
	}
	for n, r := range all {
		if !stored[r.row.id] || byID[r.row.id] != r { // in a savepoint, since its error is its own
			outcomes[n] = tx.inner.Try(ctx, func() error { return r.one(ctx, tx) })
		}
	}
	return nil
}

// received is a message that the service has accepted.
type received struct {
	*try
	verdict verdict
}

// id is the service's, as the outbox keeps it.
func (r *received) id() string { return spoken(r.verdict.receipt.ID, longestKey) }

// receive commits receipts.
func (s *sender) receive(ctx context.Context, all []*received) []error {
	found := s.factsOf(all) // before the turn of the transaction
	return s.together(ctx, make([]error, len(all)), func(ctx context.Context, tx Tx) error { return s.receiveAllIn(ctx, tx, all, found) },
		func(n int, ctx context.Context, tx Tx) error {
			return all[n].verdictIn(ctx, tx, all[n].verdict)
		})
}

// factsOf returns the facts that messages were sent.
func (s *sender) factsOf(all []*received) *facts {
	found := newFacts()
	for _, r := range all {
		if id := r.id(); id != "" {
			found.activity(activity(r.message, r.row.channel, id, s.clock.now()))
		}
	}
	found.named = nil // their recipients have the names that the outbox knows
	return found
}

// receiveAllIn does for several messages what sentIn does for one. found are their facts.
func (s *sender) receiveAllIn(ctx context.Context, tx Tx, all []*received, found *facts) error {
	byID := make(map[int64]*received, len(all))
	var values, ids [][]any
	for _, r := range all {
		id := r.id()
		if id == "" {
			if err := r.verdictIn(ctx, tx, r.verdict); err != nil {
				return err
			}
			continue
		}
		byID[r.row.id] = r
		values, ids = append(values, []any{r.row.id, id, r.claim}), append(ids, []any{id})
	}
	var changed []int64
	for some := range chunks(values) {
		sent, err := scanInts(tx.Query(ctx, sentAllQuery(len(some)), flat(nil, some)...))
		if err != nil {
			return err
		}
		changed = append(changed, sent...)
	}
	if len(changed) < len(byID) { // some are settled already
		var left []*received
		for _, id := range changed {
			left = append(left, byID[id])
		}
		found = s.factsOf(left)
	}
	if err := found.write(ctx, tx, s.clock.now()); err != nil {
		return err
	}
	if err := s.earlyIn(ctx, tx, ids); err != nil {
		return err
	}
	return s.changedIn(ctx, tx, changed...)
}

// earlyIn applies the statuses that came before the ids of messages were known.
func (s *sender) earlyIn(ctx context.Context, tx Tx, ids [][]any) error {
	for some := range chunks(ids) {
		rows, err := scanRows(tx.Query(ctx, "SELECT "+outboxColumns+` FROM early_status e JOIN outbox o
			ON o.channel = e.channel AND o.message_id = e.message_id AND o.message_id <> ''
			WHERE e.channel = $1 AND e.message_id IN `+placeholders(2, len(some)), flat([]any{s.channel}, some)...))
		if err != nil {
			return err
		}
		for _, r := range rows {
			news, err := s.takeEarly(ctx, tx, r.channel, r.messageID)
			if err != nil {
				return err
			}
			if news == nil {
				continue
			}
			if _, err := s.applyStatus(ctx, tx, r, news); err != nil {
				return err
			}
		}
	}
	return nil
}

// sent commits that a message was sent. It goes on until it succeeds or the program ends;
// then the message is unknown at the next start.
func (t *try) sent(v verdict) (done bool) {
	ctx := context.WithoutCancel(t.work.hard)
	for failures := 0; ; failures++ {
		err := t.receipts.do(&received{t, v}, func(all []*received) []error { return t.receive(ctx, all) })
		if err == nil {
			point.Reach(point.SendCommitted)
			return true
		}
		t.reportStore(t.work, err)
		if t.clock.wait(t.work.hard, t.clock.now().Add(storeWait(failures)), nil) != nil {
			return false
		}
	}
}

// pieces are the numbers of rows that statements have, so that there are few statements.
var pieces = []int{1, 2, 4, 8, 12, 16, 24, 32, 48, longestPiece}

const longestPiece = 64

// pieceOf returns how many rows the statement for n rows has; n is at most longestPiece.
func pieceOf(n int) int {
	i, _ := slices.BinarySearch(pieces, n)
	return pieces[i]
}

// chunks cuts rows into pieces. The last row fills the last piece; the statements take it
// once.
func chunks(rows [][]any) func(yield func(rows [][]any) bool) {
	return func(yield func([][]any) bool) {
		for some := range slices.Chunk(rows, longestPiece) {
			for n := pieceOf(len(some)); len(some) < n; {
				some = append(some, some[len(some)-1])
			}
			if !yield(some) {
				return
			}
		}
	}
}

// flat returns the arguments of a statement with rows of values.
func flat(first []any, rows [][]any) []any {
	for _, row := range rows {
		first = append(first, row...)
	}
	return first
}

// valuesOf returns rows of placeholders, the first of which is $first. Each has the type,
// unless that is "", or is a text instead.
func valuesOf(first, rows int, types ...string) string {
	var b strings.Builder
	for n := range rows {
		if n > 0 {
			b.WriteString(", ")
		}
		for i, kind := range types {
			b.WriteByte("(,"[min(i, 1)])
			switch kind {
			case "''":
				b.WriteString(kind)
				continue
			case "":
				fmt.Fprintf(&b, "$%d", first)
			default:
				fmt.Fprintf(&b, "CAST($%d AS %s)", first, kind)
			}
			first++
		}
		b.WriteByte(')')
	}
	return b.String()
}

// query makes the text of a statement for each number of rows.
func query(text string, first int, types ...string) func(rows int) string {
	return texted(func(rows int) string { return strings.Replace(text, "ROWS", valuesOf(first, rows, types...), 1) })
}

// texted keeps the texts that a function makes.
func texted(text func(rows int) string) func(rows int) string {
	var known sync.Map
	return func(rows int) string {
		if text, ok := known.Load(rows); ok {
			return text.(string)
		}
		made := text(rows)
		known.Store(rows, made)
		return made
	}
}

var (
	reserveAllQuery = query(`WITH v (id, number, reserved, fell_back, claim) AS (VALUES ROWS)
		UPDATE outbox SET state = 3, claim = v.claim, attempts = v.number, reserved = v.reserved, fell_back = v.fell_back, looked = 0
		FROM v WHERE outbox.id = v.id AND attempts + 1 = v.number AND `+strings.ReplaceAll(mayReserve, "$1", "v.claim")+` RETURNING outbox.id`,
		1, "BIGINT", "INTEGER", "BIGINT", "INTEGER", "TEXT")
	sentAllQuery = query(`WITH v (id, message_id, claim) AS (VALUES ROWS)
		UPDATE outbox SET state = 4, message_id = v.message_id, reason = '', failure = NULL, not_before = 0
		FROM v WHERE outbox.id = v.id AND outbox.claim = v.claim AND state IN (2, 3, 5) RETURNING outbox.id`, 1, "BIGINT", "TEXT", "TEXT")
	attemptAllQuery = query(`INSERT INTO outbox_attempt (outbox, number, attempt, at, message_id, result) VALUES ROWS
		ON CONFLICT (outbox, number) DO NOTHING`, 1,
		"BIGINT", "INTEGER", "", "BIGINT", "''", "''")
)
