package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
)

// asking counts how often the lock of a lane is refused.
type asking struct {
	store.Store
	refused atomic.Int32
}

func (s *asking) Lock(ctx context.Context, name string) (context.Context, func(), error) {
	held, unlock, err := s.Store.Lock(ctx, name)
	if strings.HasPrefix(name, "lane ") && errors.Is(err, store.ErrBusy) {
		s.refused.Add(1)
	}
	return held, unlock, err
}

// A delivery whose numbers are smaller is committed while the handler of a later event of
// the same chat runs. The chat has one handler at a time all the same.
func TestSmallerNumberCommitsLate(t *testing.T) {
	ctx, address := t.Context(), database(t)
	holder, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer holder.Close(context.Background())
	began, goOn := make(chan struct{}), make(chan struct{})
	var running, most atomic.Int32
	handler := func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		if e.Key() == "message/second" {
			close(began)
			<-goOn
		}
		return desktest.Effect(ctx, e, w)
	}
	s := &asking{Store: named(t, address, "first")}
	first, second := desktest.Open(t, s, chatapi.NewChannels(), handler), desktest.Open(t, open(t, address), chatapi.NewChannels(), handler)
	// The first delivery has drawn its numbers, and waits for somebody who may have the event.
	_, err = holder.Exec(ctx, "BEGIN")
	require.NoError(t, err)
	_, err = holder.Exec(ctx, "INSERT INTO chatapi.seen (khash) VALUES ($1)", hashOf(t, "first"))
	require.NoError(t, err)
	taken := make(chan error, 1)
	go func() { taken <- first.Inbox.Accept(ctx, desktest.Delivery(desktest.Message("first", 0, "x"))) }()
	require.Eventually(t, func() bool { return waiting(t, address) == 1 }, time.Minute, time.Millisecond)
	second.Accept(desktest.Message("second", 0, "x"))
	<-began
	_, err = holder.Exec(ctx, "ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, <-taken)
	// The lock is refused again and again, or both handlers run.
	require.Eventually(t, func() bool { return s.refused.Load() > 2 || most.Load() > 1 }, time.Minute, time.Millisecond)
	assert.EqualValues(t, 1, most.Load())
	close(goOn)
	first.Empty()
	assert.Len(t, desktest.Effects(t, second.Store, desktest.Phone(0)), 2)
	assert.EqualValues(t, 1, most.Load())
}

// hashOf returns by what the key of an event is known, as another database has it.
func hashOf(t *testing.T, id string) (hash []byte) {
	other := open(t, database(t))
	desk, err := durable.Open(t.Context(), other, chatapi.NewChannels())
	require.NoError(t, err)
	require.NoError(t, desk.Inbox.Accept(t.Context(), desktest.Delivery(desktest.Message(id, 0, "x"))))
	return ask[[]byte](t, address(t, other), "SELECT khash FROM chatapi.seen")
}

// The events of one chat come to two programs at once, and each sender waits for the
// handler before the next one: none waits for a sweep.
func TestOneChatOfTwoPrograms(t *testing.T) {
	const senders, each = 4, 25
	address := database(t)
	var handled sync.Map
	for n := range senders * each {
		handled.Store("message/"+fmt.Sprint(n), make(chan time.Duration, 1))
	}
	handler := func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		c, _ := handled.Load(e.Key())
		c.(chan time.Duration) <- time.Since(w.Accepted)
		return nil
	}
	desks := []*desktest.Box{desktest.Open(t, open(t, address), chatapi.NewChannels(), handler), desktest.Open(t, open(t, address), chatapi.NewChannels(), handler)}
	waits, pulse := make(chan time.Duration, senders*each), slowest(t, address)
	var all sync.WaitGroup
	for n := range senders {
		all.Go(func() {
			for i := range each {
				id := fmt.Sprint(n*each + i)
				desks[(n+i)%2].Accept(desktest.Message(id, 0, "x"))
				c, _ := handled.Load("message/" + id)
				waits <- <-c.(chan time.Duration)
			}
		})
	}
	all.Wait()
	close(waits)
	sorted := slices.Sorted(func(yield func(time.Duration) bool) {
		for wait := range waits {
			if !yield(wait) {
				return
			}
		}
	})
	most := pulse()
	t.Logf("half waited less than %s, the last one %s; a commit took %s at most", sorted[len(sorted)/2], sorted[len(sorted)-1], most)
	assert.Less(t, sorted[len(sorted)-1], 3*time.Second+10*most, "a sweep finds no event earlier")
}

// held is a store that holds back the commit in which a message gets its id.
type held struct {
	store.Store
	once    sync.Once
	written chan struct{}
	goOn    chan struct{}
}

func (s *held) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := do(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT 1 FROM outbox WHERE message_id <> ''")
		if err != nil {
			return err
		}
		found := rows.Next()
		if err := rows.Close(); err != nil || !found {
			return err
		}
		s.once.Do(func() {
			close(s.written)
			<-s.goOn
		})
		return nil
	})
}

// folded waits until nothing is left to fold.
func folded(t *testing.T, b *desktest.Box) {
	t.Helper()
	require.Eventually(t, func() bool {
		left, err := b.Store.Unfolded(t.Context(), 1)
		return err == nil && len(left) == 0
	}, time.Minute, time.Millisecond)
}

// foldDelivered accepts and folds the status that a message to the first person was delivered.
func foldDelivered(t *testing.T, b *desktest.Box, id string) {
	t.Helper()
	d := &chatapi.Delivery{Channel: desktest.Channel, Received: time.Now(), Body: []byte(`{"instanceId":"` + string(desktest.Channel) +
		`","ack":[{"id":"` + id + `","chatId":"` + desktest.Phone(0) + `@c.us","status":"delivered"}]}`)}
	d.Events, d.Err = chatapi.ParseWebhook(d.Body)
	require.NoError(t, b.Inbox.Accept(t.Context(), d))
	folded(t, b)
}

// A status and the id of its message are written by two programs at the same time, so
// that neither sees the other.
func TestStatusMeetsItsMessage(t *testing.T) {
	ctx, address := t.Context(), database(t)
	api, channels := desktest.Service(t, 1)
	folds := desktest.Open(t, open(t, address), chatapi.NewChannels(), nil)
	folds.Accept(desktest.Message("hello", 0, "x"))
	folded(t, folds)
	s := &held{Store: open(t, address), written: make(chan struct{}), goOn: make(chan struct{})}
	b := desktest.Open(t, s, channels, nil)
	b.Send("k", desktest.To(0))
	<-s.written
	id := api.Customer(desktest.Phone(0)).LastReceived().ID
	foldDelivered(t, folds, id)
	close(s.goOn)
	require.Eventually(t, func() bool {
		q, err := b.Outbox.Get(ctx, desktest.Channel, "k")
		return err == nil && q.Status == chatapi.StatusDelivered
	}, time.Minute, 10*time.Millisecond, "and not at the housekeeping of the next hour")
}

// between is a store whose transactions meet another program's commit directly before a query.
type between struct {
	store.Store
	query  string
	commit func()
}

func (s *between) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx store.Tx) error { return do(ctx, &betweenTx{tx, s}) })
}

type betweenTx struct {
	store.Tx
	s *between
}

func (tx *betweenTx) Query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	if strings.Contains(query, tx.s.query) {
		tx.s.commit()
	}
	return tx.Tx.Query(ctx, query, args...)
}

// The status of a message comes while another program writes its id, and an older message to
// the same person is unknown: the status is not taken for that of the older one.
func TestStatusIsNotThatOfAnOlderMessage(t *testing.T) {
	ctx, address := t.Context(), database(t)
	_, channels := desktest.Service(t, 1)
	plans, err := durable.Open(ctx, open(t, address), channels) // does not run, so nothing is sent
	require.NoError(t, err)
	for _, key := range []string{"old", "new"} {
		_, err := plans.Outbox.Send(ctx, desktest.Channel, key, desktest.To(0), chatapi.Text{Body: key})
		require.NoError(t, err)
	}
	now := fmt.Sprint(time.Now().UnixMicro())
	run(t, address, "UPDATE chatapi.outbox SET state = 5, attempts = 1, reserved = "+now+" WHERE key = 'old'",
		"UPDATE chatapi.outbox SET state = 3, attempts = 1, reserved = "+now+" WHERE key = 'new'")
	var once sync.Once
	s := &between{Store: open(t, address), query: "state IN (3, 5)", commit: func() {
		once.Do(func() {
			run(t, address, "UPDATE chatapi.outbox SET state = 4, message_id = 'gBEGkYiEB1VXAglK1ZEqA1YKPrU' WHERE key = 'new'")
		})
	}}
	folds := desktest.Open(t, s, chatapi.NewChannels(), nil)
	foldDelivered(t, folds, "gBEGkYiEB1VXAglK1ZEqA1YKPrU")
	q, err := plans.Outbox.Get(ctx, desktest.Channel, "new")
	require.NoError(t, err)
	assert.Equal(t, chatapi.StatusDelivered, q.Status)
	q, err = plans.Outbox.Get(ctx, desktest.Channel, "old")
	require.NoError(t, err)
	assert.Equal(t, durable.StateUnknown, q.State)
	assert.Empty(t, q.MessageID)
}

// A server that took over from another one: events are handled, nothing is sent until
// Restored is called, and then what may have been sent is for a person.
func TestDeskOnAServerThatTookOver(t *testing.T) {
	ctx, address := t.Context(), database(t)
	api, channels := desktest.Service(t, 2)
	idle, err := durable.Open(ctx, open(t, address), channels)
	require.NoError(t, err)
	_, err = idle.Outbox.Send(ctx, desktest.Channel, "old", desktest.To(0), chatapi.Text{Body: "text of old"})
	require.NoError(t, err)
	run(t, address, "UPDATE chatapi.meta SET value = '0000002A' WHERE name = 'timeline'")
	s := open(t, address)
	b := desktest.Open(t, s, channels, answer)
	b.Accept(desktest.Message("new", 1, "x"))
	b.Empty()
	require.Eventually(t, func() bool { return strings.Contains(b.Log(), "nothing is sent until postgres.Restored is called") },
		time.Minute, time.Millisecond)
	t.Log(b.Log())
	assert.Empty(t, desktest.Texts(api))
	before := b.Becomes("event/message/new/1", durable.StatePlanned).Planned
	n, err := postgres.Restored(ctx, s, before)
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
	b.Becomes("event/message/new/1", durable.StateSent)
	assert.Equal(t, durable.StateUnknown, b.Becomes("old", durable.StateUnknown).State)
	assert.Equal(t, []string{"new"}, desktest.Texts(api))
}

// A program whose clock differs from that of the server goes by the server's.
func TestClockOfTheServer(t *testing.T) {
	ctx, address := t.Context(), database(t)
	_, channels := desktest.Service(t, 1)
	for _, by := range []time.Duration{15 * time.Minute, -15 * time.Minute} {
		s := open(t, address, postgres.Ahead(by))
		assert.InDelta(t, -by.Seconds(), s.Skew().Seconds(), 5)
		desk, err := durable.Open(ctx, s, channels, durable.Clock(func() time.Time { return time.Now().Add(by) }, nil))
		require.NoError(t, err)
		q, err := desk.Outbox.Send(ctx, desktest.Channel, by.String(), desktest.To(0), chatapi.Text{Body: "x"})
		require.NoError(t, err)
		assert.InDelta(t, 0, time.Since(q.Planned).Seconds(), 5)
	}
	assert.Zero(t, open(t, address).Skew(), "less than a second is none")
}

// A disk that has room for the mark of an event, but not for what it says, passes no
// event over.
func TestFoldOnADiskThatIsNearlyFull(t *testing.T) {
	ctx, address := t.Context(), database(t)
	run(t, address, `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$`,
		"CREATE TRIGGER no_room BEFORE INSERT ON chatapi.service_window EXECUTE FUNCTION no_room()")
	b := desktest.Open(t, open(t, address), chatapi.NewChannels(), nil)
	b.Accept(desktest.Message("hello", 0, "x"))
	require.Eventually(t, func() bool {
		run(t, address, "SELECT 1")
		return len(b.Log()) > 0
	}, time.Minute, 100*time.Millisecond)
	time.Sleep(2500 * time.Millisecond) // the fold has tried the event alone, twice
	run(t, address, "DROP TRIGGER no_room ON chatapi.service_window")
	require.Eventually(t, func() bool {
		w, err := b.State.Window(ctx, desktest.Channel, desktest.To(0))
		return err == nil && w.Open(time.Now())
	}, time.Minute, 10*time.Millisecond)
	t.Log(b.Log())
}

// A person answers for an unknown message while another program plans it again. The
// message as it then is decides, not as it was when it was read.
func TestAnswerForAMessageThatChanges(t *testing.T) {
	t.Parallel()
	ctx, address := t.Context(), database(t)
	_, channels := desktest.Service(t, 1)
	desk, err := durable.Open(ctx, open(t, address), channels)
	require.NoError(t, err)
	q, err := desk.Outbox.Send(ctx, desktest.Channel, "k", desktest.To(0), chatapi.Text{Body: "x"})
	require.NoError(t, err)
	run(t, address, "UPDATE chatapi.outbox SET state = 5, attempts = 1")
	other, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer other.Close(context.Background())
	tx, err := other.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "UPDATE chatapi.outbox SET state = 1")
	require.NoError(t, err)
	q.Attempts = 1
	settled := make(chan error, 1)
	go func() { settled <- desk.Outbox.Settle(ctx, q, true, "wamid.X") }()
	require.Eventually(t, func() bool {
		waits := 0
		err := tx.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&waits)
		return err == nil && waits == 1
	}, time.Minute, time.Millisecond, "the answer waits for the other program")
	require.NoError(t, tx.Commit(ctx))
	require.ErrorContains(t, <-settled, "not unknown any more")
	q, err = desk.Outbox.Get(ctx, desktest.Channel, "k")
	require.NoError(t, err)
	assert.Equal(t, durable.StatePlanned, q.State)
}
